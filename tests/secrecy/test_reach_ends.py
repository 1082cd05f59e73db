"""Where reach ends or is narrower than it looks: left employers, old records, refused bids, signatures, payers."""

from __future__ import annotations

from datetime import timedelta

import asyncpg
import pytest

from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, ask, unit_of_work
from tests.conftest import NOON
from tests.secrecy.rows import Rows, lay

DAY = timedelta(days=1)


@pytest.fixture
async def rows(database, migrator) -> Rows:
    return await lay(migrator)


async def reads(actor: Actor, sql: str, *args: object) -> bool:
    async def sees(work: Work) -> bool:
        return bool(await work.fetchval(f"SELECT EXISTS ({sql})", *args))

    return await ask(actor, sees)


CHILD = "SELECT 1 FROM child_identity WHERE child_id = $1"
VISIT = "SELECT 1 FROM visit WHERE id = $1"
NOTE = "SELECT 1 FROM visit_note WHERE visit_id = $1"


async def test_a_worker_who_left_a_provider_reaches_none_of_its_children_through_another_employer(rows, migrator):
    worker = rows.actors["allocated_worker"]
    await migrator.execute(
        "INSERT INTO membership (person_id, organisation_id, role) VALUES ($1, $2, 'worker')",
        worker.person_id, rows["rival"],
    )  # fmt: skip
    elsewhere = Actor(worker.person_id, "w", "worker", rows["rival"], "Rival", "provider")
    sight = [(CHILD, rows["child"]), (VISIT, rows["visit"]), (NOTE, rows["visit"])]
    assert [await reads(elsewhere, *each) for each in sight] == [True] * 3
    await migrator.execute(
        "UPDATE membership SET ended_at = now() WHERE person_id = $1 AND organisation_id = $2",
        worker.person_id, rows["winner"],
    )  # fmt: skip
    assert [await reads(elsewhere, *each) for each in sight] == [False] * 3
    assert not await reads(elsewhere, "SELECT 1 FROM visit_worker")
    assert not await reads(elsewhere, "SELECT 1 FROM family_grant")


async def test_a_worker_taken_off_the_package_keeps_only_the_visits_that_were_theirs(rows, migrator):
    await migrator.execute("UPDATE package_worker SET removed_at = now()")
    worker = rows.actors["allocated_worker"]
    assert not await reads(worker, CHILD, rows["child"])
    assert not await reads(worker, "SELECT 1 FROM plan_version")
    assert await reads(worker, NOTE, rows["visit"])


async def test_a_worker_who_is_stood_down_keeps_only_the_visits_that_were_theirs(rows, migrator):
    worker = rows.actors["allocated_worker"]
    assert await reads(worker, CHILD, rows["child"])
    await migrator.execute("UPDATE worker SET stood_down_at = now(), stood_down_reason = 'An allegation'")
    assert not await reads(worker, CHILD, rows["child"])
    assert not await reads(worker, "SELECT 1 FROM plan_version")
    assert not await reads(worker, "SELECT 1 FROM family_grant")
    assert await reads(worker, NOTE, rows["visit"])


@pytest.mark.parametrize(("age", "seen"), [(1 * DAY, True), (27 * DAY, True), (29 * DAY, False), (400 * DAY, False)])
async def test_an_allocated_worker_reads_colleagues_recent_records_and_no_old_ones(rows, migrator, age, seen):
    """`colleague_worker` joins the team, but did not come to this visit."""
    await migrator.execute(
        "INSERT INTO package_worker (commissioner_id, package_id, provider_id, worker_id, worker_person_id, name, role,"
        " part, added_at) VALUES ($1, $2, $3, $4, $5, 'c', 'r', 'main', now())",
        rows["northgate"], rows["package"], rows["winner"], rows["colleague_worker_row"], rows["colleague_worker"],
    )  # fmt: skip
    await migrator.execute(
        "UPDATE visit SET planned_start = $2, planned_end = $3 WHERE id = $1",
        rows["visit"], NOON - age, NOON - age + timedelta(hours=2),
    )  # fmt: skip
    assert await reads(rows.actors["colleague_worker"], VISIT, rows["visit"])
    assert await reads(rows.actors["colleague_worker"], NOTE, rows["visit"]) is seen
    assert await reads(rows.actors["allocated_worker"], NOTE, rows["visit"])  # their own visit, however old


