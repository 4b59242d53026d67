"""The template language: ``{name}`` is replaced, nothing else is understood ([R-10.12]).

``{{`` and ``}}`` stand for the braces themselves. There are no filters, no conditions, no attribute
access; a value is never read as a template again.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from wcwidth import iter_graphemes

from smsmarketing.gateways.rules.encoding import (
    text_clean,
    text_is_gsm,
    text_normalise,
    text_refusal,
)

Charset = Literal["gsm", "any"]

MAX_CHARS_LIMIT: Final = 500
FIELDS_LIMIT: Final = 30

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_NAME_RULE = "lower-case letters, digits and underscores, 40 at most, a letter first"


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """A declared place of a template.

    ``max_chars`` counts code points of the value; ``charset="gsm"`` promises that no value leaves
    GSM-7; ``fallback`` stands in for an empty value; ``required`` excludes a recipient who has
    neither; ``truncate`` allows to cut a longer value (on a grapheme boundary) instead of
    excluding the recipient. ``sample`` marks a field that the system fills with a value of always
    that length and those characters, and stands where there is no recipient.
    """

    name: str
    max_chars: int
    charset: Charset = "any"
    fallback: str = ""
    required: bool = False
    truncate: bool = False
    sample: str = ""


@dataclass(frozen=True, slots=True)
class TemplateFault:
    """One thing wrong with a template. ``position`` is the zero-based index in the text, or None
    when the declaration of ``field`` is at fault."""

    code: str
    message: str
    position: int | None = None
    field: str | None = None


class TemplateError(ValueError):
    """Anything that keeps a template, or a template with certain values, from becoming a text."""


class TemplateInvalid(TemplateError):
    """A template that cannot be used; ``faults`` lists everything wrong, in text order.

    Codes: EMPTY_TEXT, CONTROL_CHARACTER, INVALID_CHARACTER, UNCLOSED_BRACE, STRAY_BRACE,
    EMPTY_FIELD, BAD_FIELD_NAME, UNDECLARED_FIELD, DUPLICATE_FIELD, BAD_FIELD, TOO_MANY_FIELDS.
    """

    def __init__(self, faults: Sequence[TemplateFault]) -> None:
        super().__init__(" ".join(fault.message for fault in faults))
        self.faults = tuple(faults)


class VariableError(TemplateError):
    """A value that may not go into the text; ``reason`` is the recipient's skip reason."""

    reason = "variable_invalid"

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


class VariableTooLong(VariableError):
    """The value is longer than its field allows and must not be cut (compliance §1.6)."""

    reason = "variable_too_long"


class VariableMissing(VariableError):
    """A required field has neither a value nor a fallback."""

    reason = "variable_missing"


