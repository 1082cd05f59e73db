"""A provider's standing for a lot and a worker's readiness for a package, each with its reasons (domain 3, 4.1, 6)."""

from datetime import date, timedelta
from typing import Literal

import msgspec

from marketplace.policy.calendar import add_months
from marketplace.policy.facts import CheckRecord, CompetencyRecord, ProviderFacts, WorkerFacts
from marketplace.policy.pack import Pack
from marketplace.policy.records import is_blank
from marketplace.policy.rules import Lot, WorkerCheck

State = Literal["active", "paused", "restricted", "suspended", "ended", "not admitted"]

# What each reason says to people; `{item}` is the competency, check or intervention it is about.
SENTENCES = {
    "not_admitted": "is not admitted to this lot on that day",
    "suspended": "is suspended from new referrals",
    "suspended_lot": "is suspended from new referrals on this lot",
    "paused": "has paused new referrals by its own wish",
    "restriction_used_up": "has taken on as many new packages as it may while it is restricted",
    "restricted": "may take on a limited number of new packages",
    "cqc_not_registered": "is not registered with the Care Quality Commission",
    "insurance_lapsed": "has no insurance in date",
    "role_not_for_lot": "has a role this lot does not take",
    "dbs_missing": "has no DBS check",
    "dbs_doubted": "has new information on the DBS certificate, so a new certificate is needed",
    "dbs_check_overdue": "has a DBS check that is due again",
    "nmc_missing": "has no registration with the Nursing and Midwifery Council",
    "nmc_lapsed": "has a lapsed registration with the Nursing and Midwifery Council",
    "stood_down": "is stood down",
    "left_provider": "has left the provider",
    "competency_missing": "has not been assessed in {item}",
    "competency_not_signed_off": "is not signed off in {item}",
    "competency_expired": "is due again in {item}",
    "worker_check_missing": "lacks a check: {item}",
    "worker_check_expired": "has a check that is due again: {item}",
    "child_sign_off_missing": "is not signed off with this child for {item}",
}


class WorkerReason(msgspec.Struct, frozen=True, order=True):
    """Why a worker is not ready; `item` is the code of the competency, check or intervention, or None."""

    code: str
    item: str | None = None


class WorkerReadiness(msgspec.Struct, frozen=True):
    """A worker judged for a lot on a day."""

    id: str
    reasons: tuple[WorkerReason, ...]

    @property
    def ready(self) -> bool:
        """Whether the worker may be proposed and placed."""
        return not self.reasons


class ProviderStanding(msgspec.Struct, frozen=True):
    """A provider judged for a lot on a day. A broadcast reaches it whatever its workers' readiness."""

    id: str
    reasons: tuple[str, ...]
    workers: tuple[WorkerReadiness, ...] = ()

    @property
    def reached(self) -> bool:
        """Whether a broadcast reaches the provider."""
        return not self.reasons


def provider_standing(
    pack: Pack,
    lot: str,
    on: date,
    provider: ProviderFacts,
    needs: tuple[str, ...] = (),
    child_specific: tuple[str, ...] = (),
) -> ProviderStanding:
    """Whether a provider is in good standing for a lot on a day, and which of its workers are ready for the needs.

    Reasons are alphabetical. Raises `UnknownCode` for a lot the pack does not hold.
    """
    rule = pack.on(on).lot(lot)
    asked = {row.key for row in pack.on(on).content.provider_requirements if row.effect == "standing"}
    uninsured = provider.insurance_until is None or provider.insurance_until < on
    admitted = any(
        admission.lot == lot and admission.from_ <= on and (admission.to is None or on <= admission.to)
        for admission in provider.admissions
    )
    holds = {
        "cqc_not_registered": "cqc_registration" in asked and rule.regulated and not provider.cqc_registered,
        "insurance_lapsed": "insurance" in asked and uninsured,
        "not_admitted": not admitted,
        "paused": provider.paused,
        "restriction_used_up": provider.room is not None and provider.room <= 0,
        "suspended": provider.suspended,
        "suspended_lot": lot in provider.suspended_lots,
    }
    workers = tuple(worker_readiness(pack, lot, on, worker, needs, child_specific) for worker in provider.workers)
    return ProviderStanding(provider.id, tuple(sorted(code for code, does in holds.items() if does)), workers)


