"""Where gateways post receipts and replies [R-10.1]-[R-10.5].

`/webhooks/<slug>/<secret>/dlr/<message id>` for receipts that know their message by address,
`…/lookup/<id>` for answers to number lookups, `…/events` for receipts and replies in the provider's
own form, and `POST …/inbound` for replies in ours. The body is stored before anything else happens
(of a GET its query); the answer is exactly what the transport says, or the provider repeats the call:

- wrong secret, unknown gateway, foreign address, wrong or old signature: 403, counted, nothing
  stored, body not logged;
- too large: 413; unreadable (truncated, not JSON): stored as unusable and 400, so that a whole copy
  comes again;
- unknown message id: stored and acknowledged, since a receipt may overtake the submit [R-10.3];
- database down: 503, so that the provider keeps it for us.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple

import structlog
from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import RequestDataTooBig
from django.db import DatabaseError, InterfaceError
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    UnreadablePostError,
)
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST
from redis.exceptions import RedisError

from smsmarketing.gateways.credentials import CredentialsUnreadable, webhook_secret_matches
from smsmarketing.gateways.intake import inbound_receive, receipt_store
from smsmarketing.gateways.models import Gateway, Receipt
from smsmarketing.gateways.selectors.carriers import config_of, transport_of
from smsmarketing.gateways.services.lookups import lookup_answer
from smsmarketing.gateways.transports import controls
from smsmarketing.gateways.transports.base import (
    MAX_WEBHOOK_BYTES,
    MESSAGE_ID_PARAMETER,
    InboundEvent,
    ReceiptEvent,
    TransportDataError,
    WebhookAck,
    WebhookCall,
)
from smsmarketing.gateways.transports.inbound import inbound_ack, inbound_events

logger = structlog.get_logger("smsmarketing.gateways.webhooks")

_REMEMBERED_S = 2.0
"""How long a process trusts the gateway row it read: a changed secret holds after this."""
_SAME_BODY_FOR = timedelta(hours=1)
"""An unreadable body that is repeated within this is kept once."""
_LARGEST_ID = 2**63 - 1
_FORM = "application/x-www-form-urlencoded"
"""How the query of a GET is read: it is a form."""
_gateways: dict[str, tuple[float, Gateway | None]] = {}


class _Taken(NamedTuple):
    """A call that may be believed: whose it is, and its bytes."""

    gateway: Gateway
    body: bytes
    content_type: str


@csrf_exempt
@require_http_methods(["GET", "POST"])
def receipt_view(request: HttpRequest, slug: str, secret: str, message_id: int) -> HttpResponse:
    """A delivery receipt for one of our messages, or a few receipts that came together."""

    def handle(taken: _Taken) -> HttpResponse:
        return _events_take(request, taken, message_id)

    return _call(request, slug, secret, handle)


@csrf_exempt
@require_http_methods(["GET", "POST"])
def events_view(request: HttpRequest, slug: str, secret: str) -> HttpResponse:
    """Receipts and replies of a provider that has one address for everything.

    A STOP in it holds before this answers [R-2.8]; receipts are applied later.
    """

    def handle(taken: _Taken) -> HttpResponse:
        return _events_take(request, taken, None)

    return _call(request, slug, secret, handle)


@csrf_exempt
@require_POST
def inbound_view(request: HttpRequest, slug: str, secret: str) -> HttpResponse:
    """A text that a person sent; a STOP in it holds before this answers [R-2.8]."""

    def handle(taken: _Taken) -> HttpResponse:
        try:
            events = inbound_events(taken.body, {"content-type": taken.content_type}, {})
        except TransportDataError as exc:
            return _unusable(taken, f"{exc.code}: {exc}", kind="inbound", message_id=None)
        for event in events:
            inbound_receive(taken.gateway, event, raw=taken.body)
        return _answer(inbound_ack())

    return _call(request, slug, secret, handle)


@csrf_exempt
@require_POST
def lookup_view(request: HttpRequest, slug: str, secret: str, lookup_id: int) -> HttpResponse:
    """What a network said of a number that was asked about. One that nobody waits for is
    acknowledged, or it would come for ever.
    """

    def handle(taken: _Taken) -> HttpResponse:
        read = controls(taken.gateway.transport).lookup_read
        if read is None or lookup_id > _LARGEST_ID:
            return HttpResponse(status=404)
        try:
            answer = read(taken.body)
        except TransportDataError as exc:
            return _unusable(taken, f"{exc.code}: {exc}", kind="lookup", message_id=None)
        lookup_answer(taken.gateway, lookup_id, answer, now=timezone.now())
        return _answer(transport_of(taken.gateway).webhook_ack())

    return _call(request, slug, secret, handle)


def _events_take(request: HttpRequest, taken: _Taken, message_id: int | None) -> HttpResponse:
    """Understand the call; keep receipts for later, obey replies now, and answer as the provider
    expects.
    """
    transport = transport_of(taken.gateway)
    if request.method not in transport.webhook_methods:
        return HttpResponseNotAllowed(sorted(transport.webhook_methods))
    # An id that no row can have is kept without it: acknowledged, and unusable later.
    known = message_id if message_id is not None and message_id <= _LARGEST_ID else None
    try:
        events = transport.webhook_events(
            taken.body,
            {"content-type": taken.content_type},
            {} if message_id is None else {MESSAGE_ID_PARAMETER: str(message_id)},
        )
    except TransportDataError as exc:
        return _unusable(taken, f"{exc.code}: {exc}", kind="dlr", message_id=known)
    for event in events:
        if isinstance(event, InboundEvent):
            inbound_receive(taken.gateway, event, raw=taken.body)
    if any(isinstance(event, ReceiptEvent) for event in events):
        receipt_store(
            taken.gateway.pk,
            message_id=known,
            raw=taken.body,
            content_type=taken.content_type,
        )
    return _answer(transport.webhook_ack_of(events))


def _call(
    request: HttpRequest, slug: str, secret: str, handle: Callable[[_Taken], HttpResponse]
) -> HttpResponse:
    """Believe the caller or not, read the body within its limit, and never say 200 when the
    database did not keep it.
    """
    try:
        gateway = _gateway(slug)
        if not webhook_secret_matches(gateway, secret) or gateway is None:
            return _refuse(slug, "secret")
        if not _address_allowed(gateway, request.META.get("REMOTE_ADDR", "")):
            return _refuse(slug, "address")
        try:
            if int(request.META.get("CONTENT_LENGTH") or 0) > MAX_WEBHOOK_BYTES:
                return HttpResponse(status=413)
            body = request.body
        except (RequestDataTooBig, ValueError):
            return HttpResponse(status=413)
        except UnreadablePostError:
            return HttpResponse(status=400)
        content_type = request.META.get("CONTENT_TYPE", "")
        if request.method == "GET":
            body, content_type = request.META.get("QUERY_STRING", "").encode("latin-1"), _FORM
        if len(body) > MAX_WEBHOOK_BYTES:
            return HttpResponse(status=413)
        if not _signed(gateway, request, body):
            return _refuse(slug, "signature")
        return handle(_Taken(gateway, body, content_type))
    except (DatabaseError, InterfaceError):
        logger.exception("webhook_not_stored", gateway=slug)
        response = HttpResponse("Try again later.", status=503, content_type="text/plain")
        response["Retry-After"] = "30"
        return response


def _gateway(slug: str) -> Gateway | None:
    now = time.monotonic()
    known = _gateways.get(slug)
    if known is not None and now - known[0] < _REMEMBERED_S:
        return known[1]
    gateway = Gateway.objects.filter(slug=slug).first()
    if gateway is not None or known is not None:  # made-up names must not fill the memory
        _gateways[slug] = (now, gateway)
    return gateway


def _address_allowed(gateway: Gateway, address: str) -> bool:
    if not gateway.webhook_ips:
        return True
    try:
        caller = ipaddress.ip_address(address)
        return any(
            caller in ipaddress.ip_network(block, strict=False) for block in gateway.webhook_ips
        )
    except ValueError:
        return False


def _signed(gateway: Gateway, request: HttpRequest, body: bytes) -> bool:
    """Whether the provider's own signature fits [R-10.1]; a gateway whose secrets cannot be read
    believes nobody. Where nothing is signed nothing is read: this is the road of every receipt.
    """
    transport = transport_of(gateway)
    if not transport.checks_webhooks:
        return True
    call = WebhookCall(
        url=settings.PUBLIC_BASE_URL.rstrip("/") + request.get_full_path(),
        body=body,
        headers={name.lower(): value for name, value in request.headers.items()},
        now=timezone.now(),
    )
    try:
        transport.webhook_check(call, config_of(gateway))
    except (TransportDataError, CredentialsUnreadable):
        return False
    return True


def _refuse(slug: str, why: str) -> HttpResponse:
    """403 for every reason alike; a counter and a log line without the body are all that stays."""
    logger.warning("webhook_refused", why=why)
    key = f"webhooks:refused:{why}"
    try:
        cache.add(key, 0, timeout=86_400)
        cache.incr(key)
    except (RedisError, ValueError, OSError):
        logger.warning("webhook_counter_unavailable")
    return HttpResponse(status=403)


def _unusable(taken: _Taken, problem: str, *, kind: str, message_id: int | None) -> HttpResponse:
    """Keep an unreadable body once and ask for a whole copy."""
    logger.warning("webhook_unusable", gateway_id=taken.gateway.pk, kind=kind)
    kept = Receipt.objects.filter(
        received_at__gt=timezone.now() - _SAME_BODY_FOR,
        gateway=taken.gateway,
        kind=kind,
        state="unusable",
        raw=taken.body,
        message_id=message_id,
    ).exists()
    if not kept:
        receipt_store(
            taken.gateway.pk,
            message_id=message_id,
            raw=taken.body,
            content_type=taken.content_type,
            kind=kind,
            state="unusable",
            note=problem,
        )
    return HttpResponse("The body cannot be read.", status=400, content_type="text/plain")


def _answer(ack: WebhookAck) -> HttpResponse:
    return HttpResponse(ack.body, status=ack.status, content_type=ack.content_type)
