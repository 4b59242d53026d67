"""Folders that are looked into for new files, and what became of each file."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0025_brand_language"),
        ("contacts", "0031_evidence_file"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ImportFolder",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=80)),
                (
                    "folder",
                    models.CharField(help_text="Path below IMPORT_FOLDER_ROOT.", max_length=300),
                ),
                (
                    "pattern",
                    models.CharField(
                        default="*.csv", help_text="Names, with * and ?.", max_length=80
                    ),
                ),
                (
                    "options",
                    models.JSONField(
                        default=dict, help_text="The input of imports.start, without the file."
                    ),
                ),
                ("every_minutes", models.PositiveIntegerField(default=15)),
                ("active", models.BooleanField(default=True)),
                (
                    "seen",
                    models.JSONField(
                        default=dict, help_text="Name → [size, time] at the last look."
                    ),
                ),
                ("looked_at", models.DateTimeField(null=True)),
                (
                    "problem",
                    models.CharField(
                        blank=True, help_text="What a person must mend.", max_length=300
                    ),
                ),
                ("version", models.IntegerField(default=1)),
                ("created_at", models.DateTimeField()),
                (
                    "brand",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.brand",
                    ),
                ),
                (
                    "responsible",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.team",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ImportFolderFile",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("file_name", models.CharField(max_length=200)),
                ("sha256", models.CharField(max_length=64)),
                (
                    "outcome",
                    models.CharField(help_text="started, held, skipped or failed.", max_length=12),
                ),
                ("note", models.CharField(blank=True, max_length=300)),
                ("job_id", models.BigIntegerField(null=True)),
                ("action_request_id", models.UUIDField(null=True)),
                ("at", models.DateTimeField()),
                (
                    "folder",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="files",
                        to="contacts.importfolder",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.AddConstraint(
            model_name="importfolder",
            constraint=models.UniqueConstraint(fields=("team", "name"), name="import_folder_once"),
        ),
    ]
