"""DBS status checks with the update service: asked with the worker's consent, each question kept with its answer.

The network is asked between two units of work, never within one. "No new information" counts as a check (D); new
information stands the worker down at once; a certificate the service does not know, or knows under another name, is a
mistake to mend and no check at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID, uuid4

from marketplace.frameworks.queries import my_frameworks, pack_of
from marketplace.identity.permissions import permit
from marketplace.obligations.duties import Owed, owe
from marketplace.obligations.news import tell
from marketplace.platform.actor import Actor, system_for
from marketplace.platform.database import Work, ask, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.platform.update_service import (
    StatusQuestion,
    UpdateServiceError,
    UpdateServiceUnreachable,
    ask_status,
)
from marketplace.policy.calendar import local_day
from marketplace.policy.status_checks import status_check_due
from marketplace.providers.certificates import kept_certificate, what_is_missing
from marketplace.providers.dbs_checks import MEND_DBS, keep_dbs_check
from marketplace.providers.evidence import BY_SOMEBODY_ELSE
from marketplace.providers.vocabulary import words
from marketplace.providers.workforce import ensure_profile, own_worker
from marketplace.settings import Settings

ANSWERS = {
    "BLANK_NO_NEW_INFO": "Nothing new since the certificate, and the certificate holds nothing",
    "NON_BLANK_NO_NEW_INFO": "Nothing new since the certificate, which holds information you have seen",
    "NEW_INFO": "There is new information: a new certificate is needed",
    "NO_MATCH_FOUND": "The service knows no such certificate: compare number, surname and date of birth with the paper",
    "other_name": "The service knows the certificate under another name: compare it with the paper",
    "unreachable": "The service did not answer",
    "unreadable": "The service's answer could not be read",
}
OUTCOMES = {"BLANK_NO_NEW_INFO": "clear", "NON_BLANK_NO_NEW_INFO": "clear", "NEW_INFO": "new_information"}
TO_MEND = ("NO_MATCH_FOUND", "other_name")
OFFICE = ("provider_manager", "coordinator")
NOT_CONNECTED = "This marketplace is not connected to the DBS update service: look the status up and record the check."


@dataclass(frozen=True, slots=True)
class StatusCheck:
    """What came of a question: one of `ANSWERS`, and the check it became, if it counts as one."""

    answer: str
    check_id: UUID | None

    @property
    def sentence(self) -> str:
        """The answer for people."""
        return ANSWERS[self.answer]


@dataclass(frozen=True, slots=True)
class Certificate:
    """What is asked about, as it stood before the question."""

    number: str
    forename: str
    surname: str
    date_of_birth: date
    organisation: str


async def check_status(actor: Actor, settings: Settings, worker_id: UUID, *, automatic: bool = False) -> StatusCheck:
    """Ask the update service about one worker's certificate and keep what it answers.

    Raises `NotFound`, `InvalidInput` by the field that is missing (`update_service_consent`, `certificate_number`,
    `certificate_forename`, `certificate_surname`, `date_of_birth`), `Conflict` where no service is connected, where a
    new certificate is needed first, or where consent or certificate changed while the service was asked.
    """
    permit(actor, "workforce.write")
    certificate = await ask(actor, _asked_about, worker_id)
    if not settings.dbs_update_service_url:
        raise Conflict(NOT_CONNECTED)
    answer = await _ask_service(settings, certificate, actor)
    async with unit_of_work(actor) as work:
        worker = await own_worker(work, worker_id)
        if await _asked_about(work, worker_id) != certificate:
            raise Conflict("The certificate's details changed while the service was asked: check again.")
        check_id: UUID | None = None
        if answer in OUTCOMES:
            name = f"{actor.person_name}, by itself" if automatic else actor.person_name
            check_id = await keep_dbs_check(
                work, worker, await words(work), checked_on=local_day(work.now),
                checked_by_name=f"{name}, with the update service", outcome=OUTCOMES[answer], source="update_service",
            )  # fmt: skip
        await work.execute(
            "INSERT INTO dbs_status_request (provider_id, id, worker_id, asked_at, asked_by, asked_by_name, automatic,"
            " answer, check_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            worker["provider_id"], uuid4(), worker_id, work.now, actor.person_id, actor.person_name, automatic, answer,
            check_id,
        )  # fmt: skip
        work.audit("worker.dbs_status_asked", "worker", worker_id, answer=answer, automatic=automatic)
        if answer in TO_MEND:
            await _owe_mending(work, worker)
        return StatusCheck(answer, check_id)


async def _ask_service(settings: Settings, certificate: Certificate, actor: Actor) -> str:
    forename, _, surname = actor.person_name.strip().rpartition(" ")
    question = StatusQuestion(
        certificate.number, certificate.surname, certificate.date_of_birth,
        settings.dbs_update_service_organisation or certificate.organisation, forename or surname, surname,
    )  # fmt: skip
    try:
        found = await ask_status(settings.dbs_update_service_url, question)
    except UpdateServiceUnreachable:
        return "unreachable"
    except UpdateServiceError:
        return "unreadable"
    if found.status == "NO_MATCH_FOUND":
        return found.status
    same = (_plain(found.surname), _plain(found.forename)) == (
        _plain(certificate.surname),
        _plain(certificate.forename),
    )
    # another person's certificate may well be clear: it says nothing about this worker
    return found.status if same else "other_name"


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


async def _asked_about(work: Work, worker_id: UUID) -> Certificate:
    row = await work.fetchrow(
        "SELECT p.*, w.person_id, w.left_on, coalesce(nullif(o.legal_name, ''), work_for.name) AS organisation,"
        " (SELECT c.outcome FROM dbs_check_that_counts(p.provider_id, p.worker_id) c) AS outcome"
        " FROM worker_private p JOIN worker w ON w.provider_id = p.provider_id AND w.id = p.worker_id"
        " JOIN provider o ON o.id = p.provider_id JOIN organisation work_for ON work_for.id = p.provider_id"
        " WHERE p.provider_id = $1 AND p.worker_id = $2",
        work.actor.provider_id, worker_id,
    )  # fmt: skip
    if row is None:
        raise NotFound("There is no such worker in your organisation.")
    # what no check counts without, the service's neither
    kept = kept_certificate(row)
    wrong = what_is_missing([pack for _, _, pack in (await words(work)).packs], kept, kept)
    if row["dbs_update_service_consent_at"] is None:
        wrong["update_service_consent"] = "The worker has not agreed to status checks: nothing is asked"
    if not row["dbs_forename"]:
        wrong["certificate_forename"] = "Enter the first name as on the certificate"
    if not row["dbs_surname"]:
        wrong["certificate_surname"] = "Enter the surname as on the certificate"
    if row["date_of_birth"] is None:
        wrong["date_of_birth"] = "Enter the date of birth as on the certificate"
    if row["person_id"] is not None and row["person_id"] == work.actor.person_id:
        wrong["checked_by_name"] = BY_SOMEBODY_ELSE
    if wrong:
        raise InvalidInput(wrong)
    if row["outcome"] == "new_information":
        raise Conflict("There was new information on this certificate: record the new certificate first.")
    return Certificate(
        row["dbs_certificate_number"], row["dbs_forename"], row["dbs_surname"], row["date_of_birth"],
        row["organisation"],
    )  # fmt: skip


async def preview(work: Work, worker_id: UUID) -> tuple[Certificate | None, list[str]]:
    """What the service would be asked about, or why nothing can be asked, sentence by sentence. Raises `NotFound`."""
    try:
        return await _asked_about(work, worker_id), []
    except InvalidInput as error:
        return None, list(error.fields.values())
    except Conflict as error:
        return None, [error.sentence]


async def _owe_mending(work: Work, worker: dict[str, Any]) -> None:
    """One task of the office until a check succeeds, on the clock of the first of its frameworks."""
    frameworks = await my_frameworks(work)
    open_already = await work.fetchval(
        "SELECT 1 FROM obligation WHERE rule_key = $1 AND subject_id = $2 AND met_at IS NULL AND cancelled_at IS NULL",
        MEND_DBS, worker["id"],
    )  # fmt: skip
    if open_already or not frameworks:
        return
    await owe(
        work, await pack_of(work, frameworks[0].id), MEND_DBS, title="Mend the details of a worker's DBS certificate",
        subject_type="worker", subject_id=worker["id"], reference="DBS", link=f"/workforce/{worker['id']}/dbs",
        owed_by=Owed(organisation_id=worker["provider_id"], role="coordinator"),
    )  # fmt: skip


# --- by itself --------------------------------------------------------------------------------------------------------


async def start_automatic(actor: Actor) -> None:
    """From now on due statuses are looked up by themselves, in this person's name: the service asks for one."""
    permit(actor, "workforce.write")
    async with unit_of_work(actor) as work:
        provider_id = await ensure_profile(work)
        ended = await work.execute(
            "UPDATE dbs_automatic SET ended_at = $2 WHERE provider_id = $1 AND ended_at IS NULL AND person_id <> $3",
            provider_id, work.now, actor.person_id,
        )  # fmt: skip
        done = await work.execute(
            "INSERT INTO dbs_automatic (provider_id, id, person_id, person_name, started_at)"
            " VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
            provider_id, uuid4(), actor.person_id, actor.person_name, work.now,
        )  # fmt: skip
        if done == "INSERT 0 1":
            work.audit("dbs_checks.automatic", "provider", provider_id, taken_over=ended != "UPDATE 0")


