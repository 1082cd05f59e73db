"""The report a provider sends of each quarter, and which mails a person would rather not have.

A report is sent once and kept as it was sent: what the records said then, and what the provider says of it.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0050_monitoring"

APP = "TO {prefix}_app, {prefix}_worker"

UP = f"""
SET LOCAL ROLE {{prefix}}_owner;
CREATE TABLE monitoring_report (
    commissioner_id uuid NOT NULL REFERENCES organisation, id uuid NOT NULL DEFAULT gen_random_uuid(),
    framework_id uuid NOT NULL REFERENCES framework, provider_id uuid NOT NULL REFERENCES provider,
    first_day date NOT NULL, last_day date NOT NULL CHECK (last_day > first_day),
    facts jsonb NOT NULL, says text NOT NULL CHECK (length(says) BETWEEN 1 AND 6000),
    actions text NOT NULL CHECK (length(actions) <= 6000),
    sent_at timestamptz NOT NULL, sent_by uuid NOT NULL REFERENCES person, sent_by_name text NOT NULL,
    PRIMARY KEY (commissioner_id, id), UNIQUE (commissioner_id, framework_id, provider_id, first_day)
);
CREATE INDEX monitoring_report_provider ON monitoring_report (provider_id, first_day);
ALTER TABLE monitoring_report ENABLE ROW LEVEL SECURITY;
ALTER TABLE monitoring_report FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON monitoring_report FOR SELECT {APP} USING (commissioner_id = app_commissioner());
CREATE POLICY provider ON monitoring_report FOR ALL {APP} USING (provider_id = app_organisation()) WITH CHECK (provider_id = app_organisation());
GRANT SELECT, INSERT ON monitoring_report {APP};

-- What somebody chose not to be mailed; nothing here: everything is. What is urgent is always mailed.
CREATE TABLE mail_choice (
    person_id uuid NOT NULL REFERENCES person, kind text NOT NULL CHECK (kind IN ('duties', 'lapses')),
    wanted boolean NOT NULL, changed_at timestamptz NOT NULL,
    id uuid NOT NULL DEFAULT gen_random_uuid(), PRIMARY KEY (id), UNIQUE (person_id, kind)
);
ALTER TABLE mail_choice ENABLE ROW LEVEL SECURITY;
ALTER TABLE mail_choice FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON mail_choice FOR ALL {APP} USING (person_id = app_person()) WITH CHECK (person_id = app_person());
GRANT SELECT, INSERT, UPDATE ON mail_choice {APP};
RESET ROLE;
GRANT SELECT ON monitoring_report, mail_choice TO {{prefix}}_backup;
-- The worker that writes an organisation's mails asks for its people, whose choices it does not read itself.
CREATE FUNCTION mail_not_wanted(people uuid[], what text) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT person_id FROM mail_choice WHERE person_id = ANY (people) AND kind = what AND NOT wanted $$;
REVOKE EXECUTE ON FUNCTION mail_not_wanted(uuid[], text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION mail_not_wanted(uuid[], text) TO {{prefix}}_worker;
"""

DOWN = """
DROP FUNCTION mail_not_wanted(uuid[], text);
DROP TABLE mail_choice, monitoring_report;
"""


async def forwards():
    return sql_migration(ID, "Monitoring reports, and mails not wanted", UP, DOWN)
