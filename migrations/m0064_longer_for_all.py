"""Longer time approved once one payer is billed the visit is a line of its own to every payer, in the same steps.

Largest remainders may take a penny back from one of three payers as a price grows. A payer billed the whole later, and
another billed step by step, would then not make the whole together; all of them in the same steps do.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0064_longer_for_all"

HEAD = """CREATE OR REPLACE FUNCTION bill_longer(tenant uuid, subject uuid, approved int, by_person uuid) RETURNS int
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE made int;
BEGIN
    INSERT INTO other_line (commissioner_id, framework_id, provider_id, day, units, cost_pence, says, added_by, added_at,
        longer_commissioner_id, longer_visit_id, longer_from, longer_to)"""
TIMES = """CROSS JOIN LATERAL (SELECT floor(extract(epoch FROM v.actual_end - v.actual_start) / 60)::int AS lasted,
        floor(extract(epoch FROM v.planned_end - v.planned_start) / 60)::int AS planned) t"""
TAIL = """AND approved > coalesce(f.billed, 0) AND least(approved, t.lasted) > least(greatest(f.billed, t.planned), t.lasted);
    GET DIAGNOSTICS made = ROW_COUNT;
    RETURN made;
END $$;"""

UP = f"""
{HEAD}
    SELECT p.payer_id, v.framework_id, v.provider_id, (app_now() AT TIME ZONE 'Europe/London')::date,
        least(approved, t.lasted) - least(greatest(f.billed, t.planned), t.lasted), 0,
        coalesce('Approved after invoice ' || b.number || ' was accepted', 'Approved after the visit was invoiced to another payer'),
        by_person, app_now(), tenant, subject, f.billed, approved
    FROM visit v
    {TIMES}
    JOIN package_funding p ON p.commissioner_id = tenant AND p.package_id = v.package_id
        AND p.starts_on <= (v.planned_start AT TIME ZONE 'Europe/London')::date
        AND (p.ends_on IS NULL OR p.ends_on >= (v.planned_start AT TIME ZONE 'Europe/London')::date)
    LEFT JOIN LATERAL (SELECT * FROM visit_bills(tenant, subject) each WHERE each.payer_id = p.payer_id) b ON true
    -- from what this payer was billed, or will be by its lines; a payer that was not billed at all begins where the others stand
    CROSS JOIN LATERAL (SELECT coalesce(max(m) FILTER (WHERE own), CASE WHEN NOT coalesce(bool_or(own), false) THEN max(m) END) AS billed FROM (
        SELECT o.minutes AS m, o.payer_id = p.payer_id AS own FROM visit_bills(tenant, subject) o
        UNION ALL SELECT l.longer_to, l.commissioner_id = p.payer_id FROM other_line l
        WHERE l.longer_commissioner_id = tenant AND l.longer_visit_id = subject AND l.withdrawn_at IS NULL) before) f
    WHERE tenant = app_commissioner() AND v.commissioner_id = tenant AND v.id = subject AND b.state IS DISTINCT FROM 'submitted'
        AND EXISTS (SELECT FROM visit_bills(tenant, subject)) {TAIL}
"""

DOWN = f"""
{HEAD}
    SELECT b.payer_id, v.framework_id, v.provider_id, (app_now() AT TIME ZONE 'Europe/London')::date,
        least(approved, t.lasted) - least(greatest(f.billed, t.planned), t.lasted), 0,
        'Approved after invoice ' || b.number || ' was accepted', by_person, app_now(), tenant, subject, f.billed, approved
    FROM visit v
    {TIMES}
    CROSS JOIN visit_bills(tenant, subject) b
    CROSS JOIN LATERAL (SELECT max(m) AS billed FROM (SELECT b.minutes AS m UNION ALL SELECT l.longer_to FROM other_line l
        WHERE l.commissioner_id = b.payer_id AND l.longer_commissioner_id = tenant AND l.longer_visit_id = subject AND l.withdrawn_at IS NULL) before) f
    WHERE tenant = app_commissioner() AND v.commissioner_id = tenant AND v.id = subject AND b.state <> 'submitted'
        {TAIL}
"""


async def forwards():
    return sql_migration(ID, "Longer time in the same steps to every payer", UP, DOWN)
