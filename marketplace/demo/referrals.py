"""Referrals: written, broadcast, answered by every provider in its way, chosen by the family, awarded or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from uuid import UUID

from marketplace.demo.cast import BOROUGH, CHILDREN
from marketplace.demo.texts import ACTIVITIES, OUTCOMES, PORTRAITS, REMARKS
from marketplace.demo.world import Firm, Home, World
from marketplace.packages.award import award_offer
from marketplace.platform.database import Work, ask
from marketplace.policy.calendar import local_day
from marketplace.policy.facts import WeeklySlot
from marketplace.referrals import broadcasting, choosing, drafting, offering
from marketplace.referrals.award import choose_offer
from marketplace.referrals.drafting import DraftChange
from marketplace.referrals.offering import Proposal

SILENT = "silent"
Answer = tuple[int, ...] | str  # places in the workforce (who comes, then the back-up), a reason to decline, or silence


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for, and how each provider answers; those not named have no capacity."""

    child: str
    lot: str
    week: tuple[tuple[int, str, str, str], ...]  # weekday, start, end, activity
    needs: tuple[str, ...] = ()
    interventions: tuple[str, ...] = ()
    answers: Mapping[str, Answer] = field(default_factory=dict)

    @property
    def slots(self) -> list[WeeklySlot]:
        return [WeeklySlot(*each) for each in self.week]

    @property
    def place(self) -> int:
        """A number of the child's, by which texts and times differ."""
        return next(n for n, child in enumerate(CHILDREN) if child.key == self.child)


async def draft(world: World, search: Search, starts_on: date, *, complete: bool = True) -> UUID:
    """A draft as its referrer has saved it so far."""
    home = world.homes[search.child]
    draft_id = await drafting.create_draft(home.referrer, home.id, world.frameworks[home.council])
    n = search.place
    change = DraftChange(
        lot_code=search.lot, needs=list(search.needs), interventions=list(search.interventions), pattern=search.slots,
        starts_on=starts_on, outcomes=OUTCOMES[n % len(OUTCOMES)], area=home.area,
    )  # fmt: skip
    if home.council != BOROUGH:
        change.panel_approved_on = local_day(world.story.clock.at) - timedelta(days=2)  # P 2.2
    if complete:
        change.activities = ACTIVITIES[n % len(ACTIVITIES)]
        change.pen_portrait = PORTRAITS[n % len(PORTRAITS)]
    await drafting.save_draft(home.referrer, draft_id, change)
    return draft_id


async def broadcast(world: World, search: Search, starts_on: date) -> UUID:
    """A referral sent to every provider on the lot in good standing."""
    referral_id = await draft(world, search, starts_on)
    await broadcasting.broadcast_referral(world.homes[search.child].referrer, referral_id)
    return referral_id


async def collect(world: World, search: Search, referral_id: UUID) -> dict[str, UUID]:
    """Whoever was reached answers now as the search says; the offers' ids by provider."""
    reached = await ask(world.homes[search.child].referrer, _reached, referral_id)
    offers: dict[str, UUID] = {}
    for key, firm in world.firms.items():
        if firm.manager.organisation_id not in reached:
            continue
        answer = search.answers.get(key, "no_capacity")
        if answer == SILENT:
            continue
        if isinstance(answer, str):
            await offering.decline_referral(firm.coordinator, referral_id, answer)
        else:
            offers[key] = await offer(world, firm, search, referral_id, answer)
    return offers


async def offer(world: World, firm: Firm, search: Search, referral_id: UUID, places: Sequence[int]) -> UUID:
    """An offer with the first of these workers coming and the others as back-up, for the week as asked."""
    starts_on = await ask(firm.coordinator, _starts_on, referral_id)
    hands = [firm.hands[place] for place in places]
    proposal = Proposal(
        workers=(hands[0].id,),
        backups=tuple(hand.id for hand in hands[1:]),
        starts_on=starts_on,
        pattern=tuple(search.slots),
        remark=REMARKS[search.place % len(REMARKS)],
    )
    return await offering.make_offer(firm.coordinator, referral_id, proposal)


async def choose(world: World, search: Search, offer_id: UUID) -> None:
    """The family accepts an offer."""
    await choosing.choose_as_family(world.homes[search.child].family[0], offer_id, version=1)


async def award(home: Home, offer_id: UUID) -> UUID:
    """The referrer accepts it as well and awards it; the package's id."""
    await choose_offer(home.referrer, offer_id, version=1)
    return await award_offer(home.referrer, offer_id, version=1)


def weekly(*days: int, start: str, end: str, activity: str = "home_support") -> tuple[tuple[int, str, str, str], ...]:
    """The same times on several days of the week."""
    return tuple((day, start, end, activity) for day in days)


async def open_searches(world: World) -> None:
    """The referrals that are not decided at present, each in another state."""
    for script in (_to_answer, _to_choose, _without_offers, _closed, _drafts, _in_the_county):
        world.story.tell(script(world))