class VariableCharset(VariableError):
    """A field declared as GSM-7 got another character, which would make the text dearer."""

    reason = "variable_charset"


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template: ``literals`` (braces unescaped) around ``places`` (field names), so that
    ``len(literals) == len(places) + 1``; ``source`` has its newlines normalised."""

    source: str
    literals: tuple[str, ...]
    places: tuple[str, ...]
    fields: Mapping[str, FieldSpec]

    @property
    def literal_text(self) -> str:
        """The text without its variable parts."""
        return "".join(self.literals)


def template_parse(source: str, fields: Iterable[FieldSpec] = ()) -> Template:
    """Read a template and check it against its declared fields. Raises TemplateInvalid."""
    source = text_normalise(source)
    declared = list(fields)
    specs = {spec.name: spec for spec in declared}
    faults = _field_faults(declared)
    if not source or source.isspace():
        faults.append(TemplateFault("EMPTY_TEXT", "The text is empty. Write the message first."))
    refusal = text_refusal(source)
    if refusal is not None:
        faults.append(TemplateFault(refusal.code, refusal.message, refusal.position))
    literals, places, syntax_faults = _scan(source)
    faults += syntax_faults
    for name, position in places:
        if name not in specs:
            faults.append(_undeclared(name, position, specs))
    if faults:
        raise TemplateInvalid(sorted(faults, key=lambda fault: fault.position or 0))
    return Template(source, tuple(literals), tuple(name for name, _ in places), specs)


def _undeclared(name: str, position: int, specs: Mapping[str, FieldSpec]) -> TemplateFault:
    known = ", ".join(sorted(specs)) or "none"
    message = (
        f"The field {{{name}}} at position {position + 1} is not declared (declared: {known})."
        " Declare it or remove it."
    )
    return TemplateFault("UNDECLARED_FIELD", message, position, name)


def _scan(source: str) -> tuple[list[str], list[tuple[str, int]], list[TemplateFault]]:
    """Cut the source into literals and (name, position) places; collect syntax faults."""
    literals = [""]
    places: list[tuple[str, int]] = []
    faults: list[TemplateFault] = []
    position = 0
    while position < len(source):
        character = source[position]
        if character not in "{}":
            literals[-1] += character
            position += 1
        elif source[position : position + 2] == character * 2:
            literals[-1] += character
            position += 2
        elif character == "}":
            faults.append(_stray(position))
            position += 1
        else:
            end = source.find("}", position)
            again = source.find("{", position + 1)
            if end < 0 or 0 <= again < end:
                faults.append(_unclosed(position))
                position += 1
                continue
            name = source[position + 1 : end]
            fault = _name_fault(name, position)
            if fault is None:
                places.append((name, position))
                literals.append("")
            else:
                faults.append(fault)
            position = end + 1
    return literals, places, faults


def _stray(position: int) -> TemplateFault:
    return TemplateFault(
        "STRAY_BRACE",
        f"The closing brace at position {position + 1} closes nothing. Remove it, or write }}}} for"
        " the character itself.",
        position,
    )


def _unclosed(position: int) -> TemplateFault:
    return TemplateFault(
        "UNCLOSED_BRACE",
        f"The brace at position {position + 1} is not closed. Close it behind the field's name, or"
        " write {{ for the character itself.",
        position,
    )


def _name_fault(name: str, position: int) -> TemplateFault | None:
    if not name:
        return TemplateFault(
            "EMPTY_FIELD",
            f"The braces at position {position + 1} are empty. Put a field's name into them.",
            position,
        )
    if _NAME.fullmatch(name):
        return None
    good = _NAME.match(name)
    wrong = position + 1 + (good.end() if good else 0)
    return TemplateFault(
        "BAD_FIELD_NAME",
        f"The field's name at position {position + 1} breaks off at position {wrong + 1}:"
        f" names have {_NAME_RULE}.",
        wrong,
    )


def _field_faults(specs: Sequence[FieldSpec]) -> list[TemplateFault]:
    faults: list[TemplateFault] = []
    if len(specs) > FIELDS_LIMIT:
        message = f"There are {len(specs)} fields; {FIELDS_LIMIT} are possible. Remove some."
        faults.append(TemplateFault("TOO_MANY_FIELDS", message))
    seen: set[str] = set()
    for spec in specs:
        if spec.name in seen:
            message = f"The field {spec.name} is declared twice. Remove one."
            faults.append(TemplateFault("DUPLICATE_FIELD", message, field=spec.name))
        seen.add(spec.name)
        problem = _field_problem(spec)
        if problem:
            faults.append(TemplateFault("BAD_FIELD", problem, field=spec.name))
    return faults


def _field_problem(spec: FieldSpec) -> str | None:
    if not _NAME.fullmatch(spec.name):
        return f"A declared field has a name that cannot be used: names have {_NAME_RULE}."
    if not 1 <= spec.max_chars <= MAX_CHARS_LIMIT:
        return f"max_chars of {spec.name} must be from 1 to {MAX_CHARS_LIMIT}."
    if spec.charset not in ("gsm", "any"):
        return f"charset of {spec.name} must be gsm or any."
    if len(spec.fallback) > spec.max_chars:
        return f"The fallback of {spec.name} is longer than its max_chars. Shorten it."
    if spec.charset == "gsm" and not text_is_gsm(spec.fallback):
        return f"The fallback of {spec.name} is not GSM-7. Change it, or set charset to any."
    if text_refusal(spec.fallback) is not None:
        return f"The fallback of {spec.name} holds a control character. Remove it."
    return None


def field_specs(documents: Iterable[Mapping[str, object]]) -> tuple[FieldSpec, ...]:
    """Field declarations as they are stored (JSON objects with FieldSpec's names).

    Raises TemplateInvalid for an unknown key, a missing name or a value of a wrong type.
    """
    specs: list[FieldSpec] = []
    faults: list[TemplateFault] = []
    types = {
        "name": str, "max_chars": int, "charset": str, "fallback": str, "required": bool,
        "truncate": bool,
    }  # fmt: skip
    for document in documents:
        wrong = sorted(
            key
            for key, value in document.items()
            if key not in types or type(value) is not types[key]
        )
        missing = sorted({"name", "max_chars"} - set(document))
        if wrong or missing:
            message = (
                f"A field's declaration has wrong or missing keys: {', '.join(wrong + missing)}."
            )
            faults.append(TemplateFault("BAD_FIELD", message, field=str(document.get("name", ""))))
        else:
            specs.append(FieldSpec(**document))  # type: ignore[arg-type]  # checked just above
    if faults:
        raise TemplateInvalid(faults)
    return tuple(specs)


def template_render(template: Template, values: Mapping[str, str | None]) -> str:
    """Put a recipient's values into a template. Raises VariableError (see ``reason``)."""
    return template_compile(template)(values)


def template_compile(template: Template) -> Callable[[Mapping[str, str | None]], str]:
    """Return a fast ``render(values)`` for millions of recipients; raises what it must per row."""
    names = tuple(dict.fromkeys(template.places))
    render = template_compile_row(template, names)
    return lambda values: render([values.get(name) for name in names])


def template_compile_row(
    template: Template, names: Sequence[str]
) -> Callable[[Sequence[str | None]], str]:
    """Like ``template_compile`` for values in the order of ``names``, which must hold every place."""
    places = [(names.index(name), _reader(template.fields[name])) for name in template.places]
    if not places:
        text = template.literal_text
        return lambda values: text
    pattern = "%s".join(literal.replace("%", "%%") for literal in template.literals)

    def render(values: Sequence[str | None]) -> str:
        return pattern % tuple([read(values[index]) for index, read in places])

    return render


_REMEMBERED: Final = 20_000


def _reader(spec: FieldSpec) -> Callable[[str | None], str]:
    """``value_prepare`` for one field; values come again and again (names, towns), so they are remembered."""
    if spec.sample:
        return lambda value: value or spec.sample
    known: dict[str | None, str] = {}

    def read(value: str | None) -> str:
        text = known.get(value)
        if text is None:
            text = value_prepare(spec, value)
            if len(known) < _REMEMBERED:
                known[value] = text
        return text

    return read


def value_prepare(spec: FieldSpec, value: str | None) -> str:
    """Clean one value and hold it to its field's declaration. Raises VariableError."""
    text = text_clean(value).replace("\n", " ").strip() if value else ""
    if not text:
        if spec.required and not spec.fallback:
            raise VariableMissing(spec.name, f"The recipient has no {spec.name}, and no fallback.")
        return spec.fallback
    if spec.charset == "gsm" and not text_is_gsm(text):
        raise VariableCharset(spec.name, f"The recipient's {spec.name} is not GSM-7.")
    if len(text) <= spec.max_chars:
        return text
    if not spec.truncate:
        raise VariableTooLong(
            spec.name,
            f"The recipient's {spec.name} has {len(text)} characters; {spec.max_chars} fit.",
        )
    return _cut(text, spec.max_chars)


def _cut(text: str, max_chars: int) -> str:
    """The longest run of whole graphemes within ``max_chars`` code points."""
    end = 0
    for cluster in iter_graphemes(text):
        if end + len(cluster) > max_chars:
            break
        end += len(cluster)
    return text[:end].rstrip()
