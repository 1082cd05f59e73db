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


async def read_form(request: Request[Any, Any, Any]) -> Submitted:
    """Every text field of the submitted form in the order sent; files are had by `read_files`.

    Read once a request: the protection against forged requests reads it first. Raises TooLarge.
    """
    kept: dict[str, Any] = request.scope["state"]
    if STATE_KEY not in kept:
        kept[STATE_KEY] = await _read(request)
    return kept[STATE_KEY]


async def read_files(request: Request[Any, Any, Any]) -> dict[str, list[UploadFile]]:
    """The files of a multipart form, by field; an untouched file field is left out."""
    files: dict[str, list[UploadFile]] = {}
    if request.content_type[0] == "multipart/form-data":
        for name, value in (await request.form()).multi_items():
            if isinstance(value, UploadFile) and value.filename:
                files.setdefault(name, []).append(value)
    return files


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
