"""Reads of direct payments. Row-level security decides whose: the council's, or a family member's who may spend."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from marketplace.frameworks.queries import lots, pack_of
from marketplace.platform.database import Work
from marketplace.platform.errors import NotFound
from marketplace.policy.buying import Share, budget_kept
from marketplace.policy.calendar import local_day
from marketplace.policy.direct_payments import Budget, Terms, Use, budget_on, in_force
from marketplace.purchases.words import PERIODS

PAGE_SIZE = 20


@dataclass(frozen=True, slots=True)
class TermsView:
    """One version of the terms. `units`: pence, or minutes of hours; `lots` are titles by code."""

    applies_from: date
    kind: str
    units: int
    period: str
    lots: dict[str, str]
    top_up_allowed: bool
    account: str
    reason: str
    written_at: datetime
    written_by: str


@dataclass(frozen=True, slots=True)
class Spending:
    """Something the family says it paid elsewhere."""

    id: UUID
    day: date
    pence: int
    minutes: int
    says: str
    recorded_at: datetime
    recorded_by: str
    taken_back_at: datetime | None
    taken_back_reason: str | None


@dataclass(frozen=True, slots=True)
class Bought:
    """A visit bought, or about to be: what of its price the budget pays, less what has come back."""

    purchase_id: UUID
    visit_id: UUID
    day: date
    minutes: int
    pence: int
    share: Share
    back_pence: int
    paid: bool


@dataclass(frozen=True, slots=True)
class DirectPaymentView:
    """A direct payment as it stands today. `child_name` is given to the family and for one's own cases only.

    `now` are the terms that count today (the first ones before it starts); `versions` the latest first.
    """

    id: UUID
    commissioner_id: UUID
    council: str
    child_id: UUID
    child_reference: str
    child_name: str | None
    mine: bool
    framework_id: UUID
    framework: str
    starts_on: date
    ends_on: date | None
    ended_at: datetime | None
    ended_reason: str | None
    state: str  # "to come", "running", "ended"
    today: date
    now: TermsView
    terms: tuple[Terms, ...]
    versions: tuple[TermsView, ...]
    spending: tuple[Spending, ...]
    bought: tuple[Bought, ...]
    uses: tuple[Use, ...]
    budget: Budget

    @property
    def child(self) -> str:
        """Whom it is for, as this reader may know the child."""
        return self.child_name or self.child_reference

    def on(self, day: date) -> TermsView:
        """The terms that count on a day, of those written by now; before the first ones begin, these."""
        return next((each for each in self.versions if each.applies_from <= day), self.versions[-1])

    def lots_on(self, days: Sequence[date]) -> tuple[str, ...]:
        """The lots it may be spent on, on every one of these days."""
        first, *others = [set(self.on(day).lots) for day in days]
        return tuple(sorted(first.intersection(*others)))


def nothing() -> NotFound:
    """The same answer for a direct payment out of reach and for none."""
    return NotFound("There is no such direct payment.")


async def direct_payment(work: Work, direct_payment_id: UUID) -> DirectPaymentView:
    """One direct payment. Raises `NotFound`."""
    found = await _views(work, "d.id = $1", direct_payment_id)
    if not found:
        raise nothing()
    return found[0]


async def of_child(work: Work, child_id: UUID) -> list[DirectPaymentView]:
    """A child's direct payments, the latest first."""
    return await _views(work, "d.child_id = $1", child_id)


async def direct_payments(work: Work, *, everybody: bool = False) -> list[DirectPaymentView]:
    """Those of one's own cases, or of the whole council; a family member's own. The latest first."""
    if work.actor.role == "family" or everybody:
        return await _views(work, "true")
    return await _views(work, "c.referrer_id = app_person()")


