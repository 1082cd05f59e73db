"""News: a sentence shown under Today, and mailed by a job to those it concerns.

A sentence holds references only, never a child's name, need or address: it travels by e-mail.
"""

from __future__ import annotations

from uuid import UUID, uuid4, uuid5

from marketplace.platform.database import Work

MAIL_NOTICE = "mail_notice"
OCCASIONS = UUID("6f1c1f0e-8f0b-4c5e-9f43-3c7b1f6c2a55")  # the namespace of `once`: any fixed one would do


async def tell(
    work: Work,
    sentence: str,
    link: str,
    *,
    organisation_id: UUID | None = None,
    role: str | None = None,
    person_id: UUID | None = None,
    mail: bool = True,
    once: str | None = None,
) -> UUID:
    """Show `sentence` with its link to one person, to a role of an organisation, or to all its office roles.

    `link` is a path of the front door the reader uses. With `mail` everyone concerned is mailed at once, once.
    `once` names an occasion: told again of the same one, the same readers hear nothing more.
    Returns the notice's id.
    """
    if organisation_id is None and person_id is None:
        raise ValueError("news is told to an organisation or to a person")
    notice_id = uuid4()
    if once is not None:
        notice_id = uuid5(OCCASIONS, f"{organisation_id} {role} {person_id} {once}")
    told = await work.execute(
        """INSERT INTO notice (id, organisation_id, role, person_id, at, sentence, link)
           VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING""",
        notice_id, organisation_id, role, person_id, work.now, sentence, link,
    )  # fmt: skip
    if mail and told == "INSERT 0 1":
        payload = {"notice": notice_id, "organisation": organisation_id, "person": person_id}
        await work.enqueue(MAIL_NOTICE, payload, dedupe_key=f"notice {notice_id}")
    return notice_id
