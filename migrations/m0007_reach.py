"""Row-level security: who reaches which rows. Enabled and forced on every table; without context, no rows.

The `my_...` functions answer "what does the present context reach" and run as the migrator, so that a policy may ask
about another table without that table's own policies being asked in turn. Each is evaluated once per statement.
Policies compare keys with what these return; docs/architecture.md has the reading matrix beside their names.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0007_reach"

# the providers the acting person is a worker of today
WORKS_FOR = (
    "SELECT organisation_id FROM membership WHERE person_id = app_person() AND role = 'worker' AND ended_at IS NULL"
)
# How far back an allocated worker reads the records of colleagues (data.md: the recent record).
RECENT = "interval '28 days'"

FUNCTIONS = {
    # the commissioner's own frameworks, as lead or partner
    "my_frameworks()": (
        "TABLE (framework_id uuid)",
        "SELECT framework_id FROM framework_member WHERE commissioner_id = app_commissioner()",
    ),
    "my_led_frameworks()": (
        "TABLE (framework_id uuid)",
        "SELECT framework_id FROM framework_member WHERE commissioner_id = app_commissioner() AND leads",
    ),
    # frameworks the provider has applied to or is admitted by
    "my_provider_frameworks()": (
        "TABLE (framework_id uuid)",
        "SELECT framework_id FROM application WHERE provider_id = app_organisation()"
        " UNION SELECT framework_id FROM admission WHERE provider_id = app_organisation()",
    ),
    "my_framework_providers()": (
        "TABLE (provider_id uuid)",
        "SELECT a.provider_id FROM application a JOIN framework_member m USING (framework_id) WHERE m.commissioner_id = app_commissioner()"
        " UNION SELECT a.provider_id FROM admission a JOIN framework_member m USING (framework_id) WHERE m.commissioner_id = app_commissioner()",
    ),
    # whose workers' evidence the commissioner may weigh: an application refused or withdrawn closes it again
    "my_evidence_providers()": (
        "TABLE (provider_id uuid)",
        "SELECT a.provider_id FROM application a JOIN framework_member m USING (framework_id) WHERE m.commissioner_id = app_commissioner()"
        " AND a.state IN ('submitted', 'admitted')"
        " UNION SELECT a.provider_id FROM admission a JOIN framework_member m USING (framework_id) WHERE m.commissioner_id = app_commissioner()",
    ),
    # children by grant, with one right or any
    "my_granted_children(wanted text DEFAULT NULL)": (
        "TABLE (commissioner_id uuid, child_id uuid)",
        "SELECT g.commissioner_id, g.child_id FROM family_grant g WHERE g.person_id = app_person() AND g.revoked_at IS NULL"
        " AND app_organisation() IS NULL AND g.starts_on <= app_today() AND (g.ends_on IS NULL OR g.ends_on >= app_today())"
        " AND (wanted IS NULL OR wanted = ANY (g.rights))",
    ),
    # what an allocated worker reaches, person by person; only while the person still works for that very provider (a
    # worker of two providers goes on signing in after leaving one)
    "my_allocated_packages()": (
        "TABLE (commissioner_id uuid, package_id uuid, child_id uuid)",
        "SELECT p.commissioner_id, p.id, p.child_id FROM package_worker w JOIN package p ON p.commissioner_id = w.commissioner_id AND p.id = w.package_id"
        " WHERE w.worker_person_id = app_person() AND w.removed_at IS NULL AND app_organisation() IS NULL AND p.state IN ('set_up', 'active')"
        f" AND w.provider_id IN ({WORKS_FOR})",
    ),
    # whoever is stood down keeps their own visits' facts, to finish a record, and reads nothing more of the child
    "my_cleared_packages()": (
        "TABLE (commissioner_id uuid, package_id uuid, child_id uuid)",
        "SELECT a.commissioner_id, a.package_id, a.child_id FROM my_allocated_packages() a WHERE EXISTS (SELECT FROM package_worker w"
        " JOIN worker k ON k.provider_id = w.provider_id AND k.id = w.worker_id WHERE w.commissioner_id = a.commissioner_id"
        " AND w.package_id = a.package_id AND w.worker_person_id = app_person() AND w.removed_at IS NULL AND k.stood_down_at IS NULL)",
    ),
    "my_visits()": (
        "TABLE (commissioner_id uuid, visit_id uuid)",
        "SELECT commissioner_id, visit_id FROM visit_worker WHERE worker_person_id = app_person() AND app_organisation() IS NULL"
        f" AND provider_id IN ({WORKS_FOR})",
    ),
    "my_workers()": (
        "TABLE (provider_id uuid, worker_id uuid)",
        "SELECT provider_id, id FROM worker WHERE person_id = app_person() AND app_organisation() IS NULL",
    ),
    # the provider's own: referrals that reached it, packages awarded to it
    "my_reached_referrals()": (
        "TABLE (commissioner_id uuid, referral_id uuid)",
        "SELECT DISTINCT commissioner_id, referral_id FROM referral_reach WHERE provider_id = app_organisation() AND reached",
    ),
    "my_awarded_children()": (
        "TABLE (commissioner_id uuid, child_id uuid)",
        "SELECT DISTINCT commissioner_id, child_id FROM package WHERE provider_id = app_organisation() AND state IN ('set_up', 'active')",
    ),
    # referrals and offers a family may choose among (never drafts)
    "my_choosable_referrals()": (
        "TABLE (commissioner_id uuid, referral_id uuid)",
        "SELECT r.commissioner_id, r.id FROM referral r JOIN my_granted_children('choose') g"
        " ON g.commissioner_id = r.commissioner_id AND g.child_id = r.child_id WHERE r.state <> 'draft'",
    ),
    "my_choosable_offers()": (
        "TABLE (commissioner_id uuid, offer_id uuid)",
        "SELECT o.commissioner_id, o.id FROM offer o JOIN my_choosable_referrals() r"
        " ON r.commissioner_id = o.commissioner_id AND r.referral_id = o.referral_id",
    ),
    "my_granted_packages(wanted text DEFAULT NULL)": (
        "TABLE (commissioner_id uuid, package_id uuid)",
        "SELECT p.commissioner_id, p.id FROM package p JOIN my_granted_children(wanted) g"
        " ON g.commissioner_id = p.commissioner_id AND g.child_id = p.child_id WHERE p.state <> 'undone'",
    ),
    "my_funded_packages()": (
        "TABLE (commissioner_id uuid, package_id uuid)",
        "SELECT commissioner_id, package_id FROM package_funding WHERE payer_id = app_commissioner()",
    ),
    # people whose names the context may see: colleagues, families it grants or serves
    "my_people()": (
        "TABLE (person_id uuid)",
        "SELECT app_person()"
        " UNION SELECT person_id FROM membership WHERE organisation_id = app_organisation()"
        " UNION SELECT person_id FROM family_grant WHERE commissioner_id = app_commissioner()"
        " UNION SELECT g.person_id FROM family_grant g JOIN my_awarded_children() c ON c.commissioner_id = g.commissioner_id AND c.child_id = g.child_id"
        " UNION SELECT g.person_id FROM family_grant g JOIN my_cleared_packages() p ON p.commissioner_id = g.commissioner_id AND p.child_id = g.child_id"
        " UNION SELECT p.referrer_id FROM package p WHERE p.provider_id = app_organisation()"
        " UNION SELECT p.referrer_id FROM package p JOIN my_granted_packages() g ON g.commissioner_id = p.commissioner_id AND g.package_id = p.id",
    ),
}


def pair(columns: str, function: str) -> str:
    return f"({columns}) IN (SELECT * FROM {function})"


OWN_CASE = "commissioner_id = app_commissioner()"
OWN_PROVIDER = "provider_id = app_organisation()"
OWN_WORKER = "(provider_id, worker_id) IN (SELECT * FROM my_workers())"
EVIDENCE_PROVIDER = "provider_id IN (SELECT * FROM my_evidence_providers())"
MEMBER = "framework_id IN (SELECT * FROM my_frameworks())"
LEAD = "framework_id IN (SELECT * FROM my_led_frameworks())"
ALLOCATED = "(commissioner_id, package_id) IN (SELECT commissioner_id, package_id FROM my_cleared_packages())"
FUNDED = pair("commissioner_id, package_id", "my_funded_packages()")

# table -> {policy name: (command, using, with check or None for the same)}
POLICIES: dict[str, dict[str, tuple[str, str, str | None]]] = {
    # platform
    "organisation": {
        "anybody_signed_in": ("SELECT", "app_person() IS NOT NULL", None),
        "own": ("UPDATE", "id = app_organisation()", None),
    },
    "person": {
        "reachable": ("SELECT", "id IN (SELECT * FROM my_people())", None),
        "own": ("UPDATE", "id = app_person()", None),
    },
    "membership": {
        "own": ("SELECT", "person_id = app_person()", None),
        "colleagues": ("ALL", "organisation_id = app_organisation()", None),
    },
    "credential": {},
    "web_session": {"own": ("SELECT", "person_id = app_person()", None)},
    "refresh_token": {},
    "sign_in_attempt": {},
    "audit_head": {"own": ("SELECT", "organisation_id = app_organisation()", None)},
    "audit_entry": {"own": ("SELECT", "organisation_id = app_organisation()", None)},
    "look": {
        "own": (
            "SELECT",
            "organisation_id = app_organisation() OR for_organisation = app_organisation() OR person_id = app_person()",
            None,
        ),
        "of_my_child": ("SELECT", "(organisation_id, subject_id) IN (SELECT * FROM my_granted_children())", None),
    },
    "mail_message": {
        "own": ("SELECT", "to_person = app_person()", None),
        # anybody's action may cause a mail; only the worker process reads and marks them (its own role)
        "write": ("INSERT", "app_person() IS NOT NULL", None),
    },
    "notice": {
        "read": ("SELECT", "organisation_id = app_organisation() OR person_id = app_person()", None),
        "write": ("INSERT", "app_person() IS NOT NULL", None),
    },
    "demo_clock": {"everybody": ("SELECT", "true", None)},
    "pack_version": {
        "signed_in": ("SELECT", "app_person() IS NOT NULL", None),
        "store": ("INSERT", "app_commissioner() IS NOT NULL", None),
    },
    # framework scope
    "framework": {
        "member": (
            "SELECT",
            "id IN (SELECT * FROM my_frameworks()) OR lead_commissioner_id = app_commissioner()",
            None,
        ),
        "open": ("SELECT", "state <> 'draft' AND app_person() IS NOT NULL", None),
        "create": ("INSERT", "lead_commissioner_id = app_commissioner()", None),
        "lead": ("UPDATE", "lead_commissioner_id = app_commissioner()", None),
    },
    "framework_lot": {
        "member": ("SELECT", MEMBER, None),
        "open": (
            "SELECT",
            "app_person() IS NOT NULL AND framework_id IN (SELECT id FROM framework WHERE state <> 'draft')",
            None,
        ),
        "lead": (
            "INSERT",
            "framework_id IN (SELECT id FROM framework WHERE lead_commissioner_id = app_commissioner())",
            None,
        ),
    },
    "framework_member": {
        "member": ("SELECT", MEMBER, None),
        "open": (
            "SELECT",
            "app_person() IS NOT NULL AND framework_id IN (SELECT id FROM framework WHERE state <> 'draft')",
            None,
        ),
        "lead": (
            "INSERT",
            "framework_id IN (SELECT id FROM framework WHERE lead_commissioner_id = app_commissioner())",
            None,
        ),
        "lead_changes": ("UPDATE", LEAD, None),
        "lead_removes": ("DELETE", f"{LEAD} AND NOT leads", None),
    },
    "framework_decision": {
        "member": ("SELECT", MEMBER, None),
        "open": (
            "SELECT",
            "app_person() IS NOT NULL AND framework_id IN (SELECT id FROM framework WHERE state <> 'draft')",
            None,
        ),
        "lead": ("INSERT", LEAD, None),
        "lead_changes": ("UPDATE", LEAD, None),
    },
    # A provider writes its application once and may only withdraw it; what it proposed is never edited underneath.
    "application": {
        "member": ("SELECT", MEMBER, None),
        "lead": ("UPDATE", LEAD, None),
        "provider": ("SELECT", OWN_PROVIDER, None),
        "apply": (
            "INSERT",
            f"{OWN_PROVIDER} AND state = 'submitted' AND framework_id IN (SELECT id FROM framework WHERE state = 'open')",
            None,
        ),
        "withdraw": ("UPDATE", f"{OWN_PROVIDER} AND state = 'submitted'", f"{OWN_PROVIDER} AND state = 'withdrawn'"),
    },
    "admission": {
        "member": ("SELECT", MEMBER, None),
        "lead": ("ALL", LEAD, None),
        "provider": ("SELECT", OWN_PROVIDER, None),
    },
    "rate_card": {
        "member": ("SELECT", MEMBER, None),
        "lead": ("UPDATE", LEAD, None),
        "provider": ("SELECT", OWN_PROVIDER, None),
        "propose": ("INSERT", f"{OWN_PROVIDER} AND state = 'proposed'", None),
        "withdraw": ("UPDATE", f"{OWN_PROVIDER} AND state = 'proposed'", f"{OWN_PROVIDER} AND state = 'withdrawn'"),
    },
    "rate": {
        "member": ("SELECT", MEMBER, None),
        "provider": ("SELECT", OWN_PROVIDER, None),
        "propose": (
            "INSERT",
            f"{OWN_PROVIDER} AND (framework_id, rate_card_id) IN (SELECT framework_id, id FROM rate_card WHERE state = 'proposed')",
            None,
        ),
    },
    "suspension": {
        "member": ("SELECT", f"{MEMBER} AND (commissioner_id IS NULL OR {OWN_CASE} OR {LEAD})", None),
        "lead": ("ALL", LEAD, None),
        "partner": ("ALL", f"{MEMBER} AND {OWN_CASE}", None),
        "provider": ("SELECT", OWN_PROVIDER, None),
    },
    "pause": {"member": ("SELECT", MEMBER, None), "provider": ("ALL", OWN_PROVIDER, None)},
    # provider scope
    "provider": {
        "own": ("ALL", "id = app_organisation()", None),
        "framework": ("SELECT", "id IN (SELECT * FROM my_framework_providers())", None),
        "family": ("SELECT", "id IN (SELECT provider_id FROM my_serving_providers())", None),
    },
    "worker": {
        "own": ("ALL", OWN_PROVIDER, None),
        "self": ("SELECT", "(provider_id, id) IN (SELECT * FROM my_workers())", None),
        "framework": ("SELECT", EVIDENCE_PROVIDER, None),
    },
    "worker_private": {"own": ("ALL", OWN_PROVIDER, None), "self": ("SELECT", OWN_WORKER, None)},
    **{
        table: {
            "own": ("ALL", OWN_PROVIDER, None),
            "self": ("SELECT", OWN_WORKER, None),
            "framework": ("SELECT", EVIDENCE_PROVIDER, None),
        }
        for table in ("worker_dbs_check", "worker_competency", "worker_check")
    },
    "booking": {"own": ("ALL", OWN_PROVIDER, None), "self": ("SELECT", OWN_WORKER, None)},
    # case scope
    "child": {
        "own": ("ALL", OWN_CASE, None),
        "awarded": ("SELECT", pair("commissioner_id, id", "my_awarded_children()"), None),
        "allocated": (
            "SELECT",
            "(commissioner_id, id) IN (SELECT commissioner_id, child_id FROM my_cleared_packages())",
            None,
        ),
        "family": ("SELECT", pair("commissioner_id, id", "my_granted_children()"), None),
    },
    "child_identity": {
        "own": ("ALL", OWN_CASE, None),
        "awarded": ("SELECT", pair("commissioner_id, child_id", "my_awarded_children()"), None),
        "allocated": (
            "SELECT",
            "(commissioner_id, child_id) IN (SELECT commissioner_id, child_id FROM my_cleared_packages())",
            None,
        ),
        "family": ("SELECT", pair("commissioner_id, child_id", "my_granted_children()"), None),
    },
    "family_grant": {
        "own": ("ALL", OWN_CASE, None),
        "awarded": ("SELECT", pair("commissioner_id, child_id", "my_awarded_children()"), None),
        "allocated": (
            "SELECT",
            "(commissioner_id, child_id) IN (SELECT commissioner_id, child_id FROM my_cleared_packages())",
            None,
        ),
        "self": ("SELECT", "person_id = app_person()", None),
    },
    "referral": {
        "own": ("ALL", OWN_CASE, None),
        "reached": ("SELECT", pair("commissioner_id, id", "my_reached_referrals()"), None),
        "family": ("SELECT", pair("commissioner_id, id", "my_choosable_referrals()"), None),
    },
    "referral_reach": {"own": ("ALL", OWN_CASE, None), "reached": ("SELECT", f"{OWN_PROVIDER} AND reached", None)},
    "referral_question": {
        "own": ("ALL", OWN_CASE, None),
        "asker": ("SELECT", OWN_PROVIDER, None),
        "ask": ("INSERT", f"{OWN_PROVIDER} AND {pair('commissioner_id, referral_id', 'my_reached_referrals()')}", None),
    },
    "referral_clarification": {
        "own": ("ALL", OWN_CASE, None),
        "reached": ("SELECT", pair("commissioner_id, referral_id", "my_reached_referrals()"), None),
    },
    "referral_decline": {"own": ("SELECT", OWN_CASE, None), "provider": ("ALL", OWN_PROVIDER, None)},
    "offer": {
        "own": ("SELECT", OWN_CASE, None),
        "decide": ("UPDATE", OWN_CASE, None),
        "provider": ("SELECT", OWN_PROVIDER, None),
        "provider_changes": ("UPDATE", OWN_PROVIDER, None),
        "make": (
            "INSERT",
            f"{OWN_PROVIDER} AND {pair('commissioner_id, referral_id', 'my_reached_referrals()')}",
            None,
        ),
        "family": (
            "SELECT",
            f"state <> 'withdrawn' AND {pair('commissioner_id, referral_id', 'my_choosable_referrals()')}",
            None,
        ),
    },
    "offer_worker": {
        "own": ("SELECT", OWN_CASE, None),
        "provider": ("ALL", OWN_PROVIDER, None),
        "family": ("SELECT", pair("commissioner_id, offer_id", "my_choosable_offers()"), None),
    },
    "offer_choice": {
        "own": ("ALL", OWN_CASE, None),
        "family": (
            "ALL",
            f"person_id = app_person() AND side = 'family' AND {pair('commissioner_id, referral_id', 'my_choosable_referrals()')}",
            None,
        ),
    },
    "offer_meeting": {
        "own": ("SELECT", OWN_CASE, None),
        "provider": ("SELECT", OWN_PROVIDER, None),
        "provider_answers": ("UPDATE", OWN_PROVIDER, None),
        "family": (
            "ALL",
            f"asked_by = app_person() AND {pair('commissioner_id, offer_id', 'my_choosable_offers()')}",
            None,
        ),
    },
    "package": {
        "own": ("ALL", OWN_CASE, None),
        "provider": ("SELECT", OWN_PROVIDER, None),
        "provider_changes": ("UPDATE", OWN_PROVIDER, None),
        "allocated": (
            "SELECT",
            "(commissioner_id, id) IN (SELECT commissioner_id, package_id FROM my_allocated_packages())",
            None,
        ),
        "family": ("SELECT", pair("commissioner_id, id", "my_granted_packages()"), None),
        "payer": ("SELECT", pair("commissioner_id, id", "my_funded_packages()"), None),
    },
    "package_funding": {
        "own": ("ALL", OWN_CASE, None),
        "provider": ("SELECT", OWN_PROVIDER, None),
        "payer": ("SELECT", "payer_id = app_commissioner()", None),
    },
    "package_worker": {
        "own": ("ALL", OWN_CASE, None),
        "provider": ("ALL", OWN_PROVIDER, None),
        "allocated": ("SELECT", ALLOCATED, None),
        "family": ("SELECT", pair("commissioner_id, package_id", "my_granted_packages()"), None),
    },
    "plan_version": {
        "own": ("SELECT", OWN_CASE, None),
        "decide": ("UPDATE", OWN_CASE, None),
        "provider": ("ALL", OWN_PROVIDER, None),
        "allocated": ("SELECT", f"state IN ('signed', 'shared') AND {ALLOCATED}", None),
        "family": (
            "SELECT",
            # whoever may sign a plan may read it
            "state <> 'draft' AND (commissioner_id, package_id) IN (SELECT * FROM my_granted_packages('see_plan')"
            " UNION SELECT * FROM my_granted_packages('sign_plan'))",
            None,
        ),
    },
    "signature": {
        # everybody signs for themselves; only what is said of a family that has not signed is written by others
        "own": ("SELECT", OWN_CASE, None),
        "resolve": ("UPDATE", OWN_CASE, None),
        "referrer_signs": ("INSERT", f"{OWN_CASE} AND side = 'referrer' AND person_id = app_person()", None),
        "provider": ("SELECT", OWN_PROVIDER, None),
        # the office may record why the family has not signed; it never signs for the family or a worker
        "provider_signs": (
            "INSERT",
            f"{OWN_PROVIDER} AND person_id = app_person() AND (side = 'provider' OR side = 'family' AND method = 'coded_reason')",
            None,
        ),
        "worker": ("SELECT", f"{ALLOCATED} OR {pair('commissioner_id, subject_id', 'my_visits()')}", None),
        # a worker signs their own part; the family's PIN or a coded reason is taken on the worker's device
        "worker_signs": (
            "INSERT",
            f"subject_type = 'visit' AND {pair('commissioner_id, subject_id', 'my_visits()')} AND (side = 'worker' AND person_id = app_person()"
            " AND method = 'own_sign_in' OR side = 'family' AND method IN ('own_pin', 'coded_reason'))",
            None,
        ),
        "family": ("SELECT", pair("commissioner_id, package_id", "my_granted_packages()"), None),
        "family_signs": (
            "INSERT",
            # with the right that this very signature uses, and no other
            "side = 'family' AND person_id = app_person() AND method = 'own_sign_in' AND (commissioner_id, package_id) IN (SELECT * FROM"
            " my_granted_packages(CASE subject_type WHEN 'visit' THEN 'confirm_visits' ELSE 'sign_plan' END))",
            None,
        ),
    },
    "visit": {
        "own": ("ALL", OWN_CASE, None),
        "provider": ("ALL", OWN_PROVIDER, None),
        "worker": ("SELECT", f"{pair('commissioner_id, id', 'my_visits()')} OR {ALLOCATED}", None),
        "worker_records": ("UPDATE", pair("commissioner_id, id", "my_visits()"), None),
        "family": ("SELECT", pair("commissioner_id, package_id", "my_granted_packages('see_visits')"), None),
        "family_confirms": (
            "SELECT",
            pair("commissioner_id, package_id", "my_granted_packages('confirm_visits')"),
            None,
        ),
        "payer": ("SELECT", FUNDED, None),
    },
    "visit_worker": {
        "own": ("ALL", OWN_CASE, None),
        "provider": ("ALL", OWN_PROVIDER, None),
        "worker": ("SELECT", "(commissioner_id, visit_id) IN (SELECT v.commissioner_id, v.id FROM visit v)", None),
    },
    "visit_note": {
        "own": ("SELECT", OWN_CASE, None),
        "provider": ("ALL", OWN_PROVIDER, None),
        "worker_writes": ("ALL", pair("commissioner_id, visit_id", "my_visits()"), None),
        "worker_reads": (
            "SELECT",
            "(commissioner_id, visit_id) IN (SELECT v.commissioner_id, v.id FROM visit v JOIN my_cleared_packages() p ON p.commissioner_id = v.commissioner_id AND p.package_id = v.package_id"
            f" WHERE v.planned_start > app_now() - {RECENT})",
            None,
        ),
        "family": (
            "SELECT",
            "(commissioner_id, visit_id) IN (SELECT v.commissioner_id, v.id FROM visit v WHERE (v.commissioner_id, v.package_id) IN"
            " (SELECT * FROM my_granted_packages('see_visits') UNION SELECT * FROM my_granted_packages('confirm_visits')))",
            None,
        ),
    },
    "invoice": {"own": ("ALL", OWN_CASE, None), "provider": ("ALL", OWN_PROVIDER, None)},
    "invoice_line": {"own": ("ALL", OWN_CASE, None), "provider": ("ALL", OWN_PROVIDER, None)},
    "ledger_entry": {"own": ("ALL", OWN_CASE, None), "provider": ("ALL", OWN_PROVIDER, None)},
    "ledger_posting": {"own": ("ALL", OWN_CASE, None), "provider": ("ALL", OWN_PROVIDER, None)},
    "obligation": {
        "parties": (
            "ALL",
            # A referral's duties of other providers stay unseen by those it reached: their existence is a secret (data.md).
            "commissioner_id = app_commissioner() OR owed_by_organisation = app_organisation() OR owed_to = app_organisation() OR owed_by_person = app_person()"
            " OR (commissioner_id IS NULL AND framework_id IN (SELECT * FROM my_frameworks()))"
            " OR (commissioner_id, package_id) IN (SELECT * FROM my_granted_packages())"
            " OR (package_id IS NULL AND owed_by_organisation IS NULL AND (commissioner_id, child_id) IN (SELECT * FROM my_granted_children()))"
            " OR (commissioner_id, package_id) IN (SELECT commissioner_id, package_id FROM my_cleared_packages())"
            " OR (commissioner_id, package_id) IN (SELECT commissioner_id, id FROM package WHERE provider_id = app_organisation())",
            "app_person() IS NOT NULL",
        ),
    },
}

FUNCTIONS["my_serving_providers()"] = (
    "TABLE (provider_id uuid)",
    "SELECT p.provider_id FROM package p JOIN my_granted_packages() g ON g.commissioner_id = p.commissioner_id AND g.package_id = p.id"
    " UNION SELECT o.provider_id FROM offer o JOIN my_choosable_offers() c ON c.commissioner_id = o.commissioner_id AND c.offer_id = o.id"
    " UNION SELECT provider_id FROM my_workers()",
)

# Columns apart: what the database keeps in step itself, in the transaction of the change.
TRIGGERS = """
-- Whether the family has used a right by signing this text: any one person with it suffices, those who hold it jointly
-- only together (data.md). A family member reads no other member's grant, so the question is answered here.
CREATE FUNCTION family_has_signed(tenant uuid, of_child uuid, wanted text, subject uuid, hash text) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH holder AS (SELECT g.jointly, EXISTS (SELECT 1 FROM signature s WHERE s.commissioner_id = tenant AND s.subject_id = subject
            AND s.side = 'family' AND s.method <> 'coded_reason' AND s.person_id = g.person_id AND s.text_hash = hash) AS signed
        FROM family_grant g WHERE g.commissioner_id = tenant AND g.child_id = of_child AND g.revoked_at IS NULL AND wanted = ANY (g.rights)
            AND g.starts_on <= app_today() AND (g.ends_on IS NULL OR g.ends_on >= app_today()))
    SELECT coalesce(bool_or(signed AND NOT jointly), false) OR coalesce(bool_and(signed) FILTER (WHERE jointly), false) FROM holder
