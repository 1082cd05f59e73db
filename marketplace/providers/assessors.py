"""Who may sign a worker off: somebody else (D after L 6.4), also where one person has two rows here, or two hats."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from marketplace.identity.names import TITLES, is_full_name, name_and_job, words_of
from marketplace.platform.database import Work

NOT_ONESELF = "Nobody signs themselves off: select another assessor"

NAME_AND_JOB = "Enter the assessor's full name and job, like Alex Moor, nurse educator"

# Two rows are one person where a sign-in, an address, a register's PIN or a certificate says so (not one whose check
# was withdrawn, as typed with the wrong worker); the same name does too, unless both sign in, each as somebody else.
SAME_PERSON = """
SELECT a.name,
    a.person_id = w.person_id IS TRUE OR ap.email <> '' AND ap.email = wp.email
    OR ap.registration_pin = wp.registration_pin IS TRUE
    OR ap.dbs_certificate_number = wp.dbs_certificate_number IS TRUE
        AND NOT EXISTS (SELECT FROM worker_dbs_check c WHERE c.provider_id = $1 AND c.worker_id IN ($2, $3)
            GROUP BY c.worker_id HAVING bool_and(c.withdrawn_at IS NOT NULL)) AS same,
    a.person_id IS NULL OR w.person_id IS NULL AS named_only
FROM worker a JOIN worker_private ap ON ap.provider_id = a.provider_id AND ap.worker_id = a.id,
     worker w JOIN worker_private wp ON wp.provider_id = w.provider_id AND wp.worker_id = w.id
WHERE a.provider_id = $1 AND a.id = $2 AND w.provider_id = $1 AND w.id = $3
"""


def is_oneself(work: Work, worker: dict[str, Any]) -> bool:
    """Whether the person who acts in the office is this very worker, who then records no proof about themselves."""
    return worker["person_id"] is not None and worker["person_id"] == work.actor.person_id


async def assessor(
    work: Work, worker: dict[str, Any], colleague: UUID | None, name: str, wrong: dict[str, str]
) -> tuple[str | None, UUID | None]:
    """(name, id of the colleague) of who assessed the worker; what cannot be is put into `wrong` by its field."""
    if is_oneself(work, worker):
        wrong["method"] = "Nobody signs themselves off: somebody else in your office records your assessments"
    if colleague == worker["id"]:
        wrong["assessor_worker_id"] = NOT_ONESELF
        return None, None
    if colleague is not None:
        found = await work.fetchrow(SAME_PERSON, worker["provider_id"], colleague, worker["id"])
        if found is None:
            wrong["assessor_worker_id"] = "Select the assessor from your workers"
            return None, None
        if found["same"] or (found["named_only"] and could_be(worker["name"], found["name"])):
            wrong["assessor_worker_id"] = NOT_ONESELF
        return found["name"], colleague
    typed = " ".join(name.split())
    if not typed:
        wrong["assessor_name"] = "Enter who assessed the worker; attendance alone signs nobody off"
    elif could_be(worker["name"], typed):
        wrong["assessor_name"] = "Nobody signs themselves off: enter another assessor, by their full name"
    elif not is_full_name(typed) or not any(len(word) > 1 for word in words_of(name_and_job(typed)[1])):
        wrong["assessor_name"] = NAME_AND_JOB
    return typed, None


def could_be(own: str, typed: str) -> bool:
    """Whether a typed name may be the worker's `own`: its first and last word in any order, one of them perhaps as a
    letter, or no other words than its own; titles, capitals and accents aside, with a job before or behind it."""
    words, said = words_of(own), words_of(typed)
    while len(words) > 2 and words[0] in TITLES:
        words = words[1:]
    if not words or {words[0], words[-1]} <= set(said):
        return bool(words)
    # A letter is looked for in the name alone, since a job has letters of its own.
    alone = {word for word in words_of(name_and_job(typed)[0]) if word not in TITLES or word in words}
    if any(full in alone and other[0] in alone for full, other in ((words[0], words[-1]), (words[-1], words[0]))):
        return True
    return bool(alone) and all(word in words or word in {each[0] for each in words} for word in alone)
