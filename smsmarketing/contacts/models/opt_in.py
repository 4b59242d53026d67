"""How people say yes: hosted forms with frozen wording, and requests to confirm by SMS [R-4.6]."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django_fsm import transition

from smsmarketing.accounts.models import Brand, Team
from smsmarketing.contacts.models.contacts import Contact
from smsmarketing.operations.states import FSMModel, StateField

DOUBLE_OPT_IN_STATES = ("requested", "sent", "confirmed", "denied", "expired", "refused")


class OptInForm(models.Model):
    """A public page of a brand at /f/<slug>. It shows `live`, one of its versions; none: closed."""

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="+")
    brand = models.ForeignKey(Brand, on_delete=models.PROTECT, related_name="+")
    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120, help_text="For people of the team; not shown.")
    live = models.ForeignKey(
        "OptInFormVersion", on_delete=models.PROTECT, null=True, db_index=False, related_name="+"
    )
    published_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    version = models.IntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "name"], name="opt_in_form_name_once")
        ]
        verbose_name = "opt-in form"

    def __str__(self) -> str:
        return self.name


class OptInFormVersion(models.Model):
    """The wording of a form as people saw it. Never changed: a trigger refuses UPDATE and DELETE."""

    form = models.ForeignKey(OptInForm, on_delete=models.PROTECT, related_name="versions")
    number = models.IntegerField()
    heading = models.CharField(max_length=120)
    disclosure_text = models.TextField(max_length=2000, help_text="The exact text beside the box.")
    programme = models.CharField(
        max_length=60, help_text="What is sent, as the confirmation text says it: offers and news."
    )
    frequency = models.CharField(max_length=60, help_text="How often: up to 4 messages a month.")
    language = models.CharField(max_length=12, help_text="BCP 47.")
    purposes = ArrayField(models.CharField(max_length=16), help_text="marketing, notification, …")
    fields = ArrayField(
        models.CharField(max_length=16),
        default=list,
        help_text="What is asked besides the number: first_name, last_name.",
    )
    double_opt_in = models.BooleanField(
        default=True, help_text="The owner of the number must reply YES before it counts [R-4.6]."
    )
    origins = ArrayField(
        models.CharField(max_length=120),
        default=list,
        help_text="Web sites that may show the form in a frame, e.g. https://shop.example.",
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["form", "number"], name="opt_in_form_version_once")
        ]
        verbose_name = "opt-in form version"

    def __str__(self) -> str:
        return f"version {self.number}"


class DoubleOptIn(FSMModel):
    """One request to the owner of a number: "reply YES". At most one in 30 days for a brand [R-4.6].

    requested → sent → confirmed | denied | expired; refused when it could not be sent. Only a reply
    from the number itself confirms. Silence is no answer: it takes nothing away from anybody.
    """

    state = StateField(default="requested")
    brand = models.ForeignKey(Brand, on_delete=models.PROTECT, related_name="+")
    phone = models.CharField(
        max_length=16, null=True, help_text="E.164; emptied after it ended, and by erasure."
    )
    phone_hash = models.BinaryField(max_length=32)
    hash_key = models.CharField(max_length=32, blank=True)
    contact = models.ForeignKey(
        Contact, on_delete=models.SET_NULL, null=True, related_name="double_opt_ins"
    )
    form_version = models.ForeignKey(OptInFormVersion, on_delete=models.PROTECT, related_name="+")
    purposes = ArrayField(models.CharField(max_length=16))
    request_text = models.TextField(help_text="The SMS as it was sent.")
    token_hash = models.CharField(
        max_length=64, help_text="SHA-256 of number hash, brand, text and time: what was asked."
    )
    details = models.JSONField(
        default=dict, help_text="Fields of the form; emptied like the number [R-4.9]."
    )
    source_url = models.CharField(max_length=500, blank=True)
    ip = models.CharField(max_length=45, blank=True)
    user_agent = models.CharField(max_length=300, blank=True)
    asked_by = models.CharField(max_length=80, help_text="form or who asked, e.g. user:7.")
    reason = models.CharField(max_length=40, blank=True, help_text="Why it was refused.")
    message_id = models.BigIntegerField(null=True, help_text="The message that carried it.")
    reply_inbound_id = models.BigIntegerField(null=True, help_text="The reply that decided.")
    requested_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(help_text="A reply after this no longer counts.")
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=DOUBLE_OPT_IN_STATES), name="double_opt_in_state_word"
            ),
            models.UniqueConstraint(
                fields=["brand", "phone_hash"],
                name="double_opt_in_one_open",
                condition=models.Q(state__in=["requested", "sent"]),
            ),
        ]
        indexes = [
            models.Index(fields=["phone_hash", "-requested_at"], name="double_opt_in_by_phone"),
            models.Index(
                fields=["expires_at"],
                name="double_opt_in_open",
                condition=models.Q(state__in=["requested", "sent"]),
            ),
            models.Index(
                fields=["message_id"],
                name="double_opt_in_message",
                condition=models.Q(message_id__isnull=False),
            ),
        ]
        verbose_name = "double opt-in"

    @transition(field=state, source="requested", target="sent")
    def send(self) -> None: ...

    @transition(field=state, source=["requested", "sent"], target="confirmed")
    def confirm(self) -> None: ...

    @transition(field=state, source=["requested", "sent"], target="denied")
    def deny(self) -> None: ...

    @transition(field=state, source=["requested", "sent"], target="expired")
    def expire(self) -> None: ...

    @transition(field=state, source=["requested", "sent"], target="refused")
    def refuse(self) -> None: ...

    def __str__(self) -> str:
        return f"double opt-in {self.pk}"
