"""How an operation's answer is shown, and what no page of the admin carries."""

from __future__ import annotations

from pathlib import Path

from django.template.loader import render_to_string

from smsmarketing.contacts.templatetags.humanize_counts import width_class
from smsmarketing.operations.surfaces.admin.values import node_build

TEMPLATES = Path(__file__).resolve().parents[3] / "templates"


def test_a_whole_number_can_be_copied_and_a_masked_one_cannot() -> None:
    """The button is a plain one, hidden until operations/copy.js shows it: no inline script."""
    node = node_build({"phone": "+37069900011", "masked": "+370•••••11", "count": 12})
    text = render_to_string("admin/operations/value.html", {"node": node})
    assert text.count("op-copy") == 1
    assert 'data-copy="+37069900011"' in text
    assert "<script" not in text
    assert "onclick" not in text


def test_no_template_carries_a_style_or_script_of_its_own() -> None:
    """What a page looks like and does is in files that the policy allows."""
    found = [
        str(path)
        for path in TEMPLATES.rglob("*.html")
        if any(mark in path.read_text() for mark in (' style="', "<style", "<script>", " onclick="))
    ]
    assert found == []


def test_bars_are_as_wide_as_their_share() -> None:
    assert [width_class(part) for part in ("0", "0.4", "33.33", 100, "140")] == [
        "op-w-0",
        "op-w-0",
        "op-w-33",
        "op-w-100",
        "op-w-100",
    ]
