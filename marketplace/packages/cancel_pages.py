"""Cancelling: first what it costs and takes off the allocation, then the cancellation; for office and family."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.identity.guards import requires
from marketplace.identity.permissions import may
from marketplace.packages import queries, visit_actions
from marketplace.packages.allocation_left import LeftAround, left_around
from marketplace.packages.cancellation import (
    PriceChanged,
    allocation_words,
    cancelling,
    charge_words,
    said_besides,
    terms_of,
)
from marketplace.packages.cancelling import MOST, call_off
from marketplace.packages.change_page import change_page, changing
from marketplace.packages.tables import Package, Visit
from marketplace.packages.visit_actions import CANCELLED_BY
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import Conflict, InvalidInput
from marketplace.policy.calendar import wall_time
from marketplace.policy.cancelling import CancellationTerms
from marketplace.referrals.anonymity import names_in
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

CANCELS: dict[str, Any] = {"guards": [requires("visit.plan", "visit.call_off")]}


@get("/visits/{visit_id:uuid}/cancel", **CANCELS)
async def cancel_page(request: Request[Any, Any, Any], visit_id: FromPath[UUID]) -> Response[Any]:
    """Who cancelled, when, why; the family and the referrer see at once what it would cost."""
    if may(request.user, "visit.call_off"):
        return await _call_off_page(request, visit_id, Form(), "ask")
    visit = await ask(request.user, queries.visit, visit_id)
    form = Form.starting_with(version=visit.version)
    return await change_page(
        request, visit_id, "cancel", "Cancel a visit", form, choices=CANCELLED_BY, step="ask"
    )  # fmt: skip


@post("/visits/{visit_id:uuid}/cancel", status_code=303, **CANCELS)
async def cancel(request: Request[Any, Any, Any], visit_id: FromPath[UUID]) -> Response[Any]:
    """First what it will mean, then the cancellation; a charge that changed meanwhile is shown again."""
    form = Form(await read_form(request))
    if may(request.user, "visit.call_off"):
        return await _call_off(request, visit_id, form)
    outcome = form.choice("outcome", "who cancelled the visit", CANCELLED_BY)
    reason = form.text("reason", "why the visit does not take place", most=MOST, lines=True)
    version = form.integer("version", "the visit's version")
    noticed: datetime | None = None
    if outcome == "cancelled_by_family":
        day = form.date("notice", "the day the family told you")
        clock = form.time("notice_time", "the time the family told you")
        if not form.errors:
            noticed = wall_time(day, clock)
    price_changed = False
    if not form.errors and not form.value("back") and form.value("step") == "check":
        shown = form.integer("charge", "the charge", required=False, most=100_000_000)
        try:
            await visit_actions.cancel_visit(
                request.user, visit_id, version=version, outcome=outcome, notice_at=noticed, reason=reason,
                charge_pence=shown, charge_required=True,
            )  # fmt: skip
            package = await ask(request.user, queries.package_of_visit, visit_id)
            others = "Family, referrer" if package.direct_payment_id is None else "The family"
            return see_other(request, f"/visits/{visit_id}", flash=f"Cancelled. {others} and workers have been told.")
        except InvalidInput as error:
            form.merge(error, {"notice_at": "notice_time"})
        except PriceChanged as error:
            price_changed = True
            form.error("", error.sentence)
        except Conflict as error:
            form.error("", error.sentence)
    if (form.errors and not price_changed) or form.value("back"):
        return await change_page(
            request, visit_id, "cancel", "Cancel a visit", form, choices=CANCELLED_BY, step="ask"
        )  # fmt: skip
    terms, names = await ask(request.user, _terms, visit_id, outcome, noticed, reason)
    return await change_page(
        request, visit_id, "cancel", "Check before you cancel", form, choices=CANCELLED_BY, step="check",
        charge=charge_words(terms), allocation=allocation_words(terms), charge_pence=terms.charged_pence,
        noticed=noticed, outcome=outcome, reason=reason, names=names,
    )  # fmt: skip


async def _terms(
    work: Work, visit_id: UUID, outcome: str, noticed: datetime | None, reason: str
) -> tuple[CancellationTerms, list[str]]:
    visit: Visit = (await changing(work, visit_id))[0]
    names = await names_in(work, visit.commissioner_id, visit.child_id, reason)
    return await terms_of(work, visit, outcome, noticed), names


async def _call_off(request: Request[Any, Any, Any], visit_id: UUID, form: Form) -> Response[Any]:
    reason = form.text("reason", "why the visit is not needed", most=MOST, lines=True)
    version = form.integer("version", "the visit's version")
    checking = form.value("step") == "check" and not form.value("back")
    if not form.errors and checking:
        shown = form.integer("charge", "the charge", required=False, most=100_000_000)
        try:
            await call_off(
                request.user, visit_id, version=version, reason=reason, charge_pence=shown, charge_required=True
            )
            said = "The visit is cancelled. Everybody concerned has been told."
            return see_other(request, f"/visits/{visit_id}", flash=said)
        except InvalidInput as error:
            form.merge(error)
        except PriceChanged as error:
            form.error("", error.sentence)
            return await _call_off_page(request, visit_id, form, "check")
        except Conflict as error:
            form.error("", error.sentence)
    step = "ask" if form.errors or form.value("back") else "check"
    return await _call_off_page(request, visit_id, form, step)


async def _call_off_page(request: Request[Any, Any, Any], visit_id: UUID, form: Form, step: str) -> Response[Any]:
    try:
        visit, package, terms, left, names = await ask(request.user, _calling_off, visit_id, form.value("reason"))
        besides = await ask(request.user, said_besides, visit, terms)
    except Conflict as error:
        return see_other(request, f"/visits/{visit_id}", refused=error.sentence)
    return page(
        request, "packages/call_off.html", title="Cancel a visit", visit=visit, package=package, form=form, step=step,
        charge=charge_words(terms), allocation=allocation_words(terms), charge_pence=terms.charged_pence,
        left=left, names=names, besides=besides, status=409 if form.errors and step == "check" else 200,
    )  # fmt: skip


async def _calling_off(
    work: Work, visit_id: UUID, reason: str
) -> tuple[Visit, Package, CancellationTerms, LeftAround | None, list[str]]:
    visit, package, _, terms = await cancelling(work, visit_id)
    names = await names_in(work, visit.commissioner_id, visit.child_id, reason) if reason else []
    return visit, package, terms, await left_around(work, visit, terms), names


ROUTES: list[Any] = [cancel_page, cancel]
