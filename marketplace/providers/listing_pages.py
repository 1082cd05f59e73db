"""The provider's page of what families find: areas, languages, availability, needs, and a text; the same as JSON."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from litestar import Request, get, post, put
from litestar.params import JSONBody
from litestar.response import Response

from marketplace.identity.guards import requires
from marketplace.platform.database import ask
from marketplace.platform.errors import InvalidInput
from marketplace.providers.listing import AVAILABILITY, LONGEST_TEXT, Listing, own_listing, save_listing
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

WRITES: dict[str, Any] = {"guards": [requires("provider.write")]}
SEPARATOR = re.compile(r"[\n,;]")
Asked = Request[Any, Any, Any]


class ListingIO(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What families read. `availability`: weekdays, evenings, weekends, nights, holidays; `needs`: competency codes."""

    areas: list[str] = []
    languages: list[str] = []
    needs: list[str] = []
    availability: list[str] = []
    for_families: str = ""


@get("/profile/families", **WRITES)
async def listing_page(request: Asked) -> Response[Any]:
    """What families read of us."""
    kept, _ = await ask(request.user, own_listing)
    form = Form.starting_with(
        areas="\n".join(kept.areas), languages="\n".join(kept.languages), needs=list(kept.needs),
        availability=list(kept.availability), for_families=kept.for_families,
    )  # fmt: skip
    return await _shown(request, form)


@post("/profile/families", status_code=303, **WRITES)
async def save(request: Asked) -> Response[Any]:
    """Keeps it."""
    form = Form(await read_form(request))
    _, needs = await ask(request.user, own_listing)
    given = Listing(
        tuple(SEPARATOR.split(form.text("areas", "the areas", required=False, most=5000, lines=True))),
        tuple(SEPARATOR.split(form.text("languages", "the languages", required=False, most=5000, lines=True))),
        tuple(form.choices("needs", "the needs you know", needs)),
        tuple(form.choices("availability", "when you can come", AVAILABILITY)),
        form.text("for_families", "what you say to families", required=False, most=LONGEST_TEXT, lines=True),
    )
    if not form.errors:
        try:
            await save_listing(request.user, given)
            return see_other(request, "/profile/families", flash="Saved. Families read it in the directory.")
        except InvalidInput as error:
            form.merge(error)
    return await _shown(request, form)


async def _shown(request: Asked, form: Form) -> Response[Any]:
    _, needs = await ask(request.user, own_listing)
    return page(
        request, "providers/listing.html", title="What families find", form=form, needs=list(needs.items()),
        availability=list(AVAILABILITY.items()),
    )  # fmt: skip


@get("/api/v1/profile/families", tags=["Providers"], **WRITES)
async def get_listing(request: Asked) -> ListingIO:
    """What families read of us."""
    kept, _ = await ask(request.user, own_listing)
    return ListingIO(
        areas=list(kept.areas), languages=list(kept.languages), needs=list(kept.needs),
        availability=list(kept.availability), for_families=kept.for_families,
    )  # fmt: skip


@put("/api/v1/profile/families", status_code=204, tags=["Providers"], **WRITES)
async def put_listing(request: Asked, data: JSONBody[ListingIO]) -> None:
    """Keep what families read of us."""
    await save_listing(
        request.user,
        Listing(
            tuple(data.areas), tuple(data.languages), tuple(data.needs), tuple(data.availability), data.for_families
        ),
    )


ROUTES: list[Any] = [listing_page, save, get_listing, put_listing]
