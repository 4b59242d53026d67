"""What belongs to gateways that are reached over a connection that stays: the bind, and part ids."""

from __future__ import annotations

from django.db import models

from smsmarketing.gateways.models.gateway import Gateway

BIND_STATES = ("down", "binding", "bound", "waiting")


class Bind(models.Model):
    """How the connection of one gateway is, told by the one process that holds it.

    down: nobody holds it. binding: it is being made. waiting: it could not be made, and is tried
    again. `lease_until` keeps a second process away; it is renewed every few seconds.
    """

    gateway = models.OneToOneField(Gateway, on_delete=models.CASCADE, related_name="bind")
    state = models.CharField(
        max_length=8, default="down", help_text="down, binding, bound or waiting."
    )
    owner = models.CharField(max_length=80, blank=True, help_text="Host and process.")
    lease_until = models.DateTimeField(null=True)
    bound_since = models.DateTimeField(null=True)
    heard_at = models.DateTimeField(
        null=True, help_text="When the gateway last said anything, enquire_link included."
    )
    binds = models.PositiveIntegerField(default=0, help_text="How often it was bound.")
    last_error = models.CharField(max_length=200, blank=True)
    error_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=BIND_STATES), name="bind_state_word"
            )
        ]

    def __str__(self) -> str:
        return f"bind of gateway {self.gateway_id}"


class PartId(models.Model):
    """The id that a gateway gave a part of a message: what its receipts find the message by.

    `key` is the id without case and leading zeros (rules/part_ids.py). `state` is the part's own, kept
    only where there is more than one. Deleted when no receipt can be awaited any more.
    """

    id = models.BigAutoField(primary_key=True)
    gateway_id = models.BigIntegerField()
    key = models.CharField(max_length=64)
    message_id = models.BigIntegerField()
    number = models.PositiveSmallIntegerField()
    total = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=12, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["gateway_id", "key"], name="part_id_by_key"),
            models.Index(
                fields=["message_id"],
                name="part_id_by_message",
                condition=models.Q(total__gt=1),
            ),
        ]

    def __str__(self) -> str:
        return f"part {self.number} of message {self.message_id}"