async def stop_automatic(actor: Actor) -> None:
    """Statuses are looked up only when somebody asks. Raises `Conflict` where that is so already."""
    permit(actor, "workforce.write")
    async with unit_of_work(actor) as work:
        await _stop(work)


async def _stop(work: Work) -> None:
    done = await work.execute(
        "UPDATE dbs_automatic SET ended_at = $2 WHERE provider_id = $1 AND ended_at IS NULL",
        work.actor.provider_id, work.now,
    )  # fmt: skip
    if done == "UPDATE 0":
        raise Conflict("Statuses are not looked up by themselves.")
    provider_id = work.actor.provider_id
    assert provider_id is not None
    work.audit("dbs_checks.by_hand", "provider", provider_id)


async def check_due(provider_id: UUID, settings: Settings) -> int:
    """Look up every due status of one provider, once a day each; returns how many were asked.

    Where the service does not answer the rest waits for the next time.
    """
    asker = await _asker(provider_id)
    if asker is None or not settings.dbs_update_service_url:
        return 0
    asked = 0
    for worker_id in await ask(asker, due_workers, again=False):
        try:
            found = await check_status(asker, settings, worker_id, automatic=True)
        except (InvalidInput, Conflict, NotFound):
            continue  # changed since it was listed: whoever changed it sees to it
        asked += 1
        if found.answer == "unreachable":
            break
    return asked


