"""Who put a contact on a list and took it off, and what each act changed of a contact, for its story."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


def words(length: int) -> django.contrib.postgres.fields.ArrayField:
    return django.contrib.postgres.fields.ArrayField(
        base_field=models.CharField(max_length=length), default=list, size=None
    )


def key() -> models.BigAutoField:
    return models.BigAutoField(
        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
    )


class Migration(migrations.Migration):
    dependencies = [("contacts", "0097_former_numbers_found")]

    operations = [
        migrations.AddField(
            model_name="audiencemember",
            name="added_by",
            field=models.CharField(db_default="", default="", max_length=80),
        ),
        migrations.CreateModel(
            name="FormerMember",
            fields=[
                ("id", key()),
                ("member_id", models.BigIntegerField(help_text="Id that the row on the list had.")),
                ("added_at", models.DateTimeField()),
                ("added_by", models.CharField(blank=True, max_length=80)),
                ("import_job_id", models.BigIntegerField(null=True)),
                ("left_at", models.DateTimeField()),
                ("left_by", models.CharField(blank=True, max_length=80)),
                (
                    "undone",
                    models.BooleanField(
                        default=False, help_text="Left because the import was undone."
                    ),
                ),
                (
                    "audience",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="former_members",
                        to="contacts.audience",
                    ),
                ),
                (
                    "contact",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="former_lists",
                        to="contacts.contact",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ContactChange",
            fields=[
                ("id", key()),
                ("at", models.DateTimeField()),
                (
                    "by",
                    models.CharField(
                        help_text="user:7, token:5, form:spring, a source.", max_length=80
                    ),
                ),
                (
                    "act",
                    models.CharField(
                        help_text="upsert, merge, rename (of a tag), import or undo (of an import).",
                        max_length=12,
                    ),
                ),
                (
                    "made",
                    models.BooleanField(default=False, help_text="The contact was made."),
                ),
                ("fields", words(120)),
                ("tags_added", words(60)),
                ("tags_removed", words(60)),
                ("import_job_id", models.BigIntegerField(null=True)),
                (
                    "contact",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="changes",
                        to="contacts.contact",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["contact", "at"], name="contact_change_story")],
            },
        ),
    ]
