"""Writing a referral step by step: drafts are saved as they grow; nothing binds before the broadcast."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, cast
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from marketplace.frameworks.queries import framework, pack_of
from marketplace.identity.permissions import permit
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.policy.ages import age_band, age_on
from marketplace.policy.calendar import local_day
from marketplace.policy.facts import WeeklySlot
from marketplace.policy.pack import Pack
from marketplace.referrals import anonymity, needs, patterns, queries
from marketplace.referrals.references import new_reference
from marketplace.referrals.states import referral_after
from marketplace.referrals.tables import Referral

LONGEST_TEXT = 4_000
MOST_WORKERS = 4
COPIED = (
    "lot_code", "needs", "interventions", "area", "pattern", "workers_per_visit", "outcomes", "activities",
    "pen_portrait", "anonymity_confirmed",
)  # fmt: skip
WORDS = {
    "lot_code": "the lot",
    "needs": "the needs",
    "interventions": "the interventions",
    "pattern": "the visits of a week",
    "workers_per_visit": "the number of workers at a visit",
    "starts_on": "the start date",
    "ends_on": "the end date",
    "outcomes": "the outcomes",
    "activities": "the activities",
    "pen_portrait": "the pen portrait",
    "area": "the area",
    "panel_approved_on": "the panel's approval",
}


class DraftChange(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What is to be changed in a draft; fields left out stay. `confirmed` are words that identify nobody."""

    lot_code: str | UnsetType | None = UNSET
    needs: list[str] | UnsetType = UNSET
    interventions: list[str] | UnsetType = UNSET
    pattern: list[WeeklySlot] | UnsetType = UNSET
    workers_per_visit: int | UnsetType = UNSET
    starts_on: date | UnsetType | None = UNSET
    ends_on: date | UnsetType | None = UNSET
    outcomes: str | UnsetType = UNSET
    activities: str | UnsetType = UNSET
    pen_portrait: str | UnsetType = UNSET
    area: str | UnsetType = UNSET
    panel_approved_on: date | UnsetType | None = UNSET
    confirmed: list[str] | UnsetType = UNSET


class Stale(Conflict):
    """The draft was changed by somebody else while it was being written here; nothing was saved.

    `changed` says which of the fields at hand differ now, and `seen` is the version to save over.
    """

    code = "changed_meanwhile"

    def __init__(self, changed: list[str], seen: datetime) -> None:
        what = f": now different are {', '.join(changed)}" if changed else ""
        super().__init__(f"This draft was saved elsewhere while you had it open{what}. Check it, then save again.")
        self.changed = changed
        self.seen = seen


@dataclass(frozen=True, slots=True)
class DraftView:
    """A draft with all that its pages need."""

    referral: Referral
    framework_name: str
    pack: Pack
    child_reference: str
    born: date
    today: date
    missing: dict[str, str]
    doubts: list[anonymity.Doubt]

    @property
    def unsettled(self) -> list[anonymity.Doubt]:
        return anonymity.unsettled(self.doubts, self.referral.anonymity_confirmed)


async def create_draft(actor: Actor, child_id: UUID, framework_id: UUID) -> UUID:
    """Begin a referral for a child on a framework of one's own. Raises `NotFound`, `InvalidInput`."""
    permit(actor, "referral.write")
    async with unit_of_work(actor) as work:
        return (await new_draft(work, child_id, framework_id)).id


async def copy_referral(actor: Actor, referral_id: UUID, *, child_id: UUID | None = None) -> UUID:
    """Begin a draft with the content of an earlier referral, for the same child or another; dates are asked anew."""
    permit(actor, "referral.write")
    async with unit_of_work(actor) as work:
        earlier = await queries.referral(work, referral_id)
        row = await new_draft(work, child_id or earlier.child_id, earlier.framework_id)
        values: dict[Any, Any] = {name: getattr(earlier, name) for name in COPIED}
        if row.child_id != earlier.child_id:
            values["anonymity_confirmed"] = []  # what identified nobody may name this child
        await Referral.update(values | {"copied_from": earlier.id}).where(Referral.id == row.id)
        work.audit("referral.copied", "referral", row.id, copied_from=earlier.id)
        return row.id


