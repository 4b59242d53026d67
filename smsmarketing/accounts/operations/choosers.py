"""Teams, brands and tokens, as people choose them."""

from __future__ import annotations

from smsmarketing.accounts.models import ApiToken
from smsmarketing.accounts.selectors import brands_visible, teams_visible, tokens_visible
from smsmarketing.operations import choosers
from smsmarketing.operations.choosers import Chooser


def _token(row: ApiToken) -> str:
    return f"{row.name}, of {row.user.username}" + (" (revoked)" if row.revoked_at else "")


choosers.add(
    Chooser(noun="team", fields=("team_id",), visible=teams_visible, order=("name", "pk")),
    Chooser(noun="brand", fields=("brand_id",), visible=brands_visible, order=("name", "pk")),
    Chooser(
        noun="API token",
        fields=("token_id",),
        visible=tokens_visible,
        label=_token,
        names=("name", "user__username"),
        permission="accounts.token_view",
        hint="Write a part of its name, or whose it is.",
    ),
)
