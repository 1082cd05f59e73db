"""A provider answers a referral: a question, an offer at framework prices, or a decline with its reason.

One unit each. The referral is held still and standing and readiness are asked again at that moment, whatever the page
showed. A provider learns of its own answer only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import cast
from uuid import UUID, uuid4

import asyncpg

from marketplace.frameworks.queries import pack_of, pack_read
from marketplace.identity.permissions import permit
from marketplace.obligations.duties import Owed, meet, owe
from marketplace.obligations.news import tell
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted
from marketplace.policy.calendar import local_day
from marketplace.policy.facts import WeeklySlot
from marketplace.policy.pack import Pack
from marketplace.policy.records import is_blank
from marketplace.providers.profiles import family_profile
from marketplace.providers.readiness import Ready, match_statement, readiness
from marketplace.providers.standing import standing
from marketplace.referrals import needs, patterns, queries
from marketplace.referrals.broadcasting import ANSWER_TASK, EVIDENCE, RESPONSE
from marketplace.referrals.offer_price import OfferPrice, price_of
from marketplace.referrals.states import offer_after
from marketplace.referrals.tables import Offer, Referral
from marketplace.web.filters import last_moment

TELL_CHOOSERS = "tell_choosers"
LONGEST_TEXT = 2_000
MOST_WORKERS = 12


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a provider offers: who (main and back-up workers), from when, and the week it can serve."""

    workers: tuple[UUID, ...]
    backups: tuple[UUID, ...]
    starts_on: date
    pattern: tuple[WeeklySlot, ...]
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """A proposal the rules let through: its workers as judged on the start date, and its price."""

    referral: Referral
    pack: Pack
    main: tuple[Ready, ...]
    backups: tuple[Ready, ...]
    pattern: patterns.Pattern
    price: OfferPrice


async def check_proposal(
    work: Work, referral_id: UUID, proposal: Proposal, referral: Referral | None = None
) -> Checked:
    """What would be offered, with its price; nothing is kept. `referral` where the unit has read it already.

    Raises `InvalidInput` by field (workers, backups, starts_on, pattern, remark), `NotFound` where the referral did not
    reach the provider.
    """
    provider_id = _provider(work.actor)
    referral = referral or await queries.referral(work, referral_id)
    assert referral.lot_code is not None
    pack = await pack_of(work, referral.framework_id)
    faults: dict[str, str] = {}
    if proposal.starts_on < local_day(work.now):
        faults["starts_on"] = "The start date must be today or later"
    if referral.ends_on is not None and proposal.starts_on > referral.ends_on:
        faults["starts_on"] = "The start date must be before the support ends"
    if not proposal.pattern:
        faults["pattern"] = "Enter at least one visit a week"
    if len(proposal.remark) > LONGEST_TEXT:
        faults["remark"] = f"The remark must be {LONGEST_TEXT:,} characters or fewer"
    if len(proposal.workers) < referral.workers_per_visit:
        wanted = referral.workers_per_visit
        faults["workers"] = "Select who will come" if wanted == 1 else f"Select at least {wanted} workers who come"
    if len(proposal.workers) + len(proposal.backups) > MOST_WORKERS:
        faults["workers"] = f"Choose at most {MOST_WORKERS} workers: few workers a package, known in advance"
    if set(proposal.workers) & set(proposal.backups):
        faults["backups"] = "A worker is either proposed or the back-up, not both"
    if faults:
        raise InvalidInput(faults)
    pattern = patterns.checked(proposal.pattern, pack.lot(referral.lot_code).activities)
    asked = needs.competencies_needed(pack, referral.lot_code, referral.needs, referral.interventions)
    main, backups = await ready_team(work, pack, provider_id, referral.lot_code, asked, proposal)
    price = await price_of(
        work, pack, referral.framework_id, provider_id, referral.lot_code, proposal.pattern, proposal.starts_on,
        referral.workers_per_visit,
    )  # fmt: skip
    return Checked(referral, pack, main, backups, pattern, price)


