"""One row of dated facts per worker, for searches over many: kept right by the database in the transaction of a change.

The row holds days of what was done, never until when it counts: that is policy, and adding months has no inverse. Each
kind of fact has a place of its own in `days` (numbers since 1 January 2000), handed out in `readiness_item`. What the
row cannot say for certain in days alone makes it `unclear`, and whoever searches judges that worker by the facts.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0019_readiness"

UP = """
SET LOCAL ROLE {prefix}_owner;
-- The places: 1 DBS check, 2 registration until, 3 last day of work, 4 the newest day of anything done; then one of each
-- competency, two of each other check (done, until). Methods have their own numbers: a bit each.
CREATE TABLE readiness_item (
    kind text NOT NULL CHECK (kind IN ('competency', 'check', 'until', 'method')), code text NOT NULL, place smallint NOT NULL,
    PRIMARY KEY (kind, code)
);
CREATE UNIQUE INDEX readiness_item_place ON readiness_item ((kind = 'method'), place);
CREATE TABLE worker_readiness (
    provider_id uuid NOT NULL, worker_id uuid NOT NULL,
    role text NOT NULL, stood_down boolean NOT NULL, drives boolean NOT NULL,
    unclear boolean NOT NULL,                               -- days alone do not settle it: look at the facts
    signs_own boolean NOT NULL,                             -- there is a sign-off by the worker's own word: rules differ
    methods int NOT NULL, days smallint[] NOT NULL,
    PRIMARY KEY (provider_id, worker_id) INCLUDE (role, stood_down, drives, unclear, signs_own, methods, days),
    FOREIGN KEY (provider_id, worker_id) REFERENCES worker
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);
ALTER TABLE readiness_item ENABLE ROW LEVEL SECURITY;
ALTER TABLE readiness_item FORCE ROW LEVEL SECURITY;
CREATE POLICY anybody_signed_in ON readiness_item FOR SELECT TO {prefix}_app, {prefix}_worker USING ((SELECT app_person()) IS NOT NULL);
GRANT SELECT ON readiness_item TO {prefix}_app, {prefix}_worker;
ALTER TABLE worker_readiness ENABLE ROW LEVEL SECURITY;
ALTER TABLE worker_readiness FORCE ROW LEVEL SECURITY;
-- In brackets of their own the settings are asked once, not once a row.
CREATE POLICY own ON worker_readiness FOR SELECT TO {prefix}_app, {prefix}_worker USING (provider_id = (SELECT app_organisation()));
CREATE POLICY framework ON worker_readiness FOR SELECT TO {prefix}_app, {prefix}_worker USING (provider_id IN (SELECT * FROM my_evidence_providers()));
GRANT SELECT ON worker_readiness TO {prefix}_app, {prefix}_worker;
RESET ROLE;
GRANT SELECT ON readiness_item, worker_readiness TO {prefix}_backup;

-- A day as a number that fits: what lies outside 1910 to 2089 becomes the first or last number, no day the one below.
CREATE FUNCTION readiness_day(day date) RETURNS smallint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (CASE WHEN day IS NULL THEN -32768 WHEN day < '1911-01-01' THEN -32767 WHEN day > '2089-01-01' THEN 32767
        ELSE day - date '2000-01-01' END)::smallint $$;
