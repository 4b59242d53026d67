"""Links that carriers block do not get into a draft ([R-6.1], [R-6.4])."""

from __future__ import annotations

from typing import Any

import pytest

from smsmarketing.campaigns.models import Campaign
from smsmarketing.campaigns.rules.links import link_problems
from smsmarketing.operations import errors
from tests.campaigns.desk import desk_make


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("See https://bit.ly/abc now", "PUBLIC_SHORTENER"),
        ("See bit.ly/abc", "PUBLIC_SHORTENER"),
        ("See https://www.tinyurl.com/x", "PUBLIC_SHORTENER"),
        ("See http://acme.example/a", "LINK_NOT_HTTPS"),
        ("See ftp://acme.example/a", "LINK_NOT_HTTPS"),
    ],
)
def test_a_blocked_link_is_named_with_its_place(text: str, code: str) -> None:
    [(found, sentence, position)] = link_problems(text)
    assert found == code
    assert sentence
    assert position == 4


@pytest.mark.parametrize(
    "text", ["https://acme.example/a", "acme.example/bit.ly", "20% off. Today only", "rabbit.ly"]
)
def test_an_own_address_is_fine(text: str) -> None:
    assert list(link_problems(text)) == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"message": "Acme: 20% off https://bit.ly/abc"}, "message"),
        ({"landing_url": "https://tinyurl.com/abc"}, "landing_url"),
    ],
)
def test_a_draft_with_a_shortener_is_refused(changes: dict[str, Any], field: str) -> None:
    desk = desk_make(contacts=1)
    with pytest.raises(errors.InvalidInput) as refused:
        desk.draft(**changes)
    assert field in refused.value.field_errors
    assert not Campaign.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_only_compliance_loosens_quiet_hours() -> None:
    """[R-3.9]."""
    desk = desk_make(contacts=1)
    with pytest.raises(errors.NotPermitted) as refused:
        desk.draft(quiet_mode="normal")
    assert "quiet_mode" in refused.value.field_errors
    assert not Campaign.objects.exists()
