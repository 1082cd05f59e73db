"""Rivals at the same moment, on committed transactions: exactly one wins, and every other one is told why.

Each race is run several times, on rows of its own, since a race won by luck proves nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from marketplace.billing.deciding import accept_invoice, return_invoice
from marketplace.billing.disputes import confirm_waiver, propose_waiver, raise_dispute, uphold
from marketplace.packages.award import award_offer
from marketplace.platform.database import close_database, open_database
from marketplace.platform.errors import Conflict
from marketplace.providers.actions import suspend
from marketplace.providers.lifting import reinstate
from marketplace.referrals import choosing, offering
from tests.laid import the_richest
from tests.world import billing, offers, packages, people, referrals

ROUNDS = 4
MONDAY = date(2026, 5, 18)
NAMES = ("Zadok", "Ysolde", "Tamsin", "Leofric")


async def two_providers(settings):
    return await referrals.borough(settings, provider_names=("Alder Care", "Birch Support"), workers_each=4)


@pytest.fixture
def start(request):
    return the_richest(request, world=two_providers)


@pytest.fixture
async def world(settings, clock, laid):
    """A borough on a pool that gives every rival a connection of its own from the start."""
    await close_database()
    await open_database(settings.dsn("app"), clock=clock, min_size=10, max_size=12)
    return laid


async def race(*rivals: Coroutine[Any, Any, Any]) -> tuple[list[Any], list[Conflict]]:
    """What the winners got and what the others were told; anything else than a conflict is raised."""
    results = await asyncio.gather(*rivals, return_exceptions=True)
    lost = [result for result in results if isinstance(result, Conflict)]
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, Conflict):
            raise result
    assert all(len(each.sentence) > 20 and each.sentence.endswith(".") for each in lost), lost
    return [result for result in results if not isinstance(result, BaseException)], lost


async def chosen(world: referrals.World, name: str, providers: Sequence[int]) -> tuple[UUID, list[UUID]]:
    """A referral with an offer of each provider, the family's choice on the first."""
    child_id = await referrals.add_child(world.referrer, name, other_names="")
    family = await referrals.family_of(world.referrer, child_id, "Merrow Quillan", email=people.an_email("parent"))
    referral_id = await referrals.broadcast(world, child_id, starts_on=MONDAY)
    made = [await offers.offered(world, world.providers[n], referral_id) for n in providers]
    await choosing.choose_as_family(family, made[0], version=1)
    return referral_id, made


async def test_one_referral_is_awarded_once(world, migrator):
    colleagues = [await people.person_in(world.admin, "referrer", f"Colleague {n}") for n in range(4)]
    for turn in range(ROUNDS):
        referral_id, (ours, theirs) = await chosen(world, f"{NAMES[turn]} Quillan", (0, 1))
        second = await referrals.family_of(
            world.referrer, await migrator.fetchval("SELECT child_id FROM referral WHERE id = $1", referral_id),
            "Corwen Quillan", email=people.an_email("other"),
        )  # fmt: skip
        await choosing.choose_as_family(second, theirs, version=1)
        won, lost = await race(
            *(award_offer(colleague, (ours, theirs)[n % 2], version=1) for n, colleague in enumerate(colleagues))
        )
        assert (len(won), len(lost)) == (1, 3)
        assert all("Another award came first" in each.sentence for each in lost)
        rows = await migrator.fetch("SELECT id FROM package WHERE referral_id = $1", referral_id)
        assert [row["id"] for row in rows] == won
        states = await migrator.fetch("SELECT state FROM offer WHERE referral_id = $1 ORDER BY state", referral_id)
        assert [row["state"] for row in states] == ["awarded", "not_chosen"]


