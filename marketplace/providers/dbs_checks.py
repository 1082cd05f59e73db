"""DBS checks of a worker: the certificate's facts, who looked at its status when, what new information does (L app. 2).

The certificate's own details stay with the provider; what a check proves is judged by the packs.
"""

from __future__ import annotations

import re
from datetime import date
from uuid import UUID

from marketplace.identity.names import is_full_name
from marketplace.identity.permissions import permit
from marketplace.obligations.duties import meet
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.policy.calendar import local_day
from marketplace.providers.assessors import could_be, is_oneself
from marketplace.providers.attachments import attached
from marketplace.providers.certificates import Certificate, certificate_faults, news_for
from marketplace.providers.evidence import BY_SOMEBODY_ELSE, not_in_future, refuse
from marketplace.providers.vocabulary import Words, words
from marketplace.providers.workforce import hold_workforce, look_at_coming_visits, own_worker, take_off

CERTIFICATE = re.compile(r"[0-9]{12}")
DBS_OUTCOMES = {
    "clear": "Clear: nothing new since the certificate",
    "new_information": "There is new information: a new certificate is needed",
}
DBS_WORKFORCES = {"child": "Child workforce", "child_and_adult": "Child and adult workforce"}
MEND_DBS = "task.mend_dbs_details"  # owed by the office where the update service knew no such certificate

# The check that counts, where what is said again is nothing new: neither of the check nor of the certificate.
SENT_TWICE = """
SELECT c.id FROM dbs_check_that_counts($1, $2) c
JOIN worker_private p ON p.provider_id = c.provider_id AND p.worker_id = c.worker_id
JOIN worker w ON w.provider_id = c.provider_id AND w.id = c.worker_id
WHERE c.checked_on = $3 AND c.checked_by_name = $4 AND c.outcome = $5 AND c.source = $6
    AND ($7::uuid IS NULL OR c.evidence_id = $7) AND ($8::text IS NULL OR p.dbs_certificate_number = $8)
    AND ($9::date IS NULL OR p.dbs_issued_on = $9) AND ($10::text IS NULL OR p.dbs_workforce = $10)
    AND ($11::boolean IS NULL OR p.dbs_barred_list_checked = $11)
    AND ($12::boolean IS NULL OR (p.dbs_update_service_consent_at IS NOT NULL) = $12)
    AND ($13::text IS NULL OR p.dbs_forename = $13) AND ($14::text IS NULL OR p.dbs_surname = $14)
    AND ($15::date IS NULL OR p.date_of_birth = $15)
    AND (c.outcome = 'clear' OR w.stood_down_at IS NOT NULL)
"""


async def record_dbs_check(
    actor: Actor,
    worker_id: UUID,
    *,
    checked_on: date,
    checked_by_name: str,
    outcome: str = "clear",
    certificate_number: str | None = None,
    issued_on: date | None = None,
    workforce: str | None = None,
    barred_list_checked: bool | None = None,
    update_service_consent: bool | None = None,
    certificate_forename: str | None = None,
    certificate_surname: str | None = None,
    date_of_birth: date | None = None,
    evidence_id: UUID | None = None,
) -> UUID:
    """Record a look at the DBS status (a new certificate, or the six-monthly check: L appendix 2); returns its id.

    The certificate's own details stay with the provider and replace those kept before, as far as they are given.
    New information stands the worker down at once, in every row of the person, and tells those who plan visits with
    them; whatever later-dated check there is, only a new certificate, issued that day or later, makes a check clear
    after it. A clear check is of a certificate with its number, date of issue, workforce and, where a pack asks for it,
    the children's barred list, given now or before, but all anew with another number. A certificate is one person's.
    """
    permit(actor, "workforce.write")
    async with unit_of_work(actor) as work:
        if certificate_number:
            await hold_workforce(work)
        return await keep_dbs_check(
            work,
            await own_worker(work, worker_id),
            await words(work),
            checked_on=checked_on,
            checked_by_name=checked_by_name,
            outcome=outcome,
            certificate_number=certificate_number,
            issued_on=issued_on,
            workforce=workforce,
            barred_list_checked=barred_list_checked,
            update_service_consent=update_service_consent,
            certificate_forename=certificate_forename,
            certificate_surname=certificate_surname,
            date_of_birth=date_of_birth,
            evidence_id=evidence_id,
        )


