"""Pages of one worker: what is known, ready or not on each lot and why, and one page for each fact to record."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.identity.guards import requires
from marketplace.identity.permissions import may
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.policy.calendar import local_day
from marketplace.providers import evidence, queries, workforce
from marketplace.providers.facts import WorkerRecord
from marketplace.providers.queries import LotReadiness
from marketplace.providers.vocabulary import Words, words
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

READS: dict[str, Any] = {"guards": [requires("workforce.read")]}
WRITES: dict[str, Any] = {"guards": [requires("workforce.write")]}


@dataclass(frozen=True, slots=True)
class WorkerPage:
    """Everything the pages about one worker show."""

    worker: WorkerRecord
    private: dict[str, Any]
    lots: list[LotReadiness]
    words: Words
    colleagues: list[WorkerRecord]
    packages: list[tuple[UUID, str]]
    today: date


async def _worker(work: Work, worker_id: UUID) -> WorkerPage:
    record = await queries.worker(work, worker_id)
    return WorkerPage(
        record,
        await queries.private_details(work, worker_id),
        await queries.readiness_by_lot(work, record),
        await words(work),
        [each for each in await queries.workforce(work) if each.id != worker_id],
        await queries.own_packages(work),
        local_day(work.now),
    )


@get("/workforce/{worker_id:uuid}", **READS)
async def worker_page(request: Request[Any, Any, Any], worker_id: FromPath[UUID]) -> Response[Any]:
    """One worker: ready or not on each lot and why, and every fact with its date."""
    about = await ask(request.user, _worker, worker_id)
    return page(
        request,
        "providers/worker.html",
        title=about.worker.name,
        about=about,
        worker=about.worker,
        private=about.private,
        words=about.words,
        current=_current(about),
        writes=may(request.user, "workforce.write"),
        engagements=workforce.ENGAGEMENTS,
        workforces=evidence.DBS_WORKFORCES,
    )


def _current(about: WorkerPage) -> set[str]:
    return {record.code for record in about.worker.competencies if record.withdrawn_at is None}


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
    about = await ask(request.user, _worker, worker_id)
    worker = about.worker
    form = Form.starting_with(
        name=worker.name, role=worker.role, engagement=worker.engagement, languages=worker.languages,
        started_on=worker.started_on, email=about.private["email"], phone=about.private["phone"],
        drives_children=worker.drives_children,
    )  # fmt: skip
    return _details(request, form, about.words, worker)


@post("/workforce/{worker_id:uuid}/details", status_code=303, **WRITES)
async def details(request: Request[Any, Any, Any], worker_id: FromPath[UUID]) -> Response[Any]:
    """Keeps what was changed."""
    form = Form(await read_form(request))
    about = await ask(request.user, _worker, worker_id)
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

Reader = Callable[[Form, Actor, WorkerPage], Callable[[], Awaitable[object]]]


@dataclass(frozen=True, slots=True)
class Fact:
    """A page that records one thing: its title, what it says when done, and how its form becomes an action."""

    title: str
    done: str
    read: Reader


def _dbs(form: Form, actor: Actor, about: WorkerPage) -> Callable[[], Awaitable[object]]:
    given: dict[str, Any] = {
        "checked_on": form.date("checked_on", "the date of the check"),
        "checked_by_name": form.text("checked_by_name", "who made the check", most=120),
        "outcome": form.choice("outcome", "what the check found", evidence.DBS_OUTCOMES),
        "certificate_number": form.text("certificate_number", "the certificate number", required=False, most=20),
        "issued_on": form.date("issued_on", "the date of issue", required=False),
        "workforce": form.choice("workforce", "the workforce", evidence.DBS_WORKFORCES, required=False),
        "barred_list_checked": form.boolean("barred_list_checked"),
        "update_service_consent": form.boolean("update_service_consent"),
    }
    return lambda: evidence.record_dbs_check(actor, about.worker.id, **given)


def _registration(form: Form, actor: Actor, about: WorkerPage) -> Callable[[], Awaitable[object]]:
    given: dict[str, Any] = {
        "pin": form.text("pin", "the PIN", most=12),
        "valid_until": form.date("valid_until", "the last day of the registration"),
        "fit_to_practise": form.choice("fit_to_practise", "whether there is any restriction", ("yes", "no")) == "yes",
    }
    return lambda: evidence.record_registration(actor, about.worker.id, **given)


def _competency(form: Form, actor: Actor, about: WorkerPage) -> Callable[[], Awaitable[object]]:
    skills = {**about.words.competencies, **about.words.child_specific}
    assessor = form.choice(
        "assessor", "who assessed the worker", ["outside", *(str(each.id) for each in about.colleagues)], required=False
    )
    outside = assessor == "outside"
    given: dict[str, Any] = {
        "code": form.choice("code", "what the worker was trained or assessed in", skills),
        "assessed_on": form.date("assessed_on", "the date"),
        "method": form.choice("method", "how the worker was assessed", about.words.methods),
        "assessor_worker_id": UUID(assessor) if assessor and not outside else None,
        "assessor_name": form.text("assessor_name", "the assessor's name", required=False, most=120),
        "for_package_id": form.uuid("for_package_id", "the package", required=False),
    }
    return lambda: evidence.record_competency(actor, about.worker.id, **given)


def _back(form: Form, actor: Actor, about: WorkerPage) -> Callable[[], Awaitable[object]]:
    code = form.choice("code", "the competency", _current(about))
    reason = form.text("reason", "why the worker goes back to training", most=1000, lines=True)
    return lambda: evidence.send_back_to_training(actor, about.worker.id, code, reason)


def _check(form: Form, actor: Actor, about: WorkerPage) -> Callable[[], Awaitable[object]]:
    kinds = {key for key in about.words.checks if key != "profile"}
    given: dict[str, Any] = {
        "kind": form.choice("kind", "what was checked", kinds),
        "done_on": form.date("done_on", "the date of the check"),
        "valid_until": form.date("valid_until", "the last day it is valid", required=False),
    }
    return lambda: evidence.record_check(actor, about.worker.id, **given)


def _profile(form: Form, actor: Actor, about: WorkerPage) -> Callable[[], Awaitable[object]]:
    text = form.text("profile", "the profile", required=False, most=2000, lines=True)
    return lambda: workforce.publish_profile(actor, about.worker.id, text, form.boolean("consent"))


def _reason(action: Callable[[Actor, UUID, str], Awaitable[object]]) -> Reader:
    def read(form: Form, actor: Actor, about: WorkerPage) -> Callable[[], Awaitable[object]]:
        reason = form.text("reason", "the reason", most=1000, lines=True)
        return lambda: action(actor, about.worker.id, reason)

    return read


def _leave(form: Form, actor: Actor, about: WorkerPage) -> Callable[[], Awaitable[object]]:
    left_on = form.date("left_on", "the last day")
    return lambda: workforce.leave(actor, about.worker.id, left_on)


def _invite(form: Form, actor: Actor, about: WorkerPage) -> Callable[[], Awaitable[object]]:
    email = form.email("email", "the worker's e-mail address")
    return lambda: workforce.invite_worker(actor, about.worker.id, email)


FACTS: Mapping[str, Fact] = {
    "dbs": Fact("Record a DBS check", "The DBS check has been recorded.", _dbs),
    "registration": Fact("Record the registration", "The registration has been recorded.", _registration),
    "competency": Fact("Record training or an assessment", "The record has been kept.", _competency),
    "back-to-training": Fact("Send back to training", "That competency counts no more until a new assessment.", _back),
    "check": Fact("Record a check", "The check has been recorded.", _check),
    "profile": Fact("Profile for families", "The profile has been kept.", _profile),
    "stand-down": Fact("Stand down", "The worker is stood down, and those who plan visits have been told.",
                       _reason(workforce.stand_down)),
    "stand-up": Fact("End the standing down", "The worker may be placed again where the evidence allows.",
                     _reason(workforce.stand_up)),
    "leave": Fact("Record the last day", "The last day has been recorded.", _leave),
    "invite": Fact("Invite to sign in", "The worker gets an e-mail that says how to sign in.", _invite),
}  # fmt: skip


@get("/workforce/{worker_id:uuid}/{fact:str}", **WRITES)
async def fact_page(request: Request[Any, Any, Any], worker_id: FromPath[UUID], fact: FromPath[str]) -> Response[Any]:
    """The form for one fact about a worker."""
    about = await ask(request.user, _worker, worker_id)
    worker = about.worker
    form = Form.starting_with(
        profile=worker.profile or None,
        consent=worker.profile_consent_at is not None,
        email=about.private["email"] or None,
        pin=about.private["registration_pin"],
        valid_until=worker.registration_until if fact == "registration" else None,
        certificate_number=about.private["dbs_certificate_number"],
        issued_on=about.private["dbs_issued_on"],
        workforce=about.private["dbs_workforce"],
        barred_list_checked=bool(about.private["dbs_barred_list_checked"]),
        update_service_consent=about.private["dbs_update_service_consent_at"] is not None,
        code=request.query_params.get("code"),
    )
    return _show_fact(request, fact, form, about)


@post("/workforce/{worker_id:uuid}/{fact:str}", status_code=303, **WRITES)
async def record_fact(request: Request[Any, Any, Any], worker_id: FromPath[UUID], fact: FromPath[str]) -> Response[Any]:
    """Records it and goes back to the worker's page."""
    form = Form(await read_form(request))
    about = await ask(request.user, _worker, worker_id)
    if fact not in FACTS:
        raise NotFound
    action = FACTS[fact].read(form, request.user, about)
    if not form.errors:
        try:
            await action()
            return see_other(request, f"/workforce/{worker_id}", flash=FACTS[fact].done)
        except InvalidInput as error:
            form.merge(error, {"assessor_worker_id": "assessor"})
        except Conflict as error:
            form.error("", error.sentence)
    return _show_fact(request, fact, form, about)


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
        outcomes=list(evidence.DBS_OUTCOMES.items()),
        workforces=list(evidence.DBS_WORKFORCES.items()),
        skills=[*spoken.competencies.items(), *((c, f"{t} (for one child)") for c, t in spoken.child_specific.items())],
        held=[(code, spoken.skill(code)) for code in sorted(_current(about))],
        methods=[
            (code, title, "" if code in spoken.signing_methods else "Signs nobody off")
            for code, title in spoken.methods.items()
        ],
        colleagues=[("outside", "Somebody from outside"), *((str(each.id), each.name) for each in about.colleagues)],
        packages=[(str(key), reference) for key, reference in about.packages],
        checks=[(key, rule.title) for key, rule in spoken.checks.items() if key != "profile"],
    )


ROUTES: list[Any] = [
    new_worker_page, new_worker, worker_page, details_page, details, fact_page, record_fact,
]  # fmt: skip
