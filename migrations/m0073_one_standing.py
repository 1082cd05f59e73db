"""Who stands open on a framework, asked in one place: the directory and an offer a family may choose read it there.

`standing_facts` and `packages_since` are plain, with no rights and no settings of their own, so that they are planned as if
written out where they are called; nobody calls them but the functions here. Whether what they tell is good enough is the
pack's matter (policy/standing.py).
"""

from marketplace.platform.migrate import sql_migration
from migrations.m0032_direct_payments import DIRECTORY
from migrations.m0054_offers_in_standing import OFFER_FACTS

ID = "m0073_one_standing"

NEW_PACKAGES = """CREATE OR REPLACE FUNCTION new_packages(framework uuid, provider uuid, lot text, payer uuid, since timestamptz, upto timestamptz) RETURNS int
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
"""

UP = f"""
-- How many packages count against a restriction: those awarded in its time, but for those undone.
CREATE FUNCTION packages_since(framework uuid, provider uuid, lot text, payer uuid, since timestamptz, upto timestamptz) RETURNS TABLE (given int)
    LANGUAGE sql STABLE AS $$
    SELECT count(*)::int FROM package p
    WHERE p.framework_id = framework AND p.provider_id = provider AND (lot IS NULL OR p.lot_code = lot)
        AND (payer IS NULL OR p.commissioner_id = payer) AND p.awarded_at >= since AND p.awarded_at <= upto
        AND (p.undone_at IS NULL OR p.undone_at > upto) $$;
{NEW_PACKAGES}    SELECT coalesce((SELECT c.given FROM packages_since(framework, provider, lot, payer, since, upto) c
        WHERE provider = app_organisation() OR framework IN (SELECT f.framework_id FROM my_frameworks() f)), 0) $$;
-- The admissions that hold at a moment, with what else the standing takes; none where a suspension stands against them. Of
-- what partners decide for their own referrals, that of `council` alone counts. `room` is null where nothing restricts it.
CREATE FUNCTION standing_facts(of_framework uuid, council uuid, at timestamptz) RETURNS TABLE (provider_id uuid, lot_code text, starts_on date,
    ends_on date, cqc_registered boolean, insurance_until date, paused boolean, room int) LANGUAGE sql STABLE AS $$
    SELECT a.provider_id, a.lot_code, a.starts_on, a.ends_on, p.cqc_registered, p.insurance_until,
        EXISTS (SELECT FROM pause x WHERE x.framework_id = a.framework_id AND x.provider_id = a.provider_id
            AND (x.lot_code IS NULL OR x.lot_code = a.lot_code) AND in_force(x.starts_at, x.ended_at, x.until_on, at)),
        (SELECT min(r.new_packages - c.given)
         FROM restriction r, packages_since(r.framework_id, r.provider_id, r.lot_code, r.commissioner_id, r.starts_at, at) c
         WHERE r.framework_id = a.framework_id AND r.provider_id = a.provider_id AND (r.lot_code IS NULL OR r.lot_code = a.lot_code)
            AND (r.commissioner_id IS NULL OR r.commissioner_id = council) AND in_force(r.starts_at, r.ended_at, r.until_on, at))
    FROM admission a JOIN provider p ON p.id = a.provider_id
    WHERE a.framework_id = of_framework AND a.starts_on <= (at AT TIME ZONE 'Europe/London')::date
        AND (a.ends_on IS NULL OR a.ends_on >= (at AT TIME ZONE 'Europe/London')::date)
        AND NOT EXISTS (SELECT FROM suspension s WHERE s.framework_id = a.framework_id AND s.provider_id = a.provider_id
            AND (s.lot_code IS NULL OR s.lot_code = a.lot_code) AND (s.commissioner_id IS NULL OR s.commissioner_id = council)
            AND in_force(s.starts_at, s.lifted_at, s.until_on, at)) $$;
CREATE OR REPLACE FUNCTION directory(wanted uuid, council uuid) RETURNS TABLE (provider_id uuid, name text, lot_code text, starts_on date, ends_on date,
    cqc_registered boolean, insurance_until date, room int) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT s.provider_id, o.name, s.lot_code, s.starts_on, s.ends_on, s.cqc_registered, s.insurance_until, s.room
    FROM framework f, standing_facts(f.id, council, app_now()) s, organisation o
    WHERE f.id = wanted AND f.state <> 'draft' AND o.id = s.provider_id AND NOT s.paused
    ORDER BY o.name, s.provider_id, s.lot_code $$;
CREATE OR REPLACE FUNCTION offer_facts(wanted uuid) RETURNS TABLE (starts_on date, ends_on date, cqc_registered boolean, insurance_until date, room int)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT s.starts_on, s.ends_on, s.cqc_registered, s.insurance_until, s.room
    FROM offer o JOIN referral r ON r.commissioner_id = o.commissioner_id AND r.id = o.referral_id
    JOIN my_granted_children('choose') g ON g.commissioner_id = r.commissioner_id AND g.child_id = r.child_id
    JOIN LATERAL standing_facts(r.framework_id, r.commissioner_id, app_now()) s ON s.provider_id = o.provider_id AND s.lot_code = r.lot_code
    WHERE o.id = wanted ORDER BY s.starts_on $$;
REVOKE EXECUTE ON FUNCTION packages_since(uuid, uuid, text, uuid, timestamptz, timestamptz), standing_facts(uuid, uuid, timestamptz) FROM PUBLIC;
"""

DOWN = f"""
{DIRECTORY.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")}
{OFFER_FACTS.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")}
{NEW_PACKAGES}    SELECT count(*)::int FROM package p
    WHERE p.framework_id = framework AND p.provider_id = provider AND (lot IS NULL OR p.lot_code = lot)
        AND (payer IS NULL OR p.commissioner_id = payer) AND p.awarded_at >= since AND p.awarded_at <= upto
        AND (p.undone_at IS NULL OR p.undone_at > upto)
        AND (provider = app_organisation() OR framework IN (SELECT f.framework_id FROM my_frameworks() f)) $$;
DROP FUNCTION standing_facts(uuid, uuid, timestamptz), packages_since(uuid, uuid, text, uuid, timestamptz, timestamptz);
"""


async def forwards():
    return sql_migration(ID, "Who stands open, in one place", UP, DOWN)
