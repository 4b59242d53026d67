from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("gateways", "0045_delivery_data")]

    operations = [
        migrations.AddField(
            model_name="gateway",
            name="options",
            field=models.JSONField(
                blank=True,
                default=dict,
                help_text="What its transport documents; words by name, no secret.",
            ),
        ),
    ]
