"""Choosing the day's mails, as a page and through the API, at both front doors."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request, get, post, put
from litestar.params import JSONBody
from litestar.response import Response

from marketplace.identity.guards import signed_in
from marketplace.obligations import mail_choices
from marketplace.platform.database import ask
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

Asked = Request[Any, Any, Any]
GUARDED: dict[str, Any] = {"guards": [signed_in]}


class MailChoices(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Whether I want each mail. What is urgent is mailed in any case."""

    duties: bool = True
    lapses: bool = True


@get("/account/mails", **GUARDED)
async def mails_page(request: Asked) -> Response[Any]:
    """Which of the day's mails I want."""
    wanted = await ask(request.user, mail_choices.choices)
    form = Form.starting_with(wanted=[kind for kind, yes in wanted.items() if yes])
    return page(request, "obligations/mails.html", title="Mails", form=form, kinds=mail_choices.KINDS)


@post("/account/mails", status_code=303, **GUARDED)
async def choose(request: Asked) -> Response[Any]:
    """Keeps the choice."""
    form = Form(await read_form(request))
    wanted = form.choices("wanted", "the mails you want", list(mail_choices.KINDS))
    if form.errors:
        return page(request, "obligations/mails.html", title="Mails", form=form, kinds=mail_choices.KINDS)
    await mail_choices.choose(request.user, wanted)
    return see_other(request, "/account", flash="Your choice of mails is kept.")


@get("/api/v1/mail-choices", tags=["Account"], **GUARDED)
async def get_choices(request: Asked) -> MailChoices:
    """Which of the day's mails I want."""
    return MailChoices(**await ask(request.user, mail_choices.choices))


@put("/api/v1/mail-choices", status_code=204, tags=["Account"], **GUARDED)
async def put_choices(request: Asked, data: JSONBody[MailChoices]) -> None:
    """Choose them."""
    await mail_choices.choose(request.user, [kind for kind in mail_choices.KINDS if getattr(data, kind)])


ROUTES: list[Any] = [mails_page, choose, get_choices, put_choices]
