"""JSON: the list of duties and one duty with its history, at both front doors."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
from litestar import Request, get
from litestar.params import FromPath, FromQuery

from marketplace.identity.guards import signed_in
from marketplace.obligations import duty_queries, duty_words
from marketplace.obligations.duty_queries import MOST_IN_FILE, STATES, Chosen
from marketplace.platform.database import ask
from marketplace.platform.errors import InvalidInput
from marketplace.web.forms import unstorable

Asked = Request[Any, Any, Any]


class OwedDutyOut(msgspec.Struct, kw_only=True):
    """One duty. `state`: open, stopped (its clock stands), late, met, met_late, missed (never done, its ground gone
    since), ended. `due_at` is what holds, `first_due_at` what held before its clock stood. A person who owes is not
    named; `owed_by_organisation` is None for a family or where a person owes for nobody else."""

    id: UUID
    rule: str
    title: str
    reference: str
    owed_by: str
    owed_by_organisation: UUID | None
    owed_to: UUID | None
    starts_at: datetime
    due_at: datetime
    state: str
    stopped_from: datetime | None
    stopped_until: datetime | None
    first_due_at: datetime | None
    met_at: datetime | None
    missed_at: datetime | None
    ended_at: datetime | None
    link: str


class ConsequenceOut(msgspec.Struct):
    sentence: str
    clause: str


class EventOut(msgspec.Struct):
    what: str
    at: datetime
    says: str


class GroundOut(msgspec.Struct):
    code: str
    title: str
    most_days: int


class OneDutyOut(OwedDutyOut, kw_only=True):
    """`clause` and `starts` are the rule's: empty where the contract gives no clock. `leads_to` if it is missed;
    `stop_grounds`: why its clock may stand."""

    clause: str
    starts: str
    leads_to: list[ConsequenceOut]
    history: list[EventOut]
    stop_grounds: list[GroundOut]
    pack_hash: str


@get("/api/v1/duties", guards=[signed_in], tags=["Duties"])
async def get_duties(
    request: Asked,
    in_state: FromQuery[str | None] = None,
    provider: FromQuery[UUID | None] = None,
    rule: FromQuery[str | None] = None,
) -> list[OwedDutyOut]:
    """The duties that concern me, what is to be done first; `provider` is the organisation that owes."""
    if in_state is not None and in_state not in STATES:
        raise InvalidInput({"in_state": f"The state must be one of {', '.join(STATES)}"})
    if rule is not None and unstorable(rule):
        raise InvalidInput({"rule": "The rule must be the code of a duty"})
    rows = await ask(request.user, duty_queries.duties, Chosen(in_state, provider, rule), limit=MOST_IN_FILE)
    return [OwedDutyOut(**_fields(row)) for row in rows]


@get("/api/v1/duties/{duty_id:uuid}", guards=[signed_in], tags=["Duties"])
async def get_duty(request: Asked, duty_id: FromPath[UUID]) -> OneDutyOut:
    """One duty with what a miss leads to and what happened, newest first."""
    view = await ask(request.user, duty_queries.duty, duty_id)
    return OneDutyOut(
        **_fields(view.row),
        clause=view.clause,
        starts=view.starts,
        leads_to=[ConsequenceOut(each.sentence, each.clause) for each in view.leads_to],
        history=[EventOut(event.title, event.at, event.text) for event in view.history],
        stop_grounds=[GroundOut(rule.key, rule.title, rule.most_days) for rule in view.grounds],
        pack_hash=view.row["pack_hash"],
    )


def _fields(row: asyncpg.Record) -> dict[str, Any]:
    same = ("id", "title", "reference", "owed_by_organisation", "owed_to", "starts_at", "due_at", "state", "met_at",
            "missed_at", "stopped_from", "stopped_until", "first_due_at", "link")  # fmt: skip
    return {
        **{key: row[key] for key in same},
        "rule": row["rule_key"],
        "owed_by": duty_words.who_owes(row),
        "ended_at": row["cancelled_at"],
    }


ROUTES: list[Any] = [get_duties, get_duty]
