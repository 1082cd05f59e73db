"""Direct payments: what a council gives a child's family to spend, its terms over time, and what was spent of it.

Read by the council's staff and by family members with the right to spend; providers and workers never see a budget.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0032_direct_payments"

APP = "TO {prefix}_app, {prefix}_worker"
OWN = "commissioner_id = app_commissioner()"
SPENDS = "(commissioner_id, child_id) IN (SELECT * FROM my_granted_children('spend'))"

UP = """
SET LOCAL ROLE {prefix}_owner;
CREATE TABLE direct_payment (
    commissioner_id uuid NOT NULL REFERENCES organisation,
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    child_id uuid NOT NULL, framework_id uuid NOT NULL,
    starts_on date NOT NULL, ends_on date,
    recorded_at timestamptz NOT NULL, recorded_by uuid NOT NULL REFERENCES person,
    ended_at timestamptz, ended_by uuid REFERENCES person, ended_reason text,
    PRIMARY KEY (commissioner_id, id), UNIQUE (commissioner_id, id, child_id),
    FOREIGN KEY (commissioner_id, child_id) REFERENCES child,
    FOREIGN KEY (framework_id, commissioner_id) REFERENCES framework_member,
    CHECK (ends_on >= starts_on), CHECK ((ended_at IS NULL) = (ended_by IS NULL)),
    CHECK (ended_at IS NULL OR (ended_reason <> '' AND ends_on IS NOT NULL)),
    -- one at a time for a child and a framework
    EXCLUDE USING gist (int8range(hashtextextended(child_id::text || framework_id::text, 0), hashtextextended(child_id::text || framework_id::text, 0), '[]') WITH &&,
        daterange(starts_on, ends_on, '[]') WITH &&)
);
CREATE INDEX direct_payment_child ON direct_payment (commissioner_id, child_id);
-- What it gives from a day on: added to, never changed. The latest written counts from its day on.
CREATE TABLE direct_payment_terms (
    commissioner_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    direct_payment_id uuid NOT NULL, child_id uuid NOT NULL,
    applies_from date NOT NULL, kind text NOT NULL CHECK (kind IN ('money', 'hours')), units int NOT NULL CHECK (units > 0),
    period text NOT NULL CHECK (period IN ('week', 'four_weeks', 'month', 'year')),
    lots text[] NOT NULL CHECK (cardinality(lots) > 0), top_up_allowed boolean NOT NULL,
    account text NOT NULL CHECK (account IN ('none', 'receipts', 'quarterly', 'yearly')),
    reason text NOT NULL DEFAULT '',
    written_at timestamptz NOT NULL, written_by uuid NOT NULL REFERENCES person, written_by_name text NOT NULL,
    in_order bigint GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (commissioner_id, id),
    FOREIGN KEY (commissioner_id, direct_payment_id, child_id) REFERENCES direct_payment (commissioner_id, id, child_id)
);
CREATE INDEX direct_payment_terms_of ON direct_payment_terms (commissioner_id, direct_payment_id, in_order);
-- What the family says it paid elsewhere; taken back with a reason, never removed.
CREATE TABLE direct_payment_spending (
    commissioner_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    direct_payment_id uuid NOT NULL, child_id uuid NOT NULL,
    day date NOT NULL, pence int NOT NULL CHECK (pence >= 0), minutes int NOT NULL CHECK (minutes >= 0), says text NOT NULL CHECK (says <> ''),
    recorded_at timestamptz NOT NULL, recorded_by uuid NOT NULL REFERENCES person, recorded_by_name text NOT NULL,
    taken_back_at timestamptz, taken_back_by uuid REFERENCES person, taken_back_reason text,
    PRIMARY KEY (commissioner_id, id), CHECK (pence > 0 OR minutes > 0),
    CHECK ((taken_back_at IS NULL) = (taken_back_by IS NULL)), CHECK (taken_back_at IS NULL OR taken_back_reason <> ''),
    FOREIGN KEY (commissioner_id, direct_payment_id, child_id) REFERENCES direct_payment (commissioner_id, id, child_id)
);
CREATE INDEX direct_payment_spending_of ON direct_payment_spending (commissioner_id, direct_payment_id, day);
CREATE FUNCTION direct_payment_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (to_jsonb(OLD) - ARRAY['ends_on', 'ended_at', 'ended_by', 'ended_reason']) <> (to_jsonb(NEW) - ARRAY['ends_on', 'ended_at', 'ended_by', 'ended_reason'])
       OR OLD.ended_at IS NOT NULL
    THEN RAISE EXCEPTION 'a direct payment is kept as it was recorded and ended' USING ERRCODE = 'check_violation'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER direct_payment_kept BEFORE UPDATE ON direct_payment FOR EACH ROW EXECUTE FUNCTION direct_payment_is_kept();
CREATE FUNCTION spending_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (to_jsonb(OLD) - ARRAY['taken_back_at', 'taken_back_by', 'taken_back_reason']) <> (to_jsonb(NEW) - ARRAY['taken_back_at', 'taken_back_by', 'taken_back_reason'])
       OR OLD.taken_back_at IS NOT NULL
    THEN RAISE EXCEPTION 'spending is taken back, not changed' USING ERRCODE = 'check_violation'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER spending_kept BEFORE UPDATE ON direct_payment_spending FOR EACH ROW EXECUTE FUNCTION spending_is_kept();
"""
for _table in ("direct_payment", "direct_payment_terms", "direct_payment_spending"):
    UP += f"""
ALTER TABLE {_table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {_table} FORCE ROW LEVEL SECURITY;
CREATE POLICY family ON {_table} FOR SELECT {APP} USING ({SPENDS});
"""
UP += f"""
CREATE POLICY own ON direct_payment FOR ALL {APP} USING ({OWN}) WITH CHECK ({OWN});
GRANT SELECT, INSERT, UPDATE ON direct_payment {APP};
CREATE POLICY own ON direct_payment_terms FOR SELECT {APP} USING ({OWN});
CREATE POLICY own_writes ON direct_payment_terms FOR INSERT {APP} WITH CHECK ({OWN} AND written_by = app_person());
GRANT SELECT, INSERT ON direct_payment_terms {APP};
CREATE POLICY own ON direct_payment_spending FOR SELECT {APP} USING ({OWN});
CREATE POLICY family_records ON direct_payment_spending FOR INSERT {APP} WITH CHECK ({SPENDS} AND recorded_by = app_person());
CREATE POLICY family_takes_back ON direct_payment_spending FOR UPDATE {APP} USING ({SPENDS}) WITH CHECK ({SPENDS} AND taken_back_by = app_person());
GRANT SELECT, INSERT, UPDATE ON direct_payment_spending {APP};
RESET ROLE;
GRANT SELECT ON direct_payment, direct_payment_terms, direct_payment_spending TO {{prefix}}_backup;
REVOKE EXECUTE ON FUNCTION direct_payment_is_kept(), spending_is_kept() FROM PUBLIC;
"""

DOWN = """
DROP TABLE direct_payment_spending, direct_payment_terms, direct_payment;
DROP FUNCTION spending_is_kept(), direct_payment_is_kept();
"""


async def forwards():
    return sql_migration(ID, "Direct payments", UP, DOWN)
