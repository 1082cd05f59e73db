"""People, organisations, sign-in, audit, looks, mail, notices, the demo's clock; the context functions policies lean on."""

from marketplace.platform.migrate import sql_migration

ID = "m0001_platform"

UP = """
SET LOCAL ROLE {prefix}_owner;

-- Unset or already-used settings read as '': both mean "no context", and no context means no rows.
CREATE FUNCTION app_commissioner() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT nullif(current_setting('app.commissioner', true), '')::uuid $$;
CREATE FUNCTION app_organisation() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT nullif(current_setting('app.organisation', true), '')::uuid $$;
CREATE FUNCTION app_person() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT nullif(current_setting('app.person', true), '')::uuid $$;
CREATE FUNCTION app_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT coalesce(nullif(current_setting('app.now', true), '')::timestamptz, now()) $$;
CREATE FUNCTION app_today() RETURNS date LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT (app_now() AT TIME ZONE 'Europe/London')::date $$;

CREATE TABLE organisation (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    kind text NOT NULL CHECK (kind IN ('commissioner', 'provider', 'advice', 'operator')),
    name text NOT NULL CHECK (name <> ''),
    short_name text NOT NULL CHECK (short_name <> ''),
    colour text NOT NULL DEFAULT '#1d4f91' CHECK (colour ~ '^#[0-9a-f]{6}$'),
    phone text, email text, on_call_phone text,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (id, kind)
);
CREATE TABLE person (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL CHECK (name <> ''),
    email text NOT NULL CHECK (email = lower(email) AND email LIKE '%_@_%'),
    phone text,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX person_email ON person (email);
CREATE TABLE membership (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    person_id uuid NOT NULL REFERENCES person,
    organisation_id uuid NOT NULL REFERENCES organisation,
    role text NOT NULL CHECK (role IN ('referrer', 'contract_manager', 'finance', 'commissioner_admin',
        'provider_manager', 'coordinator', 'worker', 'operator')),
    starts_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    UNIQUE (person_id, organisation_id, role)
);
CREATE INDEX membership_organisation ON membership (organisation_id, role);

-- Secrets: no row of these reaches the application's roles except through the functions of m0002.
CREATE TABLE credential (
    person_id uuid PRIMARY KEY REFERENCES person,
    password_hash text, pin_hash text, changed_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE web_session (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    token_hash bytea NOT NULL UNIQUE,
    front_door text NOT NULL CHECK (front_door IN ('marketplace', 'console')),
    person_id uuid NOT NULL REFERENCES person,
    membership_id uuid REFERENCES membership,
    as_family boolean NOT NULL DEFAULT false,
    device text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL, seen_at timestamptz NOT NULL, ends_at timestamptz NOT NULL,
    ended_at timestamptz
);
CREATE INDEX web_session_person ON web_session (person_id) WHERE ended_at IS NULL;
CREATE TABLE refresh_token (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    family_id uuid NOT NULL,
    token_hash bytea NOT NULL UNIQUE,
    person_id uuid NOT NULL REFERENCES person,
    membership_id uuid REFERENCES membership,
    as_family boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL, ends_at timestamptz NOT NULL,
    used_at timestamptz, revoked_at timestamptz
);
CREATE INDEX refresh_token_family ON refresh_token (family_id);
CREATE TABLE sign_in_attempt (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject text NOT NULL, at timestamptz NOT NULL DEFAULT now(), succeeded boolean NOT NULL
);
CREATE INDEX sign_in_attempt_subject ON sign_in_attempt (subject, at);

CREATE TABLE audit_head (organisation_id uuid PRIMARY KEY REFERENCES organisation, seq bigint NOT NULL, hash bytea NOT NULL);
CREATE TABLE audit_entry (
    organisation_id uuid NOT NULL REFERENCES organisation,
    seq bigint NOT NULL,
    at timestamptz NOT NULL, wall_at timestamptz NOT NULL,
    person_id uuid NOT NULL, person_name text NOT NULL, role text NOT NULL,
    action text NOT NULL, subject_type text NOT NULL, subject_id uuid NOT NULL, details jsonb NOT NULL,
    previous bytea NOT NULL, hash bytea NOT NULL,
    PRIMARY KEY (organisation_id, seq)
);
CREATE INDEX audit_entry_subject ON audit_entry (organisation_id, subject_id);
CREATE TABLE look (
    organisation_id uuid NOT NULL REFERENCES organisation,
    id bigint GENERATED ALWAYS AS IDENTITY,
    at timestamptz NOT NULL, person_id uuid NOT NULL, person_name text NOT NULL DEFAULT '', for_organisation uuid,
    subject_type text NOT NULL, subject_id uuid NOT NULL, why text NOT NULL,
    PRIMARY KEY (organisation_id, id)
);
CREATE INDEX look_subject ON look (organisation_id, subject_id);

CREATE TABLE mail_message (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    to_person uuid REFERENCES person, to_address text NOT NULL,
    subject text NOT NULL, body text NOT NULL,
    created_at timestamptz NOT NULL, sent_at timestamptz, failures int NOT NULL DEFAULT 0, last_failure text,
    dedupe_key text UNIQUE
);
CREATE INDEX mail_message_person ON mail_message (to_person, created_at);
-- "What changed since I was last here": news for an organisation, one of its roles, or one person.
CREATE TABLE notice (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organisation_id uuid REFERENCES organisation, role text, person_id uuid REFERENCES person,
    at timestamptz NOT NULL, sentence text NOT NULL, link text NOT NULL DEFAULT '',
    CHECK (organisation_id IS NOT NULL OR person_id IS NOT NULL)
);
CREATE INDEX notice_organisation ON notice (organisation_id, at);
CREATE INDEX notice_person ON notice (person_id, at);

CREATE TABLE demo_clock (only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row), moved_by interval NOT NULL DEFAULT '0', loaded_at timestamptz);

CREATE TABLE pack_version (
    hash text PRIMARY KEY, pack_id text NOT NULL, title text NOT NULL, content jsonb NOT NULL, stored_at timestamptz NOT NULL DEFAULT now()
);

RESET ROLE;

-- The functions below run as the migrator, which row-level security does not bind: each is narrow and checks its caller's context.
CREATE FUNCTION audit_append(chain uuid, actor_name text, actor_role text, what text, type text, subject uuid, facts jsonb)
    RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE head audit_head; entry audit_entry;
BEGIN
    IF app_person() IS NULL THEN RAISE EXCEPTION 'no context'; END IF;
    INSERT INTO audit_head VALUES (chain, 0, '\\x') ON CONFLICT DO NOTHING;
    SELECT * INTO head FROM audit_head WHERE organisation_id = chain FOR UPDATE;
    entry := (chain, head.seq + 1, app_now(), clock_timestamp(), app_person(), actor_name, actor_role, what, type, subject, facts,
              head.hash, NULL);
    entry.hash := audit_hash(entry);
    INSERT INTO audit_entry SELECT entry.*;
    UPDATE audit_head SET seq = entry.seq, hash = entry.hash WHERE organisation_id = chain;
END $$;
CREATE FUNCTION audit_hash(entry audit_entry) RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT sha256(entry.previous || convert_to(concat_ws(chr(31), entry.organisation_id, entry.seq,
        extract(epoch FROM entry.at), extract(epoch FROM entry.wall_at), entry.person_id, entry.person_name, entry.role, entry.action,
        entry.subject_type, entry.subject_id, entry.details::text), 'UTF8'))
$$;
-- `employer`: for whom a worker looks, whose context holds no organisation; believed only of a member.
CREATE FUNCTION look_append(chain uuid, type text, subject uuid, reason text, employer uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF app_person() IS NULL THEN RAISE EXCEPTION 'no context'; END IF;
    INSERT INTO look (organisation_id, at, person_id, person_name, for_organisation, subject_type, subject_id, why)
    VALUES (chain, app_now(), app_person(), coalesce((SELECT name FROM person WHERE id = app_person()), ''),
        coalesce(app_organisation(), (SELECT organisation_id FROM membership WHERE person_id = app_person() AND organisation_id = employer
            AND ended_at IS NULL LIMIT 1)), type, subject, reason);
END $$;
-- One query per chain: each entry's hash is its own, and its previous is the one before it; nothing cut off the end.
CREATE FUNCTION audit_faults() RETURNS TABLE (organisation_id uuid, seq bigint, fault text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH chained AS (
        SELECT e.organisation_id, e.seq, e.previous, e.hash, audit_hash(e) AS computed,
               lag(e.hash) OVER w AS before, lag(e.seq) OVER w AS seq_before
        FROM audit_entry e WINDOW w AS (PARTITION BY e.organisation_id ORDER BY e.seq))
    SELECT c.organisation_id, c.seq, CASE WHEN c.hash <> c.computed THEN 'its content was changed'
        WHEN c.seq <> coalesce(c.seq_before, 0) + 1 THEN 'entries before it are missing'
        ELSE 'it does not follow the entry before it' END
    FROM chained c
    WHERE c.hash <> c.computed OR c.seq <> coalesce(c.seq_before, 0) + 1 OR c.previous <> coalesce(c.before, '\\x')
    UNION ALL
    SELECT h.organisation_id, h.seq, 'the newest entries are missing' FROM audit_head h
    WHERE h.seq <> coalesce((SELECT max(e.seq) FROM audit_entry e WHERE e.organisation_id = h.organisation_id), 0)
$$;
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege'; END $$;
CREATE TRIGGER audit_entry_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entry EXECUTE FUNCTION refuse_change();
CREATE TRIGGER look_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON look EXECUTE FUNCTION refuse_change();
CREATE TRIGGER pack_version_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON pack_version EXECUTE FUNCTION refuse_change();
"""

DOWN = """
DROP FUNCTION audit_faults(), look_append(uuid, text, uuid, text, uuid), audit_append(uuid, text, text, text, text, uuid, jsonb), audit_hash(audit_entry);
DROP TABLE pack_version, demo_clock, notice, mail_message, look, audit_entry, audit_head, sign_in_attempt, refresh_token, web_session,
    credential, membership, person, organisation;
DROP FUNCTION refuse_change(), app_today(), app_now(), app_person(), app_organisation(), app_commissioner();
"""


async def forwards():
    return sql_migration(ID, "People, organisations, audit", UP, DOWN)
