"""Contract management: meetings with minutes, visits with findings, actions, information asked for and what poor
information costs, the next dates set by a contract manager, and what the Care Quality Commission changed.

What a commissioner plans, finds and asks is read by its own staff and by the provider it is about, nobody else; an
unannounced visit stays unseen by the provider until its findings are shared.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0044_contracts"

APP = "TO {prefix}_app, {prefix}_worker"
BY_ME = "commissioner_id = app_commissioner()"
OWN = "provider_id = app_organisation()"
# a row about an occasion is the provider's to read as far as the occasion is
OF_SEEN = "(occasion_id IS NULL OR (commissioner_id, occasion_id) IN (SELECT c.commissioner_id, c.id FROM contract_occasion c))"
OF_SHARED = "(commissioner_id, occasion_id) IN (SELECT c.commissioner_id, c.id FROM contract_occasion c WHERE c.shared_at IS NOT NULL)"
SAID_BY_PROVIDER = "what IN ('minutes_agreed', 'minutes_commented', 'finding_answered', 'action_done', 'information_given', 'charge_objected')"

POLICIES = {
    "contract_occasion": {
        "own": ("ALL", BY_ME),
        "provider": ("SELECT", f"{OWN} AND (announced OR shared_at IS NOT NULL)"),
    },
    "contract_finding": {"own": ("ALL", BY_ME), "provider": ("SELECT", f"{OWN} AND {OF_SHARED}")},
    "contract_action": {"own": ("ALL", BY_ME), "provider": ("SELECT", f"{OWN} AND {OF_SEEN}")},
    "information_request": {"own": ("ALL", BY_ME), "provider": ("SELECT", OWN)},
    "information_charge": {"own": ("ALL", BY_ME), "provider": ("SELECT", OWN)},
    "contract_next": {"own": ("ALL", BY_ME), "provider": ("SELECT", OWN)},
    "contract_step": {
        "own": ("SELECT", BY_ME),
        "provider": ("SELECT", f"{OWN} AND {OF_SEEN}"),
        "act": ("INSERT", f"{BY_ME} AND NOT by_provider AND NOT ({SAID_BY_PROVIDER})"),
        "answer": ("INSERT", f"{OWN} AND by_provider AND by_person = app_person() AND {SAID_BY_PROVIDER} AND {OF_SEEN}"),
    },
    "contract_step_evidence": {
        "seen": ("SELECT", "(commissioner_id, step_id) IN (SELECT t.commissioner_id, t.id FROM contract_step t)"),
        "attach": ("INSERT", OWN),
    },
    "cqc_change": {
        "own": ("SELECT", OWN),
        "report": ("INSERT", f"{OWN} AND reported_by = app_person()"),
        "framework": ("SELECT", "provider_id IN (SELECT * FROM my_framework_providers())"),
    },
}  # fmt: skip
GRANTS = {
    "contract_finding": "SELECT, INSERT",
    "contract_action": "SELECT, INSERT",
    "information_request": "SELECT, INSERT",
    "contract_next": "SELECT, INSERT",
    "contract_step": "SELECT, INSERT",
    "contract_step_evidence": "SELECT, INSERT",
    "cqc_change": "SELECT, INSERT",
}

TABLES = """
SET LOCAL ROLE {prefix}_owner;
-- a meeting, a monitoring visit, an inspection or interviews: planned, moved, called off, or held and shared
CREATE TABLE contract_occasion (
    commissioner_id uuid NOT NULL REFERENCES organisation, id uuid NOT NULL DEFAULT gen_random_uuid(),
    framework_id uuid NOT NULL, provider_id uuid NOT NULL REFERENCES organisation,
    kind text NOT NULL CHECK (kind IN ('meeting', 'monitoring_visit', 'inspection', 'interviews')),
    announced boolean NOT NULL, starts_at timestamptz NOT NULL, place text NOT NULL CHECK (place <> ''), about text NOT NULL DEFAULT '',
    agenda jsonb NOT NULL DEFAULT '[]',
    planned_at timestamptz NOT NULL, planned_by uuid NOT NULL REFERENCES person, planned_by_name text NOT NULL,
    changes int NOT NULL DEFAULT 0, changed_at timestamptz,
    shared_at timestamptz, attended_by text, provider_there boolean, minutes text,
    called_off_at timestamptz, called_off_reason text,
    PRIMARY KEY (commissioner_id, id), UNIQUE (commissioner_id, id, framework_id, provider_id),
    FOREIGN KEY (framework_id, commissioner_id) REFERENCES framework_member,
    CHECK (announced OR kind IN ('inspection', 'interviews')), CHECK (shared_at IS NULL OR called_off_at IS NULL),
    CHECK ((shared_at IS NULL) = (minutes IS NULL)), CHECK ((shared_at IS NULL) = (provider_there IS NULL)),
    CHECK ((called_off_at IS NULL) = (called_off_reason IS NULL))
);
CREATE INDEX contract_occasion_provider ON contract_occasion (provider_id, framework_id, starts_at);
CREATE FUNCTION contract_occasion_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.shared_at IS NOT NULL OR OLD.called_off_at IS NOT NULL OR (NEW.announced, NEW.kind) IS DISTINCT FROM (OLD.announced, OLD.kind)
    THEN RAISE EXCEPTION 'what both ends have read stays as it is' USING ERRCODE = 'check_violation'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER contract_occasion_kept BEFORE UPDATE ON contract_occasion FOR EACH ROW EXECUTE FUNCTION contract_occasion_is_kept();