$$;
-- A visit's signature stands under the record as it is: the row is held, so that nobody changes it meanwhile.
CREATE FUNCTION signature_kept() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE signed visit;
BEGIN
    IF NEW.subject_type <> 'visit' THEN RETURN NULL; END IF;
    SELECT * INTO signed FROM visit WHERE commissioner_id = NEW.commissioner_id AND id = NEW.subject_id FOR UPDATE;
    IF TG_OP = 'INSERT' AND NEW.text_hash IS DISTINCT FROM signed.record_hash THEN
        RAISE EXCEPTION 'this is not the record as it stands' USING ERRCODE = 'check_violation'; END IF;
    IF NEW.side = 'worker' AND NEW.method <> 'coded_reason' THEN
        UPDATE visit_worker SET signed_at = coalesce(signed_at, NEW.signed_at)
        WHERE commissioner_id = NEW.commissioner_id AND visit_id = NEW.subject_id AND worker_id = NEW.worker_id;
    ELSIF NEW.side = 'family' AND (NEW.resolved_at IS NOT NULL OR NEW.method <> 'coded_reason'
            AND family_has_signed(NEW.commissioner_id, signed.child_id, 'confirm_visits', NEW.subject_id, NEW.text_hash)) THEN
        UPDATE visit SET family_signed = true, unsigned_reason_waiting = false
        WHERE commissioner_id = NEW.commissioner_id AND id = NEW.subject_id;
    ELSIF NEW.side = 'family' AND NEW.method = 'coded_reason' THEN
        UPDATE visit SET unsigned_reason_waiting = NOT family_signed WHERE commissioner_id = NEW.commissioner_id AND id = NEW.subject_id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER signature_kept AFTER INSERT OR UPDATE ON signature FOR EACH ROW EXECUTE FUNCTION signature_kept();