async def keep_dbs_check(
    work: Work,
    worker: dict,
    spoken: Words,
    *,
    checked_on: date,
    checked_by_name: str,
    outcome: str = "clear",
    certificate_number: str | None = None,
    issued_on: date | None = None,
    workforce: str | None = None,
    barred_list_checked: bool | None = None,
    update_service_consent: bool | None = None,
    certificate_forename: str | None = None,
    certificate_surname: str | None = None,
    date_of_birth: date | None = None,
    evidence_id: UUID | None = None,
    source: str = "seen",
) -> UUID:
    """The change itself, for actions that record many (an import); `worker` is its row, locked.

    `source` is `seen` (somebody looked) or `update_service` (dbs_updates.py).
    """
    number = re.sub(r"[\s-]", "", certificate_number or "")
    today = local_day(work.now)
    wrong: dict[str, str] = {}
    not_in_future(checked_on, today, "checked_on", "The date of the check", wrong)
    if not checked_by_name.strip():
        wrong["checked_by_name"] = "Enter who made the check"
    elif source == "seen" and could_be(worker["name"], checked_by_name):
        wrong["checked_by_name"] = "Nobody checks themselves: enter who made the check, by their full name"
    elif source == "seen" and not is_full_name(checked_by_name):
        wrong["checked_by_name"] = "Enter the first and last name of who made the check, like Ada Brook"
    if outcome not in DBS_OUTCOMES:
        wrong["outcome"] = "Select what the check found"
    if number and not CERTIFICATE.fullmatch(number):
        wrong["certificate_number"] = "A DBS certificate number has 12 digits"
    if issued_on is not None:
        not_in_future(issued_on, today, "issued_on", "The date of issue", wrong)
        if issued_on > checked_on:
            wrong.setdefault("issued_on", "The certificate must be issued on or before the day of the check")
    if workforce is not None and workforce not in DBS_WORKFORCES:
        wrong["workforce"] = "Select which workforce the certificate is for"
    if date_of_birth is not None:
        not_in_future(date_of_birth, today, "date_of_birth", "The date of birth", wrong)
    if is_oneself(work, worker):
        wrong["checked_by_name"] = BY_SOMEBODY_ELSE
    certificate = Certificate(number, issued_on, workforce, barred_list_checked)
    packs = [pack for _, _, pack in spoken.packs]
    await certificate_faults(work, worker, packs, outcome, certificate, update_service_consent, date_of_birth, wrong)
    refuse(wrong)
    await attached(work, worker, evidence_id, dbs=True)
    details = (
        number or None, issued_on, workforce, barred_list_checked, update_service_consent,
        _line(certificate_forename), _line(certificate_surname), date_of_birth,
    )  # fmt: skip
    same = await work.fetchval(
        SENT_TWICE, worker["provider_id"], worker["id"], checked_on, checked_by_name.strip(), outcome, source,
        evidence_id, *details,
    )  # fmt: skip
    if same is not None:
        return same
    # before the check: what it finds is kept with the certificate's number (m0078)
    await work.execute(
        "UPDATE worker_private SET dbs_certificate_number = coalesce($3, dbs_certificate_number),"
        " dbs_issued_on = coalesce($4, dbs_issued_on), dbs_workforce = coalesce($5, dbs_workforce),"
        " dbs_barred_list_checked = coalesce($6, dbs_barred_list_checked), dbs_update_service_consent_at ="
        " CASE WHEN $7 THEN coalesce(dbs_update_service_consent_at, $8) WHEN NOT $7 THEN NULL"
        " ELSE dbs_update_service_consent_at END, dbs_forename = coalesce($9, dbs_forename),"
        " dbs_surname = coalesce($10, dbs_surname), date_of_birth = coalesce($11, date_of_birth)"
        " WHERE provider_id = $1 AND worker_id = $2",
        worker["provider_id"], worker["id"], number or None, issued_on, workforce, barred_list_checked,
        update_service_consent, work.now, _line(certificate_forename), _line(certificate_surname), date_of_birth,
    )  # fmt: skip
    check = (checked_on, checked_by_name.strip(), outcome, source)
    check_id = await _keep(work, worker, check, evidence_id)
    if outcome == "new_information":
        for row in await news_for(work, worker, checked_on):
            await _keep(work, row, check, None)
    await look_at_coming_visits(work, worker["provider_id"])
    await meet(work, MEND_DBS, worker["id"])
    return check_id


async def _keep(work: Work, worker: dict, check: tuple[date, str, str, str], evidence_id: UUID | None) -> UUID:
    """A check of one row, `check` being its day, who made it, what it found and its source."""
    checked_on, _, outcome, source = check
    check_id = await work.fetchval(
        "INSERT INTO worker_dbs_check (provider_id, worker_id, checked_on, checked_by_name, outcome, source,"
        " recorded_at, recorded_by, evidence_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id",
        worker["provider_id"], worker["id"], *check, work.now, work.actor.person_id, evidence_id,
    )  # fmt: skip
    # the number itself is no business of the trail
    work.audit("worker.dbs_checked", "worker", worker["id"], checked_on=checked_on, outcome=outcome, source=source)
    if outcome == "new_information" and worker["stood_down_at"] is None:
        await take_off(work, worker, "The DBS status has changed: there is new information")
    return check_id


def _line(typed: str | None) -> str | None:
    return " ".join(typed.split()) if typed and typed.strip() else None
