"""Whether a provider takes new families by direct payment: the one standing, with what each asker may know of it.

A provider that gets no new referrals gets no new families (domain 6). Families that are with it already go on.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from marketplace.frameworks.queries import pack_of
from marketplace.platform.actor import PERSONAL_ROLES
from marketplace.platform.database import Work
from marketplace.policy.calendar import local_day
from marketplace.policy.facts import Admission, ProviderFacts
from marketplace.policy.standing import provider_standing
from marketplace.providers.standing import hold_standing, standing

# What anybody may know: that it is closed to new families, not whether by a suspension, a pause or a lapse.
CLOSED = "It takes no new families on this lot at the moment."


@dataclass(frozen=True, slots=True)
class NewFamilies:
    """Whether new families are taken on a lot at this moment; `line` says why not, in words the asker may read."""

    takes: bool
    line: str = ""


async def takes_new_families(
    work: Work, framework_id: UUID, provider_id: UUID, lot: str, commissioner_id: UUID
) -> NewFamilies:
    """Hold the provider's admissions alone until this unit ends, then say whether it takes a new family.

    The hold is an award's: an agreement and a suspension at once happen one after the other, and the later sees the
    earlier; two agreements cannot both take the last place of a restriction. Ask this first in the unit that binds,
    before other rows are locked. `commissioner_id` gives the direct payment: its own suspensions count too.
    """
    if work.actor.role in PERSONAL_ROLES:
        await work.fetchval("SELECT hold_new_family($1, $2)", framework_id, provider_id)
    else:
        await hold_standing(work, framework_id, provider_id, alone=True)
    return await new_families(work, framework_id, provider_id, lot, commissioner_id)


async def new_families(
    work: Work, framework_id: UUID, provider_id: UUID, lot: str, commissioner_id: UUID | None
) -> NewFamilies:
    """The same without a hold, for pages. Commissioners and the provider itself read the standing's own line."""
    if work.actor.organisation_id is not None and work.actor.role not in PERSONAL_ROLES:
        found = await standing(work, framework_id, provider_id, lot, commissioner_id=commissioner_id)
        return NewFamilies(found.good, "" if found.good else f"{found.line}.")
    pack = await pack_of(work, framework_id)
    row = await work.fetchrow(
        "SELECT * FROM directory($1, $2) WHERE provider_id = $3 AND lot_code = $4",
        framework_id, commissioner_id, provider_id, lot,
    )  # fmt: skip
    if row is None:  # not admitted, suspended or paused: which of them is not said
        return NewFamilies(False, CLOSED)
    facts = ProviderFacts(
        id=str(provider_id),
        admissions=(Admission(lot, row["starts_on"], row["ends_on"]),),
        suspended=False,  # or it would not be in the directory
        cqc_registered=row["cqc_registered"],
        insurance_until=row["insurance_until"],
        room=row["room"],
    )
    open_to = provider_standing(pack, lot, local_day(work.now), facts).reached
    return NewFamilies(open_to, "" if open_to else CLOSED)
