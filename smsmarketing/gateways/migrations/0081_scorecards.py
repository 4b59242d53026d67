"""The page of breakers also shows figures, and is called so."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("gateways", "0071_lookup_receipts")]

    operations = [
        migrations.AlterModelOptions(name="routehealth", options={"verbose_name": "scorecard"}),
    ]
