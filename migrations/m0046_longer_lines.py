"""Longer time approved once the visit was billed and its invoice accepted: a line beside visits, billed once.

Nobody adds such a line by hand: the referrer's approval does, for each payer whose accepted invoice bills the visit without it.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0046_longer_lines"

APP = "TO {prefix}_app, {prefix}_worker"
FUNCTIONS = "visit_bills(uuid, uuid), bill_longer(uuid, uuid, int, uuid), longer_billed(uuid, uuid, int), withdraw_longer(uuid, uuid, int, uuid)"

UP = f"""
SET LOCAL ROLE {{prefix}}_owner;
ALTER TABLE other_line
    ALTER COLUMN agreement_id DROP NOT NULL, ALTER COLUMN package_id DROP NOT NULL, ALTER COLUMN evidence_id DROP NOT NULL,
    -- a visit may be another commissioner's, which shares its cost with the payer of the line
    ADD COLUMN longer_commissioner_id uuid, ADD COLUMN longer_visit_id uuid,
    ADD COLUMN longer_from int, ADD COLUMN longer_to int,  -- the whole visit's minutes: approved when it was billed, and since
    ADD FOREIGN KEY (longer_commissioner_id, longer_visit_id, provider_id) REFERENCES visit (commissioner_id, id, provider_id),
    ADD CONSTRAINT other_line_stands CHECK (CASE WHEN longer_visit_id IS NULL
        THEN agreement_id IS NOT NULL AND package_id IS NOT NULL AND evidence_id IS NOT NULL
            AND longer_commissioner_id IS NULL AND longer_from IS NULL AND longer_to IS NULL
        ELSE agreement_id IS NULL AND package_id IS NULL AND evidence_id IS NULL AND visit_id IS NULL
            AND longer_commissioner_id IS NOT NULL AND longer_to IS NOT NULL AND longer_to > coalesce(longer_from, 0) END);
CREATE UNIQUE INDEX other_line_longer ON other_line (commissioner_id, longer_visit_id, coalesce(longer_from, 0)) WHERE withdrawn_at IS NULL;
DROP POLICY provider ON other_line;
CREATE POLICY provider ON other_line FOR SELECT {APP} USING (provider_id = app_organisation());
CREATE POLICY provider_adds ON other_line FOR INSERT {APP} WITH CHECK (provider_id = app_organisation() AND longer_visit_id IS NULL);
CREATE POLICY provider_withdraws ON other_line FOR UPDATE {APP} USING (provider_id = app_organisation() AND longer_visit_id IS NULL)
    WITH CHECK (provider_id = app_organisation() AND longer_visit_id IS NULL);
RESET ROLE;

-- The standing invoices that pay for a visit of the acting commissioner, whoever of its payers received them.
CREATE FUNCTION visit_bills(tenant uuid, subject uuid) RETURNS TABLE (payer_id uuid, number int, state text, minutes int)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT l.commissioner_id, i.number, i.state, l.overrun_minutes FROM invoice_line l
    JOIN invoice i ON i.commissioner_id = l.commissioner_id AND i.id = l.invoice_id
    WHERE tenant = app_commissioner() AND l.visit_commissioner_id = tenant AND l.visit_id = subject AND l.counts
        AND l.payable_pence > 0 AND i.state <> 'returned'
    ORDER BY i.state <> 'submitted', i.number $$;
-- The number of a standing invoice that bills as many minutes of it, or more: as a visit, or as longer time.
CREATE FUNCTION longer_billed(tenant uuid, subject uuid, approved int) RETURNS int
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT min(number) FROM (
        SELECT number FROM visit_bills(tenant, subject) WHERE minutes >= approved
        UNION ALL SELECT n.number FROM other_line l
        JOIN invoice_other_line i ON i.commissioner_id = l.commissioner_id AND i.line_id = l.id AND i.counts AND i.claimed_pence IS NOT NULL
        JOIN invoice n ON n.commissioner_id = i.commissioner_id AND n.id = i.invoice_id AND n.state <> 'returned'
        WHERE tenant = app_commissioner() AND l.longer_commissioner_id = tenant AND l.longer_visit_id = subject
            AND l.withdrawn_at IS NULL AND l.longer_to >= approved) billing $$;
