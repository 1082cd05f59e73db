"""The JSON API of frameworks, at both front doors: the same actions and queries as the pages."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, delete, get, post, put
from litestar.params import FromPath, JSONBody

from marketplace.frameworks import actions, application_routes, areas, queries, terms
from marketplace.frameworks.packs import built_in
from marketplace.frameworks.schemas import (
    AnswerIn,
    AreasIn,
    AreasOut,
    DecisionOut,
    FrameworkIn,
    FrameworkOut,
    LotOut,
    PackOut,
    PartnerIn,
    ReasonIn,
    SectionOut,
    decision_out,
    framework_out,
    lot_out,
    section_out,
)
from marketplace.identity.guards import requires
from marketplace.platform.database import Work, ask
from marketplace.policy.pack import available_packs

READS: dict[str, Any] = {"guards": [requires("framework.read")], "tags": ["Frameworks"]}
WRITES: dict[str, Any] = {"guards": [requires("framework.write")], "tags": ["Frameworks"]}
ONE = "/api/v1/frameworks/{framework_id:uuid}"
AnyRequest = Request[Any, Any, Any]


@get("/api/v1/packs", **WRITES)
async def list_packs() -> list[PackOut]:
    """The rules that come with the software, to make a framework from."""
    packs = [built_in(pack_id) for pack_id in available_packs()]
    return [PackOut(pack.id, pack.title, len(pack.decisions())) for pack in packs]


@get("/api/v1/frameworks", **READS)
async def list_frameworks(request: AnyRequest) -> list[FrameworkOut]:
    """Our own frameworks, then those that take applications."""
    mine = await ask(request.user, queries.my_frameworks)
    known = {each.id for each in mine}
    others = [each for each in await ask(request.user, queries.open_frameworks) if each.id not in known]
    return [framework_out(each) for each in (*mine, *others)]


@post("/api/v1/frameworks", **WRITES)
async def create(request: AnyRequest, data: JSONBody[FrameworkIn]) -> FrameworkOut:
    """Make a draft framework from a pack."""
    known = data.pack in available_packs()
    framework_id = await actions.create_framework(
        request.user,
        pack_id=data.pack if known or not _is_hash(data.pack) else None,
        pack_hash=data.pack if not known and _is_hash(data.pack) else None,
        name=data.name,
        anchor_day=data.anchor_day,
        regime=data.regime,
        ends_on=data.ends_on,
        partner_ids=data.partners,
    )
    return framework_out(await ask(request.user, queries.framework, framework_id))


@get(ONE, **READS)
async def one(request: AnyRequest, framework_id: FromPath[UUID]) -> FrameworkOut:
    """One framework."""
    return framework_out(await ask(request.user, queries.framework, framework_id))


@get(f"{ONE}/lots", **READS)
async def list_lots(request: AnyRequest, framework_id: FromPath[UUID]) -> list[LotOut]:
    """Its lots, in the pack's order."""
    await ask(request.user, queries.framework, framework_id)
    return [lot_out(each) for each in await ask(request.user, queries.lots, framework_id)]


@get(f"{ONE}/terms", **READS)
async def list_terms(request: AnyRequest, framework_id: FromPath[UUID]) -> list[SectionOut]:
    """Its rules in words, clause by clause, as they stand today."""
    return [section_out(each) for each in await ask(request.user, _terms, framework_id)]


@get(f"{ONE}/decisions", **READS)
async def list_decisions(request: AnyRequest, framework_id: FromPath[UUID]) -> list[DecisionOut]:
    """What the pack leaves to the commissioner, with what was confirmed by whom and when."""
    return [decision_out(each) for each in await ask(request.user, queries.decisions, framework_id)]


@put(f"{ONE}/decisions/{{key:str}}", **WRITES)
async def confirm(
    request: AnyRequest, framework_id: FromPath[UUID], key: FromPath[str], data: JSONBody[AnswerIn]
) -> DecisionOut:
    """Confirm one decision, as proposed or with another value."""
    await actions.confirm_decision(request.user, framework_id, key, data.value, remark=data.remark)
    return decision_out(await ask(request.user, queries.decision, framework_id, key))


@post(f"{ONE}/partners", **WRITES)
async def add_partner(request: AnyRequest, framework_id: FromPath[UUID], data: JSONBody[PartnerIn]) -> FrameworkOut:
    """Add a partner commissioner."""
    await actions.add_partner(request.user, framework_id, data.commissioner_id)
    return framework_out(await ask(request.user, queries.framework, framework_id))


@delete(f"{ONE}/partners/{{commissioner_id:uuid}}", status_code=204, **WRITES)
async def remove_partner(request: AnyRequest, framework_id: FromPath[UUID], commissioner_id: FromPath[UUID]) -> None:
    """Take a partner off a draft."""
    await actions.remove_partner(request.user, framework_id, commissioner_id)


@get(f"{ONE}/areas", **WRITES)
async def get_areas(request: AnyRequest, framework_id: FromPath[UUID]) -> AreasOut:
    """The areas of the acting council, as its families call them."""
    await ask(request.user, queries.framework, framework_id)
    kept = await ask(request.user, areas.areas_of, framework_id, request.user.commissioner_id)
    return AreasOut(areas=list(kept))


@put(f"{ONE}/areas", **WRITES)
async def put_areas(request: AnyRequest, framework_id: FromPath[UUID], data: JSONBody[AreasIn]) -> AreasOut:
    """Keep them; none: families are offered every area a provider names."""
    return AreasOut(areas=list(await areas.set_areas(request.user, framework_id, data.areas)))


@post(f"{ONE}/open", status_code=200, **WRITES)
async def open_it(request: AnyRequest, framework_id: FromPath[UUID]) -> FrameworkOut:
    """Open it to applications once every decision is confirmed."""
    await actions.open_framework(request.user, framework_id)
    return framework_out(await ask(request.user, queries.framework, framework_id))


@post(f"{ONE}/close", status_code=200, **WRITES)
async def close_it(request: AnyRequest, framework_id: FromPath[UUID], data: JSONBody[ReasonIn]) -> FrameworkOut:
    """Close it to new applications."""
    await actions.close_framework(request.user, framework_id, data.reason)
    return framework_out(await ask(request.user, queries.framework, framework_id))


async def _terms(work: Work, framework_id: UUID) -> list[terms.Section]:
    return terms.sections(await queries.pack_of(work, framework_id), queries.today(work))


def _is_hash(text: str) -> bool:
    return len(text) == 64 and not set(text) - set("0123456789abcdef")


ROUTES: list[Any] = [
    list_packs,
    list_frameworks,
    create,
    one,
    list_lots,
    list_terms,
    list_decisions,
    confirm,
    add_partner,
    remove_partner,
    get_areas,
    put_areas,
    open_it,
    close_it,
    *application_routes.ROUTES,
]
