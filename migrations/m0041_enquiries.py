"""Families ask providers, providers answer, a family accepts: from it a package is made that its direct payment pays for.

A provider reads the request and its own answer, never that others were asked: `enquiry` says no more than open or
closed, and whom it reached is a row for each. The council reads neither: the family is the customer. What becomes of it
is a package like any other, that the council sees as such, without a row of funding: nobody invoices it.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0041_enquiries"

APP = "TO {prefix}_app, {prefix}_worker"
SAFE = "SECURITY DEFINER SET search_path = public, pg_temp"
OWN_PROVIDER = "provider_id = app_organisation()"
SPENDS = "(commissioner_id, child_id) IN (SELECT * FROM my_granted_children('spend'))"
ASKED = "(commissioner_id, enquiry_id) IN (SELECT * FROM my_familys_enquiries())"
ME = "person_id = app_person()"

TABLES = """
SET LOCAL ROLE {prefix}_owner;
CREATE TABLE enquiry (
    commissioner_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(), framework_id uuid NOT NULL,
    direct_payment_id uuid NOT NULL, child_id uuid NOT NULL, reference text NOT NULL, lot_code text NOT NULL,
    age_band text NOT NULL, area text NOT NULL DEFAULT '', needs text[] NOT NULL DEFAULT '{}', says text NOT NULL CHECK (says <> ''),
    pattern jsonb NOT NULL, workers_per_visit int NOT NULL DEFAULT 1 CHECK (workers_per_visit BETWEEN 1 AND 2), starts_on date NOT NULL,
    asked_at timestamptz NOT NULL, asked_by uuid NOT NULL REFERENCES person, open_until timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'closed')), closed_at timestamptz,
    PRIMARY KEY (commissioner_id, id), UNIQUE (commissioner_id, id, framework_id), UNIQUE (commissioner_id, reference),
    FOREIGN KEY (commissioner_id, direct_payment_id, child_id) REFERENCES direct_payment (commissioner_id, id, child_id),
    FOREIGN KEY (framework_id, lot_code) REFERENCES framework_lot,
    CHECK ((state = 'closed') = (closed_at IS NOT NULL))
);
CREATE INDEX enquiry_child ON enquiry (commissioner_id, child_id, asked_at);
-- one a provider, so that none sees that others were asked
CREATE TABLE enquiry_reach (
    commissioner_id uuid NOT NULL, enquiry_id uuid NOT NULL, framework_id uuid NOT NULL, provider_id uuid NOT NULL REFERENCES provider,
    asked_at timestamptz NOT NULL, answer_by timestamptz NOT NULL, closed_at timestamptz,
    PRIMARY KEY (commissioner_id, enquiry_id, provider_id),
    FOREIGN KEY (commissioner_id, enquiry_id, framework_id) REFERENCES enquiry (commissioner_id, id, framework_id)
);
CREATE INDEX enquiry_reach_provider ON enquiry_reach (provider_id, asked_at);
CREATE TABLE enquiry_answer (
    commissioner_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(), enquiry_id uuid NOT NULL,
    framework_id uuid NOT NULL, provider_id uuid NOT NULL,
    state text NOT NULL CHECK (state IN ('offered', 'declined', 'withdrawn', 'accepted', 'not_chosen')),
    reason_code text, remark text NOT NULL DEFAULT '', starts_on date, pattern jsonb, price jsonb,
    pence_per_week int CHECK (pence_per_week >= 0), pence_per_period int CHECK (pence_per_period >= 0),
    answered_at timestamptz NOT NULL, answered_by uuid NOT NULL REFERENCES person, decided_at timestamptz,
    PRIMARY KEY (commissioner_id, id), UNIQUE (commissioner_id, id, provider_id), UNIQUE (commissioner_id, id, enquiry_id),
    UNIQUE (commissioner_id, id, provider_id, enquiry_id),
    FOREIGN KEY (commissioner_id, enquiry_id, provider_id) REFERENCES enquiry_reach (commissioner_id, enquiry_id, provider_id),
    CHECK (state <> 'declined' OR reason_code IS NOT NULL), CHECK (reason_code IS NULL OR state IN ('declined', 'withdrawn')),
    CHECK (reason_code IS NOT NULL OR num_nulls(starts_on, pattern, price, pence_per_week, pence_per_period) = 0)
);
CREATE UNIQUE INDEX enquiry_answer_one ON enquiry_answer (commissioner_id, enquiry_id, provider_id) WHERE state <> 'withdrawn';
CREATE UNIQUE INDEX enquiry_answer_accepted ON enquiry_answer (commissioner_id, enquiry_id) WHERE state = 'accepted';
CREATE INDEX enquiry_answer_provider ON enquiry_answer (provider_id, answered_at);
CREATE TABLE enquiry_worker (
    commissioner_id uuid NOT NULL, answer_id uuid NOT NULL, enquiry_id uuid NOT NULL, provider_id uuid NOT NULL, worker_id uuid NOT NULL,
    part text NOT NULL CHECK (part IN ('main', 'backup')), position int NOT NULL DEFAULT 0,
    name text NOT NULL, role text NOT NULL, profile text NOT NULL DEFAULT '',
    PRIMARY KEY (commissioner_id, answer_id, worker_id),
    FOREIGN KEY (commissioner_id, answer_id, provider_id, enquiry_id) REFERENCES enquiry_answer (commissioner_id, id, provider_id, enquiry_id),
    FOREIGN KEY (provider_id, worker_id) REFERENCES worker (provider_id, id)
);
-- who of the family accepts an answer; where the budget is spent jointly, all of them
CREATE TABLE enquiry_choice (
    commissioner_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(), enquiry_id uuid NOT NULL, answer_id uuid NOT NULL,
    person_id uuid NOT NULL REFERENCES person, person_name text NOT NULL, chosen_at timestamptz NOT NULL, taken_back_at timestamptz,
    PRIMARY KEY (commissioner_id, id),
    FOREIGN KEY (commissioner_id, answer_id, enquiry_id) REFERENCES enquiry_answer (commissioner_id, id, enquiry_id)
);
CREATE UNIQUE INDEX enquiry_choice_one ON enquiry_choice (commissioner_id, enquiry_id, person_id) WHERE taken_back_at IS NULL;
CREATE TABLE enquiry_meeting (
    commissioner_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(), enquiry_id uuid NOT NULL, answer_id uuid NOT NULL,
    provider_id uuid NOT NULL, asked_by uuid NOT NULL REFERENCES person, asked_at timestamptz NOT NULL,
    proposed timestamptz[] NOT NULL CHECK (cardinality(proposed) BETWEEN 1 AND 3), says text NOT NULL DEFAULT '',
    answered_at timestamptz, agreed_at timestamptz, answer text NOT NULL DEFAULT '',
    PRIMARY KEY (commissioner_id, id),
    FOREIGN KEY (commissioner_id, answer_id, provider_id, enquiry_id) REFERENCES enquiry_answer (commissioner_id, id, provider_id, enquiry_id),
    CHECK (agreed_at IS NULL OR agreed_at = ANY (proposed)), CHECK (agreed_at IS NULL OR answered_at IS NOT NULL)
);
CREATE INDEX enquiry_meeting_of ON enquiry_meeting (commissioner_id, answer_id, asked_at);
-- A package comes from a referral's offer, or from an answer to a family that a direct payment pays for.
ALTER TABLE package ALTER COLUMN referral_id DROP NOT NULL, ALTER COLUMN offer_id DROP NOT NULL,
    ADD COLUMN direct_payment_id uuid, ADD COLUMN answer_id uuid,
    ADD CONSTRAINT package_direct_payment_fkey FOREIGN KEY (commissioner_id, direct_payment_id, child_id)
        REFERENCES direct_payment (commissioner_id, id, child_id),
    ADD CONSTRAINT package_answer_fkey FOREIGN KEY (commissioner_id, answer_id, provider_id)
        REFERENCES enquiry_answer (commissioner_id, id, provider_id),
    ADD CONSTRAINT package_one_origin CHECK (num_nulls(referral_id, offer_id) = num_nonnulls(direct_payment_id, answer_id)
        AND num_nulls(referral_id, offer_id) <> 1);
