"""Every transport against everything that can go wrong on the way: the class, what becomes of the
message, and how many messages the provider took. Nothing is handed over twice [R-8.12], [R-10.16].
"""

from __future__ import annotations

import json
import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from smsmarketing.gateways import transports
from smsmarketing.gateways.dispatch.outcome import GATEWAY_CLASSES, result_of
from smsmarketing.gateways.engine import (
    Answer,
    Engine,
    Exchange,
    NoAnswer,
    exchange_result,
)
from smsmarketing.gateways.engine.smpp import LinkDown
from smsmarketing.gateways.transports.base import (
    SubmitRequest,
    Timeout,
    Transport,
    TransportConfig,
)
from tests.gateways.smpp.peers import OPEN, SMPP, Client, Smsc, engine, request
from tests.gateways.transports.cases import CASES, Case, message, raw, shipped
from tests.gateways.transports.faulty import FaultyProvider, Words

PATIENT, IMPATIENT = Timeout(5.0, 10.0), Timeout(0.5, 0.5)
TRIES = 2

# What goes wrong: (class, what becomes of the message, how many the provider took).
COMMON = {
    "html": ("ambiguous", "unknown", 1),  # 200 with a page
    "html_502": ("ambiguous", "unknown", 1),
    "empty": ("ambiguous", "unknown", 1),  # 200 with nothing
    "slow": ("ambiguous", "unknown", 1),  # the time is over
    "cut": ("ambiguous", "unknown", 1),  # half of an acceptance
    "cut_error": ("ambiguous", "unknown", 0),  # a part of a refusal under 200
    "contradiction": ("ambiguous", "unknown", 1),  # yes and no at once
    "not_http": ("ambiguous", "unknown", 1),
    "dns": ("soft", "again", 0),
    "refused": ("soft", "again", 0),  # nobody listens
    "tls": ("auth", "gateway stops", 0),
    "reset_before": ("ambiguous", "unknown", 0),  # before the body was read: nobody can know
    "reset_within": ("ambiguous", "unknown", 1),  # in the middle of the answer's headers
    "reset_after": ("ambiguous", "unknown", 1),
}
# A documented refusal, under 200 where the provider does that.
ERROR = {
    "bandwidth": ("content", "refused", 0),
    "every8d": ("auth", "gateway stops", 0),
    "infobip": ("account", "gateway stops", 0),
    "jasmin": ("auth", "gateway stops", 0),
    "kannel": ("auth", "gateway stops", 0),
    "mitake": ("auth", "gateway stops", 0),
    "sinch": ("content", "refused", 0),
    "smsapi": ("account", "gateway stops", 0),
    "telnyx": ("optout", "refused", 0),
    "twilio": ("hard", "refused", 0),
    "vertexsms": ("auth", "gateway stops", 0),
    "vonage": ("auth", "gateway stops", 0),
    "vonage_messages": ("sender", "refused", 0),
}
OWN = {
    ("cut", "kannel"): ("", "accepted", 1),  # "0: Acc" says it already
}
# SMPP, where a bind comes first: what cannot be bound is handed nothing.
SMPP_CELLS = {
    "html": ("ambiguous", "unknown", 1),
    "empty": ("ambiguous", "unknown", 1),  # closed without a word
    "slow": ("ambiguous", "unknown", 1),
    "cut": ("ambiguous", "unknown", 1),
    "error": ("hard", "refused", 0),
    "contradiction": ("ambiguous", "unknown", 1),  # a refusal with a message id
    "dns": ("dns", "not bound", 0),
    "refused": ("connect", "not bound", 0),
    "tls": ("tls", "not bound", 0),
    "reset_before": ("ambiguous", "unknown", 0),
    "reset_after": ("ambiguous", "unknown", 1),
}
_NAMELESS = "x" * 64  # no label of a name is so long: nobody has to be asked


