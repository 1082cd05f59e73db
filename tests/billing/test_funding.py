"""Two councils share a package: proposed, agreed, in force; each invoiced its part; brothers' time billed once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID, uuid4

import pytest

from marketplace.billing import funding
from marketplace.billing.documents import invoice_document
from marketplace.billing.drafting import Draft, draft
from marketplace.billing.funding_queries import funding_of, proposals
from marketplace.billing.parties import save_party
from marketplace.billing.queries import invoice
from marketplace.billing.submitting import submit_invoice
from marketplace.billing.verify import verify_books
from marketplace.packages import queries as packages_queries
from marketplace.packages.visit_actions import record_missed
from marketplace.platform.actor import Actor, system_for
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted
from marketplace.policy.calendar import Period
from marketplace.policy.facts import Claim, ClaimLine
from marketplace.settings import Settings
from tests.billing.test_einvoice import PAYER, PROVIDER
from tests.laid import Start, the_richest
from tests.world import packages, people, referrals
from tests.world.apps import create_console, create_marketplace
from tests.world.billing import after, period_of, visit_done
from tests.world.door import at
from tests.world.referrals import borough

WHY = "Continuing care: the health board pays for the nursing part."


@dataclass
class Joint:
    """A package of Northgate's on a framework Southmere takes part in, and the finance officers of both."""

    case: packages.Case
    own: Actor
    partner: Actor
    stranger: Actor


async def joint(settings: Settings) -> Joint:
    partner = await people.council(settings, "Southmere Health Board")
    world = await borough(settings, provider_names=("Alder Care",), partners=[partner])
    other = await people.council(settings, "Westhaven")
    return Joint(
        await packages.set_up(world),
        await people.person_in(world.admin, "finance", "Finn Ance"),
        await people.person_in(partner, "finance", "Sol South"),
        await people.person_in(other, "finance"),
    )


@pytest.fixture
def start(request: pytest.FixtureRequest) -> Start | None:
    return the_richest(request, both=joint)


@pytest.fixture
def both(laid: Joint) -> Joint:
    return laid


def organisation(actor: Actor) -> UUID:
    assert actor.organisation_id is not None
    return actor.organisation_id


async def shared(both: Joint, starts_on: date, points: int = 4000, ends_on: date | None = None) -> None:
    """Southmere pays `points` from the day on, agreed and in force."""
    case = both.case
    made = await funding.propose_funding(
        case.referrer, case.package_id, {organisation(both.partner): points}, starts_on, ends_on, WHY
    )
    await funding.answer_funding(both.partner, made, True)
    await funding.confirm_funding(both.own, made)


async def drafted(both: Joint, payer: Actor, period: Period, claim: Claim | None = None) -> Draft:
    ids = both.case.world.framework_id, organisation(both.case.manager), organisation(payer)

    async def question(work: Work) -> Draft:
        return await draft(work, *ids, period, claim=claim)

    return await ask(both.case.manager, question)


async def send(both: Joint, payer: Actor, period: Period, claim: Claim | None = None) -> UUID:
    shown = (await drafted(both, payer, period)).fingerprint
    ids = both.case.world.framework_id, organisation(payer)
    return await submit_invoice(both.case.manager, *ids, period, claim, shown)


async def differences(payer: Actor) -> list[str]:
    return (await ask(system_for(organisation(payer), "commissioner"), verify_books)).differences


@contextmanager
def refused(said: str) -> Iterator[None]:
    """What is typed is refused, and a field says why."""
    with pytest.raises(InvalidInput) as error:
        yield
    assert any(said in sentence for sentence in error.value.fields.values()), error.value.fields


