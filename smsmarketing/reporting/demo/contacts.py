"""The demo's contacts, brought in the way users do it: as CSV files through the import."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from smsmarketing.accounts.models import Brand, Team, User
from smsmarketing.contacts.models import Audience, ImportJob
from smsmarketing.contacts.services import audience_save
from smsmarketing.contacts.services.imports.files import upload_store
from smsmarketing.contacts.services.imports.jobs import ImportOptions, import_create, import_start
from smsmarketing.contacts.services.imports.working import import_work
from smsmarketing.reporting.demo.sample import (
    DISCLOSURE,
    HEADERS,
    csv_text,
    sample_opted_out,
    sample_rows,
    sample_without_consent,
)

NAME = "Newsletter sign-ups"
MAPPING = {
    "phone": "phone",
    "first_name": "first_name",
    "last_name": "last_name",
    "language": "language",
    "state": "region",
    "tags": "tags",
    "customer_id": "customer_key",
    "favourite": "custom:favourite",
}


def contacts_ensure(*, team: Team, brand: Brand) -> Audience:
    """The audience with 2,000 contacts, imported once."""
    found = Audience.objects.filter(team=team, name=NAME).first()
    if found is not None:
        return found
    owner = User.objects.get(username="cleo")
    with transaction.atomic():
        audience = audience_save(
            team_id=team.pk,
            brand=brand,
            name=NAME,
            description="People who signed up on the shop's page.",
            source="shop sign-up form",
        )
    consent = {
        "method": "web_form",
        "basis": "express",
        "disclosure_text": DISCLOSURE,
        "source_url": f"{brand.website}/texts",
        "captured_at": (timezone.now() - timedelta(days=30)).isoformat(),
    }
    _import(
        csv_text(HEADERS, sample_rows()),
        "sign-ups.csv",
        brand,
        owner,
        audience,
        ImportOptions(consent=consent),
    )
    _import(
        csv_text(HEADERS, sample_without_consent()),
        "trade-fair.csv",
        brand,
        owner,
        audience,
        ImportOptions(),
    )
    _import_opt_outs(brand, owner)
    return audience


def _import(
    text: str, name: str, brand: Brand, owner: User, audience: Audience, options: ImportOptions
) -> None:
    upload = upload_store([text.encode()], file_name=name, user=owner)
    job = import_create(
        upload,
        kind="contacts",
        brand=brand,
        created_by=owner,
        mapping=MAPPING,
        options=options,
        audience=audience,
    )
    _work(job.pk)


def _import_opt_outs(brand: Brand, owner: User) -> None:
    text = csv_text(("phone", "reason"), sample_opted_out())
    upload = upload_store([text.encode()], file_name="old-opt-outs.csv", user=owner)
    job = import_create(
        upload,
        kind="opt_outs",
        brand=brand,
        created_by=owner,
        options=ImportOptions(scope="brand", reason="opt_out"),
    )
    _work(job.pk)


def _work(job_id: int) -> None:
    """Dry run, then the run itself, without a worker."""
    import_work(job_id)
    with transaction.atomic():
        import_start(ImportJob.objects.get(pk=job_id))
    import_work(job_id)
