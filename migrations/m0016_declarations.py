"""What a provider declares, with files; what commissioners find of it; terms accepted anew; applications scored.

A declaration, a finding, a score and an acceptance are written once: what is better known later is another row.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0016_declarations"

APP = "TO {prefix}_app, {prefix}_worker"
MEMBER = "framework_id IN (SELECT * FROM my_frameworks())"
LEAD = "framework_id IN (SELECT * FROM my_led_frameworks())"
OWN = "provider_id = app_organisation()"
WEIGHED = "provider_id IN (SELECT * FROM my_evidence_providers())"
BY_ME = "commissioner_id = app_commissioner()"
SCORED = "(framework_id, application_id) IN (SELECT * FROM my_scored_applications())"
MODERATED = "(framework_id, application_id) IN (SELECT m.framework_id, m.application_id FROM application_moderation m)"

POLICIES = {
    "declaration": {
        "own": ("SELECT", OWN),
        "make": ("INSERT", OWN),
        "weigh": ("SELECT", WEIGHED),
    },
    "declaration_file": {
        "own": ("SELECT", OWN),
        "make": ("INSERT", OWN),
        "weigh": ("SELECT", WEIGHED),
    },
    "declaration_assessment": {
        "member": ("SELECT", MEMBER),
        "provider": ("SELECT", OWN),
        "lead": ("INSERT", f"{LEAD} AND {BY_ME} AND assessed_by = app_person()"),
    },
    "application_score": {
        # nobody reads another's score before giving their own, or before the scores were talked over
        "own": ("SELECT", f"{MEMBER} AND person_id = app_person()"),
        "together": ("SELECT", f"{MEMBER} AND ({SCORED} OR {MODERATED})"),
        "give": ("INSERT", f"{MEMBER} AND {BY_ME} AND person_id = app_person()"),
    },
    "application_moderation": {
        "member": ("SELECT", MEMBER),
        "lead": ("INSERT", f"{LEAD} AND agreed_by = app_person()"),
    },
    "terms_change": {
        "member": ("SELECT", MEMBER),
        "open": ("SELECT", "app_person() IS NOT NULL AND framework_id IN (SELECT id FROM framework WHERE state <> 'draft')"),
        "lead": ("INSERT", f"{LEAD} AND changed_by = app_person()"),
    },
    "terms_acceptance": {
        "member": ("SELECT", MEMBER),
        "provider": ("SELECT", OWN),
        "accept": ("INSERT", f"{OWN} AND accepted_by = app_person()"),
    },
}  # fmt: skip

TABLES = """
SET LOCAL ROLE {prefix}_owner;
CREATE TABLE declaration (
    provider_id uuid NOT NULL REFERENCES provider, id uuid NOT NULL DEFAULT gen_random_uuid(),
    rule_key text NOT NULL, declared_on date NOT NULL,      -- since when, or when last reviewed
    remark text NOT NULL DEFAULT '', details jsonb NOT NULL DEFAULT '{{}}', -- of a registration or an insurance
    declared_by uuid NOT NULL REFERENCES person, declared_by_name text NOT NULL, recorded_at timestamptz NOT NULL,
    in_order bigint GENERATED ALWAYS AS IDENTITY,           -- of two at one moment the later
    PRIMARY KEY (provider_id, id)
);
CREATE INDEX declaration_newest ON declaration (provider_id, rule_key, in_order DESC);
CREATE TABLE declaration_file (
    provider_id uuid NOT NULL, declaration_id uuid NOT NULL, evidence_id uuid NOT NULL,
    PRIMARY KEY (provider_id, declaration_id, evidence_id),
    FOREIGN KEY (provider_id, declaration_id) REFERENCES declaration,
    FOREIGN KEY (provider_id, evidence_id) REFERENCES evidence (provider_id, id)
);
CREATE INDEX declaration_file_evidence ON declaration_file (provider_id, evidence_id);
-- What the lead commissioner of one framework finds of one declaration; the newest counts.
CREATE TABLE declaration_assessment (
    framework_id uuid NOT NULL REFERENCES framework, id uuid NOT NULL DEFAULT gen_random_uuid(),
    provider_id uuid NOT NULL, declaration_id uuid NOT NULL, commissioner_id uuid NOT NULL,
    verdict text NOT NULL CHECK (verdict IN ('accepted', 'rejected')), to_mend text NOT NULL DEFAULT '',
    assessed_by uuid NOT NULL REFERENCES person, assessed_by_name text NOT NULL, assessed_at timestamptz NOT NULL,
    pack_hash text NOT NULL REFERENCES pack_version, in_order bigint GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (framework_id, id),
    FOREIGN KEY (provider_id, declaration_id) REFERENCES declaration,
    FOREIGN KEY (framework_id, commissioner_id) REFERENCES framework_member,
    CHECK ((verdict = 'rejected') = (to_mend <> ''))
);
CREATE INDEX declaration_assessment_of ON declaration_assessment (provider_id, declaration_id, in_order DESC);
CREATE TABLE application_score (
    framework_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(), application_id uuid NOT NULL, provider_id uuid NOT NULL,
    commissioner_id uuid NOT NULL, person_id uuid NOT NULL REFERENCES person, person_name text NOT NULL,
    points jsonb NOT NULL, remark text NOT NULL DEFAULT '', given_at timestamptz NOT NULL,  -- criterion -> points
    pack_hash text NOT NULL REFERENCES pack_version,
    PRIMARY KEY (framework_id, id), UNIQUE (framework_id, application_id, person_id),
    FOREIGN KEY (framework_id, application_id, provider_id) REFERENCES application (framework_id, id, provider_id),
    FOREIGN KEY (framework_id, commissioner_id) REFERENCES framework_member
);
-- The scores talked over: what the scorers agreed, once.
CREATE TABLE application_moderation (
    framework_id uuid NOT NULL, application_id uuid NOT NULL, provider_id uuid NOT NULL,
    points jsonb NOT NULL, remark text NOT NULL DEFAULT '', agreed_by uuid NOT NULL REFERENCES person, agreed_by_name text NOT NULL,
    agreed_at timestamptz NOT NULL, pack_hash text NOT NULL REFERENCES pack_version,
    PRIMARY KEY (framework_id, application_id),
    FOREIGN KEY (framework_id, application_id, provider_id) REFERENCES application (framework_id, id, provider_id)
);
CREATE TABLE terms_change (
    framework_id uuid NOT NULL REFERENCES framework, id uuid NOT NULL DEFAULT gen_random_uuid(),
    rule_key text NOT NULL, value_before jsonb NOT NULL, value jsonb NOT NULL, reason text NOT NULL CHECK (reason <> ''),
    hash_before text NOT NULL REFERENCES pack_version, pack_hash text NOT NULL REFERENCES pack_version,
    changed_by uuid NOT NULL REFERENCES person, changed_by_name text NOT NULL, changed_at timestamptz NOT NULL,
    in_order bigint GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (framework_id, id), CHECK (hash_before <> pack_hash)
);
CREATE INDEX terms_change_newest ON terms_change (framework_id, in_order DESC);
CREATE TABLE terms_acceptance (
    framework_id uuid NOT NULL REFERENCES framework, id uuid NOT NULL DEFAULT gen_random_uuid(), provider_id uuid NOT NULL REFERENCES organisation,
    pack_hash text NOT NULL REFERENCES pack_version,
    accepted_by uuid NOT NULL REFERENCES person, accepted_by_name text NOT NULL, accepted_at timestamptz NOT NULL,
    in_order bigint GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (framework_id, id)
);
CREATE INDEX terms_acceptance_provider ON terms_acceptance (provider_id, framework_id);
RESET ROLE;

