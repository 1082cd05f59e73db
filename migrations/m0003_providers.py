"""Provider scope, keyed (provider_id, id): profile, workers, evidence as typed facts, bookings.

What a commissioner's rules may weigh (dates, methods, sign-off) stands apart from what stays the provider's own
(certificate numbers, consent, private contact): row-level security knows no columns.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0003_providers"

UP = """
SET LOCAL ROLE {prefix}_owner;

CREATE TABLE provider (
    id uuid PRIMARY KEY, kind text NOT NULL DEFAULT 'provider' CHECK (kind = 'provider'),
    legal_name text NOT NULL, company_number text, about text NOT NULL DEFAULT '',
    contact_name text NOT NULL DEFAULT '', contact_phone text NOT NULL DEFAULT '', contact_email text NOT NULL DEFAULT '',
    on_call_name text NOT NULL DEFAULT '', on_call_phone text NOT NULL DEFAULT '', office_address text NOT NULL DEFAULT '',
    safeguarding_lead text NOT NULL DEFAULT '',
    cqc_provider_id text, cqc_registered boolean NOT NULL DEFAULT false, insurance_until date,
    declarations jsonb NOT NULL DEFAULT '{{}}',
    FOREIGN KEY (id, kind) REFERENCES organisation (id, kind)
);
CREATE TABLE worker (
    provider_id uuid NOT NULL REFERENCES provider, id uuid NOT NULL DEFAULT gen_random_uuid(),
    worker_no bigint GENERATED ALWAYS AS IDENTITY UNIQUE,   -- an integer for the bookings' exclusion constraint
    person_id uuid REFERENCES person,                       -- the sign-in, when the worker has one
    name text NOT NULL CHECK (name <> ''), role text NOT NULL,
    engagement text NOT NULL DEFAULT 'employed' CHECK (engagement IN ('employed', 'agency', 'volunteer')),
    profile text NOT NULL DEFAULT '', profile_consent_at timestamptz, languages text NOT NULL DEFAULT '',
    drives_children boolean NOT NULL DEFAULT false,
    registration_until date,                                -- professional registration (NMC) in date until
    registration_fit_to_practise boolean NOT NULL DEFAULT true,
    stood_down_at timestamptz, stood_down_reason text,
    started_on date, left_on date, created_at timestamptz NOT NULL,
    PRIMARY KEY (provider_id, id)
);
CREATE UNIQUE INDEX worker_person ON worker (provider_id, person_id) WHERE person_id IS NOT NULL;
CREATE INDEX worker_person_lookup ON worker (person_id) WHERE person_id IS NOT NULL;
CREATE TABLE worker_private (
    provider_id uuid NOT NULL, worker_id uuid NOT NULL,
    phone text NOT NULL DEFAULT '', email text NOT NULL DEFAULT '',
    registration_pin text CHECK (registration_pin ~ '^[0-9]{{2}}[A-Z][0-9]{{4}}[A-Z]$'), dbs_certificate_number text CHECK (dbs_certificate_number ~ '^[0-9]{{12}}$'), dbs_issued_on date,
    dbs_workforce text CHECK (dbs_workforce IN ('child', 'child_and_adult')), dbs_barred_list_checked boolean, dbs_update_service_consent_at timestamptz,
    PRIMARY KEY (provider_id, worker_id),
    FOREIGN KEY (provider_id, worker_id) REFERENCES worker
);
CREATE TABLE worker_dbs_check (
    provider_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(), worker_id uuid NOT NULL,
    checked_on date NOT NULL, checked_by_name text NOT NULL, outcome text NOT NULL DEFAULT 'clear' CHECK (outcome IN ('clear', 'new_information')),
    recorded_at timestamptz NOT NULL, recorded_by uuid NOT NULL REFERENCES person,
    PRIMARY KEY (provider_id, id),
    FOREIGN KEY (provider_id, worker_id) REFERENCES worker
);
CREATE INDEX worker_dbs_check_worker ON worker_dbs_check (provider_id, worker_id, checked_on DESC);
CREATE TABLE worker_competency (
    provider_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(), worker_id uuid NOT NULL,
    code text NOT NULL, assessed_on date NOT NULL, method text NOT NULL,
    assessor_name text, assessor_worker_id uuid,             -- who signed off; null: attended only, not signed off
    for_package_id uuid,                                    -- child-specific sign-off belongs to that package
    withdrawn_at timestamptz, withdrawn_reason text,        -- sent back to training
    recorded_at timestamptz NOT NULL, recorded_by uuid NOT NULL REFERENCES person,
    PRIMARY KEY (provider_id, id),
    FOREIGN KEY (provider_id, worker_id) REFERENCES worker,
    FOREIGN KEY (provider_id, assessor_worker_id) REFERENCES worker (provider_id, id),
    CHECK (assessor_worker_id IS DISTINCT FROM worker_id)
);
CREATE INDEX worker_competency_worker ON worker_competency (provider_id, worker_id, code);
CREATE TABLE worker_check (
    provider_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(), worker_id uuid NOT NULL,
    kind text NOT NULL, done_on date NOT NULL, valid_until date, recorded_at timestamptz NOT NULL, recorded_by uuid NOT NULL REFERENCES person,
    PRIMARY KEY (provider_id, id),
    FOREIGN KEY (provider_id, worker_id) REFERENCES worker
);
CREATE INDEX worker_check_worker ON worker_check (provider_id, worker_id, kind);
-- A worker's time. One worker is never in two places: whichever commissioner's visits ask for them.
CREATE TABLE booking (
    provider_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(), worker_id uuid NOT NULL, worker_no bigint NOT NULL,
    starts_at timestamptz NOT NULL, ends_at timestamptz NOT NULL,
    released_at timestamptz, created_at timestamptz NOT NULL,
    PRIMARY KEY (provider_id, id),
    FOREIGN KEY (provider_id, worker_id) REFERENCES worker,
    FOREIGN KEY (worker_no) REFERENCES worker (worker_no),
    CHECK (ends_at > starts_at),
    CONSTRAINT booking_no_overlap EXCLUDE USING gist
        (int8range(worker_no, worker_no, '[]') WITH =, tstzrange(starts_at, ends_at) WITH &&) WHERE (released_at IS NULL)
);
CREATE INDEX booking_worker ON booking (provider_id, worker_id, starts_at);
RESET ROLE;

