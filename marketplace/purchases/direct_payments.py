"""Recording, changing and ending a direct payment: by the referrer whose case it is, told to those who may spend it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Literal
from uuid import UUID

import asyncpg
import msgspec

from marketplace.frameworks.queries import lots as lots_of
from marketplace.frameworks.queries import my_frameworks
from marketplace.identity.permissions import permit
from marketplace.obligations.news import tell
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput
from marketplace.policy.calendar import local_day
from marketplace.policy.direct_payments import Kind, period_starts
from marketplace.purchases import queries
from marketplace.purchases.tables import DirectPayment
from marketplace.purchases.words import ACCOUNTS, MOST_REASON, PERIODS
from marketplace.referrals.children import own_case
from marketplace.referrals.grants import grants_of, holders

MOST_UNITS = 100_000_000  # a million pounds a period
FARTHEST = timedelta(days=3660)
STARTS_OFFERED = 13  # the present period and the twelve after it

Account = Literal["none", "receipts", "quarterly", "yearly"]
PeriodName = Literal["week", "four_weeks", "month", "year"]


class TermsGiven(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a direct payment gives and what it may buy. `units`: pence, or minutes where `kind` is "hours"."""

    kind: Kind
    units: int
    period: PeriodName
    lots: tuple[str, ...]
    top_up_allowed: bool
    account: Account


async def record_direct_payment(
    actor: Actor,
    child_id: UUID,
    framework_id: UUID,
    terms: TermsGiven,
    *,
    starts_on: date,
    ends_on: date | None = None,
) -> UUID:
    """Record a direct payment for a child of one's own case; those of the family who may spend it are told.

    Raises `InvalidInput` naming the field, also where one runs on these days already; `NotFound`, `NotPermitted`.
    """
    permit(actor, "direct_payment.write")
    async with unit_of_work(actor) as work:
        child = await own_case(work, actor, child_id)
        today = local_day(work.now)
        faults = await _faults(work, framework_id, terms)
        if not today - FARTHEST <= starts_on <= today + FARTHEST:
            faults["starts_on"] = "The first day must be within ten years of today"
        elif ends_on is not None and not starts_on <= ends_on <= starts_on + FARTHEST:
            faults["ends_on"] = "The last day must not be before the first day, nor more than ten years after it"
        if faults:
            raise InvalidInput(faults)
        row = DirectPayment(
            commissioner_id=child.commissioner_id, child_id=child_id, framework_id=framework_id, starts_on=starts_on,
            ends_on=ends_on, recorded_at=work.now, recorded_by=actor.person_id,
        )  # fmt: skip
        try:
            await DirectPayment.insert(row)
        except asyncpg.ExclusionViolationError:
            says = "This child has a direct payment on some of these days already. Change or end that one"
            raise InvalidInput({"starts_on": says}) from None
        await _write(work, row, terms, starts_on, "")
        work.audit("direct_payment.recorded", "direct_payment", row.id, child=child_id, framework=framework_id)
        await _tell_family(work, row, "A direct payment has been recorded for a child in your care.")
        return row.id


async def change_terms(
    actor: Actor, direct_payment_id: UUID, terms: TermsGiven, *, applies_from: date, reason: str
) -> None:
    """Other terms from the start of the present period or a later one; the earlier ones stay on record.

    Raises `InvalidInput` naming the field, `Conflict` where it has ended, `NotFound`, `NotPermitted`.
    """
    permit(actor, "direct_payment.write")
    async with unit_of_work(actor) as work:
        row = await _running(work, actor, direct_payment_id)
        faults = await _faults(work, row.framework_id, terms)
        view = await queries.direct_payment(work, direct_payment_id)
        if applies_from not in starts_offered(view, local_day(work.now)):
            faults["applies_from"] = "Select the first day of a period"
        elif row.ends_on is not None and applies_from > row.ends_on:
            faults["applies_from"] = "The direct payment ends before that day"
        _reason(reason, faults, "Enter why the terms change")
        if faults:
            raise InvalidInput(faults)
        await _write(work, row, terms, applies_from, reason.strip())
        work.audit(
            "direct_payment.changed", "direct_payment", row.id, child=row.child_id, applies_from=applies_from
        )  # fmt: skip
        await _tell_family(work, row, "The terms of a direct payment have changed.")


