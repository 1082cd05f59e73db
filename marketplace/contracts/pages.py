"""A provider's own contracts: what is due and open with each commissioner, answering it, reporting the Commission."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.contracts import charges, cqc, findings, following, occasions, queries, requests
from marketplace.contracts.asking import Answers, Ask, Asked, Question, moment_of, send, show, with_files
from marketplace.contracts.shared_pages import READS, rights
from marketplace.contracts.steps import ANSWER
from marketplace.contracts.views import Contract
from marketplace.identity.guards import requires
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import NotFound
from marketplace.providers.plan_files import attachable_files
from marketplace.web.filters import day, last_moment, pounds
from marketplace.web.render import page

ANSWERS: dict[str, Any] = {"guards": [requires(ANSWER)]}
NO_NAMES = "Do not name children or families"


async def _own(work: Work) -> tuple[list[Contract], Any]:
    provider_id = work.actor.provider_id
    if provider_id is None:
        raise NotFound
    lines = await queries.contracts(work)
    found = [await queries.contract(work, each.framework_id, provider_id, each.commissioner_id) for each in lines]
    return found, await queries.changes(work, provider_id)


@get("/contract", **READS)
async def contract_page(request: Asked) -> Response[Any]:
    """With each commissioner: what comes next, open actions, information asked for, meetings and visits so far."""
    found, changes = await ask(request.user, _own)
    return page(
        request, "contracts/own.html", title="Contract management", found=found, changes=changes,
        **rights(request.user),
    )  # fmt: skip


# --- minutes and findings ---------------------------------------------------------------------------------------------


async def _answerable(work: Work, occasion_id: UUID, deed: str) -> Ask:
    found = await queries.occasion(work, occasion_id)
    if deed != "answer" or found.kind != "meeting" or found.state != "held":
        raise NotFound
    return Ask(
        "Agree the minutes, or comment", f"{found.name}, {day(found.starts_at)}",
        "A comment is kept with the minutes for both ends to read; the minutes themselves stay as they are.",
        occasions.link(found.id), "Send",
        (
            Question("choice", "outcome", "Do you agree the minutes?", "whether you agree the minutes", options=(
                ("agree", "Yes, they say what was said"), ("comment", "I have a comment"))),
            Question("lines", "says", "Comment (needed only where you have one)", "your comment", NO_NAMES,
                     required=False),
        ),
    )  # fmt: skip


@get("/contract-occasions/{occasion_id:uuid}/{deed:str}", **ANSWERS)
async def answer_page(request: Asked, occasion_id: FromPath[UUID], deed: FromPath[str]) -> Response[Any]:
    """Agree minutes or comment on them."""
    return show(request, await ask(request.user, _answerable, occasion_id, deed))


@post("/contract-occasions/{occasion_id:uuid}/{deed:str}", status_code=303, **ANSWERS)
async def answer(request: Asked, occasion_id: FromPath[UUID], deed: FromPath[str]) -> Response[Any]:
    """Sends it; the contract manager is told."""

    async def do(given: Answers) -> None:
        await occasions.answer_minutes(
            request.user, occasion_id, agrees=given["outcome"] == "agree", says=given["says"]
        )

    asked = await ask(request.user, _answerable, occasion_id, deed)
    return await send(request, asked, do, to=asked.back, flash="Sent. The contract manager has been told.")


async def _finding(work: Work, finding_id: UUID) -> Ask:
    occasion_id = await work.fetchval("SELECT occasion_id FROM contract_finding WHERE id = $1", finding_id)
    if occasion_id is None or work.actor.provider_id is None:
        raise NotFound
    found = await queries.occasion(work, occasion_id)
    finding = next(each for each in found.findings if each.id == finding_id)
    asked = Ask(
        "Answer a finding", f"{found.name}, {day(found.starts_at)}",
        "The contract manager reads it and is told at once.", occasions.link(found.id), "Send the answer",
        (Question("lines", "says", "Your answer", hint=NO_NAMES),),
        facts=((finding.area, f"{finding.tag[0]}: {finding.says}"),),
    )  # fmt: skip
    return with_files(asked, await attachable_files(work))


@get("/contract-findings/{finding_id:uuid}/answer", **ANSWERS)
async def finding_page(request: Asked, finding_id: FromPath[UUID]) -> Response[Any]:
    """Say something to what a visit found, with files."""
    return show(request, await ask(request.user, _finding, finding_id))


@post("/contract-findings/{finding_id:uuid}/answer", status_code=303, **ANSWERS)
async def answer_finding(request: Asked, finding_id: FromPath[UUID]) -> Response[Any]:
    """Sends it."""

    async def do(given: Answers) -> None:
        await findings.answer_finding(request.user, finding_id, given["says"], given.get("evidence_id", ()))

    asked = await ask(request.user, _finding, finding_id)
    return await send(request, asked, do, to=asked.back, flash="Sent. The contract manager has been told.")


# --- actions ----------------------------------------------------------------------------------------------------------


async def _action(work: Work, contract_action_id: UUID) -> Ask:
    found = await following.actions_of(work, action_id=contract_action_id)
    if not found or work.actor.provider_id is None or not found[0].for_provider:
        raise NotFound
    action = found[0]
    asked = Ask(
        "Say that an action is done", action.title, "The contract manager looks at it and is told at once.",
        occasions.link(action.occasion_id), "Say that it is done",
        (Question("lines", "says", "What was done, and what shows it?", "what was done and what shows it", NO_NAMES),),
        facts=(("Until", day(action.due_on)),),
    )  # fmt: skip
    return with_files(asked, await attachable_files(work))


@get("/contract-actions/{contract_action_id:uuid}/done", **ANSWERS)
async def done_page(request: Asked, contract_action_id: FromPath[UUID]) -> Response[Any]:
    """What was done."""
    return show(request, await ask(request.user, _action, contract_action_id))


@post("/contract-actions/{contract_action_id:uuid}/done", status_code=303, **ANSWERS)
async def done(request: Asked, contract_action_id: FromPath[UUID]) -> Response[Any]:
    """Says so."""

    async def do(given: Answers) -> None:
        await following.say_done(request.user, contract_action_id, given["says"], given.get("evidence_id", ()))

    asked = await ask(request.user, _action, contract_action_id)
    return await send(request, asked, do, to=asked.back, flash="The contract manager has been told.")


# --- information and what it cost -------------------------------------------------------------------------------------


async def _request(work: Work, information_id: UUID, deed: str) -> Ask:
    found = await queries.request(work, information_id)
    if deed == "give":
        asked = Ask(
            "Give the information", found.title,
            "The contract manager looks at it, and accepts it or says what is wrong.",
            requests.link(found.id), "Give it",
            (Question("lines", "says", "The information, or what the files are", hint=NO_NAMES, rows=8),),
            facts=(("Asked for", found.asks), ("Format", found.format), ("Until", day(found.due_on))),
        )  # fmt: skip
        return with_files(asked, await attachable_files(work))
    if deed != "object" or found.charge is None:
        raise NotFound
    charge = found.charge
    return Ask(
        "Object to the charge", found.title, "Somebody else than who made the charge decides, and you are told.",
        requests.link(found.id), "Object to it",
        (Question("lines", "says", "Why is the charge wrong?", "why it is wrong"),),
        facts=(
            ("Charged", f"{pounds(charge['pence'])}: {charge['reason']}"),
            ("You can object until", last_moment(charge["object_until"])),
        ),
    )  # fmt: skip


@get("/information-requests/{information_id:uuid}/{deed:str}", **ANSWERS)
async def request_deed_page(request: Asked, information_id: FromPath[UUID], deed: FromPath[str]) -> Response[Any]:
    """Give the information, or object to a charge."""
    return show(request, await ask(request.user, _request, information_id, deed))


@post("/information-requests/{information_id:uuid}/{deed:str}", status_code=303, **ANSWERS)
async def request_deed(request: Asked, information_id: FromPath[UUID], deed: FromPath[str]) -> Response[Any]:
    """Sends it."""

    async def do(given: Answers) -> None:
        if deed == "give":
            await requests.give(request.user, information_id, given["says"], given.get("evidence_id", ()))
        else:
            await charges.object_to(request.user, information_id, given["says"])

    asked = await ask(request.user, _request, information_id, deed)
    return await send(request, asked, do, to=asked.back, flash="Sent. The contract manager has been told.")


# --- the Care Quality Commission --------------------------------------------------------------------------------------

CHANGE = Ask(
    "Report a change by the Care Quality Commission", "Contract management",
    "Every commissioner of your frameworks reads it at once. If your registration has ended, your profile then says so"
    " by itself, and visits that need it may not go on until a contract manager decides. Change the rest of your"
    " profile and your declared reports yourself, where they say something else now.",
    "/contract", "Continue",
    (
        Question("choice", "kind", "What changed?", "what changed", options=tuple(cqc.KINDS.items())),
        Question("lines", "says", "What did the Commission say or do?", "what the Commission said or did", NO_NAMES),
        Question("date", "learnt_on", "When did you learn of it?", "the day you learnt of it"),
        Question("time", "learnt_at", "At what time?", "the time you learnt of it"),
    ),
    check="Check what you report", send="Report it",
)  # fmt: skip


@get("/contract/cqc", **ANSWERS)
async def change_page(request: Asked) -> Response[Any]:
    """What changed, and when it was learnt of."""
    return show(request, CHANGE)


@post("/contract/cqc", status_code=303, **ANSWERS)
async def report_change(request: Asked) -> Response[Any]:
    """Shows it to be checked, then reports it."""

    async def do(given: Answers) -> None:
        learnt_at = moment_of(given, "learnt_on", "learnt_at")
        await cqc.report(
            request.user, kind=given["kind"], says=given["says"], learnt_at=learnt_at, change_id=given["made"]
        )

    return await send(request, CHANGE, do, to="/contract", flash="Reported. Your commissioners have been told.")


ROUTES: list[Any] = [
    contract_page, answer_page, answer, finding_page, answer_finding, done_page, done, request_deed_page, request_deed,
    change_page, report_change,
]  # fmt: skip
