"""One DBS certificate after another: what a new one has to say for itself, and which cannot settle a changed status."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from marketplace.platform.database import Work
from marketplace.policy.calendar import local_day
from marketplace.policy.certificates import certificate_gaps, settles
from marketplace.policy.pack import Pack
from marketplace.web.filters import day as written_day

NEWS = "There was new information on the last certificate: enter the new one's number"

# What a check does not count without, by the names of `certificate_gaps`: the form's field and what to do.
ASKED = {
    "number": ("certificate_number", "Enter the number of the certificate, 12 digits: a check is of one"),
    "issued_on": ("issued_on", "Enter the certificate's date of issue"),
    "workforce": ("workforce", "Select which workforce the certificate is for"),
    "barred_list": (
        "barred_list_checked", "A framework of yours asks that the children's barred list was checked with it",
    ),
}  # fmt: skip

# Other rows of one person: a certificate, a register's PIN, or a name with its date of birth says so. (A sign-in is one
# row's alone.) Each by its index, since a file of thousands asks it of every row.
ALSO_ROWS_OF = """
WITH me AS (SELECT w.name, p.registration_pin, coalesce($3, p.dbs_certificate_number) AS number,
    coalesce($4, p.date_of_birth) AS born_on FROM worker w
    JOIN worker_private p ON p.provider_id = w.provider_id AND p.worker_id = w.id
    WHERE w.provider_id = $1 AND w.id = $2),
alike AS (
    SELECT p.worker_id FROM me JOIN worker_private p ON p.provider_id = $1 AND p.dbs_certificate_number = me.number
    UNION SELECT p.worker_id FROM me JOIN worker_private p ON p.provider_id = $1
        AND p.registration_pin = me.registration_pin
    UNION SELECT p.worker_id FROM me JOIN worker_private p ON p.provider_id = $1 AND p.date_of_birth = me.born_on
        JOIN worker w ON w.provider_id = $1 AND w.id = p.worker_id AND lower(w.name) = lower(me.name))
SELECT w.*, p.dbs_certificate_number, p.dbs_issued_on FROM alike
    JOIN worker w ON w.provider_id = $1 AND w.id = alike.worker_id
    JOIN worker_private p ON p.provider_id = $1 AND p.worker_id = w.id WHERE w.id <> $2 ORDER BY w.id
