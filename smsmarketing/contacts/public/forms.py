"""The hosted opt-in form at /f/<slug>: without login, script or cookie, and safe in a frame."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core import signing
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from smsmarketing.contacts.models import OptInForm, OptInFormVersion
from smsmarketing.contacts.phones import phone_hash
from smsmarketing.contacts.public.pages import language_wished, methods_only, public_page
from smsmarketing.contacts.rules.phone import Phone, PhoneError, phone_parse
from smsmarketing.contacts.services.double_opt_in import Visit
from smsmarketing.contacts.services.opt_in_forms import form_submit
from smsmarketing.operations.audit import value_hash
from smsmarketing.operations.limits import calls_counted

TOKEN_SALT = "smsmarketing.contacts.opt_in_form"  # noqa: S105 - names the use of the key
OPEN_FOR = timedelta(hours=24)
TYPED_IN = timedelta(seconds=2)
"""Nobody reads, types a number and ticks a box faster; what does is a program."""
TRAP = "website"
"""A field that people do not see. Programs fill it."""
WINDOW = timedelta(minutes=10)
LIMITS = {"ip": 10, "number": 3, "form": 300}
"""Sent forms in ten minutes."""


@csrf_exempt  # no cookie, no session: the signed token says which text was shown, and when
@methods_only("GET", "HEAD", "POST")
def opt_in_form(request: HttpRequest, slug: str) -> HttpResponse:
    """GET shows the form and changes nothing; POST records what the visitor agreed to."""
    form = _form(slug)
    if form is None:
        return _missing(request)
    if form.live is None:
        return _page(form, None, "closed", status=410)
    if request.method != "POST":
        return _shown(form, form.live)
    if not _readable(request):
        return _shown(form, form.live, error="again", status=400)
    return _sent(form, form.live, request)


def _sent(form: OptInForm, live: OptInFormVersion, request: HttpRequest) -> HttpResponse:
    if request.POST.get(TRAP):
        return _done(form)  # a program: it learns nothing, and nothing is recorded
    version = _version_seen(form, request.POST.get("token", ""))
    if version is None:
        return _shown(form, live, request, error="again", status=422)
    if _many("ip", request.META.get("REMOTE_ADDR", "")) or _many("form", str(form.pk)):
        return _shown(form, version, request, error="many", status=429)
    if request.POST.get("agree") != "yes":
        return _shown(form, version, request, error="agree_missing", status=422)
    phone = _phone(request.POST.get("phone", ""))
    if phone is None:
        return _shown(form, version, request, error="phone_bad", status=422)
    if _many("number", phone_hash(phone.e164).hex()):
        return _done(form)  # the same answer: how often a number was tried is nobody's business
    form_submit(version, phone, visit=_visit(request), details=_details(version, request))
    return _done(form)


@methods_only("GET", "HEAD")
def opt_in_form_done(request: HttpRequest, slug: str) -> HttpResponse:
    """The same for everybody: it never tells whether a number is known or was opted out."""
    form = _form(slug)
    if form is None:
        return _missing(request)
    if form.live is None:
        return _page(form, None, "closed", status=410)
    return _page(form, form.live, "done")


def opt_in_form_unknown(request: HttpRequest, rest: str = "") -> HttpResponse:
    """Every other address below /f/: mangled by hand or by a mail program."""
    return _missing(request)


def _missing(request: HttpRequest) -> HttpResponse:
    language = language_wished(request, "opt_in")
    page = "public/opt_in_missing.html"
    return public_page(page, topic="opt_in", brand=None, language=language, status=404)


def _readable(request: HttpRequest) -> bool:
    """Whether the body is a form at all: not broken off, and not too large."""
    try:
        return request.POST is not None
    except (BadRequest, MultiPartParserError, SuspiciousOperation, UnreadablePostError):
        return False


def _form(slug: str) -> OptInForm | None:
    form = OptInForm.objects.select_related("brand", "live").filter(slug=slug).first()
    if form is None or not form.brand.active:
        return None
    if form.live is not None:
        form.live.form = form
    return form


def _version_seen(form: OptInForm, token: str) -> OptInFormVersion | None:
    """The version that the visitor read; None for a token that is forged, too old or too young."""
    signer = signing.TimestampSigner(salt=TOKEN_SALT)
    try:
        said = signer.unsign_object(token[:400], max_age=OPEN_FOR)
        form_id, number, shown_at = int(said["form"]), int(said["number"]), float(said["at"])
    except (signing.BadSignature, KeyError, TypeError, ValueError):
        return None
    if form_id != form.pk or timezone.now().timestamp() - shown_at < TYPED_IN.total_seconds():
        return None
    version = form.versions.filter(number=number).first()
    if version is not None:
        version.form = form
    return version


def _token(version: OptInFormVersion) -> str:
    said = {
        "form": version.form_id,
        "number": version.number,
        "at": timezone.now().timestamp(),
    }
    return signing.TimestampSigner(salt=TOKEN_SALT).sign_object(said)


def _many(kind: str, value: str) -> bool:
    """Count one more in these ten minutes; whether there are too many."""
    now = timezone.now()
    window = now - timedelta(
        minutes=now.minute % 10, seconds=now.second, microseconds=now.microsecond
    )
    principal = f"form:{kind}:{value_hash(value)[:40]}"
    return calls_counted(principal, "form", window) > LIMITS[kind]


def _phone(text: str) -> Phone | None:
    try:
        phone = phone_parse(text[:40])
    except PhoneError:
        return None
    return phone if phone.textable else None


def _visit(request: HttpRequest) -> Visit:
    return Visit(
        asked_by="form",
        source_url=request.build_absolute_uri(request.path),
        ip=request.META.get("REMOTE_ADDR", ""),
        user_agent=request.headers.get("User-Agent", "").replace("\x00", "")[:300],
    )


def _details(version: OptInFormVersion, request: HttpRequest) -> dict[str, str]:
    return {
        field: request.POST.get(field, "").replace("\x00", "").strip()[:80]
        for field in version.fields
    }


def _done(form: OptInForm) -> HttpResponse:
    return HttpResponseRedirect(reverse("opt-in-form-done", args=[form.slug]), status=303)


def _shown(
    form: OptInForm,
    version: OptInFormVersion,
    request: HttpRequest | None = None,
    *,
    error: str = "",
    status: int = 200,
) -> HttpResponse:
    typed = request.POST if request is not None else {}
    context = {
        "version": version,
        "token": _token(version),
        "error": error,
        "phone": typed.get("phone", "")[:40],
        "fields": [(field, typed.get(field, "")[:80]) for field in version.fields],
        "trap": TRAP,
        "action": reverse("opt-in-form", args=[form.slug]),
    }
    return _page(form, version, "form", context=context, status=status)


def _page(
    form: OptInForm,
    version: OptInFormVersion | None,
    name: str,
    *,
    context: dict[str, Any] | None = None,
    status: int = 200,
) -> HttpResponse:
    """A page that the sites of the form, and no others, may show in a frame."""
    response = public_page(
        f"public/opt_in_{name}.html",
        topic="opt_in",
        brand=form.brand,
        language=version.language if version is not None else "",
        context={"version": version, **(context or {})},
        status=status,
        embeddable=version is not None and bool(version.origins),
    )
    if version is not None and version.origins:
        policy = response["Content-Security-Policy"]
        sites = " ".join(["'self'", *version.origins])
        response["Content-Security-Policy"] = policy.replace(
            "frame-ancestors *", f"frame-ancestors {sites}"
        )
    return response
