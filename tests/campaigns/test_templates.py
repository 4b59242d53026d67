"""templates.list, templates.save, copy.fit_preview and segments: wording that lasts, and what it costs."""

from __future__ import annotations

from typing import Any

import pytest

from smsmarketing.approvals.models import ActionRequest
from smsmarketing.approvals.tasks import run_request
from smsmarketing.campaigns.models import Template, TemplateVersion
from smsmarketing.contacts.models import Contact, Segment
from smsmarketing.contacts.services import audience_add, audience_save
from smsmarketing.gateways.models import Rate, SenderId
from smsmarketing.operations.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    OperationError,
    PreconditionRequired,
    RatesUnavailable,
    VersionConflict,
)
from smsmarketing.operations.types import Held
from tests.campaigns.desk import Desk, desk_make
from tests.campaigns.rows import refused

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def desk() -> Desk:
    return desk_make(contacts=4)


def values(desk: Desk, **changes: Any) -> dict[str, Any]:
    base = {
        "brand_id": desk.world.brand.pk,
        "name": "Sale",
        "use_case": "promotion",
        "body": "Acme: {city} sale!",
        "fields": [{"name": "city", "max_chars": 10}],
    }
    return {name: value for name, value in (base | changes).items() if value is not None}


def test_ordinary_wording_is_saved_at_once_as_a_draft_version(desk: Desk) -> None:
    """No policy watches it: facts say that nothing official changes."""
    made = desk.call("templates.save", **values(desk))
    assert (made.number, made.approval_state, made.opt_out_text) == (
        1,
        "draft",
        "Reply STOP to opt out",
    )
    assert (made.languages, made.parts_worst) == (["en"], 1)
    again = desk.call(
        "templates.save",
        template_id=made.template_id,
        base_version_token=made.base_version_token,
        body="Acme: big {city} sale!",
        fields=[{"name": "city", "max_chars": 10}],
        language="de",
    )
    assert (again.number, again.languages) == (2, ["de", "en"])
    assert (
        TemplateVersion.objects.filter(template=made.template_id).count() == 2
    )  # never overwritten
    (row,) = desk.call("templates.list").items
    assert (row.number, row.body) == (2, "Acme: big {city} sale!")
    assert desk.call("templates.list", use_case="otp").items == []


@pytest.mark.parametrize(
    "changes",
    [
        {"official": True},
        {"opt_out_line": "Text STOP to end"},
        {"use_case": "otp", "body": "Acme code {city}"},
    ],
)
def test_official_compliance_and_otp_wording_waits_for_people(
    desk: Desk, changes: dict[str, Any]
) -> None:
    """Seed 000-17: approval for official brand, OTP or compliance wording."""
    answer = desk.ask("templates.save", **values(desk, **changes))
    assert isinstance(answer, Held)
    assert not Template.objects.exists()
    assert ActionRequest.objects.get(pk=answer.action_request_id).team_id == desk.world.team.pk


def test_approved_wording_retires_the_one_before(desk: Desk) -> None:
    made = desk.call("templates.save", **values(desk))
    for body in ("Acme: official {city}.", "Acme: more official {city}."):
        (row,) = desk.call("templates.list").items
        held = desk.ask(
            "templates.save",
            template_id=made.template_id,
            base_version_token=row.base_version_token,
            body=body,
            fields=[{"name": "city", "max_chars": 10}],
            official=True,
        )
        assert isinstance(held, Held)
        request = ActionRequest.objects.get(pk=held.action_request_id)
        desk.call(
            "action_requests.approve",
            desk.approver,
            action_request_id=str(request.pk),
            content_hash=request.content_hash,
        )
        run_request.run(str(request.pk))
    states = list(TemplateVersion.objects.order_by("number").values_list("number", "state"))
    assert states == [(1, "draft"), (2, "retired"), (3, "approved")]
    segment = desk.segment()
    retired = TemplateVersion.objects.get(number=2)
    with refused(InvalidInput, field="template_version_id"):
        desk.draft(segment_id=segment, message=None, template_version_id=retired.pk)
    (row,) = desk.call("templates.list").items
    with refused(Conflict, field="use_case"):
        desk.call(
            "templates.save",
            template_id=made.template_id,
            base_version_token=row.base_version_token,
            body="Acme: {city}",
            fields=[{"name": "city", "max_chars": 10}],
            use_case="reminder",
        )


@pytest.mark.parametrize(
    ("changes", "kind", "field"),
    [
        ({"name": None}, InvalidInput, "name"),
        ({"use_case": None}, InvalidInput, "use_case"),
        ({"brand_id": None}, InvalidInput, "brand_id"),
        ({"brand_id": 999_999}, NotFound, "brand_id"),
        ({"body": "{city} sale!"}, InvalidInput, "body"),
        ({"body": "Acme: {town}"}, InvalidInput, "body"),
        ({"body": "Acme: {city"}, InvalidInput, "body"),
        ({"template_id": 999_999}, NotFound, "template_id"),
    ],
)
@pytest.mark.parametrize("official", [False, True])
def test_wording_that_could_not_be_saved_is_refused_before_people_are_asked(
    desk: Desk, changes: dict[str, Any], kind: type[OperationError], field: str, official: bool
) -> None:
    with refused(kind, field=field):
        desk.ask("templates.save", **values(desk, official=official, **changes))


