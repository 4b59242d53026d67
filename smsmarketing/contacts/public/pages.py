"""How a public page answers: in the brand's language, strict, without cookies, not indexed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.translation.trans_real import parse_accept_lang_header

from smsmarketing.accounts.models import Brand
from smsmarketing.contacts.rules.public_words import (
    language_direction,
    language_known,
    public_table,
    public_words,
)


def public_page(
    template: str,
    *,
    topic: str,
    brand: Brand | None,
    language: str = "",
    context: Mapping[str, Any] | None = None,
    status: int = 200,
    embeddable: bool = False,
) -> HttpResponse:
    """Render a page of `templates/public/`, with the topic's texts as `words`.

    `{brand}` in a text becomes the brand's name in texts. The template gets no request: no session is
    touched and so no cookie set. `embeddable`: other sites may show the page in a frame.
    """
    spoken = language_known(topic, language or (brand.language if brand is not None else ""))
    name = brand.name_in_texts if brand is not None else ""
    words = {
        key: text.replace("{brand}", name) for key, text in public_words(topic, spoken).items()
    }
    body = render_to_string(
        template,
        {
            "words": words,
            "brand": brand,
            "language": spoken,
            "direction": language_direction(spoken),
            **(context or {}),
        },
    )
    response = HttpResponse(body, status=status)
    ancestors = "*" if embeddable else "'none'"
    response["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; "
        f"frame-ancestors {ancestors}"
    )
    response["Content-Language"] = spoken
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex, nofollow"
    response["Cache-Control"] = "no-store"
    if embeddable:
        response.xframe_options_exempt = True
    return response


def language_wished(request: HttpRequest, topic: str) -> str:
    """The visitor's own language, where no brand says one: the first of theirs that the topic has."""
    wished = request.headers.get("Accept-Language", "")
    for code, _ in parse_accept_lang_header(wished[:200]):
        if code.split("-")[0] in public_table(topic):
            return code
    return ""


def methods_only(
    *methods: str,
) -> Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]:
    """Any other method gets a page that says so, with 405 and Allow."""

    def wrap(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.method in methods:
                return view(request, *args, **kwargs)
            language = language_wished(request, "errors")
            words = public_words("errors", language)
            response = public_page(
                "public/error.html",
                topic="errors",
                brand=None,
                language=language,
                context={"heading": words["method_title"], "text": words["method"]},
                status=405,
            )
            response["Allow"] = ", ".join(methods)
            return response

        return checked

    return wrap
