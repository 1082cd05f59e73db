"""Direct payments: what a council gives a child's family to spend, its terms over time, and what was spent of it.

Read by the council's staff and by family members with the right to spend; providers and workers never see a budget.

With them what families look for in a provider, and the directory: who is open to new families, at which prices. It is
read by people who reach neither providers nor rate cards, so it comes from functions that give what may be seen and no
more: providers admitted today that are neither suspended nor paused (the rules judge the rest), the lowest and highest
rate of at least so many of them, and cards to those who may spend a direct payment there.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0032_direct_payments"

APP = "TO {prefix}_app, {prefix}_worker"
OWN = "commissioner_id = app_commissioner()"
FUNCTIONS = "directory(uuid, uuid), directory_bands(uuid, text, uuid[], int), directory_cards(uuid, text)"
SAFE = "LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp"
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
DIRECTORY = f"""CREATE FUNCTION directory(wanted uuid, council uuid) RETURNS TABLE (provider_id uuid, name text, lot_code text, starts_on date, ends_on date,
    cqc_registered boolean, insurance_until date, room int) {SAFE} AS $$
    SELECT a.provider_id, o.name, a.lot_code, a.starts_on, a.ends_on, p.cqc_registered, p.insurance_until,
        (SELECT min(r.new_packages - (SELECT count(*) FROM package k WHERE k.framework_id = a.framework_id AND k.provider_id = a.provider_id
            AND (r.lot_code IS NULL OR k.lot_code = r.lot_code) AND (r.commissioner_id IS NULL OR k.commissioner_id = r.commissioner_id)
            AND k.awarded_at >= r.starts_at AND k.undone_at IS NULL))::int
         FROM restriction r WHERE r.framework_id = a.framework_id AND r.provider_id = a.provider_id AND (r.lot_code IS NULL OR r.lot_code = a.lot_code)
           AND r.starts_at <= app_now() AND (r.ended_at IS NULL OR r.ended_at > app_now()) AND (r.until_on IS NULL OR r.until_on >= app_today())
           AND (r.commissioner_id IS NULL OR r.commissioner_id = council))
    FROM admission a JOIN framework f ON f.id = a.framework_id JOIN provider p ON p.id = a.provider_id JOIN organisation o ON o.id = a.provider_id
    WHERE a.framework_id = wanted AND f.state <> 'draft' AND a.starts_on <= app_today() AND (a.ends_on IS NULL OR a.ends_on >= app_today())
      AND NOT EXISTS (SELECT FROM suspension s WHERE s.framework_id = a.framework_id AND s.provider_id = a.provider_id
        AND (s.lot_code IS NULL OR s.lot_code = a.lot_code) AND (s.commissioner_id IS NULL OR s.commissioner_id = council)
        AND s.starts_at <= app_now() AND (s.lifted_at IS NULL OR s.lifted_at > app_now()) AND (s.until_on IS NULL OR s.until_on >= app_today()))
      AND NOT EXISTS (SELECT FROM pause x WHERE x.framework_id = a.framework_id AND x.provider_id = a.provider_id
        AND (x.lot_code IS NULL OR x.lot_code = a.lot_code)
        AND x.starts_at <= app_now() AND (x.ended_at IS NULL OR x.ended_at > app_now()) AND (x.until_on IS NULL OR x.until_on >= app_today()))
    ORDER BY o.name, a.provider_id, a.lot_code
$$;
"""
UP += f"""
{DIRECTORY}-- The range of today's agreed rates of the providers listed, where at least `fewest` of them (never fewer than two) have one.
CREATE FUNCTION directory_bands(wanted uuid, lot text, listed uuid[], fewest int) RETURNS TABLE (activity text, band text, lowest int, highest int) {SAFE} AS $$
    SELECT x.activity, x.band, min(x.pence_per_hour), max(x.pence_per_hour) FROM (
        SELECT DISTINCT ON (c.provider_id, r.activity, r.band) c.provider_id, r.activity, r.band, r.pence_per_hour
        FROM rate_card c JOIN rate r ON r.framework_id = c.framework_id AND r.rate_card_id = c.id
        WHERE c.framework_id = wanted AND c.lot_code = lot AND c.state = 'agreed' AND c.applies_from <= app_today() AND c.provider_id = ANY (listed)
          AND c.provider_id IN (SELECT d.provider_id FROM directory(wanted, NULL) d WHERE d.lot_code = lot)
        ORDER BY c.provider_id, r.activity, r.band, c.applies_from DESC, c.decided_at DESC) x
    GROUP BY x.activity, x.band HAVING count(*) >= greatest(fewest, 2)
$$;
CREATE FUNCTION directory_cards(wanted uuid, lot text) RETURNS TABLE (provider_id uuid, lot_code text, activity text, band text, pence_per_hour int, applies_from date) {SAFE} AS $$
    SELECT c.provider_id, c.lot_code, r.activity, r.band, r.pence_per_hour, c.applies_from
    FROM rate_card c JOIN rate r ON r.framework_id = c.framework_id AND r.rate_card_id = c.id
    WHERE c.framework_id = wanted AND c.lot_code = lot AND c.state = 'agreed'
      AND EXISTS (SELECT FROM direct_payment d JOIN my_granted_children('spend') g ON g.commissioner_id = d.commissioner_id AND g.child_id = d.child_id
                  WHERE d.framework_id = wanted AND (d.ends_on IS NULL OR d.ends_on >= app_today()))
      AND c.provider_id IN (SELECT x.provider_id FROM directory(wanted, NULL) x WHERE x.lot_code = lot)
    ORDER BY c.provider_id, c.applies_from, r.activity, r.band
$$;
SET LOCAL ROLE {{prefix}}_owner;
CREATE TABLE provider_listing (
    provider_id uuid PRIMARY KEY REFERENCES provider,
    areas text[] NOT NULL DEFAULT '{{}}', languages text[] NOT NULL DEFAULT '{{}}', needs text[] NOT NULL DEFAULT '{{}}',
    availability text[] NOT NULL DEFAULT '{{}}' CHECK (availability <@ ARRAY['weekdays', 'evenings', 'weekends', 'nights', 'holidays']),
    for_families text NOT NULL DEFAULT '',
    changed_at timestamptz NOT NULL, changed_by uuid NOT NULL REFERENCES person
);
ALTER TABLE provider_listing ENABLE ROW LEVEL SECURITY;
ALTER TABLE provider_listing FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON provider_listing FOR ALL {APP} USING (provider_id = app_organisation()) WITH CHECK (provider_id = app_organisation());
-- written for everybody to read: it names nobody
CREATE POLICY everybody ON provider_listing FOR SELECT {APP} USING (true);
GRANT SELECT, INSERT, UPDATE ON provider_listing {APP};
RESET ROLE;
GRANT SELECT ON provider_listing TO {{prefix}}_backup;
REVOKE EXECUTE ON FUNCTION {FUNCTIONS} FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {FUNCTIONS} TO {{prefix}}_owner, {{prefix}}_app, {{prefix}}_worker;
"""

DOWN = f"""
DROP TABLE provider_listing;
DROP FUNCTION {FUNCTIONS};
DROP TABLE direct_payment_spending, direct_payment_terms, direct_payment;
DROP FUNCTION spending_is_kept(), direct_payment_is_kept();
"""


async def forwards():
    return sql_migration(ID, "Direct payments and the directory", UP, DOWN)
