"""Who pays for a package: its cost split between payers by agreed shares, to the penny (C 7.4; domain 8, D)."""

import msgspec

WHOLE = 10_000  # basis points


class FundingError(ValueError):
    """Shares that do not make a whole, or name a payer twice."""


class Share(msgspec.Struct, frozen=True):
    """One payer's agreed part of a cost, in basis points: 4000 is 40 %."""

    payer: str
    basis_points: int


Shares = tuple[Share, ...]


def check_shares(shares: Shares) -> None:
    """Raise `FundingError` unless each payer is named once with more than nothing and all of them make the whole."""
    if len({share.payer for share in shares}) != len(shares):
        raise FundingError("a payer is named twice")
    if any(share.basis_points < 1 for share in shares):
        raise FundingError("a share is less than 1 basis point")
    if sum(share.basis_points for share in shares) != WHOLE:
        raise FundingError(f"the shares do not make {WHOLE} basis points")


def split(pence: int, shares: Shares) -> dict[str, int]:
    """Each payer's part of a price in pence; the parts sum to it exactly.

    Every part is rounded down and the pennies left over go one by one to the largest remainders; where those are equal
    to the larger share, then by the payer's name, so that the same split always falls the same way. `pence` is not
    negative. Raises `FundingError`.
    """
    check_shares(shares)
    parts = {share.payer: pence * share.basis_points // WHOLE for share in shares}
    left = pence - sum(parts.values())
    in_turn = sorted(
        shares, key=lambda share: (-(pence * share.basis_points % WHOLE), -share.basis_points, share.payer)
    )
    for share in in_turn[:left]:
        parts[share.payer] += 1
    return parts


def part_of(pence: int, shares: Shares, payer: str) -> int:
    """What one payer pays of a price; all of it where no shares are agreed, nothing where it has none of them."""
    return split(pence, shares).get(payer, 0) if shares else pence


def part_of_longer(then: int, now: int, shares: Shares, payer: str) -> int:
    """What one payer still owes of a price it was billed its part of at `then`, and that is `now` more; not negative.

    It is what its part grows by. Largest remainders may take a penny back from one of three payers or more. Nobody is
    billed below nothing: all of them then share the difference alone. Either way their lines make the difference, so
    that they make the whole where every payer is billed in the same steps from the same price, whenever it is billed.
    """
    if not shares:
        return now - then
    before, since = split(then, shares), split(now, shares)
    if any(since[each] < before[each] for each in since):
        return part_of(now - then, shares, payer)
    return since.get(payer, 0) - before.get(payer, 0)


def share_of(shares: Shares, payer: str) -> int:
    """One payer's share in basis points; the whole where no shares are agreed."""
    return sum(share.basis_points for share in shares if share.payer == payer) if shares else WHOLE


def leads(shares: Shares, payer: str) -> bool:
    """Whether the payer has the largest share: a visit's defect costs its sum on that payer's invoice alone (data.md).

    Of equal shares the first by the payer's name leads.
    """
    return not shares or min(shares, key=lambda share: (-share.basis_points, share.payer)).payer == payer
