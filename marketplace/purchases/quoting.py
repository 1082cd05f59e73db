"""What a family may buy in a package of its own: every visit with its price, what the budget pays, and why not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from msgspec import structs

from marketplace.frameworks.queries import pack_of
from marketplace.packages.queries import signed_plan
from marketplace.packages.records import facts_of
from marketplace.packages.tables import Visit
from marketplace.platform import stripe_api
from marketplace.platform.database import Work
from marketplace.platform.errors import InvalidInput, NotFound
from marketplace.policy.buying import Method, Share, ToBuy, pay_by, shares
from marketplace.policy.calendar import CalendarError, local_day, whole_minutes
from marketplace.policy.cancelling import cancellation_terms
from marketplace.policy.direct_payments import purchase_refusals
from marketplace.policy.facts import RateRow, VisitWorker
from marketplace.policy.pack import Pack
from marketplace.purchases import queries
from marketplace.purchases.queries import DirectPaymentView
from marketplace.purchases.words import refusal
from marketplace.settings import Settings

MOST_VISITS = 100  # of one purchase


@dataclass(frozen=True, slots=True)
class VisitPriced:
    """A planned visit that may be bought. `pence` is None where `unpriced` says why it has no price."""

    id: UUID
    day: date
    start: datetime
    end: datetime
    activity: str
    minutes: int
    pence: int | None
    unpriced: str = ""
    share: Share | None = None


@dataclass(frozen=True, slots=True)
class Buyable:
    """A package a family buys in, with the visits that are planned and not bought yet."""

    package_id: UUID
    reference: str
    provider_id: UUID
    provider: str
    lot: str
    pack: Pack
    view: DirectPaymentView
    now: datetime
    visits: tuple[VisitPriced, ...]
    refusals: tuple[str, ...]  # why nothing at all may be bought


@dataclass(frozen=True, slots=True)
class Account:
    """Where a transfer goes."""

    name: str
    sort_code: str
    number: str


@dataclass(frozen=True, slots=True)
class Quote:
    """What a block costs, before any card is asked for. `pay_by` holds the ways that are open, each with its end.

    `refusals` are sentences; with one there is nothing to pay. `top_up_pence` is what lies beyond the budget.
    """

    offer: Buyable
    visits: tuple[VisitPriced, ...]
    pence: int
    minutes: int
    budget_pence: int
    top_up_pence: int
    left: int  # units of the budget in its present period, before
    pay_by: dict[Method, datetime]
    refusals: tuple[str, ...]

    @property
    def later_pence(self) -> int:
        """What of the budget's part comes from what it gives after its present period."""
        ends = self.offer.view.budget.period.last_day
        return sum(each.share.budget_pence for each in self.visits if each.share and each.day > ends)

    @property
    def may_be_bought(self) -> bool:
        return not self.refusals and bool(self.visits)


def nothing() -> NotFound:
    """The same for a package out of reach, one the council pays for, and none."""
    return NotFound("There is no such package, or no direct payment of yours pays for it.")


async def buyable(work: Work, package_id: UUID) -> Buyable:
    """The visits of a package that may be bought, priced. Raises `NotFound`."""
    row = await work.fetchrow(
        "SELECT p.*, o.name AS provider FROM package p JOIN organisation o ON o.id = p.provider_id"
        " WHERE p.id = $1 AND p.direct_payment_id IS NOT NULL",
        package_id,
    )
    if row is None:
        raise nothing()
    view = await queries.direct_payment(work, row["direct_payment_id"])
    pack = await pack_of(work, row["framework_id"])
    card = tuple(RateRow(*each) for each in await work.fetch("SELECT * FROM purchase_rates($1)", package_id))
    visits = (
        await Visit.objects()
        .where(
            Visit.package_id == package_id,
            Visit.outcome.is_null(),
            Visit.actual_start.is_null(),
            Visit.planned_start > work.now,
        )
        .order_by(Visit.planned_start)
    )
    taken = {
        each["visit_id"]
        for each in await work.fetch(
            "SELECT v.visit_id FROM purchase_visit v JOIN purchase p ON p.commissioner_id = v.commissioner_id"
            " AND p.id = v.purchase_id WHERE p.package_id = $1 AND v.counts",
            package_id,
        )
    }
    workers: defaultdict[UUID, list[VisitWorker]] = defaultdict(list)
    for each in await work.fetch(
        "SELECT visit_id, printed_name, shared_time(commissioner_id, visit_id, worker_id) AS billed FROM visit_worker"
        " WHERE commissioner_id = $1 AND visit_id = ANY ($2)",
        row["commissioner_id"], [visit.id for visit in visits],
    ):  # fmt: skip
        workers[each["visit_id"]].append(VisitWorker(each["printed_name"], False, each["billed"]))
    priced = tuple(priced_visit(pack, card, visit, workers[visit.id]) for visit in visits if visit.id not in taken)
    refusals: list[str] = []
    if row["state"] not in ("set_up", "active"):
        refusals.append("This package has ended.")
    elif await signed_plan(work, package_id) is None:
        refusals.append("The plan is not signed yet. You can buy visits once it is.")
    if await work.fetchval("SELECT purchase_unlawful($1)", package_id):
        refusals.append(
            f"{row['provider']} may not lawfully give this care at the moment. Your council decides what happens next."
        )
    return Buyable(
        package_id, row["reference"], row["provider_id"], row["provider"], row["lot_code"], pack, view, work.now,
        priced, tuple(refusals),
    )  # fmt: skip


