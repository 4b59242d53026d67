"""What gateways answered where it left doubt."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("gateways", "0069_control_calls")]

    operations = [
        migrations.CreateModel(
            name="UnclearAnswer",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("message_id", models.BigIntegerField(db_index=True)),
                ("attempt", models.PositiveSmallIntegerField()),
                ("outcome", models.CharField(max_length=16)),
                ("error_code", models.CharField(blank=True, max_length=32)),
                ("error_class", models.CharField(blank=True, max_length=12)),
                (
                    "http_status",
                    models.PositiveSmallIntegerField(help_text="Empty for SMPP.", null=True),
                ),
                ("content_type", models.CharField(blank=True, max_length=80)),
                ("raw", models.BinaryField()),
                ("size", models.PositiveIntegerField(help_text="Bytes that came.")),
                (
                    "whole",
                    models.BooleanField(help_text="False when the gateway or our limit cut it."),
                ),
                ("received_at", models.DateTimeField(db_index=True)),
                (
                    "gateway",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="gateways.gateway",
                    ),
                ),
            ],
        ),
    ]
