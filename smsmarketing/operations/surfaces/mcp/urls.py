"""/mcp with every tool, /mcp/<group> with few [R-9.15]."""

from __future__ import annotations

from django.urls import URLPattern, path

from smsmarketing.operations.surfaces.mcp.server import ToolServer
from smsmarketing.operations.surfaces.mcp.views import McpView

GROUPS = (
    "settings",
    "contacts",
    "segments",
    "content",
    "campaigns",
    "messages",
    "otp",
    "automations",
    "gateways",
    "numbers",
    "reports",
    "governance",
    "teams",
)

urlpatterns: list[URLPattern] = [
    path("mcp", McpView.as_view(mcp_server=ToolServer()), name="mcp"),
    *(
        path(
            f"mcp/{group}", McpView.as_view(mcp_server=ToolServer(group=group)), name=f"mcp-{group}"
        )
        for group in GROUPS
    ),
]