-- A signature is never edited: only its coded reason may be resolved, once.
CREATE FUNCTION signature_is_kept_as_signed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.method <> 'coded_reason' OR OLD.resolved_at IS NOT NULL
       OR to_jsonb(OLD) - ARRAY['resolved_at', 'resolved_by', 'resolution'] <> to_jsonb(NEW) - ARRAY['resolved_at', 'resolved_by', 'resolution']
    THEN RAISE EXCEPTION 'a signature is kept as it was given' USING ERRCODE = 'check_violation'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER signature_unchanged BEFORE UPDATE ON signature FOR EACH ROW EXECUTE FUNCTION signature_is_kept_as_signed();
CREATE FUNCTION visit_starts_package() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE package SET state = 'active' WHERE commissioner_id = NEW.commissioner_id AND id = NEW.package_id AND state = 'set_up';
    RETURN NULL;
END $$;
CREATE TRIGGER visit_starts_package AFTER UPDATE OF actual_start ON visit FOR EACH ROW
    WHEN (OLD.actual_start IS NULL AND NEW.actual_start IS NOT NULL) EXECUTE FUNCTION visit_starts_package();
-- A record that changes takes the workers' signatures with it; once the family has signed, or the reason why not is
-- recorded, it does not change any more (a worker reaches no signature of others, so it is seen to here).
CREATE FUNCTION visit_record_changes() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM signature WHERE commissioner_id = OLD.commissioner_id AND subject_id = OLD.id AND side = 'family') THEN
        RAISE EXCEPTION 'a record the family has answered is not changed' USING ERRCODE = 'check_violation'; END IF;
    UPDATE visit_worker w SET signed_at = (SELECT min(s.signed_at) FROM signature s WHERE s.commissioner_id = OLD.commissioner_id
        AND s.subject_id = OLD.id AND s.side = 'worker' AND s.worker_id = w.worker_id AND s.text_hash = NEW.record_hash)
    WHERE w.commissioner_id = OLD.commissioner_id AND w.visit_id = OLD.id;
    RETURN NEW;
