"""Whether a definition can work and is safe: each fault has a code, a place and a sentence."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable, Iterator
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from smsmarketing.gateways.transports.generic.definition import Definition, Find, Rule, Webhook
from smsmarketing.gateways.transports.generic.patterns import PatternRefused, pattern_of
from smsmarketing.gateways.transports.generic.placeholders import (
    CREDENTIAL,
    ESCAPES,
    PERSONAL,
    TemplateRefused,
    template_names,
    template_of,
)
from smsmarketing.gateways.transports.generic.safety import safety_faults
from smsmarketing.gateways.transports.generic.sending import Pair, Submit

_DEEPEST: Final = 8
_OWN_HEADERS: Final = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "expect", "content-type"}
)


class Problem(NamedTuple):
    """A fault (it cannot be saved) or a warning (it can, and people should know)."""

    level: Literal["error", "warning"]
    code: str
    path: str
    sentence: str


def definition_problems(definition: Definition) -> list[Problem]:
    """All faults and warnings, faults first."""
    found = [
        *_template_problems(definition),
        *_submit_problems(definition.submit),
        *_answer_problems(definition),
        *_webhook_problems(definition),
        *_check_problems(definition),
        *_whole_problems(definition),
        *(_error(*fault) for fault in safety_faults(definition)),
    ]
    return sorted(found, key=lambda problem: problem.level)


def _error(code: str, path: str, sentence: str) -> Problem:
    return Problem("error", code, path, sentence)


def _templates(definition: Definition) -> Iterator[tuple[str, str, bool]]:
    """Path, template and whether it lands in the URL."""
    submit, check = definition.submit, definition.check
    yield "submit.path", submit.path, True
    for name, pairs, in_url in _pair_lists(definition):
        for number, pair in enumerate(pairs):
            yield f"{name}.{number}.value", pair.value, in_url
    yield "submit.auth.user", submit.auth.user, False
    yield "submit.auth.secret", submit.auth.secret, submit.auth.kind == "query"
    if submit.body == "text":
        yield "submit.text", submit.text, False
    if check is not None:
        yield "check.path", check.path, True
    if submit.body == "json":
        for text in _json_strings(submit.json_text):
            yield "submit.json_text", text, False


def _pair_lists(definition: Definition) -> list[tuple[str, list[Pair], bool]]:
    submit, check = definition.submit, definition.check
    lists = [
        ("submit.query", submit.query, True),
        ("submit.headers", submit.headers, False),
        ("submit.form", submit.form, False),
        ("submit.test", submit.test, submit.body != "form"),
    ]
    if check is not None:
        lists += [("check.query", check.query, True), ("check.form", check.form, False)]
    return lists


def _json_strings(text: str) -> list[str]:
    try:
        waiting = [json.loads(text)]
    except (ValueError, RecursionError):
        return []
    found = []
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            waiting += value.values()
    return found


def _template_problems(definition: Definition) -> Iterator[Problem]:
    declared = {CREDENTIAL + each.name for each in definition.credentials}
    used: set[str] = set()
    for path, text, in_url in _templates(definition):
        try:
            names = template_names(text)
        except TemplateRefused as exc:
            yield _error("template", path, str(exc))
            continue
        secrets = {name for name in names if name.startswith(CREDENTIAL)}
        used |= secrets
        for name in sorted(secrets - declared):
            yield _error(
                "credential_unknown",
                path,
                f"Declare {name.removeprefix(CREDENTIAL)} in credentials.",
            )
        if secrets and in_url:
            yield Problem(
                "warning",
                "credential_in_url",
                path,
                "A credential in the URL may land in logs of proxies. Use the body or a header if"
                " the provider takes it there.",
            )
        if names & PERSONAL and in_url:
            yield Problem(
                "warning",
                "personal_in_url",
                path,
                "The number or the text in the URL may land in logs of proxies. Use the body if the"
                " provider takes it there.",
            )
        if names & PERSONAL and (path.startswith(("submit.headers", "submit.auth", "check"))):
            yield _error(
                "personal_in_header", path, "The number and the text belong into the body."
            )
    token = definition.webhook.token if definition.webhook is not None else None
    if token is not None:
        used.add(CREDENTIAL + token.credential)
        if CREDENTIAL + token.credential not in declared:
            yield _error(
                "credential_unknown",
                "webhook.token.credential",
                f"Declare {token.credential} in credentials.",
            )
    for name in sorted(declared - used):
        yield Problem("warning", "credential_unused", "credentials", f"Nothing uses {{{name}}}.")


def _submit_problems(submit: Submit) -> Iterator[Problem]:
    if submit.method == "GET" and submit.body != "none":
        yield _error("body_of_get", "submit.body", "A GET has no body: set body to none.")
    if submit.method != "GET" and submit.body == "none":
        yield _error(
            "no_body",
            "submit.body",
            "A POST or PUT needs a body; move the fields into it, or use GET.",
        )
    if submit.body == "form" and not submit.form:
        yield _error("no_fields", "submit.form", "A form body needs fields.")
    if submit.body == "json":
        try:
            json.loads(submit.json_text)
        except (ValueError, RecursionError):
            yield _error("json", "submit.json_text", "This is not one JSON value.")
    if submit.body == "text":
        yield from _text_problems(submit)
    yield from _auth_problems(submit)
    if submit.number_format == "national" and not submit.country_code:
        yield _error("country_code", "submit.country_code", "National numbers need it.")
    if submit.validity_most_s < submit.validity_least_s:
        yield _error("validity", "submit.validity_most_s", "It is below the shortest.")
    yield from _zone_problems("submit.time_zone", submit.time_zone)
    yield from _reach_problems(submit)


def _auth_problems(submit: Submit) -> Iterator[Problem]:
    auth = submit.auth
    if auth.kind in ("header", "query") and not auth.name:
        yield _error("auth_name", "submit.auth.name", "Name the header or the query field.")
    if auth.kind != "none" and not auth.secret:
        yield _error("auth_secret", "submit.auth.secret", "Give the secret's template.")
    if auth.kind == "basic" and not auth.user:
        yield _error("auth_user", "submit.auth.user", "Give the user name's template.")
    for number, pair in enumerate(submit.headers):
        if pair.name.lower() in _OWN_HEADERS or not pair.name.replace("-", "").isalnum():
            yield _error(
                "header_name", f"submit.headers.{number}.name", "This header cannot be set here."
            )


def _text_problems(submit: Submit) -> Iterator[Problem]:
    if not submit.text:
        yield _error("no_text", "submit.text", "A text body needs its text.")
    try:
        pieces = template_of(submit.text)
    except TemplateRefused:
        return
    for piece in pieces:
        if piece.name and not ESCAPES & set(piece.filters):
            yield _error(
                "not_escaped",
                "submit.text",
                f"{{{piece.name}}} needs an escape: {', '.join(sorted(ESCAPES))}.",
            )


def _reach_problems(submit: Submit) -> Iterator[Problem]:
    """The request must carry the number and the text, always."""
    pairs = [*submit.query, *(submit.form if submit.body == "form" else [])]
    texts = [(pair.value, pair.only) for pair in pairs if not pair.optional]
    texts.append((submit.path, "always"))
    if submit.body == "text":
        texts.append((submit.text, "always"))
    if submit.body == "json":
        texts += [(text, "always") for text in _json_strings(submit.json_text)]
    for name, words in (("to", "the recipient"), ("text", "the text")):
        for kind in ("gsm", "unicode"):
            if not any(only in ("always", kind) and _uses(text, name) for text, only in texts):
                yield _error(
                    "not_sent",
                    "submit",
                    f"{{{name}}} is nowhere for {kind} texts: {words} is missing.",
                )


def _uses(text: str, name: str) -> bool:
    try:
        return name in template_names(text)
    except TemplateRefused:
        return False


def _answer_problems(definition: Definition) -> Iterator[Problem]:
    answer = definition.answer
    for name, rules in (
        ("accepted", answer.accepted),
        ("duplicate", answer.duplicate),
        ("refused", answer.refused),
    ):
        yield from _rule_problems(f"answer.{name}", rules, answer.read)
    for number, rule in enumerate(answer.accepted):
        if not (rule.status_from >= 200 and rule.status_to <= 299):
            yield _error(
                "accepted_status", f"answer.accepted.{number}", "Only 200 to 299 can mean accepted."
            )
        if not rule.tests and answer.id is None:
            yield _error(
                "accepted_blind",
                f"answer.accepted.{number}",
                "A status alone is no proof: test the body, or say where the message id is.",
            )
    for number, rule in enumerate(answer.refused):
        if not rule.tests and (rule.status_from < 400 or rule.status_to >= 500):
            yield _error(
                "refused_blind",
                f"answer.refused.{number}",
                "Without a test only a status from 400 to 499 surely means refused.",
            )
    for name in ("id", "code", "parts", "price"):
        yield from _find_problems(f"answer.{name}", getattr(answer, name), answer.read)
    for number, code in enumerate(answer.codes):
        if not code.meaning.endswith("."):
            yield _error("sentence", f"answer.codes.{number}.meaning", "End it with a full stop.")
    yield from _twice("answer.codes", (code.code for code in answer.codes))


def _rule_problems(path: str, rules: Iterable[Rule], form: str) -> Iterator[Problem]:
    for number, rule in enumerate(rules):
        if rule.status_to < rule.status_from:
            yield _error("status", f"{path}.{number}.status_to", "It is below status_from.")
        for at, test in enumerate(rule.tests):
            yield from _find_problems(f"{path}.{number}.tests.{at}", test, form)


def _find_problems(path: str, find: Find | None, form: str) -> Iterator[Problem]:
    if find is None:
        return
    if find.pattern:
        try:
            pattern_of(find.pattern)
        except PatternRefused as exc:
            yield _error("pattern", f"{path}.pattern", str(exc))
    if find.place == "header":
        if not find.at:
            yield _error("place", f"{path}.at", "Name the header.")
        return
    at = find.at
    if form == "json" and at and (not at.startswith("/") or at.count("/") > _DEEPEST):
        yield _error("place", f"{path}.at", "Use a JSON pointer like /messages/0/id.")
    elif form == "csv" and at and not (at.isdecimal() and len(at) < 3):
        yield _error("place", f"{path}.at", "Use a column number; the first is 0.")
    elif form == "text" and at:
        yield _error(
            "place", f"{path}.at", "Plain text has no fields: leave it empty, use a pattern."
        )
    elif form == "form" and not at:
        yield _error("place", f"{path}.at", "Name the field.")


def _twice(path: str, words: Iterable[str]) -> Iterator[Problem]:
    seen: set[str] = set()
    for word in words:
        if word in seen:
            yield _error("twice", path, f"{word} is there twice.")
        seen.add(word)


def _webhook_problems(definition: Definition) -> Iterator[Problem]:
    webhook = definition.webhook
    if webhook is None:
        return
    yield from _zone_problems("webhook.time_zone", webhook.time_zone)
    if webhook.receipt is None and webhook.reply is None:
        yield _error("no_event", "webhook", "Describe receipts or replies, or leave webhook out.")
    if "GET" in webhook.methods and webhook.read != "form":
        yield _error("get_form", "webhook.read", "A GET carries form fields: read them as form.")
    if webhook.many_at and webhook.read != "json":
        yield _error("many_form", "webhook.many_at", "Only JSON carries lists of events.")
    yield from _map_problems(webhook)
    receipt = webhook.receipt
    if receipt is None:
        return
    yield from _twice("webhook.receipt.words", (word.word for word in receipt.words))
    if receipt.id is None and receipt.our_id is None and not _asks_receipts(definition):
        yield _error(
            "receipt_lost",
            "webhook.receipt",
            "Nothing ties a receipt to its message: send {dlr_url}, or find id or our_id.",
        )


def receipts_by_id(definition: Definition) -> bool:
    """Whether nothing but the provider's own id ties a receipt to its message."""
    receipt = definition.webhook.receipt if definition.webhook is not None else None
    return (
        receipt is not None
        and receipt.id is not None
        and receipt.our_id is None
        and definition.answer.id is not None
        and not _asks_receipts(definition)
    )


