"""What public pages share: texts by language, strict headers, no cookies."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from smsmarketing.accounts.models import Brand
from smsmarketing.contacts.public.pages import public_page
from smsmarketing.contacts.rules.inbound_words import KEYWORD_ROWS
from smsmarketing.contacts.rules.public_words import (
    FALLBACK,
    language_known,
    public_table,
    public_words,
)
from smsmarketing.operations.models import AuditEntry

# Sublanguages whose speakers read another's texts.
SPOKEN = {row.language for row in KEYWORD_ROWS} - {"*"}


@pytest.mark.parametrize("topic", ["opt_out"])
def test_every_language_of_the_keywords_has_every_text(topic: str) -> None:
    table = public_table(topic)
    assert set(table) >= SPOKEN
    for language, texts in table.items():
        assert set(texts) == set(table[FALLBACK]), language
        for key, text in texts.items():
            assert text.strip() == text, (language, key)
            assert text, (language, key)
            english = table[FALLBACK][key]
            assert ("{brand}" in text) == ("{brand}" in english), (language, key)


@pytest.mark.parametrize(
    ("asked", "spoken"),
    [
        ("de", "de"),
        ("de-AT", "de"),
        ("pt-BR", "pt"),
        ("zh-HK", "zh-TW"),
        ("zh-Hant", "zh-TW"),
        ("zh-CN", "zh"),
        ("no", "nb"),
        ("tlh", "en"),
        ("", "en"),
    ],
)
def test_a_language_falls_back_to_its_nearest(asked: str, spoken: str) -> None:
    assert language_known("opt_out", asked) == spoken
    assert public_words("opt_out", asked)["title"] == public_table("opt_out")[spoken]["title"]


def test_a_page_is_strict_and_sets_no_cookie(brand: Brand) -> None:
    brand.language = "ar"
    brand.name_in_texts = "A<b>me"
    answer = public_page("public/base.html", topic="opt_out", brand=brand)
    html = answer.content.decode()
    assert '<html lang="ar" dir="rtl">' in html
    assert "A&lt;b&gt;me" in html
    assert "<script" not in html
    assert not answer.cookies
    policy = answer["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer["Referrer-Policy"] == "no-referrer"
    assert answer["X-Robots-Tag"] == "noindex, nofollow"
    assert answer["Cache-Control"] == "no-store"


def test_a_brand_is_given_its_language_and_it_is_audited(brand: Brand) -> None:
    out = StringIO()
    call_command("brand_language", brand.name, "pt-BR", stdout=out)
    brand.refresh_from_db()
    assert brand.language == "pt-BR"
    entry = AuditEntry.objects.get(operation="accounts.brand_language")
    assert entry.facts == {"before": "en", "after": "pt-BR"}


@pytest.mark.parametrize(("name", "code"), [("nobody", "de"), (None, "german"), (None, "d'e")])
def test_a_wrong_brand_or_code_changes_nothing(brand: Brand, name: str | None, code: str) -> None:
    with pytest.raises(CommandError, match=r"no brand|language code"):
        call_command("brand_language", name or brand.name, code, stdout=StringIO())
    brand.refresh_from_db()
    assert brand.language == "en"
    assert not AuditEntry.objects.filter(operation="accounts.brand_language").exists()
