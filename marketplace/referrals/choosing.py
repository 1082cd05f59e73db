"""The family's side of an offer: choose one, change one's mind until award, ask to meet the workers (L 6.1 stage 1)."""

from __future__ import annotations

from uuid import UUID, uuid4

from marketplace.identity.permissions import permit
from marketplace.obligations.news import tell
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted
from marketplace.policy.records import is_blank
from marketplace.referrals import anonymity, queries
from marketplace.referrals.offer_standing import refuse_barred
from marketplace.referrals.states import offer_after
from marketplace.referrals.tables import Offer, OfferMeeting, Referral

LONGEST_MESSAGE = 1_000


async def choose_as_family(actor: Actor, offer_id: UUID, *, version: int) -> None:
    """Accept an offer for the family; an earlier choice of this person for the same referral is taken back.

    `version` is the one that was read. Raises `Conflict` where the offer was changed since, or its provider
    takes no new families now, `WrongState` once decided,
    `NotFound` where the offer was not made to this person's child or the right to choose has ended.
    """
    permit(actor, "offer.choose")
    async with unit_of_work(actor) as work:
        offer, referral = await _held(work, offer_id)
        offer_after("chosen", offer.state)
        if offer.version != version:
            raise Conflict("The provider has changed this offer since you read it. Read it again before you choose.")
        await refuse_barred(work, referral, offer.id, offer.provider_id)
        await work.execute(
            """UPDATE offer_choice SET taken_back_at = $3
               WHERE referral_id = $1 AND person_id = $2 AND side = 'family' AND taken_back_at IS NULL""",
            referral.id, actor.person_id, work.now,
        )  # fmt: skip
        await work.execute(
            """INSERT INTO offer_choice (commissioner_id, id, referral_id, offer_id, side, person_id, person_name,
               offer_version, chosen_at) VALUES ($1, $2, $3, $4, 'family', $5, $6, $7, $8)""",
            offer.commissioner_id, uuid4(), referral.id, offer.id, actor.person_id, actor.person_name, version,
            work.now,
        )  # fmt: skip
        await _tell_referrer(work, referral, f"The family has chosen an offer for referral {referral.reference}.")
        work.audit(
            "offer.chosen", "offer", offer.id, commissioner_id=offer.commissioner_id, referral=referral.id,
            side="family", version=version,
        )  # fmt: skip


async def take_back_choice(actor: Actor, referral_id: UUID) -> None:
    """Undo one's choice before the award. Raises `Conflict` where there is none, or the award was made."""
    permit(actor, "offer.choose")
    async with unit_of_work(actor) as work:
        referral = await queries.referral(work, referral_id)
        state = await work.fetchval("SELECT hold_referral($1, $2)", referral.commissioner_id, referral.id)
        if state != "broadcast":
            raise Conflict("This referral has been decided, so the choice stands.")
        row = await work.fetchrow(
            """UPDATE offer_choice SET taken_back_at = $3
               WHERE referral_id = $1 AND person_id = $2 AND side = 'family' AND taken_back_at IS NULL
               RETURNING offer_id""",
            referral.id, actor.person_id, work.now,
        )  # fmt: skip
        if row is None:
            raise Conflict("You have not chosen an offer.")
        await _tell_referrer(work, referral, f"The family took back its choice for referral {referral.reference}.")
        work.audit(
            "choice.taken_back",
            "offer",
            row["offer_id"],
            commissioner_id=referral.commissioner_id,
            referral=referral.id,
        )


async def ask_to_meet(actor: Actor, offer_id: UUID, message: str) -> UUID:
    """Ask the provider to meet the workers before choosing. Returns the request's id.

    The message reaches the provider as written, before award: where it says who the child is, it is refused with
    `InvalidInput`. Raises `NotFound`, `Conflict`.
    """
    permit(actor, "offer.choose")
    if len(message) > LONGEST_MESSAGE:
        raise InvalidInput({"message": f"The message must be {LONGEST_MESSAGE:,} characters or fewer"})
    async with unit_of_work(actor) as work:
        offer, referral = await _held(work, offer_id)
        offer_after("chosen", offer.state)
        if await work.fetchval(
            "SELECT 1 FROM offer_meeting WHERE offer_id = $1 AND asked_by = $2 AND answered_at IS NULL",
            offer.id, actor.person_id,
        ):  # fmt: skip
            raise Conflict("You have asked already. The provider will answer here.")
        await anonymity.name_nobody(
            work, offer.commissioner_id, referral.child_id, "message", message,
            "the provider learns who you are only once the support is agreed",
        )  # fmt: skip
        meeting_id = uuid4()
        await work.execute(
            """INSERT INTO offer_meeting (commissioner_id, id, offer_id, provider_id, asked_by, asked_at, message)
               VALUES ($1, $2, $3, $4, $5, $6, $7)""",
            offer.commissioner_id, meeting_id, offer.id, offer.provider_id, actor.person_id, work.now, message.strip(),
        )  # fmt: skip
        await tell(
            work, f"The family of referral {referral.reference} asks to meet your workers.", f"/offers/{offer.id}",
            organisation_id=offer.provider_id,
        )  # fmt: skip
        work.audit("meeting.asked", "offer", offer.id, commissioner_id=offer.commissioner_id, meeting=meeting_id)
        return meeting_id


async def answer_meeting(actor: Actor, meeting_id: UUID, answer: str) -> None:
    """The provider says when and how the workers can be met. Raises `InvalidInput`, `Conflict`, `NotFound`."""
    permit(actor, "offer.write")
    if actor.provider_id is None:
        raise NotPermitted
    if is_blank(answer):
        raise InvalidInput({"answer": "Enter when and how the family can meet your workers"})
    if len(answer) > LONGEST_MESSAGE:
        raise InvalidInput({"answer": f"The answer must be {LONGEST_MESSAGE:,} characters or fewer"})
    async with unit_of_work(actor) as work:
        meeting = await OfferMeeting.objects().where(OfferMeeting.id == meeting_id).first().lock_rows()
        if meeting is None:
            raise NotFound
        if meeting.answered_at is not None:
            raise Conflict("This request has been answered already.")
        await work.execute(
            "UPDATE offer_meeting SET answered_at = $3, answer = $4 WHERE commissioner_id = $1 AND id = $2",
            meeting.commissioner_id, meeting.id, work.now, answer.strip(),
        )  # fmt: skip
        offer = await queries.offer(work, meeting.offer_id)
        await tell(
            work, "A provider answered your request to meet its workers.", f"/choices/{offer.referral_id}",
            person_id=meeting.asked_by,
        )  # fmt: skip
        work.audit("meeting.answered", "offer", meeting.offer_id, commissioner_id=meeting.commissioner_id)


async def _held(work: Work, offer_id: UUID) -> tuple[Offer, Referral]:
    """The offer and its referral, held still so that no award or withdrawal comes between."""
    offer = await queries.offer(work, offer_id)
    state = await work.fetchval("SELECT hold_referral($1, $2)", offer.commissioner_id, offer.referral_id)
    if state is None:
        raise NotFound
    return await queries.offer(work, offer_id), await queries.referral(work, offer.referral_id)


async def _tell_referrer(work: Work, referral: Referral, sentence: str) -> None:
    await tell(
        work, sentence, f"/referrals/{referral.id}", organisation_id=referral.commissioner_id,
        person_id=referral.referrer_id,
    )  # fmt: skip
