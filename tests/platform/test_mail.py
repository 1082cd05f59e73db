"""Mails through a real SMTP server: each once, safe in their headers, kept when the server is down."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any
from uuid import uuid4

import pytest
from aiosmtpd.controller import Controller

from marketplace.platform.database import close_database, open_database, outside_context
from marketplace.platform.errors import InvalidInput, Unavailable
from marketplace.platform.mail import queue_mail, send_mail
from marketplace.platform.processes import free_port
from marketplace.settings import Settings

NOW = datetime(2026, 5, 11, 8, tzinfo=UTC)


class Post:
    """Keeps what arrives."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.messages.append(message_from_bytes(envelope.content, policy=policy.default))  # type: ignore[arg-type]
        return "250 kept"


@pytest.fixture
def post() -> Iterator[tuple[Post, int]]:
    handler, port = Post(), free_port()
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    yield handler, port
    controller.stop()


@pytest.fixture
async def work_pool(settings: Settings) -> AsyncIterator[Settings]:
    await open_database(settings.dsn("worker"), max_size=6)
    yield settings
    await close_database()


async def write(
    subject: str = "A referral waits", to: str = "ada@example.org", key: str | None = None, body: str = "Open it: £5.\n"
) -> Any:
    async with outside_context() as connection, connection.transaction():
        # The policy for writing asks for somebody: here, for anybody.
        await connection.execute("SELECT set_config('app.person', $1, true)", str(uuid4()))
        return await queue_mail(
            connection, to_person=None, to_address=to, subject=subject, body=body, now=NOW, dedupe_key=key
        )


async def row_of(mail_id: Any) -> Any:
    async with outside_context() as connection:
        return await connection.fetchrow(
            "SELECT body, sent_at, failures, last_failure FROM mail_message WHERE id = $1", mail_id
        )


async def test_a_mail_is_sent_once_however_often_its_job_runs(work_pool: Settings, post: tuple[Post, int]) -> None:
    handler, port = post
    settings = replace(work_pool, smtp_host="127.0.0.1", smtp_port=port, smtp_security="none", smtp_from="A <a@b.org>")
    mail_id = await write()
    payload = {"mail_id": str(mail_id)}
    await asyncio.gather(*(send_mail(settings, payload) for _ in range(4)))
    await send_mail(settings, payload)
    assert len(handler.messages) == 1
    message = handler.messages[0]
    assert message["To"] == "ada@example.org" and message["Subject"] == "A referral waits"
    assert message.get_content().strip() == "Open it: £5."
    assert str(mail_id) in message["Message-ID"]
    assert (await row_of(mail_id))["sent_at"] is not None


async def test_a_sent_mail_keeps_no_copy_of_its_one_time_link(work_pool: Settings, post: tuple[Post, int]) -> None:
    handler, port = post
    settings = replace(work_pool, smtp_host="127.0.0.1", smtp_port=port, smtp_security="none", smtp_from="A <a@b.org>")
    address = "https://site.test/set-password?link=abc-DEF_123"
    mail_id = await write(body=f"Here:\n\n{address}\n\nOnce.")
    await send_mail(settings, {"mail_id": str(mail_id)})
    assert address in handler.messages[0].get_content()
    assert (await row_of(mail_id))["body"] == "Here:\n\nhttps://site.test/set-password?link=(sent)\n\nOnce."


async def test_a_key_keeps_a_second_mail_from_being_written(work_pool: Settings) -> None:
    assert await write(key="digest of Monday") is not None
    assert await write(key="digest of Monday") is None


async def test_no_line_of_a_subject_becomes_a_header(work_pool: Settings, post: tuple[Post, int]) -> None:
    handler, port = post
    settings = replace(work_pool, smtp_host="127.0.0.1", smtp_port=port, smtp_security="none")
    mail_id = await write(subject="Hello\r\nBcc: everybody@example.org")
    await send_mail(settings, {"mail_id": str(mail_id)})
    assert handler.messages[0]["Bcc"] is None
    assert handler.messages[0]["Subject"] == "Hello Bcc: everybody@example.org"


@pytest.mark.parametrize("address", ["", "ada", "a@b.org, c@d.org", "a@b.org\r\nBcc: c@d.org", "<a@b.org>"])
async def test_an_address_that_is_not_one_mailbox_is_refused(work_pool: Settings, address: str) -> None:
    with pytest.raises(InvalidInput):
        await write(to=address)


async def test_a_server_that_is_down_leaves_the_mail_waiting_and_counted(work_pool: Settings) -> None:
    settings = replace(work_pool, smtp_host="127.0.0.1", smtp_port=free_port(), smtp_security="none")
    mail_id = await write()
    with pytest.raises(Unavailable):
        await send_mail(settings, {"mail_id": str(mail_id)})
    row = await row_of(mail_id)
    assert (row["sent_at"], row["failures"]) == (None, 1)
    assert "example.org" not in row["last_failure"]


async def test_without_a_mail_server_only_the_demo_counts_a_mail_as_sent(work_pool: Settings) -> None:
    mail_id = await write()
    with pytest.raises(Unavailable):
        await send_mail(work_pool, {"mail_id": str(mail_id)})
    await send_mail(replace(work_pool, demo=True), {"mail_id": str(mail_id)})
    assert (await row_of(mail_id))["sent_at"] is not None
