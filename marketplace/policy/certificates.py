"""DBS certificates: what a check cannot count without, and which certificate settles new information (P 9.1; N; D)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from marketplace.policy.pack import Pack


def certificate_gaps(
    packs: Iterable[Pack], number: str | None, issued_on: date | None, workforce: str | None, barred_list: bool | None
) -> tuple[str, ...]:
    """What is missing of the certificate that a clear check is of: number, issued_on, workforce, barred_list.

    An enhanced check is of a certificate, for a workforce (P 9.1, N). The children's barred list is asked for where one
    of the packs says so (`readiness.dbs_needs_barred_list`); a list that was not checked is missing like one not said.
    """
    gaps = {"number": not number, "issued_on": issued_on is None, "workforce": workforce is None}
    gaps["barred_list"] = not barred_list and any(pack.readiness.dbs_needs_barred_list for pack in packs)
    return tuple(name for name, missing in gaps.items() if missing)


def settles(found_on: date, issued_on: date | None, *, another: bool) -> bool:
    """Whether a certificate speaks for a worker again after new information of a day. `another`: by its number.

    Another one issued on that day or later does; what was issued before may well lack what has changed. The number on
    record does only where it was issued after that day: the news was of the certificate before it.
    """
    if issued_on is None:
        return False
    return issued_on >= found_on if another else issued_on > found_on
