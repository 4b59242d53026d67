"""Whether a text may be sent: syntax, brand, opt-out path, and how many parts it takes at worst."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from smsmarketing.accounts.models import Brand
from smsmarketing.campaigns.rules.links import link_problems
from smsmarketing.campaigns.rules.lints import (
    OPT_OUT_FIELDS,
    OPT_OUT_LINK,
    Finding,
    body_compose,
    template_lint,
)
from smsmarketing.campaigns.rules.template import (
    FieldSpec,
    Template,
    TemplateInvalid,
    field_specs,
    template_parse,
)
from smsmarketing.campaigns.rules.worst_case import template_worst_cases
from smsmarketing.contacts.rules.inbound_words import CHINA_ONLY, KEYWORD_ROWS
from smsmarketing.contacts.selectors.opt_out_links import link_sample
from smsmarketing.gateways.models import Gateway, SenderId
from smsmarketing.gateways.rules.encoding import SplitMode, TextCount, text_count
from smsmarketing.operations.errors import InvalidInput, NoOptOutPath

MOST_PARTS = 6
"""Product limit: GOV.UK Notify's 918 GSM-7 characters (compliance §1.2)."""

# A reply word that a text may offer as the way out: any opt-out keyword that works everywhere.
_OPT_OUT_WORDS = (
    frozenset(row.keyword.casefold() for row in KEYWORD_ROWS if row.action == "out") - CHINA_ONLY
)


@dataclass(frozen=True, kw_only=True)
class CopyFit:
    """A composed text and what it costs in its typical and its dearest case."""

    template: Template
    opt_out_line: str
    final_body: str
    example: str
    worst_example: str
    typical: TextCount
    worst: TextCount
    best: TextCount
    flipping_fields: tuple[str, ...]

    @property
    def encoding_worst(self) -> str:
        return self.worst.encoding

    @property
    def parts_worst(self) -> int:
        return self.worst.parts

    @property
    def parts_best(self) -> int:
        return self.best.parts

    @property
    def units_worst(self) -> int:
        return self.worst.units


@dataclass(frozen=True, kw_only=True)
class CopyProblem:
    """Why a text may not be sent, and what to do about it."""

    code: str
    message: str
    position: int | None = None


def split_mode_of(gateway: Gateway) -> SplitMode:
    """Where the gateway's provider may cut a text into parts [R-1.3]."""
    return "grapheme" if gateway.split_mode == "grapheme" else "codepoint"


def copy_fit(
    *,
    body: str,
    fields: Sequence[dict[str, Any]],
    brand: Brand,
    purpose: str,
    split_mode: SplitMode,
    opt_out_line: str = "",
    field: str = "message",
) -> CopyFit:
    """Compose the opt-out line (a template's own, else the brand's) into the text [R-1.10] and
    count its cases [R-1.8].

    Raises InvalidInput with the position of the first fault when the text is not a valid template;
    `field` is what the text is called in the caller's input.
    """
    line = (opt_out_line or brand.opt_out_line) if purpose == "marketing" else ""
    final_body = body_compose(body, line)
    _reserved_check(fields)
    try:
        template = template_parse(final_body, [*field_specs(fields), *_system_specs(final_body)])
    except TemplateInvalid as exc:
        fault = exc.faults[0]
        name = "fields" if fault.position is None and fault.field else field
        raise InvalidInput(
            "The text cannot be used. " + fault.message,
            field_errors={name: fault.message},
            details={
                "faults": [
                    {"code": found.code, "position": found.position, "message": found.message}
                    for found in exc.faults
                ]
            },
        ) from exc
    cases = template_worst_cases(template, split_mode=split_mode)
    worst = cases.worst
    return CopyFit(
        template=template,
        opt_out_line=line,
        final_body=template.source,
        example=cases.typical.sample,
        worst_example=worst.sample,
        typical=cases.typical.count,
        worst=worst.count,
        best=text_count(template.literal_text, split_mode=split_mode),
        flipping_fields=cases.flipping_fields,
    )


