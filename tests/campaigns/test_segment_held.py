"""A large segment waits for a second person, who sees what the preview id stands for."""

from __future__ import annotations

import pytest

from smsmarketing.approvals.models import ActionRequest
from smsmarketing.contacts.models import Segment
from smsmarketing.operations.types import Held
from tests.campaigns.desk import Desk, desk_make

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def desk() -> Desk:
    return desk_make(contacts=1001)


def test_a_segment_above_a_thousand_is_held_with_its_meaning(desk: Desk) -> None:
    """[R-8.4] more than 1,000 recipients; [R-8.2] the approver sees what is covered."""
    preview = desk.call(
        "segments.preview",
        brand_id=desk.world.brand.pk,
        gateway_id=desk.world.gateway.pk,
        criteria={"audience": desk.audience.pk},
    )
    outcome = desk.ask(
        "segments.create", segment_preview_id=str(preview.segment_preview_id), name="Everybody"
    )
    assert isinstance(outcome, Held)
    assert not Segment.objects.exists()
    again = desk.ask(
        "segments.create", segment_preview_id=str(preview.segment_preview_id), name="Everybody"
    )
    assert isinstance(again, Held)
    assert again.action_request_id == outcome.action_request_id
    request = ActionRequest.objects.get()
    meaning = request.content["what_it_means"]
    assert meaning["recipients"] == 1001
    assert meaning["criteria"] == preview.criteria_in_words
    assert meaning["recipients_by_country"] == {"LT": 1001}
