"""One DBS certificate after another: what a new one has to say for itself, and which cannot settle a changed status."""

from __future__ import annotations

from datetime import date
from typing import Any, NamedTuple

from marketplace.platform.database import Work
from marketplace.web.filters import day as written_day


class Certificate(NamedTuple):
    """What was given of a certificate with a check; `number` is "" where none was."""

    number: str
    issued_on: date | None
    workforce: str | None
    barred_list_checked: bool | None


async def certificate_faults(
    work: Work, worker: dict[str, Any], outcome: str, given: Certificate, consent: bool | None, wrong: dict[str, str]
) -> None:
    """What of a certificate cannot go with what is known of the worker's last one is put into `wrong` by its field."""
    row = await work.fetchrow(
        "SELECT p.dbs_certificate_number AS number, p.dbs_update_service_consent_at AS agreed_at, c.outcome,"
        " c.checked_on FROM worker_private p LEFT JOIN LATERAL (SELECT outcome, checked_on FROM worker_dbs_check"
        "  WHERE provider_id = p.provider_id AND worker_id = p.worker_id AND withdrawn_at IS NULL"
        "  ORDER BY checked_on DESC, recorded_at DESC, outcome = 'clear' LIMIT 1) c ON true"
        " WHERE p.provider_id = $1 AND p.worker_id = $2",
        worker["provider_id"], worker["id"],
    )  # fmt: skip
    assert row is not None
    doubted_on = row["checked_on"] if row["outcome"] == "new_information" else None
    if outcome == "clear" and doubted_on is not None and given.number in ("", row["number"]):
        wrong.setdefault(
            "certificate_number", "There was new information on the last certificate: enter the new one's number"
        )
    elif given.number not in ("", row["number"]) and (doubted_on is not None or row["number"] is not None):
        _another_faults(given, doubted_on if outcome == "clear" else None, wrong)
    if consent and row["agreed_at"] is None and worker["person_id"] is not None:
        said = f"{worker['name']} signs in and agrees under My profile: leave this open"
        wrong["update_service_consent"] = said


def _another_faults(given: Certificate, doubted_on: date | None, wrong: dict[str, str]) -> None:
    # Nothing of the old certificate speaks for the new one; what was issued before the status changed may well lack
    # what has changed.
    if given.issued_on is None:
        wrong.setdefault("issued_on", "Enter the new certificate's date of issue")
    elif doubted_on is not None and given.issued_on < doubted_on:
        said = (
            f"New information was found on {written_day(doubted_on)}: enter a certificate issued on that day or later"
        )
        wrong.setdefault("issued_on", said)
    if given.workforce is None:
        wrong.setdefault("workforce", "Select which workforce the new certificate is for")
    if given.barred_list_checked is None:
        wrong.setdefault("barred_list_checked", "Say whether the children's barred list was checked")
