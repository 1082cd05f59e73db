"""JSON: a provider's own profile, workforce, evidence and pauses; a worker's own training; commissioners' decisions."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, get, post, put
from litestar.params import FromPath, FromQuery, JSONBody

from marketplace.frameworks.queries import pack_of
from marketplace.identity.guards import requires
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import InvalidInput, NotFound
from marketplace.policy.calendar import local_day
from marketplace.providers import (
    actions,
    commissioner_routes,
    dbs_checks,
    dbs_routes,
    evidence,
    lapse_routes,
    leaving,
    own_profile_routes,
    own_suspension_routes,
    queries,
    schemas,
    suspension_routes,
    withdrawing,
    workforce,
)
from marketplace.providers.queries import OnFramework
from marketplace.providers.readiness import Ready, readiness

READS: dict[str, Any] = {"guards": [requires("workforce.read")], "tags": ["Workforce"]}
WRITES: dict[str, Any] = {"guards": [requires("workforce.write")], "tags": ["Workforce"]}
PROFILE: dict[str, Any] = {"guards": [requires("provider.write")], "tags": ["Providers"]}
PAUSES: dict[str, Any] = {"guards": [requires("provider.pause")], "tags": ["Providers"]}
STANDS: dict[str, Any] = {"guards": [requires("standing.read", "provider.write")], "tags": ["Providers"]}
TRAINS: dict[str, Any] = {"guards": [requires("training.read")], "tags": ["Workforce"]}
Asked = Request[Any, Any, Any]


def _own(work: Work) -> UUID:
    if work.actor.provider_id is None:
        raise NotFound
    return work.actor.provider_id


def _given(data: msgspec.Struct) -> dict[str, Any]:
    return {name: getattr(data, name) for name in data.__struct_fields__}


# --- the organisation -------------------------------------------------------------------------------------------------


async def _profile(work: Work) -> dict[str, Any]:
    return await queries.profile(work, _own(work))


async def _standing(work: Work) -> list[OnFramework]:
    return await queries.on_frameworks(work, _own(work))


@get("/api/v1/profile", **PROFILE)
async def get_profile(request: Asked) -> schemas.ProfileOut:
    """My organisation's profile."""
    return schemas.profile_out(await ask(request.user, _profile))


@put("/api/v1/profile", **PROFILE)
async def put_profile(request: Asked, data: JSONBody[schemas.ProfileIn]) -> schemas.ProfileOut:
    """Keep my organisation's profile."""
    await actions.update_profile(request.user, **_given(data))
    return schemas.profile_out(await ask(request.user, _profile))


@post("/api/v1/declarations", status_code=204, **PROFILE)
async def post_declaration(request: Asked, data: JSONBody[schemas.DeclarationIn]) -> None:
    """Declare what my frameworks ask for."""
    await actions.declare(request.user, data.keys, data.declared_on)


@get("/api/v1/standing", **STANDS)
async def get_standing(request: Asked) -> list[schemas.OnFrameworkOut]:
    """My standing on each framework and lot, with every reason, and what is still asked."""
    return [schemas.on_framework_out(each) for each in await ask(request.user, _standing)]


@post("/api/v1/pauses", **PAUSES)
async def post_pause(request: Asked, data: JSONBody[schemas.PauseIn]) -> schemas.MadeOut:
    """Take no new referrals, by our own wish."""
    pause_id = await actions.pause(
        request.user, data.framework_id, data.lot_code, until_on=data.until_on, reason=data.reason
    )
    return schemas.MadeOut(pause_id)


@post("/api/v1/pauses/{pause_id:uuid}/end", status_code=204, **PAUSES)
async def end_pause(request: Asked, pause_id: FromPath[UUID]) -> None:
    """Take new referrals again."""
    await actions.resume(request.user, pause_id)


# --- workers ----------------------------------------------------------------------------------------------------------


@get("/api/v1/workers", **READS)
async def list_workers(request: Asked, with_left: FromQuery[bool] = False) -> list[schemas.WorkerOut]:
    """My workers with their evidence, by name."""
    return [schemas.worker_out(each) for each in await ask(request.user, queries.workforce, with_left=with_left)]


