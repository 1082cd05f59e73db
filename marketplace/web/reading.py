"""Reading what a form sent, once, within limits.

Litestar's own parser keeps the last thousand bodies in a cache (passwords among them) and takes ten megabytes of
them, so url-encoded forms are parsed here. Files come as multipart and are left to Litestar.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from litestar import Request
from litestar.datastructures import UploadFile

from marketplace.platform.errors import TooLarge

Submitted = dict[str, list[str]]
STATE_KEY = "submitted_form"
LARGEST_FORM = 1_000_000
MOST_FIELDS = 2_000
AROUND_A_FILE = 100_000  # bytes of a form beside its file


async def read_form(request: Request[Any, Any, Any]) -> Submitted:
    """Every text field of the submitted form in the order sent; files are had by `read_files`.

    Read once a request: the protection against forged requests reads it first. Raises TooLarge.
    """
    kept: dict[str, Any] = request.scope["state"]
    if STATE_KEY not in kept:
        kept[STATE_KEY] = await _read(request)
    return kept[STATE_KEY]


async def read_files(
    request: Request[Any, Any, Any], *, largest: int | None = None, too_large: str = "More was sent than can be taken."
) -> dict[str, list[UploadFile]]:
    """The files of a multipart form, by field; an untouched file field is left out.

    With `largest`, the bytes the one file may have: more is not read to its end. Raises TooLarge, then, with the
    sentence given.
    """
    if largest is not None:
        _stop_at(request, largest + AROUND_A_FILE, too_large)
    files: dict[str, list[UploadFile]] = {}
    if request.content_type[0] == "multipart/form-data":
        for name, value in (await request.form()).multi_items():
            if isinstance(value, UploadFile) and value.filename:
                files.setdefault(name, []).append(value)
    return files


def _stop_at(request: Request[Any, Any, Any], most: int, sentence: str) -> None:
    if (request.content_length or 0) > most:
        raise TooLarge(sentence)
    receive, taken = request.receive, 0

    async def counted() -> Any:
        nonlocal taken
        event: Any = await receive()
        taken += len(event.get("body", b""))
        if taken > most:
            raise TooLarge(sentence)
        return event

    request.receive = counted


async def _read(request: Request[Any, Any, Any]) -> Submitted:
    fields: Submitted = {}
    kind = request.content_type[0]
    if kind == "application/x-www-form-urlencoded":
        if (request.content_length or 0) > LARGEST_FORM:
            raise TooLarge("More text was sent than a form of this service can take.")
        body = await request.body()
        if len(body) > LARGEST_FORM:
            raise TooLarge("More text was sent than a form of this service can take.")
        try:
            pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
        except ValueError:
            raise TooLarge("More fields were sent than a form of this service has.") from None
    elif kind == "multipart/form-data":
        pairs = [(name, value) for name, value in (await request.form()).multi_items() if isinstance(value, str)]
    else:
        pairs = []
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    return fields
