"""Two boroughs with everything in them, made by actions, and a way in for every role of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import httpx

from marketplace.billing import agreements
from marketplace.billing.budgets import set_allocation
from marketplace.contracts import cqc, findings, following, occasions, requests
from marketplace.frameworks.queries import pack_of
from marketplace.identity import tokens
from marketplace.identity.permissions import FRONT_DOORS, ROLE_PERMISSIONS
from marketplace.identity.sessions import digest, new_token, places_of
from marketplace.packages import visit_requests
from marketplace.packages.monitoring_pages import FACTS
from marketplace.platform.actor import Actor
from marketplace.platform.clock import FrozenClock
from marketplace.platform.database import ask, outside_context
from marketplace.providers import actions, causes, file_actions, lifting, plan_actions
from marketplace.referrals import offering
from marketplace.settings import Settings
from tests.structure.apps import permissions_of
from tests.world import billing, offers, packages, people, providers, purchases, referrals
from tests.world.apps import create_console, create_marketplace

NIL = "00000000-0000-0000-0000-000000000000"


@dataclass
class Borough:
    """One council's world: who acts in it by role, and the ids of its rows by the name paths give them."""

    actors: dict[str, Actor]
    ids: dict[str, str] = field(default_factory=dict)


async def settle(settings: Settings, clock: FrozenClock, migrator: asyncpg.Connection, name: str) -> Borough:
    """A package in delivery with a visit confirmed and a period invoiced, and a second referral with all open."""
    world = await referrals.borough(settings, name=name, provider_names=(f"Alder {name}", f"Birch {name}"))
    case = await packages.set_up(world)
    await packages.written_plan(case)
    day = (await ask(case.manager, providers.today)) + timedelta(days=1)
    visit_id = await billing.visit_done(case, clock, day)
    period = await billing.period_of(case, day)
    billing.after(clock, period, days=1)
    invoice_id = await billing.submitted(case, period)
    coming = await packages.a_visit(case, (await ask(case.manager, providers.today)) + timedelta(days=2))
    referral_id = await referrals.broadcast(world, case.child_id)
    question_id = await offering.ask_question(world.providers[1], referral_id, "Is there a lift?")
    offer_id = await offers.offered(world, world.providers[1], referral_id)
    draft_id = await referrals.written_draft(world, case.child_id)
    await set_allocation(
        case.referrer, case.child_id, starts_on=day, ends_on=day + timedelta(days=363), unit="minutes", amount=12_000,
        reason="Agreed for a year",
    )  # fmt: skip
    borough = Borough(
        {
            "commissioner_admin": world.admin,
            "referrer": case.referrer,
            "contract_manager": await people.person_in(world.admin, "contract_manager"),
            "finance": await people.person_in(world.admin, "finance"),
            "provider_manager": case.manager,
            "coordinator": await people.person_in(case.manager, "coordinator"),
            "worker": case.worker,
            "family": case.family,
            "operator": await people.operator(settings),
            "rival": world.providers[1],
        }
    )
    commissioner, provider = world.admin.organisation_id, case.manager.organisation_id
    spare = await people.person_in(world.admin, "finance")
    decider = borough.actors["contract_manager"]
    suspension_id = await actions.suspend(decider, world.framework_id, provider, reason="Missed visits")
    action_id = await plan_actions.ask_action(
        decider, suspension_id, title="A rota", due_on=await ask(decider, providers.today)
    )
    await plan_actions.withdraw_action(decider, action_id, "No longer needed")
    await lifting.reinstate(decider, suspension_id, "Mended", new_packages=50)
    contract = world.framework_id, provider
    occasion_id = await occasions.plan(decider, *contract, kind="inspection", starts_at=clock.at, place="Its office")
    area = (await ask(decider, pack_of, world.framework_id)).contracts.visit_areas[0]
    finding_id = await findings.add_finding(decider, occasion_id, area=area, grade="met", says="Sound")
    await occasions.share(decider, occasion_id, attended_by="All", provider_there=True, minutes="Sound")
    contract_action_id = await following.ask_action(
        decider, occasion_id, title="A rota", due_on=await ask(decider, providers.today)
    )
    information_id = await requests.ask_information(
        decider, *contract, title="Rota", asks="Which?", format="Words", due_on=day + timedelta(days=90)
    )
    change_id = await cqc.report(case.manager, kind="rating", says="Good", learnt_at=clock.at)
    cause_id = await causes.propose(
        decider, world.framework_id, provider, rule_key="repeated_incidents", facts="Incident I-1"
    )

    async def one(sql: str, *args: Any) -> str:
        return str(await migrator.fetchval(sql, *args))

    # refused already: what is tried on it asks no store for files, which this world has not
    file = await file_actions.announce(
        case.manager, kind="policy", file_name="policy.pdf", size=9, content_type="application/pdf"
    )
    await migrator.execute("UPDATE evidence SET state = 'refused', refused_reason = 'Test' WHERE id = $1", file.id)

    payment_id, spending_id = await purchases.spent_something(world, case.child_id)

    enquiry_id, answer_id, meeting_id = await purchases.asked_something(
        world, case.child_id, payment_id, case.manager, (case.worker_id,)
    )
    terms = agreements.Terms("mileage", "Far away", 45, 10_000, day, day)
    agreement_id = await agreements.propose(case.manager, case.package_id, terms)
    wished = (await case.visit(coming)).planned_start + timedelta(hours=3)
    request_id = await visit_requests.ask_for_time(
        case.family, coming, starts_at=wished, ends_at=wished + timedelta(hours=1), reason="The dentist"
    )

    correction_id = await one(
        """INSERT INTO correction (commissioner_id, package_id, provider_id, framework_id, visit_id, visit_version,
           was_outcome, outcome, percent, minutes, taken_minutes, reason, proposed_by, proposed_by_name, proposed_at)
           SELECT commissioner_id, package_id, provider_id, framework_id, id, version, 'missed', 'cancelled_on_arrival',
           100, 60, 60, 'r', $2, 'M', now() FROM visit WHERE id = $1 RETURNING id""",
        visit_id, case.manager.person_id,
    )  # fmt: skip

    purchase_id = await one(
        """INSERT INTO purchase (commissioner_id, framework_id, provider_id, child_id, direct_payment_id, package_id,
           reference, lot_code, first_day, last_day, method, state, pence, minutes, pack_hash, made_at, made_by,
           made_by_name, due_at)
           SELECT p.commissioner_id, p.framework_id, p.provider_id, p.child_id, $2, p.id, $3, p.lot_code, current_date,
           current_date, 'transfer', 'waiting', 100, 60, (SELECT hash FROM pack_version LIMIT 1), now(), $4, 'n', now()
           FROM package p WHERE p.id = $1 RETURNING id""",
        case.package_id, payment_id, f"DP{uuid4().hex[:9].upper()}", case.family.person_id,
    )  # fmt: skip
    receipt_id = await one(
        "INSERT INTO bank_receipt (commissioner_id, line_hash, received_on, pence, says, state, imported_at,"
        " imported_by) VALUES ($1, $2, current_date, 5, 'Rent', 'unmatched', now(), $3) RETURNING id",
        commissioner, "0" * 64, spare.person_id,
    )  # fmt: skip
    refund_id = await one(
        """WITH came AS (INSERT INTO bank_receipt (commissioner_id, line_hash, received_on, pence, says, state,
               purchase_id, framework_id, provider_id, child_id, imported_at, imported_by, matched_at, matched_by)
               SELECT commissioner_id, $2, current_date, 5, 'Twice', 'matched', id, framework_id, provider_id, child_id,
               now(), $3, now(), $3 FROM purchase WHERE id = $1 RETURNING *)
           INSERT INTO refund (commissioner_id, purchase_id, framework_id, provider_id, child_id, cause, pence, way,
               bank_receipt_id, owed_at) SELECT commissioner_id, purchase_id, framework_id, provider_id, child_id,
               'paid_twice', 5, 'transfer', id, now() FROM came RETURNING id""",
        purchase_id, "1" * 64, spare.person_id,
    )  # fmt: skip
    account_id = await one(
        "INSERT INTO settlement_account (commissioner_id, name, sort_code, number, entered_at, entered_by)"
        " VALUES ($1, 'Client account', '200000', '12345678', now(), $2) RETURNING id",
        commissioner, spare.person_id,
    )  # fmt: skip

    borough.ids = {
        "purchase_id": purchase_id,
        "receipt_id": receipt_id,
        "refund_id": refund_id,
        "account_id": account_id,
        "correction_id": correction_id,
        "evidence_id": str(file.id),
        "agreement_id": str(agreement_id),
        "request_id": str(request_id),
        "line_id": NIL,
        "framework_id": str(world.framework_id),
        "lot_code": world.lot,
        "commissioner_id": str(commissioner),
        "payer_id": str(commissioner),
        "provider_id": str(provider),
        "child_id": str(case.child_id),
        "package_id": str(case.package_id),
        "visit_id": str(coming),
        "done_visit_id": str(visit_id),
        "invoice_id": str(invoice_id),
        "referral_id": str(referral_id),
        "draft_id": str(draft_id),
        "question_id": str(question_id),
        "offer_id": str(offer_id),
        "worker_id": str(case.worker_id),
        "first_day": str(period.first_day),
        "day": str(day),
        "key": "late",
        "step": "needs",
        "fact": "dbs",
        "job_id": "1",
        "plan_id": await one(
            "SELECT id FROM plan_version WHERE commissioner_id = $1 ORDER BY version DESC", commissioner
        ),
        "grant_id": await one("SELECT id FROM family_grant WHERE commissioner_id = $1", commissioner),
        "application_id": await one("SELECT id FROM application WHERE provider_id = $1", provider),
        "admission_id": await one("SELECT id FROM admission WHERE provider_id = $1", provider),
        "card_id": await one("SELECT id FROM rate_card WHERE provider_id = $1", provider),
        "membership_id": await one("SELECT id FROM membership WHERE person_id = $1", spare.person_id),
        "direct_payment_id": str(payment_id),
        "spending_id": str(spending_id),
        "enquiry_id": str(enquiry_id),
        "answer_id": str(answer_id),
        "meeting_id": str(meeting_id),
        "mail_id": NIL,
        "session_id": NIL,
        "pause_id": NIL,
        "suspension_id": str(suspension_id),
        "action_id": str(action_id),
        "cause_id": str(cause_id),
        "occasion_id": str(occasion_id),
        "finding_id": str(finding_id),
        "file_id": str(finding_id),  # of no file: this world has no store
        "contract_action_id": str(contract_action_id),
        "information_id": str(information_id),
        "change_id": str(change_id),
        "duty_id": await one(
            "SELECT id FROM obligation WHERE owed_by_organisation = $1 ORDER BY starts_at, id", provider
        ),
        "review_id": await one(
            "INSERT INTO plan_review (commissioner_id, framework_id, package_id, provider_id, plan_id, held_on,"
            " took_part, findings, says, goes_on, recorded_at, recorded_by, recorded_by_name)"
            " SELECT n.commissioner_id, p.framework_id, p.id, p.provider_id, n.id, '2026-05-11', 't', '[]', '', true,"
            " now(), n.written_by, 'n' FROM plan_version n JOIN package p ON p.commissioner_id = n.commissioner_id"
            " AND p.id = n.package_id WHERE n.provider_id = $1 ORDER BY n.id LIMIT 1 RETURNING id",
            provider,
        ),
        "report_id": await one(
            "INSERT INTO monitoring_report (commissioner_id, framework_id, provider_id, first_day, last_day, facts,"
            " says, actions, sent_at, sent_by, sent_by_name) VALUES ($1, $2, $3, '2026-01-01', '2026-03-31', $5,"
            " 's', '', now(), $4, 'n') RETURNING id",
            commissioner,
            world.framework_id,
            provider,
            case.manager.person_id,
            dict.fromkeys(FACTS, 1),
        ),
        "stop_id": await one(
            "INSERT INTO duty_stop (duty_id, asked_by_organisation, decided_by_organisation, ground, reason, from_at,"
            " asked_at, asked_by, asked_by_name) SELECT id, owed_by_organisation, $2, 'family_cannot_yet', 'Away',"
            " starts_at, starts_at, $3, 'n' FROM obligation WHERE owed_by_organisation = $1"
            " AND rule_key = 'plan_signed' ORDER BY id LIMIT 1 RETURNING id",
            provider,
            commissioner,
            case.manager.person_id,
        ),
        "restriction_id": await one("SELECT id FROM restriction WHERE provider_id = $1", provider),
        "deed": "answer",
        "path": "x",
    }
    return borough


