"""Find the erasure that a contact went with, without reading all of them."""

import django.contrib.postgres.indexes
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("contacts", "0091_suppression_number")]

    operations = [
        migrations.AddIndex(
            model_name="erasejob",
            index=django.contrib.postgres.indexes.GinIndex(
                fields=["contact_ids"], name="erase_job_contacts", opclasses=["jsonb_path_ops"]
            ),
        ),
    ]
