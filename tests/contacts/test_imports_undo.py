"""Undoing a whole import: what goes back, what stays and why, and that a "no" always stays."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from smsmarketing.accounts.models import Brand, User
from smsmarketing.contacts.models import (
    AudienceMember,
    ConsentEvent,
    Contact,
    ImportJob,
    ImportUndo,
    SendState,
    Suppression,
)
from smsmarketing.contacts.rules.import_undo import fields_restore
from smsmarketing.contacts.rules.phone import phone_parse
from smsmarketing.contacts.services import (
    audience_add,
    audience_save,
    consent_record,
    contact_upsert,
    suppression_add,
)
from smsmarketing.contacts.services.imports import (
    import_work,
    imports_expire,
    undo_check,
    undo_forecast,
    undo_start,
)
from smsmarketing.operations.errors import Conflict
from tests.contacts.conftest import evidence, state_of
from tests.contacts.test_imports import CONSENT, A, B, C, bring, private_folder

__all__ = ["bring", "private_folder"]
Bring = Callable[..., ImportJob]
Make = Callable[..., Contact]
MAPPING = {
    "phone": "phone",
    "first": "first_name",
    "tags": "tags",
    "zone": "time_zone",
    "group": "customer_group",
    "points": "custom:points",
    "shop": "crm:shop",
}
HEADER = "phone,first,tags,zone,points,shop,group\n"


def undo(job: ImportJob, user: User) -> ImportJob:
    """Forecast, undo, and see that both say the same."""
    expected = undo_forecast(job)
    with transaction.atomic():
        undo_start(job, by=user, now=timezone.now())
    import_work(job.pk)
    job.refresh_from_db()
    assert (job.state, job.phase, job.lease_owner) == ("undone", "", "")
    done = {name: count for name, count in job.undo_counts.items() if count}
    assert done == {name: count for name, count in expected.items() if count}
    return job


def facts() -> list[dict[str, Any]]:
    """Everything about contacts but their version and time of change."""
    rows = list(Contact.objects.filter(trashed_at=None).order_by("phone").values())
    return [
        {name: value for name, value in row.items() if name not in ("version", "updated_at")}
        for row in rows
    ]


def test_everything_goes_back_where_nobody_changed_it_since(
    bring: Bring, make_contact: Make, brand: Brand, user: User
) -> None:
    audience = audience_save(team_id=brand.team_id, brand=brand, name="Spring")
    make_contact(
        A,
        first_name="Ana",
        tags=["old"],
        custom={"size": "M", "points": "1"},
        time_zone="Europe/Riga",
    )
    make_contact(B, first_name="Bernd", consent=True)
    before, states = facts(), list(SendState.objects.order_by("id").values())
    job = bring(
        HEADER
        + f"{A},Anna,vip;old,Europe/Vilnius,7,x1,gold\n{B},Bernd,,,,,\n{C},Carl,new,,3,x3,\n",
        mapping=MAPPING,
        audience=audience,
        options={"consent": CONSENT, "tags": ["sale"]},
    )
    assert facts() != before
    undo(job, user)
    assert facts() == before
    assert job.undo_counts["trashed"] == 1
    assert job.undo_counts["consents_voided"] == 3
    assert job.undo_counts["members_removed"] == 3
    assert not AudienceMember.objects.exists()
    assert not ImportUndo.objects.exists()
    carl = Contact.objects.get(phone=C)
    assert carl.trashed_at is not None
    assert state_of(carl, brand).marketing_reason is not None
    for state in states:
        now = SendState.objects.get(pk=state["id"])
        assert now.marketing_reason == state["marketing_reason"], state


def test_an_undo_changes_no_opt_out(
    bring: Bring, make_contact: Make, brand: Brand, user: User
) -> None:
    """[R-2.16] A number that said no before, or after the import, stays out."""
    make_contact(A, consent=True)
    early = suppression_add(
        phone=A, scope="brand", reason="opt_out", source="inbound", evidence={}, brand=brand
    )
    job = bring(f"phone\n{A}\n{B}\n{C}\n", options={"consent": CONSENT})
    late = suppression_add(
        phone=B, scope="brand", reason="opt_out", source="inbound", evidence={}, brand=brand
    )
    undo(job, user)
    assert {row.pk for row in Suppression.objects.filter(lifted_at=None)} == {early.pk, late.pk}
    assert state_of(Contact.objects.get(phone=A), brand).marketing_reason == "opted_out"
    assert state_of(Contact.objects.get(phone=B), brand).marketing_reason == "opted_out"
    assert job.undo_counts["kept_edited"] == 1  # B said no since: kept, voided, out


def test_an_import_of_opt_outs_is_never_undone(bring: Bring, user: User) -> None:
    """[R-2.16]"""
    job = bring(f"phone\n{A}\n", kind="opt_outs")
    with pytest.raises(Conflict, match="a no stays a no"):
        undo_start(job, by=user, now=timezone.now())
    job.refresh_from_db()
    assert (job.state, Suppression.objects.filter(lifted_at=None).count()) == ("done", 1)


def test_later_edits_win_and_are_counted(bring: Bring, make_contact: Make, user: User) -> None:
    make_contact(A, first_name="Ana", tags=["old"], custom={"points": "1"})
    job = bring(HEADER + f"{A},Anna,vip,,7,x1,\n", mapping=MAPPING)
    contact_upsert(
        phone_parse(A),
        changes={"first_name": "Annabel", "custom": {"points": "9"}},
        brand_id=job.brand_id,
        source="api",
    )
    undo(job, user)
    ana = Contact.objects.get(phone=A)
    assert (ana.first_name, ana.custom, ana.tags, ana.crm_keys) == (
        "Annabel",
        {"points": "9"},
        ["old"],
        {},
    )
    assert (job.undo_counts["fields_restored"], job.undo_counts["fields_kept"]) == (2, 2)


@pytest.mark.parametrize(
    ("what", "word"),
    [
        ("consent", "kept_consent"),
        ("list", "kept_listed"),
        ("edit", "kept_edited"),
        ("brand", "kept_other_brand"),
        ("sent", "kept_messaged"),
        ("trash", "kept_gone"),
        ("erased", "kept_gone"),
    ],
)
def test_a_new_contact_stays_when_something_happened_to_it(
    bring: Bring, brand: Brand, other_brand: Brand, user: User, what: str, word: str
) -> None:
    job = bring(f"phone\n{A}\n{B}\n")
    ana = Contact.objects.get(phone=A)
    if what == "consent":
        consent_record(ana, evidence(), brand=brand)
    elif what == "list":
        audience_add(audience_save(team_id=brand.team_id, brand=brand, name="L"), [ana.pk])
    elif what == "edit":
        contact_upsert(phone_parse(A), changes={"first_name": "X"}, brand_id=brand.pk, source="api")
    elif what == "brand":
        contact_upsert(phone_parse(A), changes={}, brand_id=other_brand.pk, source="api")
    elif what == "sent":
        SendState.objects.filter(contact_id=ana.pk).update(recent=[timezone.now()])
    elif what == "trash":
        Contact.objects.filter(pk=ana.pk).update(trashed_at=timezone.now())
    else:
        Contact.objects.filter(pk=ana.pk).update(erased_at=timezone.now(), phone=None)
    undo(job, user)
    assert job.undo_counts == {"trashed": 1, word: 1}
    ana.refresh_from_db()
    assert (ana.trashed_at is None) == (what not in ("trash",))
    assert Contact.objects.get(phone=B).trashed_at is not None


def test_the_consent_that_held_before_holds_again(
    bring: Bring, make_contact: Make, brand: Brand, user: User
) -> None:
    """[R-4.1] The ledger only grows: a void event, and the earlier evidence restated with its source."""
    ana = make_contact(A)
    consent_record(ana, evidence(captured_at=timezone.now() - timedelta(days=2000)), brand=brand)
    earlier = ConsentEvent.objects.get()
    bernd = make_contact(B)
    job = bring(f"phone\n{A}\n{B}\n", options={"consent": CONSENT})
    assert state_of(bernd, brand).marketing_reason is None
    undo(job, user)
    assert ConsentEvent.objects.count() == 1 + 2 + 2 + 1
    assert state_of(ana, brand).marketing_reason is None
    assert state_of(bernd, brand).marketing_reason == "no_consent"
    again = ConsentEvent.objects.filter(contact=ana).order_by("id").last()
    assert again is not None
    assert again.evidence_file == f"consent_event:{earlier.pk}"
    assert again.captured_by == f"import undo {job.pk}"


def test_the_same_file_can_be_imported_again_after_its_undo(
    bring: Bring, brand: Brand, user: User
) -> None:
    content = f"phone,first_name\n{A},Ana\n{B},Bernd\n"
    undo(bring(content, options={"consent": CONSENT}), user)
    assert not Contact.objects.filter(trashed_at=None).exists()
    job = bring(content, options={"consent": CONSENT})
    assert (job.counts["change"], job.counts["consent_recorded"]) == (2, 2)
    assert set(SendState.objects.values_list("marketing_reason", flat=True)) == {None}
    same = bring(content, options={"consent": CONSENT})
    assert (same.counts["unchanged"], same.counts["change"]) == (2, 0)
    undo(job, user)
    assert not Contact.objects.filter(trashed_at=None).exists()
    assert set(SendState.objects.values_list("marketing_reason", flat=True)) != {None}


def test_what_a_person_put_into_the_trash_stays_there(bring: Bring, make_contact: Make) -> None:
    ana = make_contact(A)
    Contact.objects.filter(pk=ana.pk).update(trashed_at=timezone.now())
    bring(f"phone,first_name\n{A},Ana\n")
    ana.refresh_from_db()
    assert ana.trashed_at is not None


def test_two_imports_undone_in_either_order_end_without_consent(
    bring: Bring, make_contact: Make, brand: Brand, user: User
) -> None:
    for phone, order in ((A, (0, 1)), (B, (1, 0))):
        contact = make_contact(phone)
        jobs = [
            bring(f"phone\n{phone}\n", options={"consent": {**CONSENT, "captured_at": day}})
            for day in ("2026-03-01", "2026-04-01")
        ]
        for place in order:
            assert state_of(contact, brand).marketing_reason is None
            jobs[place].refresh_from_db()
            undo(jobs[place], user)
        assert state_of(contact, brand).marketing_reason == "no_consent", order


def test_a_contact_that_only_the_import_showed_to_the_brand_is_hidden_again(
    bring: Bring, make_contact: Make, brand: Brand, other_brand: Brand, user: User
) -> None:
    ana = make_contact(A, of=other_brand)
    job = bring(f"phone\n{A}\n")
    assert SendState.objects.filter(contact_id=ana.pk, brand_id=brand.pk).exists()
    undo(job, user)
    assert not SendState.objects.filter(contact_id=ana.pk, brand_id=brand.pk).exists()
    assert SendState.objects.filter(contact_id=ana.pk, brand_id=other_brand.pk).exists()


def test_an_undo_is_refused_twice_while_running_and_when_too_old(bring: Bring, user: User) -> None:
    job = bring(f"phone\n{A}\n")
    late = timezone.now() + timedelta(days=31)
    with pytest.raises(Conflict, match="30 days"):
        undo_check(job, now=late)
    imports_expire(now=late)
    job.refresh_from_db()
    assert (job.state, job.bounds) == ("done", {})
    job = bring(f"phone\n{B}\n")
    undo(job, user)
    with pytest.raises(Conflict, match="undone already"):
        undo_start(job, by=user, now=timezone.now())
    fresh = bring(f"phone\n{C}\n", dry=True)
    with pytest.raises(Conflict, match="has ended"):
        undo_start(fresh, by=user, now=timezone.now())
    assert Contact.objects.filter(trashed_at=None).count() == 1


_TEXT = st.sampled_from(["", "a", "b"])
_OBJECT = st.dictionaries(st.sampled_from(["k", "l"]), st.sampled_from(["1", "2"]))


@given(before=_OBJECT, given_=_OBJECT, name=_TEXT, new=st.sampled_from(["a", "b"]))
@hypothesis_settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_restoring_gives_exactly_what_was_there(
    before: dict[str, str], given_: dict[str, str], name: str, new: str
) -> None:
    after = {**before, **given_}
    changes: dict[str, Any] = {
        "custom": {
            key: [before.get(key), value]
            for key, value in after.items()
            if before.get(key) != value
        }
    }
    if name != new:
        changes["first_name"] = [name, new]
    current = {"custom": after, "crm_keys": {}, "tags": [], "first_name": new}
    answer = fields_restore(changes, current)
    assert {**current, **answer.values} == {**current, "custom": before, "first_name": name}
    assert answer.kept == 0
    again = fields_restore(changes, {**current, **answer.values})
    assert again.values == {}
