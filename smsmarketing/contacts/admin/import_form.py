"""The mapping page's form: what was typed, what the file looks like, and the dry run it sends."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from smsmarketing.accounts.selectors import brands_visible
from smsmarketing.contacts.models import Audience, ImportFile, ImportMapping
from smsmarketing.contacts.rules.consent import BASES, METHODS
from smsmarketing.contacts.rules.import_fields import (
    FIELDS,
    KINDS,
    OPT_OUT_REASONS,
    mapping_guess,
)
from smsmarketing.contacts.rules.import_files import DELIMITERS, ENCODINGS
from smsmarketing.contacts.selectors import audiences_visible
from smsmarketing.contacts.services.imports import (
    FileLook,
    evidence_record,
    file_look,
    mapping_for,
)
from smsmarketing.operations.errors import InvalidInput, OperationError
from smsmarketing.operations.surfaces.admin.calls import page_call
from smsmarketing.operations.types import Actor, Held

CUSTOM = "custom:"
_CONSENT = (
    "disclosure_text",
    "method",
    "basis",
    "source_url",
    "captured_at",
    "expires_at",
    "form_version",
    "language",
    "evidence_id",
)


class MappingForm:
    """One request to the mapping page."""

    def __init__(self, request: HttpRequest, actor: Actor, upload: ImportFile) -> None:
        self.request = request
        self.actor = actor
        self.upload = upload
        self.posted = request.method == "POST"
        self.given = request.POST if self.posted else request.GET
        wanted = self.given.get("kind")
        self.kind = wanted if wanted in KINDS else "contacts"
        self.named = "property:" if self.kind == "events" else CUSTOM
        self.brands = list(brands_visible(actor).order_by("name"))
        self.errors: dict[str, str] = {}
        self.on_top: list[str] = []
        self.status = 200
        self.look_error = ""
        self.look = FileLook(encoding="utf-8", delimiter=",", headers=[], sample=[])
        self._look()
        self.saved = self._saved()
        self.mapping = self._mapping()

    def _look(self) -> None:
        encoding = self.given.get("encoding", "")
        delimiter = DELIMITERS.get(self.given.get("delimiter", ""), "")
        try:
            self.look = file_look(
                self.upload,
                encoding=encoding if encoding in ENCODINGS else "",
                delimiter=delimiter,
            )
        except InvalidInput as exc:
            self.look_error = exc.message
            self.status = 422

    def _saved(self) -> list[ImportMapping]:
        teams = {brand.team_id for brand in self.brands}
        rows = ImportMapping.objects.filter(team_id__in=teams, kind=self.kind).order_by("name")
        return [row for row in rows if set(row.mapping) <= set(self.look.headers)]

    def _mapping(self) -> dict[str, str]:
        """What was chosen; at first a saved mapping that fits, else what the names tell."""
        if self.posted and "read_again" not in self.given:
            chosen = {}
            for index, header in enumerate(self.look.headers):
                name = self.given.get(f"field-{index}", "")
                if name == self.named:
                    name = self.named + (self.given.get(f"custom-{index}", "").strip() or header)
                if name:
                    chosen[header] = name
            return chosen
        wanted = self.given.get("saved", "")
        for row in self.saved:
            if str(row.pk) == wanted:
                return dict(row.mapping)
        brand = self._brand()
        best = (
            mapping_for(self.look.headers, team_id=brand.team_id, kind=self.kind) if brand else None
        )
        return dict(best.mapping) if best else mapping_guess(self.look.headers, self.kind)

    def _brand(self) -> Any:
        wanted = self.given.get("brand_id", "")
        found = next((brand for brand in self.brands if str(brand.pk) == wanted), None)
        return found or (self.brands[0] if len(self.brands) == 1 else None)

    def send(self) -> int | None:
        """Make the dry run; the import's id, or None with errors to show."""
        if "read_again" in self.given:
            return None
        audience_id = self._audience_id()
        evidence_id = self._evidence_id()
        if self.on_top:
            return None
        answer = page_call(self.request, "imports.preview", self._payload(audience_id, evidence_id))
        if isinstance(answer, Held):
            self.on_top.append(answer.message)
            return None
        if isinstance(answer, OperationError):
            self._refused(answer)
            return None
        name = self.given.get("save_as", "").strip()
        brand = self._brand()
        if name and brand:
            page_call(
                self.request,
                "import_mappings.save",
                {
                    "brand_id": brand.pk,
                    "kind": self.kind,
                    "name": name,
                    "mapping": self.mapping,
                },
            )
        return int(answer.result.import_id)  # type: ignore[attr-defined]

    def _audience_id(self) -> int | None:
        """The chosen list, or a new one made by its own operation."""
        name = self.given.get("audience_new", "").strip()
        chosen = self.given.get("audience_id", "")
        if not name or self.kind != "contacts":
            return int(chosen) if chosen.isdecimal() and self.kind == "contacts" else None
        brand = self._brand()
        known = Audience.objects.filter(brand=brand, name=name).first() if brand else None
        if known is not None:
            return int(known.pk)
        answer = page_call(
            self.request,
            "audiences.save",
            {"brand_id": brand.pk if brand else None, "name": name, "source": "import"},
        )
        if isinstance(answer, OperationError):
            self._refused(answer, prefix="audience_new")
            return None
        if isinstance(answer, Held):
            self.on_top.append(answer.message)
            return None
        return int(answer.result.audience_id)  # type: ignore[attr-defined]

    def _evidence_id(self) -> str:
        """The document that was uploaded with the form, or before it."""
        part = self.request.FILES.get("evidence")
        if part is None or self.kind != "contacts":
            return str(self.given.get("consent.evidence_id", ""))
        try:
            return str(evidence_record(self.actor, part.chunks(), part.name or "evidence").pk)
        except OperationError as error:
            self._refused(error, prefix="consent.evidence_id")
            return ""

    def _payload(self, audience_id: int | None, evidence_id: str) -> dict[str, Any]:
        brand = self._brand()
        payload: dict[str, Any] = {
            "upload_id": str(self.upload.pk),
            "kind": self.kind,
            "brand_id": brand.pk if brand else None,
            "mapping": self.mapping,
            "encoding": self.look.encoding,
            "delimiter": self._delimiter(),
            "default_region": self.given.get("default_region", "").strip().upper() or None,
            "date_order": self.given.get("date_order", ""),
        }
        if self.kind == "opt_outs":
            payload["scope"] = self.given.get("scope", "brand")
            payload["reason"] = self.given.get("reason", "opt_out")
            return payload
        if self.kind == "events":
            payload["event_kind"] = self.given.get("event_kind", "").strip() or "order"
            payload["event_source"] = self.given.get("event_source", "").strip() or "import"
            return payload
        tags = self.given.get("tags", "").replace(";", ",").split(",")
        consent = {name: self.given.get(f"consent.{name}", "").strip() for name in _CONSENT}
        consent["evidence_id"] = evidence_id
        filled = any(
            consent[name]
            for name in ("disclosure_text", "source_url", "captured_at", "evidence_id")
        )
        return payload | {
            "audience_id": audience_id,
            "tags": [tag.strip() for tag in tags if tag.strip()],
            "consent": {
                **{name: value for name, value in consent.items() if value},
                "checkbox_default": bool(self.given.get("consent.checkbox_default")),
            }
            if filled
            else None,
        }

    def _own(self, name: str) -> bool:
        """Whether the field is one that the person names."""
        return name.startswith(self.named) and name not in FIELDS[self.kind]

    def _delimiter(self) -> str:
        return next(name for name, mark in DELIMITERS.items() if mark == self.look.delimiter)

    def _refused(self, error: OperationError, *, prefix: str = "") -> None:
        self.status = error.http_status
        self.on_top = [error.message]
        for name, text in error.field_errors.items():
            place = prefix or name
            self.errors[place.removeprefix("mapping.") if "mapping." in place else place] = text

    def context(self) -> dict[str, Any]:
        """Everything the template shows."""
        columns = []
        for index, header in enumerate(self.look.headers):
            name = self.mapping.get(header, "")
            columns.append(
                {
                    "index": index,
                    "header": header,
                    "field": self.named if self._own(name) else name,
                    "custom": name.removeprefix(self.named) if self._own(name) else "",
                    "samples": [row[index] if index < len(row) else "" for row in self.look.sample],
                    "error": self.errors.get(header, ""),
                }
            )
        brand = self._brand()
        values = {name: self.given.get(name, "") for name in self.given}
        return {
            "upload": self.upload,
            "kind": self.kind,
            "named": self.named,
            "look": self.look,
            "look_error": self.look_error,
            "on_top": self.on_top,
            "errors": self.errors,
            "columns": columns,
            "fields": [(name, what) for name, (_, what) in FIELDS[self.kind].items()],
            "saved": self.saved,
            "brands": self.brands,
            "brand": brand,
            "audiences": audiences_visible(self.actor).order_by("name"),
            "encodings": list(ENCODINGS),
            "delimiters": list(DELIMITERS),
            "delimiter": self._delimiter(),
            "methods": METHODS,
            "reasons": OPT_OUT_REASONS,
            "bases": [name for name in BASES if name != "import"],
            "values": values,
            "consent_values": {name: values.get(f"consent.{name}", "") for name in _CONSENT},
            "consent_errors": {
                name.removeprefix("consent."): text
                for name, text in self.errors.items()
                if name.startswith("consent.")
            },
        }
