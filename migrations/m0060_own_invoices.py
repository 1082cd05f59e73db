"""A provider submits its invoices and decides none of them: who adds what to invoices, their lines and the ledger.

The actions have kept to this all along; from here on the database does too, whatever statement comes. In a provider's
context an invoice comes as submitted, its lines with it, its entries with the amounts it carries, and nothing later.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0060_own_invoices"

APP = "TO {prefix}_app, {prefix}_worker"
OWN = "commissioner_id = app_commissioner()"
PROVIDER = "provider_id = app_organisation()"
LINES = ("invoice_line", "invoice_other_line")
LEDGER = ("ledger_entry", "ledger_posting")

FROZEN = (
    "commissioner_id", "id", "framework_id", "provider_id", "first_day", "last_day", "number", "submitted_at", "due_at",
    "claim", "result", "pack_hash", "gross_pence", "deduction_pence", "carried_in_pence", "net_pence",
    "carried_out_pence",
)  # fmt: skip
DECIDED = (
    "accepted_at", "accepted_by", "returned_at", "returned_by", "returned_reason", "pay_by", "paid_at",
)  # fmt: skip


def of(row: str, columns: tuple[str, ...]) -> str:
    """ "OLD.id, OLD.number"."""
    return ", ".join(f"{row}.{column}" for column in columns)


def frozen(columns: tuple[str, ...], more: str) -> str:
    """The function that keeps a submitted invoice as it is."""
    return f"""
CREATE OR REPLACE FUNCTION invoice_is_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF ({of("OLD", columns)}) IS DISTINCT FROM ({of("NEW", columns)})
    THEN RAISE EXCEPTION 'a submitted invoice is frozen' USING ERRCODE = 'check_violation'; END IF;
    {more}
    RETURN NEW;
END $$;
"""


SIDES = f"""
    IF NEW.replaced_at IS DISTINCT FROM OLD.replaced_at AND (OLD.replaced_at IS NOT NULL OR OLD.state <> 'returned')
    THEN RAISE EXCEPTION 'only a returned invoice is replaced, once' USING ERRCODE = 'check_violation'; END IF;
    IF OLD.provider_id = app_organisation()
       AND (OLD.state, {of("OLD", DECIDED)}) IS DISTINCT FROM (NEW.state, {of("NEW", DECIDED)})
    THEN RAISE EXCEPTION 'a provider decides nothing about its invoice' USING ERRCODE = 'insufficient_privilege'; END IF;
"""

UP = f"""
SET LOCAL ROLE {{prefix}}_owner;
{frozen((*FROZEN, "submitted_by", "received_at", "replaces_id"), SIDES)}
DROP POLICY own ON invoice;
DROP POLICY provider ON invoice;
CREATE POLICY own ON invoice FOR SELECT {APP} USING ({OWN});
CREATE POLICY own_decides ON invoice FOR UPDATE {APP} USING ({OWN}) WITH CHECK ({OWN});
CREATE POLICY provider ON invoice FOR SELECT {APP} USING ({PROVIDER});
CREATE POLICY provider_submits ON invoice FOR INSERT {APP} WITH CHECK ({PROVIDER} AND state = 'submitted'
    AND submitted_by = app_person() AND received_at = app_now()
    AND num_nonnulls({", ".join(DECIDED)}, replaced_at, parties) = 0);
-- what it may change, the trigger says: a lock asks for this policy too
CREATE POLICY provider_replaces ON invoice FOR UPDATE {APP} USING ({PROVIDER}) WITH CHECK ({PROVIDER});

CREATE FUNCTION invoice_line_is_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_jsonb(OLD) - 'counts' <> to_jsonb(NEW) - 'counts' OR NEW.counts AND NOT OLD.counts
       OR OLD.counts AND NOT NEW.counts AND NOT EXISTS (SELECT FROM invoice i WHERE i.commissioner_id = OLD.commissioner_id
           AND i.id = OLD.invoice_id AND i.replaced_at IS NOT NULL)
    THEN RAISE EXCEPTION 'the lines of a submitted invoice are frozen' USING ERRCODE = 'check_violation'; END IF;
    RETURN NEW;
END $$;
REVOKE EXECUTE ON FUNCTION invoice_line_is_frozen() FROM PUBLIC;
"""
for _table in LINES:
    UP += f"""
