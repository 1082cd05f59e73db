"""JSON for whoever manages contracts: planning, agendas, findings, minutes, actions, information and its charges."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import Request, delete, get, post, put
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.response import Stream

from marketplace.contracts import (
    charges,
    dates,
    finding_files,
    findings,
    following,
    occasions,
    queries,
    requests,
    schemas,
)
from marketplace.contracts.agenda import AgendaItem
from marketplace.contracts.files import open_file
from marketplace.contracts.steps import MANAGE, REVIEW, row_of
from marketplace.identity.context import settings_of
from marketplace.identity.guards import requires
from marketplace.platform.cleaning import MOST_BYTES
from marketplace.platform.database import ask
from marketplace.platform.errors import InvalidInput
from marketplace.providers.file_pages import download
from marketplace.providers.schemas import MadeOut
from marketplace.web.reading import read_files

TAG: dict[str, Any] = {"tags": ["Contracts"]}
MANAGES: dict[str, Any] = {"guards": [requires(MANAGE)], **TAG}
REVIEWS: dict[str, Any] = {"guards": [requires(REVIEW)], **TAG}
Asked = Request[Any, Any, Any]


def _zoned(moment: datetime) -> datetime:
    if moment.tzinfo is None or not 1900 <= moment.year < 2200:
        raise InvalidInput({"starts_at": "Give the moment with its offset from UTC, before 2200"})
    return moment


@post("/api/v1/contracts/{framework_id:uuid}/{provider_id:uuid}/occasions", **MANAGES)
async def plan(
    request: Asked, framework_id: FromPath[UUID], provider_id: FromPath[UUID], data: JSONBody[schemas.PlanIn]
) -> MadeOut:
    """Plan a meeting or visit; a meeting's agenda is made from the record."""
    made = await occasions.plan(
        request.user, framework_id, provider_id, kind=data.kind, starts_at=_zoned(data.starts_at), place=data.place,
        about=data.about, announced=data.announced, occasion_id=data.id,
    )  # fmt: skip
    return MadeOut(made)


@post("/api/v1/contracts/{framework_id:uuid}/{provider_id:uuid}/next", status_code=204, **MANAGES)
async def set_next(
    request: Asked, framework_id: FromPath[UUID], provider_id: FromPath[UUID], data: JSONBody[schemas.NextIn]
) -> None:
    """The next meeting or visit by another day, with the reason."""
    await dates.set_next(
        request.user, framework_id, provider_id, kind=data.kind, due_on=data.due_on, reason=data.reason
    )


@post("/api/v1/contracts/{framework_id:uuid}/{provider_id:uuid}/requests", **MANAGES)
async def ask_information(
    request: Asked, framework_id: FromPath[UUID], provider_id: FromPath[UUID], data: JSONBody[schemas.AskIn]
) -> MadeOut:
    """Ask for information, with its format and last day."""
    made = await requests.ask_information(
        request.user, framework_id, provider_id, title=data.title, asks=data.asks, format=data.format,
        due_on=data.due_on, request_id=data.id,
    )  # fmt: skip
    return MadeOut(made)


@put("/api/v1/contract-occasions/{occasion_id:uuid}/agenda", status_code=204, **MANAGES)
async def edit_agenda(request: Asked, occasion_id: FromPath[UUID], data: JSONBody[schemas.AgendaIn]) -> None:
    """Keep the agenda as given, unless it has changed since it was read."""
    known = {item.title: item for item in (await ask(request.user, queries.occasion, occasion_id)).agenda}
    items: list[AgendaItem] = []
    for each in data.items:
        old = known.get(each.title, AgendaItem(title=each.title))
        items.append(AgendaItem(title=each.title, text=each.text, key=old.key, link=old.link, own_link=old.own_link))
    await occasions.edit_agenda(request.user, occasion_id, items, seen=data.changes)


