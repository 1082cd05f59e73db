"""Questions about frameworks: all under row-level security, so that each answers with what the actor may see."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from marketplace.frameworks import packs
from marketplace.frameworks.views import (
    AdmissionView,
    ApplicationView,
    CardView,
    DecisionView,
    FrameworkView,
    LotView,
    Member,
)
from marketplace.platform.database import Work, kept_while_open
from marketplace.platform.errors import NotFound
from marketplace.policy.calendar import Period, local_day, period_containing, periods_between
from marketplace.policy.facts import RateCard, RateRow
from marketplace.policy.pack import Pack

FRAMEWORKS = """
SELECT f.*, o.name AS lead_name, p.pack_id, p.title AS pack_title,
       (SELECT json_agg(json_build_array(m.commissioner_id, c.name, m.leads, m.joined_at) ORDER BY m.leads DESC, c.name)
        FROM framework_member m JOIN organisation c ON c.id = m.commissioner_id WHERE m.framework_id = f.id) AS members
FROM framework f JOIN organisation o ON o.id = f.lead_commissioner_id JOIN pack_version p ON p.hash = f.pack_hash
"""
APPLICATIONS = """
SELECT a.*, f.name AS framework_name, o.name AS provider_name, l.title AS lot_title,
       (SELECT c.id FROM rate_card c WHERE c.framework_id = a.framework_id AND c.application_id = a.id) AS card_id
FROM application a JOIN framework f ON f.id = a.framework_id JOIN organisation o ON o.id = a.provider_id
JOIN framework_lot l ON l.framework_id = a.framework_id AND l.code = a.lot_code
"""
ADMISSIONS = """
SELECT a.*, f.name AS framework_name, o.name AS provider_name, l.title AS lot_title
FROM admission a JOIN framework f ON f.id = a.framework_id JOIN organisation o ON o.id = a.provider_id
JOIN framework_lot l ON l.framework_id = a.framework_id AND l.code = a.lot_code
"""
CARDS = """
SELECT c.*, f.name AS framework_name, o.name AS provider_name, l.title AS lot_title,
       (SELECT json_agg(json_build_array(r.activity, r.band, r.pence_per_hour)) FROM rate r
        WHERE r.framework_id = c.framework_id AND r.rate_card_id = c.id) AS rates
FROM rate_card c JOIN framework f ON f.id = c.framework_id JOIN organisation o ON o.id = c.provider_id
JOIN framework_lot l ON l.framework_id = c.framework_id AND l.code = c.lot_code
"""


# --- the framework and its rules --------------------------------------------------------------------------------------


async def framework(work: Work, framework_id: UUID) -> FrameworkView:
    """One framework the actor may see: its own, or an open or closed one of anybody's. Raises `NotFound`."""
    row = await work.fetchrow(f"{FRAMEWORKS} WHERE f.id = $1", framework_id)
    if row is None:
        raise NotFound
    return _framework(row)


async def my_frameworks(work: Work) -> list[FrameworkView]:
    """A commissioner's: those it leads or takes part in. A provider's: those it applied to or is admitted by."""
    rows = await work.fetch(
        f"{FRAMEWORKS} WHERE f.id IN (SELECT framework_id FROM my_frameworks()"
        " UNION SELECT framework_id FROM my_provider_frameworks())"
        " ORDER BY f.name, f.id"
    )
    return [_framework(row) for row in rows]


async def open_frameworks(work: Work) -> list[FrameworkView]:
    """Every framework that takes applications today."""
    rows = await work.fetch(
        f"{FRAMEWORKS} WHERE f.state = 'open' AND (f.ends_on IS NULL OR f.ends_on >= app_today()) ORDER BY f.name, f.id"
    )
    return [_framework(row) for row in rows]


async def pack_of(work: Work, framework_id: UUID) -> Pack:
    """The pack that judges on this framework: as confirmed once it is open, as proposed before. Raises `NotFound`."""
    if ("pack", framework_id) in work.kept:
        return work.kept["pack", framework_id]
    row = await work.fetchrow("SELECT pack_hash, state FROM framework WHERE id = $1", framework_id)
    if row is None:
        raise NotFound
    return await pack_read(work, framework_id, row["pack_hash"], row["state"])


async def pack_read(work: Work, framework_id: UUID, pack_hash: str, state: str) -> Pack:
    """The pack of a framework whose row was read by another question of the unit; `pack_of` need not ask again."""
    pack = await packs.stored(work, pack_hash)
    if state != "draft":  # a draft's pack may change within the unit
        work.kept["pack", framework_id] = pack
        kept_while_open().setdefault("likely packs", {})[framework_id] = pack
    return pack


