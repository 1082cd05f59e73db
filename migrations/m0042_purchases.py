"""Families buy: blocks of visits, how each is paid, what goes back to the family and what goes on to the provider.

What a visit costs (`purchase`, `purchase_visit`) is read by the family that may spend, the council and the provider. What of
it comes from the budget (`purchase_share`) and how it was paid (`card_payment`, `bank_receipt`) the provider does not see;
of a card there is nothing but the payment's id at Stripe. Money owed back and onwards is one row a visit and cause.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0042_purchases"

APP = "TO {prefix}_app, {prefix}_worker"
OWN = "commissioner_id = app_commissioner()"
PROVIDER = "provider_id = app_organisation()"
SPENDS = "(commissioner_id, child_id) IN (SELECT * FROM my_granted_children('spend'))"
SAFE = "SECURITY DEFINER SET search_path = public, pg_temp"
PURCHASE_FK = "FOREIGN KEY (commissioner_id, purchase_id, provider_id, framework_id, child_id) REFERENCES purchase (commissioner_id, id, provider_id, framework_id, child_id)"
SCOPE = "framework_id uuid NOT NULL, provider_id uuid NOT NULL, child_id uuid NOT NULL"

UP = f"""
SET LOCAL ROLE {{prefix}}_owner;
CREATE TABLE purchase (
    commissioner_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(),
    {SCOPE}, direct_payment_id uuid NOT NULL, package_id uuid NOT NULL,
    reference text NOT NULL UNIQUE CHECK (reference ~ '^[0-9A-Z]{{6,18}}$'),  -- what a bank transfer says: over all councils, naming nobody
    lot_code text NOT NULL, first_day date NOT NULL, last_day date NOT NULL CHECK (last_day >= first_day),
    method text NOT NULL CHECK (method IN ('card', 'transfer')),
    -- drafted: somebody who holds the right jointly has yet to agree; waiting: for the money
    state text NOT NULL CHECK (state IN ('drafted', 'waiting', 'paid', 'given_up')),
    pence int NOT NULL CHECK (pence > 0), minutes int NOT NULL CHECK (minutes > 0),
    pack_hash text NOT NULL REFERENCES pack_version,
    made_at timestamptz NOT NULL, made_by uuid NOT NULL REFERENCES person, made_by_name text NOT NULL,
    due_at timestamptz NOT NULL,                             -- given up where it is not paid by then
    paid_at timestamptz, given_up_at timestamptz, given_up_reason text CHECK (given_up_reason IN ('withdrawn', 'unpaid', 'ended')),
    PRIMARY KEY (commissioner_id, id), UNIQUE (commissioner_id, id, provider_id, framework_id, child_id),
    FOREIGN KEY (commissioner_id, package_id, provider_id, framework_id) REFERENCES package (commissioner_id, id, provider_id, framework_id),
    FOREIGN KEY (commissioner_id, direct_payment_id, child_id) REFERENCES direct_payment (commissioner_id, id, child_id),
    CHECK ((state = 'paid') = (paid_at IS NOT NULL)), CHECK ((state = 'given_up') = (given_up_at IS NOT NULL)),
    CHECK ((given_up_at IS NULL) = (given_up_reason IS NULL))
);
CREATE INDEX purchase_package ON purchase (commissioner_id, package_id);
CREATE INDEX purchase_budget ON purchase (commissioner_id, direct_payment_id);
CREATE INDEX purchase_provider ON purchase (provider_id, made_at);
CREATE INDEX purchase_open ON purchase (commissioner_id, due_at) WHERE state IN ('drafted', 'waiting');
-- Who of those that hold `spend` jointly has agreed to it.
CREATE TABLE purchase_agreement (
    commissioner_id uuid NOT NULL, purchase_id uuid NOT NULL, {SCOPE},
    person_id uuid NOT NULL REFERENCES person, person_name text NOT NULL, agreed_at timestamptz NOT NULL,
    PRIMARY KEY (commissioner_id, purchase_id, person_id), {PURCHASE_FK}
);
CREATE TABLE purchase_visit (
    commissioner_id uuid NOT NULL, purchase_id uuid NOT NULL, visit_id uuid NOT NULL, {SCOPE},
    day date NOT NULL, minutes int NOT NULL CHECK (minutes > 0), pence int NOT NULL CHECK (pence > 0),  -- as bought: never changed
    counts boolean NOT NULL DEFAULT true,                    -- false once its purchase is given up: it may be bought again
    PRIMARY KEY (commissioner_id, purchase_id, visit_id), {PURCHASE_FK},
    FOREIGN KEY (commissioner_id, visit_id, provider_id) REFERENCES visit (commissioner_id, id, provider_id)
);
CREATE UNIQUE INDEX purchase_visit_once ON purchase_visit (commissioner_id, visit_id) WHERE counts;
CREATE INDEX purchase_visit_provider ON purchase_visit (provider_id, day);
-- The family's side of a line: of its price so much from the budget, the rest a top-up agreed to by whoever bought.
CREATE TABLE purchase_share (
    commissioner_id uuid NOT NULL, purchase_id uuid NOT NULL, visit_id uuid NOT NULL, {SCOPE}, direct_payment_id uuid NOT NULL,
    budget_pence int NOT NULL CHECK (budget_pence >= 0), top_up_pence int NOT NULL CHECK (top_up_pence >= 0),
    budget_minutes int NOT NULL CHECK (budget_minutes >= 0),  -- what it takes of a budget of hours
    top_up_agreed_at timestamptz, top_up_agreed_by uuid REFERENCES person,
    PRIMARY KEY (commissioner_id, purchase_id, visit_id),
    FOREIGN KEY (commissioner_id, purchase_id, visit_id) REFERENCES purchase_visit, {PURCHASE_FK},
    CHECK (budget_pence + top_up_pence > 0), CHECK ((top_up_pence > 0) = (top_up_agreed_at IS NOT NULL)),
    CHECK ((top_up_agreed_at IS NULL) = (top_up_agreed_by IS NULL))
);
CREATE INDEX purchase_share_budget ON purchase_share (commissioner_id, direct_payment_id);
-- Our side of a payment at Stripe; `id` is its reference and idempotency key there.
CREATE TABLE card_payment (
    commissioner_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(), purchase_id uuid NOT NULL, {SCOPE},
    pence int NOT NULL CHECK (pence > 0),
    -- asked: the card page may be open; confirming: the bank has yet to say; failed: declined, may be tried again
    state text NOT NULL DEFAULT 'asked' CHECK (state IN ('asked', 'confirming', 'failed', 'received', 'given_up')),
    stripe_id text UNIQUE, asked_at timestamptz NOT NULL,
    failure text NOT NULL DEFAULT '',                        -- Stripe's code for why it was declined the last time
    received_pence int NOT NULL DEFAULT 0 CHECK (received_pence >= 0), received_at timestamptz,
    stop_at timestamptz,                                     -- since when the payment is to be given up at Stripe
    PRIMARY KEY (commissioner_id, id), {PURCHASE_FK},
    CHECK ((state = 'received') = (received_pence > 0)), CHECK ((received_at IS NULL) = (received_pence = 0))
);
-- Two tabs: one payment is open for a purchase at a time.
CREATE UNIQUE INDEX card_payment_one_open ON card_payment (commissioner_id, purchase_id) WHERE state IN ('asked', 'confirming', 'failed');
CREATE INDEX card_payment_of ON card_payment (commissioner_id, purchase_id);
-- The client account a council's families transfer to: each version is entered by one finance officer, confirmed by another.
CREATE TABLE settlement_account (
    commissioner_id uuid NOT NULL REFERENCES organisation, id uuid NOT NULL DEFAULT gen_random_uuid(),
    name text NOT NULL CHECK (name <> ''), sort_code text NOT NULL CHECK (sort_code ~ '^[0-9]{{6}}$'), number text NOT NULL CHECK (number ~ '^[0-9]{{8}}$'),
    entered_at timestamptz NOT NULL, entered_by uuid NOT NULL REFERENCES person,
    confirmed_at timestamptz, confirmed_by uuid REFERENCES person, in_order bigint GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (commissioner_id, id), CHECK ((confirmed_at IS NULL) = (confirmed_by IS NULL)), CHECK (confirmed_by <> entered_by)
);
-- A line of the bank's statement: kept once, matched to a purchase by its reference or by hand, or set aside with a reason.
CREATE TABLE bank_receipt (
    commissioner_id uuid NOT NULL REFERENCES organisation, id uuid NOT NULL DEFAULT gen_random_uuid(),
    line_hash text NOT NULL CHECK (line_hash ~ '^[0-9a-f]{{64}}$'),  -- of the line and its place among equal ones: the same file twice
    received_on date NOT NULL, pence int NOT NULL CHECK (pence > 0), says text NOT NULL,
    state text NOT NULL CHECK (state IN ('matched', 'unmatched', 'set_aside')),
    purchase_id uuid, framework_id uuid, provider_id uuid, child_id uuid,
    imported_at timestamptz NOT NULL, imported_by uuid NOT NULL REFERENCES person,
    matched_at timestamptz, matched_by uuid REFERENCES person, set_aside_reason text,
    PRIMARY KEY (commissioner_id, id), UNIQUE (commissioner_id, line_hash), {PURCHASE_FK},
    CHECK (num_nonnulls(purchase_id, framework_id, provider_id, child_id, matched_at) IN (0, 5)),
    CHECK ((state = 'matched') = (purchase_id IS NOT NULL)), CHECK ((state = 'set_aside') = (set_aside_reason IS NOT NULL)),
    CHECK (set_aside_reason <> '')
);
CREATE INDEX bank_receipt_purchase ON bank_receipt (commissioner_id, purchase_id);
CREATE INDEX bank_receipt_open ON bank_receipt (commissioner_id, received_on) WHERE state = 'unmatched';
-- Money owed back to a family: one a visit and cause; `visit_id` is none for what came in too much, or too late (counted
-- under the purchase's hold). The way back is the way it came. `id` is its reference and idempotency key at Stripe.
CREATE TABLE refund (
    commissioner_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(), purchase_id uuid NOT NULL, {SCOPE},
    visit_id uuid, cause text NOT NULL CHECK (cause <> ''), pence int NOT NULL CHECK (pence > 0),
    way text NOT NULL CHECK (way IN ('card', 'transfer')), card_payment_id uuid, bank_receipt_id uuid,
    state text NOT NULL DEFAULT 'owed' CHECK (state IN ('owed', 'sent', 'arrived', 'failed')),
    stripe_id text UNIQUE, tries int NOT NULL DEFAULT 0 CHECK (tries >= 0), failure text NOT NULL DEFAULT '',
    owed_at timestamptz NOT NULL, sent_at timestamptz, arrived_at timestamptz, told_at timestamptz,
    settled_on date, settled_by uuid REFERENCES person, settled_reference text,  -- by hand, from the client account
    PRIMARY KEY (commissioner_id, id), {PURCHASE_FK},
    FOREIGN KEY (commissioner_id, purchase_id, visit_id) REFERENCES purchase_visit,
    FOREIGN KEY (commissioner_id, card_payment_id) REFERENCES card_payment,
    FOREIGN KEY (commissioner_id, bank_receipt_id) REFERENCES bank_receipt,
    CHECK ((way = 'card') = (card_payment_id IS NOT NULL)), CHECK (way = 'transfer' OR bank_receipt_id IS NULL),
    CHECK (state NOT IN ('sent', 'arrived') OR sent_at IS NOT NULL), CHECK ((state = 'arrived') = (arrived_at IS NOT NULL)),
    CHECK (num_nonnulls(settled_on, settled_by, settled_reference) IN (0, 3)), CHECK (way = 'transfer' OR settled_on IS NULL)
);
CREATE UNIQUE INDEX refund_of_visit ON refund (commissioner_id, visit_id, cause) WHERE visit_id IS NOT NULL;
CREATE INDEX refund_purchase ON refund (commissioner_id, purchase_id);
CREATE INDEX refund_open ON refund (commissioner_id, owed_at) WHERE state <> 'arrived';
CREATE INDEX refund_provider ON refund (provider_id, owed_at) WHERE visit_id IS NOT NULL;
-- Money owed onwards to the provider: one a visit (`refund_id` none), and what a later refund takes back of it, below nothing.
CREATE TABLE payout (
    commissioner_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(), purchase_id uuid NOT NULL, {SCOPE},
    visit_id uuid NOT NULL, refund_id uuid, pence int NOT NULL CHECK (pence <> 0),
    way text CHECK (way IN ('connect', 'by_hand')),
    state text NOT NULL DEFAULT 'owed' CHECK (state IN ('owed', 'sent', 'paid', 'failed')),
    stripe_id text UNIQUE, tries int NOT NULL DEFAULT 0 CHECK (tries >= 0), failure text NOT NULL DEFAULT '',
    owed_at timestamptz NOT NULL, sent_at timestamptz, paid_at timestamptz,
    settled_on date, settled_by uuid REFERENCES person, settled_reference text, approved_by uuid REFERENCES person,
    PRIMARY KEY (commissioner_id, id), {PURCHASE_FK},
    UNIQUE NULLS NOT DISTINCT (commissioner_id, visit_id, refund_id),
    FOREIGN KEY (commissioner_id, purchase_id, visit_id) REFERENCES purchase_visit,
    FOREIGN KEY (commissioner_id, refund_id) REFERENCES refund,
    CHECK ((refund_id IS NULL) = (pence > 0)), CHECK ((state = 'paid') = (paid_at IS NOT NULL)),
    CHECK (state = 'owed' OR way IS NOT NULL), CHECK (num_nonnulls(settled_on, settled_by, settled_reference) IN (0, 3)),
    CHECK (approved_by <> settled_by)
);
CREATE INDEX payout_purchase ON payout (commissioner_id, purchase_id);
CREATE INDEX payout_provider ON payout (provider_id, owed_at);
CREATE INDEX payout_open ON payout (commissioner_id, owed_at) WHERE state <> 'paid';
-- A provider's account at Stripe Connect; no row: none.
CREATE TABLE provider_account (
    provider_id uuid PRIMARY KEY REFERENCES provider,
    stripe_id text UNIQUE, state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'active', 'restricted', 'rejected')),
    due text[] NOT NULL DEFAULT '{{}}',                      -- Stripe's names of what it still asks for
    asked_at timestamptz NOT NULL, asked_by uuid NOT NULL REFERENCES person, looked_at timestamptz
);
ALTER TABLE ledger_entry ADD COLUMN purchase_id uuid,
    ADD FOREIGN KEY (commissioner_id, purchase_id) REFERENCES purchase;