async def make_offer(actor: Actor, referral_id: UUID, proposal: Proposal) -> UUID:
    """Make an offer; returns its id. The duty to answer is met, in time or late; late ones are taken while it is open.

    Raises `InvalidInput` by field, `Conflict` where the provider is out of standing, offered already, or the referral
    is no longer open; `NotFound` where it never reached the provider.
    """
    permit(actor, "offer.write")
    async with unit_of_work(actor) as work:
        provider_id = _provider(actor)
        referral = await _open_to_me(work, referral_id)
        checked = await check_proposal(work, referral_id, proposal, referral)
        offer_id = uuid4()
        price = checked.price
        try:
            await work.execute(
                """INSERT INTO offer (commissioner_id, id, framework_id, referral_id, round, provider_id, starts_on,
                   pattern, remark, price, pence_per_week, pence_per_period, made_at, made_by)
                   VALUES ($1, $2, $3, $4, (SELECT max(round) FROM referral_reach x WHERE x.commissioner_id = $1
                     AND x.referral_id = $4 AND x.provider_id = $5 AND x.reached),
                     $5, $6, $7, $8, $9, $10, $11, $12, $13)""",
                referral.commissioner_id, offer_id, referral.framework_id, referral.id,
                provider_id, proposal.starts_on, checked.pattern, proposal.remark.strip(), price.explained,
                price.pence_per_week, price.pence_per_period, work.now, actor.person_id,
            )  # fmt: skip
        except asyncpg.UniqueViolationError as error:
            raise Conflict("You have already made an offer for this referral. Change that one instead.") from error
        await _keep_workers(work, referral, offer_id, provider_id, checked)
        await work.execute(
            "DELETE FROM referral_decline WHERE referral_id = $1 AND provider_id = $2 AND round = $3",
            referral.id, provider_id, referral.round,
        )  # fmt: skip
        await meet(work, (RESPONSE, EVIDENCE), referral.id, by_organisation=provider_id)
        await _tell_referrer(work, referral, f"An offer came in for referral {referral.reference}.")
        await _tell_families(work, referral, offer_id, 1)
        work.audit(
            "offer.made", "offer", offer_id, commissioner_id=referral.commissioner_id, referral=referral.id,
            reference=referral.reference, pence_per_week=price.pence_per_week, starts_on=proposal.starts_on,
        )  # fmt: skip
        return offer_id


async def amend_offer(actor: Actor, offer_id: UUID, proposal: Proposal, *, version: int | None = None) -> int:
    """Change an offer until the time to answer ends; returns its new version. Earlier choices of it no longer count.

    Raises what `make_offer` raises, and `Conflict` after the deadline, or where `version` was given and a colleague
    has changed the offer since.
    """
    permit(actor, "offer.write")
    async with unit_of_work(actor) as work:
        offer = await _mine(work, offer_id)
        offer_after("amended", offer.state)
        referral = await _open_to_me(work, offer.referral_id)
        if referral.respond_by is not None and work.now >= referral.respond_by:
            raise Conflict(
                f"Offers could be changed until {last_moment(referral.respond_by)}. You can still withdraw yours."
            )
        if version is not None and version != offer.version:
            raise Conflict(
                "A colleague has changed this offer since you opened it. What you wrote is shown here still."
            )
        checked = await check_proposal(work, referral.id, proposal)
        version = offer.version + 1
        await work.execute(
            """UPDATE offer SET starts_on = $3, pattern = $4, remark = $5, price = $6, pence_per_week = $7,
               pence_per_period = $8, version = $9, amended_at = $10 WHERE commissioner_id = $1 AND id = $2""",
            offer.commissioner_id, offer.id, proposal.starts_on, checked.pattern, proposal.remark.strip(),
            checked.price.explained, checked.price.pence_per_week, checked.price.pence_per_period, version, work.now,
        )  # fmt: skip
        await work.execute(
            "DELETE FROM offer_worker WHERE commissioner_id = $1 AND offer_id = $2", offer.commissioner_id, offer.id
        )
        await _keep_workers(work, referral, offer.id, offer.provider_id, checked)
        await _tell_referrer(
            work, referral, f"An offer for referral {referral.reference} was changed: look at it again."
        )
        await _tell_families(work, referral, offer_id, version)
        work.audit(
            "offer.amended", "offer", offer.id, commissioner_id=offer.commissioner_id, referral=referral.id,
            version=version, pence_per_week=checked.price.pence_per_week,
        )  # fmt: skip
        return version


async def withdraw_offer(actor: Actor, offer_id: UUID) -> None:
    """Take an offer back before award. Raises `WrongState` afterwards, `NotFound` for another provider's."""
    permit(actor, "offer.write")
    async with unit_of_work(actor) as work:
        offer = await _mine(work, offer_id)
        await work.fetchval("SELECT hold_referral($1, $2)", offer.commissioner_id, offer.referral_id)
        offer = await _mine(work, offer_id)
        after = offer_after("withdrawn", offer.state)
        await work.execute(
            "UPDATE offer SET state = $3, withdrawn_at = $4 WHERE commissioner_id = $1 AND id = $2",
            offer.commissioner_id, offer.id, after, work.now,
        )  # fmt: skip
        referral = await queries.referral(work, offer.referral_id)
        await _tell_referrer(work, referral, f"An offer for referral {referral.reference} was withdrawn.")
        work.audit("offer.withdrawn", "offer", offer.id, commissioner_id=offer.commissioner_id, referral=referral.id)


