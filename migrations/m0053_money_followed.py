"""Money that comes back after it had arrived, what is tried in turn, and how far Stripe's events are known for sure."""

from marketplace.platform.migrate import sql_migration

ID = "m0053_money_followed"

SAFE = "SECURITY DEFINER SET search_path = public, pg_temp"
FUNCTIONS = "stripe_events_known(), stripe_events_known_until(timestamptz), refund_place(text)"
REFUND = "'state', 'stripe_id', 'tries', 'failure', 'sent_at', 'arrived_at', 'told_at', 'settled_on', 'settled_by', 'settled_reference', 'approved_by'"
PAYOUT = "'state', 'way', 'stripe_id', 'tries', 'failure', 'sent_at', 'paid_at', 'settled_on', 'settled_by', 'settled_reference', 'approved_by'"


def _kept(table: str, changing: str, final: str, says: str) -> str:
    return f"""
CREATE OR REPLACE FUNCTION {table}_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (to_jsonb(OLD) - ARRAY[{changing}]) <> (to_jsonb(NEW) - ARRAY[{changing}]){final}
    THEN RAISE EXCEPTION '{says}' USING ERRCODE = 'check_violation'; END IF;
    RETURN NEW;
END $$;"""


# What has arrived stays so, but where the card's bank sends it back later.
RETURNED = """
       OR NEW.returns <> OLD.returns + (OLD.state = 'arrived')::int
       OR OLD.state = 'arrived' AND (NEW.state <> 'failed' OR OLD.way <> 'card' OR OLD.settled_on IS NOT NULL)"""

UP = f"""
SET LOCAL ROLE {{prefix}}_owner;
-- `returns`: how often its money had arrived and came back; `tried_at`: when it was last tried or asked after.
ALTER TABLE refund ADD COLUMN returns int NOT NULL DEFAULT 0 CHECK (returns >= 0), ADD COLUMN tried_at timestamptz;
ALTER TABLE payout ADD COLUMN tried_at timestamptz;
{_kept("refund", f"{REFUND}, 'returns', 'tried_at'", RETURNED, "a refund is kept as it was owed")}
{_kept("payout", f"{PAYOUT}, 'tried_at'", "", "a payout is kept as it was owed")}
-- One row: every event Stripe made before this moment is known, since it was asked for all of them.
CREATE TABLE stripe_events_asked (
    id int PRIMARY KEY CHECK (id = 1), known_until timestamptz NOT NULL
);
ALTER TABLE stripe_events_asked ENABLE ROW LEVEL SECURITY;
ALTER TABLE stripe_events_asked FORCE ROW LEVEL SECURITY;
RESET ROLE;
CREATE FUNCTION stripe_events_known() RETURNS timestamptz LANGUAGE sql STABLE {SAFE} AS $$ SELECT known_until FROM stripe_events_asked $$;
CREATE FUNCTION stripe_events_known_until(moment timestamptz) RETURNS void LANGUAGE sql VOLATILE {SAFE} AS $$
    INSERT INTO stripe_events_asked (id, known_until) VALUES (1, moment)
    ON CONFLICT (id) DO UPDATE SET known_until = greatest(stripe_events_asked.known_until, moment)
$$;
-- Whose a refund at Stripe is.
CREATE FUNCTION refund_place(of_stripe text) RETURNS TABLE (commissioner_id uuid, id uuid) LANGUAGE sql STABLE {SAFE} AS $$
    SELECT r.commissioner_id, r.id FROM refund r WHERE r.stripe_id = of_stripe
$$;
GRANT SELECT ON stripe_events_asked TO {{prefix}}_backup;
REVOKE EXECUTE ON FUNCTION {FUNCTIONS} FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {FUNCTIONS} TO {{prefix}}_owner, {{prefix}}_app, {{prefix}}_worker;
"""

DOWN = f"""
DROP FUNCTION {FUNCTIONS};
DROP TABLE stripe_events_asked;
{_kept("refund", REFUND, " OR OLD.state = 'arrived'", "a refund is kept as it was owed")}
{_kept("payout", PAYOUT, "", "a payout is kept as it was owed")}
ALTER TABLE refund DROP COLUMN returns, DROP COLUMN tried_at;
ALTER TABLE payout DROP COLUMN tried_at;
"""


async def forwards():
    return sql_migration(ID, "Money is followed to its end", UP, DOWN)