CREATE INDEX ledger_entry_purchase ON ledger_entry (commissioner_id, purchase_id) WHERE purchase_id IS NOT NULL;
"""


def _kept(table: str, changes: str, says: str) -> str:
    """A row changes in these columns alone."""
    changing = f"ARRAY[{', '.join(repr(each) for each in changes.split())}]"
    return f"""
CREATE FUNCTION {table}_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (to_jsonb(OLD) - {changing}) <> (to_jsonb(NEW) - {changing})
    THEN RAISE EXCEPTION '{says}' USING ERRCODE = 'check_violation'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER {table}_kept BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION {table}_is_kept();
REVOKE EXECUTE ON FUNCTION {table}_is_kept() FROM PUBLIC;
"""


UP += _kept("purchase", "state method due_at paid_at given_up_at given_up_reason", "a purchase is kept as it was made")
UP += _kept("purchase_visit", "counts", "a visit is kept at the price it was bought at")
UP += _kept("bank_receipt", "state purchase_id framework_id provider_id child_id matched_at matched_by set_aside_reason",
            "a receipt is kept as the bank wrote it")  # fmt: skip
UP += _kept(
    "card_payment", "state stripe_id failure received_pence received_at stop_at", "a payment is kept as asked for"
)
UP += _kept("refund", "state stripe_id tries failure sent_at arrived_at told_at settled_on settled_by settled_reference",
            "a refund is kept as it was owed")  # fmt: skip
UP += _kept("payout", "state way stripe_id tries failure sent_at paid_at settled_on settled_by settled_reference approved_by",
            "a payout is kept as it was owed")  # fmt: skip
UP += _kept("settlement_account", "confirmed_at confirmed_by", "an account is kept as it was entered")
UP += "RESET ROLE;"

FUNCTIONS = (
    "purchase_ends(), refund_is_covered(), purchase_agreed(uuid, uuid), card_payment_place(text, uuid), purchase_rates(uuid),"
    " purchase_unlawful(uuid)"
)
UP += f"""
-- What is given up may be bought again.
CREATE FUNCTION purchase_ends() RETURNS trigger LANGUAGE plpgsql {SAFE} AS $$
BEGIN
    UPDATE purchase_visit SET counts = false WHERE commissioner_id = NEW.commissioner_id AND purchase_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER purchase_ends AFTER UPDATE ON purchase FOR EACH ROW WHEN (NEW.state = 'given_up' AND OLD.state <> 'given_up')
    EXECUTE FUNCTION purchase_ends();
