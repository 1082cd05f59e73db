"""A commissioner's own files that show what it found at a visit: photographs, a checklist, a record looked at.

They are the commissioner's until the findings are shared; then the provider opens them too, and nothing is taken away.
The row says where the cleaned copy lies and what it must sum to; nothing else of the upload is kept.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0057_finding_files"

APP = "TO {prefix}_app, {prefix}_worker"
BY_ME = "commissioner_id = app_commissioner()"
SHARED = (
    "(commissioner_id, occasion_id) IN (SELECT c.commissioner_id, c.id FROM contract_occasion c"
    " WHERE c.shared_at IS NOT NULL)"
)

UP = f"""
SET LOCAL ROLE {{prefix}}_owner;
CREATE TABLE finding_file (
    commissioner_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(), provider_id uuid NOT NULL,
    occasion_id uuid NOT NULL, finding_id uuid NOT NULL,
    file_name text NOT NULL CHECK (file_name <> ''), content_type text NOT NULL, remarks text NOT NULL DEFAULT '',
    scan text NOT NULL CHECK (scan IN ('clean', 'not_scanned')),
    original_sha256 text NOT NULL CHECK (original_sha256 ~ '^[0-9a-f]{{64}}$'),
    published_key text NOT NULL, published_version text NOT NULL, published_size bigint NOT NULL CHECK (published_size > 0),
    published_sha256 text NOT NULL CHECK (published_sha256 ~ '^[0-9a-f]{{64}}$'),
    added_at timestamptz NOT NULL, added_by uuid NOT NULL REFERENCES person, added_by_name text NOT NULL,
    in_order bigint GENERATED ALWAYS AS IDENTITY,
    removed_at timestamptz,                                  -- before it was shared, by its commissioner
    PRIMARY KEY (commissioner_id, id),
    FOREIGN KEY (commissioner_id, finding_id, occasion_id, provider_id)
        REFERENCES contract_finding (commissioner_id, id, occasion_id, provider_id)
);
CREATE INDEX finding_file_of ON finding_file (commissioner_id, occasion_id);
-- Only whether it was taken away changes, once, and before anybody else could have read it.
CREATE FUNCTION finding_file_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.removed_at IS NOT NULL OR (to_jsonb(NEW) - 'removed_at') IS DISTINCT FROM (to_jsonb(OLD) - 'removed_at')
       OR EXISTS (SELECT 1 FROM contract_occasion c WHERE c.commissioner_id = OLD.commissioner_id AND c.id = OLD.occasion_id
           AND c.shared_at IS NOT NULL)
    THEN RAISE EXCEPTION 'a file that was shared stays as it is' USING ERRCODE = 'check_violation'; END IF;
    RETURN NEW;
END $$;
REVOKE EXECUTE ON FUNCTION finding_file_is_kept() FROM PUBLIC;
CREATE TRIGGER finding_file_kept BEFORE UPDATE ON finding_file FOR EACH ROW EXECUTE FUNCTION finding_file_is_kept();
ALTER TABLE finding_file ENABLE ROW LEVEL SECURITY;
ALTER TABLE finding_file FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON finding_file FOR SELECT {APP} USING ({BY_ME});
CREATE POLICY add ON finding_file FOR INSERT {APP} WITH CHECK ({BY_ME} AND added_by = app_person() AND NOT {SHARED});
CREATE POLICY remove ON finding_file FOR UPDATE {APP} USING ({BY_ME}) WITH CHECK ({BY_ME});
CREATE POLICY provider ON finding_file FOR SELECT {APP}
    USING (provider_id = app_organisation() AND removed_at IS NULL AND {SHARED});
GRANT SELECT, INSERT, UPDATE ON finding_file {APP};
RESET ROLE;
GRANT SELECT ON finding_file TO {{prefix}}_backup;
"""

DOWN = """
DROP TABLE finding_file;
DROP FUNCTION finding_file_is_kept();
"""


async def forwards():
    return sql_migration(ID, "A commissioner's own files of what it found", UP, DOWN)
