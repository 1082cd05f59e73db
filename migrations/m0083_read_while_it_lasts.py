"""Commissioners read the workers of a provider while it is on a framework of theirs, and a pack's days beyond.

Or as long as a package of it runs there. And for the worker process: who still keeps what a workforce file held.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0083_read_while_it_lasts"

MINE = "JOIN framework_member m USING (framework_id) WHERE m.commissioner_id = app_commissioner()"
# as m0007 has it
BEFORE = f"""SELECT a.provider_id FROM application a {MINE} AND a.state IN ('submitted', 'admitted')
    UNION SELECT a.provider_id FROM admission a {MINE}"""
# the days are asked for, and packages looked for, only of an admission that has ended
AFTER = f"""SELECT a.provider_id FROM application a {MINE} AND a.state = 'submitted'
    UNION SELECT a.provider_id FROM admission a {MINE} AND CASE WHEN a.ends_on IS NULL OR a.ends_on >= app_today() THEN true
        ELSE a.ends_on + workers_read_days(a.framework_id) >= app_today() OR EXISTS (SELECT FROM package p
            WHERE p.framework_id = a.framework_id AND p.provider_id = a.provider_id AND p.state IN ('set_up', 'active')) END"""


def reach(body: str) -> str:
    """The function with what it answers."""
    return f"""
CREATE OR REPLACE FUNCTION my_evidence_providers() RETURNS TABLE (provider_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp ROWS 150 AS $$
    {body} $$;
"""


UP = f"""
CREATE FUNCTION workers_read_days(framework uuid) RETURNS int LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT coalesce((SELECT (s ->> 'value')::int FROM framework f JOIN pack_version p ON p.hash = f.pack_hash,
            jsonb_array_elements(p.content -> 'settings') s
        WHERE f.id = framework AND s ->> 'key' = 'providers.workers_read_days'
            AND (s ->> 'from')::date <= greatest(app_today(), (p.content -> 'pack' ->> 'from')::date)
        ORDER BY (s ->> 'from')::date DESC LIMIT 1), 0) $$;
CREATE FUNCTION providers_keeping_imports() RETURNS TABLE (provider_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT DISTINCT i.provider_id FROM workforce_import i WHERE i.rows <> '{{}}' OR i.plan IS NOT NULL ORDER BY 1 $$;
REVOKE EXECUTE ON FUNCTION workers_read_days(uuid), providers_keeping_imports() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION providers_keeping_imports() TO {{prefix}}_worker;
{reach(AFTER)}
"""

DOWN = f"""
{reach(BEFORE)}
DROP FUNCTION workers_read_days(uuid), providers_keeping_imports();
"""


async def forwards():
    return sql_migration(ID, "Workers are read while it lasts", UP, DOWN)
