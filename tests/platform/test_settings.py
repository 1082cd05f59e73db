"""Settings: read once, complete, and one sentence naming the variable for each fault."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import unquote, urlsplit

import pytest

from marketplace.settings import Settings, SettingsError, variables

SECRET = "a secret of thirty-two characters or more"
GOOD = {"DATABASE_URL": "postgresql://admin:pw@db:5433/market?sslmode=require", "MARKETPLACE_SECRET": SECRET}


def test_nothing_set_gives_the_defaults() -> None:
    settings = Settings.from_environment({})
    assert (settings.port, settings.admin_port, settings.demo, settings.secure_cookies) == (8000, 8001, False, True)
    assert settings.marketplace_url == "http://localhost:8000"


def test_what_is_handed_to_a_child_process_comes_back_the_same() -> None:
    first = Settings.from_environment(
        GOOD | {"MARKETPLACE_DEMO": "yes", "MARKETPLACE_SESSION_IDLE_MINUTES": "15", "SMTP_SECURITY": "tls"},
        port=9000,
    )
    assert (first.session_idle, first.port, first.demo) == (timedelta(minutes=15), 9000, True)
    assert Settings.from_environment(first.environment()) == first
    assert set(first.environment()) == set(variables())


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DATABASE_URL", "mysql://a/b"),
        ("DATABASE_URL", "postgresql://host"),
        ("DATABASE_URL", "postgresql://host:port/name"),
        ("MARKETPLACE_SECRET", "short"),
        ("MARKETPLACE_ROLE_PREFIX", 'm"; DROP'),
        ("MARKETPLACE_PORT", "0"),
        ("MARKETPLACE_PORT", "65536"),
        ("MARKETPLACE_PORT", "8o00"),
        ("MARKETPLACE_DEMO", "maybe"),
        ("MARKETPLACE_URL", "marketplace.example.org"),
        ("MARKETPLACE_URL", "ftp://marketplace.example.org"),
        ("S3_ENDPOINT", "localhost:8333"),
        ("S3_BROWSER_URL", "files.example.org"),
        ("CLAMD_ADDRESS", "127.0.0.1:3310"),
        ("CLAMD_ADDRESS", "tcp://127.0.0.1"),
        ("SMTP_SECURITY", "ssl"),
        ("MARKETPLACE_LOG_LEVEL", "loud"),
        ("MARKETPLACE_SESSION_HOURS", "0"),
        ("S3_ACCESS_KEY", "alone"),
        ("MARKETPLACE_POOL_SMALLEST", "50"),
        ("MARKETPLACE_ADMIN_PORT", "8000"),
    ],
)
def test_a_fault_is_one_sentence_naming_the_variable(variable: str, value: str) -> None:
    with pytest.raises(SettingsError) as told:
        Settings.from_environment({variable: value})
    sentence = str(told.value)
    assert variable in sentence and "\n" not in sentence and sentence.endswith(".")


def test_what_a_command_needs_is_asked_for_by_name() -> None:
    with pytest.raises(SettingsError, match="MARKETPLACE_SECRET is not set"):
        Settings.from_environment({"DATABASE_URL": GOOD["DATABASE_URL"]}).required("database_url", "secret")


def test_each_role_signs_in_as_itself_at_the_same_place() -> None:
    settings = Settings.from_environment(GOOD)
    parts = urlsplit(settings.dsn("app"))
    assert (parts.hostname, parts.port, parts.path, parts.query) == ("db", 5433, "/market", "sslmode=require")
    assert parts.username == "marketplace_app"
    assert unquote(parts.password or "") == settings.role_password("app") != settings.role_password("worker")
    assert "pw" not in settings.dsn("app")
    other = Settings.from_environment(GOOD | {"MARKETPLACE_SECRET": SECRET + "!"})
    assert other.role_password("app") != settings.role_password("app")


def test_a_socket_is_a_place_too() -> None:
    settings = Settings.from_environment(GOOD | {"DATABASE_URL": "postgresql:///market?host=/run/postgresql"})
    assert urlsplit(settings.dsn("worker")).query == "host=/run/postgresql"


def test_no_secret_shows_when_settings_are_printed() -> None:
    shown = repr(
        Settings.from_environment(GOOD | {"SMTP_PASSWORD": "hush", "S3_ACCESS_KEY": "k", "S3_SECRET_KEY": "s3s"})
    )
    assert not [each for each in (SECRET, "hush", "s3s", "pw@") if each in shown]
