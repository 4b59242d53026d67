"""Batches remember that their recipients were forgotten, and what a report needs of them [R-4.14]."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("gateways", "0040_message_hash")]

    operations = [
        migrations.AddField(
            model_name="batch",
            name="numbers_removed_at",
            field=models.DateTimeField(
                help_text="When its messages forgot whom they went to [R-4.14].", null=True
            ),
        ),
        migrations.AddField(
            model_name="batch",
            name="opt_outs_kept",
            field=models.IntegerField(
                help_text="Opt-outs that followed it, counted before it forgot the recipients.",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="batch",
            name="kept_looked_at",
            field=models.DateTimeField(
                help_text="When somebody last looked whether its time is over.", null=True
            ),
        ),
        migrations.AddIndex(
            model_name="batch",
            index=models.Index(
                condition=models.Q(("bodies_removed_at", None)),
                fields=["created_at"],
                name="batch_texts_kept",
            ),
        ),
        migrations.AddIndex(
            model_name="batch",
            index=models.Index(
                condition=models.Q(("numbers_removed_at", None)),
                fields=["created_at"],
                name="batch_numbers_kept",
            ),
        ),
    ]
