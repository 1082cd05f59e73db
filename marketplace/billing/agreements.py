"""Written agreements about lines beside visits: one side proposes, both must agree (P 4.9, 4.11, 14.3).

The agreement is its own record: its terms never change after it was proposed, each side answers by its own people, and
what it was written on may be attached by the provider. Another one is made for other terms.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from marketplace.billing.other_records import KINDS
from marketplace.frameworks.queries import pack_of
from marketplace.identity.permissions import may, permit
from marketplace.obligations.duties import Owed, cancel, meet, owe
from marketplace.obligations.news import tell
from marketplace.packages import queries as package_queries
from marketplace.packages.tables import Package
from marketplace.packages.telling import not_the_familys
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import InvalidInput, NotFound, NotPermitted, WrongState
from marketplace.policy.calendar import local_day
from marketplace.policy.other_lines import kinds_allowed
from marketplace.policy.records import is_blank
from marketplace.providers.files import attachable
from marketplace.referrals.children import own_case

DECIDE = "task.decide_agreement"
MOST = 2000
LONGEST_DAYS = 1100


@dataclass(frozen=True, slots=True)
class Terms:
    """What is proposed: pence per unit (None for costs as evidenced), the most in all, the days it covers, in words."""

    kind: str
    says: str
    unit_pence: int | None
    most_pence: int | None
    valid_from: date | None
    valid_to: date | None


async def propose(actor: Actor, package_id: UUID, terms: Terms, *, evidence_id: UUID | None = None) -> UUID:
    """Propose an agreement for a package to the other side; returns its id. The own side has agreed by proposing.

    `evidence_id` is a file of the provider's own. Raises `InvalidInput` naming the field, `NotFound`, `NotPermitted`
    for a referrer whose case it is not.
    """
    _may_decide(actor)
    async with unit_of_work(actor) as work:
        package = await package_queries.package(work, package_id)
        side = _side(actor, package)
        if side == "payer":
            await _for_the_payer(work, actor, package)
        not_the_familys(package)
        pack = await pack_of(work, package.framework_id)
        faults = _faults(terms, kinds_allowed(pack, local_day(work.now)))
        if faults:
            raise InvalidInput(faults)
        if evidence_id is not None:
            await _file(work, evidence_id, side)
        agreement_id = uuid4()
        agreed = "payer" if side == "payer" else "provider"
        await work.execute(
            f"""INSERT INTO other_agreement (commissioner_id, id, framework_id, provider_id, package_id, kind, says,
                unit_pence, most_pence, valid_from, valid_to, proposed_by, proposed_at, proposed_side, evidence_id,
                {agreed}_agreed_by, {agreed}_agreed_at)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $12, $13)""",  # noqa: S608
            package.commissioner_id, agreement_id, package.framework_id, package.provider_id, package.id, terms.kind,
            terms.says.strip(), terms.unit_pence, terms.most_pence, terms.valid_from, terms.valid_to, actor.person_id,
            work.now, side, evidence_id,
        )  # fmt: skip
        link = f"/agreements/{agreement_id}"
        what = f"An agreement about {KINDS[terms.kind].lower()} for package {package.reference}"
        to = package.provider_id if side == "payer" else package.commissioner_id
        role = None if side == "payer" else "referrer"
        await owe(
            work, pack, DECIDE, title="Agree to a line beside visits, or refuse", subject_type="other_agreement",
            subject_id=agreement_id, reference=package.reference, owed_by=Owed(to, role), link=link,
            owed_to=package.provider_id if side == "provider" else package.commissioner_id,
            commissioner_id=package.commissioner_id, framework_id=package.framework_id, package_id=package.id,
        )  # fmt: skip
        await tell(work, f"{what} is proposed.", link, organisation_id=to, role=role)
        work.audit(
            "agreement.proposed", "other_agreement", agreement_id, commissioner_id=package.commissioner_id,
            kind=terms.kind, side=side, unit_pence=terms.unit_pence, most_pence=terms.most_pence,
        )  # fmt: skip
        return agreement_id


async def agree_to(actor: Actor, agreement_id: UUID) -> None:
    """Agree to what the other side proposed: lines on its days can be billed from now on."""
    _may_decide(actor)
    async with unit_of_work(actor) as work:
        row, side = await _waiting(work, actor, agreement_id)
        column = "payer" if side == "payer" else "provider"
        await work.execute(
            f"UPDATE other_agreement SET {column}_agreed_by = $3, {column}_agreed_at = $4"  # noqa: S608 - two names
            " WHERE commissioner_id = $1 AND id = $2",
            row["commissioner_id"], agreement_id, actor.person_id, work.now,
        )  # fmt: skip
        await _answered(work, row, side, "agreed to")
        work.audit("agreement.agreed", "other_agreement", agreement_id, commissioner_id=row["commissioner_id"])


async def refuse(actor: Actor, agreement_id: UUID, reason: str) -> None:
    """Refuse what the other side proposed, or take one's own proposal back, with the reason."""
    _may_decide(actor)
    if is_blank(reason) or len(reason) > MOST:
        raise InvalidInput({"reason": "Enter why, in 2,000 characters or fewer"})
    async with unit_of_work(actor) as work:
        row, side = await _waiting(work, actor, agreement_id, own_too=True)
        await work.execute(
            "UPDATE other_agreement SET refused_by = $3, refused_at = $4, refused_reason = $5"
            " WHERE commissioner_id = $1 AND id = $2",
            row["commissioner_id"], agreement_id, actor.person_id, work.now, reason.strip(),
        )  # fmt: skip
        await _answered(work, row, side, "refused or taken back")
        work.audit("agreement.refused", "other_agreement", agreement_id, commissioner_id=row["commissioner_id"])


