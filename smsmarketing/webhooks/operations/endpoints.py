"""webhooks.list, webhooks.save and webhooks.rotate_secret."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from pydantic import Field

from smsmarketing.accounts.models import Team
from smsmarketing.accounts.selectors import teams_visible
from smsmarketing.operations import registry
from smsmarketing.operations.errors import InvalidInput, NotFound
from smsmarketing.operations.pages import Page, PageInput, page_cut
from smsmarketing.operations.types import (
    Actor,
    Approval,
    Context,
    Input,
    Kind,
    Operation,
    Output,
    RestRoute,
    Target,
)
from smsmarketing.operations.versions import version_token
from smsmarketing.webhooks.models import WebhookEndpoint
from smsmarketing.webhooks.rules.kinds import KindName
from smsmarketing.webhooks.selectors import endpoints_visible
from smsmarketing.webhooks.services.endpoints import (
    endpoint_change,
    endpoint_create,
    endpoint_secret_rotate,
    url_check,
)


class EndpointRow(Output):
    """One address that is told of events. Its secret is never shown again."""

    endpoint_id: int = Field(description="Id.")
    team_id: int = Field(description="Team whose events it gets.")
    name: str = Field(description="Name.")
    url: str = Field(description="Address that events are posted to.")
    kinds: list[str] = Field(description="Events it is told of.")
    active: bool = Field(description="False: nothing is sent.")
    disabled_reason: str = Field(description="Why it is off; empty while it is on.")
    disabled_at: datetime | None = Field(description="Since when it is off, UTC.")
    failing_since: datetime | None = Field(
        description="First failure since the last success, UTC; after three days it is switched off."
    )
    waiting: int = Field(description="Deliveries that are still to be made.")
    base_version_token: str = Field(description="Pass it to webhooks.save to change this endpoint.")


class ListIn(PageInput):
    team_id: int | None = Field(default=None, ge=1, description="Only this team's.")


class EndpointPage(Page[EndpointRow]):
    """Endpoints of the caller's teams, newest first."""


def listed(context: Context, data: ListIn) -> EndpointPage:
    rows = endpoints_visible(context.actor)
    if data.team_id is not None:
        rows = rows.filter(team_id=data.team_id)
    page, cursor = page_cut(rows, data, principal=context.actor.principal)
    return EndpointPage(
        items=[endpoint_row(row, context.actor) for row in page], next_cursor=cursor
    )


def endpoint_row(row: WebhookEndpoint, actor: Actor) -> EndpointRow:
    return EndpointRow(
        endpoint_id=row.pk,
        team_id=row.team_id,
        name=row.name,
        url=row.url,
        kinds=list(row.kinds),
        active=row.active,
        disabled_reason=row.disabled_reason,
        disabled_at=row.disabled_at,
        failing_since=row.failing_since,
        waiting=row.deliveries.filter(state="pending").count(),
        base_version_token=version_token(row, actor),
    )


class SaveIn(Input):
    endpoint_id: int | None = Field(
        default=None, ge=1, description="Endpoint to change; leave out for a new one."
    )
    base_version_token: str | None = Field(
        default=None, max_length=100, description="From webhooks.list, for a change."
    )
    team_id: int | None = Field(
        default=None, ge=1, description="Team of a new endpoint; leave out when you have one team."
    )
    name: str = Field(min_length=1, max_length=80, description="What it is, e.g. CRM.")
    url: str = Field(
        min_length=1,
        max_length=500,
        description="https address of your system. Private and local addresses are refused.",
    )
    kinds: list[KindName] = Field(
        min_length=1, max_length=20, description="Events it is told of, e.g. opt_out.created."
    )
    active: bool = Field(
        default=True, description="False switches it off and gives up what waits for it."
    )


class SaveOut(Output):
    """Output of webhooks.save."""

    endpoint: EndpointRow = Field(description="The endpoint as it is now.")
    created: bool = Field(description="True for a new endpoint.")
    next_step: str = Field(description="What is left to do.")


