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
RESET ROLE;
GRANT SELECT ON credit_note TO {{prefix}}_backup;
"""

DOWN = """
DROP TABLE credit_note;
DROP FUNCTION credit_note_is_kept();
"""


async def forwards():
    return sql_migration(ID, "Credit notes and payment runs", UP, DOWN)
