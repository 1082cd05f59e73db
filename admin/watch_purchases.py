"""Watch over direct payments: families that have one and nobody to buy from, spend against budget, hours delivered."""

from __future__ import annotations

from admin.watch_shapes import Figure, Row, WatchList, plural, said, some
from marketplace.platform.database import Work
from marketplace.purchases.watching import Watched, counted, watched
from marketplace.purchases.words import amount
from marketplace.web.filters import day, duration, listing

NOBODY = "No provider"


async def direct_payments(work: Work) -> Figure:
    """Families with a direct payment that runs and no provider."""
    running, nobody = await counted(work)
    return Figure(
        "direct_payments", nobody,
        plural(nobody, "family with a direct payment has no provider",
               "families with a direct payment have no provider"),
        said(some(running, plural(running, "direct payment runs", "direct payments run"))),
    )  # fmt: skip


async def direct_payments_list(work: Work) -> WatchList:
    """Every direct payment that runs, those without a provider first."""
    return WatchList(
        "direct_payments", "Direct payments",
        ("Child", "Provider", "Until", "Given", "Spent", "Committed", "Left", "Unspent before", "Hours bought",
         "Hours delivered"),
        [_row(each) for each in await watched(work)],
        "No direct payment runs.",
        "Given, spent, committed and left of the present period; hours of the last half year. How a family paid is not"
        " told to anybody.",
    )  # fmt: skip


def _row(each: Watched) -> Row:
    budget = each.view.budget

    def units(number: int) -> str:
        return amount(budget.kind, number)

    return Row(
        (
            each.view.child_reference, listing(list(each.providers)) if each.providers else NOBODY,
            day(budget.period.last_day), units(budget.given), units(budget.spent), units(budget.committed),
            units(budget.left), units(each.unspent), duration(each.bought_minutes) if each.bought_minutes else "none",
            duration(each.delivered_minutes) if each.delivered_minutes else "none",
        ),
        f"/direct-payments/{each.view.id}" if each.view.mine else "",
        listing(list(each.providers)) if each.providers else NOBODY,
        at_marketplace=True,
    )  # fmt: skip
