"""What a provider sees: referrals that reached it, its own answers, what became of its offers; never another's answer.

And what a family sees: the offers made for its child.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from marketplace.frameworks.queries import pack_of
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import NotFound
from marketplace.policy.calendar import local_day
from marketplace.policy.pack import Pack
from marketplace.providers.readiness import Ready, readiness
from marketplace.providers.standing import StandingReason, standing
from marketplace.referrals import needs, queries
from marketplace.referrals.needs import Demands
from marketplace.referrals.offer_standing import bars, unready_for_family
from marketplace.referrals.queries import OfferView
from marketplace.referrals.tables import Referral

PAGE_SIZE = 20


@dataclass(frozen=True, slots=True)
class Opportunity:
    """A referral that reached me, in a list."""

    id: UUID
    reference: str
    commissioner: str
    lot: str
    area: str
    age_band: str
    starts_on: date
    respond_by: datetime
    state: str  # the referral's own
    answer: str  # "none", "offer" or "declined", mine only
    offer_id: UUID | None
    ready: int | None


@dataclass(frozen=True, slots=True)
class OpportunityView:
    """One referral that reached me: its anonymous part, my answer, my workers for it."""

    referral: Referral
    commissioner: str
    pack: Pack
    demands: Demands
    need_titles: tuple[str, ...]
    intervention_titles: tuple[str, ...]
    clarifications: list[Any]
    my_questions: list[Any]
    workers: list[Ready]
    offer_id: UUID | None
    decline: Any | None
    held: tuple[str, ...]  # why no offer of mine is taken on this lot now: the ends of a sentence
    on: date  # the day the workers are judged for: the start asked for, or today
    now: datetime

    @property
    def activities(self) -> dict[str, str]:
        """What may be done at a visit of this lot: code and title."""
        assert self.referral.lot_code is not None
        codes = self.pack.lot(self.referral.lot_code).activities or tuple(self.pack.activities)
        return {code: self.pack.activities.get(code, code) for code in codes}

    @property
    def in_time(self) -> bool:
        """Whether the time to answer still runs."""
        return self.referral.respond_by is not None and self.now < self.referral.respond_by


_COLUMNS = """
    SELECT r.id, r.reference, c.name AS commissioner, l.title AS lot, r.area, r.age_band, r.starts_on,
           r.respond_by, r.state, r.framework_id, r.lot_code, r.needs, r.interventions, o.id AS offer_id, d.declined_at
"""
_FROM = """
    FROM referral r
    JOIN organisation c ON c.id = r.commissioner_id
    JOIN framework_lot l ON l.framework_id = r.framework_id AND l.code = r.lot_code
    JOIN LATERAL (SELECT max(round) AS round FROM referral_reach x
        WHERE x.commissioner_id = r.commissioner_id AND x.referral_id = r.id AND x.provider_id = $1 AND x.reached) x
        ON x.round IS NOT NULL
    LEFT JOIN offer o ON o.commissioner_id = r.commissioner_id AND o.referral_id = r.id AND o.provider_id = $1
        AND o.state IN ('made', 'awarded')
    LEFT JOIN referral_decline d ON d.commissioner_id = r.commissioner_id AND d.referral_id = r.id
        AND d.provider_id = $1 AND d.round = x.round