-- Never more goes back than came in: of one card payment, and of the bank's receipts of a purchase together. Those who
-- write refunds of the same money come one after the other: the purchase's row is held.
CREATE FUNCTION refund_is_covered() RETURNS trigger LANGUAGE plpgsql {SAFE} AS $$
DECLARE came bigint; back bigint;
BEGIN
    PERFORM 1 FROM purchase WHERE commissioner_id = NEW.commissioner_id AND id = NEW.purchase_id FOR UPDATE;
    IF NEW.way = 'card' THEN
        SELECT coalesce(sum(received_pence), 0) INTO came FROM card_payment WHERE commissioner_id = NEW.commissioner_id AND id = NEW.card_payment_id
            AND purchase_id = NEW.purchase_id;
        SELECT sum(pence) INTO back FROM refund WHERE commissioner_id = NEW.commissioner_id AND card_payment_id = NEW.card_payment_id;
    ELSE
        SELECT coalesce(sum(pence), 0) INTO came FROM bank_receipt WHERE commissioner_id = NEW.commissioner_id AND purchase_id = NEW.purchase_id;
        SELECT sum(pence) INTO back FROM refund WHERE commissioner_id = NEW.commissioner_id AND purchase_id = NEW.purchase_id AND way = 'transfer';
    END IF;
    IF back > came THEN RAISE EXCEPTION 'more would go back than came in' USING ERRCODE = 'check_violation', CONSTRAINT = 'refund_is_covered'; END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER refund_covered AFTER INSERT ON refund DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refund_is_covered();
