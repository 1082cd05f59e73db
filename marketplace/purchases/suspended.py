"""What a provider's closing means to families who are with it already: they keep their visits, and are told so.

Neither grounds nor reasons are theirs to read; that a provider closed is told once for each direct payment to everybody
who may spend it, however many suspensions stand and whatever part of them is lifted (domain 6).
"""

from __future__ import annotations

from uuid import UUID

from marketplace.obligations.news import tell
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.policy.calendar import local_day
from marketplace.providers.new_families import new_families
from marketplace.referrals.grants import grants_of, holders

GO_ON = "Your visits with it go on as agreed, and you can go on buying them."
STOPPED = (
    "Some visits with it may not lawfully go on at the moment. The council decides package by package and tells you;"
    " what you bought and do not get is paid back. You can call those visits off at no charge, and ask other providers."
)
TOLD = "{provider} takes no new families for now. See what that means for your visits."


async def tell_of_suspensions(actor: Actor) -> int:
    """Tell one council's families of the suspensions that stand; told already, nothing is told. Answers how many
    direct payments with a suspended provider were looked at."""
    async with unit_of_work(actor) as work:
        rows = await work.fetch(
            """SELECT DISTINCT ON (k.child_id, k.direct_payment_id, k.provider_id) k.child_id, k.direct_payment_id,
                   coalesce(s.follows_id, s.id) AS root_id, o.name AS provider
               FROM suspension s JOIN package k ON k.framework_id = s.framework_id AND k.provider_id = s.provider_id
                   AND (s.lot_code IS NULL OR s.lot_code = k.lot_code)
                   AND (s.commissioner_id IS NULL OR s.commissioner_id = k.commissioner_id)
               JOIN organisation o ON o.id = k.provider_id
               WHERE k.commissioner_id = $1 AND k.direct_payment_id IS NOT NULL AND k.state IN ('set_up', 'active')
                 AND in_force(s.starts_at, s.lifted_at, s.until_on, $2)
               ORDER BY k.child_id, k.direct_payment_id, k.provider_id, s.starts_at, root_id""",
            actor.commissioner_id, work.now,
        )  # fmt: skip
        for row in rows:
            for grant in holders(await grants_of(work, row["child_id"]), "spend", local_day(work.now)):
                await tell(
                    work, TOLD.format(provider=row["provider"]), f"/budget/{row['direct_payment_id']}",
                    person_id=grant.person_id, once=f"suspension {row['root_id']} {row['direct_payment_id']}",
                )  # fmt: skip
        return len(rows)


async def closed_providers(work: Work, direct_payment_id: UUID) -> dict[str, str]:
    """Providers of a direct payment's packages that take no new families now, by name: what it means for the visits
    the family has with each."""
    rows = await work.fetch(
        """SELECT k.framework_id, k.provider_id, k.lot_code, k.commissioner_id, o.name,
               bool_or(purchase_unlawful(k.id)) AS unlawful
           FROM package k JOIN organisation o ON o.id = k.provider_id
           WHERE k.direct_payment_id = $1 AND k.state IN ('set_up', 'active')
           GROUP BY k.framework_id, k.provider_id, k.lot_code, k.commissioner_id, o.name ORDER BY o.name, unlawful""",
        direct_payment_id,
    )
    return {
        row["name"]: STOPPED if row["unlawful"] else GO_ON
        for row in rows
        if not (
            await new_families(
                work, row["framework_id"], row["provider_id"], row["lot_code"], row["commissioner_id"]
            )
        ).takes
    }  # fmt: skip
