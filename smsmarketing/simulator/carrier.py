"""The carrier's behaviour: accept or not, when a receipt follows and what people reply."""

import json
import random
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from urllib.parse import urlencode

from smsmarketing.simulator.callbacks import Callback, CallbackClient
from smsmarketing.simulator.parts import parts_count
from smsmarketing.simulator.rates import mcc_of
from smsmarketing.simulator.schedule import Schedule
from smsmarketing.simulator.server import Action, Request, answer
from smsmarketing.simulator.settings import Settings, loopback_target
from smsmarketing.simulator.submit import Submit, SubmitRefused, submit_read
from smsmarketing.simulator.tally import Tally

MAGIC = {
    "99901": "delivered",
    "99902": "error 53 (hard: invalid number)",
    "99903": "error 43 (soft: phone off)",
    "99904": "expired",
    "99905": "error 21 (blocked by filter)",
    "99906": "delivered slowly (receipt_slow_ms)",
    "99907": "no receipt",
    "99908": "delivered, then replies STOP",
    "99909": "delivered, then replies START",
    "99910": "delivered, then replies HELP",
    "99911": "refused: 400 for the field to",
    "99912": "refused: 503",
    "99913": "never answered, not accepted (hang)",
    "99914": "accepted, then the connection is reset",
    "99915": "delivered, then replies other text",
}
"""Recipients that end in these digits always behave so, whatever the mixes say [R-10.24]."""

_MAGIC_OUTCOME = {"99902": "53", "99903": "43", "99904": "expired", "99905": "21", "99907": "none"}
_MAGIC_REPLY = {"99908": "STOP", "99909": "START", "99910": "HELP", "99915": "other"}
_MAGIC_FAULT = {"99912": "http_503", "99913": "hang", "99914": "reset_after_accept"}
_REPLY_TEXTS = {
    "STOP": ("STOP", "Stop", "stop"),
    "START": ("START", "Start"),
    "HELP": ("HELP", "Help"),
    "other": ("Thanks!", "Who is this?", "When do you open?"),
}
_EARLY_HOLD_S = 0.3
_LONGEST_RETRY_S = 30.0
_HTML = b"<!doctype html><html><body><h1>Welcome to the network</h1></body></html>"
_ERROR_TEXTS = {
    400: "The request is invalid.",
    401: "The access token is missing or wrong.",
    403: "The request is refused.",
    429: "Too many requests.",
    500: "Server error, please try again.",
    501: "Server error, please try again.",
    503: "The service is temporarily unavailable, please try again.",
}


class Mix:
    """A weighted choice that costs one random number."""

    def __init__(self, weights: Mapping[str, float], *, rest: str | None = None) -> None:
        """`rest`: what is chosen for the share that `weights` leave of 1."""
        self._names = [name for name, weight in weights.items() if weight > 0]
        self._weights = [weights[name] for name in self._names]
        if rest is not None:
            self._names.append(rest)
            self._weights.append(max(0.0, 1.0 - sum(self._weights)))

    def draw(self, chance: random.Random) -> str:
        if len(self._names) == 1:
            return self._names[0]
        return chance.choices(self._names, self._weights)[0]