-- A line for each payer whose accepted invoice bills fewer minutes than are approved now; how many were made.
CREATE FUNCTION bill_longer(tenant uuid, subject uuid, approved int, by_person uuid) RETURNS int
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE made int;
BEGIN
    INSERT INTO other_line (commissioner_id, framework_id, provider_id, day, units, cost_pence, says, added_by, added_at,
        longer_commissioner_id, longer_visit_id, longer_from, longer_to)
    SELECT b.payer_id, v.framework_id, v.provider_id, (app_now() AT TIME ZONE 'Europe/London')::date,
        least(approved, t.lasted) - least(greatest(f.billed, t.planned), t.lasted), 0,
        'Approved after invoice ' || b.number || ' was accepted', by_person, app_now(), tenant, subject, f.billed, approved
    FROM visit v
    CROSS JOIN LATERAL (SELECT floor(extract(epoch FROM v.actual_end - v.actual_start) / 60)::int AS lasted,
        floor(extract(epoch FROM v.planned_end - v.planned_start) / 60)::int AS planned) t
    CROSS JOIN visit_bills(tenant, subject) b
    CROSS JOIN LATERAL (SELECT max(m) AS billed FROM (SELECT b.minutes AS m UNION ALL SELECT l.longer_to FROM other_line l
        WHERE l.commissioner_id = b.payer_id AND l.longer_commissioner_id = tenant AND l.longer_visit_id = subject AND l.withdrawn_at IS NULL) before) f
    WHERE tenant = app_commissioner() AND v.commissioner_id = tenant AND v.id = subject AND b.state <> 'submitted'
        AND approved > coalesce(f.billed, 0) AND least(approved, t.lasted) > least(greatest(f.billed, t.planned), t.lasted);
    GET DIAGNOSTICS made = ROW_COUNT;
    RETURN made;
END $$;
-- Lines no invoice bills are taken back with the approval; what was approved before it and is billed, or waits to be.
CREATE FUNCTION withdraw_longer(tenant uuid, subject uuid, approved int, by_person uuid) RETURNS int
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF longer_billed(tenant, subject, approved) IS NOT NULL THEN RAISE EXCEPTION 'it is billed' USING ERRCODE = 'check_violation'; END IF;
    UPDATE other_line SET withdrawn_at = app_now(), withdrawn_by = by_person
    WHERE tenant = app_commissioner() AND longer_commissioner_id = tenant AND longer_visit_id = subject AND withdrawn_at IS NULL
        AND longer_to >= approved;
    RETURN (SELECT max(m) FROM (SELECT minutes AS m FROM visit_bills(tenant, subject) UNION ALL SELECT longer_to FROM other_line
        WHERE tenant = app_commissioner() AND longer_commissioner_id = tenant AND longer_visit_id = subject AND withdrawn_at IS NULL) before);
END $$;
REVOKE EXECUTE ON FUNCTION {FUNCTIONS} FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {FUNCTIONS} {APP}, {{prefix}}_owner;
DROP FUNCTION visit_paid_by(uuid, uuid);
"""

DOWN = f"""
CREATE FUNCTION visit_paid_by(tenant uuid, visit uuid) RETURNS TABLE (number int, state text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT i.number, i.state FROM invoice_line l
    JOIN invoice i ON i.commissioner_id = l.commissioner_id AND i.id = l.invoice_id
    WHERE tenant = app_commissioner() AND l.visit_commissioner_id = tenant AND l.visit_id = visit AND l.counts
        AND l.payable_pence > 0 AND i.state <> 'returned'
    ORDER BY i.state = 'submitted', i.number LIMIT 1 $$;
REVOKE EXECUTE ON FUNCTION visit_paid_by(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION visit_paid_by(uuid, uuid) {APP}, {{prefix}}_owner;
DROP FUNCTION {FUNCTIONS};
-- the older release knows no such lines
DELETE FROM invoice_other_line i USING other_line l WHERE l.commissioner_id = i.commissioner_id AND l.id = i.line_id AND l.longer_visit_id IS NOT NULL;
DELETE FROM other_line WHERE longer_visit_id IS NOT NULL;
SET LOCAL ROLE {{prefix}}_owner;
DROP POLICY provider_withdraws ON other_line;
DROP POLICY provider_adds ON other_line;
DROP POLICY provider ON other_line;
CREATE POLICY provider ON other_line FOR ALL {APP} USING (provider_id = app_organisation()) WITH CHECK (provider_id = app_organisation());
DROP INDEX other_line_longer;
ALTER TABLE other_line DROP CONSTRAINT other_line_stands, DROP COLUMN longer_commissioner_id, DROP COLUMN longer_visit_id,
    DROP COLUMN longer_from, DROP COLUMN longer_to,
    ALTER COLUMN agreement_id SET NOT NULL, ALTER COLUMN package_id SET NOT NULL, ALTER COLUMN evidence_id SET NOT NULL;
RESET ROLE;
"""


async def forwards():
    return sql_migration(ID, "Longer time approved after its visit was billed", UP, DOWN)
