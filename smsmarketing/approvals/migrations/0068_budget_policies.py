"""Policies for exchange rates that jump and for limits that grow."""

from django.db import migrations
from django.utils import timezone

POLICIES = [
    (
        "exchange-jump",
        "Exchange rate with a large change",
        ["exchange_rates.import"],
        [{"fact": "price_change_percent", "op": ">", "value": 10}],
        "A rate off by a factor makes every budget in another currency wrong.",
    ),
    (
        "quota-raise",
        "Limit or budget raised",
        ["quotas.save"],
        [{"fact": "raises_limit", "op": "==", "value": True}],
        "Whoever spends does not raise the limit alone.",
    ),
]


def policies_seed(apps, schema_editor):
    for key, name, operations, conditions, why in POLICIES:
        apps.get_model("approvals", "ApprovalPolicy").objects.create(
            key=key,
            revision=1,
            name=name,
            operations=operations,
            conditions=conditions,
            roles=["approver", "compliance"],
            approvers=1,
            enabled=True,
            why=why,
            created_at=timezone.now(),
        )


def policies_remove(apps, schema_editor):
    keys = [row[0] for row in POLICIES]
    apps.get_model("approvals", "ApprovalPolicy").objects.filter(key__in=keys, revision=1).delete()


class Migration(migrations.Migration):
    dependencies = [("approvals", "0067_money_policies")]

    operations = [migrations.RunPython(policies_seed, policies_remove)]
