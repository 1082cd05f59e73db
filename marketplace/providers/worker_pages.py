"""Pages of one worker: what is known, ready or not on each lot and why, and one page for each fact to record."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.identity.guards import requires
from marketplace.identity.permissions import may
from marketplace.platform.database import ask
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.providers import dbs_checks, dbs_pages, own_profile_pages, workforce
from marketplace.providers.attachments import DBS_SCAN
from marketplace.providers.dbs_updates import ANSWERS
from marketplace.providers.facts import WorkerRecord
from marketplace.providers.files import KINDS
from marketplace.providers.leaving import leaving_effects
from marketplace.providers.vocabulary import Words, words
from marketplace.providers.worker_facts import FACTS, WorkerPage, about_worker, counting
from marketplace.web.filters import day
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

READS: dict[str, Any] = {"guards": [requires("workforce.read")]}
WRITES: dict[str, Any] = {"guards": [requires("workforce.write")]}


@get("/workforce/{worker_id:uuid}", **READS)
async def worker_page(request: Request[Any, Any, Any], worker_id: FromPath[UUID]) -> Response[Any]:
    """One worker: ready or not on each lot and why, and every fact with its date."""
    about = await ask(request.user, about_worker, worker_id)
    return page(
        request,
        "providers/worker.html",
        title=about.worker.name,
        about=about,
        worker=about.worker,
        private=about.private,
        words=about.words,
        current=counting(about),
        writes=may(request.user, "workforce.write"),
        engagements=workforce.ENGAGEMENTS,
        workforces=dbs_checks.DBS_WORKFORCES,
        answers=ANSWERS,
        kinds=KINDS,
    )


@get("/workforce/new", **WRITES)
async def new_worker_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """Add a worker."""
    spoken = await ask(request.user, words)
    return _details(request, Form.starting_with(engagement="employed"), spoken, None)


@post("/workforce/new", status_code=303, **WRITES)
async def new_worker(request: Request[Any, Any, Any]) -> Response[Any]:
    """Adds the worker and goes on to its page."""
    form = Form(await read_form(request))
    spoken = await ask(request.user, words)
    given = _read_details(form, spoken)
    if not form.errors:
        try:
            worker_id = await workforce.add_worker(request.user, **given)
            return see_other(
                request, f"/workforce/{worker_id}", flash=f"{given['name']} has been added. Record their evidence next."
            )
        except InvalidInput as error:
            form.merge(error)
    return _details(request, form, spoken, None)


@get("/workforce/{worker_id:uuid}/details", **WRITES)
async def details_page(request: Request[Any, Any, Any], worker_id: FromPath[UUID]) -> Response[Any]:
    """Correct name, role and the like."""
    about = await ask(request.user, about_worker, worker_id)
    worker = about.worker
    form = Form.starting_with(
        name=worker.name, role=worker.role, engagement=worker.engagement, languages=worker.languages,
        started_on=worker.started_on, email=about.private["email"], phone=about.private["phone"],
        drives_children=worker.drives_children, reference=about.private["reference"],
    )  # fmt: skip
    return _details(request, form, about.words, worker)


@post("/workforce/{worker_id:uuid}/details", status_code=303, **WRITES)
async def details(request: Request[Any, Any, Any], worker_id: FromPath[UUID]) -> Response[Any]:
    """Keeps what was changed."""
    form = Form(await read_form(request))
    about = await ask(request.user, about_worker, worker_id)
    given = _read_details(form, about.words)
    if not form.errors:
        try:
            await workforce.change_worker(request.user, worker_id, **given)
            return see_other(request, f"/workforce/{worker_id}", flash="The details have been changed.")
        except InvalidInput as error:
            form.merge(error)
    return _details(request, form, about.words, about.worker)


def _read_details(form: Form, spoken: Words) -> dict[str, Any]:
    return {
        "name": form.text("name", "the worker's full name", most=120),
        "role": form.choice("role", "the worker's role", spoken.roles),
        "engagement": form.choice("engagement", "how the worker is engaged", workforce.ENGAGEMENTS),
        "languages": form.text("languages", "the languages", required=False, most=200),
        "drives_children": form.boolean("drives_children"),
        "started_on": form.date("started_on", "the first day", required=False),
        "email": form.email("email", required=False),
        "phone": form.text("phone", "the phone number", required=False, most=40),
        "reference": form.text("reference", "your reference", required=False, most=workforce.LONGEST_REFERENCE),
    }


def _details(request: Request[Any, Any, Any], form: Form, spoken: Words, worker: WorkerRecord | None) -> Response[Any]:
    return page(
        request,
        "providers/worker_details.html",
        title="Change details" if worker else "Add a worker",
        form=form,
        words=spoken,
        worker=worker,
        engagements=list(workforce.ENGAGEMENTS.items()),
    )


# --- one fact ---------------------------------------------------------------------------------------------------------


@get("/workforce/{worker_id:uuid}/{fact:str}", **WRITES)
async def fact_page(request: Request[Any, Any, Any], worker_id: FromPath[UUID], fact: FromPath[str]) -> Response[Any]:
    """The form for one fact about a worker."""
    about = await ask(request.user, about_worker, worker_id)
    worker = about.worker
    # After new information the old certificate counts no more: nothing of it is offered for the new one.
    doubted = worker.dbs is not None and worker.dbs.outcome == "new_information"
    certificate = dict.fromkeys(about.private) if doubted else about.private
    form = Form.starting_with(
        profile=worker.profile or None,
        consent=worker.profile_consent_at is not None,
        email=about.private["email"] or None,
        pin=about.private["registration_pin"],
        valid_until=worker.registration_until if fact == "registration" else None,
        certificate_number=certificate["dbs_certificate_number"],
        issued_on=certificate["dbs_issued_on"],
        workforce=certificate["dbs_workforce"],
        barred_list_checked=certificate["dbs_barred_list_checked"],
        update_service_consent=about.private["dbs_update_service_consent_at"] is not None,
        certificate_forename=about.private["dbs_forename"] or None,
        certificate_surname=about.private["dbs_surname"] or None,
        date_of_birth=about.private["date_of_birth"],
        code=request.query_params.get("code"),
    )
    return _show_fact(request, fact, form, about)


@post("/workforce/{worker_id:uuid}/{fact:str}", status_code=303, **WRITES)
async def record_fact(request: Request[Any, Any, Any], worker_id: FromPath[UUID], fact: FromPath[str]) -> Response[Any]:
    """Records it and goes back to the worker's page."""
    form = Form(await read_form(request))
    about = await ask(request.user, about_worker, worker_id)
    if fact not in FACTS:
        raise NotFound
    action = FACTS[fact].read(form, request.user, about)
    if not form.errors:
        try:
            if fact == "leave" and form.value("go") != "leave":
                if form.value("go") == "change":
                    return _show_fact(request, fact, form, about)
                left_on = form.date("left_on", "the last day")
                does = await ask(request.user, leaving_effects, worker_id, left_on)
                if does:
                    return _check_leaving(request, form, about, left_on, does)
            await action()
            return see_other(request, f"/workforce/{worker_id}", flash=FACTS[fact].done)
        except InvalidInput as error:
            form.merge(error, {"assessor_worker_id": "assessor"})
        except Conflict as error:
            form.error("", error.sentence)
    return _show_fact(request, fact, form, about)


