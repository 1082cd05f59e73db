"""`uv run python -m tests.benchmarks --scale 0.1`: every figure with its floor, in one run (README.md beside)."""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg

from marketplace.settings import Settings
from tests.benchmarks import four_weeks, search, stack, sweep, watch
from tests.benchmarks.machine import HEADING, Result
from tests.benchmarks.nation import nation

PARTS: dict[str, Callable[[Settings, asyncpg.Connection, int], Awaitable[list[Result]]]] = {
    "stack": stack.measure,
    "reach": search.measure,
    "sweep": sweep.measure,
    "four_weeks": four_weeks.measure,
    "watch": watch.measure,
}


async def run(folder: Path, scale: float, rounds: int, parts: list[str]) -> bool:
    async with nation(folder, scale) as (settings, migrator):
        results: list[Result] = []
        for part in parts:
            results += await PARTS[part](settings, migrator, rounds)
            print(f"{part} measured", flush=True)
    load = os.getloadavg()[0]
    print(f"\nScale {scale}, {rounds} rounds, {os.cpu_count()} cores, load {load:.1f}\n\n{HEADING}")
    for result in results:
        print(result.line())
    return all(result.ratio <= result.goal for result in results)


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.benchmarks")
    parser.add_argument("--scale", type=float, action="append", help="of the nation; may be given again (default 0.1)")
    parser.add_argument("--data", type=Path, help="keep the nations below this folder, and use those that are there")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=sorted(PARTS), action="append")
    args = parser.parse_args()
    met = True
    with tempfile.TemporaryDirectory() as scratch:
        for scale in args.scale or [0.1]:
            folder = (args.data or Path(scratch)) / f"nation-{scale}"
            met &= asyncio.run(run(folder, scale, args.rounds, args.only or list(PARTS)))
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main())
