"""What PostgreSQL itself lets each person read, row by row, as the application's role: data.md's secrets in SQL."""

from __future__ import annotations

import asyncpg
import pytest

from marketplace.platform.database import Work, ask, unit_of_work
from tests.secrecy.rows import Rows, lay

# table -> the commissioner's own staff, the awarded provider, and so on; everyone not named reads nothing of it
NORTHGATE = {"northgate_referrer", "northgate_finance", "northgate_contract_manager"}
EVERYBODY_ELSE = {
    "southmere_referrer", "southmere_finance", "southmere_contract_manager", "stranger_manager", "operator_person",
    "former_carer", "future_carer", "other_family",
}  # fmt: skip

# row (by name) -> (table, who reads it); the row is looked for by id
READERS: dict[str, tuple[str, set[str]]] = {
    "winner_application": ("application", NORTHGATE | {"winner_manager"}),
    "rival_application": ("application", NORTHGATE | {"rival_manager"}),
    "winner_admission": ("admission", NORTHGATE | {"winner_manager"}),
    "rival_admission": ("admission", NORTHGATE | {"rival_manager"}),
    "winner_card": ("rate_card", NORTHGATE | {"winner_manager"}),
    "rival_card": ("rate_card", NORTHGATE | {"rival_manager"}),
    "winner_suspension": ("suspension", NORTHGATE | {"winner_manager"}),
    "rival_suspension": ("suspension", NORTHGATE | {"rival_manager"}),
    "winner_rule_suspension": ("suspension", NORTHGATE | {"winner_manager"}),
    "winner_ground": ("standing_ground", NORTHGATE | {"winner_manager"}),
    "winner_cause": ("suspension_cause", NORTHGATE | {"winner_manager"}),
    "waved_off_cause": ("suspension_cause", NORTHGATE),
    "dropped_cause": ("suspension_cause", NORTHGATE),
    "winner_action": ("plan_action", NORTHGATE | {"winner_manager"}),
    "winner_step": ("suspension_step", NORTHGATE | {"winner_manager"}),
    "winner_restriction": ("restriction", NORTHGATE | {"winner_manager"}),
    "move": ("package_move", NORTHGATE | {"winner_manager"}),
    "handover": ("package_handover", NORTHGATE | {"winner_manager"}),
    "emergency": ("emergency_cover", NORTHGATE),
    "rival_pause": ("pause", NORTHGATE | {"rival_manager"}),
    "allocated_worker_row": ("worker", NORTHGATE | {"winner_manager", "allocated_worker"}),
    "colleague_worker_row": ("worker", NORTHGATE | {"winner_manager", "colleague_worker"}),
    "rival_worker_row": ("worker", NORTHGATE | {"rival_manager", "rival_worker"}),
    "allocated_worker_dbs": ("worker_dbs_check", NORTHGATE | {"winner_manager", "allocated_worker"}),
    "allocated_worker_competency": ("worker_competency", NORTHGATE | {"winner_manager", "allocated_worker"}),
    "allocated_worker_check": ("worker_check", NORTHGATE | {"winner_manager", "allocated_worker"}),
    "allocated_worker_file": ("evidence", {"winner_manager", "allocated_worker"}),
    "rival_worker_file": ("evidence", {"rival_manager", "rival_worker"}),
    "allocated_booking": ("booking", {"winner_manager", "allocated_worker"}),
    "child": ("child", NORTHGATE | {"winner_manager", "allocated_worker", "mother", "plan_only_uncle"}),
    "waiting_child": ("child", NORTHGATE | {"mother", "plan_only_uncle"}),
    "southmere_child": (
        "child", {"southmere_referrer", "southmere_finance", "southmere_contract_manager", "other_family"},
    ),
    "mother_child_grant": ("family_grant", NORTHGATE | {"winner_manager", "allocated_worker", "mother"}),
    "awarded": ("referral", NORTHGATE | {"winner_manager", "rival_manager", "mother"}),
    "waiting": ("referral", NORTHGATE | {"winner_manager", "rival_manager", "mother"}),
    "unsent": ("referral", NORTHGATE),
    "winner_waiting_question": ("referral_question", NORTHGATE | {"winner_manager"}),
    "rival_waiting_question": ("referral_question", NORTHGATE | {"rival_manager"}),
    "waiting_clarification": ("referral_clarification", NORTHGATE | {"winner_manager", "rival_manager"}),
    "winner_waiting_offer": ("offer", NORTHGATE | {"winner_manager", "mother"}),
    "rival_waiting_offer": ("offer", NORTHGATE | {"rival_manager", "mother"}),
    "rival_awarded_offer": ("offer", NORTHGATE | {"rival_manager", "mother"}),
    "waiting_choice": ("offer_choice", NORTHGATE | {"mother"}),
    "waiting_meeting": ("offer_meeting", NORTHGATE | {"winner_manager", "mother"}),
    "package": ("package", NORTHGATE | {"winner_manager", "allocated_worker", "mother", "plan_only_uncle"}),
    "funding": ("package_funding", NORTHGATE | {"winner_manager"}),
    "funding_proposal": ("funding_proposal", NORTHGATE),
    "allocation": ("allocation", NORTHGATE | {"mother"}),
    "visit_request": ("visit_request", NORTHGATE - {"northgate_finance"} | {"winner_manager", "mother"}),
    "proposed_correction": ("correction", NORTHGATE - {"northgate_finance"} | {"winner_manager", "mother"}),
    "agreement": ("other_agreement", NORTHGATE | {"winner_manager"}),
    "other_line": ("other_line", NORTHGATE | {"winner_manager"}),
    "longer_line": ("other_line", NORTHGATE | {"winner_manager"}),
    "plan": ("plan_version", NORTHGATE | {"winner_manager", "allocated_worker", "mother", "plan_only_uncle"}),
    "next_plan": ("plan_version", NORTHGATE | {"winner_manager"}),
    "plan_review": (
        "plan_review", NORTHGATE - {"northgate_finance"} | {"winner_manager", "mother", "plan_only_uncle"},
    ),
    "visit": ("visit", NORTHGATE | {"winner_manager", "allocated_worker", "mother"}),
    "correction": ("visit_correction", NORTHGATE | {"winner_manager", "allocated_worker", "mother"}),
    "flag": ("visit_flag", NORTHGATE | {"winner_manager", "allocated_worker"}),
    "cover_decision": ("cover_decision", NORTHGATE | {"winner_manager", "allocated_worker"}),
    "signature": (
        "signature",
        NORTHGATE - {"northgate_finance"} | {"winner_manager", "allocated_worker", "mother", "plan_only_uncle"},
    ),
    "invoice": ("invoice", NORTHGATE | {"winner_manager"}),
    "prepared_draft": ("prepared_draft", NORTHGATE | {"winner_manager"}),
    "entry": ("ledger_entry", NORTHGATE | {"winner_manager"}),
    "obligation": (
        "obligation", NORTHGATE | {"winner_manager", "allocated_worker", "mother", "plan_only_uncle"},
    ),
    "clock_stop": ("duty_stop", NORTHGATE - {"northgate_finance"} | {"winner_manager"}),
    "report": ("monitoring_report", NORTHGATE | {"winner_manager"}),
    "mothers_choice": ("mail_choice", {"mother"}),
    "rival_obligation": ("obligation", NORTHGATE | {"rival_manager"}),
    "direct_payment": ("direct_payment", NORTHGATE | {"mother"}),
    "terms": ("direct_payment_terms", NORTHGATE | {"mother"}),
    "spending": ("direct_payment_spending", NORTHGATE | {"mother"}),
    "purchase": ("purchase", NORTHGATE | {"mother", "winner_manager"}),
    "card_payment": ("card_payment", NORTHGATE | {"mother"}),
    "settlement_account": ("settlement_account", NORTHGATE | {"mother"}),
    "bank_receipt": ("bank_receipt", NORTHGATE | {"mother"}),
    "refund": ("refund", NORTHGATE | {"mother", "winner_manager"}),
    "surplus": ("refund", NORTHGATE | {"mother"}),
    "payout": ("payout", NORTHGATE | {"winner_manager"}),
    # what a family asks and is answered is its own and the providers', each of which reads its own part
    "enquiry": ("enquiry", {"winner_manager", "rival_manager", "mother"}),
    "winner_answer": ("enquiry_answer", {"winner_manager", "mother"}),
    "rival_answer": ("enquiry_answer", {"rival_manager", "mother"}),
    "enquiry_choice": ("enquiry_choice", {"mother"}),
    "enquiry_meeting": ("enquiry_meeting", {"winner_manager", "mother"}),
    "enquiry_obligation": ("obligation", {"winner_manager", "mother"}),
    "bought": ("package", NORTHGATE | {"winner_manager", "mother", "plan_only_uncle"}),
    "declaration": ("declaration", NORTHGATE | {"winner_manager"}),
    "declared_file": ("evidence", {"winner_manager"}),  # commissioners open it through a narrow function alone
    "finding": ("declaration_assessment", NORTHGATE | {"winner_manager"}),
    "meeting": ("contract_occasion", NORTHGATE | {"winner_manager"}),
    "meeting_finding": ("contract_finding", NORTHGATE | {"winner_manager"}),
    "meeting_file": ("finding_file", NORTHGATE | {"winner_manager"}),
    "meeting_action": ("contract_action", NORTHGATE | {"winner_manager"}),
    "meeting_step": ("contract_step", NORTHGATE | {"winner_manager"}),
    # nobody was told of this visit, and nothing of it is shared yet
    "secret_visit": ("contract_occasion", NORTHGATE),
    "secret_visit_finding": ("contract_finding", NORTHGATE),
    "secret_visit_file": ("finding_file", NORTHGATE),
    "secret_visit_action": ("contract_action", NORTHGATE),
    "secret_visit_step": ("contract_step", NORTHGATE),
    "information": ("information_request", NORTHGATE | {"winner_manager"}),
    "information_step": ("contract_step", NORTHGATE | {"winner_manager"}),
    "information_charge": ("information_charge", NORTHGATE | {"winner_manager"}),
    "next_meeting": ("contract_next", NORTHGATE | {"winner_manager"}),
    "cqc_change": ("cqc_change", NORTHGATE | {"winner_manager"}),
    "acceptance": ("terms_acceptance", NORTHGATE | {"winner_manager"}),
    "status_request": ("dbs_status_request", {"winner_manager", "allocated_worker"}),
    "automatic_checks": ("dbs_automatic", {"winner_manager"}),
    "doubted_certificate": ("doubted_certificate", {"winner_manager"}),
    "video_agreement": ("profile_video", {"winner_manager", "allocated_worker"}),
    "import": ("workforce_import", {"winner_manager"}),
    "notice": ("notice", {"winner_manager"}),
    "mothers_notice": ("notice", {"mother"}),
}  # fmt: skip

