"""How a suspension ends: lifted by a decision, wholly or some lots first, with or without a limit on the way back; by
its date; or by a review. What was imposed stays on record with its reason."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from marketplace.frameworks.queries import FrameworkView, framework
from marketplace.identity.permissions import permit
from marketplace.obligations.news import tell
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted
from marketplace.policy.calendar import local_day
from marketplace.policy.suspending import still_to_do
from marketplace.providers import queries
from marketplace.providers.imposing import BY_RULE, add_step, close_plan, place, tell_members
from marketplace.providers.plans import actions_of
from marketplace.providers.standing import hold_standing
from marketplace.web.filters import count, day, listing

MOST_PACKAGES = 1000
STANDS = "in_force(starts_at, lifted_at, until_on, $3)"


async def decided_suspension(work: Work, suspension_id: UUID) -> tuple[Any, FrameworkView]:
    """A suspension the actor's commissioner decides about: the lead any, a partner its own; held until the unit ends.

    Raises `NotFound` for one out of sight, `NotPermitted` for one that is another's to decide.
    """
    row = await work.fetchrow("SELECT * FROM suspension WHERE id = $1", suspension_id)
    if row is None:
        raise NotFound
    view = await framework(work, row["framework_id"])
    if not view.led_by(work.actor.commissioner_id) and row["commissioner_id"] != work.actor.commissioner_id:
        raise NotPermitted("Only the framework's lead commissioner decides about this suspension.")
    await hold_standing(work, view.id, row["provider_id"], alone=True)
    row = await work.fetchrow("SELECT * FROM suspension WHERE id = $1", suspension_id)
    assert row is not None
    return row, view


async def reinstate(
    actor: Actor,
    suspension_id: UUID,
    reason: str,
    *,
    lots: Sequence[str] | None = None,
    new_packages: int | None = None,
) -> None:
    """Lift a suspension: the lead any, a partner its own (domain 6). Other reasons against the provider stay.

    `lots` lifts one for all lots for these first, while the rest goes on; the whole is lifted once every action of the
    plan is signed off or withdrawn. `new_packages` restricts the provider to so many on what is lifted. Raises
    `Conflict` where it has ended or actions are open, `InvalidInput` by field.
    """
    permit(actor, "provider.suspend")
    async with unit_of_work(actor) as work:
        row, view = await decided_suspension(work, suspension_id)
        wrong: dict[str, str] = {}
        if not reason.strip():
            wrong["reason"] = "Enter why the suspension is lifted; the provider reads it"
        if new_packages is not None and not 1 <= new_packages <= MOST_PACKAGES:
            wrong["new_packages"] = f"The number of new packages must be between 1 and {MOST_PACKAGES:,}"
        admitted = await queries.admitted_lots(work, view.id, row["provider_id"])
        chosen = list(dict.fromkeys(lots or ()))
        if chosen and (row["lot_code"] is not None or not set(chosen) <= set(admitted)):
            wrong["lots"] = "Select lots that this suspension is about"
        if wrong:
            raise InvalidInput(wrong)
        rest = [lot for lot in admitted if lot not in chosen] if chosen else []
        await lift(work, view, row, reason.strip(), rest=rest, freed=chosen if rest else None)
        if new_packages is not None:
            for lot in chosen if rest else [row["lot_code"]]:
                await _restrict(work, view, row, lot, new_packages, reason.strip())


async def lift(
    work: Work,
    view: FrameworkView,
    row: Any,
    reason: str,
    *,
    rest: Sequence[str] = (),
    freed: Sequence[str] | None = None,
    whatever_the_plan: bool = False,
) -> None:
    """End one suspension now; for the lots in `rest` another goes on in its place. Tells everybody concerned. Where
    the system does so, it is by the framework's own rule."""
    person, name = work.actor.person_id, work.actor.person_name
    if work.actor.role == "system":
        person, name = None, BY_RULE
    root = row["follows_id"] or row["id"]
    others = await work.fetchval(
        f"SELECT count(*) FROM suspension WHERE framework_id = $1 AND coalesce(follows_id, id) = $2 AND {STANDS}"  # noqa: S608 - our own text
        " AND id <> $4",
        view.id, root, work.now, row["id"],
    )  # fmt: skip
    last = not rest and not others
    stops = await plan_in_the_way(work, root) if last and not whatever_the_plan else ""
    if stops:
        raise Conflict(stops)
    lifted = await work.fetchval(
        "UPDATE suspension SET lifted_at = $3, lifted_by = $4, lifted_by_name = $5, lift_reason = $6"  # noqa: S608 - our own text
        f" WHERE framework_id = $1 AND id = $2 AND {STANDS} RETURNING id",
        view.id, row["id"], work.now, person, name, reason,
    )  # fmt: skip
    if lifted is None:
        raise Conflict("This suspension has ended already.")
    for lot in rest:
        await work.execute(
            "INSERT INTO suspension (framework_id, provider_id, lot_code, commissioner_id, starts_at, until_on, reason,"
            " rule_key, clause, with_plan, follows_id, imposed_by, imposed_by_name) SELECT framework_id, provider_id,"
            " $3, commissioner_id, $4, until_on, reason, rule_key, clause, with_plan, $5, imposed_by, imposed_by_name"
            " FROM suspension WHERE framework_id = $1 AND id = $2",
            view.id, row["id"], lot, work.now, root,
        )  # fmt: skip
    about = listing([f"lot {lot}" for lot in freed]) if freed else None
    what = "lifted" if last else "lifted_partly"
    says = f"{about[0].upper()}{about[1:]}: {reason}" if about else reason
    if not last and about is None and row["lot_code"]:
        says = f"Lot {row['lot_code']}: {reason}"
    await add_step(work, view.id, root, row["provider_id"], what, says=says, by_name=name)
    work.audit(
        "provider.reinstated", "provider", row["provider_id"], commissioner_id=work.actor.commissioner_id,
        framework=view.id, lot=row["lot_code"], lots=list(freed) if freed else None, suspension=row["id"],
        goes_on_for=list(rest) or None,
    )  # fmt: skip
    if last:
        await close_plan(work, root)
    where = f"{about} of {view.name}" if about else place(view, row["lot_code"])
    goes_on = f" It goes on for {listing([f'lot {lot}' for lot in rest])}." if rest else ""
    await tell(
        work, f"The suspension from {where} has been lifted: see your standing.{goes_on}", "/standing",
        organisation_id=row["provider_id"],
    )  # fmt: skip
    said = f"is no longer suspended by this decision{f' on {about}' if about else ''}"
    await tell_members(work, view.members, row["commissioner_id"], row["provider_id"], said)


