"""JSON: a provider's declarations, and what commissioners find of them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.params import FromPath, JSONBody
from litestar.response import Stream

from marketplace.identity.context import settings_of
from marketplace.identity.guards import requires
from marketplace.platform.database import ask
from marketplace.providers import declarations
from marketplace.providers.declaration_files import open_declared
from marketplace.providers.declaration_queries import AskedBy, Declared, Piece, declared_to_us, own_pieces, own_story
from marketplace.providers.file_sending import download
from marketplace.providers.schemas import In, Line, Lines, MadeOut

PROFILE: dict[str, Any] = {"guards": [requires("provider.write")], "tags": ["Declarations"]}
READS: dict[str, Any] = {"guards": [requires("application.read")], "tags": ["Declarations"]}
ASSESSES: dict[str, Any] = {"guards": [requires("application.assess")], "tags": ["Declarations"]}
Asked = Request[Any, Any, Any]


class InspectionIn(In):
    """`rating`: outstanding, good, requires_improvement, inadequate."""

    inspected_on: date
    rating: Line


class DetailsIn(In):
    """Of a CQC registration (`rating`: outstanding, good, requires_improvement, inadequate, not_yet_inspected), of an
    insurance (`until`), of inspection reports (`inspections`, or `none_yet`), or of a toolkit (`outcome`: met,
    partly_met, not_met; `shortfall` says what is not met)."""

    provider_identifier: Line = ""
    location_identifier: Line = ""
    rating: Line | None = None
    inspected_on: date | None = None
    conditions: Lines = ""
    until: date | None = None
    inspections: Annotated[list[InspectionIn], msgspec.Meta(max_length=12)] = msgspec.field(default_factory=list)
    none_yet: bool = False
    completed_on: date | None = None
    outcome: Line | None = None
    shortfall: Lines = ""


class OneDeclarationIn(In):
    """`declared_on`: since when, or when last reviewed."""

    declared_on: date
    remark: Lines = ""
    evidence_ids: Annotated[list[UUID], msgspec.Meta(max_length=12)] = msgspec.field(default_factory=list)
    details: DetailsIn | None = None


class AssessmentIn(In):
    """`verdict` is accepted or rejected; a rejection says what is to be mended. `seen` is the framework's newest
    finding of it that you have read, left out where there is none: another one made since is a conflict."""

    declaration_id: UUID
    framework_id: UUID
    verdict: Line
    to_mend: Lines = ""
    seen: UUID | None = None


class DeclaredFileOut(msgspec.Struct, kw_only=True):
    id: UUID
    name: str
    kind: str
    open: bool


class FindingOut(msgspec.Struct, kw_only=True):
    id: UUID
    framework_id: UUID
    framework: str
    verdict: str
    to_mend: str
    by: str
    at: datetime


class DeclaredOut(msgspec.Struct, kw_only=True):
    id: UUID
    key: str
    declared_on: date
    remark: str
    details: dict[str, Any]
    by: str
    at: datetime
    files: list[DeclaredFileOut]
    findings: list[FindingOut]


class PieceOut(msgspec.Struct, kw_only=True):
    """`state` is missing, due_again, rejected, unshown, waiting or accepted; `until` the last day what was
    declared counts."""

    key: str
    title: str
    clause: str
    state: str
    missed: bool
    declared_on: date | None
    until: date | None
    declared: DeclaredOut | None


class AskedByOut(msgspec.Struct, kw_only=True):
    framework_id: UUID
    framework: str
    pieces: list[PieceOut]


def _declared(each: Declared) -> DeclaredOut:
    return DeclaredOut(
        id=each.id,
        key=each.key,
        declared_on=each.declared_on,
        remark=each.remark,
        details=each.details,
        by=each.by,
        at=each.at,
        files=[DeclaredFileOut(id=f.id, name=f.name, kind=f.kind, open=f.open) for f in each.files],
        findings=[
            FindingOut(
                id=f.id,
                framework_id=f.framework_id,
                framework=f.framework_name,
                verdict=f.verdict,
                to_mend=f.to_mend,
                by=f.by,
                at=f.at,
            )
            for f in each.findings
        ],
    )


def _piece(piece: Piece) -> PieceOut:
    return PieceOut(
        key=piece.key,
        title=piece.title,
        clause=piece.clause,
        state=piece.state,
        missed=piece.missed,
        declared_on=piece.declared_on,
        until=piece.until,
        declared=_declared(piece.declared) if piece.declared else None,
    )


def _asked(found: list[AskedBy]) -> list[AskedByOut]:
    return [
        AskedByOut(framework_id=on.framework_id, framework=on.framework_name, pieces=[_piece(p) for p in on.pieces])
        for on in found
    ]


@get("/api/v1/declarations", **PROFILE)
async def get_declarations(request: Asked) -> list[AskedByOut]:
    """Framework by framework what is asked of my organisation, what it declared and what was found."""
    return _asked(await ask(request.user, own_pieces))


@get("/api/v1/declarations/{key:str}", **PROFILE)
async def get_declaration_story(request: Asked, key: FromPath[str]) -> list[DeclaredOut]:
    """Everything my organisation declared of one thing, the newest first."""
    _, _, story, _ = await ask(request.user, own_story, key)
    return [_declared(each) for each in story]


@post("/api/v1/declarations/{key:str}", **PROFILE)
async def post_one_declaration(request: Asked, key: FromPath[str], data: JSONBody[OneDeclarationIn]) -> MadeOut:
    """Declare one thing with its files; every framework that asks for it sees it."""
    details = {name: getattr(data.details, name) for name in DetailsIn.__struct_fields__} if data.details else {}
    if data.details:
        details["inspections"] = [
            {"inspected_on": i.inspected_on, "rating": i.rating} for i in data.details.inspections
        ]
    return MadeOut(
        await declarations.make_declaration(
            request.user,
            key,
            declared_on=data.declared_on,
            remark=data.remark,
            evidence_ids=data.evidence_ids,
            details=details,
        )
    )


@get("/api/v1/providers/{provider_id:uuid}/declarations", **READS)
async def get_provider_declarations(request: Asked, provider_id: FromPath[UUID]) -> list[AskedByOut]:
    """What my frameworks ask of a provider, what it declared and what was found."""
    _, found = await ask(request.user, declared_to_us, provider_id)
    return _asked(found)


@post("/api/v1/declaration-assessments", **ASSESSES)
async def post_assessment(request: Asked, data: JSONBody[AssessmentIn]) -> MadeOut:
    """Accept a declaration for a framework, or reject it with what is to be mended."""
    return MadeOut(
        await declarations.assess(
            request.user,
            data.declaration_id,
            data.framework_id,
            verdict=data.verdict,
            to_mend=data.to_mend,
            seen=data.seen,
        )
    )


@get("/api/v1/declared-files/{evidence_id:uuid}", **READS)
async def get_declared_file(request: Asked, evidence_id: FromPath[UUID]) -> Stream:
    """A file a provider declared with; the look is logged."""
    return download(await open_declared(request.user, settings_of(request), evidence_id))


ROUTES: list[Any] = [
    get_declarations, get_declaration_story, post_one_declaration, get_provider_declarations, post_assessment,
    get_declared_file,
]  # fmt: skip
