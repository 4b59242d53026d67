"""No POST to the admin changes a row, whoever sends it; only forms that run an operation do (design.md §3)."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from smsmarketing.accounts.models import User
from smsmarketing.operations.surfaces.admin import OperationAdmin
from tests.bypass.conftest import Shut
from tests.campaigns.desk import Desk

pytestmark = pytest.mark.django_db

REFUSED = {403, 404, 405}
MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
STATES = ("approved", "scheduled", "sending", "sent", "executing", "verified", "ready", "active")


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def address(model: type[Model], page: str, *arguments: Any) -> str:
    options = model._meta
    return reverse(f"admin:{options.app_label}_{options.model_name}_{page}", args=arguments)


def forged(model: type[Model], state: str) -> dict[str, Any]:
    """Every field of the row, as a form would carry it, with what an attacker wishes."""
    data: dict[str, Any] = {
        field.name: "1" for field in model._meta.fields if not field.primary_key
    }
    return {
        **data,
        "state": state,
        "approved": "1",
        "is_superuser": "on",
        "permissions": '["campaigns.campaign_send"]',
        "_save": "Save",
        "_approve": "1",
        "_transition": "approve",
        "_fsmtransition-state-approve": "Approve",
        "action": "approve",
        "transition": "start",
    }


@pytest.fixture
def rows(desk: Desk) -> dict[str, Any]:
    """A row of the models that an approval or a send hangs on."""
    campaign = desk.submitted()
    world = desk.world
    return {
        "campaigns.campaign": campaign.pk,
        "approvals.actionrequest": campaign.action_request_id,
        "contacts.segment": campaign.segment_id,
        "gateways.batch": world.batch(world.contacts(1), release=False, approved=False).pk,
        "gateways.gateway": world.gateway.pk,
        "gateways.senderid": world.sender.pk,
        "accounts.user": desk.marketer.pk,
    }


def pk_of(model: type[Model], rows: dict[str, Any]) -> Any:
    known = rows.get(model._meta.label_lower)
    if known is not None:
        return known
    first = model._default_manager.order_by("pk").first()
    return first.pk if first else 1


def test_every_model_in_the_admin_is_closed() -> None:
    """Each is an OperationAdmin; a foreign app's ModelAdmin would bring its own add, change and delete."""
    for model in MODELS:
        assert isinstance(admin.site._registry[model], OperationAdmin), model
    assert len(MODELS) >= 15


@pytest.mark.parametrize("who", ["chief", "marketer", "approver"])
def test_no_post_adds_changes_or_deletes(
    desk: Desk, chief: User, rows: dict[str, Any], shut: Shut, who: str
) -> None:
    user = chief if who == "chief" else getattr(desk, who)
    client = signed_in(user)
    for number, model in enumerate(MODELS):
        pk = quote(pk_of(model, rows))
        # Every wish on the rows that an approval or a send hangs on, one in turn on the others.
        wishes = STATES if model._meta.label_lower in rows else (STATES[number % len(STATES)],)
        with shut():
            answers = {
                "add": client.post(address(model, "add"), forged(model, "approved")),
                "delete": client.post(address(model, "delete", pk), {"post": "yes"}),
            }
            for state in wishes:
                answers[state] = client.post(address(model, "change", pk), forged(model, state))
            client.post(address(model, "history", pk), forged(model, "approved"))  # shows, at most
        for name, answer in answers.items():
            assert answer.status_code in REFUSED, (model, name, answer.status_code)


def test_no_bulk_action_and_no_list_editing(chief: User, rows: dict[str, Any], shut: Shut) -> None:
    client = signed_in(chief)
    for model in MODELS:
        pk = str(pk_of(model, rows))
        posts = [
            {
                "action": name,
                "_selected_action": pk,
                "index": "0",
                "post": "yes",
                "select_across": "1",
            }
            for name in ("delete_selected", "approve", "start", "send", "make_active")
        ]
        posts.append(
            {
                "form-TOTAL_FORMS": "1",
                "form-INITIAL_FORMS": "1",
                "form-0-id": pk,
                "form-0-state": "approved",
                "_save": "Save",
            }
        )
        with shut():
            for data in posts:
                answer = client.post(address(model, "changelist"), data)
                assert answer.status_code in REFUSED, (model, data, answer.status_code)


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_other_methods_do_nothing(
    chief: User, rows: dict[str, Any], shut: Shut, method: str
) -> None:
    client = signed_in(chief)
    for model in MODELS:
        pk = quote(pk_of(model, rows))
        with shut():
            for page in (address(model, "changelist"), address(model, "change", pk)):
                answer = getattr(client, method)(page, "decision=approve&state=approved")
                assert answer.status_code < 500, (model, page, answer.status_code)


def test_looking_at_every_page_changes_nothing(
    chief: User, rows: dict[str, Any], shut: Shut
) -> None:
    """A GET is safe: no page acts because somebody opened it, also with an action in the address."""
    client = signed_in(chief)
    wishes = "?state=approved&decision=approve&action=send&_dry_run=&next=/admin/"
    for model in MODELS:
        pk = quote(pk_of(model, rows))
        with shut():
            for page in ("changelist", "add"):
                assert client.get(address(model, page) + wishes).status_code < 500, (model, page)
            for page in ("change", "delete", "history"):
                answer = client.get(address(model, page, pk) + wishes)
                assert answer.status_code < 500, (model, page)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"decision": "execute"},
        {"decision": "approved", "state": "approved"},
        {"decision": ["reject", "execute"]},
        {"_save": "Save", "state": "approved"},
    ],
)
def test_the_approval_page_knows_its_four_decisions_only(
    desk: Desk, rows: dict[str, Any], shut: Shut, data: dict[str, Any]
) -> None:
    page = f"/admin/approvals/actionrequest/{rows['approvals.actionrequest']}/change/"
    with shut():
        assert signed_in(desk.approver).post(page, data).status_code == 404


def test_the_author_does_not_approve_on_the_page(
    desk: Desk, rows: dict[str, Any], shut: Shut
) -> None:
    """[R-8.1] four eyes: the page of the own request takes no vote."""
    from smsmarketing.approvals.models import ActionRequest

    row = ActionRequest.objects.get(pk=rows["approvals.actionrequest"])
    page = f"/admin/approvals/actionrequest/{row.pk}/change/"
    with shut():
        answer = signed_in(desk.marketer).post(
            page, {"decision": "approve", "content_hash": row.content_hash}
        )
    assert answer.status_code in REFUSED