@pytest.mark.parametrize("state", ["refused", "withdrawn"])
async def test_evidence_closes_to_the_council_when_a_bid_is_refused_or_withdrawn(rows, migrator, state):
    await migrator.execute("DELETE FROM admission WHERE provider_id = $1", rows["rival"])
    await migrator.execute(
        "UPDATE application SET state = 'submitted', decided_at = NULL WHERE provider_id = $1", rows["rival"]
    )
    worker = "SELECT 1 FROM worker WHERE provider_id = $1"
    checks = "SELECT 1 FROM worker_dbs_check WHERE provider_id = $1"
    for sql in (worker, checks):
        assert await reads(rows.actors["northgate_contract_manager"], sql, rows["rival"])
    await migrator.execute(
        "UPDATE application SET state = $2, decision_reason = 'no',"
        " decided_at = CASE WHEN $2 = 'refused' THEN now() END"
        " WHERE provider_id = $1",
        rows["rival"], state,
    )  # fmt: skip
    for sql in (worker, checks):
        assert not await reads(rows.actors["northgate_contract_manager"], sql, rows["rival"])


# who, (subject_type, subject), side, person, method, and whether PostgreSQL itself takes such a signature
SIGNATURES = [
    ("mother", "visit", "family", "mother", "own_sign_in", True),
    ("mother", "plan", "family", "mother", "own_sign_in", True),
    ("plan_only_uncle", "visit", "family", "plan_only_uncle", "own_sign_in", False),
    ("plan_only_uncle", "plan", "family", "plan_only_uncle", "own_sign_in", False),
    ("former_carer", "visit", "family", "former_carer", "own_sign_in", False),
    ("mother", "visit", "family", "plan_only_uncle", "own_sign_in", False),
    ("mother", "visit", "worker", "mother", "own_sign_in", False),
    ("allocated_worker", "visit", "worker", "allocated_worker", "own_sign_in", True),
    ("allocated_worker", "visit", "family", "mother", "own_pin", True),
    ("allocated_worker", "visit", "family", "mother", "own_sign_in", False),
    ("allocated_worker", "visit", "worker", "colleague_worker", "own_sign_in", False),
    ("colleague_worker", "visit", "worker", "colleague_worker", "own_sign_in", False),
    ("winner_manager", "visit", "worker", "allocated_worker", "own_sign_in", False),
    ("winner_manager", "visit", "family", "mother", "own_pin", False),
    ("rival_manager", "visit", "provider", "rival_manager", "own_sign_in", False),
    ("northgate_referrer", "plan", "referrer", "northgate_referrer", "own_sign_in", True),
    ("northgate_referrer", "plan", "family", "mother", "own_sign_in", False),
    ("northgate_referrer", "visit", "worker", "allocated_worker", "own_sign_in", False),
    ("southmere_referrer", "plan", "referrer", "southmere_referrer", "own_sign_in", False),
]


@pytest.mark.parametrize(("who", "kind", "side", "person", "method", "taken"), SIGNATURES)
async def test_everybody_signs_for_themselves_with_the_right_it_takes(
    rows, migrator, who, kind, side, person, method, taken
):
    await migrator.execute("UPDATE visit SET record_hash = 'h'")
    sql = (
        "INSERT INTO signature (commissioner_id, package_id, provider_id, subject_type, subject_id, side, person_id,"
        " worker_id, printed_name, text_hash, method, signed_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'n', 'h', $9, now())"
    )
    worker = rows["allocated_worker_row"] if side == "worker" else None
    values = (
        rows["northgate"], rows["package"], rows["winner"], kind, rows[kind], side, rows[person], worker, method,
    )  # fmt: skip
    if taken:
        async with unit_of_work(rows.actors[who]) as work:
            await work.execute(sql, *values)
        return
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with unit_of_work(rows.actors[who]) as work:
            await work.execute(sql, *values)


