"""The DBS update service's status check: one question about one certificate, one of four answers.

The address asked holds a certificate number, a name and a birthday, so it is logged nowhere: httpx writes its requests'
addresses at level INFO, which is therefore switched off here. What comes back is read as hostile: a size limit, no
entities, no document type, and anything that is not the expected shape is `UpdateServiceUnreadable`.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import date
from typing import Literal, cast, get_args
from xml.etree.ElementTree import Element, ParseError

import httpx
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

Status = Literal["BLANK_NO_NEW_INFO", "NON_BLANK_NO_NEW_INFO", "NEW_INFO", "NO_MATCH_FOUND"]
SECONDS = 10.0
LARGEST_ANSWER = 64 * 1024

for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)


class UpdateServiceError(Exception):
    """No answer that can be used; the message never quotes what was asked."""


class UpdateServiceUnreachable(UpdateServiceError):
    """The service did not answer in time, or answered that it cannot: try again later."""


class UpdateServiceUnreadable(UpdateServiceError):
    """The service answered something that is no status."""


@dataclass(frozen=True, slots=True)
class StatusQuestion:
    """Whose certificate, and who asks: the organisation that has the right to, and its person by name."""

    certificate_number: str
    surname: str
    date_of_birth: date
    organisation: str
    asker_forename: str
    asker_surname: str


@dataclass(frozen=True, slots=True)
class StatusAnswer:
    """The status, and whom the certificate names, as the service has it (empty where nothing matched)."""

    status: Status
    forename: str
    surname: str
    print_date: str


async def ask_status(base_url: str, question: StatusQuestion, *, seconds: float = SECONDS) -> StatusAnswer:
    """Ask about one certificate; `base_url` ends before the certificate's number.

    Raises `UpdateServiceUnreachable`, `UpdateServiceUnreadable`.
    """
    given = {
        "dateOfBirth": question.date_of_birth.strftime("%d/%m/%Y"),
        "surname": question.surname,
        "hasAgreedTermsAndConditions": "true",
        "organisationName": question.organisation,
        "employeeForename": question.asker_forename,
        "employeeSurname": question.asker_surname,
    }
    url = f"{base_url.rstrip('/')}/{question.certificate_number}"
    try:
        async with asyncio.timeout(seconds), httpx.AsyncClient(timeout=seconds) as client:
            return _read(await _fetch(client, url, given))
    except (TimeoutError, httpx.HTTPError, httpx.InvalidURL) as error:
        # the cause is not chained: its message may hold the address
        raise UpdateServiceUnreachable(type(error).__name__) from None


async def _fetch(client: httpx.AsyncClient, url: str, given: dict[str, str]) -> bytes:
    async with client.stream("GET", url, params=given, headers={"accept": "application/xml"}) as answer:
        if answer.status_code != 200:
            raise UpdateServiceUnreachable(f"status {answer.status_code}")
        body = bytearray()
        async for piece in answer.aiter_bytes():
            body += piece
            if len(body) > LARGEST_ANSWER:
                raise UpdateServiceUnreadable("too long")
        return bytes(body)


def _read(body: bytes) -> StatusAnswer:
    try:
        root = cast(Element, fromstring(body, forbid_dtd=True))
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise UpdateServiceUnreadable(type(error).__name__) from None
    if _local(root.tag) != "statusCheckResult":
        raise UpdateServiceUnreadable("another document")
    found = {_local(each.tag): (each.text or "").strip() for each in root.iter() if each is not root}
    status = found.get("status", "")
    if status not in get_args(Status):
        raise UpdateServiceUnreadable("another status")
    return StatusAnswer(
        cast(Status, status), found.get("forename", ""), found.get("surname", ""), found.get("printDate", "")
    )


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]