async def test_from_the_proposal_to_both_invoices(database, both, clock):
    """Through the pages: nothing is shared before both have agreed; then each pays its part to the penny."""
    case, partner = both.case, both.partner
    app, console = create_marketplace(database, clock), create_console(database, clock)
    first = (await case.package()).starts_on
    field = f"share-{partner.organisation_id}"
    typed = {"starts_on-day": first.day, "starts_on-month": first.month, "starts_on-year": first.year, "reason": WHY}
    here = f"/packages/{case.package_id}/funding"
    async with at(app, database, case.referrer) as door:
        assert "One payer pays for every visit" in (await door.get(here)).text
        wrong = await door.post(f"{here}/change", typed | {field: "140", "step": "check"})
        assert "must be between 0 and 100 percent" in wrong.text and 'value="140"' in wrong.text and WHY in wrong.text
        early = typed | {field: "33.33", "starts_on-year": first.year - 1}
        assert "or later" in (await door.post(f"{here}/change", early | {"step": "send"})).text
        check = await door.post(f"{here}/change", typed | {field: "33.33", "step": "check"})
        assert "66.67%" in check.text and "never who the child is" in check.text
        assert (await door.post(f"{here}/change", typed | {field: "33.33", "step": "send"})).status_code == 303
        again = await door.post(f"{here}/change", typed | {field: "50", "step": "send"})
        assert again.status_code == 409 and "waits for answers" in again.text
    (made,) = await ask(partner, proposals)
    with pytest.raises(Conflict, match="Not every payer"):
        await funding.confirm_funding(both.own, made.id)
    with pytest.raises(NotFound):  # nobody else's
        await funding.answer_funding(both.stranger, made.id, True)
    with pytest.raises(NotFound):  # its own commissioner proposes, it does not answer itself
        await funding.answer_funding(both.own, made.id, True)
    for nobody in (both.stranger, case.manager, case.family):
        assert await ask(nobody, proposals) == []
    with pytest.raises(NotFound):  # asked, but not yet paying: nothing of the package
        await ask(partner, packages_queries.package, case.package_id)
    async with at(console, database, partner) as door:
        assert "Waits for you" in (await door.get("/funding")).text
        address = f"/funding/{made.id}"
        silent = await door.post(address, {"answer": "refuse", "step": "check"})
        assert "Enter why you do not agree" in silent.text
        assert "You agree for Southmere" in (await door.post(address, {"answer": "agree", "step": "check"})).text
        assert (await door.post(address, {"answer": "agree", "step": "send"})).status_code == 303
        assert made.reference in (await door.get("/funding?format=csv")).text
    with pytest.raises(Conflict, match="already"):
        await funding.answer_funding(partner, made.id, False, "Changed our mind")
    async with at(console, database, both.own) as door:
        assert (await door.post(f"{address}/confirm", page=address)).status_code == 303
        assert "In force" in (await door.get(address)).text
    with pytest.raises(Conflict, match=r"Not every payer|closed"):
        await funding.confirm_funding(both.own, made.id)

    visit = await visit_done(case, clock, first)
    period = await period_of(case, first)
    assert [line.price_pence for line in (await drafted(both, both.own, period)).result.lines] == [3200]  # of 48.00
    async with at(app, database, case.manager) as door:
        told = await door.get(f"/invoices/draft/{case.world.framework_id}/{partner.organisation_id}/{period.first_day}")
        assert "33.33% of £48.00" in told.text
        assert "Southmere Health Board" in (await door.get(here)).text
    after(clock, period, hours=9)
    # the whole price asked of both: one visit, one deduction, where the larger share is
    greedy = Claim((ClaimLine(str(visit), 4800),), 4800)
    ids = {payer: await send(both, payer, period, greedy) for payer in (both.own, partner)}
    seen = [await ask(payer, invoice, invoice_id) for payer, invoice_id in ids.items()]
    assert [(each.result.gross_pence, each.result.deduction_pence) for each in seen] == [(3200, 10_000), (1600, 0)]
    line = seen[1].lines[0]
    assert line.workers and len(line.signatures) == 2 and (line.whole_pence, line.basis_points) == (4800, 3333)
    assert {each.printed_name for each in line.signatures if each.side == "family"} == {"A family member"}
    assert await differences(both.own) == await differences(partner) == []
    with pytest.raises(NotFound):
        await ask(partner, invoice, ids[both.own])
    # the statement names the part of each: on its page, as CSV
    books = f"/statements/{case.world.framework_id}/{partner.organisation_id}/{case.manager.organisation_id}"
    async with at(console, database, partner) as door:
        assert "33.33% of shared visits" in (await door.get(books)).text
        assert ",33.33% of shared visits" in (await door.get(f"{books}?format=csv")).text
    async with at(app, database, case.manager) as door:
        mine = books.replace(str(partner.organisation_id), str(both.own.organisation_id))
        assert "66.67% of shared visits" in (await door.get(mine)).text
    with refused("first day must be"):  # what is invoiced stays as it was paid
        await shared(both, first, 5000)


