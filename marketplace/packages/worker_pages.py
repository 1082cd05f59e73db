"""The worker's pages at the door, phone first: now, arriving, the record, finishing, signing, handing over."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote_plus
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.identity.context import device, settings_of
from marketplace.identity.guards import requires
from marketplace.packages import boards, queries, record_actions, signing, visit_actions
from marketplace.packages.boards import VisitLine
from marketplace.packages.opening import VisitFile, open_visit
from marketplace.packages.page_forms import clock_text, nearest, read_end, read_start
from marketplace.packages.records import LONGEST, TEXT_FIELDS, RecordText, asked_fields, asks_money
from marketplace.packages.signing import SHOWN_HOW
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, TooManyAttempts
from marketplace.policy.calendar import local_day
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

RECORDS: dict[str, Any] = {"guards": [requires("visit.record")]}
UNSIGNED: dict[str, Any] = {"guards": [requires("visit.record", "visit.correct")]}
DAYS_AHEAD = 7


def map_link(address: str, postcode: str) -> str:
    """Where it is on a map that needs no account."""
    where = ", ".join(part for part in (address.replace("\n", ", "), postcode) if part)
    return f"https://www.openstreetmap.org/search?query={quote_plus(where)}"


async def _now(work: Work) -> tuple[datetime, VisitLine | None, list[VisitLine], list[VisitLine]]:
    today = local_day(work.now)
    return (
        work.now, await boards.my_next_visit(work),
        await boards.my_visits(work, today, today + timedelta(days=DAYS_AHEAD - 1)), await boards.my_unfinished(work),
    )  # fmt: skip


@get("/now", **RECORDS)
async def now_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """The next visit, what to know at its door, one big button; then today, the coming days, what is unfinished."""
    now, following, coming, unfinished = await ask(request.user, _now)
    file = await open_visit(request.user, following.visit.id) if following is not None else None
    return page(
        request, "packages/now.html", title="Now", now=now, following=following, file=file,
        coming=[line for line in coming if line.visit.outcome is None], unfinished=unfinished,
        today=local_day(now), map_link=map_link,
    )  # fmt: skip


async def _file(request: Request[Any, Any, Any], visit_id: UUID) -> VisitFile:
    file = await open_visit(request.user, visit_id)
    if file.mine is None:
        raise NotFound("This is not one of your visits.")
    return file


async def _try(form: Form, doing: Callable[[], Awaitable[Any]], names: dict[str, str] | None = None) -> bool:
    try:
        await doing()
    except InvalidInput as error:
        form.merge(error, names)
    except (Conflict, TooManyAttempts) as error:
        form.error("", error.sentence)
    return not form.errors


@get("/visits/{visit_id:uuid}/arrive", **RECORDS)
async def arrive_page(request: Request[Any, Any, Any], visit_id: FromPath[UUID]) -> Response[Any]:
    """For a start at another time than now."""
    file = await _file(request, visit_id)
    return _times_page(request, file, Form.starting_with(start=clock_text(file.now)), "arrive")


@post("/visits/{visit_id:uuid}/arrive", status_code=303, **RECORDS)
async def arrive(request: Request[Any, Any, Any], visit_id: FromPath[UUID]) -> Response[Any]:
    """The one big button: I have arrived."""
    form = Form(await read_form(request))
    file = await _file(request, visit_id)
    at = read_start(form, file)
    reason = form.text("reason", "why", required=False, most=1000)

    async def doing() -> None:
        await record_actions.start_visit(request.user, visit_id, at=at, reason=reason)

    if not form.errors and await _try(form, doing):
        return see_other(request, f"/visits/{visit_id}", flash="Your start is recorded.")
    return _times_page(request, file, form, "arrive")


def _not_begun(request: Request[Any, Any, Any], visit_id: UUID) -> Response[Any]:
    # An address kept from another visit, or the back button: what is typed here could not be saved.
    return see_other(request, f"/visits/{visit_id}", flash="First say that you have arrived.")


@get("/visits/{visit_id:uuid}/finish", **RECORDS)
async def finish_page(request: Request[Any, Any, Any], visit_id: FromPath[UUID]) -> Response[Any]:
    """The end, now or at another time."""
    file = await _file(request, visit_id)
    if file.state == "planned":
        return _not_begun(request, visit_id)
    return _times_page(request, file, Form.starting_with(end=clock_text(file.now)), "finish")


@post("/visits/{visit_id:uuid}/finish", status_code=303, **RECORDS)
async def finish(request: Request[Any, Any, Any], visit_id: FromPath[UUID]) -> Response[Any]:
    """The visit is over."""
    form = Form(await read_form(request))
    file = await _file(request, visit_id)
    at = read_end(form, file)
    reason = form.text("reason", "why", required=False, most=1000)

    async def doing() -> None:
        await record_actions.finish_visit(request.user, visit_id, at=at, reason=reason)

    if not form.errors and await _try(form, doing):
        onward = "sign" if file.visit.activities_recorded else "record"
        return see_other(request, f"/visits/{visit_id}/{onward}", flash="The end of the visit is recorded.")
    return _times_page(request, file, form, "finish")


@get("/visits/{visit_id:uuid}/times", **RECORDS)
async def times_page(request: Request[Any, Any, Any], visit_id: FromPath[UUID]) -> Response[Any]:
    """Put start or end right."""
    file = await _file(request, visit_id)
    if file.visit.actual_start is None:
        return see_other(request, f"/visits/{visit_id}")
    end = clock_text(file.visit.actual_end) if file.visit.actual_end else None
    form = Form.starting_with(start=clock_text(file.visit.actual_start), end=end)
    return _times_page(request, file, form, "times")


@post("/visits/{visit_id:uuid}/times", status_code=303, **RECORDS)
async def times(request: Request[Any, Any, Any], visit_id: FromPath[UUID]) -> Response[Any]:
    """Corrected, with the reason."""
    form = Form(await read_form(request))
    file = await _file(request, visit_id)
    typed_start = form.time("start", "the time you arrived")
    typed_end = form.time("end", "the time the visit ended") if file.visit.actual_end is not None else None
    reason = form.text("reason", "why the times are corrected", most=1000)
    if not form.errors and file.visit.actual_start is not None:
        start = nearest(typed_start, file.visit.actual_start)
        ended = file.visit.actual_end
        end = nearest(typed_end, ended, after=start) if typed_end is not None and ended is not None else None

        async def doing() -> None:
            await record_actions.correct_times(request.user, visit_id, start=start, end=end, reason=reason)

        if await _try(form, doing):
            return see_other(request, f"/visits/{visit_id}", flash="The times are corrected.")
    return _times_page(request, file, form, "times")


def _times_page(request: Request[Any, Any, Any], file: VisitFile, form: Form, what: str) -> Response[Any]:
    titles = {"arrive": "When did you arrive?", "finish": "Finish the visit", "times": "Correct the times"}
    form.typed.setdefault("shown", [clock_text(file.now)])
    return page(request, "packages/times.html", title=titles[what], file=file, visit=file.visit, form=form, what=what)


@get("/visits/{visit_id:uuid}/record", **RECORDS)
async def record_page(request: Request[Any, Any, Any], visit_id: FromPath[UUID]) -> Response[Any]:
    """What was done, in the pack's fields."""
    file = await _file(request, visit_id)
    if file.state == "planned":
        return _not_begun(request, visit_id)
    form = Form()
    if file.note is not None:
        for name in (*TEXT_FIELDS, "money_remark"):
            form.set(name, file.note[name])
        if file.note["money_spent_pence"]:
            form.set_pence("money_spent", file.note["money_spent_pence"])
    return _record_page(request, file, form)


