"""What is asked of providers besides sending: when it was read, and their own lists of who said no."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("contacts", "0080_state_consent"),
        ("gateways", "0092_sender_stops"),
    ]

    operations = [
        migrations.CreateModel(
            name="GatewayListing",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("phone_hash", models.BinaryField(max_length=32)),
                ("wanted", models.BooleanField(help_text="Whether it is to be on the list.")),
                (
                    "state",
                    models.CharField(
                        help_text="pending, synced, failed, kept (others put it there, so it stays) or elsewhere (the gateway sends nothing to that country).",
                        max_length=9,
                    ),
                ),
                ("ours", models.BooleanField(default=False, help_text="This system put it there.")),
                (
                    "remote_id",
                    models.CharField(blank=True, help_text="Id of the entry there.", max_length=64),
                ),
                (
                    "version",
                    models.IntegerField(default=1, help_text="Grows when what is wanted changes."),
                ),
                ("attempts", models.IntegerField(default=0)),
                ("next_at", models.DateTimeField(help_text="Not before this.")),
                (
                    "lease_until",
                    models.DateTimeField(help_text="A worker has it until then.", null=True),
                ),
                ("error_code", models.CharField(blank=True, max_length=40)),
                ("error", models.CharField(blank=True, max_length=200)),
                ("created_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="GatewayOptOut",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("remote_id", models.CharField(max_length=64)),
                (
                    "said_at",
                    models.DateTimeField(
                        help_text="When it was said, as the provider tells.", null=True
                    ),
                ),
                ("taken_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="GatewaySync",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kind", models.CharField(help_text="balance, rates or opt_outs.", max_length=8)),
                ("due_at", models.DateTimeField(help_text="Not before this.")),
                (
                    "lease_until",
                    models.DateTimeField(help_text="A worker has it until then.", null=True),
                ),
                ("ok_at", models.DateTimeField(help_text="Last success.", null=True)),
                (
                    "failed_at",
                    models.DateTimeField(
                        help_text="Last failure, when newer than ok_at.", null=True
                    ),
                ),
                ("failures", models.IntegerField(default=0, help_text="Failures in a row.")),
                ("error_code", models.CharField(blank=True, max_length=40)),
                (
                    "error",
                    models.CharField(
                        blank=True, help_text="Our sentence; no data of it.", max_length=200
                    ),
                ),
                (
                    "counts",
                    models.JSONField(default=dict, help_text="What the last success brought."),
                ),
            ],
        ),
        migrations.AddField(
            model_name="gateway",
            name="balance_unit",
            field=models.CharField(
                blank=True,
                help_text="points, or empty: the balance is in its currency.",
                max_length=6,
            ),
        ),
        migrations.AddField(
            model_name="gateway",
            name="opt_out_push",
            field=models.CharField(
                db_default="whole",
                default="whole",
                help_text="Which opt-outs go onto the provider's own list: none, whole or every.",
                max_length=5,
            ),
        ),
        migrations.AddConstraint(
            model_name="gateway",
            constraint=models.CheckConstraint(
                condition=models.Q(("opt_out_push__in", ("none", "whole", "every"))),
                name="gateway_push_word",
            ),
        ),
        migrations.AddField(
            model_name="gatewaylisting",
            name="gateway",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="listings",
                to="gateways.gateway",
            ),
        ),
        migrations.AddField(
            model_name="gatewayoptout",
            name="gateway",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="opt_outs",
                to="gateways.gateway",
            ),
        ),
        migrations.AddField(
            model_name="gatewayoptout",
            name="suppression",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="contacts.suppression",
            ),
        ),
        migrations.AddField(
            model_name="gatewaysync",
            name="gateway",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="syncs",
                to="gateways.gateway",
            ),
        ),
        migrations.AddIndex(
            model_name="gatewaylisting",
            index=models.Index(
                condition=models.Q(("state", "pending")),
                fields=["gateway", "next_at", "id"],
                name="gateway_listing_due",
            ),
        ),
        migrations.AddIndex(
            model_name="gatewaylisting",
            index=models.Index(fields=["phone_hash"], name="gateway_listing_number"),
        ),
        migrations.AddConstraint(
            model_name="gatewaylisting",
            constraint=models.UniqueConstraint(
                fields=("gateway", "phone_hash"), name="gateway_listing_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="gatewaylisting",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ("pending", "synced", "failed", "kept", "elsewhere"))
                ),
                name="gateway_listing_state_word",
            ),
        ),
        migrations.AddConstraint(
            model_name="gatewayoptout",
            constraint=models.UniqueConstraint(
                fields=("gateway", "remote_id"), name="gateway_opt_out_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="gatewaysync",
            constraint=models.UniqueConstraint(
                fields=("gateway", "kind"), name="gateway_sync_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="gatewaysync",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ("balance", "rates", "opt_outs"))),
                name="gateway_sync_kind_word",
            ),
        ),
    ]