class Carrier:
    """Decides about submits and keeps the promises about receipts. One per process."""

    def __init__(
        self,
        settings: Settings,
        *,
        seed: int | None,
        keep: int,
        max_keys: int,
        max_pending: int,
        connections: int,
    ) -> None:
        self._chance = random.Random(seed)  # noqa: S311  # a simulation, not a secret
        self._start_settings = settings
        self.tally = Tally(keep=keep, max_keys=max_keys)
        self.schedule: Schedule[Callback] = Schedule(self._post, capacity=max_pending)
        self.client = CallbackClient(self._finished, connections=connections)
        # Ids stay unique when the simulator is restarted while the product keeps its rows.
        self._next_id = int(time.time() * 1000) * 1000
        self._epoch = 0
        self.more_pending: list[Callable[[], int]] = []
        """What other protocols of this carrier still have to deliver."""
        self.settings = settings
        self.configure(settings)

    def configure(self, settings: Settings) -> None:
        self.settings = settings
        self._faults = Mix(settings.faults)
        self._outcomes = Mix(settings.receipts)
        self._replies = Mix(settings.replies, rest="")
        self._inbound = loopback_target(settings.inbound_url) if settings.inbound_url else None

    def reset(self, *, settings: bool) -> None:
        """Forget counts, messages and pending callbacks; with `settings` also what was changed."""
        self._epoch += 1
        self.tally.clear()
        self.schedule.clear()
        self.client.clear()
        if settings:
            self.configure(self._start_settings)

    @property
    def epoch(self) -> int:
        """How often it was reset."""
        return self._epoch

    def next_id(self) -> int:
        self._next_id += 1
        return self._next_id

    def fault_draw(self, to: str) -> tuple[str, str]:
        """(fault, magic ending or empty) for a submit to this number, counted."""
        ending = to[-5:] if self.settings.magic and to[-5:] in MAGIC else ""
        refused = "http_400" if ending == "99911" else _MAGIC_FAULT.get(ending)
        fault = refused or self._faults.draw(self._chance)
        self.tally.faults[fault] += 1
        return fault, ending

    def outcome_draw(self, ending: str) -> str:
        """What becomes of an accepted message, counted."""
        outcome = (
            _MAGIC_OUTCOME.get(ending, "delivered") if ending else self._outcomes.draw(self._chance)
        )
        self.tally.outcomes[outcome] += 1
        return outcome

    def reply_draw(self, ending: str) -> str:
        """What the person answers; empty for nothing."""
        word = _MAGIC_REPLY.get(ending) or ("" if ending else self._replies.draw(self._chance))
        return self._chance.choice(_REPLY_TEXTS[word]) if word else ""

    def happens(self, share: float) -> bool:
        return bool(share) and self._chance.random() < share

    def pending(self) -> int:
        return len(self.schedule) + self.client.queued() + sum(more() for more in self.more_pending)

    def submit(self, request: Request) -> Action:
        """`POST /sms`."""
        tally, settings = self.tally, self.settings
        tally.requests += 1
        if not request.headers.get("content-type", "").startswith("application/json"):
            return self._refuse(400, "Content-Type must be application/json.", "content_type")
        try:
            submit = submit_read(request.body)
        except SubmitRefused as refusal:
            return self._refuse(400, str(refusal), "invalid")
        ending = submit.to[-5:] if settings.magic and submit.to[-5:] in MAGIC else ""
        if ending == "99911":
            sentence = "Invalid value for field 'to'. It must be a valid MSISDN."
            return self._refuse(400, sentence, "invalid")
        fault = _MAGIC_FAULT.get(ending) or self._faults.draw(self._chance)
        tally.faults[fault] += 1
        if fault != "none" and not fault.endswith("_after_accept"):
            return self._not_accepted(fault)
        return self._accept(submit, fault, ending)

    def _delay_s(self) -> float:
        settings = self.settings
        jitter = (
            settings.latency_jitter_ms * self._chance.random() if settings.latency_jitter_ms else 0
        )
        return (settings.latency_ms + jitter) / 1000

    def _refuse(self, status: int, sentence: str, reason: str) -> Action:
        self.tally.refused[reason] += 1
        body = json.dumps({"message": sentence}).encode()
        return Action("answer", answer(status, body), self._delay_s())

    def refuse_token(self) -> Action:
        self.tally.requests += 1
        return self._refuse(401, _ERROR_TEXTS[401], "token")

    def _not_accepted(self, fault: str) -> Action:
        self.tally.refused[fault] += 1
        return self._faulty(fault, b"", self._delay_s())

    def _faulty(self, fault: str, accepted: bytes, delay_s: float) -> Action:
        """The wrong end of an exchange; `accepted` is the answer it should have been."""
        name = fault.removesuffix("_after_accept")
        if name == "hang":
            return Action("hang", delay_s=self.settings.hang_ms / 1000)
        if name == "reset":
            return Action("reset", delay_s=delay_s)
        if name == "html_200":
            return Action("answer", answer(200, _HTML, "text/html"), delay_s)
        if name == "empty_200":
            return Action("answer", answer(200, b""), delay_s)
        if name == "cut":
            return Action("cut", accepted[:-3], delay_s)
        status = int(name.removeprefix("http_"))
        body = json.dumps({"message": _ERROR_TEXTS[status]}).encode()
        return Action("answer", answer(status, body), delay_s)

    def _accept(self, submit: Submit, fault: str, ending: str) -> Action:
        parts = parts_count(submit.message)
        self._next_id += 1
        gateway_id = str(self._next_id)
        self.tally.accept(submit.dlr_url, parts)
        outcome = self._outcome(submit, ending)
        self.tally.outcomes[outcome] += 1
        self.tally.messages.append(
            {
                "id": gateway_id,
                "to": submit.to,
                "from": submit.sender,
                "message": submit.message,
                "parts": parts,
                "dlrUrl": submit.dlr_url,
                "priority": submit.priority,
                "expireIn": submit.expire_in,
                "testMode": submit.test_mode,
                "accepted_at": time.time(),
                "outcome": outcome,
                "fault": fault,
            }
        )
        delay_s = self._delay_s()
        if submit.callback is not None and outcome != "none":
            delay_s += self._plan_receipts(submit, gateway_id, outcome, slow=ending == "99906")
        self._plan_reply(submit, ending)
        extra = f"X-VertexSMS-Amount-Sent: {parts}\r\n"
        payload = answer(200, b'["%s"]' % gateway_id.encode(), extra=extra)
        if fault != "none":
            return self._faulty(fault, payload, delay_s)
        return Action("answer", payload, delay_s)

    def _outcome(self, submit: Submit, ending: str) -> str:
        if ending:
            return _MAGIC_OUTCOME.get(ending, "delivered")
        if submit.test_mode is not None:
            return "delivered" if submit.test_mode == "1" else "999"
        return self._outcomes.draw(self._chance)

    def _plan_receipts(self, submit: Submit, gateway_id: str, outcome: str, *, slow: bool) -> float:
        """Plan what follows; returns how much longer the answer is held (early receipts), seconds."""
        settings, chance = self.settings, self._chance
        delay_s = (settings.receipt_slow_ms if slow else settings.receipt_delay_ms) / 1000
        if settings.receipt_jitter_ms:
            delay_s += settings.receipt_jitter_ms * chance.random() / 1000
        hold_s = 0.0
        if settings.receipt_early_share and chance.random() < settings.receipt_early_share:
            delay_s, hold_s = 0.0, _EARLY_HOLD_S
        outcomes = [outcome]
        if (
            settings.receipt_contradict_share
            and chance.random() < settings.receipt_contradict_share
        ):
            other = "43" if outcome == "delivered" else "delivered"
            outcomes = [outcome, other] if chance.random() < 0.5 else [other, outcome]
        if settings.receipt_duplicate_share and chance.random() < settings.receipt_duplicate_share:
            outcomes.append(outcomes[-1])
        for position, word in enumerate(outcomes):
            body = receipt_body(gateway_id, word, submit.to)
            self._plan(
                delay_s + position * 0.05, submit.callback, "application/json", body, "receipt"
            )
        return hold_s

    def _plan_reply(self, submit: Submit, ending: str) -> None:
        word = _MAGIC_REPLY.get(ending) or ("" if ending else self._replies.draw(self._chance))
        if not word:
            return
        self.tally.replies[word] += 1
        if self._inbound is None:
            self.tally.replies["dropped"] += 1
            return
        self._next_id += 1
        fields = {
            "from": f"+{submit.to}",
            "to": submit.sender,
            "text": self._chance.choice(_REPLY_TEXTS[word]),
            "id": f"in{self._next_id}",
            "received_at": datetime.now(UTC).isoformat(),
        }
        if self.settings.inbound_format == "form":
            content_type, body = "application/x-www-form-urlencoded", urlencode(fields).encode()
        else:
            content_type, body = "application/json", json.dumps(fields).encode()
        jitter = self.settings.reply_jitter_ms * self._chance.random()
        delay_s = (self.settings.reply_delay_ms + jitter) / 1000
        self._plan(delay_s, self._inbound, content_type, body, "reply")

    def lookup_plan(self, target: tuple[str, int, str] | None, body: bytes) -> None:
        """Plan the answer to a number lookup; it is repeated until it is taken, as receipts are."""
        delay_s = self.settings.receipt_delay_ms / 1000
        self._plan(delay_s, target, "application/json", body, "lookup")

    def _plan(
        self,
        delay_s: float,
        target: tuple[str, int, str] | None,
        content_type: str,
        body: bytes,
        kind: str,
    ) -> None:
        counts = self.tally.of_callbacks(kind)
        counts["planned"] += 1
        if target is None or not self.schedule.add(
            delay_s, Callback(*target, content_type, body, kind != "reply", kind, self._epoch)
        ):
            counts["dropped"] += 1

    def _post(self, callback: Callback) -> None:
        counts = self.tally.of_callbacks(callback.kind)
        counts["sent"] += 1
        if callback.attempts:
            counts["repeated"] += 1
        callback.attempts += 1
        self.client.post(callback)

    def _finished(self, callback: Callback, taken: bool) -> None:
        if callback.epoch != self._epoch:
            return
        counts = self.tally.of_callbacks(callback.kind)
        if taken:
            counts["acked"] += 1
            return
        pause_s = self.settings.receipt_retry_ms / 1000 * 2 ** min(callback.attempts - 1, 10)
        if not self.schedule.add(min(max(pause_s, 0.01), _LONGEST_RETRY_S), callback):
            counts["dropped"] += 1


def receipt_body(gateway_id: str, outcome: str, to: str) -> bytes:
    """A receipt as documented. The field table says status is an integer while the example sends a
    string, so even ids get the one form and odd ids the other.
    """
    if outcome == "delivered":
        status, error = 1, 0
    elif outcome == "expired":
        status, error = 16, 2
    elif outcome.startswith("status:"):
        status, error = int(outcome[7:]), 0
    else:
        status, error = 2, int(outcome)
    odd = int(gateway_id) % 2 == 1
    document: dict[str, object] = {
        "id": gateway_id,
        "status": str(status) if odd else status,
        "error": error,
    }
    mcc = mcc_of(to)
    if mcc is not None:
        document["mcc"] = mcc
        document["mnc"] = "01"
    return json.dumps(document).encode()
