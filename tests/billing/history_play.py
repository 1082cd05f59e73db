"""What the moves of a random history share: its database, its clock, the model of its books, and the check of them."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from hypothesis import strategies as some

from marketplace.platform.clock import FrozenClock
from marketplace.platform.database import ask, open_database
from marketplace.settings import Settings
from tests.billing.history_model import Bill, Dispute, Payer, Visit
from tests.billing.history_world import NORTH, SOUTH, HistoryWorld
from tests.conftest import NOON, SECRET, Databases
from tests.laid import moved

CLAIM = some.sampled_from(["as drafted", "as drafted", "one left off", "one not finished", "a penny more",
                           "a penny less", "another total", "a line left off", "a penny more on a line"])  # fmt: skip
BECOMES = some.sampled_from(["as planned", "as planned", "as planned", "longer", "longer", "longer",
                             "family in time", "family late", "provider", "on arrival"])  # fmt: skip
BOTH = (NORTH, SOUTH)
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Chance:
    """What is left to chance in a step."""

    pick: int
    yes: bool
    how: str
    fault: str
    becomes: str


CHANCE = some.builds(
    Chance,
    pick=some.integers(0, 5),
    yes=some.booleans(),
    how=CLAIM,
    fault=some.sampled_from(["inaccurate", "incomplete"]),
    becomes=BECOMES,
)


def one_of(candidates: list[Any], chance: Chance) -> Any:
    """One of those it could be done to."""
    return candidates[chance.pick % len(candidates)]


class Play:
    """One history. The database is a copy of the laid world; the event loop is the history's own."""

    def __init__(self, databases: Databases, template: str, world: HistoryWorld, happened: Counter[str]) -> None:
        super().__init__()
        self.databases, self.name = databases, databases.copy(f"history_{next(_numbers)}", template)
        self.settings = Settings(database_url=databases.server.url(self.name), secret=SECRET)
        self.world: HistoryWorld = moved(world, self.settings)
        self.clock = FrozenClock(NOON)
        self.runner = asyncio.Runner()
        self.run(open_database(self.settings.dsn("app"), clock=self.clock, max_size=2))
        self.payers = (Payer(), Payer())
        self.visits = [Visit(planned.day, planned.package) for planned in self.world.visits]
        self.period = 0  # the first one that is not over
        self.invoices: dict[tuple[int, int], UUID] = {}
        self.disputes: dict[tuple[int, int], UUID] = {}
        self.leaves = False
        self.happened: Counter[str] = happened

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Do something on the history's loop."""
        return self.runner.run(coroutine)

    def until(self, moment: datetime) -> None:
        """Time goes on to the moment, never back."""
        self.clock.move_to(max(self.clock.at, moment.astimezone(UTC)))

    def bills(self, *states: str) -> list[tuple[int, Bill]]:
        """The standing invoices in these states, each with its payer."""
        return [(who, bill) for who in BOTH for bill in self.payers[who].bills.values() if bill.state in states]

    def open_disputes(self) -> list[tuple[int, int, Dispute]]:
        """Payer, period and dispute where one can be decided."""
        return [
            (who, period, dispute)
            for who in BOTH
            for period, dispute in self.payers[who].disputes.items()
            if dispute.state == "open" and self.payers[who].bills[period].state != "returned"
        ]

    def check(self) -> None:
        """The books stand as the model's do."""
        for who in BOTH:

            async def balances(work):  # type: ignore[no-untyped-def]
                rows = await work.fetch(
                    """SELECT p.account, sum(p.pence)::int AS pence FROM ledger_posting p
                       WHERE p.commissioner_id = $1 GROUP BY 1""",
                    work.actor.commissioner_id,
                )
                return {row["account"]: row["pence"] for row in rows if row["pence"]}

            stands = self.run(ask(self.world.officers[who][0], balances))
            assert stands == self.payers[who].accounts(), (who, stands, self.payers[who])
