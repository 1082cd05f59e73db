"""A correction that charges a family more than is recorded: proposed by the provider, answered by the family, and decided
by the referrer where the family will not. What it would come to is kept as it was shown.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0046b_corrections"

APP = "TO {prefix}_app, {prefix}_worker"
GRANTED = "(commissioner_id, package_id) IN (SELECT * FROM my_granted_packages('confirm_visits'))"
OWN = "commissioner_id = app_commissioner() AND (SELECT app_reads_notes())"
PROVIDER = "provider_id = app_organisation()"
OUTCOMES = "('cancelled_by_family', 'cancelled_on_arrival', 'cancelled_by_provider', 'missed')"


def guarded(table: str) -> str:
    return f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;\nALTER TABLE {table} FORCE ROW LEVEL SECURITY;"


UP = f"""
SET LOCAL ROLE {{prefix}}_owner;
CREATE TABLE correction (
    commissioner_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(),
    package_id uuid NOT NULL, provider_id uuid NOT NULL, framework_id uuid NOT NULL, visit_id uuid NOT NULL,
    visit_version int NOT NULL, was_outcome text NOT NULL, was_notice_at timestamptz, was_pence int, was_minutes int,
    outcome text NOT NULL CHECK (outcome IN {OUTCOMES}), notice_at timestamptz,
    charge_pence int, whole_pence int, percent int NOT NULL CHECK (percent > 0), minutes int NOT NULL, taken_minutes int NOT NULL,
    reason text NOT NULL CHECK (reason <> ''), proposed_by uuid NOT NULL REFERENCES person, proposed_by_name text NOT NULL,
    proposed_at timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'with_referrer', 'applied', 'declined', 'withdrawn', 'lapsed')),
    put_code text, put_at timestamptz,                       -- why the provider put it to the referrer
    decision text CHECK (decision IN ('apply', 'decline')), decision_reason text, decided_by uuid REFERENCES person, decided_at timestamptz,
    closed_at timestamptz, lapsed_because text,
    PRIMARY KEY (commissioner_id, id), UNIQUE (commissioner_id, id, package_id, provider_id),
    FOREIGN KEY (commissioner_id, package_id, provider_id, framework_id) REFERENCES package (commissioner_id, id, provider_id, framework_id),
    FOREIGN KEY (commissioner_id, visit_id, provider_id) REFERENCES visit (commissioner_id, id, provider_id),
    CHECK ((outcome = 'cancelled_by_family') = (notice_at IS NOT NULL)),
    CHECK ((put_code IS NULL) = (put_at IS NULL)), CHECK ((state IN ('open', 'with_referrer')) = (closed_at IS NULL)),
    CHECK ((decision IS NULL) = (decided_by IS NULL) AND (decision IS NULL) = (decided_at IS NULL)),
    CHECK (decision IS NULL OR decision_reason <> ''), CHECK ((state = 'lapsed') = (lapsed_because IS NOT NULL))
);
CREATE UNIQUE INDEX correction_open ON correction (commissioner_id, visit_id) WHERE closed_at IS NULL;
CREATE INDEX correction_provider ON correction (provider_id, proposed_at);
CREATE INDEX correction_package ON correction (commissioner_id, package_id);
CREATE TABLE correction_answer (
    commissioner_id uuid NOT NULL, correction_id uuid NOT NULL, package_id uuid NOT NULL, provider_id uuid NOT NULL,
    person_id uuid NOT NULL REFERENCES person, person_name text NOT NULL, agrees boolean NOT NULL, says text NOT NULL DEFAULT '',
    answered_at timestamptz NOT NULL,
    PRIMARY KEY (commissioner_id, correction_id, person_id), CHECK (agrees OR says <> ''),
    FOREIGN KEY (commissioner_id, correction_id, package_id, provider_id) REFERENCES correction (commissioner_id, id, package_id, provider_id)
);
CREATE FUNCTION correction_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE decided text[] := ARRAY['decision', 'decision_reason', 'decided_by', 'decided_at'];
        moves text[] := ARRAY['state', 'put_code', 'put_at', 'closed_at', 'lapsed_because'];
BEGIN
    IF OLD.closed_at IS NOT NULL OR to_jsonb(OLD) - decided - moves <> to_jsonb(NEW) - decided - moves THEN
        RAISE EXCEPTION 'a correction is kept as it was proposed' USING ERRCODE = 'check_violation'; END IF;
    IF to_jsonb(OLD) - moves <> to_jsonb(NEW) - moves
            AND (OLD.decision IS NOT NULL OR OLD.state <> 'with_referrer' OR OLD.commissioner_id IS DISTINCT FROM app_commissioner()) THEN
        RAISE EXCEPTION 'the referrer decides, once, where it is asked' USING ERRCODE = 'check_violation'; END IF;
    IF NEW.state = 'applied' AND NEW.decision IS DISTINCT FROM 'apply' AND NOT EXISTS (SELECT FROM correction_answer a
            WHERE a.commissioner_id = NEW.commissioner_id AND a.correction_id = NEW.id AND a.agrees) THEN
        RAISE EXCEPTION 'nobody has agreed to this correction' USING ERRCODE = 'check_violation'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER correction_kept BEFORE UPDATE ON correction FOR EACH ROW EXECUTE FUNCTION correction_is_kept();
{guarded("correction")}
{guarded("correction_answer")}
CREATE POLICY own ON correction FOR SELECT {APP} USING ({OWN});
CREATE POLICY own_decides ON correction FOR UPDATE {APP} USING ({OWN}) WITH CHECK ({OWN});
CREATE POLICY provider ON correction FOR SELECT {APP} USING ({PROVIDER});
CREATE POLICY provider_proposes ON correction FOR INSERT {APP} WITH CHECK ({PROVIDER} AND state IN ('open', 'with_referrer') AND decision IS NULL);
CREATE POLICY provider_follows ON correction FOR UPDATE {APP} USING ({PROVIDER}) WITH CHECK ({PROVIDER});
CREATE POLICY family ON correction FOR SELECT {APP} USING ({GRANTED} OR (commissioner_id, package_id) IN (SELECT * FROM my_granted_packages('see_visits')));
CREATE POLICY own ON correction_answer FOR SELECT {APP} USING ({OWN});
CREATE POLICY provider ON correction_answer FOR SELECT {APP} USING ({PROVIDER});
CREATE POLICY family ON correction_answer FOR SELECT {APP} USING ({GRANTED} OR (commissioner_id, package_id) IN (SELECT * FROM my_granted_packages('see_visits')));
CREATE POLICY family_answers ON correction_answer FOR INSERT {APP} WITH CHECK ({GRANTED} AND person_id = app_person());
GRANT SELECT, INSERT, UPDATE ON correction {APP};
GRANT SELECT, INSERT ON correction_answer {APP};
REVOKE EXECUTE ON FUNCTION correction_is_kept() FROM PUBLIC;
RESET ROLE;
GRANT SELECT ON correction, correction_answer TO {{prefix}}_backup;
-- what was agreed is recorded by the worker, at the price that was shown
GRANT EXECUTE ON FUNCTION visit_price_facts(uuid) TO {{prefix}}_worker;
"""

DOWN = """
REVOKE EXECUTE ON FUNCTION visit_price_facts(uuid) FROM {prefix}_worker;
DROP TABLE correction_answer, correction;
DROP FUNCTION correction_is_kept();
"""


async def forwards():
    return sql_migration(ID, "Corrections that charge a family more", UP, DOWN)
