"""The referrer's pages of direct payments: the list, recording one, its terms over time, changing and ending it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.frameworks.queries import lots as lots_of
from marketplace.frameworks.queries import my_frameworks
from marketplace.identity.guards import requires
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import InvalidInput, NotFound
from marketplace.purchases import direct_payment_forms as forms
from marketplace.purchases import direct_payments, queries
from marketplace.purchases.drawing import drawn
from marketplace.purchases.queries import DirectPaymentView
from marketplace.purchases.words import ACCOUNTS, MOST_REASON, amount, gives
from marketplace.referrals.children import own_case
from marketplace.web.csv_file import csv_file
from marketplace.web.filters import day as written_day
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

WRITES: dict[str, Any] = {"guards": [requires("direct_payment.write")]}
Asked = Request[Any, Any, Any]
STATES = {"running": "Running", "to come": "To come", "ended": "Ended"}
HEADS = ("Reference", "Framework", "From", "To", "State", "Gives", "Period from", "Period to", "Given", "From earlier",
         "Spent", "Committed", "Left")  # fmt: skip


@get("/direct-payments", **WRITES)
async def list_page(request: Asked) -> Response[Any]:
    """Direct payments of my cases, or the whole team's by reference; also as CSV."""
    everybody = request.query_params.get("show") == "all"
    state = request.query_params.get("state", "")
    rows = await ask(request.user, queries.direct_payments, everybody=everybody)
    if state in STATES:
        rows = [each for each in rows if each.state == state]
    if request.query_params.get("format") == "csv":
        return csv_file("direct-payments", HEADS, (_line(each) for each in rows))
    raw = request.query_params.get("page", "1")
    last = max(1, -(-len(rows) // queries.PAGE_SIZE))
    number = min(last, max(1, int(raw))) if raw.isascii() and raw.isdecimal() and len(raw) < 6 else 1
    return page(
        request,
        "purchases/direct_payments.html",
        title="Direct payments",
        rows=rows[queries.PAGE_SIZE * (number - 1) : queries.PAGE_SIZE * number],
        everybody=everybody,
        state=state if state in STATES else "",
        states=[("", "All", None), *((key, said, None) for key, said in STATES.items())],
        amount=amount,
        number=number,
        last=last,
    )


def _line(view: DirectPaymentView) -> list[object]:
    budget = view.budget
    sums = (budget.given, budget.carried, budget.spent, budget.committed, budget.left)
    return [
        view.child_reference, view.framework, view.starts_on, view.ends_on or "", STATES[view.state],
        gives(view.now.kind, view.now.units, view.now.period), budget.period.first_day, budget.period.last_day,
        *(amount(budget.kind, each) for each in sums),
    ]  # fmt: skip


@get("/children/{child_id:uuid}/direct-payment", **WRITES)
async def of_child_page(request: Asked, child_id: FromPath[UUID]) -> Response[Any]:
    """What a child has and had, and the way to record another."""
    child = await ask(request.user, _own_child, child_id)
    found = await ask(request.user, queries.of_child, child_id)
    return page(
        request, "purchases/of_child.html", title="Direct payment", child=child, found=found, gives=gives, states=STATES
    )


async def _own_child(work: Work, child_id: UUID) -> Any:
    return await own_case(work, work.actor, child_id)


async def _choices(work: Work) -> list[tuple[UUID, str, dict[str, str]]]:
    """My frameworks that are open or closed: id, name, lots."""
    return [
        (each.id, each.name, {lot.code: lot.title for lot in await lots_of(work, each.id)})
        for each in await my_frameworks(work)
        if each.state != "draft"
    ]


@get("/children/{child_id:uuid}/direct-payment/new", **WRITES)
async def new_page(request: Asked, child_id: FromPath[UUID]) -> Response[Any]:
    """What it gives, from when, and what it may buy."""
    form = Form.starting_with(framework_id=request.query_params.get("framework"))
    return await _new_page(request, child_id, form)


@post("/children/{child_id:uuid}/direct-payment/new", status_code=200, **WRITES)
async def new(request: Asked, child_id: FromPath[UUID]) -> Response[Any]:
    """Checks what was typed; records it when that is what was asked."""
    form = Form(await read_form(request))
    framework_id = form.uuid("framework_id", "a framework")
    _, _, lots = await _framework(request, framework_id)
    terms = forms.read_terms(form, lots)
    starts_on = form.date("starts_on", "the first day")
    ends_on = form.date("ends_on", "the last day", required=False)
    if form.errors or form.value("step") == "edit":
        return await _new_page(request, child_id, form)
    if form.value("step") != "record":
        words = forms.says(terms, lots)
        return await _new_page(request, child_id, form, checked=words, starts_on=starts_on, ends_on=ends_on)
    try:
        made = await direct_payments.record_direct_payment(
            request.user, child_id, framework_id, terms, starts_on=starts_on, ends_on=ends_on
        )
    except InvalidInput as error:
        forms.merge(form, error)
        return await _new_page(request, child_id, form)
    return see_other(request, f"/direct-payments/{made}", flash="Recorded. Those who may spend it are told.")


async def _framework(request: Asked, framework_id: UUID) -> tuple[UUID, str, dict[str, str]]:
    for each in await ask(request.user, _choices):
        if each[0] == framework_id:
            return each
    raise NotFound("There is no such framework of yours.")


async def _new_page(
    request: Asked, child_id: UUID, form: Form, *, checked: dict[str, Any] | None = None, **context: Any
) -> Response[Any]:
    child = await ask(request.user, _own_child, child_id)
    choices = await ask(request.user, _choices)
    if len(choices) == 1 and not form.value("framework_id"):
        form.set("framework_id", choices[0][0])
    chosen = next((each for each in choices if str(each[0]) == form.value("framework_id")), None)
    return page(
        request,
        "purchases/terms_check.html" if checked else "purchases/terms.html",
        title="Record a direct payment",
        form=form,
        child=child,
        back=f"/children/{child_id}/direct-payment",
        choices=[(str(key), name) for key, name, _ in choices],
        chosen=chosen,
        checked=checked,
        carried=forms.carried(form),
        starts=None,
        **_menus(chosen[2] if chosen else {}),
        **context,
    )


def _menus(lots: dict[str, str]) -> dict[str, Any]:
    return {
        "lots": list(lots.items()), "kinds": list(forms.KINDS.items()), "periods": forms.PERIOD_OPTIONS,
        "accounts": list(ACCOUNTS.items()),
    }  # fmt: skip


@get("/direct-payments/{direct_payment_id:uuid}", **WRITES)
async def one_page(request: Asked, direct_payment_id: FromPath[UUID]) -> Response[Any]:
    """How it stands, drawn; its terms over time; what the family says it paid."""
    view = await direct_payments.open_direct_payment(request.user, direct_payment_id)
    return page(
        request, "purchases/direct_payment.html", title="Direct payment", view=view, drawing=drawn(view), amount=amount,
        gives=gives, accounts=ACCOUNTS, states=STATES,
    )  # fmt: skip


@get("/direct-payments/{direct_payment_id:uuid}/change", **WRITES)
async def change_page(request: Asked, direct_payment_id: FromPath[UUID]) -> Response[Any]:
    """Other terms, from the start of a period."""
    view = await _own_payment(request, direct_payment_id)
    return await _change_page(request, view, forms.filled(view))


@post("/direct-payments/{direct_payment_id:uuid}/change", status_code=200, **WRITES)
async def change(request: Asked, direct_payment_id: FromPath[UUID]) -> Response[Any]:
    """Checks what was typed; writes it when that is what was asked."""
    view = await _own_payment(request, direct_payment_id)
    form = Form(await read_form(request))
    _, _, lots = await _framework(request, view.framework_id)
    terms = forms.read_terms(form, lots)
    starts = {each.isoformat(): each for each in direct_payments.starts_offered(view, view.today)}
    applies_from = form.choice("applies_from", "from when the terms apply", starts)
    reason = form.text("reason", "why the terms change", most=MOST_REASON)
    if form.errors or form.value("step") == "edit":
        return await _change_page(request, view, form)
    if form.value("step") != "record":
        words = forms.says(terms, lots)
        return await _change_page(request, view, form, checked=words, starts_on=starts[applies_from], ends_on=None)
    try:
        await direct_payments.change_terms(
            request.user, direct_payment_id, terms, applies_from=starts[applies_from], reason=reason
        )
    except InvalidInput as error:
        forms.merge(form, error)
        return await _change_page(request, view, form)
    return see_other(
        request, f"/direct-payments/{direct_payment_id}", flash="Changed. Those who may spend it are told."
    )


async def _own_payment(request: Asked, direct_payment_id: UUID) -> DirectPaymentView:
    view = await ask(request.user, queries.direct_payment, direct_payment_id)
    await ask(request.user, _own_child, view.child_id)
    return view


async def _change_page(
    request: Asked, view: DirectPaymentView, form: Form, *, checked: dict[str, Any] | None = None, **context: Any
) -> Response[Any]:
    chosen = await _framework(request, view.framework_id)
    return page(
        request,
        "purchases/terms_check.html" if checked else "purchases/terms.html",
        title="Change the terms",
        form=form,
        child=None,
        view=view,
        back=f"/direct-payments/{view.id}",
        choices=[],
        chosen=chosen,
        checked=checked,
        carried=forms.carried(form),
        starts=[
            (each.isoformat(), written_day(each)) for each in direct_payments.starts_offered(view, view.today)
        ],
        **_menus(chosen[2]),
        **context,
    )  # fmt: skip


@get("/direct-payments/{direct_payment_id:uuid}/end", **WRITES)
async def end_page(request: Asked, direct_payment_id: FromPath[UUID]) -> Response[Any]:
    """When it ends, and why."""
    return await _end_page(request, direct_payment_id, Form())


@post("/direct-payments/{direct_payment_id:uuid}/end", status_code=303, **WRITES)
async def end(request: Asked, direct_payment_id: FromPath[UUID]) -> Response[Any]:
    """Ends it."""
    form = Form(await read_form(request))
    last_day = form.date("last_day", "the last day")
    reason = form.text("reason", "why it ends", most=MOST_REASON)
    if not form.errors:
        try:
            await direct_payments.end_direct_payment(request.user, direct_payment_id, last_day=last_day, reason=reason)
            return see_other(
                request, f"/direct-payments/{direct_payment_id}", flash=f"It ends after {written_day(last_day)}."
            )
        except InvalidInput as error:
            form.merge(error)
    return await _end_page(request, direct_payment_id, form)


async def _end_page(request: Asked, direct_payment_id: UUID, form: Form) -> Response[Any]:
    view = await _own_payment(request, direct_payment_id)
    return page(request, "purchases/end.html", title="End the direct payment", form=form, view=view, amount=amount)


ROUTES: list[Any] = [
    list_page, of_child_page, new_page, new, one_page, change_page, change, end_page, end,
]  # fmt: skip
