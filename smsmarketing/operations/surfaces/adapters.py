"""DRF parts that REST and MCP share: a strict JSON parser, and answers that are JSON whatever Accept says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from smsmarketing.operations.surfaces.payloads import JsonMalformed, json_read


class BodyMalformed(ParseError):
    """The body is no JSON that is read here; `field_errors` names the field, if it is about one."""

    def __init__(self, problem: JsonMalformed) -> None:
        super().__init__(str(problem))
        self.field_errors = {problem.field: str(problem)} if problem.field else {}


class StrictJSONParser(BaseParser):
    """application/json, strictly ([R-9.7])."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        try:
            return json_read(stream.read())
        except JsonMalformed as exc:
            raise BodyMalformed(exc) from None


def is_json(request: Request) -> bool:
    """Whether the body says that it is JSON, whatever parameters follow."""
    content_type = (request.content_type or "").split(";")[0].strip().lower()
    return content_type == "application/json"


class JsonOnly(BaseContentNegotiation):
    """Every answer is JSON: a wrong Accept header must not hide an error answer behind a 406."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return parsers[0] if is_json(request) else None

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        return renderers[0], renderers[0].media_type
