"""What the Care Quality Commission changed: the provider reports it within the pack's hours (L 10.1)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4, uuid5

from marketplace.contracts.steps import CONTRACTS, answering, made_before, said
from marketplace.frameworks.queries import my_frameworks, pack_of
from marketplace.obligations.duties import Owed, meet, owe
from marketplace.obligations.news import tell
from marketplace.platform.actor import Actor
from marketplace.platform.database import unit_of_work
from marketplace.platform.errors import InvalidInput
from marketplace.policy.calendar import local_day
from marketplace.policy.contracts import CQC
from marketplace.providers.actions import registration_ended
from marketplace.providers.queries import admitted_lots

KINDS = {
    "rating": "A rating or inspection report",
    "non_compliance": "It found us non-compliant",
    "conditions": "Conditions on our registration",
    "registration": "Our registration ended, was suspended or cancelled",
    "enforcement": "Enforcement action or a warning notice",
}
ENDED = "registration"
FIRST_YEAR = 2009  # the Commission's first


async def report(actor: Actor, *, kind: str, says: str, learnt_at: datetime, change_id: UUID | None = None) -> UUID:
    """Report a change with when it was learnt of: every commissioner of our frameworks is told at once.

    A registration that has ended has ended in the profile too, in the same unit, so that its lapse is acted on.
    Sent again with the same `change_id` it is reported once.
    The duty to report stands with its clock from `learnt_at`, met now, and late where it is. Raises `InvalidInput`.
    """
    async with unit_of_work(answering(actor)) as work:
        assert actor.provider_id is not None
        change_id = change_id or uuid4()
        if await made_before(work, "cqc_change", change_id):
            return change_id
        wrong: dict[str, str] = {}
        if kind not in KINDS:
            wrong["kind"] = "Select what changed"
        if not says.strip():
            wrong["says"] = "Enter what the Commission said or did"
        if learnt_at > work.now or learnt_at.year < FIRST_YEAR:
            wrong["learnt_on"] = "When you learnt of it must be in the past"
        if wrong:
            raise InvalidInput(wrong)
        await work.execute(
            "INSERT INTO cqc_change (id, provider_id, kind, says, learnt_at, reported_at, reported_by,"
            " reported_by_name) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            change_id, actor.provider_id, kind, said(says, "says", ""), learnt_at, work.now, actor.person_id,
            actor.person_name,
        )  # fmt: skip
        told: set[UUID] = set()
        for view in await my_frameworks(work):
            if not await admitted_lots(work, view.id, actor.provider_id):
                continue
            pack = await pack_of(work, view.id)
            if CQC in pack.on(local_day(learnt_at)).duties:
                about = uuid5(CONTRACTS, f"{change_id} {view.id}")
                await owe(
                    work, pack, CQC, subject_type="cqc_change", subject_id=about, reference=view.name,
                    owed_by=Owed(actor.provider_id), owed_to=view.lead_id, starts_at=learnt_at, link="/contract",
                    framework_id=view.id,
                )  # fmt: skip
                await meet(work, CQC, about)
            for member in view.members:
                if member.commissioner_id not in told:
                    told.add(member.commissioner_id)
                    await tell(
                        work, f"{actor.organisation_name} reports a change by the Care Quality Commission:"
                        f" {KINDS[kind].lower()}.", f"/contracts/{view.id}/{actor.provider_id}",
                        organisation_id=member.commissioner_id, role="contract_manager",
                    )  # fmt: skip
        if kind == ENDED:
            await registration_ended(work)
        work.audit("cqc_change.reported", "cqc_change", change_id, kind=kind, learnt_at=learnt_at)
        return change_id