def _reserved_check(fields: Sequence[dict[str, Any]]) -> None:
    if any(field.get("name") == OPT_OUT_LINK for field in fields):
        message = f"The system fills {{{OPT_OUT_LINK}}}. Use it in the text and do not declare it."
        raise InvalidInput("A field cannot be declared.", field_errors={"fields": message})


def _system_specs(final_body: str) -> list[FieldSpec]:
    """The recipient's own opt-out link, where the text asks for it: of known length, plain GSM-7."""
    if f"{{{OPT_OUT_LINK}}}" not in final_body:
        return []
    sample = link_sample()
    return [FieldSpec(OPT_OUT_LINK, len(sample), charset="gsm", sample=sample)]


def copy_problems(
    fit: CopyFit, *, brand: Brand, purpose: str, sender: SenderId | None
) -> list[CopyProblem]:
    """Everything that forbids the text: no brand, no opt-out path, a link that
    carriers block, too many parts.
    """
    findings = _findings(fit, brand=brand, purpose=purpose, sender=sender)
    problems = [
        CopyProblem(code=finding.code, message=finding.message)
        for finding in findings
        if finding.severity == "error"
    ]
    problems += [
        CopyProblem(code=code, message=message, position=position)
        for code, message, position in link_problems(fit.template.literal_text)
    ]
    promised = sorted((OPT_OUT_FIELDS - {OPT_OUT_LINK}).intersection(fit.template.places))
    if promised:
        problems.append(
            CopyProblem(
                code="NO_OPT_OUT_PATH",
                message=f"The field {{{promised[0]}}} is filled by nothing, so it is no way out. Use "
                f"{{{OPT_OUT_LINK}}}, which becomes each recipient's own opt-out page, or offer a reply word.",
            )
        )
    if fit.parts_worst > MOST_PARTS:
        problems.append(
            CopyProblem(
                code="TOO_MANY_PARTS",
                message=f"In the worst case the text takes {fit.parts_worst} SMS parts; {MOST_PARTS} are possible. "
                "Shorten it, or lower the longest length of its fields.",
            )
        )
    return problems


def copy_warnings(
    fit: CopyFit, *, brand: Brand, purpose: str, sender: SenderId | None
) -> list[str]:
    """What does not forbid the text but people should look at, e.g. an offer sent as transactional."""
    findings = _findings(fit, brand=brand, purpose=purpose, sender=sender)
    return [finding.message for finding in findings if finding.severity == "warning"]


def _findings(
    fit: CopyFit, *, brand: Brand, purpose: str, sender: SenderId | None
) -> tuple[Finding, ...]:
    return template_lint(
        fit.template,
        brand=brand.name_in_texts,
        purpose=purpose,
        opt_out_line=fit.opt_out_line or brand.opt_out_line,
        opt_out_keywords=_OPT_OUT_WORDS,
        sender_receives=sender is None or sender.can_receive,
    )


def copy_check(
    *,
    body: str,
    fields: Sequence[dict[str, Any]],
    brand: Brand,
    purpose: str,
    sender: SenderId | None,
    split_mode: SplitMode,
    opt_out_line: str = "",
    field: str = "message",
) -> CopyFit:
    """`copy_fit`, refusing what may not be sent. Raises InvalidInput or NoOptOutPath [R-2.17], [R-2.18]."""
    fit = copy_fit(
        body=body,
        fields=fields,
        brand=brand,
        purpose=purpose,
        split_mode=split_mode,
        opt_out_line=opt_out_line,
        field=field,
    )
    problems = copy_problems(fit, brand=brand, purpose=purpose, sender=sender)
    if not problems:
        return fit
    first = problems[0]
    refusal = NoOptOutPath if first.code == "NO_OPT_OUT_PATH" else InvalidInput
    raise refusal(
        first.message,
        field_errors={field: first.message},
        details={"problems": [problem.code for problem in problems]},
    )
