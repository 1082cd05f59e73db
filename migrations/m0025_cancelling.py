"""Visits asked to be moved or made up; what a family cancels; lines beside visits with the agreements they stand on.

A family reaches no column of a visit: it calls one off through a function that knows what may be changed. An agreement
holds once both sides have agreed to it, each by its own people: the database lets neither sign for the other.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0025_cancelling"

APP = "TO {prefix}_app, {prefix}_worker"
GRANTED = "(commissioner_id, package_id) IN (SELECT * FROM my_granted_packages('confirm_visits'))"
OWN = "commissioner_id = app_commissioner()"
PROVIDER = "provider_id = app_organisation()"
# The package of a line or a request, under the scope's key.
OF_PACKAGE = """FOREIGN KEY (commissioner_id, package_id, provider_id, framework_id)
        REFERENCES package (commissioner_id, id, provider_id, framework_id)"""
REACHES = """(v.commissioner_id = app_commissioner() OR v.provider_id = app_organisation()
        OR (v.commissioner_id, v.package_id) IN (SELECT * FROM my_granted_packages('confirm_visits')))"""


def guarded(table: str) -> str:
    return f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;\nALTER TABLE {table} FORCE ROW LEVEL SECURITY;"


UP = f"""
SET LOCAL ROLE {{prefix}}_owner;
CREATE TABLE visit_request (
    commissioner_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(),
    package_id uuid NOT NULL, provider_id uuid NOT NULL, framework_id uuid NOT NULL, visit_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('move', 'again', 'make_up')),
    state text NOT NULL DEFAULT 'asked' CHECK (state IN ('asked', 'agreed', 'declined', 'withdrawn')),
    asked_side text NOT NULL CHECK (asked_side IN ('family', 'referrer', 'provider')),
    asked_by uuid NOT NULL REFERENCES person, asked_at timestamptz NOT NULL,
    wished_start timestamptz, wished_end timestamptz, says text NOT NULL DEFAULT '',
    answered_by uuid REFERENCES person, answered_at timestamptz, answer text, new_visit_id uuid,
    PRIMARY KEY (commissioner_id, id),
    {OF_PACKAGE},
    FOREIGN KEY (commissioner_id, visit_id, provider_id) REFERENCES visit (commissioner_id, id, provider_id),
    FOREIGN KEY (commissioner_id, new_visit_id, provider_id) REFERENCES visit (commissioner_id, id, provider_id),
    CHECK (wished_end > wished_start), CHECK ((wished_start IS NULL) = (wished_end IS NULL)),
    CHECK ((kind = 'make_up') = (wished_start IS NULL)),
    CHECK ((state = 'asked') = (answered_at IS NULL)), CHECK ((answered_at IS NULL) = (answered_by IS NULL)),
    CHECK (state <> 'declined' OR answer <> ''), CHECK ((state = 'agreed') = (new_visit_id IS NOT NULL))
);
CREATE UNIQUE INDEX visit_request_open ON visit_request (commissioner_id, visit_id) WHERE state = 'asked';
CREATE INDEX visit_request_package ON visit_request (commissioner_id, package_id);
CREATE INDEX visit_request_provider ON visit_request (provider_id, state);
{guarded("visit_request")}
CREATE POLICY own ON visit_request FOR ALL {APP} USING ({OWN}) WITH CHECK ({OWN});
CREATE POLICY provider ON visit_request FOR ALL {APP} USING ({PROVIDER}) WITH CHECK ({PROVIDER});
CREATE POLICY family ON visit_request FOR SELECT {APP} USING ({GRANTED}
    OR (commissioner_id, package_id) IN (SELECT * FROM my_granted_packages('see_visits')));
CREATE POLICY family_asks ON visit_request FOR INSERT {APP}
    WITH CHECK ({GRANTED} AND state = 'asked' AND kind <> 'make_up' AND asked_side = 'family' AND asked_by = app_person());
CREATE POLICY family_withdraws ON visit_request FOR UPDATE {APP} USING ({GRANTED} AND state = 'asked')
    WITH CHECK ({GRANTED} AND state = 'withdrawn' AND answered_by = app_person());
GRANT SELECT, INSERT, UPDATE ON visit_request {APP};

