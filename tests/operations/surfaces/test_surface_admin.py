"""The admin surface: form pages, read-only rows, the catalogue; a GET never executes."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client, RequestFactory
from django.urls import reverse

from smsmarketing.accounts.models import Team, User
from smsmarketing.operations.audit import audit_append_system
from smsmarketing.operations.models import AuditEntry
from smsmarketing.operations.surfaces.admin import OperationAdmin, OperationButton
from smsmarketing.operations.surfaces.forms import form_build, time_read
from tests.operations.surfaces.conftest import person
from tests.operations.surfaces.probes import SECRET, ShapesInput
from tests.surfaces import admin_form_data

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("probes")]


@pytest.fixture
def browser(anna: User) -> Client:
    return signed_in(anna)


def signed_in(user: User, **options: Any) -> Client:
    client = Client(raise_request_exception=False, **options)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def url(key: str, query: str = "") -> str:
    return reverse("operation-call", args=[key]) + query


# --- the form page -----------------------------------------------------------------------------------------
def test_showing_a_form_changes_nothing(browser: Client) -> None:
    before = (Team.objects.count(), AuditEntry.objects.count())
    page = browser.get(url("probe.create", "?name=East"))
    assert page.status_code == 200
    assert b'value="East"' in page.content
    assert (Team.objects.count(), AuditEntry.objects.count()) == before
    assert browser.head(url("probe.create", "?name=East")).status_code == 200
    assert browser.put(url("probe.create", "?name=East")).status_code == 405
    assert (Team.objects.count(), AuditEntry.objects.count()) == before


def test_sending_the_form_runs_the_operation(browser: Client) -> None:
    response = browser.post(url("probe.create"), {"name": "East", "_idempotency_key": "k" * 32})
    assert response.status_code == 200
    created = Team.objects.get(name="East")
    assert response.context["outcome"].result.team_id == created.pk
    entry = AuditEntry.objects.get(operation="probe.create")
    assert (entry.surface, entry.outcome) == ("admin", "done")


def test_a_double_click_runs_once(browser: Client) -> None:
    """[R-8.9]: the form carries its key."""
    page = browser.get(url("probe.create"))
    data = {"name": "East", "_idempotency_key": page.context["idempotency_key"]}
    browser.post(url("probe.create"), data)
    again = browser.post(url("probe.create"), data)
    assert b"It ran once" in again.content
    assert Team.objects.filter(name="East").count() == 1
    assert browser.get(url("probe.create")).context["idempotency_key"] != data["_idempotency_key"]


def test_going_back_and_sending_other_values_offers_a_new_key(browser: Client) -> None:
    data = {"name": "East", "_idempotency_key": "k" * 32}
    browser.post(url("probe.create"), data)
    refused = browser.post(url("probe.create"), data | {"name": "West"})
    assert refused.status_code == 422
    assert b"Send it again to do this as well" in refused.content
    assert not Team.objects.filter(name="West").exists()
    again = {"name": "West", "_idempotency_key": refused.context["idempotency_key"]}
    assert browser.post(url("probe.create"), again).status_code == 200
    assert Team.objects.filter(name="West").exists()


def test_the_form_needs_its_csrf_token(anna: User) -> None:
    client = signed_in(anna, enforce_csrf_checks=True)
    assert client.post(url("probe.create"), {"name": "East"}).status_code == 403
    assert not Team.objects.filter(name="East").exists()


def test_a_refusal_stands_at_its_field(browser: Client) -> None:
    response = browser.post(url("probe.shapes_write"), {"name": "x" * 41, "count": "many"})
    assert response.status_code == 422
    errors = response.context["form"].errors
    assert {"name", "count", "__all__"} == set(errors)
    assert response.context["error"].code == "INVALID_INPUT"
    assert b"/api/docs/errors#INVALID_INPUT" in response.content
    assert b'value="many"' in response.content


def test_a_refusal_without_a_field_stands_on_top(browser: Client) -> None:
    response = browser.post(url("probe.refuse"), {"_idempotency_key": "k" * 32})
    assert response.status_code == 409
    assert response.context["form"].non_field_errors() == [
        "Not now. Call probe.get first.",
        "nowhere: Cannot be shown.",
    ]
    assert not Team.objects.filter(name="half done").exists()


def test_a_bug_says_nothing_of_itself(browser: Client) -> None:
    response = browser.post(url("probe.crash"))
    assert response.status_code == 500
    assert SECRET.encode() not in response.content


def test_a_held_call_links_to_its_request(browser: Client) -> None:
    response = browser.post(url("probe.create"), {"name": "Big one"})
    assert response.status_code == 200
    assert b"A second person must agree" in response.content
    assert b"Open the request" in response.content
    assert not Team.objects.filter(name="Big one").exists()


def test_check_only_writes_nothing(browser: Client) -> None:
    response = browser.post(url("probe.create"), {"name": "Big", "_dry_run": "1"})
    assert b"nothing was written" in response.content
    assert b"A second person would have to agree" in response.content
    assert not Team.objects.filter(name="Big").exists()


def test_the_way_back_is_local_only(browser: Client) -> None:
    back = reverse("operation-catalogue")
    response = browser.post(url("probe.create"), {"name": "East", "next": back})
    assert (response.status_code, response["Location"]) == (302, back)
    page = browser.get(back)
    assert "Done: Write probe.create." in [str(item) for item in page.context["messages"]]
    response = browser.post(url("probe.create"), {"name": "West", "next": "https://evil.example/"})
    assert response.status_code == 200
    assert Team.objects.filter(name="West").exists()


def test_a_held_call_goes_back_with_a_message(browser: Client) -> None:
    back = reverse("operation-catalogue")
    page = browser.post(url("probe.create"), {"name": "Big", "next": back}, follow=True)
    assert b"A second person must agree." in page.content
    assert b"Open the request" in page.content


def test_the_version_the_person_saw_travels_with_the_form(browser: Client, team: Team) -> None:
    """[R-8.7]."""
    page = browser.get(url("probe.rename", f"?team_id={team.pk}"))
    token = page.context["form"]["base_version_token"].value()
    assert token
    data = {"team_id": team.pk, "name": "New", "base_version_token": token}
    assert browser.post(url("probe.rename"), data).status_code == 200
    late = browser.post(url("probe.rename"), data | {"name": "Late"})
    assert late.status_code == 412
    assert f"team_id={team.pk}".encode() in late.content
    assert Team.objects.get(pk=team.pk).name == "New"


def test_a_form_opened_from_a_row_names_it(browser: Client, team: Team) -> None:
    page = browser.get(url("probe.get", f"?team_id={team.pk}"))
    assert b"<strong>North</strong>" in page.content
    assert page.context["form"]["team_id"].is_hidden
    shown = browser.post(url("probe.get"), {"team_id": team.pk, "_row": "1"})
    assert b"<strong>North</strong>" in shown.content
    for nonsense in ("abc", "0", "9" * 40, "\x00", "١"):
        page = browser.get(url("probe.get"), {"team_id": nonsense})
        assert page.status_code == 200
        assert not page.context["form"]["team_id"].is_hidden


def test_a_form_for_a_row_of_others_shows_nothing_of_it(
    browser: Client, stranger_team: Team
) -> None:
    page = browser.get(url("probe.rename", f"?team_id={stranger_team.pk}"))
    assert b"South" not in page.content
    response = browser.post(
        url("probe.rename"), {"team_id": stranger_team.pk, "name": "x", "base_version_token": "t"}
    )
    assert response.status_code == 404
    assert Team.objects.get(pk=stranger_team.pk).name == "South"


def test_without_the_permission_the_form_is_not_shown_and_the_post_is_refused(viewer: User) -> None:
    client = signed_in(viewer)
    page = client.get(url("probe.create"))
    assert page.status_code == 403
    assert b"operation-form" not in page.content
    assert client.post(url("probe.create"), {"name": "East"}).status_code == 403
    assert not Team.objects.filter(name="East").exists()
    assert AuditEntry.objects.filter(operation="probe.create", outcome="NOT_PERMITTED").exists()


def test_unknown_operations_are_404(browser: Client) -> None:
    assert browser.get(url("nothing.here")).status_code == 404


def test_visitors_are_sent_to_the_login(team: Team) -> None:
    outsider = User.objects.create(username="otto")
    for client in (Client(), signed_in(outsider)):
        for address in (url("probe.create"), reverse("operation-catalogue")):
            assert client.get(address).status_code == 302
        assert client.post(url("probe.create"), {"name": "East"}).status_code == 302
    assert not Team.objects.filter(name="East").exists()


def test_a_person_only_operation_runs_in_the_browser(browser: Client) -> None:
    """[R-8.1]."""
    assert browser.post(url("probe.decide")).status_code == 200


def test_the_catalogue_shows_what_a_person_may_do(browser: Client, viewer: User) -> None:
    page = browser.get(reverse("operation-catalogue"))
    for key in (b"probe.create", b"probe.send", b"probe.admin_only", b"probe.decide"):
        assert key in page.content
    page = signed_in(viewer).get(reverse("operation-catalogue"))
    assert b"probe.get" in page.content
    assert b"probe.create" not in page.content


# --- forms -------------------------------------------------------------------------------------------------
SHAPES = {
    "name": "Ann",
    "story": "two\nlines",
    "count": 7,
    "price": "1.50",
    "urgent": True,
    "known": False,
    "at": "2026-07-01T09:00:00+00:00",
    "day": "2026-03-01",
    "colour": "blue",
    "size": "large",
    "tags": ["a", "b"],
    "numbers": [1, 2],
    "colours": ["red", "blue"],
    "part": {"label": "x", "weight": "1.5"},
    "id": "00000000-0000-4000-8000-0000000000aa",
}


def test_every_kind_of_field_survives_the_form(browser: Client) -> None:
    response = browser.post(url("probe.shapes"), admin_form_data("probe.shapes", SHAPES))
    assert response.status_code == 200, response.context["form"].errors
    seen = response.context["outcome"].result.seen
    assert seen == SHAPES | {"at": "2026-07-01T09:00:00Z"}


def test_links_may_fill_any_field_with_any_text(browser: Client) -> None:
    names = (
        "name",
        "count",
        "price",
        "urgent",
        "known",
        "at",
        "day",
        "colour",
        "tags",
        "colours",
        "part",
        "id",
    )
    for text in ("soon", "true", "\x00", "{", "a,b", "1"):
        page = browser.get(url("probe.shapes"), dict.fromkeys(names, text))
        assert page.status_code == 200


def test_windows_line_ends_become_newlines(browser: Client) -> None:
    response = browser.post(
        url("probe.shapes"), {"name": "a", "story": "two\r\nlines", "tags": "x\r\ny"}
    )
    seen = response.context["outcome"].result.seen
    assert (seen["story"], seen["tags"]) == ("two\nlines", ["x", "y"])


def test_spaces_are_kept_as_on_the_other_surfaces(browser: Client) -> None:
    response = browser.post(url("probe.shapes"), {"name": " a "})
    assert response.context["outcome"].result.seen["name"] == " a "


def test_lists_take_commas_or_lines() -> None:
    form = form_build(ShapesInput)({"name": "x", "tags": "a, b,,c", "numbers": "1\n2,5"})
    assert form.is_valid()
    assert form.payload()["tags"] == ["a", "b", "c"]
    assert form.payload()["numbers"] == ["1", "2,5"]


def test_empty_fields_are_left_out_so_that_defaults_hold() -> None:
    form = form_build(ShapesInput)({"name": "", "story": "", "known": "", "colour": ""})
    assert form.is_valid()
    assert form.payload() == {"urgent": False}


def test_broken_json_is_told_at_the_field() -> None:
    form = form_build(ShapesInput)({"name": "x", "part": "{"})
    assert not form.is_valid()
    assert set(form.errors) == {"part"}


def test_times_are_read_on_the_persons_clock() -> None:
    vilnius = ZoneInfo("Europe/Vilnius")
    assert time_read("2026-07-01T09:00", vilnius) == "2026-07-01T09:00:00+03:00"
    assert time_read("2026-07-01T09:00+01:00", vilnius) == "2026-07-01T09:00+01:00"
    assert time_read("soon", vilnius) == "soon"
    assert time_read("0001-01-01T00:00", vilnius).startswith("0001-01-01T00:00")
    assert time_read("9999-12-31T23:59", ZoneInfo("America/New_York")).endswith("-05:00")
    with pytest.raises(ValidationError, match="does not exist"):
        time_read("2026-03-29T03:30", vilnius)  # the clocks go from 3:00 to 4:00


def test_help_texts_and_required_marks_come_from_the_input(browser: Client) -> None:
    page = browser.get(url("probe.shapes")).content.decode()
    assert "A short text." in page
    assert "One per line, or separated by commas." in page
    assert page.count('class="op-must"') == 1


# --- rows --------------------------------------------------------------------------------------------------
class TeamAdmin(OperationAdmin):
    view_permission = "accounts.team_view"
    operation_buttons = (
        OperationButton(key="probe.rename", label="Rename"),
        OperationButton(
            key="probe.send",
            when=lambda row: row.name == "South",
            initial=lambda row, actor: {"name": row.name},
        ),
        OperationButton(key="not.there"),
    )
    list_operations = ("probe.create",)

    def visible(self, actor: Any) -> Any:
        return Team.objects.filter(pk__in=actor.team_ids)


def request_of(user: User, method: str = "GET", path: str = "/admin/") -> Any:
    request = RequestFactory().generic(method, path)
    request.user = user
    request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]
    return request


def test_buttons_are_links_to_forms_that_fit_the_row_and_the_person(
    anna: User, viewer: User, team: Team
) -> None:
    rows = TeamAdmin(Team, admin.site)
    (button,) = rows.buttons_for(request_of(anna), team)
    assert button["label"] == "Rename"
    assert button["url"].startswith(url("probe.rename", f"?team_id={team.pk}&next="))
    assert rows.buttons_for(request_of(viewer), team) == []
    team.name = "South"
    shown = rows.buttons_for(request_of(anna), team)
    assert [item["danger"] for item in shown] == [False, True]
    assert "name=South" in shown[1]["url"]


def test_rows_of_other_teams_are_not_there(anna: User, team: Team, stranger_team: Team) -> None:
    rows = TeamAdmin(Team, admin.site)
    assert list(rows.get_queryset(request_of(anna))) == [team]
    assert OperationAdmin.visible(rows, rows_actor(anna)).count() == 0


def rows_actor(user: User) -> Any:
    from smsmarketing.operations.surfaces.admin.actors import admin_actor

    return admin_actor(request_of(user))


def test_no_road_around_operations(anna: User, team: Team) -> None:
    rows = TeamAdmin(Team, admin.site)
    request = request_of(anna)
    assert rows.has_view_permission(request)
    assert not rows.has_add_permission(request)
    assert not rows.has_change_permission(request, team)
    assert not rows.has_delete_permission(request, team)
    assert rows.get_actions(request) == {}
    for act in (
        lambda: rows.save_model(request, team, None, True),
        lambda: rows.delete_model(request, team),
        lambda: rows.delete_queryset(request, Team.objects.all()),
        lambda: rows.change_view(request_of(anna, "POST"), str(team.pk)),
        lambda: rows.changelist_view(request_of(anna, "POST")),
        lambda: rows.add_view(request_of(anna, "POST")),
        lambda: rows.delete_view(request_of(anna, "POST"), str(team.pk)),
    ):
        with pytest.raises(PermissionDenied):
            act()
    assert Team.objects.get(pk=team.pk).name == "North"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("actions", ["go"]),
        ("actions_detail", ["go"]),
        ("actions_list", ["go"]),
        ("actions_row", ["go"]),
        ("actions_submit_line", ["go"]),
        ("list_editable", ("name",)),
        ("inlines", (object,)),
        ("ordering_field", "name"),
    ],
)
def test_a_class_that_opens_another_road_is_refused_at_import(name: str, value: Any) -> None:
    with pytest.raises(TypeError, match=name):
        type("BadAdmin", (OperationAdmin,), {name: value})


# --- the audit log -----------------------------------------------------------------------------------------
@pytest.fixture
def auditor(team: Team) -> User:
    return person("ada", team, "operations.audit_view", "operations.audit_verify")


def test_the_audit_log_is_read_only(auditor: User, anna: User) -> None:
    audit_append_system(
        operation="probe.system", outcome="done", object_type="", object_id="", facts={}
    )
    entry = AuditEntry.objects.get(operation="probe.system")
    client = signed_in(auditor)
    changelist = reverse("admin:operations_auditentry_changelist")
    row = reverse("admin:operations_auditentry_change", args=[entry.pk])
    assert b"probe.system" in client.get(changelist).content
    assert client.get(f"{changelist}?surface__exact=admin").status_code == 200
    assert b"_save" not in client.get(row).content
    assert client.post(row, {"reason": "x"}).status_code == 403
    assert client.post(changelist, {"action": "delete_selected"}).status_code == 403
    assert client.get(f"{row}delete/").status_code == 403
    assert client.get(reverse("admin:operations_auditentry_add")).status_code == 403
    assert signed_in(anna).get(changelist).status_code == 403


def test_the_sidebar_shows_what_the_person_may_open(auditor: User, anna: User) -> None:
    def titles(user: User) -> set[str]:
        groups = signed_in(user).get(reverse("admin:index")).context["sidebar_navigation"]
        return {item["title"] for group in groups for item in group["items"]}

    assert "Audit entries" in titles(auditor)
    assert "Audit entries" not in titles(anna)
    assert {"Home", "All operations", "API reference"} <= titles(anna)
