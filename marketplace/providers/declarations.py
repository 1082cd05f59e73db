"""What a provider declares, with files: policies and their reviews, registration, insurance, toolkits (L 10, P 10).

One declaration serves every framework that asks for it; each framework's lead finds for itself. Nothing is overwritten:
what is declared again is another row, and what was found of the earlier one stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from msgspec import UNSET, UnsetType

from marketplace.frameworks.actions import led_framework
from marketplace.frameworks.queries import FrameworkView, framework, pack_of
from marketplace.identity.permissions import permit
from marketplace.obligations import duties, news
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound
from marketplace.policy.calendar import local_day
from marketplace.policy.pack import Pack
from marketplace.policy.requirements import asked_of
from marketplace.policy.suspending import gives_cause
from marketplace.providers.causes import drop_causes, raise_cause, tell_it_is_mended
from marketplace.providers.declaration_details import INSURANCE, LONGEST, REGISTRATION, Kind, checked, kind_of
from marketplace.providers.files import KINDS, attachable
from marketplace.providers.queries import admitted_lots
from marketplace.providers.repeating import declared_again, running
from marketplace.providers.vocabulary import Words, words
from marketplace.providers.workforce import ensure_profile

MEND = "task.mend_declaration"
MOST_FILES = 12
DECLARED_AGAIN = "The provider has declared this again since: look at the newest one."
VERDICTS = {"accepted": "Accepted", "rejected": "Rejected: something is to be mended"}

# The newest declaration, where what is said again is the same and nobody has rejected it: then it says nothing new.
SENT_TWICE = """
SELECT d.id FROM (SELECT * FROM declaration WHERE provider_id = $1 AND rule_key = $2
    ORDER BY in_order DESC LIMIT 1) d
WHERE d.declared_on = $3 AND d.remark = $4 AND d.details = $5::jsonb
    AND (SELECT coalesce(array_agg(f.evidence_id ORDER BY f.evidence_id), '{}') FROM declaration_file f
        WHERE f.provider_id = d.provider_id AND f.declaration_id = d.id)
        = (SELECT coalesce(array_agg(e ORDER BY e), '{}') FROM unnest($6::uuid[]) e)
    AND NOT EXISTS (SELECT 1 FROM declaration_assessment a
        WHERE a.provider_id = d.provider_id AND a.declaration_id = d.id AND a.verdict = 'rejected')
