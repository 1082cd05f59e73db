"""Files: an S3 bucket with versions. The only place that imports boto3.

What is stored is not trusted to stay as it was: the caller keeps the SHA-256 in PostgreSQL and compares. Reads name the
version, since whoever holds a presigned form can replace the head of its key until the form runs out.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit, urlunsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from marketplace.platform.errors import NotFound, Unavailable
from marketplace.settings import Settings

ABSENT = {"404", "NoSuchKey", "NoSuchVersion", "NoSuchBucket", "NotFound"}


@dataclass(frozen=True)
class StoredFile:
    """One version of one file: `sha256` in hex, `size` in bytes."""

    key: str
    version: str
    sha256: str
    size: int


class Storage:
    """A bucket. Methods raise `NotFound` for what is not there and `Unavailable` when the store does not answer."""

    listed_at_once = 1_000  # what S3 lists at the most

    def __init__(
        self,
        *,
        endpoint: str,
        bucket: str,
        region: str,
        access_key: str,
        secret_key: str,
        patience: float = 10.0,
        browser_url: str = "",
    ) -> None:
        self.bucket = bucket
        self.browser_url = browser_url
        self._client: Any = boto3.client(
            "s3",
            endpoint_url=endpoint or None,
            region_name=region,
            aws_access_key_id=access_key or None,
            aws_secret_access_key=secret_key or None,
            config=Config(
                # Path style: an endpoint of our own has no wildcard name for its buckets.
                s3={"addressing_style": "path" if endpoint else "auto"},
                signature_version="s3v4",
                connect_timeout=patience,
                read_timeout=patience,
                retries={"total_max_attempts": 3, "mode": "standard"},
            ),
        )

    @classmethod
    def from_settings(cls, settings: Settings) -> Storage:
        return cls(
            endpoint=settings.s3_endpoint,
            bucket=settings.s3_bucket,
            region=settings.s3_region,
            access_key=settings.s3_access_key,
            secret_key=settings.s3_secret_key,
            browser_url=settings.s3_browser_url,
        )

    # At start: these wait --------------------------------------------------------------------------------------------

    def answers(self) -> bool:
        """Whether the store answers a real, signed request (that the bucket is missing is an answer)."""
        try:
            self._call("head_bucket")
        except NotFound:
            return True
        except Unavailable:
            return False
        return True

    def ensure_bucket(self) -> None:
        """Make the bucket unless it is there, and have it keep versions."""
        try:
            self._call("head_bucket")
        except NotFound:
            self._call("create_bucket")
        if self._call("get_bucket_versioning").get("Status") != "Enabled":
            self._call("put_bucket_versioning", VersioningConfiguration={"Status": "Enabled"})

    def let_pages_upload(self, *origins: str) -> None:
        """Have browsers on these sites' pages send files straight to the bucket and read whether they arrived."""
        rule = {
            "AllowedOrigins": list(origins),
            "AllowedMethods": ["POST"],
            "AllowedHeaders": ["*"],
            "MaxAgeSeconds": 600,
        }
        self._call("put_bucket_cors", CORSConfiguration={"CORSRules": [rule]})

    # While serving: these give way -----------------------------------------------------------------------------------

    async def put(self, key: str, body: bytes, content_type: str) -> StoredFile:
        """Store a new version of `key`."""
        answer = await self._soon("put_object", Key=key, Body=body, ContentType=content_type)
        return StoredFile(key, answer.get("VersionId", ""), hashlib.sha256(body).hexdigest(), len(body))

    async def put_file(self, key: str, file: IO[bytes], content_type: str) -> str:
        """Store what the open file holds as a new version of `key`; answers the version."""
        answer = await self._soon("put_object", Key=key, Body=file, ContentType=content_type)
        return answer.get("VersionId", "")

    async def fetch(self, key: str, version: str, to: Path, *, largest: int) -> StoredFile:
        """Copy a version into a file, summing it on the way. A longer one is cut off and answers its size so far."""
        answer = await self._soon("get_object", Key=key, VersionId=version)

        def copy() -> tuple[str, int]:
            total, size = hashlib.sha256(), 0
            with to.open("wb") as file:
                while size <= largest and (part := answer["Body"].read(1_000_000)):
                    total.update(part)
                    size += len(part)
                    file.write(part)
            return total.hexdigest(), size

        try:
            sha256, size = await asyncio.to_thread(copy)
        except BotoCoreError as error:
            raise Unavailable("The store for files does not answer. Try again in a moment.") from error
        return StoredFile(key, version, sha256, size)

    async def newest(self, key: str) -> tuple[str, int]:
        """The newest version of `key` and its bytes, without fetching it."""
        answer = await self._soon("head_object", Key=key)
        return answer.get("VersionId", ""), int(answer["ContentLength"])

    async def versions(self, key: str) -> list[str]:
        """Every version kept of `key`, marks of deletion included."""
        return [version for found, version in await self.under(key) if found == key]

    async def under(self, prefix: str) -> list[tuple[str, str]]:
        """(key, version) of everything kept whose key begins so, marks of deletion included, however many."""
        found: dict[tuple[str, str], None] = {}
        further: dict[str, str] = {}
        while True:
            answer = await self._soon("list_object_versions", Prefix=prefix, MaxKeys=self.listed_at_once, **further)
            rows = [*answer.get("Versions", ()), *answer.get("DeleteMarkers", ())]
            before = len(found)
            found |= dict.fromkeys((row["Key"], row["VersionId"]) for row in rows)
            if not answer.get("IsTruncated"):
                return list(found)
            if len(found) == before:  # a store that never comes to its end
                raise Unavailable("The store for files does not answer. Try again in a moment.")
            further = {"KeyMarker": answer["NextKeyMarker"], "VersionIdMarker": answer["NextVersionIdMarker"]}

    async def get(self, key: str, version: str | None = None) -> bytes:
        """The bytes of a version, or of the newest one."""
        answer = await self._soon("get_object", Key=key, **_of(version))
        return await asyncio.to_thread(answer["Body"].read)

    async def part(self, key: str, version: str, first: int, last: int) -> bytes:
        """The bytes of a version from `first` to `last` inclusive, and no others."""
        answer = await self._soon("get_object", Key=key, VersionId=version, Range=f"bytes={first}-{last}")
        try:
            return await asyncio.to_thread(answer["Body"].read)
        except BotoCoreError as error:
            raise Unavailable("The store for files does not answer. Try again in a moment.") from error

    async def size(self, key: str, version: str | None = None) -> int:
        """Bytes of a version, without fetching it."""
        return int((await self._soon("head_object", Key=key, **_of(version)))["ContentLength"])

    async def delete(self, key: str, version: str) -> None:
        """Delete one version for good; the others stay."""
        await self._soon("delete_object", Key=key, VersionId=version)

    def link(self, key: str, version: str, *, file_name: str, lifetime: timedelta) -> str:
        """An address that gives this version to whoever holds it, as a download, until it runs out."""
        return self._client.generate_presigned_url(
            "get_object",
            Params={
                "Bucket": self.bucket,
                "Key": key,
                "VersionId": version,
                "ResponseContentDisposition": f'attachment; filename="{_plain_name(file_name)}"',
            },
            ExpiresIn=int(lifetime.total_seconds()),
        )

    def upload_form(self, key: str, *, content_type: str, largest: int, lifetime: timedelta) -> dict[str, Any]:
        """`url` and `fields` of a form with which a browser may upload one file of at most `largest` bytes to `key`.

        The address is the one browsers reach the store at; the signature covers the fields, not the host.
        """
        form = self._client.generate_presigned_post(
            self.bucket,
            key,
            Fields={"Content-Type": content_type},
            Conditions=[["content-length-range", 1, largest], {"Content-Type": content_type}],
            ExpiresIn=int(lifetime.total_seconds()),
        )
        if self.browser_url:
            there = urlsplit(self.browser_url)
            form["url"] = urlunsplit(urlsplit(form["url"])._replace(scheme=there.scheme, netloc=there.netloc))
        return form

    # How -------------------------------------------------------------------------------------------------------------

    def _call(self, operation: str, **arguments: Any) -> Any:
        try:
            return getattr(self._client, operation)(Bucket=self.bucket, **arguments)
        except ClientError as error:
            if str(error.response.get("Error", {}).get("Code", "")) in ABSENT:
                raise NotFound("This file is not there.") from None
            raise Unavailable("The store for files refused what we asked of it. Try again in a moment.") from error
        except BotoCoreError as error:
            raise Unavailable("The store for files does not answer. Try again in a moment.") from error

    async def _soon(self, operation: str, **arguments: Any) -> Any:
        return await asyncio.to_thread(self._call, operation, **arguments)


def _of(version: str | None) -> dict[str, str]:
    return {"VersionId": version} if version else {}


def _plain_name(file_name: str) -> str:
    """A file name that cannot end the header it stands in."""
    kept = "".join(each for each in file_name if each.isascii() and (each.isalnum() or each in " ._-"))
    return kept.strip(" .")[:100] or "file"
