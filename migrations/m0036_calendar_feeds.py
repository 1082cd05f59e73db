"""Calendar feeds: a private link for a person in one place, or for an organisation. Reached through functions alone.

A link works as long as its maker's place does: the membership, or for a family a grant that was not revoked. Kept of it
is a SHA-256. The limit on how often it is fetched keeps wall time; when it was made is the domain's.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0036_calendar_feeds"

FUNCTIONS = (
    "calendar_feed_make(bytea, text, text, uuid), calendar_feeds(text, uuid), calendar_feed_revoke(text, text, uuid),"
    " calendar_feed_use(bytea, integer)"
)
SAFE = "SECURITY DEFINER SET search_path = public, pg_temp"

UP = f"""
SET LOCAL ROLE {{prefix}}_owner;
CREATE TABLE calendar_feed (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    token_hash bytea NOT NULL UNIQUE,
    scope text NOT NULL CHECK (scope IN ('own', 'organisation')),
    person_id uuid NOT NULL REFERENCES person,              -- in whose context it is read
    membership_id uuid REFERENCES membership,               -- null: as a family member
    organisation_id uuid REFERENCES organisation,
    made_at timestamptz NOT NULL, revoked_at timestamptz,
    hour_began_at timestamptz NOT NULL DEFAULT now(), fetched integer NOT NULL DEFAULT 0,
    CHECK (scope = 'own' OR (membership_id IS NOT NULL AND organisation_id IS NOT NULL))
);
CREATE INDEX calendar_feed_person ON calendar_feed (person_id) WHERE revoked_at IS NULL;
CREATE INDEX calendar_feed_organisation ON calendar_feed (organisation_id) WHERE revoked_at IS NULL;
ALTER TABLE calendar_feed ENABLE ROW LEVEL SECURITY;
ALTER TABLE calendar_feed FORCE ROW LEVEL SECURITY;
RESET ROLE;
GRANT SELECT ON calendar_feed TO {{prefix}}_backup;

-- The feeds of the acting person's place, and of its organisation; `works` is false once the maker has left.
CREATE FUNCTION calendar_feeds(as_role text, at_organisation uuid)
    RETURNS TABLE (id uuid, scope text, made_at timestamptz, made_by uuid, made_by_name text, works boolean)
    LANGUAGE sql STABLE {SAFE} AS $$
    SELECT f.id, f.scope, f.made_at, p.id, p.name,
        EXISTS (SELECT 1 FROM places_of(f.person_id) l WHERE l.membership_id = f.membership_id OR (f.membership_id IS NULL AND l.role = 'family'))
    FROM calendar_feed f JOIN person p ON p.id = f.person_id
    WHERE f.revoked_at IS NULL AND EXISTS (
        SELECT 1 FROM places_of(app_person()) mine
        WHERE mine.role = as_role AND mine.organisation_id IS NOT DISTINCT FROM at_organisation AND CASE f.scope
            WHEN 'own' THEN f.person_id = app_person() AND f.membership_id IS NOT DISTINCT FROM mine.membership_id
            ELSE mine.role IN ('provider_manager', 'commissioner_admin') AND f.organisation_id = mine.organisation_id END)
$$;
CREATE FUNCTION calendar_feed_revoke(what text, as_role text, at_organisation uuid) RETURNS uuid LANGUAGE sql VOLATILE {SAFE} AS $$
    UPDATE calendar_feed SET revoked_at = app_now()
    WHERE id IN (SELECT id FROM calendar_feeds(as_role, at_organisation) c WHERE c.scope = what) AND revoked_at IS NULL RETURNING id
$$;
-- One feed a place, one an organisation: a new one ends the one before.
CREATE FUNCTION calendar_feed_make(hash bytea, what text, as_role text, at_organisation uuid) RETURNS uuid LANGUAGE plpgsql VOLATILE {SAFE} AS $$
DECLARE place record; made uuid;
BEGIN
    SELECT l.membership_id INTO place FROM places_of(app_person()) l
        WHERE l.role = as_role AND l.organisation_id IS NOT DISTINCT FROM at_organisation LIMIT 1;
    IF NOT FOUND OR (what = 'organisation' AND as_role NOT IN ('provider_manager', 'commissioner_admin')) THEN
        RAISE EXCEPTION 'not a place of this person' USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended(what || CASE what WHEN 'own' THEN app_person() ELSE at_organisation END, 9036));
    PERFORM calendar_feed_revoke(what, as_role, at_organisation);
    INSERT INTO calendar_feed (token_hash, scope, person_id, membership_id, organisation_id, made_at)
        VALUES (hash, what, app_person(), place.membership_id, at_organisation, app_now()) RETURNING id INTO made;
    RETURN made;
END $$;
-- Whose feed it is, read by nobody signed in: nothing once it was revoked or the place is no more.
CREATE FUNCTION calendar_feed_use(hash bytea, most_an_hour integer)
    RETURNS TABLE (scope text, too_often boolean, person_id uuid, person_name text, role text, organisation_id uuid, organisation_name text, organisation_kind text)
    LANGUAGE plpgsql VOLATILE {SAFE} AS $$
#variable_conflict use_column
DECLARE used calendar_feed;
BEGIN
    UPDATE calendar_feed f SET
        fetched = CASE WHEN f.hour_began_at > now() - interval '1 hour' THEN f.fetched + 1 ELSE 1 END,
        hour_began_at = CASE WHEN f.hour_began_at > now() - interval '1 hour' THEN f.hour_began_at ELSE now() END
    WHERE f.token_hash = hash AND f.revoked_at IS NULL RETURNING * INTO used;
    IF used.id IS NULL THEN RETURN; END IF;
    RETURN QUERY SELECT used.scope, used.fetched > most_an_hour, p.id, p.name, l.role, l.organisation_id, l.organisation_name, l.organisation_kind
        FROM person p JOIN places_of(p.id) l ON l.membership_id = used.membership_id OR (used.membership_id IS NULL AND l.role = 'family')
        WHERE p.id = used.person_id;
END $$;
REVOKE EXECUTE ON FUNCTION {FUNCTIONS} FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {FUNCTIONS} TO {{prefix}}_app, {{prefix}}_worker;
"""

DOWN = f"""
DROP FUNCTION {FUNCTIONS};
DROP TABLE calendar_feed;
"""


async def forwards():
    return sql_migration(ID, "Calendar feeds", UP, DOWN)