-- Which applications the acting person has scored, and how many people have; both of one's own frameworks only.
CREATE FUNCTION my_scored_applications() RETURNS TABLE (framework_id uuid, application_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT s.framework_id, s.application_id FROM application_score s WHERE s.person_id = app_person() $$;
CREATE FUNCTION scorers_of(application uuid) RETURNS bigint
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT count(*) FROM application_score s WHERE s.application_id = application AND s.framework_id IN (SELECT * FROM my_frameworks()) $$;
-- A file of the organisation that it declared with, for a commissioner who weighs that provider; never one about a worker.
CREATE FUNCTION declared_file(wanted uuid) RETURNS SETOF evidence
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT e.* FROM evidence e WHERE e.id = wanted AND e.worker_id IS NULL AND e.kind <> 'dbs_certificate'
        AND e.provider_id IN (SELECT * FROM my_evidence_providers())
        AND EXISTS (SELECT 1 FROM declaration_file f WHERE f.provider_id = e.provider_id AND f.evidence_id = e.id) $$;
REVOKE EXECUTE ON FUNCTION my_scored_applications(), scorers_of(uuid), declared_file(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION my_scored_applications(), scorers_of(uuid), declared_file(uuid) TO {prefix}_owner, {prefix}_app, {prefix}_worker;
"""


def up() -> str:
    parts = [TABLES.replace("{{", "{").replace("}}", "}"), "SET LOCAL ROLE {prefix}_owner;"]
    for table, policies in POLICIES.items():
        parts.append(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY; ALTER TABLE {table} FORCE ROW LEVEL SECURITY;")
        for name, (command, rule) in policies.items():
            clause = f"WITH CHECK ({rule})" if command == "INSERT" else f"USING ({rule})"
            parts.append(f'CREATE POLICY "{name}" ON {table} FOR {command} {APP} {clause};')
        parts.append(f"GRANT SELECT, INSERT ON {table} {APP};")
    parts.append("RESET ROLE;")
    parts += [f"GRANT SELECT ON {table} TO {{prefix}}_backup;" for table in POLICIES]
    return "\n".join(parts)


DOWN = """
DROP FUNCTION declared_file(uuid), scorers_of(uuid);
DROP TABLE terms_acceptance, terms_change, application_moderation, application_score, declaration_assessment, declaration_file, declaration CASCADE;
DROP FUNCTION my_scored_applications();
"""


async def forwards():
    return sql_migration(ID, "Declarations, assessments, scores, terms accepted anew", up(), DOWN)
