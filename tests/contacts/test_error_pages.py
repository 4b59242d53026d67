"""What people and programs see where nothing answers: never Django's bare page, and never why."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import clear_url_caches, path

from smsmarketing import error_pages, urls
from smsmarketing.accounts.models import Brand, User
from tests.contacts.test_opt_in_form import form_make

SECRET = "the password is 1234"


def breaks(request: HttpRequest) -> HttpResponse:
    raise RuntimeError(SECRET)


@pytest.fixture
def client() -> Client:
    """A browser of somebody who reads German; answers of 500 come back as people see them."""
    return Client(
        raise_request_exception=False, headers={"accept-language": "xx, de-AT;q=0.9, en;q=0.5"}
    )


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    views = [path(f"{prefix}breaks", breaks) for prefix in ("", "api/", "mcp/", "admin/")]
    monkeypatch.setattr(urls, "urlpatterns", [*views, *urls.urlpatterns])
    clear_url_caches()
    yield
    clear_url_caches()


def page(answer: Any, status: int) -> str:
    """A page in the house's public style: strict, without cookie, and nothing of Django's own."""
    assert answer.status_code == status
    text: str = answer.content.decode()
    assert "contacts/public.css" in text
    assert "<h1>" in text
    assert not answer.cookies
    assert "unsafe" not in answer["Content-Security-Policy"]
    assert answer["Cache-Control"] == "no-store"
    for leak in ("Traceback", "urlpatterns", "Request Method", "CSRF", SECRET):
        assert leak not in text
    return text


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("/nowhere", "Diese Seite gibt es nicht"),
        ("/nowhere/<script>", "Diese Seite gibt es nicht"),
        ("/static-not/x.css", "Diese Seite gibt es nicht"),
        ("/f/nowhere", "Dieses Formular gibt es nicht"),
        ("/f/nowhere/done", "Dieses Formular gibt es nicht"),
        ("/f/no where!", "Dieses Formular gibt es nicht"),
        ("/f/", "Dieses Formular gibt es nicht"),
        ("/f/a/b/c", "Dieses Formular gibt es nicht"),
        ("/o/", "Dieser Link"),
        ("/o/%00", "Dieser Link"),
        ("/o/abc/def", "Dieser Link"),
        ("/o/" + "x" * 3000, "Dieser Link"),
    ],
)
def test_an_unknown_address_is_told_politely(client: Client, address: str, words: str) -> None:
    text = page(client.get(address), 404)
    assert words in text
    assert 'lang="de' in text
    assert "<script" not in text


@pytest.mark.django_db
def test_a_form_says_what_it_is_not(client: Client, brand: Brand, user: User) -> None:
    """Closed 410, wrong method 405, a body that is no form 400; nothing is recorded."""
    form = form_make(brand, user)
    for address, methods in (
        ("/f/join", "GET, HEAD, POST"),
        ("/f/join/done", "GET, HEAD"),
        ("/o/x", "GET, HEAD, POST"),
    ):
        for method in ("PUT", "DELETE", "OPTIONS", "PATCH"):
            answer = client.generic(method, address)
            assert answer["Allow"] == methods
            assert "So lässt sich diese Seite nicht nutzen" in page(answer, 405)
    broken_off = "multipart/form-data; boundary="
    assert "send it again" in page(client.post("/f/join", "x", content_type=broken_off), 400)
    many = "&".join(f"a{number}=1" for number in range(2000))
    page(client.post("/f/join", many, content_type="application/x-www-form-urlencoded"), 400)
    form.live = None
    form.save()
    for address in ("/f/join", "/f/join/done"):
        assert brand.name_in_texts in page(client.get(address), 410)


@pytest.mark.django_db
def test_a_fault_of_ours_gives_only_a_number(client: Client, broken: None) -> None:
    answer = client.get("/breaks")
    text = page(answer, 500)
    assert "Hier ist etwas schiefgegangen" in text
    assert answer["X-Request-Id"] in text
    assert 'href="/admin/"' in page(client.get("/admin/breaks"), 500)
    answer = client.get("/api/breaks")
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "INTERNAL"
    assert SECRET not in answer.content.decode()
    answer = client.get("/mcp/breaks")
    assert (answer.status_code, answer.json()["error"]["data"]["code"]) == (500, "INTERNAL")
    assert SECRET not in answer.content.decode()


@pytest.mark.django_db
def test_a_host_that_is_not_ours_and_a_form_without_its_token(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["ours.example"]
    strange = Client(headers={"host": "theirs.example"})
    for address in ("/", "/nowhere/", "/admin/login/"):
        assert "theirs" not in page(strange.get(address), 400)
    answer = strange.get("/api/v1/nowhere/")
    assert answer.status_code in (400, 404)
    assert answer.json()["error"]["code"] in ("INVALID_INPUT", "NOT_FOUND")
    careful = Client(enforce_csrf_checks=True, headers={"host": "ours.example"})
    text = page(careful.post("/admin/login/", {"username": "a", "password": "b"}), 403)
    assert "open for too long" in text


@pytest.mark.django_db
def test_programs_get_the_envelope(client: Client) -> None:
    for address in ("/api", "/api/v1/nowhere", "/api/nowhere/"):
        answer = client.get(address, follow=True)
        assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")
        assert answer.json()["error"]["code"] == "NOT_FOUND"
    answer = client.post("/mcp/nowhere")
    assert (answer.status_code, answer.json()["jsonrpc"]) == (404, "2.0")
    assert answer.json()["error"]["data"]["code"] == "NOT_FOUND"
    answer = client.post("/webhooks/nowhere")
    assert (answer.status_code, answer.content) == (404, b"")


@pytest.mark.django_db
def test_too_many_wrong_passwords_and_pages_that_are_not_for_you(
    user: User, settings: Any, client: Client
) -> None:
    settings.AXES_FAILURE_LIMIT = 2
    wrong = {"username": user.username, "password": "wrong"}
    answers = [client.post("/admin/login/", wrong) for _ in range(3)]
    assert "Zu viele Fehlversuche" in page(answers[-1], 429)
    user.is_staff = True
    user.save()
    client.force_login(user)
    answer = client.get("/admin/contacts/contact/")
    assert answer.status_code == 403
    assert "Diese Seite dürfen Sie nicht sehen" in answer.content.decode()


def test_a_page_that_cannot_be_made_is_plain_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """When even the style sheet's name is lost."""

    def lost(*args: Any, **kwargs: Any) -> HttpResponse:
        raise ValueError(SECRET)

    monkeypatch.setattr(error_pages, "public_page", lost)
    answer = error_pages.server_error(RequestFactory().get("/x"))
    assert answer.status_code == 500
    assert answer.content.decode().startswith("Something went wrong here.")
