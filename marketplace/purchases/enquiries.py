"""Reads of families' requests. Row-level security decides whose: the family's that spends, or the provider's asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from marketplace.frameworks.queries import lots, pack_of
from marketplace.platform.database import Work
from marketplace.platform.errors import NotFound
from marketplace.policy.calendar import local_day
from marketplace.policy.pack import Pack
from marketplace.policy.scope import sort_needs
from marketplace.providers.readiness import Ready, readiness
from marketplace.providers.standing import standing
from marketplace.purchases.tables import Enquiry, EnquiryAnswer, EnquiryReach
from marketplace.referrals import needs

PAGE_SIZE, MOST_LINES = 20, 5_000  # on a page, in a file
_FILTERS = {
    "to_answer": "e.state = 'open' AND r.closed_at IS NULL AND e.open_until > app_now() AND a.id IS NULL",
    "answered": "e.state = 'open' AND r.closed_at IS NULL AND e.open_until > app_now() AND a.id IS NOT NULL",
    "over": "e.state = 'closed' OR r.closed_at IS NOT NULL OR e.open_until <= app_now()",
    "all": "true",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as the family and its provider see it. `reason` is the pack's title of a coded no."""

    id: UUID
    enquiry_id: UUID
    provider_id: UUID
    provider_name: str
    state: str
    reason: str
    remark: str
    starts_on: date | None
    pattern: list[dict[str, Any]]
    price: dict[str, Any] | None
    pence_per_week: int | None
    pence_per_period: int | None
    answered_at: datetime
    workers: list[Any]
    meetings: list[Any]
    accepted_by: list[Any]  # person_id and person_name; read by the family alone


@dataclass(frozen=True, slots=True)
class EnquiryView:
    """What both sides read of a request."""

    row: Enquiry
    pack: Pack
    lot: str
    need_titles: list[str]
    open: bool
    now: datetime

    @property
    def activities(self) -> dict[str, str]:
        """What may be done at a visit of this lot: code and title."""
        codes = self.pack.lot(self.row.lot_code).activities or tuple(self.pack.activities)
        return {code: self.pack.activities.get(code, code) for code in codes}


@dataclass(frozen=True, slots=True)
class FamilyView:
    """A request as its family sees it: whom it asked, who has answered, what came of it."""

    enquiry: EnquiryView
    child: str
    answers: list[Answer]  # those that stand first
    waiting: list[Any]  # name, answer_by
    package_id: UUID | None
    package_reference: str | None

    @property
    def state(self) -> str:
        """ "agreed", "closed", "lapsed", or "open"."""
        if self.package_id is not None:
            return "agreed"
        return "closed" if self.enquiry.row.state == "closed" else "open" if self.enquiry.open else "lapsed"


@dataclass(frozen=True, slots=True)
class ProviderView:
    """A request as a provider it reached sees it; nothing in it tells of others."""

    enquiry: EnquiryView
    council: str
    reach: EnquiryReach
    answers: list[Answer]  # the newest first
    workers: list[Ready]
    held: tuple[str, ...]  # why it takes no new families on the lot now: ends of a sentence
    on: date  # the day the workers are judged for
    package_id: UUID | None

    @property
    def standing(self) -> Answer | None:
        """The answer that counts now."""
        return next((each for each in self.answers if each.state != "withdrawn"), None)

    @property
    def open(self) -> bool:
        """Whether an answer is still taken."""
        return self.enquiry.open and self.reach.closed_at is None


def nothing() -> NotFound:
    """The same answer for a request out of reach and for none."""
    return NotFound("There is no request by that address, or it is not yours to see.")


async def enquiry(work: Work, enquiry_id: UUID, *, lock: bool = False) -> Enquiry:
    """One request. `lock` holds it for the unit (its family only). Raises `NotFound`."""
    query = Enquiry.objects().where(Enquiry.id == enquiry_id).first()
    found = await (query.lock_rows("NO KEY UPDATE") if lock else query)
    if found is None:
        raise nothing()
    return found


async def answer(work: Work, answer_id: UUID) -> EnquiryAnswer:
    """One answer. Raises `NotFound`."""
    found = await EnquiryAnswer.objects().where(EnquiryAnswer.id == answer_id).first()
    if found is None:
        raise nothing()
    return found