@post("/visits/{visit_id:uuid}/record", status_code=303, **RECORDS)
async def record(request: Request[Any, Any, Any], visit_id: FromPath[UUID]) -> Response[Any]:
    """Keep the record."""
    form = Form(await read_form(request))
    file = await _file(request, visit_id)
    texts = {
        name: form.text(name, "the text", required=False, most=LONGEST, lines=True)
        for name in (*TEXT_FIELDS, "money_remark")
    }
    spent = form.pence("money_spent", "the money spent", required=False) or 0

    async def doing() -> None:
        await record_actions.write_record(request.user, visit_id, RecordText(money_spent_pence=spent, **texts))

    if not form.errors and await _try(form, doing):
        finished = file.visit.outcome == "delivered"
        return see_other(
            request, f"/visits/{visit_id}/{'sign' if finished else ''}".rstrip("/"), flash="The record is saved."
        )
    return _record_page(request, file, form)


def _record_page(request: Request[Any, Any, Any], file: VisitFile, form: Form) -> Response[Any]:
    day = local_day(file.visit.planned_start)
    return page(
        request, "packages/record.html", title="What happened at the visit", file=file, visit=file.visit, form=form,
        fields=asked_fields(file.pack, day), money=asks_money(file.pack, day), most=LONGEST,
    )  # fmt: skip


