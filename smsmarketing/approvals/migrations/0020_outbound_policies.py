"""Policies for clearing blocks and for the addresses that events leave the system at."""

from django.db import migrations
from django.utils import timezone

# (key, name, operations, conditions, roles, approvers, enabled, why)
POLICIES = [
    (
        "block-clear",
        "All blocks of a brand ended",
        ["opt_outs.clear_blocks"],
        [],
        ["compliance"],
        1,
        True,
        "Each of these numbers was blocked for a reason.",
    ),
    (
        "webhook-address",
        "Events leave the system at a new address",
        ["webhooks.save"],
        [{"fact": "external", "op": "==", "value": True}],
        ["approver", "compliance"],
        1,
        True,
        "A way out of the system [R-9.25].",
    ),
]


def policies_seed(apps, schema_editor):
    policy = apps.get_model("approvals", "ApprovalPolicy")
    now = timezone.now()
    policy.objects.bulk_create(
        policy(
            key=key,
            revision=1,
            name=name,
            operations=operations,
            conditions=conditions,
            roles=roles,
            approvers=approvers,
            enabled=enabled,
            why=why,
            created_at=now,
        )
        for key, name, operations, conditions, roles, approvers, enabled, why in POLICIES
    )


def policies_remove(apps, schema_editor):
    keys = [row[0] for row in POLICIES]
    apps.get_model("approvals", "ApprovalPolicy").objects.filter(key__in=keys, revision=1).delete()


class Migration(migrations.Migration):
    dependencies = [("approvals", "0030_import_policies")]

    operations = [migrations.RunPython(policies_seed, policies_remove)]