def test_a_name_is_used_once_also_by_renaming(desk: Desk) -> None:
    desk.call("templates.save", **values(desk))
    other = desk.call("templates.save", **values(desk, name="Other"))
    with refused(Conflict, field="name"):
        desk.call("templates.save", **values(desk))
    change = {"template_id": other.template_id, "body": "Acme: hi", "name": "Sale"}
    with refused(Conflict, field="name"):
        desk.call("templates.save", base_version_token=other.base_version_token, **change)
    with refused(PreconditionRequired):
        desk.call("templates.save", **change)
    with refused(VersionConflict):
        desk.call("templates.save", base_version_token="x" * 43, **change)


def test_a_text_is_fitted_with_its_dearest_case_and_its_offenders(desk: Desk) -> None:
    """Seed 000-18: longest variable, encoding, parts, cost, what happens to what does not fit."""
    answer = desk.call(
        "copy.fit_preview",
        brand_id=desk.world.brand.pk,
        message="Acme: “{city}” sale",
        fields=[{"name": "city", "max_chars": 60}],
        gateway_id=desk.world.gateway.pk,
        recipients=100,
    )
    assert answer.fits is True
    assert answer.final_message == "Acme: “{city}” sale\nReply STOP to opt out"
    assert (answer.typical.encoding, answer.worst.parts) == ("UCS-2", 3)
    first = answer.offending_characters[0]
    assert (first.position, first.character, first.replacement) == (6, "“", '"')
    assert [(row.country, row.worst.amount) for row in answer.prices] == [("LT", "15.000000")]
    assert answer.suggestion == 'Acme: "{city}" sale\nReply STOP to opt out'
    with refused(RatesUnavailable, field="countries"):
        desk.call(
            "copy.fit_preview",
            brand_id=desk.world.brand.pk,
            message="Acme: hi",
            gateway_id=desk.world.gateway.pk,
            countries=["FR"],
        )


def test_a_text_that_would_be_refused_says_why_without_refusing(desk: Desk) -> None:
    SenderId.objects.update(can_receive=False)
    answer = desk.call(
        "copy.fit_preview",
        brand_id=desk.world.brand.pk,
        message="20% off",
        sender_id=desk.world.sender.pk,
    )
    assert answer.fits is False
    assert {row.code for row in answer.problems} == {"BRAND_MISSING", "NO_OPT_OUT_PATH"}
    offer = desk.call(
        "copy.fit_preview", brand_id=desk.world.brand.pk, message="20% off", purpose="transactional"
    )
    assert "counts as marketing" in offer.warnings[0]


def test_a_segment_preview_counts_contacts_nobody_asked_for_consent(desk: Desk) -> None:
    """A person on a list without a send state is counted as without consent, not forgotten."""
    stranger = desk.world.contacts(1)[0]
    stranger.send_states.all().delete()
    audience_add(desk.audience, [stranger.pk])
    preview = desk.call(
        "segments.preview",
        brand_id=desk.world.brand.pk,
        gateway_id=desk.world.gateway.pk,
        criteria={"audience": desk.audience.pk},
    )
    assert (preview.matched, preview.sendable) == (5, 4)
    assert [(row.reason, row.count) for row in preview.exclusions] == [("no_consent", 1)]


def test_a_segment_preview_counts_people_on_two_lists_once(desk: Desk) -> None:
    second = audience_save(team_id=desk.world.team.pk, brand=desk.world.brand, name="Others")
    both = list(Contact.objects.values_list("pk", flat=True)[:3])
    audience_add(second, both)
    preview = desk.call(
        "segments.preview",
        brand_id=desk.world.brand.pk,
        gateway_id=desk.world.gateway.pk,
        criteria={"audience": [desk.audience.pk, second.pk]},
    )
    assert (preview.matched, preview.sendable, preview.duplicate_phones) == (4, 4, 3)


def test_a_segment_takes_its_preview_once(desk: Desk) -> None:
    preview = desk.call(
        "segments.preview",
        brand_id=desk.world.brand.pk,
        gateway_id=desk.world.gateway.pk,
        criteria={"audience": desk.audience.pk},
    )
    made = {"segment_preview_id": str(preview.segment_preview_id), "name": "Readers"}
    assert desk.call("segments.create", **made).sendable == 4
    with refused(PreconditionRequired):
        desk.call("segments.create", **(made | {"name": "Again"}))
    fresh = desk.call(
        "segments.preview",
        brand_id=desk.world.brand.pk,
        gateway_id=desk.world.gateway.pk,
        criteria={"audience": desk.audience.pk},
    )
    thief = desk_make(contacts=0).marketer
    with refused(PreconditionRequired):
        desk.call(
            "segments.create",
            thief,
            segment_preview_id=str(fresh.segment_preview_id),
            name="Stolen",
        )
    with refused(Conflict, field="name"):
        desk.call(
            "segments.create", segment_preview_id=str(fresh.segment_preview_id), name="Readers"
        )
    assert Segment.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"criteria": {"audience": 999_999}}, InvalidInput),
        ({"criteria": {"sql": "1=1"}}, InvalidInput),
        ({"brand_id": 999_999}, NotFound),
        ({"gateway_id": 999_999}, NotFound),
        ({"sender_id": 999_999}, NotFound),
    ],
)
def test_a_preview_of_what_is_not_there_is_refused(
    desk: Desk, changes: dict[str, Any], kind: type[OperationError]
) -> None:
    call = {
        "brand_id": desk.world.brand.pk,
        "gateway_id": desk.world.gateway.pk,
        "criteria": {"everyone": True},
    }
    with refused(kind):
        desk.call("segments.preview", **(call | changes))
    Rate.objects.all().delete()
    free = desk.call("segments.preview", **call)
    assert (free.sendable, [row.reason for row in free.exclusions]) == (0, ["no_rate"])
