"""Applications to our frameworks: the list, one with the provider's profile and rates, admit or refuse; ending."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.frameworks import application_actions, queries, scoring
from marketplace.frameworks.application_actions import LONGEST_REASON
from marketplace.frameworks.application_pages import application_with_card
from marketplace.frameworks.scoring import Scores
from marketplace.frameworks.views import ApplicationView, CardView, FrameworkView
from marketplace.identity.guards import requires
from marketplace.identity.permissions import may
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import Conflict, InvalidInput
from marketplace.policy import evaluation
from marketplace.policy.requirements import Asked, asked_of_provider
from marketplace.providers.declaration_queries import Piece, asked_by_frameworks, cover_seen
from marketplace.providers.queries import profile
from marketplace.web.csv_file import csv_file
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

READS: dict[str, Any] = {"guards": [requires("application.read")]}
DECIDES: dict[str, Any] = {"guards": [requires("application.decide")]}
STATES = ("submitted", "admitted", "refused", "withdrawn")


@get("/frameworks/{framework_id:uuid}/applications", **READS)
async def applications_page(request: Request[Any, Any, Any], framework_id: FromPath[UUID]) -> Response[Any]:
    """Applications, those waiting longest first; by state; as CSV."""
    state = request.query_params.get("state", "")
    found = await ask(request.user, queries.framework, framework_id)
    rows = await ask(request.user, queries.applications, framework_id)
    shown = [row for row in rows if not state or row.state == state]
    if request.query_params.get("format") == "csv":
        return csv_file(
            "applications",
            ["Provider", "Lot", "Sent", "State", "Decided", "Reasons"],
            [
                (
                    row.provider_name,
                    row.lot_code,
                    row.submitted_at.isoformat(),
                    row.state,
                    row.decided_at.isoformat() if row.decided_at else "",
                    row.decision_reason or "",
                )
                for row in shown
            ],
        )
    titles = {"submitted": "Waiting", "admitted": "Admitted", "refused": "Refused", "withdrawn": "Withdrawn"}
    options = [("", "All", len(rows))]
    options += [(each, titles[each], sum(row.state == each for row in rows)) for each in STATES]
    return page(
        request,
        "admin/applications.html",
        title=f"Applications to {found.name}",
        framework=found,
        rows=shown,
        state=state if state in STATES else "",
        options=options,
    )


@get("/applications/{application_id:uuid}", **READS)
async def application_page(request: Request[Any, Any, Any], application_id: FromPath[UUID]) -> Response[Any]:
    """One application with the provider's profile and the rates it proposes."""
    found, framework, card, grid, facts, cover, asked = await ask(request.user, _evaluation, application_id)
    return page(
        request,
        "admin/application.html",
        title=f"Application of {found.provider_name}",
        application=found,
        framework=framework,
        card=card,
        grid=grid,
        profile=facts,
        cover=cover,
        asked=asked,
        decides=found.state == "submitted"
        and framework.led_by(request.user.commissioner_id)
        and may(request.user, "application.decide"),
    )


@get("/applications/{application_id:uuid}/admit", **DECIDES)
async def admit_page(request: Request[Any, Any, Any], application_id: FromPath[UUID]) -> Response[Any]:
    """From which day, what admitting does, and what is missing still."""
    today = await ask(request.user, _today)
    return await _admit(request, application_id, Form.starting_with(starts_on=today))


@post("/applications/{application_id:uuid}/admit", status_code=303, **DECIDES)
async def admit(request: Request[Any, Any, Any], application_id: FromPath[UUID]) -> Response[Any]:
    """First shows what is admitted with what is missing still; with `go=admit` admits and agrees the rates."""
    form = Form(await read_form(request))
    starts_on = form.date("starts_on", "the first day of the admission")
    reason = form.text("reason", "the remark", required=False, most=LONGEST_REASON, lines=True)
    go = form.value("go")
    if go == "change":
        form.errors.clear()
    elif not form.errors:
        try:
            if go != "admit":
                await ask(request.user, application_actions.check_admission, application_id, starts_on)
                return await _admit(request, application_id, form, starts_on)
            await application_actions.admit(request.user, application_id, starts_on, reason)
            return see_other(
                request, f"/applications/{application_id}", flash="The provider is admitted and has been told."
            )
        except InvalidInput as error:
            form.merge(error)
        except Conflict as error:
            form.error("", error.sentence)
    return await _admit(request, application_id, form)


@get("/applications/{application_id:uuid}/refuse", **DECIDES)
async def refuse_page(request: Request[Any, Any, Any], application_id: FromPath[UUID]) -> Response[Any]:
    """The reasons, which the provider will read."""
    return await _refuse(request, application_id, Form())


