"""Who a family is stays with those who work with it: no payer and no finance officer reads it under a visit's record.

And of cancellations that share a worker's time, the one with the least notice carries the charge.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0040_masked"

APP = "TO {prefix}_app, {prefix}_worker"


def _shared_time(order: str) -> str:
    """Where a worker's shared time is billed (m0024), the cancellations by families in this order."""
    return f"""
CREATE OR REPLACE FUNCTION shared_time(tenant uuid, visit uuid, worker uuid) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT CASE WHEN count(*) < 2 THEN 'here'
                WHEN bool_or(billed) THEN CASE WHEN bool_or(billed AND id = visit) THEN 'here' ELSE 'elsewhere' END
                WHEN bool_or(outcome IS NULL) THEN 'waits'
                WHEN (array_agg(id ORDER BY rank, {order}created_at, id))[1] = visit THEN 'here' ELSE 'elsewhere' END
    FROM (SELECT v.id, v.outcome, v.created_at,
              CASE v.outcome WHEN 'delivered' THEN 0 WHEN 'cancelled_on_arrival' THEN 1 WHEN 'cancelled_by_family' THEN 2 ELSE 3 END AS rank,
              CASE v.outcome WHEN 'cancelled_by_family' THEN v.planned_start - v.notice_at END AS notice,
              EXISTS (SELECT 1 FROM package_funding f JOIN invoice_line l ON l.commissioner_id = f.payer_id
                  AND l.visit_commissioner_id = v.commissioner_id AND l.visit_id = v.id AND l.counts AND l.payable_pence > 0
                  WHERE f.commissioner_id = v.commissioner_id AND f.package_id = v.package_id) AS billed
          FROM visit_worker own
          JOIN visit_worker w ON w.provider_id = own.provider_id AND w.booking_id = own.booking_id
          JOIN visit v ON v.commissioner_id = w.commissioner_id AND v.id = w.visit_id
          WHERE own.commissioner_id = tenant AND own.visit_id = visit AND own.worker_id = worker) sharing $$;
"""


UP = f"""
-- Less notice is never charged less, and none known is charged as late: the dearest needs no number of a contract here.
{_shared_time("notice NULLS FIRST, ")}
-- The family's signatures under visits whose family the reader does not meet: what was signed, when and how, not by whom,
-- and nothing written in words. A coded reason keeps the name of the worker, or of the office, that gave it.
CREATE FUNCTION masked_family_signatures(visits uuid[]) RETURNS SETOF signature
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT m.* FROM visit v
    JOIN signature s ON s.commissioner_id = v.commissioner_id AND s.subject_id = v.id AND s.subject_type = 'visit' AND s.side = 'family',
    LATERAL jsonb_populate_record(s, jsonb_build_object('person_id', NULL, 'device', '', 'reason_remark', NULL, 'resolution', NULL,
        'printed_name', CASE s.method WHEN 'coded_reason' THEN s.printed_name ELSE 'A family member' END)) m
    WHERE v.id = ANY (visits) AND (v.commissioner_id = app_commissioner() AND NOT (SELECT app_reads_notes())
        OR (v.commissioner_id, v.id) IN (SELECT * FROM my_funded_visits())) $$;
REVOKE EXECUTE ON FUNCTION masked_family_signatures(uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION masked_family_signatures(uuid[]) {APP};
SET LOCAL ROLE {{prefix}}_owner;
DROP POLICY own ON signature;
CREATE POLICY own ON signature FOR SELECT {APP} USING (commissioner_id = app_commissioner() AND (side <> 'family' OR (SELECT app_reads_notes())));
DROP POLICY payer ON signature;
CREATE POLICY payer ON signature FOR SELECT {APP} USING (subject_type = 'visit' AND side <> 'family'
    AND (commissioner_id, subject_id) IN (SELECT * FROM my_funded_visits()));
RESET ROLE;
"""

DOWN = f"""
SET LOCAL ROLE {{prefix}}_owner;
DROP POLICY payer ON signature;
CREATE POLICY payer ON signature FOR SELECT {APP} USING (subject_type = 'visit' AND (commissioner_id, subject_id) IN (SELECT * FROM my_funded_visits()));
DROP POLICY own ON signature;
CREATE POLICY own ON signature FOR SELECT {APP} USING (commissioner_id = app_commissioner());
RESET ROLE;
DROP FUNCTION masked_family_signatures(uuid[]);
{_shared_time("")}
"""


async def forwards():
    return sql_migration(ID, "Whose family it is stays with those who work with it", UP, DOWN)
