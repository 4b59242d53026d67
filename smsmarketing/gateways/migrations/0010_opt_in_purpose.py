"""A batch may carry requests to confirm an opt-in by SMS [R-4.6]."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0025_brand_language"),
        ("gateways", "0003_lookup_price"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="batch",
            name="batch_purpose_word",
        ),
        migrations.AlterField(
            model_name="batch",
            name="purpose",
            field=models.CharField(
                help_text="marketing, notification, transactional, otp, test, reply or opt_in.",
                max_length=16,
            ),
        ),
        migrations.AddConstraint(
            model_name="batch",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "purpose__in",
                        (
                            "marketing",
                            "notification",
                            "transactional",
                            "otp",
                            "test",
                            "reply",
                            "opt_in",
                        ),
                    )
                ),
                name="batch_purpose_word",
            ),
        ),
    ]
