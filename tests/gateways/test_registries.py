"""What registries ask for, without a database: every requirement has a source, none is invented."""

from __future__ import annotations

from smsmarketing.gateways.rules.eligibility import Standing, eligibility_decide
from smsmarketing.gateways.rules.registries import lacking, registries
from smsmarketing.gateways.rules.sender_table import table_rules
from smsmarketing.gateways.rules.senders import KINDS

SOURCES = {"compliance 5.2", "compliance 5.3", "operation catalogue 000-42", "GOV.UK Notify table"}


def test_the_packaged_registries() -> None:
    """[R-5.8]"""
    for row in registries().values():
        assert row.source in SOURCES
        assert set(row.kinds) <= set(KINDS)
        assert row.scope in {"sender", "brand"}
        assert not row.needs or row.needs in registries()
        keys = [each.key for each in row.questions]
        assert len(set(keys)) == len(keys)
        for asked in (*row.questions, *row.papers):
            assert asked.source in SOURCES, (row.key, asked.key)
        for question in row.questions:
            assert question.form in {"text", "long", "choice", "list"}
            assert (question.form == "choice") is bool(question.choices)


def test_every_registry_that_the_table_names_can_be_applied_to() -> None:
    """[R-5.6]: a country that says "register at X" leads to an X that takes this kind there."""
    for rule in table_rules():
        if rule.registry:
            row = registries()[rule.registry]
            assert rule.country in row.countries, rule
            assert rule.kind in row.kinds, rule


def test_what_is_lacking() -> None:
    row = registries()["10DLC"]
    given = {each.key: "no" if each.choices else "x" for each in row.questions}
    missing = lacking(row, company="Acme", answers=given, papers=["opt_in_screenshot"])
    assert list(missing) == ["answers.samples"]  # two to five
    given["samples"] = "one\n\ntwo"
    assert lacking(row, company="Acme", answers=given, papers=["opt_in_screenshot"]) == {}
    assert set(lacking(row, company=" ", answers=given, papers=[])) == {
        "company_name",
        "documents.opt_in_screenshot",
    }


def test_what_a_registration_does_to_the_decision() -> None:
    """[R-5.6]: approved opens, everything else says what to do, an ended one outweighs a word."""
    standing = Standing("TH", "Acme", "alphanumeric", own="allowed")
    for state, status in {
        "": "allowed",
        "draft": "allowed",
        "submitted": "allowed",
        "approved": "allowed",
        "rejected": "register",
        "suspended": "register",
        "expired": "register",
        "withdrawn": "register",
    }.items():
        verdict = eligibility_decide(standing._replace(filed=state), None, purpose="marketing")
        assert verdict.status == status, state
        assert bool(verdict.next_step) is (status != "allowed")
