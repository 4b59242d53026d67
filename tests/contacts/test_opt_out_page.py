"""The public opt-out page by signed link [R-2.17]."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from smsmarketing.accounts.models import Brand
from smsmarketing.contacts.models import Contact, SendState, Suppression
from smsmarketing.contacts.phones import phone_hash
from smsmarketing.contacts.rules.opt_out_links import (
    ALPHABET,
    PURPOSES,
    SAMPLE_TOKEN,
    TOKEN_LENGTH,
    link_key,
    ticket_holds,
    token_maker,
    token_read,
)
from smsmarketing.contacts.selectors.opt_out_links import link_maker, link_sample
from smsmarketing.operations.models import AuditEntry

GB, US = "+447400123456", "+12025550123"
Make = Callable[..., Contact]


@pytest.fixture
def path(brand: Brand) -> Callable[[Contact], str]:
    return lambda contact: (
        "/o/"
        + link_maker(brand.pk, "marketing")(contact.pk, bytes(contact.phone_hash))[-TOKEN_LENGTH:]
    )


def state(contact: Contact, brand: Brand) -> str | None:
    return SendState.objects.get(contact=contact, brand=brand).marketing_reason


def nothing_changed(contact: Contact, brand: Brand) -> None:
    assert not Suppression.objects.exists()
    assert not AuditEntry.objects.filter(operation="contacts.opt_out_link").exists()
    assert state(contact, brand) is None


def test_opening_the_link_changes_nothing(brand: Brand, make_contact: Make, path: Any) -> None:
    contact = make_contact(GB, consent=True)
    for _ in range(3):
        answer = Client().get(path(contact))
        assert answer.status_code == 200
        assert Client().head(path(contact)).status_code == 200
        assert Client().put(path(contact)).status_code == 405
    html = answer.content.decode()
    assert html.count("<form") == 1
    assert "<script" not in html
    assert GB[-4:] not in html
    assert not answer.cookies
    assert "noindex" in answer["X-Robots-Tag"]
    nothing_changed(contact, brand)


def test_one_post_opts_out_of_the_brand_with_proof(
    brand: Brand, other_brand: Brand, make_contact: Make, path: Any
) -> None:
    """[R-2.14], [R-2.17], [R-2.20]: without cookie, script, login or number."""
    contact = make_contact(GB, consent=True)
    make_contact(GB, consent=True, of=other_brand)
    client = Client(enforce_csrf_checks=True)
    answer = client.post(path(contact), {"choice": "marketing"}, headers={"User-Agent": "Phone/1"})
    assert answer.status_code == 200
    assert not answer.cookies
    row = Suppression.objects.get()
    assert (row.scope, row.brand, row.reason, row.source) == ("brand", brand, "opt_out", "web")
    assert set(row.purposes) == {"marketing", "notification"}
    assert row.evidence["token"] == path(contact)[3:]
    assert row.evidence["ip"] == "127.0.0.1"
    assert row.evidence["user_agent"] == "Phone/1"
    assert row.evidence["said_at"]
    assert state(contact, brand) == "opted_out"
    assert state(contact, other_brand) is None
    entry = AuditEntry.objects.get(operation="contacts.opt_out_link")
    assert GB not in str(entry.facts)


def test_again_is_friendly_and_changes_nothing(brand: Brand, make_contact: Make, path: Any) -> None:
    contact = make_contact(GB, consent=True)
    Client().post(path(contact), {"choice": "marketing"})
    version = Contact.objects.get(pk=contact.pk).version
    answer = Client().post(path(contact), {"choice": "marketing"})
    assert answer.status_code == 200
    assert "already" in answer.content.decode()
    assert Suppression.objects.count() == 1
    assert Contact.objects.get(pk=contact.pk).version == version
    assert AuditEntry.objects.filter(operation="contacts.opt_out_link").count() == 1


def test_all_messages_may_be_chosen_also_afterwards(
    brand: Brand, make_contact: Make, path: Any
) -> None:
    contact = make_contact(GB, consent=True)
    Client().post(path(contact), {"choice": "marketing"})
    assert 'value="all" checked' in Client().get(path(contact)).content.decode()
    Client().post(path(contact), {"choice": "all"})
    covered = {p for row in Suppression.objects.all() for p in row.purposes}
    assert covered == {"marketing", "notification", "transactional"}
    assert SendState.objects.get(contact=contact).transactional_reason == "opted_out"
    assert "<form" not in Client().get(path(contact)).content.decode()


@pytest.mark.parametrize(
    ("phone", "purposes"),
    [
        (GB, {"marketing", "notification"}),
        (US, {"marketing", "notification", "transactional"}),
    ],
)
@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("List-Unsubscribe=One-Click", "application/x-www-form-urlencoded"),
        ("choice=everything", "application/x-www-form-urlencoded"),
        ("\x00{", "application/json"),
        ("x", "multipart/form-data; boundary=none"),
        ("x", "multipart/form-data"),
    ],
)
def test_one_click_has_the_effect_of_a_stop(
    make_contact: Make, path: Any, phone: str, purposes: set[str], body: str, content_type: str
) -> None:
    """[R-2.14], RFC 8058's way: a POST without our form."""
    contact = make_contact(phone, consent=True)
    answer = Client().post(path(contact), data=body, content_type=content_type)
    assert answer.status_code == 200
    assert set(Suppression.objects.get().purposes) == purposes