async def my_reach(work: Work, row: Enquiry, *, lock: bool = True) -> EnquiryReach:
    """The acting provider's own line of a request, held for the unit. Raises `NotFound`."""
    query = (
        EnquiryReach.objects()
        .where(EnquiryReach.enquiry_id == row.id)
        .where(EnquiryReach.provider_id == work.actor.provider_id)
        .first()
    )
    found = await (query.lock_rows("NO KEY UPDATE") if lock else query)
    if found is None:
        raise nothing()
    return found


def is_open(work: Work, row: Enquiry) -> bool:
    """Whether a request still waits: neither closed nor lapsed."""
    return row.state == "open" and work.now < row.open_until


async def people(work: Work, row: Enquiry) -> list[UUID]:
    """Who of the family spends the direct payment, as ids: for telling them."""
    rows = await work.fetch("SELECT person_id FROM enquiry_people($1, $2)", row.commissioner_id, row.id)
    return [each["person_id"] for each in rows]


async def _view(work: Work, row: Enquiry) -> EnquiryView:
    pack = await pack_of(work, row.framework_id)
    titles = {each.code: each.title for each in await lots(work, row.framework_id)}
    return EnquiryView(
        row, pack, titles.get(row.lot_code, row.lot_code), needs.titles(pack, row.lot_code, row.needs),
        is_open(work, row), work.now,
    )  # fmt: skip


async def answers(work: Work, row: Enquiry, pack: Pack) -> list[Answer]:
    """The answers to a request within reach, the newest first."""
    rows = await work.fetch(
        "SELECT a.*, o.name AS provider_name FROM enquiry_answer a JOIN organisation o ON o.id = a.provider_id"
        " WHERE a.commissioner_id = $1 AND a.enquiry_id = $2 ORDER BY a.answered_at DESC, a.id",
        row.commissioner_id, row.id,
    )  # fmt: skip
    key = (row.commissioner_id, row.id)
    workers = await work.fetch(
        "SELECT * FROM enquiry_worker WHERE commissioner_id = $1 AND enquiry_id = $2"
        " ORDER BY part DESC, position, worker_id",
        *key,
    )
    meetings = await work.fetch(
        "SELECT * FROM enquiry_meeting WHERE commissioner_id = $1 AND enquiry_id = $2 ORDER BY asked_at, id", *key
    )
    choices = await work.fetch(
        "SELECT * FROM enquiry_choice WHERE commissioner_id = $1 AND enquiry_id = $2 AND taken_back_at IS NULL"
        " ORDER BY chosen_at, id",
        *key,
    )
    reasons = {reason.code: reason.title for reason in pack.reasons("decline")}

    def own(found: list[Any], answer_id: UUID) -> list[Any]:
        return [each for each in found if each["answer_id"] == answer_id]

    return [
        Answer(
            each["id"], row.id, each["provider_id"], each["provider_name"], each["state"],
            reasons.get(each["reason_code"] or "", ""), each["remark"], each["starts_on"], each["pattern"] or [],
            each["price"], each["pence_per_week"], each["pence_per_period"], each["answered_at"],
            own(workers, each["id"]), own(meetings, each["id"]), own(choices, each["id"]),
        )
        for each in rows
    ]  # fmt: skip


async def family_view(work: Work, enquiry_id: UUID) -> FamilyView:
    """A request of my family. Raises `NotFound`."""
    row = await enquiry(work, enquiry_id)
    seen = await _view(work, row)
    found = await answers(work, row, seen.pack)
    order = ("accepted", "offered", "not_chosen", "declined", "withdrawn")
    found.sort(key=lambda each: order.index(each.state))
    waiting = await work.fetch(
        "SELECT o.name, r.answer_by FROM enquiry_reach r JOIN organisation o ON o.id = r.provider_id"
        " WHERE r.commissioner_id = $1 AND r.enquiry_id = $2 AND NOT EXISTS (SELECT 1 FROM enquiry_answer a"
        " WHERE a.commissioner_id = r.commissioner_id AND a.enquiry_id = r.enquiry_id AND a.provider_id = r.provider_id"
        " AND a.state <> 'withdrawn') ORDER BY o.name, o.id",
        row.commissioner_id, row.id,
    )  # fmt: skip
    made = await work.fetchrow(
        "SELECT p.id, p.reference FROM package p JOIN enquiry_answer a ON a.commissioner_id = p.commissioner_id"
        " AND a.id = p.answer_id WHERE a.commissioner_id = $1 AND a.enquiry_id = $2",
        row.commissioner_id, row.id,
    )  # fmt: skip
    name = await work.fetchval(
        "SELECT name FROM child_identity WHERE commissioner_id = $1 AND child_id = $2",
        row.commissioner_id, row.child_id,
    )  # fmt: skip
    return FamilyView(
        seen, name or "your child", found, waiting, made["id"] if made else None, made["reference"] if made else None
    )