CREATE TABLE contract_finding (
    commissioner_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(), framework_id uuid NOT NULL, provider_id uuid NOT NULL,
    occasion_id uuid NOT NULL, area text NOT NULL CHECK (area <> ''), grade text NOT NULL CHECK (grade IN ('met', 'partly_met', 'not_met')),
    says text NOT NULL CHECK (says <> ''), found_at timestamptz NOT NULL, found_by uuid NOT NULL REFERENCES person, found_by_name text NOT NULL,
    in_order bigint GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (commissioner_id, id), UNIQUE (commissioner_id, id, occasion_id, provider_id),
    FOREIGN KEY (commissioner_id, occasion_id, framework_id, provider_id) REFERENCES contract_occasion (commissioner_id, id, framework_id, provider_id)
);
CREATE INDEX contract_finding_of ON contract_finding (commissioner_id, occasion_id);
-- what somebody promised at a meeting or visit; what became of it is told by the steps
CREATE TABLE contract_action (
    commissioner_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(), framework_id uuid NOT NULL, provider_id uuid NOT NULL,
    occasion_id uuid NOT NULL, finding_id uuid, for_provider boolean NOT NULL, title text NOT NULL CHECK (title <> ''),
    owner_name text NOT NULL DEFAULT '', due_on date NOT NULL,
    asked_at timestamptz NOT NULL, asked_by uuid NOT NULL REFERENCES person, asked_by_name text NOT NULL, in_order bigint GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (commissioner_id, id), UNIQUE (commissioner_id, id, framework_id, provider_id),
    FOREIGN KEY (commissioner_id, occasion_id, framework_id, provider_id) REFERENCES contract_occasion (commissioner_id, id, framework_id, provider_id),
    FOREIGN KEY (commissioner_id, finding_id, occasion_id, provider_id) REFERENCES contract_finding (commissioner_id, id, occasion_id, provider_id)
);
CREATE INDEX contract_action_provider ON contract_action (provider_id, framework_id);
CREATE TABLE information_request (
    commissioner_id uuid NOT NULL REFERENCES organisation, id uuid NOT NULL DEFAULT gen_random_uuid(),
    framework_id uuid NOT NULL, provider_id uuid NOT NULL REFERENCES organisation,
    title text NOT NULL CHECK (title <> ''), asks text NOT NULL CHECK (asks <> ''), format text NOT NULL CHECK (format <> ''), due_on date NOT NULL,
    asked_at timestamptz NOT NULL, asked_by uuid NOT NULL REFERENCES person, asked_by_name text NOT NULL, in_order bigint GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (commissioner_id, id), UNIQUE (commissioner_id, id, framework_id, provider_id),
    FOREIGN KEY (framework_id, commissioner_id) REFERENCES framework_member
);
CREATE INDEX information_request_provider ON information_request (provider_id, framework_id);
-- the time spent on poor information, once for a request; booked when nobody objects in time, or the objection is refused
CREATE TABLE information_charge (
    commissioner_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(), framework_id uuid NOT NULL, provider_id uuid NOT NULL,
    request_id uuid NOT NULL, minutes int NOT NULL CHECK (minutes > 0), hour_pence int NOT NULL CHECK (hour_pence > 0),
    pence int NOT NULL CHECK (pence > 0), clause text NOT NULL, reason text NOT NULL CHECK (reason <> ''), pack_hash text NOT NULL REFERENCES pack_version,
    charged_at timestamptz NOT NULL, charged_by uuid NOT NULL REFERENCES person, charged_by_name text NOT NULL, object_until timestamptz NOT NULL,
    stands_at timestamptz, dropped_at timestamptz,
    PRIMARY KEY (commissioner_id, id), UNIQUE (commissioner_id, request_id),
    FOREIGN KEY (commissioner_id, request_id, framework_id, provider_id) REFERENCES information_request (commissioner_id, id, framework_id, provider_id),
    CHECK (stands_at IS NULL OR dropped_at IS NULL)
);
CREATE INDEX information_charge_waiting ON information_charge (commissioner_id, object_until) WHERE stands_at IS NULL AND dropped_at IS NULL;
CREATE INDEX information_charge_provider ON information_charge (provider_id, framework_id);
-- sooner or later than the pack's months, as performance goes (L 7.8, P 13.5): the newest counts until the next is held
CREATE TABLE contract_next (
    commissioner_id uuid NOT NULL REFERENCES organisation, id uuid NOT NULL DEFAULT gen_random_uuid(),
    framework_id uuid NOT NULL, provider_id uuid NOT NULL REFERENCES organisation,
    kind text NOT NULL CHECK (kind IN ('meeting', 'monitoring_visit')), due_on date NOT NULL, reason text NOT NULL CHECK (reason <> ''),
    set_at timestamptz NOT NULL, set_by uuid NOT NULL REFERENCES person, set_by_name text NOT NULL, in_order bigint GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (commissioner_id, id), FOREIGN KEY (framework_id, commissioner_id) REFERENCES framework_member
);
CREATE INDEX contract_next_provider ON contract_next (provider_id, framework_id);
-- what was said and done, in order, by both ends: added to, never changed
CREATE TABLE contract_step (
    commissioner_id uuid NOT NULL REFERENCES organisation, id uuid NOT NULL DEFAULT gen_random_uuid(),
    framework_id uuid NOT NULL, provider_id uuid NOT NULL REFERENCES organisation,
    occasion_id uuid, finding_id uuid, action_id uuid, request_id uuid,
    what text NOT NULL CHECK (what IN ('planned', 'moved', 'called_off', 'held', 'minutes_agreed', 'minutes_commented', 'finding_answered',
        'action_asked', 'action_done', 'action_returned', 'action_accepted', 'action_moved', 'action_withdrawn', 'next_set',
        'information_asked', 'information_given', 'information_returned', 'information_accepted', 'information_moved', 'information_withdrawn',
        'charged', 'charge_objected', 'charge_stands', 'charge_dropped')),
    at timestamptz NOT NULL, by_provider boolean NOT NULL, by_person uuid REFERENCES person, by_name text NOT NULL,
    says text NOT NULL DEFAULT '', new_due_on date, in_order bigint GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (commissioner_id, id), UNIQUE (commissioner_id, id, provider_id),
    FOREIGN KEY (framework_id, commissioner_id) REFERENCES framework_member,
    FOREIGN KEY (commissioner_id, occasion_id, framework_id, provider_id) REFERENCES contract_occasion (commissioner_id, id, framework_id, provider_id),
    FOREIGN KEY (commissioner_id, finding_id, occasion_id, provider_id) REFERENCES contract_finding (commissioner_id, id, occasion_id, provider_id),
    FOREIGN KEY (commissioner_id, action_id, framework_id, provider_id) REFERENCES contract_action (commissioner_id, id, framework_id, provider_id),
    FOREIGN KEY (commissioner_id, request_id, framework_id, provider_id) REFERENCES information_request (commissioner_id, id, framework_id, provider_id),
    CHECK (what = 'next_set' OR num_nonnulls(occasion_id, request_id) = 1), CHECK (finding_id IS NULL OR occasion_id IS NOT NULL)
);
CREATE INDEX contract_step_provider ON contract_step (provider_id, framework_id, in_order);
CREATE INDEX contract_step_occasion ON contract_step (commissioner_id, occasion_id);
CREATE INDEX contract_step_request ON contract_step (commissioner_id, request_id);
CREATE TRIGGER contract_step_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON contract_step EXECUTE FUNCTION refuse_change();
CREATE TABLE contract_step_evidence (
    commissioner_id uuid NOT NULL, step_id uuid NOT NULL, provider_id uuid NOT NULL, evidence_id uuid NOT NULL,
    PRIMARY KEY (commissioner_id, step_id, evidence_id),
    FOREIGN KEY (commissioner_id, step_id, provider_id) REFERENCES contract_step (commissioner_id, id, provider_id),
    FOREIGN KEY (provider_id, evidence_id) REFERENCES evidence (provider_id, id)
);
-- provider scope: what the Care Quality Commission changed, as the provider says, with when it learnt of it (L 10.1)
CREATE TABLE cqc_change (
    provider_id uuid NOT NULL REFERENCES provider, id uuid NOT NULL DEFAULT gen_random_uuid(),
    kind text NOT NULL CHECK (kind IN ('rating', 'non_compliance', 'conditions', 'registration', 'enforcement')),
    says text NOT NULL CHECK (says <> ''), learnt_at timestamptz NOT NULL, reported_at timestamptz NOT NULL,
    reported_by uuid NOT NULL REFERENCES person, reported_by_name text NOT NULL,
    PRIMARY KEY (provider_id, id), CHECK (learnt_at <= reported_at)
);
CREATE INDEX cqc_change_at ON cqc_change (provider_id, reported_at DESC);
RESET ROLE;
"""

FUNCTIONS = """
-- The files of the steps of one provider's contract within reach, and one of them as it must be to be opened by whoever asked.
CREATE FUNCTION contract_files(occasion uuid, request uuid)
    RETURNS TABLE (step_id uuid, id uuid, title text, file_name text, size bigint, state text, deleted boolean)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT t.id, e.id, e.title, e.file_name, e.size, e.state, e.deleted_at IS NOT NULL
    FROM contract_step t JOIN contract_step_evidence d ON d.commissioner_id = t.commissioner_id AND d.step_id = t.id
    JOIN evidence e ON e.provider_id = d.provider_id AND e.id = d.evidence_id
    WHERE (t.occasion_id = occasion OR t.request_id = request)
        AND (t.provider_id = app_organisation() OR t.commissioner_id = app_commissioner())
    ORDER BY t.in_order, e.uploaded_at, e.id $$;
