"""The policy for files with full numbers: a second person agrees to more than fifty [R-4.12]."""

from django.db import migrations
from django.utils import timezone

KEY = "export-full-numbers"


def policy_seed(apps, schema_editor):
    apps.get_model("approvals", "ApprovalPolicy").objects.create(
        key=KEY,
        revision=1,
        name="Export with full numbers",
        operations=["contacts.export", "opt_outs.export"],
        conditions=[{"fact": "full_numbers", "op": ">", "value": 50}],
        roles=["approver", "compliance"],
        approvers=1,
        enabled=True,
        why="Full numbers of many people leave the system; nobody decides that alone.",
        created_at=timezone.now(),
    )


def policy_remove(apps, schema_editor):
    apps.get_model("approvals", "ApprovalPolicy").objects.filter(key=KEY, revision=1).delete()


class Migration(migrations.Migration):
    dependencies = [("approvals", "0060_export_policies")]

    operations = [migrations.RunPython(policy_seed, policy_remove)]
