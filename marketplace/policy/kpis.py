"""Performance measures: a figure from counts, rated against the pack's target. No data is "not rated" (domain 6)."""

from typing import Literal

import msgspec

from marketplace.policy.pack import Pack
from marketplace.policy.pricing import half_up

Rating = Literal["met", "missed", "no_target", "not_rated"]


class KpiFigure(msgspec.Struct, frozen=True):
    """A measure for one provider and quarter. `per_mille` is the share in tenths of a percent, None without data."""

    key: str
    title: str
    area: str
    clause: str
    counted: int
    of: int
    per_mille: int | None
    target_percent: int | None
    rating: Rating


def rate_kpi(pack: Pack, key: str, counted: int, of: int) -> KpiFigure:
    """Rate `counted` of `of` cases. Compared exactly, shown rounded half up to a tenth of a percent.

    Raises `KeyError` for an unknown measure and `ValueError` for counts that cannot be.
    """
    kpi = pack.kpis[key]
    if not 0 <= counted <= of:
        raise ValueError(f"{key}: {counted} of {of} cannot be")
    rating: Rating = "no_target"
    if of == 0:
        rating = "not_rated"
    elif kpi.target is not None:
        share, target = counted * 100, kpi.target * of
        good = share >= target if kpi.better == "higher" else share <= target
        rating = "met" if good else "missed"
    return KpiFigure(
        key=key,
        title=kpi.title,
        area=kpi.area,
        clause=kpi.clause,
        counted=counted,
        of=of,
        per_mille=half_up(counted * 1000, of) if of else None,
        target_percent=kpi.target,
        rating=rating,
    )
