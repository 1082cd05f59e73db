"""Whom a broadcast may reach, in one question: a lot's providers as they stand on a day, and their workers' days.

Both functions ask once whether the acting commissioner is a member of the framework, instead of policies asking it of every
row; they answer with nothing it could not read by those policies, and to a member alone. Their plans are kept: planning
anew takes longer than answering.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0049b_lot_reach"

# The acting commissioner is a member, and these are everybody ever admitted to the lot.
ADMITTED = """SELECT {what} FROM admission a WHERE a.framework_id = of_framework AND a.lot_code = of_lot
            AND EXISTS (SELECT FROM framework_member m WHERE m.framework_id = of_framework AND m.commissioner_id = app_commissioner())
        GROUP BY a.provider_id"""

LOT_STANDING = f"""
-- Everybody ever admitted to the lot. What is told of a provider that is not clear (admitted, registered and insured on the
-- day, nothing imposed): registered, insured until, its admissions to the lot, and what is imposed at that moment, as
-- providers/holds.py asks for it.
CREATE FUNCTION lot_standing(of_framework uuid, of_lot text, at timestamptz, on_day date) RETURNS TABLE (id uuid, name text, told json)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan ROWS 50 AS $$
    WITH held AS MATERIALIZED (
        SELECT h.provider_id, json_agg(h ORDER BY h.kind DESC, h.starts_at, h.lot_code, h.id) AS holds FROM (
            SELECT 'suspension' AS kind, s.provider_id, s.id, s.lot_code, coalesce(r.starts_at, s.starts_at) AS starts_at,
                s.until_on, s.imposed_by_name AS by, s.reason, s.rule_key, s.commissioner_id, coalesce(s.follows_id, s.id) AS root_id, 0 AS allowed, 0 AS given
            FROM suspension s LEFT JOIN suspension r ON r.framework_id = s.framework_id AND r.id = s.follows_id
            WHERE s.framework_id = of_framework AND s.starts_at <= at AND (s.lifted_at IS NULL OR s.lifted_at > at)
                AND (s.until_on IS NULL OR s.until_on >= on_day) AND (s.commissioner_id IS NULL OR s.commissioner_id = app_commissioner())
            UNION ALL
            SELECT 'pause', s.provider_id, s.id, s.lot_code, s.starts_at, s.until_on, NULL, s.reason, NULL, NULL, NULL, 0, 0
            FROM pause s WHERE s.framework_id = of_framework AND s.starts_at <= at AND (s.ended_at IS NULL OR s.ended_at > at)
                AND (s.until_on IS NULL OR s.until_on >= on_day)
            UNION ALL
            SELECT 'restriction', s.provider_id, s.id, s.lot_code, s.starts_at, s.until_on, s.imposed_by_name, s.reason, NULL,
                s.commissioner_id, s.suspension_id, s.new_packages,
                new_packages(of_framework, s.provider_id, s.lot_code, s.commissioner_id, s.starts_at, at)
            FROM restriction s WHERE s.framework_id = of_framework AND s.starts_at <= at AND (s.ended_at IS NULL OR s.ended_at > at)
                AND (s.until_on IS NULL OR s.until_on >= on_day) AND (s.commissioner_id IS NULL OR s.commissioner_id = app_commissioner())) h
        GROUP BY h.provider_id)
    SELECT p.id, o.name, CASE WHEN lot.admitted AND p.cqc_registered AND p.insurance_until >= on_day AND held.holds IS NULL THEN NULL
        ELSE json_build_array(p.cqc_registered, p.insurance_until, (SELECT json_agg(json_build_array(a.id, a.starts_on, a.ends_on, a.ended_reason)
            ORDER BY a.starts_on, a.id) FROM admission a WHERE a.framework_id = of_framework AND a.lot_code = of_lot AND a.provider_id = p.id),
            coalesce(held.holds, '[]')) END
    FROM ({ADMITTED.format(what="a.provider_id, bool_or(a.starts_on <= on_day AND (a.ends_on IS NULL OR on_day <= a.ends_on)) AS admitted")}) lot
    JOIN provider p ON p.id = lot.provider_id JOIN organisation o ON o.id = p.id LEFT JOIN held ON held.provider_id = p.id $$;
"""

LOT_WORKERS = f"""
-- The days of its workers, of these roles (none: of all), but for those who are stood down. As the table's own rows they stay
-- unpacked (m0028).
CREATE FUNCTION lot_workers(of_framework uuid, of_lot text, roles text[]) RETURNS SETOF worker_readiness
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan ROWS 300 AS $$
    SELECT r.*
    FROM ({ADMITTED.format(what="a.provider_id")}) lot
    JOIN worker_readiness r ON r.provider_id = lot.provider_id
    WHERE NOT r.stood_down AND (cardinality(roles) = 0 OR r.role = ANY (roles)) $$;
"""

UP = f"""{LOT_STANDING}{LOT_WORKERS}
REVOKE EXECUTE ON FUNCTION lot_standing(uuid, text, timestamptz, date), lot_workers(uuid, text, text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lot_standing(uuid, text, timestamptz, date), lot_workers(uuid, text, text[]) TO {{prefix}}_app, {{prefix}}_worker;
DROP FUNCTION lot_providers(uuid, text);
"""

DOWN = """
DROP FUNCTION lot_workers(uuid, text, text[]), lot_standing(uuid, text, timestamptz, date);
CREATE FUNCTION lot_providers(of_framework uuid, of_lot text) RETURNS TABLE (id uuid, name text, cqc_registered boolean, insurance_until date,
        admissions uuid[], starts date[], ends date[], ended text[])
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp ROWS 50 AS $$
    WITH lot AS MATERIALIZED (
        SELECT a.provider_id, array_agg(a.id ORDER BY a.starts_on, a.id) AS admissions, array_agg(a.starts_on ORDER BY a.starts_on, a.id) AS starts,
            array_agg(a.ends_on ORDER BY a.starts_on, a.id) AS ends, array_agg(a.ended_reason ORDER BY a.starts_on, a.id) AS ended
        FROM admission a WHERE a.framework_id = of_framework AND a.lot_code = of_lot
            AND EXISTS (SELECT FROM framework_member m WHERE m.framework_id = of_framework AND m.commissioner_id = app_commissioner())
        GROUP BY a.provider_id)
    SELECT p.id, o.name, p.cqc_registered, p.insurance_until, lot.admissions, lot.starts, lot.ends, lot.ended
    FROM lot JOIN provider p ON p.id = lot.provider_id JOIN organisation o ON o.id = p.id $$;
REVOKE EXECUTE ON FUNCTION lot_providers(uuid, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lot_providers(uuid, text) TO {prefix}_app, {prefix}_worker;
"""


async def forwards():
    return sql_migration(ID, "Whom a broadcast may reach, in one question", UP, DOWN)
