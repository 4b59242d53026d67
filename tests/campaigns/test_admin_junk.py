"""No form of the desk answers junk with a server error, and junk changes nothing."""

from __future__ import annotations

from typing import Any

import pytest

from smsmarketing.campaigns.models import Campaign, Template
from smsmarketing.contacts.models import Segment
from tests.campaigns.desk import Desk, desk_make
from tests.campaigns.desk_pages import signed_in, url

pytestmark = pytest.mark.django_db(transaction=True)

JUNK = ("", "\x00", "9" * 40, "{", "٣")
NAMES = (
    "name", "brand_id", "purpose", "segment_id", "sender_id", "gateway_id", "template_version_id", "message",
    "landing_url", "utm_campaign", "send_goal", "send_at_local", "time_zone", "per_minute", "quiet_mode",
    "review_notes", "base_version_token", "use_case", "language", "opt_out_line", "change_note", "note", "reason",
    "usernames", "phone", "criteria_json", "segment_preview_id", "previewed", "joiner", "parts_per_message",
    "g0-joiner", "g0-r0-kind", "g0-r0-value", "g0-r0-name", "g0-r0-days", "g0-r0-op", "g0-r0-audience",
    "field-0-name", "field-0-max_chars", "field-0-charset", "field-0-fallback", "_idempotency_key",
)  # fmt: skip


@pytest.fixture
def desk() -> Desk:
    return desk_make(contacts=1)


@pytest.mark.parametrize("junk", JUNK)
def test_junk_is_answered_and_changes_nothing(desk: Desk, junk: str) -> None:
    campaign = desk.draft()
    template = desk.call(
        "templates.save",
        brand_id=desk.world.brand.pk,
        name="Offer",
        use_case="promotion",
        body="Acme: text.",
    )
    browser = signed_in(desk.marketer, raise_request_exception=False)
    everything: dict[str, Any] = dict.fromkeys(NAMES, junk)
    forms = [
        (url("campaigns_compose"), ("save", "preview", "take", "replace")),
        (url("campaigns_fit"), ("",)),
        (url("campaigns_campaign_edit", campaign.pk), ("save", "save_over", "preview")),
        (url("campaigns_campaign_change", campaign.pk), ("explain",)),
        (url("campaigns_template_new"), ("save", "preview", "replace")),
        (url("campaigns_template_version", template.template_id), ("save", "save_over")),
        (url("segments_build"), ("preview", "save", "json", "rows", "add_group")),
        *(
            (url("campaigns_campaign_act", campaign.pk, verb), ("",))
            for verb in ("submit", "send", "test")
        ),
    ]
    kinds = ("", "audience", "tag", "consent_age", "event", "custom")
    for address, buttons in forms:
        for button in buttons:
            # Every button reads the rows of the builder by the same code: each kind of row with one of them.
            rows = kinds if "build" in address and button == "preview" else ("",)
            for kind in rows:
                extra = {"g0-r0-kind": kind} if kind else {}
                for mode in ("", "json") if "build" in address and not kind else ("",):
                    data = everything | {"do": button, "mode": mode} | extra
                    status = browser.post(address, data).status_code
                    assert status < 500, (address, button, extra, mode)
    assert desk.fresh(campaign).state == "draft"
    assert (Campaign.objects.count(), Segment.objects.count()) == (1, 1)
    assert Template.objects.get().versions.count() == 1
