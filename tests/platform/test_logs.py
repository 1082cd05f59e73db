"""What reaches the log, in a process of its own: JSON lines, and nobody's data."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

SETUP = """
import logging, structlog
from marketplace.platform.logs import set_up_logs
set_up_logs("info")
log = structlog.get_logger("a.b")
"""


def lines_of(code: str) -> list[dict[str, Any]]:
    done = subprocess.run([sys.executable, "-c", SETUP + code], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_fields_about_people_and_secrets_are_hidden_at_any_depth() -> None:
    (line,) = lines_of(
        'log.info("offer made", offer_id="7", first_name="Amara", given={"password": "x", "n": 2}, email=["a@b.org"])'
    )
    assert (line["event"], line["offer_id"], line["logger"], line["level"]) == ("offer made", "7", "a.b", "info")
    assert line["first_name"] == "[hidden]" and line["given"] == {"password": "[hidden]", "n": 2}
    assert line["email"] == "[hidden]"
    assert line["at"].endswith("Z")


def test_an_exception_tells_type_and_place_but_not_its_message() -> None:
    first, second = lines_of(
        """
def insert():
    raise ValueError("Key (name)=(Amara Okafor) already exists")
try:
    insert()
except ValueError:
    log.exception("it failed")
    logging.getLogger("elsewhere").exception("there too")
"""
    )
    for line in (first, second):
        assert "Amara" not in json.dumps(line)
        assert line["error"] == "ValueError" and line["where"][-1].endswith("insert")


def test_what_is_ours_or_the_machines_may_speak() -> None:
    (line,) = lines_of(
        """
try:
    open("/nowhere/at/all")
except OSError as error:
    log.error("no file", exc_info=error)
"""
    )
    assert "No such file" in line["error"]


def test_request_lines_have_no_query_no_address_and_no_tokens() -> None:
    plain, routed = lines_of(
        """
access = logging.getLogger("uvicorn.access")
form = '%s - "%s %s HTTP/%s" %d'
access.info(form, "192.0.2.7:5", "GET", "/calendar/eyJhbGciOiJIUzI1NiJ9abc/x?name=Amara", "1.1", 200)
structlog.contextvars.bind_contextvars(request_id="r1", route="/referrals/{referral_id}")
access.info(form, "192.0.2.7:5", "POST", "/referrals/1", "1.1", 303)
"""
    )
    assert {"event": "request", "method": "GET", "status": 200, "route": "/calendar/.../x"}.items() <= plain.items()
    assert "Amara" not in json.dumps(plain) and "192.0.2.7" not in json.dumps(plain)
    assert (routed["route"], routed["request_id"], routed["status"]) == ("/referrals/{referral_id}", "r1", 303)


def test_a_quieter_level_is_kept() -> None:
    assert [line["event"] for line in lines_of('log.debug("no"); log.warning("yes")')] == ["yes"]
