"""What cancelling a visit would mean, told before it is done; and that what was told is what is done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from uuid import UUID

import msgspec

from marketplace.frameworks.queries import rate_card_rows
from marketplace.packages import queries
from marketplace.packages.records import facts_of
from marketplace.packages.states import visit_after
from marketplace.packages.tables import Package, Visit
from marketplace.platform.database import Work
from marketplace.platform.errors import Conflict, InvalidInput
from marketplace.policy.calendar import local, to_the_minute
from marketplace.policy.cancelling import CancellationTerms, cancellation_terms
from marketplace.policy.facts import Outcome, RateCard, RateRow, VisitWorker
from marketplace.web.filters import count, pounds


class PriceChanged(Conflict):
    """What the cancellation costs is not what was shown; it is shown again before anything is done."""

    code = "price_changed"


Says = Callable[[Work, Visit, CancellationTerms], Awaitable[str]]
_SAYS: list[tuple[str, Says]] = []


def also_said(head: str) -> Callable[[Says], Says]:
    """Register what another folder has to say before a visit is cancelled, under a head: a sentence, or nothing."""

    def keep(says: Says) -> Says:
        _SAYS.append((head, says))
        return says

    return keep


async def said_besides(work: Work, visit: Visit, terms: CancellationTerms) -> list[tuple[str, str]]:
    """What else a reader learns before cancelling, such as what goes back of what was paid: each with its head."""
    return [(head, said) for head, said in [(head, await says(work, visit, terms)) for head, says in _SAYS] if said]


async def terms_of(work: Work, visit: Visit, outcome: str, notice_at: datetime | None) -> CancellationTerms:
    """What it means for a visit not to take place in this way, by the pack and the agreed rates as they are now.

    Time shared with a brother's or sister's visit is charged once, where it would be billed then (L 6.5).
    """
    pack = await queries.pack_for(work, visit)
    notice = None if notice_at is None else to_the_minute(notice_at)
    facts = msgspec.structs.replace(
        facts_of(visit, []), outcome=outcome, workers=await _workers(work, visit, outcome, notice),
        notice_at=None if notice is None else local(notice),
    )  # fmt: skip
    terms = cancellation_terms(pack, await _rates(work, visit), facts)
    bought = await work.fetchval(
        "SELECT direct_payment_id IS NOT NULL FROM package WHERE commissioner_id = $1 AND id = $2",
        visit.commissioner_id, visit.package_id,
    )  # fmt: skip
    # what a family buys is not made up: its money goes back
    return msgspec.structs.replace(terms, made_up=terms.made_up and not bought)


async def _workers(work: Work, visit: Visit, outcome: str, notice_at: datetime | None) -> tuple[VisitWorker, ...]:
    # What a family buys is judged by what it bought: there the time stays where it was paid for.
    workers = await queries.visit_workers(work, visit)
    rows = await work.fetch(
        """SELECT w.id, shared_time($1, $2, w.id, $4, $5) AS billed FROM unnest($3::uuid[]) w (id)
           WHERE EXISTS (SELECT FROM package WHERE commissioner_id = $1 AND id = $6 AND direct_payment_id IS NULL)""",
        visit.commissioner_id, visit.id, [row["worker_id"] for row in workers], outcome, notice_at, visit.package_id,
    )  # fmt: skip
    billed = {row["id"]: row["billed"] for row in rows}
    return tuple(VisitWorker(row["printed_name"], False, billed.get(row["worker_id"], "here")) for row in workers)


async def _rates(work: Work, visit: Visit) -> RateCard:
    # A family reaches no rate card; of its own visit it may know the price.
    rows = await work.fetch("SELECT * FROM visit_price_facts($1)", visit.id)
    if rows:
        return tuple(
            RateRow(visit.lot_code, row["activity"], row["band"], row["pence_per_hour"], row["applies_from"])
            for row in rows
        )
    return await rate_card_rows(work, visit.framework_id, visit.provider_id, visit.lot_code)


def as_shown(terms: CancellationTerms, shown_pence: int | None, *, required: bool = False) -> None:
    """Raise `PriceChanged` where something else was shown; None stands for nothing having been shown.

    That is enough where nothing is charged; else, where a sum is `required`, it raises `InvalidInput` with the sum.
    """
    if terms.charged_pence is None:
        return
    if shown_pence is None:
        if required and terms.charged_pence:
            said = f"This charges {charge_words(terms)}: send charge_pence {terms.charged_pence} to go ahead"
            raise InvalidInput({"charge_pence": said})
    elif shown_pence != terms.charged_pence:
        raise PriceChanged(
            f"The charge is {pounds(terms.charged_pence)} now, and not the {pounds(shown_pence)} you were shown. "
            "Check it again."
        )


def charge_words(terms: CancellationTerms) -> str:
    """ "£24.00, half of the visit's price of £48.00"."""
    if not terms.percent:
        return "Nothing"
    if terms.elsewhere:
        return "Nothing: its time is billed on a brother's or sister's visit at the same time"
    once = "; charged once, here or on a brother's or sister's visit at the same time" if terms.waits else ""
    share = {100: "the whole", 50: "half"}.get(terms.percent, f"{terms.percent}%")
    if terms.charged_pence is None or terms.whole_pence is None:
        return f"{share[0].upper()}{share[1:]} of the visit's price{once}"
    if terms.percent == 100:
        return f"{pounds(terms.charged_pence)}, the whole price of the visit{once}"
    return f"{pounds(terms.charged_pence)}, {share} of the visit's price of {pounds(terms.whole_pence)}{once}"


def allocation_words(terms: CancellationTerms) -> str:
    """ "1 hour of this visit's 2 hours comes off the child's budget"."""
    if not terms.taken_minutes:
        return "Nothing comes off the child's budget"
    if terms.taken_minutes == terms.minutes:
        return f"All of this visit, {_length(terms.minutes)}, comes off the child's budget"
    return f"{_length(terms.taken_minutes)} of this visit's {_length(terms.minutes)} come off the child's budget"


def _length(minutes: int) -> str:
    hours, rest = divmod(minutes, 60)
    words = [count(hours, "hour")] if hours else []
    return " ".join([*words, *([count(rest, "minute")] if rest or not hours else [])])


async def cancelling(work: Work, visit_id: UUID) -> tuple[Visit, Package, datetime, CancellationTerms]:
    """What the family, or the referrer, would cancel now: the visit, its package, the notice, and what it means.

    Raises `WrongState` once it is not planned any more, `Conflict` from its start on: then the worker is on the way.
    """
    visit = await queries.visit(work, visit_id)
    package = await queries.package(work, visit.package_id)
    visit_after("cancelled", visit)
    notice, outcome = to_the_minute(work.now), await familys_outcome(work, package)
    if notice >= visit.planned_start:
        raise Conflict("This visit should have begun by now. Call the provider if nobody is needed any more.")
    terms = await terms_of(work, visit, outcome, notice if outcome == "cancelled_by_family" else None)
    return visit, package, notice, msgspec.structs.replace(terms, made_up=False)  # nobody asked for it again


async def familys_outcome(work: Work, package: Package) -> Outcome:
    """What it is that a visit the family calls off does not take place: the provider's doing, at no charge, where the
    family buys it and care may not lawfully go on at the moment; else the family's."""
    if package.direct_payment_id is not None and await work.fetchval("SELECT care_stopped($1)", package.id):
        return "cancelled_by_provider"
    return "cancelled_by_family"
