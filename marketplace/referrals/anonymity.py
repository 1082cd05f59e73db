"""The free text of a referral against what the system knows of that child and family (data.md, L 8.9, R 6.8.1).

Warnings are mended, or their author confirms one by one that they identify nobody. What cannot be anything else than
identifying (a birthday, a postcode, a telephone number, a whole name) is mended.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from marketplace.platform.database import Work
from marketplace.platform.errors import InvalidInput
from marketplace.policy.anonymity import KnownFacts, Warning, check_text
from marketplace.referrals.tables import Referral

FREE_TEXT = {
    "outcomes": "Outcomes",
    "activities": "Activities",
    "pen_portrait": "Pen portrait",
    "area": "Area",
}
KEPT = "the reason is kept in the audit trail"
ALWAYS_MENDED = {"known_date", "postcode", "phone", "email", "nhs_number"}


@dataclass(frozen=True, slots=True)
class Doubt:
    """Words in a field that may tell who the child is. `key` is what its author confirms."""

    field: str
    words: str
    sentence: str
    may_be_confirmed: bool

    @property
    def what_to_do(self) -> str:
        """The doubt with what its author does about it."""
        remedy = "Take it out, or confirm that it identifies nobody" if self.may_be_confirmed else "Take it out"
        return f"{self.sentence}. {remedy}"

    @property
    def key(self) -> str:
        return self.words.lower()


async def known_facts(work: Work, commissioner_id: UUID, child_id: UUID) -> KnownFacts:
    """What is known of the child, its brothers and sisters and the people with access (the commissioner's rows)."""
    rows = await work.fetch(
        "SELECT i.* FROM child c JOIN child s ON s.commissioner_id = c.commissioner_id AND s.family_id = c.family_id"
        " JOIN child_identity i ON i.commissioner_id = s.commissioner_id AND i.child_id = s.id"
        " WHERE c.commissioner_id = $1 AND c.id = $2",
        commissioner_id, child_id,
    )  # fmt: skip
    people = await work.fetch(
        "SELECT p.name FROM family_grant g JOIN person p ON p.id = g.person_id WHERE g.commissioner_id = $1 AND"
        " g.child_id = $2",
        commissioner_id, child_id,
    )  # fmt: skip
    names = [row["name"] for row in rows] + [row["name"] for row in people]
    for row in rows:
        names += [name.strip() for line in row["other_names"].splitlines() for name in line.split(",") if name.strip()]
    addresses = [f"{row['address']}\n{row['postcode']}" for row in rows]
    return KnownFacts(tuple(dict.fromkeys(names)), tuple(addresses), tuple(row["date_of_birth"] for row in rows))


def doubts(texts: Mapping[str, str], known: KnownFacts) -> list[Doubt]:
    """Every doubt once a field, in the order of the fields."""
    found: dict[tuple[str, str], Doubt] = {}
    for field, text in texts.items():
        for warning in check_text(text, known):
            if field == "area" and warning.kind == "name":
                continue  # an area is a name: "Hither Green"
            doubt = Doubt(field, warning.words, warning.sentence, _may_be_confirmed(field, warning))
            found.setdefault((field, doubt.key), doubt)
    return list(found.values())


def _may_be_confirmed(field: str, warning: Warning) -> bool:
    """A single word may mean something else ("Grace", "London"), and an area may be a line of the address."""
    several = len(warning.words.split()) > 1
    if warning.kind in ALWAYS_MENDED or (warning.kind == "known_name" and several):
        return False
    numbered = any(sign.isdigit() for sign in warning.words)
    return warning.kind != "known_address" or not (numbered or (several and field != "area"))


def unsettled(found: Iterable[Doubt], confirmed: Collection[str]) -> list[Doubt]:
    """The doubts that still stand in the way."""
    return [doubt for doubt in found if not doubt.may_be_confirmed or doubt.key not in confirmed]


async def name_nobody(work: Work, commissioner_id: UUID, child_id: UUID, field: str, text: str, because: str) -> None:
    """Raise `InvalidInput` for `field` where a short text tells who the child is; `because` says who will read it.

    For texts that leave the case and whose author is asked for no confirmations: reasons kept in the audit trail, a
    family's message to a provider before award. A word that is only perhaps a name ("may") passes in small letters.
    """
    for warning in check_text(text, await known_facts(work, commissioner_id, child_id)):
        named = warning.kind == "known_name" and warning.words != warning.words.lower()
        placed = warning.kind == "known_address" and not _may_be_confirmed(field, warning)
        if named or placed or warning.kind in ALWAYS_MENDED:
            raise InvalidInput({field: f"{warning.sentence}. Take it out: {because}"})


async def names_in(work: Work, commissioner_id: UUID, child_id: UUID, text: str) -> list[str]:
    """A sentence for each word that tells who the child is, as far as the context knows: a warning, nothing more.

    For texts that stay with those who meet the child and need no names.
    """
    known = await known_facts(work, commissioner_id, child_id)
    return [doubt.sentence for doubt in doubts({"reason": text}, known)]


async def doubts_of(work: Work, referral: Referral) -> list[Doubt]:
    """The doubts in the referral's texts as they are saved."""
    known = await known_facts(work, referral.commissioner_id, referral.child_id)
    return doubts({field: getattr(referral, field) for field in FREE_TEXT}, known)


async def doubts_in(work: Work, referral: Referral, text: str, field: str) -> list[Doubt]:
    """The doubts in a text that is about to be published about the referral, such as an answer to a question."""
    return doubts({field: text}, await known_facts(work, referral.commissioner_id, referral.child_id))
