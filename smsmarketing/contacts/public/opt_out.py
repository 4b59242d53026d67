"""/o/<token>: stop the messages of a brand, without login, number, script or cookie [R-2.17].

GET and HEAD change nothing, since phones, mail scanners and bots open every link of a text; one POST
confirms. A signed token names brand and number; a wrong one gets a polite page and changes nothing.
"""

from __future__ import annotations

from typing import cast, get_args

from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from smsmarketing.accounts.authentication import client_address
from smsmarketing.contacts.public.pages import language_wished, methods_only, public_page
from smsmarketing.contacts.selectors.opt_out_links import link_find, link_opted_out
from smsmarketing.contacts.services.opt_out_links import (
    PURPOSES_OF_CHOICE,
    Choice,
    opt_out_by_link,
)

TOPIC = "opt_out"


@csrf_exempt  # the token is what proves the right to do this; there is no session to borrow
@methods_only("GET", "HEAD", "POST")
def opt_out_view(request: HttpRequest, token: str = "") -> HttpResponse:
    """The page (GET) and the opt-out (POST)."""
    target = link_find(token)
    if target is None:
        language, page = language_wished(request, TOPIC), "public/opt_out_bad.html"
        return public_page(page, topic=TOPIC, brand=None, language=language, status=404)
    now = timezone.now()
    if request.method != "POST":
        opted_out = link_opted_out(target, now)
        everything = set(PURPOSES_OF_CHOICE["all"]) <= opted_out
        context = {
            "chosen": "all" if target.plus_one else "marketing",
            "already": "marketing" in opted_out,
            "everything": everything,
        }
        return public_page("public/opt_out.html", topic=TOPIC, brand=target.brand, context=context)
    choice = _choice(request)
    changed = opt_out_by_link(
        target,
        choice=choice,
        ip=client_address(request),
        user_agent=request.headers.get("User-Agent", ""),
        now=now,
    )
    everything = set(PURPOSES_OF_CHOICE["all"]) <= link_opted_out(target, now)
    return public_page(
        "public/opt_out_done.html",
        topic=TOPIC,
        brand=target.brand,
        context={"everything": everything, "changed": changed},
    )


def _choice(request: HttpRequest) -> Choice | None:
    """What was chosen; None for a one-click call, whose body says nothing about it."""
    try:
        chosen = request.POST.get("choice", "")
    except (
        BadRequest,
        MultiPartParserError,
        RequestDataTooBig,
        SuspiciousOperation,
        UnreadablePostError,
    ):
        return None
    return cast(Choice, chosen) if chosen in get_args(Choice) else None
