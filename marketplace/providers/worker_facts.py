"""What can be recorded about a worker on a page of its own: how each form becomes an action."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from marketplace.platform.actor import Actor
from marketplace.platform.database import Work
from marketplace.policy.calendar import local_day
from marketplace.providers import (
    attachments,
    dbs_checks,
    dbs_updates,
    evidence,
    leaving,
    queries,
    withdrawing,
    workforce,
)
from marketplace.providers.facts import WorkerRecord
from marketplace.providers.queries import LotReadiness
from marketplace.providers.vocabulary import Words, words
from marketplace.web.forms import Form


@dataclass(frozen=True, slots=True)
class WorkerPage:
    """Everything the pages about one worker show."""

    worker: WorkerRecord
    private: dict[str, Any]
    lots: list[LotReadiness]
    words: Words
    colleagues: list[WorkerRecord]
    packages: list[tuple[UUID, str]]
    files: list[tuple[UUID, str, str]]  # id, kind, words: what may be attached
    requests: list[Any]  # to the update service
    recorded: list[withdrawing.RecordedCheck]
    today: date


async def about_worker(work: Work, worker_id: UUID) -> WorkerPage:
    """One of the actor's own workers, with what the forms choose from. Raises `NotFound`."""
    record = await queries.worker(work, worker_id)
    return WorkerPage(
        record,
        await queries.private_details(work, worker_id),
        await queries.readiness_by_lot(work, record),
        await words(work),
        [each for each in await queries.workforce(work) if each.id != worker_id],
        await queries.own_packages(work),
        await attachments.files_about(work, worker_id),
        await dbs_updates.requests_about(work, worker_id),
        await withdrawing.recorded_checks(work, worker_id),
        local_day(work.now),
    )


def counting(about: WorkerPage) -> set[str]:
    """Codes of what was recorded and not withdrawn."""
    return {record.code for record in about.worker.competencies if record.withdrawn_at is None}


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
        "outcome": form.choice("outcome", "what the check found", dbs_checks.DBS_OUTCOMES),
        "certificate_number": form.text("certificate_number", "the certificate number", required=False, most=20),
        "issued_on": form.date("issued_on", "the date of issue", required=False),
        "workforce": form.choice("workforce", "the workforce", dbs_checks.DBS_WORKFORCES, required=False),
        "barred_list_checked": {"yes": True, "no": False}.get(
            form.choice("barred_list_checked", "whether the barred list was checked", ("yes", "no"), required=False)
            or ""
        ),  # None: not said
        "certificate_forename": form.text("certificate_forename", "the first name", required=False, most=80),
        "certificate_surname": form.text("certificate_surname", "the surname", required=False, most=80),
        "date_of_birth": form.date("date_of_birth", "the date of birth", required=False),
        "update_service_consent": form.boolean("update_service_consent"),
        "evidence_id": form.uuid("evidence_id", "the file", required=False),
    }
    return lambda: dbs_checks.record_dbs_check(actor, about.worker.id, **given)


def _registration(form: Form, actor: Actor, about: WorkerPage) -> Callable[[], Awaitable[object]]:
    given: dict[str, Any] = {
        "pin": form.text("pin", "the PIN", most=12),
        "valid_until": form.date("valid_until", "the last day of the registration"),
        "fit_to_practise": form.choice("fit_to_practise", "whether there is any restriction", ("yes", "no")) == "yes",
    }
    return lambda: evidence.record_registration(actor, about.worker.id, **given)


def _training(form: Form, actor: Actor, about: WorkerPage) -> Callable[[], Awaitable[object]]:
    skills = {**about.words.competencies, **about.words.child_specific}
    attending = [code for code in about.words.methods if code not in about.words.signing_methods]
    given: dict[str, Any] = {
        "code": form.choice("code", "what the training was about", skills),
        "assessed_on": form.date("assessed_on", "the date"),
        # where the packs know one way to attend there is nothing to choose
        "method": attending[0] if len(attending) == 1 else form.choice("method", "how it was attended", attending),
        "for_package_id": form.uuid("for_package_id", "the package", required=False),
        "evidence_id": form.uuid("evidence_id", "the file", required=False),
    }
    return lambda: evidence.record_competency(actor, about.worker.id, **given)


