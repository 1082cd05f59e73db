"""Watch: what is about to go wrong, counted under row-level security; each figure has its list.

A figure is asked for at every opening of the first page, so it only counts; its list is read when it is opened. Reads
across the domains, so it stands here, to the right of all of them; it changes nothing.
"""

from __future__ import annotations

from admin import watch_cases, watch_duties, watch_money, watch_providers, watch_purchases
from admin.watch_shapes import AsksFigure, AsksList, Figure, WatchList
from marketplace.identity.permissions import may, permit
from marketplace.platform.database import Work
from marketplace.platform.errors import NotFound

# In the order of urgency; what each asks beside watch.read is the reading matrix of docs/architecture.md.
LISTS: dict[str, tuple[AsksFigure, AsksList, str]] = {
    "waiting": (watch_cases.waiting, watch_cases.waiting_list, "watch.read"),
    "silent": (watch_cases.silent, watch_cases.silent_list, "watch.read"),
    "flagged": (watch_cases.flagged, watch_cases.flagged_list, "package.read"),
    "lapsing": (watch_cases.lapsing, watch_cases.lapsing_list, "workforce.read"),
    "late": (watch_duties.late, watch_duties.late_list, "watch.read"),
    "soon": (watch_duties.soon, watch_duties.soon_list, "watch.read"),
    "missed": (watch_duties.missed, watch_duties.missed_list, "watch.read"),
    "drifting": (watch_providers.drifting, watch_providers.drifting_list, "standing.read"),
    "suspended": (watch_providers.suspended, watch_providers.suspended_list, "standing.read"),
    "direct_payments": (
        watch_purchases.direct_payments,
        watch_purchases.direct_payments_list,
        "budget.read",
    ),
    "budgets": (watch_money.budgets, watch_money.budgets_list, "budget.read"),
    "spend": (watch_money.spend, watch_money.spend_list, "invoice.read"),
}


async def watch(work: Work) -> list[Figure]:
    """Every figure this role may see, in the order of urgency."""
    permit(work.actor, "watch.read")
    return [await figure(work) for figure, _, permission in LISTS.values() if may(work.actor, permission)]


async def one_list(work: Work, key: str, text: str = "", provider: str = "") -> tuple[Figure, WatchList, WatchList]:
    """A figure, its whole list and the part asked for. Raises `NotFound` for a key there is none of, `NotPermitted`."""
    permit(work.actor, "watch.read")
    if key not in LISTS:
        raise NotFound
    figure, listed, permission = LISTS[key]
    permit(work.actor, permission)
    whole = await listed(work)
    return await figure(work), whole, whole.narrowed(text, provider)
