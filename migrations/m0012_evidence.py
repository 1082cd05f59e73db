"""Evidence files: what a provider keeps as documents, from the upload to the record that it was deleted.

The bytes are in the bucket: an original in quarantine, then the cleaned copy under a key of its own. The row says where,
with the sums they must have. Commissioners and families reach no row of it: what is attached to something of theirs is
opened to them by that thing's own narrow function, a scan of a DBS certificate by none.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0012_evidence"

OWN_WORKER = "(provider_id, worker_id) IN (SELECT * FROM my_workers())"

UP = f"""
SET LOCAL ROLE {{prefix}}_owner;
CREATE TABLE evidence (
    provider_id uuid NOT NULL REFERENCES provider, id uuid NOT NULL DEFAULT gen_random_uuid(),
    kind text NOT NULL CHECK (kind ~ '^[a-z][a-z_]*$'), title text NOT NULL DEFAULT '',
    worker_id uuid, replaces_id uuid,                       -- the earlier file this one stands in for; its history stays
    file_name text NOT NULL CHECK (file_name <> ''), content_type text NOT NULL, size bigint NOT NULL CHECK (size >= 0),
    uploaded_by uuid NOT NULL REFERENCES person, uploaded_by_name text NOT NULL, uploaded_at timestamptz NOT NULL,
    form_until timestamptz NOT NULL,                        -- until when (by the wall's clock) the upload form is good
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'checking', 'held', 'clean', 'refused')),
    scan text CHECK (scan IN ('clean', 'not_scanned')), refused_reason text, remarks text NOT NULL DEFAULT '',
    quarantine_key text NOT NULL, quarantine_version text, original_sha256 text CHECK (original_sha256 ~ '^[0-9a-f]{{64}}$'),
    published_key text, published_version text, published_sha256 text CHECK (published_sha256 ~ '^[0-9a-f]{{64}}$'), published_size bigint,
    checked_at timestamptz, quarantine_tidied_at timestamptz,
    keep_until date, warned_at timestamptz, deleted_at timestamptz, deleted_reason text,
    PRIMARY KEY (provider_id, id),
    FOREIGN KEY (provider_id, worker_id) REFERENCES worker,
    FOREIGN KEY (provider_id, replaces_id) REFERENCES evidence (provider_id, id),
    CHECK (replaces_id IS DISTINCT FROM id),
    CHECK ((state = 'refused') = (refused_reason IS NOT NULL)),
    CHECK (state IN ('waiting', 'refused') OR quarantine_version IS NOT NULL),
    CHECK (state <> 'clean' OR num_nonnulls(scan, original_sha256, published_key, published_version, published_sha256, published_size) = 6),
    CHECK (state = 'clean' OR published_key IS NULL),
    CHECK (published_key IS DISTINCT FROM quarantine_key),
    CHECK ((deleted_at IS NULL) = (deleted_reason IS NULL))
);
CREATE INDEX evidence_list ON evidence (provider_id, uploaded_at DESC);
CREATE INDEX evidence_worker ON evidence (provider_id, worker_id) WHERE worker_id IS NOT NULL;
CREATE INDEX evidence_keep ON evidence (keep_until) WHERE deleted_at IS NULL;
CREATE INDEX evidence_open ON evidence (uploaded_at) WHERE state IN ('waiting', 'held') AND deleted_at IS NULL;
CREATE INDEX evidence_untidied ON evidence (form_until) WHERE quarantine_tidied_at IS NULL;
CREATE UNIQUE INDEX evidence_replaced_once ON evidence (provider_id, replaces_id) WHERE replaces_id IS NOT NULL AND state <> 'refused' AND deleted_at IS NULL;

ALTER TABLE evidence ENABLE ROW LEVEL SECURITY;
ALTER TABLE evidence FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON evidence FOR ALL TO {{prefix}}_app, {{prefix}}_worker
    USING (provider_id = app_organisation()) WITH CHECK (provider_id = app_organisation());
