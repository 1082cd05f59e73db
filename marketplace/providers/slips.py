"""A last day of insurance that was mistyped and put right: the suspension that stood on it alone ends by itself.

Whether it did is the pack's rule (`policy.coverage.slip_put_right`). Where a commissioner has said or done anything
about the suspension, or imposed it, only a person lifts it.
"""

from __future__ import annotations

from uuid import UUID

from marketplace.frameworks.queries import FrameworkView
from marketplace.obligations.news import tell
from marketplace.platform.database import Work
from marketplace.policy.coverage import InsuranceEntry, slip_put_right
from marketplace.policy.pack import Pack
from marketplace.providers.lifting import lift
from marketplace.providers.standing import hold_standing

PUT_RIGHT = (
    "The last day of the insurance had been entered by mistake and was put right in the time the framework gives. The"
    " insurance known before ran on, and nothing else was the ground of this suspension."
)
# Imposed by the rule, and of the story only the step that says so is not the provider's.
UNTOUCHED = """
SELECT s.* FROM suspension s WHERE s.framework_id = $1 AND s.provider_id = $2 AND s.rule_key = $3
    AND s.imposed_by IS NULL AND s.commissioner_id IS NULL AND s.follows_id IS NULL AND s.until_on IS NULL
    AND s.lifted_at IS NULL AND 1 = (SELECT count(*) FROM suspension_step t
        WHERE t.framework_id = s.framework_id AND t.suspension_id = s.id AND NOT t.by_provider)
ORDER BY s.lot_code, s.id
"""


async def end_slip(work: Work, view: FrameworkView, pack: Pack, provider_id: UUID, rule_key: str) -> int:
    """End what was imposed on a mistaken last day that has been put right; returns how many suspensions ended.

    For the lead's unit that finds the cover back. The provider, the members' referrers and the lead are told.
    """
    await hold_standing(work, view.id, provider_id, alone=True)
    rows = await work.fetch(UNTOUCHED, view.id, provider_id, rule_key)
    entries = [
        InsuranceEntry(row["since"], row["insurance_until"])
        for row in await work.fetch(
            "SELECT since, insurance_until FROM provider_cover WHERE provider_id = $1 ORDER BY since, in_order",
            provider_id,
        )
    ]  # fmt: skip
    ended = [row for row in rows if slip_put_right(pack, entries, row["starts_at"])]
    for row in ended:
        await lift(work, view, row, PUT_RIGHT)
    if ended:
        name = await work.fetchval("SELECT name FROM organisation WHERE id = $1", provider_id)
        await tell(
            work, f"{name} has put right the last day of its insurance: its suspension, which stood on that alone, has"
            " ended by the framework's rule.", f"/providers/{provider_id}", organisation_id=view.lead_id,
            role="contract_manager",
        )  # fmt: skip
    return len(ended)