@post("/api/v1/contract-occasions/{occasion_id:uuid}/agenda", status_code=204, **MANAGES)
async def make_agenda(request: Asked, occasion_id: FromPath[UUID], data: JSONBody[schemas.AgendaAgainIn]) -> None:
    """Make the agenda again from the record of this moment; what was added by hand stays."""
    await occasions.make_agenda_again(request.user, occasion_id, seen=data.changes)


@post("/api/v1/contract-occasions/{occasion_id:uuid}/move", status_code=204, **MANAGES)
async def move(request: Asked, occasion_id: FromPath[UUID], data: JSONBody[schemas.MoveIn]) -> None:
    """Another time or place, with the reason."""
    await occasions.move(request.user, occasion_id, _zoned(data.starts_at), data.place, data.reason)


@post("/api/v1/contract-occasions/{occasion_id:uuid}/call-off", status_code=204, **MANAGES)
async def call_off(request: Asked, occasion_id: FromPath[UUID], data: JSONBody[schemas.ReasonIn]) -> None:
    """It does not take place."""
    await occasions.call_off(request.user, occasion_id, data.reason)


@post("/api/v1/contract-occasions/{occasion_id:uuid}/findings", **MANAGES)
async def add_finding(request: Asked, occasion_id: FromPath[UUID], data: JSONBody[schemas.FindingIn]) -> MadeOut:
    """Note what a visit found; the provider reads it once it is shared."""
    return MadeOut(
        await findings.add_finding(request.user, occasion_id, area=data.area, grade=data.grade, says=data.says)
    )


@post("/api/v1/contract-findings/{finding_id:uuid}/files", request_max_body_size=MOST_BYTES + 1_000_000, **MANAGES)
async def add_finding_file(request: Asked, finding_id: FromPath[UUID], id: FromQuery[UUID | None] = None) -> MadeOut:
    """A file that shows what was found, as `file` of a multipart form: a PDF, JPEG or PNG, checked at once.

    Sent again with the same `id` it is there once.
    """
    await ask(request.user, row_of, "contract_finding", finding_id)
    sent = next(iter((await read_files(request)).get("file", ())), None)
    if sent is None:
        raise InvalidInput({"file": "Send the file as the field 'file' of a multipart form"})
    made = await finding_files.add_file(
        request.user, settings_of(request), finding_id, name=sent.filename, file=sent.file, file_id=id
    )
    return MadeOut(made)


@delete("/api/v1/finding-files/{file_id:uuid}", status_code=204, **MANAGES)
async def remove_finding_file(request: Asked, file_id: FromPath[UUID]) -> None:
    """Take a file away before it is shared."""
    await finding_files.remove_file(request.user, settings_of(request), file_id)


@post("/api/v1/contract-occasions/{occasion_id:uuid}/share", status_code=204, **MANAGES)
async def share(request: Asked, occasion_id: FromPath[UUID], data: JSONBody[schemas.ShareIn]) -> None:
    """It was held: the minutes or findings go to the provider, for good."""
    await occasions.share(
        request.user, occasion_id, attended_by=data.attended_by, provider_there=data.provider_there,
        minutes=data.minutes,
    )  # fmt: skip


@post("/api/v1/contract-occasions/{occasion_id:uuid}/actions", **MANAGES)
async def ask_action(request: Asked, occasion_id: FromPath[UUID], data: JSONBody[schemas.ActionIn]) -> MadeOut:
    """Add an action with its owner and last day."""
    made = await following.ask_action(
        request.user, occasion_id, title=data.title, due_on=data.due_on, owner_name=data.owner_name,
        for_provider=data.for_provider, finding_id=data.finding_id,
    )  # fmt: skip
    return MadeOut(made)


@post("/api/v1/contract-actions/{contract_action_id:uuid}/accept", status_code=204, **MANAGES)
async def accept_action(request: Asked, contract_action_id: FromPath[UUID], data: JSONBody[schemas.SaysIn]) -> None:
    """The action is done."""
    await following.accept(request.user, contract_action_id, data.says)


