"""The operator's pages: health, organisations, jobs, mail; in the demo its clock and everybody's messages."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect, Response

from admin import operator_queries
from admin.operator_actions import run_job_again
from marketplace.identity.context import settings_of
from marketplace.identity.guards import requires, signed_in
from marketplace.identity.people import register_organisation
from marketplace.obligations import demo_clock, mailbox
from marketplace.obligations.pages import only_in_demo
from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict, InvalidInput
from marketplace.platform.storage import Storage
from marketplace.settings import Settings
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

STORAGE_SECONDS = 5.0  # a health page that waits longer tells nothing new
AnyRequest = Request[Any, Any, Any]


async def storage_state(settings: Settings) -> str:
    """One word for the object store: answers, silent, or not set."""
    if not settings.s3_access_key:
        return "not set"
    try:
        asked = asyncio.to_thread(lambda: Storage.from_settings(settings).answers())
        answers = await asyncio.wait_for(asked, STORAGE_SECONDS)
    except TimeoutError:
        answers = False
    return "answers" if answers else "does not answer"


@get("/operator", guards=[requires("operate")])
async def show_health(request: AnyRequest) -> Response[bytes]:
    """How the deployment is: database, jobs, storage, mail, versions."""
    settings = settings_of(request)
    health = await ask(request.user, operator_queries.health)
    storage = await storage_state(settings)
    mail = (
        "sends" if settings.smtp_host else ("kept in the demo's mailbox" if settings.demo else "no mail server is set")
    )
    return page(request, "admin/health.html", title="Health", health=health, storage=storage, mail=mail)


@get("/operator/organisations", guards=[requires("operate")])
async def show_organisations(request: AnyRequest) -> Response[bytes]:
    """The tenants and providers of this deployment."""
    rows = await ask(request.user, operator_queries.organisations)
    return page(request, "admin/organisations.html", title="Organisations", organisations=rows)


@get("/operator/organisations/new", guards=[requires("operate")])
async def ask_for_organisation(request: AnyRequest) -> Response[bytes]:
    """The form for a new organisation."""
    form = Form.starting_with(colour="#1d4f91")
    return page(request, "admin/organisation_new.html", title="Register an organisation", form=form, checking=False)


@post("/operator/organisations/new", guards=[requires("operate")], status_code=200)
async def take_organisation(request: AnyRequest) -> Response[bytes] | Redirect:
    """Check the answers; registered once they are confirmed."""
    form = Form(await read_form(request))
    answers = {
        "kind": form.choice("kind", "whether it is a commissioner or a provider", ("commissioner", "provider")),
        "name": form.text("name", "the organisation's name", most=120),
        "short_name": form.text("short_name", "a short name", most=40),
        "colour": form.text("colour", "the colour of its pages", most=7),
        "administrator_name": form.text("administrator_name", "the administrator's name", most=120),
        "administrator_email": form.text("administrator_email", "the administrator's e-mail address", most=254),
    }
    title = "Register an organisation"
    confirmed = form.value("step") == "register"
    if not form.errors and confirmed:
        try:
            await register_organisation(request.user, **answers)
            return see_other(
                request,
                "/operator/organisations",
                flash=f"{answers['name']} is registered. {answers['administrator_name']} is mailed how to sign in.",
            )
        except InvalidInput as error:
            form.merge(error)
    checking = not form.errors and form.value("step") != "change"
    return page(request, "admin/organisation_new.html", title=title, form=form, checking=checking, answers=answers)


@get("/operator/jobs", guards=[requires("operate")])
async def show_jobs(request: AnyRequest) -> Response[bytes]:
    """What waits, runs and was given up."""
    queue, held = await ask(request.user, operator_queries.jobs)
    return page(request, "admin/jobs.html", title="Jobs", queue=queue, held=held)


@post("/operator/jobs/{job_id:int}", guards=[requires("operate")], status_code=200)
async def run_held_job(request: AnyRequest, job_id: FromPath[int]) -> Redirect:
    """Run a held job again."""
    await run_job_again(request.user, job_id)
    return see_other(request, "/operator/jobs", flash="The job is in the queue again.")


@get("/operator/mail", guards=[requires("operate")])
async def show_mail_state(request: AnyRequest) -> Response[bytes]:
    """How many mails wait, were sent, or met trouble; in the demo, all messages."""
    if settings_of(request).demo:
        mails = await ask(request.user, mailbox.all_mails)
        return page(request, "admin/mail.html", title="Mail", mails=mails, counts=None)
    health = await ask(request.user, operator_queries.health)
    return page(request, "admin/mail.html", title="Mail", mails=None, counts=health.mails)


@get("/operator/mail/{mail_id:uuid}", guards=[requires("operate")])
async def show_any_mail(request: AnyRequest, mail_id: FromPath[UUID]) -> Response[bytes]:
    """In the demo: one message sent to anybody."""
    only_in_demo(request)
    mail = await ask(request.user, mailbox.any_mail, mail_id)
    return page(request, "obligations/mail.html", title=mail["subject"], mail=mail)


@get("/mailbox", guards=[signed_in])
async def show_mailbox(request: AnyRequest) -> Response[bytes]:
    """In the demo: the mails sent to me."""
    only_in_demo(request)
    mails = await ask(request.user, mailbox.my_mails)
    return page(request, "obligations/mailbox.html", title="Mailbox", mails=mails)


@get("/mailbox/{mail_id:uuid}", guards=[signed_in])
async def show_mail(request: AnyRequest, mail_id: FromPath[UUID]) -> Response[bytes]:
    """In the demo: one mail sent to me."""
    only_in_demo(request)
    mail = await ask(request.user, mailbox.my_mail, mail_id)
    return page(request, "obligations/mail.html", title=mail["subject"], mail=mail)


@get("/operator/clock", guards=[requires("clock.move")])
async def show_clock(request: AnyRequest, since: FromQuery[str] = "", until: FromQuery[str] = "") -> Response[bytes]:
    """In the demo: the present domain time, and what the last move brought."""
    only_in_demo(request)
    return await _clock_page(request, Form(), since, until)


@post("/operator/clock", guards=[requires("clock.move")], status_code=200)
async def move_the_clock(request: AnyRequest) -> Response[bytes] | Redirect:
    """In the demo: move domain time forward."""
    only_in_demo(request)
    form = Form(await read_form(request))
    to_next = form.choice("how", "how far to move the clock", ("deadline", "days")) == "deadline"
    days = None if to_next else form.integer("days", "the number of days", least=1, most=demo_clock.LONGEST_MOVE_DAYS)
    seen = form.integer("seen", "the present time", required=False, most=10**15)
    if not form.errors:
        try:
            moved = await demo_clock.move_clock(
                request.user, settings_of(request), days=days, to_next_deadline=to_next,
                seen=None if seen is None else timedelta(microseconds=seen),
            )  # fmt: skip
            query = f"since={_stamp(moved.since)}&until={_stamp(moved.until)}"
            return see_other(request, f"/operator/clock?{query}", flash="The clock has been moved.")
        except InvalidInput as error:
            form.merge(error)
        except Conflict as error:
            form.error("days", error.sentence)
    return await _clock_page(request, form, "", "")


async def _clock_page(request: AnyRequest, form: Form, since: str, until: str) -> Response[bytes]:
    state = await ask(request.user, demo_clock.clock_state)
    moved, due, periods = _moved(since, until), [], []
    if moved is not None:
        due = await ask(request.user, demo_clock.fell_due, moved)
        periods = await ask(request.user, demo_clock.periods_closed, moved)
    return page(
        request, "admin/clock.html", title="The demo's clock", form=form, state=state, now=state.now,
        seen=state.moved_by // timedelta(microseconds=1), moved=moved, due=due, periods=periods,
    )  # fmt: skip


def _stamp(moment: datetime) -> str:
    return str(int(moment.timestamp() * 1_000_000))


def _moved(since: str, until: str) -> demo_clock.Moved | None:
    """What the address says of the last move; nothing where it makes no sense."""
    marks = []
    for stamp in (since, until):
        if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 17):
            return None
        marks.append(datetime.fromtimestamp(0, tz=UTC) + timedelta(microseconds=int(stamp)))
    return demo_clock.Moved(*marks) if marks[0] < marks[1] <= marks[0] + timedelta(days=366) else None


ROUTES = [
    show_health,
    show_organisations,
    ask_for_organisation,
    take_organisation,
    show_jobs,
    run_held_job,
    show_mail_state,
    show_any_mail,
    show_mailbox,
    show_mail,
    show_clock,
    move_the_clock,
]
