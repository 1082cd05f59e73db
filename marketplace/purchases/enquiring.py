"""A family asks providers for support that its direct payment pays for, and takes a request back.

Until it agrees with one of them, a provider knows a reference, an age band and an area, as of a referral; and never
that others were asked.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

from marketplace.frameworks.queries import pack_of
from marketplace.identity.permissions import permit
from marketplace.obligations.duties import Owed, cancel, owe
from marketplace.obligations.news import tell
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import InvalidInput, WrongState
from marketplace.policy import duties as clocks
from marketplace.policy.ages import age_band, age_on
from marketplace.policy.calendar import CalendarError, local_day
from marketplace.policy.direct_payments import Reason, purchase_refusals
from marketplace.policy.facts import WeeklySlot
from marketplace.policy.pack import Pack
from marketplace.policy.records import is_blank
from marketplace.purchases import directory, enquiries, queries
from marketplace.purchases.finding import visit_days
from marketplace.purchases.queries import DirectPaymentView
from marketplace.purchases.tables import Enquiry
from marketplace.purchases.words import refusal
from marketplace.referrals import anonymity, needs
from marketplace.referrals.patterns import Pattern, checked, slots
from marketplace.referrals.references import new_reference

ANSWER = "enquiry_response"
LONGEST_SAYS, LONGEST_AREA = 2_000, 100
MOST_PROVIDERS = 10
# which of a request's fields a refusal is about
FIELDS: dict[Reason, str] = {"too_old": "starts_on", "outside_dates": "starts_on"}


@dataclass(frozen=True, slots=True)
class Wish:
    """What a family asks for: `needs` are codes of the pack, `pattern` an ordinary week from `starts_on`."""

    lot: str
    pattern: tuple[WeeklySlot, ...]
    starts_on: date
    says: str
    area: str = ""
    needs: tuple[str, ...] = ()
    workers: int = 1


@dataclass(frozen=True, slots=True)
class CheckedWish:
    """A wish the rules let through, and whom it goes to by name."""

    view: DirectPaymentView
    pack: Pack
    pattern: Pattern
    age_band: str
    providers: Mapping[UUID, str]


async def check_wish(
    work: Work, direct_payment_id: UUID, wish: Wish, provider_ids: Collection[UUID], confirmed: Collection[str] = ()
) -> CheckedWish:
    """What would be sent; nothing is kept.

    Raises `InvalidInput` by field (lot, pattern, starts_on, workers, needs, says, area, providers, confirmed),
    `NotFound` for a direct payment that is not the actor's to spend.
    """
    view = await queries.direct_payment(work, direct_payment_id)
    pack = await pack_of(work, view.framework_id)
    today = local_day(work.now)
    if wish.lot not in view.now.lots or wish.lot not in pack.lots:
        raise InvalidInput({"lot": "Choose what you look for from the list"})
    faults: dict[str, str] = {}
    if wish.starts_on < today:
        faults["starts_on"] = "The first day must be today or later"
    if not wish.pattern:
        faults["pattern"] = "Enter at least one visit a week"
    if not 1 <= wish.workers <= 2:
        faults["workers"] = "Choose one worker or two"
    if is_blank(wish.says):
        faults["says"] = "Enter what matters to your child"
    elif len(wish.says) > LONGEST_SAYS:
        faults["says"] = f"What matters must be {LONGEST_SAYS:,} characters or fewer"
    if len(wish.area) > LONGEST_AREA:
        faults["area"] = f"The area must be {LONGEST_AREA} characters or fewer"
    if not provider_ids:
        faults["providers"] = "Select whom to ask"
    elif len(set(provider_ids)) > MOST_PROVIDERS:
        faults["providers"] = f"Ask at most {MOST_PROVIDERS} providers at a time"
    codes = {need.code for kind in needs.menu(pack, wish.lot)[:2] for need in kind}
    if set(wish.needs) - codes:
        faults["needs"] = "Choose needs from the list"
    if faults:
        raise InvalidInput(faults)
    pattern = checked(wish.pattern, pack.on(wish.starts_on).lot(wish.lot).activities)
    open_now = {
        each.provider_id: each.name
        for each in await directory.entries(work, view.framework_id, view.commissioner_id)
        if wish.lot in each.lots
    }
    if set(provider_ids) - set(open_now):
        raise InvalidInput({"providers": "Not every provider you chose takes new families at the moment. Choose again"})
    born = await born_on(work, view)
    refuse(pack, born, slots(pattern), wish.starts_on, wish.lot, view)
    too_young_or_old = needs.age_refusal(pack, wish.lot, born, wish.starts_on)
    if too_young_or_old:
        raise InvalidInput({"lot": too_young_or_old})
    standing = anonymity.unsettled(await doubts(work, view, wish.says, wish.area), confirmed)
    if standing:
        raise InvalidInput({doubt.field: doubt.what_to_do for doubt in reversed(standing)})
    band = age_band(pack, age_on(born, wish.starts_on))
    return CheckedWish(view, pack, pattern, band, {key: open_now[key] for key in dict.fromkeys(provider_ids)})


async def doubts(work: Work, view: DirectPaymentView, says: str, area: str) -> list[anonymity.Doubt]:
    """Words that may tell who the child is, to be taken out or confirmed."""
    known = await anonymity.known_facts(work, view.commissioner_id, view.child_id)
    return anonymity.doubts({"says": says, "area": area}, known)


async def born_on(work: Work, view: DirectPaymentView) -> date:
    """The child's date of birth, for its own family."""
    return await work.fetchval(
        "SELECT date_of_birth FROM child_identity WHERE commissioner_id = $1 AND child_id = $2",
        view.commissioner_id, view.child_id,
    )  # fmt: skip


