"""POST /api/v1/imports/files and /imports/evidence: the REST calls that take a file and not JSON.

An escape hatch beside the operations: it stores the bytes and gives an upload id, which
imports.preview and imports.start take. Nothing of the file is read into contacts here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.views.decorators.csrf import csrf_exempt

from smsmarketing.contacts.services.imports import (
    EVIDENCE_TYPES,
    evidence_record,
    upload_record,
    upload_size_check,
)
from smsmarketing.operations import registry
from smsmarketing.operations.access import access_check
from smsmarketing.operations.errors import InvalidInput, OperationError
from smsmarketing.operations.surfaces.calls import request_id_of, rest_actor
from smsmarketing.operations.surfaces.rest.problems import Refused, problem_response
from smsmarketing.operations.types import Actor

_BLOCK = 2**20


@csrf_exempt  # a session's form token is checked by session_actor, after the size
def import_upload(request: HttpRequest) -> HttpResponse:
    """multipart/form-data with one part `file`, or the file itself as text/csv. 201 with its id."""
    return _answered(request, _import_stored)


@csrf_exempt
def evidence_upload(request: HttpRequest) -> HttpResponse:
    """The document that shows a consent: PDF, PNG or JPEG. 201 with its id."""
    return _answered(request, _evidence_stored)


def _answered(
    request: HttpRequest, store: Callable[[HttpRequest], dict[str, object]]
) -> HttpResponse:
    try:
        body = store(request)
    except OperationError as exc:
        exc.request_id = request_id_of(request)
        return problem_response(exc, request)
    except (MultiPartParserError, UnreadablePostError, RequestDataTooBig, SuspiciousOperation):
        return problem_response(_broken(), request)
    return JsonResponse(body, status=201, headers={"Cache-Control": "no-store"})


def _broken() -> InvalidInput:
    message = "The upload broke off or is no multipart form. Send the file again."
    return InvalidInput(message, field_errors={"file": message})


def _import_stored(request: HttpRequest) -> dict[str, object]:
    actor, chunks, name = _file_of(
        request, ("text/csv", "application/octet-stream"), "text/csv", "upload.csv"
    )
    upload = upload_record(actor, chunks, name)
    return {
        "upload_id": str(upload.pk),
        "file_name": upload.file_name,
        "size_bytes": upload.size_bytes,
        "sha256": upload.sha256,
    }


def _evidence_stored(request: HttpRequest) -> dict[str, object]:
    kinds = tuple(EVIDENCE_TYPES)
    actor, chunks, name = _file_of(request, kinds, "a PDF, PNG or JPEG", "evidence")
    found = evidence_record(actor, chunks, name)
    return {
        "evidence_id": str(found.pk),
        "file_name": found.file_name,
        "media_type": found.media_type,
        "size_bytes": found.size_bytes,
        "sha256": found.sha256,
    }


def _file_of(
    request: HttpRequest, kinds: tuple[str, ...], said: str, nameless: str
) -> tuple[Actor, Iterable[bytes], str]:
    """Who uploads, the bytes and the name. Refuses before a byte is read what cannot be right."""
    if request.method != "POST":
        raise Refused("This path takes POST.", status=405, allow="POST")
    length = request.META.get("CONTENT_LENGTH")
    if not length:
        raise Refused("Say how large the upload is: send Content-Length, not chunks.", status=411)
    upload_size_check(length)
    actor = rest_actor(request)
    access_check(registry.get("imports.start"), actor)
    kind = (request.content_type or "").lower()
    if kind == "multipart/form-data":
        part = request.FILES.get("file")
        if not isinstance(part, UploadedFile):
            message = "Send the file as the part called file."
            raise InvalidInput(message, field_errors={"file": message})
        return actor, part.chunks(_BLOCK), part.name or nameless
    if kind in kinds:
        return actor, _blocks(request), nameless
    raise Refused(f"Send multipart/form-data with a part called file, or {said}.", status=415)


def _blocks(request: HttpRequest) -> Iterator[bytes]:
    while block := request.read(_BLOCK):
        yield block