# a family's rights one by one: what each alone opens of the awarded child's case
OPENED_BY = {
    "see_plan": {"plan"},
    "see_visits": {"visit", "visit_note"},
    "choose": {"referral", "offer", "offer_worker"},
    "sign_plan": {"plan"},
    "confirm_visits": {"visit", "visit_note"},
    "spend": set(),
}
OF_A_RIGHT = {
    "plan": "SELECT 1 FROM plan_version",
    "visit": "SELECT 1 FROM visit",
    "visit_note": "SELECT 1 FROM visit_note",
    "referral": "SELECT 1 FROM referral",
    "offer": "SELECT 1 FROM offer",
    "offer_worker": "SELECT 1 FROM offer_worker",
    "choice": "SELECT 1 FROM offer_choice",
    "meeting": "SELECT 1 FROM offer_meeting",
    "invoice": "SELECT 1 FROM invoice",
    "funding": "SELECT 1 FROM package_funding",
    "rate": "SELECT 1 FROM rate",
    "question": "SELECT 1 FROM referral_question",
    "clarification": "SELECT 1 FROM referral_clarification",
    "others_grant": "SELECT 1 FROM family_grant WHERE person_id <> app_person()",
    "evidence": "SELECT 1 FROM worker UNION ALL SELECT 1 FROM worker_dbs_check",
}


@pytest.mark.parametrize("right", OPENED_BY)
async def test_each_of_a_familys_rights_opens_its_own_part_and_no_other(rows, migrator, right):
    await migrator.execute(
        "UPDATE family_grant SET rights = ARRAY[$2] WHERE person_id = $1", rows["plan_only_uncle"], right
    )
    uncle = rows.actors["plan_only_uncle"]
    opened = {name for name, sql in OF_A_RIGHT.items() if await reads(uncle, sql)}
    assert opened == OPENED_BY[right]


async def test_a_partner_that_pays_reads_its_package_and_visit_facts_and_nothing_of_the_child(rows, migrator):
    await migrator.execute(
        "INSERT INTO framework_member (framework_id, commissioner_id, joined_at) VALUES ($1, $2, now())",
        rows["northgate_framework"], rows["southmere"],
    )  # fmt: skip
    await migrator.execute("UPDATE package_funding SET payer_id = $1", rows["southmere"])
    case = {
        "package": True, "package_funding": True, "visit": True, "visit_worker": True, "visit_note": False,
        "plan_version": False, "signature": False, "package_worker": False, "offer": False, "referral": False,
        "referral_reach": False, "invoice": False,
    }  # fmt: skip
    for who in ("southmere_referrer", "southmere_finance"):
        seen = {
            table: await reads(rows.actors[who], f"SELECT 1 FROM {table} WHERE commissioner_id = $1", rows["northgate"])
            for table in case
        }
        assert seen == case
        assert not await reads(rows.actors[who], CHILD, rows["child"])
    # a member without a share reads the framework's admissions, and no case
    await migrator.execute("UPDATE package_funding SET payer_id = $1", rows["northgate"])
    assert await reads(rows.actors["southmere_referrer"], "SELECT 1 FROM admission")
    for table in case:
        assert not await reads(
            rows.actors["southmere_referrer"], f"SELECT 1 FROM {table} WHERE commissioner_id = $1", rows["northgate"]
        )


async def test_who_looked_is_read_by_the_council_the_lookers_office_and_the_family(rows):
    for who in ("winner_manager", "allocated_worker"):
        async with unit_of_work(rows.actors[who]) as work:
            await work.look(rows["northgate"], "child", rows["child"], f"as {who}")

    async def looks(work: Work) -> set[str]:
        return {row["why"] for row in await work.fetch("SELECT why FROM look")}

    office, door = "as winner_manager", "as allocated_worker"
    expected = {
        "northgate_referrer": {office, door}, "northgate_contract_manager": {office, door}, "mother": {office, door},
        "winner_manager": {office, door}, "allocated_worker": {door}, "rival_manager": set(), "southmere_referrer": set(),  # noqa: E501 - one statement, whole
        "other_family": set(), "former_carer": set(), "operator_person": set(), "colleague_worker": set(),
    }  # fmt: skip
    assert {who: await ask(rows.actors[who], looks) for who in expected} == expected
