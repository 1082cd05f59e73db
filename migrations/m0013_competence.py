"""Competence and DBS: files attached to what they prove, status checks with the update service, a worker's own consent.

What the update service answered stays with the provider and the worker: commissioners read the check's date alone.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0013_competence"

ATTACHED = ("worker_dbs_check", "worker_competency", "worker_check")
OWN = "provider_id = app_organisation()"

ATTACH = "\n".join(
    f"ALTER TABLE {table} ADD COLUMN evidence_id uuid,"
    f" ADD CONSTRAINT {table}_evidence FOREIGN KEY (provider_id, evidence_id) REFERENCES evidence (provider_id, id);"
    for table in ATTACHED
)

UP = f"""
SET LOCAL ROLE {{prefix}}_owner;
{ATTACH}
ALTER TABLE worker_dbs_check ADD COLUMN source text NOT NULL DEFAULT 'seen' CHECK (source IN ('seen', 'update_service'));
-- who the certificate names, as the update service is asked; the rest of the certificate stands here already
ALTER TABLE worker_private ADD COLUMN date_of_birth date, ADD COLUMN dbs_forename text NOT NULL DEFAULT '', ADD COLUMN dbs_surname text NOT NULL DEFAULT '';

-- Every question put to the update service and what came of it: the four codes it answers, or why there was no answer.
CREATE TABLE dbs_status_request (
    provider_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(), worker_id uuid NOT NULL,
    asked_at timestamptz NOT NULL, asked_by uuid NOT NULL REFERENCES person, asked_by_name text NOT NULL, automatic boolean NOT NULL,
    answer text NOT NULL CHECK (answer IN ('BLANK_NO_NEW_INFO', 'NON_BLANK_NO_NEW_INFO', 'NEW_INFO', 'NO_MATCH_FOUND', 'other_name', 'unreachable', 'unreadable')),
    check_id uuid,                                          -- the check it became, where it counts as one
    PRIMARY KEY (provider_id, id),
    FOREIGN KEY (provider_id, worker_id) REFERENCES worker,
    FOREIGN KEY (provider_id, check_id) REFERENCES worker_dbs_check (provider_id, id),
    CHECK ((check_id IS NOT NULL) = (answer IN ('BLANK_NO_NEW_INFO', 'NON_BLANK_NO_NEW_INFO', 'NEW_INFO')))
);
CREATE INDEX dbs_status_request_worker ON dbs_status_request (provider_id, worker_id, asked_at DESC);
-- In whose name status checks are made by themselves; at most one at a time, and none where nobody answers for them.
CREATE TABLE dbs_automatic (
    provider_id uuid NOT NULL REFERENCES provider, id uuid NOT NULL DEFAULT gen_random_uuid(),
    person_id uuid NOT NULL REFERENCES person, person_name text NOT NULL, started_at timestamptz NOT NULL, ended_at timestamptz,
    PRIMARY KEY (provider_id, id)
);
CREATE UNIQUE INDEX dbs_automatic_one ON dbs_automatic (provider_id) WHERE ended_at IS NULL;
ALTER TABLE dbs_status_request ENABLE ROW LEVEL SECURITY;
ALTER TABLE dbs_status_request FORCE ROW LEVEL SECURITY;
CREATE POLICY own_asks ON dbs_status_request FOR INSERT TO {{prefix}}_app, {{prefix}}_worker WITH CHECK ({OWN});
CREATE POLICY own ON dbs_status_request FOR SELECT TO {{prefix}}_app, {{prefix}}_worker USING ({OWN});
CREATE POLICY self ON dbs_status_request FOR SELECT TO {{prefix}}_app, {{prefix}}_worker USING ((provider_id, worker_id) IN (SELECT * FROM my_workers()));
GRANT SELECT, INSERT ON dbs_status_request TO {{prefix}}_app, {{prefix}}_worker;
ALTER TABLE dbs_automatic ENABLE ROW LEVEL SECURITY;
ALTER TABLE dbs_automatic FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON dbs_automatic FOR ALL TO {{prefix}}_app, {{prefix}}_worker USING ({OWN}) WITH CHECK ({OWN});
GRANT SELECT, INSERT, UPDATE ON dbs_automatic TO {{prefix}}_app, {{prefix}}_worker;
RESET ROLE;
GRANT SELECT ON dbs_status_request, dbs_automatic TO {{prefix}}_backup;

