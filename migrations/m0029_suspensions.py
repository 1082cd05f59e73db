"""What suspensions need to be fair: their causes, what both ends say, the plan's actions with evidence, restrictions on
the way back, the cover a provider had at any past moment, and packages that are moved with a handover.

A suspension for all lots that ends for some goes on as one for each of the others, which names the first (`follows_id`).
"""

from marketplace.platform.migrate import sql_migration

ID = "m0029_suspensions"

APP = "TO {prefix}_app, {prefix}_worker"
MEMBER = "framework_id IN (SELECT * FROM my_frameworks())"
LEAD = "framework_id IN (SELECT * FROM my_led_frameworks())"
BY_ME = "commissioner_id = app_commissioner()"
OWN = "provider_id = app_organisation()"
# as suspensions themselves: the lead's are every member's to read, a partner's its own, the lead's and the provider's
SEEN = f"{MEMBER} AND (commissioner_id IS NULL OR {BY_ME} OR {LEAD})"
SEEN_SUSPENSION = "(framework_id, suspension_id) IN (SELECT s.framework_id, s.id FROM suspension s)"
DECIDED = "(framework_id, suspension_id) IN (SELECT * FROM my_decided_suspensions())"
SAID_BY_PROVIDER = "what IN ('answered', 'review_asked', 'owner_named', 'action_done')"

POLICIES = {
    "provider_cover": {
        "own": ("SELECT", OWN),
        "framework": ("SELECT", "provider_id IN (SELECT * FROM my_framework_providers())"),
    },
    "suspension_cause": {
        "member": ("SELECT", SEEN),
        "provider": ("SELECT", f"{OWN} AND decision IS DISTINCT FROM 'not_suspended'"),
        "lead": ("ALL", LEAD),
        "partner": ("ALL", f"{MEMBER} AND {BY_ME}"),
    },
    "suspension_step": {
        "seen": ("SELECT", SEEN_SUSPENSION),
        "decide": ("INSERT", f"{DECIDED} AND NOT by_provider AND NOT ({SAID_BY_PROVIDER})"),
        "answer": ("INSERT", f"{OWN} AND by_provider AND by_person = app_person() AND {SAID_BY_PROVIDER} AND {SEEN_SUSPENSION}"),
    },
    "plan_action": {"seen": ("SELECT", SEEN_SUSPENSION), "ask": ("INSERT", DECIDED)},
    "step_evidence": {
        "seen": ("SELECT", "(framework_id, step_id) IN (SELECT t.framework_id, t.id FROM suspension_step t)"),
        "attach": ("INSERT", OWN),
    },
    "restriction": {
        "member": ("SELECT", SEEN),
        "lead": ("ALL", LEAD),
        "partner": ("ALL", f"{MEMBER} AND {BY_ME}"),
        "provider": ("SELECT", OWN),
    },
    "package_move": {
        "own": ("ALL", BY_ME),
        "provider": ("SELECT", OWN),
    },
    "package_handover": {
        "own": ("SELECT", BY_ME),
        "write": ("INSERT", f"{OWN} AND written_by = app_person()"),
        "provider": ("SELECT", OWN),
        # whoever takes the package over reads it, once the move's referral has been awarded to it
        "taken_over": (
            "SELECT",
            "(commissioner_id, referral_id) IN (SELECT p.commissioner_id, p.referral_id FROM package p"
            " WHERE p.provider_id = app_organisation() AND p.state IN ('set_up', 'active'))",
        ),
    },
}  # fmt: skip
GRANTS = {
    "provider_cover": "SELECT",
    "suspension_step": "SELECT, INSERT",
    "plan_action": "SELECT, INSERT",
    "step_evidence": "SELECT, INSERT",
    "package_handover": "SELECT, INSERT",
}

