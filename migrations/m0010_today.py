"""Today, the sweeps' list of tenants, the demo's moved clock and mailbox, what the operator may count.

The functions run as the migrator, which row-level security does not bind: each says who may call it, and answers
nothing of a case. The demo's ones refuse wherever no `demo_clock` row stands, and only the demo's loader lays that row.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0010_today"

UP = """
SET LOCAL ROLE {prefix}_owner;
-- When somebody last opened Today, and the time before: what is newer than that is marked as new.
CREATE TABLE today_seen (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    person_id uuid NOT NULL REFERENCES person, place uuid NOT NULL,      -- the organisation, or zeros for oneself
    seen_at timestamptz NOT NULL, seen_before_at timestamptz,
    UNIQUE (person_id, place)
);
ALTER TABLE today_seen ENABLE ROW LEVEL SECURITY;
ALTER TABLE today_seen FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON today_seen FOR ALL TO {prefix}_app, {prefix}_worker USING (person_id = app_person()) WITH CHECK (person_id = app_person());
GRANT SELECT, INSERT, UPDATE ON today_seen TO {prefix}_app, {prefix}_worker;
RESET ROLE;
GRANT SELECT ON today_seen TO {prefix}_backup;

-- Which tenants have a duty to look at: names nothing but ids. The worker process only.
CREATE FUNCTION tenants_with_duties_due(moment timestamptz) RETURNS TABLE (id uuid, kind text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT o.id, o.kind FROM organisation o WHERE o.id IN
        (SELECT coalesce(owed_by_organisation, commissioner_id) FROM obligation WHERE next_check_at <= moment) ORDER BY o.id $$;

CREATE FUNCTION is_operator() RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (SELECT 1 FROM membership WHERE person_id = app_person() AND organisation_id = app_organisation()
        AND role = 'operator' AND (ended_at IS NULL OR ended_at > now())) $$;
CREATE FUNCTION refuse_outside_demo() RETURNS void LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM demo_clock) THEN
        RAISE EXCEPTION 'only in the demo' USING ERRCODE = 'insufficient_privilege'; END IF;
    IF NOT is_operator() THEN
        RAISE EXCEPTION 'only for an operator' USING ERRCODE = 'insufficient_privilege'; END IF;
END $$;
-- Forward only, and only from where the caller last saw it: a form sent twice moves it once.
CREATE FUNCTION move_demo_clock(ahead interval, seen interval) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM refuse_outside_demo();
    IF ahead <= '0' THEN RAISE EXCEPTION 'time goes forward only' USING ERRCODE = 'check_violation'; END IF;
    UPDATE demo_clock SET moved_by = moved_by + ahead WHERE seen IS NULL OR moved_by = seen;
    RETURN FOUND;
END $$;
CREATE FUNCTION next_demo_deadline() RETURNS timestamptz
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM refuse_outside_demo();
    RETURN (SELECT min(due_at) FROM obligation WHERE met_at IS NULL AND cancelled_at IS NULL AND due_at > app_now());
END $$;
-- Kinds of duties and how many: no reference, no organisation.
CREATE FUNCTION demo_fell_due(since timestamptz, until timestamptz) RETURNS TABLE (title text, due_at timestamptz, duties bigint, met bigint)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM refuse_outside_demo();
    RETURN QUERY SELECT o.title, o.due_at, count(*), count(o.met_at) FROM obligation o
        WHERE o.due_at > since AND o.due_at <= until AND o.cancelled_at IS NULL
        GROUP BY o.title, o.due_at ORDER BY o.due_at, o.title LIMIT 200;
END $$;
CREATE FUNCTION demo_mailbox(wanted uuid, most int) RETURNS SETOF mail_message
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM refuse_outside_demo();
    RETURN QUERY SELECT * FROM mail_message WHERE wanted IS NULL OR id = wanted ORDER BY created_at DESC, id LIMIT most;
END $$;
CREATE FUNCTION mail_counts() RETURNS TABLE (waiting bigint, troubled bigint, sent bigint, oldest_waiting timestamptz)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT is_operator() THEN
        RAISE EXCEPTION 'only for an operator' USING ERRCODE = 'insufficient_privilege'; END IF;
    RETURN QUERY SELECT count(*) FILTER (WHERE sent_at IS NULL), count(*) FILTER (WHERE sent_at IS NULL AND failures > 0),
        count(sent_at), min(created_at) FILTER (WHERE sent_at IS NULL) FROM mail_message;
END $$;
REVOKE EXECUTE ON FUNCTION tenants_with_duties_due(timestamptz), is_operator(), refuse_outside_demo(), move_demo_clock(interval, interval),
    next_demo_deadline(), demo_fell_due(timestamptz, timestamptz), demo_mailbox(uuid, int), mail_counts() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION is_operator(), refuse_outside_demo(), move_demo_clock(interval, interval), next_demo_deadline(),
    demo_fell_due(timestamptz, timestamptz), demo_mailbox(uuid, int), mail_counts() TO {prefix}_app;
GRANT EXECUTE ON FUNCTION tenants_with_duties_due(timestamptz) TO {prefix}_worker;
"""

DOWN = """
DROP FUNCTION mail_counts(), demo_mailbox(uuid, int), demo_fell_due(timestamptz, timestamptz), next_demo_deadline(),
    move_demo_clock(interval, interval), refuse_outside_demo(), is_operator(), tenants_with_duties_due(timestamptz);
DROP TABLE today_seen;
"""


async def forwards():
    return sql_migration(ID, "Today, the demo's clock, what the operator may count", UP, DOWN)
