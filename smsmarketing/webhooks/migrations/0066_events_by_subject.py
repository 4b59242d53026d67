"""Whether the event of one suppression arrived, without reading every event."""

from django.contrib.postgres.indexes import GinIndex
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0065_deliveries_in_words")]

    operations = [
        migrations.AddIndex(
            model_name="webhookevent",
            index=GinIndex(fields=["subject_ids"], name="webhook_event_subjects"),
        ),
    ]