TABLES = """
SET LOCAL ROLE {prefix}_owner;
-- provider scope: what cover a provider said it had, from when on; written by a trigger of `provider`
CREATE TABLE provider_cover (
    provider_id uuid NOT NULL REFERENCES provider, id uuid NOT NULL DEFAULT gen_random_uuid(),
    since timestamptz NOT NULL, cqc_registered boolean NOT NULL, insurance_until date,
    in_order bigint GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (provider_id, id)
);
CREATE INDEX provider_cover_at ON provider_cover (provider_id, since DESC, in_order DESC);

ALTER TABLE suspension ADD COLUMN clause text, ADD COLUMN with_plan boolean NOT NULL DEFAULT false,
    ADD COLUMN follows_id uuid, ADD COLUMN end_told_at timestamptz;
ALTER TABLE suspension ADD CONSTRAINT suspension_of_provider UNIQUE (framework_id, id, provider_id);
ALTER TABLE suspension ADD CONSTRAINT suspension_follows FOREIGN KEY (framework_id, follows_id, provider_id)
    REFERENCES suspension (framework_id, id, provider_id);

-- why a suspension was imposed by a rule or proposed: the same cause never fires again
CREATE TABLE suspension_cause (
    framework_id uuid NOT NULL REFERENCES framework, id uuid NOT NULL DEFAULT gen_random_uuid(),
    provider_id uuid NOT NULL REFERENCES organisation, commissioner_id uuid,
    rule_key text NOT NULL, clause text NOT NULL, effect text NOT NULL CHECK (effect IN ('automatic', 'propose')),
    cause text NOT NULL, facts text NOT NULL CHECK (facts <> ''), lot_code text, pack_hash text NOT NULL REFERENCES pack_version,
    raised_at timestamptz NOT NULL, raised_by uuid REFERENCES person, raised_by_name text NOT NULL,
    decision text CHECK (decision IN ('suspended', 'not_suspended')), decided_at timestamptz, decided_by uuid REFERENCES person,
    decided_by_name text, decision_reason text, suspension_id uuid,
    PRIMARY KEY (framework_id, id), UNIQUE (framework_id, provider_id, rule_key, cause),
    FOREIGN KEY (framework_id, commissioner_id) REFERENCES framework_member,
    FOREIGN KEY (framework_id, lot_code) REFERENCES framework_lot,
    FOREIGN KEY (framework_id, suspension_id, provider_id) REFERENCES suspension (framework_id, id, provider_id),
    CHECK ((decision IS NULL) = (decided_at IS NULL)), CHECK (decision <> 'not_suspended' OR decision_reason <> '')
);
CREATE INDEX suspension_cause_open ON suspension_cause (framework_id, provider_id) WHERE decision IS NULL;

-- the actions of a suspension's plan as they were asked for; what became of each is told by the steps
CREATE TABLE plan_action (
    framework_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(), suspension_id uuid NOT NULL, provider_id uuid NOT NULL,
    title text NOT NULL CHECK (title <> ''), evidence_asked text NOT NULL DEFAULT '', owner_name text NOT NULL DEFAULT '', due_on date NOT NULL,
    asked_at timestamptz NOT NULL, asked_by uuid NOT NULL REFERENCES person, asked_by_name text NOT NULL,
    in_order bigint GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (framework_id, id), UNIQUE (framework_id, id, suspension_id, provider_id),
    FOREIGN KEY (framework_id, suspension_id, provider_id) REFERENCES suspension (framework_id, id, provider_id)
);
CREATE INDEX plan_action_of ON plan_action (framework_id, suspension_id);
-- what was said and done about a suspension, in order, by both ends: added to, never changed
CREATE TABLE suspension_step (
    framework_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(), suspension_id uuid NOT NULL, provider_id uuid NOT NULL, action_id uuid,
    what text NOT NULL CHECK (what IN ('imposed', 'answered', 'review_asked', 'review_upheld', 'review_lifted', 'action_asked', 'owner_named',
        'action_done', 'action_returned', 'action_signed_off', 'action_moved', 'action_withdrawn', 'not_engaged', 'lifted', 'lifted_partly', 'ended')),
    at timestamptz NOT NULL, by_provider boolean NOT NULL, by_person uuid REFERENCES person, by_name text NOT NULL,
    says text NOT NULL DEFAULT '', new_due_on date, owner_name text, in_order bigint GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (framework_id, id), UNIQUE (framework_id, id, provider_id),
    FOREIGN KEY (framework_id, suspension_id, provider_id) REFERENCES suspension (framework_id, id, provider_id),
    FOREIGN KEY (framework_id, action_id, suspension_id, provider_id) REFERENCES plan_action (framework_id, id, suspension_id, provider_id),
    CHECK ((what = 'action_moved') = (new_due_on IS NOT NULL)), CHECK ((what = 'owner_named') = (owner_name IS NOT NULL))
);
CREATE INDEX suspension_step_of ON suspension_step (framework_id, suspension_id, in_order);
CREATE TABLE step_evidence (
    framework_id uuid NOT NULL, step_id uuid NOT NULL, provider_id uuid NOT NULL, evidence_id uuid NOT NULL,
    PRIMARY KEY (framework_id, step_id, evidence_id),
    FOREIGN KEY (framework_id, step_id, provider_id) REFERENCES suspension_step (framework_id, id, provider_id),
    FOREIGN KEY (provider_id, evidence_id) REFERENCES evidence (provider_id, id)
);
-- on the way back: so many new packages and no more, for all lots (null) or one, for the framework or a partner's own
CREATE TABLE restriction (
    framework_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(),
    provider_id uuid NOT NULL REFERENCES organisation, lot_code text, commissioner_id uuid, suspension_id uuid,
    new_packages int NOT NULL CHECK (new_packages BETWEEN 1 AND 1000), starts_at timestamptz NOT NULL, until_on date,
    reason text NOT NULL CHECK (reason <> ''), imposed_by uuid NOT NULL REFERENCES person, imposed_by_name text NOT NULL,
    ended_at timestamptz, ended_by uuid REFERENCES person, ended_by_name text, end_reason text,
    PRIMARY KEY (framework_id, id),
    FOREIGN KEY (framework_id, lot_code) REFERENCES framework_lot,
    FOREIGN KEY (framework_id, commissioner_id) REFERENCES framework_member,
    FOREIGN KEY (framework_id, suspension_id, provider_id) REFERENCES suspension (framework_id, id, provider_id),
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
);
CREATE INDEX restriction_provider ON restriction (framework_id, provider_id);
-- case scope: a package that is moved to another provider by a referral of its own
CREATE TABLE package_move (
    commissioner_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(), package_id uuid NOT NULL, provider_id uuid NOT NULL,
    referral_id uuid NOT NULL, reason text NOT NULL CHECK (reason <> ''),
    asked_at timestamptz NOT NULL, asked_by uuid NOT NULL REFERENCES person, asked_by_name text NOT NULL,
    called_off_at timestamptz, called_off_reason text,
    PRIMARY KEY (commissioner_id, id), UNIQUE (commissioner_id, referral_id), UNIQUE (commissioner_id, id, package_id, provider_id, referral_id),
    FOREIGN KEY (commissioner_id, package_id) REFERENCES package,
    FOREIGN KEY (commissioner_id, referral_id) REFERENCES referral,
    CHECK ((called_off_at IS NULL) = (called_off_reason IS NULL))
);
CREATE UNIQUE INDEX package_move_one ON package_move (commissioner_id, package_id) WHERE called_off_at IS NULL;
CREATE TABLE package_handover (
    commissioner_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(), move_id uuid NOT NULL,
    package_id uuid NOT NULL, provider_id uuid NOT NULL, referral_id uuid NOT NULL,
    says text NOT NULL CHECK (says <> ''), written_at timestamptz NOT NULL, written_by uuid NOT NULL REFERENCES person,
    written_by_name text NOT NULL, in_order bigint GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (commissioner_id, id),
    FOREIGN KEY (commissioner_id, move_id, package_id, provider_id, referral_id)
        REFERENCES package_move (commissioner_id, id, package_id, provider_id, referral_id)
);
CREATE INDEX package_handover_of ON package_handover (commissioner_id, move_id);
RESET ROLE;

-- The suspensions the acting commissioner decides about: its own, and as lead every one of the framework.
CREATE FUNCTION my_decided_suspensions() RETURNS TABLE (framework_id uuid, suspension_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp ROWS 20 AS $$
    SELECT s.framework_id, s.id FROM suspension s WHERE s.commissioner_id = app_commissioner()
    UNION SELECT s.framework_id, s.id FROM suspension s JOIN framework_member m USING (framework_id)
        WHERE m.commissioner_id = app_commissioner() AND m.leads $$;
"""

