"""The report a provider sends of each quarter (L 7.5, P 13.3): owed when a quarter ends in which it delivered anything,
made from the records, with what the provider says of them; sent once and kept as it was sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4, uuid5

from marketplace.frameworks.queries import pack_of
from marketplace.identity.permissions import permit
from marketplace.obligations.duties import COUNTED, Owed, meet, owe
from marketplace.obligations.news import tell
from marketplace.packages.tables import MonitoringReport
from marketplace.platform.actor import Actor, system_for
from marketplace.platform.database import Work, outside_context, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.platform.jobs import sweep
from marketplace.policy.calendar import Period, end_of_day, local_day, midnight, quarter_containing
from marketplace.settings import Settings
from marketplace.web.filters import day

REPORT = "monitoring_report"
SUBJECTS = UUID("0d6a7e0f-4b0c-4b5e-8a54-7d2f4a6b1c9d")  # the namespace of `subject_of`: any fixed one would do
LONGEST = 6_000
OUTCOMES = ("delivered", "cancelled_on_arrival", "cancelled_by_family", "cancelled_by_provider", "missed")


@dataclass(frozen=True, slots=True)
class Due:
    """One quarter's report for one commissioner of one framework: what the records say of it so far."""

    framework_id: UUID
    framework: str
    commissioner_id: UUID
    commissioner: str
    quarter: Period
    facts: dict[str, int]


def subject_of(framework_id: UUID, commissioner_id: UUID, provider_id: UUID, quarter: Period) -> UUID:
    """What the duty of one report is about."""
    return uuid5(SUBJECTS, f"{framework_id} {commissioner_id} {provider_id} {quarter.first_day}")


def quarter_named(quarter: Period) -> str:
    """The quarter in words."""
    return f"{day(quarter.first_day)} to {day(quarter.last_day)}"


@sweep("monitoring_reports", every=timedelta(hours=6))
async def monitoring_reports(settings: Settings) -> None:
    """Every provider's duties of the quarter that ended last; run twice, it changes nothing more."""
    async with outside_context() as connection:
        tenants = await connection.fetch("SELECT id FROM list_organisations('provider')")
    for tenant in tenants:
        await owe_reports(tenant["id"])


async def owe_reports(provider_id: UUID) -> int:
    """One provider's, for each framework and commissioner it delivered something for; how many duties were new."""
    owed = 0
    async with unit_of_work(system_for(provider_id, "provider")) as work:
        quarter = quarter_containing(quarter_containing(local_day(work.now)).first_day - timedelta(days=1))
        rows = await work.fetch(
            """SELECT v.framework_id, v.commissioner_id, f.name FROM visit v JOIN framework f ON f.id = v.framework_id
               WHERE v.provider_id = $1 AND v.planned_start >= $2 AND v.planned_start < $3 AND v.outcome = 'delivered'
                 AND NOT EXISTS (SELECT 1 FROM monitoring_report r WHERE r.commissioner_id = v.commissioner_id
                     AND r.framework_id = v.framework_id AND r.provider_id = v.provider_id AND r.first_day = $4)
               GROUP BY 1, 2, 3 ORDER BY 1, 2""",
            provider_id, midnight(quarter.first_day), end_of_day(quarter.last_day), quarter.first_day,
        )  # fmt: skip
        for row in rows:
            made = await owe(
                work, await pack_of(work, row["framework_id"]), REPORT, subject_type=REPORT,
                subject_id=subject_of(row["framework_id"], row["commissioner_id"], provider_id, quarter),
                reference=f"{row['name']}, {quarter_named(quarter)}", owed_by=Owed(provider_id),
                owed_to=row["commissioner_id"], starts_at=end_of_day(quarter.last_day),
                link=f"/monitoring/{row['framework_id']}/{row['commissioner_id']}/{quarter.first_day}",
                commissioner_id=row["commissioner_id"], framework_id=row["framework_id"],
            )  # fmt: skip
            owed += made is not None
    return owed