def test_plus_one_may_keep_order_messages(make_contact: Make, path: Any) -> None:
    """[R-2.14]: the page asks the scope question; no answer would revoke all."""
    contact = make_contact(US, consent=True)
    assert 'value="all" checked' in Client().get(path(contact)).content.decode()
    Client().post(path(contact), {"choice": "marketing"})
    assert set(Suppression.objects.get().purposes) == {"marketing", "notification"}


def test_tampered_and_invented_tokens_change_nothing(
    brand: Brand, make_contact: Make, path: Any
) -> None:
    contact = make_contact(GB, consent=True)
    token = path(contact)[3:]
    wrong = [
        SAMPLE_TOKEN,
        "x",
        token[:-1],
        token + "0",
        "é" * TOKEN_LENGTH,
        "%00" * 6,
        token.swapcase(),
    ]
    for place in range(TOKEN_LENGTH):
        other = ALPHABET[(ALPHABET.index(token[place]) + 1) % 62]
        wrong.append(token[:place] + other + token[place + 1 :])
    for text in wrong:
        for answer in (Client().get(f"/o/{text}"), Client().post(f"/o/{text}", {"choice": "all"})):
            assert answer.status_code == 404, text
            assert "nothing has changed" in answer.content.decode()
            assert answer["Referrer-Policy"] == "no-referrer"
    nothing_changed(contact, brand)


@pytest.mark.parametrize("tail", [".", ")", ".”", "/", "!"])
def test_what_the_phone_adds_to_the_link_is_forgiven(
    make_contact: Make, path: Any, tail: str
) -> None:
    contact = make_contact(GB, consent=True)
    assert Client().get(path(contact) + tail).status_code == 200


def test_an_erased_person_can_still_opt_out(brand: Brand, make_contact: Make, path: Any) -> None:
    contact = make_contact(GB, consent=True)
    link = path(contact)
    Contact.objects.filter(pk=contact.pk).update(phone=None)
    assert Client().post(link, {"choice": "marketing"}).status_code == 200
    row = Suppression.objects.get()
    assert row.phone is None
    assert bytes(row.phone_hash) == phone_hash(GB)
    assert Client().post(link, {"choice": "marketing"}).status_code == 200
    assert Suppression.objects.count() == 1


def test_an_old_text_is_about_the_number_that_got_it(
    brand: Brand, make_contact: Make, path: Any
) -> None:
    """[R-4.3]: a changed number keeps its own state; the former owner's "no" holds for the old one."""
    contact = make_contact(GB, consent=True)
    link = path(contact)
    Contact.objects.filter(pk=contact.pk).update(
        phone="+447400123457", phone_hash=phone_hash("+447400123457")
    )
    assert Client().post(link, {"choice": "all"}).status_code == 200
    assert bytes(Suppression.objects.get().phone_hash) == phone_hash(GB)
    again = make_contact(GB, consent=True)
    assert state(again, brand) == "opted_out"


def test_a_link_outlives_a_change_of_keys(settings: Any, make_contact: Make, path: Any) -> None:
    contact = make_contact(GB, consent=True)
    link = path(contact)
    settings.PHONE_HASH_KEYS = {"new": "n" * 40, **settings.PHONE_HASH_KEYS}
    assert path(contact) != link
    for address in (link, path(contact)):
        assert Client().get(address).status_code == 200


@pytest.mark.parametrize("language", ["de", "ar", "zh-TW", "pt-BR"])
def test_the_page_speaks_the_brands_language(
    brand: Brand, make_contact: Make, path: Any, language: str
) -> None:
    Brand.objects.filter(pk=brand.pk).update(language=language)
    contact = make_contact(GB, consent=True)
    answer = Client().get(path(contact))
    html = answer.content.decode()
    assert answer["Content-Language"] == language.replace("-BR", "")
    assert f'dir="{"rtl" if language == "ar" else "ltr"}"' in html
    assert "Confirm<" not in html
    assert "{brand}" not in html


@given(
    st.integers(0, 62**3 - 1),
    st.integers(0, 62**6 - 1),
    st.binary(min_size=32, max_size=32),
    st.sampled_from(PURPOSES),
)
def test_a_token_says_what_it_was_made_of(
    brand_id: int, contact_id: int, hashed: bytes, purpose: str
) -> None:
    key, old = link_key("k" * 40), link_key("o" * 40)
    token = token_maker(key, brand_id=brand_id, purpose=purpose)(contact_id, hashed)
    assert len(token) == TOKEN_LENGTH
    assert set(token) <= set(ALPHABET)
    found = [t for t in token_read(token, [old, key]) if ticket_holds(t, hashed)]
    assert [(t.brand_id, t.contact_id, t.purpose) for t in found] == [
        (brand_id, contact_id, purpose)
    ]
    assert not any(ticket_holds(t, hashed[::-1] + b"x") for t in token_read(token, [old, key]))


def test_every_link_is_as_long_as_the_sample(brand: Brand) -> None:
    """The length of the text is known before anybody's link is."""
    make = link_maker(brand.pk, "marketing")
    assert {len(make(n, phone_hash(GB))) for n in (1, 62**6 - 1)} == {len(link_sample())}
