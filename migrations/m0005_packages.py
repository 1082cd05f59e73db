"""Case scope: packages, funding, plans, signatures, visits (facts apart from notes)."""

from marketplace.platform.migrate import sql_migration

ID = "m0005_packages"

UP = """
SET LOCAL ROLE {prefix}_owner;

CREATE TABLE package (
    commissioner_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(),
    framework_id uuid NOT NULL, provider_id uuid NOT NULL, referral_id uuid NOT NULL, offer_id uuid NOT NULL, child_id uuid NOT NULL,
    reference text NOT NULL, lot_code text NOT NULL, referrer_id uuid NOT NULL REFERENCES person,
    state text NOT NULL DEFAULT 'set_up' CHECK (state IN ('set_up', 'active', 'ended', 'undone')),
    needs text[] NOT NULL DEFAULT '{}', pattern jsonb NOT NULL, workers_per_visit int NOT NULL DEFAULT 1,
    starts_on date NOT NULL, ends_on date,
    awarded_at timestamptz NOT NULL, awarded_by uuid NOT NULL REFERENCES person,
    risk_assessment_on date, risk_assessment_arranged_at timestamptz, risk_assessment_done_at timestamptz,
    undone_at timestamptz, undone_reason text, ended_at timestamptz, ended_reason text,
    PRIMARY KEY (commissioner_id, id), UNIQUE (commissioner_id, reference),
    UNIQUE (commissioner_id, id, provider_id), UNIQUE (commissioner_id, id, provider_id, framework_id),
    FOREIGN KEY (commissioner_id, child_id) REFERENCES child,
    FOREIGN KEY (commissioner_id, referral_id, framework_id) REFERENCES referral (commissioner_id, id, framework_id),
    FOREIGN KEY (commissioner_id, offer_id, provider_id) REFERENCES offer (commissioner_id, id, provider_id),
    FOREIGN KEY (framework_id, lot_code) REFERENCES framework_lot
);
CREATE UNIQUE INDEX package_one_of_referral ON package (commissioner_id, referral_id) WHERE state <> 'undone';
CREATE INDEX package_provider ON package (provider_id, state);
CREATE INDEX package_child ON package (commissioner_id, child_id);
CREATE TABLE package_funding (
    commissioner_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(), package_id uuid NOT NULL, framework_id uuid NOT NULL, provider_id uuid NOT NULL,
    payer_id uuid NOT NULL REFERENCES organisation, share_basis_points int NOT NULL CHECK (share_basis_points BETWEEN 1 AND 10000),
    starts_on date NOT NULL, ends_on date,
    PRIMARY KEY (commissioner_id, id),
    FOREIGN KEY (commissioner_id, package_id, provider_id, framework_id) REFERENCES package (commissioner_id, id, provider_id, framework_id)
);
CREATE INDEX package_funding_package ON package_funding (commissioner_id, package_id);
CREATE TABLE package_worker (
    commissioner_id uuid NOT NULL, package_id uuid NOT NULL, provider_id uuid NOT NULL, worker_id uuid NOT NULL,
    worker_person_id uuid REFERENCES person, name text NOT NULL, role text NOT NULL, profile text NOT NULL DEFAULT '',
    part text NOT NULL CHECK (part IN ('main', 'backup')), added_at timestamptz NOT NULL, removed_at timestamptz,
    PRIMARY KEY (commissioner_id, package_id, worker_id),
    FOREIGN KEY (commissioner_id, package_id, provider_id) REFERENCES package (commissioner_id, id, provider_id),
    FOREIGN KEY (provider_id, worker_id) REFERENCES worker (provider_id, id)
);
CREATE INDEX package_worker_person ON package_worker (worker_person_id) WHERE removed_at IS NULL;
CREATE TABLE plan_version (
    commissioner_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(), package_id uuid NOT NULL, provider_id uuid NOT NULL,
    version int NOT NULL, state text NOT NULL DEFAULT 'draft' CHECK (state IN ('draft', 'shared', 'signed', 'returned', 'superseded')),
    content jsonb NOT NULL, text_hash text,                  -- SHA-256 of the text shown, set when shared
    written_by uuid NOT NULL REFERENCES person, written_at timestamptz NOT NULL, shared_at timestamptz, signed_at timestamptz, returned_reason text,
    PRIMARY KEY (commissioner_id, id), UNIQUE (commissioner_id, package_id, version),
    FOREIGN KEY (commissioner_id, package_id, provider_id) REFERENCES package (commissioner_id, id, provider_id),
    CHECK (state = 'draft' OR text_hash IS NOT NULL)
);
-- Who, as whom, what (hash of the text shown), when, how, on which device. Never a boolean.
CREATE TABLE signature (
    commissioner_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(), package_id uuid NOT NULL, provider_id uuid NOT NULL,
    subject_type text NOT NULL CHECK (subject_type IN ('plan', 'visit')), subject_id uuid NOT NULL,
    side text NOT NULL CHECK (side IN ('family', 'referrer', 'worker', 'provider')),
    person_id uuid REFERENCES person, worker_id uuid, printed_name text NOT NULL,
    text_hash text NOT NULL, method text NOT NULL CHECK (method IN ('own_sign_in', 'own_pin', 'coded_reason')),
    reason_code text, reason_remark text, shown_how text,    -- for a coded reason: how the record was shared with the family (P 14.4)
    device text NOT NULL DEFAULT '', signed_at timestamptz NOT NULL,
    resolved_at timestamptz, resolved_by uuid REFERENCES person, resolution text,
    PRIMARY KEY (commissioner_id, id),
    FOREIGN KEY (commissioner_id, package_id, provider_id) REFERENCES package (commissioner_id, id, provider_id),
    FOREIGN KEY (provider_id, worker_id) REFERENCES worker (provider_id, id),
    CHECK ((method = 'coded_reason') = (reason_code IS NOT NULL)),
    CHECK (method = 'coded_reason' OR person_id IS NOT NULL)
);
CREATE UNIQUE INDEX signature_once ON signature (commissioner_id, subject_id, side, coalesce(worker_id, person_id), text_hash) WHERE method <> 'coded_reason';
CREATE INDEX signature_subject ON signature (commissioner_id, subject_id);
CREATE TABLE visit (
    commissioner_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(),
    framework_id uuid NOT NULL, provider_id uuid NOT NULL, package_id uuid NOT NULL, child_id uuid NOT NULL,
    lot_code text NOT NULL, activity text NOT NULL,
    planned_start timestamptz NOT NULL, planned_end timestamptz NOT NULL,
    outcome text CHECK (outcome IN ('delivered', 'cancelled_on_arrival', 'cancelled_by_family', 'cancelled_by_provider', 'missed')),
    actual_start timestamptz, actual_end timestamptz, notice_at timestamptz, outcome_at timestamptz, outcome_reason text,
    activities_recorded boolean NOT NULL DEFAULT false,      -- the notes themselves stand apart
    family_signed boolean NOT NULL DEFAULT false,            -- a signature, or a coded reason resolved: kept in step by the database
    unsigned_reason_waiting boolean NOT NULL DEFAULT false,
    record_hash text,                                        -- SHA-256 of the record's text as finished
    overrun_approved_at timestamptz, overrun_approved_by uuid REFERENCES person,
    own_reference text, created_at timestamptz NOT NULL, version int NOT NULL DEFAULT 1,
    PRIMARY KEY (commissioner_id, id), UNIQUE (commissioner_id, id, provider_id),
    FOREIGN KEY (commissioner_id, package_id, provider_id, framework_id) REFERENCES package (commissioner_id, id, provider_id, framework_id),
    FOREIGN KEY (commissioner_id, child_id) REFERENCES child,
    CHECK (planned_end > planned_start), CHECK (actual_end > actual_start),
    CHECK (actual_start IS NULL OR outcome IS NULL OR outcome = 'delivered')
);
CREATE INDEX visit_package ON visit (commissioner_id, package_id, planned_start);
CREATE INDEX visit_provider ON visit (provider_id, planned_start);
CREATE INDEX visit_period ON visit (commissioner_id, framework_id, provider_id, planned_start);
CREATE UNIQUE INDEX visit_own_reference ON visit (provider_id, own_reference) WHERE own_reference IS NOT NULL;
CREATE TABLE visit_worker (
    commissioner_id uuid NOT NULL, visit_id uuid NOT NULL, provider_id uuid NOT NULL, worker_id uuid NOT NULL, worker_person_id uuid REFERENCES person,
    printed_name text NOT NULL, booking_id uuid NOT NULL, signed_at timestamptz,
    PRIMARY KEY (commissioner_id, visit_id, worker_id),
    FOREIGN KEY (commissioner_id, visit_id, provider_id) REFERENCES visit (commissioner_id, id, provider_id),
    FOREIGN KEY (provider_id, worker_id) REFERENCES worker (provider_id, id),
    FOREIGN KEY (provider_id, booking_id) REFERENCES booking (provider_id, id)
);
CREATE INDEX visit_worker_person ON visit_worker (worker_person_id, visit_id);
CREATE TABLE visit_note (
    commissioner_id uuid NOT NULL, visit_id uuid NOT NULL, provider_id uuid NOT NULL,
    activities text NOT NULL DEFAULT '', behaviours text NOT NULL DEFAULT '', emotions text NOT NULL DEFAULT '', changes text NOT NULL DEFAULT '',
    medication text NOT NULL DEFAULT '', personal_care text NOT NULL DEFAULT '', money_spent_pence int NOT NULL DEFAULT 0 CHECK (money_spent_pence >= 0),
    money_remark text NOT NULL DEFAULT '', times_remark text NOT NULL DEFAULT '', written_by uuid REFERENCES person, written_at timestamptz NOT NULL,
    PRIMARY KEY (commissioner_id, visit_id),
    FOREIGN KEY (commissioner_id, visit_id, provider_id) REFERENCES visit (commissioner_id, id, provider_id)
);
RESET ROLE;
"""

DOWN = "DROP TABLE visit_note, visit_worker, visit, signature, plan_version, package_worker, package_funding, package;"


async def forwards():
    return sql_migration(ID, "Packages, plans, visits", UP, DOWN)
