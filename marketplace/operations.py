"""Commands an operator runs against a database: `migrate`, `audit verify`."""

from __future__ import annotations

import argparse
import asyncio
import sys

import asyncpg

from marketplace.platform.migrate import DatabaseTooNew, migrate
from marketplace.settings import Settings, SettingsError


def say(sentence: str) -> None:
    sys.stdout.write(f"{sentence}\n")


def run_migrate(settings: Settings, _args: argparse.Namespace) -> int:
    """Apply what is missing; safe to run from several places at once."""
    ran = asyncio.run(migrate(settings, lambda description: say(f"applied: {description}")))
    say(f"{ran} migrations applied." if ran else "The database is up to date.")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="marketplace")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    commands.add_parser("migrate", help="bring the database to this version").set_defaults(run=run_migrate)
    args = parser.parse_args()
    try:
        return args.run(Settings.from_environment().required("database_url", "secret"), args)
    except (SettingsError, DatabaseTooNew) as error:
        sys.stderr.write(f"{error}\n")
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        sys.stderr.write(f"{type(error).__name__}: {' '.join(str(error).split())}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
