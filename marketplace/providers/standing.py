"""A provider's standing for a lot of a framework: one line, every reason, since and until when, by whom (domain 6).

The codes are decided by `policy.standing`; here each gets what the records say about it. The same lines are shown in
the broadcast preview, at award, in the console and on the provider's own page.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from marketplace.frameworks.queries import pack_of
from marketplace.platform.database import Work
from marketplace.policy.calendar import local_day
from marketplace.policy.pack import Pack
from marketplace.policy.standing import State, explain, provider_standing, standing_state
from marketplace.providers.facts import ProviderRecord, provider_records
from marketplace.providers.holds import Hold
from marketplace.providers.lots import LotRow, lot_rows
from marketplace.web.filters import count
from marketplace.web.filters import day as written_day


@dataclass(frozen=True, slots=True)
class StandingReason:
    """Why new referrals do not reach a provider. `why` is in the decider's own words, `rule_key` the pack's rule."""

    code: str
    says: str
    since: date | None = None
    until: date | None = None
    by: str | None = None
    why: str = ""
    rule_key: str | None = None

    @property
    def sentence(self) -> str:
        """The reason with its dates and its decider, as the end of a sentence about the provider."""
        parts = [self.says]
        if self.since is not None:
            parts.append(f"since {written_day(self.since)}")
        if self.until is not None:
            parts.append(f"until {written_day(self.until)}")
        if self.by:
            parts.append(f"by {self.by}")
        return " ".join(parts) + (f": {self.why}" if self.why else "")


@dataclass(frozen=True, slots=True)
class Standing:
    """One provider, one lot, one moment. `good` means that a broadcast reaches it and its offers can be awarded.

    `limits` say how far a restricted provider may go; they stand against nothing until they are used up.
    """

    framework_id: UUID
    provider_id: UUID
    provider_name: str
    lot: str
    state: State
    reasons: tuple[StandingReason, ...]
    limits: tuple[StandingReason, ...] = ()

    @property
    def good(self) -> bool:
        """Whether nothing stands against new referrals."""
        return not self.reasons

    @property
    def codes(self) -> tuple[str, ...]:
        """The reasons' codes, alphabetical, each once."""
        return tuple(sorted({reason.code for reason in self.reasons}))

    @property
    def line(self) -> str:
        """The standing in one line: "It is suspended from new referrals since 3 May 2026 by ..."."""
        said = (*self.reasons, *self.limits)
        if not said:
            return "Active"
        return f"It {'; it '.join(reason.sentence.rstrip('.') for reason in said)}"


async def hold_lot(work: Work, framework_id: UUID, lot: str) -> None:
    """Hold every admission to a lot still (shared) until this unit ends: a broadcast, before it asks `standings`.

    So no broadcast reaches a provider after the moment of its suspension, which holds that provider's `alone`.
    """
    await work.fetchval("SELECT hold_lot($1, $2)", framework_id, lot)


async def hold_standing(work: Work, framework_id: UUID, provider_id: UUID, *, alone: bool = False) -> None:
    """Hold the provider's admissions of the framework still until this unit ends.

    An offer takes it (shared) before it asks `standing`; an award and a suspension take it `alone`. So whichever comes
    second sees what the first did: no award after the moment of a suspension, none beyond a restriction's number.
    """
    await work.fetchval("SELECT hold_admissions($1, $2, $3)", framework_id, provider_id, alone)


async def standing(
    work: Work,
    framework_id: UUID,
    provider_id: UUID,
    lot: str,
    at: datetime | None = None,
    commissioner_id: UUID | None = None,
) -> Standing:
    """The standing of one provider; `commissioner_id` is whose referrals it is about (default: the actor's own)."""
    found = await standings(work, framework_id, lot, at, provider_ids=[provider_id], commissioner_id=commissioner_id)
    if found:
        return found[0]
    # a provider out of reach, or none: nothing is given away but that it is not admitted
    reason = StandingReason("not_admitted", explain("not_admitted"))
    return Standing(framework_id, provider_id, "", lot, "not admitted", (reason,))


async def standings(
    work: Work,
    framework_id: UUID,
    lot: str,
    at: datetime | None = None,
    *,
    provider_ids: Iterable[UUID] | None = None,
    commissioner_id: UUID | None = None,
) -> list[Standing]:
    """The standing of every provider ever admitted to the lot (or of those asked about), by name; few statements."""
    at = at or work.now
    pack = await pack_of(work, framework_id)
    own = work.actor.commissioner_id
    if provider_ids is None and own is not None and commissioner_id in (None, own) and at == work.now:
        return [
            standing_of(pack, framework_id, row, lot, local_day(at)) for row in await lot_rows(work, framework_id, lot)
        ]
    records = await provider_records(
        work,
        framework_id,
        provider_ids,
        lot=lot,
        at=at,
        commissioner_id=commissioner_id or work.actor.commissioner_id,
    )
    return [judge(pack, framework_id, record, lot, local_day(at)) for record in records]


def standing_of(pack: Pack, framework_id: UUID, row: LotRow, lot: str, on: date) -> Standing:
    """The standing of one of a lot's providers."""
    if row.record is None:
        return Standing(framework_id, row.id, row.name, lot, "active", ())
    return judge(pack, framework_id, row.record, lot, on)


def judge(pack: Pack, framework_id: UUID, record: ProviderRecord, lot: str, on: date) -> Standing:
    """What the rules say of a provider on a lot, each reason with what the records know about it."""
    judged = provider_standing(pack, lot, on, record.facts)
    reasons: list[StandingReason] = []
    for code in judged.reasons:
        reasons += _told(code, record, lot, on)
    limits = [
        StandingReason(
            "restricted", f"may take on {count(hold.allowed, 'new package')} and has been given {hold.given}",
            since=local_day(hold.since), until=hold.until, by=hold.by, why=hold.why,
        )
        for hold in record.holds
        if hold.kind == "restriction" and hold.lot in (None, lot)
    ]  # fmt: skip
    state = standing_state(judged.reasons, record.facts, lot, on)
    return Standing(framework_id, record.id, record.name, lot, state, tuple(reasons), tuple(limits))


def _told(code: str, record: ProviderRecord, lot: str, on: date) -> list[StandingReason]:
    says = explain(code)
    if code in ("suspended", "suspended_lot", "paused"):
        kind, lots = {
            "suspended": ("suspension", (None,)),
            "suspended_lot": ("suspension", (lot,)),
            "paused": ("pause", (None, lot)),
        }[code]
        holds = [hold for hold in record.holds if hold.kind == kind and hold.lot in lots]
        return [_of_hold(code, says, hold) for hold in holds]
    if code == "insurance_lapsed":
        until = record.insurance_until
        return [StandingReason(code, says, since=until + timedelta(days=1) if until is not None else None)]
    if code == "not_admitted":
        ended = [a for a in record.admissions if a.lot == lot and a.ends_on is not None and a.ends_on < on]
        if ended:
            last = max(ended, key=lambda a: a.ends_on or date.min)
            return [StandingReason(code, says, since=last.ends_on, why=last.ended_reason or "")]
    return [StandingReason(code, says)]


def _of_hold(code: str, says: str, hold: Hold) -> StandingReason:
    return StandingReason(
        code, says, since=local_day(hold.since), until=hold.until, by=hold.by, why=hold.why, rule_key=hold.rule_key
    )
