"""A contract manager decides whether a package goes on while its provider's registration or insurance has lapsed.

In the console. References and the provider's name only: no child's data is needed to decide.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.identity.guards import requires
from marketplace.packages import queries
from marketplace.packages.emergency_cover import EmergencyCover, covers_sought
from marketplace.packages.lapsed_cover import CHANGED, LapsedCover, covers_of, decide, decisions_of
from marketplace.packages.lapsed_visits import coming_visits
from marketplace.packages.tables import Package
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import Conflict, InvalidInput
from marketplace.policy.calendar import local_day
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

DECIDES: dict[str, Any] = {"guards": [requires("provider.suspend")]}
GOES_ON = "Visits take place as planned. Say why that is safe and lawful, and when what lapsed will be back."
STOP = "No visit of this package can start or be planned until you decide otherwise, or what lapsed is back. The family"
STOPS = f"{STOP} is told to speak with the referrer."
STOPS_BOUGHT = f"{STOP} buys them itself: it can call them off at no charge and ask other providers, and is told so."
COVERED = (
    "As above, and a referral goes at once to every provider in good standing, for the days of the visits that stop. It"
    " starts from what was asked before; you authorise it by name. DBS and clinical competence are never waived."
)
CHOICES = [("yes", "It goes on", GOES_ON), ("no", "Its visits stop", STOPS)]
BOUGHT = [CHOICES[0], ("no", "Its visits stop", STOPS_BOUGHT)]
WITH_COVER = [*CHOICES, ("cover", "Its visits stop, and emergency cover is looked for", COVERED)]


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be decided: the package, what has lapsed, how many visits are to come, and what was decided before."""

    package: Package
    covers: list[LapsedCover]
    coming: int
    next_visit: datetime | None
    before: list[Any]
    sought: list[EmergencyCover]
    track: bool  # whether the framework has an emergency track, and a referrer to go with it
    hours: int
    most_hours: int  # the longest that may be set

    @property
    def choices(self) -> list[tuple[str, str, str]]:
        """The ways to decide."""
        if self.bought:
            return BOUGHT
        return WITH_COVER if self.track and not any(each.sought for each in self.sought) else CHOICES

    @property
    def bought(self) -> bool:
        """Whether the family pays for it with its direct payment."""
        return self.package.direct_payment_id is not None

    @property
    def readers(self) -> str:
        """Who is told of a decision, with its grounds."""
        return "the provider" if self.bought else "the provider and the referrer"

    @property
    def seen(self) -> str:
        """What whoever decides has before them, to be sent back with the decision."""
        return " ".join(cover.seen for cover in self.covers)

    @property
    def decided(self) -> bool:
        """Whether a decision is in force about everything that has lapsed."""
        return all(cover.goes_on is not None for cover in self.covers)


async def _question(work: Work, package_id: UUID) -> Question:
    package = await queries.package(work, package_id)
    coming = await coming_visits(work, package)
    covers = await covers_of(work, package) if package.state in ("set_up", "active") else []
    pathway = (await queries.pack_for(work, package)).on(local_day(work.now)).pathway
    return Question(
        package, covers, len({row["visit_id"] for row in coming}),
        coming[0]["planned_start"] if coming else None, await decisions_of(work, package),
        await covers_sought(work, package), pathway.emergency_track and package.referral_id is not None,
        pathway.emergency_answer_hours, pathway.emergency_most_hours,
    )  # fmt: skip


@get("/packages/{package_id:uuid}/cover", **DECIDES)
async def cover_page(request: Request[Any, Any, Any], package_id: FromPath[UUID]) -> Response[Any]:
    """What has lapsed, what it means for this package, and the two ways to decide."""
    found = await ask(request.user, _question, package_id)
    return _ask(request, Form.starting_with(answer_hours=str(found.hours)), found)


@post("/packages/{package_id:uuid}/cover", status_code=303, **DECIDES)
async def decide_cover(request: Request[Any, Any, Any], package_id: FromPath[UUID]) -> Response[Any]:
    """First shows what the decision will do; with `go=decide` does it."""
    form = Form(await read_form(request))
    found = await ask(request.user, _question, package_id)
    seen = form.value("seen")
    if seen and set(seen.split()) != set(found.seen.split()):
        form.error("goes_on", CHANGED)
    choice = form.choice("goes_on", "whether the package goes on", [code for code, _, _ in found.choices])
    hours = found.hours
    if choice == "cover":
        hours = form.integer("answer_hours", "the hours providers have to answer", least=1, most=found.most_hours)
        hours = hours or found.hours
    reason = form.text("reason", f"why, as {found.readers} will read it", most=2000, lines=True)
    if not form.errors and form.value("go") == "decide":
        try:
            unsent = await decide(
                request.user, package_id, goes_on=choice == "yes", reason=reason, emergency_cover=choice == "cover",
                answer_hours=hours, seen=seen.split() if seen else None,
            )  # fmt: skip
            said = f"Decided. The provider and the {'family' if found.bought else 'referrer'} have been told."
            if choice == "cover":
                said += (
                    f" Emergency cover waits for the referrer: {unsent}" if unsent else " Cover is being looked for."
                )
            return see_other(request, f"/packages/{package_id}/cover" if choice == "cover" else "/today", flash=said)
        except InvalidInput as error:
            form.merge(error)
        except Conflict as error:
            form.error("goes_on", error.sentence)
            found = await ask(request.user, _question, package_id)  # shown as it is now
    if form.errors or form.value("go") != "check":
        return _ask(request, form, found)
    return page(
        request, "packages/cover_check.html", title="Check before you decide", form=form, found=found,
        package=found.package, goes_on=choice == "yes", covered=choice == "cover", hours=hours, reason=reason,
    )  # fmt: skip


def _ask(request: Request[Any, Any, Any], form: Form, found: Question) -> Response[Any]:
    return page(
        request, "packages/cover.html", title=f"Decide on package {found.package.reference}", form=form, found=found,
        package=found.package, choices=found.choices, most_hours=found.most_hours,
    )  # fmt: skip


ROUTES: list[Any] = [cover_page, decide_cover]
