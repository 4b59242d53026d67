"""A price list in the shape of `GET /rates/`. Countries and MCC are real, the prices are made up."""

import csv
import io
import json
from functools import cache

CURRENCY = "EUR"

_COUNTRIES = """
AE 971 424 0.0290 United Arab Emirates
AR 54 722 0.0480 Argentina
AT 43 232 0.0610 Austria
AU 61 505 0.0390 Australia
BE 32 206 0.0740 Belgium
BG 359 284 0.0690 Bulgaria
BR 55 724 0.0210 Brazil
CA 1 302 0.0110 Canada
CH 41 228 0.0580 Switzerland
CL 56 730 0.0410 Chile
CN 86 460 0.0330 China
CO 57 732 0.0120 Colombia
CY 357 280 0.0310 Cyprus
CZ 420 230 0.0520 Czechia
DE 49 262 0.0710 Germany
DK 45 238 0.0400 Denmark
EE 372 248 0.0620 Estonia
EG 20 602 0.0980 Egypt
ES 34 214 0.0490 Spain
FI 358 244 0.0660 Finland
FR 33 208 0.0550 France
GB 44 234 0.0370 United Kingdom
GR 30 202 0.0480 Greece
HK 852 454 0.0460 Hong Kong
HR 385 219 0.0590 Croatia
HU 36 216 0.0650 Hungary
ID 62 510 0.2430 Indonesia
IE 353 272 0.0530 Ireland
IL 972 425 0.0940 Israel
IN 91 404 0.0590 India
IS 354 274 0.0500 Iceland
IT 39 222 0.0600 Italy
JP 81 440 0.0640 Japan
KE 254 639 0.0780 Kenya
KR 82 450 0.0260 South Korea
LT 370 246 0.0450 Lithuania
LU 352 270 0.0570 Luxembourg
LV 371 247 0.0590 Latvia
MA 212 604 0.0880 Morocco
MT 356 278 0.0430 Malta
MX 52 334 0.0310 Mexico
MY 60 502 0.0420 Malaysia
NG 234 621 0.1020 Nigeria
NL 31 204 0.0820 Netherlands
NO 47 242 0.0530 Norway
NZ 64 530 0.0840 New Zealand
PE 51 716 0.0390 Peru
PH 63 515 0.1210 Philippines
PL 48 260 0.0270 Poland
PT 351 268 0.0350 Portugal
RO 40 226 0.0560 Romania
RS 381 220 0.0680 Serbia
SA 966 420 0.0510 Saudi Arabia
SE 46 240 0.0450 Sweden
SG 65 525 0.0380 Singapore
SI 386 293 0.0700 Slovenia
SK 421 231 0.0640 Slovakia
TH 66 520 0.0160 Thailand
TR 90 286 0.0070 Turkey
TW 886 466 0.0480 Taiwan
UA 380 255 0.0890 Ukraine
US 1 310 0.0090 United States
VN 84 452 0.0730 Vietnam
ZA 27 655 0.0170 South Africa
"""
_ROWS = tuple(line.split(maxsplit=4) for line in _COUNTRIES.strip().splitlines())
_MCC_BY_PREFIX = {dial: mcc for _, dial, mcc, _, _ in _ROWS}
_FIELDS = ("CountryName", "CountryCode", "Operator", "Network", "MCC", "MNC", "Rate")


def mcc_of(number: str) -> str | None:
    """Mobile country code for international digits; +1 counts as the United States."""
    for length in (3, 2, 1):
        mcc = _MCC_BY_PREFIX.get(number[:length])
        if mcc:
            return mcc
    return None


def country_of(number: str) -> tuple[str, str] | None:
    """(ISO code, mobile country code) for international digits."""
    for length in (3, 2, 1):
        for iso, dial, mcc, _, _ in _ROWS:
            if dial == number[:length]:
                return iso, mcc
    return None


def mcc_of_country(iso: str) -> tuple[str, str] | None:
    """(Calling code, mobile country code) of a country."""
    return next(((dial, mcc) for code, dial, mcc, _, _ in _ROWS if code == iso), None)


@cache
def rates_json() -> bytes:
    return json.dumps(_entries()).encode()


@cache
def rates_csv() -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, _FIELDS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_entries())
    return out.getvalue().encode()


def _entries() -> list[dict[str, str | None]]:
    return [
        dict(zip(_FIELDS, (name, iso, "All", "All", mcc, None, rate), strict=True))
        for iso, _, mcc, rate, name in _ROWS
    ]
