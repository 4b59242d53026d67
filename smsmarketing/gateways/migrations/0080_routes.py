"""Routes, pins, breakers and tallies by gateway and country [R-10.13], [R-10.17], [R-10.18]."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("gateways", "0086_definition_guards"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Route",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("country", models.CharField(help_text="ISO 3166-1 alpha-2.", max_length=2)),
                (
                    "purpose",
                    models.CharField(blank=True, help_text="Empty: every purpose.", max_length=16),
                ),
                (
                    "weight",
                    models.PositiveSmallIntegerField(
                        help_text="Share against the other routes; 0 = only when others cannot."
                    ),
                ),
                ("active", models.BooleanField(default=True)),
                ("created_at", models.DateTimeField()),
                ("version", models.IntegerField(default=1)),
            ],
        ),
        migrations.CreateModel(
            name="RouteHealth",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("country", models.CharField(blank=True, max_length=2)),
                (
                    "breaker",
                    models.CharField(
                        default="closed", help_text="closed, open or half_open.", max_length=9
                    ),
                ),
                (
                    "reason",
                    models.CharField(blank=True, help_text="Why it is not closed.", max_length=200),
                ),
                (
                    "changed_at",
                    models.DateTimeField(help_text="When the breaker last changed.", null=True),
                ),
                (
                    "retry_at",
                    models.DateTimeField(
                        help_text="When an open one lets probes through.", null=True
                    ),
                ),
                (
                    "rest_s",
                    models.PositiveIntegerField(
                        default=0, help_text="Length of the last rest, seconds."
                    ),
                ),
                ("probes_left", models.PositiveSmallIntegerField(default=0)),
                ("probed_at", models.DateTimeField(null=True)),
                (
                    "window_at",
                    models.DateTimeField(help_text="Since when calls are counted.", null=True),
                ),
                (
                    "calls",
                    models.PositiveIntegerField(default=0, help_text="Submits in the window."),
                ),
                (
                    "failures",
                    models.PositiveIntegerField(
                        default=0, help_text="Of these, without a clear answer or not available."
                    ),
                ),
                (
                    "percent",
                    models.PositiveSmallIntegerField(
                        default=100, help_text="What is left of its weights [R-10.18]."
                    ),
                ),
                (
                    "percent_at",
                    models.DateTimeField(help_text="When the share last moved.", null=True),
                ),
                (
                    "trouble_at",
                    models.DateTimeField(help_text="When it last was slow or failing.", null=True),
                ),
                ("percent_note", models.CharField(blank=True, max_length=200)),
                (
                    "dlr_timeout_hours",
                    models.PositiveIntegerField(
                        help_text="Learned: without a receipt for so long a message is expired.",
                        null=True,
                    ),
                ),
            ],
            options={
                "verbose_name": "breaker",
            },
        ),
        migrations.CreateModel(
            name="RoutePin",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("country", models.CharField(max_length=2)),
                (
                    "purpose",
                    models.CharField(blank=True, help_text="Empty: every purpose.", max_length=16),
                ),
                ("reason", models.CharField(max_length=200)),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("lifted_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="RouteTally",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("country", models.CharField(max_length=2)),
                ("since", models.DateTimeField(help_text="Start of the five minutes.")),
                ("accepted", models.BigIntegerField(default=0)),
                ("refused", models.BigIntegerField(default=0, help_text="Refused for good.")),
                (
                    "unavailable",
                    models.BigIntegerField(default=0, help_text="Not accepted for now."),
                ),
                ("unclear", models.BigIntegerField(default=0, help_text="No clear answer.")),
                ("delivered", models.BigIntegerField(default=0)),
                (
                    "undelivered",
                    models.BigIntegerField(
                        default=0, help_text="Receipts that say it did not arrive."
                    ),
                ),
                (
                    "filtered",
                    models.BigIntegerField(
                        default=0, help_text="Of these, refused for content or sender."
                    ),
                ),
                (
                    "missing",
                    models.BigIntegerField(
                        default=0, help_text="No receipt within the time to wait."
                    ),
                ),
                ("cost", models.DecimalField(decimal_places=6, default=0, max_digits=16)),
                (
                    "waits",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(),
                        default=list,
                        help_text="Receipts by the time they took.",
                        size=None,
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="batch",
            name="route_ids",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.BigIntegerField(),
                default=list,
                help_text="Other gateways that may carry it, as approved.",
                size=None,
            ),
        ),
        migrations.AddField(
            model_name="route",
            name="gateway",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="routes",
                to="gateways.gateway",
            ),
        ),
        migrations.AddField(
            model_name="route",
            name="sender",
            field=models.ForeignKey(
                blank=True,
                help_text="Empty: every sender that may be used there.",
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="gateways.senderid",
            ),
        ),
        migrations.AddField(
            model_name="routehealth",
            name="gateway",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="health",
                to="gateways.gateway",
            ),
        ),
        migrations.AddField(
            model_name="routepin",
            name="gateway",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="gateways.gateway"
            ),
        ),
        migrations.AddField(
            model_name="routepin",
            name="set_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="routetally",
            name="gateway",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="gateways.gateway"
            ),
        ),
        migrations.AddField(
            model_name="routetally",
            name="brand",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.brand"
            ),
        ),
        migrations.AddConstraint(
            model_name="route",
            constraint=models.UniqueConstraint(
                fields=("country", "purpose", "sender", "gateway"),
                name="route_once",
                nulls_distinct=False,
            ),
        ),
        migrations.AddConstraint(
            model_name="route",
            constraint=models.CheckConstraint(
                condition=models.Q(("weight__lte", 100)), name="route_weight_share"
            ),
        ),
        migrations.AddConstraint(
            model_name="routehealth",
            constraint=models.UniqueConstraint(fields=("gateway", "country"), name="health_once"),
        ),
        migrations.AddConstraint(
            model_name="routehealth",
            constraint=models.CheckConstraint(
                condition=models.Q(("breaker__in", ("closed", "open", "half_open"))),
                name="breaker_word",
            ),
        ),
        migrations.AddConstraint(
            model_name="routehealth",
            constraint=models.CheckConstraint(
                condition=models.Q(("percent__gte", 1), ("percent__lte", 100)),
                name="health_percent",
            ),
        ),
        migrations.AddConstraint(
            model_name="routepin",
            constraint=models.UniqueConstraint(
                condition=models.Q(("lifted_at", None)),
                fields=("country", "purpose"),
                name="pin_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="routepin",
            constraint=models.CheckConstraint(
                condition=models.Q(("expires_at__gt", models.F("created_at"))),
                name="pin_ends_later",
            ),
        ),
        migrations.AddIndex(
            model_name="routetally",
            index=models.Index(fields=["since"], name="tally_since"),
        ),
        migrations.AddConstraint(
            model_name="routetally",
            constraint=models.UniqueConstraint(
                fields=("gateway", "country", "brand", "since"), name="tally_once"
            ),
        ),
    ]
