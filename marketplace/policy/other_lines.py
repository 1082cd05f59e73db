"""Lines beside visits: each only against its written agreement, as far as that goes (P 4.9, 4.11, 14.3).

Longer time of a visit that was billed before its referrer approved it is a line of its own (domain 5, D): it stands on
that approval, and is billed once, at what the visit costs more. Meetings are never billed (P 7.3): they are no kind of
line at all. Amounts are whole pence.
"""

from collections.abc import Mapping
from datetime import date
from typing import Literal

import msgspec

from marketplace.policy.facts import Agreement, OtherLine, RateCard
from marketplace.policy.funding import part_of_longer
from marketplace.policy.pack import Pack
from marketplace.policy.pricing import longer_prices

LONGER = "longer_time"
OtherFault = Literal["never_billed", "no_agreement", "outside_agreement", "no_evidence", "beyond_agreement"]


class OtherResult(msgspec.Struct, frozen=True, kw_only=True):
    """A line beside visits as the invoice rule sees it: what its agreement gives for it, and what is payable of that.

    `faults` say why nothing, or not the whole, can be billed; `claimed` is whether the provider bills it now.
    """

    id: str
    kind: str
    units: int
    price_pence: int
    claimed: bool
    payable_pence: int
    faults: tuple[OtherFault, ...] = ()


def kinds_allowed(pack: Pack, day: date) -> tuple[str, ...]:
    """Which kinds of line may be agreed in writing on a day, by the pack."""
    rules = pack.on(day).pathway
    allowed = {
        "mileage": True,  # the pack's number of miles says from where on
        "report": rules.report_fees_by_agreement,
        "return_to_area": rules.return_costs_by_agreement,
    }
    return tuple(kind for kind, may in allowed.items() if may)


def full_price(pack: Pack, line: OtherLine, agreement: Agreement) -> int:
    """What a line costs by its agreement, before the agreement's sum in all is looked at, in pence."""
    if agreement.unit_pence is None:
        return line.cost_pence
    free = free_miles(pack, line.day) if line.kind == "mileage" else 0
    return max(0, line.units - free) * agreement.unit_pence


def free_miles(pack: Pack, day: date) -> int:
    """How many miles of a session its price includes; only what lies above is billed (P 4.9)."""
    return pack.on(day).pathway.extra_mileage_above_miles


def too_few_miles(pack: Pack, day: date, miles: int) -> str | None:
    """Why a session of so many miles has no line at all, with the clause; None where it has one."""
    free = free_miles(pack, day)
    if miles > free:
        return None
    clause = next(rule.clause for rule in pack.content.settings if rule.key == "pathway.extra_mileage_above_miles")
    return f"The visit's price includes the first {free} miles of a session: only more than that is billed ({clause})"


def fault_of(pack: Pack, line: OtherLine) -> OtherFault | None:
    """Why a line cannot be billed at all; None where it can."""
    if line.kind == LONGER:
        return "no_agreement" if line.longer is None else None
    if line.kind not in kinds_allowed(pack, line.day):
        return "never_billed"
    if line.agreement is None or line.agreement.kind != line.kind:
        return "no_agreement"
    if not line.agreement.from_ <= line.day <= line.agreement.to:
        return "outside_agreement"
    return None if line.evidenced else "no_evidence"


def judge_others(
    pack: Pack,
    lines: tuple[OtherLine, ...],
    claimed: Mapping[str, list[int]] | None,
    card: RateCard = (),
    payer: str = "",
) -> tuple[OtherResult, ...]:
    """Judge lines beside visits in their order, the agreements' sums shared out as they come.

    `claimed` holds the amounts claimed by line id; None takes each line as claimed at what its agreement gives. Longer
    time is priced by the rate card, and costs a payer what its part of the visit grows by. Raises as
    `pricing.price_visit`.
    """
    used: dict[str, int] = {}
    judged: list[OtherResult] = []
    for line in lines:
        fault, price, left = fault_of(pack, line), 0, 0
        if fault is None and line.agreement is not None:
            key = line.agreement.id
            left = max(0, line.agreement.most_pence - line.billed_pence - used.get(key, 0))
            price = min(full_price(pack, line, line.agreement), left)
        elif fault is None and line.longer is not None:
            then, now = longer_prices(pack, card, line.longer)
            price = left = part_of_longer(then, now, line.longer.visit.shares, payer)
        amounts = [price] if claimed is None else claimed.get(line.id, [])
        payable = price if amounts else 0
        if payable and line.agreement is not None:
            used[line.agreement.id] = used.get(line.agreement.id, 0) + payable
        faults: tuple[OtherFault, ...] = (fault,) if fault else ()
        if not fault and any(pence > left for pence in amounts):
            faults = ("beyond_agreement",)
        judged.append(
            OtherResult(
                id=line.id,
                kind=line.kind,
                units=line.units,
                price_pence=price,
                claimed=bool(amounts),
                payable_pence=payable,
                faults=faults,
            )
        )
    return tuple(judged)