def filled(path: str, ids: dict[str, str], value: str | None = None) -> str:
    """The path with the borough's own ids in its places, or `value` in every place of an id."""
    parts = []
    for part in path.split("/"):
        name = part.strip("{}")
        if part.startswith("{"):
            known = ids.get(name, "2026-05-11" if "day" in name else NIL if name.endswith("_id") else "1")
            part = value if value is not None and name.endswith("_id") else known
        parts.append(part)
    return "/".join(parts)


async def bearer(settings: Settings, actor: Actor) -> dict[str, str]:
    """An access token for this actor's place, as the token route would give it after the password."""
    place = next(
        place
        for place in await places_of(actor.person_id)
        if place.role == actor.role and (place.organisation_id == actor.organisation_id or place.role == "family")
    )
    line = uuid4()
    async with outside_context() as connection:
        await connection.execute(
            "SELECT refresh_open($1, $2, $3, $4, $5, $6)",
            line, digest(new_token()), actor.person_id, place.membership_id, place.role == "family", timedelta(days=1),
        )  # fmt: skip
    access, _ = tokens.issue(settings, tokens.Claims(actor.person_id, place.membership_id, line))
    return {"Authorization": f"Bearer {access}"}


def client_of(settings: Settings, door: str) -> httpx.AsyncClient:
    """The door's app without a server; what it raises is answered as it would be over the network."""
    app = create_marketplace(settings) if door == "marketplace" else create_console(settings)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="https://site.test")


ROLES = (
    "referrer", "contract_manager", "finance", "commissioner_admin", "provider_manager", "coordinator", "worker",
    "family", "operator",
)  # fmt: skip


def roles_for(handler: Any, door: str | None = None) -> list[str]:
    """The roles that get past a route's guards (and through its door)."""
    return [
        role
        for role in ROLES
        if (door is None or role in FRONT_DOORS[door])
        and all(ROLE_PERMISSIONS[role] & set(asked) for asked in permissions_of(handler))
    ]
