"""The trash: who took over from a merged contact, and quick ways to find what lies there."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("contacts", "0013_consent_seals")]

    operations = [
        migrations.AlterField(
            model_name="contact",
            name="trashed_at",
            field=models.DateTimeField(help_text="In the trash since; not sendable.", null=True),
        ),
        migrations.AddField(
            model_name="contact",
            name="merged_into",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                help_text="The contact that took over what was known of this one.",
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="contacts.contact",
            ),
        ),
        migrations.AddIndex(
            model_name="contact",
            index=models.Index(
                condition=models.Q(("erased_at", None), ("trashed_at__isnull", False)),
                fields=["trashed_at"],
                name="contact_trash",
            ),
        ),
        migrations.AddIndex(
            model_name="contact",
            index=models.Index(
                condition=models.Q(("merged_into__isnull", False)),
                fields=["merged_into"],
                name="contact_merged",
            ),
        ),
    ]