# tables without an id of their own: who reads at least one row of Northgate's case
READERS_OF_TABLES: dict[str, set[str]] = {
    "funding_part": NORTHGATE,
    "visit_reason": NORTHGATE - {"northgate_finance"} | {"winner_manager", "allocated_worker", "mother"},
    "visit_note": NORTHGATE - {"northgate_finance"} | {"winner_manager", "allocated_worker", "mother"},
    "visit_worker": NORTHGATE | {"winner_manager", "allocated_worker", "mother"},
    "worker_private": {
        "winner_manager", "rival_manager", "allocated_worker", "colleague_worker", "rival_worker",
    },
    "bank_change": {"winner_manager"},
    "machine_token": {"winner_manager"},
    "lapse_look": {"winner_manager"},
    "enquiry_reach": {"winner_manager", "rival_manager", "mother"},
    "enquiry_worker": {"winner_manager", "mother"},
    "declaration_file": NORTHGATE | {"winner_manager"},
    "import_progress": {"winner_manager"},
    "step_evidence": NORTHGATE | {"winner_manager"},
    "contract_step_evidence": NORTHGATE | {"winner_manager"},
    "provider_cover": NORTHGATE | {"winner_manager", "rival_manager", "stranger_manager"},
    "roster_row": {"winner_manager"},
    "rate": NORTHGATE | {"winner_manager", "rival_manager"},
    "invoice_line": NORTHGATE | {"winner_manager"},
    "prepared_period": NORTHGATE,
    "correction_answer": NORTHGATE - {"northgate_finance"} | {"winner_manager", "mother"},
    "invoice_other_line": NORTHGATE | {"winner_manager"},
    "ledger_posting": NORTHGATE | {"winner_manager"},
    "purchase_agreement": NORTHGATE | {"mother"},
    "purchase_visit": NORTHGATE | {"mother", "winner_manager"},
    "purchase_share": NORTHGATE | {"mother"},
    "purchase_settling": NORTHGATE | {"mother"},
    "provider_account": NORTHGATE | {"winner_manager"},
}  # fmt: skip

