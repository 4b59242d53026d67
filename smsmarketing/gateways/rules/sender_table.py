"""Where which kind of sender may be used, as a new installation knows it [R-5.6].

Two packaged files: what one provider's public table says for every country
(`sender_country_table.csv`), and what regulators and other providers say (`sender_regimes.csv`,
compliance §5.2), which goes before it. `binding` marks what is known for certain: there the word of
people about one sender does not help, only a registration or another rule by people.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Final, NamedTuple

from smsmarketing.gateways.rules.senders import KINDS

STATUSES: Final = ("allowed", "register", "forbidden", "unknown")
TABLE_AS_OF: Final = date(2026, 8, 20)
REGIMES_AS_OF: Final = date(2026, 11, 1)
_FOLDER = Path(__file__).resolve().parent.parent / "data"
_TABLE_SOURCE: Final = "GOV.UK Notify, international rates"
_REGIME_SOURCE: Final = "Regulators' and providers' guidelines (compliance 5.2)"
_COLUMNS: Final = {"alpha": "alphanumeric", "numeric": "msisdn", "short_code": "shortcode"}
_WORDS: Final = {"YES": "allowed", "REG": "register", "NO": "forbidden", "LIMITED": "unknown"}
_NO_MARKETING = re.compile(
    r"(bulk/marketing|bulk) traffic not allowed|no marketing traffic\.|only transactional traffic"
    r"|transactional traffic only",
    re.IGNORECASE,
)
_SHORT = re.compile(r"\bSC(?=s?\b)")
_CONVERTED = re.compile(r"CONVERTED (?:in)?to\s+(.{3,60}?)(?:[.;]|$)", re.IGNORECASE)


class TableRule(NamedTuple):
    """One row. An empty purpose is every purpose."""

    country: str
    kind: str
    purpose: str
    status: str
    binding: bool
    registry: str
    replacement: str
    note: str
    source: str
    as_of: date


def table_rules() -> list[TableRule]:
    """All packaged rows: one for each country, kind and purpose at most."""
    with (_FOLDER / "sender_regimes.csv").open(encoding="utf-8", newline="") as source:
        found = {_key(rule): rule for rule in regime_rules(csv.DictReader(source))}
    spoken = {(country, kind) for country, kind, _ in found}
    with (_FOLDER / "sender_country_table.csv").open(encoding="utf-8", newline="") as source:
        for rule in country_rules(csv.DictReader(source)):
            if not rule.purpose or (rule.country, rule.kind) not in spoken:
                found.setdefault(_key(rule), rule)
    return [found[key] for key in sorted(found)]


def regime_rules(rows: Iterable[Mapping[str, str]]) -> Iterable[TableRule]:
    """Rows of the regimes, one for each country. Raises ValueError for an unknown word."""
    for row in rows:
        for country in row["countries"].split("|"):
            for kind in row["kind"].split("|"):
                if kind not in KINDS or row["status"] not in STATUSES:
                    raise ValueError(f"sender_regimes.csv: {row}")
                yield TableRule(
                    country=country,
                    kind=kind,
                    purpose=row["purpose"],
                    status=row["status"],
                    binding=row["binding"] == "yes",
                    registry=row["registry"],
                    replacement=row["replacement"],
                    note=row["note"],
                    source=_REGIME_SOURCE,
                    as_of=REGIMES_AS_OF,
                )


def country_rules(rows: Iterable[Mapping[str, str]]) -> Iterable[TableRule]:
    """Rows of the provider's table. YES, REG and NO as they say; LIMITED is only some numbers, which
    the gateway must confirm: unknown. An empty cell gives no row.
    """
    for row in rows:
        told = "; ".join(filter(None, (row["text_restrictions"], row["sender_info"])))
        converted = _CONVERTED.search(row["sender_info"])
        replaced = row["generic_sender"] or (converted.group(1) if converted else "")
        replaced = _SHORT.sub("short code", replaced)[:60].strip(" \"'")
        for column, kind in _COLUMNS.items():
            status = _WORDS.get(row[column])
            if status is None:
                continue
            for country in row["iso_regions"].split("|"):
                base = TableRule(
                    country=country,
                    kind=kind,
                    purpose="",
                    status=status,
                    binding=False,
                    registry="",
                    replacement=replaced if status != "allowed" else "",
                    note=told[:400],
                    source=_TABLE_SOURCE,
                    as_of=TABLE_AS_OF,
                )
                yield base
                if status != "forbidden" and _NO_MARKETING.search(row["text_restrictions"]):
                    yield base._replace(purpose="marketing", status="forbidden")


def _key(rule: TableRule) -> tuple[str, str, str]:
    return rule.country, rule.kind, rule.purpose
