"""Invoices frozen at submission, their lines, the ledger's balanced entries, and obligations: every duty with a clock."""

from marketplace.platform.migrate import sql_migration

ID = "m0006_billing"

UP = """
SET LOCAL ROLE {prefix}_owner;

CREATE TABLE invoice (
    commissioner_id uuid NOT NULL REFERENCES organisation,   -- the payer
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    framework_id uuid NOT NULL, provider_id uuid NOT NULL REFERENCES organisation,
    first_day date NOT NULL, last_day date NOT NULL, number int NOT NULL CHECK (number > 0),
    state text NOT NULL DEFAULT 'submitted' CHECK (state IN ('submitted', 'returned', 'accepted', 'disputed', 'paid')),
    submitted_at timestamptz NOT NULL, submitted_by uuid NOT NULL REFERENCES person, due_at timestamptz NOT NULL,
    claim jsonb NOT NULL, result jsonb NOT NULL, pack_hash text NOT NULL REFERENCES pack_version,
    gross_pence int NOT NULL, deduction_pence int NOT NULL, carried_in_pence int NOT NULL, net_pence int NOT NULL CHECK (net_pence >= 0), carried_out_pence int NOT NULL CHECK (carried_out_pence >= 0),
    received_at timestamptz, accepted_at timestamptz, accepted_by uuid REFERENCES person, returned_at timestamptz, returned_by uuid REFERENCES person, returned_reason text,
    replaces_id uuid, replaced_at timestamptz, pay_by date, paid_at timestamptz,
    PRIMARY KEY (commissioner_id, id), UNIQUE (commissioner_id, id, provider_id),
    UNIQUE (commissioner_id, framework_id, provider_id, number),
    FOREIGN KEY (framework_id, commissioner_id) REFERENCES framework_member,
    FOREIGN KEY (commissioner_id, replaces_id, provider_id) REFERENCES invoice (commissioner_id, id, provider_id),
    CHECK (gross_pence + carried_out_pence = net_pence + carried_in_pence + deduction_pence)
);
CREATE UNIQUE INDEX invoice_one_of_period ON invoice (commissioner_id, framework_id, provider_id, first_day) WHERE replaced_at IS NULL;
CREATE INDEX invoice_provider ON invoice (provider_id, first_day);
CREATE INDEX invoice_state ON invoice (commissioner_id, state);
CREATE FUNCTION invoice_is_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.commissioner_id, OLD.id, OLD.framework_id, OLD.provider_id, OLD.first_day, OLD.last_day, OLD.number, OLD.submitted_at, OLD.due_at, OLD.claim,
        OLD.result, OLD.pack_hash, OLD.gross_pence, OLD.deduction_pence, OLD.carried_in_pence, OLD.net_pence, OLD.carried_out_pence)
       IS DISTINCT FROM
       (NEW.commissioner_id, NEW.id, NEW.framework_id, NEW.provider_id, NEW.first_day, NEW.last_day, NEW.number, NEW.submitted_at, NEW.due_at, NEW.claim,
        NEW.result, NEW.pack_hash, NEW.gross_pence, NEW.deduction_pence, NEW.carried_in_pence, NEW.net_pence, NEW.carried_out_pence)
    THEN RAISE EXCEPTION 'a submitted invoice is frozen' USING ERRCODE = 'check_violation'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER invoice_frozen BEFORE UPDATE ON invoice FOR EACH ROW EXECUTE FUNCTION invoice_is_frozen();
CREATE TABLE invoice_line (
    commissioner_id uuid NOT NULL, invoice_id uuid NOT NULL, provider_id uuid NOT NULL, position int NOT NULL,
    visit_commissioner_id uuid NOT NULL, visit_id uuid NOT NULL,
    minutes int NOT NULL, percent int NOT NULL, price_pence int, held boolean NOT NULL, claimed_pence int, payable_pence int NOT NULL,
    counts boolean NOT NULL DEFAULT true,                    -- false once its invoice is replaced: the visit may be billed again
    PRIMARY KEY (commissioner_id, invoice_id, visit_id),
    FOREIGN KEY (commissioner_id, invoice_id, provider_id) REFERENCES invoice (commissioner_id, id, provider_id),
    FOREIGN KEY (visit_commissioner_id, visit_id, provider_id) REFERENCES visit (commissioner_id, id, provider_id)
);
-- Nothing is billed twice: a visit is payable on one counting line per payer.
CREATE UNIQUE INDEX invoice_line_paid_once ON invoice_line (commissioner_id, visit_commissioner_id, visit_id) WHERE counts AND payable_pence > 0;

CREATE TABLE ledger_entry (
    commissioner_id uuid NOT NULL REFERENCES organisation, id uuid NOT NULL DEFAULT gen_random_uuid(),
    framework_id uuid NOT NULL, provider_id uuid NOT NULL REFERENCES organisation,
    at timestamptz NOT NULL, kind text NOT NULL, subject_type text NOT NULL, subject_id uuid NOT NULL, written_by uuid NOT NULL,
    dedupe_key text NOT NULL,
    PRIMARY KEY (commissioner_id, id), UNIQUE (commissioner_id, id, provider_id), UNIQUE (commissioner_id, dedupe_key)
);
CREATE TABLE ledger_posting (
    commissioner_id uuid NOT NULL, entry_id uuid NOT NULL, provider_id uuid NOT NULL, account text NOT NULL, pence bigint NOT NULL CHECK (pence <> 0),
    PRIMARY KEY (commissioner_id, entry_id, account),
    FOREIGN KEY (commissioner_id, entry_id, provider_id) REFERENCES ledger_entry (commissioner_id, id, provider_id)
);
CREATE INDEX ledger_entry_provider ON ledger_entry (commissioner_id, framework_id, provider_id, at);
CREATE FUNCTION ledger_balances() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT sum(pence) FROM ledger_posting WHERE commissioner_id = NEW.commissioner_id AND entry_id = NEW.entry_id) <> 0
    THEN RAISE EXCEPTION 'ledger entry % does not balance', NEW.entry_id USING ERRCODE = 'check_violation'; END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER ledger_posting_balances AFTER INSERT ON ledger_posting DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION ledger_balances();
CREATE TRIGGER ledger_entry_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entry EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_posting_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_posting EXECUTE FUNCTION refuse_change();

-- Every duty with a clock: who owes (organisation and role, or a person), to whom, about what, by when, and how it ended.
CREATE TABLE obligation (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    owed_by_organisation uuid REFERENCES organisation, owed_by_role text, owed_by_person uuid REFERENCES person,
    owed_to uuid REFERENCES organisation,
    commissioner_id uuid REFERENCES organisation, framework_id uuid REFERENCES framework, child_id uuid, package_id uuid,
    subject_type text NOT NULL, subject_id uuid NOT NULL, reference text NOT NULL DEFAULT '',
    rule_key text NOT NULL, pack_hash text NOT NULL REFERENCES pack_version, title text NOT NULL, link text NOT NULL DEFAULT '',
    starts_at timestamptz NOT NULL, due_at timestamptz NOT NULL,
    met_at timestamptz, cancelled_at timestamptz, missed_at timestamptz, reminded_at timestamptz, next_check_at timestamptz,
    CHECK (owed_by_organisation IS NOT NULL OR owed_by_person IS NOT NULL),
    CHECK (met_at IS NULL OR cancelled_at IS NULL),
    CHECK ((child_id IS NULL AND package_id IS NULL) OR commissioner_id IS NOT NULL),
    -- sweeps go tenant by tenant: every duty has one that looks after it
    CHECK (owed_by_organisation IS NOT NULL OR commissioner_id IS NOT NULL)
);
CREATE UNIQUE INDEX obligation_one ON obligation
    (rule_key, subject_id, coalesce(owed_by_organisation, '00000000-0000-0000-0000-000000000000'), coalesce(owed_by_role, ''), coalesce(owed_by_person, '00000000-0000-0000-0000-000000000000'), starts_at);
CREATE INDEX obligation_organisation ON obligation (owed_by_organisation, due_at) WHERE met_at IS NULL AND cancelled_at IS NULL;
CREATE INDEX obligation_person ON obligation (owed_by_person, due_at) WHERE met_at IS NULL AND cancelled_at IS NULL;
CREATE INDEX obligation_commissioner ON obligation (commissioner_id, due_at) WHERE met_at IS NULL AND cancelled_at IS NULL;
CREATE INDEX obligation_next_check ON obligation (next_check_at) WHERE next_check_at IS NOT NULL;
CREATE INDEX obligation_subject ON obligation (subject_id);
RESET ROLE;
"""

DOWN = """
DROP TABLE obligation, ledger_posting, ledger_entry, invoice_line, invoice;
DROP FUNCTION ledger_balances(), invoice_is_frozen();
"""


async def forwards():
    return sql_migration(ID, "Invoices, ledger, obligations", UP, DOWN)
