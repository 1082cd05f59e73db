"""Who pays for a package, agreed by every payer; a child's allocation; and brothers' and sisters' time, billed once.

A payer that is not the package's own commissioner reaches the facts of the visits on the days it pays for, with who
worked and who signed: what its invoice rests on, and nothing of the child.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0024_budgets"

APP = "TO {prefix}_app, {prefix}_worker"
OWN = "commissioner_id = app_commissioner()"

UP = f"""
-- The visits another commissioner's package pays for with the acting commissioner's money, on the days it pays for.
CREATE FUNCTION my_funded_visits() RETURNS TABLE (commissioner_id uuid, visit_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT v.commissioner_id, v.id FROM package_funding f
    JOIN visit v ON v.commissioner_id = f.commissioner_id AND v.package_id = f.package_id
    WHERE f.payer_id = app_commissioner() AND f.commissioner_id <> app_commissioner()
      AND (v.planned_start AT TIME ZONE 'Europe/London')::date BETWEEN f.starts_on AND coalesce(f.ends_on, 'infinity') $$;

-- Where a worker's time at a visit is billed: 'here', or, when visits of brothers and sisters share it, on one of them.
-- That is the one billed already; else, once all of them have an outcome, the first delivered, or the dearest
-- cancellation; until then it waits. Answers one word, and nothing about the other visits.
CREATE FUNCTION shared_time(tenant uuid, visit uuid, worker uuid) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT CASE WHEN count(*) < 2 THEN 'here'
                WHEN bool_or(billed) THEN CASE WHEN bool_or(billed AND id = visit) THEN 'here' ELSE 'elsewhere' END
                WHEN bool_or(outcome IS NULL) THEN 'waits'
                WHEN (array_agg(id ORDER BY rank, created_at, id))[1] = visit THEN 'here' ELSE 'elsewhere' END
    FROM (SELECT v.id, v.outcome, v.created_at,
              CASE v.outcome WHEN 'delivered' THEN 0 WHEN 'cancelled_on_arrival' THEN 1 WHEN 'cancelled_by_family' THEN 2 ELSE 3 END AS rank,
              EXISTS (SELECT 1 FROM package_funding f JOIN invoice_line l ON l.commissioner_id = f.payer_id
                  AND l.visit_commissioner_id = v.commissioner_id AND l.visit_id = v.id AND l.counts AND l.payable_pence > 0
                  WHERE f.commissioner_id = v.commissioner_id AND f.package_id = v.package_id) AS billed
          FROM visit_worker own
          JOIN visit_worker w ON w.provider_id = own.provider_id AND w.booking_id = own.booking_id
          JOIN visit v ON v.commissioner_id = w.commissioner_id AND v.id = w.visit_id
          WHERE own.commissioner_id = tenant AND own.visit_id = visit AND own.worker_id = worker) sharing $$;

-- The last day any payer of a package has been invoiced for by its provider: shares change only after it.
CREATE FUNCTION package_invoiced_until(tenant uuid, package uuid) RETURNS date
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT max(i.last_day) FROM package p
    JOIN package_funding f ON f.commissioner_id = p.commissioner_id AND f.package_id = p.id
    JOIN invoice i ON i.commissioner_id = f.payer_id AND i.framework_id = p.framework_id AND i.provider_id = p.provider_id
        AND i.replaced_at IS NULL AND i.last_day >= f.starts_on
    WHERE p.commissioner_id = tenant AND p.id = package AND tenant = app_commissioner() $$;

SET LOCAL ROLE {{prefix}}_owner;
CREATE INDEX visit_worker_booking ON visit_worker (provider_id, booking_id);
DROP POLICY payer ON package_funding;
CREATE POLICY payer ON package_funding FOR SELECT {APP} USING ((commissioner_id, package_id) IN (SELECT * FROM my_funded_packages()));
DROP POLICY payer ON visit;
CREATE POLICY payer ON visit FOR SELECT {APP} USING ((commissioner_id, id) IN (SELECT * FROM my_funded_visits()));
CREATE POLICY payer ON visit_worker FOR SELECT {APP} USING ((commissioner_id, visit_id) IN (SELECT * FROM my_funded_visits()));
CREATE POLICY payer ON signature FOR SELECT {APP} USING (subject_type = 'visit' AND (commissioner_id, subject_id) IN (SELECT * FROM my_funded_visits()));

-- Shares of a package from a day on, in force once every payer has agreed and the package's own commissioner confirms.
-- What a payer is asked stands here, since before it pays it reaches nothing of the package.
CREATE TABLE funding_proposal (
    commissioner_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(), package_id uuid NOT NULL,
    framework_id uuid NOT NULL, provider_id uuid NOT NULL, package_reference text NOT NULL, lot_code text NOT NULL,
    pence_per_week int NOT NULL CHECK (pence_per_week >= 0), starts_on date NOT NULL, ends_on date,
    reason text NOT NULL CHECK (reason <> ''),
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'agreed', 'withdrawn')),
    proposed_by uuid NOT NULL REFERENCES person, proposed_by_name text NOT NULL, proposed_at timestamptz NOT NULL,
    closed_by uuid REFERENCES person, closed_by_name text, closed_at timestamptz,
    PRIMARY KEY (commissioner_id, id),
    FOREIGN KEY (commissioner_id, package_id, provider_id, framework_id) REFERENCES package (commissioner_id, id, provider_id, framework_id),
    CHECK (ends_on >= starts_on),
    CHECK ((state = 'open') = (closed_at IS NULL)), CHECK ((closed_at IS NULL) = (closed_by IS NULL))
);
CREATE UNIQUE INDEX funding_proposal_one ON funding_proposal (commissioner_id, package_id) WHERE state = 'open';
CREATE TABLE funding_part (
    commissioner_id uuid NOT NULL, proposal_id uuid NOT NULL, payer_id uuid NOT NULL REFERENCES organisation,
    share_basis_points int NOT NULL CHECK (share_basis_points BETWEEN 1 AND 10000),
    answered_by uuid REFERENCES person, answered_by_name text, answered_at timestamptz, agrees boolean, says text NOT NULL DEFAULT '',
    PRIMARY KEY (commissioner_id, proposal_id, payer_id),
    FOREIGN KEY (commissioner_id, proposal_id) REFERENCES funding_proposal,
    CHECK ((answered_at IS NULL) = (agrees IS NULL)), CHECK ((answered_at IS NULL) = (answered_by IS NULL)),
    CHECK (agrees IS DISTINCT FROM false OR says <> '')
);
CREATE INDEX funding_part_payer ON funding_part (payer_id);

