"""From a checked draft to every provider of the lot in good standing; the questions that follow; closing without award.

One unit each: the state changes under lock, with the reach row of every provider, the duties, the news and the audit.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, cast
from uuid import UUID

from marketplace.frameworks.queries import framework, pack_of
from marketplace.identity.permissions import permit
from marketplace.obligations.duties import Owed, cancel, meet, owe
from marketplace.obligations.news import tell
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.policy.calendar import local_day
from marketplace.policy.duties import due_at
from marketplace.policy.facts import WeeklySlot
from marketplace.policy.pack import Pack
from marketplace.providers.standing import hold_lot
from marketplace.referrals import anonymity, drafting, queries, reach
from marketplace.referrals.reach import Reach
from marketplace.referrals.states import referral_after
from marketplace.referrals.tables import (
    Referral,
    ReferralClarification,
    ReferralQuestion,
    ReferralReach,
)
from marketplace.web.filters import moment

RESPONSE = "referral_response"
EVIDENCE = "competence_evidence"
ANSWER_TASK = "task.answer_question"
NO_OFFERS_TASK = "task.no_offers"
LONGEST_ANSWER = 2_000


class NobodyReached(Conflict):
    """No provider of the lot is in good standing: nothing was sent. The sentence says what to do."""

    code = "nobody_reached"


async def broadcast_referral(actor: Actor, referral_id: UUID) -> Referral:
    """Send a finished draft to all providers on the lot in good standing.

    Raises `InvalidInput` with what is missing by field, `NobodyReached`, `WrongState` the second time, `NotFound`.
    """
    permit(actor, "referral.write")
    async with unit_of_work(actor) as work:
        row = await queries.referral(work, referral_id, lock=True)
        referral_after("broadcast", row.state)
        return await _send(work, row)


async def broadcast_again(
    actor: Actor,
    referral_id: UUID,
    *,
    starts_on: date | None = None,
    ends_on: date | None = None,
    pattern: Sequence[WeeklySlot] | None = None,
) -> Referral:
    """A new round, wider where dates or the week are given: after the time to answer has passed, or after closing.

    Offers that still stand go on standing; a provider reached before is reached again if it is still in good standing.
    """
    permit(actor, "referral.write")
    async with unit_of_work(actor) as work:
        row = await queries.referral(work, referral_id, lock=True)
        referral_after("broadcast again", row.state)
        if row.state == "broadcast" and row.respond_by is not None and work.now < row.respond_by:
            raise Conflict(f"Providers have until {moment(row.respond_by)} to answer. Broadcast again after that.")
        given = {"starts_on": starts_on, "ends_on": ends_on, "pattern": list(pattern) if pattern else None}
        values = {name: value for name, value in given.items() if value is not None}
        if values:
            pack = await pack_of(work, row.framework_id)
            born = await drafting.born_on(work, row)
            kept, _ = drafting.checked(pack, row, values, born, local_day(work.now))
            for name, value in kept.items():
                setattr(row, name, value)
            await Referral.update(cast(dict[Any, Any], kept)).where(Referral.id == row.id)
        return await _send(work, row)


async def send_in(work: Work, row: Referral) -> Referral:
    """Broadcast a draft within a unit that stands already. Raises `InvalidInput`, `NobodyReached`, `Conflict`, each
    before anything is written."""
    return await _send(work, row)


async def _send(work: Work, row: Referral) -> Referral:
    pack = await pack_of(work, row.framework_id)
    if (await framework(work, row.framework_id)).state != "open":
        raise Conflict("This framework is closed to new referrals.")
    born = await drafting.born_on(work, row)
    faults = drafting.missing(pack, row, born, local_day(work.now))
    for doubt in anonymity.unsettled(await anonymity.doubts_of(work, row), row.anonymity_confirmed):
        faults.setdefault(doubt.field, doubt.what_to_do)
    if faults:
        raise InvalidInput(faults, "The referral cannot be broadcast yet.")
    await hold_lot(work, row.framework_id, cast(str, row.lot_code))
    found = await reach.reach_of(work, row, pack)
    reached = [each for each in found if each.reached]
    if not reached:
        raise NobodyReached(_nobody(found, pack, row))
    respond_by = due_at(pack, RESPONSE, work.now)
    if row.answer_hours is not None:  # an emergency: a shorter time, set by whoever authorised it (P 4.3)
        respond_by = work.now + timedelta(hours=row.answer_hours)
    values: dict[Any, Any] = {
        "state": "broadcast",
        "round": row.round + 1,
        "broadcast_at": work.now,
        "respond_by": respond_by,
        "pack_hash": pack.content_hash,
        "age_band": drafting.band_of(pack, born, cast(date, row.starts_on)),
        "closed_at": None,
        "closed_reason": None,
        "changed_at": work.now,
    }
    await Referral.update(values).where(Referral.id == row.id)
    for name, value in values.items():
        setattr(row, name, value)
    for each in found:
        await ReferralReach.insert(
            ReferralReach(
                commissioner_id=row.commissioner_id,
                referral_id=row.id,
                framework_id=row.framework_id,
                round=row.round,
                provider_id=each.provider_id,
                reached=each.reached,
                reasons=list(each.sentences),
                ready_workers=each.ready_workers,
                at=work.now,
            )
        )
    await cancel(work, row.id, NO_OFFERS_TASK)
    for each in reached:
        await _ask(work, pack, row, each)
    await _tell_families(work, row, "A search for support has begun. You will see the offers as they come in.")
    work.audit(
        "referral.broadcast", "referral", row.id, reference=row.reference, round=row.round, pack=pack.content_hash,
        reached=len(reached), left_out=len(found) - len(reached), respond_by=respond_by,
    )  # fmt: skip
    return row


def _nobody(found: list[Reach], pack: Pack, row: Referral) -> str:
    title = pack.lot(cast(str, row.lot_code)).title
    why = reach.summary(found, title) if found else f"No provider has been admitted to {title} yet."
    return f"Nobody would be reached, so nothing was sent. {why} Choose another lot, or ask the contract manager."


async def _ask(work: Work, pack: Pack, row: Referral, each: Reach) -> None:
    link = f"/opportunities/{row.id}"
    standing_offer = await work.fetchval(
        "SELECT 1 FROM offer WHERE commissioner_id = $1 AND referral_id = $2 AND provider_id = $3 AND state = 'made'",
        row.commissioner_id, row.id, each.provider_id,
    )  # fmt: skip
    if standing_offer is None:
        for rule in (RESPONSE, EVIDENCE):
            await owe(
                work, pack, rule, subject_type="referral", subject_id=row.id, reference=row.reference,
                owed_by=Owed(organisation_id=each.provider_id), owed_to=row.commissioner_id, link=link,
                commissioner_id=row.commissioner_id, framework_id=row.framework_id,
                due_at=row.respond_by if row.answer_hours is not None else None,
            )  # fmt: skip
    again = " again" if row.round > 1 else ""
    what = "Emergency referral" if row.answer_hours is not None else "Referral"
    sentence = f"{what} {row.reference} has reached you{again}. Answer by {moment(cast(Any, row.respond_by))}."
    await tell(work, sentence, link, organisation_id=each.provider_id)


async def _tell_families(work: Work, row: Referral, sentence: str) -> None:
    people = await work.fetch(
        "SELECT DISTINCT person_id FROM family_grant WHERE commissioner_id = $1 AND child_id = $2 AND"
        " revoked_at IS NULL"
        " AND 'choose' = ANY (rights) AND starts_on <= app_today() AND (ends_on IS NULL OR ends_on >= app_today())",
        row.commissioner_id, row.child_id,
    )  # fmt: skip
    for person in people:
        await tell(work, sentence, "/choices", person_id=person["person_id"], mail=row.round <= 1)


async def reached_providers(work: Work, row: Referral) -> list[UUID]:
    """Every provider any round of the referral reached."""
    rows = await work.fetch(
        "SELECT DISTINCT provider_id FROM referral_reach WHERE commissioner_id = $1 AND referral_id = $2 AND reached",
        row.commissioner_id, row.id,
    )  # fmt: skip
    return [each["provider_id"] for each in rows]


async def answer_question(
    actor: Actor,
    question_id: UUID,
    *,
    answer: str,
    question: str | None = None,
    confirmed: Sequence[str] = (),
    identifies_nobody: bool = False,
) -> UUID:
    """Publish the answer to everyone who was reached, without saying who asked. Returns the clarification's id.

    `question` is how it is put to everybody (default: as asked); the text is checked like a pen portrait and words that
    identify nobody are `confirmed`, one by one or, on a page that lists them, together. Raises
    `InvalidInput`, `Conflict` where it is answered already, `NotFound`.
    """
    permit(actor, "referral.write")
    async with unit_of_work(actor) as work:
        asked = await ReferralQuestion.objects().where(ReferralQuestion.id == question_id).first().lock_rows()
        if asked is None:
            raise NotFound
        row = await queries.referral(work, asked.referral_id)
        referral_after("answered", row.state)
        if asked.answered_at is not None:
            raise Conflict("This question has been answered already.")
        put = (question if question is not None else asked.question).strip()
        await _check_publication(work, row, {"question": put, "answer": answer.strip()}, confirmed, identifies_nobody)
        published = ReferralClarification(
            commissioner_id=row.commissioner_id,
            referral_id=row.id,
            question=put,
            answer=answer.strip(),
            published_at=work.now,
            published_by=actor.person_id,
        )
        await ReferralClarification.insert(published)
        await ReferralQuestion.update({ReferralQuestion.answered_at: work.now}).where(
            ReferralQuestion.id == question_id
        )
        await meet(work, ANSWER_TASK, question_id)
        for provider_id in await reached_providers(work, row):
            sentence = f"A question about referral {row.reference} has been answered for everyone."
            await tell(work, sentence, f"/opportunities/{row.id}", organisation_id=provider_id)
        work.audit("question.answered", "referral", row.id, question=question_id, clarification=published.id)
        return published.id


async def _check_publication(
    work: Work, row: Referral, texts: dict[str, str], confirmed: Sequence[str], identifies_nobody: bool
) -> None:
    faults: dict[str, str] = {}
    agreed = {words.lower() for words in confirmed} | set(row.anonymity_confirmed)
    for field, text in texts.items():
        if not text:
            faults[field] = "Enter the answer" if field == "answer" else "Enter the question as everybody will read it"
        elif len(text) > LONGEST_ANSWER:
            faults[field] = f"The {field} must be {LONGEST_ANSWER:,} characters or fewer"
        else:
            doubts = anonymity.unsettled(await anonymity.doubts_in(work, row, text, field), agreed)
            left = [doubt.what_to_do for doubt in doubts if not (identifies_nobody and doubt.may_be_confirmed)]
            if left:  # every one of them: what is confirmed together must have been shown together
                faults[field] = f"{'. '.join(dict.fromkeys(left))}. Everyone who was reached will read this"
    if faults:
        raise InvalidInput(faults)


async def close_referral(actor: Actor, referral_id: UUID, *, reason_code: str) -> None:
    """Close a broadcast referral without an award, for one of the pack's reasons. It can be broadcast again.

    Open offers are not chosen and their providers told, as is everyone who still had to answer.
    """
    permit(actor, "referral.write")
    async with unit_of_work(actor) as work:
        row = await queries.referral(work, referral_id, lock=True)
        referral_after("closed", row.state)
        pack = await pack_of(work, row.framework_id)
        if reason_code not in {reason.code for reason in pack.reasons("none_suitable")}:
            raise InvalidInput({"reason_code": "Select why no offer is taken"})
        closed: dict[Any, Any] = {
            "state": "closed", "closed_at": work.now, "closed_reason": reason_code, "changed_at": work.now,
        }  # fmt: skip
        await Referral.update(closed).where(Referral.id == row.id)
        await work.execute(
            "UPDATE offer SET state = 'not_chosen', decided_at = $3 WHERE commissioner_id = $1 AND referral_id"
            " = $2 AND state = 'made'",
            row.commissioner_id, row.id, work.now,
        )  # fmt: skip
        await cancel(work, row.id)
        await cancel_questions(work, row)
        for provider_id in await reached_providers(work, row):
            sentence = f"Referral {row.reference} was closed without an award."
            await tell(work, sentence, f"/opportunities/{row.id}", organisation_id=provider_id)
        work.audit("referral.closed", "referral", row.id, reason=reason_code)


async def cancel_questions(work: Work, row: Referral) -> None:
    """No unanswered question is owed an answer any more."""
    for question in await work.fetch(
        "SELECT id FROM referral_question WHERE referral_id = $1 AND answered_at IS NULL", row.id
    ):
        await cancel(work, question["id"], ANSWER_TASK)


async def preview(work: Work, referral_id: UUID) -> list[Reach]:
    """Whom the draft would reach now. Raises `InvalidInput` while it has no lot."""
    row = await queries.referral(work, referral_id)
    if row.lot_code is None:
        raise InvalidInput({"lot_code": "Choose the lot first"})
    return await reach.reach_of(work, row)
