"""The shape of a workforce file: three sheets (or three CSV files), one line a worker, an assessment or a check.

Export, template and import share it. An empty cell says nothing: on import what is kept stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from marketplace.providers.dbs_checks import DBS_OUTCOMES, DBS_WORKFORCES
from marketplace.providers.vocabulary import Words
from marketplace.providers.workforce import ENGAGEMENTS

YES_NO = {"yes": "Yes", "no": "No"}


@dataclass(frozen=True, slots=True)
class Column:
    """A column: `kind` is text, date, choice or email; `private` values are not repeated in a preview."""

    key: str
    heading: str
    kind: str = "text"
    hint: str = ""
    private: bool = False
    needed: bool = False


@dataclass(frozen=True, slots=True)
class Sheet:
    """`own` is the column by which a CSV file is known to be this sheet."""

    key: str
    title: str
    about: str
    own: str
    columns: tuple[Column, ...]

    def column(self, key: str) -> Column:
        return next(column for column in self.columns if column.key == key)


REFERENCE = "Your own number for the worker, such as a payroll number. By it the worker is known again next time."
WHOSE = "The worker's reference, as on the sheet Workers."

WORKERS = Sheet(
    "workers", "Workers", "One line a worker, with the newest DBS check and the registration.", "role",
    (
        Column("reference", "Worker's reference", hint=REFERENCE),
        Column("name", "Name", hint="First name and surname.", needed=True),
        Column("role", "Role", "choice", "One of the roles on the sheet Words.", needed=True),
        Column("engagement", "Engaged as", "choice", "Left empty for a new worker: employed."),
        Column("phone", "Phone", private=True),
        Column("email", "E-mail", "email", private=True),
        Column("started_on", "First day", "date"),
        Column("languages", "Languages", hint="Those the worker can speak with a family."),
        Column("drives_children", "Drives children", "choice", "Whether the worker drives children at work."),
        Column("certificate_number", "DBS certificate number", private=True,
               hint="12 digits, zeros in front included. A clear check needs it and the next three, now or before."),
        Column("issued_on", "DBS certificate issued", "date"),
        Column("workforce", "DBS workforce", "choice"),
        Column("barred_list_checked", "Barred list checked", "choice"),
        Column("update_service_consent", "Consents to status checks", "choice",
               "Whether the worker consents to checks with the DBS update service."),
        Column("checked_on", "Date of DBS check", "date",
               "When the certificate was seen, or its status was last checked."),
        Column("checked_by_name", "DBS checked by", hint="Who made that check, by first and last name."),
        Column("outcome", "DBS check found", "choice", "Left empty: clear."),
        Column("pin", "Registration PIN", hint="Of those in a professional register, such as 18A1234E.",
               private=True),
        Column("valid_until", "Registration valid until", "date"),
        Column("fit_to_practise", "Fit to practise", "choice", "Whether the register shows no restriction."),
    ),
)  # fmt: skip

COMPETENCIES = Sheet(
    "competencies", "Competencies", "One line for each training attended or assessment passed.", "code",
    (
        Column("reference", "Worker's reference", hint=WHOSE),
        Column("name", "Name", hint="Enough by itself where only one worker has the name."),
        Column("code", "Trained or assessed in", "choice", "One of those on the sheet Words.", needed=True),
        Column("assessed_on", "Date", "date", needed=True),
        Column("method", "How", "choice", "Attendance alone signs nobody off.", needed=True),
        Column("assessor_name", "Assessed by", hint="Name and job of the assessor; never the worker."),
        Column("assessor_reference", "Assessor's reference", hint="Where the assessor is one of your workers."),
        Column("package", "Only for package", hint="The package's reference, for a sign-off for one child."),
        Column("file", "File that shows it", hint="The title of a file about the worker kept under Evidence. A"
               " framework may take no sign-off without it: then import the worker first and add the file."),
    ),
)  # fmt: skip

CHECKS = Sheet(
    "checks", "Checks", "One line for each other check: references, right to work, supervision and so on.", "kind",
    (
        Column("reference", "Worker's reference", hint=WHOSE),
        Column("name", "Name", hint="Enough by itself where only one worker has the name."),
        Column("kind", "What was checked", "choice", "One of those on the sheet Words.", needed=True),
        Column("done_on", "Date", "date", needed=True),
        Column("valid_until", "Valid until", "date", "Where the check runs out by itself."),
    ),
)  # fmt: skip

SHEETS: Mapping[str, Sheet] = {sheet.key: sheet for sheet in (WORKERS, COMPETENCIES, CHECKS)}


def choices(spoken: Words) -> dict[tuple[str, str], dict[str, str]]:
    """The codes and titles a choice takes, by sheet and column: the packs' words and our own few."""
    return {
        ("workers", "role"): spoken.roles,
        ("workers", "engagement"): ENGAGEMENTS,
        ("workers", "drives_children"): YES_NO,
        ("workers", "workforce"): DBS_WORKFORCES,
        ("workers", "barred_list_checked"): YES_NO,
        ("workers", "update_service_consent"): YES_NO,
        ("workers", "outcome"): DBS_OUTCOMES,
        ("workers", "fit_to_practise"): YES_NO,
        ("competencies", "code"): {**spoken.child_specific, **spoken.competencies},
        ("competencies", "method"): spoken.methods,
        ("checks", "kind"): {key: check.title for key, check in spoken.checks.items() if key != "profile"},
    }


def written(code: str, options: Mapping[str, str]) -> str:
    """A code as a file has it: its title, or the code itself where two share the title or no pack has it any more."""
    title = options.get(code)
    return title if title is not None and list(options.values()).count(title) == 1 else code


def read_choice(typed: str, options: Mapping[str, str]) -> str | None:
    """The code a person meant by a title or a code, whatever the case; None when it is neither."""
    wanted = " ".join(typed.split()).casefold()
    for code in options:
        if code.casefold() == wanted:
            return code
    found = [code for code, title in options.items() if title.casefold() == wanted]
    # "Clear" stands for "Clear: nothing new since the certificate"
    found = found or [code for code, title in options.items() if title.casefold().split(":")[0] == wanted]
    return found[0] if len(found) == 1 else None


def handle(worker_id: UUID) -> str:
    """What stands for the reference of a worker who has none of the provider's own: it knows the worker again too."""
    return f"W-{worker_id.hex[:8].upper()}"
