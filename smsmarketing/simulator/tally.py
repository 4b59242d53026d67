"""The truth the simulator keeps: what it accepted, how often, and what became of the receipts."""

from collections import Counter, deque
from urllib.parse import parse_qs, urlsplit

_MESSAGE_PARAMETER = "m"
_LISTED_DUPLICATES = 100


class Tally:
    """Counts since the start or the last reset. `keep` messages are remembered for inspection."""

    def __init__(self, *, keep: int, max_keys: int) -> None:
        self._keep = keep
        self._max_keys = max_keys
        self.clear()

    def clear(self) -> None:
        self.requests = 0
        self.accepted = 0
        self.parts = 0
        self.without_dlr_url = 0
        self.keys_dropped = 0
        self.accepted_by_key: dict[str, int] = {}
        self.refused: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.receipts: Counter[str] = Counter()
        self.replies: Counter[str] = Counter()
        self.lookups: Counter[str] = Counter()
        self.messages: deque[dict[str, object]] = deque(maxlen=self._keep)

    def of_callbacks(self, kind: str) -> Counter[str]:
        """The counts of receipts, replies or lookups."""
        return {"receipt": self.receipts, "reply": self.replies, "lookup": self.lookups}[kind]

    def accept(self, dlr_url: str, parts: int) -> None:
        """Count one acceptance at the moment it is decided, whatever becomes of the answer."""
        self.accepted += 1
        self.parts += parts
        counts = self.accepted_by_key
        if not dlr_url:
            self.without_dlr_url += 1
        elif dlr_url in counts:
            counts[dlr_url] += 1
        elif len(counts) < self._max_keys:
            counts[dlr_url] = 1
        else:
            self.keys_dropped += 1

    def summary(self) -> dict[str, object]:
        keyed = self.accepted - self.without_dlr_url - self.keys_dropped
        duplicates = keyed - len(self.accepted_by_key)
        listed: list[str] = []
        if duplicates:
            for key, count in self.accepted_by_key.items():
                if count > 1 and len(listed) < _LISTED_DUPLICATES:
                    listed.append(message_key(key))
        return {
            "requests": self.requests,
            "accepted": self.accepted,
            "distinct": len(self.accepted_by_key),
            "duplicates": duplicates,
            "duplicate_messages": listed,
            "without_dlr_url": self.without_dlr_url,
            "keys_dropped": self.keys_dropped,
            "parts": self.parts,
            "refused": dict(self.refused),
            "faults": dict(self.faults),
            "outcomes": dict(self.outcomes),
            "receipts": {name: self.receipts[name] for name in _RECEIPT_COUNTS},
            "replies": {name: self.replies[name] for name in _REPLY_COUNTS},
            "lookups": {name: self.lookups[name] for name in _RECEIPT_COUNTS},
        }


_RECEIPT_COUNTS = ("planned", "sent", "acked", "repeated", "dropped")
_REPLY_COUNTS = (
    "planned",
    "sent",
    "acked",
    "repeated",
    "dropped",
    "STOP",
    "START",
    "HELP",
    "other",
)


def message_key(dlr_url: str) -> str:
    """Our message id inside a receipt address: the parameter `m`, else the last path segment."""
    parts = urlsplit(dlr_url)
    values = parse_qs(parts.query).get(_MESSAGE_PARAMETER)
    if values:
        return values[-1]
    return parts.path.rstrip("/").rpartition("/")[2] or dlr_url
