"""Timesheets: corrections with their history, visits sent by rostering systems, the parties an invoice was made between.

A record that somebody signed may be put right by the provider's office, with a reason: the correction is written down
first, with what stood before and after, and every signature under the earlier text stops counting.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0026_timesheets"

APP = "TO {prefix}_app, {prefix}_worker"
PROVIDER = "provider_id = app_organisation()"
ON_MY_VISITS = "(commissioner_id, visit_id) IN (SELECT * FROM my_visits())"

# Signatures count for the text they stand under, and for no other.
SIGNATURE_KEPT = """
CREATE OR REPLACE FUNCTION signature_kept() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE signed visit;
BEGIN
    IF NEW.subject_type <> 'visit' THEN RETURN NULL; END IF;
    SELECT * INTO signed FROM visit WHERE commissioner_id = NEW.commissioner_id AND id = NEW.subject_id FOR UPDATE;
    %s
    IF NEW.side = 'worker' AND NEW.method <> 'coded_reason' THEN
        UPDATE visit_worker SET signed_at = coalesce(signed_at, NEW.signed_at)
        WHERE commissioner_id = NEW.commissioner_id AND visit_id = NEW.subject_id AND worker_id = NEW.worker_id;
    ELSIF NEW.side = 'family' AND (NEW.resolved_at IS NOT NULL OR NEW.method <> 'coded_reason'
            AND family_has_signed(NEW.commissioner_id, signed.child_id, 'confirm_visits', NEW.subject_id, NEW.text_hash)) THEN
        UPDATE visit SET family_signed = true, unsigned_reason_waiting = false
        WHERE commissioner_id = NEW.commissioner_id AND id = NEW.subject_id;
    ELSIF NEW.side = 'family' AND NEW.method = 'coded_reason' THEN
        UPDATE visit SET unsigned_reason_waiting = NOT family_signed WHERE commissioner_id = NEW.commissioner_id AND id = NEW.subject_id;
    END IF;
    RETURN NULL;
END $$;
"""
NOW = """IF NEW.text_hash IS DISTINCT FROM signed.record_hash THEN
        IF TG_OP = 'UPDATE' THEN RETURN NULL; END IF;  -- a reason resolved late, of a text that was corrected meanwhile
        RAISE EXCEPTION 'this is not the record as it stands' USING ERRCODE = 'check_violation'; END IF;"""
BEFORE = """IF TG_OP = 'INSERT' AND NEW.text_hash IS DISTINCT FROM signed.record_hash THEN
        RAISE EXCEPTION 'this is not the record as it stands' USING ERRCODE = 'check_violation'; END IF;"""

RECORD_CHANGES = """
CREATE OR REPLACE FUNCTION visit_record_changes() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    %s
    UPDATE visit_worker w SET signed_at = (SELECT min(s.signed_at) FROM signature s WHERE s.commissioner_id = OLD.commissioner_id
        AND s.subject_id = OLD.id AND s.side = 'worker' AND s.worker_id = w.worker_id AND s.text_hash = NEW.record_hash)
    WHERE w.commissioner_id = OLD.commissioner_id AND w.visit_id = OLD.id;
    RETURN NEW;
END $$;
"""
CORRECTED = """IF EXISTS (SELECT 1 FROM signature WHERE commissioner_id = OLD.commissioner_id AND subject_id = OLD.id AND side = 'family'
            AND text_hash = OLD.record_hash) THEN
        IF NOT EXISTS (SELECT 1 FROM visit_correction c WHERE c.commissioner_id = OLD.commissioner_id AND c.visit_id = OLD.id
                AND c.source <> 'worker' AND c.old_hash = OLD.record_hash AND c.new_hash = NEW.record_hash AND c.version = OLD.version) THEN
            RAISE EXCEPTION 'a record the family has answered is not changed' USING ERRCODE = 'check_violation'; END IF;
    END IF;
    -- an earlier text put back is signed by those who signed it then
    NEW.family_signed := family_has_signed(OLD.commissioner_id, OLD.child_id, 'confirm_visits', OLD.id, NEW.record_hash)
        OR EXISTS (SELECT 1 FROM signature s WHERE s.commissioner_id = OLD.commissioner_id AND s.subject_id = OLD.id AND s.side = 'family'
            AND s.method = 'coded_reason' AND s.resolved_at IS NOT NULL AND s.text_hash = NEW.record_hash);
    NEW.unsigned_reason_waiting := NOT NEW.family_signed AND EXISTS (SELECT 1 FROM signature s WHERE s.commissioner_id = OLD.commissioner_id
        AND s.subject_id = OLD.id AND s.side = 'family' AND s.method = 'coded_reason' AND s.text_hash = NEW.record_hash);"""
UNCHANGED = """IF EXISTS (SELECT 1 FROM signature WHERE commissioner_id = OLD.commissioner_id AND subject_id = OLD.id AND side = 'family') THEN
        RAISE EXCEPTION 'a record the family has answered is not changed' USING ERRCODE = 'check_violation'; END IF;"""

UP = f"""
-- Whether the person acting for a commissioner may meet what was written about a child there: finance officers never.
CREATE FUNCTION app_reads_notes() RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (SELECT 1 FROM membership WHERE person_id = app_person() AND organisation_id = app_commissioner()
        AND ended_at IS NULL AND role IN ('referrer', 'contract_manager')) $$;
