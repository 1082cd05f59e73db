"""Sign-in: what must be known before anybody is known. Narrow functions; no role of the application reads the secrets.

All of it keeps wall time (`now()`), never the domain's: sessions, links and tokens do not follow the demo's clock.
Tokens are kept as SHA-256 only. A membership's end, or a family's last grant revoked, ends sessions and tokens at
once, because each use looks at the place again.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0009_sign_in"

TABLES = """
SET LOCAL ROLE {prefix}_owner;
CREATE TABLE one_time_link (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    token_hash bytea NOT NULL UNIQUE,
    person_id uuid NOT NULL REFERENCES person,
    kind text NOT NULL CHECK (kind IN ('invitation', 'reset')),
    created_at timestamptz NOT NULL DEFAULT now(), ends_at timestamptz NOT NULL, used_at timestamptz
);
CREATE INDEX one_time_link_person ON one_time_link (person_id) WHERE used_at IS NULL;
ALTER TABLE one_time_link ENABLE ROW LEVEL SECURITY;
ALTER TABLE one_time_link FORCE ROW LEVEL SECURITY;
GRANT SELECT ON one_time_link TO {prefix}_backup;
RESET ROLE;
"""

PLACE = (
    "membership_id uuid, role text, organisation_id uuid, organisation_name text, organisation_kind text, colour text"
)
WHO = f"person_id uuid, person_name text, {PLACE}"

# signature without argument names for DROP and GRANT -> (full signature, returns, language and volatility, body)
FUNCTIONS: dict[str, tuple[str, str, str, str]] = {
    # Who is what where; a family place exists while there is a grant that was not revoked.
    "places_of(uuid)": (
        "places_of(who uuid)",
        f"TABLE ({PLACE})",
        "sql STABLE",
        """
    SELECT m.id, m.role, o.id, o.name, o.kind, o.colour FROM membership m JOIN organisation o ON o.id = m.organisation_id
    WHERE m.person_id = who AND m.ended_at IS NULL
    UNION ALL SELECT NULL, 'family', NULL, NULL, NULL, NULL
    WHERE EXISTS (SELECT 1 FROM family_grant g WHERE g.person_id = who AND g.revoked_at IS NULL)
""",
    ),
    "sign_in_find(text)": (
        "sign_in_find(wanted text)",
        "TABLE (person_id uuid, person_name text, password_hash text)",
        "sql STABLE",
        "SELECT p.id, p.name, c.password_hash FROM person p LEFT JOIN credential c ON c.person_id = p.id WHERE p.email = lower(wanted)",
    ),
    # Counts an attempt as failed before it is judged, so that many at once are counted too; `attempt_worked` puts it
    # right. Waits grow per pair (account and network), so nobody elsewhere is locked out; a network with very many
    # failures waits as a whole, except for accounts that have signed in from it before.
    "attempt_begin(text, text, integer, integer, integer, interval)": (
        "attempt_begin(pair text, network text, free integer, first_wait integer, longest_wait integer, span interval)",
        "TABLE (attempts bigint[], wait integer)",
        "plpgsql VOLATILE",
        """
