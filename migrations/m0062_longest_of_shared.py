"""A worker's time that brothers and sisters share is billed on the longest visit; and told before one is cancelled."""

from marketplace.platform.migrate import sql_migration

ID = "m0062_longest_of_shared"

APP = "{prefix}_app, {prefix}_worker, {prefix}_owner"

# The first that was bought and takes place, or may: as m0052 has it.
BOUGHT = """WHEN bool_or(bought IS NOT NULL) THEN CASE
                    WHEN (array_agg(id ORDER BY bought, created_at, id) FILTER (WHERE bought IS NOT NULL))[1] = visit THEN 'here'
                    ELSE 'elsewhere' END"""

UP = f"""
-- `becomes`, and the family's notice with it, stand for the visit's own outcome: where its time would be billed then.
CREATE FUNCTION shared_time(tenant uuid, visit uuid, worker uuid, becomes text, noticed timestamptz) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT CASE WHEN count(*) < 2 THEN 'here'
                WHEN bool_or(billed) THEN CASE WHEN bool_or(billed AND id = visit) THEN 'here' ELSE 'elsewhere' END
                {BOUGHT}
                WHEN bool_or(outcome IS NULL) THEN 'waits'
                WHEN (array_agg(id ORDER BY rank, notice NULLS FIRST, least(lasted, allowed) DESC NULLS LAST, lasted DESC NULLS LAST,
                    created_at, id))[1] = visit THEN 'here' ELSE 'elsewhere' END
    FROM (SELECT *,
              CASE outcome WHEN 'delivered' THEN 0 WHEN 'cancelled_on_arrival' THEN 1 WHEN 'cancelled_by_family' THEN 2 ELSE 3 END AS rank,
              CASE outcome WHEN 'cancelled_by_family' THEN planned_start - noticed_at END AS notice,
              -- What may be billed of a visit that took place, then what it lasted: that puts the longer one first also
              -- where no approval is needed (and none is ever given), or where it is still to come.
              CASE outcome WHEN 'delivered' THEN date_bin('1 minute', actual_end, 'epoch') - date_bin('1 minute', actual_start, 'epoch') END AS lasted,
              CASE WHEN overrun_approved_at IS NOT NULL AND overrun_approved_minutes IS NULL THEN 'infinity'
                  ELSE greatest(planned_end - planned_start, make_interval(mins => coalesce(overrun_approved_minutes, 0))) END AS allowed,
              (SELECT min(p.made_at) FROM purchase_visit l JOIN purchase p ON p.commissioner_id = l.commissioner_id AND p.id = l.purchase_id
                  WHERE l.commissioner_id = tenant_id AND l.visit_id = each.id AND l.counts AND l.pence > 0
                  AND coalesce(outcome, 'delivered') = 'delivered') AS bought,
              EXISTS (SELECT 1 FROM package_funding f JOIN invoice_line l ON l.commissioner_id = f.payer_id
                  AND l.visit_commissioner_id = tenant_id AND l.visit_id = each.id AND l.counts AND l.payable_pence > 0
                  WHERE f.commissioner_id = tenant_id AND f.package_id = each.package_id) AS billed
          FROM (SELECT v.id, v.commissioner_id AS tenant_id, v.package_id, v.created_at, v.planned_start, v.planned_end, v.actual_start,
                    v.actual_end, v.overrun_approved_at, v.overrun_approved_minutes,
                    CASE WHEN v.id = visit AND becomes IS NOT NULL THEN becomes ELSE v.outcome END AS outcome,
                    CASE WHEN v.id = visit AND becomes IS NOT NULL THEN noticed ELSE v.notice_at END AS noticed_at
                FROM visit_worker own
                JOIN visit_worker w ON w.provider_id = own.provider_id AND w.booking_id = own.booking_id
                JOIN visit v ON v.commissioner_id = w.commissioner_id AND v.id = w.visit_id
                WHERE own.commissioner_id = tenant AND own.visit_id = visit AND own.worker_id = worker) each) sharing $$;
REVOKE EXECUTE ON FUNCTION shared_time(uuid, uuid, uuid, text, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION shared_time(uuid, uuid, uuid, text, timestamptz) TO {APP};
CREATE OR REPLACE FUNCTION shared_time(tenant uuid, visit uuid, worker uuid) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT shared_time(tenant, visit, worker, NULL, NULL) $$;
"""

DOWN = f"""
CREATE OR REPLACE FUNCTION shared_time(tenant uuid, visit uuid, worker uuid) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT CASE WHEN count(*) < 2 THEN 'here'
                WHEN bool_or(billed) THEN CASE WHEN bool_or(billed AND id = visit) THEN 'here' ELSE 'elsewhere' END
                {BOUGHT}
                WHEN bool_or(outcome IS NULL) THEN 'waits'
                WHEN (array_agg(id ORDER BY rank, notice NULLS FIRST, created_at, id))[1] = visit THEN 'here' ELSE 'elsewhere' END
    FROM (SELECT v.id, v.outcome, v.created_at,
              CASE v.outcome WHEN 'delivered' THEN 0 WHEN 'cancelled_on_arrival' THEN 1 WHEN 'cancelled_by_family' THEN 2 ELSE 3 END AS rank,
              CASE v.outcome WHEN 'cancelled_by_family' THEN v.planned_start - v.notice_at END AS notice,
              (SELECT min(p.made_at) FROM purchase_visit l JOIN purchase p ON p.commissioner_id = l.commissioner_id AND p.id = l.purchase_id
                  WHERE l.commissioner_id = v.commissioner_id AND l.visit_id = v.id AND l.counts AND l.pence > 0
                  AND coalesce(v.outcome, 'delivered') = 'delivered') AS bought,
              EXISTS (SELECT 1 FROM package_funding f JOIN invoice_line l ON l.commissioner_id = f.payer_id
                  AND l.visit_commissioner_id = v.commissioner_id AND l.visit_id = v.id AND l.counts AND l.payable_pence > 0
                  WHERE f.commissioner_id = v.commissioner_id AND f.package_id = v.package_id) AS billed
          FROM visit_worker own
          JOIN visit_worker w ON w.provider_id = own.provider_id AND w.booking_id = own.booking_id
          JOIN visit v ON v.commissioner_id = w.commissioner_id AND v.id = w.visit_id
          WHERE own.commissioner_id = tenant AND own.visit_id = visit AND own.worker_id = worker) sharing $$;
DROP FUNCTION shared_time(uuid, uuid, uuid, text, timestamptz);
"""


async def forwards():
    return sql_migration(ID, "Shared time is billed on the longest visit", UP, DOWN)
