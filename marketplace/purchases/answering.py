"""A provider answers a family's request: yes with workers, a first day and a week at its agreed price, or no."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from marketplace.frameworks.queries import pack_of
from marketplace.identity.permissions import permit
from marketplace.obligations.duties import meet
from marketplace.obligations.news import tell
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotPermitted, WrongState
from marketplace.policy.calendar import local_day
from marketplace.policy.pack import Pack
from marketplace.policy.records import is_blank
from marketplace.policy.scope import sort_needs
from marketplace.providers.profiles import family_profile
from marketplace.providers.readiness import Ready
from marketplace.providers.standing import hold_standing, standing
from marketplace.purchases import enquiries
from marketplace.purchases.enquiring import ANSWER
from marketplace.purchases.tables import Enquiry, EnquiryAnswer
from marketplace.referrals.offer_price import OfferPrice, price_of
from marketplace.referrals.offering import LONGEST_TEXT, MOST_WORKERS, Proposal, ready_team
from marketplace.referrals.patterns import Pattern, checked


@dataclass(frozen=True, slots=True)
class CheckedAnswer:
    """A proposal the rules let through, with its price."""

    enquiry: Enquiry
    pack: Pack
    main: tuple[Ready, ...]
    backups: tuple[Ready, ...]
    pattern: Pattern
    price: OfferPrice


async def check_answer(work: Work, enquiry_id: UUID, proposal: Proposal) -> CheckedAnswer:
    """What would be proposed to the family; nothing is kept.

    Raises `InvalidInput` by field (workers, backups, starts_on, pattern, remark), `NotFound` for a request that did
    not reach the provider.
    """
    provider_id = _provider(work.actor)
    row = await enquiries.enquiry(work, enquiry_id)
    pack = await pack_of(work, row.framework_id)
    faults: dict[str, str] = {}
    if proposal.starts_on < local_day(work.now):
        faults["starts_on"] = "The first day must be today or later"
    if not proposal.pattern:
        faults["pattern"] = "Enter at least one visit a week"
    if len(proposal.remark) > LONGEST_TEXT:
        faults["remark"] = f"The remark must be {LONGEST_TEXT:,} characters or fewer"
    if len(set(proposal.workers)) < row.workers_per_visit:
        wanted = row.workers_per_visit
        faults["workers"] = "Select who will come" if wanted == 1 else f"Select at least {wanted} workers who come"
    if len(proposal.workers) + len(proposal.backups) > MOST_WORKERS:
        faults["workers"] = f"Choose at most {MOST_WORKERS} workers: few workers for a child, known in advance"
    if set(proposal.workers) & set(proposal.backups):
        faults["backups"] = "A worker either comes or is the back-up, not both"
    if faults:
        raise InvalidInput(faults)
    pattern = checked(proposal.pattern, pack.on(proposal.starts_on).lot(row.lot_code).activities)
    asked = sort_needs(pack, row.lot_code, tuple(row.needs)).competencies
    main, backups = await ready_team(work, pack, provider_id, row.lot_code, asked, proposal)
    price = await price_of(
        work, pack, row.framework_id, provider_id, row.lot_code, proposal.pattern, proposal.starts_on,
        row.workers_per_visit,
    )  # fmt: skip
    return CheckedAnswer(row, pack, main, backups, pattern, price)


async def say_yes(actor: Actor, enquiry_id: UUID, proposal: Proposal) -> UUID:
    """Propose workers, a first day and a week to the family; returns the answer's id. A no said before is replaced.

    Raises `InvalidInput` by field, `Conflict` where the provider may take no new families, has proposed already, or the
    request is closed; `NotFound`.
    """
    permit(actor, "enquiry.answer")
    async with unit_of_work(actor) as work:
        provider_id = _provider(actor)
        row = await _open_to_me(work, enquiry_id)
        await hold_standing(work, row.framework_id, provider_id)
        mine = await standing(work, row.framework_id, provider_id, row.lot_code, commissioner_id=row.commissioner_id)
        if mine.reasons:
            says = ", ".join(reason.says for reason in mine.reasons)
            raise Conflict(f"You cannot take new families on this lot now: your organisation {says}.")
        given = await check_answer(work, enquiry_id, proposal)
        await _take_back(work, row, "declined")
        answer_id, price = uuid4(), given.price
        try:
            await work.execute(
                """INSERT INTO enquiry_answer (commissioner_id, id, enquiry_id, framework_id, provider_id, state,
                       remark, starts_on, pattern, price, pence_per_week, pence_per_period, answered_at, answered_by)
                   VALUES ($1, $2, $3, $4, $5, 'offered', $6, $7, $8, $9, $10, $11, $12, $13)""",
                row.commissioner_id, answer_id, row.id, row.framework_id, provider_id, proposal.remark.strip(),
                proposal.starts_on, given.pattern, price.explained, price.pence_per_week, price.pence_per_period,
                work.now, actor.person_id,
            )  # fmt: skip
        except asyncpg.UniqueViolationError as error:
            raise Conflict("You have answered this request already. Withdraw that answer first.") from error
        await _keep_workers(work, row, answer_id, given)
        await meet(work, ANSWER, row.id, by_organisation=provider_id)
        for person in await enquiries.people(work, row):
            said = f"A provider has answered your request {row.reference}."
            await tell(work, said, f"/requests/{row.id}", person_id=person)
        work.audit(
            "enquiry.answered", "enquiry", row.id, commissioner_id=row.commissioner_id, answer=answer_id,
            pence_per_week=price.pence_per_week, starts_on=proposal.starts_on,
        )  # fmt: skip
        return answer_id


async def say_no(actor: Actor, enquiry_id: UUID, reason_code: str, remark: str = "") -> None:
    """Say no, with one of the pack's reasons; the remark goes to the family.

    Raises `InvalidInput` by field, `Conflict` while a proposal of the provider stands or the request is closed,
    `NotFound`.
    """
    permit(actor, "enquiry.answer")
    async with unit_of_work(actor) as work:
        provider_id = _provider(actor)
        row = await _open_to_me(work, enquiry_id)
        pack = await pack_of(work, row.framework_id)
        faults: dict[str, str] = {}
        if reason_code not in {reason.code for reason in pack.reasons("decline")}:
            faults["reason_code"] = "Select why you say no"
        elif reason_code == "other" and is_blank(remark):
            faults["remark"] = "Enter your reason in your own words"
        if len(remark) > LONGEST_TEXT:
            faults["remark"] = f"The reason must be {LONGEST_TEXT:,} characters or fewer"
        if faults:
            raise InvalidInput(faults)
        await _take_back(work, row, "declined")
        try:
            await work.execute(
                "INSERT INTO enquiry_answer (commissioner_id, enquiry_id, framework_id, provider_id, state,"
                " reason_code, remark, answered_at, answered_by) VALUES ($1, $2, $3, $4, 'declined', $5, $6, $7, $8)",
                row.commissioner_id, row.id, row.framework_id, provider_id, reason_code, remark.strip(), work.now,
                actor.person_id,
            )  # fmt: skip
        except asyncpg.UniqueViolationError as error:
            raise Conflict("Your proposal to the family stands. Withdraw it first.") from error
        await meet(work, ANSWER, row.id, by_organisation=provider_id)
        for person in await enquiries.people(work, row):
            said = f"A provider cannot help with your request {row.reference}."
            await tell(work, said, f"/requests/{row.id}", person_id=person)
        work.audit(
            "enquiry.declined", "enquiry", row.id, commissioner_id=row.commissioner_id, reason=reason_code
        )  # fmt: skip


async def withdraw_answer(actor: Actor, answer_id: UUID) -> UUID:
    """Take a proposal back before the family accepts it; answers the request's id. Raises `WrongState`, `NotFound`."""
    permit(actor, "enquiry.answer")
    async with unit_of_work(actor) as work:
        _provider(actor)
        found = await enquiries.answer(work, answer_id)
        row = await enquiries.enquiry(work, found.enquiry_id)
        await enquiries.my_reach(work, row)  # held: the family's acceptance closes it
        values: dict[Any, Any] = {"state": "withdrawn", "decided_at": work.now}
        done = await (
            EnquiryAnswer.update(values)
            .where(EnquiryAnswer.id == found.id)
            .where(EnquiryAnswer.state == "offered")
            .returning(EnquiryAnswer.id)
        )
        if not done:
            raise WrongState("answer", found.state, "withdrawn", "This answer does not stand any more.")
        for person in await enquiries.people(work, row):
            said = f"A provider has taken back its answer to your request {row.reference}."
            await tell(work, said, f"/requests/{row.id}", person_id=person)
        work.audit("enquiry.answer_withdrawn", "enquiry", row.id, commissioner_id=row.commissioner_id, answer=found.id)
        return row.id


