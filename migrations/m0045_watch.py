"""A family that agrees with a provider holds its standing still, as an award does; and what Watch looks duties up by.

A family reaches neither admissions nor suspensions: the lock is taken for it, and says nothing but that it is held.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0045_watch"

UP = """
-- Duties of a commissioner by when they fall due, ended ones too: what was late, and whether it grows.
CREATE INDEX obligation_due ON obligation (commissioner_id, due_at);
CREATE INDEX obligation_framework_due ON obligation (framework_id, due_at) WHERE commissioner_id IS NULL;
-- As `hold_admissions(.., alone => true)`, for whoever may spend a direct payment on the framework.
CREATE FUNCTION hold_new_family(framework uuid, provider uuid) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM direct_payment d JOIN my_granted_children('spend') g
                   ON g.commissioner_id = d.commissioner_id AND g.child_id = d.child_id
                   WHERE d.framework_id = framework AND (d.ends_on IS NULL OR d.ends_on >= app_today())) THEN
        RETURN false;
    END IF;
    PERFORM 1 FROM admission WHERE framework_id = framework AND provider_id = provider ORDER BY id FOR UPDATE;
    RETURN true;
END $$;
REVOKE EXECUTE ON FUNCTION hold_new_family(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION hold_new_family(uuid, uuid) TO {prefix}_app, {prefix}_worker, {prefix}_owner;
"""

DOWN = """
DROP FUNCTION hold_new_family(uuid, uuid);
DROP INDEX obligation_due, obligation_framework_due;
"""


async def forwards():
    return sql_migration(ID, "Families hold a provider's standing, and Watch", UP, DOWN)
