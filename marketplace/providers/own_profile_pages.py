"""A worker's page of their own agreements: what families read of them, and whether their DBS status is looked up."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.identity.guards import requires
from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict
from marketplace.providers import own_profile
from marketplace.providers.videos import my_videos
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

AGREES: dict[str, Any] = {"guards": [requires("profile.consent")]}
PATH = "/my-profile"
Asked = Request[Any, Any, Any]


@get(PATH, **AGREES)
async def my_profile_page(request: Asked) -> Response[Any]:
    """What families would read of me, at each employer, and what I agreed to."""
    return await _shown(request, Form())


async def _shown(request: Asked, form: Form) -> Response[Any]:
    found = await ask(request.user, own_profile.my_profiles)
    own = await ask(request.user, my_videos)
    return page(request, "providers/my_profile.html", title="My profile", found=found, form=form, videos=own)


@post(f"{PATH}/{{worker_id:uuid}}/families", status_code=303, **AGREES)
async def agree_to_profile(request: Asked, worker_id: FromPath[UUID]) -> Response[Any]:
    """Keeps the agreement, or takes it back."""
    form = Form(await read_form(request))
    agreed = form.value("agreed") == "yes"
    try:
        await own_profile.agree_to_profile(request.user, worker_id, agreed=agreed, text_hash=form.value("text_hash"))
    except Conflict as error:
        form.error("", error.sentence)
        return await _shown(request, form)
    done = (
        "Families you are proposed to may read your profile."
        if agreed
        else "Families do not see your profile any more."
    )
    return see_other(request, PATH, flash=done)


@post(f"{PATH}/{{worker_id:uuid}}/status-checks", status_code=303, **AGREES)
async def agree_to_status_checks(request: Asked, worker_id: FromPath[UUID]) -> Response[Any]:
    """Keeps the agreement, or takes it back."""
    form = Form(await read_form(request))
    agreed = form.value("agreed") == "yes"
    await own_profile.agree_to_status_checks(request.user, worker_id, agreed=agreed)
    done = "Your office may check your DBS status." if agreed else "Your DBS status is not looked up any more."
    return see_other(request, PATH, flash=done)


ROUTES: list[Any] = [my_profile_page, agree_to_profile, agree_to_status_checks]
