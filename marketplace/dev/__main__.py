"""`marketplace dev national --scale S [--seed N] [--on DAY] --data DIR`: lay the national data set.

Progress goes to standard error. 0: laid; 1: it could not be, in one sentence; 2: asked for wrongly.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import asyncpg

from marketplace.dev.national import Nation, NationalRefused, fingerprint, lay
from marketplace.operations import settings_for
from marketplace.policy.calendar import local_day
from marketplace.settings import Settings, SettingsError


def say(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()


def main() -> int:
    parser = argparse.ArgumentParser(prog="marketplace dev", description="For whoever works on the marketplace.")
    commands = parser.add_subparsers(required=True, metavar="WHAT")
    national = commands.add_parser("national", help="fill an empty database with a made-up nation, to measure with")
    national.add_argument(
        "--scale", type=float, required=True, metavar="S", help="1.0: the whole nation; 0.01: seconds"
    )
    national.add_argument("--seed", type=int, default=1, metavar="N", help="the same seed makes the same rows")
    national.add_argument(
        "--on", type=date.fromisoformat, metavar="DAY", help="as it stands on that day (default: today)"
    )
    national.add_argument(
        "--data", type=Path, metavar="DIR", help="use the settings of the 'up' that runs on this folder"
    )
    national.add_argument("--fingerprint", action="store_true", help="print a hash of the content at the end")
    args = parser.parse_args()
    nation = Nation(args.scale, args.seed, args.on or local_day(datetime.now(UTC)))
    try:
        settings = settings_for(args.data).required("database_url", "secret")
        asyncio.run(run(settings, nation, args.fingerprint))
    except SettingsError as error:
        say(str(error))
        return 2
    except NationalRefused as error:
        say(str(error))
        return 1
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        say(f"{type(error).__name__}: {' '.join(str(error).split())}")
        return 1
    return 0


async def run(settings: Settings, nation: Nation, with_fingerprint: bool) -> None:
    """Lay it, print how many rows each table has, and the fingerprint where it is asked for."""
    for table, rows in (await lay(settings, nation, say)).items():
        sys.stdout.write(f"{table:24}{rows:>12,}\n")
    if with_fingerprint:
        connection = await asyncpg.connect(settings.dsn("migrator"))
        try:
            sys.stdout.write(f"{'fingerprint':24}{await fingerprint(connection):>34}\n")
        finally:
            await connection.close()


if __name__ == "__main__":
    sys.exit(main())
