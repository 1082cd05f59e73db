"""Case scope, keyed (commissioner_id, id): children, grants, referrals, reach, questions, offers, choices."""

from marketplace.platform.migrate import sql_migration

ID = "m0004_referrals"

UP = """
SET LOCAL ROLE {prefix}_owner;

CREATE TABLE child (
    commissioner_id uuid NOT NULL REFERENCES organisation, id uuid NOT NULL DEFAULT gen_random_uuid(),
    reference text NOT NULL,                                 -- random; never initials
    family_id uuid NOT NULL DEFAULT gen_random_uuid(),       -- children of one family share it: siblings' visits share a booking
    referrer_id uuid NOT NULL REFERENCES person, created_at timestamptz NOT NULL,
    PRIMARY KEY (commissioner_id, id), UNIQUE (commissioner_id, reference)
);
CREATE TABLE child_identity (
    commissioner_id uuid NOT NULL, child_id uuid NOT NULL,
    name text NOT NULL CHECK (name <> ''), date_of_birth date NOT NULL, address text NOT NULL DEFAULT '', postcode text NOT NULL DEFAULT '',
    phone text NOT NULL DEFAULT '', at_the_door text NOT NULL DEFAULT '', other_names text NOT NULL DEFAULT '',
    PRIMARY KEY (commissioner_id, child_id),
    FOREIGN KEY (commissioner_id, child_id) REFERENCES child
);
CREATE TABLE family_grant (
    commissioner_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(), child_id uuid NOT NULL,
    person_id uuid NOT NULL REFERENCES person, relation text NOT NULL,
    rights text[] NOT NULL CHECK (rights <@ ARRAY['see_plan', 'see_visits', 'choose', 'sign_plan', 'confirm_visits', 'spend']),
    jointly boolean NOT NULL DEFAULT false,
    starts_on date NOT NULL, ends_on date, granted_by uuid NOT NULL REFERENCES person, granted_at timestamptz NOT NULL, reason text NOT NULL DEFAULT '',
    revoked_at timestamptz, revoked_by uuid REFERENCES person, revoke_reason text,
    PRIMARY KEY (commissioner_id, id),
    FOREIGN KEY (commissioner_id, child_id) REFERENCES child
);
CREATE INDEX family_grant_person ON family_grant (person_id) WHERE revoked_at IS NULL;
CREATE INDEX family_grant_child ON family_grant (commissioner_id, child_id);

-- The anonymous part only: a random reference, an age band, an area, needs and free text.
CREATE TABLE referral (
    commissioner_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(),
    framework_id uuid NOT NULL, child_id uuid NOT NULL, referrer_id uuid NOT NULL REFERENCES person,
    reference text NOT NULL,
    state text NOT NULL DEFAULT 'draft' CHECK (state IN ('draft', 'broadcast', 'awarded', 'closed')),
    lot_code text, needs text[] NOT NULL DEFAULT '{}', interventions text[] NOT NULL DEFAULT '{}',
    age_band text, area text NOT NULL DEFAULT '',
    pattern jsonb NOT NULL DEFAULT '[]', workers_per_visit int NOT NULL DEFAULT 1 CHECK (workers_per_visit BETWEEN 1 AND 4),
    starts_on date, ends_on date,
    outcomes text NOT NULL DEFAULT '', activities text NOT NULL DEFAULT '', pen_portrait text NOT NULL DEFAULT '',
    anonymity_confirmed text[] NOT NULL DEFAULT '{}',       -- words of the free text its author says identify nobody
    panel_approved_on date,                                  -- where the pack asks for a panel first (P 2.2)
    round int NOT NULL DEFAULT 0, broadcast_at timestamptz, respond_by timestamptz, pack_hash text REFERENCES pack_version,
    closed_at timestamptz, closed_reason text, copied_from uuid,
    created_at timestamptz NOT NULL, changed_at timestamptz NOT NULL,
    PRIMARY KEY (commissioner_id, id), UNIQUE (commissioner_id, reference), UNIQUE (commissioner_id, id, framework_id),
    FOREIGN KEY (commissioner_id, child_id) REFERENCES child,
    FOREIGN KEY (framework_id, commissioner_id) REFERENCES framework_member,
    FOREIGN KEY (framework_id, lot_code) REFERENCES framework_lot,
    FOREIGN KEY (commissioner_id, copied_from) REFERENCES referral (commissioner_id, id),
    CHECK (state = 'draft' OR (lot_code IS NOT NULL AND starts_on IS NOT NULL AND broadcast_at IS NOT NULL AND respond_by > broadcast_at))
);
CREATE INDEX referral_state ON referral (commissioner_id, state, respond_by);
CREATE INDEX referral_child ON referral (commissioner_id, child_id);
CREATE TABLE referral_reach (
    commissioner_id uuid NOT NULL, referral_id uuid NOT NULL, framework_id uuid NOT NULL, round int NOT NULL, provider_id uuid NOT NULL REFERENCES organisation,
    reached boolean NOT NULL, reasons text[] NOT NULL DEFAULT '{}', ready_workers int, at timestamptz NOT NULL,
    PRIMARY KEY (commissioner_id, referral_id, round, provider_id),
    FOREIGN KEY (commissioner_id, referral_id, framework_id) REFERENCES referral (commissioner_id, id, framework_id),
    CHECK (reached = (reasons = '{}'))
);
CREATE INDEX referral_reach_provider ON referral_reach (provider_id, at) WHERE reached;
-- A question shows its asker to the commissioner only; what everyone reached may read is the clarification made of it.
CREATE TABLE referral_question (
    commissioner_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(), referral_id uuid NOT NULL, provider_id uuid NOT NULL REFERENCES organisation,
    asked_by uuid NOT NULL REFERENCES person, asked_at timestamptz NOT NULL, question text NOT NULL CHECK (question <> ''),
    answered_at timestamptz,
    PRIMARY KEY (commissioner_id, id),
    FOREIGN KEY (commissioner_id, referral_id) REFERENCES referral
);
CREATE INDEX referral_question_referral ON referral_question (commissioner_id, referral_id);
CREATE TABLE referral_clarification (
    commissioner_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(), referral_id uuid NOT NULL,
    question text NOT NULL, answer text NOT NULL CHECK (answer <> ''), published_at timestamptz NOT NULL, published_by uuid NOT NULL REFERENCES person,
    PRIMARY KEY (commissioner_id, id),
    FOREIGN KEY (commissioner_id, referral_id) REFERENCES referral
);
CREATE INDEX referral_clarification_referral ON referral_clarification (commissioner_id, referral_id);
CREATE TABLE referral_decline (
    commissioner_id uuid NOT NULL, referral_id uuid NOT NULL, round int NOT NULL, provider_id uuid NOT NULL,
    reason_code text NOT NULL, remark text NOT NULL DEFAULT '', declined_at timestamptz NOT NULL, declined_by uuid NOT NULL REFERENCES person,
    PRIMARY KEY (commissioner_id, referral_id, round, provider_id),
    FOREIGN KEY (commissioner_id, referral_id, round, provider_id) REFERENCES referral_reach
);
CREATE TABLE offer (
    commissioner_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(),
    framework_id uuid NOT NULL, referral_id uuid NOT NULL, round int NOT NULL, provider_id uuid NOT NULL,
    state text NOT NULL DEFAULT 'made' CHECK (state IN ('made', 'withdrawn', 'awarded', 'not_chosen', 'undone')),
    starts_on date NOT NULL, pattern jsonb NOT NULL, remark text NOT NULL DEFAULT '',
    price jsonb NOT NULL, pence_per_week int NOT NULL CHECK (pence_per_week >= 0), pence_per_period int NOT NULL CHECK (pence_per_period >= 0),
    version int NOT NULL DEFAULT 1,
    made_at timestamptz NOT NULL, made_by uuid NOT NULL REFERENCES person, amended_at timestamptz, withdrawn_at timestamptz, decided_at timestamptz,
    PRIMARY KEY (commissioner_id, id), UNIQUE (commissioner_id, id, provider_id), UNIQUE (commissioner_id, referral_id, id),
    FOREIGN KEY (commissioner_id, referral_id, framework_id) REFERENCES referral (commissioner_id, id, framework_id),
    FOREIGN KEY (commissioner_id, referral_id, round, provider_id) REFERENCES referral_reach
);
CREATE UNIQUE INDEX offer_one_standing ON offer (commissioner_id, referral_id, provider_id) WHERE state IN ('made', 'awarded');
CREATE UNIQUE INDEX offer_one_awarded ON offer (commissioner_id, referral_id) WHERE state = 'awarded';
CREATE INDEX offer_provider ON offer (provider_id, made_at);
-- The statement of the worker's match is frozen with the offer; the certificate behind it is shown to nobody.
CREATE TABLE offer_worker (
    commissioner_id uuid NOT NULL, offer_id uuid NOT NULL, provider_id uuid NOT NULL, worker_id uuid NOT NULL,
    part text NOT NULL CHECK (part IN ('main', 'backup')), position int NOT NULL DEFAULT 0,
    name text NOT NULL, role text NOT NULL, profile text NOT NULL DEFAULT '', statement jsonb NOT NULL,
    PRIMARY KEY (commissioner_id, offer_id, worker_id),
    FOREIGN KEY (commissioner_id, offer_id, provider_id) REFERENCES offer (commissioner_id, id, provider_id),
    FOREIGN KEY (provider_id, worker_id) REFERENCES worker (provider_id, id)
);
CREATE TABLE offer_choice (
    commissioner_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(), referral_id uuid NOT NULL, offer_id uuid NOT NULL,
    side text NOT NULL CHECK (side IN ('referrer', 'family')), person_id uuid NOT NULL REFERENCES person, person_name text NOT NULL,
    offer_version int NOT NULL, chosen_at timestamptz NOT NULL, taken_back_at timestamptz,
    PRIMARY KEY (commissioner_id, id),
    FOREIGN KEY (commissioner_id, referral_id, offer_id) REFERENCES offer (commissioner_id, referral_id, id)
);
CREATE UNIQUE INDEX offer_choice_one ON offer_choice (commissioner_id, referral_id, side, person_id) WHERE taken_back_at IS NULL;
CREATE TABLE offer_meeting (
    commissioner_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(), offer_id uuid NOT NULL, provider_id uuid NOT NULL,
    asked_by uuid NOT NULL REFERENCES person, asked_at timestamptz NOT NULL, message text NOT NULL DEFAULT '',
    answered_at timestamptz, answer text,
    PRIMARY KEY (commissioner_id, id),
    FOREIGN KEY (commissioner_id, offer_id, provider_id) REFERENCES offer (commissioner_id, id, provider_id)
);
RESET ROLE;
"""

DOWN = (
    "DROP TABLE offer_meeting, offer_choice, offer_worker, offer, referral_decline, referral_clarification, referral_question, "
    "referral_reach, referral, family_grant, child_identity, child;"
)


async def forwards():
    return sql_migration(ID, "Children, referrals, offers", UP, DOWN)
