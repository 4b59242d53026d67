"""Find contacts by the beginning of a name without reading the whole table."""

from __future__ import annotations

from django.contrib.postgres.indexes import OpClass
from django.db import migrations, models
from django.db.models.functions import Upper


class Migration(migrations.Migration):
    dependencies = [("contacts", "0080_state_consent")]

    operations = [
        migrations.AddIndex(
            model_name="contact",
            index=models.Index(
                OpClass(Upper("first_name"), name="text_pattern_ops"),
                condition=models.Q(("first_name", ""), _negated=True),
                name="contact_first_name",
            ),
        ),
        migrations.AddIndex(
            model_name="contact",
            index=models.Index(
                OpClass(Upper("last_name"), name="text_pattern_ops"),
                condition=models.Q(("last_name", ""), _negated=True),
                name="contact_last_name",
            ),
        ),
    ]
