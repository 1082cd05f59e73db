"""Drafts made for everybody when a period closes: by sets, read quickly, made again when what they rest on changes.

A prepared draft is no document: nothing rests on it, submitting judges the records anew. So it may be taken away and
made again, lines and all, and its lines carry no foreign keys: a million checks cost more than the million lines, and
one statement copies them from visits it reaches under row-level security. Policies of visits and their workers are said
in a form that reaches the same rows and costs less: settings are asked once a statement, and whoever reads its own rows
does not look up whose else it may read.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0027_prepared_drafts"

APP = "TO {prefix}_app, {prefix}_worker"
OWN = "commissioner_id = (SELECT app_commissioner())"
PROVIDER = "provider_id = (SELECT app_organisation())"
NOT_OWN = (
    "commissioner_id IS DISTINCT FROM (SELECT app_commissioner())"
    " AND provider_id IS DISTINCT FROM (SELECT app_organisation())"
)
# table -> policy -> (as it was, what is put before it)
BEFORE = {
    "visit": {
        "own": "commissioner_id = app_commissioner()",
        "provider": "provider_id = app_organisation()",
        "worker": "(commissioner_id, id) IN (SELECT * FROM my_visits())"
        " OR (commissioner_id, package_id) IN (SELECT commissioner_id, package_id FROM my_cleared_packages())",
        "payer": "(commissioner_id, id) IN (SELECT * FROM my_funded_visits())",
    },
    "visit_worker": {
        "own": "commissioner_id = app_commissioner()",
        "provider": "provider_id = app_organisation()",
        "worker": "(commissioner_id, visit_id) IN (SELECT v.commissioner_id, v.id FROM visit v)",
        "payer": "(commissioner_id, visit_id) IN (SELECT * FROM my_funded_visits())",
    },
}


def policies(now: bool) -> str:
    """Every policy as it is from here on, or as it was."""
    said: list[str] = []
    for table, each in BEFORE.items():
        for name, reaches in each.items():
            if name in ("own", "provider"):
                using = {"own": OWN, "provider": PROVIDER}[name] if now else reaches
                said.append(f"ALTER POLICY {name} ON {table} USING ({using}) WITH CHECK ({using});")
            else:
                said.append(
                    f"ALTER POLICY {name} ON {table} USING ({f'{NOT_OWN} AND ({reaches})' if now else reaches});"
                )
    return "\n".join(said)


def guarded(table: str) -> str:
    return f"""
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON {table} FOR ALL {APP} USING ({OWN}) WITH CHECK ({OWN});
GRANT SELECT, INSERT, UPDATE, DELETE ON {table} {APP};"""


UP = f"""
-- Kept by the database: another visit stands on the same booking, so that where its time is billed must be asked.
CREATE FUNCTION visit_time_is_shared() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE visit_worker w SET time_shared = true FROM added a
    WHERE w.provider_id = a.provider_id AND w.booking_id = a.booking_id AND NOT w.time_shared
        AND EXISTS (SELECT FROM visit_worker o WHERE o.provider_id = a.provider_id AND o.booking_id = a.booking_id
            AND (o.commissioner_id, o.visit_id) <> (w.commissioner_id, w.visit_id));
    RETURN NULL;
END $$;
REVOKE EXECUTE ON FUNCTION visit_time_is_shared() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION visit_time_is_shared() TO {{prefix}}_owner, {{prefix}}_app, {{prefix}}_worker;

SET LOCAL ROLE {{prefix}}_owner;
ALTER TABLE visit_worker ADD COLUMN time_shared boolean NOT NULL DEFAULT false;
CREATE INDEX package_funding_payer ON package_funding (payer_id);

