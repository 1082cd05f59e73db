"""The demo's sign-ins, one for each role and some more, as a table for the terminal."""

from __future__ import annotations

from dataclasses import dataclass

from marketplace.demo.people import PASSWORD, PIN
from marketplace.identity.permissions import ROLE_NAMES
from marketplace.settings import Settings

CONSOLE, SITE = "console", "marketplace"


@dataclass(frozen=True, slots=True)
class SignIn:
    """Who signs in where; `what` is what there is to see first."""

    role: str
    email: str
    door: str
    whose: str
    what: str


SIGN_INS = (
    SignIn("referrer", "referrer@example.org", SITE, "Ravensmere", "offers to compare, a question, a plan to sign"),
    SignIn("contract_manager", "contracts@example.org", CONSOLE, "Ravensmere", "watch, a provider to suspend"),
    SignIn("finance", "finance@example.org", CONSOLE, "Ravensmere", "invoices to accept or return"),
    SignIn("commissioner_admin", "admin@example.org", CONSOLE, "Ravensmere", "an application, new rates, people"),
    SignIn("provider_manager", "manager@example.org", SITE, "Larkfield Care", "a referral to answer, a period to bill"),
    SignIn("coordinator", "coordinator@example.org", SITE, "Larkfield Care", "the week, the workforce"),
    SignIn("worker", "worker@example.org", SITE, "Larkfield Care", "today's visits"),
    SignIn("family", "family@example.org", SITE, "two children", "offers, a plan, a visit to confirm"),
    SignIn("operator", "operator@example.org", CONSOLE, "the deployment", "health, jobs, mail, the demo's clock"),
)
MORE = (
    SignIn("finance", "second.finance@example.org", CONSOLE, "Ravensmere", "the second pair of eyes on a waiver"),
    SignIn("provider_manager", "manager.harbour@example.org", SITE, "Harbour Lane", "suspended, packages go on"),
    SignIn("provider_manager", "manager.brightwater@example.org", SITE, "Brightwater", "DBS checks about to lapse"),
    SignIn("referrer", "county.referrer@example.org", SITE, "Ousemoor", "the county, which leads its framework"),
    SignIn("referrer", "city.referrer@example.org", SITE, "Fenbridge", "the city, its partner"),
)


def table(settings: Settings) -> str:
    """The sign-ins as lines of text, with the addresses of the two front doors."""
    heads = ("Role", "E-mail address", "Where", "For", "What is there")
    rows = [
        (ROLE_NAMES[each.role], each.email, each.door, each.whose, each.what)
        for each in (*SIGN_INS, *MORE)
    ]  # fmt: skip
    widths = [max(len(row[n]) for row in (heads, *rows)) for n in range(len(heads))]

    def line(cells: tuple[str, ...]) -> str:
        return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()

    return "\n".join(
        [
            f"Everybody in the demo is made up and signs in with the password: {PASSWORD}",
            f"The families' PIN on a worker's device: {PIN}",
            "",
            line(heads),
            line(tuple("-" * width for width in widths)),
            *(line(row) for row in rows[: len(SIGN_INS)]),
            "",
            *(line(row) for row in rows[len(SIGN_INS) :]),
            "",
            f"marketplace is {settings.marketplace_url}, console is {settings.admin_url}",
        ]
    )
