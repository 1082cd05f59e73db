"""Why a visit did not take place, and what was asked about it, in the family's or the provider's words: for those who
meet the child. A finance officer and another payer reach the visit, and not these.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0046c_visit_reasons"

APP = "TO {prefix}_app, {prefix}_worker"
OWN = "commissioner_id = app_commissioner() AND (SELECT app_reads_notes())"
PROVIDER = "provider_id = app_organisation()"
GRANTED = """(commissioner_id, visit_id) IN (SELECT v.commissioner_id, v.id FROM visit v
    WHERE (v.commissioner_id, v.package_id) IN (SELECT * FROM my_granted_packages('see_visits')))"""
ON_MY_VISITS = "(commissioner_id, visit_id) IN (SELECT * FROM my_visits())"


def _call_off(values: str, then: str) -> str:
    """The family calls a coming visit off (m0025)."""
    return f"""
CREATE OR REPLACE FUNCTION call_off_visit(tenant uuid, subject uuid, seen int, noticed timestamptz, why text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE visit v SET outcome = 'cancelled_by_family', outcome_at = app_now(), {values}notice_at = noticed, version = version + 1
    WHERE v.commissioner_id = tenant AND v.id = subject AND v.version = seen AND v.outcome IS NULL AND v.actual_start IS NULL
      AND v.planned_start > noticed AND noticed BETWEEN app_now() - interval '1 minute' AND app_now()
      AND (v.commissioner_id, v.package_id) IN (SELECT * FROM my_granted_packages('confirm_visits'));
    {then}
END $$;"""


UP = f"""
SET LOCAL ROLE {{prefix}}_owner;
CREATE TABLE visit_reason (
    commissioner_id uuid NOT NULL, visit_id uuid NOT NULL, provider_id uuid NOT NULL, says text NOT NULL CHECK (says <> ''),
    PRIMARY KEY (commissioner_id, visit_id),
    FOREIGN KEY (commissioner_id, visit_id, provider_id) REFERENCES visit (commissioner_id, id, provider_id)
);
CREATE INDEX visit_reason_provider ON visit_reason (provider_id);
RESET ROLE;
INSERT INTO visit_reason SELECT commissioner_id, id, provider_id, outcome_reason FROM visit WHERE outcome_reason <> '';
SET LOCAL ROLE {{prefix}}_owner;
ALTER TABLE visit DROP COLUMN outcome_reason;
ALTER TABLE visit_reason ENABLE ROW LEVEL SECURITY;
ALTER TABLE visit_reason FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON visit_reason FOR ALL {APP} USING ({OWN}) WITH CHECK ({OWN});
CREATE POLICY provider ON visit_reason FOR ALL {APP} USING ({PROVIDER}) WITH CHECK ({PROVIDER});
CREATE POLICY worker ON visit_reason FOR ALL {APP} USING ({ON_MY_VISITS}) WITH CHECK ({ON_MY_VISITS});
CREATE POLICY family ON visit_reason FOR SELECT {APP} USING ({GRANTED});
GRANT SELECT, INSERT, UPDATE, DELETE ON visit_reason {APP};
DROP POLICY own ON visit_request;
CREATE POLICY own ON visit_request FOR ALL {APP} USING ({OWN}) WITH CHECK ({OWN});
RESET ROLE;
GRANT SELECT ON visit_reason TO {{prefix}}_backup;
{
    _call_off(
        "",
        '''IF FOUND THEN INSERT INTO visit_reason SELECT commissioner_id, id, provider_id, why FROM visit WHERE commissioner_id = tenant AND id = subject; RETURN true; END IF;
    RETURN false;''',
    )
}
"""

DOWN = f"""
{_call_off("outcome_reason = why, ", "RETURN FOUND;")}
SET LOCAL ROLE {{prefix}}_owner;
DROP POLICY own ON visit_request;
CREATE POLICY own ON visit_request FOR ALL {APP} USING (commissioner_id = app_commissioner()) WITH CHECK (commissioner_id = app_commissioner());
ALTER TABLE visit ADD COLUMN outcome_reason text;
RESET ROLE;
UPDATE visit v SET outcome_reason = r.says FROM visit_reason r WHERE r.commissioner_id = v.commissioner_id AND r.visit_id = v.id;
DROP TABLE visit_reason;
"""


async def forwards():
    return sql_migration(ID, "What is said about a visit stays with those who meet the child", UP, DOWN)