"""


def known_keys(spoken: Words) -> dict[str, str]:
    """The same over all frameworks of the actor."""
    found: dict[str, str] = {}
    for _, _, pack in spoken.packs:
        found = {**asked_of(pack), **found}
    return found


def looked_at(
    kind: Kind, declared_on: date, remark: str, files: Sequence[UUID], details: Mapping[str, Any], today: date
) -> tuple[dict[str, Any], dict[str, str]]:
    """The details as they would be kept, and everything that is wrong with a declaration, by field."""
    wrong: dict[str, str] = {}
    if declared_on > today:
        wrong["declared_on"] = "The date must be today or in the past"
    if len(remark) > LONGEST:
        wrong["remark"] = f"The remark must be {LONGEST:,} characters or fewer"
    if len(files) > MOST_FILES:
        wrong["evidence_ids"] = f"Select {MOST_FILES} files or fewer"
    kept = checked(kind, details, today, wrong)
    if kind.needs_file and not files:
        wrong["evidence_ids"] = "Select the file that shows it, such as the certificate"
    return kept, wrong


async def looked_over(
    work: Work, key: str, declared_on: date, remark: str, files: Sequence[UUID], details: Mapping[str, Any]
) -> dict[str, Any]:
    """The details as they would be kept, the files looked at too; keeps nothing. Raises `InvalidInput`, `NotFound`."""
    spoken = await words(work)
    if key not in known_keys(spoken):
        raise NotFound("None of your frameworks asks for this.")
    kind = kind_of(spoken, key)
    kept, wrong = looked_at(kind, declared_on, remark, files, details, local_day(work.now))
    if wrong:
        raise InvalidInput(wrong)
    for each in files:
        row = await attachable(work, each, field="evidence_ids")
        if row["worker_id"] is not None:
            raise InvalidInput({"evidence_ids": "Select files about the organisation, not about a worker"})
        if kind.file_kind and row["kind"] != kind.file_kind:
            raise InvalidInput({"evidence_ids": f"Select a file that was added as “{KINDS[kind.file_kind]}”"})
    return kept


async def make_declaration(
    actor: Actor,
    key: str,
    *,
    declared_on: date,
    remark: str = "",
    evidence_ids: Sequence[UUID] = (),
    details: Mapping[str, Any] | None = None,
) -> UUID:
    """Declare one thing with its files; returns the declaration's id.

    `declared_on` is since when, or when last reviewed. `details` of a registration: `provider_identifier`,
    `location_identifier`, `rating`, `inspected_on`, `conditions`; of an insurance: `until`; of inspection reports:
    `inspections` (each with `inspected_on`, `rating`) or `none_yet`; of a toolkit: `completed_on`, `outcome`,
    `shortfall`. The same sent twice is there once. Raises `InvalidInput`.
    """
    permit(actor, "provider.write")
    async with unit_of_work(actor) as work:
        provider_id = await ensure_profile(work)
        await one_at_a_time(work, provider_id, key)
        files = list(dict.fromkeys(evidence_ids))
        kept = await looked_over(work, key, declared_on, remark, files, details or {})
        same = await work.fetchval(SENT_TWICE, provider_id, key, declared_on, remark.strip(), kept, files)
        if same is not None:
            return same
        declaration_id = await keep_declaration(work, provider_id, key, declared_on, remark.strip(), kept, files)
        work.audit(
            "provider.declared", "provider", provider_id, keys=[key], declared_on=declared_on, files=len(files),
            declaration=declaration_id,
        )  # fmt: skip
        return declaration_id


async def one_at_a_time(work: Work, provider_id: UUID, key: str) -> None:
    """Whoever declares again, whoever assesses and whoever acts on a lapse wait for each other, until their units end:
    what is found is of the newest."""
    await work.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"declarations of {key} by {provider_id}"
    )


async def keep_declaration(
    work: Work,
    provider_id: UUID,
    key: str,
    declared_on: date,
    remark: str = "",
    details: Mapping[str, Any] | None = None,
    files: Sequence[UUID] = (),
) -> UUID:
    """The change itself, in the caller's unit: the row, what the profile shows of it, what was to be mended, and the
    duties that it meets."""
    await one_at_a_time(work, provider_id, key)
    turns = await running(work, provider_id)
    rejected = await work.fetch(
        "SELECT DISTINCT ON (a.framework_id) a.framework_id, a.declaration_id, a.verdict FROM declaration_assessment a"
        " JOIN declaration d ON d.provider_id = a.provider_id AND d.id = a.declaration_id"
        " WHERE a.provider_id = $1 AND d.rule_key = $2 ORDER BY a.framework_id, a.in_order DESC",
        provider_id, key,
    )  # fmt: skip
    declaration_id: UUID = await work.fetchval(
        "INSERT INTO declaration (provider_id, rule_key, declared_on, remark, details, declared_by, declared_by_name,"
        " recorded_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id",
        provider_id, key, declared_on, remark, dict(details or {}), work.actor.person_id, work.actor.person_name,
        work.now,
    )  # fmt: skip
    await work.execute(
        "INSERT INTO declaration_file (provider_id, declaration_id, evidence_id) SELECT $1, $2, unnest($3::uuid[])",
        provider_id, declaration_id, list(files),
    )  # fmt: skip
    await work.execute(
        "UPDATE provider SET declarations = declarations || $2::jsonb WHERE id = $1",
        provider_id, {key: declared_on.isoformat()},
    )  # fmt: skip
    await declared_again(work, provider_id, turns)
    if key == REGISTRATION and details:
        await work.execute(
            "UPDATE provider SET cqc_registered = true, cqc_provider_id = $2 WHERE id = $1",
            provider_id, details["provider_identifier"],
        )  # fmt: skip
    elif key == INSURANCE and details:
        until = date.fromisoformat(details["until"])
        await work.execute("UPDATE provider SET insurance_until = $2 WHERE id = $1", provider_id, until)
    if key in (REGISTRATION, INSURANCE):
        await look_at_cover_again(work, provider_id)
    for row in rejected:
        if row["verdict"] == "rejected":
            await duties.meet(work, MEND, row["declaration_id"])
            view = await framework(work, row["framework_id"])
            await news.tell(
                work,
                f"{work.actor.organisation_name} has declared again what {view.name} rejected.",
                f"/providers/{provider_id}/declarations",
                organisation_id=view.lead_id,
                role="contract_manager",
            )
    return declaration_id


async def look_at_cover_again(work: Work, provider_id: UUID) -> None:
    """What registration and insurance hold up is looked at within the minute."""
    await work.enqueue("look_at_cover", {"provider": provider_id}, dedupe_key=f"cover {provider_id}")


async def assess(
    actor: Actor,
    declaration_id: UUID,
    framework_id: UUID,
    *,
    verdict: str,
    to_mend: str = "",
    seen: UUID | UnsetType | None = UNSET,
) -> UUID:
    """Find for a framework whether a declaration is accepted, or what is to be mended; returns the finding's id.

    Only the lead finds. The provider is told; what is rejected becomes its task. `seen` is the framework's newest
    finding of it that whoever finds has read, None where there was none. A proposed suspension ends with what gave
    cause for it. Raises `NotFound`, `InvalidInput`, `NotPermitted` for a partner, and `Conflict` where the provider has
    declared the same again since, or somebody else has found otherwise than was seen.
    """
    permit(actor, "application.assess")
    async with unit_of_work(actor) as work:
        row = await work.fetchrow("SELECT * FROM declaration WHERE id = $1", declaration_id)
        if row is None:
            raise NotFound("There is no such declaration.")
        view = await framework(work, framework_id)
        pack = await pack_of(work, framework_id)
        titles = asked_of(pack.on(local_day(work.now)))
        placed = await work.fetchval(
            "SELECT 1 FROM application WHERE framework_id = $1 AND provider_id = $2"
            " AND state IN ('submitted', 'admitted') UNION SELECT 1 FROM admission WHERE framework_id = $1"
            " AND provider_id = $2",
            framework_id, row["provider_id"],
        )  # fmt: skip
        if placed is None or row["rule_key"] not in titles:
            raise NotFound("This framework does not ask that of this provider.")
        view = await led_framework(work, framework_id)
        mend = to_mend.strip()
        wrong: dict[str, str] = {}
        if verdict not in VERDICTS:
            wrong["verdict"] = "Select what you find"
        elif verdict == "rejected" and not mend:
            wrong["to_mend"] = "Enter what is to be mended; the provider reads it"
        if len(mend) > LONGEST:
            wrong["to_mend"] = f"What is to be mended must be {LONGEST:,} characters or fewer"
        if wrong:
            raise InvalidInput(wrong)
        await one_at_a_time(work, row["provider_id"], row["rule_key"])
        newest = await work.fetchval(
            "SELECT id FROM declaration WHERE provider_id = $1 AND rule_key = $2 ORDER BY in_order DESC LIMIT 1",
            row["provider_id"], row["rule_key"],
        )  # fmt: skip
        if newest != declaration_id:
            raise Conflict(DECLARED_AGAIN)
        last = await work.fetchrow(
            "SELECT id, verdict, to_mend, assessed_by, assessed_by_name FROM declaration_assessment"
            " WHERE framework_id = $1 AND declaration_id = $2 ORDER BY in_order DESC LIMIT 1",
            framework_id, declaration_id,
        )  # fmt: skip
        if seen is not UNSET and seen != (last["id"] if last else None):
            kept = (actor.person_id, verdict, mend if verdict == "rejected" else "")
            if last and (last["assessed_by"], last["verdict"], last["to_mend"]) == kept:
                return last["id"]  # sent twice
            found = f"{last['assessed_by_name']} {last['verdict']} this" if last else "This was assessed"
            raise Conflict(f"{found} since you opened the page. Read that first; yours then takes its place.")
        finding: UUID = await work.fetchval(
            "INSERT INTO declaration_assessment (framework_id, provider_id, declaration_id, commissioner_id, verdict,"
            " to_mend, assessed_by, assessed_by_name, assessed_at, pack_hash)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING id",
            framework_id, row["provider_id"], declaration_id, actor.commissioner_id, verdict,
            mend if verdict == "rejected" else "", actor.person_id, actor.person_name, work.now, pack.content_hash,
        )  # fmt: skip
        title = titles[row["rule_key"]]
        work.audit(
            "declaration.assessed", "declaration", declaration_id, framework=framework_id, verdict=verdict,
            provider=row["provider_id"],
        )  # fmt: skip
        await duties.cancel(work, declaration_id, MEND)
        link = f"/declarations/{row['rule_key']}"
        if verdict == "rejected":
            await duties.owe(
                work, pack, MEND, subject_type="declaration", subject_id=declaration_id, reference=view.name,
                owed_by=duties.Owed(organisation_id=row["provider_id"], role="provider_manager"),
                owed_to=view.lead_id, link=link, title=f"Mend what was rejected: {title}", framework_id=framework_id,
            )  # fmt: skip
            said = f"{view.name} rejected what you declared: {title}. Read what is to be mended."
            why = "It was declared again and rejected again, which is put to you anew."
            await drop_causes(work, view, row["provider_id"], row["rule_key"], why, but=declaration_id)
            await _give_cause(work, view, pack, row, f"{title}. {mend}")
        else:
            said = f"{view.name} accepted what you declared: {title}."
            why = f"What was declared has been accepted since: {title}."
            await drop_causes(work, view, row["provider_id"], row["rule_key"], why)
            await tell_it_is_mended(work, view, row["provider_id"], row["rule_key"], title)
        await news.tell(
            work, said, link, organisation_id=row["provider_id"], role="provider_manager", mail=verdict == "rejected"
        )
        return finding


async def _give_cause(work: Work, view: FrameworkView, pack: Pack, declaration: Any, facts: str) -> None:
    """What was found wanting may be a ground of the pack's suspensions (P 9.3): of one declaration once, unless it was
    accepted in between."""
    on = local_day(work.now)
    admitted = await admitted_lots(work, view.id, declaration["provider_id"])
    accepted = await work.fetchval(
        "SELECT count(*) FROM declaration_assessment WHERE framework_id = $1 AND declaration_id = $2"
        " AND verdict = 'accepted'",
        view.id, declaration["id"],
    )  # fmt: skip
    cause = f"declaration {declaration['id']} rejected" + (f" again {accepted}" if accepted else "")
    for rule in gives_cause(pack, on, declaration["rule_key"], admitted):
        await raise_cause(work, view, pack, declaration["provider_id"], rule, cause, facts, by=work.actor)