FUNCTIONS = """
-- A broadcast reads the standing of a whole lot: its admissions are held shared while it does, as an award holds one's.
CREATE FUNCTION hold_lot(framework uuid, lot text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM my_frameworks() f WHERE f.framework_id = framework) THEN RETURN false; END IF;
    PERFORM 1 FROM admission WHERE framework_id = framework AND lot_code = lot ORDER BY id FOR SHARE;
    RETURN true;
END $$;
-- How many packages a provider was newly given, over all commissioners of the framework: a number and nothing else.
CREATE FUNCTION new_packages(framework uuid, provider uuid, lot text, payer uuid, since timestamptz, upto timestamptz) RETURNS int
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT count(*)::int FROM package p
    WHERE p.framework_id = framework AND p.provider_id = provider AND (lot IS NULL OR p.lot_code = lot)
        AND (payer IS NULL OR p.commissioner_id = payer) AND p.awarded_at >= since AND p.awarded_at <= upto
        AND (p.undone_at IS NULL OR p.undone_at > upto)
        AND (provider = app_organisation() OR framework IN (SELECT f.framework_id FROM my_frameworks() f)) $$;
CREATE FUNCTION provider_cover_follows() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO provider_cover (provider_id, since, cqc_registered, insurance_until)
        VALUES (NEW.id, app_now(), NEW.cqc_registered, NEW.insurance_until);
    RETURN NULL;
END $$;
CREATE TRIGGER provider_cover_begins AFTER INSERT ON provider FOR EACH ROW EXECUTE FUNCTION provider_cover_follows();
CREATE TRIGGER provider_cover_changes AFTER UPDATE ON provider FOR EACH ROW
    WHEN ((OLD.cqc_registered, OLD.insurance_until) IS DISTINCT FROM (NEW.cqc_registered, NEW.insurance_until))
    EXECUTE FUNCTION provider_cover_follows();
-- what was before is not known: it counts as having been so ever since
INSERT INTO provider_cover (provider_id, since, cqc_registered, insurance_until)
    SELECT id, '2000-01-01', cqc_registered, insurance_until FROM provider;
-- those that have ended by their date were told long ago
UPDATE suspension SET end_told_at = now() WHERE lifted_at IS NULL AND until_on < app_today();
-- The files of a step of a suspension within reach, and one of them as it must be to be opened by whoever decides.
CREATE FUNCTION step_files(suspension uuid) RETURNS TABLE (step_id uuid, id uuid, title text, file_name text, size bigint, state text, deleted boolean)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT t.id, e.id, e.title, e.file_name, e.size, e.state, e.deleted_at IS NOT NULL
    FROM suspension_step t JOIN step_evidence d ON d.framework_id = t.framework_id AND d.step_id = t.id
    JOIN evidence e ON e.provider_id = d.provider_id AND e.id = d.evidence_id
    WHERE t.suspension_id = suspension AND (t.provider_id = app_organisation()
        OR (t.framework_id, t.suspension_id) IN (SELECT * FROM my_decided_suspensions()))
    ORDER BY t.in_order, e.uploaded_at, e.id $$;
CREATE FUNCTION step_file(suspension uuid, file uuid) RETURNS TABLE (id uuid, provider_id uuid, kind text, file_name text, content_type text,
    shown_state text, state text, refused_reason text, published_key text, published_version text, published_sha256 text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT e.id, e.provider_id, e.kind, e.file_name, e.content_type, CASE WHEN e.deleted_at IS NOT NULL THEN 'deleted' ELSE e.state END,
        e.state, e.refused_reason, e.published_key, e.published_version, e.published_sha256
    FROM suspension_step t JOIN step_evidence d ON d.framework_id = t.framework_id AND d.step_id = t.id
    JOIN evidence e ON e.provider_id = d.provider_id AND e.id = d.evidence_id
    WHERE t.suspension_id = suspension AND e.id = file AND e.kind <> 'dbs_certificate'
        AND (t.framework_id, t.suspension_id) IN (SELECT * FROM my_decided_suspensions()) LIMIT 1 $$;
-- Commissioners with a suspension to look at: one that ends by its date, or a plan with open actions. The worker only.
CREATE FUNCTION commissioners_with_suspensions() RETURNS TABLE (id uuid, name text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT DISTINCT o.id, o.name FROM suspension s
    JOIN framework_member m ON m.framework_id = s.framework_id AND CASE WHEN s.commissioner_id IS NULL THEN m.leads ELSE m.commissioner_id = s.commissioner_id END
    JOIN organisation o ON o.id = m.commissioner_id
    WHERE s.lifted_at IS NULL AND s.end_told_at IS NULL ORDER BY 1 $$;
REVOKE EXECUTE ON FUNCTION my_decided_suspensions(), hold_lot(uuid, text), new_packages(uuid, uuid, text, uuid, timestamptz, timestamptz),
    provider_cover_follows(), step_files(uuid), step_file(uuid, uuid), commissioners_with_suspensions() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION my_decided_suspensions(), hold_lot(uuid, text), new_packages(uuid, uuid, text, uuid, timestamptz, timestamptz)
    TO {prefix}_app, {prefix}_worker;
GRANT EXECUTE ON FUNCTION step_files(uuid), step_file(uuid, uuid) TO {prefix}_app;
GRANT EXECUTE ON FUNCTION commissioners_with_suspensions() TO {prefix}_worker;
"""

