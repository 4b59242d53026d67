"""What networks said of numbers, and lists of networks and prefixes as providers tell them."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0025_brand_language"),
        ("gateways", "0080_routes"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="NumberingList",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(help_text="networks, prefixes or operator.", max_length=8),
                ),
                (
                    "key",
                    models.CharField(help_text="Country, or the operator's id.", max_length=12),
                ),
                ("rows", models.JSONField(default=list)),
                ("read_at", models.DateTimeField(null=True)),
                (
                    "due_at",
                    models.DateTimeField(help_text="Wanted, and not before this.", null=True),
                ),
                ("error_code", models.CharField(blank=True, max_length=40)),
                ("error", models.CharField(blank=True, max_length=200)),
            ],
        ),
        migrations.CreateModel(
            name="NumberLookup",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("call_id", models.UUIDField(db_index=True, help_text="The call it belongs to.")),
                (
                    "phone",
                    models.CharField(
                        blank=True, help_text="Empty once it was asked for.", max_length=16
                    ),
                ),
                ("phone_hash", models.BinaryField(max_length=32)),
                ("masked", models.CharField(max_length=24)),
                (
                    "state",
                    models.CharField(
                        default="queued",
                        help_text="queued, asked, done, failed or no_answer.",
                        max_length=9,
                    ),
                ),
                (
                    "result",
                    models.CharField(blank=True, help_text="What the network said.", max_length=18),
                ),
                ("country", models.CharField(blank=True, max_length=2)),
                ("operator", models.CharField(blank=True, help_text="MCC and MNC.", max_length=6)),
                (
                    "operator_id",
                    models.CharField(blank=True, help_text="The provider's own id.", max_length=12),
                ),
                ("ported", models.BooleanField(null=True)),
                ("ported_from", models.CharField(blank=True, max_length=80)),
                ("remote_id", models.CharField(blank=True, max_length=64)),
                ("error_code", models.CharField(blank=True, max_length=40)),
                ("error", models.CharField(blank=True, max_length=200)),
                (
                    "price",
                    models.DecimalField(
                        decimal_places=6, help_text="Gateway's currency.", max_digits=12
                    ),
                ),
                ("currency", models.CharField(max_length=3)),
                (
                    "exchange_rate",
                    models.DecimalField(
                        decimal_places=10,
                        help_text="Frozen: the budget's currency per unit.",
                        max_digits=20,
                    ),
                ),
                (
                    "booked",
                    models.BooleanField(
                        default=False, help_text="What was reserved for it is settled or released."
                    ),
                ),
                ("attempts", models.IntegerField(default=0)),
                ("next_at", models.DateTimeField(help_text="Not before this.")),
                ("created_at", models.DateTimeField()),
                ("asked_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.AddField(
            model_name="numberinglist",
            name="gateway",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="gateways.gateway"
            ),
        ),
        migrations.AddField(
            model_name="numberlookup",
            name="asked_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="numberlookup",
            name="gateway",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="gateways.gateway"
            ),
        ),
        migrations.AddField(
            model_name="numberlookup",
            name="quota",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="gateways.quota"
            ),
        ),
        migrations.AddField(
            model_name="numberlookup",
            name="team",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.team"
            ),
        ),
        migrations.AddConstraint(
            model_name="numberinglist",
            constraint=models.UniqueConstraint(
                fields=("gateway", "kind", "key"), name="numbering_list_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="numberinglist",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ("networks", "prefixes", "operator"))),
                name="numbering_list_kind_word",
            ),
        ),
        migrations.AddIndex(
            model_name="numberlookup",
            index=models.Index(
                condition=models.Q(("state__in", ["queued", "asked"])),
                fields=["next_at", "id"],
                name="lookup_open",
            ),
        ),
        migrations.AddIndex(
            model_name="numberlookup",
            index=models.Index(fields=["team", "phone_hash"], name="lookup_known"),
        ),
        migrations.AddIndex(
            model_name="numberlookup",
            index=models.Index(
                condition=models.Q(("masked__in", ["erased", "removed"]), _negated=True),
                fields=["created_at"],
                name="lookup_named",
            ),
        ),
        migrations.AddConstraint(
            model_name="numberlookup",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ["queued", "asked", "done", "failed", "no_answer"])
                ),
                name="lookup_state_word",
            ),
        ),
        migrations.AddConstraint(
            model_name="numberlookup",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "result__in",
                        [
                            "",
                            "active",
                            "absent",
                            "unknown_subscriber",
                            "barred",
                            "invalid",
                            "unclear",
                        ],
                    )
                ),
                name="lookup_result_word",
            ),
        ),
    ]