@post("/applications/{application_id:uuid}/refuse", status_code=303, **DECIDES)
async def refuse(request: Request[Any, Any, Any], application_id: FromPath[UUID]) -> Response[Any]:
    """Refuses with the reasons."""
    form = Form(await read_form(request))
    reason = form.text("reason", "the reasons, which the provider will read", most=LONGEST_REASON, lines=True)
    if not form.errors:
        try:
            await application_actions.refuse(request.user, application_id, reason)
            return see_other(
                request,
                f"/applications/{application_id}",
                flash="The application is refused. The provider has been told.",
            )
        except InvalidInput as error:
            form.merge(error)
        except Conflict as error:
            form.error("", error.sentence)
    return await _refuse(request, application_id, form)


@get("/admissions/{admission_id:uuid}/end", **DECIDES)
async def end_page(request: Request[Any, Any, Any], admission_id: FromPath[UUID]) -> Response[Any]:
    """The last day and why; what goes on."""
    return await _end(request, admission_id, Form())


@post("/admissions/{admission_id:uuid}/end", status_code=303, **DECIDES)
async def end(request: Request[Any, Any, Any], admission_id: FromPath[UUID]) -> Response[Any]:
    """Sets the end of an admission."""
    form = Form(await read_form(request))
    ends_on = form.date("ends_on", "the last day of the admission")
    reason = form.text("reason", "why the admission ends", most=LONGEST_REASON, lines=True)
    if not form.errors:
        try:
            await application_actions.end_admission(request.user, admission_id, ends_on, reason)
            found = await ask(request.user, queries.admission, admission_id)
            return see_other(
                request,
                f"/frameworks/{found.framework_id}/providers",
                flash="The end of the admission is set. The provider has been told.",
            )
        except InvalidInput as error:
            form.merge(error)
        except Conflict as error:
            form.error("", error.sentence)
    return await _end(request, admission_id, form)


async def _evaluation(
    work: Work, application_id: UUID
) -> tuple[ApplicationView, FrameworkView, CardView | None, Any, dict[str, Any], dict[str, str], tuple[Asked, ...]]:
    """An application with its framework, card and grid, the provider's profile, who has seen its cover, and what the
    pack asks of it with the day it declared that."""
    found, card, grid = await application_with_card(work, application_id)
    framework = await queries.framework(work, found.framework_id)
    facts = await profile(work, found.provider_id)
    pack = await queries.pack_of(work, found.framework_id)
    asked = asked_of_provider(pack, queries.today(work), facts["declarations"])
    return found, framework, card, grid, facts, await cover_seen(work, found.provider_id), asked


@dataclass(frozen=True, slots=True)
class Before:
    """What is read before an admission: the scores, what the framework still misses, what nobody has assessed yet."""

    application: ApplicationView
    card: CardView | None
    grid: Any
    scores: Scores
    missing: list[Piece]
    unseen: list[Piece]

    @property
    def may_be_admitted(self) -> bool:
        return evaluation.may_be_admitted(self.scores.rule, self.scores.agreed is not None)


async def _before(work: Work, application_id: UUID) -> Before:
    found, card, grid = await application_with_card(work, application_id)
    asked = await asked_by_frameworks(work, found.provider_id)
    pieces = [piece for on in asked if on.framework_id == found.framework_id for piece in on.pieces]
    return Before(
        found,
        card,
        grid,
        await scoring.scores(work, application_id),
        [piece for piece in pieces if piece.missed],
        [piece for piece in pieces if piece.state == "waiting"],
    )


async def _admit(
    request: Request[Any, Any, Any], application_id: UUID, form: Form, starts_on: date | None = None
) -> Response[Any]:
    """The form, or with a first day what is about to be done."""
    found = await ask(request.user, _before, application_id)
    what = "application_admit" if starts_on is None else "application_admit_check"
    return page(
        request,
        f"admin/{what}.html",
        title=f"{'Admit' if starts_on is None else 'Check before you admit'} {found.application.provider_name}",
        form=form,
        before=found,
        application=found.application,
        starts_on=starts_on,
        most=LONGEST_REASON,
    )


async def _today(work: Work) -> Any:
    return queries.today(work)


async def _refuse(request: Request[Any, Any, Any], application_id: UUID, form: Form) -> Response[Any]:
    found = await ask(request.user, queries.application, application_id)
    return page(
        request,
        "admin/application_refuse.html",
        title=f"Refuse {found.provider_name}",
        form=form,
        application=found,
        most=LONGEST_REASON,
    )


async def _end(request: Request[Any, Any, Any], admission_id: UUID, form: Form) -> Response[Any]:
    found = await ask(request.user, queries.admission, admission_id)
    return page(
        request, "admin/admission_end.html", title="End an admission", form=form, admission=found, most=LONGEST_REASON
    )


ROUTES: list[Any] = [
    applications_page,
    application_page,
    admit_page,
    admit,
    refuse_page,
    refuse,
    end_page,
    end,
]
