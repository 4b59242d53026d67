"""The decision statement and the renderer agree about every value, to the character."""

from __future__ import annotations

import pytest
from django.db import connection
from hypothesis import example, given, settings
from hypothesis import strategies as st

from smsmarketing.campaigns.plan.text import field_conditions
from smsmarketing.campaigns.rules.template import FieldSpec, VariableError, value_prepare

pytestmark = pytest.mark.django_db

_SPECIAL = (
    "\t\r\n\x0b\x0c\x1c\x1f\x7f\x85\xa0\u1680\u2003\u2028\u202f\u3000\u200b\ufeff`€^{}~é字😀👨‍👩‍👧 "
)
VALUES = st.text(
    alphabet=st.one_of(
        st.sampled_from(_SPECIAL),
        st.characters(exclude_categories=["Cs"], exclude_characters="\x00"),
        st.sampled_from("ab "),
    ),
    max_size=12,
)
SPECS = st.builds(
    FieldSpec,
    name=st.just("city"),
    max_chars=st.integers(1, 8),
    charset=st.sampled_from(["any", "gsm"]),
    fallback=st.sampled_from(["", "x"]),
    required=st.booleans(),
    truncate=st.booleans(),
)


def decided(spec: FieldSpec, value: str | None) -> str | None:
    """The statement's reason for one contact with this custom value."""
    conditions = field_conditions([spec], ["city"])
    cases = " ".join(f"WHEN {sql} THEN '{reason}'" for sql, reason in conditions)
    statement = (
        f"SELECT {f'CASE {cases} END' if cases else 'NULL'} FROM (SELECT %s::jsonb AS custom) c"
    )
    custom = connection.ops.adapt_json_value({} if value is None else {"city": value}, None)
    with connection.cursor() as cursor:
        cursor.execute(statement, [custom])
        return cursor.fetchone()[0]  # type: ignore[no-any-return]


def rendered(spec: FieldSpec, value: str | None) -> str | None:
    try:
        value_prepare(spec, value)
    except VariableError as exc:
        return exc.reason
    return None


@given(spec=SPECS, value=st.none() | VALUES)
@settings(max_examples=400, deadline=None)
@example(spec=FieldSpec("city", 3, required=True), value="\r\n\t")
@example(spec=FieldSpec("city", 3, required=True), value="\u3000\x07")
@example(spec=FieldSpec("city", 3), value="a\r\nb")
@example(spec=FieldSpec("city", 3), value="\x01abc\x7f")
@example(spec=FieldSpec("city", 3, charset="gsm"), value="`")
@example(spec=FieldSpec("city", 3, charset="gsm"), value="\x0c\x85")
@example(spec=FieldSpec("city", 1), value="👨‍👩‍👧")
def test_the_statement_refuses_exactly_what_the_renderer_refuses(
    spec: FieldSpec, value: str | None
) -> None:
    """Compliance §1.6: a value that does not fit leaves its recipient out, in the preview as in the send."""
    assert decided(spec, value) == rendered(spec, value)


def test_values_of_the_contact_row_are_cleaned_alike() -> None:
    spec = FieldSpec("first_name", 4, required=True)
    ((missing, reason), _) = field_conditions([spec], ["first_name"])
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {missing} FROM (SELECT %s AS first_name) c", ["\xa0 \n"])
        assert cursor.fetchone()[0] is True
    assert reason == "variable_missing"


def test_a_field_the_text_does_not_use_leaves_nobody_out() -> None:
    assert field_conditions([FieldSpec("city", 1, required=True)], ["first_name"]) == []
