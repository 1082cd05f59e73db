"""Packages, plans and visits within what the present context reaches: nothing found is `NotFound`."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import asyncpg

from marketplace.frameworks.queries import pack_of
from marketplace.packages.documents import Document
from marketplace.packages.plans import from_stored, plan_document
from marketplace.packages.records import record_document
from marketplace.packages.tables import Package, PlanVersion, Visit
from marketplace.platform.database import Work
from marketplace.platform.errors import NotFound
from marketplace.policy.pack import Pack


async def package(work: Work, package_id: UUID, *, lock: bool = False) -> Package:
    """One package. `lock` holds it for the unit (its provider and its commissioner only)."""
    query = Package.objects().where(Package.id == package_id).first()
    found = await (query.lock_rows("NO KEY UPDATE") if lock else query)
    if found is None:
        raise NotFound("There is no package by that address, or it is not yours to see.")
    return found


async def plan(work: Work, plan_id: UUID, *, lock: bool = False) -> PlanVersion:
    """One version of a plan."""
    query = PlanVersion.objects().where(PlanVersion.id == plan_id).first()
    found = await (query.lock_rows("NO KEY UPDATE") if lock else query)
    if found is None:
        raise NotFound("There is no plan by that address, or it is not yours to see.")
    return found


async def visit(work: Work, visit_id: UUID, *, lock: bool = False) -> Visit:
    """One visit's facts. `lock` holds it for the unit (not for a family, which changes no visit)."""
    query = Visit.objects().where(Visit.id == visit_id).first()
    found = await (query.lock_rows("NO KEY UPDATE") if lock else query)
    if found is None:
        raise NotFound("There is no visit by that address, or it is not yours to see.")
    return found


async def package_of_visit(work: Work, visit_id: UUID) -> Package:
    """The package a visit belongs to. Raises `NotFound`."""
    return await package(work, (await visit(work, visit_id)).package_id)


async def plans(work: Work, package_id: UUID) -> list[PlanVersion]:
    """Every version of a package's plan the context may see, the newest first."""
    return await (
        PlanVersion.objects().where(PlanVersion.package_id == package_id).order_by(PlanVersion.version, ascending=False)
    )


async def signed_plan(work: Work, package_id: UUID) -> PlanVersion | None:
    """The version in force."""
    for each in await plans(work, package_id):
        if each.state == "signed":
            return each
    return None


async def pack_for(work: Work, row: Package | Visit) -> Pack:
    """The pack that judges a package or a visit."""
    return await pack_of(work, row.framework_id)


async def plan_text(work: Work, version: PlanVersion, of: Package) -> Document:
    """A version's text exactly as it is shown and signed."""
    return plan_document(
        from_stored(version.content),
        package_reference=of.reference,
        version=version.version,
        needs=of.needs,
        lot_code=of.lot_code,
        pack=await pack_for(work, of),
    )


async def visit_workers(work: Work, row: Visit) -> list[asyncpg.Record]:
    """Who comes to a visit: worker_id, worker_person_id, printed_name, booking_id, signed_at; by name."""
    return await work.fetch(
        "SELECT * FROM visit_worker WHERE commissioner_id = $1 AND visit_id = $2 ORDER BY printed_name, worker_id",
        row.commissioner_id, row.id,
    )  # fmt: skip


async def visit_flags(work: Work, row: Visit) -> list[str]:
    """Why a coming visit may not go on as it is planned, each cause as a sentence without its full stop."""
    rows = await work.fetch(
        "SELECT says FROM visit_flag WHERE commissioner_id = $1 AND visit_id = $2 AND cleared_at IS NULL ORDER BY says",
        row.commissioner_id, row.id,
    )  # fmt: skip
    return [each["says"] for each in rows]


async def lapses_flagged(work: Work, row: Visit) -> list[str]:
    """What of its provider's registration and insurance has lapsed that a visit is flagged for: nobody has decided that
    its package goes on. Each as a sentence without its full stop."""
    rows = await work.fetch(
        "SELECT DISTINCT says FROM visit_flag WHERE commissioner_id = $1 AND visit_id = $2 AND cleared_at IS NULL"
        " AND worker_id IS NULL ORDER BY says",
        row.commissioner_id, row.id,
    )  # fmt: skip
    return [each["says"] for each in rows]


