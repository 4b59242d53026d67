"""Syntax of senders, names that look like others', and the decision on a country, without a database."""

from __future__ import annotations

from datetime import date

import pytest

from smsmarketing.gateways.rules.eligibility import (
    CountryRule,
    Standing,
    eligibility_decide,
)
from smsmarketing.gateways.rules.sender_names import name_alike, protected_names
from smsmarketing.gateways.rules.sender_table import table_rules
from smsmarketing.gateways.rules.senders import (
    GATEWAY_CHARACTERS,
    sender_country_problem,
    sender_problem,
    sender_warning,
)

VERTEX = GATEWAY_CHARACTERS["vertexsms"]


@pytest.mark.parametrize(
    ("value", "kind", "characters", "fine"),
    [
        ("Acme", "alphanumeric", " .", True),
        ("Acme Shop 1", "alphanumeric", " .", True),
        ("A1.", "alphanumeric", " .", True),
        ("Ac", "alphanumeric", " .", False),
        ("Acme Shop 12", "alphanumeric", " .", False),
        ("123456", "alphanumeric", " .", False),
        (" Acme", "alphanumeric", " .", False),
        ("Acme ", "alphanumeric", " .", False),
        ("Ac  me", "alphanumeric", " .", False),
        ("Аcme", "alphanumeric", " .", False),  # Cyrillic
        ("Ａcme", "alphanumeric", " .", False),  # full width
        ("Acme,Inc", "alphanumeric", " .", False),
        ("Acme_Inc", "alphanumeric", " .", False),
        ("Acme_Inc", "alphanumeric", VERTEX, True),
        ("R&D-Shop!", "alphanumeric", VERTEX, True),
        ("Acme+Inc", "alphanumeric", VERTEX, False),
        ("#Acme", "alphanumeric", " .", True),
        ("AD-Acme1", "alphanumeric", " .", True),
        ("AD-AcmeShop", "alphanumeric", " .", True),
        ("AD-AcmeShop1", "alphanumeric", " .", False),
        ("Acme-AD", "alphanumeric", " .", True),
        ("#12345", "alphanumeric", " .", False),
        ("+37061234567", "msisdn", " .", True),
        ("+1234567890123456", "msisdn", " .", False),
        ("37061234567", "msisdn", " .", False),
        ("+0061234567", "msisdn", " .", False),
        ("123", "shortcode", " .", True),
        ("123456789", "shortcode", " .", False),
        ("+18005550100", "tollfree", " .", True),
        ("+12125550100", "tollfree", " .", False),
        ("Acme", "viber", " .", False),
    ],
)
def test_what_a_sender_may_be(value: str, kind: str, characters: str, fine: bool) -> None:
    """[R-5.1], [R-5.2], [R-5.3]"""
    assert (sender_problem(value, kind, characters=characters) == "") is fine


@pytest.mark.parametrize(
    ("value", "country", "purpose", "fine"),
    [
        ("sms", "PH", "", False),
        ("SUN", "PH", "", False),
        ("Sunny", "PH", "", True),
        ("#Acme", "HK", "", True),
        ("#Acme", "SG", "", False),
        ("Acme", "AE", "marketing", False),
        ("Acme", "AE", "transactional", True),
        ("AD-Acme", "AE", "marketing", True),
        ("Acme", "SA", "marketing", False),
        ("Acme-AD", "SA", "marketing", True),
        ("ACMEIN", "IN", "", True),
        ("ACMEIND", "IN", "", False),
        ("ACME01", "IN", "", False),
        ("Acme Shop", "HR", "", False),
        ("Acme_Shop", "HR", "", True),
        ("Acme Shop", "TH", "", False),
        ("Acme Shop", "CY", "", True),
        ("Acme.Shop", "CY", "", False),
        ("Acme Shop", "LT", "", True),
    ],
)
def test_what_single_countries_ask(value: str, country: str, purpose: str, fine: bool) -> None:
    """[R-5.1], [R-5.2]"""
    said = sender_country_problem(value, "alphanumeric", country, purpose=purpose)
    assert (said == "") is fine
    assert sender_country_problem("+37061234567", "msisdn", country, purpose=purpose) == ""


def test_a_gateway_may_only_warn() -> None:
    """[R-5.1]"""
    assert "_" in sender_warning("Acme_Inc", "vertexsms")
    assert sender_warning("Acme.Inc", "vertexsms") == sender_warning("Acme_Inc", "twilio") == ""


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("PayPaI", "PayPal"),
        ("paypa1", "PayPal"),
        ("Pay Pal", "PayPal"),
        ("PayPal Help", "PayPal"),
        ("Arnazon", "Amazon"),
        ("G00gle", "Google"),
        ("UPS", "UPS"),
        ("Ups Acme", ""),
        ("Acme", ""),
        ("Paypallet", ""),
    ],
)
def test_names_that_read_like_protected_ones(value: str, name: str) -> None:
    """[R-5.5]"""
    assert name_alike(value, protected_names(), words=True) == name


