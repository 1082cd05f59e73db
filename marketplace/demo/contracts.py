"""The borough manages its contract with Larkfield: a meeting with minutes, an inspection, information asked for."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from marketplace.contracts import charges, cqc, dates, findings, following, occasions, requests
from marketplace.demo.cast import BOROUGH
from marketplace.demo.world import World
from marketplace.obligations import stopping
from marketplace.platform.database import Work, ask

MINUTES = (
    "Every visit of the last eight weeks was gone through. Two were missed when a carer fell ill at a weekend; the"
    " on-call rota had no second name. The yearly review of the medication policy is late; it follows this month.\n"
    "Families were asked twice since spring; they want to know earlier who comes in the holidays."
)


async def manage_contracts(world: World) -> None:
    """What the borough's contract manager and the providers did, script by script."""
    for script in (_meeting, _inspection, _information, _late, _commission):
        world.story.tell(script(world))


def _contract(world: World, key: str = "larkfield") -> tuple[UUID, UUID]:
    provider = world.firms[key].manager.organisation_id
    assert provider is not None
    return world.frameworks[BOROUGH], provider


async def _meeting(world: World) -> None:
    """Four weeks ago: agreed with a comment; one action is done, one is open, one is the council's own."""
    story, contracts = world.story, world.councils[BOROUGH].contracts
    manager = world.firms["larkfield"].manager
    await story.until(story.at(-38, "10:20"))
    meeting = await occasions.plan(
        contracts, *_contract(world), kind="meeting", starts_at=story.at(-28, "14:00"),
        place="Civic Centre, room 2.14", about="The first meeting under the new framework.",
    )  # fmt: skip
    await story.until(story.at(-28, "16:40"))
    await occasions.share(
        contracts, meeting, attended_by="For the borough: its contract manager. For Larkfield: Joanne Whitlock.",
        provider_there=True, minutes=MINUTES,
    )  # fmt: skip
    rota = await following.ask_action(
        contracts, meeting, title="An on-call rota with two names for every weekend",
        due_on=story.monday - timedelta(days=18), owner_name="Joanne Whitlock",
    )  # fmt: skip
    await following.ask_action(
        contracts, meeting, title="Tell families by the first of the month who comes in the holidays",
        due_on=story.monday + timedelta(days=10), owner_name="Joanne Whitlock",
    )  # fmt: skip
    await following.ask_action(
        contracts, meeting, title="Send the new form for feedback", due_on=story.monday + timedelta(days=9),
        for_provider=False,
    )  # fmt: skip
    await story.until(story.at(-26, "09:30"))
    await occasions.answer_minutes(
        manager, meeting, agrees=False, says="The second missed visit was called off by the family an hour before."
    )
    await occasions.answer_minutes(manager, meeting, agrees=True)
    await story.until(story.at(-20, "11:00"))
    await following.say_done(manager, rota, "The rota to the end of the year names two people for each weekend.")
    await story.until(story.at(-19, "15:15"))
    await following.accept(contracts, rota, "Seen.")
    await dates.set_next(
        contracts, *_contract(world), kind="meeting", due_on=story.monday + timedelta(days=60),
        reason="Two missed visits: sooner than the usual six months.",
    )  # fmt: skip


async def _inspection(world: World) -> None:
    """An unannounced one, twelve days ago: three findings, the provider has answered the one that is not met."""
    story, contracts = world.story, world.councils[BOROUGH].contracts
    manager = world.firms["larkfield"].manager
    await story.until(story.at(-13, "16:00"))
    visit = await occasions.plan(
        contracts, *_contract(world), kind="inspection", starts_at=story.at(-12, "10:00"), place="Larkfield’s office",
        about="Records of the last four weeks, after the missed visits.", announced=False,
    )  # fmt: skip
    await story.until(story.at(-12, "13:30"))
    for area, grade, says in (
        ("Care as planned", "met", "Eleven visits of two weeks looked at: all as planned, signed by both sides."),
        ("Records and medication", "partly_met", "One record of medication lacks the second signature."),
        ("Workforce and training", "not_met", "Supervision of three carers is more than three months old."),
    ):
        finding = await findings.add_finding(contracts, visit, area=area, grade=grade, says=says)
    await occasions.share(
        contracts, visit, attended_by="The borough’s contract manager; the coordinator of the day.",
        provider_there=True, minutes="Sound care, records mostly in order. Supervision has to catch up.",
    )  # fmt: skip
    await following.ask_action(
        contracts, visit, title="Supervise the three carers, and show the notes",
        due_on=story.monday + timedelta(days=7), finding_id=finding,
    )  # fmt: skip
    await story.until(story.at(-9, "12:10"))
    await findings.answer_finding(manager, finding, "Two are booked for this week, the third after her leave.")


