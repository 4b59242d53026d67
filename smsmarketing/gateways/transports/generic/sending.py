"""The part of a definition that says how a message becomes a request."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Charset = Literal["utf-8", "big5", "latin-1", "ascii"]
TimeFormat = Literal["iso", "unix", "compact", "compact_minutes"]


class Shape(BaseModel):
    """Base of all parts: nothing unknown, nothing changed after it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Secret(Shape):
    """One thing a person enters at the server before the gateway can be used."""

    name: str = Field(
        pattern="^[a-z][a-z0-9_]{0,29}$",
        max_length=30,
        description="Name in templates: {credential.<name>}.",
    )
    label: str = Field(min_length=1, max_length=60, description="What people are asked for.")
    required: bool = Field(default=True, description="False when it may be left empty.")


class Pair(Shape):
    """One field of a query, form or header."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9_.:\[\]-]{1,60}$", max_length=60, description="Name of the field."
    )
    value: str = Field(
        default="",
        max_length=600,
        description="Template: plain text with placeholders like {to}, {text}, {credential.token}.",
    )
    only: Literal["always", "gsm", "unicode"] = Field(
        default="always",
        description="Sent always, only when GSM-7 holds the text, or only when it does not.",
    )
    optional: bool = Field(
        default=False, description="Left out when a placeholder in it has no value."
    )


class Auth(Shape):
    """How the account is proven, besides fields that hold credentials."""

    kind: Literal["none", "basic", "bearer", "header", "query"] = Field(
        default="none",
        description="none, basic, bearer, header (of any name) or query (in the URL).",
    )
    name: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9_.-]{0,60}$",
        max_length=60,
        description="Name of the header or of the query field; empty for the other kinds.",
    )
    user: str = Field(
        default="", max_length=200, description="Template of the user name; for basic only."
    )
    secret: str = Field(
        default="", max_length=300, description="Template of the secret, e.g. {credential.token}."
    )


class Submit(Shape):
    """How one message becomes one request."""

    method: Literal["POST", "PUT", "GET"] = Field(default="POST", description="HTTP method.")
    path: str = Field(
        default="/",
        pattern="^/",
        max_length=300,
        description="Path below the gateway's base URL; a template.",
    )
    query: list[Pair] = Field(
        default_factory=list, max_length=40, description="Fields in the URL's query."
    )
    headers: list[Pair] = Field(
        default_factory=list, max_length=20, description="Further headers of the request."
    )
    auth: Auth = Field(default_factory=Auth, description="How the account is proven.")
    body: Literal["form", "json", "text", "none"] = Field(
        default="form", description="Kind of body: URL-encoded form, JSON, text (XML too) or none."
    )
    form: list[Pair] = Field(
        default_factory=list, max_length=60, description="Fields of a form body."
    )
    json_text: str = Field(
        default="",
        max_length=4000,
        description=(
            "JSON of a JSON body; placeholders stand inside its strings. A string that is one"
            " placeholder with |int becomes a number."
        ),
    )
    text: str = Field(
        default="",
        max_length=4000,
        description="Text of a text body; each placeholder needs an escape like |xml.",
    )
    content_type: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9 /;=.+-]{0,80}$",
        max_length=80,
        description="Content-Type of a text body.",
    )
    charset: Charset = Field(
        default="utf-8", description="Characters of the URL and the body; no other is replaced."
    )
    number_format: Literal["e164", "digits", "double_zero", "national"] = Field(
        default="digits",
        description="{to} as +886912..., 886912..., 00886912... or 0912... (national).",
    )
    country_code: str = Field(
        default="",
        pattern="^[0-9]{0,4}$",
        max_length=4,
        description="Calling code of national numbers; others are refused.",
    )
    trunk_prefix: str = Field(
        default="0",
        pattern="^[0-9]{0,2}$",
        max_length=2,
        description="Put before national numbers.",
    )
    newline: Literal["keep", "crlf", "ack"] = Field(
        default="keep", description="A line break as it is, as CR LF, or as character 6 (Mitake)."
    )
    time_format: TimeFormat = Field(
        default="iso",
        description="{expires_at} as ISO 8601, seconds since 1970, YYYYMMDDHHMMSS or YYYYMMDDHHMM.",
    )
    time_zone: str = Field(
        default="UTC", max_length=40, description="IANA zone of times without an offset."
    )
    validity_least_s: int = Field(
        default=0, ge=0, le=2_592_000, description="Shortest validity that may be asked, seconds."
    )
    validity_most_s: int = Field(
        default=0,
        ge=0,
        le=2_592_000,
        description="Longest validity, seconds; 0 = the provider takes none.",
    )
    test: list[Pair] = Field(
        default_factory=list,
        max_length=5,
        description="Fields that switch the provider's own test mode on, e.g. test=1.",
    )
