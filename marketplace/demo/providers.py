"""A dozen providers: profile, workforce with its evidence, applications with rate cards, admissions."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

from marketplace.demo.budgets import list_firm
from marketplace.demo.cast import (
    BOROUGH,
    COUNTY,
    DEMO_WORKER,
    HOUSES,
    NURSE,
    House,
    worker_name,
)
from marketplace.demo.people import colleague, register
from marketplace.demo.world import Firm, Hand, Staff, World
from marketplace.frameworks import application_actions, queries, rates, scoring
from marketplace.platform.actor import Actor
from marketplace.platform.database import ask
from marketplace.policy.pack import Pack
from marketplace.policy.standing import required_competencies
from marketplace.providers import actions, dbs_checks, evidence, workforce

# What a rate is on each kind of day, in per cent of a weekday's.
BANDS = (100, 110, 120, 150)
ACTIVITIES = {"waking_night": 108, "mentoring": 104}
STARRED = ("asd_challenging_behaviour", "seizure_management")
PROFILES = (
    "I have worked with children for six years and love being outdoors with them. I cook, and I am patient.",
    "My own brother is autistic, so I know how much a clear plan for the day matters. I sing a lot.",
    "I trained as a nursery teacher. I like board games, trains and anything with wheels.",
    "I have looked after children with complex needs since 2015 and keep calm when things get loud.",
    "Football, swimming, cycling: I bring energy, and I stop when it is too much.",
)
LANGUAGES = ("English", "English, Polish", "English, Yoruba", "English, Arabic", "English, Portuguese", "English, BSL")
STATEMENT = (
    "We know the area and its schools. A manager is on call day and night, every worker is supervised each quarter,"
    " and families meet the workers before they decide."
)


async def open_firms(world: World) -> None:
    """Every provider, one after the other, from its registration to its admissions."""
    story = world.story
    await story.until(story.at(-83, "09:00"))
    number = 0
    for house in HOUSES:
        firm = await _firm(world, house)
        world.firms[house.key] = firm
        await list_firm(house, firm)
        await _declare(world, house, firm)
        await _workforce(world, house, firm, number)
        number += len(firm.hands)
    for house in HOUSES:
        for key, lots in ((BOROUGH, house.borough), (COUNTY, house.county)):
            if lots:
                await apply(world, house, key, lots)
    await story.until(story.at(-82, "10:00"))
    for key in (BOROUGH, COUNTY):
        await _admit(world, key)


async def _firm(world: World, house: House) -> Firm:
    manager = await register(
        world.story, world.people, world.operator, "provider", house.name, house.short, house.colour, *house.manager
    )
    await keep_profile(world, house, manager, world.story.monday + timedelta(days=house.insured_days))
    coordinator = manager
    if house.coordinator:
        coordinator = await colleague(world.people, manager, *house.coordinator, "coordinator")
    return Firm(manager, coordinator)


async def keep_profile(world: World, house: House, manager: Actor, insured_until: date) -> None:
    """What a provider says of itself to commissioners, insured up to a day."""
    await actions.update_profile(
        manager,
        legal_name=house.name,
        company_number=f"{11_000_000 + 7919 * (HOUSES.index(house) + 1):08d}",
        about=house.about,
        contact_name=house.manager[0],
        contact_phone=f"020 7946 0{100 + HOUSES.index(house)}",
        contact_email=f"office@{house.key}.example.org",
        on_call_name=(house.coordinator or house.manager)[0],
        on_call_phone=f"020 7946 0{200 + HOUSES.index(house)}",
        office_address=f"{10 + HOUSES.index(house)} Wharf Street",
        safeguarding_lead=house.manager[0],
        cqc_provider_id=f"1-{100_000_000 + 104_729 * (HOUSES.index(house) + 1)}",
        cqc_registered=house.cqc,
        insurance_until=insured_until,
    )


async def _declare(world: World, house: House, firm: Firm) -> None:
    """What the frameworks ask of a provider; of some, two papers are missing, of others all were reviewed long ago."""
    place = HOUSES.index(house)
    asked: dict[str, None] = {}
    papers: dict[str, None] = {}
    for key in (BOROUGH, COUNTY):
        if house.borough if key == BOROUGH else house.county:
            pack = await ask(firm.manager, queries.pack_of, world.frameworks[key])
            asked |= {rule.key: None for rule in pack.content.provider_requirements if rule.effect != "standing"}
            papers |= {rule.key: None for rule in pack.content.documents}
    missing = 2 if place % 4 == 3 else 0
    then = world.story.monday - timedelta(days=84)
    await actions.declare(firm.manager, list(asked), then - timedelta(days=17 * place % 110))
    await actions.declare(firm.manager, list(papers)[missing:], then - timedelta(days=40 + 73 * place % 250))


async def _workforce(world: World, house: House, firm: Firm, number: int) -> None:
    lots = [(BOROUGH, lot) for lot in house.borough] + [(COUNTY, lot) for lot in house.county]
    packs = {key: await ask(firm.manager, queries.pack_of, world.frameworks[key]) for key, _ in lots}
    for role, count in house.staff:
        for _ in range(count):
            name = worker_name(number)
            worker_id = await _worker(world, house, firm, packs, lots, role, name, number)
            email = DEMO_WORKER[1] if name == DEMO_WORKER[0] else f"{name.lower().replace(' ', '.')}@example.org"
            await workforce.invite_worker(firm.manager, worker_id, email)
            actor = await world.people.sign_in(email, "worker", firm.manager.organisation_id)
            firm.hands.append(Hand(worker_id, name, role, actor))
            number += 1


async def _worker(
    world: World, house: House, firm: Firm, packs: dict[str, Pack], lots: list[tuple[str, str]], role: str, name: str,
    number: int,
) -> UUID:  # fmt: skip
    story, manager = world.story, firm.manager
    then = story.monday - timedelta(days=83)
    worker_id = await workforce.add_worker(
        manager,
        name=name,
        role=role,
        engagement="agency" if number % 9 == 8 else "employed",
        languages=LANGUAGES[number % len(LANGUAGES)],
        drives_children=number % 4 == 1,
        started_on=then - timedelta(days=200 + 37 * (number % 11)),
        phone=f"07700 900{number:03d}",
    )
    checked = story.monday - timedelta(days=max(84, house.dbs_days[len(firm.hands) % len(house.dbs_days)]))
    await dbs_checks.record_dbs_check(
        manager, worker_id, checked_on=checked, checked_by_name=house.manager[0],
        certificate_number=f"{1_700_000_000 + 7919 * number:012d}", issued_on=checked - timedelta(days=12),
        workforce="child", barred_list_checked=True, update_service_consent=True,
    )  # fmt: skip
    if role == NURSE:
        await evidence.record_registration(
            manager, worker_id, pin=f"{15 + number % 8}A{1000 + number:04d}E",
            valid_until=story.monday + timedelta(days=40 + 31 * (number % 9)),
        )  # fmt: skip
    for n, code in enumerate(_skills(packs, lots, role, number)):
        await evidence.record_competency(
            manager, worker_id, code=code, assessed_on=then - timedelta(days=5 + (29 * number + 41 * n) % 240),
            method=("observed", "knowledge_test", "accredited_course", "clinical")[(number + n) % 4],
            assessor_name="Fenella Garth, nurse educator",
        )  # fmt: skip
    await _checks(manager, worker_id, packs, then, number)
    await workforce.publish_profile(manager, worker_id, PROFILES[number % len(PROFILES)], True)
    return worker_id


def _skills(packs: dict[str, Pack], lots: list[tuple[str, str]], role: str, number: int) -> list[str]:
    """What the role's lots ask of every worker; two in three can also do what only some children need."""
    wanted: dict[str, None] = {}
    for key, code in lots:
        lot = packs[key].lot(code)
        if lot.roles and role not in lot.roles:
            continue
        known = [skill for skill in STARRED if skill in packs[key].competencies] if number % 3 else []
        wanted |= dict.fromkeys(required_competencies(packs[key], code, tuple(known)))
        if key == COUNTY:
            wanted |= dict.fromkeys(("safeguarding", "first_aid", "autism_awareness"))
    return list(wanted)


