"""Consent recorded by an agent, and the wording of an opt-in form, wait for a second person."""

from django.db import migrations
from django.utils import timezone

# (key, name, operation, conditions, roles, why)
POLICIES = [
    (
        "consent-agent",
        "Consent recorded by an agent",
        "contacts.opt_in",
        [
            {"fact": "consent_changes", "op": ">", "value": 0},
            {"fact": "by_agent", "op": "==", "value": True},
        ],
        ["compliance"],
        "Evidence of consent comes from people, not from a language model [R-9.25].",
    ),
    (
        "opt-in-form-publish",
        "Opt-in form goes online",
        "opt_in_forms.publish",
        [],
        ["approver", "compliance"],
        "Every consent that comes through the form rests on its wording [R-4.1].",
    ),
]


def policies_seed(apps, schema_editor):
    policy = apps.get_model("approvals", "ApprovalPolicy")
    policy.objects.bulk_create(
        policy(
            key=key,
            revision=1,
            name=name,
            operations=[operation],
            conditions=conditions,
            roles=roles,
            approvers=1,
            enabled=True,
            why=why,
            created_at=timezone.now(),
        )
        for key, name, operation, conditions, roles, why in POLICIES
    )


def policies_remove(apps, schema_editor):
    keys = [row[0] for row in POLICIES]
    apps.get_model("approvals", "ApprovalPolicy").objects.filter(key__in=keys, revision=1).delete()


class Migration(migrations.Migration):
    dependencies = [("approvals", "0020_outbound_policies")]

    operations = [migrations.RunPython(policies_seed, policies_remove)]
