"""`python -m marketplace.demo load`: fills an empty database with the demo's world and prints the sign-ins.

Progress goes to standard error, the table to standard output. 0: loaded, or there already; 1: it could not be, in one
sentence; 2: asked for wrongly.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from pathlib import Path

import asyncpg
import structlog

from marketplace.demo.load import DemoRefused, load
from marketplace.demo.signins import table
from marketplace.operations import settings_for
from marketplace.platform.errors import MarketplaceError
from marketplace.settings import SettingsError


def say(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()


def main() -> int:
    parser = argparse.ArgumentParser(prog="marketplace demo", description="The demo's made-up world.")
    commands = parser.add_subparsers(required=True, metavar="WHAT")
    loading = commands.add_parser("load", help="fill an empty database with it, and print the sign-ins")
    loading.add_argument(
        "--data", type=Path, metavar="DIR", help="use the settings of the 'up' that runs on this folder"
    )
    args = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    try:
        settings = settings_for(args.data).required("database_url", "secret")
        asyncio.run(load(settings, say))
    except SettingsError as error:
        say(str(error))
        return 2
    except DemoRefused as error:
        say(str(error))
        return 1
    except MarketplaceError as error:
        say(f"The demo could not be loaded: {error.sentence} {getattr(error, 'fields', '')}".rstrip())
        return 1
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        say(f"{type(error).__name__}: {' '.join(str(error).split())}")
        return 1
    sys.stdout.write(f"{table(settings)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