async def _waiting(work: Work, actor: Actor, agreement_id: UUID, *, own_too: bool = False) -> tuple[Any, str]:
    row = await work.fetchrow(
        "SELECT a.*, p.reference FROM other_agreement a JOIN package p ON p.commissioner_id = a.commissioner_id"
        " AND p.id = a.package_id WHERE a.id = $1 FOR UPDATE OF a",
        agreement_id,
    )
    if row is None:
        raise NotFound
    side = "payer" if row["commissioner_id"] == actor.commissioner_id else "provider"
    if side == "payer":
        await _for_the_payer(work, actor, await package_queries.package(work, row["package_id"]))
    if row["refused_at"] is not None:
        raise WrongState("agreement", "refused", "answered")
    if row["payer_agreed_at"] is not None and row["provider_agreed_at"] is not None:
        raise WrongState("agreement", "agreed", "answered")
    if row["proposed_side"] == side and not own_too:
        raise NotPermitted("You proposed this: the other side agrees to it.")
    return row, side


async def _answered(work: Work, row: asyncpg.Record, side: str, what: str) -> None:
    if side == row["proposed_side"]:
        await cancel(work, row["id"])
    else:
        await meet(work, DECIDE, row["id"])
    to = row["provider_id"] if side == "payer" else row["commissioner_id"]
    said = f"The agreement about {KINDS[row['kind']].lower()} for package {row['reference']} was {what}."
    role = None if side == "payer" else "referrer"
    await tell(work, said, f"/agreements/{row['id']}", organisation_id=to, role=role)


def _may_decide(actor: Actor) -> None:
    if not may(actor, "other_line.write"):
        permit(actor, "agreement.decide")


async def _for_the_payer(work: Work, actor: Actor, package: Package) -> None:
    """The council is bound by the referrer whose case it is, or by a contract manager (who has no cases)."""
    if actor.role != "contract_manager":
        await own_case(work, actor, package.child_id)


def _side(actor: Actor, package: Package) -> str:
    if package.commissioner_id == actor.commissioner_id:
        return "payer"
    if package.provider_id == actor.provider_id:
        return "provider"
    raise NotFound


async def _file(work: Work, evidence_id: UUID, side: str) -> None:
    if side == "payer":
        raise InvalidInput({"evidence_id": "Only the provider attaches files of its own"})
    row = await attachable(work, evidence_id)
    if row["kind"] == "dbs_certificate":
        raise InvalidInput({"evidence_id": "A scan of a DBS certificate is shown to nobody: select another file"})


def _faults(terms: Terms, allowed: tuple[str, ...]) -> dict[str, str]:
    faults: dict[str, str] = {}
    if terms.kind not in allowed:
        faults["kind"] = "Select what the agreement is about: this framework allows only those listed"
    if is_blank(terms.says) or len(terms.says) > MOST:
        faults["says"] = "Enter what is agreed, in 2,000 characters or fewer"
    unit = terms.unit_pence
    if terms.kind == "return_to_area":
        if unit is not None:
            faults["unit"] = "Costs of a return are billed as evidenced: leave this empty"
    elif unit is None or not 0 < unit <= 10_000_000:
        faults["unit"] = "Enter what one mile costs" if terms.kind == "mileage" else "Enter what one report costs"
    if terms.most_pence is None or not 0 < terms.most_pence <= 100_000_000:
        faults["most"] = "Enter the most that can be billed against this agreement"
    if terms.valid_from is None:
        faults["valid_from"] = "Enter the first day it covers"
    if terms.valid_to is None:
        faults["valid_to"] = "Enter the last day it covers"
    elif terms.valid_from is not None:
        if terms.valid_to < terms.valid_from:
            faults["valid_to"] = "The last day must not be before the first day"
        elif (terms.valid_to - terms.valid_from).days > LONGEST_DAYS:
            faults["valid_to"] = "An agreement covers three years at most"
    return faults