-- a written agreement about lines beside visits: its terms never change, each side agrees once
CREATE TABLE other_agreement (
    commissioner_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(),
    framework_id uuid NOT NULL, provider_id uuid NOT NULL, package_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('mileage', 'report', 'return_to_area')), says text NOT NULL CHECK (says <> ''),
    unit_pence int CHECK (unit_pence > 0), most_pence int NOT NULL CHECK (most_pence > 0),
    valid_from date NOT NULL, valid_to date NOT NULL,
    proposed_by uuid NOT NULL REFERENCES person, proposed_at timestamptz NOT NULL,
    proposed_side text NOT NULL CHECK (proposed_side IN ('payer', 'provider')), evidence_id uuid,
    payer_agreed_by uuid REFERENCES person, payer_agreed_at timestamptz,
    provider_agreed_by uuid REFERENCES person, provider_agreed_at timestamptz,
    refused_by uuid REFERENCES person, refused_at timestamptz, refused_reason text,
    PRIMARY KEY (commissioner_id, id), UNIQUE (commissioner_id, id, provider_id, framework_id, package_id),
    {OF_PACKAGE},
    FOREIGN KEY (provider_id, evidence_id) REFERENCES evidence (provider_id, id),
    CHECK (valid_to >= valid_from), CHECK ((kind = 'return_to_area') = (unit_pence IS NULL)),
    CHECK ((payer_agreed_at IS NULL) = (payer_agreed_by IS NULL)),
    CHECK ((provider_agreed_at IS NULL) = (provider_agreed_by IS NULL)),
    CHECK ((refused_at IS NULL) = (refused_by IS NULL)), CHECK ((refused_at IS NULL) = (refused_reason IS NULL)),
    CHECK (refused_at IS NULL OR payer_agreed_at IS NULL OR provider_agreed_at IS NULL)
);
CREATE INDEX other_agreement_package ON other_agreement (commissioner_id, package_id);
CREATE INDEX other_agreement_provider ON other_agreement (provider_id, proposed_at);
CREATE FUNCTION agreement_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE mine text[] := CASE
    WHEN OLD.commissioner_id = app_commissioner() THEN ARRAY['payer_agreed_by', 'payer_agreed_at']
    WHEN OLD.provider_id = app_organisation() THEN ARRAY['provider_agreed_by', 'provider_agreed_at'] ELSE ARRAY[]::text[] END
    || ARRAY['refused_by', 'refused_at', 'refused_reason'];
BEGIN
    IF OLD.refused_at IS NOT NULL OR (OLD.payer_agreed_at IS NOT NULL AND OLD.provider_agreed_at IS NOT NULL)
       OR to_jsonb(OLD) - mine <> to_jsonb(NEW) - mine
    THEN RAISE EXCEPTION 'an agreement is kept as it was proposed, and each side answers for itself' USING ERRCODE = 'check_violation'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER agreement_kept BEFORE UPDATE ON other_agreement FOR EACH ROW EXECUTE FUNCTION agreement_is_kept();
{guarded("other_agreement")}
CREATE POLICY own ON other_agreement FOR SELECT {APP} USING ({OWN});
CREATE POLICY own_proposes ON other_agreement FOR INSERT {APP} WITH CHECK ({OWN} AND proposed_side = 'payer' AND provider_agreed_at IS NULL);
CREATE POLICY own_answers ON other_agreement FOR UPDATE {APP} USING ({OWN}) WITH CHECK ({OWN});
CREATE POLICY provider ON other_agreement FOR SELECT {APP} USING ({PROVIDER});
CREATE POLICY provider_proposes ON other_agreement FOR INSERT {APP} WITH CHECK ({PROVIDER} AND proposed_side = 'provider' AND payer_agreed_at IS NULL);
CREATE POLICY provider_answers ON other_agreement FOR UPDATE {APP} USING ({PROVIDER}) WITH CHECK ({PROVIDER});
GRANT SELECT, INSERT, UPDATE ON other_agreement {APP};

