"""Fields that ask for ids are filled by name: a select for few rows, a search for many."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from smsmarketing.accounts.models import Brand, Role, Team, User
from smsmarketing.contacts.models import Suppression
from smsmarketing.operations import registry
from smsmarketing.operations.limits import PERSON_LIMITS
from smsmarketing.operations.models import RateWindow
from smsmarketing.operations.surfaces.admin.choosers import SELECT_MOST, chooser_of
from tests.campaigns.desk import Desk
from tests.contacts.people import contact_make

FROM_ELSEWHERE = {
    "external_id": "the other system's own",
    "object_id": "of any kind of row",
    "request_id": "of a call, from its answer",
    "message_id": "of millions, from the message's page",
    "actor_id": "of whoever called, from the audit log",
    "segment_preview_id": "of a preview of a few minutes ago",
    "undo_preview_id": "of a preview of a few minutes ago",
    "call_id": "of a call to a gateway, from its answer",
    "test_id": "of a test of a gateway, from its answer",
    "operator_id": "the gateway's own",
    "document_id": "of a registration, from its page",
    "export_id": "a form of its own, listed by its target",
}
"""Ids that nobody chooses from a list, and why."""


def test_every_id_that_a_form_asks_for_is_chosen_by_name() -> None:
    """Whoever adds a field of another kind says what it stands for: operations.choosers.add."""
    unknown = [
        f"{operation.key}: {name}"
        for operation in registry.every()
        for name in operation.input.model_fields
        if name.endswith(("_id", "_ids"))
        and name not in FROM_ELSEWHERE
        and chooser_of(operation, name) is None
    ]
    assert unknown == []


@pytest.fixture
def cleo(crm: User) -> Client:
    client = Client()
    crm.roles.add(Role.objects.get(key="marketing"))
    client.force_login(crm, backend="django.contrib.auth.backends.ModelBackend")
    return client


def page(client: Client, key: str, query: str = "") -> Any:
    return client.get(reverse("operation-call", args=[key]) + query)


def choices(client: Client, key: str, field: str, term: str) -> Any:
    return client.get(reverse("operation-choices", args=[key, field]), {"q": term})


@pytest.mark.django_db
def test_few_rows_are_a_select_and_many_are_searched(desk: Desk, cleo: Client) -> None:
    """And nobody sees a row of another team, neither listed nor found."""
    brand = desk.world.brand
    rival = Team.objects.create(name="Rival", slug="rival")
    Brand.objects.create(team=rival, name="Rival", name_in_texts="Rival", help_line="Rival, STOP")
    field = page(cleo, "opt_outs.block", f"?brand_id={brand.pk}").context["form"]["brand_id"]
    shown = dict(field.field.widget.choices)
    assert shown[str(brand.pk)] == brand.name
    assert "Rival" not in shown.values()
    assert field.label == "Brand"
    assert f'value="{brand.pk}" selected' in str(field)

    Brand.objects.bulk_create(
        Brand(
            team=desk.world.team,
            name=f"Brand {number:03}",
            name_in_texts="B",
            help_line="B, STOP",
        )
        for number in range(SELECT_MOST)
    )
    text = page(cleo, "opt_outs.block", f"?brand_id={brand.pk}").content.decode()
    assert 'class="op-chooser"' in text
    assert f"Chosen: {brand.name}" in text
    found = choices(cleo, "opt_outs.block", "brand_id", "brand 01").json()
    assert [item["label"] for item in found["items"]] == [f"Brand {at:03}" for at in range(10, 20)]
    assert choices(cleo, "opt_outs.block", "brand_id", "Rival").json()["items"] == []
    everything = choices(cleo, "opt_outs.block", "brand_id", "").json()
    assert (len(everything["items"]), everything["more"]) == (20, True)


@pytest.mark.django_db
def test_a_contact_is_found_as_in_the_search_and_each_search_counts(
    desk: Desk, crm: User, cleo: Client
) -> None:
    """[R-4.12], [R-4.13]: no beginnings of numbers, no full number, at most so many a minute."""
    ona = contact_make(desk, crm, "+37069900456", first_name="Ona", last_name="Jonaitė")
    for term in ("+37069900456", "ona", "0456 ona", f"#{ona.pk}"):
        found = choices(cleo, "contacts.reveal", "contact_ids", term).json()["items"]
        assert [item["id"] for item in found] == [str(ona.pk)], term
        assert found[0]["label"].startswith("Ona Jonaitė, +370")
        assert "69900456" not in found[0]["label"]
    for term in ("+3706990045", "37069", "", "\x00", "#x", "#" + "9" * 30):
        assert choices(cleo, "opt_outs.block", "contact_id", term).json()["items"] == [], term
    RateWindow.objects.filter(principal=f"user:{crm.pk}").update(calls=PERSON_LIMITS["search"])
    refused = choices(cleo, "opt_outs.block", "contact_id", "ona")
    assert refused.status_code == 429
    assert refused.json()["items"] == []
    assert "minute" in refused.json()["message"]


@pytest.mark.django_db
def test_only_who_may_call_and_see_is_offered_rows(desk: Desk, crm: User, cleo: Client) -> None:
    contact_make(desk, crm, "+37069900456", first_name="Ona")
    assert choices(cleo, "gateways.save", "gateway_id", "").status_code == 404  # not hers to call
    assert choices(cleo, "opt_outs.block", "phone", "x").status_code == 404  # no id at all
    assert choices(cleo, "no.such", "brand_id", "x").status_code == 404
    assert choices(Client(), "opt_outs.block", "contact_id", "ona").status_code == 302
    role = Role.objects.create(
        key="blocker", name="blocker", permissions=["contacts.opt_out_record"]
    )
    crm.roles.set([role])
    assert choices(cleo, "opt_outs.block", "contact_id", "ona").json()["items"] == []
    text = page(cleo, "opt_outs.block").content.decode()
    assert "op-chooser" not in text  # a plain field, as without this
    assert 'name="contact_id"' in text


@pytest.mark.django_db
def test_a_refused_form_still_shows_who_was_chosen(desk: Desk, crm: User, cleo: Client) -> None:
    ona = contact_make(desk, crm, "+37069900456", first_name="Ona")
    data = {"contact_id": str(ona.pk), "phone": "+37069900457", "brand_id": "987654"}
    address = reverse("operation-call", args=["opt_outs.block"])
    refused = cleo.post(address, data | {"_idempotency_key": "k" * 32})
    assert refused.status_code == 422
    assert "Chosen: Ona" in refused.content.decode()
    assert "#987654, not one of yours" in refused.content.decode()
    assert not Suppression.objects.exists()


@pytest.mark.django_db
def test_a_form_that_stands_on_a_version_asks_for_its_row_first(desk: Desk, cleo: Client) -> None:
    """[R-8.7]: nobody copies a version token by hand."""
    campaign = desk.draft()
    first = page(cleo, "campaigns.update", "?name=Summer").content.decode()
    assert 'id="operation-choose"' in first
    assert f"{campaign.name}, {desk.world.brand.name} (draft)" in first
    assert 'name="name" value="Summer"' in first
    assert 'id="operation-form"' not in first
    then = page(cleo, "campaigns.update", f"?name=Summer&campaign_id={campaign.pk}")
    assert then.context["form"].fields["base_version_token"].initial
    assert then.context["row"] == campaign
