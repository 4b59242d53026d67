"""Erasures found by the number's fingerprint: a proof pack is asked for an erased number."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("contacts", "0016_proof_lookups")]

    operations = [
        migrations.AddIndex(
            model_name="erasejob",
            index=models.Index(fields=["phone_hash"], name="erase_job_number"),
        ),
    ]