async def _views(work: Work, condition: str, *args: Any) -> list[DirectPaymentView]:
    rows = await work.fetch(
        f"""SELECT d.*, c.reference, o.name AS council, f.name AS framework, c.referrer_id = app_person() AS mine,
                   CASE WHEN app_commissioner() IS NULL OR c.referrer_id = app_person() THEN i.name END AS child_name
            FROM direct_payment d JOIN child c ON c.commissioner_id = d.commissioner_id AND c.id = d.child_id
            JOIN organisation o ON o.id = d.commissioner_id JOIN framework f ON f.id = d.framework_id
            LEFT JOIN child_identity i ON i.commissioner_id = d.commissioner_id AND i.child_id = d.child_id
            WHERE {condition} ORDER BY d.starts_on DESC, c.reference, d.id LIMIT 2000""",
        *args,
    )
    ids = [row["id"] for row in rows]
    versions: defaultdict[UUID, list[Any]] = defaultdict(list)
    for row in await work.fetch(
        "SELECT * FROM direct_payment_terms WHERE direct_payment_id = ANY ($1) ORDER BY in_order", ids
    ):
        versions[row["direct_payment_id"]].append(row)
    spending: defaultdict[UUID, list[Spending]] = defaultdict(list)
    for row in await work.fetch(
        "SELECT * FROM direct_payment_spending WHERE direct_payment_id = ANY ($1) ORDER BY day DESC, recorded_at DESC",
        ids,
    ):
        spending[row["direct_payment_id"]].append(
            Spending(
                row["id"], row["day"], row["pence"], row["minutes"], row["says"], row["recorded_at"],
                row["recorded_by_name"], row["taken_back_at"], row["taken_back_reason"],
            )
        )  # fmt: skip
    bought: defaultdict[UUID, list[Bought]] = defaultdict(list)
    for row in await work.fetch(
        """SELECT s.*, v.day, v.minutes, v.pence, p.state = 'paid' AS paid,
               (SELECT coalesce(sum(r.pence), 0)::int FROM refund r WHERE r.commissioner_id = s.commissioner_id
                AND r.purchase_id = s.purchase_id AND r.visit_id = s.visit_id) AS back
           FROM purchase_share s JOIN purchase_visit v ON v.commissioner_id = s.commissioner_id
             AND v.purchase_id = s.purchase_id AND v.visit_id = s.visit_id
           JOIN purchase p ON p.commissioner_id = s.commissioner_id AND p.id = s.purchase_id
           WHERE s.direct_payment_id = ANY ($1) AND v.counts ORDER BY v.day, s.visit_id""",
        ids,
    ):
        bought[row["direct_payment_id"]].append(
            Bought(
                row["purchase_id"], row["visit_id"], row["day"], row["minutes"], row["pence"],
                Share(row["budget_pence"], row["top_up_pence"], row["budget_minutes"]), row["back"], row["paid"],
            )
        )  # fmt: skip
    return [await _view(work, row, versions[row["id"]], spending[row["id"]], bought[row["id"]]) for row in rows]


async def _view(
    work: Work, row: Any, written: Sequence[Any], spent: list[Spending], bought: list[Bought]
) -> DirectPaymentView:
    pack = await pack_of(work, row["framework_id"])
    today = local_day(work.now)
    titles = {each.code: each.title for each in await lots(work, row["framework_id"])}
    terms = in_force(
        tuple(Terms(each["applies_from"], each["kind"], each["units"], PERIODS[each["period"]][1]) for each in written)
    )
    uses = (
        *(Use(each.day, each.pence, each.minutes) for each in spent if each.taken_back_at is None),
        *(Use(each.day, *budget_kept(pack, each.day, each.share, each.back_pence)) for each in bought),
    )
    versions = tuple(_terms(each, titles) for each in reversed(written))
    day = max(today, row["starts_on"]) if row["ends_on"] is None else min(max(today, row["starts_on"]), row["ends_on"])
    ended = row["ends_on"] is not None and row["ends_on"] < today
    return DirectPaymentView(
        id=row["id"],
        commissioner_id=row["commissioner_id"],
        council=row["council"],
        child_id=row["child_id"],
        child_reference=row["reference"],
        child_name=row["child_name"],
        mine=row["mine"],
        framework_id=row["framework_id"],
        framework=row["framework"],
        starts_on=row["starts_on"],
        ends_on=row["ends_on"],
        ended_at=row["ended_at"],
        ended_reason=row["ended_reason"],
        state="ended" if ended else "to come" if row["starts_on"] > today else "running",
        today=today,
        now=next(each for each in versions if each.applies_from <= day),  # the latest written that has begun
        terms=terms,
        versions=versions,
        spending=tuple(spent),
        bought=tuple(bought),
        uses=uses,
        budget=budget_on(pack, terms, uses, today, row["ends_on"]),
    )


def _terms(row: Any, titles: dict[str, str]) -> TermsView:
    return TermsView(
        row["applies_from"], row["kind"], row["units"], row["period"],
        {code: titles.get(code) or code for code in row["lots"]}, row["top_up_allowed"], row["account"], row["reason"],
        row["written_at"], row["written_by_name"],
    )  # fmt: skip