async def _checks(manager, worker_id: UUID, packs: dict[str, Pack], then: date, number: int) -> None:  # type: ignore[no-untyped-def]
    kinds = {
        check.key: check
        for pack in packs.values()
        for check in pack.content.worker_checks
        if check.evidence == "record" and check.key != "profile"
    }
    for kind, check in kinds.items():
        if check.when == "driving" and number % 4 != 1:
            continue
        until = then + timedelta(days=330 + 13 * (number % 7)) if check.expires else None
        done_on = then - timedelta(days=number % 14 if kind == "supervision" else 20 + number % 90)
        await evidence.record_check(manager, worker_id, kind=kind, done_on=done_on, valid_until=until)


async def apply(world: World, house: House, key: str, lots: tuple[str, ...]) -> list[UUID]:
    """The provider applies to lots of a framework, each with its rate card; the applications' ids."""
    firm = world.firms[house.key]
    framework_id = world.frameworks[key]
    pack = await ask(firm.manager, queries.pack_of, framework_id)
    bids = {lot: rate_card(pack, lot, world.story.monday, house.pence) for lot in lots}
    return await application_actions.apply(firm.manager, framework_id, bids, STATEMENT)


def rate_card(pack: Pack, lot: str, day: date, pence: int) -> dict[tuple[str, str], int]:
    """A full card: dearer at weekends and on bank holidays, and for some activities."""
    shape = rates.grid(pack, lot, day)
    share = {band: BANDS[place] for place, (band, _) in enumerate(shape.bands)}
    return {
        (activity, band): pence * share[band] * ACTIVITIES.get(activity, 100) // 10_000
        for activity, band in shape.cells()
    }


async def _admit(world: World, key: str) -> None:
    """The lead evaluates what was submitted: all are admitted but one, whose reasons are given."""
    admin = world.councils[key].admin
    starts_on = world.story.monday - timedelta(days=77)
    for application in await ask(admin, queries.applications, world.frameworks[key], state="submitted"):
        await _score(world.councils[key], application.id)
        if application.lot_code == "HLFS" and application.provider_name == "Beacon Outreach":
            await application_actions.refuse(
                admin, application.id,
                "Your statement describes mentoring outdoors; high level family support works with routines and"
                " boundaries in the family home. Show us who of your staff is trained for that, and apply again.",
            )  # fmt: skip
            continue
        await application_actions.admit(admin, application.id, starts_on)


async def _score(staff: Staff, application_id: UUID) -> None:
    """Two people score alone, then agree."""
    criteria = (await ask(staff.admin, scoring.scores, application_id)).rule.criteria
    for person, points in ((staff.admin, 4), (staff.contracts, 3)):
        await scoring.give_score(person, application_id, dict.fromkeys(criteria, points))
    await scoring.agree_scores(staff.admin, application_id, dict.fromkeys(criteria, 4), "Talked over on the telephone.")


async def supervise(world: World) -> None:
    """Supervision is at most three months apart: everybody's next one falls into the story."""
    story = world.story
    await story.until(story.at(-32, "15:00"))
    for firm in world.firms.values():
        for hand in firm.hands:
            await evidence.record_check(
                firm.coordinator, hand.id, kind="supervision", done_on=story.monday - timedelta(days=32)
            )