async def new_draft(work: Work, child_id: UUID, framework_id: UUID) -> Referral:
    """An empty draft within a unit, for a child and framework of the actor's own. Raises `NotFound`, `InvalidInput`."""
    child = await queries.child(work, child_id)
    pack = await pack_of(work, framework_id)
    chosen = await framework(work, framework_id)
    if work.actor.commissioner_id not in {member.commissioner_id for member in chosen.members}:
        raise NotFound("There is no framework by that address, or it is not yours to use.")
    if chosen.state != "open":
        raise InvalidInput({"framework_id": "Choose a framework that is open"})
    row = Referral(
        commissioner_id=child.commissioner_id,
        framework_id=framework_id,
        child_id=child.id,
        referrer_id=work.actor.person_id,
        reference=new_reference("R"),
        lot_code=next(iter(pack.lots)) if len(pack.lots) == 1 else None,
        created_at=work.now,
        changed_at=work.now,
    )
    await Referral.insert(row)
    work.audit("referral.drafted", "referral", row.id, reference=row.reference)
    return row


async def save_draft(
    actor: Actor, referral_id: UUID, change: DraftChange, *, seen: datetime | None = None
) -> list[str]:
    """Save what is given of a draft. Returns sentences about what had to be left out (needs of another lot).

    `seen` is the draft's `changed_at` as the writer saw it: an older one raises `Stale`, which says what changed.
    Raises `InvalidInput` naming the field, `WrongState` once it is broadcast, `NotFound`.
    """
    permit(actor, "referral.write")
    async with unit_of_work(actor) as work:
        row = await queries.referral(work, referral_id, lock=True)
        referral_after("saved", row.state)
        values = _given(change)
        if seen is not None and row.changed_at != seen:
            differing = [WORDS[name] for name, value in values.items() if name in WORDS and not _same(row, name, value)]
            raise Stale(differing, row.changed_at)
        pack = await pack_of(work, row.framework_id)
        born = await born_on(work, row)
        kept, remarks = checked(pack, row, values, born, local_day(work.now))
        await Referral.update(cast(dict[Any, Any], kept | {"changed_at": work.now})).where(Referral.id == row.id)
        work.audit("referral.saved", "referral", row.id, fields=sorted(kept))
        return remarks


async def discard_draft(actor: Actor, referral_id: UUID) -> None:
    """Take a draft off the lists; its trace stays in the audit trail."""
    permit(actor, "referral.write")
    async with unit_of_work(actor) as work:
        row = await queries.referral(work, referral_id, lock=True)
        referral_after("discarded", row.state)
        await Referral.update({Referral.closed_at: work.now, Referral.closed_reason: "discarded"}).where(
            Referral.id == row.id
        )
        work.audit("referral.discarded", "referral", row.id)


async def draft(work: Work, referral_id: UUID) -> DraftView:
    """A referral as its author sees it while writing, with what is still missing and what could identify the child."""
    row = await queries.referral(work, referral_id)
    if row.commissioner_id != work.actor.commissioner_id:
        raise NotFound
    pack = await pack_of(work, row.framework_id)
    child = await queries.child(work, row.child_id)
    born = await born_on(work, row)
    today = local_day(work.now)
    return DraftView(
        row, (await framework(work, row.framework_id)).name, pack, child.reference, born, today,
        missing(pack, row, born, today), await anonymity.doubts_of(work, row),
    )  # fmt: skip


async def born_on(work: Work, row: Referral) -> date:
    """The birthday of the referral's child, for the age alone."""
    return await work.fetchval(
        "SELECT date_of_birth FROM child_identity WHERE commissioner_id = $1 AND child_id = $2",
        row.commissioner_id, row.child_id,
    )  # fmt: skip


def _given(change: DraftChange) -> dict[str, Any]:
    return {
        name: value for name in change.__struct_fields__ if not isinstance(value := getattr(change, name), UnsetType)
    }


def _same(row: Referral, name: str, value: Any) -> bool:
    before = getattr(row, name)
    if name == "pattern":
        return before == patterns.stored(value)
    if isinstance(value, list):
        return set(before) == set(value)
    return before == value


