"""One-time links by e-mail: the invitation to set a first password, and the way back for a forgotten one.

The token is made by the job that writes the mail, never by the change that asks for it: outside that mail only its
SHA-256 exists. Wall time: a link does not follow the demo's clock.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from marketplace.identity.permissions import FRONT_DOORS
from marketplace.identity.sessions import digest, new_token, places_of
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.jobs import job
from marketplace.platform.mail import queue_mail
from marketplace.settings import Settings

MAIL_LINK = "mail_sign_in_link"
LIFE = {"invitation": timedelta(days=7), "reset": timedelta(hours=1)}
PATH = "/set-password"

TEXTS = {
    "invitation": (
        "Your sign-in to the care marketplace",
        "Hello,\n\nyou have been given a sign-in to the care marketplace. Choose your password here, within"
        " seven days:\n\n{address}\n\nAfter that you sign in with this e-mail address and your password. If you did not"
        " expect this, you need not do anything.",
    ),
    "another_place": (
        "You can now do more in the care marketplace",
        "Hello,\n\nyou have been given one more role in the care marketplace. Sign in as usual and choose it:"
        "\n\n{address}",
    ),
    "reset": (
        "A new password for the care marketplace",
        "Hello,\n\nsomebody, probably you, asked for a new password. Choose it here, within an hour:"
        "\n\n{address}\n\nIf it was not you, you need not do anything: your password stays as it is.",
    ),
}


async def invite(work: Work, person_id: UUID) -> None:
    """Mail a person how to sign in: a link to set a password, or just the news when they have one already.

    Call it in the unit that gives them their place (a role, a grant).
    """
    await work.enqueue(MAIL_LINK, {"person": person_id, "kind": "invitation"})


@job(MAIL_LINK)
async def mail_link(settings: Settings, payload: dict[str, Any]) -> None:
    """Make the link and write its mail, in the person's own unit; run twice, both work until one is used."""
    person_id, kind = UUID(payload["person"]), payload["kind"]
    roles = {place.role for place in await places_of(person_id)}
    base = settings.marketplace_url if not roles or roles & FRONT_DOORS["marketplace"] else settings.admin_url
    token = new_token()
    async with unit_of_work(Actor(person_id, "The marketplace", "system")) as work:
        row = await work.fetchrow("SELECT * FROM link_open($1, $2, $3, $4)", person_id, kind, digest(token), LIFE[kind])
        assert row is not None
        address = f"{base}{PATH}?link={token}"
        if kind == "invitation" and row["has_password"]:
            kind, address = "another_place", f"{base}/sign-in"
        subject, body = TEXTS[kind]
        await queue_mail(
            work.connection,
            to_person=person_id,
            to_address=row["email"],
            subject=subject,
            body=body.format(address=address),  # no name: a family's is its child's
            now=work.now,
        )
