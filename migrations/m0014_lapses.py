"""What lapses: the day of each provider's last look, which cover of a provider holds, visits that are flagged, and what
a contract manager decided about a package whose provider's cover has lapsed. The pack's own rule may suspend."""

from marketplace.platform.migrate import sql_migration

ID = "m0014_lapses"

ALLOCATED = "(commissioner_id, package_id) IN (SELECT commissioner_id, package_id FROM my_allocated_packages())"
APP = "TO {prefix}_app, {prefix}_worker"

UP = f"""
SET LOCAL ROLE {{prefix}}_owner;
-- provider scope: what was said on the days up to looked_on is not said again
CREATE TABLE lapse_look (
    provider_id uuid PRIMARY KEY REFERENCES organisation, looked_on date NOT NULL, looked_before_on date,
    CHECK (looked_before_on < looked_on)
);
ALTER TABLE lapse_look ENABLE ROW LEVEL SECURITY;
ALTER TABLE lapse_look FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON lapse_look FOR ALL {APP} USING (provider_id = app_organisation()) WITH CHECK (provider_id = app_organisation());
GRANT SELECT, INSERT, UPDATE ON lapse_look {APP};

-- framework scope: whether a provider's registration and insurance hold by the pack's rule, and since when that is known
CREATE TABLE standing_ground (
    framework_id uuid NOT NULL REFERENCES framework, id uuid NOT NULL DEFAULT gen_random_uuid(),
    provider_id uuid NOT NULL REFERENCES organisation, rule_key text NOT NULL, code text NOT NULL,
    holds boolean NOT NULL, since timestamptz NOT NULL, lots text[] NOT NULL, flags_visits boolean NOT NULL,
    PRIMARY KEY (framework_id, id), UNIQUE (framework_id, provider_id, rule_key)
);
ALTER TABLE standing_ground ENABLE ROW LEVEL SECURITY;
ALTER TABLE standing_ground FORCE ROW LEVEL SECURITY;
CREATE POLICY member ON standing_ground FOR SELECT {APP} USING (framework_id IN (SELECT * FROM my_frameworks()));
CREATE POLICY lead ON standing_ground FOR ALL {APP} USING (framework_id IN (SELECT * FROM my_led_frameworks())) WITH CHECK (framework_id IN (SELECT * FROM my_led_frameworks()));
CREATE POLICY provider ON standing_ground FOR SELECT {APP} USING (provider_id = app_organisation());
GRANT SELECT, INSERT, UPDATE ON standing_ground {APP};

-- a rule imposes itself: then nobody's name stands under the suspension
ALTER TABLE suspension ALTER COLUMN imposed_by DROP NOT NULL;
ALTER TABLE suspension ADD CONSTRAINT suspension_by_person_or_rule CHECK (imposed_by IS NOT NULL OR rule_key IS NOT NULL);

-- case scope: a coming visit that may not go on as it is planned, once for each cause while it stands
CREATE TABLE visit_flag (
    commissioner_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(),
    visit_id uuid NOT NULL, package_id uuid NOT NULL, provider_id uuid NOT NULL REFERENCES organisation, worker_id uuid,
    code text NOT NULL, item text NOT NULL DEFAULT '', says text NOT NULL CHECK (says <> ''),
    flagged_at timestamptz NOT NULL, cleared_at timestamptz,
    PRIMARY KEY (commissioner_id, id),
    FOREIGN KEY (commissioner_id, visit_id) REFERENCES visit,
    FOREIGN KEY (commissioner_id, package_id) REFERENCES package,
    FOREIGN KEY (provider_id, worker_id) REFERENCES worker (provider_id, id)
);
CREATE UNIQUE INDEX visit_flag_open ON visit_flag
    (commissioner_id, visit_id, coalesce(worker_id, '00000000-0000-0000-0000-000000000000'), code, item) WHERE cleared_at IS NULL;
CREATE INDEX visit_flag_package ON visit_flag (commissioner_id, package_id) WHERE cleared_at IS NULL;
CREATE INDEX visit_flag_provider ON visit_flag (provider_id) WHERE cleared_at IS NULL;
ALTER TABLE visit_flag ENABLE ROW LEVEL SECURITY;
ALTER TABLE visit_flag FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON visit_flag FOR ALL {APP} USING (commissioner_id = app_commissioner()) WITH CHECK (commissioner_id = app_commissioner());
CREATE POLICY provider ON visit_flag FOR ALL {APP} USING (provider_id = app_organisation()) WITH CHECK (provider_id = app_organisation());
CREATE POLICY worker ON visit_flag FOR SELECT {APP} USING ((commissioner_id, visit_id) IN (SELECT * FROM my_visits()) OR {ALLOCATED});
GRANT SELECT, INSERT, UPDATE ON visit_flag {APP};

-- case scope: whether a package goes on although its provider's cover has lapsed; the newest one that has not ended counts
CREATE TABLE cover_decision (
    commissioner_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(),
    package_id uuid NOT NULL, provider_id uuid NOT NULL REFERENCES organisation, rule_key text NOT NULL,
    goes_on boolean NOT NULL, reason text NOT NULL CHECK (reason <> ''),
    decided_by uuid NOT NULL REFERENCES person, decided_by_name text NOT NULL, decided_at timestamptz NOT NULL,
    ended_at timestamptz,
    PRIMARY KEY (commissioner_id, id),
    FOREIGN KEY (commissioner_id, package_id) REFERENCES package
);
CREATE UNIQUE INDEX cover_decision_one ON cover_decision (commissioner_id, package_id, rule_key) WHERE ended_at IS NULL;
ALTER TABLE cover_decision ENABLE ROW LEVEL SECURITY;
ALTER TABLE cover_decision FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON cover_decision FOR ALL {APP} USING (commissioner_id = app_commissioner()) WITH CHECK (commissioner_id = app_commissioner());
CREATE POLICY provider ON cover_decision FOR SELECT {APP} USING (provider_id = app_organisation());
CREATE POLICY worker ON cover_decision FOR SELECT {APP} USING ({ALLOCATED});
GRANT SELECT, INSERT, UPDATE ON cover_decision {APP};
RESET ROLE;
GRANT SELECT ON lapse_look, standing_ground, visit_flag, cover_decision TO {{prefix}}_backup;

-- Which tenants the sweeps look at: ids and nothing else. The worker process only.
CREATE FUNCTION providers_not_looked_at(day date) RETURNS TABLE (id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT o.id FROM organisation o LEFT JOIN lapse_look l ON l.provider_id = o.id
    WHERE o.kind = 'provider' AND (l.looked_on IS NULL OR l.looked_on < day) ORDER BY o.id $$;
CREATE FUNCTION tenants_with_flags() RETURNS TABLE (id uuid, kind text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT provider_id, 'provider' FROM visit_flag WHERE cleared_at IS NULL AND worker_id IS NOT NULL
    UNION SELECT commissioner_id, 'commissioner' FROM visit_flag WHERE cleared_at IS NULL AND worker_id IS NULL
    UNION SELECT commissioner_id, 'commissioner' FROM cover_decision WHERE ended_at IS NULL
    UNION SELECT m.commissioner_id, 'commissioner' FROM standing_ground g JOIN framework_member m USING (framework_id)
        WHERE NOT g.holds AND g.flags_visits ORDER BY 1 $$;
REVOKE EXECUTE ON FUNCTION providers_not_looked_at(date), tenants_with_flags() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION providers_not_looked_at(date), tenants_with_flags() TO {{prefix}}_worker;
"""

# An older version knows no suspension without a person: what a rule imposed goes with the rule's own table.
DOWN = """
DROP FUNCTION tenants_with_flags(), providers_not_looked_at(date);
DROP TABLE cover_decision, visit_flag, standing_ground, lapse_look;
DELETE FROM suspension WHERE imposed_by IS NULL;
ALTER TABLE suspension DROP CONSTRAINT suspension_by_person_or_rule;
ALTER TABLE suspension ALTER COLUMN imposed_by SET NOT NULL;
"""


async def forwards():
    return sql_migration(ID, "What lapses, and what it does", UP, DOWN)
