"""Logs: one JSON object a line on standard output, with the request's id, and no personal data.

What protects people here: fields whose names tell of a secret or a person are replaced; an exception is written as its
type and its places in the code, without its message (a database's message quotes the row); the server's request lines
carry the route's pattern instead of the address, and never a query string. Code that logs gives ids and codes only.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import MutableMapping
from pathlib import Path
from types import TracebackType
from typing import Any

import structlog

from marketplace.platform.processes import ServerError
from marketplace.settings import SettingsError

Event = MutableMapping[str, Any]

HIDDEN = "[hidden]"
SENSITIVE = re.compile(
    r"pass(word|code|phrase)?$|pin$|token|secret|cookie|authori[sz]ation|session|credential|api_?key|csrf"
    r"|name$|e?mail|address|postcode|phone|birth|dob$|nhs|note|text$|body|subject$|portrait|message$|payload",
    re.IGNORECASE,
)
# Our own words under names that look like a person's.
HARMLESS = {"event_name", "job_name", "sweep_name", "logger_name", "route_name", "host_name"}
# Errors whose message is ours or the operating system's, about files, ports and settings.
SPEAKING = (OSError, ImportError, SettingsError, ServerError)
ADDRESS_PART = re.compile(r"/[^/]{13,}")


def set_up_logs(level: str) -> None:
    """Send structlog's and the standard library's records through the same processors. Call at
    start, after what brings its own set-up (a Litestar app) is made."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        describe_request_line,
        describe_exception,
        hide_sensitive,
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            pass_foreign_args=True,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(sort_keys=True),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    # Whatever a library has set up for itself (uvicorn, Litestar when its app is made) goes our way instead.
    for logger in logging.root.manager.loggerDict.values():
        if isinstance(logger, logging.Logger):
            logger.handlers, logger.propagate = [], True
    for name in ("botocore", "boto3", "urllib3", "asyncio", "aiosmtplib"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # It logs the exceptions of jobs with their messages; ours are already logged, without.
    logging.getLogger("pgqueuer").setLevel(logging.CRITICAL)


def hide_sensitive(_logger: Any, _method: str, event: Event) -> Event:
    """Replace the values of fields whose names tell of a secret or of a person, at any depth."""
    for key in event:
        if key not in ("event", "level", "at", "logger", "where"):
            event[key] = _cleaned(key, event[key])
    return event


def _cleaned(key: str, value: Any) -> Any:
    if isinstance(value, dict):
        return {inner: _cleaned(str(inner), each) for inner, each in value.items()}
    if key not in HARMLESS and SENSITIVE.search(key):
        return HIDDEN
    if isinstance(value, list | tuple):
        return [_cleaned(key, each) for each in value]
    return value


def describe_exception(_logger: Any, _method: str, event: Event) -> Event:
    """`exc_info` becomes `error` (the type, its message where that is harmless) and `where` (places in the code)."""
    given = event.pop("exc_info", None)
    if not given:
        return event
    error = given if isinstance(given, BaseException) else sys.exc_info()[1]
    if isinstance(given, tuple):
        error = given[1]
    if error is not None:
        event["error"] = name_of(error)
        event["where"] = places_of(error.__traceback__)
    if isinstance(record := event.get("_record"), logging.LogRecord):
        record.exc_info, record.exc_text = None, None
    return event


def name_of(error: BaseException) -> str:
    """An exception's type, with its message only when that cannot quote anybody's data."""
    kind = type(error).__name__
    return f"{kind}: {error}" if isinstance(error, SPEAKING) else kind


def places_of(trace: TracebackType | None, most: int = 12) -> list[str]:
    """`file:line function` of the innermost places, outermost first."""
    found = traceback.extract_tb(trace)[-most:]
    return [f"{'/'.join(Path(each.filename).parts[-3:])}:{each.lineno} {each.name}" for each in found]


def describe_request_line(_logger: Any, _method: str, event: Event) -> Event:
    """uvicorn's request line, without the client's address and the query; the route's pattern where it is known."""
    record, arguments = event.get("_record"), event.pop("positional_args", ())
    if not isinstance(record, logging.LogRecord) or record.name != "uvicorn.access":
        return event
    if isinstance(arguments, tuple) and len(arguments) == 5:
        _client, method, path, _version, status = arguments
        # Without a route: the address, long parts of it (ids, tokens) left out.
        plain = ADDRESS_PART.sub("/...", str(path).partition("?")[0])
        event.update(event="request", method=method, status=status, route=event.get("route") or plain)
    return event
