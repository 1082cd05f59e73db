"""The three councils the whole pathway is walked for: what differs is data, the sums worked out by hand.

Visits are of two hours at the rates of `flat_rates`: 24.00 an hour in the pack's first band, a tenth more in each next.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from marketplace.policy.pack import Pack, load_pack

HARROWDALE = Path(__file__).parent.parent / "packs" / "harrowdale_2026"


@dataclass(frozen=True, slots=True)
class Council:
    """A council, its pack, and what two months on it must come to (pence)."""

    name: str
    pack_id: str | Path
    lot: str
    activity: str
    role: str
    anchor: date
    first_period: tuple[date, date]
    gross: int
    defects: tuple[str, ...]
    deduction: int
    later_gross: int  # the two visits that were held
    pay_by: date  # of the first invoice, received on the day after its period
    second_submitted_on: date
    needs: tuple[str, ...] = ()
    interventions: tuple[str, ...] = ()
    cancellations: bool = False
    partner: str | None = None

    @property
    def pack(self) -> Pack:
        return load_pack(self.pack_id)


COUNCILS = (
    # 4800 Monday + 6240 bank holiday + 4800 Tuesday + 4800 Friday; 100 pounds once; 4800 + 4800 paid a period later
    Council(
        "Lewisham", "lewisham-2017", "C", "home_support", "support_worker", date(2026, 4, 6),
        (date(2026, 5, 4), date(2026, 5, 31)), 20_640, ("incomplete",), 10_000, 9_600, date(2026, 7, 1),
        date(2026, 6, 29),
    ),
    # 4800 + 6240 + 4800 cancelled at the door, in full + 2400 cancelled three hours before, half
    Council(
        "Cambridgeshire", "cambridgeshire-peterborough-pdps", "HLFS", "community_support", "outreach_worker",
        date(2026, 4, 6), (date(2026, 5, 4), date(2026, 5, 31)), 18_240, ("incomplete",), 10_000, 9_600,
        date(2026, 7, 1), date(2026, 6, 29), cancellations=True, partner="Peterborough",
    ),
    # calendar months; 4800 + 4800, no rate for the bank holiday, + 4800 + 5280 Friday belongs to the late week;
    # 25 pounds for each of two visits: one claimed unsigned, one unfinished left off; 4800 + 5280 paid a month later
    Council(
        "Harrowdale", HARROWDALE, "april-outings", "sailing", "walking_buddy", date(2026, 4, 1),
        (date(2026, 5, 1), date(2026, 5, 31)), 19_680, ("incomplete", "incomplete"), 5_000, 10_080, date(2026, 6, 15),
        date(2026, 7, 1), needs=("water_safety",), interventions=("life_jacket",),
    ),
)  # fmt: skip
