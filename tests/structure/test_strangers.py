"""Every address of a case with its real id, as people of the same roles from elsewhere: nothing is there for them.

Only 404 counts, or an answer that is word for word the same for an id of nothing: any other says that the row exists.
"""

from __future__ import annotations

import re

import pytest

from marketplace.identity.permissions import FRONT_DOORS
from tests.structure.apps import ALL
from tests.structure.inhabited import NIL, bearer, client_of, filled, roles_for
from tests.structure.nasty import body_fields
from tests.world import door as doors

# Ids of case rows, and of a provider's own: whatever else a path holds is not secret by itself.
SECRET = re.compile(
    r"\{(child|referral|draft|question|offer|package|visit|plan|invoice|grant|worker|application|admission|card|membership"
    r"|reason|signature|booking|duty|dispute|debt|direct_payment|spending|enquiry|answer|meeting"
    r"|purchase|receipt|account|refund"
    r"|occasion|finding|contract_action|information)_id\}"
)
ROUTES = [route for route in ALL if SECRET.search(route[2])]


async def test_the_api_has_nothing_for_people_from_elsewhere(database, boroughs):
    ours, theirs = boroughs
    problems: list[str] = []
    clients = {door: client_of(database, door) for door in FRONT_DOORS}
    tokens = {role: await bearer(database, actor) for role, actor in theirs.actors.items()}
    # a provider that was reached by the same broadcast is the nearest rival of all
    tokens["rival"] = await bearer(database, ours.actors["rival"])
    done: set[tuple[str, str]] = set()
    for door, method, path, handler in ROUTES:
        if not path.startswith("/api/") or (method, path) in done:
            continue
        done.add((method, path))
        roles = roles_for(handler)
        if "provider_manager" in roles and not re.search(r"(referral|question|offer)_id", path):
            roles.append("rival")
        for role in roles:
            body = {} if method in ("GET", "DELETE") else {"json": body_fields(door, method, path)}
            answer = await clients[door].request(method, filled(path, ours.ids), headers=tokens[role], **body)
            if answer.status_code in (400, 403):  # said before anything is looked up: it says the same of nothing
                nothing = await clients[door].request(method, filled(path, ours.ids, NIL), headers=tokens[role], **body)
                said = [{**each.json(), "request_id": ""} for each in (answer, nothing)]
                if nothing.status_code == answer.status_code and said[0] == said[1]:
                    continue
            if answer.status_code != 404:
                problems.append(f"{role} {method} {path}: {answer.status_code} {answer.text[:150]}")
    for client in clients.values():
        await client.aclose()
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("door", sorted(FRONT_DOORS))
async def test_no_page_opens_for_people_from_elsewhere(database, boroughs, door):
    ours, theirs = boroughs
    problems: list[str] = []
    client = client_of(database, door)
    app = client._transport.app  # type: ignore[attr-defined]
    strangers = {role: actor for role, actor in theirs.actors.items() if role in FRONT_DOORS[door]}
    for role, actor in strangers.items():
        async with doors.at(app, database, actor) as browser:
            token = doors.TOKEN.search((await browser.get("/account/password")).text)
            assert token
            for at, method, path, handler in ROUTES:
                if at != door or path.startswith("/api/") or role not in roles_for(handler, door):
                    continue
                address = filled(path, ours.ids)
                if method == "GET":
                    answer = await browser.get(address)
                else:
                    answer = await browser.client.post(address, data={"_csrf": token.group(1)})
                if answer.status_code != 404 and not (method != "GET" and answer.status_code == 400):
                    problems.append(f"{role} {method} {path}: {answer.status_code}")
    await client.aclose()
    assert not problems, "\n".join(problems)


async def test_the_owners_do_get_in(database, boroughs):
    """The same addresses open for those whose they are: what the strangers met was a door, not a wall."""
    ours, _ = boroughs
    opened: set[str] = set()
    clients = {door: client_of(database, door) for door in FRONT_DOORS}
    tokens = {role: await bearer(database, actor) for role, actor in ours.actors.items() if role != "rival"}
    for door, method, path, handler in ROUTES:
        if method == "GET" and path.startswith("/api/"):
            for role in roles_for(handler):
                answer = await clients[door].get(filled(path, ours.ids), headers=tokens[role])
                assert answer.status_code < 500, (path, role, answer.text)
                if answer.status_code == 200:
                    opened.add(path)
    for client in clients.values():
        await client.aclose()
    wanted = {path for _, method, path, _ in ROUTES if method == "GET" and path.startswith("/api/")}
    assert len(opened) > len(wanted) * 0.7, sorted(wanted - opened)
