"""How the real audience's values render: parts by recipient, exactly or from a sample."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from django.db import connection

from smsmarketing.campaigns.plan.audience import AudiencePlan
from smsmarketing.campaigns.plan.statement import SENDABLE
from smsmarketing.campaigns.rules.template import FieldSpec, Template, template_compile
from smsmarketing.gateways.rules.encoding import SplitMode, text_count

if TYPE_CHECKING:
    from smsmarketing.campaigns.services.copy import CopyFit

EXACT_UP_TO = 50_000
SAMPLE_SIZE = 5_000
_CONTACT_COLUMNS = frozenset({"first_name", "last_name", "customer_key", "language"})


def value_sql(name: str) -> str:
    """SQL of a field's value on the contact row `c`. `name` was checked against the field name pattern."""
    if name in _CONTACT_COLUMNS:
        return f"btrim(c.{name})"
    return f"btrim(coalesce(c.custom->>'{name}', ''))"


class RenderedText(NamedTuple):
    """One recipient's text as it will be sent."""

    body: str
    encoding: str
    parts: int


class RowRenderer:
    """Turns a row of field values into a text, many thousand times a second.

    A text without fields is rendered and counted once. Raises VariableError for a value the field does not allow.
    """

    def __init__(self, template: Template, *, split_mode: SplitMode) -> None:
        self.names: Sequence[str] = tuple(dict.fromkeys(template.places))
        self.columns = [value_sql(name) for name in self.names]
        self._render: Callable[[Mapping[str, str | None]], str] = template_compile(template)
        self._split_mode: SplitMode = split_mode
        self._constant = None if self.names else self._count(self._render({}))

    def _count(self, body: str) -> RenderedText:
        count = text_count(body, split_mode=self._split_mode)
        return RenderedText(body, count.encoding, count.parts)

    def render(self, values: Sequence[str | None]) -> RenderedText:
        if self._constant is not None:
            return self._constant
        return self._count(self._render(dict(zip(self.names, values, strict=True))))


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
    columns = ", ".join(renderer.columns)
    sql = (
        f"SELECT d.country, {columns} FROM ({audience.statement.sql}) d JOIN contacts_contact c ON c.id = d.contact_id "
        f"WHERE d.decision = '{SENDABLE}' AND c.id %% %s = 0"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [*audience.statement.params, every])
        return [(country, renderer.render(values).parts) for country, *values in cursor.fetchall()]


def field_conditions(specs: Sequence[FieldSpec], places: Sequence[str]) -> list[tuple[str, str]]:
    """(SQL condition on `c`, reason) for each way a recipient's value can forbid the text (compliance §1.6).

    Part of the decision statement, so that the preview counts what the real send leaves out.
    """
    used = [spec for spec in specs if spec.name in places]
    out: list[tuple[str, str]] = []
    for spec in used:
        value = value_sql(spec.name)
        if spec.required and not spec.fallback:
            out.append((f"{value} = ''", "variable_missing"))
        if not spec.truncate:
            out.append((f"char_length({value}) > {spec.max_chars}", "variable_too_long"))
        if spec.charset == "gsm":
            out.append((f"{value} !~ '^[{_GSM_CLASS}]*$'", "variable_charset"))
    return out


_GSM_BASIC = (
    "@£$¥èéùìòÇ\nØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà^{}\\[~]|€"
)
_GSM_CLASS = "".join(f"\\u{ord(character):04x}" for character in _GSM_BASIC)