DECLARE failures integer; last_failure timestamptz; last_success timestamptz; must_wait numeric := 0; ids bigint[];
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(pair, 9009));
    DELETE FROM sign_in_attempt a WHERE a.subject = pair AND a.at < now() - interval '90 days';
    SELECT max(a.at) INTO last_success FROM sign_in_attempt a WHERE a.subject = pair AND a.succeeded;
    SELECT count(*), max(a.at) INTO failures, last_failure FROM sign_in_attempt a
        WHERE a.subject = pair AND NOT a.succeeded AND a.at > greatest(clock_timestamp() - span, coalesce(last_success, '-infinity'));
    IF failures >= free THEN
        must_wait := least(longest_wait, first_wait * 2 ^ least(failures - free, 20)) - extract(epoch FROM clock_timestamp() - last_failure);
    END IF;
    IF network IS NOT NULL AND last_success IS NULL THEN
        SELECT count(*), max(a.at) INTO failures, last_failure FROM sign_in_attempt a
            WHERE a.subject = network AND NOT a.succeeded AND a.at > clock_timestamp() - interval '10 minutes';
        IF failures >= 100 THEN
            must_wait := greatest(must_wait, 60 - extract(epoch FROM clock_timestamp() - last_failure));
        END IF;
    END IF;
    IF must_wait > 0 THEN
        RETURN QUERY SELECT NULL::bigint[], ceil(must_wait)::integer;
        RETURN;
    END IF;
    WITH noted AS (
        INSERT INTO sign_in_attempt (subject, at, succeeded)
        SELECT subject, clock_timestamp(), false FROM unnest(ARRAY[pair, network]) AS subject WHERE subject IS NOT NULL
        RETURNING id)
    SELECT array_agg(id) INTO ids FROM noted;
    RETURN QUERY SELECT ids, 0;
END
""",
    ),
    "attempt_worked(bigint[])": (
        "attempt_worked(attempts bigint[])",
        "void",
        "sql VOLATILE",
        "UPDATE sign_in_attempt SET succeeded = true WHERE id = ANY (attempts)",
    ),
    # Sessions. A new one replaces (rotates) the one it came from.
    "session_open(bytea, text, uuid, uuid, boolean, text, interval, bytea)": (
        "session_open(hash bytea, door text, who uuid, place uuid, family boolean, device_name text, life interval, replaced bytea)",
        "uuid",
        "plpgsql VOLATILE",
        """
DECLARE opened uuid; until_at timestamptz := now() + life; earlier web_session;
BEGIN
    IF (place IS NOT NULL OR family) AND NOT EXISTS (
        SELECT 1 FROM places_of(who) p WHERE p.membership_id = place OR (family AND p.role = 'family')) THEN
        RAISE EXCEPTION 'not a place of this person' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF replaced IS NOT NULL THEN
        UPDATE web_session SET ended_at = now() WHERE token_hash = replaced AND ended_at IS NULL RETURNING * INTO earlier;
        -- changing the place does not prolong a session
        IF earlier.person_id = who THEN until_at := least(until_at, earlier.ends_at); END IF;
    END IF;
    INSERT INTO web_session (token_hash, front_door, person_id, membership_id, as_family, device, created_at, seen_at, ends_at)
    VALUES (hash, door, who, place, family, left(device_name, 200), now(), now(), until_at) RETURNING id INTO opened;
    RETURN opened;
END
""",
    ),
    "session_use(bytea, text, interval)": (
        "session_use(hash bytea, door text, idle interval)",
        f"TABLE (session_id uuid, {WHO})",
        "plpgsql VOLATILE",
        """
DECLARE used web_session;
BEGIN
    SELECT * INTO used FROM web_session s WHERE s.token_hash = hash AND s.front_door = door AND s.ended_at IS NULL
        AND s.ends_at > now() AND s.seen_at > now() - idle;
    IF used.id IS NULL THEN RETURN; END IF;
    IF used.seen_at < now() - interval '1 minute' THEN UPDATE web_session SET seen_at = now() WHERE id = used.id; END IF;
    RETURN QUERY SELECT used.id, p.id, p.name, l.membership_id, l.role, l.organisation_id, l.organisation_name, l.organisation_kind, l.colour
        FROM person p LEFT JOIN places_of(p.id) l ON l.membership_id = used.membership_id OR (used.as_family AND l.role = 'family')
        WHERE p.id = used.person_id;
