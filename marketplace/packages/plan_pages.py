"""The plan's pages: writing it, reading it, sharing, signing, sending it back. What is read is what is signed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.identity.context import device
from marketplace.identity.guards import requires
from marketplace.packages import plan_actions, queries
from marketplace.packages.opening import PlanFile, open_plan
from marketplace.packages.page_forms import fill_pattern, pattern_rows, read_pattern
from marketplace.packages.plans import FIELDS, LONGEST, PlanContent, changes, from_stored
from marketplace.packages.tables import Package, PlanVersion
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted
from marketplace.policy.facts import WeeklySlot
from marketplace.policy.pack import Pack
from marketplace.referrals import patterns
from marketplace.referrals.needs import titles
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other
from marketplace.web.svg import DAYS

WRITES: dict[str, Any] = {"guards": [requires("visit.plan")]}
READS: dict[str, Any] = {"guards": [requires("package.read")]}
SIGNS: dict[str, Any] = {"guards": [requires("plan.sign")]}
RETURNS: dict[str, Any] = {"guards": [requires("plan.sign", "plan.write")]}

HINTS = {
    "outcomes": "In words the family would use",
    "activities_to_do": "What happens at a visit",
    "activities_not_to_do": "What must not happen, and why",
    "health": "Leave empty if it does not apply",
    "medication": "What, how much, when, and who may give it. Leave empty if it does not apply",
    "equipment": "What has to be ordered or brought along. Leave empty if it does not apply",
    "risks": "What the risk assessment found, and what is done about it",
    "feedback": "Whom the family calls when something is good or is not, and how a complaint is answered",
}


@dataclass(frozen=True, slots=True)
class Desk:
    """What the editor opens with."""

    package: Package
    pack: Pack
    activities: tuple[str, ...]
    start: PlanVersion | None
    content: PlanContent | None
    pattern: list[WeeklySlot]
    needs: list[str]
    feedback: str


async def desk(work: Work, package_id: UUID) -> Desk:
    """The draft, else the newest version, else an empty plan with the offer's pattern."""
    package = await queries.package(work, package_id)
    if package.provider_id != work.actor.provider_id:
        raise NotFound
    pack = await queries.pack_for(work, package)
    start = await plan_actions.plan_to_start_from(work, package_id)
    content = from_stored(start.content) if start is not None else None
    pattern = content.pattern if content else list(patterns.slots(cast(Any, package.pattern)))
    contacts = await queries.provider_contacts(work, package.provider_id)
    council = await work.fetchval("SELECT name FROM organisation WHERE id = $1", package.commissioner_id)
    office = f"{contacts['contact_name']} on {contacts['contact_phone']}" if contacts["contact_phone"] else "the office"
    feedback = (
        f"Talk to the worker, or call {office}, whenever something is good or is not. You can complain to us or to"
        f" {council}; nobody's support changes because of it."
    )
    return Desk(
        package, pack, tuple(pack.lot(package.lot_code).activities), start, content, pattern,
        titles(pack, package.lot_code, package.needs), feedback,
    )  # fmt: skip


@get("/packages/{package_id:uuid}/plan", **WRITES)
async def plan_editor(request: Request[Any, Any, Any], package_id: FromPath[UUID]) -> Response[Any]:
    """Write the plan, or its next version."""
    found = await ask(request.user, desk, package_id)
    if found.start is not None and found.start.state == "shared":
        return see_other(request, f"/plans/{found.start.id}")
    form = Form()
    for name, _, _, _ in FIELDS:
        form.set(
            name, getattr(found.content, name) if found.content else (found.feedback if name == "feedback" else "")
        )
    rows = pattern_rows(form, found.pattern)
    fill_pattern(form, found.pattern, rows)
    return _editor(request, found, form, rows)


