"""The demo's files of evidence as its visitors meet them: there, checked, where they belong, open to who may."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Literal

import pytest

from tests.journeys.people import Someone, Town

pytestmark = pytest.mark.journey

COVER, POLICY, COURSE, SHEET = (
    "Certificate of insurance", "Safeguarding policy", "Paediatric first aid", "Assessment: first aid",
)  # fmt: skip
FINGERPRINT = re.compile(r"\b[0-9a-f]{64}\b")


def opened(someone: Someone, role: Literal["button", "link"], name: str | re.Pattern[str]) -> bytes:
    """What comes when a file is opened by the link or button of that name: always a download."""
    with someone.page.expect_download() as waiting:
        someone.page.get_by_role("main").get_by_role(role, name=name).first.click()
    content = Path(waiting.value.path()).read_bytes()
    assert content.startswith(b"%PDF")
    return content


def leads_to(someone: Someone, name: str | re.Pattern[str]) -> str:
    return someone.page.get_by_role("main").get_by_role("link", name=name).first.get_attribute("href") or ""


def answers(someone: Someone, *paths: str) -> set[int]:
    """The statuses of pages asked for by their addresses."""
    return {someone.context.request.get(someone.site + path).status for path in paths}


def test_the_papers_are_there_where_they_belong_and_open_to_who_may(town: Town):
    manager = town.sign_in("The manager", "manager@example.org", check=False).go("/evidence")
    rows = [" ".join(row.split()) for row in manager.page.locator("main tbody tr").all_inner_texts()]
    assert len(rows) == 4 and all(" Ready Not scanned " in row for row in rows), rows
    at = {title: leads_to(manager, title) for title in (COVER, POLICY, COURSE, SHEET)}
    sums: dict[str, str] = {}
    for title, path in at.items():
        manager.go(path).sees(title)
        (sums[title],) = FINGERPRINT.findall(manager.page.locator("main").inner_text())
        assert hashlib.sha256(opened(manager, "button", "Open the file")).hexdigest() == sums[title], title
    assert len(set(sums.values())) == 4

    # at the sign-off and in the list on the worker's page; with the declaration on its own
    worker = manager.go("/workforce").follow("Abena Alderson").sees("Fenella Garth, nurse educator")
    assert leads_to(worker, "File about Basic first aid") == at[SHEET]
    assert leads_to(worker, re.compile(f"^Assessment: {SHEET}")) == at[SHEET]
    assert leads_to(worker, re.compile(f"^Training certificate: {COURSE}")) == at[COURSE]
    manager.go("/declarations/insurance").sees("Declared so far")
    assert leads_to(manager, COVER) == at[COVER]

    coordinator = town.sign_in("The coordinator", "coordinator@example.org", check=False)
    assert hashlib.sha256(opened(coordinator.go(at[POLICY]), "button", "Open the file")).hexdigest() == sums[POLICY]
    abena = town.sign_in("Abena Alderson", "worker@example.org", phone=True, check=False).go("/evidence")
    abena.sees(COURSE, SHEET).sees_not(COVER, POLICY)
    assert hashlib.sha256(opened(abena.go(at[SHEET]), "button", "Open the file")).hexdigest() == sums[SHEET]
    assert answers(abena, at[COVER], at[POLICY]) == {404}
    rival = town.sign_in("Oak and Thistle", "manager.oak@example.org", check=False)
    family = town.sign_in("A family", "family@example.org", check=False)
    for stranger in (rival, family):
        assert answers(stranger, *at.values()) <= {403, 404}, stranger.name

    # a commissioner weighs what was declared with, and nothing else
    council = town.sign_in("The contract manager", "contracts@example.org", console=True, check=False)
    council.go("/providers").follow("Larkfield Care").follow("What it declares")
    declared = leads_to(council, re.compile(COVER))
    assert declared == at[COVER].replace("/evidence/", "/declared-files/")
    assert hashlib.sha256(opened(council, "link", re.compile(COVER))).hexdigest() == sums[COVER]
    other = [path.replace("/evidence/", "/declared-files/") for title, path in at.items() if title != COVER]
    assert answers(council, *other, *at.values()) == {404}
    town.assert_quiet()