def refusals(
    pack: Pack, born: date, pattern: tuple[WeeklySlot, ...], starts_on: date, lot: str, view: DirectPaymentView,
    takes_new_families: bool = True,
) -> tuple[Reason, ...]:  # fmt: skip
    """Why the family could not buy this week from that day on. Raises `InvalidInput` for a start out of reach."""
    try:
        days = visit_days(pack, pattern, starts_on) or (starts_on,)
    except (CalendarError, OverflowError) as error:
        raise InvalidInput({"starts_on": f"This start cannot be priced: {error}."}) from error
    return purchase_refusals(
        pack, born, days, lot, lots=tuple(view.now.lots), starts_on=view.starts_on, ends_on=view.ends_on,
        takes_new_families=takes_new_families,
    )  # fmt: skip


def refuse(
    pack: Pack, born: date, pattern: tuple[WeeklySlot, ...], starts_on: date, lot: str, view: DirectPaymentView
) -> None:
    """Raise `InvalidInput` where the family could not buy this week from that day on."""
    for reason in refusals(pack, born, pattern, starts_on, lot, view):
        raise InvalidInput({FIELDS.get(reason, "lot"): refusal(reason, pack, starts_on)})


async def ask_providers(
    actor: Actor,
    direct_payment_id: UUID,
    wish: Wish,
    provider_ids: Collection[UUID],
    *,
    confirmed: Collection[str] = (),
    enquiry_id: UUID | None = None,
) -> UUID:
    """Send a request to one provider or several; returns its id. Sent again with the same `enquiry_id` it is sent once.

    `confirmed` are words of its texts that identify nobody. Raises what `check_wish` raises.
    """
    permit(actor, "direct_payment.spend")
    async with unit_of_work(actor) as work:
        checked_wish = await check_wish(work, direct_payment_id, wish, provider_ids, confirmed)
        view, pack = checked_wish.view, checked_wish.pack
        row_id, reference = enquiry_id or uuid4(), new_reference("E")
        open_days = pack.on(local_day(work.now)).purchases.enquiry_open_days
        done = await work.execute(
            """INSERT INTO enquiry (commissioner_id, id, framework_id, direct_payment_id, child_id, reference, lot_code,
                   age_band, area, needs, says, pattern, workers_per_visit, starts_on, asked_at, asked_by, open_until)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
               ON CONFLICT DO NOTHING""",
            view.commissioner_id, row_id, view.framework_id, view.id, view.child_id, reference, wish.lot,
            checked_wish.age_band, wish.area.strip(), sorted(set(wish.needs)), wish.says.strip(), checked_wish.pattern,
            wish.workers, wish.starts_on, work.now, actor.person_id, work.now + timedelta(days=open_days),
        )  # fmt: skip
        if done != "INSERT 0 1":  # sent already: by whom else than this family it could not be found
            return (await enquiries.enquiry(work, row_id)).id
        answer_by = clocks.due_at(pack, ANSWER, work.now)
        for provider_id in checked_wish.providers:
            await work.execute(
                "INSERT INTO enquiry_reach (commissioner_id, enquiry_id, framework_id, provider_id, asked_at,"
                " answer_by) VALUES ($1, $2, $3, $4, $5, $6)",
                view.commissioner_id, row_id, view.framework_id, provider_id, work.now, answer_by,
            )  # fmt: skip
            # the provider's own: no council reads who was asked
            await owe(
                work, pack, ANSWER, subject_type="enquiry", subject_id=row_id, reference=reference,
                owed_by=Owed(organisation_id=provider_id), link=f"/enquiries/{row_id}",
            )  # fmt: skip
            said = f"A family asks you for support: request {reference}."
            await tell(work, said, f"/enquiries/{row_id}", organisation_id=provider_id)
        work.audit(
            "enquiry.sent", "enquiry", row_id, commissioner_id=view.commissioner_id, reference=reference,
            providers=len(checked_wish.providers), lot=wish.lot,
        )  # fmt: skip
        return row_id


async def withdraw_enquiry(actor: Actor, enquiry_id: UUID) -> None:
    """Take a request back; whoever was asked is told, without details. Raises `WrongState`, `NotFound`."""
    permit(actor, "direct_payment.spend")
    async with unit_of_work(actor) as work:
        row = await enquiries.enquiry(work, enquiry_id, lock=True)
        if row.state != "open":
            raise WrongState("request", row.state, "taken back", "This request is closed already.")
        await close(work, row)
        work.audit("enquiry.withdrawn", "enquiry", row.id, commissioner_id=row.commissioner_id)


async def close(work: Work, row: Enquiry, but: UUID | None = None) -> None:
    """End a request, for every provider asked but one with the same words, whatever it has answered."""
    values: dict[Any, Any] = {"state": "closed", "closed_at": work.now}
    await Enquiry.update(values).where(Enquiry.id == row.id).where(Enquiry.state == "open")
    await work.execute(
        "UPDATE enquiry_answer SET state = 'not_chosen', decided_at = $3 WHERE commissioner_id = $1 AND enquiry_id = $2"
        " AND state = 'offered'",
        row.commissioner_id, row.id, work.now,
    )  # fmt: skip
    asked = await work.fetch(
        "UPDATE enquiry_reach SET closed_at = $3 WHERE commissioner_id = $1 AND enquiry_id = $2 AND closed_at IS NULL"
        " RETURNING provider_id",
        row.commissioner_id, row.id, work.now,
    )  # fmt: skip
    await cancel(work, row.id)
    for each in asked:
        if each["provider_id"] != but:
            said = f"The family does not go on with request {row.reference}. No answer is needed any more."
            await tell(work, said, f"/enquiries/{row.id}", organisation_id=each["provider_id"])
