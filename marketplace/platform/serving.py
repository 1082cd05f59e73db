"""One site in one process: settings, logs, uvicorn."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import uvicorn

from marketplace.platform.logs import set_up_logs
from marketplace.platform.processes import port_is_free
from marketplace.settings import Settings, SettingsError

GOODBYE_SECONDS = 5


def serve(create_app: Callable[[Settings], Any], name: str, arguments: Sequence[str], *needs: str) -> int:
    """Serve `create_app(settings)` until told to stop: `[--host HOST] [--port PORT]`. 2 for settings that are wrong,
    or missing among `needs`."""
    parser = argparse.ArgumentParser(prog=f"marketplace serve {name}")
    parser.add_argument("--host", help="where to listen (MARKETPLACE_HOST)")
    parser.add_argument("--port", type=int, help="the port (MARKETPLACE_PORT, for the console MARKETPLACE_ADMIN_PORT)")
    args = parser.parse_args(arguments)
    try:
        settings = Settings.from_environment().required("database_url", "secret", *needs)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    host = args.host or settings.host
    ports = {"marketplace": settings.port, "admin": settings.admin_port, "files": settings.files_port}
    port = args.port or ports[name]
    settings = replace(settings, host=host)
    if not port_is_free(host, port):
        sys.stderr.write(f"Port {port} on {host} is taken by another program: choose another with --port.\n")
        return 1
    app = create_app(settings)
    set_up_logs(settings.log_level)  # after the app: Litestar sets up logging of its own when one is made
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            log_config=None,
            server_header=False,
            lifespan="on",
            timeout_graceful_shutdown=GOODBYE_SECONDS,
            proxy_headers=bool(settings.forwarded_by),
            forwarded_allow_ips=settings.forwarded_by or None,
        )
    )
    server.run()
    return 0 if server.started else 1
