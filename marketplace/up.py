"""`marketplace up`: everything on this machine, from nothing, with one command.

Checks what can be checked before anything is started; then the embedded servers (unless DATABASE_URL or S3_ENDPOINT
name others), migrations, both sites and the worker; then watches them until told to stop, and stops them all.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import asyncpg

from marketplace.platform.card_stand_in import CardStandIn, wanted, with_stand_in
from marketplace.platform.errors import MarketplaceError
from marketplace.platform.migrate import DatabaseTooNew, migrate
from marketplace.platform.object_store import REGION, ObjectStore
from marketplace.platform.postgres_server import PostgresServer
from marketplace.platform.processes import (
    ServerError,
    launch_command,
    port_is_free,
    tail,
    writable_folder,
    write_private,
)
from marketplace.platform.storage import Storage
from marketplace.platform.supervisor import RUNNING, Child, FolderLock, wait_until_healthy
from marketplace.settings import Settings, SettingsError

DATABASE = "marketplace"
HEALTH_SECONDS = 60.0
LINGERING_SECONDS = 5.0
OPEN_HOSTS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound
DEMO, REAL = "demo", "real"


class Stopped(KeyboardInterrupt):
    """We were told to stop. A KeyboardInterrupt, which asyncio lets through from anywhere."""


def say(sentence: str) -> None:
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


@contextmanager
def step(doing: str) -> Iterator[None]:
    """Shows what is being done, and how long it took."""
    sys.stdout.write(f"{doing:<46} ")
    sys.stdout.flush()
    began = time.monotonic()
    try:
        yield
    except BaseException:
        sys.stdout.write("failed\n")
        sys.stdout.flush()
        raise
    say(f"done ({time.monotonic() - began:.1f} s)")


class Deployment:
    """Everything one `up` has started."""

    def __init__(self, settings: Settings, env: dict[str, str], *, postgres: bool, objects: bool) -> None:
        self.settings = settings
        self.env = env
        self.data = settings.data
        self.postgres = PostgresServer(self.data / "postgres") if postgres else None
        self.objects = ObjectStore(self.data / "objects", bucket=settings.s3_bucket) if objects else None
        self.children: list[Child] = []
        self.finished = False
        self.cards = False  # whether a stand-in takes the demo's cards

    def start_servers(self) -> None:
        if self.objects:
            # It needs a second to itself: meanwhile the rest goes on, and `finish_servers` waits for it.
            self.objects.begin()
            self.settings = replace(
                self.settings,
                s3_endpoint=self.objects.endpoint,
                s3_region=REGION,
                s3_access_key=self.objects.access_key,
                s3_secret_key=self.objects.secret_key,
            )
        if self.postgres:
            with step("Starting PostgreSQL"):
                self.postgres.start()
                self.postgres.create_database(DATABASE)
            self.settings = replace(self.settings, database_url=self.postgres.url(DATABASE))
        self.cards = wanted(self.settings)
        if self.cards:
            self.settings = with_stand_in(self.settings)

    def migrate(self) -> None:
        ran: list[str] = []
        with step("Bringing the database to this version"):
            asyncio.run(migrate(self.settings, ran.append))
        for description in ran:
            say(f"  applied: {description}")
        write_private(self.data / RUNNING, json.dumps(self.settings.environment()))

    def finish_servers(self) -> None:
        """Wait for the store for files, unless that is done."""
        if self.finished:
            return
        self.finished = True
        if self.objects:
            with step("Starting the store for files (S3)"):
                was = self.objects.endpoint
                self.objects.finish()
                if self.objects.endpoint != was:
                    self._follow_the_store()
        else:
            with step("Looking for the store for files (S3)"):
                storage = Storage.from_settings(self.settings)
                storage.ensure_bucket()
                if self.settings.s3_browser_url:
                    storage.let_pages_upload(self.settings.marketplace_url)

    def _follow_the_store(self) -> None:
        """A port of the store was taken while it started: whoever was told the old one starts again with the new."""
        assert self.objects is not None
        self.settings = replace(self.settings, s3_endpoint=self.objects.endpoint)
        write_private(self.data / RUNNING, json.dumps(self.settings.environment()))
        for child in [each for each in self.children if not isinstance(each, CardStandIn)]:
            child.ask_to_stop()
            child.stop()
            child.environment = dict(self.environment())
            child.start()

    def start_cards(self) -> None:
        """The stand-in for the card company, where there is to be one: the demo's family pays while it is loaded."""
        if self.cards and not any(isinstance(each, CardStandIn) for each in self.children):
            logs = writable_folder(self.data / "logs")
            self.start_child(CardStandIn(self.settings, logs / "cards.log", self.environment()))

    def start_children(self) -> None:
        logs = writable_folder(self.data / "logs")
        environment = self.environment()
        site = Child("marketplace", "marketplace.serve", ["marketplace"], logs / "marketplace.log", environment)
        console = Child("commissioner's console", "admin.serve", [], logs / "console.log", environment)
        worker = Child("job worker", "marketplace.worker", [], logs / "worker.log", environment)
        host = OPEN_HOSTS.get(self.settings.host, self.settings.host)
        self.start_cards()
        self.start_child(site)
        self.start_child(console)
        files = Child("site of files", "marketplace.serve", ["files"], logs / "files.log", environment)
        if self.settings.files_url:
            self.start_child(files)
        self.finish_servers()
        with step("Starting the marketplace"):
            wait_until_healthy(site, host, self.settings.port, HEALTH_SECONDS, self.watch)
        with step("Starting the commissioner's console"):
            wait_until_healthy(console, host, self.settings.admin_port, HEALTH_SECONDS, self.watch)
        if self.settings.files_url:
            with step("Starting the site of files"):
                wait_until_healthy(files, host, self.settings.files_port, HEALTH_SECONDS, self.watch)
        with step("Starting the job worker"):
            self.start_child(worker)

    def start_child(self, child: Child) -> None:
        self.children.append(child)
        child.start()

    def environment(self) -> dict[str, str]:
        """What our own modules are started with. Their bytecode is kept with the data: a start takes half the time
        even where it cannot be kept beside the code."""
        kept = {name: value for name, value in self.env.items() if name != "PYTHONDONTWRITEBYTECODE"}
        return kept | self.settings.environment() | {"PYTHONPYCACHEPREFIX": str(self.data / "bytecode")}

    def load_demo(self) -> str:
        """Runs the demo's own loader, which does nothing to a database that has it; returns the table it prints."""
        if not (self.data / "demo-loaded").exists():
            say("Loading the demo (this once it takes a while)")
        done = subprocess.run(  # noqa: S603 - our own module
            launch_command([sys.executable, "-P", "-m", "marketplace.demo", "load"], death_signal=signal.SIGKILL),
            env=self.environment(),
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise ServerError("The demo could not be loaded; what it said is above.")
        return done.stdout

    def watch(self) -> None:
        """Raises `ServerError` when a part has died; a dead worker or stand-in is started again, within limits."""
        for name, server in (("PostgreSQL", self.postgres), ("The store for files", self.objects)):
            if server and server.process and server.process.poll() is not None:
                raise ServerError(f"{name} ended by itself ({server.log}): {tail(server.log, 2)}")
        for child in self.children:
            if child.exit_code is None:
                continue
            if child.module not in ("marketplace.worker", "localstripe") or not child.may_restart():
                raise ServerError(
                    f"The {child.name} ended by itself with code {child.exit_code} ({child.log}): {child.last_words()}"
                )
            say(f"The {child.name} ended with code {child.exit_code}: starting it again.")
            child.start()

    def stop(self) -> None:
        """Everything, last started first; each is reaped."""
        (self.data / RUNNING).unlink(missing_ok=True)
        for child in self.children:
            child.ask_to_stop()
        for child in self.children:
            child.stop()
        if self.objects:
            self.objects.stop()
        if self.postgres:
            self.postgres.stop()


def main() -> int:
    """Runs until stopped. 0: stopped as told; 1: something failed, in one sentence; 2: asked for wrongly."""
    args = arguments(sys.argv[1:])
    env = dict(os.environ)
    try:
        return run(args, env)
    except SettingsError as error:
        return fail(str(error), 2)
    except (ServerError, DatabaseTooNew) as error:
        return fail(str(error))
    except MarketplaceError as error:
        return fail(error.sentence)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        return fail(f"{type(error).__name__}: {' '.join(str(error).split())}")


def fail(sentence: str, code: int = 1) -> int:
    sys.stderr.write(f"{sentence}\n")
    return code


def arguments(given: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="marketplace up", description="Starts the whole marketplace on this machine; Ctrl-C stops all of it."
    )
    parser.add_argument("--demo", action="store_true", help="fill it with the demo's made-up world and show sign-ins")
    parser.add_argument("--data", type=Path, metavar="DIR", help="where everything is kept (MARKETPLACE_DATA, .data)")
    parser.add_argument("--port", type=int, metavar="N", help="the marketplace's port (MARKETPLACE_PORT, 8000)")
    parser.add_argument("--admin-port", type=int, metavar="N", help="the console's (MARKETPLACE_ADMIN_PORT, 8001)")
    parser.add_argument("--host", metavar="ADDRESS", help="where to listen (MARKETPLACE_HOST, 127.0.0.1)")
    return parser.parse_args(given)


def run(args: argparse.Namespace, env: dict[str, str]) -> int:
    """The whole of `up`."""
    chosen: dict[str, Any] = {
        "data": args.data,
        "port": args.port,
        "admin_port": args.admin_port,
        "host": args.host,
        "demo": args.demo or None,
    }
    settings = Settings.from_environment(env, **{name: value for name, value in chosen.items() if value is not None})
    settings = replace(settings, data=settings.data.absolute())
    writable_folder(settings.data)
    settings.data.chmod(0o700)
    lock = FolderLock(settings.data)
    after_crash = lock.take()
    try:
        settings = replace(settings, demo=keep_kind(settings.data, settings.demo))
        settings = replace(settings, secret=settings.secret or keep_secret(settings.data))
        check_ports(settings, LINGERING_SECONDS if after_crash else 0)
        deployment = Deployment(settings, env, postgres=not settings.database_url, objects=not settings.s3_endpoint)
        try:
            with told_to_stop():
                bring_up(deployment)
                while True:
                    deployment.watch()
                    time.sleep(0.5)
        except Stopped:
            return 0
        finally:
            with undisturbed():
                say("Stopping.")
                deployment.stop()
    finally:
        lock.release()


def bring_up(deployment: Deployment) -> None:
    deployment.start_servers()
    deployment.migrate()
    table, demo, loaded = "", deployment.settings.demo, deployment.data / "demo-loaded"
    if demo and not loaded.exists():
        # Before anything else runs: the demo's story begins weeks ago, and a worker would see all of it as late.
        deployment.finish_servers()
        deployment.start_cards()
        table = deployment.load_demo()
        loaded.touch()
    deployment.start_children()
    if demo and not table:
        table = deployment.load_demo()
    settings = deployment.settings
    say("")
    say(f"The marketplace:            {settings.marketplace_url}")
    say(f"The commissioner's console: {settings.admin_url}")
    if table.strip():
        say("")
        say(table.rstrip())
    say("")
    if not settings.demo:
        say(f"To let the first person in: marketplace operator invite EMAIL NAME --data {settings.data}")
    if settings.host not in ("127.0.0.1", "localhost", "::1") and not settings.marketplace_url.startswith("https:"):
        say("Browsers on other devices only sign in over HTTPS: put a proxy with TLS in front (docs/settings.md).")
    say(f"Everything is kept in {settings.data}. Ctrl-C stops all of it.")


def keep_secret(data: Path) -> str:
    """The folder's own secret, made at the first start and readable by us alone."""
    path = data / "secret"
    if not path.exists():
        write_private(path, secrets.token_hex(32))
    return path.read_text().strip()


def keep_kind(data: Path, demo: bool) -> bool:
    """Whether this folder holds the demo: decided at its first start, and never mixed with anybody's real data."""
    path = data / "kind"
    if not path.exists():
        path.write_text(DEMO if demo else REAL)
    known = path.read_text().strip()
    if demo and known != DEMO:
        raise ServerError(f"{data} holds a marketplace that is not the demo: choose another folder with --data.")
    return known == DEMO


def check_ports(settings: Settings, patience: float) -> None:
    """Before anything is started. A killed predecessor's sites may take a moment to be gone: `patience` seconds."""
    deadline = time.monotonic() + patience
    ports = [("--port", settings.port), ("--admin-port", settings.admin_port)]
    if settings.files_url:
        ports.append(("MARKETPLACE_FILES_PORT", settings.files_port))
    for option, port in ports:
        if not 1 <= port <= 65535:
            raise SettingsError(f"{option} must be a number from 1 to 65535, not {port}.")
        while not port_is_free(settings.host, port):
            if time.monotonic() > deadline:
                raise ServerError(
                    f"Port {port} on {settings.host} is taken by another program: choose another with {option}."
                )
            time.sleep(0.1)


@contextmanager
def told_to_stop() -> Iterator[None]:
    """Ctrl-C, a polite kill or a closed terminal raise `Stopped` wherever we are."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise Stopped

    with signals(stop):
        yield


@contextmanager
def undisturbed() -> Iterator[None]:
    """While everything is being stopped, further signals wait for nothing: they are not needed."""
    with signals(signal.SIG_IGN):
        yield


@contextmanager
def signals(action: Callable[[int, FrameType | None], Any] | int) -> Iterator[None]:
    before = {each: signal.signal(each, action) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
    sys.exit(0)
