"""A lift may say that a narrower opt-out took the row's place."""

from django.db import migrations, models

GROUNDS = [
    "start",
    "new_consent",
    "mistake",
    "number_checked",
    "withdrawn",
    "decision",
    "expired",
]


def known(words):
    return models.CheckConstraint(
        condition=models.Q(ground__in=words), name="suppression_lift_ground_known"
    )


class Migration(migrations.Migration):
    dependencies = [("contacts", "0042_erasure")]
    operations = [
        migrations.AlterField(
            model_name="suppressionlift",
            name="ground",
            field=models.CharField(
                db_default="start",
                help_text=(
                    "start, new_consent, mistake, number_checked, withdrawn, decision, narrowed or expired."
                ),
                max_length=24,
            ),
        ),
        migrations.RemoveConstraint("suppressionlift", "suppression_lift_ground_known"),
        migrations.AddConstraint(
            "suppressionlift", known([*GROUNDS[:-1], "narrowed", GROUNDS[-1]])
        ),
    ]
