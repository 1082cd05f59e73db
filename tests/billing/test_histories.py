"""Random histories of two payers' invoices, through the actions people use, against a second reckoning of the books.

Visits happen, last longer, are cancelled, signed late or never; miles are added, longer time is approved before and
after it was billed, corrections that charge more are agreed to or come too late; invoices are submitted well or badly,
returned, corrected, accepted, disputed, waived, deducted from, paid, carried on, and the provider leaves. After every
step the ledger stands as the model says; at the end everything is settled: nothing was billed twice, nothing lost, and
everything computed again agrees.

The model is `history_model.py`; the moves are `history_door.py`, `history_invoices.py` and `history_payments.py`; the
last check is `history_end.py`. HISTORIES=40 plays more of them (the default few are the same at every run).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from marketplace.platform.clock import FrozenClock
from marketplace.platform.database import close_database
from marketplace.settings import Settings
from tests.billing.history_end import Ending
from tests.billing.history_play import CHANCE, Chance
from tests.billing.history_world import PERIODS, HistoryWorld, two_payers
from tests.conftest import NOON, SECRET, Databases
from tests.laid import Start, lay

# What the default few must have come to, at least once.
DEEP = {"corrected", "carried on", "waived", "upheld", "paid", "debt", "approved", "longer time on a line", "miles",
        "billed beside visits", "correction applied", "correction lapsed"}  # fmt: skip


class Histories(Ending, RuleBasedStateMachine):
    """One history: at each step one of the things that can happen then."""

    @initialize(leaves=some.booleans())
    def begins(self, leaves: bool) -> None:
        """Whether the provider leaves at the end."""
        self.leaves = leaves

    @rule(verb=some.integers(0, 99), chance=CHANCE)
    def something_happens(self, verb: int, chance: Chance) -> None:
        """One of the things that can happen now: few of them can at once, so that every step counts."""
        can: list[Callable[[Chance], None]] = [
            verb
            for verb, possible in (
                (self.visit, self.waiting()),
                (self.signs_late, self.to_sign()),
                (self.period_ends, self.period < PERIODS),
                (self.approves, self.to_approve()),
                (self.adds_miles, self.without_miles()),
                (self.proposes, self.to_propose()),
                (self.answers, self.proposed()),
                (self.submits, self.to_submit()),
                (self.submits_again, self.bills("submitted", "accepted", "paid")),
                (self.returns, self.bills("submitted")),
                (self.accepts, self.bills("submitted")),
                (self.credits, self.noted()),
                (self.deducts_later, self.bills("accepted")),
                (self.disputes_it, self.disputable()),
                (self.decides, self.open_disputes()),
                (self.pays, self.bills("accepted") or self.to_pay_back()),
                (self.pays_back_by_hand, self.to_pay_back()),
            )
            if possible
        ]
        if can:
            self.until(self.clock.at + timedelta(minutes=1))  # no two things happen at one moment
            act = can[verb % len(can)]
            self.happened[f"step: {act.__name__}"] += 1
            act(chance)

    def teardown(self) -> None:
        try:
            self.settle()
        finally:
            self.run(close_database())
            self.runner.close()
            self.databases.drop(self.name)


@pytest.fixture(scope="module")
def laid_history(databases: Databases, migrated_template: str) -> tuple[str, HistoryWorld]:
    name = databases.copy("template_histories", migrated_template)
    settings = Settings(database_url=databases.server.url(name), secret=SECRET)
    return name, lay(Start("histories", two_payers), settings, FrozenClock(NOON))


def test_random_histories_keep_the_books(databases, laid_history):
    play = hypothesis_settings(
        max_examples=int(os.environ.get("HISTORIES", "9")),
        stateful_step_count=int(os.environ.get("HISTORY_STEPS", "60")),
        derandomize="HISTORIES" not in os.environ,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        # a history takes a second: one that fails is told as it was, not looked into for its shortest form
        phases=[Phase.generate],
    )
    happened: Counter[str] = Counter()
    run_state_machine_as_test(lambda: Histories(databases, *laid_history, happened), settings=play)
    if "HISTORIES" not in os.environ:  # the default few are the same at every run, and deep enough
        missing = DEEP - set(+happened)
        assert not missing, (missing, dict(happened))