@post("/api/v1/contract-actions/{contract_action_id:uuid}/send-back", status_code=204, **MANAGES)
async def send_action_back(request: Asked, contract_action_id: FromPath[UUID], data: JSONBody[schemas.SaysIn]) -> None:
    """Something is missing: the action is to do again."""
    await following.send_back(request.user, contract_action_id, data.says)


@post("/api/v1/contract-actions/{contract_action_id:uuid}/withdraw", status_code=204, **MANAGES)
async def withdraw_action(request: Asked, contract_action_id: FromPath[UUID], data: JSONBody[schemas.SaysIn]) -> None:
    """The action is no longer asked for."""
    await following.withdraw(request.user, contract_action_id, data.says)


@post("/api/v1/contract-actions/{contract_action_id:uuid}/move", status_code=204, **MANAGES)
async def move_action(request: Asked, contract_action_id: FromPath[UUID], data: JSONBody[schemas.LaterIn]) -> None:
    """Give an open action a later day."""
    await following.move(request.user, contract_action_id, data.due_on, data.says)


@post("/api/v1/information-requests/{information_id:uuid}/accept", status_code=204, **MANAGES)
async def accept(request: Asked, information_id: FromPath[UUID], data: JSONBody[schemas.SaysIn]) -> None:
    """The information is what was asked for."""
    await requests.accept(request.user, information_id, data.says)


@post("/api/v1/information-requests/{information_id:uuid}/send-back", status_code=204, **MANAGES)
async def send_back(request: Asked, information_id: FromPath[UUID], data: JSONBody[schemas.LaterIn]) -> None:
    """Return the information as poor, with the reasons and a new last day."""
    await requests.send_back(request.user, information_id, data.says, data.due_on)


@post("/api/v1/information-requests/{information_id:uuid}/move", status_code=204, **MANAGES)
async def move_request(request: Asked, information_id: FromPath[UUID], data: JSONBody[schemas.LaterIn]) -> None:
    """Give a request a later day."""
    await requests.move(request.user, information_id, data.due_on, data.says)


@post("/api/v1/information-requests/{information_id:uuid}/withdraw", status_code=204, **MANAGES)
async def withdraw(request: Asked, information_id: FromPath[UUID], data: JSONBody[schemas.SaysIn]) -> None:
    """The information is no longer asked for."""
    await requests.withdraw(request.user, information_id, data.says)


@post("/api/v1/information-requests/{information_id:uuid}/charge", **MANAGES)
async def charge(request: Asked, information_id: FromPath[UUID], data: JSONBody[schemas.ChargeIn]) -> MadeOut:
    """Charge the time spent on information that was poor or late, at the framework's rate."""
    return MadeOut(await charges.charge(request.user, information_id, minutes=data.minutes, reason=data.reason))


@post("/api/v1/information-requests/{information_id:uuid}/decide", status_code=204, **REVIEWS)
async def decide(request: Asked, information_id: FromPath[UUID], data: JSONBody[schemas.DecideIn]) -> None:
    """Decide on an objection to a charge, by somebody else than who made it."""
    await charges.decide(request.user, information_id, stands=data.stands, says=data.says)


@get("/api/v1/contract-steps/{step_id:uuid}/files/{evidence_id:uuid}", **MANAGES)
async def get_file(request: Asked, step_id: FromPath[UUID], evidence_id: FromPath[UUID]) -> Stream:
    """A file the provider attached to an answer."""
    return download(await open_file(request.user, settings_of(request), step_id, evidence_id))


ROUTES: list[Any] = [
    plan, set_next, ask_information, edit_agenda, make_agenda, move, call_off, add_finding, add_finding_file,
    remove_finding_file, share, ask_action, accept_action, send_action_back, withdraw_action, move_action, accept,
    send_back, move_request, withdraw, charge, decide, get_file,
]  # fmt: skip