CREATE TRIGGER {_table}_frozen BEFORE UPDATE ON {_table} FOR EACH ROW EXECUTE FUNCTION invoice_line_is_frozen();
DROP POLICY own ON {_table};
DROP POLICY provider ON {_table};
CREATE POLICY own ON {_table} FOR SELECT {APP} USING ({OWN});
CREATE POLICY provider ON {_table} FOR SELECT {APP} USING ({PROVIDER});
-- with the invoice, before its parties are kept with it: that is the last step of a submission
CREATE POLICY provider_adds ON {_table} FOR INSERT {APP} WITH CHECK ({PROVIDER} AND counts AND EXISTS (SELECT FROM invoice i
    WHERE i.commissioner_id = {_table}.commissioner_id AND i.id = {_table}.invoice_id AND i.state = 'submitted'
        AND i.replaced_at IS NULL AND i.parties IS NULL));
CREATE POLICY provider_sets_aside ON {_table} FOR UPDATE {APP} USING ({PROVIDER}) WITH CHECK ({PROVIDER} AND NOT counts);
"""
UP += f"""
RESET ROLE;
-- What a provider's entry puts on an account: what its own invoice or credit note says, and null where nothing does.
CREATE FUNCTION provider_posts(tenant uuid, entry uuid, wanted text) RETURNS bigint
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE written ledger_entry;
BEGIN
    SELECT * INTO written FROM ledger_entry WHERE commissioner_id = tenant AND id = entry AND provider_id = app_organisation()
        AND at = app_now();
    RETURN CASE written.kind
        WHEN 'invoice' THEN (SELECT CASE wanted WHEN 'care_cost' THEN gross_pence WHEN 'deduction_income' THEN -deduction_pence
                WHEN 'owed_by_provider' THEN carried_out_pence - carried_in_pence WHEN 'provider_payable' THEN -net_pence END
            FROM invoice WHERE commissioner_id = tenant AND id = written.subject_id)
        WHEN 'credit_note' THEN (SELECT CASE wanted WHEN 'deduction_income' THEN -pence
                WHEN 'owed_by_provider' THEN carried_pence WHEN 'provider_payable' THEN pence - carried_pence END
            FROM credit_note WHERE commissioner_id = tenant AND id = written.subject_id)
        -- what is carried has fallen below nothing: it is brought back to nothing, and the rest is to be paid
        WHEN 'overcarried' THEN CASE wanted
            WHEN 'owed_by_provider' THEN (SELECT greatest(0, -sum(p.pence)) FROM ledger_posting p
                JOIN ledger_entry e ON e.commissioner_id = p.commissioner_id AND e.id = p.entry_id
                WHERE e.commissioner_id = tenant AND e.framework_id = written.framework_id
                    AND e.provider_id = written.provider_id AND p.account = wanted AND e.id <> written.id)
            WHEN 'provider_payable' THEN (SELECT -pence FROM ledger_posting WHERE commissioner_id = tenant
                AND entry_id = written.id AND account = 'owed_by_provider') END
        ELSE (SELECT -p.pence FROM ledger_posting p
            JOIN ledger_entry e ON e.commissioner_id = p.commissioner_id AND e.id = p.entry_id
            WHERE e.commissioner_id = tenant AND e.subject_id = written.subject_id AND e.kind || '_replaced' = written.kind
                AND p.account = wanted)
    END;
