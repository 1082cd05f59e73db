"""At the end: a family calls off every visit of a purchase that is still to come; what comes back is said before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from marketplace.identity.permissions import permit
from marketplace.packages.cancellation import PriceChanged, cancelling
from marketplace.packages.cancelling import call_off
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import Conflict, InvalidInput
from marketplace.policy.purchases import kept_pence
from marketplace.policy.records import is_blank
from marketplace.purchases.bought_queries import receipt
from marketplace.web.filters import pounds


@dataclass(frozen=True, slots=True)
class ToCome:
    """A visit that can still be called off now: its charge by the pack, and what of its price is kept."""

    visit_id: UUID
    version: int
    start: datetime
    pence: int
    charge_pence: int
    kept_pence: int


@dataclass(frozen=True, slots=True)
class TheRest:
    """What a purchase has still to come."""

    reference: str
    provider: str
    visits: tuple[ToCome, ...]
    stopped: bool = False  # care may not lawfully go on at the moment: that is why nothing is kept

    @property
    def kept_pence(self) -> int:
        return sum(each.kept_pence for each in self.visits)

    @property
    def back_pence(self) -> int:
        return sum(each.pence for each in self.visits) - self.kept_pence


async def the_rest(work: Work, purchase_id: UUID) -> TheRest:
    """The visits of a paid purchase still to come, and what calling each off now would keep. Raises `NotFound`."""
    head = await receipt(work, purchase_id)
    rows = await work.fetch(
        """SELECT l.visit_id, l.pence FROM purchase_visit l
           JOIN visit v ON v.commissioner_id = l.commissioner_id AND v.id = l.visit_id
           WHERE l.purchase_id = $1 AND l.counts AND v.outcome IS NULL AND v.actual_start IS NULL
             AND v.planned_start > $2 ORDER BY v.planned_start, v.id""",
        purchase_id, work.now,
    )  # fmt: skip
    stopped: bool = await work.fetchval(
        "SELECT coalesce((SELECT care_stopped(package_id) FROM purchase WHERE id = $1), false)", purchase_id
    )
    found: list[ToCome] = []
    for row in rows if head.paid_at is not None else ():
        visit, _, _, terms = await cancelling(work, row["visit_id"])
        if terms.charged_pence is None:
            continue
        kept = kept_pence(row["pence"], terms.whole_pence or 0, terms.charged_pence)
        found.append(ToCome(visit.id, visit.version, visit.planned_start, row["pence"], terms.charged_pence, kept))
    return TheRest(head.reference, head.provider, tuple(found), stopped)


async def call_off_rest(actor: Actor, purchase_id: UUID, *, reason: str, kept_pence: int) -> int:
    """Call off every visit of a purchase still to come, each as if by itself; answers how many.

    `kept_pence` is what was shown: raises `PriceChanged` where another sum would be kept by now, `InvalidInput` for
    `reason`, `Conflict` where nothing is to come, `NotFound`, `NotPermitted`. What was called off before a visit that
    changed meanwhile stays called off: asked again, the rest follows.
    """
    permit(actor, "visit.call_off")
    rest = await ask(actor, the_rest, purchase_id)
    if is_blank(reason):
        raise InvalidInput({"reason": "Enter why the visits do not take place"})
    if not rest.visits:
        raise Conflict("No visit of this purchase is still to come.")
    if rest.kept_pence != kept_pence:
        raise PriceChanged(
            f"{pounds(rest.kept_pence)} would be kept now, and not the {pounds(kept_pence)} you saw. Look again."
        )
    for each in rest.visits:
        await call_off(
            actor, each.visit_id, version=each.version, reason=reason, charge_pence=each.charge_pence,
            charge_required=True,
        )  # fmt: skip
    return len(rest.visits)