# An older version knows no suspension that follows another: it goes on as one of its own.
DOWN = """
DROP TRIGGER provider_cover_begins ON provider;
DROP TRIGGER provider_cover_changes ON provider;
DROP FUNCTION commissioners_with_suspensions(), step_file(uuid, uuid), step_files(uuid), provider_cover_follows(),
    new_packages(uuid, uuid, text, uuid, timestamptz, timestamptz), hold_lot(uuid, text);
DROP TABLE package_handover, package_move, restriction, step_evidence, suspension_step, plan_action, suspension_cause, provider_cover CASCADE;
DROP FUNCTION my_decided_suspensions();
ALTER TABLE suspension DROP CONSTRAINT suspension_follows;
ALTER TABLE suspension DROP CONSTRAINT suspension_of_provider;
ALTER TABLE suspension DROP COLUMN clause, DROP COLUMN with_plan, DROP COLUMN follows_id, DROP COLUMN end_told_at;
"""


def up() -> str:
    """The tables, their policies and grants, then the functions that read them."""
    parts = [TABLES, "SET LOCAL ROLE {prefix}_owner;"]
    for table, policies in POLICIES.items():
        parts.append(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY; ALTER TABLE {table} FORCE ROW LEVEL SECURITY;")
        for name, (command, holds) in policies.items():
            using = "" if command == "INSERT" else f"USING ({holds})"
            check = f"WITH CHECK ({holds})" if command in ("INSERT", "ALL") else ""
            parts.append(f"CREATE POLICY {name} ON {table} FOR {command} {APP} {using} {check};")
        parts.append(f"GRANT {GRANTS.get(table, 'SELECT, INSERT, UPDATE')} ON {table} {APP};")
    parts.append("RESET ROLE;")
    parts += [f"GRANT SELECT ON {table} TO {{prefix}}_backup;" for table in POLICIES]
    return "\n".join([*parts, FUNCTIONS])


async def forwards():
    return sql_migration(ID, "Suspensions: causes, answers, plans, restrictions, moves", up(), DOWN)
