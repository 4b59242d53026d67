"""The page of an opt-in form, an empty list that says how to begin, and a list that is pasted line by line."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from smsmarketing.accounts.models import Brand, Role, User
from smsmarketing.contacts.models import OptInForm, OptInFormVersion, Suppression
from tests.surfaces import call

pytestmark = pytest.mark.django_db


@pytest.fixture
def cleo(user: User) -> User:
    user.is_staff = True
    user.save()
    user.roles.set(Role.objects.filter(key__in=["crm", "compliance"]))
    return user


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_a_form_shows_its_wording_and_buttons(cleo: User, brand: Brand) -> None:
    client, listed = signed_in(cleo), reverse("admin:contacts_optinform_changelist")
    assert "Write its wording with New form" in client.get(listed).content.decode()
    now = timezone.now()
    form = OptInForm.objects.create(
        team=brand.team, brand=brand, slug="join", name="Join", created_at=now
    )
    OptInFormVersion.objects.create(
        form=form,
        number=1,
        heading="Offers",
        disclosure_text="I agree <b>to offers</b>",
        programme="offers",
        frequency="weekly",
        language="en",
        purposes=["marketing"],
        created_by=cleo,
        created_at=now,
    )
    assert "offline" in client.get(listed).content.decode()
    page = client.get(reverse("admin:contacts_optinform_change", args=[form.pk])).content.decode()
    for words in ("New wording", "Publish", "&lt;b&gt;to offers", "Nobody asked yet."):
        assert words in page
    assert "Take offline" not in page


def test_a_list_is_pasted_line_by_line(cleo: User, brand: Brand) -> None:
    client, address = signed_in(cleo), reverse("operation-call", args=["opt_outs.import"])
    page = client.get(address)
    data = {
        "numbers": "+447400123456\n\n hello \n+447400123457",
        "brand_id": str(brand.pk),
        "reason": "opt_out",
        "_idempotency_key": page.context["idempotency_key"],
    }
    done = client.post(address, data).context["outcome"]
    assert (done.result.suppressed, [row.row for row in done.result.rejected]) == (2, [2])
    before = list(Suppression.objects.values())
    wrong = client.post(address, {**data, "numbers": "[{", "_idempotency_key": "k" * 20})
    assert "not valid JSON" in wrong.content.decode()
    assert list(Suppression.objects.values()) == before
    assert (
        call("admin", cleo, "opt_outs.import", {"numbers": [{"phone": "+447400123458"}]}).status
        == "done"
    )
