"""Disputes about a deduction with their story and evidence, and debts of providers that left owing something.

A waiver above the pack's sum needs two finance officers: the database refuses one who confirms what they proposed.
The commissioner reaches no row of evidence: what is attached to a dispute of its own is opened by two narrow functions.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0022_disputes"

APP = "TO {prefix}_app, {prefix}_worker"

UP = f"""
SET LOCAL ROLE {{prefix}}_owner;
CREATE TABLE deduction_dispute (
    commissioner_id uuid NOT NULL REFERENCES organisation,   -- the payer
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    framework_id uuid NOT NULL, provider_id uuid NOT NULL REFERENCES organisation,
    invoice_id uuid NOT NULL, first_day date NOT NULL,
    pence int NOT NULL CHECK (pence > 0), says text NOT NULL CHECK (says <> ''),
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'proposed', 'upheld', 'waived')),
    raised_by uuid NOT NULL REFERENCES person, raised_at timestamptz NOT NULL,
    reason_code text, proposed_by uuid REFERENCES person, proposed_at timestamptz,
    decided_by uuid REFERENCES person, decided_at timestamptz,
    second_needed boolean NOT NULL, payable_pence int, off_pence int,
    paid_on date, paid_by uuid REFERENCES person,            -- when what the waiver gives back was paid
    PRIMARY KEY (commissioner_id, id), UNIQUE (commissioner_id, id, provider_id),
    -- the deduction of a period is one, however often its invoice is corrected
    UNIQUE (commissioner_id, framework_id, provider_id, first_day),
    FOREIGN KEY (framework_id, commissioner_id) REFERENCES framework_member,
    FOREIGN KEY (commissioner_id, invoice_id, provider_id) REFERENCES invoice (commissioner_id, id, provider_id),
    CHECK (state IN ('open', 'upheld') OR (reason_code IS NOT NULL AND proposed_by IS NOT NULL AND proposed_at IS NOT NULL)),
    CHECK ((state IN ('upheld', 'waived')) = (decided_at IS NOT NULL)),
    CHECK ((decided_at IS NULL) = (decided_by IS NULL)),
    CHECK ((state = 'waived') = (payable_pence IS NOT NULL)), CHECK ((payable_pence IS NULL) = (off_pence IS NULL)),
    CHECK (payable_pence >= 0 AND off_pence >= 0 AND payable_pence + off_pence = pence),
    CHECK ((paid_on IS NULL) = (paid_by IS NULL)), CHECK (paid_on IS NULL OR payable_pence > 0),
    CONSTRAINT dispute_four_eyes CHECK (state <> 'waived' OR NOT second_needed OR decided_by <> proposed_by)
);
CREATE INDEX deduction_dispute_provider ON deduction_dispute (provider_id, raised_at);
CREATE INDEX deduction_dispute_state ON deduction_dispute (commissioner_id, state, raised_at);
CREATE FUNCTION dispute_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.commissioner_id, OLD.id, OLD.framework_id, OLD.provider_id, OLD.invoice_id, OLD.first_day, OLD.pence, OLD.says, OLD.raised_by, OLD.raised_at, OLD.second_needed)
       IS DISTINCT FROM
       (NEW.commissioner_id, NEW.id, NEW.framework_id, NEW.provider_id, NEW.invoice_id, NEW.first_day, NEW.pence, NEW.says, NEW.raised_by, NEW.raised_at, NEW.second_needed)
       OR (OLD.decided_at IS NOT NULL AND (to_jsonb(OLD) - ARRAY['paid_on', 'paid_by'] <> to_jsonb(NEW) - ARRAY['paid_on', 'paid_by'] OR OLD.paid_on IS NOT NULL))
    THEN RAISE EXCEPTION 'a dispute is kept as it was raised and decided' USING ERRCODE = 'check_violation'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER dispute_kept BEFORE UPDATE ON deduction_dispute FOR EACH ROW EXECUTE FUNCTION dispute_is_kept();
ALTER TABLE deduction_dispute ENABLE ROW LEVEL SECURITY;
ALTER TABLE deduction_dispute FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON deduction_dispute FOR ALL {APP} USING (commissioner_id = app_commissioner()) WITH CHECK (commissioner_id = app_commissioner());
CREATE POLICY provider ON deduction_dispute FOR SELECT {APP} USING (provider_id = app_organisation());
CREATE POLICY provider_raises ON deduction_dispute FOR INSERT {APP} WITH CHECK (provider_id = app_organisation() AND state = 'open' AND raised_by = app_person());
GRANT SELECT, INSERT, UPDATE ON deduction_dispute {APP};

-- what happened, in order, in people's words: added to, never changed
CREATE TABLE dispute_step (
    commissioner_id uuid NOT NULL, dispute_id uuid NOT NULL, position int NOT NULL, provider_id uuid NOT NULL, at timestamptz NOT NULL,
    what text NOT NULL CHECK (what IN ('raised', 'proposed', 'not_confirmed', 'upheld', 'waived')),
    by_person uuid NOT NULL REFERENCES person, by_name text NOT NULL, reason_code text, says text NOT NULL,
    PRIMARY KEY (commissioner_id, dispute_id, position),
    FOREIGN KEY (commissioner_id, dispute_id, provider_id) REFERENCES deduction_dispute (commissioner_id, id, provider_id)
);
ALTER TABLE dispute_step ENABLE ROW LEVEL SECURITY;
ALTER TABLE dispute_step FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON dispute_step FOR SELECT {APP} USING (commissioner_id = app_commissioner());
CREATE POLICY own_adds ON dispute_step FOR INSERT {APP} WITH CHECK (commissioner_id = app_commissioner() AND by_person = app_person());
-- what officers say among themselves before it is decided stays with them
CREATE POLICY provider ON dispute_step FOR SELECT {APP} USING (provider_id = app_organisation() AND what IN ('raised', 'upheld', 'waived'));
CREATE POLICY provider_adds ON dispute_step FOR INSERT {APP} WITH CHECK (provider_id = app_organisation() AND what = 'raised' AND by_person = app_person());
GRANT SELECT, INSERT ON dispute_step {APP};

