"""News: a sentence shown under Today, and mailed by a job to those it concerns.

A sentence holds references only, never a child's name, need or address: it travels by e-mail.
"""

from __future__ import annotations

from uuid import UUID, uuid4

from marketplace.platform.database import Work

MAIL_NOTICE = "mail_notice"


async def tell(
    work: Work,
    sentence: str,
    link: str,
    *,
    organisation_id: UUID | None = None,
    role: str | None = None,
    person_id: UUID | None = None,
    mail: bool = True,
) -> UUID:
    """Show `sentence` with its link to one person, to a role of an organisation, or to all its office roles.

    `link` is a path of the front door the reader uses. With `mail` everyone concerned is mailed at once, once.
    Returns the notice's id.
    """
    if organisation_id is None and person_id is None:
        raise ValueError("news is told to an organisation or to a person")
    notice_id = uuid4()
    await work.execute(
        """INSERT INTO notice (id, organisation_id, role, person_id, at, sentence, link)
           VALUES ($1, $2, $3, $4, $5, $6, $7)""",
        notice_id, organisation_id, role, person_id, work.now, sentence, link,
    )  # fmt: skip
    if mail:
        payload = {"notice": notice_id, "organisation": organisation_id, "person": person_id}
        await work.enqueue(MAIL_NOTICE, payload, dedupe_key=f"notice {notice_id}")
    return notice_id
