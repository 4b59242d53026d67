"""The builder's own addresses: live counts, starts, changing and archiving, without a browser."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from smsmarketing.accounts.models import Role, User
from smsmarketing.campaigns.rules.segment_starts import STARTS
from smsmarketing.contacts.criteria import bounds_check, criteria_parse, criteria_words
from smsmarketing.contacts.models import Segment
from smsmarketing.contacts.selectors.criteria_choices import event_states, sampled_values
from tests.campaigns.desk import Desk, desk_make

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def desk() -> Desk:
    return desk_make(contacts=4)


@pytest.fixture
def client(desk: Desk) -> Client:
    found = Client()
    found.force_login(desk.marketer, backend="django.contrib.auth.backends.ModelBackend")
    return found


def counted(client: Client, payload: Any) -> dict[str, Any]:
    body = payload if isinstance(payload, str) else json.dumps(payload)
    answer = client.post(reverse("admin:segments_count"), body, content_type="application/json")
    assert answer.status_code == 200
    return dict(answer.json())


def test_the_live_count_answers_in_json(client: Client, desk: Desk) -> None:
    brand = desk.world.brand.pk
    tree = {"all": [{"audience": desk.audience.pk}, {"tag": "vip"}]}
    found = counted(client, {"brand_id": brand, "criteria": tree, "paths": ["criteria.all[0]"]})
    assert (found["matched"], found["words"]) == (0, 'On the list "Readers" and tagged "vip"')
    assert found["conditions"][0]["matched"] == 4
    refused = counted(client, {"brand_id": brand, "criteria": {"tag": ""}})
    assert list(refused["errors"]) == ["criteria.tag"]
    for junk in ("", "[]", "{", "[" * 5000, json.dumps({"criteria": "x" * 300_000})):
        assert counted(client, junk)["error"]


def test_who_may_not_preview_gets_no_counts(client: Client, desk: Desk) -> None:
    foreign = desk_make(contacts=1)
    found = counted(client, {"brand_id": foreign.world.brand.pk, "criteria": {"everyone": True}})
    assert "matched" not in found
    reader = User.objects.create_user("rita", password=None, is_staff=True)
    reader.teams.add(desk.world.team)
    reader.roles.set(Role.objects.filter(key="support"))
    other = Client()
    other.force_login(reader, backend="django.contrib.auth.backends.ModelBackend")
    answer = other.post(
        reverse("admin:segments_count"),
        json.dumps({"brand_id": desk.world.brand.pk, "criteria": {"everyone": True}}),
        content_type="application/json",
    )
    assert answer.status_code == 403 or "matched" not in answer.json()
    assert client.get(reverse("admin:segments_count")).status_code == 403


@pytest.mark.parametrize("key", sorted(STARTS))
def test_every_start_is_sound(client: Client, desk: Desk, key: str) -> None:
    brand = desk.world.brand
    from django.utils import timezone

    criteria = criteria_parse(STARTS[key].criteria, brand_id=brand.pk, team_ids=[brand.team_id])
    bounds_check(criteria, now=timezone.now())
    assert criteria_words(criteria)
    page = client.get(reverse("admin:segments_build"), {"start": key})
    assert page.context["builder_data"]["tree"] == STARTS[key].criteria or page.context["raw"]


def test_a_change_with_an_old_token_is_refused_and_nothing_changes(
    client: Client, desk: Desk
) -> None:
    segment = Segment.objects.get(pk=desk.segment())
    build = reverse("admin:segments_build")
    shown = client.get(build, {"edit": segment.pk})
    form = {
        "_idempotency_key": "change-once-000001",
        "segment_id": str(segment.pk),
        "base_version_token": shown.context["token"],
        "brand_id": str(segment.brand_id),
        "purpose": "marketing",
        "mode": "json",
        "criteria_json": '{"everyone": true}',
        "name": segment.name,
    }
    previewed = client.post(build, form | {"do": "preview"})
    ids = {
        "segment_preview_id": str(previewed.context["result"].segment_preview_id),
        "previewed": previewed.context["previewed"],
    }
    Segment.objects.filter(pk=segment.pk).update(version=2)
    refused = client.post(build, form | ids | {"do": "save"})
    assert refused.status_code == 412
    assert Segment.objects.get(pk=segment.pk).criteria == segment.criteria
    assert client.get(reverse("admin:segments_archive", args=[segment.pk])).status_code == 403
    client.post(
        reverse("admin:segments_archive", args=[segment.pk]),
        {"_idempotency_key": "archive-once-00001", "base_version_token": "old"},
    )
    assert Segment.objects.get(pk=segment.pk).archived_at is None


def test_the_choices_are_of_the_team_only(desk: Desk) -> None:
    foreign = desk_make(contacts=1)
    from smsmarketing.contacts.models import Contact

    theirs = Contact.objects.latest("pk")
    Contact.objects.filter(pk=theirs.pk).update(tags=["secret plan"], customer_group="theirs")
    assert sampled_values([desk.world.brand.pk])["tag"] == []
    assert sampled_values([foreign.world.brand.pk])["tag"] == ["secret plan"]
    assert event_states([desk.world.team.pk]) == {}
