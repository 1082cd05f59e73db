"""What a council watches of direct payments: spend against budget, hours delivered, money unspent, who has nobody.

Children by their reference; sums and minutes, never how a family paid.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from marketplace.platform.database import Work
from marketplace.policy.calendar import local_day
from marketplace.purchases import queries
from marketplace.purchases.queries import DirectPaymentView

HALF_A_YEAR = timedelta(days=182)  # how far back hours are counted
_RUNNING = """d.commissioner_id = $1 AND d.starts_on <= $2 AND (d.ends_on IS NULL OR d.ends_on >= $2)"""
_PACKAGE = """FROM package k WHERE k.commissioner_id = d.commissioner_id AND k.direct_payment_id = d.id
    AND k.state IN ('set_up', 'active')"""


@dataclass(frozen=True, slots=True)
class Watched:
    """A direct payment that runs, with what its family has of it. Minutes of the last half year, bought ones without
    those of visits whose money has all gone back; `providers` are those
    of its packages that go on, none: the family has nobody."""

    view: DirectPaymentView
    providers: tuple[str, ...]
    bought_minutes: int
    delivered_minutes: int

    @property
    def unspent(self) -> int:
        """What earlier periods left, in pence or minutes; nothing where they overspent."""
        return max(0, self.view.budget.carried)


async def watched(work: Work) -> list[Watched]:
    """The council's direct payments that run today: those without a provider first, then those with most unspent."""
    views = [each for each in await queries.direct_payments(work, everybody=True) if each.state == "running"]
    ids = [each.id for each in views]
    providers: defaultdict[UUID, list[str]] = defaultdict(list)
    for row in await work.fetch(
        f"""SELECT DISTINCT d.id, o.name FROM direct_payment d, LATERAL (SELECT k.provider_id {_PACKAGE}) k
            JOIN organisation o ON o.id = k.provider_id WHERE d.id = ANY ($1) ORDER BY o.name""",  # noqa: S608 - our own
        ids,
    ):
        providers[row["id"]].append(row["name"])
    hours = {
        row["direct_payment_id"]: (row["bought"], row["delivered"])
        for row in await work.fetch(
            """SELECT p.direct_payment_id, coalesce(sum(l.minutes) FILTER (WHERE r.back < l.pence), 0)::int AS bought,
                   coalesce(sum(floor(extract(epoch FROM least(v.actual_end - v.actual_start,
                       v.planned_end - v.planned_start)) / 60)) FILTER (WHERE v.outcome = 'delivered'), 0)::int
                       AS delivered
               FROM purchase_visit l
               JOIN purchase p ON p.commissioner_id = l.commissioner_id AND p.id = l.purchase_id AND p.state = 'paid'
               JOIN visit v ON v.commissioner_id = l.commissioner_id AND v.id = l.visit_id
               CROSS JOIN LATERAL (SELECT coalesce(sum(f.pence), 0) AS back FROM refund f
                   WHERE f.commissioner_id = l.commissioner_id AND f.purchase_id = l.purchase_id
                     AND f.visit_id = l.visit_id) r
               WHERE p.direct_payment_id = ANY ($1) AND l.counts AND l.day BETWEEN $2 AND $3 GROUP BY 1""",
            ids, local_day(work.now) - HALF_A_YEAR, local_day(work.now),
        )
    }  # fmt: skip
    found = [Watched(each, tuple(providers[each.id]), *hours.get(each.id, (0, 0))) for each in views]
    return sorted(found, key=lambda each: (bool(each.providers), -each.unspent, each.view.child_reference))


async def counted(work: Work) -> tuple[int, int]:
    """How many direct payments of the acting council run today, and how many of them have no provider."""
    row = await work.fetchrow(
        f"""SELECT count(*)::int AS all, (count(*) FILTER (WHERE NOT EXISTS (SELECT {_PACKAGE})))::int AS nobody
            FROM direct_payment d WHERE {_RUNNING}""",  # noqa: S608 - our own fragments
        work.actor.commissioner_id, local_day(work.now),
    )  # fmt: skip
    assert row is not None
    return row["all"], row["nobody"]
