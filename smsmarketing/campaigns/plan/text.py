"""How the real audience's values render: parts by recipient, exactly or from a sample."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from django.db import connection

from smsmarketing.campaigns.plan.audience import AudiencePlan
from smsmarketing.campaigns.plan.statement import SENDABLE
from smsmarketing.campaigns.rules.template import FieldSpec, Template, template_compile_row
from smsmarketing.gateways.rules.encoding import (
    GSM_BASIC,
    GSM_EXTENSION,
    SplitMode,
    text_count,
)

if TYPE_CHECKING:
    from smsmarketing.campaigns.services.copy import CopyFit

EXACT_UP_TO = 50_000
SAMPLE_SIZE = 5_000
_LINK_SQL = "concat(c.id, ' ', encode(c.phone_hash, 'hex'))"
"""What an opt-out link is made of."""
_CONTACT_COLUMNS = frozenset({"first_name", "last_name", "customer_key", "language"})


def value_sql(name: str) -> str:
    """SQL of a field's value on the contact row `c`. `name` was checked against the field name pattern."""
    if name in _CONTACT_COLUMNS:
        return f"c.{name}"
    return f"coalesce(c.custom->>'{name}', '')"


def _literal(characters: str) -> str:
    """A text literal of SQL in plain ASCII."""
    return "E'" + "".join(f"\\u{ord(character):04x}" for character in characters) + "'"


_SPACES = "\r\n\t"
_DROPPED = "".join(
    chr(code)
    for code in range(1, 0xA0)
    if (code < 0x20 or code >= 0x7F) and chr(code) not in _SPACES
)
_BLANK = " \xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
_GSM = _literal(GSM_BASIC + GSM_EXTENSION)


def _cleaned(value: str) -> str:
    """SQL of what `value_prepare` makes of a value: line ends and tabs to spaces, no control characters, trimmed.

    translate() drops the characters that have no counterpart.
    """
    spaced = f"replace({value}, {_literal(_SPACES[:2])}, ' ')"
    return f"btrim(translate({spaced}, {_literal(_SPACES + _DROPPED)}, '   '), {_literal(_BLANK)})"


class RenderedText(NamedTuple):
    """One recipient's text as it will be sent."""

    body: str
    encoding: str
    parts: int


class RowRenderer:
    """Turns a row of field values into a text, many thousand times a second.

    A text without fields is rendered and counted once. Raises VariableError for a value the field does not allow.
    """

    def __init__(
        self,
        template: Template,
        *,
        split_mode: SplitMode,
        link: Callable[[int, bytes], str] | None = None,
    ) -> None:
        """`link` makes a contact's own opt-out link; without it the sample stands in each text, which
        is as long.
        """
        self.names: Sequence[str] = tuple(dict.fromkeys(template.places))
        self.columns = [
            (_LINK_SQL if link else "''") if template.fields[name].sample else value_sql(name)
            for name in self.names
        ]
        self._link = link
        self._links = [
            place for place, name in enumerate(self.names) if template.fields[name].sample
        ]
        self._render: Callable[[Sequence[str | None]], str] = template_compile_row(
            template, self.names
        )
        self._split_mode: SplitMode = split_mode
        self._constant = None if self.names else self._count(self._render(()))

    def _count(self, body: str) -> RenderedText:
        count = text_count(body, split_mode=self._split_mode)
        return RenderedText(body, count.encoding, count.parts)

    def render(self, values: Sequence[str | None]) -> RenderedText:
        """The text for one row of `columns`."""
        if self._constant is not None:
            return self._constant
        if self._link is not None and self._links:
            values = list(values)
            for place in self._links:
                contact_id, _, hashed = (values[place] or "").partition(" ")
                values[place] = self._link(int(contact_id), bytes.fromhex(hashed))
        return self._count(self._render(values))