CREATE POLICY self ON evidence FOR SELECT TO {{prefix}}_app, {{prefix}}_worker USING ({OWN_WORKER});
-- a worker adds files about oneself and hands them in for checking; what comes of them is the system's to write
CREATE POLICY self_adds ON evidence FOR INSERT TO {{prefix}}_app, {{prefix}}_worker
    WITH CHECK ({OWN_WORKER} AND uploaded_by = app_person() AND state = 'waiting');
CREATE POLICY self_hands_in ON evidence FOR UPDATE TO {{prefix}}_app, {{prefix}}_worker
    USING ({OWN_WORKER} AND uploaded_by = app_person() AND state = 'waiting')
    WITH CHECK ({OWN_WORKER} AND uploaded_by = app_person() AND state IN ('waiting', 'checking'));
GRANT SELECT, INSERT, UPDATE ON evidence TO {{prefix}}_app, {{prefix}}_worker;

-- Where an original and its cleaned copy lie, and what they must sum to, is written once.
CREATE FUNCTION evidence_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.quarantine_key, OLD.uploaded_by, OLD.uploaded_at, OLD.worker_id, OLD.kind) IS DISTINCT FROM
       (NEW.quarantine_key, NEW.uploaded_by, NEW.uploaded_at, NEW.worker_id, NEW.kind)
       OR (OLD.quarantine_version IS NOT NULL AND OLD.quarantine_version IS DISTINCT FROM NEW.quarantine_version)
       OR (OLD.original_sha256 IS NOT NULL AND OLD.original_sha256 IS DISTINCT FROM NEW.original_sha256)
       OR (OLD.state IN ('clean', 'refused') AND (OLD.state, OLD.scan, OLD.refused_reason, OLD.published_key, OLD.published_version, OLD.published_sha256)
           IS DISTINCT FROM (NEW.state, NEW.scan, NEW.refused_reason, NEW.published_key, NEW.published_version, NEW.published_sha256))
       OR (OLD.deleted_at IS NOT NULL AND (OLD.deleted_at, OLD.deleted_reason) IS DISTINCT FROM (NEW.deleted_at, NEW.deleted_reason)) THEN
        RAISE EXCEPTION 'a file of evidence is written once' USING ERRCODE = 'check_violation'; END IF;
    RETURN NEW;
END $$;
REVOKE EXECUTE ON FUNCTION evidence_is_kept() FROM PUBLIC;
CREATE TRIGGER evidence_is_kept BEFORE UPDATE ON evidence FOR EACH ROW EXECUTE FUNCTION evidence_is_kept();
RESET ROLE;
GRANT SELECT ON evidence TO {{prefix}}_backup;

-- For the worker process's sweeps: ids and states only.
CREATE FUNCTION evidence_unfinished() RETURNS TABLE (provider_id uuid, id uuid, state text, uploaded_at timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT e.provider_id, e.id, e.state, e.uploaded_at FROM evidence e
    WHERE e.state IN ('waiting', 'held') AND e.deleted_at IS NULL ORDER BY e.uploaded_at $$;
CREATE FUNCTION providers_keeping_evidence() RETURNS TABLE (provider_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT DISTINCT e.provider_id FROM evidence e WHERE e.deleted_at IS NULL ORDER BY 1 $$;
-- the store may hold more of these than it should: their upload form has run out, and nobody has looked since
CREATE FUNCTION evidence_untidy() RETURNS TABLE (provider_id uuid, id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT e.provider_id, e.id FROM evidence e WHERE e.quarantine_tidied_at IS NULL AND e.form_until < now() AND e.state <> 'waiting'
    ORDER BY e.form_until LIMIT 500 $$;
REVOKE EXECUTE ON FUNCTION evidence_unfinished(), providers_keeping_evidence(), evidence_untidy() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION evidence_unfinished(), providers_keeping_evidence(), evidence_untidy() TO {{prefix}}_worker;
"""

DOWN = """
DROP FUNCTION evidence_untidy(), evidence_unfinished(), providers_keeping_evidence();
DROP TABLE evidence;
DROP FUNCTION evidence_is_kept();
"""


async def forwards():
    return sql_migration(ID, "Evidence files", UP, DOWN)
