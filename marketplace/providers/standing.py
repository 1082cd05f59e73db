"""A provider's standing for a lot of a framework: one line, every reason, since and until when, by whom (domain 6).

The codes are decided by `policy.standing`; here each gets what the records say about it. The same lines are shown in
the broadcast preview, at award, in the console and on the provider's own page.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from uuid import UUID

from marketplace.frameworks.queries import pack_of
from marketplace.platform.database import Work
from marketplace.policy.calendar import local_day
from marketplace.policy.pack import Pack
from marketplace.policy.standing import State, explain, provider_standing, standing_state
from marketplace.policy.suspending import room
from marketplace.providers.facts import ProviderRecord, provider_records
from marketplace.providers.holds import Hold
from marketplace.providers.lots import lot_rows, record_told
from marketplace.web.filters import bracketed, count
from marketplace.web.filters import day as written_day

UNREGISTERED = "cqc_not_registered"
# reason: the pack's row that asks for it
REQUIRED = {UNREGISTERED: "cqc_registration", "insurance_lapsed": "insurance"}


@dataclass(frozen=True, slots=True)
class StandingReason:
    """Why new referrals do not reach a provider. `why` is in the decider's own words, `rule_key` and `clause` are those
    of the pack's rule where one stands behind it."""

    code: str
    says: str
    since: date | None = None
    until: date | None = None
    by: str | None = None
    why: str = ""
    rule_key: str | None = None
    clause: str = ""

    @property
    def sentence(self) -> str:
        """The reason with its dates, its decider and its clause, as the end of a sentence about the provider."""
        parts = [self.says]
        if self.since is not None:
            parts.append(f"since {written_day(self.since)}")
        if self.until is not None:
            parts.append(f"until {written_day(self.until)}")
        if self.by:
            parts.append(f"by {self.by}")
        return " ".join(parts) + bracketed(self.clause) + (f": {self.why}" if self.why else "")


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
        found = [
            Standing(framework_id, row.id, row.name, lot, "active", ())
            if row.told is None
            else judge_told(pack, framework_id, row.id, row.name, row.told, lot, local_day(at))
            for row in await lot_rows(work, framework_id, lot)
        ]
        return await dated(work, found, at)
    records = await provider_records(
        work,
        framework_id,
        provider_ids,
        lot=lot,
        at=at,
        commissioner_id=commissioner_id or work.actor.commissioner_id,
    )
    return await dated(work, [judge(pack, framework_id, record, lot, local_day(at)) for record in records], at)


async def dated(work: Work, found: list[Standing], at: datetime) -> list[Standing]:
    """Since when a provider has not been registered, asked of those alone that it stands against.

    A provider that never said it was registered has no such day.
    """
    without = [each.provider_id for each in found if UNREGISTERED in each.codes]
    if not without:
        return found
    since = {
        row["provider_id"]: local_day(row["since"])
        for row in await work.fetch(
            "SELECT c.provider_id, min(c.since) AS since FROM provider_cover c JOIN LATERAL (SELECT r.since, r.in_order"
            " FROM provider_cover r WHERE r.provider_id = c.provider_id AND r.cqc_registered AND r.since <= $2"
            " ORDER BY r.since DESC, r.in_order DESC LIMIT 1) last"
            " ON (c.since, c.in_order) > (last.since, last.in_order) WHERE c.provider_id = ANY ($1) AND c.since <= $2"
            " GROUP BY c.provider_id",
            without, at,
        )
    }  # fmt: skip
    return [
        replace(
            each,
            reasons=tuple(
                replace(reason, since=since[each.provider_id]) if reason.code == UNREGISTERED else reason
                for reason in each.reasons
            ),
        )
        if each.provider_id in since
        else each
        for each in found
    ]


@lru_cache(maxsize=5_000)  # of a lot's hundred providers the same few have something said of them all day
def judge_told(pack: Pack, framework_id: UUID, provider_id: UUID, name: str, told: str, lot: str, on: date) -> Standing:
    """The standing of one of a lot's providers by what was told of it (`LotRow`)."""
    return judge(pack, framework_id, record_told(provider_id, name, told, lot), lot, on)


def judge(pack: Pack, framework_id: UUID, record: ProviderRecord, lot: str, on: date) -> Standing:
    """What the rules say of a provider on a lot, each reason with what the records know about it."""
    judged = provider_standing(pack, lot, on, record.facts)
    reasons: list[StandingReason] = []
    rules = _rules(pack, on) if judged.reasons else {}
    for code in judged.reasons:
        reasons += _told(code, record, lot, on, rules)
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


def _rules(pack: Pack, on: date) -> dict[str, str]:
    """The clause of each rule that a standing may rest on, by its key."""
    content = pack.on(on).content
    return {row.key: row.clause for row in (*content.provider_requirements, *content.suspensions)}


def _told(code: str, record: ProviderRecord, lot: str, on: date, rules: Mapping[str, str]) -> list[StandingReason]:
    says = explain(code)
    if code in ("suspended", "suspended_lot", "paused"):
        kind, lots = {
            "suspended": ("suspension", (None,)),
            "suspended_lot": ("suspension", (lot,)),
            "paused": ("pause", (None, lot)),
        }[code]
        holds = [hold for hold in record.holds if hold.kind == kind and hold.lot in lots]
        return [_of_hold(code, says, hold, rules) for hold in holds]
    if code == "restriction_used_up":
        full = [hold for hold in record.holds if hold.kind == "restriction" and hold.lot in (None, lot)]
        # why it is restricted is said by the limit itself
        return [
            StandingReason(code, says, since=local_day(hold.since), until=hold.until, by=hold.by)
            for hold in full
            if room(hold.allowed, hold.given) <= 0
        ]
    if code in REQUIRED:
        key, until = REQUIRED[code], record.insurance_until
        since = until + timedelta(days=1) if code == "insurance_lapsed" and until is not None else None
        return [StandingReason(code, says, since=since, rule_key=key, clause=rules.get(key, ""))]
    if code == "not_admitted":
        ended = [a.ends_on for a in record.admissions if a.lot == lot and a.ends_on is not None and a.ends_on < on]
        if ended:
            last = max(ended)
            why = next(a.ended_reason for a in record.admissions if a.lot == lot and a.ends_on == last)
            return [StandingReason(code, says, since=last + timedelta(days=1), why=why or "")]
    return [StandingReason(code, says)]


def _of_hold(code: str, says: str, hold: Hold, rules: Mapping[str, str]) -> StandingReason:
    return StandingReason(
        code, says, since=local_day(hold.since), until=hold.until, by=hold.by, why=hold.why, rule_key=hold.rule_key,
        clause=rules.get(hold.rule_key or "", ""),
    )  # fmt: skip
