"""The console's contracts: what is due and open with each provider, planning, asking, sharing, following up."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import get, post
from litestar.params import FromPath
from litestar.response import Response, Stream

from marketplace.contracts import dates, following, occasions, queries, requests
from marketplace.contracts.asking import Answers, Ask, Asked, Question, moment_of, send, show
from marketplace.contracts.files import open_file
from marketplace.contracts.shared_pages import READS, rights
from marketplace.contracts.steps import MANAGE
from marketplace.contracts.views import Contract
from marketplace.identity.context import settings_of
from marketplace.identity.guards import requires
from marketplace.identity.permissions import may
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import NotFound
from marketplace.policy.contracts import REPEATING, information_due
from marketplace.providers import causes
from marketplace.providers.file_pages import download
from marketplace.providers.imposing import grounds_by_hand
from marketplace.providers.queries import admitted_lots
from marketplace.web.csv_file import csv_file
from marketplace.web.filters import day, moment
from marketplace.web.render import page

MANAGES: dict[str, Any] = {"guards": [requires(MANAGE)]}
PROPOSES: dict[str, Any] = {"guards": [requires("suspension.propose")]}
HEADS = (
    "Provider", "Framework", "Last meeting", "Next meeting due", "Next visit due", "Planned", "Open actions",
    "Late actions", "Information asked for",
)  # fmt: skip


@get("/contracts", **READS)
async def contracts_page(request: Asked) -> Response[Any]:
    """Each provider of our frameworks with what is due and open; or as CSV."""
    rows = await ask(request.user, queries.contracts)
    if request.query_params.get("format") == "csv":
        cells = (
            (
                row.provider, row.framework, row.last_meeting or "", row.next_meeting or "", row.next_visit or "",
                moment(row.planned) if row.planned else "", row.open_actions, row.late_actions, row.open_requests,
            )
            for row in rows
        )  # fmt: skip
        return csv_file("contracts", HEADS, cells)
    return page(request, "contracts/contracts.html", title="Contracts", rows=rows, **rights(request.user))


async def _contract(work: Work, framework_id: UUID, provider_id: UUID) -> Contract:
    if work.actor.commissioner_id is None:
        raise NotFound
    return await queries.contract(work, framework_id, provider_id)


@get("/contracts/{framework_id:uuid}/{provider_id:uuid}", **READS)
async def contract_page(request: Asked, framework_id: FromPath[UUID], provider_id: FromPath[UUID]) -> Response[Any]:
    """One contract: what is due, open actions, information, the Commission's changes, meetings and visits so far."""
    found = await ask(request.user, _contract, framework_id, provider_id)
    return page(
        request,
        "contracts/contract.html",
        title=found.line.provider,
        found=found,
        proposes=may(request.user, "suspension.propose"),
        **rights(request.user),
    )


# --- planning and asking ----------------------------------------------------------------------------------------------


async def _new(work: Work, framework_id: UUID, provider_id: UUID, deed: str) -> Ask:
    found = await _contract(work, framework_id, provider_id)
    back = f"/contracts/{framework_id}/{provider_id}"
    rules = found.place.pack.on(found.today)
    if deed == "plan":
        kinds = [
            (kind, words[0]) for kind, words in occasions.KINDS.items() if kind != "monitoring_visit"
            or REPEATING[kind] in rules.duties
        ]  # fmt: skip
        return Ask(
            "Plan a meeting or visit", found.line.provider,
            "The provider is told, and finds it in its calendar, unless it comes unannounced: then it sees nothing"
            " before you share what was found. A meeting’s agenda is made from the record.",
            back, "Continue",
            (
                Question("choice", "kind", "What do you plan?", "what you plan", options=kinds),
                Question("choice", "announced", "Is the provider told?", "whether the provider is told", options=(
                    ("yes", "Yes"), ("no", "No: an inspection or interviews, unannounced"))),
                Question("date", "starts_on", "Which day?", "the day"),
                Question("time", "starts_at", "At what time?", "the time"),
                Question("text", "place", "Where?", "where it is", most=300),
                Question("lines", "about", "What is it about? (optional)", "what it is about", required=False),
            ),
            check="Check what you plan", send="Plan it", starts={"announced": "yes"},
        )  # fmt: skip
    if deed == "next":
        kinds = [(kind, words[0].upper() + words[1:]) for kind, words in dates.NAMES.items()
                 if kind == "meeting" or REPEATING[kind] in rules.duties]  # fmt: skip
        return Ask(
            "Set when the next is due", found.line.provider,
            "Sooner for serious concerns, later for sustained good performance or where no package runs."
            " The provider is told the day and the reason.",
            back, "Set the day",
            (
                Question("choice", "kind", "What is the day for?", "what the day is for", options=kinds),
                Question("date", "due_on", "Until when is it held?", "the last day"),
                Question("lines", "reason", "Why?", "why; the provider reads it"),
            ),
        )  # fmt: skip
    if deed == "ask":
        usual = information_due(found.place.pack, work.now)
        hint = f"By the framework: {day(usual)}, where you set no other" if usual else "For example, 11 5 2026"
        return Ask(
            "Ask for information", found.line.provider,
            "The provider is told at once, and reminded before the last day.", back, "Continue",
            (
                Question("text", "title", "What is it about?", "what it is about", most=300),
                Question("lines", "asks", "What do you need to know?", "what you need to know"),
                Question("text", "format", "In which format?", "the format",
                         "For example, a table with a line a worker", most=300),
                Question("date", "due_on", "Until when?", "the last day", hint, required=usual is None),
            ),
            check="Check what you ask for", send="Ask for it",
        )  # fmt: skip
    raise NotFound


