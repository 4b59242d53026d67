from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("gateways", "0061_bind")]

    operations = [
        migrations.CreateModel(
            name="PartId",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("gateway_id", models.BigIntegerField()),
                ("key", models.CharField(max_length=64)),
                ("message_id", models.BigIntegerField()),
                ("number", models.PositiveSmallIntegerField()),
                ("total", models.PositiveSmallIntegerField()),
                ("state", models.CharField(blank=True, max_length=12)),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "indexes": [
                    models.Index(fields=["gateway_id", "key"], name="part_id_by_key"),
                    models.Index(
                        condition=models.Q(("total__gt", 1)),
                        fields=["message_id"],
                        name="part_id_by_message",
                    ),
                ],
            },
        ),
    ]
