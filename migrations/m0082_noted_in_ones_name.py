"""Who did it, in which role, and in whose book it is noted: from the person and the memberships, not from the caller.

An entry or a look goes into the chain of one's own organisation, or of one whose cases or evidence one has to do with.
Links of news and of obligations stay within the site.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0082_noted_in_ones_name"

NOBODY = "'00000000-0000-0000-0000-000000000000'"  # as whom the system acts, for every tenant
STRAY = "ERRCODE = 'insufficient_privilege'"

REACHES = f"""
-- Whether the present context may note something in an organisation's chain; cheap for one's own, which is nearly all.
CREATE FUNCTION notes_in(chain uuid) RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE me uuid := app_person(); own uuid := app_organisation();
BEGIN
    IF chain = own OR me = {NOBODY} THEN RETURN true; END IF;
    -- an operator; a worker of that provider
    IF EXISTS (SELECT FROM membership m WHERE m.person_id = me AND (m.organisation_id = chain OR m.role = 'operator' AND m.organisation_id = own))
    THEN RETURN true; END IF;
    -- a family at the commissioner of its children
    IF own IS NULL AND EXISTS (SELECT FROM family_grant g WHERE g.person_id = me AND g.commissioner_id = chain) THEN RETURN true; END IF;
    -- a provider and its workers at the members of its frameworks, and these at it and at each other
    IF EXISTS (SELECT FROM framework_member f WHERE f.commissioner_id = chain AND f.framework_id IN (
            SELECT a.framework_id FROM application a WHERE a.provider_id = own
            UNION SELECT a.framework_id FROM admission a WHERE a.provider_id = own
            UNION SELECT o.framework_id FROM framework_member o WHERE o.commissioner_id = app_commissioner()
            UNION SELECT a.framework_id FROM admission a JOIN membership m ON m.organisation_id = a.provider_id
                WHERE own IS NULL AND m.person_id = me AND m.role = 'worker'))
       OR EXISTS (SELECT FROM framework_member f WHERE f.commissioner_id = app_commissioner() AND f.framework_id IN (
            SELECT a.framework_id FROM application a WHERE a.provider_id = chain
            UNION SELECT a.framework_id FROM admission a WHERE a.provider_id = chain))
    THEN RETURN true; END IF;
    -- whoever has to do with a package that is there, whatever became of the framework
    RETURN EXISTS (SELECT FROM package p WHERE p.commissioner_id = chain AND (p.provider_id = own OR p.provider_id IN (
            SELECT m.organisation_id FROM membership m WHERE own IS NULL AND m.person_id = me AND m.role = 'worker')))
        OR EXISTS (SELECT FROM package_funding f WHERE f.commissioner_id = chain AND f.payer_id = app_commissioner()
            OR f.payer_id = chain AND (f.provider_id = own OR f.commissioner_id = app_commissioner()))
        -- whoever owes the other something, or is owed it
        OR EXISTS (SELECT FROM obligation b WHERE b.owed_by_organisation = own AND chain IN (b.commissioner_id, b.owed_to)
            OR b.owed_by_organisation = chain AND own IN (b.commissioner_id, b.owed_to));