@post("/packages/{package_id:uuid}/plan", status_code=303, **WRITES)
async def write_plan(request: Request[Any, Any, Any], package_id: FromPath[UUID]) -> Response[Any]:
    """Keep the draft and show it as it will be signed."""
    found = await ask(request.user, desk, package_id)
    form = Form(await read_form(request))
    rows = pattern_rows(form, found.pattern)
    texts = {
        name: form.text(name, question, required=required, most=LONGEST, lines=True)
        for name, _, question, required in FIELDS
    }
    pattern = read_pattern(form, rows, found.activities)
    if form.value("action") == "more":
        form.errors.clear()
        return _editor(request, found, form, rows + 3)
    if not form.errors:
        try:
            plan_id = await plan_actions.write_plan(request.user, package_id, PlanContent(pattern=pattern, **texts))
            return see_other(request, f"/plans/{plan_id}", flash="The draft is saved. Read it, then share it.")
        except InvalidInput as error:
            form.merge(error)
        except Conflict as error:
            form.error("", error.sentence)
    return _editor(request, found, form, rows)


def _editor(request: Request[Any, Any, Any], found: Desk, form: Form, rows: int) -> Response[Any]:
    form.typed["rows"] = [str(rows)]
    return page(
        request, "packages/plan_edit.html", title="Care plan", found=found, package=found.package, form=form,
        fields=FIELDS, hints=HINTS, rows=rows, most=LONGEST, days=[(str(n), name) for n, name in enumerate(DAYS)],
        activities=[(code, found.pack.activities.get(code, code)) for code in found.activities],
    )  # fmt: skip


@get("/plans/{plan_id:uuid}", **READS)
async def plan_page(request: Request[Any, Any, Any], plan_id: FromPath[UUID]) -> Response[Any]:
    """A version of the plan to read; a reason is asked where the case is not the reader's own."""
    try:
        return await _plan_page(request, plan_id, "")
    except InvalidInput:
        return await _reason_page(request, plan_id, Form())


@post("/plans/{plan_id:uuid}", status_code=200, **READS)
async def plan_page_with_reason(request: Request[Any, Any, Any], plan_id: FromPath[UUID]) -> Response[Any]:
    """The plan, with the reason for looking logged."""
    form = Form(await read_form(request))
    why = form.text("why", "why you need to see this plan", most=500)
    if form.errors:
        return await _reason_page(request, plan_id, form)
    return await _plan_page(request, plan_id, why)


async def _reason_page(request: Request[Any, Any, Any], plan_id: UUID, form: Form) -> Response[Any]:
    await ask(request.user, queries.plan, plan_id)
    return page(request, "packages/reason.html", title="Why do you need this plan?", form=form, what="A care plan")


async def _plan_page(request: Request[Any, Any, Any], plan_id: UUID, why: str) -> Response[Any]:
    file = await open_plan(request.user, plan_id, why=why)
    before = next((each for each in file.earlier if each.state in ("signed", "superseded")), None)
    changed = changes(from_stored(before.content), from_stored(file.version.content)) if before else []
    return page(
        request, "packages/plan.html", title=f"Care plan, version {file.version.version}", file=file,
        version=file.version, package=file.package, changed=changed, provides=request.user.provider_id is not None,
        may_return=file.version.state == "shared" and (request.user.provider_id is not None or file.may_sign),
    )  # fmt: skip


@post("/plans/{plan_id:uuid}/share", status_code=303, **WRITES)
async def share_plan(request: Request[Any, Any, Any], plan_id: FromPath[UUID]) -> Response[Any]:
    """Share the draft for signing."""
    await read_form(request)
    await plan_actions.share_plan(request.user, plan_id)
    return see_other(request, f"/plans/{plan_id}", flash="Shared. Those who sign it are asked to read it.")


@get("/plans/{plan_id:uuid}/sign", **SIGNS)
async def sign_page(request: Request[Any, Any, Any], plan_id: FromPath[UUID]) -> Response[Any]:
    """The plan in full, and the button that signs it."""
    return _sign_page(request, await _to_sign(request, plan_id), Form())


