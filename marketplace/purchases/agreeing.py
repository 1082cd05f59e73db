"""A family accepts a provider's answer: a package of its direct payment comes of it, in a unit nobody wins twice.

Asked again at that moment, under the hold an award takes: whether the family may buy this, whether the provider takes
new families, and whether those who would come are ready.
"""

from __future__ import annotations

from datetime import date
from uuid import UUID, uuid4

from marketplace.frameworks.queries import pack_of
from marketplace.identity.permissions import permit
from marketplace.obligations.news import tell
from marketplace.packages.award import owe_set_up
from marketplace.packages.tables import Package
from marketplace.platform.actor import Actor, system_for
from marketplace.platform.database import Work, ask, unit_of_work
from marketplace.platform.errors import Conflict, WrongState
from marketplace.policy.calendar import local_day
from marketplace.policy.pack import Pack
from marketplace.policy.scope import sort_needs
from marketplace.providers.new_families import takes_new_families
from marketplace.providers.readiness import readiness
from marketplace.purchases import enquiries, queries
from marketplace.purchases.enquiring import born_on, close, refusals
from marketplace.purchases.queries import DirectPaymentView
from marketplace.purchases.tables import Enquiry, EnquiryAnswer
from marketplace.purchases.words import refusal
from marketplace.referrals.patterns import slots
from marketplace.referrals.references import new_reference
from marketplace.web.filters import day


async def accept_answer(actor: Actor, answer_id: UUID) -> UUID | None:
    """Accept a provider's answer; returns the package's id, or None while others who spend jointly have not accepted.

    Raises `Conflict` with the sentence about what stands in the way, `WrongState` for the second of two, `NotFound`.
    """
    permit(actor, "direct_payment.spend")
    found = await ask(actor, enquiries.answer, answer_id)
    # A family reads no worker's evidence, so the marketplace looks for it, and says no more than who is not ready.
    ready = await ask(system_for(found.provider_id, "provider"), _ready_workers, answer_id)
    async with unit_of_work(actor) as work:
        row = await enquiries.enquiry(work, found.enquiry_id)
        # held first: whichever of an acceptance and a suspension comes second sees the first
        council = row.commissioner_id
        takes = await takes_new_families(work, row.framework_id, found.provider_id, row.lot_code, council)
        row = await enquiries.enquiry(work, found.enquiry_id, lock=True)
        await _still_open(work, row)
        # the provider's line, which its withdrawal holds
        await work.fetchval(
            "SELECT 1 FROM enquiry_reach WHERE commissioner_id = $1 AND enquiry_id = $2 AND provider_id = $3"
            " FOR UPDATE",
            row.commissioner_id, row.id, found.provider_id,
        )  # fmt: skip
        found = await enquiries.answer(work, answer_id)
        if found.state != "offered":
            raise WrongState("answer", found.state, "accepted", "This answer does not stand any more.")
        view = await queries.direct_payment(work, row.direct_payment_id)
        pack = await pack_of(work, row.framework_id)
        await _may_be_bought(work, pack, view, row, found, takes.takes)
        await _choose(work, found)
        agreed = await work.fetchval(
            "SELECT family_agrees($1, $2, 'spend', ARRAY(SELECT person_id FROM enquiry_choice"
            " WHERE commissioner_id = $1 AND answer_id = $3 AND taken_back_at IS NULL))",
            row.commissioner_id, row.child_id, found.id,
        )  # fmt: skip
        work.audit("enquiry.accepted", "enquiry", row.id, commissioner_id=row.commissioner_id, answer=found.id)
        if not agreed:
            for person in await enquiries.people(work, row):
                if person != actor.person_id:
                    said = f"An answer to your request {row.reference} was accepted. It counts once you accept it too."
                    await tell(work, said, f"/requests/{row.id}", person_id=person)
            return None
        package = await _make_package(work, view, row, found, ready)
        await close(work, row, but=found.provider_id)
        await owe_set_up(work, pack, package)
        won = f"The family has accepted your answer to request {row.reference}: it is package {package.reference} now."
        await tell(work, won, f"/packages/{package.id}", organisation_id=package.provider_id)
        paid = f"A family has agreed package {package.reference}, paid for by its direct payment."
        await tell(
            work, paid, f"/packages/{package.id}", organisation_id=package.commissioner_id,
            person_id=package.referrer_id,
        )  # fmt: skip
        return package.id


async def take_back_acceptance(actor: Actor, answer_id: UUID) -> UUID:
    """Take one's own acceptance back while others who spend jointly have not accepted; answers the request's id.

    Raises `WrongState` once the answer is agreed or the request closed, or for one who has not accepted; `NotFound`.
    """
    permit(actor, "direct_payment.spend")
    async with unit_of_work(actor) as work:
        found = await enquiries.answer(work, answer_id)
        row = await enquiries.enquiry(work, found.enquiry_id, lock=True)
        await _still_open(work, row)
        done = await work.fetchval(
            "UPDATE enquiry_choice SET taken_back_at = $4 WHERE commissioner_id = $1 AND answer_id = $2"
            " AND person_id = $3 AND taken_back_at IS NULL RETURNING true",
            row.commissioner_id, found.id, actor.person_id, work.now,
        )  # fmt: skip
        if not done:
            raise WrongState("answer", found.state, "taken back", "You have not accepted this answer.")
        work.audit(
            "enquiry.acceptance_taken_back", "enquiry", row.id, commissioner_id=row.commissioner_id, answer=found.id
        )  # fmt: skip
        for person in await enquiries.people(work, row):
            if person != actor.person_id:
                said = f"An acceptance of an answer to your request {row.reference} was taken back."
                await tell(work, said, f"/requests/{row.id}", person_id=person)
        return row.id


