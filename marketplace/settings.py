# ruff: noqa: RUF009 - `_from` makes a dataclass field, which is what belongs there
"""Every setting of the marketplace: typed, with its default, read from the environment once, at the start.

Code receives a `Settings` and never looks at the environment itself. `docs/settings.md` explains each one; a test keeps
that page, `deploy/env.example` and this file saying the same.
"""

import hashlib
import hmac
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import quote, urlsplit, urlunsplit

DatabaseRole = Literal["owner", "migrator", "app", "worker", "backup"]
MailSecurity = Literal["none", "starttls", "tls"]
LogLevel = Literal["debug", "info", "warning", "error"]

SHORTEST_SECRET = 32


class SettingsError(Exception):
    """A setting is missing or makes no sense; the message is one sentence naming the variable."""


def _text(name: str, raw: str) -> str:
    if "\x00" in raw:
        raise SettingsError(f"{name} holds a NUL character.")
    return raw


def _secret(name: str, raw: str) -> str:
    if len(raw) < SHORTEST_SECRET:
        raise SettingsError(
            f"{name} must be at least {SHORTEST_SECRET} characters long, for example 'openssl rand -hex 32'."
        )
    return raw


def _database_url(name: str, raw: str) -> str:
    try:
        parts = urlsplit(raw)
        _ = parts.port
    except ValueError:
        raise SettingsError(f"{name} is not a URL like postgresql://user:password@host:5432/marketplace.") from None
    if parts.scheme not in ("postgresql", "postgres") or parts.path in ("", "/"):
        raise SettingsError(f"{name} is not a URL like postgresql://user:password@host:5432/marketplace.")
    return raw


def _web_url(name: str, raw: str) -> str:
    try:
        parts = urlsplit(raw)
        _ = parts.port
    except ValueError:
        raise SettingsError(f"{name} is not an address like https://marketplace.example.org.") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise SettingsError(f"{name} is not an address like https://marketplace.example.org.")
    return raw.rstrip("/")


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _stripe_key(name: str, raw: str) -> str:
    if not raw.isascii() or not raw.startswith(("sk_test_", "sk_live_", "rk_test_", "rk_live_")):
        raise SettingsError(f"{name} is not a secret key of Stripe's, like sk_test_... or rk_live_...")
    return raw


def _scanner(name: str, raw: str) -> str:
    try:
        parts = urlsplit(raw)
        told = (parts.scheme == "tcp" and parts.hostname and parts.port) or (parts.scheme == "unix" and parts.path)
    except ValueError:
        told = False
    if not told:
        raise SettingsError(f"{name} is not an address like tcp://127.0.0.1:3310 or unix:///run/clamav/clamd.ctl.")
    return raw


def _whole(smallest: int, largest: int) -> Callable[[str, str], int]:
    def parse(name: str, raw: str) -> int:
        try:
            value = int(raw)
        except ValueError:
            value = smallest - 1
        if not smallest <= value <= largest:
            raise SettingsError(f"{name} must be a whole number from {smallest} to {largest}, not '{raw[:40]}'.")
        return value

    return parse


def _span(unit: str, longest: int) -> Callable[[str, str], timedelta]:
    whole = _whole(1, longest)

    def parse(name: str, raw: str) -> timedelta:
        return timedelta(**{unit: whole(name, raw)})

    return parse


def _switch(name: str, raw: str) -> bool:
    word = raw.strip().lower()
    if word in ("1", "true", "yes", "on"):
        return True
    if word in ("0", "false", "no", "off"):
        return False
    raise SettingsError(f"{name} must be 1 or 0, not '{raw[:40]}'.")


def _one_of(kind: Any) -> Callable[[str, str], Any]:
    words = get_args(kind)

    def parse(name: str, raw: str) -> Any:
        if raw not in words:
            raise SettingsError(f"{name} must be one of {', '.join(words)}, not '{raw[:40]}'.")
        return raw

    return parse


def _role_prefix(name: str, raw: str) -> str:
    if not (
        raw.isascii() and raw.replace("_", "").isalnum() and raw[0].isalpha() and raw == raw.lower() and len(raw) <= 40
    ):
        raise SettingsError(f"{name} must be small letters, digits and underscores, starting with a letter.")
    return raw


def _path(name: str, raw: str) -> Path:
    return Path(_text(name, raw)).expanduser()


def _from(variable: str, parse: Callable[[str, str], Any], default: Any = None, *, shown: bool = True) -> Any:
    """A field read from `variable`; `shown=False` keeps it out of repr, so that no log shows it."""
    return field(default=default, repr=shown, metadata={"variable": variable, "parse": parse})


