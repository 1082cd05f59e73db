"""What was decided about an invoice stands, how many officers a waiver needs is the pack's to say, what is owed stays.

A party that owes something may end it by what it does, and then at that moment, with a miss that stays a miss. It does
not say another due day, another debtor or an earlier end. What was asked about a visit stays as it was asked and answered.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0069_what_stands"

APP = "TO {prefix}_app, {prefix}_worker"
PROVIDER = "provider_id = app_organisation()"
DECIDED = (
    "accepted_at", "accepted_by", "returned_at", "returned_by", "returned_reason", "pay_by", "paid_at",
)  # fmt: skip
OWED = (
    "id", "owed_by_organisation", "owed_by_role", "owed_by_person", "owed_to", "commissioner_id", "framework_id", "child_id",
    "package_id", "subject_type", "subject_id", "rule_key", "pack_hash", "starts_at",
)  # fmt: skip
FUNCTIONS = "invoice_decision_stands(), dispute_eyes(), obligation_stands(), visit_request_stands()"


def changed(columns: tuple[str, ...]) -> str:
    """Whether any of these columns is another one now."""
    old, new = (", ".join(f"{row}.{column}" for column in columns) for row in ("OLD", "NEW"))
    return f"({old}) IS DISTINCT FROM ({new})"


def rewritten(columns: tuple[str, ...]) -> str:
    """Whether any of these columns was set and is another one now."""
    return " OR ".join(f"OLD.{column} IS NOT NULL AND {changed((column,))}" for column in columns)


UP = f"""
SET LOCAL ROLE {{prefix}}_owner;
CREATE FUNCTION invoice_decision_stands() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF {rewritten(DECIDED)}
       OR OLD.accepted_at IS NOT NULL AND NEW.state NOT IN ('accepted', 'paid') OR OLD.returned_at IS NOT NULL AND NEW.state <> 'returned'
       OR OLD.paid_at IS NOT NULL AND NEW.state <> 'paid'
    THEN RAISE EXCEPTION 'what was decided about an invoice stands' USING ERRCODE = 'check_violation'; END IF;
    RETURN NEW;
END $$;
-- in every context; outside of them whoever keeps the database puts things right
CREATE TRIGGER invoice_decision_stands BEFORE UPDATE ON invoice FOR EACH ROW WHEN (app_person() IS NOT NULL)
    EXECUTE FUNCTION invoice_decision_stands();

-- The sum one officer may waive alone is the pack's, on the day of the deduction; above it a second one confirms.
CREATE FUNCTION dispute_eyes() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE alone int;
BEGIN
    SELECT (s ->> 'value')::int INTO alone FROM invoice i JOIN framework f ON f.id = i.framework_id
        JOIN pack_version p ON p.hash = f.pack_hash, jsonb_array_elements(p.content -> 'settings') s
    WHERE i.commissioner_id = NEW.commissioner_id AND i.id = NEW.invoice_id AND s ->> 'key' = 'billing.waiver_alone_pence'
        AND (s ->> 'from')::date <= greatest((i.submitted_at AT TIME ZONE 'Europe/London')::date, (p.content -> 'pack' ->> 'from')::date)
    ORDER BY (s ->> 'from')::date DESC LIMIT 1;
    IF NEW.second_needed <> (NEW.pence > coalesce(alone, 0))
    THEN RAISE EXCEPTION 'the pack says whether a waiver needs a second officer' USING ERRCODE = 'check_violation'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER dispute_eyes BEFORE INSERT ON deduction_dispute FOR EACH ROW EXECUTE FUNCTION dispute_eyes();

CREATE FUNCTION obligation_stands() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF {changed(OWED)} OR {rewritten(("met_at", "cancelled_at", "first_due_at"))}
       OR OLD.met_at IS NULL AND NEW.met_at >= NEW.due_at AND NEW.missed_at IS NULL
       -- noted late that it was done in time, by whom it is owed to, it was not missed
       OR OLD.missed_at IS NOT NULL AND NEW.missed_at IS NULL AND NEW.due_at = OLD.due_at
          AND (OLD.met_at IS NULL AND NEW.met_at < NEW.due_at) IS NOT TRUE
    THEN RAISE EXCEPTION 'a duty stays as it was owed and ended' USING ERRCODE = 'check_violation'; END IF;
    IF (OLD.owed_by_organisation = app_organisation() OR OLD.owed_by_person = app_person())
       AND (OLD.commissioner_id = app_commissioner() OR OLD.owed_to = app_organisation()) IS NOT TRUE
       AND (NEW.due_at > OLD.due_at
            OR {changed(("met_at",))} AND NEW.met_at IS DISTINCT FROM app_now()
            OR {changed(("cancelled_at",))} AND NEW.cancelled_at IS DISTINCT FROM app_now())
    THEN RAISE EXCEPTION 'who owes a duty moves it to no other day' USING ERRCODE = 'insufficient_privilege'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER obligation_stands BEFORE UPDATE ON obligation FOR EACH ROW WHEN (app_person() IS NOT NULL)
    EXECUTE FUNCTION obligation_stands();

CREATE FUNCTION visit_request_stands() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE answers text[] := ARRAY['state', 'answered_by', 'answered_at', 'answer', 'new_visit_id'];
BEGIN
    IF OLD.state <> 'asked' OR to_jsonb(OLD) - answers <> to_jsonb(NEW) - answers
    THEN RAISE EXCEPTION 'what was asked about a visit stays as it was asked and answered' USING ERRCODE = 'check_violation'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER visit_request_stands BEFORE UPDATE ON visit_request FOR EACH ROW EXECUTE FUNCTION visit_request_stands();
DROP POLICY provider ON visit_request;
CREATE POLICY provider ON visit_request FOR SELECT {APP} USING ({PROVIDER});
CREATE POLICY provider_asks ON visit_request FOR INSERT {APP}
    WITH CHECK ({PROVIDER} AND state = 'asked' AND asked_side = 'provider' AND asked_by = app_person());
CREATE POLICY provider_answers ON visit_request FOR UPDATE {APP} USING ({PROVIDER})
    WITH CHECK ({PROVIDER} AND state <> 'asked' AND answered_by = app_person());
REVOKE EXECUTE ON FUNCTION {FUNCTIONS} FROM PUBLIC;
RESET ROLE;
"""

DOWN = f"""
SET LOCAL ROLE {{prefix}}_owner;
DROP POLICY provider ON visit_request;
DROP POLICY provider_asks ON visit_request;
DROP POLICY provider_answers ON visit_request;
CREATE POLICY provider ON visit_request FOR ALL {APP} USING ({PROVIDER}) WITH CHECK ({PROVIDER});
DROP TRIGGER visit_request_stands ON visit_request;
DROP TRIGGER obligation_stands ON obligation;
DROP TRIGGER dispute_eyes ON deduction_dispute;
DROP TRIGGER invoice_decision_stands ON invoice;
DROP FUNCTION {FUNCTIONS};
RESET ROLE;
"""


async def forwards():
    return sql_migration(ID, "What was decided, owed and asked stands", UP, DOWN)
