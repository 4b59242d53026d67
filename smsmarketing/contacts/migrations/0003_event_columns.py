"""Events get their team, source and facts (empty for now), and their summary a table."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial"), ("contacts", "0002_guards")]

    operations = [
        migrations.AddField(
            "contactevent",
            "team",
            models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.team",
            ),
        ),
        migrations.AddField(
            "contactevent",
            "source",
            models.CharField(
                help_text="System it comes from, e.g. shop; part of its identity.",
                max_length=80,
                null=True,
            ),
        ),
        migrations.AddField(
            "contactevent",
            "updated_at",
            models.DateTimeField(help_text="When what is known of it became true.", null=True),
        ),
        migrations.AddField(
            "contactevent",
            "recorded_at",
            models.DateTimeField(help_text="When this row was last written.", null=True),
        ),
        migrations.AddField(
            "contactevent",
            "facts",
            models.JSONField(
                default=list,
                help_text="Calls about it when there were several: at, occurred_at, recorded_at, properties.",
            ),
        ),
        migrations.CreateModel(
            name="EventSummary",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kind", models.CharField(max_length=40)),
                ("count", models.IntegerField(default=0)),
                ("first_at", models.DateTimeField(null=True)),
                ("last_at", models.DateTimeField(null=True)),
                (
                    "last_state",
                    models.CharField(
                        blank=True,
                        help_text="Property `state` of the newest event.",
                        max_length=40,
                    ),
                ),
                (
                    "amount_sum",
                    models.DecimalField(
                        decimal_places=6,
                        default=0,
                        help_text="Sum of `amount` in the team's currency, without cancelled and refunded ones.",
                        max_digits=24,
                    ),
                ),
                (
                    "mean_gap_days",
                    models.FloatField(
                        help_text="Mean days between two events; empty below two.", null=True
                    ),
                ),
                (
                    "contact",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="event_summaries",
                        to="contacts.contact",
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.team",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["contact"], name="event_summary_contact"),
                    models.Index(
                        fields=["team", "kind", "last_state"],
                        include=["contact"],
                        name="event_summary_state",
                    ),
                    models.Index(
                        fields=["team", "kind", "last_at"],
                        include=["contact"],
                        name="event_summary_last",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=["team", "contact", "kind"], name="event_summary_once"
                    )
                ],
            },
        ),
    ]
