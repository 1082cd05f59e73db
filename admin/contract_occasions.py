"""The console's pages of one meeting, visit or request: agenda, findings, minutes, actions; looking at information."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import get, post
from litestar.params import FromPath
from litestar.response import Response

from marketplace.contracts import charges, findings, following, occasions, queries, requests
from marketplace.contracts.agenda import BY_HAND, AgendaItem
from marketplace.contracts.asking import Answers, Ask, Asked, Question, moment_of, send, show
from marketplace.contracts.steps import MANAGE, REVIEW, place_of
from marketplace.contracts.views import Occasion
from marketplace.identity.guards import requires
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.policy.calendar import local, local_day
from marketplace.policy.contracts import charge_pence
from marketplace.policy.pack import Pack
from marketplace.web.filters import day, moment, pounds
from marketplace.web.forms import Form
from marketplace.web.reading import read_form
from marketplace.web.render import page, see_other

MANAGES: dict[str, Any] = {"guards": [requires(MANAGE)]}
DECIDES: dict[str, Any] = {"guards": [requires(MANAGE, REVIEW)]}
BLANK = 2  # empty items at the agenda's end
MOST = occasions.MOST_ITEMS + BLANK
NO_NAMES = "Do not name children or families"


async def _mine(work: Work, occasion_id: UUID) -> Occasion:
    if work.actor.commissioner_id is None:
        raise NotFound
    return await queries.occasion(work, occasion_id)


async def _meeting(work: Work, occasion_id: UUID) -> Occasion:
    found = await _mine(work, occasion_id)
    if found.kind != "meeting":
        raise NotFound
    return found


# --- the agenda -------------------------------------------------------------------------------------------------------


@get("/contract-occasions/{occasion_id:uuid}/agenda", **MANAGES)
async def agenda_page(request: Asked, occasion_id: FromPath[UUID]) -> Response[Any]:
    """Every item to edit, two empty ones to add."""
    found = await ask(request.user, _meeting, occasion_id)
    form = Form()
    form.set("seen", found.changes)
    form.set("items", len(found.agenda) + BLANK)
    for number, item in enumerate(found.agenda):
        form.set(f"key_{number}", item.key)
        form.set(f"title_{number}", item.title)
        form.set(f"text_{number}", item.text)
    return _agenda(request, found, form)


@post("/contract-occasions/{occasion_id:uuid}/agenda", status_code=303, **MANAGES)
async def edit_agenda(request: Asked, occasion_id: FromPath[UUID]) -> Response[Any]:
    """Keeps it; or makes it again from the record, what was added by hand below, what is typed here too.

    Where somebody else has changed it since, what was typed is shown again beside a link to what is kept now. An item
    is known by the part of the record it came from, not by its place: the agenda may be another by now.
    """
    found = await ask(request.user, _meeting, occasion_id)
    form = Form(await read_form(request))
    seen = form.integer("seen", "the agenda you saw", required=False)
    form.typed.setdefault("items", [str(len(found.agenda) + BLANK)])
    known = {item.key: item for item in found.agenda if item.key != BY_HAND}
    items: list[AgendaItem] = []
    for number in range(form.integer("items", "the items", most=MOST)):
        title = form.text(f"title_{number}", "a title", required=False, most=300)
        text = form.text(f"text_{number}", "this", required=False, most=3_000, lines=True)
        old = known.get(form.value(f"key_{number}"), AgendaItem(title=""))
        if text and not title:
            form.error(f"title_{number}", "Enter a title for this item")
        items.append(AgendaItem(title=title, text=text, key=old.key, link=old.link, own_link=old.own_link))
    if not form.errors:
        try:
            if form.value("go") == "again":
                await occasions.make_agenda_again(request.user, occasion_id, items, seen=seen)
                return see_other(request, f"{occasions.link(occasion_id)}/agenda", flash="Made again from the record.")
            await occasions.edit_agenda(request.user, occasion_id, items, seen=seen)
            return see_other(request, occasions.link(occasion_id), flash="The agenda is kept. The provider is told.")
        except InvalidInput as error:
            form.merge(error, {"title": "title_0", "text": "text_0"})
        except Conflict as error:
            form.error("", error.sentence)
            form.set("seen", found.changes)
            return _agenda(request, found, form, 409)
    return _agenda(request, found, form)


def _agenda(request: Asked, found: Occasion, form: Form, status: int = 200) -> Response[Any]:
    many = form.value("items")
    return page(
        request, "contracts/agenda.html", title="Agenda", found=found, form=form, status=status,
        numbers=range(min(int(many), MOST) if many.isdecimal() else 0),
    )  # fmt: skip


# --- what else is done about a meeting or visit -----------------------------------------------------------------------


async def _deed(work: Work, occasion_id: UUID, deed: str) -> Ask:
    found = await _mine(work, occasion_id)
    caption, back = f"{found.name}, {found.provider}", occasions.link(found.id)
    told = "The provider is told." if found.announced else "The provider knows nothing of it."
    meeting = found.kind == "meeting"
    if deed == "move":
        return Ask(
            "Move it", caption, told, back, "Move it",
            (
                Question("date", "starts_on", "Which day?", "the day"),
                Question("time", "starts_at", "At what time?", "the time"),
                Question("text", "place", "Where?", "where it is", most=300),
                Question("lines", "reason", "Why is it moved?", "why it is moved", rows=3),
            ),
            starts={"starts_on": local_day(found.starts_at), "starts_at": local(found.starts_at).time(),
                    "place": found.place},
        )  # fmt: skip
    if deed == "call-off":
        why = Question("lines", "reason", "Why is it called off?", "why it is called off", rows=3)
        return Ask("Call it off", caption, f"What is due stays due. {told}", back, "Call it off", (why,))
    if deed == "finding" and not meeting:
        areas = [(area, area) for area in await _areas(work, found)]
        return Ask(
            "Note a finding", caption, f"{found.provider} reads it when you share what was found altogether.", back,
            "Note it",
            (
                Question("choice", "area", "What was looked at?", "what was looked at", options=areas),
                Question("choice", "grade", "How far is it met?", "how far it is met", options=[
                    (grade, words[0]) for grade, words in findings.GRADES.items()]),
                Question("lines", "says", "What was found?", "what was found", NO_NAMES),
            ),
        )  # fmt: skip
    if deed == "minutes":
        return Ask(
            "Write the minutes" if meeting else "Share what was found", caption,
            f"{found.provider} reads them at once and can " + ("agree or comment" if meeting else "answer each finding")
            + ". They cannot be changed afterwards.",
            back, "Continue",
            (
                Question("lines", "attended_by", "Who was there?", "who was there", most=1_000, rows=3),
                Question("choice", "provider_there", f"Was anybody of {found.provider} there?",
                         "whether the provider was there", options=(("yes", "Yes"), ("no", "No"))),
                Question("lines", "minutes", "What was said and agreed?" if meeting else "What was found altogether?",
                         "what was said or found", NO_NAMES, most=20_000, rows=14),
            ),
            check="Check before you share it", send="Share it with the provider",
        )  # fmt: skip
    if deed == "action":
        noted = [(str(each.id), f"{each.area} ({each.tag[0].lower()})") for each in found.findings]
        about = Question("choice", "finding_id", "Which finding is it about?", "which finding it is about",
                         options=[*noted, ("none", "None of them")])  # fmt: skip
        return Ask(
            "Add an action", caption, "It stands on every agenda until it is done. Whoever does it is reminded.", back,
            "Add it",
            (
                Question("text", "title", "What has to be done?", "what has to be done", most=300),
                Question("choice", "for_provider", "Who does it?", "who does it", options=(
                    ("yes", found.provider), ("no", found.commissioner))),
                Question("text", "owner_name", "Who, by name? (optional)", "a name", required=False, most=120),
                Question("date", "due_on", "Until when?", "the last day"),
                *((about,) if noted else ()),
            ),
            starts={"for_provider": "yes"},
        )  # fmt: skip
    raise NotFound


async def _areas(work: Work, found: Occasion) -> tuple[str, ...]:
    place = await place_of(work, found.framework_id, found.provider_id)
    return place.pack.on(local_day(work.now)).contracts.visit_areas


@get("/contract-occasions/{occasion_id:uuid}/{deed:str}", **MANAGES)
async def deed_page(request: Asked, occasion_id: FromPath[UUID], deed: FromPath[str]) -> Response[Any]:
    """Move, call off, note a finding, write the minutes, add an action."""
    return show(request, await ask(request.user, _deed, occasion_id, deed))


@post("/contract-occasions/{occasion_id:uuid}/{deed:str}", status_code=303, **MANAGES)
async def do_deed(request: Asked, occasion_id: FromPath[UUID], deed: FromPath[str]) -> Response[Any]:
    """Does it; minutes and findings are shown to be checked before they are shared."""

    async def do(given: Answers) -> None:
        if deed == "move":
            await occasions.move(request.user, occasion_id, moment_of(given), given["place"], given["reason"])
        elif deed == "call-off":
            await occasions.call_off(request.user, occasion_id, given["reason"])
        elif deed == "finding":
            await findings.add_finding(
                request.user, occasion_id, area=given["area"], grade=given["grade"], says=given["says"]
            )
        elif deed == "minutes":
            await occasions.share(
                request.user, occasion_id, attended_by=given["attended_by"],
                provider_there=given["provider_there"] == "yes", minutes=given["minutes"],
            )  # fmt: skip
        else:
            about = given.get("finding_id") or "none"
            await following.ask_action(
                request.user, occasion_id, title=given["title"], due_on=given["due_on"], owner_name=given["owner_name"],
                for_provider=given["for_provider"] == "yes", finding_id=None if about == "none" else UUID(about),
            )  # fmt: skip

    said = {
        "move": "It is moved.", "call-off": "It is called off.", "finding": "The finding is noted.",
        "minutes": "Shared. The provider has been told.", "action": "The action is added.",
    }  # fmt: skip
    asked = await ask(request.user, _deed, occasion_id, deed)
    return await send(request, asked, do, to=asked.back, flash=said[deed])


# --- information ------------------------------------------------------------------------------------------------------

LOOKS = {
    "accept": ("Accept the information", "It is what you asked for. The provider is told.",
               "Anything to say? (optional)", "Accept it"),
    "send-back": ("Return it as poor", "The provider is told why, and gives it again until the new last day.",
                  "What is wrong with it?", "Return it"),
    "move": ("Give it more time", "That it was late before stays on record. The provider is told.",
             "Why does it get more time?", "Give it more time"),
    "withdraw": ("Withdraw the request", "The information is no longer asked for. The provider is told.",
                 "Why is it no longer needed?", "Withdraw it"),
}  # fmt: skip


async def _look(work: Work, information_id: UUID, deed: str) -> tuple[Ask, Pack]:
    if work.actor.commissioner_id is None:
        raise NotFound
    found = await queries.request(work, information_id)
    caption, back = f"{found.title}, {found.provider}", requests.link(found.id)
    pack = (await place_of(work, found.framework_id, found.provider_id)).pack
    if deed in LOOKS:
        title, lead, label, button = LOOKS[deed]
        says = Question("lines", "says", label, "this", required=deed != "accept")
        last = (Question("date", "due_on", "Until when?", "the last day"),) if deed in ("send-back", "move") else ()
        return Ask(title, caption, lead, back, button, (*last, says), facts=(("Until", day(found.due_on)),)), pack
    if deed == "charge" and found.hour_pence:
        return Ask(
            "Charge the time spent", caption,
            "The provider can object; somebody else than you decides then. The sum is taken from its next invoice when"
            " that time is over, or the objection is refused.",
            back, "Continue",
            (
                Question("hours", "minutes", "How much time was spent?", "the time spent", "For example, 2.5 or 2:30"),
                Question("lines", "reason", "On what?", "what the time was spent on; the provider reads it"),
            ),
            check="Check before you charge it", send="Charge it",
            facts=(("Agreed rate", f"{pounds(found.hour_pence)} an hour"),),
        ), pack  # fmt: skip
    if deed == "decide" and found.charge is not None:
        objected = next((step.says for step in found.story if step.what == "charge_objected"), "")
        return Ask(
            "Decide on the objection", caption, "The provider is told, with your reason.", back, "Decide",
            (
                Question("choice", "outcome", "What do you decide?", "what you decide", options=(
                    ("stands", "The charge stands: it is taken from the next invoice"), ("dropped", "It is dropped"))),
                Question("lines", "says", "Why?", "why; the provider reads it"),
            ),
            facts=(
                ("Charged", f"{pounds(found.charge['pence'])}: {found.charge['reason']}"),
                ("By", f"{found.charge['charged_by_name']}, {moment(found.charge['charged_at'])}"),
                ("The objection", objected),
            ),
        ), pack  # fmt: skip
    raise NotFound


@get("/information-requests/{information_id:uuid}/{deed:str}", **DECIDES)
async def look_page(request: Asked, information_id: FromPath[UUID], deed: FromPath[str]) -> Response[Any]:
    """Accept, return, give more time, withdraw, charge; decide on an objection."""
    return show(request, (await ask(request.user, _look, information_id, deed))[0])


@post("/information-requests/{information_id:uuid}/{deed:str}", status_code=303, **DECIDES)
async def look(request: Asked, information_id: FromPath[UUID], deed: FromPath[str]) -> Response[Any]:
    """Does it; a charge is shown with its sum first."""
    asked, pack = await ask(request.user, _look, information_id, deed)
    today = await ask(request.user, _today)

    async def do(given: Answers) -> None:
        actor = request.user
        if deed == "charge":
            await charges.charge(actor, information_id, minutes=given["minutes"], reason=given["reason"])
        elif deed == "decide":
            await charges.decide(actor, information_id, stands=given["outcome"] == "stands", says=given["says"])
        elif deed in ("send-back", "move"):
            if deed == "move":
                await requests.move(actor, information_id, given["due_on"], given["says"])
            else:
                await requests.send_back(actor, information_id, given["says"], given["due_on"])
        else:
            await {"accept": requests.accept, "withdraw": requests.withdraw}[deed](actor, information_id, given["says"])

    def price(given: Answers) -> tuple[str, str]:
        return "Charged", pounds(charge_pence(pack, today, given["minutes"]))

    return await send(
        request, asked, do, to=asked.back, flash="The provider has been told.",
        price=price if deed == "charge" else None,
    )  # fmt: skip


async def _today(work: Work) -> Any:
    return local_day(work.now)


ROUTES: list[Any] = [agenda_page, edit_agenda, deed_page, do_deed, look_page, look]