async def _information(world: World) -> None:
    """One request accepted weeks ago, one open now, whose clock is asked to stand; `_late` is a third."""
    story, contracts = world.story, world.councils[BOROUGH].contracts
    manager = world.firms["larkfield"].manager
    await story.until(story.at(-47, "11:30"))
    first = await requests.ask_information(
        contracts, *_contract(world), title="Carers by area and evening", format="A table: area, evening, number",
        asks="How many carers can work evenings in each area of the borough, from next month on?",
    )  # fmt: skip
    await story.until(story.at(-43, "10:05"))
    await requests.give(manager, first, "North: 4 on weekdays, 2 at weekends. South: 3 and 1. East: 2 and none.")
    await story.until(story.at(-42, "09:50"))
    await requests.accept(contracts, first, "Thank you: this is what we needed.")
    await story.until(story.in_office_hours(story.ago(days=2)))
    asked = await requests.ask_information(
        contracts, *_contract(world), title="Missed visits since spring, with the reason of each",
        format="A table: date, package, reason, when the family was told",
        asks="Every visit you missed or cancelled since 1 March, and what was done so that it does not recur.",
    )  # fmt: skip
    await story.until(story.in_office_hours(story.ago(days=1)))
    await stopping.ask_to_stop(
        manager, await ask(manager, _duty_about, asked), ground="waits_for_others", from_at=story.clock.at,
        reason="Two of the visits were moved by the school; we have asked it for the days and wait for its answer.",
    )  # fmt: skip


async def _late(world: World) -> None:
    """Given four days late: the time spent on it is charged, the provider objects, and somebody else decides."""
    story, council, manager = world.story, world.councils[BOROUGH], world.firms["larkfield"].manager
    await story.until(story.at(-42, "14:20"))
    late = await requests.ask_information(
        council.contracts, *_contract(world), title="Supervision of each carer since January",
        format="A table: carer, date, supervisor", due_on=story.monday - timedelta(days=32),
        asks="When each carer was supervised since January, and by whom.",
    )  # fmt: skip
    await story.until(story.at(-28, "09:25"))
    await requests.give(manager, late, "The table is in the shared folder of the meeting; two dates are still missing.")
    await story.until(story.at(-28, "11:40"))
    two_more = "Two dates are missing. Please give all of them, here."
    await requests.send_back(council.contracts, late, two_more, story.monday - timedelta(days=25))
    await story.until(story.at(-26, "10:15"))
    await requests.give(manager, late, "12 carers, each with three dates since January; the last two were on leave.")
    await story.until(story.at(-25, "09:30"))
    await requests.accept(council.contracts, late, "Complete now.")
    await charges.charge(
        council.contracts, late, minutes=90, reason="Asking again twice, and putting two tables together into one."
    )
    await story.until(story.at(-24, "16:10"))
    await charges.object_to(manager, late, "The first table came on time to another address of yours.")
    await story.until(story.at(-20, "14:00"))
    await charges.decide(
        council.admin, late, stands=True, says="No message of that day was found, and two dates were missing then."
    )


async def _duty_about(work: Work, subject_id: UUID) -> UUID:
    return await work.fetchval("SELECT id FROM obligation WHERE subject_id = $1 AND met_at IS NULL", subject_id)


async def _commission(world: World) -> None:
    """Brightwater reports a rating within the hour it learnt of it."""
    story, manager = world.story, world.firms["brightwater"].manager
    await story.until(story.at(-33, "15:00"))
    said = "Inspection of last month: good in all five questions."
    await cqc.report(manager, kind="rating", says=said, learnt_at=story.at(-33, "14:10"))
