"""How long what a workforce file held is kept beside the workforce itself: numbers and telephones of people, as typed.

The packs say how many days; of several the shortest holds. What was imported stays in the workforce; the record that a
file came, and what became of it, stays too.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from marketplace.platform.actor import system_for
from marketplace.platform.database import Work, outside_context, unit_of_work
from marketplace.policy.settings import Providers
from marketplace.providers.vocabulary import words

WITHOUT_PACK = Providers(document_review_months=12).import_days


async def empty_imports() -> None:
    """Every provider's; run twice, it changes nothing more."""
    async with outside_context() as connection:
        tenants = await connection.fetch("SELECT provider_id FROM providers_keeping_imports()")
    for tenant in tenants:
        async with unit_of_work(system_for(tenant["provider_id"], "provider")) as work:
            await empty_old(work, tenant["provider_id"])


async def empty_old(work: Work, provider_id: UUID) -> int:
    """Empty what has had its days, and give up what was never finished; returns how many files that were.

    What has been accepted is kept first, and has its days from then on.
    """
    days = min((pack.providers.import_days for _, _, pack in (await words(work)).packs), default=WITHOUT_PACK)
    rows = await work.fetch(
        "UPDATE workforce_import SET state = CASE state WHEN 'imported' THEN state ELSE 'discarded' END,"
        " ended_at = coalesce(ended_at, $2), rows = '{}', answers = '{}', since = '[]', plan = NULL, plan_hash = NULL"
        " WHERE provider_id = $1 AND coalesce(ended_at, accepted_at, uploaded_at) < $3 AND state <> 'importing'"
        " AND (rows <> '{}' OR plan IS NOT NULL)"
        " RETURNING id",
        provider_id, work.now, work.now - timedelta(days=days),
    )  # fmt: skip
    for row in rows:
        work.audit("workforce.import_emptied", "workforce_import", row["id"], days=days)
    return len(rows)
