"""Policies for providers described as data: agents' versions wait, people's wait where a house wants it."""

from django.db import migrations
from django.utils import timezone

POLICIES = [
    (
        "gateway-definition-agent",
        "Provider description written by an agent",
        [{"fact": "by_agent", "op": "==", "value": True}],
        True,
        "It decides what counts as sent; a person reads it before it is kept.",
    ),
    (
        "gateway-definition-save",
        "Any provider description saved",
        [],
        False,
        "Off: no gateway uses a version before a second person agreed to its use.",
    ),
]


def policies_seed(apps, schema_editor):
    for key, name, conditions, enabled, why in POLICIES:
        apps.get_model("approvals", "ApprovalPolicy").objects.create(
            key=key,
            revision=1,
            name=name,
            operations=["gateway_definitions.save"],
            conditions=conditions,
            roles=["approver", "technical"],
            approvers=1,
            enabled=enabled,
            why=why,
            created_at=timezone.now(),
        )


def policies_remove(apps, schema_editor):
    keys = [row[0] for row in POLICIES]
    apps.get_model("approvals", "ApprovalPolicy").objects.filter(key__in=keys, revision=1).delete()


class Migration(migrations.Migration):
    dependencies = [("approvals", "0068_budget_policies")]

    operations = [migrations.RunPython(policies_seed, policies_remove)]
