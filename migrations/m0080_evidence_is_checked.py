"""Evidence lies under keys of its own and begins as announced; what a check finds of it, the check alone writes down.

The actions have kept to this all along; from here on the database does too, whatever statement comes. Whoever adds a
file hands it in and may delete it; its states, sums, scan and last day are the system's.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0080_evidence_is_checked"

NOBODY = "'00000000-0000-0000-0000-000000000000'"  # as whom the system acts
PEOPLE = "ARRAY['state', 'quarantine_version', 'size', 'deleted_at', 'deleted_reason', 'quarantine_tidied_at']"
FOUND = """ARRAY['scan', 'refused_reason', 'checked_at', 'content_type', 'remarks', 'original_sha256', 'published_key',
        'published_version', 'published_sha256', 'published_size', 'keep_until', 'warned_at']"""
FUNCTIONS = "app_person_name(), evidence_begins(), evidence_changes()"

UP = f"""
-- As whom the present context acts, by the name on record; null for the system, which has none there.
CREATE FUNCTION app_person_name() RETURNS text LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT p.name FROM person p WHERE p.id = app_person() $$;
REVOKE EXECUTE ON FUNCTION app_person_name() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app_person_name() TO {{prefix}}_owner, {{prefix}}_app, {{prefix}}_worker;
SET LOCAL ROLE {{prefix}}_owner;
ALTER TABLE evidence
    ADD CONSTRAINT evidence_quarantine_key CHECK (quarantine_key = 'quarantine/' || provider_id || '/' || id),
    ADD CONSTRAINT evidence_published_key CHECK (starts_with(published_key, 'evidence/' || provider_id || '/' || id || '/'));
CREATE FUNCTION evidence_begins() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.uploaded_by_name := coalesce(app_person_name(), NEW.uploaded_by_name);
    IF NEW.state <> 'waiting' OR NEW.uploaded_by <> app_person() OR NEW.uploaded_at <> app_now() OR NEW.form_until < now()
       OR NEW.remarks <> '' OR num_nonnulls(NEW.scan, NEW.refused_reason, NEW.quarantine_version, NEW.original_sha256, NEW.published_key,
            NEW.published_version, NEW.published_sha256, NEW.published_size, NEW.checked_at, NEW.quarantine_tidied_at, NEW.keep_until,
            NEW.warned_at, NEW.deleted_at) > 0
    THEN RAISE EXCEPTION 'a file of evidence is announced first, by whoever sends it' USING ERRCODE = 'check_violation'; END IF;
    RETURN NEW;
END $$;
-- in every context; outside of them whoever keeps the database puts things right
CREATE TRIGGER evidence_begins BEFORE INSERT ON evidence FOR EACH ROW WHEN (app_person() IS NOT NULL) EXECUTE FUNCTION evidence_begins();
CREATE FUNCTION evidence_changes() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE may text[] := {PEOPLE}; system boolean := app_person() = {NOBODY};
BEGIN
    IF system THEN may := may || {FOUND}; END IF;
    IF to_jsonb(OLD) - may <> to_jsonb(NEW) - may
       OR NEW.deleted_at <> app_now() AND OLD.deleted_at IS NULL
       OR NOT system AND (OLD.state <> NEW.state AND (OLD.state, NEW.state) <> ('waiting', 'checking')
            OR OLD.state <> 'waiting' AND OLD.size <> NEW.size
            OR NEW.quarantine_tidied_at IS NOT NULL AND NEW.quarantine_tidied_at IS DISTINCT FROM OLD.quarantine_tidied_at)
    THEN RAISE EXCEPTION 'what is found of a file of evidence, its check says' USING ERRCODE = 'check_violation'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER evidence_changes BEFORE UPDATE ON evidence FOR EACH ROW WHEN (app_person() IS NOT NULL) EXECUTE FUNCTION evidence_changes();
REVOKE EXECUTE ON FUNCTION evidence_begins(), evidence_changes() FROM PUBLIC;
RESET ROLE;
"""

DOWN = f"""
SET LOCAL ROLE {{prefix}}_owner;
DROP TRIGGER evidence_begins ON evidence;
DROP TRIGGER evidence_changes ON evidence;
ALTER TABLE evidence DROP CONSTRAINT evidence_quarantine_key, DROP CONSTRAINT evidence_published_key;
RESET ROLE;
DROP FUNCTION {FUNCTIONS};
"""


async def forwards():
    return sql_migration(ID, "What is found of evidence, its check says", UP, DOWN)
