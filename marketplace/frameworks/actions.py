"""Making a framework: from a pack, decision by decision, with its partners, until it is opened and one day closed.

The lead decides for the framework (data.md, "Framework members"); partners read, and pay for their own packages.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import date
from uuid import UUID

import asyncpg

from marketplace.frameworks import packs, queries
from marketplace.frameworks.states import advance
from marketplace.frameworks.tables import Framework, FrameworkLot
from marketplace.frameworks.views import FrameworkView
from marketplace.identity.permissions import permit
from marketplace.obligations import news
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotPermitted
from marketplace.policy.pack import Decision, Pack, PackError

LONGEST_NAME = 200
LONGEST_REMARK = 1_000


async def led_framework(work: Work, framework_id: UUID) -> FrameworkView:
    """The framework, held for this unit, if the actor's commissioner leads it.

    Raises `NotFound` where it cannot be seen, `NotPermitted` for partners and anybody else.
    """
    await ours_to_lead(work, framework_id)
    await work.execute("SELECT 1 FROM framework WHERE id = $1 FOR UPDATE", framework_id)
    return await queries.framework(work, framework_id)


async def ours_to_lead(work: Work, framework_id: UUID) -> FrameworkView:
    """The same, not held: what is only looked at before it is done. Raises alike."""
    found = await queries.framework(work, framework_id)
    if not found.led_by(work.actor.commissioner_id):
        raise NotPermitted(f"Only {found.lead_name}, which leads this framework, can do this.")
    return found


async def store_pack(actor: Actor, pack: Pack) -> str:
    """Keep a commissioner's own pack, to make a framework from. Returns its hash."""
    permit(actor, "framework.write")
    async with unit_of_work(actor) as work:
        pack_hash = await packs.store(work, pack)
        work.audit("pack.stored", "organisation", _organisation(actor), pack=pack.id, hash=pack_hash)
        return pack_hash


async def create_framework(
    actor: Actor,
    *,
    pack: Pack | None = None,
    pack_id: str | None = None,
    pack_hash: str | None = None,
    name: str,
    anchor_day: date,
    regime: str,
    ends_on: date | None = None,
    partner_ids: Sequence[UUID] = (),
) -> UUID:
    """A draft framework led by the actor's commissioner.

    The pack is given itself, by the id of one that comes with the software, or by the hash of a stored one.
    `anchor_day` is the first day of a billing period, `regime` the procurement law the framework is let under.
    Raises `InvalidInput` on `pack`, `name`, `anchor_day`, `regime`, `ends_on`, `partners`.
    """
    permit(actor, "framework.write")
    if pack is None and pack_hash is None:
        pack = packs.built_in(pack_id or "")
    name, regime = " ".join(name.split()), " ".join(regime.split())
    faults: dict[str, str] = {}
    if not name or len(name) > LONGEST_NAME:
        faults["name"] = "Enter the framework's name, in 200 characters or fewer"
    if not regime or len(regime) > LONGEST_NAME:
        faults["regime"] = "Enter the procurement regime the framework is let under"
    if ends_on is not None and ends_on <= anchor_day:
        faults["ends_on"] = "The last day must be after the first day of billing"
    if faults:
        raise InvalidInput(faults)
    async with unit_of_work(actor) as work:
        pack = pack or await packs.stored(work, pack_hash or "")
        stored_hash = await packs.store(work, pack)
        framework = Framework(
            name=name,
            lead_commissioner_id=_organisation(actor),
            pack_hash=stored_hash,
            anchor_day=anchor_day,
            regime=regime,
            ends_on=ends_on,
            created_at=work.now,
        )
        await Framework.insert(framework)
        await _add_member(work, framework.id, _organisation(actor), leads=True)
        lots = pack.on(queries.today(work)).lots.values()
        for position, lot in enumerate(lots, start=1):
            await FrameworkLot.insert(
                FrameworkLot(framework_id=framework.id, code=lot.key, title=lot.title, position=position)
            )
        work.audit("framework.created", "framework", framework.id, name=name, pack=pack.id, pack_hash=stored_hash)
        for partner in dict.fromkeys(partner_ids):
            await _take_partner(work, await queries.framework(work, framework.id), partner)
        return framework.id


