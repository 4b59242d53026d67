"""The proof pack as a PDF that a court or a carrier can read: fixed layout, numbered pages, the
pack's SHA-256 on each of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from fpdf import FPDF, XPos, YPos

from smsmarketing.contacts.rules.proof_words import time_text, word_of
from smsmarketing.contacts.services.proof.lettering import FAMILY, fonts_load, printable

CHECK_WORDS = {
    "contact": "The contact was in use: neither in the trash nor erased",
    "suppression": "No opt-out or other block stood against it",
    "consent_granted": "The person had agreed (newest event is a consent)",
    "consent_unexpired": "The consent had not lapsed",
    "consent_complete": "The evidence is complete",
    "line": "The number can receive texts",
}
REASON_WORDS = {
    "opted_out": "the person had opted out",
    "no_consent": "no consent was on record",
    "consent_expired": "the consent had lapsed",
    "consent_incomplete": "the evidence of consent was incomplete",
    "complaint": "the person had complained",
    "blocked": "the number was blocked",
    "legal": "a legal request or register forbade it",
    "reassigned": "the number had a new owner",
    "invalid": "the number was invalid",
    "landline": "the number is a landline",
    "unreachable": "the number was unreachable",
    "on_hold": "a reply that may be an opt-out was waiting for a person to decide",
    "trashed": "the contact was in the trash",
    "erased": "the profile had been erased at the person's or the house's wish",
}
_LONG = {"disclosure_text", "text", "message", "body", "normalised", "normalized", "request_text"}
_EXACT = {"keyword", "number", "from", "to", "sender", "form_version", "hash", "operation"}
_GREY, _BLACK, _GREEN, _RED = (105, 105, 105), (20, 20, 20), (0, 100, 50), (150, 20, 20)


class _Document(FPDF):
    """A4 with a footer that names the pack."""

    def __init__(self, sha256: str, now: datetime, characters: Iterable[str]) -> None:
        super().__init__(format="A4")
        self.sha256 = sha256
        self.set_creation_date(now)
        self.set_title("Proof pack")
        self.set_producer("smsmarketing")
        self.set_margins(18, 16, 18)
        self.set_auto_page_break(True, margin=22)
        fonts_load(self, characters)
        self.add_page()

    def footer(self) -> None:
        self.set_y(-16)
        self.set_font(FAMILY, size=7)
        self.set_text_color(*_GREY)
        self.cell(0, 4, f"SHA-256 of the pack: {self.sha256}", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.cell(0, 4, f"Page {self.page_no()} of {{nb}}")

    def title_line(self, text: str) -> None:
        self.set_font(FAMILY, "B", 17)
        self._lines(text, 9)

    def section(self, text: str) -> None:
        if self.get_y() > self.h - 55:
            self.add_page()
        self.ln(4)
        self.set_font(FAMILY, "B", 12)
        self._lines(text, 7)
        y = self.get_y()
        self.set_draw_color(*_GREY)
        self.line(self.l_margin, y, self.w - self.r_margin, y)
        self.ln(2)

    def note(self, text: str) -> None:
        self.set_font(FAMILY, size=9)
        self._lines(text, 4.6, color=_GREY)

    def heading(self, text: str, color: tuple[int, int, int] = _BLACK) -> None:
        if self.get_y() > self.h - 40:
            self.add_page()
        self.ln(1.5)
        self.set_font(FAMILY, "B", 9.5)
        self._lines(text, 5.4, color=color)

    def pair(self, label: str, value: str) -> None:
        """A label with its value beside it."""
        self.set_font(FAMILY, size=8.5)
        self.set_text_color(*_GREY)
        if self.get_y() > self.h - 27:
            self.add_page()
        top = self.get_y()
        self.multi_cell(44, 4.6, printable(label), new_x=XPos.RIGHT, new_y=YPos.TOP)
        self.set_text_color(*_BLACK)
        self.set_xy(self.l_margin + 46, top)
        width = self.w - self.r_margin - self.l_margin - 46
        self.multi_cell(
            width, 4.6, printable(value) or "—", align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT
        )

    def quote(self, label: str, value: str) -> None:
        """An exact text, framed, from edge to edge."""
        if self.get_y() > self.h - 50:
            self.add_page()
        exact = "as stored, its numbers hidden" if "\u2022" in value else "exactly as stored"
        self.pair(label, f"{exact}, {len(value)} characters:")
        self.set_font(FAMILY, size=10)
        self.set_draw_color(*_GREY)
        self.set_fill_color(246, 246, 246)
        self.multi_cell(
            0,
            5.6,
            printable(value) or "(empty)",
            border=1,
            fill=True,
            align="L",
            padding=2,
            new_x=XPos.LMARGIN,
            new_y=YPos.NEXT,
        )
        self.ln(1)

    def _lines(self, text: str, height: float, color: tuple[int, int, int] = _BLACK) -> None:
        self.set_text_color(*color)
        self.multi_cell(0, height, printable(text), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def fields(self, row: Mapping[str, Any]) -> None:
        """All values of a row that say something, in their order; nested ones below their name."""
        for key, value in row.items():
            label = key.replace("_", " ")
            if value is None or value in ("", [], {}):
                continue
            if isinstance(value, Mapping):
                self.pair(label, ":")
                self.fields(value)
            elif key in _LONG:
                self.quote(label, str(value))
            elif isinstance(value, list):
                self.pair(label, ", ".join(_told(key, item) for item in value))
            else:
                self.pair(label, _told(key, value))


def _told(key: str, value: Any) -> str:
    """A value as people read it: yes and no, times, and words for what the tables call otherwise."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if key in _EXACT:
        return str(value)
    return time_text(word_of(key, str(value)))


