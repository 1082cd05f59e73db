"""What becomes of a bought visit: it is put down to be settled in the very transaction that changes it.

Who cancels, records or signs a visit reaches neither the family's purchase nor the books, so each such change leaves a
line here; the council's own unit then works out what goes back and what goes on, and takes the line away.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0043_money_back"

APP = "TO {prefix}_app, {prefix}_worker"
OWN = "commissioner_id = app_commissioner()"
SPENDS = "(commissioner_id, child_id) IN (SELECT * FROM my_granted_children('spend'))"
SAFE = "SECURITY DEFINER SET search_path = public, pg_temp"
FUNCTIONS = "visit_to_settle(), worker_to_settle(), purchase_to_settle(), package_to_settle()"
ASKED = "purchases_to_settle(), purchase_money_waiting(), connected_accounts(), connected_account_of(text)"

UP = f"""
SET LOCAL ROLE {{prefix}}_owner;
CREATE TABLE purchase_settling (
    commissioner_id uuid NOT NULL, in_order bigint GENERATED ALWAYS AS IDENTITY,
    visit_id uuid NOT NULL, provider_id uuid NOT NULL, child_id uuid NOT NULL, purchase_id uuid NOT NULL,
    since timestamptz NOT NULL,
    PRIMARY KEY (commissioner_id, in_order),
    FOREIGN KEY (commissioner_id, purchase_id, visit_id) REFERENCES purchase_visit
);
CREATE INDEX purchase_settling_visit ON purchase_settling (commissioner_id, visit_id);
ALTER TABLE purchase_settling ENABLE ROW LEVEL SECURITY;
ALTER TABLE purchase_settling FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON purchase_settling FOR ALL {APP} USING ({OWN}) WITH CHECK ({OWN});
CREATE POLICY family ON purchase_settling FOR SELECT {APP} USING ({SPENDS});
GRANT SELECT, INSERT, DELETE ON purchase_settling {APP};
-- A refund Stripe gives back to us (a card that is closed, say) goes to the family by bank, by hand.
DO $$ DECLARE rule text; BEGIN
    FOR rule IN SELECT conname FROM pg_constraint WHERE conrelid = 'refund'::regclass AND contype = 'c'
        AND pg_get_constraintdef(oid) LIKE '%way%settled_on IS NULL%'
    LOOP EXECUTE format('ALTER TABLE refund DROP CONSTRAINT %I', rule); END LOOP;
END $$;
ALTER TABLE refund ADD COLUMN approved_by uuid REFERENCES person,
    ADD CONSTRAINT refund_approved_by_another CHECK (approved_by <> settled_by),
    ADD CONSTRAINT refund_by_hand CHECK (approved_by IS NULL OR settled_on IS NOT NULL);
CREATE OR REPLACE FUNCTION refund_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (to_jsonb(OLD) - ARRAY['state', 'stripe_id', 'tries', 'failure', 'sent_at', 'arrived_at', 'told_at', 'settled_on', 'settled_by', 'settled_reference', 'approved_by'])
       <> (to_jsonb(NEW) - ARRAY['state', 'stripe_id', 'tries', 'failure', 'sent_at', 'arrived_at', 'told_at', 'settled_on', 'settled_by', 'settled_reference', 'approved_by'])
       OR OLD.state = 'arrived'
    THEN RAISE EXCEPTION 'a refund is kept as it was owed' USING ERRCODE = 'check_violation'; END IF;
    RETURN NEW;
END $$;
RESET ROLE;
GRANT SELECT ON purchase_settling TO {{prefix}}_backup;
CREATE FUNCTION visit_to_settle() RETURNS trigger LANGUAGE plpgsql {SAFE} AS $$
BEGIN
    INSERT INTO purchase_settling (commissioner_id, visit_id, provider_id, child_id, purchase_id, since)
    SELECT l.commissioner_id, l.visit_id, l.provider_id, l.child_id, l.purchase_id, app_now() FROM purchase_visit l
    JOIN purchase p ON p.commissioner_id = l.commissioner_id AND p.id = l.purchase_id
    WHERE l.commissioner_id = NEW.commissioner_id AND l.counts AND p.state = 'paid'
      -- a sister's visit that shares the worker's time may have waited for this one
      AND (l.visit_id = NEW.id OR l.visit_id IN (SELECT o.visit_id FROM visit_worker w JOIN visit_worker o ON o.provider_id = w.provider_id AND o.booking_id = w.booking_id
          WHERE w.commissioner_id = NEW.commissioner_id AND w.visit_id = NEW.id AND o.commissioner_id = NEW.commissioner_id));
    RETURN NULL;
END $$;
CREATE TRIGGER visit_to_settle AFTER UPDATE ON visit FOR EACH ROW WHEN (NEW.outcome IS NOT NULL AND
    (OLD.outcome, OLD.family_signed, OLD.activities_recorded, OLD.actual_start, OLD.actual_end, OLD.notice_at, OLD.overrun_approved_at, OLD.overrun_approved_minutes) IS DISTINCT FROM
    (NEW.outcome, NEW.family_signed, NEW.activities_recorded, NEW.actual_start, NEW.actual_end, NEW.notice_at, NEW.overrun_approved_at, NEW.overrun_approved_minutes))
    EXECUTE FUNCTION visit_to_settle();
CREATE FUNCTION worker_to_settle() RETURNS trigger LANGUAGE plpgsql {SAFE} AS $$
BEGIN
    INSERT INTO purchase_settling (commissioner_id, visit_id, provider_id, child_id, purchase_id, since)
    SELECT l.commissioner_id, l.visit_id, l.provider_id, l.child_id, l.purchase_id, app_now() FROM purchase_visit l
    JOIN purchase p ON p.commissioner_id = l.commissioner_id AND p.id = l.purchase_id
    WHERE l.commissioner_id = NEW.commissioner_id AND l.visit_id = NEW.visit_id AND l.counts AND p.state = 'paid';
    RETURN NULL;
