"""The packaged country table as rows; where people's rules exist they go before them."""

from django.db import migrations
from django.utils import timezone

from smsmarketing.gateways.rules.sender_table import table_rules


def rules_load(apps, schema_editor):
    model = apps.get_model("gateways", "SenderRule")
    now = timezone.now()
    model.objects.bulk_create(
        model(**rule._asdict(), by_people=False, created_at=now) for rule in table_rules()
    )


def rules_remove(apps, schema_editor):
    apps.get_model("gateways", "SenderRule").objects.filter(by_people=False).delete()


class Migration(migrations.Migration):
    dependencies = [("gateways", "0090_sender_rules")]

    operations = [migrations.RunPython(rules_load, rules_remove)]