END
""",
    ),
    "session_close(bytea)": (
        "session_close(hash bytea)",
        "void",
        "sql VOLATILE",
        "UPDATE web_session SET ended_at = now() WHERE token_hash = hash AND ended_at IS NULL",
    ),
    "session_end_own(uuid)": (
        "session_end_own(which uuid)",
        "boolean",
        "sql VOLATILE",
        "WITH ended AS (UPDATE web_session SET ended_at = now() WHERE id = which AND person_id = app_person() AND ended_at IS NULL RETURNING 1)"
        " SELECT EXISTS (SELECT 1 FROM ended)",
    ),
    # Refresh tokens: each is used once; using one again ends its whole family.
    "refresh_open(uuid, bytea, uuid, uuid, boolean, interval)": (
        "refresh_open(line uuid, hash bytea, who uuid, place uuid, family boolean, life interval)",
        "void",
        "plpgsql VOLATILE",
        """
BEGIN
    IF NOT EXISTS (SELECT 1 FROM places_of(who) p WHERE p.membership_id = place OR (family AND p.role = 'family')) THEN
        RAISE EXCEPTION 'not a place of this person' USING ERRCODE = 'insufficient_privilege';
    END IF;
    INSERT INTO refresh_token (family_id, token_hash, person_id, membership_id, as_family, created_at, ends_at)
    VALUES (line, hash, who, place, family, now(), now() + life);
END
""",
    ),
    "refresh_use(bytea, bytea)": (
        "refresh_use(hash bytea, next_hash bytea)",
        f"TABLE (outcome text, family_id uuid, {WHO})",
        "plpgsql VOLATILE",
        """
#variable_conflict use_column
DECLARE shown refresh_token;
BEGIN
    SELECT * INTO shown FROM refresh_token t WHERE t.token_hash = hash FOR UPDATE;
    IF shown.id IS NULL OR shown.revoked_at IS NOT NULL OR shown.ends_at <= now() THEN
        RETURN QUERY SELECT 'ended', NULL::uuid, NULL::uuid, NULL, NULL::uuid, NULL, NULL::uuid, NULL, NULL, NULL;
    ELSIF shown.used_at IS NOT NULL THEN
        UPDATE refresh_token t SET revoked_at = now() WHERE t.family_id = shown.family_id AND t.revoked_at IS NULL;
        RETURN QUERY SELECT 'reused', shown.family_id, NULL::uuid, NULL, NULL::uuid, NULL, NULL::uuid, NULL, NULL, NULL;
    ELSE
        UPDATE refresh_token t SET used_at = now() WHERE t.id = shown.id;
        INSERT INTO refresh_token (family_id, token_hash, person_id, membership_id, as_family, created_at, ends_at)
        VALUES (shown.family_id, next_hash, shown.person_id, shown.membership_id, shown.as_family, now(), shown.ends_at);
        RETURN QUERY SELECT 'renewed', shown.family_id, w.person_id, w.person_name, w.membership_id, w.role, w.organisation_id,
            w.organisation_name, w.organisation_kind, w.colour FROM token_use(shown.family_id, shown.person_id, shown.membership_id) w;
    END IF;
END
""",
    ),
    "refresh_revoke(bytea)": (
        "refresh_revoke(hash bytea)",
        "void",
        "sql VOLATILE",
        "UPDATE refresh_token SET revoked_at = now() WHERE revoked_at IS NULL"
        " AND family_id = (SELECT family_id FROM refresh_token WHERE token_hash = hash)",
    ),
    # An access token's place, looked at again at each use: a revoked family or an ended membership counts at once.
    "token_use(uuid, uuid, uuid)": (
        "token_use(line uuid, who uuid, place uuid)",
        f"TABLE ({WHO})",
        "sql STABLE",
        """
    SELECT p.id, p.name, l.* FROM person p JOIN places_of(p.id) l
        ON l.membership_id = place OR (place IS NULL AND l.role = 'family')
    WHERE p.id = who AND EXISTS (SELECT 1 FROM refresh_token t WHERE t.family_id = line AND t.person_id = who
        AND t.membership_id IS NOT DISTINCT FROM place AND t.revoked_at IS NULL)
