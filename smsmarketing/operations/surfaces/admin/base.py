"""OperationAdmin: rows to look at, and buttons that lead to operations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, cast

from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django_fsm import can_proceed
from unfold.admin import ModelAdmin

from smsmarketing.operations import registry
from smsmarketing.operations.surfaces.admin.actors import admin_actor
from smsmarketing.operations.surfaces.admin.links import call_url, callable_by, verb
from smsmarketing.operations.types import Actor, Operation


@dataclass(frozen=True, kw_only=True)
class OperationButton:
    """A button on a row's page, or above a list. It is a link to a form page: nothing happens before that form is sent.

    The operation's target argument is filled with the row's pk; `initial(row, actor)` fills more fields or other
    ones. The button is hidden when the person lacks the permission, when `transition` names an FSM method that the
    row's state does not allow, or when `when(row)` is false.
    """

    key: str
    label: str = ""
    icon: str = ""
    transition: str = ""
    when: Callable[[Any], bool] = lambda row: True
    initial: Callable[[Any, Actor], Mapping[str, Any]] = lambda row, actor: {}
    leads_to: str = ""
    """Name of the page to go to afterwards; otherwise back to the row."""

    def shown(self, row: Any, actor: Actor) -> bool:
        operation = registry.find(self.key)
        if operation is None or not callable_by(operation, actor):
            return False
        if self.transition and not can_proceed(getattr(row, self.transition)):
            return False
        return self.when(row)


class OperationAdmin(ModelAdmin):  # type: ignore[misc]
    """Base of every ModelAdmin of the product: no add, change, delete, bulk action, inline or list editing.

    `visible(actor)` gives the rows a person may see; without it only people who work in every team see rows.
    `view_permission` is the operation permission that opens the list and the rows.
    """

    operation_buttons: ClassVar[tuple[OperationButton, ...]] = ()
    list_operations: ClassVar[tuple[str | OperationButton, ...]] = ()
    view_permission: ClassVar[str] = ""
    icon: ClassVar[str] = "table_rows"
    empty_hint: ClassVar[str] = "Rows appear here as the system is used."
    """What to do when the list has no row yet."""

    actions = None
    actions_list: ClassVar[Any] = ()
    actions_row: ClassVar[Any] = ()
    actions_detail: ClassVar[Any] = ()
    actions_submit_line: ClassVar[Any] = ()
    inlines = ()
    list_editable = ()
    list_filter_submit = False
    show_full_result_count = False
    change_form_outer_before_template = "admin/operations/row_buttons.html"
    list_before_template = "admin/operations/list_buttons.html"

    def __init_subclass__(cls, **options: Any) -> None:
        """Refuse at import what would open a road around operations (style.md §7, stack.md §7)."""
        super().__init_subclass__(**options)
        for name in (
            "actions",
            "actions_list",
            "actions_row",
            "actions_detail",
            "actions_submit_line",
            "inlines",
            "list_editable",
            "ordering_field",
        ):
            if getattr(cls, name, None):
                raise TypeError(f"{cls.__name__}.{name}: rows change through operations only")

    def visible(self, actor: Actor) -> QuerySet[Any]:
        """The rows this person may see. Override; the default is closed for members of single teams."""
        rows: QuerySet[Any] = self.model._default_manager.all()
        return rows if actor.sees_all_teams else rows.none()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = self.visible(admin_actor(request))
        ordering = self.get_ordering(request)
        return rows.order_by(*ordering) if ordering else rows

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        return {}

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        try:
            actor = admin_actor(request)
        except PermissionDenied:
            return False  # a visitor on the login page, which lists the apps it may show
        return bool(self.view_permission) and actor.may(self.view_permission)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        raise PermissionDenied

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        raise PermissionDenied

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        raise PermissionDenied

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The row, read-only, with the buttons its state and the person's rights allow."""
        if request.method not in ("GET", "HEAD"):
            raise PermissionDenied
        response = super().change_view(request, object_id, form_url, extra_context)
        context = getattr(response, "context_data", None)
        if isinstance(response, TemplateResponse) and context and context.get("original"):
            context["operation_buttons"] = self.buttons_for(request, context["original"])
        return cast(HttpResponse, response)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        """The list; a POST has nothing to do here."""
        if request.method not in ("GET", "HEAD"):
            raise PermissionDenied
        actor = admin_actor(request)
        buttons = []
        for item in self.list_operations:
            button = OperationButton(key=item) if isinstance(item, str) else item
            operation = registry.find(button.key)
            if operation is not None and callable_by(operation, actor):
                url = call_url(
                    button.key,
                    next_url=reverse(button.leads_to) if button.leads_to else "",
                    back_url=request.get_full_path(),
                    **button.initial(None, actor),
                )
                buttons.append(_button(button, operation, url, icon="add"))
        context = {"operation_buttons": buttons, **(extra_context or {})}
        return cast(TemplateResponse, super().changelist_view(request, context))

    def buttons_for(self, request: HttpRequest, row: Any) -> list[dict[str, Any]]:
        """Label, address and look of each button to show."""
        actor = admin_actor(request)
        found = []
        for button in self.operation_buttons:
            if not button.shown(row, actor):
                continue
            operation = registry.get(button.key)
            filled: dict[str, Any] = {}
            if operation.target is not None:
                filled[operation.target.argument] = row.pk
            filled.update(button.initial(row, actor))
            then = reverse(button.leads_to) if button.leads_to else request.get_full_path()
            url = call_url(button.key, next_url=then, **filled)
            found.append(_button(button, operation, url))
        return found


def _button(
    button: OperationButton, operation: Operation[Any, Any], url: str, *, icon: str = ""
) -> dict[str, Any]:
    return {
        "label": button.label or verb(button.key),
        "title": operation.summary,
        "url": url,
        "danger": operation.destructive,
        "icon": button.icon or icon,
    }
