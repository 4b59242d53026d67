"""api_tokens.create, list, revoke: bearer tokens of a person."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, ClassVar

from pydantic import Field

from smsmarketing.accounts import services
from smsmarketing.accounts.models import ApiToken, Team
from smsmarketing.accounts.rules.scopes import ScopeName
from smsmarketing.accounts.selectors import person_name, teams_visible, tokens_visible
from smsmarketing.operations import registry
from smsmarketing.operations.errors import NotFound
from smsmarketing.operations.pages import Page, PageInput, page_cut
from smsmarketing.operations.types import (
    Context,
    Input,
    Kind,
    Operation,
    Output,
    RestRoute,
    Surface,
    Target,
)


class TokenRow(Output):
    """One API token, without its secret."""

    token_id: int = Field(description="Id of the token.")
    name: str = Field(description="What the token is for.")
    prefix: str = Field(description="The visible start of the token.")
    owner: str = Field(description="The person the token belongs to.")
    team: str | None = Field(description="The one team it works in; null for all of the person's.")
    for_agent: bool = Field(description="Whether an agent uses it.")
    scopes: list[str] = Field(description="What it may be used for.")
    allowed_ips: list[str] = Field(description="Networks it may be used from; empty for all.")
    created_at: datetime = Field(description="When it was created (UTC).")
    expires_at: datetime = Field(description="When it ends (UTC).")
    last_used_at: datetime | None = Field(description="Last use, to the minute (UTC).")
    revoked_at: datetime | None = Field(description="When it was revoked (UTC).")
    state: str = Field(description="live, expired or revoked.")


def token_row(token: ApiToken, now: datetime) -> TokenRow:
    """The token as every surface shows it."""
    live = "live" if token.expires_at > now else "expired"
    return TokenRow(
        token_id=token.pk,
        name=token.name,
        prefix=token.prefix,
        owner=person_name(token.user),
        team=token.team.name if token.team else None,
        for_agent=token.for_agent,
        scopes=token.scopes,
        allowed_ips=token.allowed_ips,
        created_at=token.created_at,
        expires_at=token.expires_at,
        last_used_at=token.last_used_at,
        revoked_at=token.revoked_at,
        state="revoked" if token.revoked_at else live,
    )


class TokenCreateIn(Input):
    """Input of api_tokens.create."""

    name: str = Field(min_length=1, max_length=80, description="What the token is for.")
    scopes: list[ScopeName] = Field(
        min_length=1,
        max_length=20,
        description=(
            "What the token may be used for: sms:read for reports and settings, sms:draft to write "
            "campaigns, sms:send to start approved ones. Give no more than it needs."
        ),
    )
    expires_in_days: int = Field(
        default=90, ge=1, le=365, description="Days until the token ends, 1 to 365."
    )
    team_id: int | None = Field(
        default=None, ge=1, description="Limit the token to one of your teams."
    )
    for_agent: bool = Field(
        default=True, description="An agent (AI client) uses the token, not a program of yours."
    )
    allowed_ips: list[Annotated[str, Field(max_length=43)]] = Field(
        default_factory=list,
        max_length=20,
        description="Addresses or networks it may be used from, e.g. 203.0.113.0/24; empty: all.",
    )


class TokenCreateOut(Output):
    """Output of api_tokens.create."""

    SHOWN_ONCE: ClassVar[frozenset[str]] = frozenset({"token"})
    """Not kept with the idempotency key: the plaintext exists in the first answer only."""

    token: str | None = Field(
        description=(
            "The token. Copy it now: it is shown this once. Null when the call is repeated with "
            "the same idempotency key."
        )
    )
    record: TokenRow = Field(description="The token's record.")


def create(context: Context, data: TokenCreateIn) -> TokenCreateOut:
    """Make a token of the caller's own; its plaintext is in this answer only."""
    team: Team | None = None
    if data.team_id is not None:
        team = teams_visible(context.actor).filter(pk=data.team_id, active=True).first()
        if team is None:
            raise NotFound(
                "There is no such team among yours. See teams.list.",
                field_errors={"team_id": "Not one of your active teams."},
            )
    token, plaintext = services.token_create(
        context.actor.user,
        name=data.name,
        scopes=data.scopes,
        expires_in=timedelta(days=data.expires_in_days),
        now=context.now,
        team=team,
        for_agent=data.for_agent,
        allowed_ips=data.allowed_ips,
        may_mix=context.actor.may("accounts.token_trifecta"),
    )
    context.audit_object = ("accounts.apitoken", str(token.pk))
    context.audit_facts = {"scopes": token.scopes, "expires_in_days": data.expires_in_days}
    return TokenCreateOut(token=plaintext, record=token_row(token, context.now))


class TokensIn(PageInput):
    """Input of api_tokens.list."""

    live: bool | None = Field(default=None, description="Only live (true) or only ended tokens.")


class TokensOut(Page[TokenRow]):
    """Output of api_tokens.list."""


def listed(context: Context, data: TokensIn) -> TokensOut:
    """The caller's own tokens, newest first; with the permission everybody's."""
    tokens = tokens_visible(context.actor)
    alive = {"revoked_at": None, "expires_at__gt": context.now}
    if data.live is not None:
        tokens = tokens.filter(**alive) if data.live else tokens.exclude(**alive)
    rows, following = page_cut(tokens, data, principal=context.actor.principal)
    return TokensOut(items=[token_row(row, context.now) for row in rows], next_cursor=following)


class TokenRevokeIn(Input):
    """Input of api_tokens.revoke."""

    token_id: int = Field(ge=1, description="Id of the token.")


def revoke(context: Context, data: TokenRevokeIn) -> TokenRow:
    """End a token at once; nobody has to agree [R-8.5]."""
    token: ApiToken = context.target
    return token_row(services.token_revoke(token, now=context.now), context.now)


registry.add(
    Operation(
        key="api_tokens.create",
        summary="Create an API token of your own; it is shown once.",
        kind=Kind.WRITE,
        input=TokenCreateIn,
        output=TokenCreateOut,
        run=create,
        permission="accounts.token_manage",
        scope="",
        rest=RestRoute("POST", "/api-tokens"),
        group="teams",
        human_only=True,
        surfaces=frozenset({Surface.ADMIN, Surface.REST}),
        description=(
            "For signed-in people only: a token cannot make tokens. Personal data and sending are "
            "not put on one token unless an admin does it [R-9.26]."
        ),
    ),
    Operation(
        key="api_tokens.list",
        summary="List API tokens with scopes, expiry and last use.",
        kind=Kind.READ,
        input=TokensIn,
        output=TokensOut,
        run=listed,
        permission="accounts.token_view",
        scope="sms:read",
        rest=RestRoute("GET", "/api-tokens"),
        group="teams",
        description="Called with a token, it shows that token only. Secrets are never shown.",
    ),
    Operation(
        key="api_tokens.revoke",
        summary="Revoke an API token at once.",
        kind=Kind.WRITE,
        input=TokenRevokeIn,
        output=TokenRow,
        run=revoke,
        permission="accounts.token_view",
        scope="sms:read",
        rest=RestRoute("POST", "/api-tokens/{token_id}/revoke"),
        group="teams",
        target=Target(argument="token_id", visible=tokens_visible, label="API token"),
        destructive=True,
        idempotent=True,
        description="Works at once and needs nobody's agreement. A token can revoke itself only.",
    ),
)
