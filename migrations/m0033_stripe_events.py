"""What Stripe told us, once each: which object changed, never what is in it. Reached through these functions alone."""

from marketplace.platform.migrate import sql_migration

ID = "m0033_stripe_events"

FUNCTIONS = (
    "stripe_event_store(text, text, text, text, timestamptz, text), stripe_event_object(text), stripe_event_done(text, text),"
    " stripe_events_waiting(interval), stripe_events_newest()"
)
SAFE = "SECURITY DEFINER SET search_path = public, pg_temp"

UP = f"""
SET LOCAL ROLE {{prefix}}_owner;
CREATE TABLE stripe_event (
    id text PRIMARY KEY, type text NOT NULL, object_type text NOT NULL, object_id text NOT NULL,
    created_at timestamptz NOT NULL,                         -- at Stripe
    received_at timestamptz NOT NULL DEFAULT now(), came_by text NOT NULL CHECK (came_by IN ('webhook', 'asked')),
    done_at timestamptz, outcome text, CHECK ((done_at IS NULL) = (outcome IS NULL))
);
CREATE INDEX stripe_event_waiting ON stripe_event (received_at) WHERE done_at IS NULL;
CREATE INDEX stripe_event_created ON stripe_event (created_at);
ALTER TABLE stripe_event ENABLE ROW LEVEL SECURITY;
ALTER TABLE stripe_event FORCE ROW LEVEL SECURITY;
RESET ROLE;
-- True where it was not known before.
CREATE FUNCTION stripe_event_store(event text, kind text, what text, which text, at timestamptz, by text) RETURNS boolean LANGUAGE plpgsql VOLATILE {SAFE} AS $$
BEGIN
    INSERT INTO stripe_event (id, type, object_type, object_id, created_at, came_by) VALUES (event, kind, what, which, at, by) ON CONFLICT DO NOTHING;
    RETURN FOUND;
END $$;
-- Nothing where it was followed already.
CREATE FUNCTION stripe_event_object(event text) RETURNS TABLE (type text, object_type text, object_id text) LANGUAGE sql STABLE {SAFE} AS $$
    SELECT e.type, e.object_type, e.object_id FROM stripe_event e WHERE e.id = event AND e.done_at IS NULL
$$;
CREATE FUNCTION stripe_event_done(event text, how text) RETURNS void LANGUAGE sql VOLATILE {SAFE} AS $$
    UPDATE stripe_event SET done_at = now(), outcome = how WHERE id = event AND done_at IS NULL
$$;
CREATE FUNCTION stripe_events_waiting(longer interval) RETURNS TABLE (id text) LANGUAGE sql STABLE {SAFE} AS $$
    SELECT e.id FROM stripe_event e WHERE e.done_at IS NULL AND e.received_at < now() - longer ORDER BY e.received_at LIMIT 1000
$$;
CREATE FUNCTION stripe_events_newest() RETURNS timestamptz LANGUAGE sql STABLE {SAFE} AS $$ SELECT max(created_at) FROM stripe_event $$;
GRANT SELECT ON stripe_event TO {{prefix}}_backup;
REVOKE EXECUTE ON FUNCTION {FUNCTIONS} FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {FUNCTIONS} TO {{prefix}}_owner, {{prefix}}_app, {{prefix}}_worker;
"""

DOWN = f"""
DROP FUNCTION {FUNCTIONS};
DROP TABLE stripe_event;
"""


async def forwards():
    return sql_migration(ID, "Events of Stripe", UP, DOWN)
