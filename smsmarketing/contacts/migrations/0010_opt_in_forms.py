"""Hosted opt-in forms with frozen versions, and requests to confirm by SMS [R-4.6]."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ("contacts", "0022_lift_grounds"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="OptInForm",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("slug", models.SlugField(max_length=60, unique=True)),
                (
                    "name",
                    models.CharField(
                        help_text="For people of the team; not shown.", max_length=120
                    ),
                ),
                ("published_at", models.DateTimeField(null=True)),
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
                    "team",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.team",
                    ),
                ),
            ],
            options={
                "verbose_name": "opt-in form",
            },
        ),
        migrations.CreateModel(
            name="OptInFormVersion",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.IntegerField()),
                ("heading", models.CharField(max_length=120)),
                (
                    "disclosure_text",
                    models.TextField(help_text="The exact text beside the box.", max_length=2000),
                ),
                (
                    "programme",
                    models.CharField(
                        help_text="What is sent, as the confirmation text says it: offers and news.",
                        max_length=60,
                    ),
                ),
                (
                    "frequency",
                    models.CharField(
                        help_text="How often: up to 4 messages a month.", max_length=60
                    ),
                ),
                ("language", models.CharField(help_text="BCP 47.", max_length=12)),
                (
                    "purposes",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=16),
                        help_text="marketing, notification, …",
                        size=None,
                    ),
                ),
                (
                    "fields",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=16),
                        default=list,
                        help_text="What is asked besides the number: first_name, last_name.",
                        size=None,
                    ),
                ),
                (
                    "double_opt_in",
                    models.BooleanField(
                        default=True,
                        help_text="The owner of the number must reply YES before it counts [R-4.6].",
                    ),
                ),
                (
                    "origins",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=120),
                        default=list,
                        help_text="Web sites that may show the form in a frame, e.g. https://shop.example.",
                        size=None,
                    ),
                ),
                ("created_at", models.DateTimeField()),
                (
                    "created_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "form",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="versions",
                        to="contacts.optinform",
                    ),
                ),
            ],
            options={
                "verbose_name": "opt-in form version",
            },
        ),
        migrations.AddField(
            model_name="optinform",
            name="live",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="contacts.optinformversion",
            ),
        ),
        migrations.CreateModel(
            name="DoubleOptIn",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("state", models.CharField(default="requested", max_length=50)),
                (
                    "phone",
                    models.CharField(
                        help_text="E.164; emptied after it ended, and by erasure.",
                        max_length=16,
                        null=True,
                    ),
                ),
                ("phone_hash", models.BinaryField(max_length=32)),
                ("hash_key", models.CharField(blank=True, max_length=32)),
                (
                    "purposes",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=16), size=None
                    ),
                ),
                ("request_text", models.TextField(help_text="The SMS as it was sent.")),
                (
                    "token_hash",
                    models.CharField(
                        help_text="SHA-256 of number hash, brand, text and time: what was asked.",
                        max_length=64,
                    ),
                ),
                (
                    "details",
                    models.JSONField(
                        default=dict,
                        help_text="Fields of the form; emptied like the number [R-4.9].",
                    ),
                ),
                ("source_url", models.CharField(blank=True, max_length=500)),
                ("ip", models.CharField(blank=True, max_length=45)),
                ("user_agent", models.CharField(blank=True, max_length=300)),
                (
                    "asked_by",
                    models.CharField(help_text="form or who asked, e.g. user:7.", max_length=80),
                ),
                (
                    "reason",
                    models.CharField(blank=True, help_text="Why it was refused.", max_length=40),
                ),
                (
                    "message_id",
                    models.BigIntegerField(help_text="The message that carried it.", null=True),
                ),
                (
                    "reply_inbound_id",
                    models.BigIntegerField(help_text="The reply that decided.", null=True),
                ),
                ("requested_at", models.DateTimeField()),
                ("sent_at", models.DateTimeField(null=True)),
                (
                    "expires_at",
                    models.DateTimeField(help_text="A reply after this no longer counts."),
                ),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "brand",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.brand",
                    ),
                ),
                (
                    "contact",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="double_opt_ins",
                        to="contacts.contact",
                    ),
                ),
                (
                    "form_version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="contacts.optinformversion",
                    ),
                ),
            ],
            options={
                "verbose_name": "double opt-in",
            },
        ),
        migrations.AddConstraint(
            model_name="optinformversion",
            constraint=models.UniqueConstraint(
                fields=("form", "number"), name="opt_in_form_version_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="optinform",
            constraint=models.UniqueConstraint(
                fields=("team", "name"), name="opt_in_form_name_once"
            ),
        ),
        migrations.AddIndex(
            model_name="doubleoptin",
            index=models.Index(
                fields=["phone_hash", "-requested_at"], name="double_opt_in_by_phone"
            ),
        ),
        migrations.AddIndex(
            model_name="doubleoptin",
            index=models.Index(
                condition=models.Q(("state__in", ["requested", "sent"])),
                fields=["expires_at"],
                name="double_opt_in_open",
            ),
        ),
        migrations.AddIndex(
            model_name="doubleoptin",
            index=models.Index(
                condition=models.Q(("message_id__isnull", False)),
                fields=["message_id"],
                name="double_opt_in_message",
            ),
        ),
        migrations.AddConstraint(
            model_name="doubleoptin",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "state__in",
                        ("requested", "sent", "confirmed", "denied", "expired", "refused"),
                    )
                ),
                name="double_opt_in_state_word",
            ),
        ),
        migrations.AddConstraint(
            model_name="doubleoptin",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ["requested", "sent"])),
                fields=("brand", "phone_hash"),
                name="double_opt_in_one_open",
            ),
        ),
    ]
