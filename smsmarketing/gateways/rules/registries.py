"""What each registry asks for before a sender may be used, as data with its source [R-5.8].

`sender_registries.json` holds what the sources name and nothing else; the common part, company name
and countries, is a column of the registration.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

_FILE: Final = Path(__file__).resolve().parent.parent / "data" / "sender_registries.json"
OTHER_PAPER: Final = "other"
COMPANY: Final = "company_name"


class Question(NamedTuple):
    """One thing that a registry wants to know. `list`: one a line, `least` to `most` of them."""

    key: str
    label: str
    form: str
    required: bool
    source: str
    choices: tuple[str, ...] = ()
    hint: str = ""
    least: int = 1
    most: int = 20


class Paper(NamedTuple):
    """One document that a registry wants to see."""

    key: str
    label: str
    required: bool
    source: str


class Registry(NamedTuple):
    """One registry. Without countries it is chosen for any; `scope` brand: no sender is named."""

    key: str
    title: str
    body: str
    countries: tuple[str, ...]
    kinds: tuple[str, ...]
    scope: str
    needs: str
    questions: tuple[Question, ...]
    papers: tuple[Paper, ...]
    note: str
    source: str


@lru_cache(maxsize=1)
def registries() -> Mapping[str, Registry]:
    """Key → registry, in the order of the file."""
    found = {}
    for row in json.loads(_FILE.read_text(encoding="utf-8")):
        questions = [
            Question(**{**each, "choices": tuple(each.get("choices", ()))})
            for each in row.pop("questions")
        ]
        papers = tuple(Paper(**each) for each in row.pop("documents"))
        row["countries"], row["kinds"] = tuple(row["countries"]), tuple(row["kinds"])
        found[row["key"]] = Registry(questions=tuple(questions), papers=papers, **row)
    return found


def registry_find(key: str) -> Registry | None:
    """The registry, or None."""
    return registries().get(key)


def countries_problem(registry: Registry, countries: Iterable[str]) -> str:
    """Why a registration cannot be for these countries; empty when it can."""
    wanted = sorted(set(countries))
    if not wanted:
        return "Name the countries it is for."
    strange = [country for country in wanted if country not in registry.countries]
    if registry.countries and strange:
        return (
            f"{registry.key} is for {', '.join(registry.countries)}, not for {', '.join(strange)}."
        )
    if not registry.countries:
        own = [row for row in registries().values() if set(row.countries) & set(wanted)]
        other = next((row for row in own if set(row.kinds) & set(registry.kinds)), None)
        if other is not None and other.scope == "sender":
            named = ", ".join(country for country in wanted if country in other.countries)
            return f"{named} has its own: use {other.key}."
    return ""


def answers_problem(registry: Registry, answers: Mapping[str, str]) -> dict[str, str]:
    """Answers that cannot be kept: field → what to do. Missing ones are no problem of a draft."""
    known = {question.key: question for question in registry.questions}
    wrong = {}
    for key, value in answers.items():
        question = known.get(key)
        if question is None:
            wrong[f"answers.{key}"] = f"{registry.key} does not ask for this."
        elif question.choices and value and value not in question.choices:
            wrong[f"answers.{key}"] = f"Use one of: {', '.join(question.choices)}."
        elif question.form == "text" and "\n" in value:
            wrong[f"answers.{key}"] = "Use one line."
    return wrong


def lacking(
    registry: Registry, *, company: str, answers: Mapping[str, str], papers: Iterable[str]
) -> dict[str, str]:
    """What a registration still lacks: field → what to do; empty when it may be submitted."""
    found = {} if company.strip() else {COMPANY: "Enter the company as the registry knows it."}
    for question in registry.questions:
        value = answers.get(question.key, "").strip()
        field = f"answers.{question.key}"
        if not value:
            if question.required:
                found[field] = f"Answer: {question.label}."
            continue
        lines = [line for line in value.splitlines() if line.strip()]
        if question.form == "list" and not question.least <= len(lines) <= question.most:
            found[field] = f"Give {question.least} to {question.most}, one a line."
    present = set(papers)
    for paper in registry.papers:
        if paper.required and paper.key not in present:
            found[f"documents.{paper.key}"] = f"Add the document: {paper.label}."
    return found
