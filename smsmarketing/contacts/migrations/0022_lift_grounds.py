"""A lift says on what ground; clearing the blocks of a brand is one act that can be taken back."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("contacts", "0021_suppression_repeats"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="BlockClearing",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "reasons",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=24),
                        help_text="blocked, manual or both.",
                        size=None,
                    ),
                ),
                ("count", models.IntegerField(help_text="How many blocks it ended.")),
                ("note", models.CharField(max_length=300)),
                ("action_request_id", models.UUIDField(null=True)),
                ("created_at", models.DateTimeField()),
                ("undone_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.AddField(
            model_name="suppressionlift",
            name="action_request_id",
            field=models.UUIDField(help_text="The approval of a lift by people.", null=True),
        ),
        migrations.AddField(
            model_name="suppressionlift",
            name="document",
            field=models.CharField(
                blank=True,
                db_default="",
                help_text="Where the proof is kept, for a lift by people.",
                max_length=300,
            ),
        ),
        migrations.AddField(
            model_name="suppressionlift",
            name="ground",
            field=models.CharField(
                db_default="start",
                help_text="start, new_consent, mistake, number_checked, withdrawn, decision or expired.",
                max_length=24,
            ),
        ),
        migrations.AddField(
            model_name="blockclearing",
            name="brand",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.brand"
            ),
        ),
        migrations.AddField(
            model_name="blockclearing",
            name="created_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="blockclearing",
            name="undone_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="suppressionlift",
            name="clearing",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="lifts",
                to="contacts.blockclearing",
            ),
        ),
        migrations.AddConstraint(
            model_name="suppressionlift",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "ground__in",
                        (
                            "start",
                            "new_consent",
                            "mistake",
                            "number_checked",
                            "withdrawn",
                            "decision",
                            "expired",
                        ),
                    )
                ),
                name="suppression_lift_ground_known",
            ),
        ),
    ]
