"""The console's pages of assessing: what a provider declares, piece by piece; its files; an application's scores."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response, Stream

from marketplace.frameworks import scoring
from marketplace.frameworks.scoring import Scores
from marketplace.identity.context import settings_of
from marketplace.identity.guards import requires
from marketplace.identity.permissions import may
from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict, InvalidInput
from marketplace.policy import evaluation
from marketplace.providers import declarations
from marketplace.providers.declaration_files import open_declared
from marketplace.providers.declaration_queries import TONES, ToAssess, declared_to_us, to_assess
from marketplace.providers.file_sending import download
from marketplace.web.filters import day
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

READS: dict[str, Any] = {"guards": [requires("application.read")]}
ASSESSES: dict[str, Any] = {"guards": [requires("application.assess")]}


@get("/providers/{provider_id:uuid}/declarations", **READS)
async def declared_page(request: Request[Any, Any, Any], provider_id: FromPath[UUID]) -> Response[Any]:
    """What each of our frameworks asks of the provider, what it declared with which files, and what was found."""
    facts, found = await ask(request.user, declared_to_us, provider_id)
    return page(
        request,
        "admin/declarations.html",
        title=f"What {facts['name']} declares",
        provider_id=provider_id,
        profile=facts,
        found=found,
        tones=TONES,
        assesses=may(request.user, "application.assess"),
    )


@get("/declarations/{declaration_id:uuid}/assess/{framework_id:uuid}", **ASSESSES)
async def assess_page(
    request: Request[Any, Any, Any], declaration_id: FromPath[UUID], framework_id: FromPath[UUID]
) -> Response[Any]:
    """One piece with its files: accept it, or say what is to be mended."""
    return await _assess(request, declaration_id, framework_id, Form())


@post("/declarations/{declaration_id:uuid}/assess/{framework_id:uuid}", status_code=303, **ASSESSES)
async def assess(
    request: Request[Any, Any, Any], declaration_id: FromPath[UUID], framework_id: FromPath[UUID]
) -> Response[Any]:
    """Keeps the finding and tells the provider; a rejection first shows what follows (`go=keep` keeps it)."""
    form = Form(await read_form(request))
    found = await ask(request.user, to_assess, declaration_id, framework_id)
    verdict = form.choice("verdict", "what you find", declarations.VERDICTS)
    to_mend = form.text("to_mend", "what is to be mended", required=False, most=declarations.LONGEST, lines=True)
    seen = form.uuid("seen", "what was found before", required=False)
    go = form.value("go")
    if go == "change":
        form.errors.clear()
        return await _assess(request, declaration_id, framework_id, form)
    if verdict == "rejected" and not to_mend:
        form.error("to_mend", "Enter what is to be mended; the provider reads it")
    if found.declared.id != declaration_id:
        form.error("", declarations.DECLARED_AGAIN)
    elif not form.errors and verdict == "rejected" and go != "keep":
        return _check(request, found, form, to_mend)
    if not form.errors:
        try:
            await declarations.assess(
                request.user, declaration_id, framework_id, verdict=verdict, to_mend=to_mend, seen=seen
            )
            said = "Kept. The provider has been told."
            return see_other(request, f"/providers/{found.provider_id}/declarations", flash=said)
        except InvalidInput as error:
            form.merge(error)
        except Conflict as error:
            form.error("", error.sentence)
    return await _assess(request, declaration_id, framework_id, form)


def _check(request: Request[Any, Any, Any], found: ToAssess, form: Form, to_mend: str) -> Response[Any]:
    return page(
        request,
        "providers/check_first.html",
        title=f"Check before you reject: {found.piece.title}",
        caption=f"{found.profile['name']}, {found.on.framework_name}",
        form=form,
        rows=[
            ("Declared", f"{day(found.declared.declared_on)}, by {found.declared.by}"),
            ("What is to be mended", to_mend),
        ],
        does=found.rejecting,
        kept=["verdict", "to_mend", "seen"],
        goes="keep",
        button="Reject it and tell the provider",
        kind="warning",
        leave=f"/providers/{found.provider_id}/declarations",
    )


async def _assess(
    request: Request[Any, Any, Any], declaration_id: UUID, framework_id: UUID, form: Form
) -> Response[Any]:
    """Always of the newest declaration and finding: what somebody has said meanwhile stands beside what was typed."""
    found = await ask(request.user, to_assess, declaration_id, framework_id)
    form.set("seen", found.last or "")
    return page(
        request,
        "admin/assess.html",
        title=f"Assess: {found.piece.title}",
        form=form,
        found=found,
        provider_id=found.provider_id,
        profile=found.profile,
        on=found.on,
        piece=found.piece,
        newer=found.declared.id != declaration_id,
        verdicts=list(declarations.VERDICTS.items()),
        most=declarations.LONGEST,
        tones=TONES,
        status=409 if "" in form.errors else 200,
    )


@get("/declared-files/{evidence_id:uuid}", **READS)
async def declared_file(request: Request[Any, Any, Any], evidence_id: FromPath[UUID]) -> Stream:
    """A file the provider declared with, as a download; the look is logged."""
    return download(await open_declared(request.user, settings_of(request), evidence_id))


# --- scores of an application -----------------------------------------------------------------------------------------


@get("/applications/{application_id:uuid}/scores", **READS)
async def scores_page(request: Request[Any, Any, Any], application_id: FromPath[UUID]) -> Response[Any]:
    """Give one's own score; after that, everybody's; then what is agreed together."""
    return _scores(request, await ask(request.user, scoring.scores, application_id), Form())


@post("/applications/{application_id:uuid}/scores", status_code=303, **ASSESSES)
async def give_score(request: Request[Any, Any, Any], application_id: FromPath[UUID]) -> Response[Any]:
    """Shows what is about to be kept (`go=check-...`), then keeps one's own score or (`go=agree`) what was agreed
    together: both are given once."""
    form = Form(await read_form(request))
    found = await ask(request.user, scoring.scores, application_id)
    points = {
        criterion: form.integer(f"points-{number}", f"the points for: {criterion}", most=found.rule.most_points)
        for number, criterion in enumerate(found.rule.criteria)
    }
    remark = form.text("remark", "the remark", required=False, most=scoring.LONGEST, lines=True)
    go = form.value("go")
    if go == "edit":
        form.errors.clear()
        return _scores(request, found, form)
    if go.startswith("check-") and not form.errors and found.open:
        scored = evaluation.scored(found.rule, points)
        return page(
            request, "admin/scores_check.html", title=f"Check the scores: {found.application.provider_name}",
            form=form, found=found, scored=scored, agree=go == "check-agree",
        )  # fmt: skip
    agree = go.removeprefix("check-") == "agree"
    if not form.errors:
        try:
            await (scoring.agree_scores if agree else scoring.give_score)(request.user, application_id, points, remark)
            said = "The agreed scores have been kept." if agree else "Your score has been kept."
            return see_other(request, f"/applications/{application_id}/scores", flash=said)
        except InvalidInput as error:
            form.merge(error, {each: f"points-{n}" for n, each in enumerate(found.rule.criteria)})
        except Conflict as error:
            form.error("", error.sentence)
    return _scores(request, await ask(request.user, scoring.scores, application_id), form)


def _scores(request: Request[Any, Any, Any], found: Scores, form: Form) -> Response[Any]:
    return page(
        request,
        "admin/scores.html",
        title=f"Scores: {found.application.provider_name}",
        form=form,
        found=found,
        assesses=may(request.user, "application.assess"),
        most=scoring.LONGEST,
    )


ROUTES: list[Any] = [declared_page, assess_page, assess, declared_file, scores_page, give_score]