@get("/contracts/{framework_id:uuid}/{provider_id:uuid}/{deed:str}", **MANAGES)
async def new_page(
    request: Asked, framework_id: FromPath[UUID], provider_id: FromPath[UUID], deed: FromPath[str]
) -> Response[Any]:
    """Plan a meeting or visit, set the next day, ask for information."""
    return show(request, await ask(request.user, _new, framework_id, provider_id, deed))


@post("/contracts/{framework_id:uuid}/{provider_id:uuid}/{deed:str}", status_code=303, **MANAGES)
async def new(
    request: Asked, framework_id: FromPath[UUID], provider_id: FromPath[UUID], deed: FromPath[str]
) -> Response[Any]:
    """Shows it to be checked where the provider is told, then does it."""
    here = (framework_id, provider_id)

    async def do(given: Answers) -> UUID | None:
        if deed == "plan":
            return await occasions.plan(
                request.user, *here, kind=given["kind"], starts_at=moment_of(given), place=given["place"],
                about=given["about"], announced=given["announced"] == "yes",
                occasion_id=given["made"],
            )  # fmt: skip
        if deed == "ask":
            return await requests.ask_information(
                request.user, *here, title=given["title"], asks=given["asks"], format=given["format"],
                due_on=given["due_on"], request_id=given["made"],
            )  # fmt: skip
        await dates.set_next(request.user, *here, kind=given["kind"], due_on=given["due_on"], reason=given["reason"])
        return None

    def to(made: UUID | None) -> str:
        if made is None:
            return asked.back
        return occasions.link(made) if deed == "plan" else requests.link(made)

    asked = await ask(request.user, _new, *here, deed)
    said = {"plan": "It is planned.", "ask": "Asked. The provider has been told.", "next": "The day is set."}
    return await send(request, asked, do, to=to, flash=said.get(deed, ""))


# --- a suspension from what the Care Quality Commission changed ------------------------------------------------------


async def _proposal(work: Work, framework_id: UUID, provider_id: UUID, change_id: UUID) -> Ask:
    found = await _contract(work, framework_id, provider_id)
    change = next((each for each in found.changes if each.id == change_id), None)
    if change is None:
        raise NotFound
    lots = await admitted_lots(work, framework_id, provider_id)
    rules = found.place.pack.on(found.today).content.suspensions
    grounds = [
        (rule.key, rule.title, rule.clause) for rule in await grounds_by_hand(work, framework_id, provider_id, rules)
    ]
    facts = f"{change.title}, learnt {moment(change.learnt_at)}, reported {moment(change.reported_at)}: {change.says}"
    return Ask(
        "Propose a suspension", found.line.provider,
        "A contract manager decides, by name and with a reason. Nothing changes for the provider before that.",
        f"/contracts/{framework_id}/{provider_id}", "Continue",
        (
            Question("choice", "rule_key", "On which ground?", "the ground", options=grounds),
            Question("choice", "lot_code", "For which lots?", "which lots", options=[
                ("all", "All its lots"), *((lot, f"Lot {lot}") for lot in lots)]),
            Question("lines", "facts", "What happened, and how do you know?", "what happened and how you know",
                     "The provider reads it if it is suspended"),
        ),
        check="Check what you propose", send="Send to the contract managers",
        starts={"lot_code": "all", "facts": facts},
    )  # fmt: skip


