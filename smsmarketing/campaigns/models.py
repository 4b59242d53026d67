"""What we say, to whom, when, and why somebody was left out."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django_fsm import transition

from smsmarketing.accounts.models import Brand, Team
from smsmarketing.contacts.models import Segment
from smsmarketing.gateways.models import Batch, Gateway, SenderId
from smsmarketing.operations.states import FSMModel, StateField

CAMPAIGN_STATES = (
    "draft", "in_review", "changes_requested", "approved", "scheduled", "sending", "paused",
    "sent", "stopped", "rejected", "cancelled", "failed",
)  # fmt: skip
STARTED_STATES = ("sending", "paused", "sent", "stopped", "failed")
REVIEWED_STATES = ("in_review", "approved", "scheduled", *STARTED_STATES)
PURPOSES = ("marketing", "transactional")
QUIET_MODES = ("default", "strict", "normal")
"""The modes of gateways.rules.quiet_hours; `default` is strict for the US and Canada [R-3.7]."""
USE_CASES = ("promotion", "reminder", "transactional", "otp")
VERSION_STATES = ("draft", "in_review", "approved", "retired")
SEND_KINDS = ("main", "test")


class Template(models.Model):
    """A reusable text with versions; the use case cannot change after the first approval."""

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="+")
    brand = models.ForeignKey(Brand, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=120)
    use_case = models.CharField(
        max_length=16, help_text="promotion, reminder, transactional or otp."
    )
    version = models.IntegerField(default=1)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "name"], name="template_name_once"),
            models.CheckConstraint(
                condition=models.Q(use_case__in=USE_CASES), name="template_use_case_word"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class TemplateVersion(FSMModel):
    """One wording of a template in one language. Never edited: a change is a new number."""

    state = StateField(default="draft")
    template = models.ForeignKey(Template, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    language = models.CharField(max_length=12)
    body = models.TextField(help_text="Text with {field} places [R-10.12].")
    fields = models.JSONField(
        default=list, help_text="Declared fields: name, max_chars, charset, fallback, truncate."
    )
    opt_out_line = models.CharField(max_length=80, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField()
    change_note = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["template", "number"], name="template_version_once"),
            models.CheckConstraint(
                condition=models.Q(state__in=VERSION_STATES), name="template_version_state_word"
            ),
        ]

    @transition(field=state, source="draft", target="in_review")
    def submit(self) -> None: ...

    @transition(field=state, source=["draft", "in_review"], target="approved")
    def approve(self) -> None: ...

    @transition(field=state, source="in_review", target="draft")
    def send_back(self) -> None: ...

    @transition(field=state, source="approved", target="retired")
    def retire(self) -> None: ...

    def __str__(self) -> str:
        return f"{self.template} v{self.number}"


class Campaign(FSMModel):
    """One planned send (design.md §6). A change of signed content goes back to draft and supersedes the request."""

    state = StateField(default="draft")
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="+")
    brand = models.ForeignKey(Brand, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=120)
    purpose = models.CharField(max_length=16, default="marketing")
    segment = models.ForeignKey(Segment, on_delete=models.PROTECT, related_name="+")
    template_version = models.ForeignKey(
        TemplateVersion, on_delete=models.PROTECT, null=True, related_name="+"
    )
    body = models.TextField(help_text="The text with {field} places, as approved.")
    fields = models.JSONField(default=list)
    sender = models.ForeignKey(SenderId, on_delete=models.PROTECT, related_name="+")
    gateway = models.ForeignKey(Gateway, on_delete=models.PROTECT, related_name="+")
    landing_url = models.URLField(blank=True, max_length=500)
    tracking = models.JSONField(default=dict)
    send_goal = models.CharField(max_length=200, blank=True)
    review_notes = models.TextField(blank=True)
    scheduled_local = models.CharField(
        max_length=16, blank=True, help_text="Planned wall time YYYY-MM-DDTHH:MM; signed."
    )
    scheduled_zone = models.CharField(max_length=64, blank=True, help_text="Its zone; signed.")
    due_local = models.CharField(
        max_length=16, blank=True, help_text="Wall time of the schedule in force [R-3.11]."
    )
    due_zone = models.CharField(max_length=64, blank=True)
    scheduled_at = models.DateTimeField(null=True, help_text="Instant of the schedule in force.")
    per_minute = models.PositiveIntegerField(null=True)
    quiet_mode = models.CharField(max_length=8, default="default")
    notify = models.JSONField(default=list)
    cost_preview = models.JSONField(default=dict)
    cost_previewed_at = models.DateTimeField(null=True)
    content_hash = models.CharField(max_length=64, blank=True)
    action_request_id = models.UUIDField(null=True)
    approved_recipients = models.BigIntegerField(null=True)
    cost_ceiling = models.DecimalField(max_digits=14, decimal_places=4, null=True)
    hold_reason = models.CharField(max_length=300, blank=True)
    materialise_tries = models.PositiveSmallIntegerField(default=0)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    version = models.IntegerField(default=1)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=CAMPAIGN_STATES), name="campaign_state_word"
            ),
            models.CheckConstraint(
                condition=models.Q(purpose__in=PURPOSES), name="campaign_purpose_word"
            ),
            models.CheckConstraint(
                condition=models.Q(quiet_mode__in=QUIET_MODES), name="campaign_quiet_mode_word"
            ),
            models.CheckConstraint(
                condition=~models.Q(state="scheduled") | models.Q(scheduled_at__isnull=False),
                name="campaign_scheduled_has_time",
            ),
            models.CheckConstraint(
                condition=~models.Q(state__in=REVIEWED_STATES)
                | (models.Q(action_request_id__isnull=False) & ~models.Q(content_hash="")),
                name="campaign_reviewed_has_request",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=STARTED_STATES, started_at__isnull=False)
                | (~models.Q(state__in=STARTED_STATES) & models.Q(started_at__isnull=True)),
                name="campaign_started_has_start",
            ),
            models.UniqueConstraint(fields=["action_request_id"], name="one_campaign_per_request"),
        ]
        indexes = [
            models.Index(
                fields=["scheduled_at"],
                condition=models.Q(state="scheduled"),
                name="campaign_due",
            ),
            models.Index(
                fields=["id"],
                condition=models.Q(state__in=["sending", "paused"]),
                name="campaign_running",
            ),
        ]

    @transition(field=state, source=["draft", "changes_requested"], target="in_review")
    def submit(self) -> None: ...

    @transition(field=state, source="in_review", target="approved")
    def approve(self) -> None: ...

    @transition(field=state, source="in_review", target="rejected")
    def reject(self) -> None: ...

    @transition(field=state, source="in_review", target="changes_requested")
    def request_changes(self) -> None: ...

    @transition(
        field=state,
        source=["in_review", "approved", "scheduled", "changes_requested"],
        target="draft",
    )
    def reopen(self) -> None: ...

    @transition(field=state, source="approved", target="scheduled")
    def schedule(self) -> None: ...

    @transition(field=state, source="scheduled", target="approved")
    def unschedule(self) -> None: ...

    @transition(field=state, source=["approved", "scheduled"], target="sending")
    def start(self) -> None: ...

    @transition(field=state, source="sending", target="paused")
    def pause(self) -> None: ...

    @transition(field=state, source="paused", target="sending")
    def resume(self) -> None: ...

    @transition(field=state, source=["sending", "paused"], target="sent")
    def finish(self) -> None: ...

    @transition(field=state, source="scheduled", target="cancelled")
    def cancel(self) -> None: ...

    @transition(field=state, source=["sending", "paused"], target="stopped")
    def stop(self) -> None: ...

    @transition(field=state, source=["sending", "paused"], target="draft")
    def withdraw(self) -> None:
        """A started campaign that failed a drift guard before its first message existed goes back
        to its author [R-8.3].
        """

    @transition(field=state, source=["sending", "paused"], target="failed")
    def fail(self) -> None:
        """Its messages could not be written down, again and again; nothing was sent."""

    def __str__(self) -> str:
        return self.name


class CampaignSend(models.Model):
    """Links a campaign to a batch: its one main send, and its test sends."""

    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="sends")
    batch = models.OneToOneField(Batch, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=8, help_text="main or test.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["campaign"], condition=models.Q(kind="main"), name="one_main_send"
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=SEND_KINDS), name="campaign_send_kind_word"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} send of {self.campaign_id}"


class Decision(models.Model):
    """Why a contact of the segment got no message of this campaign, with the moment it was decided.

    No foreign key in the database: a start writes up to millions of rows at once (perf.md §3).
    """

    campaign = models.ForeignKey(
        Campaign,
        on_delete=models.CASCADE,
        db_constraint=False,
        db_index=False,
        related_name="decisions",
    )
    contact_id = models.BigIntegerField()
    reason = models.CharField(max_length=24)
    decided_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "contact_id"], name="decision_once")
        ]

    def __str__(self) -> str:
        return f"{self.reason}: contact {self.contact_id}"