-- one line beside visits, waiting for an invoice, on one, or taken back
CREATE TABLE other_line (
    commissioner_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(),
    framework_id uuid NOT NULL, provider_id uuid NOT NULL, package_id uuid NOT NULL, agreement_id uuid NOT NULL,
    day date NOT NULL, visit_id uuid, units int NOT NULL CHECK (units BETWEEN 1 AND 10000),
    cost_pence int NOT NULL CHECK (cost_pence BETWEEN 0 AND 100000000), says text NOT NULL CHECK (says <> ''),
    evidence_id uuid NOT NULL, added_by uuid NOT NULL REFERENCES person, added_at timestamptz NOT NULL,
    withdrawn_at timestamptz, withdrawn_by uuid REFERENCES person,
    PRIMARY KEY (commissioner_id, id), UNIQUE (commissioner_id, id, provider_id),
    FOREIGN KEY (commissioner_id, agreement_id, provider_id, framework_id, package_id)
        REFERENCES other_agreement (commissioner_id, id, provider_id, framework_id, package_id),
    FOREIGN KEY (commissioner_id, visit_id, provider_id) REFERENCES visit (commissioner_id, id, provider_id),
    FOREIGN KEY (provider_id, evidence_id) REFERENCES evidence (provider_id, id),
    CHECK ((withdrawn_at IS NULL) = (withdrawn_by IS NULL))
);
-- a session's miles are billed once
CREATE UNIQUE INDEX other_line_visit ON other_line (commissioner_id, visit_id) WHERE withdrawn_at IS NULL;
CREATE INDEX other_line_agreement ON other_line (commissioner_id, agreement_id);
CREATE INDEX other_line_provider ON other_line (provider_id, framework_id, day);
CREATE FUNCTION other_line_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.withdrawn_at IS NOT NULL OR to_jsonb(OLD) - ARRAY['withdrawn_at', 'withdrawn_by'] <> to_jsonb(NEW) - ARRAY['withdrawn_at', 'withdrawn_by']
    THEN RAISE EXCEPTION 'a line is kept as it was added' USING ERRCODE = 'check_violation'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER other_line_kept BEFORE UPDATE ON other_line FOR EACH ROW EXECUTE FUNCTION other_line_is_kept();
{guarded("other_line")}
CREATE POLICY own ON other_line FOR SELECT {APP} USING ({OWN});
CREATE POLICY provider ON other_line FOR ALL {APP} USING ({PROVIDER}) WITH CHECK ({PROVIDER});
GRANT SELECT, INSERT, UPDATE ON other_line {APP};

CREATE TABLE invoice_other_line (
    commissioner_id uuid NOT NULL, invoice_id uuid NOT NULL, provider_id uuid NOT NULL, position int NOT NULL,
    line_id uuid NOT NULL, price_pence int NOT NULL, claimed_pence int, payable_pence int NOT NULL,
    counts boolean NOT NULL DEFAULT true,                    -- false once its invoice is replaced
    PRIMARY KEY (commissioner_id, invoice_id, line_id),
    FOREIGN KEY (commissioner_id, invoice_id, provider_id) REFERENCES invoice (commissioner_id, id, provider_id),
    FOREIGN KEY (commissioner_id, line_id, provider_id) REFERENCES other_line (commissioner_id, id, provider_id)
);
CREATE UNIQUE INDEX invoice_other_line_paid_once ON invoice_other_line (commissioner_id, line_id) WHERE counts AND payable_pence > 0;
{guarded("invoice_other_line")}
CREATE POLICY own ON invoice_other_line FOR ALL {APP} USING ({OWN}) WITH CHECK ({OWN});
CREATE POLICY provider ON invoice_other_line FOR ALL {APP} USING ({PROVIDER}) WITH CHECK ({PROVIDER});
GRANT SELECT, INSERT, UPDATE ON invoice_other_line {APP};
REVOKE EXECUTE ON FUNCTION agreement_is_kept(), other_line_is_kept() FROM PUBLIC;
RESET ROLE;
GRANT SELECT ON visit_request, other_agreement, other_line, invoice_other_line TO {{prefix}}_backup;