def document_build(pack: Mapping[str, Any], *, sha256: str, now: datetime) -> bytes:
    """The bytes of the PDF: the same for the same pack and time."""
    pdf = _Document(sha256, now, _characters(pack))
    _front(pdf, pack)
    _checks(pdf, pack)
    _rows(pdf, "Consent ledger", pack["consents"], _consent_title, "No consent event is on record.")
    _rows(
        pdf,
        "Former numbers of the contact",
        pack.get("former_numbers", []),
        lambda row: f"{row['number']}, until {time_text(row['until'])}",
        "",
    )
    _rows(
        pdf,
        "Double opt-in requests",
        pack.get("double_opt_ins", []),
        lambda row: f"Request {row['no']}: {word_of('state', row['state'])}",
        "",
    )
    _rows(
        pdf,
        "Opt-outs and other blocks",
        pack["suppressions"],
        _block_title,
        "None is on record.",
    )
    messages = pack["messages"]
    _rows(
        pdf,
        f"Messages of the brand ({messages['shown']} of {messages['total']})",
        messages["rows"],
        lambda row: (
            f"Message {row['message_id']}: {word_of('state', row['state'])}, {time_text(row['at'])}"
        ),
        "None was sent.",
    )
    _chain(pdf, pack)
    return bytes(pdf.output())


def _characters(value: Any) -> set[str]:
    """Every character that stands anywhere in the pack."""
    if isinstance(value, Mapping):
        return _characters(list(value.values()))
    if isinstance(value, list):
        return set().union(*map(_characters, value))
    return set(str(value))


def _front(pdf: _Document, pack: Mapping[str, Any]) -> None:
    question, verdict, made = pack["question"], pack["verdict"], pack["generated"]
    pdf.title_line("Proof pack: may this number be texted?")
    for label, value in (
        ("Brand", question["brand"]),
        ("Purpose", question["purpose"]),
        ("At the moment", time_text(question["at"])),
        ("Number", question["number"]),
        ("Number fingerprint", question["number_fingerprint"]),
        ("", question["fingerprint_is"]),
        ("Made", f"{time_text(made['at'])} by {made['by']}"),
        ("Why it was made", made["reason"]),
    ):
        pdf.pair(label, str(value))
    if verdict["sendable"]:
        pdf.heading("Answer: yes, a text of this purpose was allowed at that moment.", _GREEN)
    else:
        why = REASON_WORDS.get(verdict["reason"], verdict["reason"])
        pdf.heading(f"Answer: no. First reason: {why}.", _RED)
    pdf.heading("Person")
    pdf.fields(pack["person"])


def _checks(pdf: _Document, pack: Mapping[str, Any]) -> None:
    pdf.section("The checks, in the order of the system")
    for check in pack["verdict"]["checks"]:
        word = CHECK_WORDS.get(check["check"], check["check"])
        mark, color = ("passed", _GREEN) if check["passed"] else ("NOT passed", _RED)
        pdf.heading(f"{check['order']}. {word}: {mark}", color)
        pdf.pair("found", check["found"])
        pdf.pair("rule", check["rule"])
    for limit in pack["limits"]:
        pdf.note(limit)


def _consent_title(row: Mapping[str, Any]) -> str:
    other = "" if row["for_this_number"] else " (for another number of this contact)"
    said = word_of("direction", row["direction"])
    return f"No. {row['no']}: {said}, {row['purpose']}, {time_text(row['captured_at'])}{other}"


def _block_title(row: Mapping[str, Any]) -> str:
    what = f"{word_of('reason', row['reason'])} {word_of('scope', row['scope'])}"
    return f"No. {row['no']}: {what}, {time_text(row['created_at'])}"


def _rows(pdf: _Document, title: str, rows: list[dict[str, Any]], heading: Any, empty: str) -> None:
    if not rows and not empty:
        return
    pdf.section(title)
    if not rows:
        pdf.note(empty)
    for row in rows:
        pdf.heading(heading(row))
        pdf.fields({key: value for key, value in row.items() if key != "no"})


def _chain(pdf: _Document, pack: Mapping[str, Any]) -> None:
    audit = pack["audit"]
    pdf.section("Seals and audit chain")
    for seal in pack.get("seals", []):
        pdf.heading(f"Seal {seal['number']} over consent rows {seal['from_id']} to {seal['to_id']}")
        pdf.fields({key: value for key, value in seal.items() if key != "number"})
    pdf.pair("Head of the audit chain", f"no. {audit['chain_head']['seq']}")
    pdf.pair("", audit["chain_head"]["hash"])
    if audit["newest_anchor"]:
        anchor = audit["newest_anchor"]
        pdf.pair("Newest signed anchor", f"no. {anchor['seq']}, {time_text(str(anchor['at']))}")
        pdf.pair("", anchor["hash"])
    for entry in audit["entries"]:
        pdf.heading(f"Entry {entry['seq']}: {entry['operation']}, {entry['outcome']}")
        pdf.fields({key: entry[key] for key in ("at", "by", "changed", "reason", "hash")})
