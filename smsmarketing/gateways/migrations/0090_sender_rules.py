"""Where which kind of sender may be used: the packaged table and people's word against it."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("gateways", "0068_bills"),
    ]

    operations = [
        migrations.CreateModel(
            name="SenderRule",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("country", models.CharField(max_length=2)),
                ("kind", models.CharField(max_length=12)),
                (
                    "purpose",
                    models.CharField(blank=True, help_text="Empty: every purpose.", max_length=16),
                ),
                (
                    "status",
                    models.CharField(
                        help_text="allowed, register, forbidden or unknown.", max_length=10
                    ),
                ),
                (
                    "binding",
                    models.BooleanField(
                        default=False, help_text="People's word about one sender does not lift it."
                    ),
                ),
                (
                    "registry",
                    models.CharField(blank=True, help_text="Registry it asks for.", max_length=12),
                ),
                (
                    "replacement",
                    models.CharField(
                        blank=True, help_text="What recipients see instead [R-5.7].", max_length=60
                    ),
                ),
                ("note", models.CharField(blank=True, max_length=400)),
                ("source", models.CharField(max_length=120)),
                ("as_of", models.DateField(help_text="How old the source is.")),
                ("by_people", models.BooleanField(default=False)),
                (
                    "reason",
                    models.CharField(
                        blank=True, help_text="Why people overrode the table.", max_length=300
                    ),
                ),
                ("set_by", models.CharField(blank=True, max_length=150)),
                ("created_at", models.DateTimeField()),
                ("retired_at", models.DateTimeField(blank=True, null=True)),
                (
                    "gateway",
                    models.ForeignKey(
                        blank=True,
                        help_text="Only there; empty: everywhere.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="gateways.gateway",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("retired_at", None)),
                        fields=("country", "kind", "gateway", "purpose", "by_people"),
                        name="sender_rule_once",
                        nulls_distinct=False,
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("status__in", ("allowed", "register", "forbidden", "unknown"))
                        ),
                        name="sender_rule_word",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("kind__in", ("alphanumeric", "msisdn", "shortcode", "tollfree"))
                        ),
                        name="sender_rule_kind",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("by_people", False),
                            models.Q(("reason", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="sender_rule_reason",
                    ),
                ],
            },
        ),
    ]
