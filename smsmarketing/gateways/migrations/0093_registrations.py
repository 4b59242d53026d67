"""Registrations of senders at registries, their steps and their documents."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0025_brand_language"),
        ("gateways", "0081_scorecards"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Registration",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("state", models.CharField(default="draft", max_length=12)),
                (
                    "registry",
                    models.CharField(
                        help_text="Key of the packaged list, e.g. SSIR.", max_length=20
                    ),
                ),
                (
                    "countries",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=2), default=list, size=None
                    ),
                ),
                ("company_name", models.CharField(blank=True, max_length=160)),
                ("answers", models.JSONField(default=dict, help_text="Question → answer.")),
                (
                    "reference",
                    models.CharField(
                        blank=True, help_text="Number that the registry gave it.", max_length=80
                    ),
                ),
                (
                    "state_reason",
                    models.CharField(blank=True, help_text="Of the last change.", max_length=300),
                ),
                ("submitted_at", models.DateTimeField(blank=True, null=True)),
                ("approved_at", models.DateTimeField(blank=True, null=True)),
                ("changed_at", models.DateTimeField(help_text="When it came into this state.")),
                (
                    "expires_at",
                    models.DateTimeField(
                        blank=True, help_text="Empty: it does not end.", null=True
                    ),
                ),
                ("reminded_days", models.PositiveIntegerField(blank=True, null=True)),
                ("created_at", models.DateTimeField()),
                ("version", models.IntegerField(default=1)),
                (
                    "brand",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.brand",
                    ),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "sender",
                    models.ForeignKey(
                        blank=True,
                        help_text="Empty: the registration is the brand's own.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="registrations",
                        to="gateways.senderid",
                    ),
                ),
                (
                    "submitted_by",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.team",
                    ),
                ),
            ],
            options={
                "verbose_name": "registration",
                "verbose_name_plural": "sender registrations",
            },
        ),
        migrations.CreateModel(
            name="RegistrationDocument",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        help_text="Which paper the registry asks for, or other.", max_length=40
                    ),
                ),
                ("file_name", models.CharField(max_length=200)),
                ("media_type", models.CharField(max_length=40)),
                ("size_bytes", models.BigIntegerField()),
                ("sha256", models.CharField(help_text="Of what was uploaded.", max_length=64)),
                (
                    "stored_path",
                    models.CharField(help_text="Below MEDIA_ROOT/registrations.", max_length=80),
                ),
                (
                    "sealed_key",
                    models.BinaryField(
                        help_text="The file's own key, sealed under the newest of CREDENTIALS_KEYS.",
                        null=True,
                    ),
                ),
                ("created_at", models.DateTimeField()),
                ("removed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "registration",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="documents",
                        to="gateways.registration",
                    ),
                ),
                (
                    "uploaded_by",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="RegistrationStep",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("state", models.CharField(max_length=12)),
                ("reason", models.CharField(blank=True, max_length=300)),
                (
                    "said_by",
                    models.CharField(blank=True, help_text="Empty: the clock.", max_length=150),
                ),
                ("at", models.DateTimeField()),
                (
                    "registration",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="steps",
                        to="gateways.registration",
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="registration",
            index=models.Index(
                condition=models.Q(("expires_at__isnull", False), ("state", "approved")),
                fields=["expires_at"],
                name="registration_ends",
            ),
        ),
        migrations.AddConstraint(
            model_name="registration",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "state__in",
                        (
                            "draft",
                            "submitted",
                            "in_review",
                            "approved",
                            "rejected",
                            "suspended",
                            "expired",
                            "withdrawn",
                        ),
                    )
                ),
                name="registration_state_word",
            ),
        ),
        migrations.AddConstraint(
            model_name="registration",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("submitted_by__isnull", False),
                    ("state__in", ["draft", "withdrawn"]),
                    _connector="OR",
                ),
                name="registration_submitted_by",
            ),
        ),
        migrations.AddConstraint(
            model_name="registration",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("approved_at__isnull", False),
                    models.Q(("state__in", ["approved", "suspended", "expired"]), _negated=True),
                    _connector="OR",
                ),
                name="registration_approved_at",
            ),
        ),
        migrations.AddConstraint(
            model_name="registration",
            constraint=models.UniqueConstraint(
                condition=models.Q(
                    ("state__in", ["draft", "submitted", "in_review", "rejected"]),
                    models.Q(("registry", "GATEWAY"), _negated=True),
                ),
                fields=("sender", "registry"),
                name="registration_under_way_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="registration",
            constraint=models.UniqueConstraint(
                condition=models.Q(
                    ("sender", None), ("state__in", ["draft", "submitted", "in_review", "rejected"])
                ),
                fields=("brand", "registry"),
                name="registration_brand_once",
            ),
        ),
    ]
