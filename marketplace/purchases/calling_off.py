"""What calling a bought visit off would give back, said on the page before it is done (`packages/cancellation.py`)."""

from __future__ import annotations

from marketplace.frameworks.queries import pack_of
from marketplace.packages.cancellation import also_said
from marketplace.packages.tables import Visit
from marketplace.platform.database import Work
from marketplace.policy.calendar import local_day
from marketplace.policy.cancelling import CancellationTerms
from marketplace.policy.purchases import Paid, kept_pence, part
from marketplace.web.filters import pounds


@also_said("Why it costs nothing")
async def not_lawful(work: Work, visit: Visit, terms: CancellationTerms) -> str:
    """Why it costs nothing, where the visit may not lawfully take place; to the family alone, which buys it."""
    if not await work.fetchval("SELECT care_stopped($1)", visit.package_id):
        return ""
    return "This visit may not lawfully take place at the moment, so calling it off costs you nothing."


@also_said("What was paid")
async def money_back(work: Work, visit: Visit, terms: CancellationTerms) -> str:
    """ "You paid £48.00 for this visit. £24.00 goes back to you, £24.00 is kept." Nothing for a visit not paid for, or
    to a reader who may not spend."""
    row = await work.fetchrow(
        """SELECT h.budget_pence, h.top_up_pence, p.state FROM purchase_visit l
           JOIN purchase p ON p.commissioner_id = l.commissioner_id AND p.id = l.purchase_id
           JOIN purchase_share h ON h.commissioner_id = l.commissioner_id AND h.purchase_id = l.purchase_id
               AND h.visit_id = l.visit_id
           WHERE l.commissioner_id = $1 AND l.visit_id = $2 AND l.counts""",
        visit.commissioner_id, visit.id,
    )  # fmt: skip
    if row is None or terms.charged_pence is None:
        return ""
    if row["state"] != "paid":
        return "You have not paid for this visit yet."
    paid = Paid(row["budget_pence"], row["top_up_pence"])
    kept = kept_pence(paid.pence, terms.whole_pence or 0, terms.charged_pence)
    pack = await pack_of(work, visit.framework_id)
    back = part(pack, local_day(visit.planned_start), paid, kept)
    whose = f", {pounds(back.own_back_pence)} of it your own money" if back.own_back_pence else ""
    if not kept:
        return f"You paid {pounds(paid.pence)} for this visit. All of it goes back to you{whose}, the way you paid."
    if not back.back_pence:
        return f"You paid {pounds(paid.pence)} for this visit. Nothing goes back."
    return (
        f"You paid {pounds(paid.pence)} for this visit. {pounds(back.back_pence)} goes back to you{whose}, the way you"
        f" paid; {pounds(kept)} is kept for the provider."
    )