END $$;
CREATE TRIGGER visit_record_changes BEFORE UPDATE OF record_hash ON visit FOR EACH ROW
    WHEN (OLD.record_hash IS DISTINCT FROM NEW.record_hash) EXECUTE FUNCTION visit_record_changes();
-- A plan's content is fixed once it has been shared; when both sides have signed the same text it is in force.
CREATE FUNCTION plan_content_is_fixed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state <> 'draft' AND (OLD.content <> NEW.content OR OLD.text_hash IS DISTINCT FROM NEW.text_hash)
    THEN RAISE EXCEPTION 'a shared plan is not edited: write a new version' USING ERRCODE = 'check_violation'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER plan_content_fixed BEFORE UPDATE ON plan_version FOR EACH ROW EXECUTE FUNCTION plan_content_is_fixed();
CREATE FUNCTION plan_takes_effect(tenant uuid, plan uuid) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE shared plan_version; of_child uuid;
BEGIN
    IF NOT EXISTS (SELECT 1 FROM signature WHERE commissioner_id = tenant AND subject_id = plan AND person_id = app_person()) THEN
        RAISE EXCEPTION 'only a signatory brings a plan into force' USING ERRCODE = 'insufficient_privilege';
    END IF;
    SELECT * INTO shared FROM plan_version WHERE commissioner_id = tenant AND id = plan AND state = 'shared' FOR UPDATE;
    SELECT child_id INTO of_child FROM package WHERE commissioner_id = tenant AND id = shared.package_id;
    IF shared.id IS NULL OR NOT EXISTS (SELECT 1 FROM signature WHERE commissioner_id = tenant AND subject_id = plan
        AND side = 'referrer' AND text_hash = shared.text_hash) THEN RETURN false; END IF;
    -- Where nobody of the family may sign, the referrer's signature says why and stands alone.
    IF NOT family_has_signed(tenant, of_child, 'sign_plan', plan, shared.text_hash) AND NOT EXISTS (SELECT 1 FROM signature
        WHERE commissioner_id = tenant AND subject_id = plan AND side = 'referrer' AND text_hash = shared.text_hash AND reason_remark <> '')
    THEN RETURN false; END IF;
    UPDATE plan_version SET state = 'superseded' WHERE commissioner_id = tenant AND package_id = shared.package_id AND state = 'signed';
    UPDATE plan_version SET state = 'signed', signed_at = app_now() WHERE commissioner_id = tenant AND id = plan;
    RETURN true;
