"""What the standing of an offer's provider is judged by, for a family that may choose the offer.

A family reaches neither admissions nor suspensions: this says nothing of why, or until when. A pause is left out, since a
provider that takes no new referrals by its own wish keeps the offers it has made.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0054_offers_in_standing"

OFFER_FACTS = """CREATE FUNCTION offer_facts(wanted uuid) RETURNS TABLE (starts_on date, ends_on date, cqc_registered boolean, insurance_until date, room int)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT a.starts_on, a.ends_on, p.cqc_registered, p.insurance_until,
        (SELECT min(x.new_packages - (SELECT count(*) FROM package k WHERE k.framework_id = a.framework_id AND k.provider_id = a.provider_id
            AND (x.lot_code IS NULL OR k.lot_code = x.lot_code) AND (x.commissioner_id IS NULL OR k.commissioner_id = x.commissioner_id)
            AND k.awarded_at >= x.starts_at AND k.undone_at IS NULL))::int
         FROM restriction x WHERE x.framework_id = a.framework_id AND x.provider_id = a.provider_id AND (x.lot_code IS NULL OR x.lot_code = a.lot_code)
           AND x.starts_at <= app_now() AND (x.ended_at IS NULL OR x.ended_at > app_now()) AND (x.until_on IS NULL OR x.until_on >= app_today())
           AND (x.commissioner_id IS NULL OR x.commissioner_id = r.commissioner_id))
    FROM offer o JOIN referral r ON r.commissioner_id = o.commissioner_id AND r.id = o.referral_id
    JOIN my_granted_children('choose') g ON g.commissioner_id = r.commissioner_id AND g.child_id = r.child_id
    JOIN admission a ON a.framework_id = r.framework_id AND a.provider_id = o.provider_id AND a.lot_code = r.lot_code
    JOIN provider p ON p.id = a.provider_id
    WHERE o.id = wanted AND a.starts_on <= app_today() AND (a.ends_on IS NULL OR a.ends_on >= app_today())
      AND NOT EXISTS (SELECT FROM suspension s WHERE s.framework_id = a.framework_id AND s.provider_id = a.provider_id
        AND (s.lot_code IS NULL OR s.lot_code = a.lot_code) AND (s.commissioner_id IS NULL OR s.commissioner_id = r.commissioner_id)
        AND s.starts_at <= app_now() AND (s.lifted_at IS NULL OR s.lifted_at > app_now()) AND (s.until_on IS NULL OR s.until_on >= app_today()))
    ORDER BY a.starts_on
$$;
"""

UP = f"""
-- The admissions of today to an offer's lot, with what else its standing takes; none where a suspension stands against it.
{OFFER_FACTS}REVOKE EXECUTE ON FUNCTION offer_facts(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION offer_facts(uuid) TO {{prefix}}_app, {{prefix}}_worker, {{prefix}}_owner;
"""

DOWN = "DROP FUNCTION offer_facts(uuid);"


async def forwards():
    return sql_migration(ID, "Offers in standing", UP, DOWN)
