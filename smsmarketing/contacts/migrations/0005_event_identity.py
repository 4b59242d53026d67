"""An event is unique within its team, source and kind, and locks no contact row when written."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("contacts", "0004_event_fill")]

    operations = [
        migrations.RemoveConstraint("contactevent", "contact_event_once"),
        migrations.AlterField(
            "contactevent",
            "team",
            models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.team",
            ),
        ),
        migrations.AlterField(
            "contactevent",
            "source",
            models.CharField(
                help_text="System it comes from, e.g. shop; part of its identity.", max_length=80
            ),
        ),
        migrations.AlterField(
            "contactevent",
            "updated_at",
            models.DateTimeField(help_text="When what is known of it became true."),
        ),
        migrations.AlterField(
            "contactevent",
            "recorded_at",
            models.DateTimeField(help_text="When this row was last written."),
        ),
        migrations.AlterField(
            "contactevent",
            "occurred_at",
            models.DateTimeField(help_text="When it happened; of several, the earliest."),
        ),
        migrations.AlterField(
            "contactevent",
            "kind",
            models.CharField(
                help_text="order, payment, shipment, appointment, pickup, offer, custom:<name>, sms_...",
                max_length=40,
            ),
        ),
        migrations.AlterField(
            "contactevent",
            "contact",
            models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="events",
                to="contacts.contact",
            ),
        ),
        migrations.AddConstraint(
            "contactevent",
            models.UniqueConstraint(
                fields=["team", "source", "kind", "external_id"], name="contact_event_once"
            ),
        ),
    ]
