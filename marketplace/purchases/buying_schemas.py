"""What the API gives and takes about purchases."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

import msgspec

from marketplace.policy.buying import Method
from marketplace.purchases.bank import AccountVersion, Receipt
from marketplace.purchases.buying_queries import Line, PurchaseView
from marketplace.purchases.cards_money import CardsMoney
from marketplace.purchases.quoting import Account, Quote, VisitPriced


class VisitsIn(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Visits of the package that are planned and not bought yet."""

    visits: list[UUID]


class BuyIn(VisitsIn, forbid_unknown_fields=True, kw_only=True):
    """`shown_pence` is the price the quote gave; `top_up_pence` the yes to paying so much beyond the budget. With an
    `id` of one's own, sending it again buys once."""

    method: Method
    shown_pence: int
    top_up_pence: int = 0
    id: UUID | None = None


class AgreeIn(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`top_up_pence` is the yes to paying so much of one's own beyond the budget: the sum of the lines' top-ups."""

    top_up_pence: int = 0


class MethodIn(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    method: Method


class CardIn(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`token` is what Stripe's field made of a card in the browser (`tok_...`), never a card."""

    payment_id: UUID
    token: str


class PricedOut(msgspec.Struct, kw_only=True):
    """A planned visit with its price; `unpriced` says why there is none."""

    visit_id: UUID
    starts_at: datetime
    ends_at: datetime
    activity: str
    minutes: int
    pence: int | None
    unpriced: str


class BuyableOut(msgspec.Struct, kw_only=True):
    refusals: list[str]
    visits: list[PricedOut]


class QuoteOut(msgspec.Struct, kw_only=True):
    """`refusals` are sentences: with one the visits cannot be bought. `pay_by` holds the ways that are open."""

    pence: int
    minutes: int
    budget_pence: int
    top_up_pence: int
    pay_by: dict[str, datetime]
    refusals: list[str]
    visits: list[PricedOut]


class LineOut(msgspec.Struct, kw_only=True):
    """A bought visit. `top_up_pence` is the family's alone, null to everybody else."""

    visit_id: UUID
    starts_at: datetime
    minutes: int
    pence: int
    top_up_pence: int | None
    back_pence: int
    outcome: str | None


class TransferTo(msgspec.Struct, kw_only=True):
    name: str
    sort_code: str
    number: str


class PurchaseOut(msgspec.Struct, kw_only=True):
    """`status`: drafted, to_pay, confirming, declined, part_paid, paid, unpaid, withdrawn, ended.

    How it is paid, by when, what is missing and what came too much is the family's alone: null to everybody else.
    """

    id: UUID
    reference: str
    package_id: UUID
    direct_payment_id: UUID
    provider_id: UUID
    provider: str
    first_day: date
    last_day: date
    method: str | None
    status: str
    pence: int
    minutes: int
    missing_pence: int | None
    sent_back_pence: int | None
    made_at: datetime
    due_at: datetime | None
    paid_at: datetime | None
    lines: list[LineOut]
    pay_by: dict[str, datetime] = {}
    transfer_to: TransferTo | None = None


class CardOut(msgspec.Struct, kw_only=True):
    """A payment to be made in the browser; `state` is asked, confirming or failed."""

    payment_id: UUID
    pence: int
    state: str
    client_secret: str
    publishable_key: str


class AnswerOut(msgspec.Struct, kw_only=True):
    """`outcome`: received, confirm (with the secret for `confirmCardPayment`), declined (in `says`), waiting."""

    outcome: str
    client_secret: str
    says: str


class StatementIn(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The bank's statement as the text of a CSV file with columns for the date, the amount and the reference."""

    csv: str


class TakenOut(msgspec.Struct, kw_only=True):
    matched: int
    unmatched: int
    known: int


class ReceiptOut(msgspec.Struct, kw_only=True):
    """Money that came in. `state`: matched, unmatched, set_aside."""

    id: UUID
    received_on: date
    pence: int
    says: str
    state: str
    purchase_id: UUID | None
    reference: str | None
    back_pence: int
    set_aside_reason: str | None


class MatchIn(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    reference: str


class AccountIn(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    name: str
    sort_code: str
    number: str


class AccountOut(msgspec.Struct, kw_only=True):
    id: UUID
    name: str
    sort_code: str
    number: str
    entered_at: datetime
    confirmed_at: datetime | None


def priced_out(visit: VisitPriced) -> PricedOut:
    return PricedOut(
        visit_id=visit.id, starts_at=visit.start, ends_at=visit.end, activity=visit.activity, minutes=visit.minutes,
        pence=visit.pence, unpriced=visit.unpriced,
    )  # fmt: skip


def quote_out(asked: Quote) -> QuoteOut:
    return QuoteOut(
        pence=asked.pence, minutes=asked.minutes, budget_pence=asked.budget_pence, top_up_pence=asked.top_up_pence,
        pay_by={str(key): until for key, until in asked.pay_by.items()}, refusals=list(asked.refusals),
        visits=[priced_out(each) for each in asked.visits],
    )  # fmt: skip


def _line(line: Line) -> LineOut:
    return LineOut(
        visit_id=line.visit_id, starts_at=line.start, minutes=line.minutes, pence=line.pence,
        top_up_pence=line.top_up_pence, back_pence=line.back_pence, outcome=line.outcome,
    )  # fmt: skip


def purchase_out(
    view: PurchaseView, ways: dict[Method, datetime] | None = None, account: Account | None = None
) -> PurchaseOut:
    """A purchase; with how it can be paid where it waits for money."""
    to = None
    if account is not None and view.state == "waiting" and view.method == "transfer":
        to = TransferTo(name=account.name, sort_code=account.sort_code, number=account.number)
    return PurchaseOut(
        id=view.id, reference=view.reference, package_id=view.package_id, direct_payment_id=view.direct_payment_id,
        provider_id=view.provider_id, provider=view.provider, first_day=view.first_day, last_day=view.last_day,
        method=view.method, status=view.status, pence=view.pence, minutes=view.minutes,
        missing_pence=view.missing_pence, made_at=view.made_at,
        sent_back_pence=None if view.method is None else view.sent_back_pence,
        due_at=view.due_at, paid_at=view.paid_at, lines=[_line(each) for each in view.lines],
        pay_by={str(key): until for key, until in (ways or {}).items()}, transfer_to=to,
    )  # fmt: skip


def receipt_out(row: Receipt) -> ReceiptOut:
    return ReceiptOut(
        id=row.id, received_on=row.received_on, pence=row.pence, says=row.says, state=row.state,
        purchase_id=row.purchase_id, reference=row.reference, back_pence=row.back_pence,
        set_aside_reason=row.set_aside_reason,
    )  # fmt: skip


def account_out(row: AccountVersion) -> AccountOut:
    return AccountOut(
        id=row.id, name=row.name, sort_code=row.sort_code, number=row.number, entered_at=row.entered_at,
        confirmed_at=row.confirmed_at,
    )  # fmt: skip


class ToComeOut(msgspec.Struct, kw_only=True):
    """Pence of cards' money that Stripe has still to pay out to the client account."""

    to_come_pence: int


class CardsBookedOut(msgspec.Struct, kw_only=True):
    """Cards' money of one purchase that was paid by bank."""

    at: datetime
    purchase_id: UUID
    reference: str
    pence: int


class CardsArrivedOut(msgspec.Struct, kw_only=True):
    """A line of the bank's statement that brought it."""

    receipt_id: UUID
    received_on: date
    says: str
    pence: int


class CardsMoneyOut(msgspec.Struct, kw_only=True):
    """The sums are of everything, the lines the newest fifty of either side."""

    booked_pence: int
    arrived_pence: int
    to_come_pence: int
    booked: list[CardsBookedOut]
    arrived: list[CardsArrivedOut]


def cards_money_out(found: CardsMoney) -> CardsMoneyOut:
    return CardsMoneyOut(
        booked_pence=found.booked_pence, arrived_pence=found.arrived_pence, to_come_pence=found.to_come_pence,
        booked=[
            CardsBookedOut(at=each.at, purchase_id=each.purchase_id, reference=each.reference, pence=each.pence)
            for each in found.booked
        ],
        arrived=[
            CardsArrivedOut(
                receipt_id=each.receipt_id, received_on=each.received_on, says=each.says, pence=each.pence
            )
            for each in found.arrived
        ],
    )  # fmt: skip
