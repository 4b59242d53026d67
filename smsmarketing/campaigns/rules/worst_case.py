"""What a template costs at most, and what it costs for real values (compliance §1.6, [R-1.8])."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from smsmarketing.campaigns.rules.template import (
    FieldSpec,
    Template,
    VariableError,
    template_compile,
)
from smsmarketing.gateways.rules.encoding import (
    UCS2,
    Encoding,
    SplitMode,
    TextCount,
    text_count,
    text_is_gsm,
)

_DEAREST_GSM: Final = "€"  # two septets
_DEAREST_ANY: Final = "\U0001f600"  # two UTF-16 units
# Eleven units that a gateway in grapheme mode must not split: wastes the most at part ends.
_WIDEST_CLUSTER: Final = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"
_TYPICAL: Final = "n"


@dataclass(frozen=True, slots=True)
class TextCase:
    """One way to fill a template: ``sample`` is the text and ``count`` its price in parts."""

    name: Literal["typical", "gsm", "any"]
    sample: str
    count: TextCount


@dataclass(frozen=True, slots=True)
class WorstCases:
    """The cases of compliance §1.6.

    ``typical``: fallbacks, else max_chars plain letters. ``gsm`` (case A): every value at its
    length with two-septet characters. ``any`` (case B): fields of charset any filled with two-unit
    characters; None when no field in use may leave GSM-7. ``flipping_fields`` are the fields whose
    values can turn the text into UCS-2, empty when the fixed text is UCS-2 anyway.
    """

    typical: TextCase
    gsm: TextCase
    any: TextCase | None
    flipping_fields: tuple[str, ...]

    @property
    def worst(self) -> TextCase:
        """The dearest case: no permitted value needs more parts ([R-1.9])."""
        if self.any is not None and self.any.count.parts >= self.gsm.count.parts:
            return self.any
        return self.gsm


@dataclass(frozen=True, slots=True)
class RealCase:
    """Case C: what the audience's real values give.

    ``parts`` maps a part count to its number of recipients; ``refused`` maps a skip reason
    (variable_too_long, ...) to its number; ``flipped`` counts recipients whose values, not the
    fixed text, made theirs UCS-2, and ``flipped_by`` by field. ``longest`` is the dearest text.
    """

    recipients: int
    parts: Mapping[int, int]
    refused: Mapping[str, int]
    flipped: int
    flipped_by: Mapping[str, int]
    longest: TextCount | None
    longest_sample: str

    def parts_percentile(self, share: float) -> int:
        """Parts that at least ``share`` (0 to 1) of the rendered recipients stay within; 0 of none."""
        wanted = math.ceil(sum(self.parts.values()) * share)
        seen = 0
        for parts in sorted(self.parts):
            seen += self.parts[parts]
            if seen >= wanted:
                return parts
        return 0


def template_worst_cases(
    template: Template, *, split_mode: SplitMode = "codepoint", ref16: bool = False
) -> WorstCases:
    """Count a template at its longest, in the dearest GSM-7 and the dearest UCS-2 filling."""

    def case(name: Literal["typical", "gsm", "any"], fills: Mapping[str, str]) -> TextCase:
        sample = _filled(template, fills)
        return TextCase(name, sample, text_count(sample, split_mode=split_mode, ref16=ref16))

    used = {name: template.fields[name] for name in template.places}
    gsm = case(
        "gsm",
        {name: spec.sample or _DEAREST_GSM * spec.max_chars for name, spec in used.items()},
    )
    typical = case(
        "typical",
        {
            name: spec.sample or spec.fallback or _TYPICAL * spec.max_chars
            for name, spec in used.items()
        },
    )
    open_fields = tuple(name for name, spec in used.items() if spec.charset == "any")
    widest = None
    if open_fields:
        fillings = [_DEAREST_ANY]
        if split_mode == "grapheme":
            fillings.append(_WIDEST_CLUSTER)
        widest = max(
            (case("any", _wide_fills(used, filling)) for filling in fillings),
            key=lambda filled: filled.count.parts,
        )
    flips = open_fields if text_is_gsm(template.literal_text) else ()
    return WorstCases(typical, gsm, widest, flips)


def _wide_fills(used: Mapping[str, FieldSpec], filling: str) -> dict[str, str]:
    fills = {}
    for name, spec in used.items():
        if spec.charset == "any":
            whole, rest = divmod(spec.max_chars, len(filling))
            fills[name] = filling * whole + _DEAREST_ANY * rest
        else:
            fills[name] = spec.sample or _DEAREST_GSM * spec.max_chars
    return fills


def _filled(template: Template, fills: Mapping[str, str]) -> str:
    pieces = [template.literals[0]]
    for name, literal in zip(template.places, template.literals[1:], strict=True):
        pieces += (fills[name], literal)
    return "".join(pieces)


def template_real_case(
    template: Template,
    rows: Iterable[Mapping[str, str | None]],
    *,
    split_mode: SplitMode = "codepoint",
    ref16: bool = False,
) -> RealCase:
    """Render the values of a real audience (one mapping a recipient) and sum up what they cost.

    The rows are read once and not kept. A row whose values are refused is counted, not raised.
    """
    render = template_compile(template)
    fixed: Encoding = text_count(template.literal_text).encoding
    parts: Counter[int] = Counter()
    refused: Counter[str] = Counter()
    flipped_by: Counter[str] = Counter()
    flipped = recipients = 0
    longest: TextCount | None = None
    sample = ""
    for values in rows:
        recipients += 1
        try:
            text = render(values)
        except VariableError as error:
            refused[error.reason] += 1
            continue
        count = text_count(text, split_mode=split_mode, ref16=ref16)
        parts[count.parts] += 1
        if count.encoding == UCS2 and fixed != UCS2:
            flipped += 1
            flipped_by.update(_flipping(template, values))
        if longest is None or (count.parts, count.units) > (longest.parts, longest.units):
            longest, sample = count, text
    return RealCase(recipients, parts, refused, flipped, flipped_by, longest, sample)


def _flipping(template: Template, values: Mapping[str, str | None]) -> list[str]:
    found = []
    for name in dict.fromkeys(template.places):
        if not text_is_gsm(values.get(name) or template.fields[name].fallback):
            found.append(name)
    return found