@post("/plans/{plan_id:uuid}/sign", status_code=303, **SIGNS)
async def sign_plan(request: Request[Any, Any, Any], plan_id: FromPath[UUID]) -> Response[Any]:
    """Sign what was read."""
    form = Form(await read_form(request))
    file = await _to_sign(request, plan_id)
    form.agreed("read", "Confirm that you have read the plan and agree with it")
    reason = form.text("no_family_reason", "why you sign alone", required=False, most=1000, lines=True)
    if file.in_referrers_place:
        form.agreed("in_referrers_place", "Confirm that you also sign in the place of the council")
    if not form.errors:
        try:
            in_force = await plan_actions.sign_plan(
                request.user,
                plan_id,
                text_hash=form.value("text_hash"),
                device=device(request),
                no_family_reason=reason,
                in_referrers_place=file.in_referrers_place and form.boolean("in_referrers_place"),
            )
            said = (
                "Signed. The plan is in force."
                if in_force
                else "Signed. It is in force when the others have signed too."
            )
            return see_other(request, f"/plans/{plan_id}", flash=said)
        except InvalidInput as error:
            form.merge(error)
        except Conflict as error:
            form.error("", error.sentence)
    return _sign_page(request, file, form)


async def _to_sign(request: Request[Any, Any, Any], plan_id: UUID) -> PlanFile:
    try:
        file = await open_plan(request.user, plan_id)
    except InvalidInput as error:
        raise NotPermitted("This is a colleague's case. Take the case over first, with your reason.") from error
    if file.version.state == "shared" and not file.may_sign and not _signed_by(file, request.user):
        raise NotPermitted("Signing this plan is for others.")
    return file


def _signed_by(file: PlanFile, actor: Actor) -> bool:
    return any(row["person_id"] == actor.person_id for row in file.signatures)


def _sign_page(request: Request[Any, Any, Any], file: PlanFile, form: Form) -> Response[Any]:
    if _signed_by(file, request.user):  # pressed twice, or in two windows
        return see_other(request, f"/plans/{file.version.id}", flash="You have signed this plan already.")
    if file.version.state != "shared":
        return see_other(request, f"/plans/{file.version.id}")
    alone = request.user.role == "referrer" and file.nobody_of_family_may
    return page(
        request, "packages/plan_sign.html", title="Sign the care plan", file=file, version=file.version,
        package=file.package, form=form, alone=alone,
    )  # fmt: skip


@get("/plans/{plan_id:uuid}/return", **RETURNS)
async def return_page(request: Request[Any, Any, Any], plan_id: FromPath[UUID]) -> Response[Any]:
    """Say what should change."""
    return await _return_page(request, plan_id, Form())


@post("/plans/{plan_id:uuid}/return", status_code=303, **RETURNS)
async def return_plan(request: Request[Any, Any, Any], plan_id: FromPath[UUID]) -> Response[Any]:
    """Send it back for a new version."""
    form = Form(await read_form(request))
    reason = form.text("reason", "what should change", most=4000, lines=True)
    if not form.errors:
        try:
            await plan_actions.return_plan(request.user, plan_id, reason=reason)
            return see_other(
                request, f"/plans/{plan_id}", flash="Sent back. The provider writes a new version from it."
            )
        except InvalidInput as error:
            form.merge(error)
        except Conflict as error:
            form.error("", error.sentence)
    return await _return_page(request, plan_id, form)


async def _return_page(request: Request[Any, Any, Any], plan_id: UUID, form: Form) -> Response[Any]:
    version = await ask(request.user, queries.plan, plan_id)
    own = request.user.provider_id is not None
    return page(
        request, "packages/plan_return.html", title="Take back the plan" if own else "Send back the plan",
        version=version, form=form, own=own,
    )  # fmt: skip


ROUTES: list[Any] = [
    plan_editor, write_plan, plan_page, plan_page_with_reason, share_plan, sign_page, sign_plan, return_page, return_plan,  # noqa: E501 - one sentence, whole
]  # fmt: skip
CONSOLE_ROUTES: list[Any] = [plan_page, plan_page_with_reason]
