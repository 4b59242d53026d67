"""Phone numbers: one normal form (E.164), what kind of line, whose clock, and how to hide them.

Rules [R-3.10], [R-4.9], [R-4.12]. phonenumbers decides; a number that is already clean is answered
by patterns built from its metadata (``phone_patterns``).
"""

import hmac
import re
import unicodedata
from typing import Final, NamedTuple

import phonenumbers
from phonenumbers import NumberParseException, PhoneMetadata, ValidationResult

from smsmarketing.contacts.rules.phone_patterns import (
    LINE_TYPES,
    NON_GEOGRAPHIC,
    country_code_length,
    number_match,
)
from smsmarketing.contacts.rules.phone_zones import number_subdivision, number_zones

# ISO 3166-1 has no code for satellite and other international networks; ZZ is CLDR's "unknown".
NO_COUNTRY: Final = "ZZ"
# Lines that can show a text message; the others are refused by imports and skipped by plans.
TEXTABLE_LINE_TYPES: Final = frozenset({"mobile", "fixed_line_or_mobile", "voip", "personal"})

_PLUS_ONE: Final = frozenset(phonenumbers.COUNTRY_CODE_TO_REGION_CODE[1])
_RAW_LENGTH_MAX = 64
_CLEAN = re.compile(r"\+[1-9][0-9]{6,14}")
_SEPARATORS = str.maketrans("", "", " \t\r\n\f\v.-/()")
_DIGITS = re.compile(r"\+?[0-9]+")
_EXPONENT = re.compile(r"[+-]?[0-9]+([.,][0-9]+)?[eE][+-]?[0-9]+")
_WHOLE_FLOAT = re.compile(r"(\+?[0-9]{7,15})\.0+")
_TWO_NUMBERS = re.compile(r"[0-9][^0-9]*[,;|&/][^0-9]*[0-9]{5}")
_LETTER = re.compile(r"[^\W\d_]")
_BETWEEN: Final = "[ \u00a0.\\-/()]{0,2}"
_HIDDEN_MIN: Final = 6
MASK: Final = "•••••••"
MASK_LEAST: Final = 6
"""Up to so many characters, a masked number shows none of its end."""

_MESSAGES: Final = {
    "EMPTY": "The phone number is empty. Give one in international form, such as +447700900123.",
    "LETTERS": "The phone number holds letters. Give digits only, such as +447700900123.",
    "BAD_CHARACTERS": "The phone number holds characters that do not belong there."
    " Give a plus sign and digits, such as +447700900123.",
    "MULTIPLE_NUMBERS": "There is more than one phone number in this place. Give one.",
    "SPREADSHEET_NUMBER": "A spreadsheet turned the phone number into a rounded figure and lost"
    " digits. Format the column as text and export it again.",
    "SPREADSHEET_FORMULA": "The cell holds a formula. Give the phone number itself as text.",
    "NO_COUNTRY": "The phone number has no country. Start it with + and the country code, or choose"
    " a default country.",
    "UNKNOWN_REGION": "The default country is not known. Give its two letters, such as GB.",
    "UNKNOWN_COUNTRY_CODE": "No country has the code that the phone number begins with. Check it.",
    "TOO_SHORT": "The phone number has too few digits for its country. Check it.",
    "TOO_LONG": "The phone number has too many digits for its country. Check it.",
    "INVALID": "No operator of that country uses such a phone number. Check it.",
}
_REASONS: Final = {
    ValidationResult.TOO_SHORT: "TOO_SHORT",
    ValidationResult.TOO_LONG: "TOO_LONG",
    ValidationResult.INVALID_COUNTRY_CODE: "UNKNOWN_COUNTRY_CODE",
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "TOO_SHORT",
}
_PARSE_REASONS: Final = {
    NumberParseException.INVALID_COUNTRY_CODE: "UNKNOWN_COUNTRY_CODE",
    NumberParseException.TOO_LONG: "TOO_LONG",
    NumberParseException.TOO_SHORT_AFTER_IDD: "TOO_SHORT",
    NumberParseException.TOO_SHORT_NSN: "TOO_SHORT",
}


class PhoneError(ValueError):
    """A text that is no phone number. ``code`` is a key of the table above; ``message`` says what
    to do next and never repeats the number."""

    def __init__(self, code: str) -> None:
        super().__init__(_MESSAGES[code])
        self.code = code
        self.message = _MESSAGES[code]


class Phone(NamedTuple):
    """A valid number.

    ``country`` is ISO 3166-1 alpha-2 (ZZ for satellite networks); ``line_type`` one of mobile,
    fixed_line, fixed_line_or_mobile, toll_free, premium_rate, shared_cost, voip, personal, pager,
    uan, voicemail; ``time_zones`` IANA names, empty when unknown ([R-3.8]).
    """

    e164: str
    country: str
    line_type: str
    time_zones: tuple[str, ...]

    @property
    def textable(self) -> bool:
        """Whether such a line can show a text message at all."""
        return self.line_type in TEXTABLE_LINE_TYPES


def phone_parse(raw: str, default_region: str | None = None) -> Phone:
    """Read a phone number as people, spreadsheets and systems write it.

    ``default_region`` (ISO alpha-2) is the country of numbers written without one; without it they
    are refused, because the same digits are valid in several countries. Raises PhoneError.
    """
    if _CLEAN.fullmatch(raw):
        answer = number_match(raw)
        if answer is not None:
            return Phone(raw, *answer, number_zones(raw, country=answer[0], line_type=answer[1]))
    digits = _digits(raw)
    if digits.startswith("00") and not _dials_abroad(digits, default_region):
        digits = "+" + digits[2:]
    if digits.startswith("+"):
        answer = number_match(digits) if _CLEAN.fullmatch(digits) else None
        if answer is not None:
            zones = number_zones(digits, country=answer[0], line_type=answer[1])
            return Phone(digits, *answer, zones)
        return _library_parse(digits, None)
    if default_region is None:
        raise PhoneError("NO_COUNTRY")
    if default_region not in phonenumbers.SUPPORTED_REGIONS:
        raise PhoneError("UNKNOWN_REGION")
    return _library_parse(digits, default_region)


