"""What a bought visit keeps of what was paid for it, and what goes back: to the penny, never more than was paid.

A family pays the price the commissioner would pay (L 2.4), before the visit. Afterwards the visit is worth what its
record says by the same rules (`pricing`, `cancelling`); the rest goes back.
"""

from datetime import date

import msgspec

from marketplace.policy.calendar import local_day
from marketplace.policy.cancelling import cancellation_terms
from marketplace.policy.facts import RateCard, Visit
from marketplace.policy.pack import Pack
from marketplace.policy.pricing import half_up


class Paid(msgspec.Struct, frozen=True):
    """What was paid for a visit, in pence: from the budget, and of the family's own beyond it."""

    budget_pence: int
    own_pence: int = 0

    @property
    def pence(self) -> int:
        """The whole price it was bought at."""
        return self.budget_pence + self.own_pence


class Settled(msgspec.Struct, frozen=True):
    """What a bought visit keeps, and what goes back by where it came from; the three are what was paid."""

    kept_pence: int
    budget_back_pence: int
    own_back_pence: int

    @property
    def back_pence(self) -> int:
        """All that goes back."""
        return self.budget_back_pence + self.own_back_pence


def kept_pence(paid_pence: int, whole_pence: int, charged_pence: int) -> int:
    """What a visit keeps of what was paid: its charge, at most in the proportion in which the visit was paid for.

    `whole_pence` is the price of the visit as planned by the rates and the plan as they are now, `charged_pence` what
    its outcome charges. Bought when it was cheaper, it keeps the same share of what was paid; bought when it was
    dearer, it keeps what the commissioner would pay.
    """
    if paid_pence <= 0 or charged_pence <= 0:
        return 0
    kept = min(paid_pence, charged_pence)
    return min(kept, half_up(charged_pence * paid_pence, whole_pence)) if whole_pence > 0 else kept


def settle(pack: Pack, card: RateCard, visit: Visit, paid: Paid) -> Settled | None:
    """How a bought visit ends by its record; None where it has no price yet: a record without times or workers.

    Delivered it keeps its price, less what it was shorter than planned; not delivered, what the pack charges for its
    outcome (P 5.1 to 5.4). Raises `CalendarError` past the published bank holidays.
    """
    terms = cancellation_terms(pack, card, visit)
    if terms.charged_pence is None:
        return None
    whole = terms.whole_pence if terms.whole_pence is not None else 0
    return part(pack, local_day(visit.planned_start), paid, kept_pence(paid.pence, whole, terms.charged_pence))


def part(pack: Pack, day: date, paid: Paid, kept: int) -> Settled:
    """What goes back of a visit on a day when so much is kept, parted into the budget's money and one's own (pack).

    Raises `ValueError` where more is kept than was paid.
    """
    back = paid.pence - kept
    if not 0 <= back <= paid.pence:
        raise ValueError("a visit keeps nothing that was not paid for it")
    if pack.on(day).purchases.own_money_back_first:
        own = min(back, paid.own_pence)
    else:
        own = back - min(back, paid.budget_pence)
    return Settled(kept, back - own, own)