""",
    ),
    # Passwords and PINs. Setting a password ends every other way in.
    "end_every_way_in(uuid, uuid)": (
        "end_every_way_in(who uuid, except_session uuid)",
        "void",
        "sql VOLATILE",
        """
    UPDATE web_session SET ended_at = now() WHERE person_id = who AND ended_at IS NULL AND id IS DISTINCT FROM except_session;
    UPDATE refresh_token SET revoked_at = now() WHERE person_id = who AND revoked_at IS NULL;
    UPDATE one_time_link SET used_at = now() WHERE person_id = who AND used_at IS NULL;
""",
    ),
    "own_credential()": (
        "own_credential()",
        "TABLE (password_hash text, has_pin boolean)",
        "sql STABLE",
        "SELECT c.password_hash, c.pin_hash IS NOT NULL FROM credential c WHERE c.person_id = app_person()",
    ),
    "password_set(text, uuid)": (
        "password_set(new_hash text, keep_session uuid)",
        "void",
        "plpgsql VOLATILE",
        """
BEGIN
    IF app_person() IS NULL THEN RAISE EXCEPTION 'no context'; END IF;
    INSERT INTO credential (person_id, password_hash) VALUES (app_person(), new_hash)
        ON CONFLICT (person_id) DO UPDATE SET password_hash = excluded.password_hash, changed_at = now();
    PERFORM end_every_way_in(app_person(), keep_session);
END
""",
    ),
    "password_rehash(uuid, text, text)": (
        "password_rehash(who uuid, old_hash text, new_hash text)",
        "void",
        "sql VOLATILE",
        "UPDATE credential SET password_hash = new_hash WHERE person_id = who AND password_hash = old_hash",
    ),
    "pin_set(text)": (
        "pin_set(new_hash text)",
        "void",
        "plpgsql VOLATILE",
        """
BEGIN
    IF app_person() IS NULL THEN RAISE EXCEPTION 'no context'; END IF;
    INSERT INTO credential (person_id, pin_hash) VALUES (app_person(), new_hash)
        ON CONFLICT (person_id) DO UPDATE SET pin_hash = excluded.pin_hash, changed_at = now();
END
""",
    ),
    # A family member's PIN, for the worker at the door alone: allocated to a child whose visits this person may confirm.
    "pin_find(uuid)": (
        "pin_find(of_person uuid)",
        "TABLE (person_name text, pin_hash text)",
        "sql STABLE",
        """
    SELECT p.name, c.pin_hash FROM person p LEFT JOIN credential c ON c.person_id = p.id
    WHERE p.id = of_person AND EXISTS (
        SELECT 1 FROM family_grant g JOIN my_allocated_packages() a ON a.commissioner_id = g.commissioner_id AND a.child_id = g.child_id
        WHERE g.person_id = of_person AND g.revoked_at IS NULL AND 'confirm_visits' = ANY (g.rights)
          AND g.starts_on <= app_today() AND (g.ends_on IS NULL OR g.ends_on >= app_today()))
""",
    ),
    # One-time links.
    "link_open(uuid, text, bytea, interval)": (
        "link_open(for_person uuid, what text, hash bytea, life interval)",
        "TABLE (person_name text, email text, has_password boolean)",
        "plpgsql VOLATILE",
        """
BEGIN
    IF NOT EXISTS (SELECT 1 FROM my_people() m WHERE m.person_id = for_person) THEN
        RAISE EXCEPTION 'not within reach' USING ERRCODE = 'insufficient_privilege';
    END IF;
    INSERT INTO one_time_link (token_hash, person_id, kind, ends_at) VALUES (hash, for_person, what, now() + life);
    RETURN QUERY SELECT p.name, p.email, c.password_hash IS NOT NULL FROM person p LEFT JOIN credential c ON c.person_id = p.id
        WHERE p.id = for_person;
