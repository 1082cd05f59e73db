"""The second person's page: another bank account, to be confirmed or refused."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.response import Response

from marketplace.billing.bank_accounts import BankChange, answer_account, dashed, waiting_change
from marketplace.billing.parties import Party, party
from marketplace.identity.guards import requires
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import Conflict, NotFound
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

CONFIRM: dict[str, Any] = {"guards": [requires("bank_account.confirm")]}
ANSWERS = {"confirm": "Yes, payments go to the new account", "refuse": "No, the account stays as it is"}


@get("/bank-account", **CONFIRM)
async def account_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """The account money goes to, and the change that waits."""
    return await _page(request, Form())


@post("/bank-account", status_code=303, **CONFIRM)
async def answer(request: Request[Any, Any, Any]) -> Response[Any]:
    """Confirmed by a second person, or refused."""
    form = Form(await read_form(request))
    decision = form.choice("decision", "whether the account is changed", ANSWERS)
    changes = form.uuids("change", "change")
    if not form.errors and changes:
        try:
            await answer_account(request.user, changes[0], confirm=decision == "confirm")
            said = "The bank account is changed." if decision == "confirm" else "The bank account stays as it was."
            return see_other(request, "/bank-account", flash=said)
        except Conflict as error:
            form.error("", error.sentence)
    return await _page(request, form)


async def mine(work: Work) -> tuple[Party, BankChange | None]:
    """The provider's account as it stands, and what waits."""
    provider_id: UUID | None = work.actor.provider_id
    if provider_id is None:
        raise NotFound
    return await party(work, provider_id), await waiting_change(work)


async def _page(request: Request[Any, Any, Any], form: Form) -> Response[Any]:
    now, change = await ask(request.user, mine)
    own = change is not None and change.proposed_by == request.user.person_id
    return page(
        request, "billing/bank_account.html", title="Bank account", form=form, now=now, change=change, own=own,
        options=list(ANSWERS.items()), dashed=dashed,
    )  # fmt: skip


ROUTES: list[Any] = [account_page, answer]
