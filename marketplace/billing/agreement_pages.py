"""Agreements about lines beside visits at both doors: propose, agree, refuse; the provider adds lines against them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response, Stream

from marketplace.billing import agreement_queries as queries
from marketplace.billing.agreement_files import open_file
from marketplace.billing.agreements import MOST, Terms, agree_to, propose, refuse
from marketplace.billing.other_lines import MOST_UNITS, add_line, take_back
from marketplace.billing.other_records import KINDS
from marketplace.frameworks.queries import pack_of
from marketplace.identity.context import settings_of
from marketplace.identity.guards import requires
from marketplace.packages.queries import package as package_of
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted
from marketplace.policy.calendar import local_day
from marketplace.policy.other_lines import free_miles, kinds_allowed
from marketplace.providers.file_sending import download
from marketplace.web.csv_file import csv_file
from marketplace.web.filters import moment
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

BOTH: dict[str, Any] = {"guards": [requires("other_line.write", "agreement.decide")]}
READ: dict[str, Any] = {"guards": [requires("other_line.write", "agreement.decide", "invoice.read")]}
ADDS: dict[str, Any] = {"guards": [requires("other_line.write")]}
PAYER: dict[str, Any] = {"guards": [requires("agreement.decide", "invoice.decide")]}
HEADS = (
    "agreement", "package", "provider", "payer", "what", "unit_pounds", "most_pounds", "billed_pounds", "left_pounds",
    "valid_from", "valid_to", "state",
)  # fmt: skip


@get("/agreements", **READ)
async def agreements_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """Agreements within reach, those that wait first; or as CSV."""
    rows = await ask(request.user, queries.agreements)
    if request.query_params.get("format") == "csv":
        return csv_file("agreements", HEADS, [_cells(row) for row in rows])
    return page(
        request, "billing/agreements.html", title="Agreements beside visits", rows=rows, kinds=KINDS,
        states=queries.STATES,
    )  # fmt: skip


def _cells(row: queries.AgreementRow) -> list[object]:
    """One agreement as a row under HEADS: sums in pounds."""
    sums = (row.unit_pence, row.most_pence, row.billed_pence, row.left_pence)
    return [
        KINDS[row.kind], row.reference, row.provider, row.payer, row.says,
        *("" if pence is None else f"{pence // 100}.{pence % 100:02d}" for pence in sums),
        row.valid_from, row.valid_to, queries.STATES[row.state][0],
    ]  # fmt: skip


@get("/packages/{package_id:uuid}/agreement", **BOTH)
async def propose_page(request: Request[Any, Any, Any], package_id: FromPath[UUID]) -> Response[Any]:
    """What is proposed for one package."""
    return await _propose_page(request, package_id, Form(), "ask")


@post("/packages/{package_id:uuid}/agreement", status_code=303, **BOTH)
async def propose_one(request: Request[Any, Any, Any], package_id: FromPath[UUID]) -> Response[Any]:
    """Checked first, then proposed to the other side."""
    form = Form(await read_form(request))
    kind = form.choice("kind", "what the agreement is about", KINDS)
    says = form.text("says", "what is agreed", most=MOST, lines=True)
    priced = kind != "return_to_area"
    unit = form.pence("unit", "what one mile or report costs", least=1) if priced else None
    most = form.pence("most", "the most that can be billed", least=1)
    first = form.date("valid_from", "the first day it covers")
    last = form.date("valid_to", "the last day it covers")
    evidence = form.uuid("evidence_id", "a file", required=False)
    if not form.errors and form.value("step") == "check" and not form.value("back"):
        terms = Terms(kind, says, unit, most, first, last)
        try:
            made = await propose(request.user, package_id, terms, evidence_id=evidence)
            return see_other(request, f"/agreements/{made}", flash="Proposed. The other side has been told.")
        except InvalidInput as error:
            form.merge(error)
        except NotFound:
            form.error("evidence_id", "Select one of your files")
    step = "ask" if form.errors or form.value("back") else "check"
    return await _propose_page(request, package_id, form, step)


async def _propose_page(request: Request[Any, Any, Any], package_id: UUID, form: Form, step: str) -> Response[Any]:
    package, allowed, files = await ask(request.user, _proposing, package_id)
    return page(
        request, "billing/agreement_propose.html", title="Propose an agreement", package=package, form=form, step=step,
        kinds=[(kind, KINDS[kind]) for kind in allowed], kind_words=KINDS, files=files,
    )  # fmt: skip


async def _proposing(work: Work, package_id: UUID) -> tuple[Any, tuple[str, ...], list[tuple[str, str]]]:
    package = await package_of(work, package_id)
    pack = await pack_of(work, package.framework_id)
    files = await queries.own_files(work) if work.actor.provider_id is not None else []
    return package, kinds_allowed(pack, local_day(work.now)), files


@get("/agreements/{agreement_id:uuid}", **READ)
async def agreement_page(request: Request[Any, Any, Any], agreement_id: FromPath[UUID]) -> Response[Any]:
    """One agreement with its lines and files."""
    return await _agreement_page(request, agreement_id, Form())


@post("/agreements/{agreement_id:uuid}", status_code=303, **BOTH)
async def answer(request: Request[Any, Any, Any], agreement_id: FromPath[UUID]) -> Response[Any]:
    """Agree to it, or refuse it with the reason."""
    form = Form(await read_form(request))
    decision = form.choice("decision", "whether you agree", ["agree", "refuse"])
    reason = form.text("reason", "why not", required=decision == "refuse", most=MOST, lines=True)
    if not form.errors:
        try:
            if decision == "agree":
                await agree_to(request.user, agreement_id)
            else:
                await refuse(request.user, agreement_id, reason)
            said = "Agreed. Lines can be billed against it." if decision == "agree" else "Refused. They have been told."
            return see_other(request, f"/agreements/{agreement_id}", flash=said)
        except InvalidInput as error:
            form.merge(error)
        except (Conflict, NotPermitted) as error:
            form.error("", error.sentence)
    return await _agreement_page(request, agreement_id, form)


async def _agreement_page(request: Request[Any, Any, Any], agreement_id: UUID, form: Form) -> Response[Any]:
    found, lines, files = await ask(request.user, _whole, agreement_id)
    mine = "payer" if request.user.commissioner_id == found.payer_id else "provider"
    return page(
        request, "billing/agreement.html", title=f"Agreement: {KINDS[found.kind].lower()}", agreement=found,
        lines=lines, files=files, kinds=KINDS, states=queries.STATES, form=form, mine=mine,
    )  # fmt: skip


async def _whole(work: Work, agreement_id: UUID) -> tuple[queries.AgreementRow, list[queries.LineRow], dict[UUID, Any]]:
    found = await queries.agreement(work, agreement_id)
    return found, await queries.lines_of(work, agreement_id), await queries.files_of(work, agreement_id)


@get("/agreements/{agreement_id:uuid}/line", **ADDS)
async def line_page(request: Request[Any, Any, Any], agreement_id: FromPath[UUID]) -> Response[Any]:
    """A line for the next invoice."""
    return await _line_page(request, agreement_id, Form())


@post("/agreements/{agreement_id:uuid}/line", status_code=303, **ADDS)
async def line(request: Request[Any, Any, Any], agreement_id: FromPath[UUID]) -> Response[Any]:
    """Add it to the draft of its period."""
    found = await ask(request.user, queries.agreement, agreement_id)
    form = Form(await read_form(request))
    miles, costs = found.kind == "mileage", found.kind == "return_to_area"
    visit = form.uuid("visit_id", "the visit") if miles else None
    day = None if miles else form.date("day", "the day")
    units = (
        1
        if costs
        else form.integer("units", "how many miles" if miles else "how many reports", least=1, most=MOST_UNITS)
    )
    cost = form.pence("cost", "what it cost", least=1) if costs else 0
    says = form.text("says", "what it was for", most=1000, lines=True)
    evidence = form.uuid("evidence_id", "the file that proves it")
    if not form.errors:
        try:
            await add_line(
                request.user, agreement_id, day=day, visit_id=visit, units=units, cost_pence=cost, says=says,
                evidence_id=evidence,
            )  # fmt: skip
            return see_other(
                request, f"/agreements/{agreement_id}", flash="Added. It stands on the draft of its four weeks."
            )
        except InvalidInput as error:
            form.merge(error)
        except Conflict as error:
            form.error("", error.sentence)
    return await _line_page(request, agreement_id, form)


async def _line_page(request: Request[Any, Any, Any], agreement_id: UUID, form: Form) -> Response[Any]:
    found, visits, files, free = await ask(request.user, _adding, agreement_id)
    return page(
        request, "billing/agreement_line.html", title="Add a line", agreement=found, form=form, files=files, free=free,
        visits=[(str(row["id"]), moment(row["planned_start"])) for row in visits], kinds=KINDS,
    )  # fmt: skip


async def _adding(work: Work, agreement_id: UUID) -> tuple[Any, list[Any], list[tuple[str, str]], int]:
    found = await queries.agreement(work, agreement_id)
    if found.provider_id != work.actor.provider_id:
        raise NotFound
    visits = await queries.delivered_visits(work, found.package_id, found.valid_from, found.valid_to)
    pack = await pack_of(work, found.framework_id)
    free = free_miles(pack, local_day(work.now))
    return found, visits, await queries.own_files(work), free


@post("/other-lines/{line_id:uuid}/take-back", status_code=303, **ADDS)
async def take_line_back(request: Request[Any, Any, Any], line_id: FromPath[UUID]) -> Response[Any]:
    """Taken back before it is billed."""
    await read_form(request)
    agreement_id = await take_back(request.user, line_id)
    return see_other(request, f"/agreements/{agreement_id}", flash="The line is taken back.")


@get("/agreements/{agreement_id:uuid}/files/{evidence_id:uuid}", **PAYER)
async def file(request: Request[Any, Any, Any], agreement_id: FromPath[UUID], evidence_id: FromPath[UUID]) -> Stream:
    """A file the provider keeps with it, for the payer's people; the look is logged."""
    return download(await open_file(request.user, settings_of(request), agreement_id, evidence_id))


ROUTES: list[Any] = [
    agreements_page, propose_page, propose_one, agreement_page, answer, line_page, line, take_line_back, file,
]  # fmt: skip
CONSOLE_ROUTES: list[Any] = [agreements_page, propose_page, propose_one, agreement_page, answer, file]