async def test_no_award_commits_after_the_moment_of_a_suspension(world, migrator):
    manager = await people.person_in(world.admin, "contract_manager")
    alder = world.providers[0].organisation_id
    first = {"award": 0, "suspension": 0}
    for turn in range(ROUNDS):
        cases = [await chosen(world, f"{NAMES[turn]} {NAMES[n]}son", (0,)) for n in range(4)]
        awards = [award_offer(world.referrer, made[0], version=1) for _, made in cases]
        stops = suspend(manager, world.framework_id, alder, reason="A safeguarding concern")
        # now and then the suspension is asked for first, so that both orders happen
        rivals = [*awards, stops] if turn % 2 else [stops, *awards]
        won, lost = await race(*rivals)
        suspension_id = won[-1] if turn % 2 else won[0]
        assert len(won) + len(lost) == 5
        assert all("is suspended from new referrals" in each.sentence for each in lost)
        stopped = await _written(migrator, "provider.suspended", suspension_id)
        for referral_id, _ in cases:
            awarded = await _written(migrator, "offer.awarded", referral_id)
            first["award" if awarded else "suspension"] += 1
            assert awarded is None or (stopped and awarded < stopped), "an award after the suspension"
        packages_made = await migrator.fetchval(
            "SELECT count(*) FROM package WHERE referral_id = ANY ($1)", [referral_id for referral_id, _ in cases]
        )
        assert packages_made == len(won) - 1
        for referral_id, made in cases:
            if await _written(migrator, "offer.awarded", referral_id) is None:
                with pytest.raises(Conflict, match="is suspended"):
                    await award_offer(world.referrer, made[0], version=1)
        await reinstate(manager, suspension_id, "The plan's actions are done")
    assert first["suspension"], "no race was won by the suspension: this proves nothing"


async def _written(migrator, action: str, subject: UUID) -> int | None:
    """The place in the council's own chain, in which both stand one behind the other."""
    return await migrator.fetchval(
        "SELECT max(seq) FROM audit_entry WHERE action = $1"
        " AND (subject_id = $2::uuid OR details ->> 'suspension' = ($2::uuid)::text)"
        " AND organisation_id = (SELECT id FROM organisation WHERE kind = 'commissioner' LIMIT 1)",
        action, subject,
    )  # fmt: skip


async def test_an_offer_is_awarded_or_withdrawn_never_both(world, migrator):
    alder = world.providers[0]
    colleagues = [await people.person_in(world.admin, "referrer", f"Colleague {n}") for n in range(2)]
    coordinators = [await people.person_in(alder, "coordinator", f"Coordinator {n}") for n in range(2)]
    for turn in range(ROUNDS):
        referral_id, (offer_id,) = await chosen(world, f"{NAMES[turn]} Quillan", (0,))
        awards = [award_offer(each, offer_id, version=1) for each in colleagues]
        withdrawals = [offering.withdraw_offer(each, offer_id) for each in coordinators]
        won, lost = await race(*(awards + withdrawals if turn % 2 else withdrawals + awards))
        assert (len(won), len(lost)) == (1, 3)
        state = await migrator.fetchval("SELECT state FROM offer WHERE id = $1", offer_id)
        made = await migrator.fetchval("SELECT count(*) FROM package WHERE referral_id = $1", referral_id)
        assert (state, made) == (("awarded", 1) if won[0] else ("withdrawn", 0))


async def test_a_worker_is_booked_once_across_four_packages(world, migrator):
    alder = world.providers[0]
    team = world.workers[alder.organisation_id][:2]
    people_of_team = await packages.worker_sign_ins(alder, *team)
    cases = []
    for n in range(4):
        child_id = await referrals.add_child(world.referrer, f"{NAMES[n]} Quillan", other_names="")
        family = await referrals.family_of(world.referrer, child_id, "Merrow Quillan", email=people.an_email("parent"))
        cases.append(
            await packages.set_up(world, child_id=child_id, family=family, workers=team, worker_people=people_of_team)
        )
    for turn in range(ROUNDS):
        day = MONDAY + timedelta(days=turn)
        won, lost = await race(*(packages.a_visit(case, day) for case in cases))
        assert (len(won), len(lost)) == (1, 3)
        assert all("Alder Worker 1 is already booked" in each.sentence for each in lost)
        standing = await migrator.fetchval(
            "SELECT count(*) FROM booking WHERE released_at IS NULL"
            " AND (starts_at AT TIME ZONE 'Europe/London')::date = $1",
            day,
        )
        assert standing == 1
    assert await migrator.fetchval("SELECT count(*) FROM visit") == ROUNDS


@pytest.fixture
async def billed(world, clock):
    """A package with a confirmed visit in each of several periods, the clock after the last of them."""
    case = await packages.set_up(world)
    periods = []
    day = await billing.period_of(case, MONDAY)
    for _ in range(3):
        await billing.visit_done(case, clock, max(day.first_day + timedelta(days=7), MONDAY))
        periods.append(day)
        day = await billing.period_of(case, day.last_day + timedelta(days=1))
    billing.after(clock, periods[-1], hours=9)
    return case, periods