async def _still_open(work: Work, row: Enquiry) -> None:
    if row.state != "open":
        agreed = await work.fetchval(
            "SELECT 1 FROM enquiry_answer WHERE commissioner_id = $1 AND enquiry_id = $2 AND state = 'accepted'",
            row.commissioner_id, row.id,
        )  # fmt: skip
        sentence = "An answer to this request was accepted already." if agreed else "This request is closed already."
        raise WrongState("request", row.state, "agreed", sentence)
    if not enquiries.is_open(work, row):
        raise WrongState("request", "lapsed", "agreed", f"This request was open until {day(row.open_until)}.")


async def _may_be_bought(
    work: Work, pack: Pack, view: DirectPaymentView, row: Enquiry, found: EnquiryAnswer, takes: bool
) -> None:
    today = local_day(work.now)
    starts_on = first_day(found, today)
    reasons = refusals(
        pack, await born_on(work, view), slots(found.pattern), starts_on, row.lot_code, view, takes,  # type: ignore[arg-type]
    )  # fmt: skip
    if reasons:
        raise Conflict(" ".join(refusal(reason, pack, starts_on) for reason in reasons))


def first_day(found: EnquiryAnswer, today: date) -> date:
    """From when an answer counts if it is accepted today."""
    assert found.starts_on is not None
    return max(found.starts_on, today)


async def _ready_workers(work: Work, answer_id: UUID) -> list[UUID]:
    """Who of those proposed is ready for the start; one who was to come and is not stops the agreement."""
    found = await enquiries.answer(work, answer_id)
    if found.state != "offered":
        return []  # the unit that follows says so
    row = await enquiries.enquiry(work, found.enquiry_id)
    pack = await pack_of(work, row.framework_id)
    proposed = await work.fetch(
        "SELECT worker_id, part, name FROM enquiry_worker WHERE commissioner_id = $1 AND answer_id = $2",
        found.commissioner_id, found.id,
    )  # fmt: skip
    on = first_day(found, local_day(work.now))
    judged = await readiness(
        work, found.provider_id, pack, row.lot_code, sort_needs(pack, row.lot_code, tuple(row.needs)).competencies, on,
        worker_ids=[each["worker_id"] for each in proposed],
    )  # fmt: skip
    ready = [entry.worker.id for entry in judged if entry.ready]
    missing = [each["name"] for each in proposed if each["part"] == "main" and each["worker_id"] not in ready]
    if missing:
        raise Conflict(
            f"{' and '.join(missing)} cannot come from {day(on)} as proposed. Ask the provider for another answer."
        )
    return ready


async def _choose(work: Work, found: EnquiryAnswer) -> None:
    await work.execute(
        "UPDATE enquiry_choice SET taken_back_at = $4 WHERE commissioner_id = $1 AND enquiry_id = $2 AND person_id = $3"
        " AND taken_back_at IS NULL",
        found.commissioner_id, found.enquiry_id, work.actor.person_id, work.now,
    )  # fmt: skip
    await work.execute(
        "INSERT INTO enquiry_choice (commissioner_id, enquiry_id, answer_id, person_id, person_name, chosen_at)"
        " VALUES ($1, $2, $3, $4, $5, $6)",
        found.commissioner_id, found.enquiry_id, found.id, work.actor.person_id, work.actor.person_name, work.now,
    )  # fmt: skip


async def _make_package(
    work: Work, view: DirectPaymentView, row: Enquiry, found: EnquiryAnswer, ready: list[UUID]
) -> Package:
    await work.execute(
        "UPDATE enquiry_answer SET state = 'accepted', decided_at = $3 WHERE commissioner_id = $1 AND id = $2",
        found.commissioner_id, found.id, work.now,
    )  # fmt: skip
    package = Package(
        id=uuid4(),
        commissioner_id=row.commissioner_id,
        framework_id=row.framework_id,
        provider_id=found.provider_id,
        direct_payment_id=row.direct_payment_id,
        answer_id=found.id,
        child_id=row.child_id,
        reference=new_reference("P"),
        lot_code=row.lot_code,
        referrer_id=await work.fetchval(
            "SELECT referrer_id FROM child WHERE commissioner_id = $1 AND id = $2", row.commissioner_id, row.child_id
        ),
        needs=list(row.needs),
        pattern=found.pattern,
        workers_per_visit=row.workers_per_visit,
        starts_on=first_day(found, local_day(work.now)),
        ends_on=view.ends_on,
        awarded_at=work.now,
        awarded_by=work.actor.person_id,
    )
    columns = package.to_dict()
    # Nothing returned: within this statement the family does not reach the row yet.
    names, marks = ", ".join(columns), ", ".join(f"${n}" for n in range(1, len(columns) + 1))
    await work.execute(f"INSERT INTO package ({names}) VALUES ({marks})", *columns.values())  # noqa: S608 - our columns
    await work.fetchval("SELECT team_of_answer($1, $2, $3)", package.commissioner_id, package.id, ready)
    work.audit(
        "package.made", "package", package.id, commissioner_id=package.commissioner_id, reference=package.reference,
        provider=package.provider_id, direct_payment=package.direct_payment_id,
    )  # fmt: skip
    return package
