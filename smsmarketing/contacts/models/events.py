"""What happened to customers: orders, payments, shipments, appointments, pickups, offers."""

from __future__ import annotations

from django.db import models

from smsmarketing.accounts.models import Team
from smsmarketing.contacts.models.contacts import Contact


class ContactEvent(models.Model):
    """One order, payment, shipment, appointment, pickup, offer or own kind of event of a customer.

    One row per thing, whatever the number of calls about it: `properties` are what is known of it
    now, `facts` the calls they were put together from, so that the order of arrival is without
    effect. The id counts within a team, a source and a kind: the order 1001 of one shop never
    stands for that of another. No foreign key to the contact in the database, as elsewhere: an
    insert would take a lock on the contact row that a STOP would have to wait for.
    """

    team = models.ForeignKey(Team, on_delete=models.PROTECT, db_index=False, related_name="+")
    source = models.CharField(
        max_length=80, help_text="System it comes from, e.g. shop; part of its identity."
    )
    contact = models.ForeignKey(
        Contact,
        on_delete=models.CASCADE,
        db_constraint=False,
        db_index=False,
        related_name="events",
    )
    kind = models.CharField(
        max_length=40,
        help_text="order, payment, shipment, appointment, pickup, offer, custom:<name>, sms_...",
    )
    external_id = models.CharField(
        max_length=120, help_text="Id in the source system; deduplicates."
    )
    occurred_at = models.DateTimeField(help_text="When it happened; of several, the earliest.")
    updated_at = models.DateTimeField(help_text="When what is known of it became true.")
    properties = models.JSONField(default=dict)
    facts = models.JSONField(
        default=list,
        help_text="Calls about it when there were several: at, occurred_at, recorded_at, properties.",
    )
    recorded_at = models.DateTimeField(help_text="When this row was last written.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["team", "source", "kind", "external_id"], name="contact_event_once"
            )
        ]
        indexes = [
            models.Index(
                fields=["contact", "kind", "-occurred_at"], name="contact_event_by_contact"
            ),
            # Segments ask who had one in a span of time, before they know the contact.
            models.Index(
                fields=["team", "kind", "occurred_at"],
                include=["contact"],
                name="contact_event_span",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} event {self.pk}"


class EventSummary(models.Model):
    """What a segment asks of a contact's events of one kind: one narrow row, always derived from
    the events in the transaction that changes them. Its row lock is what two writers of one
    contact's events wait on.
    """

    team = models.ForeignKey(Team, on_delete=models.PROTECT, db_index=False, related_name="+")
    contact = models.ForeignKey(
        Contact,
        on_delete=models.CASCADE,
        db_constraint=False,
        db_index=False,
        related_name="event_summaries",
    )
    kind = models.CharField(max_length=40)
    count = models.IntegerField(default=0)
    first_at = models.DateTimeField(null=True)
    last_at = models.DateTimeField(null=True)
    last_state = models.CharField(
        max_length=40, blank=True, help_text="Property `state` of the newest event."
    )
    amount_sum = models.DecimalField(
        max_digits=24,
        decimal_places=6,
        default=0,
        help_text="Sum of `amount` in the team's currency, without cancelled and refunded ones.",
    )
    mean_gap_days = models.FloatField(
        null=True, help_text="Mean days between two events; empty below two."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "contact", "kind"], name="event_summary_once")
        ]
        indexes = [
            # The contact's leaf of a criteria tree asks by contact.
            models.Index(fields=["contact"], name="event_summary_contact"),
            models.Index(
                fields=["team", "kind", "last_state"],
                include=["contact"],
                name="event_summary_state",
            ),
            models.Index(
                fields=["team", "kind", "last_at"], include=["contact"], name="event_summary_last"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} events of contact {self.contact_id}"
