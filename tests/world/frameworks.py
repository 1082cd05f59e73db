"""Frameworks for tests and the demo, made by the same actions people use: opened, applied to, admitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from uuid import UUID

from marketplace.frameworks import actions, application_actions, queries, rates
from marketplace.platform.actor import Actor
from marketplace.platform.database import ask
from marketplace.policy.pack import Pack

ANCHOR = date(2026, 4, 6)  # a Monday
REGIME = "Procurement Act 2023: light touch, dynamic market"


async def draft_framework(
    admin: Actor,
    *,
    pack_id: str = "lewisham-2017",
    pack: Pack | None = None,
    name: str = "Care and support framework",
    anchor_day: date = ANCHOR,
    ends_on: date | None = None,
    partners: Sequence[Actor | UUID] = (),
) -> UUID:
    """A framework in draft, led by the administrator's commissioner."""
    ids = [partner.organisation_id if isinstance(partner, Actor) else partner for partner in partners]
    return await actions.create_framework(
        admin,
        pack=pack,
        pack_id=None if pack else pack_id,
        name=name,
        anchor_day=anchor_day,
        regime=REGIME,
        ends_on=ends_on,
        partner_ids=[each for each in ids if each is not None],
    )


async def confirm_decisions(admin: Actor, framework_id: UUID, answers: Mapping[str, object] | None = None) -> None:
    """Confirm every decision of the pack one by one: as proposed, unless `answers` has another value for its key.

    Only scores need not be agreed before somebody is admitted, unless `answers` says so: most tests begin after that.
    """
    answers = {"settings.evaluation.agreed_before_admission": False, **(answers or {})}
    for decision in await ask(admin, queries.decisions, framework_id):
        if not decision.confirmed:
            await actions.confirm_decision(admin, framework_id, decision.key, answers.get(decision.key))


async def open_framework(
    admin: Actor,
    *,
    pack_id: str = "lewisham-2017",
    pack: Pack | None = None,
    name: str = "Care and support framework",
    anchor_day: date = ANCHOR,
    ends_on: date | None = None,
    partners: Sequence[Actor | UUID] = (),
    answers: Mapping[str, object] | None = None,
) -> UUID:
    """A framework that takes applications, its decisions confirmed. Returns its id."""
    framework_id = await draft_framework(
        admin, pack_id=pack_id, pack=pack, name=name, anchor_day=anchor_day, ends_on=ends_on, partners=partners
    )
    await confirm_decisions(admin, framework_id, answers)
    await actions.open_framework(admin, framework_id)
    return framework_id


def flat_rates(pack: Pack, lot_code: str, day: date, pence_per_hour: int = 2400) -> dict[tuple[str, str], int]:
    """A full card for a lot: `pence_per_hour` on the first kind of day, a tenth more on each following one."""
    shape = rates.grid(pack, lot_code, day)
    steps = {band: pence_per_hour + pence_per_hour * place // 10 for place, (band, _) in enumerate(shape.bands)}
    return {(activity, band): steps[band] for activity, band in shape.cells()}


async def applied(
    manager: Actor,
    framework_id: UUID,
    lots: Sequence[str],
    *,
    pence_per_hour: int = 2400,
    statement: str = "Experienced staff who know the area, and a manager on call day and night.",
) -> list[UUID]:
    """A provider's applications to lots of an open framework with full rate cards. Returns their ids."""
    pack = await ask(manager, queries.pack_of, framework_id)
    today = await ask(manager, _today)
    bids = {lot: flat_rates(pack, lot, today, pence_per_hour) for lot in lots}
    return await application_actions.apply(manager, framework_id, bids, statement)


async def admitted(
    admin: Actor,
    manager: Actor,
    framework_id: UUID,
    lots: Sequence[str],
    *,
    pence_per_hour: int = 2400,
    starts_on: date | None = None,
) -> list[UUID]:
    """The provider applies to the lots and the lead admits it, from today or `starts_on`. Returns the admissions."""
    starts_on = starts_on or await ask(admin, _today)
    applications = await applied(manager, framework_id, lots, pence_per_hour=pence_per_hour)
    return [await application_actions.admit(admin, each, starts_on) for each in applications]


async def _today(work) -> date:  # type: ignore[no-untyped-def]
    return queries.today(work)
