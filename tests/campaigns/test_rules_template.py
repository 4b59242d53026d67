"""The template language: parsing, rendering, worst cases and lints (compliance §1.6)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsmarketing.campaigns.rules.lints import Finding, body_compose, template_lint
from smsmarketing.campaigns.rules.template import (
    FieldSpec,
    Template,
    TemplateError,
    TemplateInvalid,
    VariableCharset,
    VariableError,
    VariableMissing,
    VariableTooLong,
    field_specs,
    template_compile,
    template_parse,
    template_render,
)
from smsmarketing.campaigns.rules.worst_case import template_real_case, template_worst_cases
from smsmarketing.gateways.rules.encoding import text_count

NAME = FieldSpec("first_name", 20)
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"


def parse(source: str, *fields: FieldSpec) -> Template:
    return template_parse(source, fields)


def test_render_replaces_and_unescapes() -> None:
    """[R-10.12]."""
    template = parse("Hi {first_name}, {{code}} 100%s", NAME)
    assert template_render(template, {"first_name": "Ana"}) == "Hi Ana, {code} 100%s"
    assert template.places == ("first_name",)


def test_a_value_is_never_a_template() -> None:
    """[R-10.12]."""
    template = parse("Hi {first_name}", NAME)
    for value in ("{first_name}", "{0.__class__}", "%(x)s %s", "{{"):
        assert template_render(template, {"first_name": value}) == f"Hi {value}"


def test_a_text_without_fields() -> None:
    template = parse("100% sure }}")
    assert template_render(template, {}) == "100% sure }"


@pytest.mark.parametrize(
    ("source", "code", "position"),
    [
        ("Hi {first_name", "UNCLOSED_BRACE", 3),
        ("Hi {first_name {first_name}", "UNCLOSED_BRACE", 3),
        ("Hi first_name}", "STRAY_BRACE", 13),
        ("Hi {}", "EMPTY_FIELD", 3),
        ("Hi {first name}", "BAD_FIELD_NAME", 9),
        ("Hi {first_name.upper}", "BAD_FIELD_NAME", 14),
        ("Hi {first_name!r}", "BAD_FIELD_NAME", 14),
        ("Hi {first_name:>9}", "BAD_FIELD_NAME", 14),
        ("Hi {First}", "BAD_FIELD_NAME", 4),
        ("Hi {last_name}", "UNDECLARED_FIELD", 3),
        (" \n", "EMPTY_TEXT", None),
        ("a\tb", "CONTROL_CHARACTER", 1),
    ],
)
def test_syntax_errors_have_positions(source: str, code: str, position: int | None) -> None:
    """[R-10.12]: nothing but {name} is understood."""
    with pytest.raises(TemplateInvalid) as refusal:
        parse(source, NAME)
    fault = refusal.value.faults[0]
    assert (fault.code, fault.position) == (code, position)
    assert fault.message.endswith(".")


def test_all_faults_are_listed_in_text_order() -> None:
    with pytest.raises(TemplateInvalid) as refusal:
        parse("{} {b} }", NAME)
    codes = [fault.code for fault in refusal.value.faults]
    assert codes == ["EMPTY_FIELD", "UNDECLARED_FIELD", "STRAY_BRACE"]
    assert isinstance(refusal.value, TemplateError)


@pytest.mark.parametrize(
    "field",
    [
        FieldSpec("First", 5),
        FieldSpec("a", 0),
        FieldSpec("a", 501),
        FieldSpec("a", 3, fallback="long"),
        FieldSpec("a", 9, charset="gsm", fallback="č"),
        FieldSpec("a", 9, fallback="a\tb"),
        FieldSpec("a", 9, charset="utf8"),  # type: ignore[arg-type]
    ],
)
def test_bad_declarations(field: FieldSpec) -> None:
    with pytest.raises(TemplateInvalid) as refusal:
        parse("text", field)
    assert refusal.value.faults[0].code == "BAD_FIELD"


def test_a_field_declared_twice() -> None:
    with pytest.raises(TemplateInvalid, match="declared twice"):
        parse("text", NAME, NAME)
    with pytest.raises(TemplateInvalid, match="31 fields"):
        parse("text", *(FieldSpec(f"f{index}", 1) for index in range(31)))


def test_stored_declarations() -> None:
    assert field_specs([{"name": "a", "max_chars": 3, "charset": "gsm", "truncate": True}]) == (
        FieldSpec("a", 3, charset="gsm", truncate=True),
    )
    for wrong in (
        {"name": "a"},
        {"name": "a", "max_chars": True},
        {"name": "a", "max_chars": 1, "x": 1},
    ):
        with pytest.raises(TemplateInvalid):
            field_specs([wrong])


def test_newlines_are_normalised() -> None:
    """[R-1.5]."""
    assert parse("a\r\nb").source == "a\nb"


def test_fallback_and_required() -> None:
    template = parse("Hi {first_name}", FieldSpec("first_name", 20, fallback="you", required=True))
    for empty in ({}, {"first_name": None}, {"first_name": ""}, {"first_name": " \u0007"}):
        assert template_render(template, empty) == "Hi you"
    strict = parse("Hi {first_name}", FieldSpec("first_name", 20, required=True))
    with pytest.raises(VariableMissing) as refusal:
        template_render(strict, {})
    assert (refusal.value.reason, refusal.value.field) == ("variable_missing", "first_name")
    assert template_render(parse("Hi {first_name}!", NAME), {}) == "Hi !"


def test_too_long_values_exclude_or_are_cut_on_graphemes() -> None:
    """Compliance §1.6 (1)."""
    with pytest.raises(VariableTooLong) as refusal:
        template_render(parse("{a}", FieldSpec("a", 4)), {"a": "abcde"})
    assert refusal.value.reason == "variable_too_long"
    cut = parse("{a}", FieldSpec("a", 4, truncate=True))
    assert template_render(cut, {"a": "abcde"}) == "abcd"
    assert template_render(cut, {"a": "abce\u0301"}) == "abc"
    assert template_render(cut, {"a": FAMILY}) == ""
    assert template_render(cut, {"a": "ab  cd"}) == "ab"


def test_values_are_cleaned() -> None:
    template = parse("Hi {first_name}!", NAME)
    assert template_render(template, {"first_name": " A\x00n\r\na\t"}) == "Hi An a!"


def test_a_gsm_field_refuses_what_would_flip_the_encoding() -> None:
    template = parse("{a}", FieldSpec("a", 9, charset="gsm"))
    assert template_render(template, {"a": "Zoé €"}) == "Zoé €"
    with pytest.raises(VariableCharset) as refusal:
        template_render(template, {"a": "Žofia"})
    assert refusal.value.reason == "variable_charset"


def test_case_vectors() -> None:
    """Compliance §1.6, vectors of the template with a name and a link."""
    fields = (NAME, FieldSpec("link", 22, charset="gsm"))
    template = parse("Hi {first_name}, 20% off: {link}", *fields)
    link = "https://b.example/abcd"
    cases = template_worst_cases(template)
    assert text_count(template.literal_text).units == 14
    assert (cases.typical.count.units, cases.typical.count.parts) == (56, 1)
    assert (cases.gsm.count.encoding, cases.gsm.count.units) == ("GSM-7", 98)
    assert cases.any is not None
    assert cases.any.count[:3] == ("UCS-2", 76, 2)
    assert cases.worst is cases.any
    assert cases.flipping_fields == ("first_name",)
    zofia = text_count(template_render(template, {"first_name": "Žofia", "link": link}))
    assert zofia[:3] == ("UCS-2", 41, 1)
    emoji = text_count(template_render(template, {"first_name": "😀" * 20, "link": link}))
    assert emoji[:3] == ("UCS-2", 76, 2)


def test_one_letter_makes_a_long_text_dearer() -> None:
    """Compliance §1.6: 130 fixed characters and a name."""
    template = parse("a" * 130 + "{first_name}", NAME)
    expected = {
        "n" * 20: ("GSM-7", 150, 1),
        "č": ("UCS-2", 131, 2),
        "č" + "n" * 19: ("UCS-2", 150, 3),
    }
    for value, count in expected.items():
        assert text_count(template_render(template, {"first_name": value}))[:3] == count


def test_case_a_only_when_no_field_can_leave_gsm() -> None:
    cases = template_worst_cases(parse("Hi {a}", FieldSpec("a", 100, charset="gsm")))
    assert cases.any is None
    assert cases.worst.count[:3] == ("GSM-7", 203, 2)
    assert cases.flipping_fields == ()


def test_no_field_flips_a_text_that_is_ucs2_anyway() -> None:
    cases = template_worst_cases(parse("Ačiū {first_name}", NAME))
    assert cases.flipping_fields == ()
    assert cases.gsm.count.encoding == "UCS-2"


def test_grapheme_mode_counts_unsplittable_clusters() -> None:
    """[R-1.3]: Twilio keeps clusters whole, which can need another part."""
    template = parse("a" * 60 + "{a}", FieldSpec("a", 37))
    plain = template_worst_cases(template).worst.count.parts
    assert template_worst_cases(template, split_mode="grapheme").worst.count.parts >= plain


values = st.text(max_size=30)


@given(
    st.text(alphabet="ab €{}", max_size=150),
    st.integers(1, 20),
    st.sampled_from(["gsm", "any"]),
    st.lists(values, max_size=5),
)
def test_no_value_costs_more_than_the_worst_case(
    literal: str, max_chars: int, charset: str, rows: list[str]
) -> None:
    """[R-1.9]: the previewed worst case is a bound."""
    source = literal.replace("{", "{{").replace("}", "}}") + "x{a}{a}"
    spec = FieldSpec("a", max_chars, charset=charset, truncate=True)  # type: ignore[arg-type]
    template = parse(source, spec)
    worst = template_worst_cases(template).worst.count.parts
    render = template_compile(template)
    for value in rows:
        try:
            text = render({"a": value})
        except VariableError:
            continue
        assert text_count(text).parts <= worst


def test_real_case() -> None:
    """Compliance §1.6, case C."""
    template = parse("a" * 130 + "{first_name}", NAME)
    rows: list[dict[str, str | None]] = [{"first_name": "n" * 20}] * 90
    rows += [{"first_name": "č"}] * 6 + [{"first_name": "č" * 20}] * 3 + [{"first_name": "n" * 21}]
    real = template_real_case(template, iter(rows))
    assert real.recipients == 100
    assert real.parts == {1: 90, 2: 6, 3: 3}
    assert real.refused == {"variable_too_long": 1}
    assert (real.flipped, real.flipped_by) == (9, {"first_name": 9})
    assert [real.parts_percentile(share) for share in (0, 0.5, 0.95, 1)] == [1, 1, 2, 3]
    assert real.longest is not None
    assert real.longest.units == 150
    assert real.longest_sample.endswith("č")
    assert template_real_case(template, []).parts_percentile(0.5) == 0


def test_compose_adds_the_opt_out_line_once() -> None:
    """[R-1.10]."""
    line = "Reply STOP to opt out"
    assert body_compose("Sale!", line) == "Sale!\nReply STOP to opt out"
    for body in ("Sale! reply  stop to opt OUT", body_compose("Sale!", line)):
        assert body_compose(body, line) == body
    assert body_compose("Sale!", "") == "Sale!"
    assert body_compose("Sale!", line, prefix="AD") == "AD Sale!\nReply STOP to opt out"
    assert body_compose("AD Sale!", "", prefix="AD") == "AD Sale!"


def lint(
    body: str, *, line: str = "", purpose: str = "marketing", receives: bool = True
) -> list[tuple[str, str]]:
    fields = (NAME, FieldSpec("opt_out_link", 30, charset="gsm"))
    template = parse(body_compose(body, line), *fields)
    findings: tuple[Finding, ...] = template_lint(
        template, brand="Acme", purpose=purpose, opt_out_line=line, sender_receives=receives
    )
    return [(f.code, f.severity) for f in findings if f.code != "UNUSED_FIELD"]


@pytest.mark.parametrize(
    ("body", "line", "receives", "codes"),
    [
        ("Acme: sale", "Reply STOP to end", True, []),
        ("ACME sale. Stop: reply STOP", "", True, []),
        ("Acme sale {opt_out_link}", "", False, []),
        ("Acme sale", "STOP au 36180", False, []),
        ("Acme sale", "Opt out: https://acme.example/o/1", False, []),
        ("Acme sale", "Opt out: {opt_out_link}", False, []),
        ("Acmeville sale", "Reply STOP to end", True, ["BRAND_MISSING"]),
        ("Acme unstoppable sale", "", True, ["OPT_OUT_MISSING"]),
        ("Acme sale", "Reply STOP to end", False, ["NO_OPT_OUT_PATH"]),
        ("Acme sale https://acme.example/s", "", False, ["OPT_OUT_MISSING"]),
        ("sale", "", True, ["BRAND_MISSING", "OPT_OUT_MISSING"]),
    ],
)
def test_marketing_names_brand_and_way_out(
    body: str, line: str, receives: bool, codes: list[str]
) -> None:
    """[R-2.17] [R-2.18] [R-5.4]."""
    assert lint(body, line=line, receives=receives) == [(code, "error") for code in codes]


def test_transactional_text_with_an_offer_is_flagged() -> None:
    """[R-3.3]."""
    assert lint("Your order. Now 20% off", purpose="transactional") == [
        ("LOOKS_LIKE_MARKETING", "warning")
    ]
    assert lint("Your parcel is here", purpose="transactional") == []


def test_unused_fields_are_shown() -> None:
    findings = template_lint(
        parse("Acme STOP", NAME),
        brand="Acme",
        purpose="marketing",
        opt_out_line="",
        sender_receives=True,
    )
    assert [finding.code for finding in findings] == ["UNUSED_FIELD"]
