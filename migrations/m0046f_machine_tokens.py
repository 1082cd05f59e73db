"""A token of a machine: a provider's rostering system sends and reads its roster with it, and nothing else.

Kept of it is a SHA-256. It stands for whoever issued it, and works as long as that person manages the provider; when it
expires, and when it was last used, keep wall time.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0046f_machine_tokens"

APP = "TO {prefix}_app, {prefix}_worker"
PROVIDER = "provider_id = app_organisation()"

UP = f"""
SET LOCAL ROLE {{prefix}}_owner;
CREATE TABLE machine_token (
    provider_id uuid NOT NULL REFERENCES provider, id uuid NOT NULL DEFAULT gen_random_uuid(),
    name text NOT NULL CHECK (name <> ''), token_hash bytea NOT NULL UNIQUE,
    made_by uuid NOT NULL REFERENCES person, made_by_name text NOT NULL, made_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL, last_used_at timestamptz,
    revoked_at timestamptz, revoked_by uuid REFERENCES person,
    PRIMARY KEY (provider_id, id), CHECK ((revoked_at IS NULL) = (revoked_by IS NULL))
);
CREATE UNIQUE INDEX machine_token_name ON machine_token (provider_id, lower(name)) WHERE revoked_at IS NULL;
ALTER TABLE machine_token ENABLE ROW LEVEL SECURITY;
ALTER TABLE machine_token FORCE ROW LEVEL SECURITY;
CREATE POLICY provider ON machine_token FOR SELECT {APP} USING ({PROVIDER});
CREATE POLICY provider_issues ON machine_token FOR INSERT {APP} WITH CHECK ({PROVIDER} AND made_by = app_person() AND revoked_at IS NULL);
CREATE POLICY provider_revokes ON machine_token FOR UPDATE {APP} USING ({PROVIDER} AND revoked_at IS NULL)
    WITH CHECK ({PROVIDER} AND revoked_by = app_person());
GRANT SELECT, INSERT, UPDATE (revoked_at, revoked_by) ON machine_token {APP};
RESET ROLE;
GRANT SELECT ON machine_token TO {{prefix}}_backup;
-- Whose machine it is, before there is a context; nobody once it is revoked, expired, or its maker manages the provider no more.
CREATE FUNCTION machine_token_use(hash bytea) RETURNS TABLE (name text, person_id uuid, person_name text, organisation_id uuid, organisation_name text)
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE machine_token t SET last_used_at = now() FROM person p, organisation o
    WHERE t.token_hash = hash AND t.revoked_at IS NULL AND t.expires_at > now() AND p.id = t.made_by AND o.id = t.provider_id
      AND EXISTS (SELECT FROM places_of(t.made_by) l WHERE l.organisation_id = t.provider_id AND l.role = 'provider_manager')
    RETURNING t.name, p.id, p.name, o.id, o.name $$;
REVOKE EXECUTE ON FUNCTION machine_token_use(bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION machine_token_use(bytea) TO {{prefix}}_app;
"""

DOWN = """
DROP FUNCTION machine_token_use(bytea);
DROP TABLE machine_token;
"""


async def forwards():
    return sql_migration(ID, "Tokens of machines", UP, DOWN)
