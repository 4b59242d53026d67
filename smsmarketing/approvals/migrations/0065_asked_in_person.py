"""Whether a signed-in person asked: only then may a job run what is for people only [R-8.1]."""

from django.db import migrations, models

# What is frozen is known to the trigger of 0003 by name; this one watches the new column.
FORWARD = """
UPDATE approvals_actionrequest r SET requester_in_person = TRUE
FROM accounts_user u
WHERE u.id = r.requester_id AND NOT u.is_agent AND r.requester_surface = 'admin'
    AND r.requester_token_id IS NULL;
CREATE FUNCTION approvals_request_asker_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'who asked is frozen' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER approvals_request_asker_frozen BEFORE UPDATE OF requester_in_person
    ON approvals_actionrequest FOR EACH ROW
    WHEN (OLD.requester_in_person IS DISTINCT FROM NEW.requester_in_person)
    EXECUTE FUNCTION approvals_request_asker_frozen();
"""
BACKWARD = """
DROP TRIGGER approvals_request_asker_frozen ON approvals_actionrequest;
DROP FUNCTION approvals_request_asker_frozen();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("approvals", "0041_erased_requests"),
        ("accounts", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="actionrequest",
            name="requester_in_person",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="Asked by a signed-in person in the browser.",
            ),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