async def family_enquiries(work: Work) -> list[FamilyView]:
    """The requests of my family, the open ones first, then the newest."""
    rows = await work.fetch("SELECT id FROM enquiry ORDER BY state = 'closed', asked_at DESC, id LIMIT 100")
    return [await family_view(work, row["id"]) for row in rows]


async def provider_view(work: Work, enquiry_id: UUID) -> ProviderView:
    """A request that reached my organisation. Raises `NotFound`."""
    row = await enquiry(work, enquiry_id)
    reach = await my_reach(work, row, lock=False)
    seen = await _view(work, row)
    on = max(row.starts_on, local_day(work.now))
    open_to_me = seen.open and reach.closed_at is None
    asked = sort_needs(seen.pack, row.lot_code, tuple(row.needs)).competencies
    held: tuple[str, ...] = ()
    workers: list[Ready] = []
    if open_to_me:
        mine = await standing(
            work, row.framework_id, reach.provider_id, row.lot_code, commissioner_id=row.commissioner_id
        )
        held = tuple(reason.sentence for reason in mine.reasons)
        workers = await readiness(work, reach.provider_id, seen.pack, row.lot_code, asked, on)
    made = await work.fetchval(
        "SELECT p.id FROM package p JOIN enquiry_answer a ON a.commissioner_id = p.commissioner_id"
        " AND a.id = p.answer_id WHERE a.commissioner_id = $1 AND a.enquiry_id = $2",
        row.commissioner_id, row.id,
    )  # fmt: skip
    return ProviderView(
        seen,
        await work.fetchval("SELECT name FROM organisation WHERE id = $1", row.commissioner_id),
        reach,
        await answers(work, row, seen.pack),
        workers,
        held,
        on,
        made,
    )


async def provider_enquiries(
    work: Work, *, show: str = "to_answer", page: int = 1, most: int = PAGE_SIZE
) -> tuple[list[Any], dict[str, int]]:
    """A page (of `most`) of the requests that reached my organisation, least time left first; how many each filter
    holds.

    Rows: id, reference, council, lot, area, age_band, starts_on, answer_by, state, answer (its state or None).
    """
    tables = (
        "FROM enquiry_reach r JOIN enquiry e ON e.commissioner_id = r.commissioner_id AND e.id = r.enquiry_id"
        " JOIN organisation c ON c.id = e.commissioner_id JOIN framework_lot l ON l.framework_id = e.framework_id"
        " AND l.code = e.lot_code LEFT JOIN enquiry_answer a ON a.commissioner_id = r.commissioner_id"
        " AND a.enquiry_id = r.enquiry_id AND a.provider_id = r.provider_id AND a.state <> 'withdrawn'"
        " WHERE r.provider_id = $1"
    )
    sums = ", ".join(f"count(*) FILTER (WHERE {where}) AS {key}" for key, where in _FILTERS.items())
    counts = await work.fetchrow(f"SELECT {sums} {tables}", work.actor.provider_id)
    rows = await work.fetch(
        "SELECT e.id, e.reference, c.name AS council, l.title AS lot, e.area, e.age_band, e.starts_on, r.answer_by,"
        " CASE WHEN e.state = 'closed' OR r.closed_at IS NOT NULL OR e.open_until <= app_now() THEN 'over' ELSE 'open'"
        f" END AS state, a.state AS answer {tables} AND ({_FILTERS[show]})"
        " ORDER BY r.answer_by, e.id LIMIT $2 OFFSET $3",
        work.actor.provider_id, most, most * (page - 1),
    )  # fmt: skip
    assert counts is not None
    return rows, dict(counts)
