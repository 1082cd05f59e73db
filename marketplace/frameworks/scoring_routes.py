"""JSON: scores of an application, and terms that change and are accepted anew."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.params import FromPath, JSONBody

from marketplace.frameworks import scoring, terms_actions
from marketplace.frameworks.schemas import MadeOut
from marketplace.frameworks.scoring import Score
from marketplace.frameworks.terms_actions import Change
from marketplace.identity.guards import requires
from marketplace.platform.database import ask

TAG = ["Applications and rates"]
READS: dict[str, Any] = {"guards": [requires("application.read")], "tags": TAG}
FRAMEWORK: dict[str, Any] = {"guards": [requires("framework.read")], "tags": ["Frameworks"]}
ASSESSES: dict[str, Any] = {"guards": [requires("application.assess")], "tags": TAG}
LEADS: dict[str, Any] = {"guards": [requires("framework.write")], "tags": ["Frameworks"]}
ACCEPTS: dict[str, Any] = {"guards": [requires("application.write")], "tags": ["Frameworks"]}
SCORES = "/api/v1/applications/{application_id:uuid}"
CHANGES = "/api/v1/frameworks/{framework_id:uuid}"
AnyRequest = Request[Any, Any, Any]

Short = Annotated[str, msgspec.Meta(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Text = Annotated[str, msgspec.Meta(max_length=2000, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$")]
Points = Annotated[int, msgspec.Meta(ge=-1000, le=100_000)]


class ScoreIn(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Points by the framework's criteria."""

    points: Annotated[dict[Short, Points], msgspec.Meta(max_length=50)]
    remark: Text = ""


class ScoreOut(msgspec.Struct, kw_only=True):
    by: str
    mine: bool
    points: dict[str, int]
    total: int
    of: int
    remark: str
    at: datetime


class ScoresOut(msgspec.Struct, kw_only=True):
    """`given` holds what the caller may read: others' only after one's own. `wanted` people score alone."""

    criteria: list[str]
    most_points: int
    wanted: int
    scorers: int
    given: list[ScoreOut]
    agreed: ScoreOut | None


class ChangeIn(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`key` is the decision's, `value` its new answer."""

    key: Short
    value: bool | int | str | list[Short]
    reason: Text


class ChangeOut(msgspec.Struct, kw_only=True):
    key: str
    title: str
    before: Any
    after: Any
    reason: str
    by: str
    at: datetime


class PackOut(msgspec.Struct):
    pack_hash: str


class AcceptIn(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`pack_hash` names the terms that were read."""

    pack_hash: Short


def _score(score: Score) -> ScoreOut:
    points = score.scored
    return ScoreOut(
        by=score.by, mine=score.mine, points=points.points, total=points.total, of=points.of, remark=score.remark,
        at=score.at,
    )  # fmt: skip


def _change(each: Change) -> ChangeOut:
    return ChangeOut(
        key=each.key, title=each.title, before=each.before, after=each.after, reason=each.reason, by=each.by, at=each.at
    )


@get(f"{SCORES}/scores", **READS)
async def get_scores(request: AnyRequest, application_id: FromPath[UUID]) -> ScoresOut:
    """The scores of an application to our framework."""
    found = await ask(request.user, scoring.scores, application_id)
    return ScoresOut(
        criteria=list(found.rule.criteria), most_points=found.rule.most_points, wanted=found.rule.scorers,
        scorers=found.scorers, given=[_score(each) for each in found.given],
        agreed=_score(found.agreed) if found.agreed else None,
    )  # fmt: skip


@post(f"{SCORES}/scores", **ASSESSES)
async def post_score(request: AnyRequest, application_id: FromPath[UUID], data: JSONBody[ScoreIn]) -> MadeOut:
    """Give one's own score, once."""
    return MadeOut([await scoring.give_score(request.user, application_id, data.points, data.remark)])


@post(f"{SCORES}/agreed-scores", status_code=204, **ASSESSES)
async def post_agreed(request: AnyRequest, application_id: FromPath[UUID], data: JSONBody[ScoreIn]) -> None:
    """Record what the scorers agreed together, once."""
    await scoring.agree_scores(request.user, application_id, data.points, data.remark)


@get(f"{CHANGES}/changes", **FRAMEWORK)
async def get_changes(request: AnyRequest, framework_id: FromPath[UUID]) -> list[ChangeOut]:
    """Every change of the framework's terms since it opened, the newest first."""
    return [_change(each) for each in await ask(request.user, terms_actions.changes, framework_id)]


@post(f"{CHANGES}/changes", **LEADS)
async def post_change(request: AnyRequest, framework_id: FromPath[UUID], data: JSONBody[ChangeIn]) -> PackOut:
    """Answer a decision of an open framework anew; every provider is asked to accept the terms again."""
    value = "\n".join(data.value) if isinstance(data.value, list) else data.value
    return PackOut(await terms_actions.change_terms(request.user, framework_id, data.key, value, data.reason))


@post(f"{CHANGES}/acceptances", status_code=204, **ACCEPTS)
async def post_acceptance(request: AnyRequest, framework_id: FromPath[UUID], data: JSONBody[AcceptIn]) -> None:
    """Accept the terms as they stand, for my organisation."""
    await terms_actions.accept_terms(request.user, framework_id, data.pack_hash)


ROUTES: list[Any] = [get_scores, post_score, post_agreed, get_changes, post_change, post_acceptance]