"""


class Certificate(NamedTuple):
    """What was given of a certificate with a check; `number` is "" where none was."""

    number: str
    issued_on: date | None
    workforce: str | None
    barred_list_checked: bool | None


def kept_certificate(private: Any) -> Certificate:
    """What a row of worker_private holds of a certificate."""
    return Certificate(
        private["dbs_certificate_number"] or "", private["dbs_issued_on"], private["dbs_workforce"],
        private["dbs_barred_list_checked"],
    )  # fmt: skip


def what_is_missing(packs: Iterable[Pack], given: Certificate, kept: Certificate) -> dict[str, str]:
    """What a clear check lacks of its certificate, by the form's field, and what to do. What was given goes over what
    is kept."""
    number, issued_on, workforce = given.number or kept.number, given.issued_on or kept.issued_on, given.workforce
    barred = kept.barred_list_checked if given.barred_list_checked is None else given.barred_list_checked
    gaps = certificate_gaps(packs, number, issued_on, workforce or kept.workforce, barred)
    return dict(ASKED[name] for name in gaps)


async def also_rows_of(
    work: Work, worker: dict[str, Any], number: str = "", born_on: date | None = None
) -> list[dict[str, Any]]:
    """The provider's other rows, those of who has left too, of the person that a worker's row is about."""
    rows = await work.fetch(ALSO_ROWS_OF, worker["provider_id"], worker["id"], number or None, born_on)
    return [dict(row) for row in rows]


async def certificate_faults(
    work: Work, worker: dict[str, Any], packs: Iterable[Pack], outcome: str, given: Certificate, consent: bool | None,
    born_on: date | None, wrong: dict[str, str],
) -> None:  # fmt: skip
    """What a check cannot count without, and what of a certificate cannot go with what is known of the worker's last
    one or of another row of the same person, is put into `wrong` by its field."""
    provider_id = worker["provider_id"]
    row = await work.fetchrow(
        "SELECT *, dbs_certificate_number AS number, dbs_issued_on AS issued_on,"
        " dbs_update_service_consent_at AS agreed_at FROM worker_private WHERE provider_id = $1 AND worker_id = $2",
        provider_id, worker["id"],
    )  # fmt: skip
    assert row is not None
    doubted_on = await _doubted_on(work, provider_id, [worker["id"]])
    another, kept_on = given.number not in ("", row["number"]), given.issued_on or row["issued_on"]
    number = given.number or row["number"]
    # its own number, kept of a check that was withdrawn, may be the other's by now
    if another or (number and await _is_taken_back(work, worker)):
        others = await also_rows_of(work, worker, number, born_on)
        await _somebody_elses(work, number, others, wrong)
        if another:
            doubted_on = await _doubted_on(work, provider_id, [worker["id"], *(each["id"] for each in others)])
    if outcome == "clear" and await _number_is_doubted(work, provider_id, given.number or row["number"]):
        wrong.setdefault("certificate_number", NEWS)
    elif another and (doubted_on is not None or row["number"] is not None):
        _another_faults(given, doubted_on if outcome == "clear" else None, wrong)
    elif outcome == "clear" and doubted_on is not None and not settles(
        # recorded before and withdrawn, its own number is still another than that with the news
        doubted_on, kept_on, another=await _news_is_of_another(work, worker, doubted_on)
    ):  # fmt: skip
        wrong.setdefault("certificate_number", NEWS)
    if outcome == "clear":
        # of another certificate nothing that is kept says anything
        kept = Certificate("", None, None, None) if another else kept_certificate(row)
        for field, said in what_is_missing(packs, given, kept).items():
            wrong.setdefault(field, said)
    if consent and row["agreed_at"] is None and worker["person_id"] is not None:
        said = f"{worker['name']} signs in and agrees under My profile: leave this open"
        wrong["update_service_consent"] = said


async def _somebody_elses(work: Work, number: str, others: list[dict[str, Any]], wrong: dict[str, str]) -> None:
    # whoever left and came back has two rows, and may well have the one certificate
    today = local_day(work.now)
    for each in others:
        here = each["left_on"] is None or each["left_on"] >= today
        if here and each["dbs_certificate_number"] == number and not await _is_taken_back(work, each):
            said = f"The certificate with this number is recorded with {each['name']}: it is about one person"
            wrong.setdefault("certificate_number", said)


async def _is_taken_back(work: Work, worker: dict[str, Any]) -> bool:
    # where a number was typed with the wrong worker, its check is withdrawn, while the number stays
    return await work.fetchval(
        "SELECT coalesce(bool_and(withdrawn_at IS NOT NULL), false) FROM worker_dbs_check"
        " WHERE provider_id = $1 AND worker_id = $2",
        worker["provider_id"], worker["id"],
    )  # fmt: skip


async def news_for(work: Work, worker: dict[str, Any], found_on: date) -> list[dict[str, Any]]:
    """The other rows that new information on the worker's certificate is about too: those of the person whose own
    certificate does not settle it, and which do not say so yet."""
    number = await work.fetchval(
        "SELECT dbs_certificate_number FROM worker_private WHERE provider_id = $1 AND worker_id = $2",
        worker["provider_id"], worker["id"],
    )  # fmt: skip
    concerned: list[dict[str, Any]] = []
    for each in await also_rows_of(work, worker):
        another = number is None or each["dbs_certificate_number"] not in (None, number)
        said = await _doubted_on(work, worker["provider_id"], [each["id"]])
        if not settles(found_on, each["dbs_issued_on"], another=another) and (said is None or said < found_on):
            concerned.append(each)
    return concerned


async def _doubted_on(work: Work, provider_id: UUID, rows: list[UUID]) -> date | None:
    """The newest new information on these rows' certificates that no check has settled since."""
    return await work.fetchval(
        "SELECT max(c.checked_on) FROM unnest($2::uuid[]) AS w (id), LATERAL dbs_check_that_counts($1, w.id) c"
        " WHERE c.outcome <> 'clear'",
        provider_id, rows,
    )  # fmt: skip


async def _number_is_doubted(work: Work, provider_id: UUID, number: str | None) -> bool:
    return await work.fetchval(
        "SELECT EXISTS (SELECT FROM doubted_certificate WHERE provider_id = $1 AND number = $2)", provider_id, number
    )


async def _news_is_of_another(work: Work, worker: dict[str, Any], found_on: date) -> bool:
    """Whether the new information of a day was on a number the worker had then: whatever number is not in doubt now is
    another."""
    return await work.fetchval(
        "SELECT EXISTS (SELECT FROM doubted_certificate WHERE provider_id = $1 AND worker_id = $2 AND found_on = $3)",
        worker["provider_id"], worker["id"], found_on,
    )  # fmt: skip


def _another_faults(given: Certificate, doubted_on: date | None, wrong: dict[str, str]) -> None:
    # Nothing of the old certificate speaks for the new one; what was issued before the status changed may well lack
    # what has changed.
    if given.issued_on is None:
        wrong.setdefault("issued_on", "Enter the new certificate's date of issue")
    elif doubted_on is not None and not settles(doubted_on, given.issued_on, another=True):
        said = (
            f"New information was found on {written_day(doubted_on)}: enter a certificate issued on that day or later"
        )
        wrong.setdefault("issued_on", said)
    if given.workforce is None:
        wrong.setdefault("workforce", "Select which workforce the new certificate is for")
    if given.barred_list_checked is None:
        wrong.setdefault("barred_list_checked", "Say whether the children's barred list was checked")