async def end_direct_payment(actor: Actor, direct_payment_id: UUID, *, last_day: date, reason: str) -> None:
    """End it after its last day. Raises `InvalidInput` naming the field, `Conflict` where it was ended already."""
    permit(actor, "direct_payment.write")
    async with unit_of_work(actor) as work:
        row = await _running(work, actor, direct_payment_id)
        faults: dict[str, str] = {}
        latest = row.ends_on or local_day(work.now) + FARTHEST
        if not row.starts_on <= last_day <= latest:
            faults["last_day"] = "The last day must lie between the first day and the end agreed so far"
        _reason(reason, faults, "Enter why it ends")
        if faults:
            raise InvalidInput(faults)
        await work.execute(
            "UPDATE direct_payment SET ends_on = $3, ended_at = $4, ended_by = $5, ended_reason = $6"
            " WHERE commissioner_id = $1 AND id = $2",
            row.commissioner_id, row.id, last_day, work.now, actor.person_id, reason.strip(),
        )  # fmt: skip
        work.audit("direct_payment.ended", "direct_payment", row.id, child=row.child_id, last_day=last_day)
        await _tell_family(work, row, "A direct payment is going to end, or has ended.")


def starts_offered(view: queries.DirectPaymentView, today: date) -> tuple[date, ...]:
    """The days other terms may apply from."""
    return period_starts(view.terms, today, STARTS_OFFERED)


async def _running(work: Work, actor: Actor, direct_payment_id: UUID) -> DirectPayment:
    row = await DirectPayment.objects().where(DirectPayment.id == direct_payment_id).first().lock_rows("NO KEY UPDATE")
    if row is None:
        raise queries.nothing()
    await own_case(work, actor, row.child_id)
    if row.ended_at is not None:
        raise Conflict("This direct payment has been ended already. Record a new one.")
    return row


async def _faults(work: Work, framework_id: UUID, terms: TermsGiven) -> dict[str, str]:
    faults: dict[str, str] = {}
    # a framework of one's own that is open or closed: what was agreed goes on after it closes
    known = {each.id for each in await my_frameworks(work) if each.state != "draft"}
    if framework_id not in known:
        faults["framework_id"] = "Select one of your frameworks"
    else:
        codes = {each.code for each in await lots_of(work, framework_id)}
        if not terms.lots:
            faults["lots"] = "Select what the money may buy"
        elif set(terms.lots) - codes or len(set(terms.lots)) != len(terms.lots):
            faults["lots"] = "Choose what the money may buy from the list"
    if not 0 < terms.units <= MOST_UNITS:
        faults["units"] = "Enter an amount between 1 penny and £1,000,000, or at least a minute"
    if terms.kind not in ("money", "hours"):
        faults["kind"] = "Select whether it is money or hours"
    if terms.period not in PERIODS:
        faults["period"] = "Select how often it is paid"
    if terms.account not in ACCOUNTS:
        faults["account"] = "Select what account the family gives"
    return faults


def _reason(reason: str, faults: dict[str, str], missing: str) -> None:
    if not reason.strip():
        faults["reason"] = missing
    elif len(reason.strip()) > MOST_REASON:
        faults["reason"] = f"The reason must be {MOST_REASON} characters or fewer"


async def _write(work: Work, row: DirectPayment, terms: TermsGiven, applies_from: date, reason: str) -> None:
    lots: Sequence[str] = sorted(terms.lots)
    await work.execute(
        """INSERT INTO direct_payment_terms (commissioner_id, direct_payment_id, child_id, applies_from, kind, units,
               period, lots, top_up_allowed, account, reason, written_at, written_by, written_by_name)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)""",
        row.commissioner_id, row.id, row.child_id, applies_from, terms.kind, terms.units, terms.period, lots,
        terms.top_up_allowed, terms.account, reason, work.now, work.actor.person_id, work.actor.person_name,
    )  # fmt: skip


async def _tell_family(work: Work, row: DirectPayment, sentence: str) -> None:
    for grant in holders(await grants_of(work, row.child_id), "spend", local_day(work.now)):
        await tell(work, sentence, f"/budget/{row.id}", person_id=grant.person_id)


async def open_direct_payment(actor: Actor, direct_payment_id: UUID) -> queries.DirectPaymentView:
    """A direct payment with what was spent of it: for a referrer a look at the child's record, logged.

    Raises `NotFound`; `NotPermitted` to a referrer whose case it is not.
    """
    permit(actor, "direct_payment.read")
    async with unit_of_work(actor) as work:
        view = await queries.direct_payment(work, direct_payment_id)
        if actor.role != "family":
            await own_case(work, actor, view.child_id)
            await work.look(view.commissioner_id, "child", view.child_id, "own case, direct payment")
        return view
