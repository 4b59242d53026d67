"""Answers to number lookups that cannot be read are kept for people, too."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("gateways", "0070_number_lookups")]

    operations = [
        migrations.RemoveConstraint(model_name="receipt", name="receipt_kind_word"),
        migrations.AddConstraint(
            model_name="receipt",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["dlr", "inbound", "lookup"])),
                name="receipt_kind_word",
            ),
        ),
    ]
