"""Tokens and the API of identity: what holds, what ends, what a thief or a forger meets."""

import base64
import json
import re
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from marketplace.identity import tokens
from marketplace.identity.tokens import Claims
from marketplace.platform.errors import NotSignedIn
from tests.world.browsing import Browser
from tests.world.people import PASSWORD, council, person_in, provider_org, with_password


async def signed(api, email: str, **more) -> dict[str, str]:
    answer = await api.post("/api/v1/token", json={"email": email, "password": PASSWORD} | more)
    assert answer.status_code == 200, answer.text
    return answer.json()


def bearer(pair: dict[str, str]) -> dict[str, str]:
    return {"Authorization": f"Bearer {pair['access_token']}"}


async def test_a_token_acts_for_one_place(api, database):
    manager = await provider_org(database)
    pair = await signed(api, await with_password(manager, database))
    me = (await api.get("/api/v1/me", headers=bearer(pair))).json()
    assert (me["name"], me["role"], me["organisation_id"]) == (
        manager.person_name, "provider_manager", str(manager.organisation_id),
    )  # fmt: skip
    assert pair["token_type"] == "Bearer" and pair["expires_in"] == 600


async def test_with_several_places_one_must_be_named(api, database, migrator):
    admin = await council(database)
    email = await with_password(admin, database)
    officer = await person_in(admin, "finance", email=email)
    answer = await api.post("/api/v1/token", json={"email": email, "password": PASSWORD})
    assert answer.status_code == 400 and "Finance officer" in answer.json()["fields"]["membership_id"]
    membership = await migrator.fetchval("SELECT id::text FROM membership WHERE role = 'finance'")
    assert (await signed(api, email, membership_id=membership))["role"] == "finance"
    assert officer.person_id == admin.person_id


async def test_refresh_tokens_rotate_and_using_one_twice_ends_the_family(api, database):
    first = await signed(api, await with_password(await provider_org(database), database))
    second = (await api.post("/api/v1/token/refresh", json={"refresh_token": first["refresh_token"]})).json()
    assert (await api.get("/api/v1/me", headers=bearer(second))).status_code == 200
    stolen = await api.post("/api/v1/token/refresh", json={"refresh_token": first["refresh_token"]})
    assert stolen.status_code == 401
    # thief and owner are both out, access tokens included
    assert (await api.post("/api/v1/token/refresh", json={"refresh_token": second["refresh_token"]})).status_code == 401
    for pair in (first, second):
        assert (await api.get("/api/v1/me", headers=bearer(pair))).status_code == 401


async def test_revoking_ends_access_at_once(api, database):
    pair = await signed(api, await with_password(await provider_org(database), database))
    assert (await api.post("/api/v1/token/revoke", json={"refresh_token": pair["refresh_token"]})).status_code == 204
    assert (await api.get("/api/v1/me", headers=bearer(pair))).status_code == 401
    assert (await api.post("/api/v1/token/refresh", json={"refresh_token": pair["refresh_token"]})).status_code == 401


async def test_ending_the_membership_ends_the_access_token(api, database, migrator):
    pair = await signed(api, await with_password(await provider_org(database), database))
    await migrator.execute("UPDATE membership SET ended_at = now()")
    assert (await api.get("/api/v1/me", headers=bearer(pair))).status_code == 401


async def test_refresh_tokens_run_out_and_are_stored_hashed(api, database, migrator):
    pair = await signed(api, await with_password(await provider_org(database), database))
    stored = await migrator.fetchval("SELECT t::text FROM refresh_token t")
    assert pair["refresh_token"] not in stored
    await migrator.execute("UPDATE refresh_token SET ends_at = now()")
    assert (await api.post("/api/v1/token/refresh", json={"refresh_token": pair["refresh_token"]})).status_code == 401


async def test_anybody_can_check_our_tokens_with_the_published_keys(api, database):
    pair = await signed(api, await with_password(await provider_org(database), database))
    keys = jwt.PyJWKSet.from_dict((await api.get("/.well-known/jwks.json")).json())
    header = jwt.get_unverified_header(pair["access_token"])
    key = next(each for each in keys.keys if each.key_id == header["kid"])
    claims = jwt.decode(pair["access_token"], key, algorithms=["EdDSA"], audience=tokens.AUDIENCE)
    assert {"exp", "aud", "iss", "sub", "iat"} <= set(claims)


def _forged(settings, **changes) -> str:
    now = datetime.now(UTC)
    claims = {"iss": "care-marketplace", "aud": tokens.AUDIENCE, "sub": str(uuid4()), "iat": now,
              "exp": now + timedelta(minutes=5), "fam": str(uuid4()), "mid": None} | changes  # fmt: skip
    claims = {name: value for name, value in claims.items() if value is not ...}
    period = tokens._period(now)
    return jwt.encode(
        claims, tokens._key(settings, period), "EdDSA", headers={"kid": tokens._key_id(period), "typ": "at+jwt"}
    )