async def visit_note(work: Work, row: Visit) -> asyncpg.Record | None:
    """What was written down of a visit; None where nothing was, or where it is not the context's to read."""
    return await work.fetchrow(
        "SELECT * FROM visit_note WHERE commissioner_id = $1 AND visit_id = $2", row.commissioner_id, row.id
    )


async def visit_reason(work: Work, row: Visit) -> str | None:
    """Why a visit did not take place, in the words of whoever said so; None where it is not the context's to read."""
    return await work.fetchval(
        "SELECT says FROM visit_reason WHERE commissioner_id = $1 AND visit_id = $2", row.commissioner_id, row.id
    )


async def record_text(work: Work, row: Visit) -> Document:
    """The record of a visit exactly as it is shown and signed."""
    reference = await work.fetchval(
        "SELECT reference FROM package WHERE commissioner_id = $1 AND id = $2", row.commissioner_id, row.package_id
    )
    workers = await visit_workers(work, row)
    return record_document(
        row, await visit_note(work, row), [each["printed_name"] for each in workers],
        package_reference=reference or "", pack=await pack_for(work, row),
    )  # fmt: skip


async def signatures(work: Work, commissioner_id: UUID, subject_id: UUID) -> list[asyncpg.Record]:
    """Every signature under a plan or a visit, in the order given: who, as whom, which text, when, how.

    A finance officer and another payer are told of the family's that it was given, never by whom (m0040).
    """
    return await work.fetch(
        "SELECT * FROM signature WHERE commissioner_id = $1 AND subject_id = $2"
        " UNION ALL SELECT * FROM masked_family_signatures(ARRAY[$2]) ORDER BY signed_at, id",
        commissioner_id, subject_id,
    )  # fmt: skip


async def team(work: Work, row: Package, *, former: bool = False) -> list[asyncpg.Record]:
    """The package's workers, main ones first: worker_id, name, role, profile, part, added_at, removed_at."""
    return await work.fetch(
        "SELECT * FROM package_worker WHERE commissioner_id = $1 AND package_id = $2 AND ($3 OR removed_at IS NULL)"
        " ORDER BY removed_at IS NOT NULL, part DESC, name, worker_id",
        row.commissioner_id, row.id, former,
    )  # fmt: skip


async def child_name(work: Work, commissioner_id: UUID, child_id: UUID) -> str | None:
    """The child's name where the context may know it: not before award, not after its undoing, never for finance."""
    return await work.fetchval(
        "SELECT name FROM child_identity WHERE commissioner_id = $1 AND child_id = $2", commissioner_id, child_id
    )


async def identity(work: Work, row: Package) -> asyncpg.Record | None:
    """Who the child is, where it lives and what to know at the door; None where that is closed to the context."""
    return await work.fetchrow(
        "SELECT * FROM child_identity WHERE commissioner_id = $1 AND child_id = $2", row.commissioner_id, row.child_id
    )


async def family_contacts(work: Work, row: Package) -> list[asyncpg.Record]:
    """The family's people with access today, with their telephone: name, relation, phone, rights."""
    return await work.fetch(
        "SELECT g.person_id, p.name, g.relation, p.phone, g.rights, g.jointly FROM family_grant g JOIN"
        " person p ON p.id = g.person_id"
        " WHERE g.commissioner_id = $1 AND g.child_id = $2 AND g.revoked_at IS NULL AND g.starts_on <= app_today()"
        " AND (g.ends_on IS NULL OR g.ends_on >= app_today()) ORDER BY g.granted_at, g.id",
        row.commissioner_id, row.child_id,
    )  # fmt: skip


async def provider_contacts(work: Work, provider_id: UUID) -> Any:
    """Whom to call at the provider: contact and on-call, name and number, and the organisation's name."""
    return await work.fetchrow(
        "SELECT o.name, p.contact_name, p.contact_phone, p.contact_email, p.on_call_name, p.on_call_phone"
        " FROM organisation o LEFT JOIN provider p ON p.id = o.id WHERE o.id = $1",
        provider_id,
    )


async def referrer_of(work: Work, row: Package) -> asyncpg.Record | None:
    """Whose case it is now (cases are taken over): person_id, and the name and telephone where they may be seen."""
    return await work.fetchrow(
        "SELECT c.referrer_id AS person_id, p.name, p.phone, o.name AS organisation FROM child c LEFT JOIN"
        " person p ON p.id = c.referrer_id"
        " JOIN organisation o ON o.id = c.commissioner_id WHERE c.commissioner_id = $1 AND c.id = $2",
        row.commissioner_id, row.child_id,
    )  # fmt: skip