async def plan_in_the_way(work: Work, root_id: UUID) -> str:
    """Why what is left of a suspension cannot be lifted yet, where actions of its plan are open; else nothing."""
    number = still_to_do([each.facts for each in await actions_of(work, root_id)])
    if not number:
        return ""
    return (
        f"{count(number, 'action')} of the plan {'is' if number == 1 else 'are'} neither signed off nor withdrawn."
        " Look at each first, or lift the suspension for some lots only."
    )


async def _restrict(work: Work, view: FrameworkView, row: Any, lot: str | None, number: int, reason: str) -> None:
    restriction_id = await work.fetchval(
        "INSERT INTO restriction (framework_id, provider_id, lot_code, commissioner_id, suspension_id, new_packages,"
        " starts_at, reason, imposed_by, imposed_by_name) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
        " RETURNING id",
        view.id, row["provider_id"], lot, row["commissioner_id"], row["follows_id"] or row["id"], number, work.now,
        reason, work.actor.person_id, work.actor.person_name,
    )  # fmt: skip
    work.audit(
        "provider.restricted", "provider", row["provider_id"], framework=view.id, lot=lot, new_packages=number,
        restriction=restriction_id,
    )  # fmt: skip
    await tell(
        work, f"On {place(view, lot)} you may take on {count(number, 'new package')} until the contract manager ends"
        " this restriction.", "/standing", organisation_id=row["provider_id"],
    )  # fmt: skip


async def end_restriction(actor: Actor, restriction_id: UUID, reason: str) -> None:
    """No limit any more: the lead any restriction, a partner its own. Raises `Conflict` for one that has ended."""
    permit(actor, "provider.suspend")
    async with unit_of_work(actor) as work:
        row = await work.fetchrow("SELECT * FROM restriction WHERE id = $1", restriction_id)
        if row is None:
            raise NotFound
        view = await framework(work, row["framework_id"])
        if not view.led_by(actor.commissioner_id) and row["commissioner_id"] != actor.commissioner_id:
            raise NotPermitted("Only the framework's lead commissioner ends this restriction.")
        if not reason.strip():
            raise InvalidInput({"reason": "Enter why the restriction ends; the provider reads it"})
        await hold_standing(work, view.id, row["provider_id"], alone=True)
        ended = await work.fetchval(
            "UPDATE restriction SET ended_at = $3, ended_by = $4, ended_by_name = $5, end_reason = $6"
            " WHERE framework_id = $1 AND id = $2 AND ended_at IS NULL RETURNING id",
            view.id, restriction_id, work.now, actor.person_id, actor.person_name, reason.strip(),
        )  # fmt: skip
        if ended is None:
            raise Conflict("This restriction has ended already.")
        work.audit(
            "provider.restriction_ended", "provider", row["provider_id"], framework=view.id, lot=row["lot_code"],
            restriction=restriction_id,
        )  # fmt: skip
        await tell(
            work, f"You may take on new packages on {place(view, row['lot_code'])} without a limit again.", "/standing",
            organisation_id=row["provider_id"],
        )  # fmt: skip


async def end_by_date(work: Work, view: FrameworkView, row: Any) -> bool:
    """Tell of a suspension to a date that has ended by itself, once; False where it was told before."""
    told = await work.fetchval(
        "UPDATE suspension SET end_told_at = $3 WHERE framework_id = $1 AND id = $2 AND end_told_at IS NULL"
        " AND lifted_at IS NULL AND until_on < $4 RETURNING id",
        view.id, row["id"], work.now, local_day(work.now),
    )  # fmt: skip
    if told is None:
        return False
    root = row["follows_id"] or row["id"]
    until: date = row["until_on"]
    await add_step(
        work,
        view.id,
        root,
        row["provider_id"],
        "ended",
        says=f"{place(view, row['lot_code'])}, by its last day {day(until)}",
    )
    work.audit(
        "provider.suspension_ended", "provider", row["provider_id"], framework=view.id, lot=row["lot_code"],
        suspension=row["id"], until_on=until,
    )  # fmt: skip
    await close_plan(work, root)
    await tell(
        work, f"The suspension from {place(view, row['lot_code'])} ended with its last day, {day(until)}.", "/standing",
        organisation_id=row["provider_id"],
    )  # fmt: skip
    said = f"is no longer suspended by the decision that ended on {day(until)}"
    await tell_members(work, view.members, row["commissioner_id"], row["provider_id"], said)
    return True
