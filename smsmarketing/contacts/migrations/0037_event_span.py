"""Who had an event of a kind in a span of time is found by index, not by reading every contact."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("contacts", "0036_segment_archive")]

    operations = [
        migrations.AddIndex(
            "contactevent",
            models.Index(
                fields=["team", "kind", "occurred_at"],
                include=["contact"],
                name="contact_event_span",
            ),
        ),
    ]
