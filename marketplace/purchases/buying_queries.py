"""Reads of purchases. Row-level security decides whose: the family's that may spend, the council's, the provider's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from marketplace.frameworks.queries import pack_of
from marketplace.packages.states import OUTCOME_WORDS
from marketplace.platform import stripe_api
from marketplace.platform.database import Work
from marketplace.platform.errors import NotFound, WrongState
from marketplace.policy.buying import Method, pay_by
from marketplace.purchases.quoting import Account, account
from marketplace.settings import Settings

PAGE_SIZE = 20


@dataclass(frozen=True, slots=True)
class Line:
    """A visit of a purchase at the price it was bought at. `top_up_pence` is the family's alone, None to everybody
    else; `back_pence` goes back, or has gone."""

    visit_id: UUID
    start: datetime
    end: datetime
    minutes: int
    pence: int
    outcome: str | None
    top_up_pence: int | None
    back_pence: int

    @property
    def what(self) -> str:
        """What became of the visit, in words; nothing while it is to come."""
        return OUTCOME_WORDS[self.outcome] if self.outcome else ""

    @property
    def fallen(self) -> bool:
        """Whether it takes place no more."""
        return self.outcome not in (None, "delivered")


@dataclass(frozen=True, slots=True)
class CardPayment:
    """Our side of a payment at Stripe; never anything of a card."""

    id: UUID
    pence: int
    state: str
    stripe_id: str | None
    failure: str
    received_pence: int
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class PurchaseView:
    """A block of visits bought. How it is paid is given to the family alone: to everybody else `method`, `due_at`,
    `missing_pence` and `card` are None, and nothing has come in."""

    id: UUID
    commissioner_id: UUID
    reference: str
    package_id: UUID
    package_reference: str
    direct_payment_id: UUID
    provider_id: UUID
    provider: str
    first_day: date
    last_day: date
    method: Method | None
    state: str
    pence: int
    minutes: int
    made_at: datetime
    made_by: str
    due_at: datetime | None
    paid_at: datetime | None
    given_up_at: datetime | None
    given_up_reason: str | None
    now: datetime
    lines: tuple[Line, ...]
    agreed: tuple[str, ...]
    mine_agreed: bool
    came_pence: int
    sent_back_pence: int  # what came too much, or too late
    card: CardPayment | None  # the open one, or else the newest

    @property
    def top_up_pence(self) -> int:
        return sum(line.top_up_pence or 0 for line in self.lines)

    @property
    def fallen(self) -> tuple[Line, ...]:
        """Visits that take place no more, in a purchase that is not paid: it asks for no money then."""
        return tuple(line for line in self.lines if line.fallen) if self.state in ("drafted", "waiting") else ()

    @property
    def missing_pence(self) -> int | None:
        """What has yet to come in."""
        return None if self.method is None else max(0, self.pence - self.came_pence + self.sent_back_pence)

    @property
    def has_visits_to_come(self) -> bool:
        """Whether a visit that is paid for lies ahead and still stands."""
        return self.state == "paid" and any(line.outcome is None and line.start > self.now for line in self.lines)

    @property
    def status(self) -> str:
        """The one clear state: drafted, to_pay, declined, confirming, part_paid, paid, unpaid, withdrawn, ended."""
        if self.state == "given_up":
            return self.given_up_reason or "unpaid"
        if self.state != "waiting":
            return self.state
        if self.method == "card" and self.card is not None and self.card.state in ("confirming", "failed"):
            return "confirming" if self.card.state == "confirming" else "declined"
        return "part_paid" if 0 < self.came_pence - self.sent_back_pence < self.pence else "to_pay"


def nothing() -> NotFound:
    return NotFound("There is no such purchase, or it is not yours to see.")


async def purchase_row(work: Work, purchase_id: UUID) -> Any:
    """The row. Raises `NotFound`."""
    row = await work.fetchrow("SELECT * FROM purchase WHERE id = $1", purchase_id)
    if row is None:
        raise nothing()
    return row


async def bought_together(work: Work, visit_ids: Collection[UUID]) -> UUID | None:
    """The one purchase that holds all of these visits: for a second tab, which is shown what the first one bought."""
    if not visit_ids:
        return None
    return await work.fetchval(
        "SELECT purchase_id FROM purchase_visit WHERE visit_id = ANY ($1) AND counts GROUP BY 1"
        " HAVING count(*) = cardinality($1)",
        sorted(set(visit_ids)),
    )


async def all_stand(work: Work, row: Any) -> None:
    """Every visit of a purchase that is not paid still takes place. Raises `WrongState`."""
    if await work.fetchval(
        """SELECT EXISTS (SELECT FROM purchase_visit l JOIN visit v ON v.commissioner_id = l.commissioner_id
               AND v.id = l.visit_id WHERE l.commissioner_id = $1 AND l.purchase_id = $2
               AND v.outcome IS NOT NULL AND v.outcome <> 'delivered')""",
        row["commissioner_id"], row["id"],
    ):  # fmt: skip
        said = "A visit of this purchase takes place no more. Choose the visits again before you pay."
        raise WrongState("purchase", row["state"], "paid", said)


async def purchase(work: Work, purchase_id: UUID) -> PurchaseView:
    """One purchase. Raises `NotFound`."""
    found = await _views(work, "p.id = $1", purchase_id)
    if not found:
        raise nothing()
    return found[0]


async def purchases(
    work: Work, *, direct_payment_id: UUID | None = None, package_id: UUID | None = None, page: int = 1
) -> list[PurchaseView]:
    """Purchases within reach, the newest first: of one budget or package, or all; to a council's officer own cases."""
    return await _views(
        work, """($1::uuid IS NULL OR p.direct_payment_id = $1) AND ($2::uuid IS NULL OR p.package_id = $2)
            AND (app_commissioner() IS NULL OR EXISTS (SELECT FROM child c WHERE c.commissioner_id = p.commissioner_id
                AND c.id = p.child_id AND c.referrer_id = app_person()))""",
        direct_payment_id, package_id, offset=PAGE_SIZE * (page - 1),
    )  # fmt: skip