def _check_leaving(
    request: Request[Any, Any, Any], form: Form, about: WorkerPage, left_on: date, does: list[str]
) -> Response[Any]:
    return page(
        request,
        "providers/check_first.html",
        title="Check the last day",
        caption=about.worker.name,
        form=form,
        rows=[("Last day", f"{day(left_on)}, which is in the past")],
        does=does,
        kept=["left_on-day", "left_on-month", "left_on-year"],
        goes="leave",
        button="Record the last day",
        kind="warning",
        leave=f"/workforce/{about.worker.id}",
    )


def _show_fact(request: Request[Any, Any, Any], fact: str, form: Form, about: WorkerPage) -> Response[Any]:
    if fact not in FACTS:
        raise NotFound
    spoken = about.words
    return page(
        request,
        f"providers/fact_{fact.replace('-', '_')}.html",
        title=f"{FACTS[fact].title}: {about.worker.name}",
        heading=FACTS[fact].title,
        form=form,
        about=about,
        worker=about.worker,
        words=spoken,
        outcomes=list(dbs_checks.DBS_OUTCOMES.items()),
        workforces=list(dbs_checks.DBS_WORKFORCES.items()),
        skills=[*spoken.competencies.items(), *((c, f"{t} (for one child)") for c, t in spoken.child_specific.items())],
        withdrawable=[(each.key, each.says) for each in about.recorded if each.may_be_withdrawn],
        held=[(code, spoken.skill(code)) for code in sorted(counting(about))],
        methods=[(code, title) for code, title in spoken.methods.items() if code in spoken.signing_methods],
        attending=[(code, title) for code, title in spoken.methods.items() if code not in spoken.signing_methods],
        files=[(str(key), title) for key, kind, title in about.files if (kind == DBS_SCAN) == (fact == "dbs")],
        colleagues=[("outside", "Somebody from outside"), *((str(each.id), each.name) for each in about.colleagues)],
        packages=[(str(key), reference) for key, reference in about.packages],
        checks=[(key, rule.title) for key, rule in spoken.checks.items() if key != "profile"],
    )


ROUTES: list[Any] = [
    new_worker_page, new_worker, worker_page, details_page, details, fact_page, record_fact, *dbs_pages.ROUTES,
    *own_profile_pages.ROUTES,
]  # fmt: skip
