"""Providers in good order and workers with their evidence, for tests and the demo, made by the actions people use."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from marketplace.frameworks.queries import pack_of
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, ask
from marketplace.policy.calendar import local_day
from marketplace.policy.pack import Pack
from marketplace.policy.standing import required_competencies
from marketplace.providers import actions, dbs_checks, evidence, workforce


async def today(work: Work) -> date:
    """The domain's local day, as a question."""
    return local_day(work.now)


async def in_good_order(
    manager: Actor, *, insurance_until: date | None = None, cqc_registered: bool = True, about: str = ""
) -> None:
    """A profile with everything good standing asks for: registered with the CQC, insured for the coming year."""
    day = await ask(manager, today)
    await actions.update_profile(
        manager,
        legal_name=manager.organisation_name,
        company_number="01234567",
        about=about or "Care and support for children and young people at home and in the community.",
        contact_name=manager.person_name,
        contact_phone="020 7946 0100",
        contact_email="office@example.org",
        on_call_name="Robin Vale",
        on_call_phone="020 7946 0199",
        office_address="1 Meadow Row, London SE13",
        safeguarding_lead="Sasha Wren",
        cqc_provider_id="1-123456789",
        cqc_registered=cqc_registered,
        insurance_until=insurance_until or day + timedelta(days=300),
    )


async def worker(
    manager: Actor,
    name: str,
    role: str = "support_worker",
    *,
    engagement: str = "employed",
    languages: str = "English",
    drives_children: bool = False,
) -> UUID:
    """A worker about whom nothing is known yet but name and role."""
    day = await ask(manager, today)
    return await workforce.add_worker(
        manager,
        name=name,
        role=role,
        engagement=engagement,
        languages=languages,
        drives_children=drives_children,
        started_on=day - timedelta(days=400),
    )


def certificate_of(worker_id: UUID) -> str:
    """The number of the certificate `with_evidence` records: one worker's alone."""
    return f"{worker_id.int % 10**12:012d}"


def paper(worker_id: UUID, issued_on: date = date(2024, 1, 15)) -> dict[str, Any]:
    """What a clear check says of the worker's certificate."""
    return {
        "certificate_number": certificate_of(worker_id), "issued_on": issued_on, "workforce": "child",
        "barred_list_checked": True,
    }  # fmt: skip


def pin_of(worker_id: UUID) -> str:
    """The PIN `with_evidence` records of whoever is in a register."""
    number = worker_id.int
    return f"{number % 100:02d}{chr(65 + number // 100 % 26)}{number // 2600 % 10_000:04d}E"


async def with_evidence(
    manager: Actor,
    worker_id: UUID,
    pack: Pack,
    lot: str,
    needs: Sequence[str] = (),
    *,
    assessed_on: date | None = None,
    dbs_checked_on: date | None = None,
    role: str | None = None,
) -> None:
    """Everything the pack asks of a worker on a lot (and for the needs), done `assessed_on` (30 days ago)."""
    day = await ask(manager, today)
    done_on = assessed_on or day - timedelta(days=30)
    await dbs_checks.record_dbs_check(
        manager,
        worker_id,
        checked_on=dbs_checked_on or done_on,
        checked_by_name=manager.person_name,
        **paper(worker_id, (dbs_checked_on or done_on) - timedelta(days=20)),
        update_service_consent=True,
    )
    if pack.on(day).lot(lot).registered_roles:
        until = day + timedelta(days=365)
        await evidence.record_registration(manager, worker_id, pin=pin_of(worker_id), valid_until=until)
    method = next(code for code, signs in pack.methods.items() if signs)
    for code in required_competencies(pack.on(day), lot, tuple(needs)):
        await evidence.record_competency(
            manager, worker_id, code=code, assessed_on=done_on, method=method, assessor_name="Alex Moor, nurse educator"
        )
    for check in pack.on(day).content.worker_checks:
        if check.evidence == "record" and check.required and check.key != "profile":
            valid_until = day + timedelta(days=300) if check.expires or check.when == "driving" else None
            await evidence.record_check(manager, worker_id, kind=check.key, done_on=done_on, valid_until=valid_until)
    await workforce.publish_profile(
        manager, worker_id, "I have worked with children for six years and love being outdoors with them.", True
    )


async def ready_worker(
    manager: Actor,
    framework_id: UUID,
    lot: str,
    name: str,
    needs: Sequence[str] = (),
    *,
    role: str | None = None,
    assessed_on: date | None = None,
    dbs_checked_on: date | None = None,
) -> UUID:
    """A worker of a role the lot takes, with everything the framework's pack asks: ready today."""
    pack = await ask(manager, pack_of, framework_id)
    rule = pack.lot(lot)
    fitting = role or (rule.roles[0] if rule.roles else next(iter(pack.roles)))
    worker_id = await worker(manager, name, fitting)
    await with_evidence(manager, worker_id, pack, lot, needs, assessed_on=assessed_on, dbs_checked_on=dbs_checked_on)
    return worker_id


async def with_sign_in(manager: Actor, worker_id: UUID, name: str, email: str) -> Actor:
    """The worker's own sign-in; answers the worker as an actor."""
    person_id = await workforce.invite_worker(manager, worker_id, email)
    return Actor(
        person_id, name, "worker", manager.organisation_id, manager.organisation_name, manager.organisation_kind
    )