async def confirm_decision(
    actor: Actor, framework_id: UUID, key: str, value: object | None = None, *, remark: str = ""
) -> None:
    """Confirm one of the pack's decisions on a draft: as proposed, or with another `value` of its type.

    Text is read as the decision's type. Raises `NotFound`, `InvalidInput` on `value`, `WrongState` once it is open.
    """
    permit(actor, "framework.write")
    if len(remark) > LONGEST_REMARK:
        raise InvalidInput({"remark": f"The remark must be {LONGEST_REMARK:,} characters or fewer"})
    async with unit_of_work(actor) as work:
        found = await led_framework(work, framework_id)
        if found.state != "draft":
            raise Conflict("The framework is open: its terms are agreed, and decisions can no longer be changed.")
        decision = await queries.decision(work, framework_id, key)
        pack = await packs.stored(work, found.pack_hash)
        answer = decision.proposed if value is None else value
        confirmed = await _confirmed(work, framework_id)
        _, settled = judge(pack, {**confirmed, key: answer}, key)
        await work.execute(
            "INSERT INTO framework_decision (framework_id, rule_key, proposed, value, confirmed_by, confirmed_by_name,"
            " confirmed_at, remark) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
            " ON CONFLICT (framework_id, rule_key) DO UPDATE SET value = excluded.value,"
            " confirmed_by = excluded.confirmed_by, confirmed_by_name = excluded.confirmed_by_name,"
            " confirmed_at = excluded.confirmed_at, remark = excluded.remark",
            framework_id, key, json.dumps(decision.proposed), json.dumps(settled.value),
            actor.person_id, actor.person_name, work.now, remark.strip(),
        )  # fmt: skip
        work.audit("framework.decision_confirmed", "framework", framework_id, rule=key, value=settled.value)


async def add_partner(actor: Actor, framework_id: UUID, commissioner_id: UUID) -> None:
    """Another commissioner takes part: it refers on the framework and pays for its own packages (L 1.1, P 6.1).

    Raises `InvalidInput` on `partners`, `Conflict` where it already does or the framework is closed.
    """
    permit(actor, "framework.write")
    async with unit_of_work(actor) as work:
        found = await led_framework(work, framework_id)
        if found.state == "closed":
            raise Conflict("The framework is closed: nobody can join it.")
        await _take_partner(work, found, commissioner_id)


async def remove_partner(actor: Actor, framework_id: UUID, commissioner_id: UUID) -> None:
    """Take a partner off a draft. Once the framework is open it may have packages there. Raises `Conflict`."""
    permit(actor, "framework.write")
    async with unit_of_work(actor) as work:
        found = await led_framework(work, framework_id)
        member = found.member(commissioner_id)
        if member is None:
            raise Conflict("This commissioner takes no part in the framework.")
        if found.state != "draft" or member.leads:
            raise Conflict("Only a partner of a framework that is not open yet can be taken off it.")
        await work.execute(
            "DELETE FROM framework_member WHERE framework_id = $1 AND commissioner_id = $2",
            framework_id,
            commissioner_id,
        )
        work.audit("framework.partner_removed", "framework", framework_id, partner=commissioner_id)


async def open_framework(actor: Actor, framework_id: UUID) -> str:
    """Open a draft to applications. From now on the pack with the confirmed answers judges; returns its hash.

    Raises `Conflict` naming how many decisions are still to be confirmed, `WrongState` where it is not a draft.
    """
    permit(actor, "framework.write")
    async with unit_of_work(actor) as work:
        found = await led_framework(work, framework_id)
        state = advance("framework", found.state, "opened")
        waiting = [each for each in await queries.decisions(work, framework_id) if not each.confirmed]
        if waiting:
            count = f"{len(waiting)} decisions are" if len(waiting) > 1 else "1 decision is"
            raise Conflict(f"{count} still to be confirmed before the framework can open, first: {waiting[0].title}.")
        if found.ends_on is not None and found.ends_on < queries.today(work):
            raise Conflict("The framework's last day has passed, so it cannot open.")
        pack = (await packs.stored(work, found.pack_hash)).with_decisions(await _confirmed(work, framework_id))
        pack_hash = await packs.store(work, pack)
        await work.execute(
            "UPDATE framework SET state = $2, opened_at = $3, pack_hash = $4 WHERE id = $1",
            framework_id, state, work.now, pack_hash,
        )  # fmt: skip
        work.audit("framework.opened", "framework", framework_id, pack_hash=pack_hash)
        for member in found.members:
            if not member.leads:
                await news.tell(
                    work,
                    f"{found.name} is open: providers can apply, and you can place referrals with those admitted.",
                    f"/frameworks/{framework_id}",
                    organisation_id=member.commissioner_id,
                    role="commissioner_admin",
                )
        return pack_hash


