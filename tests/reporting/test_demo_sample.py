"""The demo works at any hour: at least half of its contacts may be texted now."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from smsmarketing.contacts.rules.phone import phone_parse
from smsmarketing.gateways.rules.quiet_hours import Held, Open, window_check
from smsmarketing.reporting.demo.sample import (
    sample_opted_out,
    sample_rows,
    sample_without_consent,
)


def test_the_sample_has_two_thousand_different_numbers() -> None:
    phones = {row[0] for row in (*sample_rows(), *sample_without_consent())}
    strangers = {row[0] for row in sample_opted_out()} - phones
    assert len(phones) + len(strangers) >= 1960
    assert all(phone_parse(phone).textable for phone in phones)


def test_at_any_hour_of_a_year_at_least_half_may_be_texted_and_the_rest_knows_when() -> None:
    opted_out = {row[0] for row in sample_opted_out()}
    clocks: Counter[tuple[str, str, str]] = Counter()
    for row in sample_rows():
        if row[0] not in opted_out:
            phone = phone_parse(row[0])
            area = phone.e164[:5] if phone.country == "US" else ""
            clocks[(phone.country, row[4], area)] += 1
    example = {
        (phone.country, row[4], phone.e164[:5] if phone.country == "US" else ""): phone.e164
        for row in sample_rows()
        for phone in [phone_parse(row[0])]
    }
    start = datetime(2026, 11, 21, tzinfo=UTC)
    for step in range(0, 366 * 24, 5):
        now = start + timedelta(hours=step)
        ready = 0
        for clock, count in clocks.items():
            answer = window_check(
                now, phone=example[clock], country=clock[0], subdivision=clock[1], mode="default"
            )
            if isinstance(answer, Open):
                ready += count
            else:
                assert isinstance(answer, Held)
                assert answer.until is not None
        assert ready * 2 >= sum(clocks.values()), now
