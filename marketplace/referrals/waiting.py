"""Referrals nobody will answer any more without an offer: the referrer is told at once (domain 4.1). And answers that
nobody owes any more: a suspended provider can make no offer, so its silence is no miss (domain 6).

A provider's unit cannot know that it was the last to decline, nor a framework's lead reach the referrals of the others,
so a sweep looks, in each commissioner's own context.
"""

from __future__ import annotations

from uuid import UUID

from marketplace.frameworks.queries import pack_of
from marketplace.obligations.duties import Owed, owe
from marketplace.obligations.news import tell
from marketplace.platform.actor import system_for
from marketplace.platform.database import Work, outside_context, unit_of_work
from marketplace.policy.calendar import local_day
from marketplace.referrals.broadcasting import EVIDENCE, NO_OFFERS_TASK, RESPONSE

_WITHOUT_OFFERS = """
SELECT r.* FROM referral r
WHERE r.commissioner_id = app_commissioner() AND r.state = 'broadcast'
  AND NOT EXISTS (SELECT 1 FROM offer o WHERE o.commissioner_id = r.commissioner_id AND o.referral_id = r.id AND o.state = 'made')
  AND (r.respond_by <= $1 OR NOT EXISTS (
      SELECT 1 FROM referral_reach x WHERE x.commissioner_id = r.commissioner_id AND x.referral_id = r.id AND x.round = r.round AND x.reached
      AND NOT EXISTS (SELECT 1 FROM referral_decline d WHERE d.commissioner_id = x.commissioner_id AND d.referral_id = x.referral_id
                      AND d.round = x.round AND d.provider_id = x.provider_id)))
  AND NOT EXISTS (SELECT 1 FROM obligation b WHERE b.subject_id = r.id AND b.rule_key = $2 AND b.starts_at = r.broadcast_at)
FOR NO KEY UPDATE OF r SKIP LOCKED
"""  # noqa: E501 - laid out as SQL

# Not of a pause: nobody is rid of a duty by its own wish. What fell due before the suspension stays as it was.
_NOT_OWED = """
UPDATE obligation b SET cancelled_at = $1, next_check_at = NULL
FROM referral r JOIN suspension s ON s.framework_id = r.framework_id AND (s.lot_code IS NULL OR s.lot_code = r.lot_code)
  AND (s.commissioner_id IS NULL OR s.commissioner_id = r.commissioner_id)
WHERE r.commissioner_id = app_commissioner() AND r.state = 'broadcast'
  AND s.starts_at <= $1 AND s.lifted_at IS NULL AND (s.until_on IS NULL OR s.until_on >= $2)
  AND b.commissioner_id = r.commissioner_id AND b.subject_id = r.id AND b.owed_by_organisation = s.provider_id
  AND b.rule_key = ANY ($3) AND b.met_at IS NULL AND b.cancelled_at IS NULL AND b.missed_at IS NULL AND b.due_at > $1
RETURNING r.id, r.reference, s.provider_id
"""


async def look_for_silence() -> int:
    """One unit a commissioner; how many referrals were found. Runs as the worker's database role."""
    async with outside_context() as connection:
        tenants = await connection.fetch("SELECT id, name FROM list_organisations('commissioner')")
    found = 0
    for tenant in tenants:
        async with unit_of_work(system_for(tenant["id"], "commissioner", tenant["name"])) as work:
            await end_answers_not_owed(work)
            found += await tell_of_silence(work)
    return found


async def end_answers_not_owed(work: Work) -> int:
    """Cancel the duties to answer of providers that are suspended from a referral; how many answers those were.

    They are told once; they may still decline.
    """
    rows = await work.fetch(_NOT_OWED, work.now, local_day(work.now), [RESPONSE, EVIDENCE])
    ended = sorted({(row["id"], row["provider_id"], row["reference"]) for row in rows})
    for referral_id, provider_id, reference in ended:
        sentence = f"While you are suspended you owe no answer to referral {reference}. You can still decline it."
        await tell(work, sentence, f"/opportunities/{referral_id}", organisation_id=provider_id, mail=False)
        work.audit("referral.answer_not_owed", "referral", referral_id, provider=provider_id)
    return len(ended)


async def tell_of_silence(work: Work) -> int:
    """Give the referrer the task to broadcast again or close, once a round, for each referral without hope."""
    rows = await work.fetch(_WITHOUT_OFFERS, work.now, NO_OFFERS_TASK)
    for row in rows:
        referral_id: UUID = row["id"]
        link = f"/referrals/{referral_id}"
        pack = await pack_of(work, row["framework_id"])
        await owe(
            work, pack, NO_OFFERS_TASK, title="Broadcast again, or close: nobody made an offer",
            subject_type="referral",
            subject_id=referral_id, reference=row["reference"], link=link, starts_at=row["broadcast_at"],
            owed_by=Owed(organisation_id=row["commissioner_id"], role="referrer", person_id=row["referrer_id"]),
            commissioner_id=row["commissioner_id"], framework_id=row["framework_id"],
        )  # fmt: skip
        sentence = f"Nobody made an offer for referral {row['reference']}. Broadcast it again, wider, or close it."
        await tell(work, sentence, link, person_id=row["referrer_id"])
        work.audit("referral.without_offers", "referral", referral_id, round=row["round"])
    return len(rows)