CREATE UNIQUE INDEX package_one_of_answer ON package (commissioner_id, answer_id) WHERE answer_id IS NOT NULL;
CREATE INDEX package_direct_payment ON package (commissioner_id, direct_payment_id) WHERE direct_payment_id IS NOT NULL;
-- an answer is what it was: only its state moves on
CREATE FUNCTION answer_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (to_jsonb(OLD) - ARRAY['state', 'decided_at']) <> (to_jsonb(NEW) - ARRAY['state', 'decided_at']) OR OLD.state NOT IN ('offered', 'declined')
    THEN RAISE EXCEPTION 'an answer is kept as it was given' USING ERRCODE = 'check_violation'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER answer_kept BEFORE UPDATE ON enquiry_answer FOR EACH ROW EXECUTE FUNCTION answer_is_kept();
-- a request is what it was: it closes, and that is all
CREATE FUNCTION enquiry_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (to_jsonb(OLD) - ARRAY['state', 'closed_at']) <> (to_jsonb(NEW) - ARRAY['state', 'closed_at']) OR OLD.state = 'closed'
    THEN RAISE EXCEPTION 'a request is kept as it was sent' USING ERRCODE = 'check_violation'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER enquiry_kept BEFORE UPDATE ON enquiry FOR EACH ROW EXECUTE FUNCTION enquiry_is_kept();