def checked(
    pack: Pack, row: Referral, values: Mapping[str, Any], born: date, today: date
) -> tuple[dict[str, Any], list[str]]:
    """The columns to write for the values given, and remarks on what fell away. Raises `InvalidInput`.

    Pure: the draft's row as it is, the pack, the birthday. Shared with broadcasting again.
    """
    faults: dict[str, str] = {}
    remarks: list[str] = []
    kept: dict[str, Any] = {name: value for name, value in values.items() if name != "confirmed"}
    lot_code = kept.get("lot_code", row.lot_code)
    if lot_code is not None and lot_code not in pack.lots:
        raise InvalidInput({"lot_code": "Choose a lot of this framework"})
    starts_on = kept.get("starts_on", row.starts_on)
    ends_on = kept.get("ends_on", row.ends_on)
    if lot_code and ("lot_code" in kept or "starts_on" in kept):
        refusal = needs.age_refusal(pack, lot_code, born, starts_on or today)
        if refusal:
            faults["lot_code" if "lot_code" in kept else "starts_on"] = refusal
    faults |= _needs_faults(pack, row, lot_code, kept, remarks)
    if "pattern" in kept:
        try:
            kept["pattern"] = patterns.checked(kept["pattern"], pack.lot(lot_code).activities if lot_code else ())
        except InvalidInput as error:
            faults |= error.fields
    if not 1 <= kept.get("workers_per_visit", 1) <= MOST_WORKERS:
        faults["workers_per_visit"] = f"The number of workers must be between 1 and {MOST_WORKERS}"
    if "starts_on" in kept and starts_on is not None and starts_on < today:
        faults["starts_on"] = "The start date must be today or later"
    if kept.get("panel_approved_on") is not None and kept["panel_approved_on"] > today:
        faults["panel_approved_on"] = "The day of the panel's approval must be today or in the past"
    if ends_on is not None and starts_on is not None and ends_on < starts_on and {"starts_on", "ends_on"} & set(kept):
        faults["ends_on"] = "The end date must be the start date or later"
    for field, label in anonymity.FREE_TEXT.items():
        most = 100 if field == "area" else LONGEST_TEXT
        if field in kept:
            kept[field] = kept[field].strip()
            if len(kept[field]) > most:
                faults[field] = f"{label} must be {most:,} characters or fewer"
    if "confirmed" in values:
        kept["anonymity_confirmed"] = sorted({words.lower() for words in values["confirmed"]})
    if faults:
        raise InvalidInput(faults)
    return kept, remarks


def _needs_faults(
    pack: Pack, row: Referral, lot_code: str | None, kept: dict[str, Any], remarks: list[str]
) -> dict[str, str]:
    faults: dict[str, str] = {}
    for field in ("needs", "interventions"):
        if field in kept:
            kept[field] = list(dict.fromkeys(kept[field]))
            if kept[field] and lot_code is None:
                faults[field] = "Choose the lot before the needs"
            elif lot_code and (outside := needs.outside_scope(pack, lot_code, kept[field], ())):
                faults[field] = "; ".join(outside)
        elif lot_code and "lot_code" in kept and lot_code != row.lot_code:
            # the lot was changed: what the new one does not do falls away, and its author is told
            refused = {need.code for need in needs.sorted_needs(pack, lot_code, getattr(row, field), ()).refused}
            remarks += [
                f"{sentence}: taken out." for sentence in needs.outside_scope(pack, lot_code, getattr(row, field), ())
            ]
            kept[field] = [code for code in getattr(row, field) if code not in refused]
    if lot_code and "lot_code" in kept and "pattern" not in kept:
        activities = pack.lot(lot_code).activities
        before = patterns.slots(cast(patterns.Pattern, row.pattern))
        kept["pattern"] = [each for each in before if each.activity in activities]
        if len(kept["pattern"]) < len(before):
            remarks.append(f"{pack.lot(lot_code).title} does not do some of the visits' activities: taken out.")
    return faults


def missing(pack: Pack, row: Referral, born: date, today: date) -> dict[str, str]:
    """What stands against a broadcast, by field: what is missing, out of the lot's scope or range, or past."""
    faults: dict[str, str] = {}
    if row.lot_code is None or row.lot_code not in pack.lots:
        faults["lot_code"] = "Choose the lot"
    else:
        outside = needs.outside_scope(pack, row.lot_code, row.needs, row.interventions)
        if outside:
            faults["needs"] = "; ".join(outside)
        refusal = needs.age_refusal(pack, row.lot_code, born, row.starts_on or today)
        if refusal:
            faults["lot_code"] = refusal
    if not row.pattern:
        faults["pattern"] = "Add at least one visit"
    if row.starts_on is None:
        faults["starts_on"] = "Enter the start date"
    elif row.starts_on < today:
        faults["starts_on"] = "The start date must be today or later"
    if pack.on(today).pathway.panel_approval_first and row.panel_approved_on is None:
        faults["panel_approved_on"] = "Enter the day a panel approved this referral"
    for field, sentence in (
        ("outcomes", "Enter the outcomes to work towards"),
        ("pen_portrait", "Write the pen portrait"),
        ("area", "Enter the area"),
    ):
        if not getattr(row, field).strip():
            faults[field] = sentence
    return faults


def band_of(pack: Pack, born: date, on: date) -> str:
    """The age band a provider is told."""
    return age_band(pack, age_on(born, on))