@post("/api/v1/workers", **WRITES)
async def post_worker(request: Asked, data: JSONBody[schemas.WorkerIn]) -> schemas.MadeOut:
    """Add a worker."""
    return schemas.MadeOut(await workforce.add_worker(request.user, **_given(data)))


@get("/api/v1/workers/{worker_id:uuid}", **READS)
async def get_worker(request: Asked, worker_id: FromPath[UUID]) -> schemas.WorkerOut:
    """One of my workers."""
    return schemas.worker_out(await ask(request.user, queries.worker, worker_id))


@put("/api/v1/workers/{worker_id:uuid}", status_code=204, **WRITES)
async def put_worker(request: Asked, worker_id: FromPath[UUID], data: JSONBody[schemas.WorkerIn]) -> None:
    """Correct what is kept about a worker."""
    await workforce.change_worker(request.user, worker_id, **_given(data))


@post("/api/v1/workers/{worker_id:uuid}/dbs-checks", **WRITES)
async def post_dbs_check(
    request: Asked, worker_id: FromPath[UUID], data: JSONBody[schemas.DbsCheckIn]
) -> schemas.MadeOut:
    """Record a DBS check; new information stands the worker down."""
    return schemas.MadeOut(await dbs_checks.record_dbs_check(request.user, worker_id, **_given(data)))


@put("/api/v1/workers/{worker_id:uuid}/registration", status_code=204, **WRITES)
async def put_registration(request: Asked, worker_id: FromPath[UUID], data: JSONBody[schemas.RegistrationIn]) -> None:
    """Record the professional registration."""
    await evidence.record_registration(request.user, worker_id, **_given(data))


@post("/api/v1/workers/{worker_id:uuid}/competencies", **WRITES)
async def post_competency(
    request: Asked, worker_id: FromPath[UUID], data: JSONBody[schemas.CompetencyIn]
) -> schemas.MadeOut:
    """Record training attended or an assessment signed off."""
    return schemas.MadeOut(await evidence.record_competency(request.user, worker_id, **_given(data)))


@post("/api/v1/workers/{worker_id:uuid}/back-to-training", status_code=204, **WRITES)
async def post_back_to_training(
    request: Asked, worker_id: FromPath[UUID], data: JSONBody[schemas.BackToTrainingIn]
) -> None:
    """A competency counts no more until a new assessment."""
    await evidence.send_back_to_training(request.user, worker_id, data.code, data.reason)


@post("/api/v1/workers/{worker_id:uuid}/checks", **WRITES)
async def post_check(request: Asked, worker_id: FromPath[UUID], data: JSONBody[schemas.CheckIn]) -> schemas.MadeOut:
    """Record another check."""
    return schemas.MadeOut(await evidence.record_check(request.user, worker_id, **_given(data)))


@put("/api/v1/workers/{worker_id:uuid}/profile", status_code=204, **WRITES)
async def put_worker_profile(request: Asked, worker_id: FromPath[UUID], data: JSONBody[schemas.ProfileTextIn]) -> None:
    """Keep the profile families may read with the worker's consent."""
    await workforce.publish_profile(request.user, worker_id, data.profile, data.consent)


@post("/api/v1/workers/{worker_id:uuid}/stand-down", status_code=204, **WRITES)
async def post_stand_down(request: Asked, worker_id: FromPath[UUID], data: JSONBody[schemas.ReasonIn]) -> None:
    """The worker is ready nowhere from now on."""
    await workforce.stand_down(request.user, worker_id, data.reason)


@get("/api/v1/workers/{worker_id:uuid}/recorded-checks", **READS)
async def get_recorded_checks(request: Asked, worker_id: FromPath[UUID]) -> list[schemas.RecordedCheckOut]:
    """Every check of one of my workers as it was recorded, the newest first; withdrawn ones with why."""
    await ask(request.user, queries.worker, worker_id)
    return [
        schemas.RecordedCheckOut(**{name: getattr(each, name) for name in schemas.RecordedCheckOut.__struct_fields__})
        for each in await ask(request.user, withdrawing.recorded_checks, worker_id)
    ]


