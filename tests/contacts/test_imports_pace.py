"""What a STOP may have to wait for is merged in short transactions; what is new in long ones."""

from smsmarketing.contacts.services.imports.pace import HELD_SECONDS, Pace


def test_chunks_follow_what_the_machine_can_do() -> None:
    pace = Pace(20_000)
    first = pace.rows
    pace.took(first, HELD_SECONDS / 10)
    assert pace.rows == 2 * first  # never more than twice at once
    pace.took(pace.rows, HELD_SECONDS * 4)
    assert pace.rows == first // 2
    for _ in range(20):
        pace.took(pace.rows, 60.0)
    assert pace.rows == 200
    for _ in range(20):
        pace.took(pace.rows, 0.0)
    assert pace.rows == 20_000


def test_chunks_are_never_larger_than_asked_for() -> None:
    pace = Pace(2)
    assert pace.rows == 2
    pace.took(2, 60.0)
    assert pace.rows == 2
