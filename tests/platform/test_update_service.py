"""The update service's client against a real server: the question as it must be put, every answer, every mishap."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from datetime import date

import pytest

from marketplace.platform.update_service import (
    StatusQuestion,
    UpdateServiceUnreachable,
    UpdateServiceUnreadable,
    ask_status,
)
from tests.world.update_service import UpdateService, result, update_service

NUMBER = "001234567890"
QUESTION = StatusQuestion(NUMBER, "O'Neill & Søn", date(1990, 3, 7), "Kindly Care Ltd", "Ada May", "Brook")
BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "xxxxxxxxxx"><!ENTITY y "&x;&x;&x;&x;&x;&x;&x;&x;">'
    b'<!ENTITY z "&y;&y;&y;&y;&y;&y;&y;&y;">]><statusCheckResult><status>&z;</status></statusCheckResult>'
)
FETCHED = (
    b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
    b"<statusCheckResult><status>BLANK_NO_NEW_INFO</status><surname>&x;</surname></statusCheckResult>"
)


@pytest.fixture
def service() -> Iterator[UpdateService]:
    with update_service() as running:
        yield running


async def test_the_question_is_put_as_the_service_wants_it(service):
    service.answers[NUMBER] = result("BLANK_NO_NEW_INFO")
    await ask_status(service.url + "/", QUESTION)
    assert service.asked == [
        {
            "number": NUMBER,
            "path": f"/crsc/api/status/{NUMBER}",
            "dateOfBirth": "07/03/1990",
            "surname": "O'Neill & Søn",
            "hasAgreedTermsAndConditions": "true",
            "organisationName": "Kindly Care Ltd",
            "employeeForename": "Ada May",
            "employeeSurname": "Brook",
        }
    ]


@pytest.mark.parametrize("status", ["BLANK_NO_NEW_INFO", "NON_BLANK_NO_NEW_INFO", "NEW_INFO", "NO_MATCH_FOUND"])
async def test_each_of_the_four_answers_is_read_with_the_names(service, status):
    service.answers[NUMBER] = result(status, "Zoë", "Brook & Sons")
    answer = await ask_status(service.url, QUESTION)
    assert answer.status == status
    named = ("", "") if status == "NO_MATCH_FOUND" else ("Zoë", "Brook & Sons")
    assert (answer.forename, answer.surname) == named


async def test_a_namespace_changes_nothing(service):
    document = result("NEW_INFO").replace(b"<statusCheckResult>", b'<statusCheckResult xmlns="urn:crsc">')
    service.answers[NUMBER] = document
    assert (await ask_status(service.url, QUESTION)).status == "NEW_INFO"


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"{}",
        b"<html><body>We are busy</body></html>",
        result("BLANK_NO_NEW_INFO")[:-5],
        result("ALL_GOOD"),
        b"<statusCheckResult/>",
        BOMB,
        FETCHED,
        b"<statusCheckResult>" + b"<status>NEW_INFO</status>" * 5000 + b"</statusCheckResult>",
        b'<?xml version="1.0" encoding="klingon"?><statusCheckResult/>',
        b"<statusCheckResult><status>BLANK_NO_NEW_INFO\x00</status></statusCheckResult>",
    ],
    ids=["empty", "json", "html", "cut", "status", "none", "bomb", "entity", "long", "charset", "nul"],
)
async def test_what_is_no_answer_is_refused_whole(service, document):
    service.answers[NUMBER] = document
    with pytest.raises(UpdateServiceUnreadable) as refused:
        await ask_status(service.url, QUESTION)
    assert NUMBER not in str(refused.value) and "Søn" not in str(refused.value)


@pytest.mark.parametrize("status", [500, 503, 404, 302])
async def test_an_error_of_the_service_is_no_answer(service, status):
    service.answers[NUMBER] = status
    with pytest.raises(UpdateServiceUnreachable):
        await ask_status(service.url, QUESTION)


async def test_a_service_that_hangs_or_is_not_there_is_given_up_in_time(service):
    service.hangs = threading.Event()
    with pytest.raises(UpdateServiceUnreachable):
        await ask_status(service.url, QUESTION, seconds=0.3)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{free.getsockname()[1]}/status"
    with pytest.raises(UpdateServiceUnreachable) as refused:
        await ask_status(nowhere, QUESTION)
    assert refused.value.__cause__ is None and NUMBER not in str(refused.value)


async def test_no_log_holds_what_was_asked(service, caplog):
    caplog.set_level(logging.INFO)  # as `MARKETPLACE_LOG_LEVEL=info` sets the root's
    service.answers[NUMBER] = result("BLANK_NO_NEW_INFO")
    await ask_status(service.url, QUESTION)
    assert NUMBER not in caplog.text and "1990" not in caplog.text and "Neill" not in caplog.text
