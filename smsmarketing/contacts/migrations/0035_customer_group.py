"""Contacts get a customer group; the database fills it, so older raw inserts stay valid."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("contacts", "0006_custom_fields")]

    operations = [
        migrations.AddField(
            "contact",
            "customer_group",
            models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="Group in the CRM or shop, e.g. wholesale; one at a time.",
                max_length=60,
            ),
        ),
        migrations.AddIndex(
            "contact",
            models.Index(
                fields=["customer_group"],
                name="contact_customer_group",
                condition=models.Q(("customer_group", ""), _negated=True),
            ),
        ),
    ]