async def _asker(provider_id: UUID) -> Actor | None:
    """The person in whose name it is asked, in the role they have now; where they have none, it stops and says so."""
    async with unit_of_work(system_for(provider_id, "provider")) as work:
        row = await work.fetchrow(
            "SELECT a.person_id, a.person_name, o.name AS organisation, (SELECT m.role FROM membership m WHERE"
            " m.organisation_id = a.provider_id AND m.person_id = a.person_id AND m.role = ANY ($2) AND"
            " (m.ended_at IS NULL OR m.ended_at > $3) ORDER BY m.role DESC LIMIT 1) AS role"
            " FROM dbs_automatic a JOIN organisation o ON o.id = a.provider_id"
            " WHERE a.provider_id = $1 AND a.ended_at IS NULL",
            provider_id, list(OFFICE), work.now,
        )  # fmt: skip
        if row is None:
            return None
        if row["role"] is None:
            await _stop(work)
            said = f"DBS statuses are no longer looked up by themselves: {row['person_name']} has left the office."
            await tell(work, said, "/workforce/dbs-checks", organisation_id=provider_id)
            return None
        return Actor(row["person_id"], row["person_name"], row["role"], provider_id, row["organisation"], "provider")


@dataclass(frozen=True, slots=True)
class StatusLine:
    """A worker on the page of status checks: what is known, and whether the service may be asked."""

    worker_id: UUID
    name: str
    consent: bool
    complete: bool
    checked_on: date | None
    outcome: str | None
    due: bool
    asked_today: bool
    to_mend: bool
    last_answer: str | None


