"""The console's pages of lifting a suspension: for which lots first, with what limit, checked, then lifted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.identity.guards import requires
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.providers import lifting, queries
from marketplace.providers.holds import Hold
from marketplace.providers.queries import OnFramework
from marketplace.web.filters import count, day, listing, moment
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

DECIDES: dict[str, Any] = {"guards": [requires("provider.suspend")]}
Asked = Request[Any, Any, Any]
KINDS = {"suspension": "another suspension", "pause": "its own pause", "restriction": "a restriction"}


@dataclass(frozen=True, slots=True)
class Standing:
    """What can be lifted: the suspension asked for, or what goes on of it where some lots were lifted meanwhile.

    `lifted` says so then, in a sentence.
    """

    place: OnFramework
    parts: list[Hold]
    lifted: str = ""

    @property
    def lots(self) -> str:
        """The lots it stands for, in words."""
        return listing([_lot(each.lot) for each in self.parts])

    def others(self, part: Hold) -> list[Hold]:
        """What else of the same suspension stands."""
        return [each for each in _parts(self.place, part.root_id) if each.id != part.id]


def _parts(place: OnFramework, root_id: UUID | None) -> list[Hold]:
    return [each for each in place.open_holds if each.kind == "suspension" and each.root_id == root_id]


def _lot(code: str | None) -> str:
    return f"lot {code}" if code else "all its lots"


async def _standing(work: Work, provider_id: UUID, suspension_id: UUID) -> Standing:
    places = await queries.one_provider(work, provider_id)
    for place in places:
        for hold in place.open_holds:
            if hold.id == suspension_id and hold.kind == "suspension":
                return Standing(place, [hold])
    ended = await work.fetchrow(
        "SELECT framework_id, coalesce(follows_id, id) AS root_id, lifted_at, lifted_by_name FROM suspension"
        " WHERE id = $1 AND provider_id = $2 AND lifted_at IS NOT NULL",
        suspension_id, provider_id,
    )  # fmt: skip
    for place in places:
        if ended is not None and place.framework_id == ended["framework_id"] and _parts(place, ended["root_id"]):
            parts = _parts(place, ended["root_id"])
            lots = listing([_lot(each.lot) for each in parts])
            said = f"{ended['lifted_by_name']} lifted it for other lots on {moment(ended['lifted_at'])}; it goes on for"
            return Standing(place, parts, f"{said} {lots}.")
    raise NotFound("This suspension has ended already, or is not yours to see.")


@get("/providers/{provider_id:uuid}/reinstate/{suspension_id:uuid}", **DECIDES)
async def reinstate_page(request: Asked, provider_id: FromPath[UUID], suspension_id: FromPath[UUID]) -> Response[Any]:
    """Why the suspension is lifted, for which lots first, with what limit, and what that does."""
    return _form(request, await ask(request.user, _standing, provider_id, suspension_id), Form())


@post("/providers/{provider_id:uuid}/reinstate/{suspension_id:uuid}", status_code=303, **DECIDES)
async def reinstate(request: Asked, provider_id: FromPath[UUID], suspension_id: FromPath[UUID]) -> Response[Any]:
    """First shows what lifting does; with `go=lift` lifts it."""
    form = Form(await read_form(request))
    found = await ask(request.user, _standing, provider_id, suspension_id)
    part = _part(form, found)
    whole = part.lot is None
    codes = [code for code, _, _ in found.place.lots]
    lots = form.choices("lots", "lots", codes) if whole and len(codes) > 1 else []
    limit = form.integer("new_packages", "the number of new packages", required=False, least=1, most=1000)
    reason = form.text("reason", "why the suspension is lifted", most=2000, lines=True)
    rest = [code for code in codes if code not in lots] if lots else [each.lot for each in found.others(part)]
    freed = lots if lots and rest else [part.lot]
    if not form.errors and form.value("go") != "change":
        open_plan = "" if rest else await ask(request.user, lifting.plan_in_the_way, part.root_id or part.id)
        if open_plan:
            form.error("reason", open_plan)
    if not form.errors and form.value("go") == "lift":
        try:
            await lifting.reinstate(request.user, part.id, reason, lots=lots or None, new_packages=limit)
            said = f"The suspension of {found.place.record.name} has been lifted, and it has been told."
            if rest:
                said = (
                    f"The suspension of {found.place.record.name} has been lifted for {_lots(freed)}, and it has been"
                    f" told. It goes on for {_lots(rest)}."
                )
            return see_other(request, f"/providers/{provider_id}", flash=said)
        except InvalidInput as error:
            form.merge(error)
        except Conflict as error:
            form.error("reason", error.sentence)
    if form.errors or form.value("go") == "change":
        return _form(request, found, form)
    place = found.place
    return page(
        request,
        "providers/check_first.html",
        title="Check before you lift the suspension",
        caption=place.record.name,
        form=form,
        rows=[
            ("Framework", place.framework_name),
            ("Suspended", f"Since {moment(part.since)} by {part.by}: {part.why}"),
            ("Lifted for", _begun(_lots(freed))),
            ("Goes on for", _begun(_lots(rest)) if rest else "Nothing: it ends"),
            ("New packages", f"{limit} at most, until you end the limit" if limit else "No limit"),
            ("Why", reason),
        ],
        does=await ask(request.user, _does, place, part, freed, rest),
        kept=["part", "lots", "new_packages", "reason"],
        goes="lift",
        button="Lift the suspension",
        leave=f"/providers/{provider_id}",
    )


def _part(form: Form, found: Standing) -> Hold:
    """What is to be lifted; where it is not what the reader had before them, it has to be chosen first."""
    chosen = next((each for each in found.parts if str(each.id) == form.value("part")), None)
    if chosen is None and found.lifted:
        field = "part" if len(found.parts) > 1 else "reason"
        form.error(field, f"{found.lifted} Look at what goes on, and lift that if it should be.")
    return chosen or found.parts[0]


def _lots(lots: Sequence[str | None]) -> str:
    return listing([_lot(each) for each in lots])


def _begun(words: str) -> str:
    return words[0].upper() + words[1:]


async def _does(
    work: Work, place: OnFramework, part: Hold, freed: Sequence[str | None], rest: Sequence[str | None]
) -> list[str]:
    """What lifting does for these lots, in sentences, counted over the reader's own cases."""
    name, lots = place.record.name, _lots(freed)
    met = [await queries.suspension_effects(work, place.framework_id, place.record.id, each) for each in freed]
    offers = sum(each.open_offers for each in met)
    against = [
        f"{KINDS[each.kind]} ({_lot(each.lot)}, since {day(each.since)})"
        for each in place.open_holds
        if (each.kind != "suspension" or each.root_id != part.root_id)
        and (each.lot is None or None in freed or each.lot in freed)
    ]
    whose = "of every commissioner of the framework" if part.commissioner_id is None else "of your own"
    return [
        f"From the next broadcast on new referrals {whose} reach {name} again on {lots}.",
        f"{count(offers, 'open offer')} with you can be awarded again." if offers else "It has no open offer with you.",
        *([f"Against it there still stand {listing(against)}: that holds it back as before."] if against else []),
        f"It stays suspended for {_lots(rest)}, and the plan goes on."
        if rest
        else "The suspension is over, and with it its plan and whatever is still asked in it.",
        f"{name} is told with your reason, and so are the referrers of the commissioners it concerns.",
    ]


def _form(request: Asked, found: Standing, form: Form) -> Response[Any]:
    place, first = found.place, found.parts[0]
    typed = [each for each in found.parts if each.lot in form.values("lots")]
    if found.lifted and not form.value("part") and (len(found.parts) == 1 or len(typed) == 1):
        form.set("part", (typed or found.parts)[0].id)
    several = first.lot is None and len(place.lots) > 1
    return page(
        request,
        "admin/reinstate.html",
        title=f"Reinstate {place.record.name}",
        form=form,
        place=place,
        hold=first,
        stands=_begun(found.lots),
        parts=[(str(each.id), _begun(_lot(each.lot))) for each in found.parts] if found.lifted else [],
        lots=[(code, title) for code, title, _ in place.lots] if several else [],
    )


ROUTES: list[Any] = [reinstate_page, reinstate]
