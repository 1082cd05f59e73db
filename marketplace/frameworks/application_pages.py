"""A provider's applications: lots, then a rate card for each, then check and send; what became of them.

The draft lives in the form itself: every step carries what the others hold, and nothing is kept until it is sent.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.frameworks import application_actions, queries, rates
from marketplace.frameworks.application_actions import LONGEST_STATEMENT
from marketplace.frameworks.rate_forms import read_rates
from marketplace.frameworks.views import ApplicationView, CardView, FrameworkView, LotView
from marketplace.identity.guards import requires
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import Conflict, InvalidInput
from marketplace.web import csrf
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

READS: dict[str, Any] = {"guards": [requires("application.read")]}
WRITES: dict[str, Any] = {"guards": [requires("application.write")]}
STEPS = ("lots", "rates", "check", "send")


@get("/frameworks/{framework_id:uuid}/apply", **WRITES)
async def apply_page(request: Request[Any, Any, Any], framework_id: FromPath[UUID]) -> Response[Any]:
    """The first step: which lots, and what speaks for the provider."""
    found, choices, _ = await ask(request.user, _choices, framework_id)
    return _show(request, "lots", Form(), found, choices, [], {})


@post("/frameworks/{framework_id:uuid}/apply", status_code=200, **WRITES)
async def apply(request: Request[Any, Any, Any], framework_id: FromPath[UUID]) -> Response[Any]:
    """On to the step asked for, once everything before it is answered; the last one sends the application."""
    form = Form(await read_form(request))
    step = form.value("go") if form.value("go") in STEPS else "lots"
    found, choices, grids = await ask(request.user, _choices, framework_id)
    shown: list[rates.Grid] = [grids[code] for code in form.values("lots") if code in grids]
    bids: dict[str, dict[tuple[str, str], int]] = {}
    if step != "lots":
        chosen = form.choices("lots", "at least one lot", [lot.code for lot in choices], least=1)
        statement = form.text("statement", "how you would deliver the lots", most=LONGEST_STATEMENT, lines=True)
        if form.errors:
            return _show(request, "lots", form, found, choices, shown, bids)
        shown = [grids[code] for code in chosen]
        if step != "rates":
            bids = {shape.lot: read_rates(form, shape) for shape in shown}
            if form.errors:
                return _show(request, "rates", form, found, choices, shown, bids)
            try:
                if step == "send":
                    made = await application_actions.apply(request.user, framework_id, bids, statement)
                    where = f"/applications/{made[0]}" if len(made) == 1 else "/applications"
                    return see_other(
                        request, where, flash=f"Your application has been sent. {found.lead_name} decides on it."
                    )
                await ask(request.user, application_actions.check_application, framework_id, bids, statement)
            except InvalidInput as error:
                form.merge(error)
                step = "rates" if any(name.startswith("rate.") for name in error.fields) else "lots"
            except Conflict as error:
                form.error("lots", error.sentence)
                step = "lots"
    return _show(request, step, form, found, choices, shown, bids)


@get("/applications", **READS)
async def applications_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """My applications, those that wait first."""
    found = await ask(request.user, queries.applications)
    return page(request, "frameworks/applications.html", title="My applications", applications=found)


@get("/applications/{application_id:uuid}", **READS)
async def application_page(request: Request[Any, Any, Any], application_id: FromPath[UUID]) -> Response[Any]:
    """One application as it was sent, and what became of it."""
    found, card, shape = await ask(request.user, application_with_card, application_id)
    return page(
        request,
        "frameworks/application.html",
        title=f"Application to {found.lot_title}",
        application=found,
        card=card,
        grid=shape,
    )


@get("/applications/{application_id:uuid}/withdraw", **WRITES)
async def withdraw_page(request: Request[Any, Any, Any], application_id: FromPath[UUID]) -> Response[Any]:
    """Says what withdrawing does, before it is done."""
    found = await ask(request.user, queries.application, application_id)
    return page(
        request,
        "frameworks/confirm.html",
        title="Withdraw the application",
        question=f"Withdraw your application to {found.lot_title}?",
        says=[
            f"{found.framework_name} no longer evaluates it, and its rates are taken back.",
            "You can apply again while the framework is open.",
        ],
        action="Withdraw the application",
        back_to=f"/applications/{application_id}",
    )


@post("/applications/{application_id:uuid}/withdraw", status_code=303, **WRITES)
async def withdraw(request: Request[Any, Any, Any], application_id: FromPath[UUID]) -> Response[Any]:
    """Takes the application back."""
    await application_actions.withdraw_application(request.user, application_id)
    return see_other(request, f"/applications/{application_id}", flash="The application has been withdrawn.")


async def application_with_card(
    work: Work, application_id: UUID
) -> tuple[ApplicationView, CardView | None, rates.Grid]:
    """An application, the card proposed with it, and the grid to show the card in; the console's page asks the same."""
    found = await queries.application(work, application_id)
    card = await queries.rate_card(work, found.card_id) if found.card_id else None
    pack = await queries.pack_of(work, found.framework_id)
    return found, card, rates.grid(pack, found.lot_code, card.applies_from if card else queries.today(work))


async def _choices(work: Work, framework_id: UUID) -> tuple[FrameworkView, list[LotView], dict[str, rates.Grid]]:
    """The lots one can apply to now, and their grids."""
    found = await queries.framework(work, framework_id)
    today = queries.today(work)
    taken = {each.lot_code for each in await queries.applications(work, framework_id, state="submitted")}
    for each in await queries.admissions(work, framework_id, provider_id=work.actor.provider_id):
        if each.ends_on is None or each.ends_on >= today:
            taken.add(each.lot_code)
    choices = [lot for lot in await queries.lots(work, framework_id) if lot.code not in taken]
    pack = await queries.pack_of(work, framework_id)
    return found, choices, {lot.code: rates.grid(pack, lot.code, today) for lot in choices}


def _show(
    request: Request[Any, Any, Any],
    step: str,
    form: Form,
    found: FrameworkView,
    choices: list[LotView],
    shown: list[rates.Grid],
    bids: dict[str, dict[tuple[str, str], int]],
) -> Response[Any]:
    titles = {"lots": "Apply: lots", "rates": "Apply: your rates", "check": "Apply: check your answers"}
    on_page = {"lots": ("lots", "statement"), "rates": ("rate.",), "check": ()}[step]
    carried = [
        (name, value)
        for name, values in form.typed.items()
        if name not in ("go", csrf.FIELD) and not name.startswith(on_page or ("\0",))
        for value in values
    ]
    return page(
        request,
        f"frameworks/apply_{step}.html",
        title=titles[step],
        form=form,
        framework=found,
        lots=choices,
        lot_options=[(lot.code, lot.title) for lot in choices],
        grids=shown,
        bids=bids,
        carried=carried,
        field_name=rates.field_name,
        most=LONGEST_STATEMENT,
    )


ROUTES: list[Any] = [apply_page, apply, applications_page, application_page, withdraw_page, withdraw]