@dataclass(frozen=True, kw_only=True)
class TextPlan:
    """Parts per recipient. `means` holds the mean by country, from all recipients or from the sample."""

    parts_worst: int
    parts_best: int
    exact: bool
    distribution: dict[int, int]
    totals: dict[str, int]
    means: dict[str, float]

    def parts_expected(self, country: str, recipients: int) -> int:
        """Expected parts for a country's recipients; exact when all were rendered."""
        if self.exact and country in self.totals:
            return self.totals[country]
        mean = self.means.get(country, self.means.get("", float(self.parts_worst)))
        return round(mean * recipients)


def text_plan(fit: CopyFit, audience: AudiencePlan, *, split_mode: SplitMode) -> TextPlan:
    """Render the audience's texts: all of them up to 50,000 recipients, an even sample above."""
    renderer = RowRenderer(fit.template, split_mode=split_mode)
    if not renderer.names:
        parts = fit.worst.parts
        return TextPlan(
            parts_worst=parts,
            parts_best=parts,
            exact=True,
            distribution={parts: audience.sendable},
            totals={
                country: count * parts for country, count in audience.sendable_by_country.items()
            },
            means={},
        )
    exact = audience.sendable <= EXACT_UP_TO
    totals: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    distribution: Counter[int] = Counter()
    for country, parts in _rendered(
        renderer, audience, every=1 if exact else audience.sendable // SAMPLE_SIZE
    ):
        totals[country] += parts
        seen[country] += 1
        distribution[parts] += 1
    means = {country: totals[country] / seen[country] for country in seen}
    if seen:
        means[""] = totals.total() / seen.total()
    return TextPlan(
        parts_worst=fit.worst.parts,
        parts_best=min(distribution, default=fit.best.parts),
        exact=exact,
        distribution=dict(distribution),
        totals=dict(totals),
        means=means,
    )


def _rendered(
    renderer: RowRenderer, audience: AudiencePlan, *, every: int
) -> list[tuple[str, int]]:
    """(country, parts) of each sendable contact, or of each `every`-th by id."""
    columns = [f"{column} AS v{number}" for number, column in enumerate(renderer.columns)]
    sql, params = audience.statement.rows(columns)
    names = ", ".join(f"d.v{number}" for number in range(len(columns)))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT d.country, {names} FROM ({sql}) d "
            f"WHERE d.decision = '{SENDABLE}' AND d.contact_id %% %s = 0",
            [*params, every],
        )
        return [(country, renderer.render(values).parts) for country, *values in cursor.fetchall()]


def field_conditions(specs: Sequence[FieldSpec], places: Sequence[str]) -> list[tuple[str, str]]:
    """(SQL condition on `c`, reason) for each way a recipient's values can forbid the text (compliance §1.6).

    Part of the decision statement, so that the preview counts what the real send leaves out: exactly those whose
    values `rules.template.value_prepare` refuses. The cheap test comes first; only a value that might fail is cleaned.
    """
    missing: list[str] = []
    charset: list[str] = []
    too_long: list[str] = []
    for spec in specs:
        if spec.name not in places or spec.sample:
            continue
        value = value_sql(spec.name)
        clean = _cleaned(value)
        if spec.required and not spec.fallback:
            missing.append(
                f"({value} = '' OR (ascii({value}) NOT BETWEEN 33 AND 126 AND {clean} = ''))"
            )
        if spec.charset == "gsm":
            # Of ASCII only the grave accent is not GSM-7.
            suspect = f"(octet_length({value}) > char_length({value}) OR strpos({value}, '`') > 0)"
            charset.append(f"({suspect} AND translate({clean}, {_GSM}, '') <> '')")
        if not spec.truncate:
            too_long.append(
                f"(char_length({value}) > {spec.max_chars} AND char_length({clean}) > {spec.max_chars})"
            )
    return [
        (" OR ".join(tests), reason)
        for tests, reason in (
            (missing, "variable_missing"),
            (charset, "variable_charset"),
            (too_long, "variable_too_long"),
        )
        if tests
    ]
