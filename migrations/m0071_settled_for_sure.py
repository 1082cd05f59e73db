"""A bought visit that changes while its money comes is settled: the two wait for each other.

Each saw the other's row as it was before, where both were under way at once, and neither put the visit down. Whoever
changes a visit or ends a package holds the purchases of it from here on, and reads how they stand in a statement after
that: a payment under way is waited for, and one that comes later waits and sees what has become of the visit.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0071_settled_for_sure"

HEAD = "RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$"
PUT_DOWN = """INSERT INTO purchase_settling (commissioner_id, visit_id, provider_id, child_id, purchase_id, since)
    SELECT l.commissioner_id, l.visit_id, l.provider_id, l.child_id, l.purchase_id, app_now() FROM purchase_visit l
    JOIN purchase p ON p.commissioner_id = l.commissioner_id AND p.id = l.purchase_id"""
# a sister's visit that shares the worker's time may have waited for this one
SHARED = """SELECT o.visit_id FROM visit_worker w JOIN visit_worker o ON o.provider_id = w.provider_id AND o.booking_id = w.booking_id
          WHERE w.commissioner_id = NEW.commissioner_id AND w.visit_id = NEW.id AND o.commissioner_id = NEW.commissioner_id"""


def held(which: str) -> str:
    """Purchases held against a change of their state, also those given up: late money may bring them back."""
    return (
        f"PERFORM 1 FROM purchase p WHERE p.commissioner_id = NEW.commissioner_id AND {which} ORDER BY p.id FOR SHARE;"
    )


def of_visits(visits: str) -> str:
    """Purchases with one of these visits (an array) among their lines."""
    return (
        "p.id IN (SELECT l.purchase_id FROM purchase_visit l WHERE l.commissioner_id = NEW.commissioner_id"
        f" AND l.visit_id = ANY ({visits}))"
    )


UP = f"""
CREATE INDEX purchase_visit_visit ON purchase_visit (commissioner_id, visit_id);
CREATE OR REPLACE FUNCTION visit_to_settle() {HEAD}
DECLARE these uuid[] := NEW.id || ARRAY({SHARED});
BEGIN
    {held(of_visits("these"))}
    {PUT_DOWN}
    WHERE l.commissioner_id = NEW.commissioner_id AND l.visit_id = ANY (these) AND l.counts AND p.state = 'paid';
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION worker_to_settle() {HEAD}
BEGIN
    {held(of_visits("ARRAY[NEW.visit_id]"))}
    {PUT_DOWN}
    WHERE l.commissioner_id = NEW.commissioner_id AND l.visit_id = NEW.visit_id AND l.counts AND p.state = 'paid';
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION package_to_settle() {HEAD}
BEGIN
    {held("p.package_id = NEW.id")}
    {PUT_DOWN} AND p.package_id = NEW.id
    JOIN visit v ON v.commissioner_id = l.commissioner_id AND v.id = l.visit_id
    WHERE l.commissioner_id = NEW.commissioner_id AND l.counts AND p.state = 'paid' AND v.outcome IS NULL;
    RETURN NULL;
END $$;
"""

# as m0043 has them
DOWN = f"""
CREATE OR REPLACE FUNCTION visit_to_settle() {HEAD}
BEGIN
    {PUT_DOWN}
    WHERE l.commissioner_id = NEW.commissioner_id AND l.counts AND p.state = 'paid'
      -- a sister's visit that shares the worker's time may have waited for this one
      AND (l.visit_id = NEW.id OR l.visit_id IN ({SHARED}));
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION worker_to_settle() {HEAD}
BEGIN
    {PUT_DOWN}
    WHERE l.commissioner_id = NEW.commissioner_id AND l.visit_id = NEW.visit_id AND l.counts AND p.state = 'paid';
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION package_to_settle() {HEAD}
BEGIN
    {PUT_DOWN} AND p.package_id = NEW.id
    JOIN visit v ON v.commissioner_id = l.commissioner_id AND v.id = l.visit_id
    WHERE l.commissioner_id = NEW.commissioner_id AND l.counts AND p.state = 'paid' AND v.outcome IS NULL;
    RETURN NULL;
END $$;
DROP INDEX purchase_visit_visit;
"""


async def forwards():
    return sql_migration(ID, "Bought visits that change while they are paid", UP, DOWN)