END
""",
    ),
    "link_look(bytea)": (
        "link_look(hash bytea)",
        "TABLE (person_id uuid, person_name text, email text, kind text)",
        "sql STABLE",
        "SELECT p.id, p.name, p.email, l.kind FROM one_time_link l JOIN person p ON p.id = l.person_id"
        " WHERE l.token_hash = hash AND l.used_at IS NULL AND l.ends_at > now()",
    ),
    "link_use(bytea, text)": (
        "link_use(hash bytea, new_hash text)",
        "uuid",
        "plpgsql VOLATILE",
        """
DECLARE whose uuid;
BEGIN
    UPDATE one_time_link SET used_at = now() WHERE token_hash = hash AND used_at IS NULL AND ends_at > now() RETURNING person_id INTO whose;
    IF whose IS NULL THEN RETURN NULL; END IF;
    INSERT INTO credential (person_id, password_hash) VALUES (whose, new_hash)
        ON CONFLICT (person_id) DO UPDATE SET password_hash = excluded.password_hash, changed_at = now();
    PERFORM end_every_way_in(whose, NULL);
    RETURN whose;
END
""",
    ),
    # People and organisations.
    "person_find_or_create(text, text, text)": (
        "person_find_or_create(wanted_name text, wanted_email text, wanted_phone text)",
        "uuid",
        "plpgsql VOLATILE",
        """
DECLARE found uuid;
BEGIN
    IF app_person() IS NULL THEN RAISE EXCEPTION 'no context'; END IF;
    INSERT INTO person (name, email, phone) VALUES (wanted_name, lower(wanted_email), wanted_phone) ON CONFLICT (email) DO NOTHING
        RETURNING id INTO found;
    IF found IS NULL THEN SELECT id INTO found FROM person WHERE email = lower(wanted_email); END IF;
    RETURN found;
END
""",
    ),
    "organisation_register(text, text, text, text, uuid)": (
        "organisation_register(new_kind text, new_name text, new_short_name text, new_colour text, administrator uuid)",
        "uuid",
        "plpgsql VOLATILE",
        """
DECLARE made uuid;
BEGIN
    IF NOT EXISTS (SELECT 1 FROM membership WHERE person_id = app_person() AND organisation_id = app_organisation()
        AND role = 'operator' AND ended_at IS NULL) OR new_kind NOT IN ('commissioner', 'provider') THEN
        RAISE EXCEPTION 'only an operator registers a commissioner or a provider' USING ERRCODE = 'insufficient_privilege';
    END IF;
    INSERT INTO organisation (kind, name, short_name, colour) VALUES (new_kind, new_name, new_short_name, new_colour) RETURNING id INTO made;
    IF new_kind = 'provider' THEN INSERT INTO provider (id, legal_name) VALUES (made, new_name); END IF;
    INSERT INTO membership (person_id, organisation_id, role)
        VALUES (administrator, made, CASE new_kind WHEN 'provider' THEN 'provider_manager' ELSE 'commissioner_admin' END);
    RETURN made;
END
""",
    ),
}

# Not for the application itself: other functions here call it.
INTERNAL = {"end_every_way_in(uuid, uuid)"}


def up() -> str:
    parts = [TABLES, "SET LOCAL check_function_bodies = off;"]
    for name, (signature, returns, language, body) in FUNCTIONS.items():
        parts.append(
            f"CREATE FUNCTION {signature} RETURNS {returns} LANGUAGE {language} SECURITY DEFINER"
            f" SET search_path = public, pg_temp AS $$ {body} $$;"
        )
        parts.append(f"REVOKE EXECUTE ON FUNCTION {name} FROM PUBLIC;")
        if name not in INTERNAL:
            parts.append(f"GRANT EXECUTE ON FUNCTION {name} TO {{prefix}}_app, {{prefix}}_worker;")
    return "\n".join(parts)


def down() -> str:
    return f"DROP FUNCTION {', '.join(FUNCTIONS)}; DROP TABLE one_time_link;"


async def forwards():
    return sql_migration(ID, "Sign-in", up(), down())