def test_the_packaged_table() -> None:
    """One row for each country, kind and purpose; what regulators say goes before the price list."""
    rules = {(rule.country, rule.kind, rule.purpose): rule for rule in table_rules()}
    assert len(rules) == len(table_rules())
    assert len({country for country, _, _ in rules}) > 140
    words = {
        ("SG", "alphanumeric", ""): ("register", True, "SSIR"),
        ("HK", "alphanumeric", ""): ("register", False, "SSRS"),
        ("IN", "alphanumeric", ""): ("register", True, "DLT"),
        ("US", "msisdn", ""): ("register", True, "10DLC"),
        ("US", "alphanumeric", ""): ("forbidden", True, ""),
        ("DO", "alphanumeric", ""): ("forbidden", False, ""),
        ("IE", "alphanumeric", ""): ("register", True, "COMREG"),
        ("LT", "alphanumeric", ""): ("allowed", False, ""),
        ("DK", "alphanumeric", "marketing"): ("forbidden", False, ""),
        ("RU", "alphanumeric", "marketing"): ("forbidden", True, ""),
        ("BR", "alphanumeric", ""): ("forbidden", False, ""),
        ("MX", "msisdn", ""): ("unknown", False, ""),
    }
    for key, word in words.items():
        assert (rules[key].status, rules[key].binding, rules[key].registry) == word, key
    assert all(rule.source and rule.as_of for rule in rules.values())


def rule(status: str, **more: object) -> CountryRule:
    given = {"binding": False, "by_people": False, "registry": "", "replacement": ""} | more
    return CountryRule(status=status, note="", source="x", as_of=date(2026, 1, 1), **given)  # type: ignore[arg-type]


NAME = Standing("SG", "Acme", "alphanumeric")
SSIR = rule("register", binding=True, registry="SSIR")


@pytest.mark.parametrize(
    ("standing", "held", "status"),
    [
        (NAME, None, "unknown"),
        (NAME._replace(own="allowed"), None, "allowed"),
        (NAME._replace(own="register"), None, "register"),
        (NAME._replace(own="forbidden"), rule("allowed"), "forbidden"),
        (NAME, rule("allowed"), "unknown"),
        (NAME._replace(own="allowed"), rule("allowed"), "allowed"),
        (NAME._replace(own="allowed"), rule("unknown"), "allowed"),
        (NAME._replace(own="allowed"), rule("forbidden"), "allowed"),
        (NAME._replace(own="allowed"), rule("forbidden", binding=True), "forbidden"),
        (NAME._replace(own="allowed"), rule("forbidden", by_people=True), "forbidden"),
        (NAME._replace(own="allowed", registry="X"), rule("forbidden", registry="X"), "allowed"),
        (
            NAME._replace(own="allowed", registry="SSIR"),
            rule("forbidden", binding=True, registry="SSIR"),
            "forbidden",
        ),
        (NAME._replace(registry="SSIR"), None, "unknown"),
        (NAME._replace(own="register", registry="SSIR"), None, "register"),
        (NAME._replace(own="register", registry="SSIR"), rule("register"), "register"),
        (NAME._replace(registry="SSIR"), rule("allowed"), "unknown"),
        (NAME._replace(own="allowed"), rule("register"), "allowed"),
        (NAME._replace(own="allowed"), rule("register", by_people=True), "register"),
        (NAME._replace(own="allowed"), SSIR, "register"),
        (NAME._replace(own="allowed", registry="SSRS"), SSIR, "register"),
        (NAME._replace(own="allowed", registry="ssir"), SSIR, "allowed"),
        (NAME._replace(registry="SSIR"), SSIR, "allowed"),
        (NAME._replace(registry="*"), SSIR, "register"),
        (NAME._replace(own="allowed", at_gateway="verified"), rule("allowed"), "allowed"),
        (NAME._replace(own="allowed", at_gateway="submitted"), rule("allowed"), "register"),
        (NAME._replace(country="HK", value="#Acme", own="allowed"), rule("register"), "register"),
        (NAME._replace(country="HK", value="#Acme", registry="SSRS"), rule("register"), "allowed"),
        (NAME._replace(country="AE", own="allowed"), rule("allowed"), "forbidden"),
    ],
)
def test_the_decision(standing: Standing, held: CountryRule | None, status: str) -> None:
    """[R-5.6]: only allowed sends, and every other answer says why and what to do."""
    verdict = eligibility_decide(standing, held, purpose="marketing")
    assert verdict.status == status
    assert bool(verdict.why) is bool(verdict.next_step) is (status != "allowed")
    if status != "allowed":
        assert verdict.sentence.startswith(f"{standing.country}: ")


def test_a_replaced_sender_is_told_and_a_registered_one_is_not_replaced() -> None:
    """[R-5.7]"""
    replaced = rule("unknown", replacement="a short code")
    verdict = eligibility_decide(NAME._replace(own="allowed"), replaced, purpose="marketing")
    assert (verdict.status, verdict.replacement) == ("allowed", "a short code")
    asked = rule("register", registry="SSIR", replacement="Likely-SCAM")
    verdict = eligibility_decide(NAME._replace(registry="SSIR"), asked, purpose="marketing")
    assert (verdict.status, verdict.replacement) == ("allowed", "")
