"""What poor information costs a provider: the time it took, at the pack's rate (L 7.10; decision 20).

A charge can be objected to as a deduction can be disputed. It is booked, and so borne by the next invoice, only when
that time is over without an objection, or when somebody else than who charged it lets it stand.
"""

from __future__ import annotations

from uuid import UUID

import asyncpg

from marketplace.billing.ledger import DEDUCTION, OWED_BY_PROVIDER, post
from marketplace.billing.ledger import one_at_a_time as hold_books
from marketplace.contracts.requests import TASK as TASK_GIVE
from marketplace.contracts.requests import last_day_of, link
from marketplace.contracts.steps import (
    REVIEW,
    Place,
    add_step,
    answering,
    manager,
    one_at_a_time,
    place_of_row,
    row_of,
    said,
    tell_managers,
    tell_provider,
)
from marketplace.identity.permissions import permit
from marketplace.obligations.duties import Owed, meet, owe
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.policy.calendar import is_before, local_day
from marketplace.policy.contracts import INFORMATION, OBJECTION, charge_pence, may_charge, object_until
from marketplace.web.filters import duration, last_moment, pounds

KIND = "information_charge"  # of the ledger's entry
MOST_MINUTES = 6_000
TASK = "task.answer_objection"


async def charge(actor: Actor, request_id: UUID, *, minutes: int, reason: str) -> UUID:
    """Charge the time spent on information that was poor or late, once for a request. Returns the charge's id.

    Raises `Conflict` where the contract charges nothing, nothing was poor or late, or it has been charged already;
    `InvalidInput` by field.
    """
    async with unit_of_work(manager(actor)) as work:
        await one_at_a_time(work, request_id)
        row = await row_of(work, "information_request", request_id)
        place = await place_of_row(work, row)
        on = local_day(work.now)
        if not may_charge(place.pack, on):
            raise Conflict("This framework charges nothing for poor information, or no rate is agreed.")
        if not await poor_or_late(work, row):
            raise Conflict("The information was neither returned as poor nor late: there is nothing to charge.")
        if await work.fetchval("SELECT EXISTS (SELECT 1 FROM information_charge WHERE request_id = $1)", row["id"]):
            raise Conflict("Time spent on this request has been charged already.")
        wrong: dict[str, str] = {}
        if not 1 <= minutes <= MOST_MINUTES:
            wrong["minutes"] = "Enter the time spent, up to 100 hours"
        if not reason.strip():
            wrong["reason"] = "Enter what the time was spent on; the provider reads it"
        if wrong:
            raise InvalidInput(wrong)
        reason = said(reason, "reason", "")
        pence = charge_pence(place.pack, on, minutes)
        if not pence:
            raise InvalidInput({"minutes": "So little time costs nothing at the agreed rate"})
        until = object_until(place.pack, work.now)
        rule = next(each for each in place.pack.on(on).content.settings if each.key == "contracts.hour_pence")
        charge_id: UUID = await work.fetchval(
            "INSERT INTO information_charge (commissioner_id, framework_id, provider_id, request_id, minutes,"
            " hour_pence, pence, clause, reason, pack_hash, charged_at, charged_by, charged_by_name, object_until)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) RETURNING id",
            place.commissioner_id, place.framework.id, place.provider_id, row["id"], minutes,
            place.pack.on(on).contracts.hour_pence, pence, rule.clause, reason, place.pack.content_hash, work.now,
            actor.person_id, actor.person_name, until,
        )  # fmt: skip
        said_so = f"{pounds(pence)} for {duration(minutes)}. {reason}"
        await add_step(work, place, "charged", says=said_so, request_id=row["id"])
        work.audit(
            "information_charge.made", "information_charge", charge_id, commissioner_id=place.commissioner_id,
            framework=place.framework.id, provider=place.provider_id, pence=pence, minutes=minutes,
        )  # fmt: skip
        sentence = f"{actor.organisation_name} charges {pounds(pence)} for time spent on information you gave."
        await tell_provider(work, place, f"{sentence} You can object until {last_moment(until)}.", link(row["id"]))
        return charge_id


async def object_to(actor: Actor, request_id: UUID, says: str) -> None:
    """The provider objects, in time and once; somebody else than who charged it decides. Raises `Conflict`."""
    async with unit_of_work(answering(actor)) as work:
        await one_at_a_time(work, request_id)
        row = await _waiting(work, request_id)
        if row["objected_at"] is not None:
            raise Conflict("You have objected already. You are told when it is decided.")
        if not is_before(work.now, row["object_until"]):
            raise Conflict(f"The time to object was over on {last_moment(row['object_until'])}.")
        says = said(says, "says", "Enter why the charge is wrong")
        place = await place_of_row(work, row)
        await add_step(work, place, "charge_objected", says=says, request_id=request_id)
        known = OBJECTION in place.pack.on(local_day(work.now)).duties
        await owe(
            work, place.pack, OBJECTION if known else TASK, title="Answer an objection to a charge for information",
            subject_type="information_charge", subject_id=row["id"], reference=place.framework.name,
            owed_by=Owed(place.commissioner_id), owed_to=place.provider_id, link=link(request_id),
            framework_id=place.framework.id, commissioner_id=place.commissioner_id,
        )  # fmt: skip
        work.audit("information_charge.objected", "information_charge", row["id"])
        await tell_managers(
            work, place, f"{place.provider_name} objects to a charge for information.", link(request_id)
        )


