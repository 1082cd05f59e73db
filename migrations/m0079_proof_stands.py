"""What proves competence and DBS stays as it was recorded; it counts no more from when somebody says so, and that is said once.

The actions have kept to this all along; from here on the database does too, whatever statement comes. A record is made
now and in one's own name; what counts as the update service's word has its question beside it; whoever signs in agrees
oneself; and on which day a provider's evidence was last looked at is the worker process's to say.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0079_proof_stands"

APP = "TO {prefix}_app, {prefix}_worker"
OWN = "provider_id = app_organisation()"
MINE = "recorded_by = app_person() AND recorded_at = app_now() AND num_nonnulls(withdrawn_at, withdrawn_reason) = 0"
# Of each table what is added with the moment it is withdrawn; nobody's id is kept with it.
PROOFS = {
    "worker_competency": "'withdrawn_at', '', 'withdrawn_reason'",
    "worker_dbs_check": "'withdrawn_at', '', 'withdrawn_by_name', 'withdrawn_reason'",
    "worker_check": "'withdrawn_at', '', 'withdrawn_by_name', 'withdrawn_reason'",
}
FUNCTIONS = "service_was_asked(), profile_is_agreed(), dbs_consent_is_agreed()"


def signed_off(by_name: str) -> str:
    """Nobody signs themselves off (m0013), `by_name` being what else makes an assessor the worker."""
    return f"""
CREATE OR REPLACE FUNCTION sign_off_is_somebody_elses() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.assessor_name IS NOT NULL AND EXISTS (SELECT 1 FROM worker w WHERE w.provider_id = NEW.provider_id
            AND w.id = NEW.worker_id AND {by_name}) THEN
        RAISE EXCEPTION 'nobody signs themselves off' USING ERRCODE = 'check_violation'; END IF;
    RETURN NEW;
END $$;
DROP TRIGGER sign_off_is_somebody_elses ON worker_competency;
"""


RECORDED = "w.person_id = NEW.recorded_by"
# a colleague of the same name is told by the row; outside every context whoever keeps the database puts things right
NAMED = f"""({RECORDED} OR app_person() IS NOT NULL AND NEW.assessor_worker_id IS NULL
                AND lower(btrim(NEW.assessor_name)) = lower(btrim(w.name)))"""

UP = f"""
{signed_off(NAMED)}
CREATE TRIGGER sign_off_is_somebody_elses BEFORE INSERT OR UPDATE OF assessor_name, assessor_worker_id, recorded_by
    ON worker_competency FOR EACH ROW EXECUTE FUNCTION sign_off_is_somebody_elses();
SET LOCAL ROLE {{prefix}}_owner;
CREATE FUNCTION service_was_asked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM dbs_status_request q WHERE q.provider_id = NEW.provider_id AND q.worker_id = NEW.worker_id
            AND q.check_id = NEW.id AND q.asked_at = NEW.recorded_at AND q.answer <> 'NEW_INFO')
    THEN RAISE EXCEPTION 'the update service says nothing unasked' USING ERRCODE = 'check_violation'; END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER service_was_asked AFTER INSERT ON worker_dbs_check DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.source = 'update_service' AND NEW.outcome = 'clear' AND app_person() IS NOT NULL) EXECUTE FUNCTION service_was_asked();
DROP POLICY own_asks ON dbs_status_request;
CREATE POLICY own_asks ON dbs_status_request FOR INSERT {APP} WITH CHECK ({OWN} AND asked_by = app_person() AND asked_at = app_now());

-- An agreement is given now, to the text as it stands; by the office only for whoever does not sign in.
CREATE FUNCTION profile_is_agreed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.profile_consent_at <> app_now() OR NEW.person_id IS NOT NULL AND app_organisation() IS NOT NULL
    THEN RAISE EXCEPTION 'a worker agrees to a profile now, and oneself' USING ERRCODE = 'insufficient_privilege'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER profile_is_agreed BEFORE UPDATE OF profile, profile_consent_at ON worker FOR EACH ROW
    WHEN (app_person() IS NOT NULL AND NEW.profile_consent_at IS NOT NULL
        AND (NEW.profile_consent_at, NEW.profile) IS DISTINCT FROM (OLD.profile_consent_at, OLD.profile)) EXECUTE FUNCTION profile_is_agreed();
CREATE TRIGGER profile_is_agreed_from_the_first BEFORE INSERT ON worker FOR EACH ROW
    WHEN (app_person() IS NOT NULL AND NEW.profile_consent_at IS NOT NULL) EXECUTE FUNCTION profile_is_agreed();
