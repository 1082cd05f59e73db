"""What a million prices ask of each visit and each rate card, kept where it is read: who was there, and what an hour costs.

A visit knows how many workers it has, whether all of them signed, and whether their names and times need looking at one
by one. A rate card knows its rates as a sheet: every activity by every band. Statement triggers keep both in the
transaction of the change; the row is held first, so that of two changes at once the later counts the earlier.
"""

from marketplace.platform.migrate import sql_migration
from migrations.m0026_timesheets import CORRECTED, RECORD_CHANGES

ID = "m0048_kept_for_drafts"

# Signatures that count for the text as it is now. It was done before the row of the visit changed; the count of those who
# signed stands on that row, so it is done after.
SIGNED_ANEW = """UPDATE visit_worker w SET signed_at = (SELECT min(s.signed_at) FROM signature s WHERE s.commissioner_id = OLD.commissioner_id
        AND s.subject_id = OLD.id AND s.side = 'worker' AND s.worker_id = w.worker_id AND s.text_hash = NEW.record_hash)
    WHERE w.commissioner_id = OLD.commissioner_id AND w.visit_id = OLD.id;
"""
BEFORE = RECORD_CHANGES % CORRECTED
assert SIGNED_ANEW in BEFORE

EVENTS = {"insert": ("INSERT", "NEW"), "update": ("UPDATE", "NEW"), "delete": ("DELETE", "OLD")}


def follows(table: str, function: str) -> str:
    """The function after every statement that changes the table, with the rows it changed."""
    return "\n".join(
        f"CREATE TRIGGER {table}_counted_{name} AFTER {event} ON {table} REFERENCING {rows} TABLE AS changed"
        f" FOR EACH STATEMENT EXECUTE FUNCTION {function};"
        for name, (event, rows) in EVENTS.items()
    )


