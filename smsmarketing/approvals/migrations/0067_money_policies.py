"""Policies for what money is counted with: a price list that jumps, a limit that grows."""

from django.db import migrations
from django.utils import timezone

POLICIES = [
    (
        "rates-jump",
        "Price list with a large change",
        ["rates.import"],
        [{"fact": "price_change_percent", "op": ">", "value": 25}],
        "A price off by a factor lets a campaign cost many times what was approved.",
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
    dependencies = [("approvals", "0066_full_number_exports")]

    operations = [migrations.RunPython(policies_seed, policies_remove)]
