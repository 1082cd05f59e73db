"""A worker's evidence as typed facts: registration, competencies and sign-off, other checks (domain 3).

What a check proves is judged by the packs; here only what cannot be true is refused: a day in the future, a certificate
number that is none, a worker who signs itself off.
"""

from __future__ import annotations

import re
from datetime import date
from uuid import UUID

from marketplace.identity.permissions import permit
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.policy.bounds import earliest_believable
from marketplace.policy.calendar import local_day
from marketplace.providers.assessors import assessor, is_oneself
from marketplace.providers.attachments import attached
from marketplace.providers.vocabulary import Words, words
from marketplace.providers.workforce import look_at_coming_visits, own_worker, tell_planners
from marketplace.web.filters import day as written_day

NMC_PIN = re.compile(r"[0-9]{2}[A-Z][0-9]{4}[A-Z]")
# What the rule on assessing oneself says of every other proof: nobody puts their own into the file.
BY_SOMEBODY_ELSE = "Somebody else in your office records what is checked of you"


def not_in_future(day: date, today: date, field: str, noun: str, wrong: dict[str, str]) -> None:
    """What has been done was done today or before."""
    if day > today:
        wrong[field] = f"{noun} must be today or in the past"


def not_long_ago(day: date, spoken: Words, today: date, field: str, noun: str, wrong: dict[str, str]) -> None:
    """What lies farther back than the packs take it for was mistyped."""
    packs = [pack for _, _, pack in spoken.packs]
    earliest = earliest_believable(packs, today) if packs else day
    if day < earliest:
        wrong[field] = f"{noun} must be {written_day(earliest)} or later: check the year"


def refuse(wrong: dict[str, str]) -> None:
    """Raise what was found wrong, by field; nothing where nothing was."""
    if wrong:
        raise InvalidInput(wrong)


async def record_registration(
    actor: Actor, worker_id: UUID, *, pin: str, valid_until: date, fit_to_practise: bool = True
) -> None:
    """Record the professional registration (NMC: L 6.7 lot A) as the register shows it; the PIN stays private."""
    permit(actor, "workforce.write")
    async with unit_of_work(actor) as work:
        worker = await own_worker(work, worker_id)
        await keep_registration(work, worker, pin=pin, valid_until=valid_until, fit_to_practise=fit_to_practise)


async def keep_registration(
    work: Work, worker: dict, *, pin: str, valid_until: date, fit_to_practise: bool = True
) -> None:
    """The change itself, for actions that record many (an import); `worker` is its row, locked."""
    if is_oneself(work, worker):
        raise InvalidInput({"pin": BY_SOMEBODY_ELSE})
    typed = re.sub(r"\s", "", pin).upper()
    if not NMC_PIN.fullmatch(typed):
        raise InvalidInput({"pin": "An NMC PIN is two digits, a letter, four digits and a letter, like 18A1234E"})
    await work.execute(
        "UPDATE worker SET registration_until = $3, registration_fit_to_practise = $4"
        " WHERE provider_id = $1 AND id = $2",
        worker["provider_id"], worker["id"], valid_until, fit_to_practise,
    )  # fmt: skip
    await work.execute(
        "UPDATE worker_private SET registration_pin = $3 WHERE provider_id = $1 AND worker_id = $2",
        worker["provider_id"], worker["id"], typed,
    )  # fmt: skip
    work.audit("worker.registered", "worker", worker["id"], valid_until=valid_until, fit_to_practise=fit_to_practise)
    await look_at_coming_visits(work, worker["provider_id"])
    if worker["registration_fit_to_practise"] and not fit_to_practise:
        await tell_planners(work, worker, "A worker's fitness to practise is in doubt: look at their visits.")


