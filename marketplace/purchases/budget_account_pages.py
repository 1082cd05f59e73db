"""The account of a direct payment for the family, and for its council where the terms ask for one; receipts."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get
from litestar.params import FromPath
from litestar.response import Response

from marketplace.billing.paper_pages import pdf_of
from marketplace.billing.statement_pages import days_asked
from marketplace.identity.guards import requires
from marketplace.platform.database import ask
from marketplace.platform.errors import InvalidInput
from marketplace.policy.calendar import local_day
from marketplace.purchases.account_statement import AccountStatement, open_account
from marketplace.purchases.bought_queries import RefundRow, receipts, refunds_of_budget
from marketplace.purchases.opening import open_receipt
from marketplace.purchases.printing import account_paper, account_sums
from marketplace.purchases.words import ACCOUNTS
from marketplace.web.csv_file import csv_file
from marketplace.web.forms import Form
from marketplace.web.render import page

SPENDS: dict[str, Any] = {"guards": [requires("direct_payment.spend")]}
WRITES: dict[str, Any] = {"guards": [requires("direct_payment.write")]}
BOTH: dict[str, Any] = {"guards": [requires("direct_payment.spend", "direct_payment.write")]}
HEADS = ("Day", "What", "With whom", "Minutes bought", "Minutes delivered", "Pounds", "From the budget", "Own money",
         "Gone back", "What became of it")  # fmt: skip
Asked = Request[Any, Any, Any]


@get("/budget/{direct_payment_id:uuid}/account", **SPENDS)
async def account_page(request: Asked, direct_payment_id: FromPath[UUID]) -> Response[Any]:
    """Receipts, what comes back, and my account of some days; as CSV too."""
    return await _page(request, direct_payment_id, f"/budget/{direct_payment_id}")


@get("/direct-payments/{direct_payment_id:uuid}/account", **WRITES)
async def council_account_page(request: Asked, direct_payment_id: FromPath[UUID]) -> Response[Any]:
    """The account the terms ask the family for, made for it; the look is logged."""
    return await _page(request, direct_payment_id, f"/direct-payments/{direct_payment_id}")


async def _page(request: Asked, direct_payment_id: UUID, above: str) -> Response[Any]:
    form = Form.starting_with(
        first_day=request.query_params.get("first_day", ""), last_day=request.query_params.get("last_day", "")
    )
    days = days_asked(form)
    try:
        found = await open_account(request.user, direct_payment_id, *((None, None) if form.errors else days))
    except InvalidInput as error:
        form.merge(error)
        found = await open_account(request.user, direct_payment_id)
    if request.query_params.get("format") == "csv" and not form.errors:
        return csv_file(f"account-{found.days.first_day}-{found.days.last_day}", HEADS, csv_rows(found))
    coming, family = await ask(request.user, refunds_of_budget, direct_payment_id), request.user.role == "family"
    return page(
        request, "purchases/account.html", title="Account of a direct payment", found=found, view=found.view,
        family=family, sums=account_sums(found), form=form, above=above, accounts=ACCOUNTS,
        refunds=[each for each in coming if within(each, found)],
        other_pence=sum(each.pence for each in coming if not within(each, found) and (family or each.visit_start)),
        receipts=await ask(request.user, receipts, direct_payment_id), status=400 if form.errors else 200,
    )  # fmt: skip


def within(refund: RefundRow, found: AccountStatement) -> bool:
    """Whether a refund belongs to an account's days: by its visit, as the account's sums; else by when it was owed."""
    return found.days.holds(local_day(refund.visit_start or refund.owed_at))


def csv_rows(found: AccountStatement) -> list[tuple[object, ...]]:
    """The account as rows under HEADS, by day."""
    rows: list[tuple[object, ...]] = [
        (
            line.day, f"Visit, package {line.package_reference}", line.provider, line.minutes, line.delivered_minutes,
            _pounds(line.pence), _pounds(line.budget_pence or 0), _pounds(line.top_up_pence or 0),
            _pounds(line.back_pence), line.what,
        )
        for line in found.lines
    ]  # fmt: skip
    rows += [
        (each.day, "Paid elsewhere", each.says, each.minutes, "", _pounds(each.pence), "", "", "", "")
        for each in found.elsewhere
    ]
    return sorted(rows, key=lambda row: str(row[0]))


def _pounds(pence: int) -> str:
    return f"{pence // 100}.{pence % 100:02d}"


@get("/budget/{direct_payment_id:uuid}/account.pdf", **SPENDS)
async def account_pdf(request: Asked, direct_payment_id: FromPath[UUID]) -> Response[bytes]:
    """My account to print, or to send to the council."""
    return await account_answer(request, direct_payment_id)


@get("/direct-payments/{direct_payment_id:uuid}/account.pdf", **WRITES)
async def council_account_pdf(request: Asked, direct_payment_id: FromPath[UUID]) -> Response[bytes]:
    """The family's account to keep with the case; the look is logged."""
    return await account_answer(request, direct_payment_id)


async def account_answer(request: Asked, direct_payment_id: UUID) -> Response[bytes]:
    """The account of the days in the query as a download. Raises `InvalidInput`."""
    form = Form.starting_with(
        first_day=request.query_params.get("first_day", ""), last_day=request.query_params.get("last_day", "")
    )
    days = days_asked(form)
    if form.errors:
        raise InvalidInput(dict(form.errors))
    return await pdf_of(account_paper(await open_account(request.user, direct_payment_id, *days)))


@get("/purchases/{purchase_id:uuid}/receipt.pdf", **BOTH)
async def receipt_pdf(request: Asked, purchase_id: FromPath[UUID]) -> Response[bytes]:
    """A receipt for what was paid; a council's look is logged."""
    return await pdf_of(await open_receipt(request.user, purchase_id))


ROUTES: list[Any] = [
    account_page, council_account_page, account_pdf, council_account_pdf, receipt_pdf,
]  # fmt: skip
