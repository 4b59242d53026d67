"""An erasure knows the name it looks for until it is finished, and says what keeps it open."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("contacts", "0050_lift_narrowed")]

    operations = [
        migrations.AddField(
            model_name="erasejob",
            name="left",
            field=models.JSONField(
                default=dict, help_text="Step → rows it could not clear yet, at the last look."
            ),
        ),
        migrations.AddField(
            model_name="erasejob",
            name="words",
            field=models.JSONField(
                default=list,
                help_text="Name and key to look for in texts; emptied with the number.",
            ),
        ),
        migrations.RemoveConstraint(model_name="erasejob", name="erase_job_forgets"),
        migrations.AddConstraint(
            model_name="erasejob",
            constraint=models.CheckConstraint(
                condition=models.Q(finished_at=None) | models.Q(phone="", words=[]),
                name="erase_job_forgets",
            ),
        ),
    ]
