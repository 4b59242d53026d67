"""What compliance §4.2 asks of a consent event and was missing."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("contacts", "0010_opt_in_forms")]

    operations = [
        migrations.AddField(
            model_name="consentevent",
            name="channel",
            field=models.CharField(db_default="sms", default="sms", max_length=8),
        ),
        migrations.AddField(
            model_name="consentevent",
            name="double_opt_in",
            field=models.JSONField(
                help_text="id, requested_at, token_hash, confirmed_at and reply_message_id [R-4.6].",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="consentevent",
            name="evidence_file_id",
            field=models.UUIDField(help_text="Id of a stored file.", null=True),
        ),
        migrations.AddField(
            model_name="consentevent",
            name="sender_scope",
            field=models.CharField(
                blank=True,
                db_default="",
                help_text="The one sender it was given for; empty: all senders of the brand.",
                max_length=16,
            ),
        ),
        migrations.AlterField(
            model_name="consentevent",
            name="form_version",
            field=models.CharField(
                blank=True,
                help_text="Version of a form elsewhere, as it was told to us.",
                max_length=80,
            ),
        ),
        migrations.AddField(
            model_name="consentevent",
            name="hosted_form_version",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                help_text="The version of a form of ours that was shown.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="contacts.optinformversion",
            ),
        ),
        migrations.AddIndex(
            model_name="consentevent",
            index=models.Index(
                condition=models.Q(("direction", "granted"), ("expires_at__isnull", False)),
                fields=["expires_at"],
                name="consent_expiring",
            ),
        ),
    ]
