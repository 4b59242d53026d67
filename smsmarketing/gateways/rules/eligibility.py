"""May this sender be used in this country at this gateway for this purpose, and what to do if not.

[R-5.6]: allowed, register, forbidden or unknown; only `allowed` sends. What people said goes before
the packaged table, what is said of one sender before what is said of its kind; but no word about
one sender lifts a binding rule: there it takes a registration.
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from smsmarketing.gateways.rules.senders import KIND_WORDS, sender_country_problem

STOPPED = {
    "rejected": "refused",
    "suspended": "suspended",
    "expired": "ended",
    "withdrawn": "withdrawn",
}
"""States of a registration in which nobody's earlier word lets the sender send there."""

PURPOSES = ("marketing", "transactional", "notification", "otp")


class CountryRule(NamedTuple):
    """The rule that holds for the kind: the most specific one."""

    status: str
    binding: bool
    by_people: bool
    registry: str
    replacement: str
    note: str
    source: str
    as_of: date


class Standing(NamedTuple):
    """What is known of one sender in one country."""

    country: str
    value: str
    kind: str
    own: str = ""
    """What people confirmed for it with evidence; empty: nobody said anything."""
    registry: str = ""
    """The registry in which people confirmed it, e.g. SSIR; it counts where that one is asked for."""
    filed: str = ""
    """State of its registration for this country; empty when there is none."""
    at_gateway: str = ""
    """State of its application at the gateway; empty: none was made there."""


class Verdict(NamedTuple):
    """The answer, with the reason and the next step in words; both empty when it is allowed."""

    country: str
    status: str
    why: str
    next_step: str
    registry: str
    replacement: str
    note: str
    source: str
    as_of: date | None

    @property
    def sentence(self) -> str:
        """Country, reason and what to do, for people."""
        return f"{self.country}: {self.why} {self.next_step}".strip()


def purpose_of(purpose: str) -> str:
    """The purpose a rule knows: a test and a request to opt in are marketing in every respect."""
    return "marketing" if purpose in ("test", "opt_in", "") else purpose


def eligibility_decide(standing: Standing, rule: CountryRule | None, *, purpose: str) -> Verdict:
    """The one decision; preview, plan and dispatch ask here."""
    status, why, step = _decided(standing, rule, purpose)
    # Registered senders are shown as they are; where the rule is not to register, the gateway puts
    # its own in place, and nobody may find that out afterwards.
    shown = rule is not None and not (status == "allowed" and rule.status == "register")
    return Verdict(
        country=standing.country,
        status=status,
        why=why,
        next_step=step,
        registry=rule.registry if rule else "",
        replacement=rule.replacement if rule and shown else "",
        note=rule.note if rule else "",
        source=rule.source if rule else "",
        as_of=rule.as_of if rule else None,
    )


def _decided(standing: Standing, rule: CountryRule | None, purpose: str) -> tuple[str, str, str]:
    country, kind = standing.country, KIND_WORDS.get(standing.kind, standing.kind)
    problem = sender_country_problem(standing.value, standing.kind, country, purpose=purpose)
    if problem:
        return "forbidden", problem, "Register another sender for this country."
    if standing.at_gateway and standing.at_gateway != "verified":
        word = standing.at_gateway.replace("_", " ")
        return (
            "register",
            f"The application at the gateway is {word}.",
            "Wait for its answer, or use another sender or gateway.",
        )
    if standing.own == "forbidden":
        return (
            "forbidden",
            f"It was said of {standing.value} that it may not be used there.",
            "Use another sender, or confirm the country with sender_ids.countries_save.",
        )
    if standing.filed in STOPPED:
        word = STOPPED[standing.filed]
        return "register", f"Its registration was {word}.", _register(standing, rule)
    registered = _registered(standing, rule)
    if rule is not None and rule.status == "forbidden":
        if standing.own == "allowed" and not rule.binding and not rule.by_people:
            return "allowed", "", ""
        return "forbidden", f"A {kind} is not allowed there. {rule.note}".strip(), _other(standing)
    named = _needs_registration(standing, rule)
    if named is not None and not registered:
        return "register", f"It must be registered there{named}.", _register(standing, rule)
    if registered or standing.own == "allowed":
        return "allowed", "", ""
    if standing.own == "register":
        return "register", "Its registration is not finished.", _register(standing, rule)
    return (
        "unknown",
        "Nobody has confirmed that the gateway takes this sender there.",
        "Ask the gateway, then confirm the country with sender_ids.countries_save.",
    )


def _needs_registration(standing: Standing, rule: CountryRule | None) -> str | None:
    """ " in <registry>" when only a registration helps; None when it is not asked for."""
    hash_name = _hash_name(standing)
    if rule is None or rule.status != "register":
        return " in SSRS" if hash_name else None
    if standing.own == "allowed" and not (rule.binding or rule.by_people or hash_name):
        return None
    return f" in {rule.registry}" if rule.registry else ""


def _registered(standing: Standing, rule: CountryRule | None) -> bool:
    """Only the registry that is asked for there counts: SSIR says nothing about another country."""
    wanted = rule.registry if rule is not None else ""
    wanted = wanted or ("SSRS" if _hash_name(standing) else "")
    return standing.filed == "approved" or (bool(wanted) and standing.registry.upper() == wanted)


def _hash_name(standing: Standing) -> bool:
    """A name that is shown as registered in Hong Kong."""
    return standing.country == "HK" and standing.value.startswith("#")


def _register(standing: Standing, rule: CountryRule | None) -> str:
    """What to do about a registration that is missing, under way, or over."""
    at = f" at {rule.registry}" if rule is not None and rule.registry else ""
    if standing.filed == "draft":
        return "The registration is a draft: complete it and apply with sender_id.apply."
    if standing.filed in {"submitted", "in_review"}:
        return (
            "The registration is with the registry: wait for its answer, or leave the country out."
        )
    if standing.filed == "rejected":
        return (
            "Read the reason in the registration, correct it and apply again with sender_id.apply."
        )
    if standing.filed in {"suspended", "expired"}:
        return "Settle or renew it; compliance then records the approval with sender_registrations.record."
    return f"Open a registration{at} with sender_registrations.save, or leave the country out."


def _other(standing: Standing) -> str:
    other = (
        "Use a long number or a short code there"
        if standing.kind == "alphanumeric"
        else "Use another kind of sender there"
    )
    return f"{other}, or leave the country out; a written exception goes into sender_rules.save."
