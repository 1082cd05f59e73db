"""What a purchase costs and that a family agreed to it, how a provider's account stands, by when a provider answers.

The actions have kept to this all along; from here on the database does too, whatever statement comes. A family's purchase
begins as drafted and waits for money only once everybody it takes has agreed, at the price of its lines; an account at
Stripe is written down by the system alone, and stays the one it is; a request's time to answer is kept as it was sent.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0072_no_ones_own_word"

APP = "TO {prefix}_app, {prefix}_worker"
PROVIDER = "provider_id = app_organisation()"
SPENDS = "(commissioner_id, child_id) IN (SELECT * FROM my_granted_children('spend'))"
NOBODY = "'00000000-0000-0000-0000-000000000000'"  # as whom the system acts
LINES = ("purchase", "purchase_visit", "purchase_share")
FUNCTIONS = "purchase_is_agreed(), purchase_adds_up(), provider_account_is_kept(), enquiry_reach_is_kept()"

UP = f"""
SET LOCAL ROLE {{prefix}}_owner;
DROP POLICY family_buys ON purchase;
CREATE POLICY family_buys ON purchase FOR INSERT {APP} WITH CHECK ({SPENDS} AND made_by = app_person() AND state = 'drafted');
CREATE FUNCTION purchase_is_agreed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT purchase_agreed(NEW.commissioner_id, NEW.id)
    THEN RAISE EXCEPTION 'a purchase waits for its money once the family has agreed' USING ERRCODE = 'insufficient_privilege'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER purchase_agreed BEFORE UPDATE ON purchase FOR EACH ROW WHEN (NEW.state = 'waiting' AND OLD.state = 'drafted')
    EXECUTE FUNCTION purchase_is_agreed();

DROP POLICY provider_writes ON provider_account;
DROP POLICY provider_changes ON provider_account;
CREATE POLICY provider_writes ON provider_account FOR INSERT {APP} WITH CHECK ({PROVIDER} AND asked_by = app_person()
    AND state = 'pending' AND due = '{{}}' AND num_nonnulls(stripe_id, looked_at) = 0);
-- what Stripe says of it, never what the provider does
CREATE POLICY system_changes ON provider_account FOR UPDATE {APP} USING ({PROVIDER} AND app_person() = {NOBODY})
    WITH CHECK ({PROVIDER} AND app_person() = {NOBODY});
CREATE FUNCTION provider_account_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (to_jsonb(OLD) - ARRAY['stripe_id', 'state', 'due', 'looked_at']) <> (to_jsonb(NEW) - ARRAY['stripe_id', 'state', 'due', 'looked_at'])
       OR OLD.stripe_id IS NOT NULL AND NEW.stripe_id IS DISTINCT FROM OLD.stripe_id
    THEN RAISE EXCEPTION 'an account stays the one it is' USING ERRCODE = 'check_violation'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER provider_account_kept BEFORE UPDATE ON provider_account FOR EACH ROW EXECUTE FUNCTION provider_account_is_kept();

CREATE FUNCTION enquiry_reach_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_jsonb(OLD) - 'closed_at' <> to_jsonb(NEW) - 'closed_at' OR OLD.closed_at IS NOT NULL AND NEW.closed_at IS DISTINCT FROM OLD.closed_at
    THEN RAISE EXCEPTION 'whom a request reached is kept as it was sent' USING ERRCODE = 'check_violation'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER enquiry_reach_kept BEFORE UPDATE ON enquiry_reach FOR EACH ROW EXECUTE FUNCTION enquiry_reach_is_kept();
RESET ROLE;
-- At the end of the unit: what people buy costs what its lines do, and each line what it takes of the budget and beyond.
CREATE FUNCTION purchase_adds_up() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE bought uuid := coalesce(to_jsonb(NEW) ->> 'purchase_id', to_jsonb(NEW) ->> 'id')::uuid;
BEGIN
    IF EXISTS (SELECT FROM purchase p
        LEFT JOIN purchase_visit l ON l.commissioner_id = p.commissioner_id AND l.purchase_id = p.id
        LEFT JOIN purchase_share s ON s.commissioner_id = l.commissioner_id AND s.purchase_id = l.purchase_id AND s.visit_id = l.visit_id
        WHERE p.commissioner_id = NEW.commissioner_id AND p.id = bought GROUP BY p.commissioner_id, p.id
        HAVING p.pence IS DISTINCT FROM sum(l.pence) OR p.minutes IS DISTINCT FROM sum(l.minutes)
            OR bool_or(l.pence IS DISTINCT FROM s.budget_pence + s.top_up_pence))
    THEN RAISE EXCEPTION 'a purchase costs what its lines do' USING ERRCODE = 'check_violation'; END IF;
    RETURN NULL;
END $$;
REVOKE EXECUTE ON FUNCTION {FUNCTIONS} FROM PUBLIC;
GRANT EXECUTE ON FUNCTION purchase_adds_up() TO {{prefix}}_owner;
SET LOCAL ROLE {{prefix}}_owner;
"""
for _table in LINES:
    UP += f"""CREATE CONSTRAINT TRIGGER {_table}_adds_up AFTER INSERT ON {_table} DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (app_person() IS NOT NULL) EXECUTE FUNCTION purchase_adds_up();
"""

DOWN = f"""
SET LOCAL ROLE {{prefix}}_owner;
{"".join(f"DROP TRIGGER {table}_adds_up ON {table};" for table in LINES)}
DROP TRIGGER purchase_agreed ON purchase;
DROP TRIGGER provider_account_kept ON provider_account;
DROP TRIGGER enquiry_reach_kept ON enquiry_reach;
DROP POLICY family_buys ON purchase;
CREATE POLICY family_buys ON purchase FOR INSERT {APP} WITH CHECK ({SPENDS} AND made_by = app_person() AND state IN ('drafted', 'waiting'));
DROP POLICY provider_writes ON provider_account;
DROP POLICY system_changes ON provider_account;
CREATE POLICY provider_writes ON provider_account FOR INSERT {APP} WITH CHECK ({PROVIDER});
CREATE POLICY provider_changes ON provider_account FOR UPDATE {APP} USING ({PROVIDER}) WITH CHECK ({PROVIDER});
RESET ROLE;
DROP FUNCTION {FUNCTIONS};
"""


async def forwards():
    return sql_migration(ID, "What a purchase costs and an account is, is nobody's own word", UP, DOWN)
