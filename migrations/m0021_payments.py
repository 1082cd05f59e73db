"""What follows an invoice: credit notes the provider confirms, and the commissioner's payment runs."""

from marketplace.platform.migrate import sql_migration

ID = "m0021_payments"

OWN = "commissioner_id = app_commissioner()"
PROVIDER = "provider_id = app_organisation()"

UP = f"""
SET LOCAL ROLE {{prefix}}_owner;
CREATE TABLE credit_note (
    commissioner_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(),
    framework_id uuid NOT NULL, provider_id uuid NOT NULL, invoice_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('claim', 'deduction')),
    defect text CHECK (defect IN ('inaccurate', 'incomplete')),
    state text NOT NULL DEFAULT 'asked' CHECK (state IN ('asked', 'refused', 'confirmed', 'withdrawn')),
    pence int NOT NULL CHECK (pence > 0), reason text NOT NULL CHECK (reason <> ''),
    asked_at timestamptz NOT NULL, asked_by uuid NOT NULL REFERENCES person,
    refused_at timestamptz, refused_by uuid REFERENCES person, refused_reason text,
    number int CHECK (number > 0), confirmed_at timestamptz, confirmed_by uuid REFERENCES person,
    withdrawn_at timestamptz, withdrawn_by uuid REFERENCES person,
    PRIMARY KEY (commissioner_id, id),
    UNIQUE (commissioner_id, framework_id, provider_id, number),
    FOREIGN KEY (framework_id, commissioner_id) REFERENCES framework_member,
    FOREIGN KEY (commissioner_id, invoice_id, provider_id) REFERENCES invoice (commissioner_id, id, provider_id),
    CHECK ((kind = 'deduction') = (defect IS NOT NULL)),
    CHECK ((state = 'confirmed') = (number IS NOT NULL) AND (number IS NULL) = (confirmed_at IS NULL)),
    CHECK ((state = 'withdrawn') = (withdrawn_at IS NOT NULL)),
    CHECK (state <> 'refused' OR num_nonnulls(refused_at, refused_by, refused_reason) = 3)
);
-- One of each kind stands on an invoice: the claim is brought down to the records once, and the sum is deducted once.
CREATE UNIQUE INDEX credit_note_once ON credit_note (commissioner_id, invoice_id, kind) WHERE state <> 'withdrawn';
CREATE INDEX credit_note_provider ON credit_note (provider_id, asked_at);
CREATE FUNCTION credit_note_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state IN ('confirmed', 'withdrawn')
       OR (OLD.commissioner_id, OLD.id, OLD.framework_id, OLD.provider_id, OLD.invoice_id, OLD.kind, OLD.defect, OLD.pence)
          IS DISTINCT FROM (NEW.commissioner_id, NEW.id, NEW.framework_id, NEW.provider_id, NEW.invoice_id, NEW.kind, NEW.defect, NEW.pence)
    THEN RAISE EXCEPTION 'a credit note is kept as it was made' USING ERRCODE = 'check_violation'; END IF;
    RETURN NEW;
END $$;
REVOKE EXECUTE ON FUNCTION credit_note_is_kept() FROM PUBLIC;
CREATE TRIGGER credit_note_is_kept BEFORE UPDATE ON credit_note FOR EACH ROW EXECUTE FUNCTION credit_note_is_kept();

ALTER TABLE credit_note ENABLE ROW LEVEL SECURITY;
ALTER TABLE credit_note FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON credit_note FOR ALL TO {{prefix}}_app, {{prefix}}_worker USING ({OWN}) WITH CHECK ({OWN});
CREATE POLICY provider_reads ON credit_note FOR SELECT TO {{prefix}}_app, {{prefix}}_worker USING ({PROVIDER});
-- the provider answers what it was asked, and nothing else
CREATE POLICY provider_answers ON credit_note FOR UPDATE TO {{prefix}}_app, {{prefix}}_worker
    USING ({PROVIDER} AND state = 'asked') WITH CHECK ({PROVIDER} AND state IN ('confirmed', 'refused'));
GRANT SELECT, INSERT, UPDATE ON credit_note TO {{prefix}}_app, {{prefix}}_worker;

CREATE TABLE payment_run (
    commissioner_id uuid NOT NULL REFERENCES organisation, id uuid NOT NULL DEFAULT gen_random_uuid(),
    number int NOT NULL CHECK (number > 0), state text NOT NULL DEFAULT 'built' CHECK (state IN ('built', 'approved', 'exported', 'cancelled')),
    total_pence bigint NOT NULL CHECK (total_pence > 0), four_eyes boolean NOT NULL,
    built_at timestamptz NOT NULL, built_by uuid NOT NULL REFERENCES person,
    approved_at timestamptz, approved_by uuid REFERENCES person,
    exported_at timestamptz, exported_by uuid REFERENCES person, control_hash text CHECK (control_hash ~ '^[0-9a-f]{{64}}$'),
    taken int NOT NULL DEFAULT 0 CHECK (taken >= 0),         -- how often the file was taken: all but the first are copies
    cancelled_at timestamptz, cancelled_by uuid REFERENCES person,
    PRIMARY KEY (commissioner_id, id), UNIQUE (commissioner_id, number),
    CHECK (approved_by IS DISTINCT FROM built_by),
    CHECK ((state = 'exported') = (control_hash IS NOT NULL)),
    CHECK (state <> 'exported' OR NOT four_eyes OR approved_by IS NOT NULL),
    CHECK (taken = 0 OR state = 'exported')
);
CREATE TABLE payment_line (
    commissioner_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(), run_id uuid NOT NULL, position int NOT NULL,
    invoice_id uuid NOT NULL, provider_id uuid NOT NULL, pence int NOT NULL CHECK (pence > 0),
    counts boolean NOT NULL DEFAULT true,                    -- false once its run is cancelled
    paid_on date, marked_at timestamptz, marked_by uuid REFERENCES person,
    PRIMARY KEY (commissioner_id, id), UNIQUE (commissioner_id, run_id, position), UNIQUE (commissioner_id, run_id, invoice_id),
    FOREIGN KEY (commissioner_id, run_id) REFERENCES payment_run,
    FOREIGN KEY (commissioner_id, invoice_id, provider_id) REFERENCES invoice (commissioner_id, id, provider_id),
    CHECK (num_nonnulls(paid_on, marked_at, marked_by) IN (0, 3)), CHECK (counts OR paid_on IS NULL)
);
-- An invoice is on its way to the bank once at a time.
CREATE UNIQUE INDEX payment_line_once ON payment_line (commissioner_id, invoice_id) WHERE counts AND paid_on IS NULL;
CREATE INDEX ledger_entry_subject ON ledger_entry (commissioner_id, subject_id);
CREATE FUNCTION payment_line_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.paid_on IS NOT NULL OR NOT OLD.counts OR (OLD.commissioner_id, OLD.id, OLD.run_id, OLD.position, OLD.invoice_id, OLD.provider_id, OLD.pence)
       IS DISTINCT FROM (NEW.commissioner_id, NEW.id, NEW.run_id, NEW.position, NEW.invoice_id, NEW.provider_id, NEW.pence)
    THEN RAISE EXCEPTION 'a payment is kept as it was made' USING ERRCODE = 'check_violation'; END IF;
    RETURN NEW;
END $$;
CREATE FUNCTION payment_run_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state = 'cancelled' OR OLD.state = 'exported' AND to_jsonb(OLD) - 'taken' <> to_jsonb(NEW) - 'taken' OR NEW.taken < OLD.taken
       OR (OLD.commissioner_id, OLD.id, OLD.number, OLD.total_pence, OLD.four_eyes, OLD.built_at, OLD.built_by)
          IS DISTINCT FROM (NEW.commissioner_id, NEW.id, NEW.number, NEW.total_pence, NEW.four_eyes, NEW.built_at, NEW.built_by)
    THEN RAISE EXCEPTION 'a payment run is kept as it was made' USING ERRCODE = 'check_violation'; END IF;
    RETURN NEW;
END $$;
REVOKE EXECUTE ON FUNCTION payment_line_is_kept(), payment_run_is_kept() FROM PUBLIC;
CREATE TRIGGER payment_line_is_kept BEFORE UPDATE ON payment_line FOR EACH ROW EXECUTE FUNCTION payment_line_is_kept();
CREATE TRIGGER payment_run_is_kept BEFORE UPDATE ON payment_run FOR EACH ROW EXECUTE FUNCTION payment_run_is_kept();
ALTER TABLE payment_run ENABLE ROW LEVEL SECURITY;
ALTER TABLE payment_run FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON payment_run FOR ALL TO {{prefix}}_app, {{prefix}}_worker USING ({OWN}) WITH CHECK ({OWN});
GRANT SELECT, INSERT, UPDATE ON payment_run TO {{prefix}}_app, {{prefix}}_worker;
ALTER TABLE payment_line ENABLE ROW LEVEL SECURITY;
ALTER TABLE payment_line FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON payment_line FOR ALL TO {{prefix}}_app, {{prefix}}_worker USING ({OWN}) WITH CHECK ({OWN});
CREATE POLICY provider_reads ON payment_line FOR SELECT TO {{prefix}}_app, {{prefix}}_worker USING ({PROVIDER});
GRANT SELECT, INSERT, UPDATE ON payment_line TO {{prefix}}_app, {{prefix}}_worker;
RESET ROLE;
GRANT SELECT ON credit_note, payment_run, payment_line TO {{prefix}}_backup;
"""

DOWN = """
DROP INDEX ledger_entry_subject;
DROP TABLE payment_line, payment_run, credit_note;
DROP FUNCTION payment_line_is_kept(), payment_run_is_kept(), credit_note_is_kept();
"""


async def forwards():
    return sql_migration(ID, "Credit notes and payment runs", UP, DOWN)