SECRET_TABLES = ("credential", "refresh_token", "sign_in_attempt", "calendar_feed")


@pytest.fixture
async def rows(database, migrator) -> Rows:
    return await lay(migrator)


async def who_reads(rows: Rows, sql: str, *args: object) -> set[str]:
    async def sees(work: Work) -> bool:
        return bool(await work.fetchval(f"SELECT EXISTS ({sql})", *args))

    return {name for name, actor in rows.actors.items() if await ask(actor, sees)}


@pytest.mark.parametrize("row", READERS)
async def test_a_row_is_read_by_those_it_concerns_and_nobody_else(rows, row):
    table, expected = READERS[row]
    assert await who_reads(rows, f"SELECT 1 FROM {table} WHERE id = $1", rows[row]) == expected


@pytest.mark.parametrize("table", READERS_OF_TABLES)
async def test_rows_without_an_id_are_read_by_those_they_concern(rows, table):
    assert await who_reads(rows, f"SELECT 1 FROM {table}") == READERS_OF_TABLES[table]


async def test_a_childs_identity_opens_at_award_and_to_the_family(rows):
    identity = "SELECT 1 FROM child_identity WHERE child_id = $1"
    family = {"mother", "plan_only_uncle"}
    assert await who_reads(rows, identity, rows["child"]) == NORTHGATE | {"winner_manager", "allocated_worker"} | family
    assert await who_reads(rows, identity, rows["waiting_child"]) == NORTHGATE | family