REVOKE ALL ON FUNCTION app_reads_notes() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app_reads_notes() {APP};

SET LOCAL ROLE {{prefix}}_owner;
DROP POLICY own ON visit_note;
CREATE POLICY own ON visit_note FOR SELECT {APP} USING (commissioner_id = app_commissioner() AND (SELECT app_reads_notes()));
-- What a record said before and after a correction: times and outcome, whose change it was, and why. Never the notes.
CREATE TABLE visit_correction (
    commissioner_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(), visit_id uuid NOT NULL, provider_id uuid NOT NULL,
    at timestamptz NOT NULL, by_person uuid NOT NULL REFERENCES person, by_name text NOT NULL,
    source text NOT NULL CHECK (source IN ('worker', 'office', 'roster')), reason text NOT NULL CHECK (reason <> ''),
    before jsonb NOT NULL, after jsonb NOT NULL, old_hash text, new_hash text, version int NOT NULL,
    PRIMARY KEY (commissioner_id, id),
    FOREIGN KEY (commissioner_id, visit_id, provider_id) REFERENCES visit (commissioner_id, id, provider_id)
);
CREATE INDEX visit_correction_visit ON visit_correction (commissioner_id, visit_id, at);
CREATE INDEX visit_correction_provider ON visit_correction (provider_id, at);
ALTER TABLE visit_correction ENABLE ROW LEVEL SECURITY;
ALTER TABLE visit_correction FORCE ROW LEVEL SECURITY;
-- whoever reaches the visit reads how it was put right
CREATE POLICY with_the_visit ON visit_correction FOR SELECT {APP} USING ((commissioner_id, visit_id) IN (SELECT v.commissioner_id, v.id FROM visit v));
CREATE POLICY provider ON visit_correction FOR INSERT {APP} WITH CHECK ({PROVIDER} AND by_person = app_person() AND source <> 'worker');
CREATE POLICY worker ON visit_correction FOR INSERT {APP} WITH CHECK ({ON_MY_VISITS} AND by_person = app_person() AND source = 'worker');
GRANT SELECT, INSERT ON visit_correction {APP};

-- A visit under the name the provider's own system gives it: sent twice, it is the same visit.
CREATE TABLE roster_row (
    provider_id uuid NOT NULL REFERENCES provider, reference text NOT NULL CHECK (length(reference) BETWEEN 1 AND 100),
    commissioner_id uuid NOT NULL, visit_id uuid NOT NULL, content_hash text NOT NULL,
    first_sent_at timestamptz NOT NULL, sent_at timestamptz NOT NULL, sent_by uuid NOT NULL REFERENCES person,
    PRIMARY KEY (provider_id, reference), UNIQUE (provider_id, commissioner_id, visit_id),
    FOREIGN KEY (commissioner_id, visit_id, provider_id) REFERENCES visit (commissioner_id, id, provider_id)
);
ALTER TABLE roster_row ENABLE ROW LEVEL SECURITY;
ALTER TABLE roster_row FORCE ROW LEVEL SECURITY;
CREATE POLICY provider ON roster_row FOR ALL {APP} USING ({PROVIDER}) WITH CHECK ({PROVIDER});
GRANT SELECT, INSERT, UPDATE ON roster_row {APP};

-- Who the parties were when the invoice was submitted, as documents name them; without bank accounts.
ALTER TABLE invoice ADD COLUMN parties jsonb;
CREATE FUNCTION invoice_parties_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the parties of a submitted invoice are frozen' USING ERRCODE = 'check_violation';
END $$;
REVOKE ALL ON FUNCTION invoice_parties_kept() FROM PUBLIC;
CREATE TRIGGER invoice_parties_kept BEFORE UPDATE OF parties ON invoice FOR EACH ROW
    WHEN (OLD.parties IS NOT NULL AND OLD.parties IS DISTINCT FROM NEW.parties) EXECUTE FUNCTION invoice_parties_kept();
RESET ROLE;
GRANT SELECT ON visit_correction, roster_row TO {{prefix}}_backup;
{SIGNATURE_KEPT % NOW}
{RECORD_CHANGES % CORRECTED}
"""

DOWN = f"""
{RECORD_CHANGES % UNCHANGED}
{SIGNATURE_KEPT % BEFORE}
DROP TRIGGER invoice_parties_kept ON invoice;
DROP FUNCTION invoice_parties_kept();
ALTER TABLE invoice DROP COLUMN parties;
DROP TABLE roster_row, visit_correction;
DROP POLICY own ON visit_note;
CREATE POLICY own ON visit_note FOR SELECT {APP} USING (commissioner_id = app_commissioner());
DROP FUNCTION app_reads_notes();
"""


async def forwards():
    return sql_migration(ID, "Timesheets", UP, DOWN)
