"""A policy for number lookups: each is billed, so many at once need a second person."""

from django.db import migrations
from django.utils import timezone

KEY = "number-lookups"


def policy_seed(apps, schema_editor):
    apps.get_model("approvals", "ApprovalPolicy").objects.create(
        key=KEY,
        revision=1,
        name="Many number lookups at once",
        operations=["numbers.lookup"],
        conditions=[{"fact": "lookups", "op": ">", "value": 50}],
        roles=["approver", "compliance"],
        approvers=1,
        enabled=True,
        why="Every lookup is billed, also when the network knows nothing.",
        created_at=timezone.now(),
    )


def policy_remove(apps, schema_editor):
    apps.get_model("approvals", "ApprovalPolicy").objects.filter(key=KEY, revision=1).delete()


class Migration(migrations.Migration):
    dependencies = [("approvals", "0071_definition_policies")]

    operations = [migrations.RunPython(policy_seed, policy_remove)]