def standing_state(reasons: tuple[str, ...], provider: ProviderFacts, lot: str, on: date) -> State:
    """One word for a provider on a lot: what stands against it most, or how far it may go (domain 2, 6).

    Restricted: new packages up to a number, also when that number is used up and nothing else stands against it.
    """
    if "not_admitted" in reasons:
        ended = any(each.lot == lot and each.to is not None and each.to < on for each in provider.admissions)
        return "ended" if ended else "not admitted"
    if set(reasons) - {"paused", "restriction_used_up"}:
        return "suspended"
    if "paused" in reasons:
        return "paused"
    return "active" if provider.room is None else "restricted"


def worker_readiness(
    pack: Pack,
    lot: str,
    on: date,
    worker: WorkerFacts,
    needs: tuple[str, ...] = (),
    child_specific: tuple[str, ...] = (),
) -> WorkerReadiness:
    """Whether a worker is ready for a package on a lot that starts on a day (domain 3, last point).

    `needs` are the starred competencies the child needs, `child_specific` the interventions signed off child by child
    (judged only where the facts carry `child_sign_offs`). Reasons are sorted by code, then item.
    """
    pack = pack.on(on)
    rule = pack.lot(lot)
    reasons = [
        *_person_reasons(rule, on, worker),
        *_dbs_reasons(pack, on, worker),
        *_registration_reasons(pack, rule, on, worker),
        *_competency_reasons(pack, lot, on, worker, needs),
        *_check_reasons(pack, on, worker),
    ]
    if worker.child_sign_offs is not None:
        signed = worker.child_sign_offs
        reasons += [WorkerReason("child_sign_off_missing", item) for item in set(child_specific) if item not in signed]
    return WorkerReadiness(worker.id, tuple(sorted(reasons, key=lambda reason: (reason.code, reason.item or ""))))


def competency_current_until(pack: Pack, code: str, assessed_on: date) -> date | None:
    """The last day an assessment counts by the pack as it stands (ask `pack.on(day)` first, as readiness does); None
    where the competency has no frequency."""
    months = pack.competencies[code].months
    return None if months is None else last_good_day(pack, assessed_on, months)


def dbs_current_until(pack: Pack, checked_on: date) -> date:
    """The last day a DBS check counts."""
    return last_good_day(pack, checked_on, pack.readiness.dbs_months)


def check_current_until(pack: Pack, code: str, done_on: date, valid_until: date | None = None) -> date | None:
    """The last day a recorded check counts: its own end or its frequency's, the earlier; None where it has neither."""
    months = pack.worker_checks[code].months
    ends = [valid_until, None if months is None else last_good_day(pack, done_on, months)]
    return min((day for day in ends if day is not None), default=None)


def required_competencies(pack: Pack, lot: str, needs: tuple[str, ...] = ()) -> tuple[str, ...]:
    """What a lot asks of a worker: what it always asks, and of the starred ones those the child needs."""
    rows = pack.requirements(lot)
    return tuple(row.competency for row in rows if row.kind == "always" or row.competency in needs)


def explain(reason: WorkerReason | str, pack: Pack | None = None) -> str:
    """A reason as the end of a sentence about the provider or worker; a pack gives the item its title."""
    if isinstance(reason, str):
        return SENTENCES[reason]
    return SENTENCES[reason.code].format(item=_title(reason.item, pack))


def _title(item: str | None, pack: Pack | None) -> str:
    if item is None or pack is None:
        return item or ""
    titles = {row.code: row.title for row in pack.content.interventions}
    titles |= {row.key: row.title for row in (*pack.content.worker_checks, *pack.content.competencies)}
    return titles.get(item, item)


