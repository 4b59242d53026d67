"""Replies are decided by a person; a STOP may have asked what to keep."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("gateways", "0002_storage_guards"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="inboundmessage",
            name="decision",
            field=models.CharField(
                blank=True,
                default="",
                help_text="opt_out, keep, wrong_number or complaint; empty while it waits.",
                max_length=16,
            ),
        ),
        migrations.AddField(
            model_name="inboundmessage",
            name="decided_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="inboundmessage",
            name="scope_asked",
            field=models.BooleanField(
                default=False, help_text="The confirmation asked what to keep [R-2.14]."
            ),
        ),
        migrations.AddIndex(
            model_name="inboundmessage",
            index=models.Index(
                fields=["action", "stored_at", "id"],
                name="inbound_waiting",
                condition=models.Q(reviewed_at=None, action__in=("hold_review", "review")),
            ),
        ),
    ]