UP = f"""
SET LOCAL ROLE {{prefix}}_owner;
-- kept by the database: how many workers, whether all signed, and whether nothing about them is for the rule itself
ALTER TABLE visit ADD COLUMN hands int NOT NULL DEFAULT 0, ADD COLUMN hands_signed boolean NOT NULL DEFAULT true,
    ADD COLUMN hands_plain boolean NOT NULL DEFAULT true;
-- kept by the database: its rates, every activity's by all bands in turn; null where it has none
ALTER TABLE rate_card ADD COLUMN sheet_activities text[] NOT NULL DEFAULT '{{}}', ADD COLUMN sheet_bands text[] NOT NULL DEFAULT '{{}}',
    ADD COLUMN sheet_pence int[] NOT NULL DEFAULT '{{}}';
RESET ROLE;

-- Plain: the time is not shared with another visit, and the name is not blank to anybody: its first letter is a plain
-- sign, or Latin with marks. All else the rule looks at itself.
CREATE FUNCTION count_visit_workers(tenants uuid[], visits uuid[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM 1 FROM visit v JOIN unnest(tenants, visits) AS u (commissioner_id, id) USING (commissioner_id, id)
        ORDER BY v.commissioner_id, v.id FOR NO KEY UPDATE OF v;
    UPDATE visit v SET hands = n.hands, hands_signed = n.signed, hands_plain = n.plain
    FROM (SELECT u.commissioner_id, u.id, count(w.worker_id)::int AS hands,
              coalesce(bool_and(w.signed_at IS NOT NULL) FILTER (WHERE w.worker_id IS NOT NULL), true) AS signed,
              coalesce(bool_and(NOT w.time_shared AND (ascii(w.printed_name) BETWEEN 33 AND 126 OR ascii(w.printed_name) BETWEEN 192 AND 591))
                  FILTER (WHERE w.worker_id IS NOT NULL), true) AS plain
          FROM unnest(tenants, visits) AS u (commissioner_id, id)
          LEFT JOIN visit_worker w ON w.commissioner_id = u.commissioner_id AND w.visit_id = u.id GROUP BY 1, 2) n
    WHERE v.commissioner_id = n.commissioner_id AND v.id = n.id
        AND (v.hands, v.hands_signed, v.hands_plain) IS DISTINCT FROM (n.hands, n.signed, n.plain);
END $$;
CREATE FUNCTION visit_workers_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE tenants uuid[]; visits uuid[];
BEGIN
    SELECT array_agg(c.commissioner_id), array_agg(c.visit_id) INTO tenants, visits FROM (SELECT DISTINCT commissioner_id, visit_id FROM changed) c;
    IF visits IS NOT NULL THEN PERFORM count_visit_workers(tenants, visits); END IF;
    RETURN NULL;
END $$;
{BEFORE.replace(SIGNED_ANEW, "")}
CREATE FUNCTION visit_record_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    {SIGNED_ANEW}    RETURN NULL;
END $$;
CREATE FUNCTION write_rate_sheets(frameworks uuid[], cards uuid[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM 1 FROM rate_card c JOIN unnest(frameworks, cards) AS u (framework_id, id) USING (framework_id, id)
        ORDER BY c.framework_id, c.id FOR NO KEY UPDATE OF c;
    UPDATE rate_card c SET sheet_activities = s.activities, sheet_bands = s.bands,
        sheet_pence = ARRAY(SELECT r.pence_per_hour FROM unnest(s.activities) WITH ORDINALITY AS a (activity, i)
            CROSS JOIN unnest(s.bands) WITH ORDINALITY AS b (band, j) LEFT JOIN rate r ON r.framework_id = s.framework_id
            AND r.rate_card_id = s.id AND r.activity = a.activity AND r.band = b.band ORDER BY a.i, b.j)
    FROM (SELECT u.framework_id, u.id, coalesce(array_agg(DISTINCT r.activity) FILTER (WHERE r.activity IS NOT NULL), '{{}}') AS activities,
              coalesce(array_agg(DISTINCT r.band) FILTER (WHERE r.band IS NOT NULL), '{{}}') AS bands
          FROM unnest(frameworks, cards) AS u (framework_id, id)
          LEFT JOIN rate r ON r.framework_id = u.framework_id AND r.rate_card_id = u.id GROUP BY 1, 2) s
    WHERE c.framework_id = s.framework_id AND c.id = s.id;
END $$;
CREATE FUNCTION rates_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE frameworks uuid[]; cards uuid[];
BEGIN
    SELECT array_agg(c.framework_id), array_agg(c.rate_card_id) INTO frameworks, cards FROM (SELECT DISTINCT framework_id, rate_card_id FROM changed) c;
    IF cards IS NOT NULL THEN PERFORM write_rate_sheets(frameworks, cards); END IF;
    RETURN NULL;
END $$;
REVOKE EXECUTE ON FUNCTION count_visit_workers(uuid[], uuid[]), visit_workers_change(), visit_record_changed(),
    write_rate_sheets(uuid[], uuid[]), rates_change() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION visit_workers_change(), visit_record_changed(), rates_change() TO {{prefix}}_owner;

SELECT count_visit_workers(array_agg(commissioner_id), array_agg(visit_id)) FROM (SELECT DISTINCT commissioner_id, visit_id FROM visit_worker) w
    HAVING count(*) > 0;
SELECT write_rate_sheets(array_agg(framework_id), array_agg(id)) FROM rate_card HAVING count(*) > 0;
SET LOCAL ROLE {{prefix}}_owner;
CREATE TRIGGER visit_record_changed AFTER UPDATE OF record_hash ON visit FOR EACH ROW
    WHEN (OLD.record_hash IS DISTINCT FROM NEW.record_hash) EXECUTE FUNCTION visit_record_changed();
{follows("visit_worker", "visit_workers_change()")}
{follows("rate", "rates_change()")}
"""

DOWN = f"""
{" ".join(f"DROP TRIGGER {table}_counted_{event} ON {table};" for table in ("visit_worker", "rate") for event in EVENTS)}
DROP TRIGGER visit_record_changed ON visit;
DROP FUNCTION rates_change(), write_rate_sheets(uuid[], uuid[]), visit_record_changed(), visit_workers_change(), count_visit_workers(uuid[], uuid[]);
{BEFORE}
ALTER TABLE rate_card DROP COLUMN sheet_activities, DROP COLUMN sheet_bands, DROP COLUMN sheet_pence;
ALTER TABLE visit DROP COLUMN hands, DROP COLUMN hands_signed, DROP COLUMN hands_plain;
"""


async def forwards():
    return sql_migration(ID, "What drafts ask of visits and rate cards", UP, DOWN)
