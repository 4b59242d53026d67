"""Audiences can be put away."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("contacts", "0040_trash")]

    operations = [
        migrations.AddField(
            model_name="audience",
            name="archived_at",
            field=models.DateTimeField(help_text="Put away; not offered any more.", null=True),
        )
    ]