-- Nobody signs themselves off, nor keys in their own assessment from the office's side.
CREATE FUNCTION sign_off_is_somebody_elses() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.assessor_name IS NOT NULL AND EXISTS (SELECT 1 FROM worker w WHERE w.provider_id = NEW.provider_id
            AND w.id = NEW.worker_id AND w.person_id = NEW.recorded_by) THEN
        RAISE EXCEPTION 'nobody signs themselves off' USING ERRCODE = 'check_violation'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER sign_off_is_somebody_elses BEFORE INSERT ON worker_competency FOR EACH ROW EXECUTE FUNCTION sign_off_is_somebody_elses();

-- What families read of a worker is a copy (they reach no worker's row): it goes when the worker's agreement goes, and
-- comes back, in the worker's own words, where a choice is open or a package runs.
CREATE FUNCTION profile_copies_follow() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE offer_worker SET profile = '' WHERE provider_id = NEW.provider_id AND worker_id = NEW.id AND profile <> '';
    UPDATE package_worker SET profile = '' WHERE provider_id = NEW.provider_id AND worker_id = NEW.id AND profile <> '';
    IF NEW.profile_consent_at IS NOT NULL THEN
        UPDATE offer_worker w SET profile = NEW.profile FROM offer o WHERE o.commissioner_id = w.commissioner_id AND o.id = w.offer_id
            AND o.state = 'made' AND w.provider_id = NEW.provider_id AND w.worker_id = NEW.id;
        UPDATE package_worker w SET profile = NEW.profile FROM package p WHERE p.commissioner_id = w.commissioner_id AND p.id = w.package_id
            AND p.state IN ('set_up', 'active') AND w.removed_at IS NULL AND w.provider_id = NEW.provider_id AND w.worker_id = NEW.id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER profile_copies_follow AFTER UPDATE OF profile, profile_consent_at ON worker FOR EACH ROW
    WHEN ((OLD.profile_consent_at IS NULL) <> (NEW.profile_consent_at IS NULL) OR OLD.profile <> NEW.profile)
    EXECUTE FUNCTION profile_copies_follow();

-- A worker changes no row of its own; these two agreements are the worker's own to give and to take back.
CREATE FUNCTION my_profile_consent(provider uuid, worker_id uuid, agreed boolean, seen text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    -- to the text as it was shown: one changed meanwhile is read first
    UPDATE worker w SET profile_consent_at = CASE WHEN agreed THEN coalesce(w.profile_consent_at, app_now()) END
    WHERE w.provider_id = provider AND w.id = worker_id AND w.person_id = app_person() AND app_organisation() IS NULL
        AND (NOT agreed OR w.profile <> '' AND w.profile = seen);
    RETURN FOUND;
END $$;
CREATE FUNCTION my_dbs_consent(provider uuid, worker uuid, agreed boolean) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE worker_private p SET dbs_update_service_consent_at = CASE WHEN agreed THEN coalesce(p.dbs_update_service_consent_at, app_now()) END
    WHERE p.provider_id = provider AND p.worker_id = worker AND app_organisation() IS NULL
        AND EXISTS (SELECT 1 FROM worker w WHERE w.provider_id = provider AND w.id = worker AND w.person_id = app_person());
    RETURN FOUND;
END $$;
-- Who has status checks made by themselves: ids only, for the worker process's sweep.
CREATE FUNCTION providers_with_automatic_dbs() RETURNS TABLE (provider_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT a.provider_id FROM dbs_automatic a WHERE a.ended_at IS NULL ORDER BY 1 $$;
REVOKE EXECUTE ON FUNCTION sign_off_is_somebody_elses(), profile_copies_follow(), my_profile_consent(uuid, uuid, boolean, text),
    my_dbs_consent(uuid, uuid, boolean), providers_with_automatic_dbs() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION my_profile_consent(uuid, uuid, boolean, text), my_dbs_consent(uuid, uuid, boolean) TO {{prefix}}_app;
GRANT EXECUTE ON FUNCTION providers_with_automatic_dbs() TO {{prefix}}_worker;
"""

DETACH = "\n".join(f"ALTER TABLE {table} DROP COLUMN evidence_id;" for table in ATTACHED)

DOWN = f"""
DROP TRIGGER profile_copies_follow ON worker;
DROP TRIGGER sign_off_is_somebody_elses ON worker_competency;
DROP FUNCTION providers_with_automatic_dbs(), my_dbs_consent(uuid, uuid, boolean), my_profile_consent(uuid, uuid, boolean, text),
    profile_copies_follow(), sign_off_is_somebody_elses();
DROP TABLE dbs_automatic, dbs_status_request;
{DETACH}
ALTER TABLE worker_dbs_check DROP COLUMN source;
ALTER TABLE worker_private DROP COLUMN date_of_birth, DROP COLUMN dbs_forename, DROP COLUMN dbs_surname;
"""


async def forwards():
    return sql_migration(ID, "Competence and DBS status checks", UP, DOWN)