@get("/contracts/{framework_id:uuid}/{provider_id:uuid}/propose/{change_id:uuid}", **PROPOSES)
async def proposal_page(
    request: Asked, framework_id: FromPath[UUID], provider_id: FromPath[UUID], change_id: FromPath[UUID]
) -> Response[Any]:
    """The Commission's change as the facts of a proposal, to be completed."""
    return show(request, await ask(request.user, _proposal, framework_id, provider_id, change_id))


@post("/contracts/{framework_id:uuid}/{provider_id:uuid}/propose/{change_id:uuid}", status_code=303, **PROPOSES)
async def propose(
    request: Asked, framework_id: FromPath[UUID], provider_id: FromPath[UUID], change_id: FromPath[UUID]
) -> Response[Any]:
    """Puts it to the contract managers, as any ground is."""

    async def do(given: Answers) -> None:
        lot = None if given["lot_code"] == "all" else given["lot_code"]
        await causes.propose(
            request.user, framework_id, provider_id, rule_key=given["rule_key"], facts=given["facts"], lot_code=lot
        )

    asked = await ask(request.user, _proposal, framework_id, provider_id, change_id)
    return await send(request, asked, do, to=asked.back, flash="Sent. The contract managers decide.")


# --- actions ----------------------------------------------------------------------------------------------------------

ACTIONS = {
    "accept": ("An action is done", "It leaves the list of open actions. The provider is told.",
               "What was done, or anything to say?", "It is done"),
    "send-back": ("Send an action back", "The action is to do again. The provider is told.", "What is missing?",
                  "Send it back"),
    "withdraw": ("Withdraw an action", "The action is no longer asked for. The provider is told.",
                 "Why is it no longer needed?", "Withdraw it"),
    "move": ("Give an action more time", "That it was late before stays on record. The provider is told.",
             "Why does it get more time?", "Give it more time"),
}  # fmt: skip


async def _action(work: Work, contract_action_id: UUID, deed: str) -> Ask:
    found = await following.actions_of(work, action_id=contract_action_id)
    if not found or deed not in ACTIONS or work.actor.commissioner_id is None:
        raise NotFound
    action = found[0]
    title, lead, label, button = ACTIONS[deed]
    says = Question("lines", "says", label, "this", required=deed != "accept" or not action.for_provider)
    last = (Question("date", "due_on", "Until when?", "the last day"),) if deed == "move" else ()
    return Ask(
        title, action.title, lead, occasions.link(action.occasion_id), button, (*last, says),
        facts=(("Until", day(action.due_on)),),
    )  # fmt: skip


@get("/contract-actions/{contract_action_id:uuid}/{deed:str}", **MANAGES)
async def action_page(request: Asked, contract_action_id: FromPath[UUID], deed: FromPath[str]) -> Response[Any]:
    """Accept, send back, give more time or withdraw."""
    return show(request, await ask(request.user, _action, contract_action_id, deed))


@post("/contract-actions/{contract_action_id:uuid}/{deed:str}", status_code=303, **MANAGES)
async def act(request: Asked, contract_action_id: FromPath[UUID], deed: FromPath[str]) -> Response[Any]:
    """Does it; the provider is told."""

    async def do(given: Answers) -> None:
        if deed == "move":
            await following.move(request.user, contract_action_id, given["due_on"], given["says"])
        else:
            verbs = {"accept": following.accept, "send-back": following.send_back, "withdraw": following.withdraw}
            await verbs[deed](request.user, contract_action_id, given["says"])

    asked = await ask(request.user, _action, contract_action_id, deed)
    return await send(request, asked, do, to=asked.back, flash="The provider has been told.")


@get("/contract-files/{step_id:uuid}/{evidence_id:uuid}", **MANAGES)
async def step_file(request: Asked, step_id: FromPath[UUID], evidence_id: FromPath[UUID]) -> Stream:
    """A file the provider attached to an answer."""
    return download(await open_file(request.user, settings_of(request), step_id, evidence_id))


ROUTES: list[Any] = [contracts_page, contract_page, new_page, new, proposal_page, propose, action_page, act, step_file]
