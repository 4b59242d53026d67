"""Drop the foreign key of list members to their list: it was checked for every row of an import."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("contacts", "0051_erasure_progress")]

    operations = [
        migrations.AlterField(
            model_name="audiencemember",
            name="audience",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="members",
                to="contacts.audience",
            ),
        ),
    ]
