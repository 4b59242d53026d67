"""English names of countries, from the data that comes with phonenumbers."""

import importlib.util
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import phonenumbers


def country_name(code: str) -> str:
    """Return the English name of an ISO 3166-1 country; the code itself when it has none."""
    names = _names().get(code, {})
    name = names.get("en", code)
    return names.get(name[1:], code) if name.startswith("*") else name


def countries() -> list[tuple[str, str]]:
    """Return ISO code and English name of every country, by name."""
    found = [(code, country_name(code)) for code in _names() if len(code) == 2]
    return sorted(found, key=lambda pair: pair[1])


@cache
def _names() -> Mapping[str, Mapping[str, str]]:
    """Load the one file of names: importing its package would load the places of all numbers too."""
    place = Path(phonenumbers.__path__[0]) / "geodata" / "locale.py"
    spec = importlib.util.spec_from_file_location("phonenumbers.geodata.locale", place)
    assert spec is not None and spec.loader is not None  # noqa: S101, PT018 - for the type checker
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    names: Mapping[str, Mapping[str, str]] = module.LOCALE_DATA
    return names