async def decide(actor: Actor, request_id: UUID, *, stands: bool, says: str) -> None:
    """The charge stands, and is booked, or is dropped; by somebody else than who charged it. Raises `Conflict`."""
    permit(actor, REVIEW)
    async with unit_of_work(actor) as work:
        await one_at_a_time(work, request_id)
        row = await _waiting(work, request_id)
        if row["commissioner_id"] != actor.commissioner_id:
            raise NotFound
        if row["objected_at"] is None:
            raise Conflict("The provider has not objected to this charge.")
        if row["charged_by"] == actor.person_id:
            raise Conflict("You made this charge: somebody else must decide on the objection.")
        says = said(says, "says", "Enter why; the provider reads it")
        place = await place_of_row(work, row)
        if stands:
            await _book(work, place, row, says)
        else:
            await work.execute(
                "UPDATE information_charge SET dropped_at = $3 WHERE commissioner_id = $1 AND id = $2",
                row["commissioner_id"], row["id"], work.now,
            )  # fmt: skip
            await add_step(work, place, "charge_dropped", says=says, request_id=request_id)
            work.audit("information_charge.dropped", "information_charge", row["id"])
            await tell_provider(work, place, "A charge for information is dropped.", link(request_id))
        await meet(work, (OBJECTION, TASK), row["id"])


async def book_due(work: Work) -> int:
    """Book the acting commissioner's charges nobody objected to in time; how many it were. Run again, no more."""
    rows = await work.fetch(
        "SELECT request_id FROM information_charge WHERE commissioner_id = $1 AND stands_at IS NULL"
        " AND dropped_at IS NULL AND object_until <= $2 ORDER BY charged_at, id",
        work.actor.commissioner_id, work.now,
    )  # fmt: skip
    booked = 0
    for found in rows:
        await one_at_a_time(work, found["request_id"])
        row = await charge_of(work, found["request_id"])
        if row is not None and row["objected_at"] is None and row["stands_at"] is None:
            await _book(work, await place_of_row(work, row), row, "Nobody objected in time.")
            booked += 1
    return booked


async def charge_of(work: Work, request_id: UUID) -> asyncpg.Record | None:
    """The charge of a request within reach, with `objected_at`; None where there is none."""
    return await work.fetchrow(
        "SELECT c.*, (SELECT min(t.at) FROM contract_step t WHERE t.commissioner_id = c.commissioner_id"
        " AND t.request_id = c.request_id AND t.what = 'charge_objected') AS objected_at"
        " FROM information_charge c WHERE c.request_id = $1",
        request_id,
    )


async def poor_or_late(work: Work, row: asyncpg.Record) -> bool:
    """Whether a request's information was returned as poor, came after its day, or has not come by it (L 7.10).

    A later day given after the day was over does not make it come in time: the duty that was missed stays missed.
    """
    if await work.fetchval(
        "SELECT EXISTS (SELECT 1 FROM contract_step WHERE request_id = $1 AND what = 'information_returned')", row["id"]
    ):
        return True
    if await work.fetchval(
        "SELECT EXISTS (SELECT 1 FROM obligation WHERE subject_id = $1 AND rule_key = ANY ($2)"
        " AND missed_at IS NOT NULL)",
        row["id"], [INFORMATION, TASK_GIVE],
    ):  # fmt: skip
        return True
    given = await work.fetchval(
        "SELECT min(at) FROM contract_step WHERE request_id = $1 AND what = 'information_given'", row["id"]
    )
    return local_day(given or work.now) > await last_day_of(work, row["id"])


async def _waiting(work: Work, request_id: UUID) -> asyncpg.Record:
    await row_of(work, "information_request", request_id)
    row = await charge_of(work, request_id)
    if row is None:
        raise NotFound("Nothing was charged for this request.")
    if row["dropped_at"] is not None or row["stands_at"] is not None:
        raise Conflict("This charge has been decided: look at it again.")
    return row


async def _book(work: Work, place: Place, row: asyncpg.Record, says: str) -> None:
    """What is owed is carried to the next invoice, as a deduction that a sum could not bear is."""
    await hold_books(work, place.framework.id, place.provider_id, place.commissioner_id)
    await work.execute(
        "UPDATE information_charge SET stands_at = $3 WHERE commissioner_id = $1 AND id = $2",
        row["commissioner_id"], row["id"], work.now,
    )  # fmt: skip
    await post(
        work, KIND, {DEDUCTION: -row["pence"], OWED_BY_PROVIDER: row["pence"]}, commissioner_id=place.commissioner_id,
        framework_id=place.framework.id, provider_id=place.provider_id, subject_type="information_charge",
        subject_id=row["id"],
    )  # fmt: skip
    await add_step(work, place, "charge_stands", says=says, request_id=row["request_id"])
    work.audit("information_charge.booked", "information_charge", row["id"], pence=row["pence"])
    sentence = f"{pounds(row['pence'])} for time spent on information is taken from your next invoice on"
    await tell_provider(work, place, f"{sentence} {place.framework.name}.", link(row["request_id"]))
