"""Names of countries, without the places of every number in the world."""

import sys

import pytest

from smsmarketing.contacts.rules.country_names import countries, country_name


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("LT", "Lithuania"),
        ("US", "United States"),
        ("GB", "United Kingdom"),
        ("XX", "XX"),
        ("", ""),
    ],
)
def test_a_code_has_its_english_name(code: str, name: str) -> None:
    assert country_name(code) == name


def test_every_country_is_offered_once_by_name() -> None:
    found = countries()
    assert len(found) > 200
    assert len({code for code, _ in found}) == len(found)
    assert [name for _, name in found] == sorted(name for _, name in found)
    assert not [name for _, name in found if name.startswith("*") or not name]


def test_the_places_of_numbers_stay_unread() -> None:
    """They cost each process of the product half a second and 40 MB."""
    assert country_name("LV") == "Latvia"
    assert "phonenumbers.geodata" not in sys.modules