-- Whether the family has agreed to buy: anybody who holds `spend` alone, or all who hold it jointly. A family member reads
-- no other member's grant, so the question is answered here.
CREATE FUNCTION purchase_agreed(tenant uuid, bought uuid) RETURNS boolean LANGUAGE sql STABLE {SAFE} AS $$
    WITH holder AS (SELECT g.jointly, EXISTS (SELECT FROM purchase_agreement a WHERE a.commissioner_id = tenant AND a.purchase_id = bought
            AND a.person_id = g.person_id) AS agreed
        FROM purchase p JOIN family_grant g ON g.commissioner_id = p.commissioner_id AND g.child_id = p.child_id
        WHERE p.commissioner_id = tenant AND p.id = bought AND g.revoked_at IS NULL AND 'spend' = ANY (g.rights)
            AND g.starts_on <= app_today() AND (g.ends_on IS NULL OR g.ends_on >= app_today()))
    SELECT coalesce(bool_or(agreed AND NOT jointly), false) OR coalesce(bool_and(agreed) FILTER (WHERE jointly), false) FROM holder
$$;
-- Whose a payment is: by Stripe's id, or by ours where Stripe's has not been written down yet.
CREATE FUNCTION card_payment_place(of_stripe text, ours uuid) RETURNS TABLE (commissioner_id uuid, id uuid) LANGUAGE sql STABLE {SAFE} AS $$
    SELECT c.commissioner_id, c.id FROM card_payment c WHERE c.stripe_id = of_stripe OR (c.id = ours AND c.stripe_id IS NULL) LIMIT 1
