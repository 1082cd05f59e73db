"""Sign-in pages: cookies, rotation, limits, places, sessions; what a rival or a forger meets."""

import asyncio
import re
import time
from dataclasses import replace

import httpx
import pytest

from marketplace.identity import actions
from marketplace.platform.errors import MarketplaceError, TooManyAttempts
from tests.world.apps import create_marketplace
from tests.world.browsing import Browser
from tests.world.people import PASSWORD, council, person_in, provider_org, with_password


async def test_signing_in_leads_back_to_where_one_wanted_to_go(marketplace, database):
    email = await with_password(await provider_org(database), database)
    away = await marketplace.get("/account?x=1")
    assert (away.status_code, away.headers["location"]) == (303, "/sign-in?next=%2Faccount%3Fx%3D1")
    assert (await marketplace.sign_in(email, "not the password")).status_code == 400
    answer = await marketplace.send_form("/sign-in", at=away.headers["location"], email=email, password=PASSWORD)
    assert (answer.status_code, answer.headers["location"]) == (303, "/account?x=1")
    shown = await marketplace.get("/account")
    assert shown.status_code == 200 and "Firefox on Linux" in shown.text and "This device" in shown.text


async def test_only_our_own_pages_are_gone_on_to(marketplace, database):
    email = await with_password(await provider_org(database), database)
    answer = await marketplace.send_form("/sign-in", email=email, password=PASSWORD, next="https://evil.example/")
    assert answer.headers["location"] == "/"


async def test_the_cookie_is_bound_to_this_host_and_unreadable_to_scripts(marketplace, database):
    email = await with_password(await provider_org(database), database)
    answer = await marketplace.sign_in(email)
    cookie = next(
        value for name, value in answer.headers.multi_items() if name == "set-cookie" and "-session=" in value
    )
    assert cookie.startswith("__Host-marketplace-session=")
    assert {"HttpOnly", "Secure", "Path=/", "SameSite=lax"} <= set(cookie.split("; "))
    assert "Domain" not in cookie and "Max-Age" not in cookie
    plain = Browser(create_marketplace(replace(database, secure_cookies=False)))
    assert (await plain.sign_in(email)).status_code == 303
    assert any(cookie.name == "marketplace-session" for cookie in plain.cookies.jar)


async def test_only_a_hash_of_the_session_is_stored_and_it_rotates(marketplace, database, migrator):
    actor = await provider_org(database)
    email = await with_password(actor, database)
    await marketplace.sign_in(email)
    first = marketplace.session
    assert first and not await migrator.fetchval(
        "SELECT count(*) FROM web_session s WHERE s::text LIKE '%' || $1 || '%'", first
    )
    choice = (await actions.places_at("marketplace", actor.person_id))[0].key
    await marketplace.send_form("/switch", place=choice)
    assert marketplace.session != first
    old = Browser(create_marketplace(database), cookies={"__Host-marketplace-session": first})
    assert (await old.get("/account")).status_code == 303


async def test_a_session_id_brought_along_is_never_adopted(marketplace, database):
    email = await with_password(await provider_org(database), database)
    marketplace.cookies.set("__Host-marketplace-session", "chosen-by-somebody-else")
    await marketplace.sign_in(email)
    thief = Browser(create_marketplace(database), cookies={"__Host-marketplace-session": "chosen-by-somebody-else"})
    assert (await thief.get("/account")).status_code == 303


@pytest.mark.parametrize("column", ["seen_at = now() - interval '61 minutes'", "ends_at = now() - interval '1 second'"])
async def test_sessions_end_after_idling_and_at_their_absolute_end(marketplace, database, migrator, column):
    email = await with_password(await provider_org(database), database)
    await marketplace.sign_in(email)
    assert (await marketplace.get("/account")).status_code == 200
    await migrator.execute(f"UPDATE web_session SET {column}")
    assert (await marketplace.get("/account")).status_code == 303


async def test_signing_out_and_ending_another_device(marketplace, database):
    email = await with_password(await provider_org(database), database)
    await marketplace.sign_in(email)
    other = Browser(create_marketplace(database))
    await other.sign_in(email)
    shown = (await marketplace.get("/account")).text
    end = re.search(r'action="(/account/sessions/[^"]+/end)"', shown)
    assert end
    answer = await marketplace.send_form(end.group(1), at="/account")
    assert answer.status_code == 303 and (await other.get("/account")).status_code == 303
    await marketplace.send_form("/sign-out", at="/account")
    assert (await marketplace.get("/account")).status_code == 303


async def test_nobody_ends_somebody_elses_session(marketplace, database, migrator):
    ours, theirs = await provider_org(database), await provider_org(database, "Rival Care")
    await marketplace.sign_in(await with_password(ours, database))
    rival = Browser(create_marketplace(database))
    await rival.sign_in(await with_password(theirs, database))
    session = await migrator.fetchval("SELECT id FROM web_session WHERE person_id = $1", ours.person_id)
    shown = await rival.get("/account/password")
    token = re.search(r'name="_csrf" value="([^"]+)"', shown.text)
    assert token
    answer = await rival.post(f"/account/sessions/{session}/end", data={"_csrf": token.group(1)})
    assert answer.status_code == 404
    assert (await marketplace.get("/account")).status_code == 200


async def test_a_person_with_several_roles_chooses_and_acts_only_as_that(console, database):
    admin = await council(database)
    email = await with_password(admin, database)
    await person_in(admin, "finance", email=email)
    answer = await console.sign_in(email)
    assert answer.headers["location"].startswith("/switch")
    assert (await console.get("/people")).status_code == 303  # no role chosen: nobody yet
    places = {place.role: place.key for place in await actions.places_at("console", admin.person_id)}
    assert set(places) == {"finance", "commissioner_admin"}
    await console.send_form("/switch", place=places["finance"])
    assert (await console.get("/people")).status_code == 403
    await console.send_form("/switch", place=places["commissioner_admin"])
    assert (await console.get("/people")).status_code == 200


