"""Why a sender is stopped, and when its registration ends."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("gateways", "0091_sender_rules_load")]

    operations = [
        migrations.AddField(
            model_name="senderid",
            name="state_reason",
            field=models.CharField(
                blank=True,
                default="",
                max_length=300,
                help_text="Why it is refused, suspended or expired.",
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="senderid",
            name="expires_at",
            field=models.DateTimeField(
                blank=True, null=True, help_text="When its registration ends; empty: never."
            ),
        ),
        migrations.AddField(
            model_name="senderid",
            name="reminded_days",
            field=models.PositiveIntegerField(
                blank=True,
                null=True,
                help_text="People were told so many days before it ends.",
            ),
        ),
    ]