-- one payer's drafts of one framework's period: when they were made and how many
CREATE TABLE prepared_period (
    commissioner_id uuid NOT NULL, framework_id uuid NOT NULL, first_day date NOT NULL, last_day date NOT NULL,
    prepared_at timestamptz NOT NULL, pack_hash text NOT NULL REFERENCES pack_version,
    drafts int NOT NULL CHECK (drafts >= 0), lines int NOT NULL CHECK (lines >= 0),
    by_rules int NOT NULL CHECK (by_rules >= 0), unpriced int NOT NULL CHECK (unpriced >= 0),
    PRIMARY KEY (commissioner_id, framework_id, first_day),
    FOREIGN KEY (framework_id, commissioner_id) REFERENCES framework_member
);
CREATE TABLE prepared_draft (
    commissioner_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(),
    framework_id uuid NOT NULL, provider_id uuid NOT NULL REFERENCES organisation,
    first_day date NOT NULL, last_day date NOT NULL,
    prepared_at timestamptz NOT NULL, pack_hash text NOT NULL REFERENCES pack_version,
    by_rules boolean NOT NULL,                               -- judged by itself, since sets do not settle it
    unpriced boolean NOT NULL,                               -- the rate card lacks a rate: no lines, no amounts
    visits int NOT NULL, held int NOT NULL, defects jsonb NOT NULL,
    gross_pence bigint NOT NULL, deduction_pence bigint NOT NULL, carried_in_pence bigint NOT NULL,
    net_pence bigint NOT NULL CHECK (net_pence >= 0), carried_out_pence bigint NOT NULL CHECK (carried_out_pence >= 0),
    fingerprint text NOT NULL,                               -- of lines, defects, carried sum and pack
    PRIMARY KEY (commissioner_id, id), UNIQUE (commissioner_id, framework_id, provider_id, first_day),
    FOREIGN KEY (framework_id, commissioner_id) REFERENCES framework_member,
    CHECK (gross_pence + carried_out_pence = net_pence + carried_in_pence + deduction_pence)
);
CREATE INDEX prepared_draft_provider ON prepared_draft (provider_id, first_day);
CREATE TABLE prepared_line (
    commissioner_id uuid NOT NULL, draft_id uuid NOT NULL, provider_id uuid NOT NULL,
    visit_commissioner_id uuid NOT NULL, visit_id uuid NOT NULL,
    minutes int NOT NULL, percent int NOT NULL, price_pence int, payable_pence int NOT NULL,
    missing text[],                                          -- why it is held; null where it is not
    PRIMARY KEY (commissioner_id, draft_id, visit_id)
);
{guarded("prepared_period")}{guarded("prepared_draft")}{guarded("prepared_line")}
CREATE POLICY provider ON prepared_draft FOR SELECT {APP} USING ({PROVIDER});
CREATE POLICY provider ON prepared_line FOR SELECT {APP} USING ({PROVIDER});
-- a draft takes its lines with it
CREATE FUNCTION prepared_draft_goes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM prepared_line l USING gone g WHERE l.commissioner_id = g.commissioner_id AND l.draft_id = g.id;
    RETURN NULL;
END $$;
REVOKE EXECUTE ON FUNCTION prepared_draft_goes() FROM PUBLIC;
CREATE TRIGGER prepared_draft_goes AFTER DELETE ON prepared_draft REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION prepared_draft_goes();
CREATE TRIGGER visit_time_is_shared AFTER INSERT ON visit_worker REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION visit_time_is_shared();
{policies(True)}
RESET ROLE;
UPDATE visit_worker w SET time_shared = true WHERE EXISTS (SELECT FROM visit_worker o WHERE o.provider_id = w.provider_id
    AND o.booking_id = w.booking_id AND (o.commissioner_id, o.visit_id) <> (w.commissioner_id, w.visit_id));
GRANT SELECT ON prepared_period, prepared_draft, prepared_line TO {{prefix}}_backup;
"""

DOWN = f"""
{policies(False)}
DROP TRIGGER visit_time_is_shared ON visit_worker;
DROP TABLE prepared_line, prepared_draft, prepared_period;
DROP FUNCTION visit_time_is_shared(), prepared_draft_goes();
DROP INDEX package_funding_payer;
ALTER TABLE visit_worker DROP COLUMN time_shared;
"""


async def forwards():
    return sql_migration(ID, "Drafts prepared for a whole period", UP, DOWN)