async def record_competency(
    actor: Actor,
    worker_id: UUID,
    *,
    code: str,
    assessed_on: date,
    method: str,
    assessor_worker_id: UUID | None = None,
    assessor_name: str = "",
    for_package_id: UUID | None = None,
    evidence_id: UUID | None = None,
) -> UUID:
    """Record training attended, or an assessment signed off by a named assessor who is not the worker; returns its id.

    `assessor_worker_id` is a colleague, else `assessor_name` someone from outside. By a method that signs nobody off
    (attendance: L 6.4) no assessor is kept. With `for_package_id` the sign-off counts for that package's child only.
    `evidence_id` is a file about this worker: the certificate of the training, the sheet of the assessment.
    """
    permit(actor, "workforce.write")
    async with unit_of_work(actor) as work:
        return await keep_competency(
            work,
            await own_worker(work, worker_id),
            await words(work),
            code=code,
            assessed_on=assessed_on,
            method=method,
            assessor_worker_id=assessor_worker_id,
            assessor_name=assessor_name,
            for_package_id=for_package_id,
            evidence_id=evidence_id,
        )


async def keep_competency(
    work: Work,
    worker: dict,
    spoken: Words,
    *,
    code: str,
    assessed_on: date,
    method: str,
    assessor_worker_id: UUID | None = None,
    assessor_name: str = "",
    for_package_id: UUID | None = None,
    evidence_id: UUID | None = None,
) -> UUID:
    """The change itself, for actions that record many (an import); `worker` is its row, locked."""
    wrong: dict[str, str] = {}
    known = {**spoken.competencies, **spoken.child_specific}
    if code not in known:
        wrong["code"] = "Select what the worker was trained or assessed in"
    elif code in spoken.child_specific and code not in spoken.competencies and for_package_id is None:
        wrong["for_package_id"] = f"{known[code]} is signed off child by child: select the package"
    if method not in spoken.methods:
        wrong["method"] = "Select how the worker was assessed"
    not_in_future(assessed_on, local_day(work.now), "assessed_on", "The date of the assessment", wrong)
    not_long_ago(assessed_on, spoken, local_day(work.now), "assessed_on", "The date of the assessment", wrong)
    name: str | None = None
    colleague: UUID | None = None
    if method in spoken.signing_methods:
        name, colleague = await assessor(work, worker, assessor_worker_id, assessor_name, wrong)
        if spoken.sign_off_needs_file and evidence_id is None:
            wrong["evidence_id"] = "Select the file that shows the assessment: a framework of yours asks for it"
    if for_package_id is not None:
        await _own_package(work, for_package_id, wrong)
    since = await work.fetchval(
        "SELECT max(withdrawn_at) FROM worker_competency WHERE provider_id = $1 AND worker_id = $2 AND code = $3",
        worker["provider_id"], worker["id"], code,
    )  # fmt: skip
    if since is not None and assessed_on < local_day(since):
        wrong.setdefault("assessed_on", "The worker was sent back to training after that day: record a new assessment")
    refuse(wrong)
    await attached(work, worker, evidence_id, checked=name is not None and spoken.sign_off_needs_file)
    same = await work.fetchval(
        "SELECT id FROM worker_competency WHERE provider_id = $1 AND worker_id = $2 AND code = $3 AND assessed_on = $4"
        " AND method = $5 AND assessor_name IS NOT DISTINCT FROM $6 AND assessor_worker_id IS NOT DISTINCT FROM $7"
        " AND for_package_id IS NOT DISTINCT FROM $8 AND ($9::uuid IS NULL OR evidence_id = $9)"
        " AND withdrawn_at IS NULL LIMIT 1",
        worker["provider_id"], worker["id"], code, assessed_on, method, name, colleague, for_package_id, evidence_id,
    )  # fmt: skip
    if same is not None:
        return same  # sent twice, it is there once
    record_id = await work.fetchval(
        "INSERT INTO worker_competency (provider_id, worker_id, code, assessed_on, method, assessor_name,"
        " assessor_worker_id, for_package_id, recorded_at, recorded_by, evidence_id)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING id",
        worker["provider_id"], worker["id"], code, assessed_on, method, name, colleague, for_package_id, work.now,
        work.actor.person_id, evidence_id,
    )  # fmt: skip
    work.audit(
        "worker.competency_recorded", "worker", worker["id"], code=code, method=method, assessed_on=assessed_on,
        signed_off=name is not None, package=for_package_id,
    )  # fmt: skip
    return record_id


async def _own_package(work: Work, package_id: UUID, wrong: dict[str, str]) -> None:
    # A read of a table to the right, by name only: packages build on workers, so this cannot be asked of them.
    found = await work.fetchval(
        "SELECT 1 FROM package WHERE id = $1 AND provider_id = $2 AND state IN ('set_up', 'active')",
        package_id, work.actor.provider_id,
    )  # fmt: skip
    if found is None:
        wrong["for_package_id"] = "Select one of your packages"


