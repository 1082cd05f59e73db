"""What each role finds in the navigation: one table a front door.

An item is shown when the role has its permission (None: always). Keep a role's list short enough for a phone's menu:
the most used first; everything else is reached from these pages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from marketplace.platform.actor import Actor


@dataclass(frozen=True, slots=True)
class Item:
    """`href` is also the prefix of the pages that belong to it."""

    label: str
    href: str
    permission: str | None = None


TODAY = Item("Today", "/today")
DUTIES = Item("Duties", "/duties")

MARKETPLACE: dict[str, tuple[Item, ...]] = {
    "referrer": (
        TODAY,
        DUTIES,
        Item("Referrals", "/referrals"),
        Item("Children", "/children"),
        Item("Packages", "/packages"),
        Item("Budgets", "/budgets"),
        Item("Providers", "/providers"),
    ),
    "contract_manager": (TODAY, DUTIES, Item("Frameworks", "/frameworks"), Item("Providers", "/providers")),
    "finance": (TODAY, DUTIES, Item("Invoices", "/invoices")),
    "commissioner_admin": (TODAY, DUTIES, Item("Frameworks", "/frameworks"), Item("People", "/people")),
    "provider_manager": (
        TODAY,
        DUTIES,
        Item("Opportunities", "/opportunities"),
        Item("Requests", "/enquiries"),
        Item("Bought visits", "/bought-visits", "payout.read"),
        Item("Offers", "/offers"),
        Item("Packages", "/packages"),
        Item("Week", "/week"),
        Item("Workforce", "/workforce"),
        Item("Evidence", "/evidence"),
        Item("Four weeks", "/invoices"),
        Item("Frameworks", "/frameworks"),
        Item("Standing", "/standing"),
    ),
    "coordinator": (
        TODAY,
        DUTIES,
        Item("Opportunities", "/opportunities"),
        Item("Requests", "/enquiries"),
        Item("Bought visits", "/bought-visits", "payout.read"),
        Item("Packages", "/packages"),
        Item("Week", "/week"),
        Item("Workforce", "/workforce"),
        Item("Evidence", "/evidence"),
    ),
    "worker": (
        Item("Now", "/now"),
        TODAY,
        DUTIES,
        Item("My training", "/my-training"),
        Item("My files", "/evidence"),
        Item("My profile", "/my-profile"),
    ),
    "family": (
        Item("Who is coming", "/who-is-coming"),
        TODAY,
        DUTIES,
        Item("Offers", "/choices"),
        Item("Visits", "/visits"),
        Item("Direct payment", "/budget"),
    ),
    "operator": (TODAY,),
}

CONSOLE: dict[str, tuple[Item, ...]] = {
    "referrer": (TODAY, DUTIES, Item("Watch", "/watch")),
    "contract_manager": (
        TODAY,
        DUTIES,
        Item("Watch", "/watch"),
        Item("Frameworks", "/frameworks"),
        Item("Providers", "/providers"),
        Item("Contracts", "/contracts"),
        Item("Packages", "/packages"),
        Item("Budgets", "/budgets"),
        Item("Invoices", "/invoices"),
        Item("Audit", "/audit"),
    ),
    "finance": (
        TODAY,
        DUTIES,
        Item("Watch", "/watch"),
        Item("Invoices", "/invoices"),
        Item("Payments", "/payments"),
        Item("Transfers", "/bank-receipts"),
        Item("Budgets", "/budgets"),
    ),
    "commissioner_admin": (
        TODAY,
        DUTIES,
        Item("Watch", "/watch"),
        Item("Frameworks", "/frameworks"),
        Item("Providers", "/providers"),
        Item("Audit", "/audit"),
        Item("People", "/people"),
    ),
    "operator": (
        Item("Health", "/operator"),
        Item("Organisations", "/operator/organisations"),
        Item("Jobs", "/operator/jobs"),
        Item("Mail", "/operator/mail"),
    ),
}


def links(
    navigation: Mapping[str, Sequence[Item]], actor: Actor | None, path: str, may: Callable[[Actor, str], bool]
) -> list[dict[str, object]]:
    """The items this actor may open, as the service navigation wants them; the one we are within is marked."""
    if actor is None:
        return []
    items = [item for item in navigation.get(actor.role, ()) if item.permission is None or may(actor, item.permission)]
    if path == "/":  # the first page is Today
        path = TODAY.href
    within = [item for item in items if path == item.href or path.startswith(item.href + "/")]
    active = max(within, key=lambda item: len(item.href), default=None)
    return [{"text": item.label, "href": item.href, "active": item is active} for item in items]