async def test_shares_by_day_with_an_end_are_billed_as_they_stood(both, clock):
    case, partner = both.case, both.partner
    first = (await case.package()).starts_on
    await shared(both, first + timedelta(days=1), 4000, first + timedelta(days=2))
    with refused("as they are"):
        await shared(both, first + timedelta(days=1), 4000)
    for n in range(4):
        await visit_done(case, clock, first + timedelta(days=n))
    period = await period_of(case, first)
    parts = {payer: (await drafted(both, payer, period)).result for payer in (both.own, partner)}
    assert [line.price_pence for line in parts[partner].lines] == [1920, 1920]
    assert sum(each.gross_pence for each in parts.values()) == sum(
        line.whole_pence or 0 for line in parts[both.own].lines
    )
    after(clock, period, hours=9)
    sent = await send(both, both.own, period)
    with refused("first day must be"):
        await shared(both, first + timedelta(days=3), 4000)
    await save_party(case.manager, PROVIDER, {})
    await save_party(both.own, PAYER, {})
    document = await ask(both.own, invoice_document, sent)
    assert [", 60% of its price" in each.name for each in document.lines] == [False, True, True, False]
    await send(both, partner, period)
    assert await differences(both.own) == await differences(partner) == []
    rows = await ask(case.manager, funding_of, case.package_id)
    assert [(row.basis_points, row.ends_on is None) for row in rows] == [
        (10_000, False), (6000, False), (4000, False), (10_000, True),
    ]  # fmt: skip


async def test_refused_withdrawn_and_not_for_everybody(both, clock):
    case, partner = both.case, both.partner
    first = (await case.package()).starts_on
    ask_for = funding.propose_funding
    share = {organisation(partner): 4000}
    for wrong in ({uuid4(): 4000}, {organisation(partner): 0}, {organisation(case.referrer): 4000}, {}):
        with pytest.raises(InvalidInput) as shares:
            await ask_for(case.referrer, case.package_id, wrong, first, None, WHY)
        assert "shares" in shares.value.fields
    with refused("Take it out"):
        await ask_for(case.referrer, case.package_id, share, first, None, "For Maya Okonkwo")
    colleague = await people.person_in(case.world.admin, "referrer")
    for nobody in (colleague, both.own, case.manager):
        with pytest.raises(NotPermitted):
            await ask_for(nobody, case.package_id, share, first, None, WHY)
    made = await ask_for(case.referrer, case.package_id, share, first, None, WHY)
    await funding.answer_funding(partner, made, False, "No nursing is needed.")
    with pytest.raises(Conflict, match="does not agree"):
        await funding.confirm_funding(both.own, made)
    second = await ask_for(case.referrer, case.package_id, {organisation(partner): 2000}, first, None, WHY)
    await funding.withdraw_funding(case.referrer, second)
    with pytest.raises(Conflict, match="closed"):
        await funding.answer_funding(partner, second, True)
    assert [row.basis_points for row in await ask(case.referrer, funding_of, case.package_id)] == [10_000]


async def test_brothers_and_sisters_at_one_visit_are_billed_once(both, clock):
    """The worker's time stands on one child's line; the other's costs nothing; until both are known, both wait."""
    case = both.case
    sister = await referrals.add_child(case.referrer, "Tobi Okonkwo", date(2014, 2, 2), sibling_of=case.child_id)
    other = await packages.set_up(
        case.world, child_id=sister, workers=[case.worker_id, case.backup_id], worker_people=(case.worker, case.backup)
    )
    day = max((await case.package()).starts_on, (await other.package()).starts_on) + timedelta(days=1)
    visits = [await packages.a_visit(each, day) for each in (case, other)]
    next_day = [await packages.a_visit(each, day + timedelta(days=1)) for each in (case, other)]
    clock.move_to((await case.visit(visits[0])).planned_end + timedelta(minutes=5))
    await packages.confirmed(case, visits[0])
    period = await period_of(case, day)
    waiting = {line.visit: line for line in (await drafted(both, both.own, period)).result.lines}
    assert waiting[str(visits[0])].held and waiting[str(visits[0])].missing == ("shared_visit",)
    await packages.confirmed(other, visits[1])
    missed = await case.visit(next_day[0])
    clock.move_to(missed.planned_end + timedelta(minutes=5))
    await record_missed(case.manager, missed.id, version=missed.version, reason="The child was at school")
    await packages.confirmed(other, next_day[1])
    after(clock, period, hours=9)
    result = (await drafted(both, both.own, period)).result
    prices = {line.visit: line.price_pence for line in result.lines}
    assert sorted([prices[str(each)] or 0 for each in visits]) == [0, 4800]
    assert [prices[str(each)] for each in next_day] == [0, 4800]
    assert (result.gross_pence, result.defects) == (9600, ())
    await send(both, both.own, period)
    assert await differences(both.own) == []
