"""Importing a workforce: the provider's own reference of a worker, and each file with what was found in it."""

from marketplace.platform.migrate import sql_migration

ID = "m0015_imports"

# A file's rows hold what a worker's own pages hold, and go when the import is over: done, given up or grown old.
UP = """
SET LOCAL ROLE {prefix}_owner;
ALTER TABLE worker ADD COLUMN reference text CHECK (reference <> '');
CREATE UNIQUE INDEX worker_reference ON worker (provider_id, lower(reference)) WHERE reference IS NOT NULL;
CREATE TABLE workforce_import (
    provider_id uuid NOT NULL REFERENCES provider, id uuid NOT NULL DEFAULT gen_random_uuid(),
    file_name text NOT NULL,
    state text NOT NULL DEFAULT 'checking' CHECK (state IN ('checking', 'checked', 'importing', 'imported', 'discarded')),
    rows jsonb NOT NULL,                                     -- what was read, sheet by sheet, as typed
    answers jsonb NOT NULL DEFAULT '{}',                     -- row -> the worker meant, or 'new'
    plan jsonb, plan_hash text,                              -- what it would do, found by trying it out
    since jsonb NOT NULL DEFAULT '[]',                       -- what others changed between the preview and its acceptance
    uploaded_by uuid NOT NULL REFERENCES person, uploaded_by_name text NOT NULL, uploaded_at timestamptz NOT NULL,
    checked_at timestamptz,
    accepted_by uuid REFERENCES person, accepted_by_name text, accepted_by_role text, accepted_at timestamptz,
    ended_at timestamptz,
    PRIMARY KEY (provider_id, id),
    CHECK ((plan IS NULL) = (plan_hash IS NULL)),
    CHECK (state NOT IN ('importing', 'imported') OR accepted_by IS NOT NULL)
);
CREATE INDEX workforce_import_newest ON workforce_import (provider_id, uploaded_at DESC);
ALTER TABLE workforce_import ENABLE ROW LEVEL SECURITY;
ALTER TABLE workforce_import FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON workforce_import FOR ALL TO {prefix}_app, {prefix}_worker
    USING (provider_id = app_organisation()) WITH CHECK (provider_id = app_organisation());
GRANT SELECT, INSERT, UPDATE ON workforce_import TO {prefix}_app, {prefix}_worker;
RESET ROLE;
GRANT SELECT ON workforce_import TO {prefix}_backup;
"""

DOWN = """
DROP TABLE workforce_import;
DROP INDEX worker_reference;
ALTER TABLE worker DROP COLUMN reference;
"""


async def forwards():
    return sql_migration(ID, "Importing a workforce", UP, DOWN)