@get("/visits/{visit_id:uuid}/sign", **RECORDS)
async def sign_page(request: Request[Any, Any, Any], visit_id: FromPath[UUID]) -> Response[Any]:
    """The record as it stands, and the worker's signature under it."""
    return await _sign_page(request, visit_id, Form())


@post("/visits/{visit_id:uuid}/sign", status_code=303, **RECORDS)
async def sign(request: Request[Any, Any, Any], visit_id: FromPath[UUID]) -> Response[Any]:
    """Signed as the worker; now the family."""
    form = Form(await read_form(request))

    async def doing() -> None:
        await record_actions.sign_as_worker(
            request.user, visit_id, text_hash=form.value("text_hash"), device=device(request)
        )

    if await _try(form, doing):
        return see_other(
            request, f"/visits/{visit_id}/hand-over", flash="You have signed. Now hand over to the family."
        )
    return await _sign_page(request, visit_id, form)


async def _sign_page(request: Request[Any, Any, Any], visit_id: UUID, form: Form) -> Response[Any]:
    file = await _file(request, visit_id)
    if file.visit.outcome != "delivered":
        return see_other(request, f"/visits/{visit_id}")
    if not file.visit.activities_recorded and not form.errors:
        return see_other(request, f"/visits/{visit_id}/record", flash="Write down the activities first.")
    if file.mine["signed_at"] is not None:
        return see_other(request, f"/visits/{visit_id}/hand-over")
    return page(request, "packages/sign.html", title="Sign the record", file=file, visit=file.visit, form=form)


@get("/visits/{visit_id:uuid}/hand-over", **RECORDS)
async def hand_over_page(request: Request[Any, Any, Any], visit_id: FromPath[UUID]) -> Response[Any]:
    """The family reads the record on this device and confirms with a PIN of their own."""
    return await _hand_over_page(request, visit_id, Form())


@post("/visits/{visit_id:uuid}/hand-over", status_code=303, **RECORDS)
async def hand_over(request: Request[Any, Any, Any], visit_id: FromPath[UUID]) -> Response[Any]:
    """Confirmed with the PIN."""
    form = Form(await read_form(request))
    person_id = form.uuid("person_id", "your name")
    pin = form.password("pin", "your PIN", most=20)
    enough = False

    async def doing() -> None:
        nonlocal enough
        enough = await signing.family_confirms_with_pin(
            request.user, settings_of(request), visit_id, person_id=person_id, pin=pin,
            text_hash=form.value("text_hash"), device=device(request),
        )  # fmt: skip

    if not form.errors and await _try(form, doing):
        said = "Confirmed. Thank you." if enough else "Confirmed. The others of the family confirm as well."
        return see_other(request, f"/visits/{visit_id}", flash=said)
    form.typed.pop("pin", None)
    return await _hand_over_page(request, visit_id, form)


async def _hand_over_page(request: Request[Any, Any, Any], visit_id: UUID, form: Form) -> Response[Any]:
    file = await _file(request, visit_id)
    if file.state not in ("finished", "unsigned"):
        return see_other(request, f"/visits/{visit_id}")
    if not file.visit.activities_recorded:
        return see_other(request, f"/visits/{visit_id}/record", flash="Write down the activities first.")
    if len(file.confirmers) == 1 and not form.value("person_id"):
        form.set("person_id", file.confirmers[0].person_id)
    return page(
        request, "packages/hand_over.html", title="Please read and confirm", file=file, visit=file.visit, form=form
    )