END $$;
REVOKE EXECUTE ON FUNCTION provider_posts(uuid, uuid, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION provider_posts(uuid, uuid, text) {APP};
SET LOCAL ROLE {{prefix}}_owner;
"""
for _table in LEDGER:
    UP += f"""
DROP POLICY own ON {_table};
DROP POLICY provider ON {_table};
CREATE POLICY own ON {_table} FOR SELECT {APP} USING ({OWN});
CREATE POLICY own_writes ON {_table} FOR INSERT {APP} WITH CHECK ({OWN});
CREATE POLICY provider ON {_table} FOR SELECT {APP} USING ({PROVIDER});
"""
UP += f"""
-- submitting, submitting again and issuing a credit note move money by themselves; nothing else a provider does
CREATE POLICY provider_writes ON ledger_entry FOR INSERT {APP} WITH CHECK ({PROVIDER} AND at = app_now()
    AND written_by = app_person() AND purchase_id IS NULL AND dedupe_key = kind || ':' || subject_id
    AND CASE WHEN kind IN ('invoice', 'overcarried') THEN subject_type = 'invoice' AND EXISTS (SELECT FROM invoice i
            WHERE i.commissioner_id = ledger_entry.commissioner_id AND i.id = subject_id AND i.provider_id = ledger_entry.provider_id
                AND i.framework_id = ledger_entry.framework_id AND i.state = 'submitted' AND i.received_at = app_now())
        WHEN kind IN ('invoice_replaced', 'overcarried_replaced') THEN subject_type = 'invoice' AND EXISTS (SELECT FROM invoice i
            WHERE i.commissioner_id = ledger_entry.commissioner_id AND i.id = subject_id AND i.provider_id = ledger_entry.provider_id
                AND i.framework_id = ledger_entry.framework_id AND i.state = 'returned' AND i.replaced_at = app_now())
        WHEN kind = 'credit_note' THEN subject_type = 'credit_note' AND EXISTS (SELECT FROM credit_note n
            WHERE n.commissioner_id = ledger_entry.commissioner_id AND n.id = subject_id AND n.provider_id = ledger_entry.provider_id
                AND n.framework_id = ledger_entry.framework_id AND n.kind = 'deduction' AND n.state = 'confirmed'
                AND n.confirmed_at = app_now())
        ELSE false END);
CREATE POLICY provider_writes ON ledger_posting FOR INSERT {APP}
    WITH CHECK ({PROVIDER} AND pence IS NOT DISTINCT FROM provider_posts(commissioner_id, entry_id, account));

-- a dispute is about what was deducted, no more
DROP POLICY provider_raises ON deduction_dispute;
CREATE POLICY provider_raises ON deduction_dispute FOR INSERT {APP} WITH CHECK ({PROVIDER} AND state = 'open'
    AND raised_by = app_person() AND EXISTS (SELECT FROM invoice i WHERE i.commissioner_id = deduction_dispute.commissioner_id
        AND i.id = invoice_id AND i.provider_id = deduction_dispute.provider_id AND i.framework_id = deduction_dispute.framework_id
        AND i.first_day = deduction_dispute.first_day AND i.deduction_pence = pence AND i.replaced_at IS NULL));

-- another account is asked for in one's own name, and confirmed later
DROP POLICY provider ON bank_change;
CREATE POLICY provider ON bank_change FOR SELECT {APP} USING ({PROVIDER});
CREATE POLICY provider_proposes ON bank_change FOR INSERT {APP} WITH CHECK ({PROVIDER} AND state = 'open' AND proposed_by = app_person());
CREATE POLICY provider_answers ON bank_change FOR UPDATE {APP} USING ({PROVIDER}) WITH CHECK ({PROVIDER} AND answered_by = app_person());
"""

DOWN = f"""
SET LOCAL ROLE {{prefix}}_owner;
DROP POLICY provider ON bank_change;
DROP POLICY provider_proposes ON bank_change;
DROP POLICY provider_answers ON bank_change;
CREATE POLICY provider ON bank_change FOR ALL {APP} USING ({PROVIDER}) WITH CHECK ({PROVIDER} AND (state = 'open' OR answered_by = app_person()));
DROP POLICY provider_raises ON deduction_dispute;
CREATE POLICY provider_raises ON deduction_dispute FOR INSERT {APP} WITH CHECK ({PROVIDER} AND state = 'open' AND raised_by = app_person());
DROP POLICY own_decides ON invoice;
DROP POLICY provider_submits ON invoice;
DROP POLICY provider_replaces ON invoice;
"""
for _table in LINES:
    DOWN += f"""
DROP TRIGGER {_table}_frozen ON {_table};
DROP POLICY provider_adds ON {_table};
DROP POLICY provider_sets_aside ON {_table};
"""
for _table in LEDGER:
    DOWN += f"DROP POLICY own_writes ON {_table};\nDROP POLICY provider_writes ON {_table};\n"
for _table in ("invoice", *LINES, *LEDGER):
    DOWN += f"""
DROP POLICY own ON {_table};
DROP POLICY provider ON {_table};
CREATE POLICY own ON {_table} FOR ALL {APP} USING ({OWN}) WITH CHECK ({OWN});
CREATE POLICY provider ON {_table} FOR ALL {APP} USING ({PROVIDER}) WITH CHECK ({PROVIDER});
"""
DOWN += f"""
DROP FUNCTION invoice_line_is_frozen();
{frozen(FROZEN, "")}
RESET ROLE;
DROP FUNCTION provider_posts(uuid, uuid, text);
"""


async def forwards():
    return sql_migration(ID, "A provider submits its invoices and decides none of them", UP, DOWN)
