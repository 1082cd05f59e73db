"""A lot's providers with less to do: days of admission and cover from indexes alone, and what is imposed told as plain
lists, its dates by `in_force`; a worker's days unpacked.
"""

from marketplace.platform.migrate import sql_migration
from migrations.m0049b_lot_reach import LOT_STANDING, LOT_WORKERS

ID = "m0075_lot_told"

UP = """
SET LOCAL ROLE {prefix}_owner;
DROP INDEX admission_lot;
CREATE INDEX admission_lot ON admission (framework_id, lot_code, provider_id) INCLUDE (starts_on, ends_on);
CREATE INDEX provider_covered ON provider (id) INCLUDE (cqc_registered, insurance_until);
CREATE INDEX organisation_named ON organisation (id) INCLUDE (name);
-- m0028 meant the days to lie unpacked, but changing the column's type set its storage back: reading one day copied them all.
ALTER TABLE worker_readiness ALTER COLUMN days SET STORAGE PLAIN;
RESET ROLE;
UPDATE worker_readiness SET days = days || '{}'::smallint[];
-- Everybody ever admitted to the lot. What is told of a provider that is not clear (admitted, registered and insured on the
-- day, nothing imposed): registered, insured until, its admissions to the lot, and what is imposed at that
-- moment, each a list as providers/lots.py reads it.
CREATE OR REPLACE FUNCTION lot_standing(of_framework uuid, of_lot text, at timestamptz, on_day date) RETURNS TABLE (id uuid, name text, told json)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan ROWS 50 AS $$
    WITH held AS MATERIALIZED (
        SELECT h.provider_id, json_agg(h.hold ORDER BY h.kind DESC, h.starts_at, h.lot_code, h.id) AS holds FROM (
            SELECT 'suspension' AS kind, s.provider_id, s.id, s.lot_code, first.starts_at, json_build_array(s.id, 'suspension', s.lot_code,
                first.starts_at, s.until_on, s.imposed_by_name, s.reason, s.rule_key, s.commissioner_id, coalesce(s.follows_id, s.id), 0, 0) AS hold
            FROM suspension s JOIN suspension first ON first.framework_id = s.framework_id AND first.id = coalesce(s.follows_id, s.id)
            WHERE s.framework_id = of_framework AND in_force(s.starts_at, s.lifted_at, s.until_on, at)
                AND (s.commissioner_id IS NULL OR s.commissioner_id = app_commissioner())
            UNION ALL
            SELECT 'pause', s.provider_id, s.id, s.lot_code, s.starts_at, json_build_array(s.id, 'pause', s.lot_code,
                s.starts_at, s.until_on, NULL, s.reason, NULL, NULL, NULL, 0, 0)
            FROM pause s WHERE s.framework_id = of_framework AND in_force(s.starts_at, s.ended_at, s.until_on, at)
            UNION ALL
            SELECT 'restriction', s.provider_id, s.id, s.lot_code, s.starts_at, json_build_array(s.id, 'restriction', s.lot_code,
                s.starts_at, s.until_on, s.imposed_by_name, s.reason, NULL, s.commissioner_id, s.suspension_id, s.new_packages,
                new_packages(of_framework, s.provider_id, s.lot_code, s.commissioner_id, s.starts_at, at))
            FROM restriction s WHERE s.framework_id = of_framework AND in_force(s.starts_at, s.ended_at, s.until_on, at)
                AND (s.commissioner_id IS NULL OR s.commissioner_id = app_commissioner())) h
        GROUP BY h.provider_id)
    SELECT p.id, (SELECT o.name FROM organisation o WHERE o.id = p.id),
        CASE WHEN lot.admitted AND p.cqc_registered AND p.insurance_until >= on_day AND held.holds IS NULL THEN NULL
        ELSE json_build_array(p.cqc_registered, p.insurance_until, (SELECT json_agg(json_build_array(a.id, a.starts_on, a.ends_on, a.ended_reason)
            ORDER BY a.starts_on, a.id) FROM admission a WHERE a.framework_id = of_framework AND a.lot_code = of_lot AND a.provider_id = p.id),
            coalesce(held.holds, '[]')) END
    FROM (SELECT a.provider_id, bool_or(a.starts_on <= on_day AND (a.ends_on IS NULL OR on_day <= a.ends_on)) AS admitted
          FROM admission a WHERE a.framework_id = of_framework AND a.lot_code = of_lot
              AND EXISTS (SELECT FROM framework_member m WHERE m.framework_id = of_framework AND m.commissioner_id = app_commissioner())
          GROUP BY a.provider_id) lot
    JOIN provider p ON p.id = lot.provider_id LEFT JOIN held ON held.provider_id = p.id $$;
-- Its workers' days (m0049b), of all its providers in one walk through the index.
CREATE OR REPLACE FUNCTION lot_workers(of_framework uuid, of_lot text, roles text[]) RETURNS SETOF worker_readiness
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan ROWS 300 AS $$
    SELECT r.* FROM worker_readiness r WHERE r.provider_id = ANY (ARRAY(
        SELECT a.provider_id FROM admission a WHERE a.framework_id = of_framework AND a.lot_code = of_lot
            AND EXISTS (SELECT FROM framework_member m WHERE m.framework_id = of_framework AND m.commissioner_id = app_commissioner())))
        AND NOT r.stood_down AND (cardinality(roles) = 0 OR r.role = ANY (roles)) $$;
"""

DOWN = f"""
{(LOT_STANDING + LOT_WORKERS).replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")}
ALTER TABLE worker_readiness ALTER COLUMN days SET STORAGE EXTENDED;
DROP INDEX organisation_named, provider_covered, admission_lot;
CREATE INDEX admission_lot ON admission (framework_id, lot_code, provider_id);
"""


async def forwards():
    return sql_migration(ID, "A lot's providers with less to do", UP, DOWN)
