"""Segments can be put away without being lost to the campaigns that used them."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("contacts", "0035_customer_group")]

    operations = [
        migrations.AddField(
            "segment",
            "archived_at",
            models.DateTimeField(help_text="Put away; not offered for new campaigns.", null=True),
        ),
    ]
