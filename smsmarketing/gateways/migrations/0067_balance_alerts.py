"""A balance below which people are told."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("gateways", "0066_brand_quotas")]

    operations = [
        migrations.AddField(
            model_name="gateway",
            name="balance_alert",
            field=models.DecimalField(
                blank=True,
                decimal_places=4,
                help_text="People are told when the balance falls below this; empty: never.",
                max_digits=14,
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="gateway",
            name="balance_low_at",
            field=models.DateTimeField(
                blank=True, help_text="When they were told of the present fall.", null=True
            ),
        ),
    ]