-- Whether a text reads the same to every program that trims it: it begins and ends with a letter, digit or plain sign.
CREATE FUNCTION readiness_plain(said text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT btrim(said) ~ '^[!-~[:alnum:]]' AND btrim(said) ~ '[!-~[:alnum:]]$' $$;
-- The place of a code, handed out at its first use; none when all are taken (rows with such a code are unclear).
CREATE FUNCTION readiness_place(of_kind text, of_code text) RETURNS smallint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE found smallint; bits constant boolean := of_kind = 'method';
BEGIN
    SELECT i.place INTO found FROM readiness_item i WHERE i.kind = of_kind AND i.code = of_code;
    IF found IS NOT NULL THEN RETURN found; END IF;
    PERFORM pg_advisory_xact_lock(hashtext('readiness_item'));
    SELECT i.place INTO found FROM readiness_item i WHERE i.kind = of_kind AND i.code = of_code;
    IF found IS NOT NULL THEN RETURN found; END IF;
    SELECT coalesce(max(i.place) + 1, CASE WHEN bits THEN 0 ELSE 5 END) INTO found FROM readiness_item i WHERE (i.kind = 'method') = bits;
    IF found > (CASE WHEN bits THEN 30 ELSE 600 END) THEN RETURN NULL; END IF;
    INSERT INTO readiness_item VALUES (of_kind, of_code, found);
    RETURN found;
END $$;
-- The facts of one worker as its row; what counts is what providers/facts.py gives to the rules.
CREATE FUNCTION readiness_of(w worker) RETURNS worker_readiness
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE r worker_readiness; e record; spot smallint; dbs date; newest smallint := -32768; nowhere constant smallint := -32768;
BEGIN
    r.provider_id := w.provider_id; r.worker_id := w.id; r.role := w.role; r.drives := w.drives_children;
    r.stood_down := w.stood_down_at IS NOT NULL; r.methods := 0; r.signs_own := false;
    r.unclear := NOT readiness_plain(w.name) OR (w.profile_consent_at IS NOT NULL AND w.profile <> '' AND NOT readiness_plain(w.profile));
    r.days := array_fill(nowhere, ARRAY[(SELECT coalesce(max(i.place), 4)::int FROM readiness_item i WHERE i.kind <> 'method')]);
    -- the newest look counts, and of one day's the one with news
    SELECT CASE WHEN c.outcome = 'clear' THEN c.checked_on END INTO dbs FROM worker_dbs_check c
        WHERE c.provider_id = w.provider_id AND c.worker_id = w.id
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
            FROM worker_check c WHERE c.provider_id = w.provider_id AND c.worker_id = w.id
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
-- Writes the rows of these workers anew. They are held first, so that of two changes at once the later sees the earlier.
CREATE FUNCTION readiness_refresh(providers uuid[], workers uuid[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM 1 FROM worker_readiness r JOIN unnest(providers, workers) AS u (provider_id, worker_id) USING (provider_id, worker_id)
        ORDER BY r.provider_id, r.worker_id FOR UPDATE OF r;
    INSERT INTO worker_readiness
    SELECT (made.row).* FROM (SELECT readiness_of(w) AS row FROM worker w
        JOIN unnest(providers, workers) AS u (provider_id, id) USING (provider_id, id) OFFSET 0) made
    ON CONFLICT (provider_id, worker_id) DO UPDATE SET role = excluded.role, stood_down = excluded.stood_down,
        drives = excluded.drives, unclear = excluded.unclear, signs_own = excluded.signs_own, methods = excluded.methods, days = excluded.days;
END $$;
CREATE FUNCTION readiness_follows() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE providers uuid[]; workers uuid[];
BEGIN
    IF TG_TABLE_NAME = 'worker' THEN
        SELECT array_agg(c.provider_id), array_agg(c.id) INTO providers, workers FROM changed c;
    ELSE
        SELECT array_agg(c.provider_id), array_agg(c.worker_id) INTO providers, workers
            FROM (SELECT DISTINCT provider_id, worker_id FROM changed) c;
    END IF;
    IF providers IS NOT NULL THEN PERFORM readiness_refresh(providers, workers); END IF;
    RETURN NULL;
END $$;
"""

FED_BY = ("worker", "worker_dbs_check", "worker_competency", "worker_check")
TRIGGERS = "\n".join(
    f"CREATE TRIGGER {table}_readiness_{event.lower()} AFTER {event} ON {table} REFERENCING {rows} TABLE AS changed"
    " FOR EACH STATEMENT EXECUTE FUNCTION readiness_follows();"
    for table in FED_BY
    for event, rows in (("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD"))
    if (table, event) != ("worker", "DELETE")
)
# Records are not moved from one worker to another: the old row of an update names the same worker.
FIXED = """
CREATE FUNCTION stays_with_its_worker() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'a record stays with its worker' USING ERRCODE = 'check_violation'; END $$;
""" + "\n".join(
    f"CREATE TRIGGER {table}_stays BEFORE UPDATE ON {table} FOR EACH ROW"
    " WHEN ((OLD.provider_id, OLD.worker_id) IS DISTINCT FROM (NEW.provider_id, NEW.worker_id))"
    " EXECUTE FUNCTION stays_with_its_worker();"
    for table in FED_BY[1:]
)
FILL = """
SELECT readiness_refresh(array_agg(provider_id), array_agg(id)) FROM worker HAVING count(*) > 0;
REVOKE EXECUTE ON FUNCTION readiness_day(date), readiness_plain(text), readiness_place(text, text), readiness_of(worker),
    readiness_refresh(uuid[], uuid[]), readiness_follows(), stays_with_its_worker() FROM PUBLIC;
"""

DOWN = (
    "\n".join(
        f"DROP TRIGGER {table}_readiness_{event} ON {table};"
        for table in FED_BY
        for event in ("insert", "update", "delete")
        if (table, event) != ("worker", "delete")
    )
    + "\n".join(f"DROP TRIGGER {table}_stays ON {table};" for table in FED_BY[1:])
    + """
DROP FUNCTION stays_with_its_worker(), readiness_follows(), readiness_refresh(uuid[], uuid[]), readiness_of(worker),
    readiness_place(text, text), readiness_plain(text), readiness_day(date);
DROP TABLE worker_readiness, readiness_item;
"""
)


async def forwards():
    return sql_migration(ID, "Readiness, a row of days for each worker", UP + TRIGGERS + FIXED + FILL, DOWN)
