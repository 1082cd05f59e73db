"""Whether a purchase that was given up unpaid can stand after all, its money having come late."""

from __future__ import annotations

from typing import Any

from marketplace.frameworks.queries import pack_of
from marketplace.platform.database import Work
from marketplace.policy.buying import ToBuy, shares
from marketplace.policy.direct_payments import purchase_refusals
from marketplace.purchases import queries


async def hold_budget(work: Work, direct_payment_id: Any) -> None:
    """What is left of a budget is read, and spent: one unit after the other."""
    await work.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"direct payment {direct_payment_id}")


async def still_stands(work: Work, purchase: Any) -> bool:
    """Whether everything it was bought under still holds: its visits, the family's agreement, and its budget.

    None of its visits was bought again or cancelled meanwhile, its package runs, the direct payment runs on their days
    and is for this support, and the budget still holds its part of every price: nobody has agreed to a higher top-up.
    """
    if purchase["given_up_reason"] != "unpaid":
        return False
    await hold_budget(work, purchase["direct_payment_id"])
    keys = purchase["commissioner_id"], purchase["id"]
    if await work.fetchval(
        """SELECT EXISTS (SELECT FROM purchase_visit l JOIN visit v ON v.commissioner_id = l.commissioner_id
                   AND v.id = l.visit_id WHERE l.commissioner_id = $1 AND l.purchase_id = $2
                   AND (v.outcome IS NOT NULL AND v.outcome <> 'delivered' OR EXISTS (SELECT FROM purchase_visit o
                       WHERE o.commissioner_id = l.commissioner_id AND o.visit_id = l.visit_id AND o.counts)))
               OR NOT purchase_agreed($1, $2)
               OR NOT EXISTS (SELECT FROM package k WHERE k.commissioner_id = $1 AND k.id = $3
                   AND k.state IN ('set_up', 'active'))""",
        *keys, purchase["package_id"],
    ):  # fmt: skip
        return False
    lines = await work.fetch(
        """SELECT l.day, s.budget_pence, s.budget_minutes, s.top_up_pence FROM purchase_visit l
           JOIN purchase_share s ON s.commissioner_id = l.commissioner_id AND s.purchase_id = l.purchase_id
               AND s.visit_id = l.visit_id
           WHERE l.commissioner_id = $1 AND l.purchase_id = $2 ORDER BY l.day, l.visit_id""",
        *keys,
    )
    view = await queries.direct_payment(work, purchase["direct_payment_id"])
    pack = await pack_of(work, purchase["framework_id"])
    born = await work.fetchval(
        "SELECT date_of_birth FROM child_identity WHERE commissioner_id = $1 AND child_id = $2",
        purchase["commissioner_id"], purchase["child_id"],
    )  # fmt: skip
    days = tuple(line["day"] for line in lines)
    if purchase_refusals(
        pack, born, days, purchase["lot_code"], lots=view.lots_on(days), starts_on=view.starts_on,
        ends_on=view.ends_on, takes_new_families=True,
    ) or any(line["top_up_pence"] and not view.on(line["day"]).top_up_allowed for line in lines):  # fmt: skip
        return False
    # the budget's part alone is asked for again: what of it the budget cannot give now nobody has agreed to pay
    parts = [
        ToBuy(line["day"], line["budget_pence"], max(1, line["budget_minutes"]))
        for line in lines if line["budget_pence"]
    ]  # fmt: skip
    return not any(share.top_up_pence for share in shares(pack, view.terms, view.uses, view.ends_on, parts))