END $$;
REVOKE EXECUTE ON FUNCTION notes_in(uuid) FROM PUBLIC;
"""

BEFORE = "IF app_person() IS NULL THEN RAISE EXCEPTION 'no context'; END IF;"
# A machine acts as the office, in the name of whoever issued its token; whoever acts in a role they do not hold is noted in one they do.
NAMED = f"""{BEFORE}
    IF NOT notes_in(chain) THEN RAISE EXCEPTION 'that is nobody''s book to write in' USING {STRAY}; END IF;
    IF app_person() = {NOBODY} THEN actor_role := 'system';
    ELSE
        SELECT p.name INTO known FROM person p WHERE p.id = app_person();
        IF known <> actor_name AND NOT EXISTS (SELECT FROM machine_token t WHERE t.provider_id = app_organisation()
            AND t.made_by = app_person() AND actor_name = t.name || ', issued by ' || known)
        THEN actor_name := known; END IF;
        IF known <> actor_name THEN actor_role := 'coordinator';
        ELSIF NOT (actor_role = 'family' AND app_organisation() IS NULL) AND NOT EXISTS (SELECT FROM membership m WHERE m.person_id = app_person()
            AND m.role = actor_role AND (m.organisation_id = app_organisation() OR app_organisation() IS NULL))
        THEN actor_role := coalesce((SELECT min(m.role) FROM membership m WHERE m.person_id = app_person()
            AND m.organisation_id = app_organisation()), CASE
            WHEN app_organisation() IS NOT NULL THEN 'none'
            WHEN EXISTS (SELECT FROM membership m WHERE m.person_id = app_person() AND m.role = 'worker') THEN 'worker'
            WHEN EXISTS (SELECT FROM family_grant g WHERE g.person_id = app_person()) THEN 'family' ELSE 'system' END); END IF;
    END IF;"""
LOOKS = f"""{BEFORE}
    IF NOT (notes_in(chain) OR type = 'evidence' AND chain IN (SELECT v.provider_id FROM my_familys_videos() v))
    THEN RAISE EXCEPTION 'that is nobody''s book to write in' USING {STRAY}; END IF;"""


def functions(entry: str, look: str) -> str:
    """The two functions that note, with what they ask first."""
    return f"""
CREATE OR REPLACE FUNCTION audit_append(chain uuid, actor_name text, actor_role text, what text, type text, subject uuid, facts jsonb)
    RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE head audit_head; entry audit_entry; known text;
BEGIN
    {entry}
    INSERT INTO audit_head VALUES (chain, 0, '\\x') ON CONFLICT DO NOTHING;
    SELECT * INTO head FROM audit_head WHERE organisation_id = chain FOR UPDATE;
    entry := (chain, head.seq + 1, app_now(), clock_timestamp(), app_person(), actor_name, actor_role, what, type, subject, facts,
              head.hash, NULL);
    entry.hash := audit_hash(entry);
    INSERT INTO audit_entry SELECT entry.*;
    UPDATE audit_head SET seq = entry.seq, hash = entry.hash WHERE organisation_id = chain;
END $$;
CREATE OR REPLACE FUNCTION look_append(chain uuid, type text, subject uuid, reason text, employer uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    {look}
    INSERT INTO look (organisation_id, at, person_id, person_name, for_organisation, subject_type, subject_id, why)
    VALUES (chain, app_now(), app_person(), coalesce((SELECT name FROM person WHERE id = app_person()), ''),
        coalesce(app_organisation(), (SELECT organisation_id FROM membership WHERE person_id = app_person() AND organisation_id = employer
            AND ended_at IS NULL LIMIT 1)), type, subject, reason);
END $$;
"""


# Browsers leave tabs and line ends out of an address, and read "\\" as "/".
WITHIN = r"link ~ '^(/([^/\\[:cntrl:]][^[:cntrl:]]*)?)?$'"

UP = f"""
{REACHES}
{functions(NAMED, LOOKS)}
SET LOCAL ROLE {{prefix}}_owner;
ALTER TABLE notice ADD CONSTRAINT notice_link CHECK ({WITHIN});
ALTER TABLE obligation ADD CONSTRAINT obligation_link CHECK ({WITHIN}) NOT VALID;
RESET ROLE;
"""
DOWN = f"""
SET LOCAL ROLE {{prefix}}_owner;
ALTER TABLE notice DROP CONSTRAINT notice_link;
ALTER TABLE obligation DROP CONSTRAINT obligation_link;
RESET ROLE;
{functions(BEFORE, BEFORE)}
DROP FUNCTION notes_in(uuid);
"""


async def forwards():
    return sql_migration(ID, "Noted in one's own name, role and reach", UP, DOWN)