RESET ROLE;
"""

NEW_FUNCTIONS = {
    # requests about children whose direct payment the acting person spends
    "my_familys_enquiries()": (
        "TABLE (commissioner_id uuid, enquiry_id uuid)",
        "STABLE ROWS 5",
        "SELECT e.commissioner_id, e.id FROM enquiry e JOIN my_granted_children('spend') g"
        " ON g.commissioner_id = e.commissioner_id AND g.child_id = e.child_id",
    ),
    "my_reached_enquiries()": (
        "TABLE (commissioner_id uuid, enquiry_id uuid)",
        "STABLE ROWS 20",
        "SELECT commissioner_id, enquiry_id FROM enquiry_reach WHERE provider_id = app_organisation()",
    ),
    # packages paid for by a direct payment that the acting person spends
    "my_bought_packages()": (
        "TABLE (commissioner_id uuid, package_id uuid)",
        "STABLE ROWS 3",
        "SELECT p.commissioner_id, p.id FROM package p JOIN my_granted_packages('spend') g"
        " ON g.commissioner_id = p.commissioner_id AND g.package_id = p.id WHERE p.direct_payment_id IS NOT NULL",
    ),
    "my_accepted_answers()": (
        "TABLE (commissioner_id uuid, answer_id uuid, provider_id uuid, direct_payment_id uuid, child_id uuid)",
        "STABLE ROWS 3",
        "SELECT a.commissioner_id, a.id, a.provider_id, e.direct_payment_id, e.child_id FROM enquiry_answer a JOIN enquiry e"
        " ON e.commissioner_id = a.commissioner_id AND e.id = a.enquiry_id JOIN my_granted_children('spend') g"
        " ON g.commissioner_id = e.commissioner_id AND g.child_id = e.child_id WHERE a.state = 'accepted'",
    ),
    # grants.family_agrees, for a family member, who reads nobody else's grant; of one's own children only
    "family_agrees(tenant uuid, of_child uuid, wanted text, agreed uuid[])": (
        "boolean",
        "STABLE",
        "WITH holder AS (SELECT g.jointly, g.person_id = ANY (agreed) AS said FROM family_grant g WHERE g.commissioner_id = tenant"
        " AND g.child_id = of_child AND g.revoked_at IS NULL AND wanted = ANY (g.rights) AND g.starts_on <= app_today()"
        " AND (g.ends_on IS NULL OR g.ends_on >= app_today()) AND (g.commissioner_id, g.child_id) IN (SELECT * FROM my_granted_children()))"
        " SELECT coalesce(bool_or(said AND NOT jointly), false) OR coalesce(bool_and(said) FILTER (WHERE jointly), false) FROM holder",
    ),
    # whom to tell of an answer: those who spend, as ids and nothing else, to whom the request reached and to themselves
    "enquiry_people(tenant uuid, enquiry uuid)": (
        "TABLE (person_id uuid)",
        "STABLE ROWS 2",
        "SELECT g.person_id FROM enquiry e JOIN family_grant g ON g.commissioner_id = e.commissioner_id AND g.child_id = e.child_id"
        " WHERE e.commissioner_id = tenant AND e.id = enquiry AND g.revoked_at IS NULL AND 'spend' = ANY (g.rights)"
        " AND g.starts_on <= app_today() AND (g.ends_on IS NULL OR g.ends_on >= app_today())"
        " AND ((e.commissioner_id, e.id) IN (SELECT * FROM my_reached_enquiries()) OR (e.commissioner_id, e.id) IN (SELECT * FROM my_familys_enquiries()))"
        " ORDER BY g.granted_at, g.id",
    ),
    # whose requests were open long enough, for the worker's sweep: names nothing but ids
    "providers_with_lapsed_enquiries()": (
        "SETOF uuid",
        "STABLE",
        "SELECT DISTINCT r.provider_id FROM enquiry_reach r JOIN enquiry e ON e.commissioner_id = r.commissioner_id AND e.id = r.enquiry_id"
        " WHERE r.closed_at IS NULL AND e.open_until <= app_now() ORDER BY 1",
    ),
    # whoever was proposed and is ready still becomes the team of the package just made; the family reaches no worker
    "team_of_answer(tenant uuid, package uuid, ready uuid[])": (
        "bigint",
        "VOLATILE",
        "WITH made AS (INSERT INTO package_worker (commissioner_id, package_id, provider_id, worker_id, worker_person_id, name, role, profile, part, added_at)"
        " SELECT p.commissioner_id, p.id, p.provider_id, w.worker_id, k.person_id, w.name, w.role, w.profile, w.part, app_now()"
        " FROM package p JOIN enquiry_worker w ON w.commissioner_id = p.commissioner_id AND w.answer_id = p.answer_id"
        " JOIN worker k ON k.provider_id = w.provider_id AND k.id = w.worker_id"
        " WHERE p.commissioner_id = tenant AND p.id = package AND p.awarded_by = app_person() AND w.worker_id = ANY (ready)"
        " AND (p.commissioner_id, p.id) IN (SELECT * FROM my_bought_packages())"
        " AND NOT EXISTS (SELECT FROM package_worker x WHERE x.commissioner_id = p.commissioner_id AND x.package_id = p.id)"
        " RETURNING 1) SELECT count(*) FROM made",
    ),
}

PROPOSED_TOO = """
        UNION SELECT w.provider_id, w.worker_id, a.framework_id FROM my_familys_enquiries() m
            JOIN enquiry_answer a ON a.commissioner_id = m.commissioner_id AND a.enquiry_id = m.enquiry_id AND a.state = 'offered'
            JOIN enquiry_worker w ON w.commissioner_id = a.commissioner_id AND w.answer_id = a.id"""


def _videos(proposed_too: str) -> str:
    """Whose videos a family may watch (m0035), those of workers proposed to it directly among them or not."""
    return f"""
