"""Visits: planned four weeks at a time, done, written down, signed, confirmed; and what else happens to visits."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from marketplace.demo.people import PIN
from marketplace.demo.texts import EMOTIONS, RECORDS
from marketplace.demo.world import Firm, Hand, Home, World
from marketplace.packages import overrun_decisions, queries, record_actions, signing, visit_actions
from marketplace.packages.records import RecordText
from marketplace.packages.tables import Visit
from marketplace.platform.database import Work, ask
from marketplace.policy.calendar import local_day
from marketplace.policy.facts import WeeklySlot
from marketplace.policy.pricing import slots_between

# (week counted from the present one, which visit of that week) -> what was unusual about it
Happenings = Mapping[tuple[int, int], str]
LAST, LAST_BUT_ONE = (99, 0), (99, 1)  # the visits that ended last before the present
NEVER = (0, 99)
NO_NEED = {
    "cancelled_in_time": (timedelta(hours=50), "A birthday in the family."),
    "cancelled_late": (timedelta(hours=5), "Fever since this morning."),
}
PLANNED_AHEAD = ((-58, -56, -29), (-31, -28, -1), (-3, 0, 27))  # planned on, first day, last day
PHONE = "Chrome on Android"


async def run(
    world: World, firm: Firm, home: Home, hand: Hand, package_id: UUID, slots: list[WeeklySlot],
    happenings: Happenings,
) -> None:  # fmt: skip
    """Plan the visits, four weeks at a time, and let each take place."""
    story = world.story
    known: set[UUID] = set()
    ended = [
        start
        for start, end, _ in slots_between(slots, story.monday - timedelta(days=56), local_day(story.now))
        if end <= story.ago(hours=3)
    ]
    latest = {ended[-1]: LAST, ended[-2]: LAST_BUT_ONE}
    for planned_on, first, last in PLANNED_AHEAD:
        await story.until(story.at(planned_on, "10:30"))
        first_day, last_day = story.monday + timedelta(days=first), story.monday + timedelta(days=last)
        await visit_actions.plan_from_pattern(firm.coordinator, package_id, first_day, last_day, [hand.id])
        counts: dict[int, int] = {}
        for visit in await ask(firm.coordinator, planned, package_id):
            week = (local_day(visit.planned_start) - story.monday).days // 7
            place = counts[week] = counts.get(week, -1) + 1
            if visit.id not in known:
                known.add(visit.id)
                what = happenings.get(latest.get(visit.planned_start, NEVER)) or happenings.get((week, place), "")
                story.tell(take_its_course(world, firm, home, hand, visit, what))
    if home is world.homes["idris"]:
        story.tell(_one_today(world, firm, home, hand, package_id))


async def take_its_course(world: World, firm: Firm, home: Home, hand: Hand, visit: Visit, what: str) -> None:
    """A planned visit, to its end: `what` says what was unusual about it."""
    if what == "covered":
        return  # another provider comes, and the marketplace ends it
    if what in ("cancelled_in_time", "cancelled_late", "cancelled_by_provider", "cancelled_on_arrival", "missed"):
        await _does_not_take_place(world, firm, visit, what)
    else:
        await _takes_place(world, firm, home, hand, visit, what)


async def _does_not_take_place(world: World, firm: Firm, visit: Visit, what: str) -> None:
    story, office = world.story, firm.coordinator
    if what in NO_NEED:
        notice, reason = NO_NEED[what]
        told = visit.planned_start - notice
        await story.until(told + timedelta(minutes=20))
        await visit_actions.cancel_visit(
            office, visit.id, version=visit.version, outcome="cancelled_by_family", notice_at=told, reason=reason
        )
    elif what == "cancelled_by_provider":
        await story.until(visit.planned_start - timedelta(hours=7))
        await visit_actions.cancel_visit(
            office, visit.id, version=visit.version, outcome="cancelled_by_provider",
            reason="The worker is ill, and the back-up is with another family.",
        )  # fmt: skip
    elif what == "cancelled_on_arrival":
        await story.until(visit.planned_start + timedelta(minutes=10))
        await visit_actions.cancel_visit(
            office, visit.id, version=visit.version, outcome="cancelled_on_arrival", reason="Nobody was at home."
        )
    else:
        await story.until(visit.planned_start + timedelta(hours=3))
        reason = "The rota had the wrong day; nobody noticed until the family called."
        await visit_actions.record_missed(office, visit.id, version=visit.version, reason=reason)


async def _takes_place(world: World, firm: Firm, home: Home, hand: Hand, visit: Visit, what: str) -> None:
    story, worker, number = world.story, hand.actor, visit.planned_start.day
    late = timedelta(minutes=number % 4)
    await story.until(visit.planned_start + late)
    await record_actions.start_visit(worker, visit.id)
    longer = timedelta(minutes=25) if "overrun" in what else timedelta()
    await story.until(visit.planned_end + late + longer)
    await record_actions.finish_visit(worker, visit.id)
    texts = RECORDS[visit.activity]
    await record_actions.write_record(
        worker,
        visit.id,
        RecordText(activities=texts[number % len(texts)], emotions=EMOTIONS[number % len(EMOTIONS)]),
    )
    if what == "worker has not signed":
        return
    fingerprint = await _fingerprint(worker, visit)
    await record_actions.sign_as_worker(worker, visit.id, text_hash=fingerprint, device=PHONE)
    if what == "to confirm":
        return
    code, _, waiting = what.partition(", ")
    if what == "pin":
        await story.until(story.clock.at + timedelta(minutes=4))
        await signing.family_confirms_with_pin(
            worker, story.settings, visit.id, person_id=home.family[0].person_id, pin=PIN, text_hash=fingerprint,
            device=PHONE,
        )  # fmt: skip
    elif code in ("not_at_home", "no_device", "declined"):
        await story.until(story.clock.at + timedelta(minutes=6))
        shown = "message" if code == "not_at_home" else "read_aloud"
        await signing.family_cannot_sign(
            worker, visit.id, code=code, shown_how=shown, text_hash=fingerprint, device=PHONE
        )
        if not waiting:
            await story.until(story.clock.at + timedelta(hours=20))
            found = "Spoke to the mother on the telephone: the visit was as agreed."
            await signing.resolve_unsigned(home.referrer, visit.id, resolution=found)
    else:
        wait = timedelta(days=18) if what == "confirmed late" else timedelta(hours=2)
        await story.until(story.clock.at + wait)
        await signing.family_confirms(
            home.family[number % len(home.family)], visit.id, text_hash=fingerprint, device=PHONE
        )
    if what == "overrun":
        await story.until(story.clock.at + timedelta(hours=14))
        await overrun_decisions.approve_overrun(home.referrer, visit.id)


async def _one_today(world: World, firm: Firm, home: Home, hand: Hand, package_id: UUID) -> None:
    """The worker of the demo has a visit to go to today, whenever the demo is loaded."""
    story = world.story
    await story.until(story.ago(hours=4))
    today = local_day(story.now)
    for visit in await ask(firm.coordinator, planned, package_id):
        if local_day(visit.planned_start) == today and visit.planned_end > story.now:
            return
    start = max(_next_quarter(story.now + timedelta(minutes=40)), story.at((today - story.monday).days, "08:00"))
    await visit_actions.plan_visit(
        firm.coordinator, package_id, activity="home_support", starts_at=start, ends_at=start + timedelta(minutes=90),
        worker_ids=[hand.id],
    )  # fmt: skip


def _next_quarter(moment: datetime) -> datetime:
    return moment - timedelta(minutes=moment.minute % 15 - 15, seconds=moment.second, microseconds=moment.microsecond)


async def _fingerprint(worker, visit: Visit) -> str:  # type: ignore[no-untyped-def]
    found = (await ask(worker, queries.visit, visit.id)).record_hash
    assert found is not None
    return found


async def planned(work: Work, package_id: UUID) -> list[Visit]:
    """Every visit of a package, in order."""
    return await Visit.objects().where(Visit.package_id == package_id).order_by(Visit.planned_start)