def likely_pack(framework_id: UUID) -> Pack | None:
    """The pack that judged on a framework when the process last asked: for those who check in the same question which
    it is now, instead of asking before."""
    return kept_while_open().get("likely packs", {}).get(framework_id)


async def lots(work: Work, framework_id: UUID) -> list[LotView]:
    """The framework's lots, in the pack's order."""
    rows = await work.fetch(
        "SELECT code, title, position FROM framework_lot WHERE framework_id = $1 ORDER BY position", framework_id
    )
    return [LotView(row["code"], row["title"], row["position"]) for row in rows]


async def lot(work: Work, framework_id: UUID, lot_code: str) -> LotView:
    """One lot. Raises `NotFound`."""
    for each in await lots(work, framework_id):
        if each.code == lot_code:
            return each
    raise NotFound("There is no such lot on this framework.")


async def decisions(work: Work, framework_id: UUID) -> list[DecisionView]:
    """What the pack leaves to the commissioner, in the pack's order, with what was confirmed by whom and when."""
    pack = await pack_of(work, framework_id)
    rows = await work.fetch("SELECT * FROM framework_decision WHERE framework_id = $1", framework_id)
    answers = {row["rule_key"]: row for row in rows}
    found: list[DecisionView] = []
    for question in {decision.key: decision for decision in pack.decisions()}.values():
        answer = answers.get(question.key)
        found.append(
            DecisionView(
                key=question.key,
                title=question.title,
                question=question.question,
                clause=question.clause,
                unit=question.unit,
                kind=question.kind,
                choices=question.choices,
                proposed=answer["proposed"] if answer else question.value,
                value=answer["value"] if answer else question.value,
                confirmed_by_name=answer["confirmed_by_name"] if answer else None,
                confirmed_at=answer["confirmed_at"] if answer else None,
                remark=answer["remark"] if answer else "",
            )
        )
    return found


async def decision(work: Work, framework_id: UUID, key: str) -> DecisionView:
    """One of them. Raises `NotFound`."""
    for each in await decisions(work, framework_id):
        if each.key == key:
            return each
    raise NotFound("The pack leaves no such decision.")


async def possible_partners(work: Work, framework_id: UUID | None = None) -> list[tuple[UUID, str]]:
    """Commissioners that could be added to a framework: id and name."""
    rows = await work.fetch(
        "SELECT id, name FROM organisation o WHERE kind = 'commissioner' AND id IS DISTINCT FROM app_commissioner()"
        " AND NOT EXISTS (SELECT 1 FROM framework_member m WHERE m.framework_id = $1 AND m.commissioner_id = o.id)"
        " ORDER BY name",
        framework_id,
    )
    return [(row["id"], row["name"]) for row in rows]


# --- billing periods --------------------------------------------------------------------------------------------------


async def billing_periods(work: Work, framework_id: UUID, first_day: date, last_day: date) -> list[Period]:
    """The framework's billing periods that touch the days from `first_day` to `last_day`, both counted, in order."""
    pack, anchor = await pack_of(work, framework_id), await _anchor(work, framework_id)
    return periods_between(first_day, last_day, anchor, pack.on(first_day).billing.period_length)


async def billing_period(work: Work, framework_id: UUID, day: date) -> Period:
    """The billing period a local day belongs to. Raises `NotFound` for a day at the calendar's very edge."""
    pack, anchor = await pack_of(work, framework_id), await _anchor(work, framework_id)
    try:
        return period_containing(day, anchor, pack.on(day).billing.period_length)
    except (OverflowError, ValueError) as error:
        raise NotFound("There is no such billing period.") from error


async def _anchor(work: Work, framework_id: UUID) -> date:
    return await work.fetchval("SELECT anchor_day FROM framework WHERE id = $1", framework_id)


# --- applications, admissions, rate cards -----------------------------------------------------------------------------


async def applications(
    work: Work, framework_id: UUID | None = None, *, state: str | None = None, lot_code: str | None = None
) -> list[ApplicationView]:
    """Applications the actor may see, those waiting longest first, then the latest decided."""
    rows = await work.fetch(
        f"{APPLICATIONS} WHERE ($1::uuid IS NULL OR a.framework_id = $1) AND ($2::text IS NULL OR a.state = $2)"
        " AND ($3::text IS NULL OR a.lot_code = $3)"
        " ORDER BY (a.state = 'submitted') DESC, CASE WHEN a.state = 'submitted' THEN a.submitted_at END,"
        " a.decided_at DESC NULLS LAST, a.submitted_at DESC, l.position",
        framework_id, state, lot_code,
    )  # fmt: skip
    return [_application(row) for row in rows]


async def application(work: Work, application_id: UUID) -> ApplicationView:
    """One application. Raises `NotFound`."""
    row = await work.fetchrow(f"{APPLICATIONS} WHERE a.id = $1", application_id)
    if row is None:
        raise NotFound
    return _application(row)