async def _views(work: Work, condition: str, *args: Any, offset: int = 0) -> list[PurchaseView]:
    rows = await work.fetch(
        f"""SELECT p.*, o.name AS provider, k.reference AS package_reference FROM purchase p
            JOIN organisation o ON o.id = p.provider_id
            JOIN package k ON k.commissioner_id = p.commissioner_id AND k.id = p.package_id
            WHERE {condition} ORDER BY p.made_at DESC, p.id LIMIT {PAGE_SIZE} OFFSET {offset}""",  # noqa: S608 - our own words
        *args,
    )
    ids = [row["id"] for row in rows]
    family = work.actor.role == "family"
    lines: defaultdict[UUID, list[Line]] = defaultdict(list)
    for row in await work.fetch(
        """SELECT l.purchase_id, l.visit_id, v.planned_start, v.planned_end, l.minutes, l.pence, v.outcome,
               CASE WHEN $2 THEN s.top_up_pence END AS top_up, (SELECT coalesce(sum(r.pence), 0)::int FROM refund r
                   WHERE r.commissioner_id = l.commissioner_id AND r.purchase_id = l.purchase_id
                   AND r.visit_id = l.visit_id) AS back
           FROM purchase_visit l JOIN visit v ON v.commissioner_id = l.commissioner_id AND v.id = l.visit_id
           LEFT JOIN purchase_share s ON s.commissioner_id = l.commissioner_id AND s.purchase_id = l.purchase_id
               AND s.visit_id = l.visit_id
           WHERE l.purchase_id = ANY ($1) ORDER BY v.planned_start, v.id""",
        ids, family,
    ):  # fmt: skip
        lines[row["purchase_id"]].append(Line(*list(row)[1:]))
    agreed: defaultdict[UUID, list[Any]] = defaultdict(list)
    for row in await work.fetch(
        "SELECT * FROM purchase_agreement WHERE purchase_id = ANY ($1) ORDER BY agreed_at, person_id", ids
    ):
        agreed[row["purchase_id"]].append(row)
    cards: dict[UUID, CardPayment] = {}
    came: defaultdict[UUID, int] = defaultdict(int)
    paying = ids if family else []  # how a family pays is its own
    for row in await work.fetch(
        """SELECT * FROM card_payment WHERE purchase_id = ANY ($1)
           ORDER BY state IN ('asked', 'confirming', 'failed'), asked_at, id""",
        paying,
    ):
        came[row["purchase_id"]] += row["received_pence"]
        cards[row["purchase_id"]] = CardPayment(
            row["id"], row["pence"], row["state"], row["stripe_id"], row["failure"], row["received_pence"],
            row["asked_at"],
        )  # fmt: skip
    for row in await work.fetch("SELECT purchase_id, pence FROM bank_receipt WHERE purchase_id = ANY ($1)", paying):
        came[row["purchase_id"]] += row["pence"]
    back = {
        row["purchase_id"]: row["pence"]
        for row in await work.fetch(
            "SELECT purchase_id, sum(pence)::int AS pence FROM refund WHERE purchase_id = ANY ($1)"
            " AND visit_id IS NULL GROUP BY purchase_id",
            paying,
        )
    }
    return [
        PurchaseView(
            row["id"], row["commissioner_id"], row["reference"], row["package_id"], row["package_reference"],
            row["direct_payment_id"], row["provider_id"], row["provider"], row["first_day"], row["last_day"],
            row["method"] if family else None, row["state"], row["pence"], row["minutes"], row["made_at"],
            row["made_by_name"], row["due_at"] if family else None, row["paid_at"], row["given_up_at"],
            row["given_up_reason"], work.now, tuple(lines[row["id"]]),
            tuple(each["person_name"] for each in agreed[row["id"]]),
            any(each["person_id"] == work.actor.person_id for each in agreed[row["id"]]), came[row["id"]],
            back.get(row["id"], 0), cards.get(row["id"]),
        )
        for row in rows
    ]  # fmt: skip


