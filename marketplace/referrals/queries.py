"""Reads of children and referrals, each within what the present context reaches: nothing found is `NotFound`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from marketplace.platform.database import Work
from marketplace.platform.errors import NotFound
from marketplace.referrals.tables import Child, Offer, Referral


async def referral(work: Work, referral_id: UUID, *, lock: bool = False) -> Referral:
    """The referral, its anonymous part only. `lock` holds it for the unit (the commissioner's own rows only)."""
    query = Referral.objects().where(Referral.id == referral_id).first()
    found = await (query.lock_rows("NO KEY UPDATE") if lock else query)
    if found is None:
        raise NotFound("There is no referral by that address, or it is not yours to see.")
    return found


async def child(work: Work, child_id: UUID) -> Child:
    """The child's row without identity: reference, family, whose case it is."""
    found = await Child.objects().where(Child.id == child_id).first()
    if found is None:
        raise NotFound("There is no child by that address, or it is not yours to see.")
    return found


async def offer(work: Work, offer_id: UUID, *, lock: bool = False) -> Offer:
    """An offer within reach: all of the commissioner's, a provider's own, those made to a family."""
    query = Offer.objects().where(Offer.id == offer_id).first()
    found = await (query.lock_rows("NO KEY UPDATE") if lock else query)
    if found is None:
        raise NotFound("There is no offer by that address, or it is not yours to see.")
    return found


async def present_moment(work: Work) -> datetime:
    """The domain's moment, for pages that show what is left of a time."""
    return work.now


@dataclass(frozen=True, slots=True)
class ReferralLine:
    """A referral in a list."""

    id: UUID
    reference: str
    state: str
    lot_code: str | None
    lot_title: str
    framework_name: str
    area: str
    age_band: str | None
    starts_on: Any
    respond_by: datetime | None
    broadcast_at: datetime | None
    changed_at: datetime
    referrer_name: str
    mine: bool
    reached: int
    offers: int
    declined: int
    questions: int

    @property
    def silent(self) -> int:
        """Reached, and neither an offer nor a decline."""
        return max(self.reached - self.offers - self.declined, 0)


LIST_STATES = ("open", "draft", "awarded", "closed")
PAGE_SIZE = 20
# The page's rows are chosen first, in the case's own table; names and counts are looked up for those alone.
LIST = """
WITH page AS MATERIALIZED (
    SELECT r.*, count(*) OVER () AS total FROM referral r
    WHERE r.commissioner_id = (SELECT app_commissioner()) AND (r.state <> 'draft' OR r.closed_at IS NULL) AND {where}
    ORDER BY {order}, r.id LIMIT {most} OFFSET {after}
)
SELECT r.id, r.reference, r.state, r.lot_code,
       coalesce((SELECT l.title FROM framework_lot l WHERE l.framework_id = r.framework_id AND l.code = r.lot_code), '')
         AS lot_title,
       (SELECT f.name FROM framework f WHERE f.id = r.framework_id) AS framework_name,
       r.area, r.age_band, r.starts_on, r.respond_by, r.broadcast_at, r.changed_at,
       coalesce((SELECT p.name FROM person p WHERE p.id = r.referrer_id), 'A colleague') AS referrer_name,
       r.referrer_id = app_person() AS mine,
       (SELECT count(*) FROM referral_reach x WHERE x.commissioner_id = r.commissioner_id AND x.referral_id = r.id
          AND x.round = r.round AND x.reached) AS reached,
       (SELECT count(DISTINCT o.provider_id) FROM offer o WHERE o.commissioner_id = r.commissioner_id
          AND o.referral_id = r.id AND o.state NOT IN ('withdrawn', 'undone')) AS offers,
       (SELECT count(*) FROM referral_decline d WHERE d.commissioner_id = r.commissioner_id AND d.referral_id = r.id
          AND d.round = r.round
          AND NOT EXISTS (SELECT 1 FROM offer o WHERE o.commissioner_id = r.commissioner_id AND o.referral_id = r.id
                          AND o.provider_id = d.provider_id AND o.state NOT IN ('withdrawn', 'undone'))) AS declined,
       (SELECT count(*) FROM referral_question q WHERE q.commissioner_id = r.commissioner_id AND q.referral_id = r.id
          AND q.answered_at IS NULL) AS questions,
       r.total
FROM page r ORDER BY {order}, r.id
"""


async def referrals(
    work: Work, *, state: str = "open", mine: bool = False, text: str = "", page: int = 1, most: int = PAGE_SIZE
) -> tuple[list[ReferralLine], int]:
    """A page of the commissioner's referrals and how many there are: open ones by time left, others newest first."""
    where = {"open": "r.state = 'broadcast'", "all": "true"}.get(state, "r.state = $2")
    order = "r.respond_by" if state == "open" else "r.changed_at DESC"
    where += (
        " AND ($2::text IS NOT NULL) AND (NOT $1 OR r.referrer_id = app_person())"
        " AND ($3 = '' OR r.reference ILIKE '%' || $3 || '%' OR r.area ILIKE '%' || $3 || '%')"
    )
    rows = await work.fetch(
        LIST.format(where=where, order=order, most="$5", after="$4"),
        mine, state, text.replace("%", r"\%").replace("_", r"\_"), (max(page, 1) - 1) * most, most,
    )  # fmt: skip
    total = rows[0]["total"] if rows else 0
    return [ReferralLine(**{key: value for key, value in row.items() if key != "total"}) for row in rows], total


@dataclass(frozen=True, slots=True)
class Answer:
    """One provider of a round: reached or left out, and what it answered."""

    provider_id: UUID
    provider_name: str
    reached: bool
    reasons: tuple[str, ...]
    ready_workers: int | None
    answer: str  # offer, declined, withdrawn, silent, left_out
    answered_at: datetime | None
    decline_code: str | None
    decline_remark: str
    offer_id: UUID | None


async def answers(work: Work, referral_id: UUID) -> list[Answer]:
    """Every provider of the present round with its answer, by name. For the commissioner's own pages."""
    rows = await work.fetch(
        """
        SELECT x.provider_id, coalesce(n.name, 'A provider') AS provider_name, x.reached, x.reasons, x.ready_workers,
               o.id AS offer_id, o.state AS offer_state, o.made_at, d.reason_code, d.remark, d.declined_at
        FROM referral r
        JOIN referral_reach x ON x.commissioner_id = r.commissioner_id AND x.referral_id = r.id AND x.round = r.round
        LEFT JOIN organisation n ON n.id = x.provider_id
        LEFT JOIN LATERAL (SELECT o.* FROM offer o WHERE o.commissioner_id = r.commissioner_id AND o.referral_id = r.id
            AND o.provider_id = x.provider_id ORDER BY (o.state IN ('made', 'awarded')) DESC, o.made_at DESC LIMIT 1) o ON true
        LEFT JOIN referral_decline d ON d.commissioner_id = r.commissioner_id AND d.referral_id = r.id AND d.round = r.round
            AND d.provider_id = x.provider_id
        WHERE r.id = $1 ORDER BY 2, 1
        """,  # noqa: E501 - laid out as SQL
        referral_id,
    )
    return [_answer(row) for row in rows]


def _answer(row: Any) -> Answer:
    stands = row["offer_id"] is not None and row["offer_state"] not in ("withdrawn", "undone")
    if not row["reached"]:
        answer, at = "left_out", None
    elif stands:
        answer, at = "offer", row["made_at"]
    elif row["declined_at"] is not None:
        answer, at = "declined", row["declined_at"]
    elif row["offer_id"] is not None:
        answer, at = "withdrawn", row["made_at"]
    else:
        answer, at = "silent", None
    return Answer(
        row["provider_id"], row["provider_name"], row["reached"], tuple(row["reasons"]), row["ready_workers"],
        answer, at,
        row["reason_code"] if answer == "declined" else None, (row["remark"] or "") if answer == "declined" else "",
        row["offer_id"] if stands else None,
    )  # fmt: skip


async def questions(work: Work, referral_id: UUID) -> list[Any]:
    """Questions put to the referrer, oldest first, with who asks (which nobody else is told)."""
    return await work.fetch(
        "SELECT q.id, q.question, q.asked_at, q.answered_at, coalesce(n.name, 'A provider') AS provider_name"
        " FROM referral_question q LEFT JOIN organisation n ON n.id = q.provider_id WHERE q.referral_id = $1"
        " ORDER BY q.asked_at, q.id",
        referral_id,
    )


async def question(work: Work, question_id: UUID) -> Any:
    """One question put to the referrer, with its referral's reference. Raises `NotFound`."""
    row = await work.fetchrow(
        "SELECT q.*, r.reference, coalesce(n.name, 'A provider') AS provider_name FROM referral_question q"
        " JOIN referral r ON r.commissioner_id = q.commissioner_id AND r.id = q.referral_id"
        " LEFT JOIN organisation n ON n.id = q.provider_id WHERE q.id = $1 AND q.commissioner_id = app_commissioner()",
        question_id,
    )
    if row is None:
        raise NotFound
    return row


async def package_of(work: Work, referral_id: UUID) -> Any:
    """Id and reference of the package an award made of the referral, if it stands (a later domain's row, read only)."""
    return await work.fetchrow(
        "SELECT id, reference FROM package WHERE referral_id = $1 AND state <> 'undone'", referral_id
    )


async def clarifications(work: Work, referral_id: UUID) -> list[Any]:
    """What everybody who was reached may read: question and answer, without who asked."""
    return await work.fetch(
        "SELECT id, question, answer, published_at FROM referral_clarification WHERE referral_id = $1 ORDER BY"
        " published_at, id",
        referral_id,
    )


async def reach_rounds(work: Work, referral_id: UUID) -> list[Any]:
    """Each round with how many were reached and left out."""
    return await work.fetch(
        "SELECT round, min(at) AS at, count(*) FILTER (WHERE reached) AS reached, count(*) FILTER (WHERE NOT"
        " reached) AS left_out"
        " FROM referral_reach WHERE referral_id = $1 GROUP BY round ORDER BY round",
        referral_id,
    )


@dataclass(frozen=True, slots=True)
class OfferView:
    """An offer as the commissioner and the family compare it. No field ranks it."""

    id: UUID
    referral_id: UUID
    provider_id: UUID
    provider_name: str
    state: str
    version: int
    round: int
    starts_on: Any
    pattern: list[dict[str, Any]]
    remark: str
    price: dict[str, Any]
    pence_per_week: int
    pence_per_period: int
    made_at: datetime
    amended_at: datetime | None
    workers: tuple[Any, ...]  # offer_worker rows, main first
    choices: tuple[Any, ...]  # standing offer_choice rows of any version
    meetings: tuple[Any, ...]

    def chosen_by(self, side: str) -> list[Any]:
        """The choices of a side that hold for the offer as it stands now."""
        return [row for row in self.choices if row["side"] == side and row["offer_version"] == self.version]


STANDING = ("made", "awarded")


async def offers(work: Work, referral_id: UUID, states: Iterable[str] = STANDING) -> list[OfferView]:
    """The offers made for a referral, by the provider's name: never by price."""
    rows = await work.fetch(
        "SELECT o.*, coalesce(n.name, 'A provider') AS provider_name FROM offer o LEFT JOIN organisation n ON"
        " n.id = o.provider_id"
        " WHERE o.referral_id = $1 AND o.state = ANY ($2) ORDER BY provider_name, o.id",
        referral_id, list(states),
    )  # fmt: skip
    return await _with_parts(work, rows)


async def offer_view(work: Work, offer_id: UUID) -> OfferView:
    """One offer with its workers and choices."""
    rows = await work.fetch(
        "SELECT o.*, coalesce(n.name, 'A provider') AS provider_name FROM offer o LEFT JOIN organisation n ON"
        " n.id = o.provider_id"
        " WHERE o.id = $1",
        offer_id,
    )
    if not rows:
        raise NotFound("There is no offer by that address, or it is not yours to see.")
    return (await _with_parts(work, rows))[0]


async def _with_parts(work: Work, rows: list[Any]) -> list[OfferView]:
    ids = [row["id"] for row in rows]
    workers = await work.fetch(
        "SELECT * FROM offer_worker WHERE offer_id = ANY ($1) ORDER BY part DESC, position, name", ids
    )
    choices = await work.fetch(
        "SELECT offer_id, side, person_id, person_name, offer_version, chosen_at FROM offer_choice"
        " WHERE offer_id = ANY ($1) AND taken_back_at IS NULL ORDER BY chosen_at",
        ids,
    )
    meetings = await work.fetch(
        "SELECT offer_id, asked_at, message, answered_at, answer FROM offer_meeting WHERE offer_id = ANY ($1)"
        " ORDER BY asked_at",
        ids,
    )

    def of(parts: list[Any], offer_id: UUID) -> tuple[Any, ...]:
        return tuple(part for part in parts if part["offer_id"] == offer_id)

    return [
        OfferView(
            row["id"], row["referral_id"], row["provider_id"], row["provider_name"], row["state"], row["version"],
            row["round"], row["starts_on"], row["pattern"], row["remark"], row["price"], row["pence_per_week"],
            row["pence_per_period"], row["made_at"], row["amended_at"], of(workers, row["id"]), of(choices, row["id"]),
            of(meetings, row["id"]),
        )
        for row in rows
    ]  # fmt: skip
