"""A family calls off visits it buys while care may not lawfully go on: that is the provider's doing, and costs nothing.

Its registration or insurance has lapsed, and nobody has decided that the package goes on (domain 6). Whoever of the
family sees the package may ask whether that is so; nothing says why.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0059_care_stopped"

SAFE = "SECURITY DEFINER SET search_path = public, pg_temp"

# of a package p that a direct payment pays for
UNLAWFUL = """p.direct_payment_id IS NOT NULL AND EXISTS (SELECT FROM standing_ground g WHERE g.framework_id = p.framework_id
        AND g.provider_id = p.provider_id AND NOT g.holds AND g.flags_visits AND p.lot_code = ANY (g.lots)
        AND NOT EXISTS (SELECT FROM cover_decision d WHERE d.commissioner_id = p.commissioner_id AND d.package_id = p.id
            AND d.rule_key = g.rule_key AND d.ended_at IS NULL AND d.goes_on))"""


def _call_off(outcome: str, noticed: str) -> str:
    """The family calls a coming visit off (m0046c)."""
    return f"""
CREATE OR REPLACE FUNCTION call_off_visit(tenant uuid, subject uuid, seen int, noticed timestamptz, why text) RETURNS boolean
    LANGUAGE plpgsql {SAFE} AS $$
BEGIN
    UPDATE visit v SET outcome = {outcome}, outcome_at = app_now(), notice_at = {noticed}, version = version + 1
    WHERE v.commissioner_id = tenant AND v.id = subject AND v.version = seen AND v.outcome IS NULL AND v.actual_start IS NULL
      AND v.planned_start > noticed AND noticed BETWEEN app_now() - interval '1 minute' AND app_now()
      AND (v.commissioner_id, v.package_id) IN (SELECT * FROM my_granted_packages('confirm_visits'));
    IF FOUND THEN INSERT INTO visit_reason SELECT commissioner_id, id, provider_id, why FROM visit WHERE commissioner_id = tenant AND id = subject; RETURN true; END IF;
    RETURN false;
END $$;"""


UP = f"""
CREATE FUNCTION care_stopped(package uuid) RETURNS boolean LANGUAGE sql STABLE {SAFE} AS $$
    SELECT EXISTS (SELECT FROM package p JOIN my_granted_packages() m ON m.commissioner_id = p.commissioner_id AND m.package_id = p.id
        WHERE p.id = package AND {UNLAWFUL})
$$;
REVOKE EXECUTE ON FUNCTION care_stopped(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION care_stopped(uuid) TO {{prefix}}_app, {{prefix}}_worker, {{prefix}}_owner;
{
    _call_off(
        "CASE WHEN care_stopped(v.package_id) THEN 'cancelled_by_provider' ELSE 'cancelled_by_family' END",
        "CASE WHEN NOT care_stopped(v.package_id) THEN noticed END",
    )
}
"""

DOWN = f"""
{_call_off("'cancelled_by_family'", "noticed")}
DROP FUNCTION care_stopped(uuid);
"""


async def forwards():
    return sql_migration(ID, "A family calls off what may not lawfully go on", UP, DOWN)
