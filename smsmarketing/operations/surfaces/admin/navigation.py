"""The sidebar by area, the environment label and the style sheet: what settings.UNFOLD points at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse

from smsmarketing.operations.surfaces.admin.actors import admin_actor
from smsmarketing.operations.surfaces.admin.links import CATALOGUE_PAGE

AREAS = (
    ("Campaigns", ("campaigns",)),
    ("Approvals", ("approvals",)),
    ("Contacts", ("contacts",)),
    ("Sending", ("gateways",)),
    ("Reports", ("reporting",)),
    ("People and access", ("accounts", "auth", "axes")),
    ("Integrations", ("webhooks",)),
    ("Governance", ("operations",)),
)
"""Title of each part of the sidebar, and the apps whose rows it holds."""


@dataclass(frozen=True, kw_only=True)
class NavigationPage:
    """A page of its own (wizard, composer, dashboard) in the sidebar."""

    area: str
    title: str
    url_name: str
    icon: str = "article"
    permission: str = ""


_pages: list[NavigationPage] = []


def navigation_add(*pages: NavigationPage) -> None:
    """Add pages to the sidebar; call it from an app's `admin` module. Raises ValueError for an unknown area."""
    titles = {title for title, _ in AREAS}
    for page in pages:
        if page.area not in titles:
            raise ValueError(f"there is no area {page.area!r}; areas are {sorted(titles)}")
        if page not in _pages:
            _pages.append(page)


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """The sidebar for this person: only what they may open."""
    groups: list[dict[str, Any]] = [
        {
            "items": [
                _item("Home", "admin:index", "home"),
                {**_item("All operations", CATALOGUE_PAGE, "bolt"), "active": _catalogue_active},
            ]
        }
    ]
    for title, apps in AREAS:
        items = [*_page_items(request, title), *_model_items(request, apps)]
        if items:
            groups.append({"title": title, "separator": True, "items": items})
    groups.append(
        {
            "title": "Help",
            "separator": True,
            "items": [
                _item("API reference", "api-docs", "api"),
                _item("Error codes", "api-errors", "help"),
            ],
        }
    )
    return groups


def _catalogue_active(request: HttpRequest) -> bool:
    """The rows of this app live below the same path; only its own pages light up."""
    catalogue = reverse(CATALOGUE_PAGE)
    return request.path == catalogue or request.path.startswith(f"{catalogue}call/")


def _item(title: str, url_name: str, icon: str) -> dict[str, Any]:
    return {"title": title, "link": reverse(url_name), "icon": icon}


def _page_items(request: HttpRequest, area: str) -> list[dict[str, Any]]:
    found = []
    for page in _pages:
        if page.area != area or not _allowed(request, page.permission):
            continue
        try:
            found.append(_item(page.title, page.url_name, page.icon))
        except NoReverseMatch:
            continue
    return found


def _allowed(request: HttpRequest, permission: str) -> bool:
    try:
        return not permission or admin_actor(request).may(permission)
    except PermissionDenied:
        return False


def _model_items(request: HttpRequest, apps: tuple[str, ...]) -> list[dict[str, Any]]:
    found = []
    for model, model_admin in admin.site._registry.items():
        meta = model._meta
        if meta.app_label not in apps or not model_admin.has_view_permission(request):
            continue
        title = str(meta.verbose_name_plural)
        found.append(
            _item(
                title[:1].upper() + title[1:],
                f"admin:{meta.app_label}_{meta.model_name}_changelist",
                getattr(model_admin, "icon", "table_rows"),
            )
        )
    return sorted(found, key=lambda item: str(item["title"]))


def environment_label(request: HttpRequest) -> list[str]:
    """Which installation this is, so that nobody mistakes a rehearsal for production."""
    return ["Production", "danger"] if settings.PRODUCTION else ["Development", "info"]


def icon_address(request: HttpRequest) -> str:
    """Address of the small icon in the browser's tab."""
    return static("operations/icon.svg")


def stylesheet(request: HttpRequest) -> str:
    """Address of the styles of operation pages."""
    return static("operations/admin.css")
