"""What packages tell of a provider's history: moves, visits stopped where care may not go on, cover by another."""

from __future__ import annotations

from uuid import UUID

from marketplace.platform.database import Work
from marketplace.providers.story import Told, tells
from marketplace.web.filters import day


@tells
async def packages_told(work: Work, provider_id: UUID) -> list[Told]:
    """By reference; a provider reads its own moves, the decisions and covers are its commissioner's."""
    told: list[Told] = []
    for row in await work.fetch(
        "SELECT m.*, p.reference, p.framework_id, p.state, p.ended_at FROM package_move m JOIN package p"
        " ON p.commissioner_id = m.commissioner_id AND p.id = m.package_id WHERE m.provider_id = $1",
        provider_id,
    ):
        link = f"/packages/{row['package_id']}"
        says = f"Package {row['reference']} was to be moved to another provider."
        told.append(
            Told(row["asked_at"], "package", says, row["asked_by_name"], row["reason"], row["framework_id"], link)
        )
        if row["called_off_at"] is not None:
            says = f"Package {row['reference']} stayed with it after all."
            told.append(
                Told(row["called_off_at"], "package", says, "", row["called_off_reason"], row["framework_id"], link)
            )
        elif row["state"] == "ended":
            says = f"Package {row['reference']} ended here: it had been moved."
            told.append(Told(row["ended_at"], "package", says, "", "", row["framework_id"], link))
    for row in await work.fetch(
        "SELECT d.*, p.reference, p.framework_id FROM cover_decision d JOIN package p"
        " ON p.commissioner_id = d.commissioner_id AND p.id = d.package_id WHERE d.provider_id = $1",
        provider_id,
    ):
        what = "was let go on" if row["goes_on"] else "was stopped"
        says = f"Package {row['reference']} {what} while registration or insurance had lapsed."
        told.append(
            Told(row["decided_at"], "package", says, row["decided_by_name"], row["reason"], row["framework_id"],
                 f"/packages/{row['package_id']}")
        )  # fmt: skip
    for row in await work.fetch(
        "SELECT c.*, p.reference, p.framework_id FROM emergency_cover c JOIN package p"
        " ON p.commissioner_id = c.commissioner_id AND p.id = c.package_id WHERE c.provider_id = $1",
        provider_id,
    ):
        days, link = f"{day(row['first_day'])} to {day(row['last_day'])}", f"/packages/{row['package_id']}"
        says = f"Emergency cover of package {row['reference']} was looked for, {days}."
        told.append(
            Told(row["asked_at"], "package", says, row["asked_by_name"], row["reason"], row["framework_id"], link)
        )
        if row["agreed_at"] is not None:
            says = f"Another provider covered package {row['reference']}, {days}."
            told.append(Told(row["agreed_at"], "package", says, "", "", row["framework_id"], link))
    return told
