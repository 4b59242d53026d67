"""Large imports, and large undos of imports, wait for a second person."""

from django.db import migrations
from django.utils import timezone

# (key, name, operation, contacts above, why)
POLICIES = [
    (
        "import-large",
        "Very large import",
        "imports.start",
        100_000,
        "A wrong file of this size takes long to notice and to mend.",
    ),
    (
        "import-undo-large",
        "Undo of a large import",
        "imports.undo",
        1000,
        "It takes contacts and consents away that others may rely on.",
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
            conditions=[{"fact": "contacts", "op": ">", "value": above}],
            roles=["approver", "compliance"],
            approvers=1,
            enabled=True,
            why=why,
            created_at=timezone.now(),
        )
        for key, name, operation, above, why in POLICIES
    )


def policies_remove(apps, schema_editor):
    keys = [row[0] for row in POLICIES]
    apps.get_model("approvals", "ApprovalPolicy").objects.filter(key__in=keys, revision=1).delete()


class Migration(migrations.Migration):
    dependencies = [("approvals", "0035_segment_update_policies")]

    operations = [migrations.RunPython(policies_seed, policies_remove)]