async def test_each_front_door_admits_its_own_roles_only(marketplace, console, database):
    manager, admin = await provider_org(database), await council(database)
    refused = await console.sign_in(await with_password(manager, database))
    assert refused.status_code == 403 and "marketplace" in refused.text and console.session is None
    refused = await marketplace.sign_in(await with_password(admin, database))
    assert refused.status_code == 403 and "console" in refused.text


async def test_one_doors_session_does_not_open_the_other(console, database):
    admin = await council(database)
    referrer = await person_in(admin, "referrer")
    email = await with_password(referrer, database)
    await console.sign_in(email)
    assert (await console.get("/account")).status_code == 200
    other = Browser(create_marketplace(database), cookies={"__Host-marketplace-session": console.session})
    assert (await other.get("/account")).status_code == 303


async def test_guessing_waits_longer_and_longer_but_locks_nobody_else_out(database):
    email = await with_password(await provider_org(database), database)
    guesser = Browser(create_marketplace(database), client=("198.51.100.9", 1))
    for _ in range(5):
        assert (await guesser.sign_in(email, "wrong guess again")).status_code == 400
    waiting = await guesser.sign_in(email, PASSWORD)  # even the right one waits now
    assert waiting.status_code == 429 and "Try again in" in waiting.text
    owner = Browser(create_marketplace(database), client=("203.0.113.44", 1))
    assert (await owner.sign_in(email)).status_code == 303


async def test_many_guesses_at_once_are_all_counted(database):
    email = await with_password(await provider_org(database), database)
    guesses = [actions.prove(database, email, f"guess number {n}", "net") for n in range(20)]
    answers = await asyncio.gather(*guesses, return_exceptions=True)
    assert sum(isinstance(answer, TooManyAttempts) for answer in answers) == 15


async def test_the_wait_grows_and_passes(database, migrator):
    email = await with_password(await provider_org(database), database)

    async def guess() -> int:
        """Seconds to wait; 0 when the guess was judged."""
        with pytest.raises(MarketplaceError) as refused:
            await actions.prove(database, email, "wrong guess again", "net")
        return getattr(refused.value, "retry_after", 0)

    async def later(seconds: int) -> None:
        await migrator.execute("UPDATE sign_in_attempt SET at = at - $1 * interval '1 second'", seconds)

    assert [await guess() for _ in range(5)] == [0] * 5
    for wait in (15, 30, 60):
        assert wait - 5 <= await guess() <= wait
        await later(wait)
        assert await guess() == 0
    await later(3600)
    await actions.prove(database, email, PASSWORD, "net")
    assert await guess() == 0  # success wipes the slate


async def test_unknown_accounts_take_as_long_and_get_the_same_words(database, real_hasher):
    email = await with_password(await provider_org(database), database)

    async def ask(address: str) -> tuple[float, str]:
        begun = time.perf_counter()
        with pytest.raises(Exception) as refused:
            await actions.prove(database, address, "wrong guess again", f"net {begun}")
        return time.perf_counter() - begun, str(getattr(refused.value, "fields", None))

    known = [await ask(email) for _ in range(5)]
    unknown = [await ask(f"nobody{n}@example.org") for n in range(5)]
    assert {words for _, words in known} == {words for _, words in unknown}
    # Argon2 dominates both; without it an unknown account would answer in a hundredth of the time.
    assert min(seconds for seconds, _ in unknown) > min(seconds for seconds, _ in known) / 2


async def test_changes_without_the_pages_own_token_are_refused(marketplace, database):
    await marketplace.sign_in(await with_password(await provider_org(database), database))
    for path in ("/sign-in", "/switch", "/sign-out", "/account/password", "/people/invite", "/set-password"):
        assert (await marketplace.post(path, data={"name": "x"})).status_code == 403, path
    assert (await marketplace.get("/account")).status_code == 200


async def test_a_password_is_never_written_back_to_a_page_or_stored(marketplace, database, migrator):
    email = await with_password(await provider_org(database), database)
    answer = await marketplace.send_form("/sign-in", email=email, password="my secret, wrong")
    assert email in answer.text and "my secret, wrong" not in answer.text
    assert (await migrator.fetchval("SELECT password_hash FROM credential")).startswith("$argon2id$")


async def test_people_are_invited_and_ended_in_pages(console, database, migrator):
    admin = await council(database)
    await console.sign_in(await with_password(admin, database))
    wrong = await console.send_form("/people/invite", name="", email="fin", role="finance")
    assert wrong.status_code == 400 and "Enter the person" in wrong.text and 'value="fin"' in wrong.text
    done = await console.send_form("/people/invite", name="Fin Ance", email="fin@example.org", role="finance")
    assert done.status_code == 303
    assert "Fin Ance" in (await console.get("/people")).text
    membership = await migrator.fetchval("SELECT id FROM membership WHERE role = 'finance'")
    assert (await console.send_form(f"/people/{membership}/end")).status_code == 303
    assert "Fin Ance" not in (await console.get("/people")).text
    assert "Fin Ance" in (await console.get("/people?show=ended")).text
    trail = await console.get("/audit")
    assert "Role given" in trail.text and "Role ended" in trail.text


async def test_broken_and_oversize_forms_are_refused_politely(marketplace: httpx.AsyncClient, database):
    email = await with_password(await provider_org(database), database)
    assert (await marketplace.sign_in(email + "\x00")).status_code == 400
    assert (await marketplace.sign_in("x" * 5000, "y" * 5000)).status_code == 400
    assert (
        await marketplace.sign_in(email, "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"))
    ).status_code == 400
