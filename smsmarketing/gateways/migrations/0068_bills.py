"""Imported bills, and what each route was estimated, reported and billed."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("gateways", "0067_balance_alerts"),
    ]

    operations = [
        migrations.CreateModel(
            name="Bill",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("month", models.DateField(help_text="First day of the month.")),
                ("currency", models.CharField(max_length=3)),
                ("source", models.CharField(max_length=60)),
                ("sha256", models.CharField(help_text="Of the file.", max_length=64)),
                ("rows", models.PositiveIntegerField()),
                ("parts", models.BigIntegerField()),
                ("amount", models.DecimalField(decimal_places=6, max_digits=16)),
                ("imported_by", models.CharField(max_length=150)),
                ("imported_at", models.DateTimeField()),
                ("replaced_at", models.DateTimeField(blank=True, null=True)),
                (
                    "gateway",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="bills",
                        to="gateways.gateway",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="BillLine",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("country", models.CharField(max_length=2)),
                (
                    "operator",
                    models.CharField(
                        blank=True, help_text="MCC+MNC; empty: not told.", max_length=8
                    ),
                ),
                ("parts", models.BigIntegerField()),
                ("amount", models.DecimalField(decimal_places=6, max_digits=16)),
                (
                    "bill",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="lines",
                        to="gateways.bill",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="RouteMonth",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("month", models.DateField(help_text="First day of the month.")),
                ("country", models.CharField(max_length=2)),
                ("messages", models.BigIntegerField(default=0, help_text="Accepted, or unknown.")),
                ("parts_estimated", models.BigIntegerField(default=0)),
                (
                    "money_estimated",
                    models.DecimalField(decimal_places=6, default=0, max_digits=16),
                ),
                (
                    "messages_told",
                    models.BigIntegerField(
                        default=0, help_text="Messages whose parts or price the gateway told."
                    ),
                ),
                (
                    "parts_reported",
                    models.BigIntegerField(default=0, help_text="As told, else as estimated."),
                ),
                ("money_reported", models.DecimalField(decimal_places=6, default=0, max_digits=16)),
                ("parts_invoiced", models.BigIntegerField(blank=True, null=True)),
                (
                    "money_invoiced",
                    models.DecimalField(blank=True, decimal_places=6, max_digits=16, null=True),
                ),
                ("computed_at", models.DateTimeField()),
                (
                    "gateway",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="gateways.gateway",
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="bill",
            constraint=models.UniqueConstraint(
                condition=models.Q(("replaced_at", None)),
                fields=("gateway", "month"),
                name="bill_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="billline",
            constraint=models.UniqueConstraint(
                fields=("bill", "country", "operator"), name="bill_line_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="routemonth",
            constraint=models.UniqueConstraint(
                fields=("gateway", "month", "country"), name="route_month_once"
            ),
        ),
    ]
