"""Limits of one brand below its team's, and a threshold at which people are told."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial"), ("gateways", "0065_exchange_rates")]

    operations = [
        migrations.AddField(
            model_name="quota",
            name="brand",
            field=models.ForeignKey(
                blank=True,
                help_text="Empty: the whole team.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.brand",
            ),
        ),
        migrations.AddField(
            model_name="quota",
            name="warn_percent",
            field=models.PositiveSmallIntegerField(
                default=80, help_text="People are told when so much of a limit is used."
            ),
        ),
        migrations.AddField(
            model_name="quota",
            name="warned_at",
            field=models.DateTimeField(blank=True, help_text="When they were told.", null=True),
        ),
        migrations.RemoveConstraint(model_name="quota", name="quota_once"),
        migrations.AddConstraint(
            model_name="quota",
            constraint=models.UniqueConstraint(
                fields=("team", "brand", "month"), name="quota_once", nulls_distinct=False
            ),
        ),
        migrations.AddConstraint(
            model_name="quota",
            constraint=models.CheckConstraint(
                condition=models.Q(("warn_percent__gte", 1), ("warn_percent__lte", 100)),
                name="quota_warns_below_the_limit",
            ),
        ),
        migrations.AddField(
            model_name="batch",
            name="brand_quota",
            field=models.ForeignKey(
                help_text="The brand's own limit of that month, where it has one.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="gateways.quota",
            ),
        ),
    ]
