"""What families and providers keep on paper: a receipt of a purchase, the account of a direct payment.

A child is named by the case's reference alone: a paper leaves the house.
"""

from __future__ import annotations

from uuid import UUID

from marketplace.billing.printing import Printed
from marketplace.platform.database import Work
from marketplace.platform.errors import Conflict
from marketplace.platform.typesetting import Paper, facts, heading, table, text
from marketplace.policy.calendar import midnight
from marketplace.purchases.account_statement import AccountStatement
from marketplace.purchases.bought_queries import BoughtLine, of_purchase, receipt
from marketplace.purchases.words import amount, gives
from marketplace.web.filters import day, duration, moment, pounds

METHODS = {"card": "By card", "transfer": "By bank transfer"}


async def receipt_paper(work: Work, purchase_id: UUID) -> Printed:
    """A receipt for what was paid; how, for the family alone. Raises `Conflict` before it was, `NotFound`."""
    view = await receipt(work, purchase_id)
    if view.paid_at is None:
        raise Conflict("This purchase is not paid, so there is no receipt for it yet.")
    lines = await of_purchase(work, purchase_id)
    back, own = sum(line.back_pence for line in lines), sum(line.top_up_pence or 0 for line in lines)
    how = (("How", METHODS[view.method]), ("Of it your own money", pounds(own) if own else ""))
    blocks = (
        facts(
            ("Purchase", view.reference),
            ("Provider", view.provider),
            ("Package", view.package_reference),
            ("Paid", f"{pounds(view.pence)} on {day(view.paid_at)}"),
            *(how if work.actor.role == "family" else ()),
            ("Gone back since, or on its way", pounds(back) if back else ""),
        ),
        heading("Visits"),
        _visits(lines),
        text("The price of each visit is the framework’s: the one the council pays for the same visit."),
    )
    title = f"Receipt for purchase {view.reference}"
    return Printed(f"receipt-{view.reference}", Paper(title, view.provider, view.paid_at, blocks, view.provider, title))


def account_paper(found: AccountStatement) -> Printed:
    """The account of some days."""
    view = found.view
    elsewhere = [
        [day(each.day), each.says, duration(each.minutes) if each.minutes else "", pounds(each.pence)]
        for each in found.elsewhere
    ]
    blocks = [
        facts(
            ("Council", view.council),
            ("Child", view.child_reference),
            ("Gives", gives(view.now.kind, view.now.units, view.now.period)),
            ("Days", f"{day(found.days.first_day)} to {day(found.days.last_day)}"),
        ),
        heading("In these days"),
        table(["What", "How much"], account_sums(found), numeric=[1], widths=[3, 1]),
        heading("Visits bought"),
        _visits(found.lines),
    ]
    if elsewhere:
        blocks += [
            heading("Paid elsewhere, as the family says"),
            table(["Day", "What for", "How long", "How much"], elsewhere, numeric=[3], widths=[1.4, 3, 1.2, 1]),
        ]
    title = f"Account of a direct payment, {day(found.days.first_day)} to {day(found.days.last_day)}"
    paper = Paper(title, view.council, midnight(found.days.last_day), tuple(blocks), view.council, title)
    return Printed(f"account-{view.child_reference}-{found.days.first_day}", paper)


def account_sums(found: AccountStatement) -> list[list[str]]:
    """The sums of an account, each with its words."""
    kind = found.view.budget.kind
    return [
        ["Given by the council", amount(kind, found.given)],
        ["Price of the visits bought", pounds(found.bought_pence)],
        ["Gone back, or on its way", pounds(found.back_pence)],
        ["Paid from the budget in the end", pounds(found.budget_pence)],
        ["Paid with the family’s own money in the end", pounds(found.top_up_pence)],
        ["Hours bought", duration(found.bought_minutes)],
        ["Hours delivered", duration(found.delivered_minutes)],
        ["Paid elsewhere", pounds(found.elsewhere_pence)],
        ["Left of the budget today", amount(kind, found.view.budget.left)],
    ]


def _visits(lines: list[BoughtLine] | tuple[BoughtLine, ...]) -> dict[str, object]:
    rows = [
        [
            moment(line.start), line.provider, line.what, duration(line.delivered_minutes) if line.delivered_minutes
            else "", pounds(line.pence), pounds(line.back_pence) if line.back_pence else "",
        ]
        for line in lines
    ]  # fmt: skip
    if not rows:
        return text("None.")
    heads = ["Visit", "Provider", "What became of it", "Delivered", "Price", "Back"]
    return table(heads, rows, numeric=[4, 5], widths=[2, 2, 2.4, 1.1, 1, 1])
