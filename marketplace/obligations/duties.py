"""Owing, meeting and cancelling duties: one row each, made and ended within the unit of the change that causes it.

The action's own audit entry covers its duties; what time alone does to them (a duty missed) is audited by the sweep.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from marketplace.obligations.tables import Obligation
from marketplace.platform.database import Work
from marketplace.policy import duties as clocks
from marketplace.policy.calendar import local_day
from marketplace.policy.pack import Pack
from marketplace.policy.reminders import remind_at, task_due_at

TASK = "task."
# Of a row `b`: it counts in what is said of how duties were kept. One whose ground went in time was never owed;
# one whose ground went after its time was missed for good, and stays so.
COUNTED = "(b.cancelled_at IS NULL OR b.missed_at IS NOT NULL)"


@dataclass(frozen=True, slots=True)
class Owed:
    """Who owes: an organisation (all its office roles, or one `role`), or one person, alone or for an organisation."""

    organisation_id: UUID | None = None
    role: str | None = None
    person_id: UUID | None = None

    def __post_init__(self) -> None:
        if self.organisation_id is None and self.person_id is None:
            raise ValueError("a duty is owed by an organisation or by a person")


async def owe(
    work: Work,
    pack: Pack,
    rule_key: str,
    *,
    subject_type: str,
    subject_id: UUID,
    reference: str,
    owed_by: Owed,
    link: str,
    title: str | None = None,
    owed_to: UUID | None = None,
    starts_at: datetime | None = None,
    due_at: datetime | None = None,
    commissioner_id: UUID | None = None,
    framework_id: UUID | None = None,
    child_id: UUID | None = None,
    package_id: UUID | None = None,
) -> UUID | None:
    """Record a duty from `starts_at` (default: now) until `due_at` (default: the pack's clock for `rule_key`).

    A `task.<name>` needs a `title` and is expected within the pack's days for tasks unless `due_at` says otherwise.
    Returns the new duty's id; None when it stands already (same rule, subject, debtor and start), or when the pack
    asks for no such duty. `reference` is all that pages and mails show of the case. `pack` must be a stored one.
    """
    starts_at = starts_at or work.now
    rule = pack.on(local_day(starts_at)).duties.get(rule_key)
    if due_at is None:
        if rule is None and not rule_key.startswith(TASK):
            return None
        due_at = clocks.due_at(pack, rule_key, starts_at) if rule else task_due_at(pack, starts_at)
    if title is None and rule is None:
        raise ValueError(f"{rule_key!r} is no duty of the pack, so it needs a title")
    row = Obligation(
        id=uuid4(),
        owed_by_organisation=owed_by.organisation_id,
        owed_by_role=owed_by.role,
        owed_by_person=owed_by.person_id,
        owed_to=owed_to,
        commissioner_id=commissioner_id,
        framework_id=framework_id,
        child_id=child_id,
        package_id=package_id,
        subject_type=subject_type,
        subject_id=subject_id,
        reference=reference,
        rule_key=rule_key,
        pack_hash=pack.content_hash,
        title=title or (rule.title if rule else ""),
        link=link,
        starts_at=starts_at,
        due_at=due_at,
        next_check_at=remind_at(pack, starts_at, due_at),
    )
    columns = row.to_dict()
    # No conflict target and nothing returned: whoever causes a duty need not be able to read it.
    names, marks = ", ".join(columns), ", ".join(f"${n}" for n in range(1, len(columns) + 1))
    sql = f"INSERT INTO obligation ({names}) VALUES ({marks}) ON CONFLICT DO NOTHING"  # noqa: S608 - our own columns
    return row.id if await work.execute(sql, *columns.values()) == "INSERT 0 1" else None


async def meet(
    work: Work,
    rule_key: str | Sequence[str],
    subject_id: UUID,
    *,
    by_organisation: UUID | None = None,
    by_person: UUID | None = None,
    at: datetime | None = None,
) -> int:
    """Mark the open duties of this rule (or these) and subject (of one debtor, if named) as met now; how many it were.

    `at`: when it was done, where that is only noted now (who came to a meeting whose minutes are written later).
    One met at or after its due moment is missed as well, and stays so, whether or not a sweep had seen it yet.
    """
    return _count(
        await work.execute(
            """UPDATE obligation SET met_at = $1, next_check_at = NULL,
                      missed_at = CASE WHEN due_at <= $1 THEN coalesce(missed_at, due_at) END
               WHERE rule_key = ANY ($2) AND subject_id = $3 AND met_at IS NULL AND cancelled_at IS NULL
                 AND ($4::uuid IS NULL OR owed_by_organisation = $4) AND ($5::uuid IS NULL OR owed_by_person = $5)""",
            at or work.now, [rule_key] if isinstance(rule_key, str) else list(rule_key), subject_id, by_organisation,
            by_person,
        )
    )  # fmt: skip


async def cancel(work: Work, subject_id: UUID, rule_key: str | None = None) -> int:
    """End the open duties about a subject (of one rule, if named) since their ground is gone; how many there were.

    A duty that was missed before it was cancelled stays missed.
    """
    return _count(
        await work.execute(
            """UPDATE obligation SET cancelled_at = $1, next_check_at = NULL,
                      missed_at = CASE WHEN due_at <= $1 THEN coalesce(missed_at, due_at) END
               WHERE subject_id = $2 AND ($3::text IS NULL OR rule_key = $3)
                 AND met_at IS NULL AND cancelled_at IS NULL""",
            work.now, subject_id, rule_key,
        )
    )  # fmt: skip


def _count(status: str) -> int:
    return int(status.rpartition(" ")[2])