async def test_a_period_is_invoiced_once_whoever_submits(billed, migrator):
    case, periods = billed
    for period in periods:
        won, lost = await race(*(billing.submitted(case, period) for _ in range(5)))
        assert (len(won), len(lost)) == (1, 4)
        assert all("submitted already" in each.sentence for each in lost)
        assert await migrator.fetchval("SELECT count(*) FROM invoice WHERE first_day = $1", period.first_day) == 1
    assert await migrator.fetchval("SELECT count(*) FROM ledger_entry") == len(periods)
    assert await migrator.fetchval("SELECT count(DISTINCT visit_id) = count(*) FROM invoice_line WHERE counts")


async def test_an_invoice_is_accepted_or_returned_never_both(billed, world, migrator):
    case, periods = billed
    officers = [await people.person_in(world.admin, "finance", f"Officer {n}") for n in range(4)]
    for turn, period in enumerate(periods):
        invoice_id = await billing.submitted(case, period)
        accepting = [accept_invoice(each, invoice_id) for each in officers[:2]]
        returning = [return_invoice(each, invoice_id, "A visit is missing.") for each in officers[2:]]
        won, lost = await race(*(accepting + returning if turn % 2 else returning + accepting))
        assert (len(won), len(lost)) == (1, 3)
        row = await migrator.fetchrow("SELECT * FROM invoice WHERE id = $1", invoice_id)
        assert (row["accepted_at"] is None) != (row["returned_at"] is None)
        assert row["state"] == ("accepted" if row["accepted_at"] else "returned")
        duties = await migrator.fetch(
            "SELECT rule_key FROM obligation WHERE met_at IS NULL AND cancelled_at IS NULL AND rule_key IN"
            " ('invoice_payment', 'task.submit_invoice', 'task.decide_invoice')"
            " AND (subject_id = $1 OR reference LIKE $2)",
            invoice_id, f"%nvoice {row['number']} %",
        )  # fmt: skip
        to_pay = (
            ["invoice_payment"] if row["net_pence"] else []
        )  # two of the three lose all to the deduction, being late
        assert [duty["rule_key"] for duty in duties] == (to_pay if row["accepted_at"] else ["task.submit_invoice"])
        if row["state"] == "returned":
            await accept_invoice(officers[0], await billing.submitted(case, period))


async def test_a_deduction_is_disputed_once_and_decided_once(billed, world, migrator):
    case, periods = billed
    managers = [await people.person_in(case.manager, "provider_manager", f"Manager {n}") for n in range(3)]
    officers = [await people.person_in(world.admin, "finance", f"Officer {n}") for n in range(4)]
    for turn, period in enumerate(periods):
        invoice_id = await billing.submitted(case, period)  # late, all but the last: that one is not deducted from
        if not await migrator.fetchval("SELECT deduction_pence FROM invoice WHERE id = $1", invoice_id):
            continue
        won, lost = await race(*(raise_dispute(each, invoice_id, "It came in time.") for each in managers))
        assert (len(won), len(lost)) == (1, 2)
        assert all("disputed already" in each.sentence for each in lost)
        upheld = [uphold(each, won[0], "It stands.") for each in officers[:2]]
        proposed = [propose_waiver(each, won[0], "goodwill", "The first time.") for each in officers[2:]]
        _, lost = await race(*(upheld + proposed if turn % 2 else proposed + upheld))
        assert len(lost) == 3
        steps = await migrator.fetch("SELECT what FROM dispute_step WHERE dispute_id = $1 ORDER BY position", won[0])
        assert [step["what"] for step in steps] in (["raised", "upheld"], ["raised", "proposed"])
        if steps[-1]["what"] == "proposed":
            proposer = await migrator.fetchval("SELECT proposed_by FROM deduction_dispute WHERE id = $1", won[0])
            others = [each for each in officers if each.person_id != proposer]
            _, lost = await race(*(confirm_waiver(each, won[0]) for each in others))
            assert len(lost) == 2
    assert await migrator.fetchval("SELECT sum(pence) FROM ledger_posting") == 0
    waived = await migrator.fetchval("SELECT count(*) FROM deduction_dispute WHERE state = 'waived'")
    assert await migrator.fetchval("SELECT count(*) FROM ledger_entry WHERE kind = 'waiver'") == waived