async def admissions(
    work: Work,
    framework_id: UUID | None = None,
    *,
    provider_id: UUID | None = None,
    lot_code: str | None = None,
    on: date | None = None,
) -> list[AdmissionView]:
    """Admissions the actor may see, by provider's name and lot; `on` keeps those that cover the day."""
    rows = await work.fetch(
        f"{ADMISSIONS} WHERE ($1::uuid IS NULL OR a.framework_id = $1) AND ($2::uuid IS NULL OR a.provider_id = $2)"
        " AND ($3::text IS NULL OR a.lot_code = $3)"
        " AND ($4::date IS NULL OR (a.starts_on <= $4 AND (a.ends_on IS NULL OR a.ends_on >= $4)))"
        " ORDER BY o.name, f.name, l.position, a.starts_on",
        framework_id, provider_id, lot_code, on,
    )  # fmt: skip
    return [_admission(row) for row in rows]


async def admission(work: Work, admission_id: UUID) -> AdmissionView:
    """One admission. Raises `NotFound`."""
    row = await work.fetchrow(f"{ADMISSIONS} WHERE a.id = $1", admission_id)
    if row is None:
        raise NotFound
    return _admission(row)


async def rate_cards(
    work: Work,
    framework_id: UUID | None = None,
    *,
    provider_id: UUID | None = None,
    lot_code: str | None = None,
    state: str | None = None,
) -> list[CardView]:
    """Rate cards the actor may see: members of the framework all of it, a provider its own. Newest first in a lot."""
    rows = await work.fetch(
        f"{CARDS} WHERE ($1::uuid IS NULL OR c.framework_id = $1) AND ($2::uuid IS NULL OR c.provider_id = $2)"
        " AND ($3::text IS NULL OR c.lot_code = $3) AND ($4::text IS NULL OR c.state = $4)"
        " ORDER BY o.name, f.name, l.position, c.applies_from DESC, c.proposed_at DESC",
        framework_id, provider_id, lot_code, state,
    )  # fmt: skip
    return [_card(row) for row in rows]


async def rate_card(work: Work, card_id: UUID) -> CardView:
    """One rate card. Raises `NotFound`."""
    row = await work.fetchrow(f"{CARDS} WHERE c.id = $1", card_id)
    if row is None:
        raise NotFound
    return _card(row)


async def rate_card_rows(work: Work, framework_id: UUID, provider_id: UUID, lot_code: str | None = None) -> RateCard:
    """Every agreed rate of the provider as the rules take it; of each the latest `from` not after the day counts."""
    # A lot that is not asked for is left out, so that the database can keep one plan for every value.
    rows = await work.fetch(
        "SELECT c.lot_code, r.activity, r.band, r.pence_per_hour, c.applies_from FROM rate_card c"
        " JOIN rate r ON r.framework_id = c.framework_id AND r.rate_card_id = c.id"
        f" WHERE c.framework_id = $1 AND c.provider_id = $2{'' if lot_code is None else ' AND c.lot_code = $3'}"
        " AND c.state = 'agreed'"
        " ORDER BY c.lot_code, c.applies_from, r.activity, r.band",
        framework_id, provider_id, *(() if lot_code is None else (lot_code,)),
    )  # fmt: skip
    return tuple(RateRow(*row) for row in rows)


def today(work: Work) -> date:
    """The domain's local day."""
    return local_day(work.now)


# --- rows into views --------------------------------------------------------------------------------------------------


def _framework(row: Any) -> FrameworkView:
    return FrameworkView(
        id=row["id"],
        name=row["name"],
        state=row["state"],
        lead_id=row["lead_commissioner_id"],
        lead_name=row["lead_name"],
        pack_hash=row["pack_hash"],
        pack_id=row["pack_id"],
        pack_title=row["pack_title"],
        anchor_day=row["anchor_day"],
        regime=row["regime"],
        ends_on=row["ends_on"],
        created_at=row["created_at"],
        opened_at=row["opened_at"],
        closed_at=row["closed_at"],
        members=tuple(
            Member(UUID(key), name, leads, datetime.fromisoformat(at)) for key, name, leads, at in row["members"] or ()
        ),
    )


def _application(row: Any) -> ApplicationView:
    return ApplicationView(**{name: row[name] for name in ApplicationView.__slots__})


def _admission(row: Any) -> AdmissionView:
    return AdmissionView(**{name: row[name] for name in AdmissionView.__slots__})


def _card(row: Any) -> CardView:
    plain = {name: row[name] for name in CardView.__slots__ if name != "rates"}
    return CardView(**plain, rates={(activity, band): pence for activity, band, pence in row["rates"] or ()})
