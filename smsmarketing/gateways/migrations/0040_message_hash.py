"""Messages keep the keyed hash of an erased number in place of the number [R-4.9]."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("gateways", "0010_opt_in_purpose")]

    operations = [
        migrations.AddField(
            model_name="message",
            name="phone_hash",
            field=models.BinaryField(
                help_text="Keyed hash of the number, once it was erased.", max_length=32, null=True
            ),
        ),
        migrations.AddField(
            model_name="batch",
            name="bodies_removed_at",
            field=models.DateTimeField(
                help_text="When its texts were deleted [R-4.14].", null=True
            ),
        ),
    ]
