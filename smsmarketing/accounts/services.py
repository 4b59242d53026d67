"""Creating and revoking API tokens; what a brand speaks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction

from smsmarketing.accounts.models import ApiToken, Brand, Team, User
from smsmarketing.accounts.rules.scopes import scopes_unknown, trifecta_scopes
from smsmarketing.accounts.rules.tokens import network_normal, token_make
from smsmarketing.operations.audit import audit_append_system
from smsmarketing.operations.errors import Conflict, InvalidInput, NotPermitted

TOKENS_PER_PERSON = 50
"""Live tokens of one person."""


def token_create(
    user: User,
    *,
    name: str,
    scopes: Sequence[str],
    expires_in: timedelta,
    now: datetime,
    team: Team | None = None,
    for_agent: bool = True,
    allowed_ips: Sequence[str] = (),
    may_mix: bool = False,
) -> tuple[ApiToken, str]:
    """A new token of the person, and its plaintext, which exists nowhere else.

    `may_mix`: the creator may put personal data and sending on one token. Raises InvalidInput for
    an unknown scope or address, NotPermitted for a mix that is not allowed [R-9.26], Conflict when
    the person has too many live tokens.
    """
    wanted = frozenset(scopes)
    if not wanted or scopes_unknown(wanted):
        raise InvalidInput(
            "Choose at least one scope from the list; there is no wildcard.",
            field_errors={"scopes": f"Unknown: {', '.join(sorted(scopes_unknown(wanted))) or '-'}"},
        )
    mixed = trifecta_scopes(wanted)
    if mixed and not may_mix:
        raise NotPermitted(
            "One token must not both see full phone numbers and have a way out. "
            "Create two tokens, or ask an admin.",
            field_errors={
                "scopes": f"sms:contacts.pii cannot stand beside {', '.join(sorted(mixed))}."
            },
        )
    live = ApiToken.objects.filter(user=user, revoked_at=None, expires_at__gt=now).count()
    if live >= TOKENS_PER_PERSON:
        raise Conflict(f"This person has {live} live tokens already. Revoke one that is unused.")
    made = token_make()
    token = ApiToken.objects.create(
        user=user,
        team=team,
        name=name,
        for_agent=for_agent,
        prefix=made.prefix,
        digest=made.digest,
        scopes=sorted(wanted),
        allowed_ips=_networks(allowed_ips),
        expires_at=now + expires_in,
    )
    return token, made.plaintext


def token_revoke(token: ApiToken, *, now: datetime) -> ApiToken:
    """End the token at once [R-8.5]. Revoking twice changes nothing."""
    if token.revoked_at is None:
        token.revoked_at = now
        token.save(update_fields=["revoked_at"])
    return token


def _networks(texts: Sequence[str]) -> list[str]:
    networks = []
    for text in texts:
        try:
            networks.append(network_normal(text))
        except ValueError as exc:
            raise InvalidInput(
                "An allowed address is not a network address.",
                field_errors={"allowed_ips": "Use addresses or networks such as 203.0.113.0/24."},
            ) from exc
    return networks


_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?")


def brand_language_set(name: str, language: str) -> Brand:
    """Set the language of a brand's public pages and automatic answers, for the command line.

    Raises InvalidInput for an unknown brand or a code that is no BCP 47 tag.
    """
    if not _LANGUAGE.fullmatch(language):
        raise InvalidInput(
            "That is no language code.",
            field_errors={"language": "Give a code such as de, pt-BR or zh-TW."},
        )
    with transaction.atomic():
        brand = Brand.objects.select_for_update().filter(name=name).first()
        if brand is None:
            known = ", ".join(Brand.objects.order_by("name").values_list("name", flat=True))
            raise InvalidInput(f"There is no brand {name!r}. Known: {known or 'none'}.")
        before, brand.language = brand.language, language
        brand.save(update_fields=["language"])
        audit_append_system(
            operation="accounts.brand_language",
            outcome="done",
            object_type="accounts.brand",
            object_id=str(brand.pk),
            facts={"before": before, "after": language},
        )
    return brand
