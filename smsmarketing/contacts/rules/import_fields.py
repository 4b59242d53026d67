"""What the columns of an import may hold, and guessing it from their names. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Final

from smsmarketing.contacts.rules.import_files import CELL_MAX

KINDS: Final = ("contacts", "opt_outs")
OPT_OUT_REASONS: Final = (
    "opt_out",
    "complaint",
    "blocked",
    "legal",
    "registry",
    "invalid",
    "landline",
    "reassigned",
    "carrier_block",
    "unreachable",
    "manual",
)
"""Every reason of rules.suppressions.REASONS: a list of numbers may bring any of them."""

# Field → longest value and what it is, for the mapping page.
CONTACT_FIELDS: Final = {
    "phone": (64, "Phone number"),
    "country": (2, "Country of numbers without +, two letters"),
    "first_name": (80, "First name"),
    "last_name": (80, "Last name"),
    "language": (12, "Language, such as en or zh-TW"),
    "region": (12, "State or province, such as FL"),
    "time_zone": (64, "Time zone, such as Europe/Vilnius"),
    "customer_key": (80, "Customer id in the CRM or shop"),
    "customer_group": (60, "Customer group in the CRM or shop"),
    "tags": (1000, "Tags, separated by ; or |"),
    "consent.captured_at": (40, "Consent: when"),
    "consent.disclosure_text": (CELL_MAX, "Consent: exact text the person saw"),
    "consent.source_url": (500, "Consent: address of the form"),
    "consent.method": (20, "Consent: method"),
    "consent.basis": (20, "Consent: basis"),
    "consent.form_version": (80, "Consent: version of the form"),
    "consent.language": (12, "Consent: language of the text"),
    "consent.ip": (45, "Consent: IP address the person used"),
    "consent.expires_at": (40, "Consent: until when"),
}
OPT_OUT_FIELDS: Final = {
    "phone": (64, "Phone number"),
    "country": (2, "Country of numbers without +, two letters"),
    "opted_out_at": (40, "When the person opted out"),
    "reason": (24, "Reason: opt_out, complaint, blocked, …"),
    "message": (500, "What the person wrote"),
    "language": (12, "Language, such as en or zh-TW"),
}
FIELDS: Final = {"contacts": CONTACT_FIELDS, "opt_outs": OPT_OUT_FIELDS}
_NAMED = re.compile(r"(custom|crm):[A-Za-z0-9_][A-Za-z0-9_. -]{0,59}")
NAMED_MAX: Final = 500

_SYNONYMS: Final = {
    "phone": "phone mobile msisdn phone_number phonenumber mobile_number mobile_phone cell"
    " cellphone telephone tel number e164 to 手机 手机号 電話 电话 手機 handynummer telefon telefono",
    "country": "country country_code land",
    "first_name": "first_name firstname given_name vorname prenom name 名",
    "last_name": "last_name lastname surname family_name nachname nom 姓",
    "language": "language lang locale sprache",
    "region": "region state province",
    "time_zone": "time_zone timezone tz",
    "customer_key": "customer_key customer_id customerid crm_id external_id",
    "customer_group": "customer_group customergroup group customer_type kundengruppe",
    "tags": "tags tag labels groups",
    "consent.captured_at": "consent_at consent_date consent_time optin_date opt_in_date consented_at"
    " consent.captured_at",
    "consent.disclosure_text": "consent_text disclosure disclosure_text consent.disclosure_text",
    "consent.source_url": "consent_url source_url consent_source consent.source_url",
    "consent.method": "consent_method consent.method",
    "consent.basis": "consent_basis consent.basis",
    "consent.form_version": "form_version consent.form_version",
    "consent.language": "consent_language consent.language",
    "consent.ip": "consent_ip ip ip_address optin_ip opt_in_ip consent.ip",
    "consent.expires_at": "consent_expires consent_until expires_at consent.expires_at",
    "opted_out_at": "opted_out_at optout_date opt_out_date unsubscribed_at opted_out stop_date date",
    "reason": "reason optout_reason",
    "message": "message text reply stop_message",
}


def header_plain(header: str) -> str:
    """A column name for comparing: without invisible marks (a mark for right-to-left, a BOM),
    full-width forms and capitals.
    """
    text = unicodedata.normalize("NFKC", header)
    return "".join(each for each in text if unicodedata.category(each) != "Cf").strip().casefold()


def mapping_guess(headers: Sequence[str], kind: str) -> dict[str, str]:
    """Header → field for the headers that can be recognised; each field once."""
    guessed: dict[str, str] = {}
    for header in headers:
        word = re.sub(r"[\s-]+", "_", header_plain(header))
        for name, synonyms in _SYNONYMS.items():
            fits = name in FIELDS[kind] and name not in guessed.values()
            if fits and word in synonyms.split():
                guessed[header] = name
                break
    return guessed


def mapping_faults(mapping: Mapping[str, str], headers: Sequence[str], kind: str) -> dict[str, str]:
    """Path → what is wrong with a mapping; empty when it can be used."""
    faults: dict[str, str] = {}
    used: dict[str, str] = {}
    for header, name in mapping.items():
        if header not in headers:
            faults[f"mapping.{header}"] = "The file has no such column."
        elif name not in FIELDS[kind] and not (kind == "contacts" and _NAMED.fullmatch(name)):
            known = ", ".join([*FIELDS[kind], *(["custom:<name>"] if kind == "contacts" else [])])
            faults[f"mapping.{header}"] = f"There is no field {name[:60]}. Known are: {known}."
        elif name in used:
            faults[f"mapping.{header}"] = f'"{used[name]}" is mapped to {name} already.'
        else:
            used[name] = header
    if "phone" not in used and not faults:
        faults["mapping"] = "No column holds the phone number. Map one column to phone."
    return faults