@dataclass(frozen=True, eq=False)
class Provider:
    """One column of the matrix."""

    name: str
    transport: Transport
    credentials: dict[str, str]
    path: str
    words: Words
    to: str = "+37069912345"


def _column(case: Case) -> Provider:
    """Refuses with 2xx where it can; contradicts itself by an acceptance under 429, or as it may."""
    told = [each for each in case.refusals if each[2] != "duplicate"]
    refused = next((each for each in told if each[0] < 300), told[0])
    both = (429, case.accepted[1])
    if case.name == "smsapi":
        both = (200, raw({**json.loads(case.accepted[1]), "error": 201, "message": "x"}))
    return Provider(
        case.definition or case.name,
        case.transport,
        dict(case.credentials),
        case.path,
        Words(case.accepted, refused[:2], both),
    )


PROVIDERS = [
    *map(_column, CASES),
    Provider(
        "kannel",
        shipped("kannel"),
        {"username": "u", "password": "p"},
        "/cgi-bin/sendsms",
        Words(
            (202, b"0: Accepted for delivery"),
            (403, b"Authorization failed for sendsms"),
            (429, b"0: Accepted for delivery"),
        ),
    ),
    Provider(
        "mitake",
        shipped("mitake"),
        {"username": "u", "password": "p"},
        "/b2c/mtk/SmSend",
        Words(
            (200, b"[1]\r\nmsgid=0000000013\r\nstatuscode=1\r\nAccountPoint=126"),
            (200, b"[1]\r\nstatuscode=e\r\nError=bad"),
            (429, b"[1]\r\nmsgid=0000000013\r\nstatuscode=1\r\nAccountPoint=126"),
        ),
        to="+886912345678",
    ),
]


Cells = dict[tuple[str, str], tuple[str, str, int]]


@pytest.fixture(scope="module")
def cells() -> Cells:
    """Every fault once, all providers at once; what may be handed over again is."""
    provider = FaultyProvider({each.path: each.words for each in PROVIDERS})
    found: Cells = {}
    try:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            shut = f"http://127.0.0.1:{closed.getsockname()[1]}"
        places = {
            "dns": f"http://{_NAMELESS}.invalid",
            "refused": shut,
            "tls": provider.base_url.replace("http", "https"),
        }
        with Engine(len(PROVIDERS)) as over_http:
            for fault in (*COMMON, "error"):
                provider.fault = fault
                base_url = places.get(fault, provider.base_url)
                for each, became in _outcomes(over_http, fault, base_url).items():
                    found[fault, each.name] = (*became, provider.accepted[fault, each.path])
    finally:
        provider.close()
    return found


def _outcomes(over_http: Engine, fault: str, base_url: str) -> dict[Provider, tuple[str, str]]:
    """Class and fate of one message for each provider, after as many tries as are allowed here."""
    fates: dict[Provider, tuple[str, str]] = {}
    waiting = list(PROVIDERS)
    for attempt in range(1, TRIES + 1):
        exchanges: dict[str, Exchange] = {}
        over_http.submit_many(
            [(each.name, _request(each, fault, base_url)) for each in waiting],
            exchanges.__setitem__,
        )
        for each in waiting:
            fates[each] = _fate(each.transport, exchanges[each.name], attempt)
        waiting = [each for each in waiting if fates[each][1] in {"again", "gateway stops"}]
    return fates


def _request(each: Provider, fault: str, base_url: str) -> SubmitRequest:
    config = TransportConfig(
        base_url=base_url,
        credentials=each.credentials,
        timeout=IMPATIENT if fault == "slow" else PATIENT,
    )
    return each.transport.submit_request(message(to=each.to), config)


def _fate(transport: Transport, exchange: Exchange, attempt: int) -> tuple[str, str]:
    submit = exchange_result(transport, exchange)
    state = result_of(submit, message_id=41, attempt=attempt, purpose="marketing").state
    if state == "queued":
        state = "gateway stops" if submit.error_class in GATEWAY_CLASSES else "again"
    return submit.error_class or "", {"rejected": "refused"}.get(state, state)


