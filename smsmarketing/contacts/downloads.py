"""GET /api/v1/exports/<id>/file: the one road on which a file leaves the system.

An escape hatch beside the operations, for the bytes: every check is in `export_fetch`, the same for
a browser session and for an API token.
"""

from __future__ import annotations

import base64
from uuid import UUID

from django.http import FileResponse, HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from smsmarketing.contacts.services.exports import export_fetch
from smsmarketing.operations import registry
from smsmarketing.operations.errors import OperationError
from smsmarketing.operations.limits import rate_count
from smsmarketing.operations.surfaces.calls import request_id_of, rest_actor
from smsmarketing.operations.surfaces.rest.problems import Refused, problem_response

_HEADERS = {
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


@csrf_exempt  # it takes no method that changes what anybody wrote
def export_file(request: HttpRequest, export_id: UUID) -> HttpResponseBase:
    """The file as an attachment; a refusal as a problem document."""
    try:
        if request.method not in ("GET", "HEAD"):
            raise Refused("This path takes GET.", status=405, allow="GET")
        actor = rest_actor(request)
        rate_count(registry.get("exports.get"), actor=actor, dry_run=False, now=timezone.now())
        fetched = export_fetch(export_id, actor=actor)
    except OperationError as exc:
        exc.request_id = request_id_of(request)
        return problem_response(exc, request)
    row = fetched.row
    response = FileResponse(
        fetched.source,
        as_attachment=True,
        filename=row.file_name,
        content_type=row.content_type,
    )
    digest = base64.b64encode(bytes.fromhex(row.sha256)).decode()
    for name, value in {**_HEADERS, "Repr-Digest": f"sha-256=:{digest}:"}.items():
        response[name] = value
    return response
