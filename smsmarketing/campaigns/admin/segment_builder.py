"""What stands in the segment builder, and what its last button did."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from smsmarketing.campaigns.admin.calls import (
    LOOK_BELOW,
    Answer,
    answer_tell,
    key_new,
    key_of,
    page_call,
)
from smsmarketing.campaigns.admin.copy_form import whole
from smsmarketing.campaigns.admin.criteria_form import (
    AGES,
    GROUPS_MAX,
    KINDS,
    OPERATORS,
    ROWS_MAX,
    TYPES,
    Group,
    Row,
    errors_place,
    groups_of,
    groups_read,
    tree_build,
)
from smsmarketing.campaigns.admin.segment_choices import choices_of
from smsmarketing.campaigns.admin.steps import missing_words
from smsmarketing.campaigns.rules.segment_starts import STARTS
from smsmarketing.campaigns.selectors import brands_usable, gateways_usable
from smsmarketing.contacts.selectors import audiences_visible, segments_visible
from smsmarketing.gateways.selectors.visibility import senders_visible
from smsmarketing.operations.errors import InvalidInput
from smsmarketing.operations.types import Actor
from smsmarketing.operations.versions import version_token

SAVE = "campaigns.segment_save"
CHOICES = ("brand_id", "gateway_id", "sender_id", "purpose", "parts_per_message")


class Builder:
    """The builder of one request."""

    def __init__(self, request: HttpRequest, actor: Actor) -> None:
        self.request = request
        self.actor = actor
        self.values = {"purpose": "marketing", "parts_per_message": "1", "name": ""}
        self.edited: Any = None
        self.token = ""
        self.joiner = "all"
        self.groups: list[Group] = []
        self.json = ""
        self.raw = False
        self.key = key_new()
        self.answer = Answer()
        self.preview: Any = None
        self.previewed = ""
        self.note = self.rows_note = ""

    def fill(self) -> None:
        """A new builder, or one that starts from a saved segment."""
        for name, rows in (("brand_id", brands_usable(self.actor)),):
            found = list(rows.order_by("pk").values_list("pk", flat=True)[:2])
            self.values[name] = str(found[0]) if len(found) == 1 else ""
        start = STARTS.get(self.request.GET.get("start", ""))
        if start is not None:
            self.values["name"] = start.name
            self._tree_show(start.criteria)
        for name in ("from", "edit"):
            self._saved_show(self.request.GET.get(name, ""), edit=name == "edit")

    def _saved_show(self, pk: str, *, edit: bool) -> None:
        """Start from a saved segment: a copy of it, or itself."""
        segment = segments_visible(self.actor).filter(pk=pk).first() if pk.isdecimal() else None
        if segment is None:
            return
        name = segment.name if edit else f"{segment.name} (copy)"[:120]
        self.values |= {"brand_id": str(segment.brand_id), "name": name}
        if edit:
            self.edited, self.token = segment, version_token(segment, self.actor)
        self._tree_show(segment.criteria)

    def post(self) -> HttpResponse | None:
        """Do what the pressed button says; a response when a segment was saved."""
        data = self.request.POST
        for name in (*CHOICES, "name"):
            self.values[name] = data.get(name, "").strip()
        edited = data.get("segment_id", "")
        if edited.isdecimal():
            self.edited = segments_visible(self.actor).filter(pk=edited).first()
            self.token = data.get("base_version_token", "")
        self.joiner = data.get("joiner", "all")
        self.raw = data.get("mode") == "json"
        self.json = data.get("criteria_json", "")
        self.groups = groups_read(data)
        self.key = key_of(self.request) or self.key
        do = data.get("do", "preview")
        if do == "add_group" and len(self.groups) < GROUPS_MAX:
            self.groups.append(Group())
        elif do == "json" and not self.raw:
            self.raw, self.json = True, json.dumps(self._tree(), indent=2, ensure_ascii=False)
        elif do == "rows":
            self._rows_again()
        elif do == "save":
            return self._save(data.get("segment_preview_id", ""), data.get("previewed", ""))
        elif do == "preview":
            self._preview()
        return None

    def context(self) -> dict[str, Any]:
        """What the template gets."""
        errors = dict(self.answer.errors)
        left = errors_place(self.groups, errors) if not self.raw else list(errors.values())
        message = self.answer.error.message if self.answer.error else ""
        if message and errors and len(left) < len(errors):
            message = LOOK_BELOW
        return {
            "values": self.values,
            "joiner": self.joiner,
            "groups": _shown(self.groups),
            "raw": self.raw,
            "criteria_json": self.json,
            "kinds": KINDS,
            "operators": OPERATORS,
            "ages": AGES,
            "types": TYPES,
            "more_groups": len(self.groups or [1]) < GROUPS_MAX,
            "errors": errors,
            "on_top": [message, *[text for text in left if text not in message]] if message else [],
            "note": self.note,
            "rows_note": self.rows_note,
            "edited": self.edited,
            "token": self.token,
            "starts": STARTS.items(),
            "builder_data": self._data(errors),
            "result": self.preview,
            "previewed": self.previewed,
            "idempotency_key": self.key,
            "save_refused": "" if self.actor.may(SAVE) else missing_words("Save as segment", SAVE),
            "brands": brands_usable(self.actor).order_by("name"),
            "audiences": audiences_visible(self.actor).select_related("brand").order_by("name"),
            "gateways": gateways_usable(self.actor).order_by("name"),
            "senders": senders_visible(self.actor).filter(state="verified").order_by("value"),
        }

    def _data(self, errors: dict[str, str]) -> dict[str, Any]:
        """What the script needs: the tree, where the refusals stand, and what there is to choose."""
        try:
            tree, broken = self._tree(), False
        except InvalidInput:
            tree, broken = {}, True
        placed = {path: text for path, text in errors.items() if path.startswith("criteria")}
        return {
            "tree": tree,
            "broken": broken,
            "errors": placed,
            "count_url": reverse("admin:segments_count"),
            "choices": choices_of(self.actor),
        }

    def _tree(self) -> Any:
        """The criteria of the form. Raises InvalidInput for text that is no JSON."""
        if not self.raw:
            return tree_build(self.groups, self.joiner)
        try:
            return json.loads(self.json)
        except (ValueError, RecursionError) as exc:
            text = f"This is not valid JSON: {exc}"
            raise InvalidInput(
                "The criteria cannot be read.", field_errors={"criteria": text}
            ) from None

    def _rows_again(self) -> None:
        try:
            self._tree_show(self._tree())
        except InvalidInput as error:
            self.answer = Answer(error=error, errors=dict(error.field_errors))

    def _tree_show(self, tree: Any) -> None:
        found = groups_of(tree) if isinstance(tree, dict) and tree else ([], "all")
        if found is None:
            self.raw, self.json = True, json.dumps(tree, indent=2, ensure_ascii=False)
            self.rows_note = (
                "These criteria are deeper than the form can show, so they stay as JSON."
            )
            return
        self.groups, self.joiner = found
        self.raw = False

    def _preview(self) -> None:
        try:
            tree = self._tree()
        except InvalidInput as error:
            self.answer = Answer(error=error, errors=dict(error.field_errors))
            return
        if not tree:
            self.answer = Answer(
                error=InvalidInput("Add at least one condition, for example a list.")
            )
            return
        payload: dict[str, Any] = {"criteria": tree}
        for name in CHOICES:
            if self.values[name]:
                value = self.values[name]
                payload[name] = value if name == "purpose" else whole(value)
        self.answer = page_call(self.request, "segments.preview", payload)
        self.preview = self.answer.result
        self.previewed = self._stamp(tree) if self.preview else ""

    def _save(self, preview_id: str, previewed: str) -> HttpResponse | None:
        """Save what the last preview showed; other conditions than those are previewed first."""
        try:
            tree = self._tree()
        except InvalidInput as error:
            self.answer = Answer(error=error, errors=dict(error.field_errors))
            return None
        if not preview_id or previewed != self._stamp(tree):
            self._preview()
            if self.preview:
                self.note = "The conditions differ from the last preview. These are the figures now: look, then save."
            return None
        payload: dict[str, Any] = {
            "segment_preview_id": preview_id,
            "name": self.values["name"],
        }
        operation = "segments.create"
        if self.edited is not None:
            operation = "segments.update"
            payload |= {"segment_id": self.edited.pk, "base_version_token": self.token}
        answer = page_call(self.request, operation, payload, idempotency_key=self.key)
        if not answer.ok:
            self._preview()
            self.answer, self.key = answer, key_new()
            return None
        answer_tell(self.request, answer, "The segment is saved.")
        if answer.result is None:
            return HttpResponseRedirect(reverse("admin:contacts_segment_changelist"))
        saved = self.edited.pk if self.edited is not None else answer.result.segment_id
        return HttpResponseRedirect(reverse("admin:contacts_segment_change", args=[saved]))

    def _stamp(self, tree: Any) -> str:
        """What a preview was made of, to notice when it no longer fits."""
        chosen = [self.values.get(name, "") for name in CHOICES[:1]]
        return json.dumps([chosen, tree], sort_keys=True, ensure_ascii=False)


def _shown(groups: list[Group]) -> list[tuple[int, Group, list[tuple[str, Row]]]]:
    """Groups with their numbers, rows with the prefix of their inputs, and one empty row in each group."""
    found = []
    for number, group in enumerate(groups or [Group()]):
        rows = group.rows if len(group.rows) >= ROWS_MAX else [*group.rows, Row()]
        found.append(
            (number, group, [(f"g{number}-r{index}-", row) for index, row in enumerate(rows)])
        )
    return found
