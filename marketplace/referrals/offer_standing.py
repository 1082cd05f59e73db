"""What stands against an offer at the moment, before anybody chooses or awards it: the provider's one standing and
whether the workers it proposes are ready still, as far as the asker may know it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from marketplace.frameworks.queries import pack_of
from marketplace.platform.actor import PERSONAL_ROLES, system_for
from marketplace.platform.database import Work, ask
from marketplace.platform.errors import Conflict
from marketplace.policy.calendar import local_day
from marketplace.policy.facts import Admission, ProviderFacts
from marketplace.policy.standing import provider_standing
from marketplace.providers.readiness import Ready, readiness
from marketplace.providers.standing import standing
from marketplace.referrals import needs, queries
from marketplace.referrals.queries import OfferView
from marketplace.referrals.tables import Referral

# A provider that pauses new referrals by its own wish keeps the offers it has made.
NO_BAR_TO_AWARD = {"paused"}
# What a family may know: not whether by a suspension or a lapse.
CLOSED = "It takes no new families at the moment, so its offer cannot be chosen now."


async def bar(work: Work, referral: Referral, offer_id: UUID, provider_id: UUID) -> str:
    """Why the offer cannot be awarded at this moment, as sentences; '' where nothing stands against it.

    A commissioner reads every reason of the standing, a family only that no new families are taken.
    """
    assert referral.lot_code is not None
    if work.actor.role in PERSONAL_ROLES:
        return "" if await _open_to_family(work, referral, offer_id, provider_id) else CLOSED
    now = await standing(work, referral.framework_id, provider_id, referral.lot_code)
    reasons = [reason for reason in now.reasons if reason.code not in NO_BAR_TO_AWARD]
    if not reasons:
        return ""
    why = "; ".join(reason.sentence for reason in reasons)
    return f"This offer cannot be awarded: {now.provider_name or 'the provider'} {why}."


async def bars(work: Work, referral: Referral, offers: list[tuple[UUID, UUID]]) -> dict[UUID, str]:
    """The same for (offer, provider) of a referral, those alone against which something stands."""
    if referral.state != "broadcast" or referral.lot_code is None:
        return {}
    found = {offer: await bar(work, referral, offer, provider) for offer, provider in offers}
    return {offer: why for offer, why in found.items() if why}


async def refuse_barred(work: Work, referral: Referral, offer_id: UUID, provider_id: UUID) -> None:
    """Raise `Conflict` with the reason, in words the actor may read, where something stands against the offer."""
    if why := await bar(work, referral, offer_id, provider_id):
        raise Conflict(why)


async def proposed_now(
    work: Work, referral: Referral, provider_id: UUID, starts_on: date, worker_ids: Iterable[UUID]
) -> dict[UUID, Ready]:
    """The workers of an offer judged at this moment for its start, as an award judges them; who has left is missing."""
    assert referral.lot_code is not None
    pack = await pack_of(work, referral.framework_id)
    on = max(starts_on, local_day(work.now))
    asked = needs.competencies_needed(pack, referral.lot_code, referral.needs, referral.interventions)
    judged = await readiness(work, provider_id, pack, referral.lot_code, asked, on, worker_ids=list(worker_ids))
    return {entry.worker.id: entry for entry in judged}


async def unready(work: Work, referral: Referral, offer: OfferView) -> dict[UUID, str]:
    """Workers of an offer still to be decided who are not ready now, each with why not, as the end of a sentence.

    The statement that goes with the offer says how they matched when it was made; a family reads no worker's evidence,
    so that it is asked for in the provider's own context (`unready_for_family`).
    """
    if referral.state != "broadcast" or offer.state != "made":
        return {}
    ids = [row["worker_id"] for row in offer.workers]
    found = await proposed_now(work, referral, offer.provider_id, offer.starts_on, ids)
    why = {key: ", ".join(found[key].reasons) if key in found else "does not work there any more" for key in ids}
    return {key: said for key, said in why.items() if said}


async def unready_for_family(offer: OfferView) -> frozenset[UUID]:
    """Who of an offer a family was shown is not ready at the moment; the marketplace looks for it, and says no more."""

    async def look(work: Work) -> dict[UUID, str]:
        return await unready(work, await queries.referral(work, offer.referral_id), offer)

    return frozenset(await ask(system_for(offer.provider_id, "provider"), look))


@dataclass(frozen=True, slots=True)
class InDoubt:
    """One of my standing offers with workers who are not ready now, each with why not."""

    offer_id: UUID
    reference: str
    why: tuple[str, ...]


async def my_offers_in_doubt(work: Work) -> list[InDoubt]:
    """Those of the actor's provider that cannot be awarded as they stand, or not with everybody named, the oldest
    first: whoever chooses reads it, so its provider does."""
    found: list[InDoubt] = []
    for row in await work.fetch(
        "SELECT o.id FROM offer o JOIN referral r ON r.commissioner_id = o.commissioner_id AND r.id = o.referral_id"
        " WHERE o.provider_id = $1 AND o.state = 'made' AND r.state = 'broadcast' ORDER BY o.made_at, o.id",
        work.actor.provider_id,
    ):
        offer = await queries.offer_view(work, row["id"])
        referral = await queries.referral(work, offer.referral_id)
        away = await unready(work, referral, offer)
        if away:
            why = tuple(
                f"{each['name']} {away[each['worker_id']]}" for each in offer.workers if each["worker_id"] in away
            )
            found.append(InDoubt(offer.id, referral.reference, why))
    return found


async def _open_to_family(work: Work, referral: Referral, offer_id: UUID, provider_id: UUID) -> bool:
    assert referral.lot_code is not None
    rows = await work.fetch("SELECT * FROM offer_facts($1)", offer_id)
    if not rows:  # not admitted, or suspended: which of them is not said
        return False
    facts = ProviderFacts(
        id=str(provider_id),
        admissions=tuple(Admission(referral.lot_code, row["starts_on"], row["ends_on"]) for row in rows),
        suspended=False,  # or there would be no row
        cqc_registered=rows[0]["cqc_registered"],
        insurance_until=rows[0]["insurance_until"],
        room=rows[0]["room"],
    )
    pack = await pack_of(work, referral.framework_id)
    return provider_standing(pack, referral.lot_code, local_day(work.now), facts).reached