async def due_report(work: Work, framework_id: UUID, commissioner_id: UUID, first_day: date) -> Due:
    """What a report of a quarter that is over would say. Raises `NotFound` where nothing was planned in it, and for a
    quarter that is not over, or is none."""
    quarter = quarter_containing(first_day)
    if quarter.first_day != first_day or work.now < end_of_day(quarter.last_day):
        raise NotFound
    row = await work.fetchrow(
        """SELECT f.name, o.name AS commissioner, count(*) AS planned, count(DISTINCT v.package_id) AS packages,
               count(*) FILTER (WHERE v.outcome = 'delivered') AS delivered,
               count(*) FILTER (WHERE v.outcome = 'cancelled_on_arrival') AS cancelled_on_arrival,
               count(*) FILTER (WHERE v.outcome = 'cancelled_by_family') AS cancelled_by_family,
               count(*) FILTER (WHERE v.outcome = 'cancelled_by_provider') AS cancelled_by_provider,
               count(*) FILTER (WHERE v.outcome = 'missed') AS missed,
               coalesce(sum(extract(epoch FROM v.actual_end - v.actual_start) / 60)
                        FILTER (WHERE v.outcome = 'delivered'), 0)::bigint AS minutes
           FROM visit v JOIN framework f ON f.id = v.framework_id JOIN organisation o ON o.id = v.commissioner_id
           WHERE v.provider_id = $1 AND v.framework_id = $2 AND v.commissioner_id = $3
             AND v.planned_start >= $4 AND v.planned_start < $5 GROUP BY 1, 2""",
        work.actor.provider_id, framework_id, commissioner_id, midnight(first_day), end_of_day(quarter.last_day),
    )  # fmt: skip
    if row is None:
        raise NotFound
    duties = await work.fetchrow(
        f"""SELECT count(*) AS duties, count(b.missed_at) AS late FROM obligation b
           WHERE b.owed_by_organisation = $1 AND b.framework_id = $2 AND b.owed_to = $3 AND {COUNTED}
             AND b.due_at > $4 AND b.due_at <= $5 AND b.rule_key NOT LIKE 'task.%'""",  # noqa: S608 - our own text
        work.actor.provider_id, framework_id, commissioner_id, midnight(first_day), end_of_day(quarter.last_day),
    )  # fmt: skip
    names = ("planned", "packages", *OUTCOMES, "minutes")
    facts = {name: int(row[name]) for name in names} | {
        "duties": duties["duties"] if duties else 0, "duties_late": duties["late"] if duties else 0,
    }  # fmt: skip
    return Due(framework_id, row["name"], commissioner_id, row["commissioner"], quarter, facts)


async def send_report(
    actor: Actor, framework_id: UUID, commissioner_id: UUID, first_day: date, *, says: str, actions: str = ""
) -> UUID:
    """Send a quarter's report, with what the records say at this moment; returns its id.

    Raises `InvalidInput`, `NotFound` as `due_report`, `Conflict` for a report that was sent already."""
    permit(actor, "monitoring.write")
    says, actions = says.strip(), actions.strip()
    faults: dict[str, str] = {}
    if not says or len(says) > LONGEST:
        faults["says"] = f"Enter what there is to say of the quarter, up to {LONGEST:,} characters"
    if len(actions) > LONGEST:
        faults["actions"] = f"What you will do must be {LONGEST:,} characters or fewer"
    if faults:
        raise InvalidInput(faults)
    async with unit_of_work(actor) as work:
        due = await due_report(work, framework_id, commissioner_id, first_day)
        row = MonitoringReport(
            id=uuid4(), commissioner_id=commissioner_id, framework_id=framework_id, provider_id=actor.provider_id,
            first_day=due.quarter.first_day, last_day=due.quarter.last_day, facts=due.facts, says=says,
            actions=actions, sent_at=work.now, sent_by=actor.person_id, sent_by_name=actor.person_name,
        )  # fmt: skip
        columns: dict[str, Any] = row.to_dict()
        names, marks = ", ".join(columns), ", ".join(f"${n}" for n in range(1, len(columns) + 1))
        sql = f"INSERT INTO monitoring_report ({names}) VALUES ({marks}) ON CONFLICT DO NOTHING"  # noqa: S608 - our own
        if await work.execute(sql, *columns.values()) != "INSERT 0 1":
            raise Conflict("This quarter’s report has been sent.")
        assert actor.provider_id is not None
        await meet(work, REPORT, subject_of(framework_id, commissioner_id, actor.provider_id, due.quarter))
        work.audit("monitoring_report.sent", "monitoring_report", row.id, commissioner_id=commissioner_id,
                   framework=framework_id, first_day=first_day)  # fmt: skip
        await tell(
            work, f"{actor.organisation_name} has sent its report for {quarter_named(due.quarter)}.",
            f"/monitoring/{row.id}", organisation_id=commissioner_id, role="contract_manager", mail=False,
        )  # fmt: skip
        return row.id


_REPORTS = """SELECT r.*, f.name AS framework, p.name AS provider, c.name AS commissioner FROM monitoring_report r
    JOIN framework f ON f.id = r.framework_id LEFT JOIN organisation p ON p.id = r.provider_id
    LEFT JOIN organisation c ON c.id = r.commissioner_id"""


async def reports(work: Work, most: int = 500) -> list[Any]:
    """The reports the reader sent, or was sent, the latest first."""
    return await work.fetch(f"{_REPORTS} ORDER BY r.first_day DESC, r.sent_at DESC, r.id LIMIT $1", most)


async def report(work: Work, report_id: UUID) -> Any:
    """One report. Raises `NotFound` for everybody but its two sides."""
    row = await work.fetchrow(f"{_REPORTS} WHERE r.id = $1", report_id)
    if row is None:
        raise NotFound
    return row
