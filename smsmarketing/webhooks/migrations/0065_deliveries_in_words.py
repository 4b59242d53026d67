"""How the admin calls many deliveries; no change of the database."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0001_endpoints")]

    operations = [
        migrations.AlterModelOptions(
            name="webhookdelivery", options={"verbose_name_plural": "webhook deliveries"}
        ),
    ]