END $$;
-- Sends a shared plan back for a new version: the commissioner, the provider itself, or a family member who may sign it.
CREATE FUNCTION plan_return(tenant uuid, plan uuid, why text) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE plan_version v SET state = 'returned', returned_reason = why
    WHERE v.commissioner_id = tenant AND v.id = plan AND v.state = 'shared' AND why <> ''
        AND (v.commissioner_id = app_commissioner() OR v.provider_id = app_organisation()
             OR (v.commissioner_id, v.package_id) IN (SELECT * FROM my_granted_packages('sign_plan')));
    RETURN FOUND;
END $$;
"""
TRIGGER_FUNCTIONS = "plan_return(uuid, uuid, text), visit_record_changes(), family_has_signed(uuid, uuid, text, uuid, text), plan_takes_effect(uuid, uuid), plan_content_is_fixed(), visit_starts_package(), signature_is_kept_as_signed(), signature_kept()"

# Row-level security lets a context lock only what it may change, so a provider could not hold still the referral it
# offers for. This locks, and tells nothing new: null where the context does not reach the referral.
HOLDS = """
CREATE FUNCTION hold_referral(tenant uuid, referral_id uuid) RETURNS text
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT r.state FROM referral r WHERE r.commissioner_id = tenant AND r.id = referral_id
        AND (r.commissioner_id = app_commissioner() OR (r.commissioner_id, r.id) IN (SELECT * FROM my_reached_referrals())
             OR (r.commissioner_id, r.id) IN (SELECT * FROM my_choosable_referrals()))
    FOR SHARE OF r