$$;
-- What a family pays for its own package's visits: the rates agreed for its lot, whatever has become of the provider since.
CREATE FUNCTION purchase_rates(package uuid) RETURNS TABLE (lot_code text, activity text, band text, pence_per_hour int, applies_from date)
    LANGUAGE sql STABLE {SAFE} AS $$
    SELECT c.lot_code, r.activity, r.band, r.pence_per_hour, c.applies_from
    FROM package p JOIN my_granted_packages('spend') g ON g.commissioner_id = p.commissioner_id AND g.package_id = p.id
    JOIN rate_card c ON c.framework_id = p.framework_id AND c.provider_id = p.provider_id AND c.lot_code = p.lot_code AND c.state = 'agreed'
    JOIN rate r ON r.framework_id = c.framework_id AND r.rate_card_id = c.id
    WHERE p.id = package AND p.direct_payment_id IS NOT NULL ORDER BY c.applies_from, r.activity, r.band
$$;
-- Whether care may not lawfully go on at the moment: a cover has lapsed, and nobody has decided that the package goes on.
CREATE FUNCTION purchase_unlawful(package uuid) RETURNS boolean LANGUAGE sql STABLE {SAFE} AS $$
    SELECT EXISTS (SELECT FROM package p JOIN my_granted_packages('spend') m ON m.commissioner_id = p.commissioner_id AND m.package_id = p.id
        JOIN standing_ground g ON g.framework_id = p.framework_id AND g.provider_id = p.provider_id AND NOT g.holds AND g.flags_visits
            AND p.lot_code = ANY (g.lots)
        WHERE p.id = package AND NOT EXISTS (SELECT FROM cover_decision d WHERE d.commissioner_id = p.commissioner_id AND d.package_id = p.id
            AND d.rule_key = g.rule_key AND d.ended_at IS NULL AND d.goes_on))
