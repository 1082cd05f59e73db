"""Scoring an application: several people alone, then together. Nobody reads others' scores before giving their own.

The database itself hides them (m0016); here is what may be given, when, and what comes of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from marketplace.frameworks import queries
from marketplace.frameworks.actions import led_framework
from marketplace.frameworks.views import ApplicationView
from marketplace.identity.permissions import permit
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.policy import evaluation
from marketplace.policy.evaluation import Scored
from marketplace.policy.settings import Evaluation

LONGEST = 2_000


@dataclass(frozen=True, slots=True)
class Score:
    """What one person gave, or (`together`) what they agreed."""

    by: str
    mine: bool
    scored: Scored
    remark: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores of an application as far as the actor may read them; `scorers` counts all who gave theirs."""

    application: ApplicationView
    rule: Evaluation
    scorers: int
    given: list[Score]
    agreed: Score | None
    leads: bool

    @property
    def mine(self) -> Score | None:
        return next((score for score in self.given if score.mine), None)

    @property
    def open(self) -> bool:
        """Whether the application still waits and no scores are agreed."""
        return self.application.state == "submitted" and self.agreed is None

    @property
    def may_be_agreed(self) -> bool:
        return self.open and self.leads and self.mine is not None and evaluation.may_be_agreed(self.rule, self.scorers)


async def scores(work: Work, application_id: UUID) -> Scores:
    """Raises `NotFound` to whoever is no member of the framework, the provider itself among them."""
    found = await queries.application(work, application_id)
    commissioner_id = work.actor.commissioner_id
    framework = await queries.framework(work, found.framework_id)
    if commissioner_id is None or framework.member(commissioner_id) is None:
        raise NotFound
    rule = (await queries.pack_of(work, found.framework_id)).on(queries.today(work)).evaluation
    rows = await work.fetch(
        "SELECT * FROM application_score WHERE application_id = $1 ORDER BY given_at, id", application_id
    )
    given = [
        Score(
            row["person_name"], row["person_id"] == work.actor.person_id, evaluation.scored(rule, row["points"]),
            row["remark"], row["given_at"],
        )
        for row in rows
    ]  # fmt: skip
    row = await work.fetchrow("SELECT * FROM application_moderation WHERE application_id = $1", application_id)
    agreed = None
    if row is not None:
        points = evaluation.scored(rule, row["points"])
        agreed = Score(row["agreed_by_name"], False, points, row["remark"], row["agreed_at"])
    count = await work.fetchval("SELECT scorers_of($1)", application_id)
    return Scores(found, rule, count, given, agreed, framework.led_by(commissioner_id))


async def give_score(actor: Actor, application_id: UUID, points: Mapping[str, int], remark: str = "") -> UUID:
    """Give one's own score, once and for good; returns its id. Points by the pack's criteria.

    Raises `InvalidInput` by criterion, `Conflict` where it was given, agreed or decided already.
    """
    permit(actor, "application.assess")
    async with unit_of_work(actor) as work:
        found = await scores(work, application_id)
        _check(found.rule, points, remark)
        if not found.open:
            raise Conflict("This application is decided, or its scores are agreed: no more scores are given.")
        try:
            score_id: UUID = await work.fetchval(
                "INSERT INTO application_score (framework_id, application_id, provider_id, commissioner_id, person_id,"
                " person_name, points, remark, given_at, pack_hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9,"
                " (SELECT pack_hash FROM framework WHERE id = $1)) RETURNING id",
                found.application.framework_id, application_id, found.application.provider_id, actor.commissioner_id,
                actor.person_id, actor.person_name, dict(points), remark.strip(), work.now,
            )  # fmt: skip
        except asyncpg.UniqueViolationError as error:
            raise Conflict("You have given your score already. What is agreed together may still differ.") from error
        work.audit("application.scored", "application", application_id, lot=found.application.lot_code)
        return score_id


async def agree_scores(actor: Actor, application_id: UUID, points: Mapping[str, int], remark: str = "") -> None:
    """Record what the scorers agreed together, once; somebody of the lead who scored alone before does it.

    Raises `InvalidInput` by criterion, `Conflict` where too few people have scored or it is agreed already.
    """
    permit(actor, "application.assess")
    async with unit_of_work(actor) as work:
        found = await scores(work, application_id)
        await led_framework(work, found.application.framework_id)
        _check(found.rule, points, remark)
        if not found.open:
            raise Conflict("This application is decided, or its scores are agreed already.")
        if found.mine is None:
            raise Conflict("Give your own score first: scores are agreed among those who scored.")
        if not found.may_be_agreed:
            raise Conflict(f"{found.rule.scorers} people score alone first; {found.scorers} have done so.")
        try:
            await work.execute(
                "INSERT INTO application_moderation (framework_id, application_id, provider_id, points, remark,"
                " agreed_by, agreed_by_name, agreed_at, pack_hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8,"
                " (SELECT pack_hash FROM framework WHERE id = $1))",
                found.application.framework_id, application_id, found.application.provider_id, dict(points),
                remark.strip(), actor.person_id, actor.person_name, work.now,
            )  # fmt: skip
        except asyncpg.UniqueViolationError as error:
            raise Conflict("The scores are agreed already.") from error
        work.audit("application.scores_agreed", "application", application_id, scorers=found.scorers)


def _check(rule: Evaluation, points: Mapping[str, int], remark: str) -> None:
    wrong = evaluation.faults_of(rule, points)
    if len(remark) > LONGEST:
        wrong["remark"] = f"The remark must be {LONGEST:,} characters or fewer"
    if wrong:
        raise InvalidInput(wrong)
