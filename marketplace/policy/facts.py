"""What the rules are asked about: visits, claims, rate cards, providers, workers. Frozen facts, no rules.

Instants are aware datetimes on whole minutes (`calendar.to_the_minute` cuts seconds off); days are London days; money
is whole pence. The application fills these from its rows, the calculators from a case file.
"""

from datetime import date, datetime
from typing import Literal

import msgspec

from marketplace.policy.calendar import Period
from marketplace.policy.funding import Shares

Outcome = Literal["delivered", "cancelled_on_arrival", "cancelled_by_family", "cancelled_by_provider", "missed"]


class RateRow(msgspec.Struct, frozen=True):
    """Pence per hour for an activity on a lot in a day band, from a day on."""

    lot: str
    activity: str
    band: str
    pence_per_hour: int
    from_: date = msgspec.field(name="from")


Billed = Literal["here", "elsewhere", "waits"]  # where a worker's time at a visit is billed

RateCard = tuple[RateRow, ...]


class VisitWorker(msgspec.Struct, frozen=True):
    """A worker as the record of a visit names them; `signed` is their own signature on it.

    `billed` says where their time is billed when brothers and sisters share it: it is billed once (L 6.5; data.md).
    It waits where it is not known yet, since one of those visits has no outcome.
    """

    name: str
    signed: bool
    billed: Billed = "here"


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """A planned visit and what became of it.

    `actual_*`, `activities`, `family_signed` and `overrun_approved` belong to delivered visits; `notice_at` to those
    the family cancelled. A resolved coded reason for a missing family signature counts as `family_signed`.
    `approved_minutes` is how long a visit with an approved overrun may be in all; None: as long as it was.
    `shares` are who pays for the visit's day; none means that one payer pays it all.
    """

    id: str
    lot: str
    activity: str
    planned_start: datetime
    planned_end: datetime
    outcome: Outcome
    workers: tuple[VisitWorker, ...] = ()
    actual_start: datetime | None = None
    actual_end: datetime | None = None
    activities: str | None = None
    family_signed: bool = False
    overrun_approved: bool = False
    approved_minutes: int | None = None
    notice_at: datetime | None = None
    shares: Shares = ()


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """A written agreement about lines beside visits: what a unit costs (None: as evidenced), how much in all, when.

    A unit is a mile above the pack's miles, or a report. Both days count.
    """

    id: str
    kind: str
    unit_pence: int | None
    most_pence: int
    from_: date = msgspec.field(name="from")
    to: date


class Longer(msgspec.Struct, frozen=True, kw_only=True):
    """The longer time of a visit an invoice has billed already, approved after that invoice was accepted.

    Minutes are the whole visit's, as in `Visit.approved_minutes`: `billed_minutes` what was approved when it was billed
    (None: nothing beyond the planned length), `approved_minutes` what is approved since.
    """

    visit: Visit
    billed_minutes: int | None
    approved_minutes: int


class OtherLine(msgspec.Struct, frozen=True, kw_only=True):
    """Something billed beside visits: miles of a session, reports, evidenced costs of a return to the area, or the
    longer time of a visit billed before.

    `units` are all miles of the session, reports, or minutes; `cost_pence` is asked only where the agreement has no
    unit price. `billed_pence` is what earlier invoices already took of the agreement's sum. `longer` belongs to longer
    time alone, which stands on its referrer's approval instead of an agreement.
    """

    id: str
    kind: str
    day: date
    units: int
    cost_pence: int
    evidenced: bool
    agreement: Agreement | None
    billed_pence: int = 0
    longer: Longer | None = None


class ClaimLine(msgspec.Struct, frozen=True):
    """What the provider asks for one visit, or for another line by its id."""

    visit: str
    pence: int


class Claim(msgspec.Struct, frozen=True):
    """The provider's invoice as it claims it: its lines and the total it wrote under them."""

    lines: tuple[ClaimLine, ...]
    total_pence: int


class InvoiceFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One invoice of one provider, framework, payer and billing period, with every visit it could concern.

    `visits` are those of the period and those held over from before. `carried_in_pence` is what is still owing.
    `payer` is whom the invoice goes to, as the visits' shares name it.
    `others` are the lines beside visits that wait to be billed.
    """

    period: Period
    submitted_at: datetime
    carried_in_pence: int
    rate_card: RateCard
    visits: tuple[Visit, ...]
    claim: Claim
    payer: str = ""
    others: tuple[OtherLine, ...] = ()


class Admission(msgspec.Struct, frozen=True):
    """A provider's admission to a lot; both days inclusive, `to` open where there is no end."""

    lot: str
    from_: date = msgspec.field(name="from")
    to: date | None = None


class CompetencyRecord(msgspec.Struct, frozen=True):
    """One assessment of a worker: when, how, and who signed it off (an assessor's id or name)."""

    code: str
    assessed_on: date
    method: str
    signed_off_by: str | None = None


class CheckRecord(msgspec.Struct, frozen=True):
    """One other check of a worker: when it was done, and to which day it is valid where it says so."""

    code: str
    done_on: date
    valid_until: date | None = None


class WorkerFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A worker's evidence. What is None or absent by default is not known and not judged: `checks`, for instance.

    `id` is compared with `signed_off_by`; list every name the worker signs with in `also_known_as`.
    `child_sign_offs` are the interventions the worker is signed off for with this very child. `dbs_doubted` where the
    DBS status has changed since the last clear check, so that no check counts.
    """

    id: str
    role: str
    dbs_checked_on: date | None
    nmc_until: date | None
    stood_down: bool
    competencies: tuple[CompetencyRecord, ...] = ()
    also_known_as: tuple[str, ...] = ()
    checks: tuple[CheckRecord, ...] | None = None
    drives: bool = False
    left_on: date | None = None
    child_sign_offs: tuple[str, ...] | None = None
    dbs_doubted: bool = False


class ProviderFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A provider's standing as far as the rules ask for it. `insurance_until` is None where there is none.

    `room` is how many new packages it may still be given on the lot asked about; None where nothing restricts it.
    """

    id: str
    admissions: tuple[Admission, ...]
    suspended: bool
    cqc_registered: bool
    insurance_until: date | None
    workers: tuple[WorkerFacts, ...] = ()
    paused: bool = False
    suspended_lots: tuple[str, ...] = ()
    room: int | None = None


class WeeklySlot(msgspec.Struct, frozen=True):
    """A visit that recurs each week: Monday is 0, times are London's clock ("HH:MM"); an end not after the start is on
    the next day."""

    weekday: int
    start: str
    end: str
    activity: str
