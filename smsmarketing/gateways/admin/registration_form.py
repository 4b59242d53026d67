"""One request to the page of a registration: what was typed, and the operations it calls."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, cast

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest
from django.urls import reverse

from smsmarketing.gateways.models import Registration
from smsmarketing.gateways.operations.registrations import RegistrationOut
from smsmarketing.gateways.rules.registries import OTHER_PAPER
from smsmarketing.gateways.services.registration_documents import SIZE_MAX
from smsmarketing.operations.errors import OperationError
from smsmarketing.operations.surfaces.admin.actors import admin_actor
from smsmarketing.operations.surfaces.admin.calls import held_tell, page_call
from smsmarketing.operations.surfaces.calls import operation_call
from smsmarketing.operations.types import Done, Held


class RegistrationForm:
    """Save, save and apply, remove a paper, or open one: whichever button was pressed."""

    def __init__(self, request: HttpRequest, row: Registration) -> None:
        self.request = request
        self.row = row
        self.errors: dict[str, str] = {}
        self.message = ""
        self.status = 200
        self._shown: RegistrationOut | None = None

    def shown(self) -> RegistrationOut:
        """The registration as it is now."""
        if self._shown is None:
            asked = {"registration_id": self.row.pk}
            actor = admin_actor(self.request)
            found = operation_call("sender_registrations.get", asked, actor=actor)
            self._shown = cast(RegistrationOut, cast(Done, found).result)  # a read is never held
        return self._shown

    def send(self) -> str:
        """Do what was asked; the address to go to, or empty with errors to show."""
        given = self.request.POST
        if given.get("open", "").isdecimal():
            return self._open(int(given["open"]))
        if given.get("remove", "").isdecimal():
            asked = {"registration_id": self.row.pk, "document_id": int(given["remove"])}
            done = self._called("sender_registrations.document_remove", asked)
            return self.request.path if done is not None else ""
        if not self._saved():
            return ""
        uploaded = self._uploaded()
        if self.message:
            return ""
        if "apply" in given:
            return self._applied()
        said = (
            f"Saved, with {uploaded} document{'s' if uploaded != 1 else ''} added."
            if uploaded
            else "Saved."
        )
        messages.success(self.request, said)
        return self.request.path

    def _saved(self) -> bool:
        given = self.request.POST
        answers = {
            name.removeprefix("answer-"): str(value).replace("\r\n", "\n")
            for name, value in given.items()
            if name.startswith("answer-")
        }
        payload: dict[str, Any] = {
            "registration_id": self.row.pk,
            "base_version_token": given.get("base_version_token", ""),
            "company_name": given.get("company_name", ""),
            "answers": answers,
        }
        countries = given.get("countries", "").replace(",", " ").upper().split()
        if countries:
            payload["countries"] = countries
        return self._called("sender_registrations.save", payload) is not None

    def _uploaded(self) -> int:
        added = 0
        for name, file in self.request.FILES.items():
            if not name.startswith("file-") or not isinstance(file, UploadedFile):
                continue
            kind = name.removeprefix("file-")
            if (file.size or 0) > SIZE_MAX:
                self.message = (
                    f"{file.name} is larger than 10 MiB. Scan it with fewer dots per inch."
                )
                self.errors[f"documents.{kind}"] = self.message
                self.status = 422
                return added
            asked = {
                "registration_id": self.row.pk,
                "kind": kind,
                "file_name": file.name or "document",
                "content_base64": base64.b64encode(file.read()).decode(),
            }
            if self._called("sender_registrations.document_add", asked, kind=kind) is None:
                return added
            added += 1
        return added

    def _applied(self) -> str:
        asked = {
            "registration_id": self.row.pk,
            "base_version_token": self.shown().base_version_token,
            "reason": self.request.POST.get("reason", ""),
        }
        done = self._called("sender_id.apply", asked)
        if done is None:
            self._shown = None
            return ""
        if isinstance(done, Held):
            held_tell(self.request, done)
        return self.request.path

    def _open(self, document_id: int) -> str:
        asked = {"registration_id": self.row.pk, "document_id": document_id}
        done = self._called("sender_registrations.document", asked)
        if not isinstance(done, Done):
            return ""
        return reverse("export-file", args=[done.result.export_id])  # type: ignore[attr-defined]

    def _called(
        self, key: str, payload: Mapping[str, Any], *, kind: str = ""
    ) -> Done | Held | None:
        answer = page_call(self.request, key, payload)
        if isinstance(answer, OperationError):
            self.status = answer.http_status
            self.message = answer.message
            self.errors = dict(answer.field_errors)
            if kind:
                self.errors[f"documents.{kind}"] = answer.message
            return None
        return answer

    def context(self) -> dict[str, Any]:
        """Fields, papers and errors for the template."""
        shown, given = self.shown(), self.request.POST
        questions = [
            {
                "question": each,
                "name": f"answer-{each.key}",
                "value": given.get(f"answer-{each.key}", shown.answers.get(each.key, "")),
                "error": self.errors.get(f"answers.{each.key}", ""),
            }
            for each in shown.asks.questions
        ]
        papers = [
            {"key": each.key, "label": each.label, "required": each.required}
            for each in shown.asks.documents
        ]
        papers.append({"key": OTHER_PAPER, "label": "Another document", "required": False})
        for paper in papers:
            key = str(paper["key"])
            paper["error"] = self.errors.get(f"documents.{key}", "")
            paper["there"] = [
                each for each in shown.documents if each.kind == key and each.removed_at is None
            ]
        return {
            "questions": questions,
            "papers": papers,
            "errors": self.errors,
            "message": self.message,
            "company_name": given.get("company_name", shown.company_name),
            "countries": given.get("countries", ", ".join(shown.countries)),
            "fixed_countries": len(shown.asks.countries) == 1,
            "reason": given.get("reason", ""),
        }
