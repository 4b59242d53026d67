"""What the columns of an import may hold, and guessing it from their names. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Final

from smsmarketing.contacts.rules.import_files import CELL_MAX

KINDS: Final = ("contacts", "opt_outs", "events")
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
    "unknown_subscriber",
    "manual",
)
"""Every reason of rules.suppressions.REASONS but hold, which only a reply that waits for a person makes."""

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
    "until": (40, "Until when, for blocks and registers"),
    "reason": (24, "Reason: opt_out, complaint, blocked, …"),
    "message": (500, "What the person wrote"),
    "language": (12, "Language, such as en or zh-TW"),
}
EVENT_FIELDS: Final = {
    "phone": (64, "Phone number of the contact"),
    "country": (2, "Country of numbers without +, two letters"),
    "customer_key": (80, "Customer id, instead of the number"),
    "kind": (40, "Kind, such as order or payment"),
    "external_id": (120, "Id of the order, payment, ... in the shop"),
    "source": (80, "System it comes from"),
    "occurred_at": (40, "When it happened"),
    "updated_at": (40, "When this state of it became true"),
    "property:state": (40, "State, such as paid"),
    "property:amount": (30, "Amount of money, such as 49.90"),
    "property:currency": (3, "Currency, such as EUR"),
}
FIELDS: Final = {"contacts": CONTACT_FIELDS, "opt_outs": OPT_OUT_FIELDS, "events": EVENT_FIELDS}
_NAMED: Final = {
    "contacts": re.compile(r"(custom|crm):[A-Za-z0-9_][A-Za-z0-9_. -]{0,59}"),
    "events": re.compile(r"property:[A-Za-z0-9_][A-Za-z0-9_. -]{0,59}"),
}
_NAMED_HINT: Final = {"contacts": "custom:<name>", "events": "property:<name>"}
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
    "until": "until blocked_until valid_until expires_at",
    "reason": "reason optout_reason",
    "message": "message text reply stop_message",
}

_EVENT_SYNONYMS: Final = {
    "external_id": "external_id id order_id order_number order_no orderid number_of_order event_id"
    " transaction_id payment_id shipment_id",
    "customer_key": "customer_key customer_id customerid customer crm_id",
    "kind": "kind event event_kind type event_type",
    "source": "source system shop channel",
    "occurred_at": "occurred_at created_at date order_date ordered_at time timestamp event_time paid_at",
    "updated_at": "updated_at changed_at modified_at status_date",
    "property:state": "state status order_status order_state financial_status fulfillment_status",
    "property:amount": "amount total order_total total_price value revenue price sum",
    "property:currency": "currency currency_code",
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
    events = kind == "events"
    for header in headers:
        word = re.sub(r"[\s-]+", "_", header_plain(header))
        for name, synonyms in {**_SYNONYMS, **(_EVENT_SYNONYMS if events else {})}.items():
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
        elif name not in FIELDS[kind] and not (kind in _NAMED and _NAMED[kind].fullmatch(name)):
            known = ", ".join([*FIELDS[kind], *([_NAMED_HINT[kind]] if kind in _NAMED else [])])
            faults[f"mapping.{header}"] = f"There is no field {name[:60]}. Known are: {known}."
        elif name in used:
            faults[f"mapping.{header}"] = f'"{used[name]}" is mapped to {name} already.'
        else:
            used[name] = header
    if kind == "events":
        return faults or _event_faults(used)
    if "phone" not in used and not faults:
        faults["mapping"] = "No column holds the phone number. Map one column to phone."
    return faults


def _event_faults(used: Mapping[str, str]) -> dict[str, str]:
    if "phone" not in used and "customer_key" not in used:
        return {"mapping": "No column tells the contact. Map one to phone or customer_key."}
    for name, what in (("external_id", "id"), ("occurred_at", "time")):
        if name not in used:
            return {"mapping": f"No column holds the {what} of the events. Map one to {name}."}
    return {}