def _provider(actor: Actor) -> UUID:
    if actor.provider_id is None:
        raise NotPermitted
    return actor.provider_id


async def _open_to_me(work: Work, enquiry_id: UUID) -> Enquiry:
    """The request, if it may still be answered; its line of this provider held, which a family's closing changes."""
    row = await enquiries.enquiry(work, enquiry_id)
    reach = await enquiries.my_reach(work, row)
    if reach.closed_at is not None or not enquiries.is_open(work, row):
        raise Conflict(f"Request {row.reference} is no longer open to answers.")
    return row


async def _take_back(work: Work, row: Enquiry, state: str) -> None:
    await work.execute(
        "UPDATE enquiry_answer SET state = 'withdrawn', decided_at = $4 WHERE commissioner_id = $1 AND enquiry_id = $2"
        " AND provider_id = $3 AND state = $5",
        row.commissioner_id, row.id, work.actor.provider_id, work.now, state,
    )  # fmt: skip


async def _keep_workers(work: Work, row: Enquiry, answer_id: UUID, given: CheckedAnswer) -> None:
    rows = [
        (
            row.commissioner_id, answer_id, row.id, work.actor.provider_id, entry.worker.id, part, position,
            entry.worker.name, role.title if (role := given.pack.roles.get(entry.worker.role)) else entry.worker.role,
            family_profile(entry.pack, entry.worker, entry.on),
        )
        for part, entries in (("main", given.main), ("backup", given.backups))
        for position, entry in enumerate(entries)
    ]  # fmt: skip
    await work.connection.executemany(
        """INSERT INTO enquiry_worker (commissioner_id, answer_id, enquiry_id, provider_id, worker_id, part, position,
               name, role, profile) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)""",
        rows,
    )