def phone_zones(e164: str) -> tuple[str, ...]:
    """IANA zones of a stored E.164 number ([R-3.7]); empty when unknown or not valid any more."""
    try:
        return phone_parse(e164).time_zones
    except PhoneError:
        return ()


def phone_subdivision(e164: str) -> str:
    """State or province of a US or Canadian number by its area code, or "" ([R-3.9])."""
    return number_subdivision(e164)


def phone_mask(e164: str) -> str:
    """Hide a number: country code and the last two digits stay ([R-4.12]).

    The number of dots is always seven, so that the length tells nothing.
    """
    shown = e164[: 1 + country_code_length(e164)] if e164.startswith("+") else ""
    return f"{shown}{MASK}{e164[-2:] if len(e164) > MASK_LEAST else ''}"


def phone_hide(text: str, e164: str) -> str:
    """The text with this one number masked wherever it stands: with or without the country code, with
    blanks, dots, dashes or brackets between the digits ([R-4.12]).
    """
    if not e164.startswith("+") or e164[-1] not in text:
        return text
    country = country_code_length(e164)
    code, national = e164[1 : 1 + country], e164[1 + country :]
    if len(national) < _HIDDEN_MIN:
        return text
    spelt = _BETWEEN.join(national)
    before = rf"(?:\+|00)?{code}{_BETWEEN}(?:\(0\))?{_BETWEEN}|0{_BETWEEN}"
    pattern = rf"(?<!\d)(?:{before})?{spelt}(?!\d)"
    return re.sub(pattern, phone_mask(e164), text)


def phone_hash(e164: str, key: bytes) -> bytes:
    """HMAC-SHA-256 of a number under a secret key: it can be matched, not reversed ([R-4.9]).

    Raises ValueError for a key of fewer than 16 bytes: numbers are few enough to try them all.
    """
    if len(key) < 16:
        raise ValueError("The key of the phone hash needs at least 16 bytes.")
    return hmac.digest(key, e164.encode("ascii"), "sha256")


def _digits(raw: str) -> str:
    """Strip what people put around the digits, or refuse."""
    text = raw if raw.isascii() else _ascii(raw)
    text = text.strip().removeprefix("'").strip()
    if text[:4].lower() == "tel:":
        text = text[4:]
    if not text:
        raise PhoneError("EMPTY")
    if len(text) > _RAW_LENGTH_MAX:
        raise PhoneError("TOO_LONG")
    if _EXPONENT.fullmatch(text):
        raise PhoneError("SPREADSHEET_NUMBER")
    whole = _WHOLE_FLOAT.fullmatch(text)
    if whole:  # a column of whole numbers, read as floats: every digit is still there
        text = whole.group(1)
    digits = text.translate(_SEPARATORS)
    if _DIGITS.fullmatch(digits) and not ("/" in text and len(digits) > 17):
        return digits
    raise PhoneError(_fault(text, digits))


def _fault(text: str, digits: str) -> str:
    if not digits:
        return "EMPTY"
    if text.startswith(("=", "@")):
        return "SPREADSHEET_FORMULA"
    if _LETTER.search(digits):
        return "LETTERS"
    if digits.count("+") > 1 or _TWO_NUMBERS.search(text):
        return "MULTIPLE_NUMBERS"
    return "BAD_CHARACTERS"


def _ascii(raw: str) -> str:
    """Full-width and other scripts' digits, typographic dashes and spaces; invisible marks go."""
    pieces = []
    for character in unicodedata.normalize("NFKC", raw):
        category = unicodedata.category(character)
        if category == "Nd":
            pieces.append(str(unicodedata.decimal(character)))
        elif category == "Pd" or character == "\u2212":
            pieces.append("-")
        elif character in "\u2018\u2019":
            pieces.append("'")
        elif category == "Zs":
            pieces.append(" ")
        elif category != "Cf":
            pieces.append(character)
    return "".join(pieces)


def _dials_abroad(digits: str, region: str | None) -> bool:
    """Whether "00..." is the region's own way to dial abroad, which phonenumbers undoes itself."""
    metadata = PhoneMetadata.metadata_for_region(region) if region else None
    if metadata is None or not metadata.international_prefix:
        return False
    return re.match(metadata.international_prefix, digits) is not None


def _library_parse(digits: str, region: str | None) -> Phone:
    try:
        number = phonenumbers.parse(digits, region)
    except NumberParseException as error:
        raise PhoneError(_PARSE_REASONS.get(error.error_type, "INVALID")) from None
    country = phonenumbers.region_code_for_number(number)
    line_type = LINE_TYPES.get(phonenumbers.number_type(number))
    if country is None or line_type is None or not phonenumbers.is_valid_number(number):
        reason = phonenumbers.is_possible_number_with_reason(number)
        raise PhoneError(_REASONS.get(reason, "INVALID"))
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if country == NON_GEOGRAPHIC:
        return Phone(e164, NO_COUNTRY, line_type, ())
    return Phone(e164, country, line_type, number_zones(e164, country=country, line_type=line_type))


def is_plus_one(country: str) -> bool:
    """Whether the country (ISO 3166-1 alpha-2) shares the calling code 1: US, Canada, Caribbean."""
    return country in _PLUS_ONE
