"""Every "no" of a number by one index: two partial ones do not answer for the hash alone."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("contacts", "0090_lift_reduced")]

    operations = [
        migrations.AddIndex(
            model_name="suppression",
            index=models.Index(fields=["phone_hash"], name="suppression_number"),
        ),
        migrations.RemoveIndex(model_name="suppression", name="suppression_lifted"),
    ]
