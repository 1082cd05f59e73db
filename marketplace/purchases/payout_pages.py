"""A provider's pages of what families bought of it: its account at Stripe, what is due and paid, a statement."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from litestar import Request, get, post
from litestar.response import Response

from marketplace.billing.statement_pages import days_asked
from marketplace.identity.context import settings_of
from marketplace.identity.guards import requires
from marketplace.identity.permissions import may
from marketplace.platform import stripe_api
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import Conflict, Unavailable
from marketplace.policy.calendar import Period, local, local_day
from marketplace.purchases import accounts
from marketplace.purchases.bought_queries import STATEMENT_KINDS, BoughtLine, of_provider, payout_statement
from marketplace.web.csv_file import csv_file
from marketplace.web.forms import Form
from marketplace.web.render import page, see_other

READS: dict[str, Any] = {"guards": [requires("payout.read")]}
MANAGES: dict[str, Any] = {"guards": [requires("payout.account")]}
FARTHEST = 3660  # days
BACK, AHEAD = timedelta(days=55), timedelta(days=56)  # four weeks twice over, either way
HEADS = ("Visit", "Package", "Purchase", "What became of it", "Pounds paid by the family", "Gone back",
         "Yours", "Of it paid")  # fmt: skip
STATEMENT_HEADS = ("When", "What", "Purchase", "Visit", "Pounds")
STATES = {
    "none": ("No account", "grey", "The council pays you by bank. With an account at Stripe you are paid for each "
             "visit as soon as it is confirmed."),
    "pending": ("Pending", "yellow", "Finish Stripe’s questions, or wait while Stripe looks at your answers. Until "
                "then what is due to you waits, or the council pays it by bank."),
    "active": ("Active", "green", "You are paid for each visit once its record is signed and confirmed."),
    "restricted": ("Restricted", "orange", "Stripe asks for more before it can pay you. Go on to Stripe and answer."),
    "rejected": ("Rejected", "red", "Stripe will not keep an account for you. The council pays you by bank."),
}  # fmt: skip
Asked = Request[Any, Any, Any]


async def _found(work: Work, form: Form) -> tuple[Period, list[BoughtLine], Any]:
    days = await _days(work, form)
    provider_id = work.actor.provider_id
    assert provider_id is not None
    return days, await of_provider(work, provider_id, days), await accounts.account_of(work, provider_id)


async def _days(work: Work, form: Form) -> Period:
    """The days asked for; else four weeks twice over, either way. What is typed wrong stands beside its field."""
    first, last = days_asked(form)
    today = local_day(work.now)
    usual = Period(today - BACK, today + AHEAD)
    for name, given in (("first_day", first), ("last_day", last)):
        if given is not None and abs((given - today).days) > FARTHEST:
            form.error(name, "Enter a day within ten years of today")
    if form.errors:
        return usual
    days = Period(first or usual.first_day, last or max(usual.last_day, first or usual.first_day))
    if days.last_day < days.first_day:
        form.error("last_day", "The last day must be on or after the first")
        return usual
    return days


def _form(request: Asked) -> Form:
    return Form.starting_with(
        first_day=request.query_params.get("first_day", ""), last_day=request.query_params.get("last_day", "")
    )


@get("/bought-visits", **READS)
async def bought_page(request: Asked) -> Response[Any]:
    """What families bought of us: how our account stands, what is due, visit by visit; as CSV too."""
    form = _form(request)
    days, lines, account = await ask(request.user, _found, form)
    if request.query_params.get("format") == "csv" and not form.errors:
        return csv_file(f"bought-visits-{days.first_day}-{days.last_day}", HEADS, (_line(each) for each in lines))
    state = accounts.state_of(account)
    return page(
        request, "purchases/bought_visits.html", title="Visits families bought", days=days, lines=lines, form=form,
        account=account, state=state, standing=STATES[state], cards=stripe_api.on(settings_of(request)),
        manages=may(request.user, "payout.account"), due=await ask(request.user, _due_now),
        status=400 if form.errors else 200,
    )  # fmt: skip


async def _statement(work: Work, days: Period) -> Any:
    assert work.actor.provider_id is not None
    return await payout_statement(work, work.actor.provider_id, days)


async def _due_now(work: Work) -> int:
    today = local_day(work.now)
    return (await _statement(work, Period(today, today))).after_pence


def _line(line: BoughtLine) -> tuple[object, ...]:
    return (
        f"{local(line.start):%Y-%m-%d %H:%M}", line.package_reference, line.reference, line.what, pounds(line.pence),
        pounds(line.back_pence), pounds(line.kept_pence), pounds(line.paid_pence),
    )  # fmt: skip


def pounds(pence: int) -> str:
    """12.50, and −3.00 as -3.00, for a file."""
    return f"{'-' if pence < 0 else ''}{abs(pence) // 100}.{abs(pence) % 100:02d}"


@get("/bought-visits/statement", **READS)
async def statement_page(request: Asked) -> Response[Any]:
    """What was due and paid over some days, from the books; as CSV too."""
    form = _form(request)
    days = await ask(request.user, _days, form)
    found = await ask(request.user, _statement, days)
    if request.query_params.get("format") == "csv" and not form.errors:
        rows = [
            (
                f"{local(each.at):%Y-%m-%d %H:%M}", STATEMENT_KINDS[each.kind], each.reference,
                f"{local(each.visit_start):%Y-%m-%d %H:%M}" if each.visit_start else "", pounds(each.pence),
            )
            for each in found.entries
        ]  # fmt: skip
        rows.insert(0, (str(days.first_day), "Balance before", "", "", pounds(found.before_pence)))
        rows.append((str(days.last_day), "Balance after", "", "", pounds(found.after_pence)))
        return csv_file(f"bought-visits-statement-{days.first_day}-{days.last_day}", STATEMENT_HEADS, rows)
    return page(
        request, "purchases/payout_statement.html", title="Statement of bought visits", found=found, form=form,
        kinds=STATEMENT_KINDS, status=400 if form.errors else 200,
    )  # fmt: skip


@get("/bought-visits/account", **MANAGES)
async def account_page(request: Asked) -> Response[Any]:
    """What an account at Stripe is for, before we go on to Stripe."""
    return await _account(request, Form())


@post("/bought-visits/account", status_code=200, **MANAGES)
async def begin_account(request: Asked) -> Response[Any]:
    """Asks Stripe for the page that answers its questions, and shows the way there."""
    form = Form()
    try:
        link = await accounts.begin(settings_of(request), request.user)
    except (Conflict, Unavailable) as error:
        form.error("", error.sentence)
        return await _account(request, form, status=409 if isinstance(error, Conflict) else 503)
    return await _account(request, form, link=link)


async def _account(request: Asked, form: Form, *, link: str = "", status: int = 200) -> Response[Any]:
    account = await ask(request.user, accounts.account_of, request.user.provider_id)
    state = accounts.state_of(account)
    return page(
        request, "purchases/payout_account.html", title="Account at Stripe", form=form, link=link, state=state,
        standing=STATES[state], due=len(account["due"]) if account else 0, cards=stripe_api.on(settings_of(request)),
        status=status,
    )  # fmt: skip


@get("/bought-visits/account/back", **READS)
async def back_from_stripe(request: Asked) -> Response[Any]:
    """Back from Stripe's pages."""
    await accounts.look_again(settings_of(request), request.user)
    return see_other(request, "/bought-visits", flash="Welcome back. This is how your account stands.")


ROUTES: list[Any] = [bought_page, statement_page, account_page, begin_account, back_from_stripe]
