"""The pages of accounts in the admin: they open for everybody, and change nothing."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from smsmarketing.accounts.models import ApiToken, Brand, Role, Team, User

pytestmark = pytest.mark.django_db

MODELS = ["user", "role", "team", "brand", "apitoken"]


@pytest.fixture
def client(person: Callable[..., User], token: Any, team: Team) -> Client:
    anna = person("anna", "marketing")
    Brand.objects.create(team=team, name="B", name_in_texts="B", help_line="h")
    token(anna)
    client = Client()
    client.force_login(anna, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.mark.parametrize("model", MODELS)
def test_lists_and_rows_open_and_cannot_be_changed(client: Client, model: str) -> None:
    address = reverse(f"admin:accounts_{model}_changelist")
    assert client.get(address).status_code == 200
    rows = {
        "user": User,
        "role": Role,
        "team": Team,
        "brand": Brand,
        "apitoken": ApiToken,
    }[model].objects
    row = rows.first()
    assert row is not None
    page = reverse(f"admin:accounts_{model}_change", args=[row.pk])
    assert client.get(page).status_code == 200
    before = list(rows.order_by("pk").values())
    assert client.post(page, {"name": "changed", "is_superuser": "on"}).status_code == 403
    assert client.post(address, {"action": "delete_selected"}).status_code == 403
    add = reverse(f"admin:accounts_{model}_add")
    assert client.post(add, {"name": "new"}).status_code == 403
    assert client.post(page.replace("change", "delete"), {"post": "yes"}).status_code == 403
    assert list(rows.order_by("pk").values()) == before


def test_a_token_row_leads_to_its_revocation(client: Client) -> None:
    row = ApiToken.objects.get()
    page = client.get(reverse("admin:accounts_apitoken_change", args=[row.pk])).content.decode()
    assert "Revoke now" in page
    assert row.digest not in page


def test_the_people_of_other_teams_are_not_shown(
    client: Client, person: Callable[..., User], other_team: Team
) -> None:
    stranger = person("stranger", "marketing", teams=[other_team])
    page = client.get(reverse("admin:accounts_user_changelist")).content.decode()
    assert "stranger" not in page
    answer = client.get(reverse("admin:accounts_user_change", args=[stranger.pk]))
    assert answer.status_code == 302  # Django sends what does not exist for one to the index


def test_the_pages_ask_a_visitor_to_sign_in() -> None:
    assert Client().get("/admin/login/").status_code == 200
    answer = Client().get(reverse("admin:accounts_user_changelist"))
    assert answer.status_code == 302
    assert "/admin/login/" in answer["Location"]


def test_who_opens_the_log_in_page_itself_lands_on_the_first_page() -> None:
    """Without `next`, as from a bookmark."""
    person = User.objects.create_user("ada", password="a-long-enough-secret", is_staff=True)
    answer = Client().post(
        "/admin/login/", {"username": person.username, "password": "a-long-enough-secret"}
    )
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")
