"""A meeting that a family asked for is called off, by the family or by the provider; what was asked and agreed is kept.

Each side adds its own: the provider answers, once; who calls off says so for itself.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0058_meetings_called_off"

APP = "TO {prefix}_app, {prefix}_worker"
ASKED = "(commissioner_id, enquiry_id) IN (SELECT * FROM my_familys_enquiries())"

UP = f"""
SET LOCAL ROLE {{prefix}}_owner;
ALTER TABLE enquiry_meeting ADD COLUMN called_off_at timestamptz,
    ADD COLUMN called_off_by text CHECK (called_off_by IN ('family', 'provider')),
    ADD COLUMN called_off_says text NOT NULL DEFAULT '',
    ADD CONSTRAINT enquiry_meeting_called_off CHECK ((called_off_at IS NULL) = (called_off_by IS NULL) AND (called_off_at IS NOT NULL OR called_off_says = ''));
CREATE FUNCTION enquiry_meeting_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE added text[] := ARRAY['answered_at', 'agreed_at', 'answer', 'called_off_at', 'called_off_by', 'called_off_says'];
        providers boolean := app_organisation() IS NOT DISTINCT FROM OLD.provider_id;
BEGIN
    IF to_jsonb(OLD) - added <> to_jsonb(NEW) - added OR OLD.called_off_at IS NOT NULL
       OR (NEW.answered_at, NEW.agreed_at, NEW.answer) IS DISTINCT FROM (OLD.answered_at, OLD.agreed_at, OLD.answer)
           AND (OLD.answered_at IS NOT NULL OR NOT providers)
       OR NEW.called_off_at IS NOT NULL AND (NEW.called_off_by = 'provider') <> providers
    THEN RAISE EXCEPTION 'a meeting is kept as it was asked for and agreed' USING ERRCODE = 'check_violation'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER enquiry_meeting_kept BEFORE UPDATE ON enquiry_meeting FOR EACH ROW EXECUTE FUNCTION enquiry_meeting_is_kept();
CREATE POLICY family_calls_off ON enquiry_meeting FOR UPDATE {APP} USING ({ASKED}) WITH CHECK ({ASKED} AND called_off_by = 'family');
REVOKE EXECUTE ON FUNCTION enquiry_meeting_is_kept() FROM PUBLIC;
RESET ROLE;
"""

# An older version knows no calling off: what was, is as if it had never been agreed.
DOWN = """
SET LOCAL ROLE {prefix}_owner;
DROP POLICY family_calls_off ON enquiry_meeting;
DROP TRIGGER enquiry_meeting_kept ON enquiry_meeting;
DROP FUNCTION enquiry_meeting_is_kept();
RESET ROLE;
UPDATE enquiry_meeting SET agreed_at = NULL, answered_at = coalesce(answered_at, called_off_at) WHERE called_off_at IS NOT NULL;
ALTER TABLE enquiry_meeting DROP COLUMN called_off_at, DROP COLUMN called_off_by, DROP COLUMN called_off_says;
"""


async def forwards():
    return sql_migration(ID, "Meetings are called off", UP, DOWN)
