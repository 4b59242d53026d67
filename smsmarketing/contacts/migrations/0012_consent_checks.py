"""The words and times of a consent event, held by the database [R-4.2], [R-4.4], [R-4.8].

Not validated for older rows: the ledger cannot be mended, and what was written stays as evidence.
"""

import datetime

import django.db.models.expressions
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("contacts", "0011_consent_columns")]

    operations = [
        AddConstraintNotValid(
            model_name="consentevent",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "basis__in",
                        (
                            "express",
                            "written",
                            "soft_opt_in",
                            "implied_purchase",
                            "implied_inquiry",
                            "import",
                        ),
                    ),
                    ("channel", "sms"),
                    ("direction__in", ("granted", "revoked", "expired", "denied")),
                    (
                        "method__in",
                        (
                            "web_form",
                            "paper",
                            "verbal",
                            "keyword_reply",
                            "qr",
                            "import",
                            "api",
                            "double_opt_in",
                        ),
                    ),
                    ("purpose__in", ("marketing", "notification", "otp", "night")),
                ),
                name="consent_words",
            ),
        ),
        AddConstraintNotValid(
            model_name="consentevent",
            constraint=models.CheckConstraint(
                condition=models.Q(("captured_at__lte", models.F("recorded_at"))),
                name="consent_not_future",
            ),
        ),
        AddConstraintNotValid(
            model_name="consentevent",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("direction", "granted"), _negated=True),
                    (
                        "captured_at__gte",
                        django.db.models.expressions.CombinedExpression(
                            models.F("recorded_at"),
                            "-",
                            models.Value(datetime.timedelta(days=3653)),
                        ),
                    ),
                    _connector="OR",
                ),
                name="consent_not_too_old",
            ),
        ),
        AddConstraintNotValid(
            model_name="consentevent",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("checkbox_default", True),
                    (
                        "country__in",
                        (
                            "AG",
                            "AI",
                            "AS",
                            "AT",
                            "BB",
                            "BE",
                            "BG",
                            "BM",
                            "BS",
                            "CA",
                            "CH",
                            "CY",
                            "CZ",
                            "DE",
                            "DK",
                            "DM",
                            "DO",
                            "EE",
                            "ES",
                            "FI",
                            "FR",
                            "GB",
                            "GD",
                            "GR",
                            "GU",
                            "HR",
                            "HU",
                            "IE",
                            "IS",
                            "IT",
                            "JM",
                            "KN",
                            "KY",
                            "LC",
                            "LI",
                            "LT",
                            "LU",
                            "LV",
                            "MP",
                            "MS",
                            "MT",
                            "NL",
                            "NO",
                            "PL",
                            "PR",
                            "PT",
                            "RO",
                            "SE",
                            "SI",
                            "SK",
                            "SX",
                            "TC",
                            "TT",
                            "US",
                            "VC",
                            "VG",
                            "VI",
                        ),
                    ),
                    ("direction", "granted"),
                    _negated=True,
                ),
                name="consent_box_not_ticked",
            ),
        ),
    ]
