"""The policy for files of many people: a second person agrees before they leave the system."""

from django.db import migrations
from django.utils import timezone

KEY = "export-large"


def policy_seed(apps, schema_editor):
    apps.get_model("approvals", "ApprovalPolicy").objects.create(
        key=KEY,
        revision=1,
        name="Export of many people",
        operations=["contacts.export", "opt_outs.export"],
        conditions=[{"fact": "contacts", "op": ">", "value": 1000}],
        roles=["approver", "compliance"],
        approvers=1,
        enabled=True,
        why="A file that has left the system cannot be called back.",
        created_at=timezone.now(),
    )


def policy_remove(apps, schema_editor):
    apps.get_model("approvals", "ApprovalPolicy").objects.filter(key=KEY, revision=1).delete()


class Migration(migrations.Migration):
    dependencies = [("approvals", "0050_erased_results")]

    operations = [migrations.RunPython(policy_seed, policy_remove)]
