"""Questions about who pays: a package's payers by day, and proposals to share its cost, within reach."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from marketplace.packages.tables import Package
from marketplace.platform.database import Work
from marketplace.platform.errors import NotFound
from marketplace.web.filters import listing, share


@dataclass(frozen=True, slots=True)
class FundingRow:
    """What one payer pays of a package, from a day to a day (None: until it is changed)."""

    payer_id: UUID
    payer: str
    basis_points: int
    starts_on: date
    ends_on: date | None


@dataclass(frozen=True, slots=True)
class Part:
    """One payer's share in a proposal and its answer (`agrees` None: not yet)."""

    payer_id: UUID
    payer: str
    basis_points: int
    agrees: bool | None
    says: str
    answered_by: str | None
    answered_at: datetime | None


@dataclass(frozen=True, slots=True)
class Proposal:
    """Shares of a package as proposed; `mine` where the package is the acting commissioner's own."""

    id: UUID
    commissioner_id: UUID
    owner: str
    package_id: UUID
    framework_id: UUID
    framework: str
    provider: str
    reference: str
    lot_code: str
    pence_per_week: int
    starts_on: date
    ends_on: date | None
    reason: str
    state: str
    proposed_by: UUID
    proposed_by_name: str
    proposed_at: datetime
    closed_at: datetime | None
    closed_by: str | None
    parts: tuple[Part, ...]
    mine: bool
    my_part: Part | None

    @property
    def refused_by(self) -> str | None:
        """The first payer that does not agree."""
        return next((part.payer for part in self.parts if part.agrees is False), None)

    @property
    def waits_for_owner(self) -> bool:
        """Whether every other payer has agreed, so that it can be put into force."""
        others = [part for part in self.parts if part.payer_id != self.commissioner_id]
        return self.state == "open" and all(part.agrees for part in others)

    @property
    def waits_for_me(self) -> bool:
        """Whether the acting commissioner is asked and has not answered."""
        return self.state == "open" and not self.mine and self.my_part is not None and self.my_part.agrees is None

    @property
    def standing(self) -> str:
        """A code of `STATES`."""
        if self.state == "open":
            return "refused" if self.refused_by else "to_confirm" if self.waits_for_owner else "waits"
        return self.state

    @property
    def in_words(self) -> str:
        """ "Northgate Council 60% and Midshire ICB 40%"."""
        return listing([f"{part.payer} {share(part.basis_points)}" for part in self.parts])


STATES = {
    "waits": ("Waits for answers", "yellow"),
    "to_confirm": ("Agreed, to be put into force", "light-blue"),
    "refused": ("Not agreed", "red"),
    "agreed": ("In force", "green"),
    "withdrawn": ("Taken back", "grey"),
}


async def funding_of(work: Work, package_id: UUID) -> list[FundingRow]:
    """Who pays for a package, by day, the earliest first; shares that never came into force are left out."""
    rows = await work.fetch(
        """SELECT f.payer_id, o.name AS payer, f.share_basis_points, f.starts_on, f.ends_on
           FROM package_funding f JOIN organisation o ON o.id = f.payer_id
           WHERE f.package_id = $1 AND (f.ends_on IS NULL OR f.ends_on >= f.starts_on)
           ORDER BY f.starts_on, f.share_basis_points DESC, o.name""",
        package_id,
    )
    return [FundingRow(*row.values()) for row in rows]


async def shares_on(work: Work, package_id: UUID, on: date) -> list[tuple[UUID, int]]:
    """Each payer of a package on a day, with its share in basis points."""
    return [
        (row.payer_id, row.basis_points)
        for row in await funding_of(work, package_id)
        if row.starts_on <= on and (row.ends_on is None or row.ends_on >= on)
    ]


async def payers_possible(work: Work, package: Package) -> list[tuple[UUID, str]]:
    """The other commissioners of the package's framework: each pays its own invoices there (L 7.11)."""
    rows = await work.fetch(
        """SELECT o.id, o.name FROM framework_member m JOIN organisation o ON o.id = m.commissioner_id
           WHERE m.framework_id = $1 AND m.commissioner_id <> $2 ORDER BY o.name""",
        package.framework_id, package.commissioner_id,
    )  # fmt: skip
    return [(row["id"], row["name"]) for row in rows]


async def proposals(work: Work, package_id: UUID | None = None) -> list[Proposal]:
    """Proposals within reach (of one package, if named), those that wait first, then the newest."""
    rows = await work.fetch(
        """SELECT id FROM funding_proposal WHERE $1::uuid IS NULL OR package_id = $1
           ORDER BY state = 'open' DESC, proposed_at DESC, id LIMIT 200""",
        package_id,
    )
    return [await proposal(work, row["id"]) for row in rows]


async def proposal(work: Work, proposal_id: UUID) -> Proposal:
    """One proposal with every payer's answer. Raises `NotFound` outside the context's reach."""
    row = await work.fetchrow(
        """SELECT p.*, o.name AS owner, f.name AS framework, v.name AS provider FROM funding_proposal p
           JOIN organisation o ON o.id = p.commissioner_id JOIN organisation v ON v.id = p.provider_id
           JOIN framework f ON f.id = p.framework_id WHERE p.id = $1""",
        proposal_id,
    )
    if row is None:
        raise NotFound
    parts = tuple(
        Part(*each.values())
        for each in await work.fetch(
            """SELECT t.payer_id, o.name, t.share_basis_points, t.agrees, t.says, t.answered_by_name, t.answered_at
               FROM funding_part t JOIN organisation o ON o.id = t.payer_id
               WHERE t.commissioner_id = $1 AND t.proposal_id = $2 ORDER BY t.share_basis_points DESC, o.name""",
            row["commissioner_id"], proposal_id,
        )
    )  # fmt: skip
    mine = row["commissioner_id"] == work.actor.commissioner_id
    return Proposal(
        id=row["id"], commissioner_id=row["commissioner_id"], owner=row["owner"], package_id=row["package_id"],
        framework_id=row["framework_id"], framework=row["framework"], provider=row["provider"],
        reference=row["package_reference"], lot_code=row["lot_code"], pence_per_week=row["pence_per_week"],
        starts_on=row["starts_on"], ends_on=row["ends_on"], reason=row["reason"], state=row["state"],
        proposed_by=row["proposed_by"], proposed_by_name=row["proposed_by_name"], proposed_at=row["proposed_at"],
        closed_at=row["closed_at"], closed_by=row["closed_by_name"], parts=parts, mine=mine,
        my_part=next((part for part in parts if part.payer_id == work.actor.commissioner_id), None),
    )  # fmt: skip
