"""opt_in_forms.*: the hosted form of a brand. A version is never changed; a change is a new one."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.urls import reverse

from smsmarketing.accounts.models import Brand
from smsmarketing.accounts.selectors import brands_visible
from smsmarketing.contacts.models import OptInForm, OptInFormVersion
from smsmarketing.contacts.operations.opt_in_form_shapes import (
    FormCloseIn,
    FormGetIn,
    FormListIn,
    FormOut,
    FormPage,
    FormPublishIn,
    FormRow,
    FormSaveIn,
    FormSaveOut,
    FormVersionOut,
)
from smsmarketing.contacts.rules.opt_in_forms import disclosure_hints
from smsmarketing.contacts.selectors.opt_in_forms import form_counts, forms_visible
from smsmarketing.contacts.services.double_opt_in import request_text
from smsmarketing.contacts.services.opt_in_forms import (
    Wording,
    form_close,
    form_publish,
    form_save,
)
from smsmarketing.operations import registry
from smsmarketing.operations.errors import InvalidInput, NotFound
from smsmarketing.operations.pages import page_cut
from smsmarketing.operations.types import (
    Approval,
    Context,
    Kind,
    Operation,
    RestRoute,
    Target,
)
from smsmarketing.operations.versions import version_check, version_token


def form_address(form: OptInForm) -> str:
    """The whole address of a form."""
    return settings.PUBLIC_BASE_URL.rstrip("/") + reverse("opt-in-form", args=[form.slug])


def form_embed(form: OptInForm) -> str:
    """The snippet for the sites of the live version."""
    if form.live is None or not form.live.origins:
        return ""
    return (
        f'<iframe src="{form_address(form)}" title="{form.brand.name_in_texts}" width="100%"'
        ' height="560" style="border:0" loading="lazy" referrerpolicy="no-referrer"></iframe>'
    )


def _row_values(form: OptInForm, context: Context) -> dict[str, Any]:
    newest = form.versions.order_by("-number").values_list("number", flat=True).first()
    return {
        "form_id": form.pk,
        "name": form.name,
        "brand_id": form.brand_id,
        "brand": form.brand.name,
        "address": form_address(form),
        "live_number": form.live.number if form.live is not None else None,
        "newest_number": newest or 0,
        "published_at": form.published_at if form.live is not None else None,
        "base_version_token": version_token(form, context.actor),
    }


def _version_out(version: OptInFormVersion, brand: Brand) -> FormVersionOut:
    return FormVersionOut(
        number=version.number,
        heading=version.heading,
        disclosure_text=version.disclosure_text,
        programme=version.programme,
        frequency=version.frequency,
        language=version.language,
        purposes=list(version.purposes),
        fields=list(version.fields),
        double_opt_in=version.double_opt_in,
        origins=list(version.origins),
        request_text=request_text(version, brand),
        created_at=version.created_at,
    )


def _out(form: OptInForm, context: Context) -> FormOut:
    versions = form.versions.order_by("-number")[:50]
    return FormOut(
        **_row_values(form, context),
        versions=[_version_out(version, form.brand) for version in versions],
        embed=form_embed(form),
        confirmations=form_counts(form),
    )


def _list(context: Context, data: FormListIn) -> FormPage:
    rows = forms_visible(context.actor).select_related("brand", "live").order_by("name", "id")
    if data.brand_id is not None:
        rows = rows.filter(brand_id=data.brand_id)
    page, cursor = page_cut(rows, data, principal=context.actor.principal)
    return FormPage(
        items=[FormRow(**_row_values(form, context)) for form in page], next_cursor=cursor
    )


def _get(context: Context, data: FormGetIn) -> FormOut:
    return _out(context.target, context)


def _existing(context: Context, data: FormSaveIn) -> OptInForm | None:
    if data.form_id is None:
        return None
    rows = forms_visible(context.actor).select_for_update(of=("self",))
    form = rows.select_related("brand").filter(pk=data.form_id).first()
    if form is None:
        raise NotFound("There is no such form.")
    version_check(form, context.actor, data.base_version_token, tool="opt_in_forms.get")
    wrong = {}
    if data.brand_id not in (None, form.brand_id):
        wrong["brand_id"] = "A form keeps its brand; make a new form for another one."
    if data.slug not in (None, form.slug):
        wrong["slug"] = "A form keeps its address; make a new form for another one."
    if wrong:
        raise InvalidInput("This cannot be changed on a form.", field_errors=wrong)
    return form


def _wording(data: FormSaveIn) -> Wording:
    return Wording(
        heading=data.heading,
        disclosure_text=data.disclosure_text,
        programme=data.programme,
        frequency=data.frequency,
        language=data.language,
        purposes=list(data.purposes),
        fields=list(data.fields),
        double_opt_in=data.double_opt_in,
        origins=list(data.origins),
    )


def _save(context: Context, data: FormSaveIn) -> FormSaveOut:
    form = _existing(context, data)
    if form is None and (data.brand_id is None or data.slug is None):
        missing = [name for name in ("brand_id", "slug") if getattr(data, name) is None]
        raise InvalidInput(
            "A new form needs a brand and an address.",
            field_errors=dict.fromkeys(missing, "Required for a new form."),
        )
    brand = (
        form.brand if form else brands_visible(context.actor).filter(pk=data.brand_id or 0).first()
    )
    if brand is None:
        raise NotFound("There is no such brand.", field_errors={"brand_id": "Not one of yours."})
    saved, version, changed = form_save(
        form,
        _wording(data),
        brand=brand,
        name=data.name,
        slug=data.slug or "",
        user=context.actor.user,
        now=context.now,
    )
    context.audit_object = ("contacts.optinform", str(saved.pk))
    context.audit_facts = {"number": version.number, "new_version": changed}
    return FormSaveOut(
        changed=changed, hints=disclosure_hints(data.disclosure_text), details=_out(saved, context)
    )


def _publish(context: Context, data: FormPublishIn) -> FormOut:
    form_publish(context.target, data.number, now=context.now)
    context.audit_facts = {"number": data.number}
    return _out(context.target, context)


def _close(context: Context, data: FormCloseIn) -> FormOut:
    form_close(context.target)
    return _out(context.target, context)


def _publish_facts(context: Context, data: FormPublishIn) -> dict[str, Any]:
    version = context.target.versions.filter(number=data.number).first()
    if version is None:
        raise InvalidInput(
            "The form has no such version.",
            field_errors={"number": "Give a number from opt_in_forms.get."},
        )
    return {"double_opt_in": version.double_opt_in, "by_agent": context.actor.is_agent}


def _publish_shown(context: Context, data: FormPublishIn) -> dict[str, Any]:
    version = context.target.versions.filter(number=data.number).first()
    if version is None:
        return {}
    shown = _version_out(version, context.target.brand).model_dump(mode="json")
    return {"form": context.target.name, "brand": context.target.brand.name, **shown}


def _form_target(*, versioned: bool = False) -> Target:
    return Target(
        argument="form_id", visible=forms_visible, label="opt-in form", versioned=versioned
    )


registry.add(
    Operation(
        key="opt_in_forms.list",
        summary="List the hosted opt-in forms with their address and live version.",
        kind=Kind.READ,
        input=FormListIn,
        output=FormPage,
        run=_list,
        permission="contacts.form_view",
        scope="sms:read",
        requires=("config.get",),
        rest=RestRoute("GET", "/opt_in_forms"),
        group="contacts",
    ),
    Operation(
        key="opt_in_forms.get",
        summary="Read an opt-in form: every version's wording, the embed snippet, how requests ended.",
        kind=Kind.READ,
        input=FormGetIn,
        output=FormOut,
        run=_get,
        permission="contacts.form_view",
        scope="sms:read",
        requires=("opt_in_forms.list",),
        target=_form_target(),
        rest=RestRoute("GET", "/opt_in_forms/{form_id}"),
        group="contacts",
    ),
    Operation(
        key="opt_in_forms.save",
        summary="Save the wording of an opt-in form as a new version; nothing goes online by it.",
        description=(
            "Wording without brand, frequency, cost or STOP is refused with what it lacks. Versions "
            "are kept as they are, for they are proof. Publish one with opt_in_forms.publish."
        ),
        kind=Kind.WRITE,
        input=FormSaveIn,
        output=FormSaveOut,
        run=_save,
        permission="contacts.form_save",
        scope="sms:contacts.write",
        requires=("opt_in_forms.get", "config.get"),
        idempotent=True,
        rest=RestRoute("POST", "/opt_in_forms"),
        group="contacts",
    ),
    Operation(
        key="opt_in_forms.publish",
        summary="Put a version of an opt-in form online; from then on people agree to its wording.",
        kind=Kind.WRITE,
        input=FormPublishIn,
        output=FormOut,
        run=_publish,
        permission="contacts.form_publish",
        scope="sms:compliance",
        requires=("opt_in_forms.get",),
        approval=Approval.POLICY,
        facts=_publish_facts,
        shown=_publish_shown,
        target=_form_target(versioned=True),
        rest=RestRoute("POST", "/opt_in_forms/{form_id}/publish"),
        group="contacts",
    ),
    Operation(
        key="opt_in_forms.close",
        summary="Take an opt-in form offline at once. What people agreed to stays in the ledger.",
        kind=Kind.WRITE,
        input=FormCloseIn,
        output=FormOut,
        run=_close,
        permission="contacts.form_save",
        scope="sms:contacts.write",
        requires=("opt_in_forms.get",),
        idempotent=True,
        target=_form_target(),
        rest=RestRoute("POST", "/opt_in_forms/{form_id}/close"),
        group="contacts",
    ),
)
