"""Find the contacts of a country, newest first, without reading those of all others."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("contacts", "0098_stories")]

    operations = [
        migrations.AddIndex(
            model_name="contact",
            index=models.Index(fields=["country", "-id"], name="contact_country"),
        )
    ]
