"""The single values of a pack, in groups: `pack.billing.deduction_pence` and so on.

A pack gives each as a rule `group.field` in its files; the types and bounds here are what such a rule may hold.
"""

from datetime import date
from typing import Annotated, Literal

import msgspec

from marketplace.policy.calendar import PeriodLength
from marketplace.policy.rules import Count, Months, Percent, Text

Pence = Annotated[int, msgspec.Meta(ge=0, le=100_000_000)]
AtLeastOne = Annotated[int, msgspec.Meta(ge=1, le=1_000)]


class Charging(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a visit costs when it happens, and what is charged when it does not. Percents are of the visit's price."""

    cancelled_on_arrival_percent: Percent
    cancelled_late_percent: Percent
    cancelled_in_time_percent: Percent
    cancelled_by_provider_percent: Percent
    missed_percent: Percent
    notice_hours: Count
    exact_notice_is_enough: bool
    every_worker_billed: bool
    overrun_needs_approval: bool
    # A pack written before this rule was one: on arrival is from the planned start on.
    on_arrival_minutes: Count = 0


class Billing(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The billing period, when its invoice is due, what a defect costs, and when the invoice is paid."""

    period_count: AtLeastOne
    period_unit: Literal["days", "months"]
    due_days: Count
    due_on_working_day: bool
    deduction_pence: Pence
    deduction_once: bool
    unfinished_left_off_is_defect: bool
    payment_days: Count
    payment_four_eyes_pence: Pence | None = None  # from this sum on a second person approves; None: never
    # A pack written before this rule was one: every waiver is confirmed by a second finance officer.
    waiver_alone_pence: Pence = 0
    # A pack written before these rules were some: asked for twice, and the clock stands meanwhile.
    credit_note_most_asked: AtLeastOne = 2
    payment_stands_for_provider: bool = True

    @property
    def period_length(self) -> PeriodLength:
        """The length of a billing period, for `calendar.period_containing`."""
        return PeriodLength(self.period_count, self.period_unit)


class Vat(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How care stands to VAT: the code and the sentence an e-invoice gives for each ground (law, so N)."""

    welfare_code: Text
    welfare_text: Text
    health_code: Text
    health_text: Text
    outside_code: Text
    outside_text: Text


class Ages(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whom the framework is for, in years, both ends counted; a lot may be narrower.

    `band_starts` are the first ages of the bands that stand for an age before award.
    """

    youngest: Count
    oldest: Count
    purchase_under: Count
    band_starts: Annotated[tuple[Count, ...], msgspec.Meta(min_length=1)]


class Readiness(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the evidence of a worker is read."""

    dbs_months: Months
    anniversary_counts: bool
    own_sign_off_counts: bool
    # A pack written before this was a rule takes an assessor's word.
    sign_off_needs_file: bool = False
    # What was done longer ago, or a last day before it, is a slip of typing.
    longest_years: AtLeastOne = 50
    # One written before this was a rule leaves it to the provider.
    dbs_needs_barred_list: bool = False


class Pathway(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """From referral to ending: what must be there before the next step."""

    panel_approval_first: bool
    answer_required: bool
    decline_needs_reason: bool
    anonymous_before_award: bool
    family_accepts_offer: bool
    plan_signed_before_first_visit: bool
    backup_named_before_first_visit: bool
    emergency_track: bool
    emergency_never_waives: tuple[Text, ...]
    emergency_answer_hours: AtLeastOne = 4  # what is offered; whoever authorises the emergency may set another time
    emergency_most_hours: AtLeastOne = 24  # the longest that may be set
    review_months: tuple[Months, ...]
    family_notice_days: Count
    meetings_billed: bool
    extra_mileage_above_miles: Count
    # A pack written before these were rules pays neither.
    report_fees_by_agreement: bool = False
    return_costs_by_agreement: bool = False
    information_charge: bool


class Providers(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is asked of every provider in numbers: how often papers are reviewed, whether insurance is declared with a
    file and how far ahead at most, within how many days an entry that alone ended it may be put right; how many days
    what a workforce file held is kept, and commissioners read the workers of a provider that has left."""

    document_review_months: Months
    # A pack written before this was a rule takes the provider's word.
    insurance_needs_file: bool = False
    # A pack written before these were rules: what lies ten years off is a slip of typing, and only a person lifts.
    insurance_most_months: Months = 120
    cover_slip_days: Count = 0
    # A pack written before these were rules keeps what was imported four weeks, and lets nobody read on.
    import_days: AtLeastOne = 28
    workers_read_days: Count = 0


class Calendar(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How far the pack vouches for its bank holidays beyond those published; empty where it does not."""

    bank_holidays_known_until: date | None = None


class Reminders(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When people are reminded of a duty, how soon a task without a contract's clock is expected, and how many days
    before the last good day of a piece of evidence its people are warned (0 is that day itself)."""

    before_hours: Count = 24
    after_hours: Count = 24
    task_days: Count = 2
    lapse_days: Annotated[tuple[Count, ...], msgspec.Meta(min_length=1)] = (84, 56, 28, 14, 7, 1, 0)


class Budget(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How many days before a child's allocation runs out its referrer is warned."""

    warn_days: Count = 42


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a family reads of a worker who has agreed to it (L 6.1 stage 1), in this order, beside name and role."""

    holds: tuple[Literal["own_words", "languages", "training", "video"], ...] = ("own_words", "languages")


class Evaluation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How applications are scored: by `scorers` people alone, then together, each criterion with 0 to `most_points`;
    and whether nobody is admitted before."""

    criteria: Annotated[tuple[Text, ...], msgspec.Meta(min_length=1, max_length=12)] = ("How it would deliver the lot",)
    most_points: AtLeastOne = 5
    scorers: AtLeastOne = 2
    # A pack written before this was a rule leaves it to whoever admits.
    agreed_before_admission: bool = False


class Purchases(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Direct payments: what happens to unspent money, from how many providers on prices are shown in public, whose
    money goes back first where a visit was paid partly beyond the budget, how long a request stays open, and until when
    what was bought is paid."""

    unspent_carries_over: bool = True
    band_providers: AtLeastOne = 3
    own_money_back_first: bool = True
    enquiry_open_days: AtLeastOne = 28
    card_hours: AtLeastOne = 24
    transfer_days_before: AtLeastOne = 1


class Watch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When a provider is said to drift: its last `drift_days` days beside as many before them. A share that has grown
    by `drift_points` hundredths, with `drift_least` cases or more now, is a drift (`policy/drifting.py`)."""

    drift_days: AtLeastOne = 28
    drift_least: AtLeastOne = 3
    drift_points: Percent = 10


class Contracts(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Contract management: how early a meeting or visit is asked for, what stands on each agenda beside the record,
    what a visit looks at, how long minutes and findings wait for an answer, what an hour on poor information costs."""

    notice_days: Count = 28
    answer_days: Count = 14
    agenda: tuple[Text, ...] = ()
    visit_areas: Annotated[tuple[Text, ...], msgspec.Meta(min_length=1)] = ("What was looked at",)
    # A pack written before this rule was one charges nothing: no rate was agreed.
    hour_pence: Pence = 0


GROUPS: dict[str, type[msgspec.Struct]] = {
    "charging": Charging,
    "billing": Billing,
    "vat": Vat,
    "ages": Ages,
    "readiness": Readiness,
    "pathway": Pathway,
    "providers": Providers,
    "calendar": Calendar,
    "reminders": Reminders,
    "budget": Budget,
    "profile": Profile,
    "evaluation": Evaluation,
    "purchases": Purchases,
    "watch": Watch,
    "contracts": Contracts,
}