CREATE FUNCTION dbs_consent_is_agreed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.dbs_update_service_consent_at <> app_now() OR app_organisation() IS NOT NULL AND EXISTS (SELECT FROM worker w
            WHERE w.provider_id = NEW.provider_id AND w.id = NEW.worker_id AND w.person_id IS NOT NULL)
    THEN RAISE EXCEPTION 'a worker agrees to status checks now, and oneself' USING ERRCODE = 'insufficient_privilege'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER dbs_consent_is_agreed BEFORE UPDATE OF dbs_update_service_consent_at ON worker_private FOR EACH ROW
    WHEN (app_person() IS NOT NULL AND NEW.dbs_update_service_consent_at IS NOT NULL
        AND NEW.dbs_update_service_consent_at IS DISTINCT FROM OLD.dbs_update_service_consent_at) EXECUTE FUNCTION dbs_consent_is_agreed();
CREATE TRIGGER dbs_consent_is_agreed_from_the_first BEFORE INSERT ON worker_private FOR EACH ROW
    WHEN (app_person() IS NOT NULL AND NEW.dbs_update_service_consent_at IS NOT NULL) EXECUTE FUNCTION dbs_consent_is_agreed();

REVOKE INSERT, UPDATE ON lapse_look FROM {{prefix}}_app;
DROP POLICY own ON lapse_look;
CREATE POLICY own ON lapse_look FOR SELECT {APP} USING ({OWN});
CREATE POLICY looks ON lapse_look FOR INSERT TO {{prefix}}_worker WITH CHECK ({OWN} AND looked_on <= app_today());
CREATE POLICY looks_again ON lapse_look FOR UPDATE TO {{prefix}}_worker USING ({OWN}) WITH CHECK ({OWN} AND looked_on <= app_today());
"""
for _table, _ends in PROOFS.items():
    UP += f"""
CREATE TRIGGER stands_as_made BEFORE UPDATE ON {_table} FOR EACH ROW WHEN (app_person() IS NOT NULL)
    EXECUTE FUNCTION stands_as_made({_ends});
DROP POLICY own ON {_table};
CREATE POLICY own ON {_table} FOR SELECT {APP} USING ({OWN});
CREATE POLICY own_records ON {_table} FOR INSERT {APP} WITH CHECK ({OWN} AND {MINE});
CREATE POLICY own_withdraws ON {_table} FOR UPDATE {APP} USING ({OWN}) WITH CHECK ({OWN});
"""
UP += f"""
REVOKE EXECUTE ON FUNCTION {FUNCTIONS} FROM PUBLIC;
RESET ROLE;
"""

DOWN = f"""
SET LOCAL ROLE {{prefix}}_owner;
DROP POLICY own ON lapse_look;
DROP POLICY looks ON lapse_look;
DROP POLICY looks_again ON lapse_look;
CREATE POLICY own ON lapse_look FOR ALL {APP} USING ({OWN}) WITH CHECK ({OWN});
GRANT INSERT, UPDATE ON lapse_look TO {{prefix}}_app;
DROP TRIGGER dbs_consent_is_agreed ON worker_private;
DROP TRIGGER dbs_consent_is_agreed_from_the_first ON worker_private;
DROP TRIGGER profile_is_agreed ON worker;
DROP TRIGGER profile_is_agreed_from_the_first ON worker;
DROP TRIGGER service_was_asked ON worker_dbs_check;
DROP POLICY own_asks ON dbs_status_request;
CREATE POLICY own_asks ON dbs_status_request FOR INSERT {APP} WITH CHECK ({OWN});
DROP FUNCTION {FUNCTIONS};
"""
DOWN += "".join(
    f"""
DROP TRIGGER stands_as_made ON {table};
DROP POLICY own ON {table};
DROP POLICY own_records ON {table};
DROP POLICY own_withdraws ON {table};
CREATE POLICY own ON {table} FOR ALL {APP} USING ({OWN}) WITH CHECK ({OWN});"""
    for table in PROOFS
)
DOWN += f"""
RESET ROLE;
{signed_off(RECORDED)}
CREATE TRIGGER sign_off_is_somebody_elses BEFORE INSERT ON worker_competency FOR EACH ROW EXECUTE FUNCTION sign_off_is_somebody_elses();
"""


async def forwards():
    return sql_migration(ID, "What proves competence and DBS stands", UP, DOWN)