def _competency(form: Form, actor: Actor, about: WorkerPage) -> Callable[[], Awaitable[object]]:
    skills = {**about.words.competencies, **about.words.child_specific}
    assessor = form.choice(
        "assessor", "who assessed the worker", ["outside", *(str(each.id) for each in about.colleagues)], required=False
    )
    outside = assessor == "outside"
    given: dict[str, Any] = {
        "code": form.choice("code", "what the worker was assessed in", skills),
        "assessed_on": form.date("assessed_on", "the date"),
        "method": form.choice("method", "how the worker was assessed", about.words.signing_methods),
        "assessor_worker_id": UUID(assessor) if assessor and not outside else None,
        "assessor_name": form.text("assessor_name", "the assessor's name", required=False, most=120),
        "for_package_id": form.uuid("for_package_id", "the package", required=False),
        "evidence_id": form.uuid("evidence_id", "the file", required=False),
    }
    return lambda: evidence.record_competency(actor, about.worker.id, **given)


def _back(form: Form, actor: Actor, about: WorkerPage) -> Callable[[], Awaitable[object]]:
    code = form.choice("code", "the competency", counting(about))
    reason = form.text("reason", "why the worker goes back to training", most=1000, lines=True)
    return lambda: evidence.send_back_to_training(actor, about.worker.id, code, reason)


def _check(form: Form, actor: Actor, about: WorkerPage) -> Callable[[], Awaitable[object]]:
    kinds = {key for key in about.words.checks if key != "profile"}
    given: dict[str, Any] = {
        "kind": form.choice("kind", "what was checked", kinds),
        "done_on": form.date("done_on", "the date of the check"),
        "valid_until": form.date("valid_until", "the last day it is valid", required=False),
        "evidence_id": form.uuid("evidence_id", "the file", required=False),
    }
    return lambda: evidence.record_check(actor, about.worker.id, **given)


def _withdraw(form: Form, actor: Actor, about: WorkerPage) -> Callable[[], Awaitable[object]]:
    options = {each.key: each for each in about.recorded if each.may_be_withdrawn}
    chosen = options.get(form.choice("record", "the check that is wrong", options) or "")
    reason = form.text("reason", "what is wrong with it", most=withdrawing.LONGEST_REASON, lines=True)
    kind, check_id = (chosen.kind, chosen.id) if chosen else ("", about.worker.id)
    return lambda: withdrawing.withdraw_check(actor, about.worker.id, kind, check_id, reason)


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
    return lambda: leaving.leave(actor, about.worker.id, left_on)


def _stay(form: Form, actor: Actor, about: WorkerPage) -> Callable[[], Awaitable[object]]:
    return lambda: leaving.stay(actor, about.worker.id)


def _invite(form: Form, actor: Actor, about: WorkerPage) -> Callable[[], Awaitable[object]]:
    email = form.email("email", "the worker's e-mail address")
    return lambda: workforce.invite_worker(actor, about.worker.id, email)


FACTS: Mapping[str, Fact] = {
    "dbs": Fact("Record a DBS check", "The DBS check has been recorded.", _dbs),
    "registration": Fact("Record the registration", "The registration has been recorded.", _registration),
    "training": Fact("Record training attended", "The training has been recorded. It signs nobody off.", _training),
    "competency": Fact("Sign off as competent", "The sign-off has been recorded.", _competency),
    "back-to-training": Fact("Send back to training", "That competency counts no more until a new assessment.", _back),
    "check": Fact("Record a check", "The check has been recorded.", _check),
    "withdraw-check": Fact("Withdraw a check", "The check has been withdrawn and counts no more.", _withdraw),
    "profile": Fact("Profile for families", "The profile has been kept.", _profile),
    "stand-down": Fact("Stand down", "The worker is stood down, and those who plan visits have been told.",
                       _reason(workforce.stand_down)),
    "stand-up": Fact("End the standing down", "The worker may be placed again where the evidence allows.",
                     _reason(workforce.stand_up)),
    "leave": Fact("Record the last day", "The last day has been recorded.", _leave),
    "stay": Fact("Take the last day back", "The last day has been taken back.", _stay),
    "invite": Fact("Invite to sign in", "The worker gets an e-mail that says how to sign in.", _invite),
}  # fmt: skip