async def status_lines(work: Work) -> list[StatusLine]:
    """The actor's workers who have not left, those due first, then by name. Raises `NotFound` outside a provider."""
    if work.actor.provider_id is None:
        raise NotFound
    today = local_day(work.now)
    packs = [(await pack_of(work, each.id)).on(today) for each in await my_frameworks(work)]
    rows = await work.fetch(
        "SELECT w.id, w.name, p.*, p.dbs_update_service_consent_at IS NOT NULL AS consent,"
        " p.dbs_forename <> '' AND p.dbs_surname <> '' AND p.date_of_birth IS NOT NULL AS complete,"
        " c.checked_on, c.outcome, r.asked_at, r.answer, r.asked_at > c.recorded_at IS NOT FALSE AS unanswered"
        " FROM worker w JOIN worker_private p ON p.provider_id = w.provider_id AND p.worker_id = w.id"
        " LEFT JOIN LATERAL dbs_check_that_counts(w.provider_id, w.id) c ON true"
        " LEFT JOIN LATERAL (SELECT asked_at, answer FROM dbs_status_request WHERE provider_id = w.provider_id AND"
        "  worker_id = w.id ORDER BY asked_at DESC LIMIT 1) r ON true"
        " WHERE w.provider_id = $1 AND (w.left_on IS NULL OR w.left_on >= $2) ORDER BY w.name, w.id",
        work.actor.provider_id, today,
    )  # fmt: skip
    lines = [
        StatusLine(
            row["id"], row["name"], row["consent"], row["complete"] and not what_is_missing(packs, kept, kept),
            row["checked_on"], row["outcome"],
            row["outcome"] != "new_information" and any(status_check_due(p, row["checked_on"], today) for p in packs),
            row["asked_at"] is not None and local_day(row["asked_at"]) == today,
            row["answer"] in TO_MEND and row["unanswered"], row["answer"],
        )
        for row, kept in ((row, kept_certificate(row)) for row in rows)
    ]  # fmt: skip
    return sorted(lines, key=lambda line: not line.due)


async def due_workers(work: Work, *, again: bool = True) -> list[UUID]:
    """Workers whose status may be asked and is due. Without those asked today already and those whose details have to
    be mended first, where said so."""
    return [
        line.worker_id
        for line in await status_lines(work)
        if line.due and line.consent and line.complete and (again or (not line.asked_today and not line.to_mend))
    ]


async def automatic(work: Work) -> str | None:
    """In whose name statuses are looked up by themselves; None where they are not."""
    return await work.fetchval(
        "SELECT person_name FROM dbs_automatic WHERE provider_id = $1 AND ended_at IS NULL", work.actor.provider_id
    )


async def requests_about(work: Work, worker_id: UUID) -> list[Any]:
    """What was asked about a worker, newest first: asked_at, asked_by_name, automatic, answer."""
    return await work.fetch(
        "SELECT * FROM dbs_status_request WHERE worker_id = $1 ORDER BY asked_at DESC, id LIMIT 20", worker_id
    )