-- Holds a provider's admissions still while something is decided on them: shared by an award, alone by a suspension. A row lock
-- asks for the right to update, which a partner commissioner and the provider do not have, so the lock is taken here.
CREATE FUNCTION hold_admissions(framework uuid, provider uuid, alone boolean) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM my_frameworks() f WHERE f.framework_id = framework) AND provider IS DISTINCT FROM app_organisation() THEN
        RETURN false;
    END IF;
    IF alone THEN
        PERFORM 1 FROM admission WHERE framework_id = framework AND provider_id = provider ORDER BY id FOR UPDATE;
    ELSE
        PERFORM 1 FROM admission WHERE framework_id = framework AND provider_id = provider ORDER BY id FOR SHARE;
    END IF;
    RETURN true;
END $$;
-- The lots a worker works on, for the worker's own page: a worker reaches no admission, and needs no more of it than this.
CREATE FUNCTION my_workplace_lots() RETURNS TABLE (provider_id uuid, framework_id uuid, lot_code text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT DISTINCT a.provider_id, a.framework_id, a.lot_code FROM admission a
        JOIN worker w ON w.provider_id = a.provider_id AND w.person_id = app_person()
        WHERE a.ends_on IS NULL OR a.ends_on >= app_today();
END $$;
-- Packages and visits a worker was named on before having a sign-in open to the worker with it.
CREATE FUNCTION worker_signs_in() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE package_worker SET worker_person_id = NEW.person_id WHERE provider_id = NEW.provider_id AND worker_id = NEW.id;
    UPDATE visit_worker SET worker_person_id = NEW.person_id WHERE provider_id = NEW.provider_id AND worker_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER worker_signs_in AFTER UPDATE OF person_id ON worker FOR EACH ROW
    WHEN (OLD.person_id IS DISTINCT FROM NEW.person_id) EXECUTE FUNCTION worker_signs_in();
"""

DOWN = """
DROP FUNCTION hold_admissions(uuid, uuid, boolean), my_workplace_lots();
DROP TABLE booking, worker_check, worker_competency, worker_dbs_check, worker_private, worker, provider;
DROP FUNCTION worker_signs_in();
"""


async def forwards():
    return sql_migration(ID, "Providers and workforce", UP.replace("{{", "{").replace("}}", "}"), DOWN)