CREATE OR REPLACE FUNCTION my_familys_videos() RETURNS TABLE (provider_id uuid, worker_id uuid, evidence_id uuid, worker_name text, framework_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH shown AS (
        SELECT w.provider_id, w.worker_id, r.framework_id FROM my_choosable_offers() m
            JOIN offer o ON o.commissioner_id = m.commissioner_id AND o.id = m.offer_id AND o.state = 'made'
            JOIN offer_worker w ON w.commissioner_id = o.commissioner_id AND w.offer_id = o.id
            JOIN referral r ON r.commissioner_id = o.commissioner_id AND r.id = o.referral_id AND r.state = 'broadcast'{proposed_too}
        UNION SELECT w.provider_id, w.worker_id, p.framework_id FROM my_granted_packages() g
            JOIN package p ON p.commissioner_id = g.commissioner_id AND p.id = g.package_id AND p.state IN ('set_up', 'active')
            JOIN package_worker w ON w.commissioner_id = p.commissioner_id AND w.package_id = p.id AND w.removed_at IS NULL)
    SELECT v.provider_id, v.worker_id, v.evidence_id, k.name, s.framework_id FROM shown s
        JOIN profile_video v ON v.provider_id = s.provider_id AND v.worker_id = s.worker_id AND v.ended_at IS NULL
        JOIN worker k ON k.provider_id = v.provider_id AND k.id = v.worker_id AND (k.left_on IS NULL OR k.left_on >= app_today())
        JOIN evidence e ON e.provider_id = v.provider_id AND e.id = v.evidence_id AND e.kind = 'profile_video'
            AND e.state = 'clean' AND e.deleted_at IS NULL $$;
"""


def _plans(of_package: str, declared: str, placed: str, nobody: str) -> str:
    """When a plan takes effect (m0007): with both sides' signatures, whoever stands in the referrer's place."""
    return f"""
CREATE OR REPLACE FUNCTION plan_takes_effect(tenant uuid, plan uuid) RETURNS boolean LANGUAGE plpgsql {SAFE} AS $$
DECLARE shared plan_version; of_child uuid;{declared}
BEGIN
    IF NOT EXISTS (SELECT 1 FROM signature WHERE commissioner_id = tenant AND subject_id = plan AND person_id = app_person()) THEN
        RAISE EXCEPTION 'only a signatory brings a plan into force' USING ERRCODE = 'insufficient_privilege';
    END IF;
    SELECT * INTO shared FROM plan_version WHERE commissioner_id = tenant AND id = plan AND state = 'shared' FOR UPDATE;
    SELECT {of_package} FROM package WHERE commissioner_id = tenant AND id = shared.package_id;
    IF shared.id IS NULL OR NOT EXISTS (SELECT 1 FROM signature WHERE commissioner_id = tenant AND subject_id = plan
        AND side = 'referrer' AND text_hash = shared.text_hash) THEN RETURN false; END IF;{placed}
    -- Where nobody of the family may sign, the referrer's signature says why and stands alone.
    IF NOT family_has_signed(tenant, of_child, 'sign_plan', plan, shared.text_hash) AND NOT EXISTS (SELECT 1 FROM signature
        WHERE commissioner_id = tenant AND subject_id = plan AND side = 'referrer' AND text_hash = shared.text_hash AND reason_remark <> ''){nobody}
    THEN RETURN false; END IF;
    UPDATE plan_version SET state = 'superseded' WHERE commissioner_id = tenant AND package_id = shared.package_id AND state = 'signed';
    UPDATE plan_version SET state = 'signed', signed_at = app_now() WHERE commissioner_id = tenant AND id = plan;
    RETURN true;
END $$;
"""


FAMILY_IN_PLACE = """
    -- In the referrer's place stand those who spend the direct payment: one of them, or all who do so jointly.
    IF paid_by IS NOT NULL AND NOT family_agrees(tenant, of_child, 'spend', ARRAY(SELECT s.person_id FROM signature s
        WHERE s.commissioner_id = tenant AND s.subject_id = plan AND s.side = 'referrer' AND s.text_hash = shared.text_hash)) THEN RETURN false; END IF;"""

NOBODY_SIGNS = """
        AND NOT (paid_by IS NOT NULL AND NOT EXISTS (SELECT 1 FROM family_grant g WHERE g.commissioner_id = tenant AND g.child_id = of_child
            AND g.revoked_at IS NULL AND 'sign_plan' = ANY (g.rights) AND g.starts_on <= app_today() AND (g.ends_on IS NULL OR g.ends_on >= app_today())))"""

# table -> {policy: (command, using or check)}
POLICIES: dict[str, dict[str, tuple[str, str]]] = {
    "enquiry": {
        "family": ("SELECT", SPENDS),
        "family_asks": ("INSERT", f"{SPENDS} AND asked_by = app_person() AND state = 'open'"),
        "family_closes": ("UPDATE", SPENDS),
        "reached": ("SELECT", "(commissioner_id, id) IN (SELECT * FROM my_reached_enquiries())"),
    },
    "enquiry_reach": {"family": ("ALL", ASKED), "reached": ("SELECT", OWN_PROVIDER), "closes": ("UPDATE", OWN_PROVIDER)},
    "enquiry_answer": {
        "family": ("SELECT", ASKED),
        "family_decides": ("UPDATE", ASKED),
        "provider": ("SELECT", OWN_PROVIDER),
        "provider_answers": (
            "INSERT",
            f"{OWN_PROVIDER} AND state IN ('offered', 'declined') AND (commissioner_id, enquiry_id) IN (SELECT * FROM my_reached_enquiries())",
        ),
        "provider_withdraws": ("UPDATE", f"{OWN_PROVIDER} AND state IN ('offered', 'declined', 'withdrawn')"),
    },
    "enquiry_worker": {"family": ("SELECT", ASKED), "provider": ("SELECT", OWN_PROVIDER), "proposes": ("INSERT", OWN_PROVIDER)},
    "enquiry_choice": {
        "family": ("SELECT", ASKED),
        "chooses": ("INSERT", f"{ASKED} AND {ME}"),
        "takes_back": ("UPDATE", f"{ASKED} AND {ME}"),
    },
    "enquiry_meeting": {
        "family": ("SELECT", ASKED),
        "family_asks": ("INSERT", f"{ASKED} AND asked_by = app_person() AND answered_at IS NULL"),
        "provider": ("SELECT", OWN_PROVIDER),
        "provider_answers": ("UPDATE", OWN_PROVIDER),
    },
}  # fmt: skip
GRANTS = {"enquiry_worker": "SELECT, INSERT"}

OTHER_POLICIES = f"""
CREATE POLICY family_agrees ON package FOR INSERT {APP} WITH CHECK (direct_payment_id IS NOT NULL AND awarded_by = app_person() AND state = 'set_up'
    AND (commissioner_id, answer_id, provider_id, direct_payment_id, child_id) IN (SELECT * FROM my_accepted_answers()));
CREATE POLICY family_signs_in_place ON signature FOR INSERT {APP} WITH CHECK (side = 'referrer' AND subject_type = 'plan' AND person_id = app_person()
    AND method = 'own_sign_in' AND (commissioner_id, package_id) IN (SELECT * FROM my_bought_packages()));
-- a request's duties end with it: those who asked see whom they wait for
CREATE POLICY family_asked ON obligation FOR ALL {APP} USING (subject_type = 'enquiry' AND subject_id IN (SELECT m.enquiry_id FROM my_familys_enquiries() m))
    WITH CHECK (app_person() IS NOT NULL);
"""


def up() -> str:
    """The tables, what row-level security asks, the policies and grants, and the functions that knew referrals only."""
    parts = [TABLES]
    for signature, (returns, kind, body) in NEW_FUNCTIONS.items():
        parts.append(f"CREATE FUNCTION {signature} RETURNS {returns} LANGUAGE sql {kind} {SAFE} AS $$ {body} $$;")
    parts.append("SET LOCAL ROLE {prefix}_owner;")
    for table, policies in POLICIES.items():
        parts.append(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY; ALTER TABLE {table} FORCE ROW LEVEL SECURITY;")
        for name, (command, holds) in policies.items():
            using = "" if command == "INSERT" else f"USING ({holds})"
            check = f"WITH CHECK ({holds})" if command in ("INSERT", "UPDATE", "ALL") else ""
            parts.append(f"CREATE POLICY {name} ON {table} FOR {command} {APP} {using} {check};")
        parts.append(f"GRANT {GRANTS.get(table, 'SELECT, INSERT, UPDATE')} ON {table} {APP};")
    parts += [OTHER_POLICIES, "RESET ROLE;"]
    parts += [f"GRANT SELECT ON {table} TO {{prefix}}_backup;" for table in POLICIES]
    parts.append(_videos(PROPOSED_TOO))
    parts.append(
        _plans("child_id, direct_payment_id INTO of_child, paid_by", " paid_by uuid;", FAMILY_IN_PLACE, NOBODY_SIGNS)
    )
    parts.append(f"REVOKE EXECUTE ON FUNCTION {_named()}, answer_is_kept(), enquiry_is_kept() FROM PUBLIC;")
    parts.append(f"GRANT EXECUTE ON FUNCTION {_named()} TO {{prefix}}_owner, {{prefix}}_app, {{prefix}}_worker;")
    parts.append("REVOKE EXECUTE ON FUNCTION providers_with_lapsed_enquiries() FROM {prefix}_app;")
    return "\n".join(parts)


def _named() -> str:
    return ", ".join(NEW_FUNCTIONS)


# An older version knows no package of a direct payment: where visits of one exist, it is not gone back to.
DOWN = f"""
{_plans("child_id INTO of_child", "", "", "")}{_videos("")}
DROP POLICY family_asked ON obligation;
DROP POLICY family_signs_in_place ON signature;
DROP POLICY family_agrees ON package;
DELETE FROM package_worker w USING package p WHERE p.commissioner_id = w.commissioner_id AND p.id = w.package_id AND p.direct_payment_id IS NOT NULL;
DELETE FROM package WHERE direct_payment_id IS NOT NULL;
DROP INDEX package_one_of_answer, package_direct_payment;
ALTER TABLE package DROP CONSTRAINT package_one_origin, DROP COLUMN answer_id, DROP COLUMN direct_payment_id,
    ALTER COLUMN offer_id SET NOT NULL, ALTER COLUMN referral_id SET NOT NULL;
DROP TABLE enquiry_meeting, enquiry_choice, enquiry_worker, enquiry_answer, enquiry_reach, enquiry CASCADE;
DROP FUNCTION {_named()}, answer_is_kept(), enquiry_is_kept();
"""


async def forwards():
    return sql_migration(ID, "Families ask and agree", up(), DOWN)