def test_every_transport_is_in_the_matrix() -> None:
    assert {*transports.names(), "generic"} == {
        *(each.transport.name for each in PROVIDERS),
        SMPP.name,
    }
    assert set(ERROR) == {each.name for each in PROVIDERS}


@pytest.mark.parametrize("fault", [*COMMON, "error"])
def test_over_http(cells: Cells, fault: str) -> None:
    expected = {
        each.name: ERROR[each.name]
        if fault == "error"
        else OWN.get((fault, each.name), COMMON[fault])
        for each in PROVIDERS
    }
    assert {each.name: cells[fault, each.name] for each in PROVIDERS} == expected


def test_a_cut_code_is_not_read_as_another() -> None:
    """-4 is not known and would be tried again; it was the beginning of -41, or of anything."""
    every8d = shipped("every8d")
    whole = Answer(200, {}, b"-41,bad number", True, 0.1)
    assert exchange_result(every8d, whole).error_class == "hard"
    cut = exchange_result(every8d, replace(whole, body=b"-4", complete=False))
    assert (cut.outcome, cut.error_code) == ("ambiguous", "cut")


@pytest.mark.parametrize("case", CASES, ids=[case.definition or case.name for case in CASES])
def test_a_documented_refusal_is_in_no_doubt(case: Case) -> None:
    """The look for contradictions finds none in what providers really say."""
    for status, body, outcome, error_class, code in case.refusals:
        result = exchange_result(case.transport, Answer(status, {}, body, True, 0.1))
        found = (result.outcome, result.error_class, result.error_code)
        assert found == (outcome, error_class, code)


# --- SMPP ------------------------------------------------------------------------------------------


def _talk(fault: str, taken: Counter[str]) -> Callable[[Client, Smsc], None]:
    def talk(client: Client, _: Smsc) -> None:
        if fault == "reset_before":
            client.stream.recv(1, socket.MSG_PEEK)
            client.reset()
            return
        pdu = client.read()
        if fault == "error":
            client.refuse(pdu, 0x0B)
            client.read()
            return
        taken[fault] += 1
        if fault == "html":
            client.stream.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n<html>")
        elif fault == "cut":
            client.stream.sendall(b"\0\0\0\x15\x80\0\0\x04\0\0")
        elif fault == "contradiction":
            client.send(0x80000004, b"77\0", status=0x58, sequence=pdu.sequence)
        elif fault == "reset_after":
            client.reset()
            return
        if fault in {"slow", "html", "contradiction"}:
            client.read()  # until the other side goes

    return talk


@pytest.mark.parametrize("fault", SMPP_CELLS)
def test_over_smpp(fault: str) -> None:
    taken: Counter[str] = Counter()
    with Smsc(_talk(fault, taken)) as smsc:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            shut = f"smpp://127.0.0.1:{closed.getsockname()[1]}"
        places = {
            "dns": f"smpp://{_NAMELESS}.invalid:2775",
            "refused": shut,
            "tls": smsc.base_url.replace("smpp", "smpps"),
        }
        became = _over_smpp(places.get(fault, smsc.base_url), slow=fault == "slow")
        while OPEN:
            OPEN.pop().close()
    assert (*became, taken[fault]) == SMPP_CELLS[fault]


def _over_smpp(address: str, *, slow: bool) -> tuple[str, str]:
    try:
        bound = engine(address, window=1)
    except LinkDown as down:
        return down.kind, "not bound"
    if slow:
        bound._options = replace(bound._options, response_s=0)  # less than may be set
    exchanges: dict[int, Exchange] = {}
    for attempt in range(1, TRIES + 1):
        bound.submit_many([(1, request(1))], exchanges.__setitem__)
        if isinstance(exchanges[1], NoAnswer) and exchanges[1].kind == "not_started":
            break
        fate = _fate(SMPP, exchanges[1], attempt)
        if fate[1] not in {"again", "gateway stops"}:
            break
    return fate
