import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("gateways", "0060_gateway_options")]

    operations = [
        migrations.CreateModel(
            name="Bind",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        default="down", help_text="down, binding, bound or waiting.", max_length=8
                    ),
                ),
                (
                    "owner",
                    models.CharField(blank=True, help_text="Host and process.", max_length=80),
                ),
                ("lease_until", models.DateTimeField(null=True)),
                ("bound_since", models.DateTimeField(null=True)),
                (
                    "heard_at",
                    models.DateTimeField(
                        help_text="When the gateway last said anything, enquire_link included.",
                        null=True,
                    ),
                ),
                (
                    "binds",
                    models.PositiveIntegerField(default=0, help_text="How often it was bound."),
                ),
                ("last_error", models.CharField(blank=True, max_length=200)),
                ("error_at", models.DateTimeField(null=True)),
                (
                    "gateway",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="bind",
                        to="gateways.gateway",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ("down", "binding", "bound", "waiting"))),
                        name="bind_state_word",
                    )
                ],
            },
        ),
    ]