@post("/api/v1/workers/{worker_id:uuid}/withdrawn-checks", status_code=204, **WRITES)
async def post_withdrawn_check(request: Asked, worker_id: FromPath[UUID], data: JSONBody[schemas.WithdrawalIn]) -> None:
    """A check recorded by mistake counts no more."""
    await withdrawing.withdraw_check(request.user, worker_id, data.kind, data.check_id, data.reason)


@post("/api/v1/workers/{worker_id:uuid}/stand-up", status_code=204, **WRITES)
async def post_stand_up(request: Asked, worker_id: FromPath[UUID], data: JSONBody[schemas.ReasonIn]) -> None:
    """The worker may be placed again, as far as the evidence allows."""
    await workforce.stand_up(request.user, worker_id, data.reason)


@post("/api/v1/workers/{worker_id:uuid}/leave", status_code=204, **WRITES)
async def post_leave(request: Asked, worker_id: FromPath[UUID], data: JSONBody[schemas.LeaveIn]) -> None:
    """Record the last day."""
    await leaving.leave(request.user, worker_id, data.left_on)


@post("/api/v1/workers/{worker_id:uuid}/stay", status_code=204, **WRITES)
async def post_stay(request: Asked, worker_id: FromPath[UUID]) -> None:
    """Take a recorded last day back."""
    await leaving.stay(request.user, worker_id)


@post("/api/v1/workers/{worker_id:uuid}/invitation", **WRITES)
async def post_invitation(
    request: Asked, worker_id: FromPath[UUID], data: JSONBody[schemas.InvitationIn]
) -> schemas.MadeOut:
    """Give the worker a sign-in; answers the person's id."""
    return schemas.MadeOut(await workforce.invite_worker(request.user, worker_id, data.email))


@get("/api/v1/readiness", **READS)
async def get_readiness(
    request: Asked,
    framework_id: FromQuery[UUID],
    lot: FromQuery[str],
    needs: FromQuery[list[str] | None] = None,
    on: FromQuery[date | None] = None,
) -> list[schemas.ReadinessOut]:
    """My workers judged for a lot, a child's needs and a day (today), ready ones first, the others with reasons."""
    found = await ask(request.user, _readiness, framework_id, lot, needs or [], on)
    return [schemas.readiness_out(entry) for entry in found]


async def _readiness(work: Work, framework_id: UUID, lot: str, needs: list[str], on: date | None) -> list[Ready]:
    pack = await pack_of(work, framework_id)
    day = on or local_day(work.now)
    if lot not in pack.on(day).lots:
        raise InvalidInput({"lot": "This framework has no such lot"})
    return await readiness(work, _own(work), pack, lot, needs, day)


@get("/api/v1/my-training", **TRAINS)
async def get_training(request: Asked) -> list[schemas.TrainingOut]:
    """A worker's own training at each employer, and ready or not for which lots."""
    return [
        schemas.TrainingOut(
            provider=each.provider_name,
            worker=schemas.worker_out(each.record),
            lots=[schemas.lot_out(lot) for lot in each.lots],
        )
        for each in await ask(request.user, queries.my_training)
    ]


ROUTES: list[Any] = [
    get_profile, put_profile, post_declaration, get_standing, post_pause, end_pause, list_workers, post_worker,
    get_worker, put_worker, post_dbs_check, put_registration, post_competency, post_back_to_training, post_check,
    put_worker_profile, get_recorded_checks, post_withdrawn_check, post_stand_down, post_stand_up, post_leave,
    post_stay, post_invitation, get_readiness, get_training, *commissioner_routes.ROUTES, *suspension_routes.ROUTES,
    *own_suspension_routes.ROUTES, *dbs_routes.ROUTES, *own_profile_routes.ROUTES, *lapse_routes.ROUTES,
]  # fmt: skip
