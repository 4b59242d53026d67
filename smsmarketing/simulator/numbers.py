"""Number lookups and lists of networks in the shape of VertexSMS; what is said of a number depends on
its last digit only.
"""

from __future__ import annotations

import json
import re

from smsmarketing.simulator.carrier import Carrier
from smsmarketing.simulator.rates import country_of, mcc_of_country
from smsmarketing.simulator.server import Action, Request, answer
from smsmarketing.simulator.settings import loopback_target

_PATH = re.compile(r"/(mccmnc|prefixes|operators)/([A-Z]{2}|[0-9]{1,6})")
_NUMBER = re.compile(r"[1-9][0-9]{6,14}")
_ERRORS = {"7": 40, "8": 43, "9": 51}
"""Ends in 7: nobody has the number; 8: the phone is off; 9: no clear answer."""
_NAMES = {"01": "Northern Mobile", "02": "Southern Mobile"}


def numbers_answer(carrier: Carrier, request: Request) -> Action | None:
    """The answer to a call about numbers; None when it is about something else."""
    if (request.method, request.path) == ("POST", "/hlr"):
        return _lookup(carrier, request)
    found = _PATH.fullmatch(request.path)
    if request.method != "GET" or found is None:
        return None
    what, key = found.groups()
    if what == "operators":
        return _operator(key)
    country = mcc_of_country(key)
    if country is None:
        return _json([])
    dial, mcc = country
    if what == "prefixes":
        rows = [
            {
                "prefix": f"{dial}{digit}",
                "country": key,
                "operatorId": _id(mcc, _network(str(digit))),
            }
            for digit in range(10)
        ]
        return _json(rows)
    page = request.parameters().get("Page", "1")
    rows = [
        {"country": key, "MCC": mcc, "MNC": code, "operatorId": _id(mcc, code)} for code in _NAMES
    ]
    return _json(rows if page == "1" else [])


def _lookup(carrier: Carrier, request: Request) -> Action:
    try:
        document = json.loads(request.body)
        number, url = str(document["msisdn"]), str(document["callBackUrl"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return _json({"message": "Give msisdn and callBackUrl."}, 400)
    place = country_of(number)
    if not _NUMBER.fullmatch(number) or place is None:
        return _json({"message": "Invalid value for field 'msisdn'."}, 400)
    lookup_id = str(carrier.next_id())
    error = _ERRORS.get(number[-1], 0)
    told: dict[str, object] = {"id": lookup_id, "error": error}
    if error in (0, 43):
        country, mcc = place
        code = _network(number[-4])
        told |= {"country": country, "mcc": mcc, "mnc": code, "operatorId": int(_id(mcc, code))}
    carrier.lookup_plan(loopback_target(url), json.dumps(told).encode())
    return _json([lookup_id])


def _operator(key: str) -> Action:
    name = _NAMES.get(key[3:])
    if name is None:
        return _json({"message": "There is no such operator."}, 404)
    return _json({"name": name, "mcc": key[:3], "mnc": [key[3:]]})


def _id(mcc: str, code: str) -> str:
    return mcc + code


def _network(digit: str) -> str:
    return "01" if int(digit) < 5 else "02"


def _json(value: object, status: int = 200) -> Action:
    return Action("answer", answer(status, json.dumps(value).encode()))