END $$;
CREATE TRIGGER worker_to_settle AFTER UPDATE OF signed_at ON visit_worker FOR EACH ROW
    WHEN (NEW.signed_at IS DISTINCT FROM OLD.signed_at) EXECUTE FUNCTION worker_to_settle();
-- What was cancelled or confirmed before its money came, and what is left of a package that is over.
CREATE FUNCTION purchase_to_settle() RETURNS trigger LANGUAGE plpgsql {SAFE} AS $$
BEGIN
    INSERT INTO purchase_settling (commissioner_id, visit_id, provider_id, child_id, purchase_id, since)
    SELECT l.commissioner_id, l.visit_id, l.provider_id, l.child_id, l.purchase_id, app_now() FROM purchase_visit l
    JOIN visit v ON v.commissioner_id = l.commissioner_id AND v.id = l.visit_id
    JOIN package k ON k.commissioner_id = v.commissioner_id AND k.id = v.package_id
    WHERE l.commissioner_id = NEW.commissioner_id AND l.purchase_id = NEW.id AND l.counts
      AND (v.outcome IS NOT NULL OR k.state IN ('ended', 'undone'));
    RETURN NULL;
END $$;
-- at the end of the transaction: its lines may count again only then
CREATE CONSTRAINT TRIGGER purchase_to_settle AFTER UPDATE ON purchase DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.state = 'paid' AND OLD.state <> 'paid') EXECUTE FUNCTION purchase_to_settle();
CREATE FUNCTION package_to_settle() RETURNS trigger LANGUAGE plpgsql {SAFE} AS $$
BEGIN
    INSERT INTO purchase_settling (commissioner_id, visit_id, provider_id, child_id, purchase_id, since)
    SELECT l.commissioner_id, l.visit_id, l.provider_id, l.child_id, l.purchase_id, app_now() FROM purchase_visit l
    JOIN purchase p ON p.commissioner_id = l.commissioner_id AND p.id = l.purchase_id AND p.package_id = NEW.id
    JOIN visit v ON v.commissioner_id = l.commissioner_id AND v.id = l.visit_id
    WHERE l.commissioner_id = NEW.commissioner_id AND l.counts AND p.state = 'paid' AND v.outcome IS NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER package_to_settle AFTER UPDATE ON package FOR EACH ROW
    WHEN (NEW.state IN ('ended', 'undone') AND OLD.state <> NEW.state) EXECUTE FUNCTION package_to_settle();
-- Where the worker process finds something to do: whose, and nothing else.
CREATE FUNCTION purchases_to_settle() RETURNS SETOF uuid LANGUAGE sql STABLE {SAFE} AS $$
    SELECT DISTINCT commissioner_id FROM purchase_settling
$$;
CREATE FUNCTION purchase_money_waiting() RETURNS SETOF uuid LANGUAGE sql STABLE {SAFE} AS $$
    SELECT commissioner_id FROM refund WHERE way = 'card' AND settled_on IS NULL AND state IN ('owed', 'sent')
    UNION SELECT o.commissioner_id FROM payout o WHERE o.state IN ('owed', 'sent') AND o.settled_on IS NULL
      AND EXISTS (SELECT FROM provider_account a WHERE a.provider_id = o.provider_id AND a.stripe_id IS NOT NULL)
$$;
CREATE FUNCTION connected_accounts() RETURNS TABLE (provider_id uuid, stripe_id text) LANGUAGE sql STABLE {SAFE} AS $$
    SELECT provider_id, stripe_id FROM provider_account WHERE stripe_id IS NOT NULL AND state <> 'rejected'
$$;
CREATE FUNCTION connected_account_of(of_stripe text) RETURNS uuid LANGUAGE sql STABLE {SAFE} AS $$
    SELECT provider_id FROM provider_account WHERE stripe_id = of_stripe
$$;
REVOKE EXECUTE ON FUNCTION {FUNCTIONS}, {ASKED} FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {ASKED} TO {{prefix}}_app, {{prefix}}_worker;
"""

DOWN = f"""
DROP TRIGGER visit_to_settle ON visit;
DROP TRIGGER worker_to_settle ON visit_worker;
DROP TRIGGER purchase_to_settle ON purchase;
DROP TRIGGER package_to_settle ON package;
DROP FUNCTION {FUNCTIONS}, {ASKED};
CREATE OR REPLACE FUNCTION refund_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (to_jsonb(OLD) - ARRAY['state', 'stripe_id', 'tries', 'failure', 'sent_at', 'arrived_at', 'told_at', 'settled_on', 'settled_by', 'settled_reference'])
       <> (to_jsonb(NEW) - ARRAY['state', 'stripe_id', 'tries', 'failure', 'sent_at', 'arrived_at', 'told_at', 'settled_on', 'settled_by', 'settled_reference'])
    THEN RAISE EXCEPTION 'a refund is kept as it was owed' USING ERRCODE = 'check_violation'; END IF;
    RETURN NEW;
END $$;
ALTER TABLE refund DROP CONSTRAINT refund_approved_by_another, DROP CONSTRAINT refund_by_hand, DROP COLUMN approved_by;
-- what was settled by hand for a card stays as it is: the older rule holds for what comes after
ALTER TABLE refund ADD CHECK (way = 'transfer' OR settled_on IS NULL) NOT VALID;
DROP TABLE purchase_settling;
"""


async def forwards():
    return sql_migration(ID, "Bought visits are settled", UP, DOWN)