@pytest.mark.parametrize(
    "changes",
    [{"aud": "elsewhere"}, {"iss": "elsewhere"}, {"exp": ...}, {"aud": ...}, {"iss": ...}, {"sub": ...}, {"fam": ...},
     {"exp": datetime(2020, 1, 1, tzinfo=UTC)}, {"sub": "not a person"}],
)  # fmt: skip
def test_a_token_must_say_everything_rightly(settings, changes):
    tokens.read(settings, _forged(settings))
    with pytest.raises(NotSignedIn):
        tokens.read(settings, _forged(settings, **changes))


def test_other_keys_other_algorithms_and_no_signature_are_refused(settings):
    good = _forged(settings)
    header, payload, _ = good.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    names = {name: value for name, value in jwt.get_unverified_header(good).items() if name != "alg"}
    stranger = jwt.encode(claims, Ed25519PrivateKey.generate(), "EdDSA", headers=names)
    hashed = jwt.encode(claims, "k" * 64, "HS256", headers=names)
    unsigned_header = base64.urlsafe_b64encode(json.dumps({**names, "alg": "none"}).encode()).decode().rstrip("=")
    for bad in (
        stranger,
        hashed,
        f"{unsigned_header}.{payload}.",
        f"{header}.{payload}.",
        "x",
        "a.b.c",
        "",
        good + "x",
    ):
        with pytest.raises(NotSignedIn):
            tokens.read(settings, bad)


def test_keys_change_by_themselves_and_the_last_one_still_counts(settings):
    now = datetime.now(UTC)
    claims = Claims(uuid4(), None, uuid4())
    before = tokens.issue(settings, claims, now)[0]
    assert tokens.read(settings, before, now + timedelta(minutes=9)) == claims
    with pytest.raises(NotSignedIn, match="expired"):
        tokens.read(settings, before, now + timedelta(minutes=11))
    later = tokens.issue(settings, claims, now + tokens.PERIOD)[0]
    assert jwt.get_unverified_header(before)["kid"] != jwt.get_unverified_header(later)["kid"]
    published = [key["kid"] for key in tokens.key_set(settings, now)["keys"]]
    assert jwt.get_unverified_header(later)["kid"] in published


async def test_a_cookie_reads_the_api_but_changes_nothing_there(database, marketplace):
    email = await with_password(await provider_org(database), database)
    await marketplace.sign_in(email)
    assert (await marketplace.get("/api/v1/me")).status_code == 200
    answer = await marketplace.post(
        "/api/v1/people", json={"name": "A B", "email": "a@example.org", "role": "coordinator"}
    )
    assert answer.status_code == 401 and answer.headers["www-authenticate"] == "Bearer"


async def test_people_through_the_api(api, database):
    admin = await council(database)
    as_admin = bearer(await signed(api, await with_password(admin, database)))
    made = await api.post(
        "/api/v1/people", headers=as_admin, json={"name": "Fin Ance", "email": "fin@example.org", "role": "finance"}
    )
    assert made.status_code == 201
    listed = (await api.get("/api/v1/people", headers=as_admin)).json()
    assert "Fin Ance" in [member["name"] for member in listed]
    assert (await api.delete(f"/api/v1/people/{made.json()['id']}", headers=as_admin)).status_code == 204
    assert (await api.delete(f"/api/v1/people/{made.json()['id']}", headers=as_admin)).status_code == 404
    rival = bearer(await signed(api, await with_password(await council(database, "Southmere"), database)))
    keeper = next(member for member in listed if member["role"] == "commissioner_admin")
    assert (await api.delete(f"/api/v1/people/{keeper['id']}", headers=rival)).status_code == 404
    seen = (await api.get("/api/v1/audit", headers=as_admin)).json()
    assert [entry["action"] for entry in seen["entries"]] == ["role.ended", "role.given", "password.changed"]
    unseen = (await api.get("/api/v1/audit", headers=rival)).json()
    assert [entry["action"] for entry in unseen["entries"]] == ["password.changed"]


async def test_a_pin_is_the_familys_own_matter(api, database):
    pair = await signed(api, await with_password(await provider_org(database), database))
    assert (await api.post("/api/v1/me/pin", headers=bearer(pair), json={"pin": "4821"})).status_code == 403


async def test_the_audit_page_filters_and_exports(console: Browser, database):
    admin = await council(database)
    await person_in(admin, "finance", name="=SUM(A1) Trick")
    await console.sign_in(await with_password(admin, database))
    assert "No entry fits" in (await console.get("/audit?person=nobody%25")).text
    assert "Role given" in (await console.get("/audit?action=role.given")).text
    assert (await console.get("/audit?first-day=32&first-month=1&first-year=2026")).status_code == 400
    file = await console.get("/audit?format=csv")
    assert file.headers["content-type"].startswith("text/csv") and "Role given" in file.text
    found = re.findall(r"^[^\n]*Role given", file.text, re.M)
    assert len(found) == 1