_PORT = _whole(1, 65535)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What one deployment is told. Lengths of time are `timedelta`; the variables' names carry their unit."""

    database_url: str = _from("DATABASE_URL", _database_url, "", shown=False)
    secret: str = _from("MARKETPLACE_SECRET", _secret, "", shown=False)
    role_prefix: str = _from("MARKETPLACE_ROLE_PREFIX", _role_prefix, "marketplace")
    pool_smallest: int = _from("MARKETPLACE_POOL_SMALLEST", _whole(0, 1000), 2)
    pool_largest: int = _from("MARKETPLACE_POOL_LARGEST", _whole(1, 1000), 10)

    s3_endpoint: str = _from("S3_ENDPOINT", _web_url, "")
    s3_bucket: str = _from("S3_BUCKET", _text, "marketplace")
    s3_region: str = _from("S3_REGION", _text, "us-east-1")
    s3_access_key: str = _from("S3_ACCESS_KEY", _text, "", shown=False)
    s3_secret_key: str = _from("S3_SECRET_KEY", _text, "", shown=False)
    s3_browser_url: str = _from("S3_BROWSER_URL", _web_url, "")
    clamd: str = _from("CLAMD_ADDRESS", _scanner, "")

    smtp_host: str = _from("SMTP_HOST", _text, "")
    smtp_port: int = _from("SMTP_PORT", _PORT, 587)
    smtp_security: MailSecurity = _from("SMTP_SECURITY", _one_of(MailSecurity), "starttls")
    smtp_user: str = _from("SMTP_USER", _text, "")
    smtp_password: str = _from("SMTP_PASSWORD", _text, "", shown=False)
    smtp_from: str = _from("SMTP_FROM", _text, "Care marketplace <no-reply@localhost>")

    dbs_update_service_url: str = _from("DBS_UPDATE_SERVICE_URL", _web_url, "")
    dbs_update_service_organisation: str = _from("DBS_UPDATE_SERVICE_ORGANISATION", _text, "")

    stripe_secret_key: str = _from("STRIPE_SECRET_KEY", _stripe_key, "", shown=False)
    stripe_publishable_key: str = _from("STRIPE_PUBLISHABLE_KEY", _text, "")
    stripe_webhook_secret: str = _from("STRIPE_WEBHOOK_SECRET", _text, "", shown=False)
    stripe_api_url: str = _from("STRIPE_API_URL", _web_url, "")

    host: str = _from("MARKETPLACE_HOST", _text, "127.0.0.1")
    port: int = _from("MARKETPLACE_PORT", _PORT, 8000)
    admin_port: int = _from("MARKETPLACE_ADMIN_PORT", _PORT, 8001)
    files_port: int = _from("MARKETPLACE_FILES_PORT", _PORT, 8002)
    marketplace_url: str = _from("MARKETPLACE_URL", _web_url, "")
    admin_url: str = _from("MARKETPLACE_ADMIN_URL", _web_url, "")
    files_url: str = _from("MARKETPLACE_FILES_URL", _web_url, "")
    secure_cookies: bool = _from("MARKETPLACE_SECURE_COOKIES", _switch, True)
    forwarded_by: str = _from("MARKETPLACE_FORWARDED_BY", _text, "")

    session_idle: timedelta = _from("MARKETPLACE_SESSION_IDLE_MINUTES", _span("minutes", 1440), timedelta(minutes=60))
    session_absolute: timedelta = _from("MARKETPLACE_SESSION_HOURS", _span("hours", 168), timedelta(hours=12))
    access_token_life: timedelta = _from(
        "MARKETPLACE_ACCESS_TOKEN_MINUTES", _span("minutes", 60), timedelta(minutes=10)
    )
    refresh_token_life: timedelta = _from("MARKETPLACE_REFRESH_TOKEN_DAYS", _span("days", 90), timedelta(days=14))

    demo: bool = _from("MARKETPLACE_DEMO", _switch, False)
    data: Path = _from("MARKETPLACE_DATA", _path, Path(".data"))
    log_level: LogLevel = _from("MARKETPLACE_LOG_LEVEL", _one_of(LogLevel), "info")

    @classmethod
    def from_environment(cls, env: Mapping[str, str] = os.environ, **overrides: Any) -> "Settings":
        """Reads each variable that is set and not empty; `overrides` (by field name) win over the environment.

        Raises `SettingsError` with one sentence. The addresses of the two apps default to where they listen.
        """
        values: dict[str, Any] = {}
        for each in fields(cls):
            variable: str = each.metadata["variable"]
            raw = env.get(variable, "").strip()
            if raw:
                values[each.name] = each.metadata["parse"](variable, raw)
        values.update(overrides)
        settings = cls(**values)
        if not settings.marketplace_url:
            settings = replace(settings, marketplace_url=_local_address(settings.host, settings.port))
        if not settings.admin_url:
            settings = replace(settings, admin_url=_local_address(settings.host, settings.admin_port))
        settings._check_together()
        return settings

    def _check_together(self) -> None:
        """What no single variable can say of itself."""
        if self.pool_smallest > self.pool_largest:
            raise SettingsError("MARKETPLACE_POOL_SMALLEST is larger than MARKETPLACE_POOL_LARGEST.")
        if self.session_idle > self.session_absolute:
            raise SettingsError("MARKETPLACE_SESSION_IDLE_MINUTES is longer than MARKETPLACE_SESSION_HOURS.")
        if self.port == self.admin_port:
            raise SettingsError("MARKETPLACE_PORT and MARKETPLACE_ADMIN_PORT are the same: each app needs its own.")
        if self.files_url:
            if urlsplit(self.files_url).path:
                raise SettingsError("MARKETPLACE_FILES_URL must be a whole site, like https://files.example.org.")
            if self.files_port in (self.port, self.admin_port):
                raise SettingsError("MARKETPLACE_FILES_PORT is another site's port: the files need their own.")
            if _origin(self.files_url) in (_origin(self.marketplace_url), _origin(self.admin_url)):
                raise SettingsError("MARKETPLACE_FILES_URL is another site's address: the files need their own.")
        if bool(self.s3_access_key) != bool(self.s3_secret_key):
            raise SettingsError("S3_ACCESS_KEY and S3_SECRET_KEY belong together: set both or neither.")
        stripe = (self.stripe_secret_key, self.stripe_publishable_key, self.stripe_webhook_secret)
        if any(stripe) and not all(stripe):
            names = "STRIPE_SECRET_KEY, STRIPE_PUBLISHABLE_KEY and STRIPE_WEBHOOK_SECRET"
            raise SettingsError(f"{names} belong together: set all three or none.")

    def required(self, *names: str) -> "Settings":
        """Returns self, or raises `SettingsError` naming the variable of the first of these fields that is empty."""
        for each in fields(self):
            if each.name in names and not getattr(self, each.name):
                raise SettingsError(f"{each.metadata['variable']} is not set.")
        return self

    @property
    def admin_dsn(self) -> str:
        """The database as given: used to create the roles and nothing else."""
        return self.database_url

    def role(self, role: DatabaseRole) -> str:
        """The name of one of our five database roles."""
        return f"{self.role_prefix}_{role}"

    def role_password(self, role: DatabaseRole) -> str:
        """The password of a database role: derived, so that there is one secret to keep and to change."""
        return self.derived_key(f"database role {role}").hex()

    def derived_key(self, purpose: str) -> bytes:
        """32 bytes for one purpose: HMAC-SHA256 of its name under the secret. Different purposes, unrelated keys."""
        self.required("secret")
        return hmac.new(self.secret.encode(), purpose.encode(), hashlib.sha256).digest()

    def dsn(self, role: DatabaseRole) -> str:
        """`database_url` with the name and password of one of our roles in place of whatever it had."""
        self.required("database_url")
        parts = urlsplit(self.database_url)
        place = parts.netloc.rpartition("@")[2]
        person = f"{quote(self.role(role))}:{quote(self.role_password(role))}"
        return urlunsplit(parts._replace(netloc=f"{person}@{place}"))

    def environment(self) -> dict[str, str]:
        """The variables that make `from_environment` give these settings again: what `up` hands its children."""
        answer: dict[str, str] = {}
        for each in fields(self):
            answer[each.metadata["variable"]] = _as_variable(each.metadata["variable"], getattr(self, each.name))
        return answer


def variables() -> dict[str, str]:
    """Each variable's name, to its default as one would write it (empty when there is none)."""
    return {
        each.metadata["variable"]: _as_variable(each.metadata["variable"], each.default) for each in fields(Settings)
    }


def _local_address(host: str, port: int) -> str:
    shown = "localhost" if host in ("127.0.0.1", "0.0.0.0", "::", "::1") else host  # noqa: S104 - compared, not bound
    return f"http://{shown}:{port}"


def _as_variable(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, timedelta):
        seconds = {"SECONDS": 1, "MINUTES": 60, "HOURS": 3600, "DAYS": 86400}[name.rsplit("_", 1)[1]]
        return str(int(value.total_seconds()) // seconds)
    return str(value)