async def _to_answer(world: World) -> None:
    """Two hours old: one provider has declined, one asks, one has not answered yet."""
    search = Search(
        "mateo", "D", weekly(1, 3, start="16:30", end="18:30", activity="mentoring"),
        answers={"oakthistle": "no_capacity", "larkfield": SILENT, "northway": SILENT},
    )  # fmt: skip
    story = world.story
    await story.until(story.ago(hours=2))
    referral_id = await broadcast(world, search, story.monday + timedelta(days=21))
    await story.until(story.ago(hours=1, minutes=10))
    await collect(world, search, referral_id)
    await story.until(story.ago(minutes=35))
    asked = "Would a start in the early evening do on one of the two days?"
    await offering.ask_question(world.firms["northway"].coordinator, referral_id, asked)


async def _to_choose(world: World) -> None:
    """Two offers lie side by side; a question was answered for everybody."""
    search = Search(
        "nia", "C", weekly(1, 3, start="15:45", end="17:45"),
        answers={"larkfield": (6, 7), "brightwater": (0,), "northway": SILENT},
    )  # fmt: skip
    story, home = world.story, world.homes["nia"]
    await story.until(story.ago(hours=22))
    referral_id = await broadcast(world, search, story.monday + timedelta(days=17))
    await story.until(story.ago(hours=21, minutes=5))
    asking = world.firms["northway"].coordinator
    question_id = await offering.ask_question(asking, referral_id, "Is there a parking space near the home?")
    await story.until(story.ago(hours=20, minutes=20))
    await broadcasting.answer_question(home.referrer, question_id, answer="Yes, on the road, without a permit.")
    await story.until(story.ago(hours=19))
    offers = await collect(world, search, referral_id)
    await offering.decline_referral(asking, referral_id, "pattern", "Two afternoons, but not a Thursday.")
    await story.until(story.ago(hours=3))
    message = "Could we meet the worker once, at home, before we decide?"
    await choosing.ask_to_meet(home.family[0], offers["brightwater"], message)


async def _without_offers(world: World) -> None:
    """Nobody can do it: the referrer has to widen it, broadcast again or close it."""
    search = Search(
        "saskia", "A", weekly(5, 6, start="20:00", end="08:00", activity="waking_night"),
        interventions=("tube_feeding",), answers={"tiderow": "no_capacity"},
    )  # fmt: skip
    story = world.story
    await story.until(story.ago(hours=30))
    referral_id = await broadcast(world, search, story.monday + timedelta(days=14))
    await story.until(story.ago(hours=26))
    await collect(world, search, referral_id)


async def _closed(world: World) -> None:
    """An offer came, the family wanted another way."""
    search = Search(
        "elijah", "D", weekly(5, start="10:00", end="13:00", activity="community_support"),
        answers={"oakthistle": (2, 1), "larkfield": "no_competence", "northway": SILENT},
    )  # fmt: skip
    story, home = world.story, world.homes["elijah"]
    await story.until(story.ago(days=19))
    referral_id = await broadcast(world, search, story.monday + timedelta(days=7))
    await story.until(story.ago(days=18, hours=21))
    await collect(world, search, referral_id)
    await story.until(story.ago(days=15))
    await broadcasting.close_referral(home.referrer, referral_id, reason_code="family_declined")


async def _drafts(world: World) -> None:
    """One that has only begun, one copied from an earlier referral, one in the city."""
    story = world.story
    await story.until(story.ago(days=1, hours=5))
    begun = Search("hana", "C", weekly(2, start="15:30", end="17:30"))
    await draft(world, begun, story.monday + timedelta(days=24), complete=False)
    city = Search("dorothea", "GHC", weekly(0, 3, start="07:00", end="08:30"))
    await draft(world, city, story.monday + timedelta(days=28), complete=False)


async def _in_the_county(world: World) -> None:
    """Two offers for the county's referrer."""
    search = Search(
        "bilal", "GCS", weekly(2, 5, start="14:00", end="16:30", activity="community_support"),
        answers={"fenmeadow": (2, 3), "beacon": (1, 2)},
    )  # fmt: skip
    story = world.story
    await story.until(story.ago(hours=21, minutes=30))
    referral_id = await broadcast(world, search, story.monday + timedelta(days=20))
    await story.until(story.ago(hours=20))
    await collect(world, search, referral_id)


async def _reached(work: Work, referral_id: UUID) -> set[UUID]:
    rows = await work.fetch(
        "SELECT provider_id FROM referral_reach WHERE commissioner_id = app_commissioner() AND referral_id = $1"
        " AND reached",
        referral_id,
    )
    return {row["provider_id"] for row in rows}


async def _starts_on(work: Work, referral_id: UUID) -> date:
    return await work.fetchval("SELECT starts_on FROM referral WHERE id = $1", referral_id)