def _asks_receipts(definition: Definition) -> bool:
    return any(_uses(text, "dlr_url") for _, text, _ in _templates(definition))


def _map_problems(webhook: Webhook) -> Iterator[Problem]:
    for name in ("receipt", "reply"):
        part = getattr(webhook, name)
        if part is None:
            continue
        for number, test in enumerate(part.when):
            yield from _find_problems(f"webhook.{name}.when.{number}", test, webhook.read)
        for field in type(part).model_fields:
            value = getattr(part, field)
            if isinstance(value, Find):
                if value.place == "header":
                    yield _error("place", f"webhook.{name}.{field}", "Only its body is kept.")
                yield from _find_problems(f"webhook.{name}.{field}", value, webhook.read)


def _check_problems(definition: Definition) -> Iterator[Problem]:
    check = definition.check
    if check is None:
        return
    yield from _rule_problems("check.passed", check.passed, check.read)
    for number, rule in enumerate(check.passed):
        if not rule.tests:
            yield _error(
                "passed_blind",
                f"check.passed.{number}",
                "Test the body: many providers always say 200.",
            )


def _whole_problems(definition: Definition) -> Iterator[Problem]:
    yield from _twice("credentials", (each.name for each in definition.credentials))
    for block in definition.webhook_networks:
        try:
            ipaddress.ip_network(block, strict=False)
        except ValueError:
            yield _error("network", "webhook_networks", "Use CIDR blocks like 178.33.133.192/28.")


def _zone_problems(path: str, zone: str) -> Iterator[Problem]:
    try:
        ZoneInfo(zone)
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        yield _error("zone", path, "Use an IANA time zone like Asia/Taipei.")