CREATE TABLE dispute_evidence (
    commissioner_id uuid NOT NULL, dispute_id uuid NOT NULL, provider_id uuid NOT NULL, evidence_id uuid NOT NULL,
    PRIMARY KEY (commissioner_id, dispute_id, evidence_id),
    FOREIGN KEY (commissioner_id, dispute_id, provider_id) REFERENCES deduction_dispute (commissioner_id, id, provider_id),
    FOREIGN KEY (provider_id, evidence_id) REFERENCES evidence (provider_id, id)
);
ALTER TABLE dispute_evidence ENABLE ROW LEVEL SECURITY;
ALTER TABLE dispute_evidence FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON dispute_evidence FOR SELECT {APP} USING (commissioner_id = app_commissioner());
CREATE POLICY provider ON dispute_evidence FOR SELECT {APP} USING (provider_id = app_organisation());
CREATE POLICY provider_adds ON dispute_evidence FOR INSERT {APP} WITH CHECK (provider_id = app_organisation());
GRANT SELECT, INSERT ON dispute_evidence {APP};

-- what a provider that left still owes: moved from its account into a debt that finance invoices and sees paid
CREATE TABLE provider_debt (
    commissioner_id uuid NOT NULL REFERENCES organisation, id uuid NOT NULL DEFAULT gen_random_uuid(),
    framework_id uuid NOT NULL, provider_id uuid NOT NULL REFERENCES organisation,
    pence int NOT NULL CHECK (pence > 0), raised_at timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'to_invoice' CHECK (state IN ('to_invoice', 'invoiced', 'paid')),
    reference text, invoiced_on date, invoiced_by uuid REFERENCES person, paid_on date, paid_by uuid REFERENCES person,
    PRIMARY KEY (commissioner_id, id), UNIQUE (commissioner_id, id, provider_id),
    FOREIGN KEY (framework_id, commissioner_id) REFERENCES framework_member,
    CHECK ((state = 'to_invoice') = (invoiced_on IS NULL)), CHECK ((state = 'paid') = (paid_on IS NOT NULL)),
    CHECK ((invoiced_on IS NULL) = (reference IS NULL)), CHECK (paid_on >= invoiced_on)
);
CREATE INDEX provider_debt_provider ON provider_debt (provider_id, raised_at);
ALTER TABLE provider_debt ENABLE ROW LEVEL SECURITY;
ALTER TABLE provider_debt FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON provider_debt FOR ALL {APP} USING (commissioner_id = app_commissioner()) WITH CHECK (commissioner_id = app_commissioner());
CREATE POLICY provider ON provider_debt FOR SELECT {APP} USING (provider_id = app_organisation());
GRANT SELECT, INSERT, UPDATE ON provider_debt {APP};
REVOKE EXECUTE ON FUNCTION dispute_is_kept() FROM PUBLIC;
RESET ROLE;
GRANT SELECT ON deduction_dispute, dispute_step, dispute_evidence, provider_debt TO {{prefix}}_backup;

-- The files of a dispute within reach, for both ends: what a list says of each.
CREATE FUNCTION dispute_files(dispute uuid) RETURNS TABLE (id uuid, kind text, title text, file_name text, size bigint, state text, deleted boolean)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT e.id, e.kind, e.title, e.file_name, e.size, e.state, e.deleted_at IS NOT NULL
    FROM dispute_evidence d JOIN evidence e ON e.provider_id = d.provider_id AND e.id = d.evidence_id
    WHERE d.dispute_id = dispute AND (d.commissioner_id = app_commissioner() OR d.provider_id = app_organisation())
    ORDER BY e.uploaded_at, e.id $$;
-- One of them, as it must be to be opened; a scan of a DBS certificate to nobody but its provider.
CREATE FUNCTION dispute_file(dispute uuid, file uuid) RETURNS TABLE (id uuid, provider_id uuid, kind text, file_name text, content_type text,
    shown_state text, state text, refused_reason text, published_key text, published_version text, published_sha256 text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT e.id, e.provider_id, e.kind, e.file_name, e.content_type, CASE WHEN e.deleted_at IS NOT NULL THEN 'deleted' ELSE e.state END,
        e.state, e.refused_reason, e.published_key, e.published_version, e.published_sha256
    FROM dispute_evidence d JOIN evidence e ON e.provider_id = d.provider_id AND e.id = d.evidence_id
    WHERE d.dispute_id = dispute AND e.id = file AND d.commissioner_id = app_commissioner() AND e.kind <> 'dbs_certificate' $$;
REVOKE EXECUTE ON FUNCTION dispute_files(uuid), dispute_file(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dispute_files(uuid), dispute_file(uuid, uuid) TO {{prefix}}_app;
"""

DOWN = """
DROP FUNCTION dispute_file(uuid, uuid), dispute_files(uuid);
DROP TABLE provider_debt, dispute_evidence, dispute_step, deduction_dispute;
DROP FUNCTION dispute_is_kept();
"""


async def forwards():
    return sql_migration(ID, "Disputes about deductions, and debts", UP, DOWN)
