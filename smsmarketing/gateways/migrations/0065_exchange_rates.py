"""Stored exchange rates, and the one each batch and each movement was counted with."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("gateways", "0062_part_ids")]

    operations = [
        migrations.CreateModel(
            name="ExchangeRate",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("base", models.CharField(help_text="ISO 4217.", max_length=3)),
                ("quote", models.CharField(help_text="ISO 4217.", max_length=3)),
                ("rate", models.DecimalField(decimal_places=10, max_digits=20)),
                ("valid_from", models.DateTimeField()),
                ("valid_to", models.DateTimeField(blank=True, null=True)),
                ("source", models.CharField(max_length=24)),
                ("fetched_at", models.DateTimeField(help_text="When it was last confirmed.")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("base", "quote", "valid_from"), name="exchange_rate_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("rate__gt", 0)), name="exchange_rate_positive"
                    ),
                ],
            },
        ),
        migrations.AddField(
            model_name="batch",
            name="exchange_rate",
            field=models.DecimalField(
                decimal_places=10,
                default=1,
                help_text="The budget's currency per unit of its own, frozen at its release.",
                max_digits=20,
            ),
        ),
        migrations.AddField(
            model_name="batch",
            name="exchange_source",
            field=models.CharField(blank=True, max_length=24),
        ),
        migrations.AddField(
            model_name="ledgerentry",
            name="exchange_rate",
            field=models.DecimalField(
                decimal_places=10,
                default=1,
                help_text="Frozen: the ledger's currency per unit of the gateway's.",
                max_digits=20,
            ),
        ),
    ]