@get("/visits/{visit_id:uuid}/not-signed", **UNSIGNED)
async def not_signed_page(request: Request[Any, Any, Any], visit_id: FromPath[UUID]) -> Response[Any]:
    """The family cannot or will not sign: why, and how the record was shared."""
    return await _not_signed_page(request, visit_id, Form())


@post("/visits/{visit_id:uuid}/not-signed", status_code=303, **UNSIGNED)
async def not_signed(request: Request[Any, Any, Any], visit_id: FromPath[UUID]) -> Response[Any]:
    """The reason goes to the referrer; of a visit the family buys, to those who buy it."""
    form = Form(await read_form(request))
    code, shown = form.value("code"), form.value("shown_how")
    remark = form.text("remark", "what you want to add", required=False, most=2000, lines=True)

    async def doing() -> None:
        await signing.family_cannot_sign(
            request.user, visit_id, code=code, shown_how=shown, remark=remark, text_hash=form.value("text_hash"),
            device=device(request),
        )  # fmt: skip

    if not form.errors and await _try(form, doing):
        package = await ask(request.user, queries.package_of_visit, visit_id)
        said = "Recorded. The referrer resolves it; the family can still confirm on their own device."
        if package.direct_payment_id is not None:
            said = "Recorded. The family is told, and can still confirm it on its own device."
        return see_other(request, f"/visits/{visit_id}", flash=said)
    return await _not_signed_page(request, visit_id, form)


async def _not_signed_page(request: Request[Any, Any, Any], visit_id: UUID, form: Form) -> Response[Any]:
    file = await open_visit(request.user, visit_id)
    if request.user.role == "worker" and file.mine is None:
        raise NotFound("This is not one of your visits.")
    if file.state != "finished" or file.text is None:
        return see_other(request, f"/visits/{visit_id}")
    return page(
        request, "packages/not_signed.html", title="The family has not signed", file=file, visit=file.visit, form=form,
        package=file.package, reasons=list(file.reasons.items()), shown_how=list(SHOWN_HOW.items()),
    )  # fmt: skip


@get("/visits/{visit_id:uuid}/turned-away", **RECORDS)
async def turned_away_page(request: Request[Any, Any, Any], visit_id: FromPath[UUID]) -> Response[Any]:
    """The family cancelled when the worker arrived."""
    return await _turned_away_page(request, visit_id, Form())


@post("/visits/{visit_id:uuid}/turned-away", status_code=303, **RECORDS)
async def turned_away(request: Request[Any, Any, Any], visit_id: FromPath[UUID]) -> Response[Any]:
    """Recorded as cancelled on arrival."""
    form = Form(await read_form(request))
    reason = form.text("reason", "what happened at the door", most=1000, lines=True)
    version = form.integer("version", "the visit's version")

    async def doing() -> None:
        await visit_actions.cancel_visit(
            request.user, visit_id, version=version, outcome="cancelled_on_arrival", reason=reason
        )

    if not form.errors and await _try(form, doing, {"outcome": "reason"}):
        return see_other(request, "/now", flash="Recorded as cancelled on arrival. Your office has been told.")
    return await _turned_away_page(request, visit_id, form)


async def _turned_away_page(request: Request[Any, Any, Any], visit_id: UUID, form: Form) -> Response[Any]:
    file = await _file(request, visit_id)
    if file.state != "planned":
        return see_other(request, f"/visits/{visit_id}")
    return page(
        request,
        "packages/turned_away.html",
        title="The visit does not take place",
        file=file,
        visit=file.visit,
        form=form,
    )


ROUTES: list[Any] = [
    now_page, arrive_page, arrive, finish_page, finish, times_page, times, record_page, record, sign_page, sign,
    hand_over_page, hand_over, not_signed_page, not_signed, turned_away_page, turned_away,
]  # fmt: skip
