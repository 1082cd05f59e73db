"""`marketplace invoices run`: the drafts of a finished billing period for every commissioner of the database.

One transaction for each commissioner, as the worker process's role and in that commissioner's context. Killed in the
middle and started again it goes on where it stopped; run twice it changes nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import asyncpg

from marketplace.billing.preparing import Prepared, prepare_drafts
from marketplace.operations import say, settings_for
from marketplace.platform.actor import system_for
from marketplace.platform.clock import DemoClock, SystemClock
from marketplace.platform.database import close_database, open_database, outside_context
from marketplace.platform.errors import MarketplaceError
from marketplace.policy.calendar import CalendarError
from marketplace.settings import Settings, SettingsError

WIDTH = 30  # signs of the bar


@dataclass
class Bar:
    """How far the run is: drawn over itself on a terminal, a line for each tenth elsewhere."""

    whole: int
    done: int = 0
    lines: int = 0
    began: float = field(default_factory=time.monotonic)

    def step(self, lines: int) -> None:
        before = 10 * self.done // max(1, self.whole)
        self.done += 1
        self.lines += lines
        full = WIDTH * self.done // max(1, self.whole)
        text = (
            f"[{'#' * full}{'.' * (WIDTH - full)}] {self.done} of {self.whole} commissioners,"
            f" {self.lines:,} visits, {time.monotonic() - self.began:.0f} s"
        )
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{text}{'' if self.done < self.whole else chr(10)}")
        elif 10 * self.done // self.whole > before:
            sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


async def run_all(settings: Settings, day: date | None, again: bool) -> tuple[list[Prepared], list[str]]:
    """What was prepared, and a sentence for each commissioner for whom it could not be."""
    clock = DemoClock() if settings.demo else SystemClock()
    await open_database(settings.dsn("worker"), clock=clock, max_size=2)
    try:
        async with outside_context() as connection:
            payers = await connection.fetch("SELECT id, name FROM list_organisations('commissioner')")
        bar, found, faults = Bar(len(payers)), list[Prepared](), list[str]()
        for payer in payers:
            try:
                each = await prepare_drafts(
                    system_for(payer["id"], "commissioner", payer["name"]), day=day, again=again
                )
            except (MarketplaceError, CalendarError) as error:
                faults.append(f"{payer['name']}: {error}")
                each = []
            found += each
            bar.step(sum(one.lines for one in each))
        return found, faults
    finally:
        await close_database()


def run_drafts(settings: Settings, day: date | None, again: bool) -> int:
    """Print what was made. 1 when it could not be done for some commissioner."""
    found, faults = asyncio.run(run_all(settings, day, again))
    for fault in faults:
        say(fault)
    drafts, lines = sum(each.drafts for each in found), sum(each.lines for each in found)
    if not found and not faults:
        say("There was nothing to prepare: no period is over that is not prepared. --again looks at it anew.")
    elif found:
        say(
            f"{drafts:,} drafts with {lines:,} visits are prepared,"
            f" {sum(each.made for each in found):,} of them made now;"
            f" {sum(each.by_rules for each in found):,} were judged one by one,"
            f" {sum(each.unpriced for each in found):,} lack a rate."
        )
    return 1 if faults else 0


def parser() -> argparse.ArgumentParser:
    whole = argparse.ArgumentParser(prog="marketplace invoices")
    commands = whole.add_subparsers(required=True, metavar="WHAT")
    running = commands.add_parser("run", help="make every draft of the billing period that is over")
    running.add_argument("--on", type=date.fromisoformat, metavar="DAY", help="the period that holds this day instead")
    running.add_argument("--again", action="store_true", help="also where it is prepared: what changed is made anew")
    running.add_argument("--data", type=Path, metavar="DIR", help="use the settings of the 'up' on this folder")
    return whole


def main() -> int:
    """0: done; 1: not for every commissioner; 2: asked for wrongly, or it could not be done."""
    args = parser().parse_args()
    try:
        return run_drafts(settings_for(args.data), args.on, args.again)
    except (SettingsError, MarketplaceError) as error:
        sys.stderr.write(f"{error}\n")
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, ValueError) as error:
        sys.stderr.write(f"{type(error).__name__}: {' '.join(str(error).split())}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main())
