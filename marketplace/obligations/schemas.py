"""What the API gives and takes about duties and news."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec

from marketplace.obligations.actions import Today


class DutyOut(msgspec.Struct, kw_only=True):
    """One open duty of mine. `reference` is the case's; `link` is the page that does it; `stopped_until` while its
    clock stands."""

    id: UUID
    rule: str
    title: str
    reference: str
    starts_at: datetime
    due_at: datetime
    late: bool
    stopped_until: datetime | None
    link: str


class NoticeOut(msgspec.Struct, kw_only=True):
    """Something that changed."""

    id: UUID
    at: datetime
    sentence: str
    link: str
    new: bool


class TodayOut(msgspec.Struct, kw_only=True):
    """What needs me, late duties first, and what changed lately, newest first. `now` is the domain's moment."""

    now: datetime
    duties: list[DutyOut]
    news: list[NoticeOut]


def _stands_until(duty: asyncpg.Record, now: datetime) -> datetime | None:
    until = duty["stopped_until"]
    return until if until is not None and duty["stopped_from"] <= now < until else None


def today_out(today: Today) -> TodayOut:
    """The action's answer in the API's shape."""
    return TodayOut(
        now=today.now,
        duties=[
            DutyOut(
                id=duty["id"],
                rule=duty["rule_key"],
                title=duty["title"],
                reference=duty["reference"],
                starts_at=duty["starts_at"],
                due_at=duty["due_at"],
                late=duty["due_at"] <= today.now,
                stopped_until=_stands_until(duty, today.now),
                link=duty["link"],
            )
            for duty in today.duties
        ],
        news=[
            NoticeOut(
                id=notice["id"],
                at=notice["at"],
                sentence=notice["sentence"],
                link=notice["link"],
                new=today.is_new(notice),
            )
            for notice in today.news
        ],
    )
