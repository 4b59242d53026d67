"""What the undo of a whole import needs: what it changed, and where its rows lie."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("contacts", "0037_event_span"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ImportUndo",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("job_id", models.BigIntegerField()),
                ("contact_id", models.BigIntegerField(db_index=True)),
                ("changes", models.JSONField(default=dict)),
                (
                    "state_made",
                    models.BooleanField(
                        default=False, help_text="The import made the contact known to the brand."
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="importjob",
            name="bounds",
            field=models.JSONField(
                default=dict,
                help_text="Lowest and highest ids that the merge wrote, by kind; an undo looks only there.",
            ),
        ),
        migrations.AddField(
            model_name="importjob",
            name="undo_after",
            field=models.BigIntegerField(default=0, help_text="Resume point of the undo's phase."),
        ),
        migrations.AddField(
            model_name="importjob",
            name="undo_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="importjob",
            name="undo_counts",
            field=models.JSONField(default=dict, help_text="What the undo has done so far."),
        ),
        migrations.AddField(
            model_name="importjob",
            name="undone_at",
            field=models.DateTimeField(null=True),
        ),
    ]
