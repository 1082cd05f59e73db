"""What the frame does to requests and responses: headers, forged requests, broken text, errors, static files."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import httpx
import pytest
from litestar import Litestar

from tests.web.conftest import make_app

HOME = "http://marketplace.test"
SAME = {"sec-fetch-site": "same-origin", "origin": HOME}


@pytest.fixture
async def client(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HOME) as client:
        yield client


async def token_of(client: httpx.AsyncClient, path: str = "/plain") -> str:
    found = re.search(r'name="_csrf" value="([^"]+)"', (await client.get(path)).text)
    assert found
    return found[1]


async def test_every_response_carries_the_security_headers(client: httpx.AsyncClient) -> None:
    for path in ("/sink", "/nowhere", "/broken", "/private", "/api/v1/nothing", "/api/v1/number?of=1"):
        headers = (await client.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff", path
        assert "frame-ancestors 'none'" in headers["content-security-policy"], path
        assert "unsafe" not in headers["content-security-policy"], path
        assert headers["referrer-policy"] == "same-origin", path
        assert headers["cache-control"] == "no-store", path
        assert headers["x-request-id"], path
        assert "strict-transport-security" not in headers, "over plain HTTP it would be ignored, or worse"


async def test_over_tls_cookies_are_host_bound_and_hsts_is_sent() -> None:
    app = make_app(secure=True)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://marketplace.test") as client:
        response = await client.get("/plain")
        cookie = response.headers["set-cookie"]
        assert cookie.startswith("__Host-marketplace-csrf=")
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=lax"} <= set(cookie.split("; "))
        assert "Domain" not in cookie
        assert response.headers["strict-transport-security"].startswith("max-age=31536000")


async def test_the_nonce_is_new_each_time_and_on_every_script_and_style(client: httpx.AsyncClient) -> None:
    nonces = set()
    for _ in range(3):
        response = await client.get("/sink")
        found = re.search(r"'nonce-([^']+)'", response.headers["content-security-policy"])
        assert found
        nonces.add(found[1])
        for tag in re.findall(r"<(?:script|style)\b[^>]*>", response.text):
            assert f'nonce="{found[1]}"' in tag
        assert not re.search(r"\son[a-z]+=|\sstyle=", response.text), "no inline handlers or styles"
    assert len(nonces) == 3


async def test_a_change_needs_our_own_forms_token(client: httpx.AsyncClient) -> None:
    token = await token_of(client)
    assert (await client.post("/sink", data={"_csrf": token})).status_code == 400  # understood: the form has faults
    assert (await client.post("/sink", headers={"x-csrf-token": token})).status_code == 400
    assert (await client.post("/sink", data={"title": "x"})).status_code == 403
    assert (await client.post("/sink", data={"_csrf": token[:-2] + "AA"})).status_code == 403
    assert (await client.post("/sink", data={"_csrf": "ü" * 90})).status_code == 403
    assert (
        await client.post("/sink", data={"_csrf": token}, headers={"sec-fetch-site": "cross-site"})
    ).status_code == 403
    assert (
        await client.post("/sink", data={"_csrf": token}, headers={"origin": "https://evil.test"})
    ).status_code == 403
    assert (await client.post("/sink", data={"_csrf": token}, headers={"origin": "null"})).status_code == 403
    async with httpx.AsyncClient(transport=client._transport, base_url=HOME) as other:
        await token_of(other)
        assert (await other.post("/sink", data={"_csrf": token})).status_code == 403, "another browser's token"


async def test_tokens_differ_on_each_page_and_all_fit(client: httpx.AsyncClient) -> None:
    tokens = [await token_of(client) for _ in range(3)]
    assert len(set(tokens)) == 3
    for token in tokens:
        assert (await client.post("/sink", data={"_csrf": token})).status_code == 400


async def test_a_stale_form_offers_to_send_again_only_to_our_own_pages(client: httpx.AsyncClient) -> None:
    typed = {"title": "Keep <me>", "password": "never again", "csrf_token": "x"}
    ours = await client.post("/sink?step=2", data=typed, headers=SAME)
    assert ours.status_code == 403
    assert 'value="Keep &lt;me&gt;"' in ours.text
    assert 'action="/sink?step=2"' in ours.text
    assert "never again" not in ours.text
    theirs = await client.post(
        "/sink", data=typed, headers={"sec-fetch-site": "cross-site", "origin": "https://evil.test"}
    )
    assert theirs.status_code == 403
    assert "Keep" not in theirs.text


async def test_signed_out_people_are_sent_to_sign_in_and_lose_nothing(client: httpx.AsyncClient) -> None:
    answer = await client.get("/private?page=2")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?next=%2Fprivate%3Fpage%3D2"
    partly = await client.get("/private", headers={"hx-request": "true"})
    assert partly.headers["hx-redirect"] == "/sign-in?next=%2Fprivate"
    token = await token_of(client)
    sent = await client.post("/private", data={"_csrf": token, "note": "All I wrote", "pin": "1234"}, headers=SAME)
    assert sent.status_code == 401
    assert 'value="All I wrote"' in sent.text
    assert "1234" not in re.sub(r'name="_csrf" value="[^"]+"|hx-headers=\'[^\']+\'', "", sent.text)


async def test_programs_with_their_own_token_need_no_form_token(client: httpx.AsyncClient) -> None:
    made = await client.post("/api/v1/things", json={"name": "a"}, headers={"authorization": "Bearer x.y.z"})
    assert made.status_code == 201
    crossed = await client.post("/api/v1/things", json={"name": "a"}, headers={"sec-fetch-site": "cross-site"})
    assert crossed.status_code == 403
    assert crossed.json()["error"] == "not_permitted"
    page_too = await client.post("/sink", data={"title": "x"}, headers={"authorization": "Bearer x.y.z"})
    assert page_too.status_code == 403, "pages take the cookie's word, so they always want the form's token"


@pytest.mark.parametrize("body", [r'{"name": "a\u0000b"}', r'{"name": "\ud800"}', r'{"outer": [{"name": "\uDFFF"}]}'])
async def test_broken_text_in_json_names_its_field(client: httpx.AsyncClient, body: str) -> None:
    answer = await client.post("/api/v1/things", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    (field,) = answer.json()["fields"]
    assert field.endswith("name")


async def test_text_that_only_looks_like_an_escape_is_taken(client: httpx.AsyncClient) -> None:
    for body in (r'{"name": "\\u0000"}', r'{"name": "\ud83d\ude00"}'):
        answer = await client.post("/api/v1/things", content=body, headers={"content-type": "application/json"})
        assert answer.status_code == 201, body


@pytest.mark.parametrize(
    "path", ["/plain?q=%00", "/plain?q=%ED%A0%80", "/plain?q=a%0Bb", "/static/x/%00", "/plain?q=%ff"]
)
async def test_broken_addresses_are_refused(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 400


async def test_errors_in_json_have_one_shape_and_say_nothing_internal(client: httpx.AsyncClient) -> None:
    json_type = {"content-type": "application/json"}
    cases = [
        (await client.get("/api/v1/nothing"), 404, "not_found"),
        (await client.get("/api/v1/number?of=many"), 400, "invalid_input"),
        (await client.put("/api/v1/things"), 405, "not_allowed"),
        (await client.post("/api/v1/things", json={"name": "taken"}), 400, "invalid_input"),
        (await client.post("/api/v1/things", content="{", headers=json_type), 400, "invalid_request"),
        (await client.delete("/api/v1/things"), 500, "error"),
    ]  # fmt: skip
    for answer, status, error in cases:
        assert answer.status_code == status
        body = answer.json()
        assert set(body) == {"error", "sentence", "fields", "request_id"}
        assert body["error"] == error
        assert body["request_id"] == answer.headers["x-request-id"]
        assert body["sentence"].endswith(".")
        assert "secret words" not in answer.text
        assert "Traceback" not in answer.text
    assert "of" in cases[1][0].json()["fields"]
    assert cases[3][0].json()["fields"] == {"name": "There is one of that name already"}


async def test_what_broke_is_logged_without_its_words(
    client: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = await client.get("/broken")
    assert answer.status_code == 500
    assert answer.headers["x-request-id"] in answer.text
    logged = capsys.readouterr()
    assert "RuntimeError" in logged.out + logged.err
    assert "Poppy" not in logged.out + logged.err + answer.text


async def test_a_conflict_tells_the_reader_what_changed(client: httpx.AsyncClient) -> None:
    answer = await client.get("/changed")
    assert answer.status_code == 409
    assert "Another offer was awarded while you were reading." in answer.text


async def test_a_proxys_request_id_is_kept_when_it_is_plain(client: httpx.AsyncClient) -> None:
    kept = await client.get("/plain", headers={"x-request-id": "proxy-0123456789"})
    assert kept.headers["x-request-id"] == "proxy-0123456789"
    made = await client.get("/plain", headers={"x-request-id": "<script>"})
    assert re.fullmatch("[0-9a-f]{16}", made.headers["x-request-id"])


async def test_static_files_may_be_kept_only_under_their_own_address(client: httpx.AsyncClient) -> None:
    found = re.search(r'href="(/static/[^"]+/app\.css)"', (await client.get("/plain")).text)
    assert found
    styles = await client.get(found[1])
    assert styles.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert styles.headers["content-encoding"] == "gzip"
    assert ".govuk-button" in styles.text
    assert "GDS Transport" not in styles.text
    assert "@font-face" not in styles.text
    plain = await client.get(found[1], headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.text == styles.text
    assert (await client.get("/static/older/app.css")).headers["cache-control"] == "no-cache"
    for path in ("/static/x/nothing.css", "/static/x/..%2Fsrc%2Fstart.js", "/static/x/axe.min.js", "/static/x/"):
        assert (await client.get(path)).status_code == 404, path


async def test_too_large_a_form_is_refused(client: httpx.AsyncClient) -> None:
    token = await token_of(client)
    answer = await client.post("/sink", data={"_csrf": token, "portrait": "x" * 1_100_000})
    assert answer.status_code == 413
    many = await client.post("/sink", data={"_csrf": token, **{f"f{number}": "" for number in range(2_100)}})
    assert many.status_code == 413


async def test_a_message_shown_once_cannot_be_forged(client: httpx.AsyncClient) -> None:
    client.cookies.set(
        "marketplace-message", "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFTZW5kIHlvdXIgcGFzc3dvcmQgdG8gZXZpbA=="
    )
    assert "evil" not in (await client.get("/plain")).text


async def test_the_navigation_shows_what_the_role_may_open(client: httpx.AsyncClient) -> None:
    text = (await client.get("/sink")).text
    assert "Packages" in text
    assert "Secret plans" not in text
    assert re.search(r'href="/sink"\s+aria-current="true"', text)
    signed_out = await client.get("/plain", headers={"cookie": "nobody=1"})
    assert "Packages" not in signed_out.text
    assert "Sign out" not in signed_out.text
