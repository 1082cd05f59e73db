"""A family's search: who could come, and what its own week costs at the price the council pays, to the penny."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from marketplace.frameworks.areas import areas_of
from marketplace.frameworks.queries import lots, pack_of
from marketplace.platform.database import Work
from marketplace.platform.errors import InvalidInput
from marketplace.policy.calendar import CalendarError, local_day, period_containing
from marketplace.policy.direct_payments import purchase_refusals
from marketplace.policy.facts import RateRow, WeeklySlot
from marketplace.policy.pack import Pack
from marketplace.policy.pricing import RateMissing, slots_between
from marketplace.purchases import directory, queries
from marketplace.purchases.directory import Choices, Criteria, Entry
from marketplace.purchases.queries import DirectPaymentView
from marketplace.purchases.words import refusal
from marketplace.referrals.offer_price import PriceWords, price_by, price_words
from marketplace.referrals.patterns import checked, slots


@dataclass(frozen=True, slots=True)
class Found:
    """A provider that fits. `price` is None where no week was asked for, or `unpriced` says why there is none."""

    entry: Entry
    pence_per_week: int | None = None
    pence_per_period: int | None = None
    price: PriceWords | None = None
    unpriced: str = ""


@dataclass(frozen=True, slots=True)
class Search:
    """What a family found. `refusals` are sentences: why it could not buy this at the framework's price."""

    view: DirectPaymentView
    pack: Pack
    choices: Choices
    lot: str
    found: list[Found]
    total: int
    refusals: tuple[str, ...]


async def search(
    work: Work,
    direct_payment_id: UUID,
    criteria: Criteria,
    *,
    pattern: tuple[WeeklySlot, ...] = (),
    starts_on: date | None = None,
    workers: int = 1,
) -> Search:
    """Providers open to new families on a lot of the direct payment, each with the price of the week asked for.

    Raises `InvalidInput` naming the field for a week or a start that cannot be priced, `NotFound`.
    """
    view = await queries.direct_payment(work, direct_payment_id)
    pack = await pack_of(work, view.framework_id)
    lot = criteria.lot or next(iter(view.now.lots))
    if lot not in {each.code for each in await lots(work, view.framework_id)}:
        raise InvalidInput({"lot": "Choose what you look for from the list"})
    today = local_day(work.now)
    starts_on = starts_on or max(today, view.starts_on)
    if not today <= starts_on:
        raise InvalidInput({"starts_on": "The first day must be today or later"})
    if not 1 <= workers <= 2:
        raise InvalidInput({"workers": "Choose one worker or two"})
    if pattern:
        pattern = slots(checked(pattern, pack.on(starts_on).lot(lot).activities))
    listed = directory.inside(
        await directory.entries(work, view.framework_id, view.commissioner_id),
        await areas_of(work, view.framework_id, view.commissioner_id),
    )
    fitting = directory.narrow(listed, Criteria(lot, *_rest(criteria)))
    cards = await _cards(work, view.framework_id, lot)
    try:
        found = [_priced(pack, each, cards[each.provider_id], lot, pattern, starts_on, workers) for each in fitting]
        days = visit_days(pack, pattern, starts_on)
    except (CalendarError, OverflowError) as error:
        raise InvalidInput({"starts_on": f"This start cannot be priced: {error}."}) from error
    born = await work.fetchval(
        "SELECT date_of_birth FROM child_identity WHERE commissioner_id = $1 AND child_id = $2",
        view.commissioner_id, view.child_id,
    )  # fmt: skip
    refused = purchase_refusals(
        pack, born, days or (starts_on,), lot, lots=tuple(view.now.lots), starts_on=view.starts_on,
        ends_on=view.ends_on, takes_new_families=True,
    )  # fmt: skip
    return Search(
        view,
        pack,
        directory.choices_of(pack, view.now.lots, listed),
        lot,
        found,
        sum(lot in each.lots for each in listed),
        tuple(refusal(reason, pack, starts_on) for reason in refused),
    )


def _rest(criteria: Criteria) -> tuple[str, ...]:
    return criteria.area, criteria.language, criteria.when, criteria.need, criteria.text


def visit_days(pack: Pack, pattern: tuple[WeeklySlot, ...], starts_on: date) -> tuple[date, ...]:
    """The dates of the visits that are priced."""
    last = period_containing(starts_on, starts_on, pack.on(starts_on).billing.period_length).last_day
    return tuple(sorted({local_day(start) for start, _, _ in slots_between(pattern, starts_on, last)}))


async def _cards(work: Work, framework_id: UUID, lot: str) -> defaultdict[UUID, tuple[RateRow, ...]]:
    cards: defaultdict[UUID, tuple[RateRow, ...]] = defaultdict(tuple)
    for row in await work.fetch("SELECT * FROM directory_cards($1, $2)", framework_id, lot):
        cards[row["provider_id"]] += (
            RateRow(row["lot_code"], row["activity"], row["band"], row["pence_per_hour"], row["applies_from"]),
        )
    return cards


def _priced(
    pack: Pack, entry: Entry, card: tuple[RateRow, ...], lot: str, pattern: tuple[WeeklySlot, ...], starts_on: date,
    workers: int,
) -> Found:  # fmt: skip
    if not pattern:
        return Found(entry)
    try:
        price = price_by(pack, card, lot, pattern, starts_on, workers)
    except RateMissing as missing:
        what = pack.activities.get(missing.activity, missing.activity).lower()
        band = pack.bands.get(missing.band, missing.band).lower()
        return Found(entry, unpriced=f"It has agreed no price for {what} ({band}) yet.")
    return Found(entry, price.pence_per_week, price.pence_per_period, price_words(price.explained, pack))
