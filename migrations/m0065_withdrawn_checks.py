"""A check recorded by mistake is withdrawn with a reason: it stays, and counts no more.

New information on a DBS certificate is not withdrawn (a new certificate settles it), nor what the update service
answered. A row of days forgets what was withdrawn; for the rest it says what it said.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0065_withdrawn_checks"

TABLES = ("worker_dbs_check", "worker_check")
COLUMNS = "\n".join(
    f"ALTER TABLE {table} ADD COLUMN withdrawn_at timestamptz, ADD COLUMN withdrawn_by_name text,"
    f" ADD COLUMN withdrawn_reason text, ADD CONSTRAINT {table}_withdrawn"
    " CHECK ((withdrawn_at IS NULL) = (withdrawn_reason IS NULL) AND (withdrawn_at IS NULL) = (withdrawn_by_name IS NULL));"
    for table in TABLES
)


def readiness(counts: str) -> str:
    """The facts of one worker as its row of days (m0019), `counts` being which checks do."""
    return f"""
CREATE OR REPLACE FUNCTION readiness_of(w worker) RETURNS worker_readiness
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE r worker_readiness; e record; spot smallint; dbs date; newest smallint := -32768; nowhere constant smallint := -32768;
BEGIN
    r.provider_id := w.provider_id; r.worker_id := w.id; r.role := w.role; r.drives := w.drives_children;
    r.stood_down := w.stood_down_at IS NOT NULL; r.methods := 0; r.signs_own := false;
    r.unclear := NOT readiness_plain(w.name) OR (w.profile_consent_at IS NOT NULL AND w.profile <> '' AND NOT readiness_plain(w.profile));
    r.days := array_fill(nowhere, ARRAY[(SELECT coalesce(max(i.place), 4)::int FROM readiness_item i WHERE i.kind <> 'method')]);
    -- the newest look counts, and of one day's the one with news
    SELECT CASE WHEN c.outcome = 'clear' THEN c.checked_on END INTO dbs FROM worker_dbs_check c
        WHERE c.provider_id = w.provider_id AND c.worker_id = w.id{counts}
        ORDER BY c.checked_on DESC, c.recorded_at DESC, c.outcome = 'clear' LIMIT 1;
    r.days[1] := readiness_day(dbs);
    r.days[2] := CASE WHEN w.registration_fit_to_practise THEN readiness_day(w.registration_until) ELSE nowhere END;
    r.days[3] := CASE WHEN w.left_on IS NULL THEN 32767 ELSE readiness_day(w.left_on) END;
    FOR e IN
        SELECT 'competency' AS kind, s.code, max(s.day) FILTER (WHERE NOT s.own) AS day, nowhere AS until,
            bool_or(s.own) AS own, bool_or(NOT s.plain) AS unclear, array_agg(DISTINCT s.method) FILTER (WHERE NOT s.own) AS methods
        FROM (SELECT c.code, c.method, readiness_day(c.assessed_on) AS day,
                c.assessor_worker_id IS NOT NULL OR readiness_plain(c.assessor_name) AS plain,
                CASE WHEN c.assessor_worker_id IS NOT NULL THEN c.assessor_worker_id = w.id
                     ELSE btrim(c.assessor_name) IN (btrim(w.name), w.id::text) END AS own
            FROM worker_competency c WHERE c.provider_id = w.provider_id AND c.worker_id = w.id AND c.withdrawn_at IS NULL
                AND c.for_package_id IS NULL AND (c.assessor_worker_id IS NOT NULL OR c.assessor_name IS NOT NULL)) s
        GROUP BY s.code
        UNION ALL
        -- the newest of a kind with its end; an older one that outlasts it is not told in two days
        SELECT 'check', k.kind, (array_agg(k.day ORDER BY k.day DESC, k.until DESC))[1], (array_agg(k.until ORDER BY k.day DESC, k.until DESC))[1],
            false, max(k.until) > (array_agg(k.until ORDER BY k.day DESC, k.until DESC))[1], NULL
        FROM (SELECT c.kind, readiness_day(c.done_on) AS day,
                CASE WHEN c.valid_until IS NULL THEN 32767::smallint ELSE readiness_day(c.valid_until) END AS until
            FROM worker_check c WHERE c.provider_id = w.provider_id AND c.worker_id = w.id{counts}
            UNION ALL
            SELECT 'profile', readiness_day((w.profile_consent_at AT TIME ZONE 'Europe/London')::date), 32767::smallint
            WHERE w.profile_consent_at IS NOT NULL AND w.profile <> '') k
        GROUP BY k.kind
    LOOP
        r.unclear := r.unclear OR e.unclear;
        r.signs_own := r.signs_own OR e.own;
        CONTINUE WHEN e.day IS NULL;
        spot := readiness_place(e.kind, e.code);
        IF spot IS NULL THEN r.unclear := true; CONTINUE; END IF;
        IF spot > cardinality(r.days) THEN
            r.days := r.days || array_fill(nowhere, ARRAY[spot - cardinality(r.days)]); END IF;
        r.days[spot] := e.day;
        newest := greatest(newest, e.day);
        IF e.kind = 'check' THEN
            spot := readiness_place('until', e.code);
            IF spot IS NULL THEN r.unclear := true; CONTINUE; END IF;
            IF spot > cardinality(r.days) THEN
                r.days := r.days || array_fill(nowhere, ARRAY[spot - cardinality(r.days)]); END IF;
            r.days[spot] := e.until;
        ELSE
            FOR i IN 1 .. cardinality(e.methods) LOOP
                spot := readiness_place('method', e.methods[i]);
                IF spot IS NULL THEN r.unclear := true; ELSE r.methods := r.methods | (1 << spot); END IF;
            END LOOP;
        END IF;
    END LOOP;
    r.days[4] := newest;
    RETURN r;
END $$;
"""


UP = f"""
SET LOCAL ROLE {{prefix}}_owner;
{COLUMNS}
ALTER TABLE worker_dbs_check ADD CONSTRAINT worker_dbs_check_news_stays
    CHECK (withdrawn_at IS NULL OR outcome = 'clear' AND source = 'seen');
RESET ROLE;
{readiness(" AND c.withdrawn_at IS NULL")}
"""

# Without these columns what was withdrawn would count again.
DOWN = f"""
DELETE FROM worker_dbs_check WHERE withdrawn_at IS NOT NULL;
DELETE FROM worker_check WHERE withdrawn_at IS NOT NULL;
{readiness("")}
SET LOCAL ROLE {{prefix}}_owner;
ALTER TABLE worker_dbs_check DROP CONSTRAINT worker_dbs_check_news_stays;
""" + "\n".join(
    f"ALTER TABLE {table} DROP COLUMN withdrawn_at, DROP COLUMN withdrawn_by_name, DROP COLUMN withdrawn_reason;"
    for table in TABLES
)


async def forwards():
    return sql_migration(ID, "Checks withdrawn", UP, DOWN)