def priced_visit(pack: Pack, card: tuple[RateRow, ...], visit: Visit, workers: list[VisitWorker]) -> VisitPriced:
    """A visit with the price the commissioner would pay for it as it is planned: shared time once (L 6.5)."""
    pence: int | None = None
    unpriced = "" if workers else "Nobody is named for it yet."
    if workers:
        try:
            facts = structs.replace(facts_of(visit, []), workers=tuple(workers))
            pence = cancellation_terms(pack, card, facts).whole_pence
            unpriced = "" if pence else "The provider has agreed no price for it yet."
            if pence == 0 and all(each.billed == "elsewhere" for each in workers):
                unpriced = "It is shared with a brother or sister and bought there: there is nothing to pay."
        except CalendarError:
            unpriced = "It lies too far ahead to be priced."
    return VisitPriced(
        visit.id, local_day(visit.planned_start), visit.planned_start, visit.planned_end,
        pack.activities.get(visit.activity, visit.activity), whole_minutes(visit.planned_start, visit.planned_end),
        pence or None, unpriced,
    )  # fmt: skip


async def quote(work: Work, settings: Settings, package_id: UUID, visit_ids: Collection[UUID]) -> Quote:
    """What these visits cost and whether they may be bought. Raises `NotFound`, `InvalidInput` for `visits`."""
    offer = await buyable(work, package_id)
    chosen = [each for each in offer.visits if each.id in set(visit_ids)]
    if not visit_ids:
        raise InvalidInput({"visits": "Select at least one visit"})
    if len(chosen) != len(set(visit_ids)):
        raise InvalidInput({"visits": "Some of these visits are bought already, or take place no more. Choose again"})
    if len(chosen) > MOST_VISITS:
        raise InvalidInput({"visits": f"Select at most {MOST_VISITS} visits at once"})
    view, pack = offer.view, offer.pack
    refusals = list(offer.refusals)
    if any(each.pence is None for each in chosen):
        refusals.append("Some of these visits have no price at this framework yet.")
    born = await work.fetchval(
        "SELECT date_of_birth FROM child_identity WHERE commissioner_id = $1 AND child_id = $2",
        view.commissioner_id, view.child_id,
    )  # fmt: skip
    days = tuple(each.day for each in chosen)
    # a family that is with the provider goes on (domain 6): whether it took new ones was asked when they agreed
    refused = purchase_refusals(
        pack, born, days, offer.lot, lots=view.lots_on(days), starts_on=view.starts_on, ends_on=view.ends_on,
        takes_new_families=True,
    )  # fmt: skip
    refusals += [refusal(reason, pack, max(days)) for reason in refused]
    parts = shares(
        pack, view.terms, view.uses, view.ends_on, [ToBuy(each.day, each.pence or 0, each.minutes) for each in chosen]
    ) if not refusals else tuple(Share(0, 0, 0) for _ in chosen)  # fmt: skip
    top_up = sum(part.top_up_pence for part in parts)
    own = [each.day for each, part in zip(chosen, parts, strict=True) if part.top_up_pence]
    if not all(view.on(day).top_up_allowed for day in own):
        refusals.append("Your budget does not hold this much, and your council does not allow a top-up of your own.")
    ways: dict[Method, datetime] = {}
    first = min(each.start for each in chosen)
    by_card = pay_by(pack, "card", work.now, first) if stripe_api.on(settings) else None
    if by_card is not None:
        ways["card"] = by_card
    by_transfer = pay_by(pack, "transfer", work.now, first)
    if by_transfer is not None and await account(work, view.commissioner_id) is not None:
        ways["transfer"] = by_transfer
    if not refusals and not ways:
        refusals.append("There is no way to pay for these visits in time. Choose later ones.")
    return Quote(
        offer,
        tuple(replace(each, share=part) for each, part in zip(chosen, parts, strict=True)),
        sum(each.pence or 0 for each in chosen),
        sum(each.minutes for each in chosen),
        sum(part.budget_pence for part in parts),
        top_up,
        view.budget.left,
        ways,
        tuple(refusals),
    )


async def account(work: Work, commissioner_id: UUID) -> Account | None:
    """The council's client account as last confirmed; None: no transfers are taken."""
    row: Any = await work.fetchrow(
        "SELECT name, sort_code, number FROM settlement_account WHERE commissioner_id = $1 AND confirmed_at IS NOT NULL"
        " ORDER BY in_order DESC LIMIT 1",
        commissioner_id,
    )
    return None if row is None else Account(row["name"], row["sort_code"], row["number"])
