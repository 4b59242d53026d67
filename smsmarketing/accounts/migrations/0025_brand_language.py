"""Brands have a language: of their public pages and automatic answers."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="brand",
            name="language",
            field=models.CharField(
                default="en",
                help_text="BCP 47; of its public pages and automatic answers.",
                max_length=12,
            ),
        ),
    ]