async def decline_referral(actor: Actor, referral_id: UUID, reason_code: str, remark: str = "") -> None:
    """Say no, with one of the pack's reasons, or with none ("") where the pack asks for none (P 4.13).

    Declining twice keeps the last reason.

    Raises `InvalidInput` by field, `Conflict` while an offer of the provider stands, `NotFound`.
    """
    permit(actor, "offer.write")
    async with unit_of_work(actor) as work:
        provider_id = _provider(actor)
        referral = await _open_to_me(work, referral_id, in_standing=False)
        pack = await pack_of(work, referral.framework_id)
        faults: dict[str, str] = {}
        unsaid = not reason_code and not pack.on(local_day(work.now)).pathway.decline_needs_reason
        if not unsaid and reason_code not in {reason.code for reason in pack.reasons("decline")}:
            faults["reason_code"] = "Select why you decline"
        elif reason_code == "other" and is_blank(remark):
            faults["remark"] = "Enter your reason in your own words"
        if len(remark) > LONGEST_TEXT:
            faults["remark"] = f"The reason must be {LONGEST_TEXT:,} characters or fewer"
        if faults:
            raise InvalidInput(faults)
        if await work.fetchval(
            "SELECT 1 FROM offer WHERE referral_id = $1 AND provider_id = $2 AND state = 'made'",
            referral.id,
            provider_id,
        ):
            raise Conflict("You have an offer standing for this referral. Withdraw it first.")
        await work.execute(
            """INSERT INTO referral_decline (commissioner_id, referral_id, round, provider_id, reason_code, remark,
               declined_at, declined_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
               ON CONFLICT (commissioner_id, referral_id, round, provider_id)
               DO UPDATE SET reason_code = $5, remark = $6, declined_at = $7, declined_by = $8""",
            referral.commissioner_id, referral.id, await _my_round(work, referral), provider_id, reason_code,
            remark.strip(), work.now, actor.person_id,
        )  # fmt: skip
        await meet(work, (RESPONSE, EVIDENCE), referral.id, by_organisation=provider_id)
        work.audit(
            "referral.declined", "referral", referral.id, commissioner_id=referral.commissioner_id, reason=reason_code
        )


async def ask_question(actor: Actor, referral_id: UUID, question: str) -> UUID:
    """Ask the referrer; the answer goes to everyone reached, without who asked. Returns the question's id.

    Raises `InvalidInput`, `Conflict` after the time to answer, `NotFound`.
    """
    permit(actor, "offer.write")
    if is_blank(question):
        raise InvalidInput({"question": "Enter your question"})
    if len(question) > LONGEST_TEXT:
        raise InvalidInput({"question": f"The question must be {LONGEST_TEXT:,} characters or fewer"})
    async with unit_of_work(actor) as work:
        provider_id = _provider(actor)
        referral = await _open_to_me(work, referral_id, in_standing=False)
        if referral.respond_by is not None and work.now >= referral.respond_by:
            raise Conflict(f"Questions could be asked until {last_moment(referral.respond_by)}.")
        question_id = uuid4()
        await work.execute(
            """INSERT INTO referral_question
               (commissioner_id, id, referral_id, provider_id, asked_by, asked_at, question)
               VALUES ($1, $2, $3, $4, $5, $6, $7)""",
            referral.commissioner_id, question_id, referral.id, provider_id, actor.person_id, work.now,
            question.strip(),
        )  # fmt: skip
        link = f"/referrals/{referral.id}#questions"
        await owe(
            work, await pack_of(work, referral.framework_id), ANSWER_TASK, subject_type="question",
            subject_id=question_id, reference=referral.reference, title="Answer a provider's question", link=link,
            owed_by=Owed(organisation_id=referral.commissioner_id, person_id=referral.referrer_id),
            due_at=referral.respond_by, commissioner_id=referral.commissioner_id, framework_id=referral.framework_id,
        )  # fmt: skip
        await _tell_referrer(work, referral, f"A question was asked about referral {referral.reference}.")
        work.audit(
            "question.asked", "referral", referral.id, commissioner_id=referral.commissioner_id, question=question_id
        )
        return question_id


def _provider(actor: Actor) -> UUID:
    if actor.provider_id is None:
        raise NotPermitted
    return actor.provider_id


