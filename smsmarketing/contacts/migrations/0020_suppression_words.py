"""The words of a suppression are checked by the database; what people said has no end."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("contacts", "0032_import_folders")]

    operations = [
        migrations.AddConstraint(
            model_name="suppression",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "reason__in",
                        (
                            "opt_out",
                            "hold",
                            "complaint",
                            "blocked",
                            "legal",
                            "invalid",
                            "landline",
                            "reassigned",
                            "registry",
                            "carrier_block",
                            "unreachable",
                            "unknown_subscriber",
                            "manual",
                        ),
                    )
                ),
                name="suppression_reason_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="suppression",
            constraint=models.CheckConstraint(
                condition=models.Q(("scope__in", ("global", "brand", "sender", "purpose"))),
                name="suppression_scope_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="suppression",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("source__in", ("inbound", "import", "admin", "api", "gateway", "web", "form"))
                ),
                name="suppression_source_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="suppression",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("sync_state__in", ("local_only", "pending", "synced", "failed"))
                ),
                name="suppression_sync_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="suppression",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "purposes__contained_by",
                        ["marketing", "notification", "transactional", "otp"],
                    )
                ),
                name="suppression_purposes_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="suppression",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("expires_at", None),
                    (
                        "reason__in",
                        (
                            "blocked",
                            "manual",
                            "registry",
                            "legal",
                            "invalid",
                            "landline",
                            "unreachable",
                            "unknown_subscriber",
                        ),
                    ),
                    _connector="OR",
                ),
                name="suppression_said_by_people_lasts",
            ),
        ),
        migrations.AddConstraint(
            model_name="suppression",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("brand", None), ("scope", "global"), ("sender", "")),
                    models.Q(("brand__isnull", False), ("scope", "brand"), ("sender", "")),
                    models.Q(("scope", "sender"), models.Q(("sender", ""), _negated=True)),
                    models.Q(("scope", "purpose"), ("sender", "")),
                    _connector="OR",
                ),
                name="suppression_scope_whole",
            ),
        ),
        migrations.AlterField(
            model_name="suppression",
            name="reason",
            field=models.CharField(
                help_text="opt_out, complaint, invalid, landline, blocked, reassigned, legal, registry, carrier_block, unreachable, unknown_subscriber or manual.",
                max_length=24,
            ),
        ),
        migrations.AlterField(
            model_name="suppression",
            name="sync_state",
            field=models.CharField(
                default="local_only",
                help_text="Whether the team's own systems were told: local_only, pending, synced or failed.",
                max_length=16,
            ),
        ),
    ]