def last_good_day(pack: Pack, done_on: date, months: int) -> date:
    """The last day something repeated every so many months counts: its anniversary, where the pack says so."""
    anniversary = add_months(done_on, months)
    return anniversary if pack.readiness.anniversary_counts else anniversary - timedelta(days=1)


def _person_reasons(lot: Lot, on: date, worker: WorkerFacts) -> list[WorkerReason]:
    reasons: list[WorkerReason] = []
    if lot.roles and worker.role not in lot.roles:
        reasons.append(WorkerReason("role_not_for_lot"))
    if worker.stood_down:
        reasons.append(WorkerReason("stood_down"))
    if worker.left_on is not None and worker.left_on < on:
        reasons.append(WorkerReason("left_provider"))
    return reasons


def _dbs_reasons(pack: Pack, on: date, worker: WorkerFacts) -> list[WorkerReason]:
    if not any(check.required and check.evidence == "dbs" for check in pack.content.worker_checks):
        return []
    if worker.dbs_checked_on is None or worker.dbs_checked_on > on:
        return [WorkerReason("dbs_doubted" if worker.dbs_doubted else "dbs_missing")]
    if dbs_current_until(pack, worker.dbs_checked_on) < on:
        return [WorkerReason("dbs_check_overdue")]
    return []


def _registration_reasons(pack: Pack, lot: Lot, on: date, worker: WorkerFacts) -> list[WorkerReason]:
    role = pack.roles.get(worker.role)
    asked = {
        "registered_lot": worker.role in lot.registered_roles,
        "registered_role": role is not None and role.registration is not None,
    }
    checks = [check for check in pack.content.worker_checks if check.required and check.evidence == "registration"]
    if not any(asked.get(check.when, False) for check in checks):
        return []
    if worker.nmc_until is None:
        return [WorkerReason("nmc_missing")]
    return [WorkerReason("nmc_lapsed")] if worker.nmc_until < on else []


def _competency_reasons(
    pack: Pack, lot: str, on: date, worker: WorkerFacts, needs: tuple[str, ...]
) -> list[WorkerReason]:
    reasons: list[WorkerReason] = []
    for code in required_competencies(pack, lot, needs):
        records = [record for record in worker.competencies if record.code == code and record.assessed_on <= on]
        signed = [record for record in records if _signed_off(pack, worker, record)]
        months = pack.competencies[code].months
        current = [
            record for record in signed if months is None or on <= last_good_day(pack, record.assessed_on, months)
        ]
        if not records:
            reasons.append(WorkerReason("competency_missing", code))
        elif not signed:
            reasons.append(WorkerReason("competency_not_signed_off", code))
        elif not current:
            reasons.append(WorkerReason("competency_expired", code))
    return reasons


def _signed_off(pack: Pack, worker: WorkerFacts, record: CompetencyRecord) -> bool:
    # Attendance alone never counts (L 6.4), nor does a worker's own word (D).
    if record.signed_off_by is None or is_blank(record.signed_off_by) or not pack.methods.get(record.method, False):
        return False
    own = record.signed_off_by.strip() in {name.strip() for name in (worker.id, *worker.also_known_as)}
    return not own or pack.readiness.own_sign_off_counts


def _check_reasons(pack: Pack, on: date, worker: WorkerFacts) -> list[WorkerReason]:
    if worker.checks is None:
        return []
    reasons: list[WorkerReason] = []
    for check in pack.content.worker_checks:
        asked = check.required and check.evidence == "record" and (check.when != "driving" or worker.drives)
        if not asked:
            continue
        records = [record for record in worker.checks if record.code == check.key and record.done_on <= on]
        if not records:
            reasons.append(WorkerReason("worker_check_missing", check.key))
        elif not any(_check_in_date(pack, check, record, on) for record in records):
            reasons.append(WorkerReason("worker_check_expired", check.key))
    return reasons


def _check_in_date(pack: Pack, check: WorkerCheck, record: CheckRecord, on: date) -> bool:
    if record.valid_until is not None and record.valid_until < on:
        return False
    return check.months is None or on <= last_good_day(pack, record.done_on, check.months)