$$;
"""

# Lists the tenants for sweeps: names nothing but ids. The worker process only.
SWEEPS = """
CREATE FUNCTION list_organisations(wanted text) RETURNS TABLE (id uuid, name text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$ SELECT id, name FROM organisation WHERE kind = wanted ORDER BY id $$;
"""


def up() -> str:
    parts: list[str] = []
    # my_people and friends call one another: those that are called come first in FUNCTIONS.
    for signature, (returns, body) in FUNCTIONS.items():
        parts.append(
            f"CREATE FUNCTION {signature} RETURNS {returns} LANGUAGE sql STABLE SECURITY DEFINER"
            f" SET search_path = public, pg_temp AS $$ {body} $$;"
        )
    parts += [TRIGGERS, HOLDS, SWEEPS, "SET LOCAL ROLE {prefix}_owner;"]
    for table, policies in POLICIES.items():
        parts.append(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY; ALTER TABLE {table} FORCE ROW LEVEL SECURITY;")
        commands = {command for command, _, _ in policies.values()}
        for name, (command, using, check) in policies.items():
            clauses = "" if command == "INSERT" else f" USING ({using})"
            if command in ("INSERT", "UPDATE", "ALL"):
                clauses += f" WITH CHECK ({check or using})"
            parts.append(
                f'CREATE POLICY "{name}" ON {table} FOR {command} TO {{prefix}}_app, {{prefix}}_worker{clauses};'
            )
        wanted = {"SELECT", "INSERT", "UPDATE"} if "ALL" in commands else commands
        if table in DELETABLE or "DELETE" in commands:
            wanted = wanted | {"DELETE"}
        if wanted:
            parts.append(f"GRANT {', '.join(sorted(wanted))} ON {table} TO {{prefix}}_app, {{prefix}}_worker;")
    # The worker process alone sends mail; in every other way it is bound like the application.
    parts.append("CREATE POLICY post ON mail_message FOR ALL TO {prefix}_worker USING (true) WITH CHECK (true);")
    parts.append("GRANT SELECT, UPDATE ON mail_message TO {prefix}_worker;")
    parts.append("RESET ROLE;")
    parts.append("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {prefix}_backup;")
    parts.append("REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC;")
    parts.append("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO {prefix}_owner, {prefix}_app, {prefix}_worker;")
    parts.append("REVOKE EXECUTE ON FUNCTION list_organisations(text), audit_faults() FROM {prefix}_app;")
    return "\n".join(parts)


# Rows that are lists inside something being written, replaced as a whole until it is submitted.
DELETABLE = {"offer_worker", "referral_decline"}


def down() -> str:
    parts = [f'DROP POLICY "{name}" ON {table};' for table, policies in POLICIES.items() for name in policies]
    parts += [
        f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY; ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;"
        for table in POLICIES
    ]
    parts.append("DROP POLICY post ON mail_message;")
    parts.append("DROP TRIGGER plan_content_fixed ON plan_version; DROP TRIGGER visit_starts_package ON visit;")
    parts.append("DROP TRIGGER visit_record_changes ON visit;")
    parts.append("DROP TRIGGER signature_unchanged ON signature; DROP TRIGGER signature_kept ON signature;")
    parts.append(f"DROP FUNCTION {TRIGGER_FUNCTIONS}, list_organisations(text);")
    parts.append("DROP FUNCTION hold_referral(uuid, uuid);")
    names = ", ".join(signature.replace("wanted text DEFAULT NULL", "text") for signature in FUNCTIONS)
    parts.append(f"DROP FUNCTION {names};")
    return "\n".join(parts)


async def forwards():
    return sql_migration(ID, "Row-level security", up(), down())
