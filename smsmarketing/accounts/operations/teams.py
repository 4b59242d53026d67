"""teams.list: teams and their brands."""

from __future__ import annotations

from pydantic import Field

from smsmarketing.accounts.models import Team
from smsmarketing.accounts.selectors import brands_visible, teams_visible
from smsmarketing.operations import registry
from smsmarketing.operations.pages import Page, PageInput, page_cut
from smsmarketing.operations.types import Context, Kind, Operation, Output, RestRoute


class BrandRow(Output):
    """One brand."""

    brand_id: int = Field(description="Id of the brand.")
    name: str = Field(description="Name of the brand.")
    name_in_texts: str = Field(description="What must stand in every marketing text [R-2.18].")
    opt_out_line: str = Field(description="The brand's opt-out line.")
    help_line: str = Field(description="The answer to HELP.")
    website: str = Field(description="Website; empty when unknown.")
    language: str = Field(description="Language of its public pages and automatic answers, BCP 47.")
    active: bool = Field(description="Whether the brand may send.")


class TeamRow(Output):
    """One team with its brands."""

    team_id: int = Field(description="Id of the team.")
    name: str = Field(description="Name of the team.")
    slug: str = Field(description="Short name.")
    active: bool = Field(description="Whether the team may send.")
    currency: str = Field(description="ISO 4217 currency of all the team's money.")
    brands: list[BrandRow] = Field(description="The team's brands, by name.")


class TeamsIn(PageInput):
    """Input of teams.list."""

    active: bool | None = Field(default=None, description="Only active (true) or inactive teams.")


class TeamsOut(Page[TeamRow]):
    """Output of teams.list."""


def run(context: Context, data: TeamsIn) -> TeamsOut:
    """The teams the caller works in, by name."""
    teams = teams_visible(context.actor)
    if data.active is not None:
        teams = teams.filter(active=data.active)
    rows, following = page_cut(teams, data, principal=context.actor.principal)
    brands: dict[int, list[BrandRow]] = {row.pk: [] for row in rows}
    for brand in brands_visible(context.actor).filter(team__in=rows):
        brands[brand.team_id].append(
            BrandRow(
                brand_id=brand.pk,
                name=brand.name,
                name_in_texts=brand.name_in_texts,
                opt_out_line=brand.opt_out_line,
                help_line=brand.help_line,
                website=brand.website,
                language=brand.language,
                active=brand.active,
            )
        )
    return TeamsOut(items=[_row(team, brands[team.pk]) for team in rows], next_cursor=following)


def _row(team: Team, brands: list[BrandRow]) -> TeamRow:
    return TeamRow(
        team_id=team.pk,
        name=team.name,
        slug=team.slug,
        active=team.active,
        currency=team.currency,
        brands=brands,
    )


registry.add(
    Operation(
        key="teams.list",
        summary="List the teams you work in, with their brands.",
        kind=Kind.READ,
        input=TeamsIn,
        output=TeamsOut,
        run=run,
        permission="accounts.team_view",
        scope="sms:read",
        rest=RestRoute("GET", "/teams"),
        group="teams",
        description="Other teams are not shown. Use a team's brand id where a brand is asked for.",
    )
)
