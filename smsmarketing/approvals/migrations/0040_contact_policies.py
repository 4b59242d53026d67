"""The policies for taking people away: erasure by people only, removal and merging by agents [R-8.4]."""

from django.db import migrations
from django.utils import timezone

DECIDE = ["approver", "compliance"]
AGENT = [{"fact": "by_agent", "op": "==", "value": True}]
# (key, name, operations, conditions, roles, why)
POLICIES = [
    (
        "contacts-erase",
        "Person erased for good",
        ["contacts.erase"],
        [],
        ["compliance"],
        "Nobody can undo it: a second person makes sure that it is the right one [R-4.9].",
    ),
    (
        "contacts-removal-agent",
        "Contact deleted or merged by an agent",
        ["contacts.delete", "contacts.merge"],
        AGENT,
        ["crm", *DECIDE],
        "A merge cannot be undone, and whoever is in the trash gets no texts.",
    ),
    (
        "tags-rename-large",
        "Tag of many contacts renamed",
        ["tags.rename"],
        [{"fact": "contacts", "op": ">", "value": 1000}],
        ["crm", *DECIDE],
        "Segments and automations follow tags.",
    ),
]


def policies_seed(apps, schema_editor):
    policy = apps.get_model("approvals", "ApprovalPolicy")
    policy.objects.bulk_create(
        policy(
            key=key,
            revision=1,
            name=name,
            operations=sorted(operations),
            conditions=conditions,
            roles=sorted(roles),
            approvers=1,
            enabled=True,
            why=why,
            created_at=timezone.now(),
        )
        for key, name, operations, conditions, roles, why in POLICIES
    )


def policies_remove(apps, schema_editor):
    keys = [row[0] for row in POLICIES]
    apps.get_model("approvals", "ApprovalPolicy").objects.filter(key__in=keys, revision=1).delete()


class Migration(migrations.Migration):
    dependencies = [("approvals", "0010_consent_policies")]

    operations = [migrations.RunPython(policies_seed, policies_remove)]
