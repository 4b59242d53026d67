"""What an answer means by a definition, and how that was found, step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from smsmarketing.gateways.transports import payload
from smsmarketing.gateways.transports.answers import (
    Verdict,
    coded_refusal,
    currency_of,
    http_refusal,
    http_verdict,
    parts_of,
    price_of,
    refusal,
    retry_after,
    unknown_code,
    verdict_of,
)
from smsmarketing.gateways.transports.base import (
    ErrorMeaning,
    SubmitResult,
    TransportDataError,
)
from smsmarketing.gateways.transports.generic.definition import Definition, Rule
from smsmarketing.gateways.transports.generic.reading import Said, answer_read, rule_fits

_MAY_NOT_BE_TAKEN: Final = frozenset({"rejected", "throttled", "retryable"})
_SHOWN: Final = 60


@dataclass(slots=True)
class Understood:
    """A result and the steps to it."""

    result: SubmitResult
    steps: list[str] = field(default_factory=list)


def answer_understood(
    definition: Definition,
    errors: Mapping[str, ErrorMeaning],
    status: int,
    headers: Mapping[str, str],
    body: bytes,
) -> Understood:
    """Read an answer; never raises. Doubt is the result of everything that no rule names."""
    answer = definition.answer
    steps = [f"HTTP status {status}, {len(body)} bytes."]
    said: Said | None = None
    try:
        said = answer_read(answer.read, answer.charset, headers, body)
        steps.append(f"The body was read as {answer.read}.")
    except TransportDataError as exc:
        steps.append(f"The body cannot be read as {answer.read}: {exc}")
    accepted = (
        200 <= status < 300 and _first("accepted", answer.accepted, status, said, steps) is not None
    )
    duplicate = _first("duplicate", answer.duplicate, status, said, steps) is not None
    refused = _first("refused", answer.refused, status, said, steps)
    if (accepted or duplicate) and refused is not None:
        steps.append("It says accepted and refused at once: ambiguous, never sent again by itself.")
        return Understood(_doubt(definition, "The answer contradicts itself", body), steps)
    if duplicate:
        steps.append("The provider had it already: treated as sent.")
        verdict = verdict_of("duplicate", f"{definition.label} had this message already.")
        return Understood(refusal(verdict, code="duplicate", raw=body), steps)
    if accepted and said is not None:
        return Understood(_taken(definition, said, body, steps), steps)
    if accepted:
        steps.append("Accepted by its status, but the body cannot be read: ambiguous.")
        return Understood(_doubt(definition, "The answer cannot be read", body), steps)
    if refused is not None:
        result = _refused(
            definition, errors, answer.refused[refused].error_class, said, headers, body
        )
        steps.append(f"Refused: {result.error_text}")
        return Understood(result, steps)
    return Understood(_by_status(definition, status, headers, body, steps), steps)


def _first(
    name: str, rules: Sequence[Rule], status: int, said: Said | None, steps: list[str]
) -> int | None:
    """The number of the first rule that fits; each test of each rule leaves a step."""
    for number, rule in enumerate(rules):
        told = f"Rule {name} {number + 1}"
        if not rule.status_from <= status <= rule.status_to:
            steps.append(f"{told}: status is not {rule.status_from} to {rule.status_to}.")
            continue
        for test in rule.tests if said is not None else ():
            value = said.find(test) if said is not None else None
            where = f"{test.place} {test.at or '(whole)'}"
            shown = "nothing" if value is None else f"“{value[:_SHOWN]}”"
            fits = said is not None and said.fits(test)
            steps.append(f"{told}: {where} is {shown}, which {'fits' if fits else 'does not fit'}.")
        if rule_fits(rule, status, said):
            steps.append(f"{told} fits.")
            return number
    return None


def _taken(definition: Definition, said: Said, body: bytes, steps: list[str]) -> SubmitResult:
    answer = definition.answer
    found = payload.identifier(said.find(answer.id))
    if answer.id is not None and answer.id_needed and found is None:
        steps.append("Accepted, but without a usable message id: ambiguous.")
        return _doubt(definition, "The answer says accepted but has no message id", body)
    steps.append(f"Accepted, message id {found or 'none'}.")
    price = price_of(said.find(answer.price))
    return SubmitResult(
        outcome="accepted",
        definitely_not_accepted=False,
        gateway_message_id=found,
        parts_billed=parts_of(said.find(answer.parts)),
        price=price,
        currency=currency_of(answer.currency) if price is not None else None,
        raw=body,
    )


def _refused(
    definition: Definition,
    errors: Mapping[str, ErrorMeaning],
    error_class: str,
    said: Said | None,
    headers: Mapping[str, str],
    body: bytes,
) -> SubmitResult:
    label = definition.label
    code = payload.code_word(said.find(definition.answer.code)) if said is not None else None
    if code is not None and code in errors:
        return coded_refusal(errors, code, label=label, raw=body, headers=headers)
    if code is not None and error_class == "soft":
        return refusal(
            unknown_code(label, code), code=code, raw=body, retry_after_s=retry_after(headers)
        )
    meaning = ErrorMeaning(error_class, f"{label} refused the message.")  # type: ignore[arg-type]
    return refusal(
        verdict_of(meaning.error_class, meaning.meaning),
        code=code or "refused",
        raw=body,
        retry_after_s=retry_after(headers),
    )


def _by_status(
    definition: Definition, status: int, headers: Mapping[str, str], body: bytes, steps: list[str]
) -> SubmitResult:
    """No rule fits."""
    if definition.answer.plain_http:
        result = http_refusal(definition.label, status, headers, body)
        steps.append(f"No rule fits; HTTP status {status} alone says: {result.outcome}.")
        return result
    steps.append("No rule fits: ambiguous, never sent again by itself.")
    doubt = http_verdict(definition.label, 200)
    return refusal(doubt, code=f"http_{status}", raw=body, retry_after_s=retry_after(headers))


def _doubt(definition: Definition, why: str, body: bytes) -> SubmitResult:
    return refusal(
        Verdict(
            "ambiguous", "ambiguous", f"{why} ({definition.label}); the message may be queued."
        ),
        code="unclear",
        raw=body,
    )