-- What a child may have in a period, in minutes of care or pence; changed by a new row that replaces the old one.
-- The figures are what a sweep last worked out, for lists and the family's page.
CREATE TABLE allocation (
    commissioner_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(), child_id uuid NOT NULL,
    starts_on date NOT NULL, ends_on date NOT NULL,
    unit text NOT NULL CHECK (unit IN ('minutes', 'pence')), amount int NOT NULL CHECK (amount > 0),
    reason text NOT NULL CHECK (reason <> ''),
    set_by uuid NOT NULL REFERENCES person, set_by_name text NOT NULL, set_at timestamptz NOT NULL,
    replaces_id uuid, replaced_at timestamptz,
    spent int, committed int, forecast int, runs_out_on date, figured_at timestamptz, warned_at timestamptz,
    PRIMARY KEY (commissioner_id, id),
    FOREIGN KEY (commissioner_id, child_id) REFERENCES child,
    FOREIGN KEY (commissioner_id, replaces_id) REFERENCES allocation,
    CHECK (ends_on >= starts_on), CHECK ((figured_at IS NULL) = (spent IS NULL)), CHECK ((figured_at IS NULL) = (committed IS NULL))
);
CREATE UNIQUE INDEX allocation_one ON allocation (commissioner_id, child_id, starts_on) WHERE replaced_at IS NULL;
CREATE INDEX allocation_child ON allocation (commissioner_id, child_id);

ALTER TABLE funding_proposal ENABLE ROW LEVEL SECURITY;
ALTER TABLE funding_proposal FORCE ROW LEVEL SECURITY;
ALTER TABLE funding_part ENABLE ROW LEVEL SECURITY;
ALTER TABLE funding_part FORCE ROW LEVEL SECURITY;
ALTER TABLE allocation ENABLE ROW LEVEL SECURITY;
ALTER TABLE allocation FORCE ROW LEVEL SECURITY;
RESET ROLE;
-- The proposals the acting commissioner is asked to pay a part of.
CREATE FUNCTION my_funding_proposals() RETURNS TABLE (commissioner_id uuid, proposal_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT commissioner_id, proposal_id FROM funding_part WHERE payer_id = app_commissioner() $$;
REVOKE EXECUTE ON FUNCTION my_funded_visits(), shared_time(uuid, uuid, uuid), package_invoiced_until(uuid, uuid), my_funding_proposals() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION my_funded_visits(), shared_time(uuid, uuid, uuid), package_invoiced_until(uuid, uuid), my_funding_proposals()
    TO {{prefix}}_app, {{prefix}}_worker, {{prefix}}_owner;
SET LOCAL ROLE {{prefix}}_owner;
CREATE POLICY own ON funding_proposal FOR ALL {APP} USING ({OWN}) WITH CHECK ({OWN});
CREATE POLICY payer ON funding_proposal FOR SELECT {APP} USING ((commissioner_id, id) IN (SELECT * FROM my_funding_proposals()));
CREATE POLICY own ON funding_part FOR SELECT {APP} USING ({OWN});
CREATE POLICY own_proposes ON funding_part FOR INSERT {APP} WITH CHECK ({OWN});
CREATE POLICY payer ON funding_part FOR SELECT {APP} USING ((commissioner_id, proposal_id) IN (SELECT * FROM my_funding_proposals()));
-- nobody agrees in another's name
CREATE POLICY payer_answers ON funding_part FOR UPDATE {APP} USING (payer_id = app_commissioner()) WITH CHECK (payer_id = app_commissioner() AND answered_by = app_person());
CREATE POLICY own ON allocation FOR ALL {APP} USING ({OWN}) WITH CHECK ({OWN});
CREATE POLICY family ON allocation FOR SELECT {APP} USING ((commissioner_id, child_id) IN (SELECT * FROM my_granted_children('see_visits')));
GRANT SELECT, INSERT, UPDATE ON funding_proposal, funding_part, allocation {APP};
RESET ROLE;
GRANT SELECT ON funding_proposal, funding_part, allocation TO {{prefix}}_backup;
"""

DOWN = f"""
DROP TABLE allocation, funding_part, funding_proposal;
DROP FUNCTION my_funding_proposals();
DROP POLICY payer ON signature;
DROP POLICY payer ON visit_worker;
DROP POLICY payer ON visit;
CREATE POLICY payer ON visit FOR SELECT {APP} USING ((commissioner_id, package_id) IN (SELECT * FROM my_funded_packages()));
DROP POLICY payer ON package_funding;
CREATE POLICY payer ON package_funding FOR SELECT {APP} USING (payer_id = app_commissioner());
DROP INDEX visit_worker_booking;
DROP FUNCTION package_invoiced_until(uuid, uuid), shared_time(uuid, uuid, uuid), my_funded_visits();
"""


async def forwards():
    return sql_migration(ID, "Who pays for a package, and what a child may have", UP, DOWN)