"""
_FILTERS = {
    "to_answer": "r.state = 'broadcast' AND o.id IS NULL AND d.declined_at IS NULL",
    "answered": "r.state = 'broadcast' AND (o.id IS NOT NULL OR d.declined_at IS NOT NULL)",
    "over": "r.state <> 'broadcast'",
    "all": "true",
}


def page_number(raw: str) -> int:
    """Which page of a list an address asks for; the first where it says nothing sensible."""
    return max(1, int(raw)) if raw.isascii() and raw.isdecimal() and len(raw) < 6 else 1


async def opportunities(
    work: Work, *, show: str = "to_answer", page: int = 1
) -> tuple[list[Opportunity], dict[str, int]]:
    """A page of the referrals that reached me, least time left first, and how many each filter holds."""
    provider_id = work.actor.provider_id
    sums = ", ".join(f"count(*) FILTER (WHERE {where}) AS {key}" for key, where in _FILTERS.items())
    counts = await work.fetchrow(f"SELECT {sums} {_FROM}", provider_id)
    rows = await work.fetch(
        f"{_COLUMNS} {_FROM} WHERE {_FILTERS[show]} ORDER BY r.respond_by, r.id LIMIT $2 OFFSET $3",
        provider_id, PAGE_SIZE, PAGE_SIZE * (page - 1),
    )  # fmt: skip
    assert counts is not None and provider_id is not None
    found = [await _line(work, row, provider_id) for row in rows]
    return found, dict(counts)


async def _line(work: Work, row: Any, provider_id: UUID) -> Opportunity:
    ready = None
    if row["state"] == "broadcast":
        pack = await pack_of(work, row["framework_id"])
        asked = needs.competencies_needed(pack, row["lot_code"], row["needs"], row["interventions"])
        on = max(row["starts_on"], local_day(work.now))
        judged = await readiness(work, provider_id, pack, row["lot_code"], asked, on)
        ready = sum(1 for entry in judged if entry.ready)
    answer = "offer" if row["offer_id"] else "declined" if row["declined_at"] else "none"
    return Opportunity(
        row["id"], row["reference"], row["commissioner"], row["lot"], row["area"], row["age_band"] or "",
        row["starts_on"], row["respond_by"], row["state"], answer, row["offer_id"], ready,
    )  # fmt: skip


async def opportunity(work: Work, referral_id: UUID) -> OpportunityView:
    """One referral that reached me. Raises `NotFound` for any other, whether it exists or not."""
    provider_id = work.actor.provider_id
    referral = await queries.referral(work, referral_id)
    if provider_id is None or referral.lot_code is None or referral.starts_on is None:
        raise NotFound
    pack = await pack_of(work, referral.framework_id)
    asked = needs.competencies_needed(pack, referral.lot_code, referral.needs, referral.interventions)
    on = max(referral.starts_on, local_day(work.now))
    interventions = {row.code: row.title for row in pack.interventions(referral.lot_code)}
    return OpportunityView(
        referral=referral,
        commissioner=await work.fetchval("SELECT name FROM organisation WHERE id = $1", referral.commissioner_id),
        pack=pack,
        demands=needs.demands(pack, referral.lot_code, referral.needs, referral.interventions),
        need_titles=tuple(pack.competencies[str(code)].title for code in referral.needs),
        intervention_titles=tuple(interventions.get(str(code), str(code)) for code in referral.interventions),
        clarifications=await queries.clarifications(work, referral.id),
        my_questions=await work.fetch(
            """SELECT id, question, asked_at, answered_at FROM referral_question
               WHERE referral_id = $1 ORDER BY asked_at""",
            referral.id,
        ),
        workers=await readiness(work, provider_id, pack, referral.lot_code, asked, on),
        offer_id=await work.fetchval(
            "SELECT id FROM offer WHERE referral_id = $1 AND provider_id = $2 AND state IN ('made', 'awarded')",
            referral.id, provider_id,
        ),
        decline=await work.fetchrow(
            """SELECT d.reason_code, d.remark, d.declined_at FROM referral_decline d
               WHERE d.referral_id = $1 AND d.provider_id = $2 ORDER BY d.round DESC LIMIT 1""",
            referral.id, provider_id,
        ),
        held=tuple(reason.sentence for reason in await _held(work, referral, provider_id)),
        on=on,
        now=work.now,
    )  # fmt: skip


async def _held(work: Work, referral: Referral, provider_id: UUID) -> tuple[StandingReason, ...]:
    if referral.state != "broadcast" or referral.lot_code is None:
        return ()
    mine = await standing(
        work, referral.framework_id, provider_id, referral.lot_code, commissioner_id=referral.commissioner_id
    )
    return mine.reasons


@dataclass(frozen=True, slots=True)
class MyOffer:
    """One of my offers in a list, and what became of it."""

    id: UUID
    reference: str
    commissioner: str
    lot: str
    state: str
    made_at: datetime
    starts_on: date
    pence_per_week: int
    package_id: UUID | None


async def my_offers(work: Work, *, page: int = 1) -> tuple[list[MyOffer], int]:
    """My offers, newest first, and how many there are."""
    rows = await work.fetch(
        """SELECT o.id, r.reference, c.name AS commissioner, l.title AS lot, o.state, o.made_at, o.starts_on,
                  o.pence_per_week, p.id AS package_id, count(*) OVER () AS total
           FROM offer o
           JOIN referral r ON r.commissioner_id = o.commissioner_id AND r.id = o.referral_id
           JOIN organisation c ON c.id = o.commissioner_id
           JOIN framework_lot l ON l.framework_id = r.framework_id AND l.code = r.lot_code
           LEFT JOIN package p ON p.commissioner_id = o.commissioner_id AND p.offer_id = o.id AND p.state <> 'undone'
           WHERE o.provider_id = $1 ORDER BY o.made_at DESC, o.id LIMIT $2 OFFSET $3""",
        work.actor.provider_id, PAGE_SIZE, PAGE_SIZE * (page - 1),
    )  # fmt: skip
    columns = MyOffer.__slots__
    return [MyOffer(*(row[name] for name in columns)) for row in rows], rows[0]["total"] if rows else 0


async def my_offer(work: Work, offer_id: UUID) -> tuple[OfferView, OpportunityView, list[Any]]:
    """One of my offers with its referral and the families' wishes to meet. Raises `NotFound` for another's."""
    view = await queries.offer_view(work, offer_id)
    if view.provider_id != work.actor.provider_id:
        raise NotFound
    meetings = await work.fetch(
        "SELECT id, asked_at, message, answered_at, answer FROM offer_meeting WHERE offer_id = $1 ORDER BY asked_at",
        offer_id,
    )
    return view, await opportunity(work, view.referral_id), meetings


@dataclass(frozen=True, slots=True)
class FamilyChoice:
    """A referral of my child as the family sees it, with the offers made and my own choice among them."""

    referral: Referral
    pack: Pack
    commissioner: str
    offers: list[OfferView]
    chosen: UUID | None
    now: datetime
    barred: dict[UUID, str]  # offers that cannot be chosen at the moment, each with what the family may know of why
    unready: frozenset[UUID] = frozenset()  # workers proposed who are not ready at the moment


async def familys_choice(actor: Actor, referral_id: UUID) -> FamilyChoice:
    """One referral the actor may choose for, with who of the workers proposed is not ready now. Raises `NotFound`."""
    return await _looked_up(await ask(actor, my_choice, referral_id))


async def familys_choices(actor: Actor) -> list[FamilyChoice]:
    """Every referral the actor may choose for, alike."""
    return [await _looked_up(found) for found in await ask(actor, my_choices)]


async def _looked_up(found: FamilyChoice) -> FamilyChoice:
    if found.referral.state != "broadcast":
        return found
    away = [await unready_for_family(each) for each in found.offers if each.state == "made"]
    return replace(found, unready=frozenset().union(*away))


async def my_choices(work: Work) -> list[FamilyChoice]:
    """Every referral I may choose for, open ones first."""
    rows = await work.fetch(
        "SELECT id FROM referral WHERE state <> 'draft' ORDER BY state <> 'broadcast', changed_at DESC"
    )
    return [await my_choice(work, row["id"]) for row in rows]


async def my_choice(work: Work, referral_id: UUID) -> FamilyChoice:
    """One referral I may choose for. Raises `NotFound` for any other."""
    referral = await queries.referral(work, referral_id)
    chosen = await work.fetchval(
        """SELECT c.offer_id FROM offer_choice c
           JOIN offer o ON o.commissioner_id = c.commissioner_id AND o.id = c.offer_id
           WHERE c.referral_id = $1 AND c.person_id = $2 AND c.side = 'family' AND c.taken_back_at IS NULL
             AND c.offer_version = o.version AND o.state IN ('made', 'awarded')""",
        referral_id, work.actor.person_id,
    )  # fmt: skip
    offers = await queries.offers(work, referral_id)
    return FamilyChoice(
        referral=referral,
        pack=await pack_of(work, referral.framework_id),
        commissioner=await work.fetchval("SELECT name FROM organisation WHERE id = $1", referral.commissioner_id),
        offers=offers,
        chosen=chosen,
        now=work.now,
        barred=await bars(work, referral, [(each.id, each.provider_id) for each in offers if each.state == "made"]),
    )
