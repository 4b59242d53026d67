"""A policy for tests of gateways: an agent's message in a provider's test mode waits for a person."""

from django.db import migrations
from django.utils import timezone

KEY = "gateway-test-agent"


def policy_seed(apps, schema_editor):
    apps.get_model("approvals", "ApprovalPolicy").objects.create(
        key=KEY,
        revision=1,
        name="Test message asked by an agent",
        operations=["gateways.test"],
        conditions=[
            {"fact": "by_agent", "op": "==", "value": True},
            {"fact": "sends", "op": "==", "value": True},
        ],
        roles=["approver", "technical"],
        approvers=1,
        enabled=True,
        why="Should the provider ignore its test mode, a text would be delivered and billed.",
        created_at=timezone.now(),
    )


def policy_remove(apps, schema_editor):
    apps.get_model("approvals", "ApprovalPolicy").objects.filter(key=KEY, revision=1).delete()


class Migration(migrations.Migration):
    dependencies = [("approvals", "0069_lookup_policy")]

    operations = [migrations.RunPython(policy_seed, policy_remove)]