async def close_framework(actor: Actor, framework_id: UUID, reason: str) -> None:
    """Close it to new applications. Admissions, packages and their prices go on. Raises `InvalidInput` on `reason`."""
    permit(actor, "framework.write")
    if not reason.strip():
        raise InvalidInput({"reason": "Enter why the framework closes"})
    if len(reason) > LONGEST_REMARK:
        raise InvalidInput({"reason": f"The reason must be {LONGEST_REMARK:,} characters or fewer"})
    async with unit_of_work(actor) as work:
        found = await led_framework(work, framework_id)
        state = advance("framework", found.state, "closed")
        await work.execute(
            "UPDATE framework SET state = $2, closed_at = $3 WHERE id = $1", framework_id, state, work.now
        )
        work.audit("framework.closed", "framework", framework_id, reason=reason.strip())
        told = {each.provider_id for each in await queries.admissions(work, framework_id, on=queries.today(work))}
        for provider_id in sorted(told, key=str):
            await news.tell(
                work,
                f"{found.name} takes no new applications from now on. Your admissions and packages go on.",
                f"/frameworks/{framework_id}",
                organisation_id=provider_id,
                role="provider_manager",
            )


async def _take_partner(work: Work, found: FrameworkView, commissioner_id: UUID) -> None:
    name = await work.fetchval("SELECT name FROM organisation WHERE id = $1 AND kind = 'commissioner'", commissioner_id)
    if name is None:
        raise InvalidInput({"partners": "Select a commissioner from the list"})
    if found.member(commissioner_id):
        raise Conflict(f"{name} already takes part in this framework.")
    await _add_member(work, found.id, commissioner_id, leads=False)
    work.audit("framework.partner_added", "framework", found.id, partner=commissioner_id)
    await news.tell(
        work,
        f"{found.lead_name} added you as a partner of {found.name}. You pay for the packages you place yourself.",
        f"/frameworks/{found.id}",
        organisation_id=commissioner_id,
        role="commissioner_admin",
    )


async def _add_member(work: Work, framework_id: UUID, commissioner_id: UUID, *, leads: bool) -> None:
    # Without RETURNING: a member reads its row only once it is one.
    try:
        await work.execute(
            "INSERT INTO framework_member (framework_id, commissioner_id, leads, joined_at) VALUES ($1, $2, $3, $4)",
            framework_id, commissioner_id, leads, work.now,
        )  # fmt: skip
    except asyncpg.UniqueViolationError as error:
        raise Conflict("This commissioner already takes part in the framework.") from error


async def _confirmed(work: Work, framework_id: UUID) -> dict[str, object]:
    rows = await work.fetch("SELECT rule_key, value FROM framework_decision WHERE framework_id = $1", framework_id)
    return {row["rule_key"]: row["value"] for row in rows}


def judge(pack: Pack, answers: Mapping[str, object], key: str) -> tuple[Pack, Decision]:
    """The pack with its answers, and the decision with its own as the pack's type; the other answers are there because
    rules lean on each other. Raises `InvalidInput` on `value`, in the words of whoever answers."""
    try:
        answered = pack.with_decisions(answers)
    except PackError as error:
        reasons = [_in_words(fault.reason) if fault.key == key else str(fault) for fault in error.faults]
        raise InvalidInput({"value": f"This answer does not fit: {'; '.join(reasons or [str(error)])}"}) from error
    return answered, next(decision for decision in answered.decisions() if decision.key == key)


def _in_words(reason: str) -> str:
    """The checker's words about a value's type, as somebody who fills in a form would say them."""
    for pattern, words in (
        (r"expected `int` <= ([0-9]+).*", r"it must be \1 or less"),
        (r"expected `int` >= ([0-9]+).*", r"it must be \1 or more"),
        (r"expected `int.*", "it must be a whole number"),
        (r"expected `bool.*", "it must be yes or no"),
        (r"expected `array` of length >= ([0-9]+).*", r"it must have \1 or more, one a line"),
        (r"expected `array` of length <= ([0-9]+).*", r"it must have \1 or fewer, one a line"),
        (r"(invalid enum value|expected `str).*", "choose one of the answers offered"),
        (r"(must .*)", r"it \1"),
    ):
        if re.match(pattern, reason):
            return re.sub(pattern, words, reason)
    return reason


def _organisation(actor: Actor) -> UUID:
    if actor.commissioner_id is None:
        raise NotPermitted("Only a commissioner has frameworks.")
    return actor.commissioner_id
