"""Two questions over many providers and the progress of an import. The questions, answered at once:
who must be warned today, and whom a broadcast may reach.

The daily look at what lapses asks one question for the whole nation: who has anything to be warned of today?

The rules write out the days (`providers/lapse_finding.py`), the database compares. The functions answer with ids and
days alone, and to the worker process alone. A look keeps which workers it warned of, so that the day's mails need not
judge a whole workforce again.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0028_lapse_finding"

UP = """
SET LOCAL ROLE {prefix}_owner;
-- whose facts the last look warned of; `warned` also where they are the organisation's own
-- The days of a worker unpacked in the row: reading one of a packed array copies the whole of it, for every comparison.
ALTER TABLE worker_readiness ALTER COLUMN days SET STORAGE PLAIN;
ALTER TABLE worker_readiness ALTER COLUMN days TYPE smallint[] USING days || '{}'::smallint[];
ALTER TABLE lapse_look ADD COLUMN warned boolean NOT NULL DEFAULT false, ADD COLUMN warned_workers uuid[] NOT NULL DEFAULT '{}';
CREATE INDEX worker_competency_day ON worker_competency (assessed_on) WHERE withdrawn_at IS NULL AND assessor_name IS NOT NULL;
CREATE INDEX worker_check_day ON worker_check (done_on);
CREATE INDEX worker_check_end ON worker_check (valid_until) WHERE valid_until IS NOT NULL;
-- How far a long import is: told by the worker beside the transaction that does the rows, which shows nothing before its end.
CREATE TABLE import_progress (
    provider_id uuid NOT NULL, import_id uuid NOT NULL, done int NOT NULL DEFAULT 0, total int NOT NULL,
    PRIMARY KEY (provider_id, import_id), FOREIGN KEY (provider_id, import_id) REFERENCES workforce_import
);
ALTER TABLE import_progress ENABLE ROW LEVEL SECURITY;
ALTER TABLE import_progress FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON import_progress FOR SELECT TO {prefix}_app, {prefix}_worker USING (provider_id = app_organisation());
CREATE POLICY begin ON import_progress FOR INSERT TO {prefix}_app, {prefix}_worker WITH CHECK (provider_id = app_organisation());
GRANT SELECT, INSERT ON import_progress TO {prefix}_app, {prefix}_worker;
RESET ROLE;
GRANT SELECT ON import_progress TO {prefix}_backup;
CREATE FUNCTION note_import_progress(provider uuid, import uuid, rows_done int) RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE import_progress SET done = rows_done WHERE provider_id = provider AND import_id = import $$;
REVOKE EXECUTE ON FUNCTION note_import_progress(uuid, uuid, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION note_import_progress(uuid, uuid, int) TO {prefix}_worker;

DROP FUNCTION providers_not_looked_at(date);
CREATE FUNCTION providers_not_looked_at(day date) RETURNS TABLE (id uuid, looked_on date)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT o.id, l.looked_on FROM organisation o LEFT JOIN lapse_look l ON l.provider_id = o.id
    WHERE o.kind = 'provider' AND (l.looked_on IS NULL OR l.looked_on < day) ORDER BY o.id $$;
CREATE FUNCTION packs_in_use() RETURNS TABLE (hash text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT DISTINCT pack_hash FROM framework WHERE state <> 'draft' ORDER BY 1 $$;
-- Of the providers last looked at on a day: who has a fact of one of these kinds, codes and days. No worker: its own.
CREATE FUNCTION evidence_to_warn_of(last_look date, kinds text[], codes text[], days date[]) RETURNS TABLE (provider_id uuid, worker_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH due AS MATERIALIZED (SELECT DISTINCT kind, code, day FROM unnest(kinds, codes, days) AS d (kind, code, day)),
    -- days first, since few rows are of these days; IS TRUE keeps the planner from joining by codes before
    found AS (
        SELECT c.provider_id, c.worker_id FROM (SELECT DISTINCT day FROM due WHERE kind = 'competency') d JOIN worker_competency c ON c.assessed_on = d.day
            WHERE c.withdrawn_at IS NULL AND c.assessor_name IS NOT NULL
            AND ((c.code, c.assessed_on) IN (SELECT e.code, e.day FROM due e WHERE e.kind = 'competency')) IS TRUE
        UNION ALL SELECT c.provider_id, c.worker_id FROM due d JOIN worker_dbs_check c ON c.checked_on = d.day WHERE d.kind = 'dbs' AND c.outcome = 'clear'
        UNION ALL SELECT c.provider_id, c.worker_id FROM due d JOIN worker_check c ON c.done_on = d.day AND c.kind = d.code WHERE d.kind = 'check'
        UNION ALL SELECT c.provider_id, c.worker_id FROM due d JOIN worker_check c ON c.valid_until = d.day AND c.kind = d.code WHERE d.kind = 'check_until'
        UNION ALL SELECT w.provider_id, w.id FROM due d JOIN worker w ON w.registration_until = d.day WHERE d.kind = 'registration'
        UNION ALL SELECT p.id, NULL FROM due d JOIN provider p ON p.insurance_until = d.day WHERE d.kind = 'insurance'
        UNION ALL SELECT said.id, NULL FROM due d JOIN
            (SELECT p.id, s.key, s.value FROM provider p, jsonb_each_text(p.declarations) s OFFSET 0) said ON said.key = d.code AND said.value = d.day::text
            WHERE d.kind = 'declaration')
    SELECT DISTINCT found.provider_id, found.worker_id FROM found
    WHERE EXISTS (SELECT FROM lapse_look l WHERE l.provider_id = found.provider_id AND l.looked_on = last_look) $$;
-- The others of that day have been looked at herewith; whose coming visits are to be looked at all the same is said.
CREATE FUNCTION note_looked(last_look date, today date, moment timestamptz, but uuid[]) RETURNS TABLE (provider_id uuid, has_visits boolean)
    LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH looked AS (
        UPDATE lapse_look l SET looked_before_on = l.looked_on, looked_on = today, warned = false, warned_workers = '{}'
        WHERE l.looked_on = last_look AND last_look < today AND l.provider_id <> ALL (but) RETURNING l.provider_id)
    SELECT l.provider_id, EXISTS (SELECT FROM visit v WHERE v.provider_id = l.provider_id AND v.outcome IS NULL AND v.actual_start IS NULL
            AND v.planned_end > moment)
        OR EXISTS (SELECT FROM visit_flag f WHERE f.provider_id = l.provider_id AND f.cleared_at IS NULL AND f.worker_id IS NOT NULL)
    FROM looked l $$;
-- Everybody ever admitted to a lot, with those admissions, for a commissioner of its framework.
CREATE FUNCTION lot_providers(of_framework uuid, of_lot text) RETURNS TABLE (id uuid, name text, cqc_registered boolean, insurance_until date,
        admissions uuid[], starts date[], ends date[], ended text[])
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp ROWS 50 AS $$
    WITH lot AS MATERIALIZED (
        SELECT a.provider_id, array_agg(a.id ORDER BY a.starts_on, a.id) AS admissions, array_agg(a.starts_on ORDER BY a.starts_on, a.id) AS starts,
            array_agg(a.ends_on ORDER BY a.starts_on, a.id) AS ends, array_agg(a.ended_reason ORDER BY a.starts_on, a.id) AS ended
        FROM admission a WHERE a.framework_id = of_framework AND a.lot_code = of_lot
            AND EXISTS (SELECT FROM framework_member m WHERE m.framework_id = of_framework AND m.commissioner_id = app_commissioner())
        GROUP BY a.provider_id)
    SELECT p.id, o.name, p.cqc_registered, p.insurance_until, lot.admissions, lot.starts, lot.ends, lot.ended
    FROM lot JOIN provider p ON p.id = lot.provider_id JOIN organisation o ON o.id = p.id $$;
REVOKE EXECUTE ON FUNCTION lot_providers(uuid, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lot_providers(uuid, text) TO {prefix}_app, {prefix}_worker;
REVOKE EXECUTE ON FUNCTION providers_not_looked_at(date), packs_in_use(), evidence_to_warn_of(date, text[], text[], date[]),
    note_looked(date, date, timestamptz, uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION providers_not_looked_at(date), packs_in_use(), evidence_to_warn_of(date, text[], text[], date[]),
    note_looked(date, date, timestamptz, uuid[]) TO {prefix}_worker;
"""

DOWN = """
DROP FUNCTION note_import_progress(uuid, uuid, int);
DROP TABLE import_progress;
DROP FUNCTION lot_providers(uuid, text);
ALTER TABLE worker_readiness ALTER COLUMN days SET STORAGE EXTENDED;
DROP FUNCTION note_looked(date, date, timestamptz, uuid[]), evidence_to_warn_of(date, text[], text[], date[]), packs_in_use(), providers_not_looked_at(date);
CREATE FUNCTION providers_not_looked_at(day date) RETURNS TABLE (id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT o.id FROM organisation o LEFT JOIN lapse_look l ON l.provider_id = o.id
    WHERE o.kind = 'provider' AND (l.looked_on IS NULL OR l.looked_on < day) ORDER BY o.id $$;
REVOKE EXECUTE ON FUNCTION providers_not_looked_at(date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION providers_not_looked_at(date) TO {prefix}_worker;
DROP INDEX worker_competency_day, worker_check_day, worker_check_end;
ALTER TABLE lapse_look DROP COLUMN warned, DROP COLUMN warned_workers;
"""


async def forwards():
    return sql_migration(ID, "Finding what lapses, in one question", UP, DOWN)
