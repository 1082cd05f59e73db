"""When the next meeting or monitoring visit is due: by the pack's months, or as a contract manager has set (L 7.8)."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from marketplace.contracts.steps import (
    LATEST,
    Place,
    add_step,
    manager,
    open_until,
    place_of,
    said,
    subject,
    tell_provider,
)
from marketplace.obligations.duties import Owed, cancel, owe
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import InvalidInput
from marketplace.policy import contracts as rules
from marketplace.policy.calendar import end_of_day, local_day
from marketplace.web.filters import day

TASKS = {
    "meeting": ("task.hold_contract_meeting", "Hold the contract meeting with"),
    "monitoring_visit": ("task.hold_monitoring_visit", "Make the yearly monitoring visit to"),
}
NAMES = {"meeting": "contract meeting", "monitoring_visit": "monitoring visit"}


async def due_day(work: Work, place: Place, kind: str) -> date | None:
    """The last day of the next one; None where the pack asks for none and nobody has set a day."""
    found = await due_days(work, place.framework.id, place.commissioner_id, kind, [place.provider_id])
    last, chosen = found.get(place.provider_id, (None, None))
    return chosen or (rules.due_on(place.pack, kind, last) if last is not None else None)


async def due_days(
    work: Work, framework_id: UUID, commissioner_id: UUID, kind: str, provider_ids: list[UUID] | None = None
) -> dict[UUID, tuple[date, date | None]]:
    """By provider with an admission: the day the clock runs from (the last one held, else the admission), and the day
    a contract manager has set since."""
    rows = await work.fetch(
        """SELECT a.provider_id, coalesce(o.held, min(a.starts_on)) AS last, n.due_on
           FROM admission a
           LEFT JOIN (SELECT provider_id, max((starts_at AT TIME ZONE 'Europe/London')::date) AS held,
                             max(shared_at) AS shared_at
                      FROM contract_occasion WHERE framework_id = $1 AND commissioner_id = $2 AND kind = $3
                        AND shared_at IS NOT NULL GROUP BY provider_id) o ON o.provider_id = a.provider_id
           LEFT JOIN LATERAL (SELECT x.due_on FROM contract_next x WHERE x.framework_id = $1 AND x.commissioner_id = $2
                                AND x.kind = $3 AND x.provider_id = a.provider_id
                                AND (o.shared_at IS NULL OR x.set_at >= o.shared_at)
                              ORDER BY x.in_order DESC LIMIT 1) n ON true
           WHERE a.framework_id = $1 AND (a.ends_on IS NULL OR a.ends_on >= $4)
             AND ($5::uuid[] IS NULL OR a.provider_id = ANY ($5))
           GROUP BY a.provider_id, o.held, n.due_on""",
        framework_id, commissioner_id, kind, local_day(work.now), provider_ids,
    )  # fmt: skip
    return {row["provider_id"]: (row["last"], row["due_on"]) for row in rows}


async def set_next(
    actor: Actor, framework_id: UUID, provider_id: UUID, *, kind: str, due_on: date, reason: str
) -> None:
    """The next meeting or visit by another day, with the reason (sustained good performance, serious concerns: L 7.8).

    Raises `InvalidInput` by field, `NotFound`.
    """
    async with unit_of_work(manager(actor)) as work:
        place = await place_of(work, framework_id, provider_id)
        wrong: dict[str, str] = {}
        if kind not in TASKS:
            wrong["kind"] = "Select what the day is for"
        if not local_day(work.now) <= due_on <= LATEST:
            wrong["due_on"] = "The day must be today or later, and before 2200"
        if not reason.strip():
            wrong["reason"] = "Enter why it is sooner or later; the provider reads it"
        if wrong:
            raise InvalidInput(wrong)
        reason = said(reason, "reason", "")
        await work.execute(
            "INSERT INTO contract_next (commissioner_id, framework_id, provider_id, kind, due_on, reason, set_at,"
            " set_by, set_by_name) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            place.commissioner_id, framework_id, provider_id, kind, due_on, reason, work.now, actor.person_id,
            actor.person_name,
        )  # fmt: skip
        await add_step(work, place, "next_set", says=f"The next {NAMES[kind]}: {reason}", new_due_on=due_on)
        about = subject(framework_id, provider_id, place.commissioner_id, kind)
        await cancel(work, about, TASKS[kind][0])
        await owe_holding(work, place, kind, due_on)
        work.audit(
            "contract.next_set", "provider", provider_id, commissioner_id=place.commissioner_id,
            framework=framework_id, kind=kind, due_on=due_on,
        )  # fmt: skip
        sentence = f"Your next {NAMES[kind]} on {place.framework.name} is due by {day(due_on)}."
        await tell_provider(work, place, sentence, "/contract")


async def owe_holding(work: Work, place: Place, kind: str, due_on: date) -> bool:
    """Ask the contract managers to hold it, once its time is near; whether this is new."""
    rule, title = TASKS[kind]
    about = subject(place.framework.id, place.provider_id, place.commissioner_id, kind)
    if rules.ask_from(place.pack, due_on) > work.now or await open_until(work, rule, about) is not None:
        return False
    made = await owe(
        work, place.pack, rule, title=f"{title} {place.provider_name}", subject_type="contract", subject_id=about,
        reference=place.framework.name, owed_by=Owed(place.commissioner_id, "contract_manager"),
        link=f"/contracts/{place.framework.id}/{place.provider_id}", due_at=end_of_day(due_on),
        framework_id=place.framework.id, commissioner_id=place.commissioner_id,
    )  # fmt: skip
    return made is not None
