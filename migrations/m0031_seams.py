"""Waived deductions are paid by the payment run, and a deduction beyond what is left to be paid is carried on.

A payment of a run is of an invoice, or of the waiver of its deduction (`dispute_id`); each goes to the bank once.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0031_seams"

PAYMENT = "commissioner_id, id, run_id, position, invoice_id, provider_id, pence"
NOTE = "commissioner_id, id, framework_id, provider_id, invoice_id, kind, defect, pence"


def _row(version: str, columns: str) -> str:
    return ", ".join(f"{version}.{column}" for column in columns.split(", "))


def _kept(payment: str, note: str) -> str:
    """The triggers that keep payments and credit notes as they were made, over so many columns."""
    return f"""
CREATE OR REPLACE FUNCTION payment_line_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.paid_on IS NOT NULL OR NOT OLD.counts OR ({_row("OLD", payment)}) IS DISTINCT FROM ({_row("NEW", payment)})
    THEN RAISE EXCEPTION 'a payment is kept as it was made' USING ERRCODE = 'check_violation'; END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE FUNCTION credit_note_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state IN ('confirmed', 'withdrawn') OR ({_row("OLD", note)}) IS DISTINCT FROM ({_row("NEW", note)})
    THEN RAISE EXCEPTION 'a credit note is kept as it was made' USING ERRCODE = 'check_violation'; END IF;
    RETURN NEW;
END $$;
"""


UP = f"""
SET LOCAL ROLE {{prefix}}_owner;
ALTER TABLE deduction_dispute ADD COLUMN pay_by date;        -- the last day for paying a waiver back
ALTER TABLE payment_line ADD COLUMN dispute_id uuid,         -- the waiver that is paid back; null where the invoice is paid
    ADD CONSTRAINT payment_line_dispute_fkey FOREIGN KEY (commissioner_id, dispute_id, provider_id)
        REFERENCES deduction_dispute (commissioner_id, id, provider_id),
    DROP CONSTRAINT payment_line_commissioner_id_run_id_invoice_id_key;
DROP INDEX payment_line_once;
CREATE UNIQUE INDEX payment_line_of_run ON payment_line (commissioner_id, run_id, invoice_id) WHERE dispute_id IS NULL;
CREATE UNIQUE INDEX payment_line_once ON payment_line (commissioner_id, invoice_id) WHERE counts AND paid_on IS NULL AND dispute_id IS NULL;
CREATE UNIQUE INDEX payment_line_waiver_once ON payment_line (commissioner_id, dispute_id) WHERE counts;
ALTER TABLE credit_note ADD COLUMN carried_pence int NOT NULL DEFAULT 0, -- what the next invoice bears of the deduction
    ADD CONSTRAINT credit_note_carries CHECK (carried_pence = 0 OR kind = 'deduction' AND carried_pence BETWEEN 0 AND pence);
{_kept(PAYMENT + ", dispute_id", NOTE + ", carried_pence")}
RESET ROLE;
"""

DOWN = f"""
{_kept(PAYMENT, NOTE)}
DELETE FROM payment_line WHERE dispute_id IS NOT NULL;
DROP INDEX payment_line_of_run, payment_line_once, payment_line_waiver_once;
ALTER TABLE payment_line DROP COLUMN dispute_id, ADD UNIQUE (commissioner_id, run_id, invoice_id);
CREATE UNIQUE INDEX payment_line_once ON payment_line (commissioner_id, invoice_id) WHERE counts AND paid_on IS NULL;
ALTER TABLE credit_note DROP COLUMN carried_pence;
ALTER TABLE deduction_dispute DROP COLUMN pay_by;
"""


async def forwards():
    return sql_migration(ID, "Waivers in payment runs; deductions carried by a credit note", UP, DOWN)
