"""Today, the home page of every role at the marketplace, and the demo's mailbox."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get
from litestar.params import FromPath
from litestar.response import Response

from marketplace.identity.guards import signed_in
from marketplace.obligations import mailbox
from marketplace.obligations.actions import open_today
from marketplace.obligations.panels import panels_for
from marketplace.platform.database import ask
from marketplace.platform.errors import NotFound
from marketplace.web.frame import frame_of
from marketplace.web.render import page


@get(["/", "/today"], guards=[signed_in])
async def show_today(request: Request[Any, Any, Any]) -> Response[bytes]:
    """What needs me, late first; below it what changed since I was last here."""
    today = await open_today(request.user)
    panels = await panels_for(request.user)
    return page(request, "obligations/today.html", title="Today", today=today, now=today.now, panels=panels)


@get("/mailbox", guards=[signed_in])
async def show_mailbox(request: Request[Any, Any, Any]) -> Response[bytes]:
    """In the demo: the mails sent to me."""
    only_in_demo(request)
    mails = await ask(request.user, mailbox.my_mails)
    return page(request, "obligations/mailbox.html", title="Mailbox", mails=mails)


@get("/mailbox/{mail_id:uuid}", guards=[signed_in])
async def show_mail(request: Request[Any, Any, Any], mail_id: FromPath[UUID]) -> Response[bytes]:
    """In the demo: one mail sent to me."""
    only_in_demo(request)
    mail = await ask(request.user, mailbox.my_mail, mail_id)
    return page(request, "obligations/mail.html", title=mail["subject"], mail=mail)


def only_in_demo(request: Request[Any, Any, Any]) -> None:
    """Raises `NotFound` in a real deployment, where mails are in people's own mailboxes."""
    if not frame_of(request).demo:
        raise NotFound


ROUTES = [show_today, show_mailbox, show_mail]
