"""The letter about a charge for poor information, to print or to keep: what it cost, why, what can be done (L 7.10).

Made from what was kept when it was charged; what became of it since stands on top. No child, no worker.
"""

from __future__ import annotations

from uuid import UUID

from marketplace.billing.printing import Printed
from marketplace.contracts.queries import request
from marketplace.contracts.views import Request
from marketplace.platform.database import Work
from marketplace.platform.errors import NotFound
from marketplace.platform.typesetting import Paper, facts, heading, notice, table, text
from marketplace.web.filters import bracketed, day, duration, last_moment, moment, pounds

SINCE = {
    "objected": "The provider has objected to this charge. Nothing is taken before it is decided.",
    "stands": "This charge stands. It is taken from the provider's next invoice on this framework.",
    "dropped": "This charge was dropped. Nothing is to be paid.",
}
AFTER = ("charge_objected", "charge_stands", "charge_dropped")


async def charge_letter(work: Work, request_id: UUID) -> Printed:
    """The charge of a request within reach. Raises `NotFound`, also where nothing was charged."""
    found = await request(work, request_id)
    if found.charge is None:
        raise NotFound("Nothing was charged for this request.")
    charge = found.charge
    title = f"Charge for time spent on information: {found.title}"
    blocks = [
        *([notice(SINCE[found.charge_state])] if found.charge_state in SINCE else []),
        facts(
            ("To", found.provider),
            ("From", found.commissioner),
            ("Framework", found.framework),
            ("Date", day(charge["charged_at"])),
            ("About", found.title),
            ("Charged by", charge["charged_by_name"]),
        ),
        heading("What is charged"),
        table(
            ["What", "Time", "Rate an hour", "Amount"],
            [["Time spent", duration(charge["minutes"]), pounds(charge["hour_pence"]), pounds(charge["pence"])]],
            numeric=[2, 3],
            widths=[2, 2, 1.4, 1.2],
        ),
        text(
            f"The terms of {found.framework} let a commissioner charge the time it spends on information that is poor"
            f" or late{bracketed(charge['clause'])}."
        ),
        heading("Why"),
        text(charge["reason"]),
        *_asked(found),
        *_since(found),
    ]
    paper = Paper(title, found.commissioner, charge["charged_at"], tuple(blocks), found.framework, title)
    return Printed(f"charge-{day(charge['charged_at']).replace(' ', '-').lower()}", paper)


def _since(found: Request) -> list[dict[str, object]]:
    """What can be done about the charge while it waits; after that, what was said against it and what was decided."""
    assert found.charge is not None
    if found.charge_state == "waiting":
        return [
            heading("What you can do"),
            text(
                f"You can object to this charge until {last_moment(found.charge['object_until'])}, on the page of the"
                " request. Somebody else than who made it decides. Without an objection it is taken from your next"
                " invoice on this framework; there is nothing to pay by other means."
            ),
        ]
    rows = [[moment(step.at), f"{step.title}: {step.by}", step.says] for step in found.steps if step.what in AFTER]
    return [heading("What became of it"), table(["When", "What, and who", "In words"], rows, widths=[1.6, 2, 3])]


def _asked(found: Request) -> list[dict[str, object]]:
    """What was asked and what came of it until it was charged, line by line."""
    assert found.charge is not None
    rows = [[moment(step.at), step.title, step.says] for step in found.steps if step.at <= found.charge["charged_at"]]
    return [heading("What was asked, and what came"), table(["When", "What", "In words"], rows, widths=[1.6, 2, 3])]
