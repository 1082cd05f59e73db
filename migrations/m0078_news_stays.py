"""New information on a DBS certificate counts until a check recorded after it, and sticks to the certificate's number.

A check of a later day that was there already says nothing about it, and a certificate somebody found new information on
speaks for no other row of the same provider either. Which check of a worker counts is said here once.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0078_news_stays"

APP = "TO {prefix}_app, {prefix}_worker"
BEFORE = """FROM worker_dbs_check c
        WHERE c.provider_id = w.provider_id AND c.worker_id = w.id AND c.withdrawn_at IS NULL
        ORDER BY c.checked_on DESC, c.recorded_at DESC, c.outcome = 'clear' LIMIT 1;"""
AFTER = "FROM dbs_check_that_counts(w.provider_id, w.id) c;"
ANEW = """SELECT readiness_refresh(array_agg(provider_id), array_agg(worker_id)) FROM
    (SELECT DISTINCT provider_id, worker_id FROM worker_dbs_check WHERE outcome <> 'clear') n HAVING count(*) > 0;"""


def readiness(old: str, new: str) -> str:
    """The rows of days (m0065) ask for a worker's check in another way."""
    return f"""
DO $body$
DECLARE was text := pg_get_functiondef('readiness_of(worker)'::regprocedure); becomes text := replace(was, $old${old}$old$, $new${new}$new$);
BEGIN
    IF was = becomes THEN RAISE EXCEPTION 'readiness_of is not as it was'; END IF;
    EXECUTE becomes;
END $body$;
{ANEW}
"""


UP = f"""
SET LOCAL ROLE {{prefix}}_owner;
CREATE INDEX worker_dbs_check_news ON worker_dbs_check (provider_id, worker_id) INCLUDE (recorded_at) WHERE outcome <> 'clear';
-- by what other rows of the same person are known
CREATE INDEX worker_private_certificate ON worker_private (provider_id, dbs_certificate_number) WHERE dbs_certificate_number IS NOT NULL;
CREATE INDEX worker_private_pin ON worker_private (provider_id, registration_pin) WHERE registration_pin IS NOT NULL;
CREATE INDEX worker_private_born ON worker_private (provider_id, date_of_birth) WHERE date_of_birth IS NOT NULL;
CREATE TABLE doubted_certificate (
    provider_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(), worker_id uuid NOT NULL, check_id uuid NOT NULL,
    number text NOT NULL, found_on date NOT NULL, PRIMARY KEY (provider_id, id),
    FOREIGN KEY (provider_id, worker_id) REFERENCES worker,
    FOREIGN KEY (provider_id, check_id) REFERENCES worker_dbs_check
);
CREATE INDEX doubted_certificate_number ON doubted_certificate (provider_id, number);
ALTER TABLE doubted_certificate ENABLE ROW LEVEL SECURITY;
ALTER TABLE doubted_certificate FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON doubted_certificate FOR SELECT {APP} USING (provider_id = app_organisation());
GRANT SELECT ON doubted_certificate {APP};
RESET ROLE;
GRANT SELECT ON doubted_certificate TO {{prefix}}_backup;

-- Of what was recorded after the last new information the newest check; while there is nothing, the new information.
CREATE FUNCTION dbs_check_that_counts(of_provider uuid, of_worker uuid) RETURNS SETOF worker_dbs_check LANGUAGE sql STABLE AS $$
    SELECT c.* FROM worker_dbs_check c
    WHERE c.provider_id = of_provider AND c.worker_id = of_worker AND c.withdrawn_at IS NULL
    ORDER BY c.recorded_at > coalesce((SELECT max(n.recorded_at) FROM worker_dbs_check n WHERE n.provider_id = of_provider
            AND n.worker_id = of_worker AND n.outcome <> 'clear'), '-infinity') DESC,
        c.outcome = 'clear', c.checked_on DESC, c.recorded_at DESC LIMIT 1 $$;
-- A certificate issued after the day the news was found is another one than that with the news.
CREATE FUNCTION certificate_is_doubted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO doubted_certificate (provider_id, worker_id, check_id, number, found_on)
    SELECT NEW.provider_id, NEW.worker_id, NEW.id, p.dbs_certificate_number, NEW.checked_on FROM worker_private p
    WHERE p.provider_id = NEW.provider_id AND p.worker_id = NEW.worker_id AND p.dbs_certificate_number IS NOT NULL
        AND (p.dbs_issued_on > NEW.checked_on) IS NOT TRUE;
    RETURN NULL;
END $$;
CREATE TRIGGER certificate_is_doubted AFTER INSERT ON worker_dbs_check FOR EACH ROW WHEN (NEW.outcome <> 'clear')
    EXECUTE FUNCTION certificate_is_doubted();
REVOKE EXECUTE ON FUNCTION dbs_check_that_counts(uuid, uuid), certificate_is_doubted() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dbs_check_that_counts(uuid, uuid) {APP};
INSERT INTO doubted_certificate (provider_id, worker_id, check_id, number, found_on)
    SELECT p.provider_id, p.worker_id, c.id, p.dbs_certificate_number, c.checked_on
    FROM worker_private p, LATERAL dbs_check_that_counts(p.provider_id, p.worker_id) c
    WHERE c.outcome <> 'clear' AND p.dbs_certificate_number IS NOT NULL AND (p.dbs_issued_on > c.checked_on) IS NOT TRUE;
{readiness(BEFORE, AFTER)}
"""

DOWN = f"""
{readiness(AFTER, BEFORE)}
DROP TRIGGER certificate_is_doubted ON worker_dbs_check;
DROP FUNCTION dbs_check_that_counts(uuid, uuid), certificate_is_doubted();
DROP TABLE doubted_certificate;
DROP INDEX worker_dbs_check_news, worker_private_certificate, worker_private_pin, worker_private_born;
"""


async def forwards():
    return sql_migration(ID, "New information stays with its certificate", UP, DOWN)