CREATE FUNCTION contract_file(step uuid, file uuid) RETURNS TABLE (id uuid, provider_id uuid, kind text, file_name text, content_type text,
    shown_state text, state text, refused_reason text, published_key text, published_version text, published_sha256 text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT e.id, e.provider_id, e.kind, e.file_name, e.content_type, CASE WHEN e.deleted_at IS NOT NULL THEN 'deleted' ELSE e.state END,
        e.state, e.refused_reason, e.published_key, e.published_version, e.published_sha256
    FROM contract_step t JOIN contract_step_evidence d ON d.commissioner_id = t.commissioner_id AND d.step_id = t.id
    JOIN evidence e ON e.provider_id = d.provider_id AND e.id = d.evidence_id
    WHERE t.id = step AND e.id = file AND e.kind <> 'dbs_certificate' AND t.commissioner_id = app_commissioner() LIMIT 1 $$;
REVOKE EXECUTE ON FUNCTION contract_files(uuid, uuid), contract_file(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION contract_files(uuid, uuid), contract_file(uuid, uuid) TO {prefix}_app;
"""

DOWN = """
DROP FUNCTION contract_file(uuid, uuid), contract_files(uuid, uuid);
DROP TABLE cqc_change, contract_step_evidence, contract_step, contract_next, information_charge, information_request, contract_action,
    contract_finding, contract_occasion CASCADE;
DROP FUNCTION contract_occasion_is_kept();
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
    parts.append("REVOKE EXECUTE ON FUNCTION contract_occasion_is_kept() FROM PUBLIC;")
    parts.append("RESET ROLE;")
    parts += [f"GRANT SELECT ON {table} TO {{prefix}}_backup;" for table in POLICIES]
    return "\n".join([*parts, FUNCTIONS])


async def forwards():
    return sql_migration(ID, "Contract management: meetings, visits, actions, information, CQC changes", up(), DOWN)