async def packages_paid_from(work: Work, direct_payment_id: UUID) -> Sequence[Any]:
    """The packages a direct payment pays for: id, reference, provider, state; those that run first."""
    return await work.fetch(
        """SELECT p.id, p.reference, o.name AS provider, p.state FROM package p
           JOIN organisation o ON o.id = p.provider_id WHERE p.direct_payment_id = $1 AND p.state <> 'undone'
           ORDER BY p.state = 'ended', p.awarded_at DESC, p.id""",
        direct_payment_id,
    )


async def ways_to_pay(work: Work, settings: Settings, row: Any) -> dict[Method, datetime]:
    """How a purchase that waits for its money can still be paid, each way with its end."""
    first = await work.fetchval(
        """SELECT min(v.planned_start) FROM purchase_visit l JOIN visit v ON v.commissioner_id = l.commissioner_id
           AND v.id = l.visit_id WHERE l.commissioner_id = $1 AND l.purchase_id = $2""",
        row["commissioner_id"], row["id"],
    )  # fmt: skip
    pack = await pack_of(work, row["framework_id"])
    ways: dict[Method, datetime] = {}
    if stripe_api.on(settings) and (until := pay_by(pack, "card", work.now, first)):
        ways["card"] = until
    if await account(work, row["commissioner_id"]) and (until := pay_by(pack, "transfer", work.now, first)):
        ways["transfer"] = until
    return ways


async def open_to_pay(
    work: Work, settings: Settings, purchase_id: UUID
) -> tuple[PurchaseView, dict[Method, datetime], Account | None]:
    """A purchase with how it can be paid, and where a transfer goes: what its page shows."""
    view = await purchase(work, purchase_id)
    if view.method is None:  # not the family
        return view, {}, None
    ways = await ways_to_pay(work, settings, await purchase_row(work, purchase_id)) if view.state == "waiting" else {}
    return view, ways, await account(work, view.commissioner_id)


async def unpaid_starts(work: Work, since: datetime, until: datetime) -> Sequence[Any]:
    """Visits of packages paid for by a direct payment that begin in a span and are not paid for: visit_id, package_id,
    reference, child_id, provider_id, commissioner_id, planned_start."""
    return await work.fetch(
        """SELECT v.id AS visit_id, v.planned_start, k.id AS package_id, k.reference, k.child_id, k.provider_id,
               k.commissioner_id
           FROM visit v JOIN package k ON k.commissioner_id = v.commissioner_id AND k.id = v.package_id
           WHERE k.direct_payment_id IS NOT NULL AND v.planned_start > $1 AND v.planned_start <= $2
             AND (v.outcome IS NULL OR v.outcome = 'delivered')
             AND NOT EXISTS (SELECT FROM purchase_visit l JOIN purchase p ON p.commissioner_id = l.commissioner_id
                 AND p.id = l.purchase_id WHERE l.commissioner_id = v.commissioner_id AND l.visit_id = v.id
                 AND l.counts AND p.state = 'paid')
             -- a visit shared with a brother or sister is bought once
             AND coalesce((SELECT bool_or(shared_time(w.commissioner_id, w.visit_id, w.worker_id) <> 'elsewhere')
                 FROM visit_worker w WHERE w.commissioner_id = v.commissioner_id AND w.visit_id = v.id), true)
           ORDER BY v.planned_start, v.id""",
        since, until,
    )  # fmt: skip
