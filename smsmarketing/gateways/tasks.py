"""Celery's way in. Thin: rows are the truth, a task that is lost or comes twice changes nothing."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from smsmarketing.gateways import dispatch, intake
from smsmarketing.gateways.dispatch.sweep import receipts_missing
from smsmarketing.gateways.services import gateway_tests, lists, syncing
from smsmarketing.gateways.services.billing import routes_refresh
from smsmarketing.gateways.services.lookups import lookups_run
from smsmarketing.gateways.services.money_alerts import balances_watch
from smsmarketing.gateways.services.numbering import numbering_read
from smsmarketing.gateways.services.part_ids import part_ids_expire
from smsmarketing.gateways.services.registration_documents import documents_expire
from smsmarketing.gateways.services.registration_stops import registrations_expire
from smsmarketing.gateways.services.retention import texts_expire
from smsmarketing.gateways.services.sender_stops import senders_expire
from smsmarketing.gateways.services.tuning import routes_tune

BEAT = {
    "gateways.syncs_run": 60.0,
    "gateways.lookups_run": 15.0,
    "gateways.numbering_read": 30.0,
    "gateways.tests_run": 30.0,
    "gateways.listings_push": 30.0,
    "gateways.listings_mend": 900.0,
    "gateways.sweep": 5.0,
    "gateways.receipts_apply": 2.0,
    "gateways.opt_in_requests_send": 15.0,
    "gateways.texts_expire": 3600.0,
    "gateways.part_ids_expire": 3600.0,
    "gateways.balances_watch": 60.0,
    "gateways.routes_refresh": 3600.0,
    "gateways.routes_tune": 60.0,
    "gateways.receipts_missing": 600.0,
    "gateways.senders_expire": 30.0,
    "gateways.registration_documents_expire": 3600.0,
}
"""Seconds between starts. Tasks expire: while a queue is long the sweep asks again and again."""


@shared_task(name="gateways.batch_run", expires=600)
def batch_run_task(batch_id: int) -> None:
    """Send what is due of a batch."""
    dispatch.batch_run(batch_id)


@shared_task(name="gateways.batch_run_transactional", expires=600)
def batch_run_transactional_task(batch_id: int) -> None:
    """`gateways.batch_run` for messages that people wait for."""
    dispatch.batch_run(batch_id)


@shared_task(name="gateways.batch_run_urgent", expires=600)
def batch_run_urgent_task(batch_id: int) -> None:
    """`gateways.batch_run` for one-time codes and automatic replies."""
    dispatch.batch_run(batch_id)


@shared_task(name="gateways.sweep", expires=60)
def sweep_task() -> None:
    """Repair leases, wake batches, finish those that are through."""
    dispatch.sweep()


@shared_task(name="gateways.receipts_apply", expires=60)
def receipts_apply_task() -> None:
    """Apply the receipts that were stored and not yet understood."""
    intake.receipts_apply()
    intake.replies_join()


@shared_task(name="gateways.opt_in_requests_send", expires=60)
def opt_in_requests_send_task() -> None:
    """Text those who must confirm an opt-in, and note what became of earlier texts."""
    intake.opt_in_requests_send()
    intake.opt_in_requests_follow()


@shared_task(name="gateways.texts_expire", expires=3600)
def texts_expire_task() -> None:
    """Delete the texts whose time is over; the next run goes on where this one ended [R-4.14]."""
    texts_expire()


@shared_task(name="gateways.part_ids_expire", expires=3600)
def part_ids_expire_task() -> None:
    """Forget gateways' ids of parts whose receipts cannot come any more."""
    part_ids_expire()


@shared_task(name="gateways.balances_watch", expires=60)
def balances_watch_task() -> None:
    """Tell of prepaid balances that fell below their alert."""
    balances_watch()


@shared_task(name="gateways.routes_refresh", expires=3600)
def routes_refresh_task() -> None:
    """Count what each route was estimated and reported to cost."""
    routes_refresh()


@shared_task(name="gateways.senders_expire", expires=60)
def senders_expire_task() -> None:
    """Stop senders whose registration has ended, and remind of those that will [R-5.10]."""
    senders_expire()
    registrations_expire()


@shared_task(name="gateways.registration_documents_expire", expires=3600)
def documents_expire_task() -> None:
    """Delete documents of registrations that are over [R-5.9]."""
    documents_expire()


@shared_task(name="gateways.tests_run", expires=30)
def tests_run_task() -> None:
    """Do the tests of gateways that people asked for."""
    gateway_tests.tests_run()


@shared_task(name="gateways.syncs_run", expires=60)
def syncs_run_task() -> None:
    """Read balances, prices and opt-outs of the providers that are due."""
    syncing.syncs_run()


@shared_task(name="gateways.lookups_run", expires=60)
def lookups_run_task() -> None:
    """Ask networks about the numbers that are due."""
    lookups_run()


@shared_task(name="gateways.numbering_read", expires=60)
def numbering_read_task() -> None:
    """Read lists of networks and prefixes that somebody wants."""
    numbering_read()


@shared_task(name="gateways.listings_follow", expires=3600)
def listings_follow_task(suppression_ids: list[int]) -> None:
    """Bring the providers' lists in step with these suppressions."""
    lists.listings_follow_of(suppression_ids)
    lists.listings_push()


@shared_task(name="gateways.listings_push", expires=30)
def listings_push_task() -> None:
    """Tell the providers of opt-outs that are due."""
    lists.listings_push()


@shared_task(name="gateways.listings_mend", expires=900)
def listings_mend_task() -> None:
    """Find what a lost job should have followed, and try anew what failed a day ago."""
    lists.listings_mend()


@shared_task(name="gateways.routes_tune", expires=60)
def routes_tune_task() -> None:
    """Move the shares of routes by a step, and learn how long their receipts take."""
    routes_tune(now=timezone.now())


@shared_task(name="gateways.receipts_missing", expires=600)
def receipts_missing_task() -> None:
    """Expire what got no receipt within the time that its route learned."""
    receipts_missing(now=timezone.now(), learned=True)