async def test_the_identity_closes_again_when_the_award_is_undone(rows, migrator):
    await migrator.execute("UPDATE package SET state = 'undone' WHERE id = $1", rows["package"])
    readers = await who_reads(rows, "SELECT 1 FROM child_identity WHERE child_id = $1", rows["child"])
    assert readers == NORTHGATE | {"mother", "plan_only_uncle"}


async def test_reach_shows_a_provider_only_that_it_was_reached_itself(rows):
    async def reached(work: Work) -> list[str]:
        found = await work.fetch("SELECT DISTINCT provider_id FROM referral_reach")
        return sorted(name for name in ("winner", "rival", "stranger") if rows[name] in {row[0] for row in found})

    assert await ask(rows.actors["rival_manager"], reached) == ["rival"]
    assert await ask(rows.actors["stranger_manager"], reached) == []
    assert await ask(rows.actors["mother"], reached) == []
    assert await ask(rows.actors["northgate_referrer"], reached) == ["rival", "stranger", "winner"]


async def test_no_provider_asked_sees_that_another_was(rows):
    async def reached(work: Work) -> list[str]:
        found = {row[0] for row in await work.fetch("SELECT provider_id FROM enquiry_reach")}
        return sorted(name for name in ("winner", "rival", "stranger") if rows[name] in found)

    assert await ask(rows.actors["rival_manager"], reached) == ["rival"]
    assert await ask(rows.actors["mother"], reached) == ["rival", "winner"]


async def test_only_ones_own_sessions_and_no_secrets(rows, migrator):
    await migrator.execute(
        "INSERT INTO web_session (token_hash, front_door, person_id, created_at, seen_at, ends_at)"
        " VALUES ('x', 'marketplace', $1, now(), now(), now())",
        rows["mother"],
    )
    assert await who_reads(rows, "SELECT 1 FROM web_session") == {"mother"}
    for table in SECRET_TABLES:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await who_reads(rows, f"SELECT 1 FROM {table}")


async def test_names_of_people_reach_those_who_work_with_them(rows):
    person = "SELECT 1 FROM person WHERE id = $1"
    readers = await who_reads(rows, person, rows["mother"])
    assert readers == NORTHGATE | {"winner_manager", "allocated_worker", "mother"}
    assert "rival_manager" not in await who_reads(rows, person, rows["northgate_finance"])