async def _open_to_me(work: Work, referral_id: UUID, *, in_standing: bool = True) -> Referral:
    """The referral, held still until the unit ends, if it may still be answered by this provider."""
    provider_id = _provider(work.actor)
    referral = await queries.referral(work, referral_id)
    # The referral first, then the provider's admissions (`hold_standing`), in one question: what is asked after it sees
    # what was decided before.
    row = await work.fetchrow(
        "SELECT hold_referral($2, $3) AS held, $4 AND hold_admissions($1, $5, false), pack_hash, state FROM framework"
        " WHERE id = $1",
        referral.framework_id, referral.commissioner_id, referral.id, in_standing, provider_id,
    )  # fmt: skip
    if row is None or row["held"] != "broadcast":
        raise Conflict(f"Referral {referral.reference} is no longer open to answers.")
    await pack_read(work, referral.framework_id, row["pack_hash"], row["state"])
    if in_standing:
        assert referral.lot_code is not None
        mine = await standing(
            work, referral.framework_id, provider_id, referral.lot_code, commissioner_id=referral.commissioner_id
        )
        if mine.reasons:
            says = ", ".join(reason.says for reason in mine.reasons)
            raise Conflict(f"You cannot make offers on this lot now: your organisation {says}.")
    return referral


async def _my_round(work: Work, referral: Referral) -> int:
    """The newest round that reached this provider: an answer belongs to it."""
    found = await work.fetchval(
        "SELECT max(round) FROM referral_reach WHERE referral_id = $1 AND provider_id = $2 AND reached",
        referral.id, work.actor.provider_id,
    )  # fmt: skip
    return cast(int, found)


async def _mine(work: Work, offer_id: UUID) -> Offer:
    offer = await queries.offer(work, offer_id, lock=True)
    if offer.provider_id != _provider(work.actor):
        raise NotFound
    return offer


async def ready_team(
    work: Work, pack: Pack, provider_id: UUID, lot_code: str, asked: Sequence[str], proposal: Proposal
) -> tuple[tuple[Ready, ...], tuple[Ready, ...]]:
    """Who would come and the back-ups of a proposal, each once, judged on its first day for the competencies `asked`.

    Raises `InvalidInput` for `workers` or `backups` where one is unknown or not ready.
    """
    chosen = [*proposal.workers, *proposal.backups]
    judged = {
        entry.worker.id: entry
        for entry in await readiness(
            work, provider_id, pack, lot_code, asked, proposal.starts_on, worker_ids=chosen
        )
    }  # fmt: skip
    return _all_ready("workers", proposal.workers, judged), _all_ready("backups", proposal.backups, judged)


def _all_ready(field: str, chosen: Sequence[UUID], judged: dict[UUID, Ready]) -> tuple[Ready, ...]:
    """The workers chosen, each once. Raises `InvalidInput` for `field` where one is unknown or not ready."""
    unknown = [worker_id for worker_id in chosen if worker_id not in judged]
    if unknown:
        raise InvalidInput({field: "Choose workers from the list"})
    unready = [judged[worker_id].sentence for worker_id in chosen if not judged[worker_id].ready]
    if unready:
        raise InvalidInput({field: f"Only workers who are ready on that day can be proposed. {' '.join(unready)}"})
    return tuple(judged[worker_id] for worker_id in dict.fromkeys(chosen))


async def _keep_workers(work: Work, referral: Referral, offer_id: UUID, provider_id: UUID, checked: Checked) -> None:
    rows = [
        (
            referral.commissioner_id, offer_id, provider_id, entry.worker.id, part, position, entry.worker.name,
            role.title if (role := checked.pack.roles.get(entry.worker.role)) else entry.worker.role,
            family_profile(entry.pack, entry.worker, entry.on), match_statement(entry),
        )
        for part, entries in (("main", checked.main), ("backup", checked.backups))
        for position, entry in enumerate(entries)
    ]  # fmt: skip
    await work.connection.executemany(
        """INSERT INTO offer_worker (commissioner_id, offer_id, provider_id, worker_id, part, position, name,
           role, profile, statement) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)""",
        rows,
    )


async def _tell_referrer(work: Work, referral: Referral, sentence: str) -> None:
    await tell(
        work, sentence, f"/referrals/{referral.id}", organisation_id=referral.commissioner_id,
        person_id=referral.referrer_id,
    )  # fmt: skip


async def _tell_families(work: Work, referral: Referral, offer_id: UUID, version: int) -> None:
    # Who the family is, a provider may not know before award: the commissioner's own job tells them.
    payload = {"commissioner": referral.commissioner_id, "referral": referral.id, "offer": offer_id}
    await work.enqueue(TELL_CHOOSERS, payload, dedupe_key=f"choosers {offer_id} {version}")