async def send_back_to_training(actor: Actor, worker_id: UUID, code: str, reason: str) -> int:
    """The competency counts no more from now on (L 6.4), however often it was signed off; returns how many records.

    A new assessment, on this day or later, makes the worker competent again.
    """
    permit(actor, "workforce.write")
    async with unit_of_work(actor) as work:
        worker = await own_worker(work, worker_id)
        if not reason.strip():
            raise InvalidInput({"reason": "Enter why the worker goes back to training"})
        rows = await work.fetch(
            "UPDATE worker_competency SET withdrawn_at = $4, withdrawn_reason = $5 WHERE provider_id = $1"
            " AND worker_id = $2 AND code = $3 AND withdrawn_at IS NULL RETURNING id",
            worker["provider_id"], worker_id, code, work.now, reason.strip(),
        )  # fmt: skip
        if not rows:
            raise Conflict("There is nothing to withdraw: no assessment of this competency counts at the moment.")
        work.audit("worker.sent_back_to_training", "worker", worker_id, code=code)
        await tell_planners(work, worker, "A worker goes back to training: look at the visits planned with them.")
        return len(rows)


async def record_check(
    actor: Actor, worker_id: UUID, *, kind: str, done_on: date, valid_until: date | None = None,
    evidence_id: UUID | None = None,
) -> UUID:  # fmt: skip
    """Record another check of a worker (references, right to work, English, supervision, car insurance: P 9.1, 9.5,
    10.3); returns its id. Which of them are part of readiness, and how long one counts, the packs say."""
    permit(actor, "workforce.write")
    async with unit_of_work(actor) as work:
        worker = await own_worker(work, worker_id)
        return await keep_check(
            work, worker, await words(work), kind=kind, done_on=done_on, valid_until=valid_until,
            evidence_id=evidence_id,
        )  # fmt: skip


async def keep_check(
    work: Work, worker: dict, spoken: Words, *, kind: str, done_on: date, valid_until: date | None = None,
    evidence_id: UUID | None = None,
) -> UUID:  # fmt: skip
    """The change itself, for actions that record many (an import); `worker` is its row, locked."""
    checks = spoken.checks
    wrong: dict[str, str] = {}
    if kind not in checks:
        wrong["kind"] = "Select what was checked"
    not_in_future(done_on, local_day(work.now), "done_on", "The date of the check", wrong)
    not_long_ago(done_on, spoken, local_day(work.now), "done_on", "The date of the check", wrong)
    if valid_until is not None and valid_until < done_on:
        wrong["valid_until"] = "The check must be valid until its own day or later"
    if valid_until is None and kind in checks and checks[kind].when == "driving":
        wrong["valid_until"] = "Enter the last day this is valid"
    if is_oneself(work, worker):
        wrong.setdefault("kind", BY_SOMEBODY_ELSE)
    refuse(wrong)
    await attached(work, worker, evidence_id)
    same = await work.fetchval(
        "SELECT id FROM worker_check WHERE provider_id = $1 AND worker_id = $2 AND kind = $3 AND done_on = $4"
        " AND valid_until IS NOT DISTINCT FROM $5 AND ($6::uuid IS NULL OR evidence_id = $6)"
        " AND withdrawn_at IS NULL LIMIT 1",
        worker["provider_id"], worker["id"], kind, done_on, valid_until, evidence_id,
    )  # fmt: skip
    if same is not None:
        return same  # sent twice, it is there once
    check_id = await work.fetchval(
        "INSERT INTO worker_check (provider_id, worker_id, kind, done_on, valid_until, recorded_at, recorded_by,"
        " evidence_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id",
        worker["provider_id"], worker["id"], kind, done_on, valid_until, work.now, work.actor.person_id, evidence_id,
    )  # fmt: skip
    if check_id is None:
        raise NotFound
    work.audit("worker.checked", "worker", worker["id"], kind=kind, done_on=done_on, valid_until=valid_until)
    await look_at_coming_visits(work, worker["provider_id"])
    return check_id