WRITES = [
    ("rival_manager", "UPDATE offer SET state = 'withdrawn' WHERE id = $1", "winner_waiting_offer"),
    ("rival_manager", "UPDATE worker SET stood_down_at = now() WHERE id = $1", "allocated_worker_row"),
    ("colleague_worker", "UPDATE visit SET actual_start = planned_start WHERE id = $1", "visit"),
    ("plan_only_uncle", "UPDATE offer_choice SET taken_back_at = now() WHERE id = $1", "waiting_choice"),
    ("mother", "UPDATE visit SET family_signed = true WHERE id = $1", "visit"),
    ("mother", "UPDATE plan_version SET state = 'signed' WHERE id = $1", "plan"),
    ("mother", "UPDATE direct_payment SET ends_on = NULL WHERE id = $1", "direct_payment"),
    ("northgate_referrer", "UPDATE direct_payment_spending SET pence = 0 WHERE id = $1", "spending"),
    ("winner_manager", "UPDATE direct_payment SET ends_on = NULL WHERE id = $1", "direct_payment"),
    ("mother", "UPDATE purchase SET state = 'paid' WHERE id = $1", "purchase"),
    ("mother", "UPDATE card_payment SET received_pence = 200 WHERE id = $1", "card_payment"),
    ("winner_manager", "UPDATE purchase SET method = 'transfer' WHERE id = $1", "purchase"),
    ("winner_manager", "UPDATE payout SET state = 'failed' WHERE id = $1", "payout"),
    ("southmere_finance", "UPDATE bank_receipt SET state = 'set_aside' WHERE id = $1", "bank_receipt"),
    ("northgate_referrer", "UPDATE enquiry SET state = 'closed' WHERE id = $1", "enquiry"),
    ("winner_manager", "UPDATE enquiry SET state = 'closed' WHERE id = $1", "enquiry"),
    ("rival_manager", "UPDATE enquiry_answer SET state = 'withdrawn' WHERE id = $1", "winner_answer"),
    ("rival_manager", "UPDATE enquiry_answer SET state = 'accepted' WHERE id = $1", "rival_answer"),
    ("plan_only_uncle", "UPDATE enquiry_choice SET taken_back_at = now() WHERE id = $1", "enquiry_choice"),
    ("rival_manager", "UPDATE enquiry_meeting SET answer = 'x' WHERE id = $1", "enquiry_meeting"),
    ("plan_only_uncle", "UPDATE enquiry_meeting SET answer = 'x' WHERE id = $1", "enquiry_meeting"),
    ("southmere_referrer", "UPDATE referral SET state = 'closed' WHERE id = $1", "waiting"),
    ("southmere_finance", "UPDATE invoice SET state = 'accepted' WHERE id = $1", "invoice"),
    ("allocated_worker", "UPDATE package SET state = 'ended' WHERE id = $1", "package"),
    ("winner_manager", "UPDATE referral SET state = 'closed' WHERE id = $1", "waiting"),
    ("winner_manager", "UPDATE admission SET ends_on = NULL WHERE id = $1", "winner_admission"),
    ("winner_manager", "UPDATE suspension SET lifted_at = NULL WHERE id = $1", "winner_suspension"),
    ("winner_manager", "UPDATE restriction SET ended_at = now() WHERE id = $1", "winner_restriction"),
    ("winner_manager", "UPDATE package_move SET called_off_at = now() WHERE id = $1", "move"),
    ("winner_manager", "UPDATE contract_occasion SET minutes = 'x' WHERE id = $1", "meeting"),
    ("winner_manager", "UPDATE information_charge SET dropped_at = now() WHERE id = $1", "information_charge"),
    ("southmere_contract_manager", "UPDATE suspension_cause SET decision = NULL WHERE id = $1", "winner_cause"),
    ("northgate_referrer", "UPDATE worker SET stood_down_at = now() WHERE id = $1", "allocated_worker_row"),
    ("northgate_referrer", "UPDATE rate_card SET state = 'agreed' WHERE provider_id = $1", "stranger"),
]


@pytest.mark.parametrize(("who", "sql", "row"), WRITES, ids=[f"{who}: {sql[:45]}" for who, sql, _ in WRITES])
async def test_what_is_not_ones_own_is_not_changed(rows, who, sql, row):
    try:
        async with unit_of_work(rows.actors[who]) as work:
            outcome = await work.execute(sql, rows[row])
    except asyncpg.InsufficientPrivilegeError:
        return
    assert outcome == "UPDATE 0"


async def test_an_offer_to_a_referral_that_did_not_reach_one_is_refused(rows):
    offer = (
        "INSERT INTO offer (commissioner_id, framework_id, referral_id, round, provider_id, starts_on, pattern, price,"
        " pence_per_week, pence_per_period, made_at, made_by)"
        " VALUES ($1, $2, $3, 1, $4, '2026-06-01', '[]', '{}', 1, 1, now(), $5)"
    )
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with unit_of_work(rows.actors["stranger_manager"]) as work:
            await work.execute(
                offer, rows["northgate"], rows["northgate_framework"], rows["waiting"], rows["stranger"],
                rows["stranger_manager"],
            )  # fmt: skip


async def test_a_key_cannot_point_into_another_tenants_row(rows, migrator):
    """Composite keys hold even for a role that row-level security does not bind."""
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await migrator.execute(
            "INSERT INTO child_identity (commissioner_id, child_id, name, date_of_birth)"
            " VALUES ($1, $2, 'x', '2015-01-01')",
            rows["southmere"],
            rows["child"],
        )
