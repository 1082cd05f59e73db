"""Watch over money: spend against plan, child by child, and what has been accepted of invoices."""

from __future__ import annotations

from admin.watch_shapes import MOST, Figure, Row, WatchList, plural, said, some
from marketplace.packages.allocations import ROWS, AllocationRow
from marketplace.platform.database import Work
from marketplace.policy.calendar import local_day
from marketplace.web.filters import count, day, pounds

_STANDING = "a.commissioner_id = $1 AND a.replaced_at IS NULL AND $2::date BETWEEN a.starts_on AND a.ends_on"


async def budgets(work: Work) -> Figure:
    """Children whose allocation runs out before its last day, as visits are planned and expected; and the whole."""
    row = await work.fetchrow(
        f"""SELECT count(*) AS number, count(DISTINCT child_id) FILTER (WHERE runs_out_on < ends_on) AS short,
               min(runs_out_on) FILTER (WHERE runs_out_on < ends_on) AS first,
               coalesce(sum(amount) FILTER (WHERE unit = 'pence'), 0)::bigint AS planned,
               coalesce(sum(spent) FILTER (WHERE unit = 'pence'), 0)::bigint AS spent
            FROM allocation a WHERE {_STANDING}""",  # noqa: S608 - our own text
        work.actor.commissioner_id, local_day(work.now),
    )  # fmt: skip
    assert row is not None
    first = (row["first"] - local_day(work.now)).days if row["first"] else 0
    return Figure(
        "budgets", row["short"],
        plural(row["short"], "child’s budget runs out early", "children’s budgets run out early"),
        said(f"the first in {count(max(first, 0), 'day')}" if row["short"] else "",
             f"{pounds(row['spent'])} of {pounds(row['planned'])} spent" if row["planned"] else ""),
        alarm=bool(row["first"]) and first <= 0,
    )  # fmt: skip


async def budgets_list(work: Work) -> WatchList:
    """Every budget that stands today, those that run out first at the top."""
    rows = await work.fetch(
        f"{ROWS} WHERE {_STANDING} ORDER BY (a.runs_out_on IS NULL OR a.runs_out_on >= a.ends_on), a.runs_out_on,"
        " (coalesce(a.spent, 0) + coalesce(a.committed, 0))::float / a.amount DESC, c.reference LIMIT $3",
        work.actor.commissioner_id, local_day(work.now), MOST,
    )  # fmt: skip
    return WatchList(
        "budgets", "Spend against plan",
        ("Child", "Until", "Budget", "Spent", "Planned", "Expected in all", "Runs out"),
        [_budget(work, AllocationRow(*row.values())) for row in rows],
        "No child has a budget.",
        "Spent and planned as last worked out from the visits; expected as the weekly pattern goes on.",
    )  # fmt: skip


def _budget(work: Work, each: AllocationRow) -> Row:
    runs_out = "not before its end"
    if each.runs_out_on is not None and each.runs_out_on < each.ends_on:
        days = (each.runs_out_on - local_day(work.now)).days
        runs_out = f"{day(each.runs_out_on)} ({'in ' + count(days, 'day') if days > 0 else 'has run out'})"
    return Row(
        (
            each.child_reference, day(each.ends_on), each.say(each.amount), each.say(each.spent),
            each.say(each.committed), each.say(each.forecast), runs_out,
        ),
        f"/children/{each.child_id}/budget",
    )  # fmt: skip


async def spend(work: Work) -> Figure:
    """What has been accepted for payment so far."""
    row = await work.fetchrow(
        """SELECT coalesce(sum(net_pence) FILTER (WHERE state IN ('accepted', 'paid')), 0)::bigint AS accepted,
                  count(*) FILTER (WHERE state = 'submitted') AS waiting,
                  count(*) FILTER (WHERE state = 'disputed') AS disputed
           FROM invoice WHERE commissioner_id = $1 AND replaced_at IS NULL""",
        work.actor.commissioner_id,
    )
    assert row is not None
    return Figure(
        "spend", row["accepted"], "accepted so far",
        said(some(row["waiting"], plural(row["waiting"], "invoice to decide", "invoices to decide")),
             some(row["disputed"], "disputed")),
        number=pounds(row["accepted"]),
    )  # fmt: skip


async def spend_list(work: Work) -> WatchList:
    """What has been accepted, and what waits for a decision, by framework and provider."""
    rows = await work.fetch(
        """SELECT f.name AS framework, o.name AS provider, count(*) AS invoices,
                  coalesce(sum(i.net_pence) FILTER (WHERE i.state IN ('accepted', 'paid')), 0)::bigint AS accepted,
                  coalesce(sum(i.net_pence) FILTER (WHERE i.state IN ('submitted', 'disputed')), 0)::bigint AS open,
                  coalesce(sum(i.deduction_pence), 0)::bigint AS deducted
           FROM invoice i JOIN framework f ON f.id = i.framework_id JOIN organisation o ON o.id = i.provider_id
           WHERE i.commissioner_id = $1 AND i.replaced_at IS NULL
           GROUP BY f.id, f.name, o.id, o.name ORDER BY accepted DESC, f.name, o.name LIMIT $2""",
        work.actor.commissioner_id, MOST,
    )  # fmt: skip
    return WatchList(
        "spend", "Spend so far",
        ("Framework", "Provider", "Invoices", "Accepted", "Waiting for a decision", "Deducted"),
        [
            Row(
                (
                    row["framework"], row["provider"], str(row["invoices"]), pounds(row["accepted"]),
                    pounds(row["open"]), pounds(row["deducted"]),
                ),
                "/invoices", row["provider"],
            )
            for row in rows
        ],
        "No invoice has been submitted yet.",
    )  # fmt: skip
