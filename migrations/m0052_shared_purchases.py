"""A worker's time that brothers and sisters share is paid for once where families buy it, too (L 6.5)."""

from marketplace.platform.migrate import sql_migration

ID = "m0052_shared_purchases"


def _shared_time(bought: str) -> str:
    """Where a worker's shared time is billed (m0024, m0040); `bought`: what decides where families buy it."""
    return f"""
CREATE OR REPLACE FUNCTION shared_time(tenant uuid, visit uuid, worker uuid) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT CASE WHEN count(*) < 2 THEN 'here'
                WHEN bool_or(billed) THEN CASE WHEN bool_or(billed AND id = visit) THEN 'here' ELSE 'elsewhere' END
                {bought}
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
"""


# the first that was bought and takes place, or may: what is bought beside it has nothing more to pay
BOUGHT = """WHEN bool_or(bought IS NOT NULL) THEN CASE
                    WHEN (array_agg(id ORDER BY bought, created_at, id) FILTER (WHERE bought IS NOT NULL))[1] = visit THEN 'here'
                    ELSE 'elsewhere' END"""


async def forwards():
    return sql_migration(ID, "Shared time is bought once", _shared_time(BOUGHT), _shared_time(""))