-- The family calls a coming visit off: it, and nothing else of the visit, by the version it saw.
CREATE FUNCTION call_off_visit(tenant uuid, subject uuid, seen int, noticed timestamptz, why text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE visit v SET outcome = 'cancelled_by_family', outcome_at = app_now(), outcome_reason = why, notice_at = noticed, version = version + 1
    WHERE v.commissioner_id = tenant AND v.id = subject AND v.version = seen AND v.outcome IS NULL AND v.actual_start IS NULL
      AND v.planned_start > noticed AND noticed BETWEEN app_now() - interval '1 minute' AND app_now()
      AND (v.commissioner_id, v.package_id) IN (SELECT * FROM my_granted_packages('confirm_visits'));
    RETURN FOUND;
END $$;
-- Its workers' time is free again, unless a sibling's visit still stands on it; who they are, to be told.
CREATE FUNCTION free_visit_time(tenant uuid, subject uuid) RETURNS TABLE (person_id uuid)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE booking b SET released_at = app_now() FROM visit_worker w JOIN visit v ON v.commissioner_id = w.commissioner_id AND v.id = w.visit_id
    WHERE v.commissioner_id = tenant AND v.id = subject AND v.outcome <> 'delivered' AND {REACHES}
      AND b.provider_id = w.provider_id AND b.id = w.booking_id AND b.released_at IS NULL
      AND NOT EXISTS (SELECT FROM visit_worker o JOIN visit s ON s.commissioner_id = o.commissioner_id AND s.id = o.visit_id
        WHERE o.provider_id = w.provider_id AND o.booking_id = w.booking_id AND o.visit_id <> subject AND (s.outcome IS NULL OR s.outcome = 'delivered'));
    RETURN QUERY SELECT w.worker_person_id FROM visit_worker w JOIN visit v ON v.commissioner_id = w.commissioner_id AND v.id = w.visit_id
        WHERE v.commissioner_id = tenant AND v.id = subject AND w.worker_person_id IS NOT NULL AND {REACHES};
END $$;
-- What a visit is priced from, for the family that would cancel it: how many come, and the agreed rates of its lot.
CREATE FUNCTION visit_price_facts(subject uuid) RETURNS TABLE (workers int, activity text, band text, pence_per_hour int, applies_from date)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT (SELECT count(*)::int FROM visit_worker w WHERE w.commissioner_id = v.commissioner_id AND w.visit_id = v.id),
        r.activity, r.band, r.pence_per_hour, c.applies_from
    FROM visit v JOIN rate_card c ON c.framework_id = v.framework_id AND c.provider_id = v.provider_id AND c.lot_code = v.lot_code AND c.state = 'agreed'
    JOIN rate r ON r.framework_id = c.framework_id AND r.rate_card_id = c.id AND r.activity = v.activity
    WHERE v.id = subject AND {REACHES} ORDER BY c.applies_from, r.band $$;
-- The files of an agreement and of the lines on it, for both ends.
CREATE FUNCTION agreement_files(agreement uuid) RETURNS TABLE (id uuid, line_id uuid, kind text, title text, file_name text, size bigint, state text, deleted boolean)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT e.id, f.line_id, e.kind, e.title, e.file_name, e.size, e.state, e.deleted_at IS NOT NULL
    FROM (SELECT a.commissioner_id, a.provider_id, a.evidence_id, NULL::uuid AS line_id FROM other_agreement a WHERE a.id = agreement
          UNION ALL SELECT l.commissioner_id, l.provider_id, l.evidence_id, l.id FROM other_line l WHERE l.agreement_id = agreement) f
    JOIN evidence e ON e.provider_id = f.provider_id AND e.id = f.evidence_id
    WHERE f.commissioner_id = app_commissioner() OR f.provider_id = app_organisation() ORDER BY e.uploaded_at, e.id $$;
CREATE FUNCTION agreement_file(agreement uuid, file uuid) RETURNS TABLE (id uuid, provider_id uuid, kind text, file_name text, content_type text,
    shown_state text, state text, refused_reason text, published_key text, published_version text, published_sha256 text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT e.id, e.provider_id, e.kind, e.file_name, e.content_type, CASE WHEN e.deleted_at IS NOT NULL THEN 'deleted' ELSE e.state END,
        e.state, e.refused_reason, e.published_key, e.published_version, e.published_sha256
    FROM other_agreement a JOIN evidence e ON e.provider_id = a.provider_id
    WHERE a.id = agreement AND e.id = file AND a.commissioner_id = app_commissioner() AND e.kind <> 'dbs_certificate'
      AND (e.id = a.evidence_id OR EXISTS (SELECT FROM other_line l WHERE l.commissioner_id = a.commissioner_id AND l.agreement_id = a.id AND l.evidence_id = e.id)) $$;
REVOKE EXECUTE ON FUNCTION call_off_visit(uuid, uuid, int, timestamptz, text), free_visit_time(uuid, uuid), visit_price_facts(uuid),
    agreement_files(uuid), agreement_file(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION call_off_visit(uuid, uuid, int, timestamptz, text), free_visit_time(uuid, uuid), visit_price_facts(uuid),
    agreement_files(uuid), agreement_file(uuid, uuid) TO {{prefix}}_app;
"""

# An older version knows no lines beside visits: its invoices keep their amounts and lose what explains these lines.
DOWN = """
DROP FUNCTION agreement_file(uuid, uuid), agreement_files(uuid), visit_price_facts(uuid), free_visit_time(uuid, uuid),
    call_off_visit(uuid, uuid, int, timestamptz, text);
DROP TABLE invoice_other_line, other_line, other_agreement, visit_request;
DROP FUNCTION other_line_is_kept(), agreement_is_kept();
"""


async def forwards():
    return sql_migration(ID, "Cancelling, asking for another time, lines beside visits", UP, DOWN)