def save(context: Context, data: SaveIn) -> SaveOut:
    endpoint: WebhookEndpoint | None = context.target
    created = endpoint is None
    if data.active:
        url_check(data.url)
    if endpoint is None:
        endpoint = endpoint_create(
            team=_team(context, data),
            name=data.name,
            url=data.url,
            kinds=data.kinds,
            created_by=context.actor.user,
            now=context.now,
        )
    else:
        endpoint = endpoint_change(
            endpoint,
            name=data.name,
            url=data.url,
            kinds=data.kinds,
            active=data.active,
            now=context.now,
        )
    context.audit_object = ("webhooks.webhookendpoint", str(endpoint.pk))
    context.audit_facts = {"kinds": list(endpoint.kinds), "active": endpoint.active}
    return SaveOut(
        endpoint=endpoint_row(endpoint, context.actor),
        created=created,
        next_step=(
            "Make its signing secret with webhooks.rotate_secret and put it into your system; then"
            " try it with webhooks.test."
            if created
            else "Try it with webhooks.test."
        ),
    )


def facts(context: Context, data: SaveIn) -> Mapping[str, Any]:
    """external: events would go where they did not go before.

    The whole address counts, not only its host: one host serves many receivers. So do the kinds.
    """
    if data.active:
        url_check(data.url)
    before: WebhookEndpoint | None = context.target
    team_id = before.team_id if before is not None else _team(context, data).pk
    known = (
        before is not None
        and before.active
        and before.url == data.url
        and set(data.kinds) <= set(before.kinds)
    )
    return {"external": data.active and not known, "team_id": team_id}


def _team(context: Context, data: SaveIn) -> Team:
    teams = teams_visible(context.actor).filter(active=True)
    if data.team_id is not None:
        team = teams.filter(pk=data.team_id).first()
        if team is None:
            raise NotFound(
                "There is no such team among yours. See teams.list.",
                field_errors={"team_id": "Not one of your active teams."},
            )
        return team
    found = list(teams[:2])
    if len(found) != 1:
        raise InvalidInput("Say whose events these are.", field_errors={"team_id": "Name a team."})
    return found[0]


class RotateIn(Input):
    endpoint_id: int = Field(ge=1, description="Endpoint from webhooks.list.")


class RotateOut(Output):
    """Output of webhooks.rotate_secret."""

    SHOWN_ONCE: ClassVar[frozenset[str]] = frozenset({"secret"})

    endpoint_id: int = Field(description="Id.")
    secret: str | None = Field(
        description=(
            "The signing secret. Copy it now: it is shown this once. Null when the call is repeated"
            " with the same idempotency key."
        )
    )
    before_until: datetime | None = Field(
        description="Until when the secret before signs as well, UTC."
    )


def rotate(context: Context, data: RotateIn) -> RotateOut:
    endpoint: WebhookEndpoint = context.target
    plain = endpoint_secret_rotate(endpoint, now=context.now)
    return RotateOut(endpoint_id=endpoint.pk, secret=plain, before_until=endpoint.before_until)


ENDPOINT = Target(argument="endpoint_id", visible=endpoints_visible, label="webhook endpoint")

registry.add(
    Operation(
        key="webhooks.list",
        summary="List the addresses that are told of opt-outs, consents and erasures.",
        kind=Kind.READ,
        input=ListIn,
        output=EndpointPage,
        run=listed,
        permission="webhooks.endpoint_view",
        scope="sms:read",
        rest=RestRoute("GET", "/webhooks"),
        group="settings",
        description="Secrets are never shown.",
    ),
    Operation(
        key="webhooks.save",
        summary="Create or change an address that is told of events.",
        description=(
            "Requests are signed, carry no full number and no text, and are repeated for a day."
            " A new address needs a second person, since events leave the system there."
        ),
        kind=Kind.WRITE,
        input=SaveIn,
        output=SaveOut,
        run=save,
        facts=facts,
        permission="webhooks.endpoint_edit",
        scope="sms:compliance",
        approval=Approval.POLICY,
        requires=("webhooks.list",),
        target=Target(
            argument="endpoint_id",
            visible=endpoints_visible,
            label="webhook endpoint",
            versioned=True,
        ),
        rest=RestRoute("POST", "/webhooks"),
        group="settings",
    ),
    Operation(
        key="webhooks.rotate_secret",
        summary="Make a new signing secret for an endpoint; it is shown once.",
        description="The secret before signs beside it for 24 hours, so that nothing is refused.",
        kind=Kind.WRITE,
        input=RotateIn,
        output=RotateOut,
        run=rotate,
        permission="webhooks.endpoint_edit",
        scope="",
        human_only=True,
        requires=("webhooks.list",),
        target=ENDPOINT,
        rest=RestRoute("POST", "/webhooks/{endpoint_id}/secret"),
        group="settings",
    ),
)