$$;
REVOKE EXECUTE ON FUNCTION {FUNCTIONS} FROM PUBLIC;
GRANT EXECUTE ON FUNCTION purchase_agreed(uuid, uuid), card_payment_place(text, uuid), purchase_rates(uuid),
    purchase_unlawful(uuid) TO {{prefix}}_owner, {{prefix}}_app, {{prefix}}_worker;
SET LOCAL ROLE {{prefix}}_owner;
"""

TABLES = (
    "purchase", "purchase_agreement", "purchase_visit", "purchase_share", "card_payment", "settlement_account",
    "bank_receipt", "refund", "payout", "provider_account",
)  # fmt: skip
for _table in TABLES:
    UP += f"ALTER TABLE {_table} ENABLE ROW LEVEL SECURITY; ALTER TABLE {_table} FORCE ROW LEVEL SECURITY;\n"
    if _table != "provider_account":
        UP += f"CREATE POLICY own ON {_table} FOR ALL {APP} USING ({OWN}) WITH CHECK ({OWN});\n"
    if _table not in ("provider_account", "settlement_account", "payout"):
        UP += f"CREATE POLICY family ON {_table} FOR SELECT {APP} USING ({SPENDS});\n"
    if _table in ("purchase", "purchase_visit", "payout", "provider_account"):
        UP += f"CREATE POLICY provider ON {_table} FOR SELECT {APP} USING ({PROVIDER});\n"
    UP += f"GRANT SELECT, INSERT, UPDATE ON {_table} {APP};\n"
for _table, _check in {
    "purchase": "made_by = app_person() AND state IN ('drafted', 'waiting')",
    "purchase_agreement": "person_id = app_person()",
    "purchase_visit": "counts",
    "purchase_share": "top_up_agreed_by IS NULL OR top_up_agreed_by = app_person()",
    "card_payment": "state = 'asked' AND stripe_id IS NULL",
}.items():
    UP += f"CREATE POLICY family_buys ON {_table} FOR INSERT {APP} WITH CHECK ({SPENDS} AND {_check});\n"
UP += f"""
-- a family changes its mind before the money has come; that money has come is never its word
CREATE POLICY family_changes ON purchase FOR UPDATE {APP} USING ({SPENDS} AND state IN ('drafted', 'waiting'))
    WITH CHECK ({SPENDS} AND state IN ('drafted', 'waiting', 'given_up'));
CREATE POLICY family_changes ON card_payment FOR UPDATE {APP} USING ({SPENDS} AND state IN ('asked', 'confirming', 'failed'))
    WITH CHECK ({SPENDS} AND state IN ('asked', 'confirming', 'failed', 'given_up'));
CREATE POLICY family ON settlement_account FOR SELECT {APP}
    USING (confirmed_at IS NOT NULL AND commissioner_id IN (SELECT g.commissioner_id FROM my_granted_children('spend') g));
-- whoever buys visits sees which they are, whether or not they may see what is recorded of others
CREATE POLICY family_buys ON visit FOR SELECT {APP} USING ((commissioner_id, package_id) IN
    (SELECT p.commissioner_id, p.id FROM package p JOIN my_granted_packages('spend') g ON g.commissioner_id = p.commissioner_id AND g.package_id = p.id
     WHERE p.direct_payment_id IS NOT NULL));
-- of refunds a provider sees those of visits, not what else a family paid
CREATE POLICY provider ON refund FOR SELECT {APP} USING ({PROVIDER} AND visit_id IS NOT NULL);
CREATE POLICY provider_writes ON provider_account FOR INSERT {APP} WITH CHECK ({PROVIDER});
CREATE POLICY provider_changes ON provider_account FOR UPDATE {APP} USING ({PROVIDER}) WITH CHECK ({PROVIDER});
CREATE POLICY commissioner ON provider_account FOR SELECT {APP} USING (provider_id IN (SELECT * FROM my_framework_providers()));
RESET ROLE;
GRANT SELECT ON {", ".join(TABLES)} TO {{prefix}}_backup;
"""

KEPT = ("purchase", "purchase_visit", "bank_receipt", "card_payment", "refund", "payout", "settlement_account")
DOWN = f"""
DROP POLICY family_buys ON visit;
ALTER TABLE ledger_entry DROP COLUMN purchase_id;
DROP TABLE {", ".join(reversed(TABLES))};
DROP FUNCTION {FUNCTIONS}, {", ".join(f"{each}_is_kept()" for each in KEPT)};
"""


async def forwards():
    return sql_migration(ID, "Purchases", UP, DOWN)
