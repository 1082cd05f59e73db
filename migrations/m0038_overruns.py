"""How long a visit was approved to last: more than that is asked about again, and an invoice keeps what it was judged by.

Where longer time was approved before this, a visit that took place keeps the length it was recorded with; one still to
come keeps its planned length, and its referrer is asked once it lasts longer.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0038_overruns"

UP = """
SET LOCAL ROLE {prefix}_owner;
ALTER TABLE visit ADD COLUMN overrun_approved_minutes int CHECK (overrun_approved_minutes > 0);  -- the whole visit's
ALTER TABLE invoice_line ADD COLUMN overrun_minutes int;  -- what was approved when the invoice was judged; null: nothing
RESET ROLE;
UPDATE visit SET overrun_approved_minutes =
    greatest(1, floor(extract(epoch FROM coalesce(actual_end - actual_start, planned_end - planned_start)) / 60))::int
WHERE overrun_approved_at IS NOT NULL;
UPDATE invoice_line l SET overrun_minutes = v.overrun_approved_minutes FROM visit v, invoice i
WHERE v.commissioner_id = l.visit_commissioner_id AND v.id = l.visit_id AND i.commissioner_id = l.commissioner_id
    AND i.id = l.invoice_id AND v.overrun_approved_at <= i.received_at;
SET LOCAL ROLE {prefix}_owner;
ALTER TABLE visit ADD CONSTRAINT visit_overrun_bounded CHECK ((overrun_approved_at IS NULL) = (overrun_approved_minutes IS NULL));
RESET ROLE;

-- The standing invoice that pays for a visit of the acting commissioner, whoever of its payers received it.
CREATE FUNCTION visit_paid_by(tenant uuid, visit uuid) RETURNS TABLE (number int, state text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT i.number, i.state FROM invoice_line l
    JOIN invoice i ON i.commissioner_id = l.commissioner_id AND i.id = l.invoice_id
    WHERE tenant = app_commissioner() AND l.visit_commissioner_id = tenant AND l.visit_id = visit AND l.counts
        AND l.payable_pence > 0 AND i.state <> 'returned'
    ORDER BY i.state = 'submitted', i.number LIMIT 1 $$;
REVOKE EXECUTE ON FUNCTION visit_paid_by(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION visit_paid_by(uuid, uuid) TO {prefix}_app, {prefix}_worker, {prefix}_owner;
"""

DOWN = """
DROP FUNCTION visit_paid_by(uuid, uuid);
ALTER TABLE invoice_line DROP COLUMN overrun_minutes;
ALTER TABLE visit DROP COLUMN overrun_approved_minutes;
"""


async def forwards():
    return sql_migration(ID, "The length of an approved overrun", UP, DOWN)
