"""A provider asks beforehand for a longer visit; the referrer's decision, and its reason, stay with the visit.

The worker who ends a visit reaches no request: what was asked for it is closed through a function of their own visits.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0034_longer_visits"

APP = "TO {prefix}_app, {prefix}_worker"
GRANTED = "(commissioner_id, package_id) IN (SELECT * FROM my_granted_packages('confirm_visits'))"

UP = f"""
SET LOCAL ROLE {{prefix}}_owner;
ALTER TABLE visit_request DROP CONSTRAINT visit_request_kind_check;
ALTER TABLE visit_request ADD CONSTRAINT visit_request_kind_check CHECK (kind IN ('move', 'again', 'make_up', 'longer'));
-- what the family asks and what the provider asks wait beside each other
DROP INDEX visit_request_open;
CREATE UNIQUE INDEX visit_request_open ON visit_request (commissioner_id, visit_id, (kind = 'longer')) WHERE state = 'asked';
DROP POLICY family_asks ON visit_request;
CREATE POLICY family_asks ON visit_request FOR INSERT {APP}
    WITH CHECK ({GRANTED} AND state = 'asked' AND kind IN ('move', 'again') AND asked_side = 'family' AND asked_by = app_person());
-- only the commissioner decides on longer time
CREATE POLICY longer_kept ON visit_request AS RESTRICTIVE FOR INSERT {APP}
    WITH CHECK (kind <> 'longer' OR state = 'asked' OR commissioner_id = app_commissioner());
CREATE POLICY longer_decided ON visit_request AS RESTRICTIVE FOR UPDATE {APP} USING (true)
    WITH CHECK (kind <> 'longer' OR state = 'withdrawn' OR commissioner_id = app_commissioner());
RESET ROLE;
CREATE FUNCTION close_longer(tenant uuid, subject uuid) RETURNS void
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE visit_request r SET state = 'withdrawn', answered_by = app_person(), answered_at = app_now()
    FROM visit v WHERE v.commissioner_id = tenant AND v.id = subject AND v.outcome IS NOT NULL
      AND r.commissioner_id = v.commissioner_id AND r.visit_id = v.id AND r.kind = 'longer' AND r.state = 'asked'
      AND (v.provider_id = app_organisation() OR EXISTS (SELECT FROM visit_worker w
        WHERE w.commissioner_id = v.commissioner_id AND w.visit_id = v.id AND w.worker_person_id = app_person()))
$$;
REVOKE EXECUTE ON FUNCTION close_longer(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION close_longer(uuid, uuid) TO {{prefix}}_app;
"""

# An older version knows no such requests: the audit keeps who asked and who decided.
DOWN = f"""
DROP FUNCTION close_longer(uuid, uuid);
SET LOCAL ROLE {{prefix}}_owner;
DROP POLICY longer_decided ON visit_request;
DROP POLICY longer_kept ON visit_request;
DROP POLICY family_asks ON visit_request;
CREATE POLICY family_asks ON visit_request FOR INSERT {APP}
    WITH CHECK ({GRANTED} AND state = 'asked' AND kind <> 'make_up' AND asked_side = 'family' AND asked_by = app_person());
ALTER TABLE visit_request NO FORCE ROW LEVEL SECURITY;
DELETE FROM visit_request WHERE kind = 'longer';
ALTER TABLE visit_request FORCE ROW LEVEL SECURITY;
DROP INDEX visit_request_open;
CREATE UNIQUE INDEX visit_request_open ON visit_request (commissioner_id, visit_id) WHERE state = 'asked';
ALTER TABLE visit_request DROP CONSTRAINT visit_request_kind_check;
ALTER TABLE visit_request ADD CONSTRAINT visit_request_kind_check CHECK (kind IN ('move', 'again', 'make_up'));
RESET ROLE;
"""


async def forwards():
    return sql_migration(ID, "Longer visits asked for beforehand", UP, DOWN)
