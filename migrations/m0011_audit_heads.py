"""The newest entry of every audit chain, for the worker to note each day outside the database."""

from marketplace.platform.migrate import sql_migration

ID = "m0011_audit_heads"

# Runs as the migrator: ids, numbers and sums only.
UP = """
CREATE FUNCTION audit_heads() RETURNS TABLE (organisation_id uuid, seq bigint, hash bytea)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT h.organisation_id, h.seq, h.hash FROM audit_head h ORDER BY 1 $$;
REVOKE ALL ON FUNCTION audit_heads() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit_heads() TO {prefix}_worker;
"""

DOWN = "DROP FUNCTION audit_heads();"


async def forwards():
    return sql_migration(ID, "The audit's heads, for the worker", UP, DOWN)
