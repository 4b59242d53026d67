"""How the admin looks: what settings.UNFOLD says. Nothing here comes from the environment."""

from typing import Any

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "SMS marketing",
    "SITE_HEADER": "SMS marketing",
    "SITE_SUBHEADER": "Lawful, approved, proven",
    "SITE_SYMBOL": "sms",
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": "smsmarketing.operations.surfaces.admin.navigation.icon_address",
        }
    ],
    "SITE_URL": "/admin/",
    "SHOW_HISTORY": False,
    "DASHBOARD_CALLBACK": "smsmarketing.reporting.admin.dashboard.dashboard_context",
    "SHOW_VIEW_ON_SITE": False,
    "ENVIRONMENT": "smsmarketing.operations.surfaces.admin.navigation.environment_label",
    "STYLES": ["smsmarketing.operations.surfaces.admin.navigation.stylesheet"],
    "SIDEBAR": {
        "show_search": True,
        "navigation": "smsmarketing.operations.surfaces.admin.navigation.sidebar",
    },
}
