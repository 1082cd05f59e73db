"""Where money goes: a provider's bank account is changed by two of its people, and each payment keeps where it went.

The first account is entered by one; another in its place only with a change that somebody else of the provider confirmed.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0046e_bank_accounts"

APP = "TO {prefix}_app, {prefix}_worker"

UP = f"""
SET LOCAL ROLE {{prefix}}_owner;
CREATE TABLE bank_change (
    provider_id uuid NOT NULL REFERENCES provider, id uuid NOT NULL DEFAULT gen_random_uuid(),
    account_name text NOT NULL CHECK (account_name <> ''), sort_code text NOT NULL CHECK (sort_code ~ '^[0-9]{{6}}$'),
    account_number text NOT NULL CHECK (account_number ~ '^[0-9]{{8}}$'),
    proposed_by uuid NOT NULL REFERENCES person, proposed_by_name text NOT NULL, proposed_at timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'confirmed', 'refused', 'replaced')),
    answered_by uuid REFERENCES person, answered_by_name text, answered_at timestamptz,
    PRIMARY KEY (provider_id, id),
    CHECK ((state = 'open') = (answered_at IS NULL) AND (answered_at IS NULL) = (answered_by IS NULL)),
    CHECK (state <> 'confirmed' OR answered_by <> proposed_by)
);
CREATE UNIQUE INDEX bank_change_open ON bank_change (provider_id) WHERE state = 'open';
ALTER TABLE bank_change ENABLE ROW LEVEL SECURITY;
ALTER TABLE bank_change FORCE ROW LEVEL SECURITY;
CREATE POLICY provider ON bank_change FOR ALL {APP} USING (provider_id = app_organisation())
    WITH CHECK (provider_id = app_organisation() AND (state = 'open' OR answered_by = app_person()));
GRANT SELECT, INSERT, UPDATE ON bank_change {APP};
CREATE FUNCTION bank_change_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE answer text[] := ARRAY['state', 'answered_by', 'answered_by_name', 'answered_at'];
BEGIN
    IF OLD.state <> 'open' OR to_jsonb(OLD) - answer <> to_jsonb(NEW) - answer
    THEN RAISE EXCEPTION 'a change of account is kept as it was proposed' USING ERRCODE = 'check_violation'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER bank_change_kept BEFORE UPDATE ON bank_change FOR EACH ROW EXECUTE FUNCTION bank_change_is_kept();
ALTER TABLE billing_party ADD COLUMN account_since timestamptz;  -- since when the account is the one it is
CREATE FUNCTION account_takes_two() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.account_name, NEW.sort_code, NEW.account_number) IS NOT DISTINCT FROM (OLD.account_name, OLD.sort_code, OLD.account_number)
    THEN RETURN NEW; END IF;
    IF OLD.account_number <> '' AND app_organisation() IS NOT NULL AND NOT EXISTS (
            SELECT FROM bank_change c WHERE c.provider_id = NEW.organisation_id AND c.state = 'confirmed' AND c.answered_at = NEW.account_since
                AND (c.account_name, c.sort_code, c.account_number) = (NEW.account_name, NEW.sort_code, NEW.account_number))
    THEN RAISE EXCEPTION 'a bank account is changed by two people' USING ERRCODE = 'check_violation'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER account_takes_two BEFORE UPDATE ON billing_party FOR EACH ROW EXECUTE FUNCTION account_takes_two();
ALTER TABLE payment_line ADD COLUMN account_name text NOT NULL DEFAULT '', ADD COLUMN sort_code text NOT NULL DEFAULT '',
    ADD COLUMN account_number text NOT NULL DEFAULT '', ADD COLUMN account_note text NOT NULL DEFAULT ''
        CHECK (account_note IN ('', 'changed', 'first'));
REVOKE EXECUTE ON FUNCTION bank_change_is_kept(), account_takes_two() FROM PUBLIC;
RESET ROLE;
UPDATE billing_party SET account_since = changed_at WHERE account_number <> '';
GRANT SELECT ON bank_change TO {{prefix}}_backup;
"""

DOWN = """
ALTER TABLE payment_line DROP COLUMN account_name, DROP COLUMN sort_code, DROP COLUMN account_number, DROP COLUMN account_note;
DROP TRIGGER account_takes_two ON billing_party;
DROP FUNCTION account_takes_two();
ALTER TABLE billing_party DROP COLUMN account_since;
DROP TABLE bank_change;
DROP FUNCTION bank_change_is_kept();
"""


async def forwards():
    return sql_migration(ID, "A bank account is changed by two people", UP, DOWN)
