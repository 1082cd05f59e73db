"""Framework scope, keyed (framework_id, id): frameworks, lots, members, decisions, applications, admissions, rate cards, standing."""

from marketplace.platform.migrate import sql_migration

ID = "m0002_frameworks"

UP = """
SET LOCAL ROLE {prefix}_owner;

CREATE TABLE framework (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL CHECK (name <> ''),
    lead_commissioner_id uuid NOT NULL REFERENCES organisation,
    pack_hash text NOT NULL REFERENCES pack_version,        -- the pack as confirmed: decisions applied
    anchor_day date NOT NULL,                               -- first day of a billing period
    regime text NOT NULL,                                   -- the procurement regime it was let under (N)
    ends_on date,
    state text NOT NULL DEFAULT 'draft' CHECK (state IN ('draft', 'open', 'closed')),
    created_at timestamptz NOT NULL, opened_at timestamptz, closed_at timestamptz,
    CHECK ((state = 'draft') = (opened_at IS NULL))
);
CREATE TABLE framework_lot (
    framework_id uuid NOT NULL REFERENCES framework,
    code text NOT NULL, title text NOT NULL, position int NOT NULL,
    PRIMARY KEY (framework_id, code)
);
CREATE TABLE framework_member (
    framework_id uuid NOT NULL REFERENCES framework,
    commissioner_id uuid NOT NULL REFERENCES organisation,
    leads boolean NOT NULL DEFAULT false, joined_at timestamptz NOT NULL,
    PRIMARY KEY (framework_id, commissioner_id)
);
CREATE UNIQUE INDEX framework_one_lead ON framework_member (framework_id) WHERE leads;
CREATE INDEX framework_member_commissioner ON framework_member (commissioner_id);
CREATE TABLE framework_decision (
    framework_id uuid NOT NULL REFERENCES framework,
    rule_key text NOT NULL, proposed jsonb NOT NULL, value jsonb NOT NULL, confirmed_by uuid NOT NULL REFERENCES person, confirmed_by_name text NOT NULL,
    confirmed_at timestamptz NOT NULL, remark text NOT NULL DEFAULT '',
    PRIMARY KEY (framework_id, rule_key)
);
CREATE TABLE application (
    framework_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(),
    provider_id uuid NOT NULL REFERENCES organisation, lot_code text NOT NULL,
    state text NOT NULL DEFAULT 'submitted' CHECK (state IN ('submitted', 'admitted', 'refused', 'withdrawn')),
    statement text NOT NULL DEFAULT '',
    submitted_at timestamptz NOT NULL, submitted_by uuid NOT NULL REFERENCES person,
    decided_at timestamptz, decided_by uuid REFERENCES person, decision_reason text,
    PRIMARY KEY (framework_id, id),
    UNIQUE (framework_id, id, provider_id),
    FOREIGN KEY (framework_id, lot_code) REFERENCES framework_lot,
    CHECK ((state IN ('admitted', 'refused')) = (decided_at IS NOT NULL)),
    CHECK (state <> 'refused' OR decision_reason <> '')
);
CREATE UNIQUE INDEX application_one_waiting ON application (framework_id, provider_id, lot_code) WHERE state = 'submitted';
CREATE INDEX application_provider ON application (provider_id);
CREATE TABLE admission (
    framework_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(),
    provider_id uuid NOT NULL REFERENCES organisation, lot_code text NOT NULL, application_id uuid,
    starts_on date NOT NULL, ends_on date, ended_reason text, ended_at timestamptz,
    PRIMARY KEY (framework_id, id),
    UNIQUE (framework_id, id, provider_id),
    FOREIGN KEY (framework_id, lot_code) REFERENCES framework_lot,
    FOREIGN KEY (framework_id, application_id, provider_id) REFERENCES application (framework_id, id, provider_id),
    CHECK (ends_on IS NULL OR ends_on >= starts_on)
);
CREATE UNIQUE INDEX admission_one_open ON admission (framework_id, provider_id, lot_code) WHERE ends_on IS NULL;
CREATE INDEX admission_lot ON admission (framework_id, lot_code, provider_id);
CREATE INDEX admission_provider ON admission (provider_id);
-- A card is proposed with an application or as a variation, and counts once agreed, from its day on.
CREATE TABLE rate_card (
    framework_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(),
    provider_id uuid NOT NULL REFERENCES organisation, lot_code text NOT NULL, application_id uuid,
    state text NOT NULL DEFAULT 'proposed' CHECK (state IN ('proposed', 'agreed', 'refused', 'withdrawn')),
    applies_from date NOT NULL, proposed_at timestamptz NOT NULL, proposed_by uuid NOT NULL REFERENCES person, reason text NOT NULL DEFAULT '',
    decided_at timestamptz, decided_by uuid REFERENCES person, decision_reason text,
    PRIMARY KEY (framework_id, id),
    UNIQUE (framework_id, id, provider_id),
    FOREIGN KEY (framework_id, lot_code) REFERENCES framework_lot,
    FOREIGN KEY (framework_id, application_id, provider_id) REFERENCES application (framework_id, id, provider_id),
    CHECK ((state IN ('agreed', 'refused')) = (decided_at IS NOT NULL)),
    CHECK (state <> 'refused' OR decision_reason <> '')
);
CREATE UNIQUE INDEX rate_card_one_waiting ON rate_card (framework_id, provider_id, lot_code) WHERE state = 'proposed';
CREATE UNIQUE INDEX rate_card_one_agreed ON rate_card (framework_id, provider_id, lot_code, applies_from) WHERE state = 'agreed';
CREATE INDEX rate_card_provider ON rate_card (provider_id);
CREATE TABLE rate (
    framework_id uuid NOT NULL, rate_card_id uuid NOT NULL, provider_id uuid NOT NULL,
    activity text NOT NULL, band text NOT NULL, pence_per_hour int NOT NULL CHECK (pence_per_hour > 0),
    PRIMARY KEY (framework_id, rate_card_id, activity, band),
    FOREIGN KEY (framework_id, rate_card_id, provider_id) REFERENCES rate_card (framework_id, id, provider_id)
);
-- Suspended for all lots (lot_code null) or one; by the lead for the framework (commissioner_id null) or by a partner for its own referrals.
CREATE TABLE suspension (
    framework_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(),
    provider_id uuid NOT NULL REFERENCES organisation, lot_code text, commissioner_id uuid,
    starts_at timestamptz NOT NULL, until_on date,
    reason text NOT NULL CHECK (reason <> ''), rule_key text,
    imposed_by uuid NOT NULL REFERENCES person, imposed_by_name text NOT NULL,
    lifted_at timestamptz, lifted_by uuid REFERENCES person, lifted_by_name text, lift_reason text,
    PRIMARY KEY (framework_id, id),
    FOREIGN KEY (framework_id, lot_code) REFERENCES framework_lot,
    FOREIGN KEY (framework_id, commissioner_id) REFERENCES framework_member
);
CREATE INDEX suspension_provider ON suspension (framework_id, provider_id);
CREATE TABLE pause (
    framework_id uuid NOT NULL REFERENCES framework, id uuid NOT NULL DEFAULT gen_random_uuid(),
    provider_id uuid NOT NULL REFERENCES organisation, lot_code text,
    starts_at timestamptz NOT NULL, until_on date, reason text NOT NULL DEFAULT '', paused_by uuid NOT NULL REFERENCES person,
    ended_at timestamptz, ended_by uuid REFERENCES person,
    PRIMARY KEY (framework_id, id),
    FOREIGN KEY (framework_id, lot_code) REFERENCES framework_lot
);
CREATE INDEX pause_provider ON pause (framework_id, provider_id);
RESET ROLE;
"""

DOWN = "DROP TABLE pause, suspension, rate, rate_card, admission, application, framework_decision, framework_member, framework_lot, framework;"


async def forwards():
    return sql_migration(ID, "Frameworks", UP, DOWN)
