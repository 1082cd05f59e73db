"""E-mail: written as a row in the transaction of the change, sent by a job, once.

Subjects and bodies say that something waits and where, with references; never a child's name, need or address.
Without SMTP the demo marks the mails as sent: its mailbox page shows them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import aiosmtplib
import asyncpg
import structlog

from marketplace.platform.database import outside_context
from marketplace.platform.errors import InvalidInput, Unavailable
from marketplace.platform.jobs import enqueue, job
from marketplace.settings import Settings

SEND_MAIL = "send_mail"
SMTP_SECONDS = 20.0  # below the database's time-out for a transaction that waits

log = structlog.get_logger(__name__)


async def queue_mail(
    connection: Any,
    *,
    to_person: UUID | None,
    to_address: str,
    subject: str,
    body: str,
    now: datetime,
    dedupe_key: str | None = None,
) -> UUID | None:
    """Write a mail and queue its sending, in the open transaction of `connection`.

    `dedupe_key`: a second mail with the same key is not written (answer None). Raises `InvalidInput` for an address
    that cannot be written to.
    """
    recipient(to_address)
    mail_id = uuid4()
    answer = await connection.execute(
        """INSERT INTO mail_message (id, to_person, to_address, subject, body, created_at, dedupe_key)
           VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING""",
        mail_id, to_person, to_address, subject, body, now, dedupe_key,
    )  # fmt: skip
    if answer.endswith(" 0"):
        return None
    await enqueue(connection, SEND_MAIL, {"mail_id": str(mail_id)}, dedupe_key=f"mail {mail_id}")
    return mail_id


def recipient(to_address: str) -> Address:
    """The address as one mailbox; raises `InvalidInput` for anything else."""
    try:
        return Address(addr_spec=to_address)
    except (ValueError, LookupError, AttributeError, MessageError):  # what the standard parser raises, by input
        raise InvalidInput({"email": "Enter an e-mail address like name@example.org."}) from None


def compose(settings: Settings, mail_id: UUID, to_address: str, subject: str, body: str) -> EmailMessage:
    """The message as it goes out. Its id is the row's, so that a second copy is recognised where it arrives."""
    message = EmailMessage()
    name, address = parseaddr(settings.smtp_from)
    message["From"] = Address(name, addr_spec=address)
    message["To"] = recipient(to_address)
    message["Subject"] = " ".join(subject.split())
    message["Date"] = format_datetime(datetime.now(UTC))
    host = urlsplit(settings.marketplace_url).hostname or "localhost"
    message["Message-ID"] = f"<{mail_id}@{host}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(body)
    return message


async def deliver_mail(settings: Settings, message: EmailMessage) -> None:
    """Hand a message to the SMTP server. Raises `Unavailable`; the cause tells the operator more."""
    try:
        await aiosmtplib.send(
            message,
            hostname=settings.smtp_host,
            port=settings.smtp_port,
            username=settings.smtp_user or None,
            password=settings.smtp_password or None,
            use_tls=settings.smtp_security == "tls",
            start_tls=settings.smtp_security == "starttls",
            timeout=SMTP_SECONDS,
        )
    except (aiosmtplib.SMTPException, OSError) as error:
        raise Unavailable("The mail server did not take the mail.") from error


@job(SEND_MAIL, attempts=8)
async def send_mail(settings: Settings, payload: dict[str, Any]) -> None:
    """Send one row of `mail_message`, unless it is sent; whoever else is at it holds the row."""
    mail_id = UUID(payload["mail_id"])
    try:
        async with outside_context() as connection, connection.transaction():
            await _send_row(settings, connection, mail_id)
    except Unavailable as error:
        async with outside_context() as connection:
            await connection.execute(
                "UPDATE mail_message SET failures = failures + 1, last_failure = $2 WHERE id = $1",
                mail_id, type(error.__cause__ or error).__name__,
            )  # fmt: skip
        raise


async def _send_row(settings: Settings, connection: asyncpg.Connection | Any, mail_id: UUID) -> None:
    row = await connection.fetchrow(
        "SELECT to_address, subject, body FROM mail_message WHERE id = $1 AND sent_at IS NULL FOR UPDATE SKIP LOCKED",
        mail_id,
    )
    if row is None:
        return
    if settings.smtp_host:
        await deliver_mail(settings, compose(settings, mail_id, row["to_address"], row["subject"], row["body"]))
    elif not settings.demo:
        raise Unavailable("No mail server is set: set SMTP_HOST.")
    # The demo's clock may have moved on: a mail is never sent before it was written. Its one-time link is for whoever
    # received it: the copy here forgets it (the demo's mailbox is where it is received).
    await connection.execute(
        "UPDATE mail_message SET sent_at = greatest(now(), created_at),"
        " body = CASE WHEN $2 THEN regexp_replace(body, '([?&]link=)[^[:space:]]+', '\\1(sent)', 'g') ELSE body END"
        " WHERE id = $1",
        mail_id, bool(settings.smtp_host),
    )  # fmt: skip
    log.info("mail sent", mail_id=str(mail_id))
