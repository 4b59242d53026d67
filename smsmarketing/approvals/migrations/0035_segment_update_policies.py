"""New conditions of a saved segment meet the same limits as a new segment [R-8.4]."""

from django.db import migrations
from django.utils import timezone

POLICIES = [
    (
        "segment-change-costly",
        "Segment changed to a costly one",
        "cost",
        50,
        "[R-8.4] More than 50 units of the team's currency.",
    ),
    (
        "segment-change-large",
        "Segment changed to a large one",
        "recipients",
        1000,
        "[R-8.4] More than 1,000 recipients.",
    ),
]


def policies_seed(apps, schema_editor):
    policy = apps.get_model("approvals", "ApprovalPolicy")
    policy.objects.bulk_create(
        policy(
            key=key,
            revision=1,
            name=name,
            operations=["segments.update"],
            conditions=[{"fact": fact, "op": ">", "value": limit}],
            roles=["approver", "compliance"],
            approvers=1,
            enabled=True,
            why=why,
            created_at=timezone.now(),
        )
        for key, name, fact, limit, why in POLICIES
    )


def policies_remove(apps, schema_editor):
    keys = [row[0] for row in POLICIES]
    apps.get_model("approvals", "ApprovalPolicy").objects.filter(key__in=keys, revision=1).delete()


class Migration(migrations.Migration):
    dependencies = [("approvals", "0003_frozen_requests")]

    operations = [migrations.RunPython(policies_seed, policies_remove)]
