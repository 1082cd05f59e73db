"""What leans on a file of evidence: said before it is deleted, and told on when a file shows nothing any more.

A declaration counts while its file is checked: a scanner that is down must not suspend anybody. Where a framework takes
it only with a file (`providers.insurance_needs_file`) and that file is refused or deleted, it is missed again.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from marketplace.frameworks.queries import framework
from marketplace.obligations.news import tell
from marketplace.platform.database import Work
from marketplace.policy.calendar import local_day
from marketplace.policy.requirements import asked_of, shown_by_file
from marketplace.providers.vocabulary import Words, words
from marketplace.web.filters import count, day

# The newest declarations of each kind that were made with the file; `shown` where another file still shows it.
DECLARED_WITH = """
SELECT d.id, d.rule_key, d.declared_on, d.details, EXISTS (SELECT FROM declaration_file o
    JOIN evidence e ON e.provider_id = o.provider_id AND e.id = o.evidence_id
    WHERE o.provider_id = d.provider_id AND o.declaration_id = d.id AND e.id <> $2 AND e.state <> 'refused'
        AND e.deleted_at IS NULL) AS shown
FROM declaration_file f JOIN (SELECT DISTINCT ON (rule_key) * FROM declaration WHERE provider_id = $1
    ORDER BY rule_key, in_order DESC) d ON d.provider_id = f.provider_id AND d.id = f.declaration_id
WHERE f.provider_id = $1 AND f.evidence_id = $2 ORDER BY d.rule_key
"""
ABOUT_WORKER = """
SELECT 'competency' AS what, code, assessed_on AS at FROM worker_competency
    WHERE provider_id = $1 AND evidence_id = $2 AND withdrawn_at IS NULL
UNION ALL SELECT 'check', kind, done_on FROM worker_check
    WHERE provider_id = $1 AND evidence_id = $2 AND withdrawn_at IS NULL
UNION ALL SELECT 'dbs', '', checked_on FROM worker_dbs_check
    WHERE provider_id = $1 AND evidence_id = $2 AND withdrawn_at IS NULL
UNION ALL SELECT 'video', '', NULL FROM profile_video
    WHERE provider_id = $1 AND evidence_id = $2 AND ended_at IS NULL
ORDER BY 1, 2, 3
"""
# Tables to the right are read by name only: what is answered with a file cannot be asked of those who ask.
ANSWERS = """
SELECT (SELECT count(*) FROM step_evidence WHERE provider_id = $1 AND evidence_id = $2)
    + (SELECT count(*) FROM dispute_evidence WHERE provider_id = $1 AND evidence_id = $2)
    + (SELECT count(*) FROM contract_step_evidence WHERE provider_id = $1 AND evidence_id = $2) AS answers,
    (SELECT count(*) FROM other_agreement WHERE provider_id = $1 AND evidence_id = $2)
    + (SELECT count(*) FROM other_line WHERE provider_id = $1 AND evidence_id = $2 AND withdrawn_at IS NULL) AS lines
"""


async def leans_on(work: Work, provider_id: UUID, evidence_id: UUID) -> list[str]:
    """What leans on a file, a phrase each, as far as the actor reads it; nothing where nothing does."""
    spoken = await words(work)
    said = [
        f"{_title(spoken, row['rule_key'])}, declared as of {day(row['declared_on'])}"
        for row in await work.fetch(DECLARED_WITH, provider_id, evidence_id)
    ]
    for row in await work.fetch(ABOUT_WORKER, provider_id, evidence_id):
        if row["what"] == "video":
            said.append("The worker’s profile video, which families see")
            continue
        named = {"competency": spoken.skill(row["code"]), "dbs": "The DBS check"}.get(row["what"])
        if named is None:
            named = spoken.checks[row["code"]].title if row["code"] in spoken.checks else row["code"]
        said.append(f"{named}, of {day(row['at'])}")
    elsewhere = await work.fetchrow(ANSWERS, provider_id, evidence_id)
    if elsewhere is not None and elsewhere["answers"]:
        said.append(f"{count(elsewhere['answers'], 'answer')} to a commissioner")
    if elsewhere is not None and elsewhere["lines"]:
        said.append(f"{count(elsewhere['lines'], 'agreement or line', 'agreements or lines')} of an invoice")
    return said


def _title(spoken: Words, key: str) -> str:
    return next((title for _, _, pack in spoken.packs if (title := asked_of(pack).get(key))), key)


async def shows_nothing_now(work: Work, row: dict[str, Any], fate: str) -> None:
    """A file was refused or deleted (`fate`): where a framework takes what was declared only with one, and no other
    file of it is left, the office hears that it is missed again, and so do the contract managers of those who lead.

    In the caller's unit, of the file's provider.
    """
    provider_id, today = row["provider_id"], local_day(work.now)
    if row["worker_id"] is not None:
        return
    spoken = await words(work)
    for declared in await work.fetch(DECLARED_WITH, provider_id, row["id"]):
        needing = [id for id, _, pack in spoken.packs if shown_by_file(pack, declared["rule_key"])]
        if declared["shown"] or not needing or (declared["details"] or {}).get("until", "9") < today.isoformat():
            continue
        title = _title(spoken, declared["rule_key"])
        await tell(
            work, f"{title}: the file you declared it with was {fate}, so that nothing shows it. Declare it again with"
            " a file that does.", f"/declarations/{declared['rule_key']}", organisation_id=provider_id,
            role="provider_manager",
        )  # fmt: skip
        name = await work.fetchval("SELECT name FROM organisation WHERE id = $1", provider_id)
        for lead in sorted({(await framework(work, each)).lead_id for each in needing}, key=str):
            await tell(
                work, f"{title}: the file {name} declared it with was {fate}. It is missed again.",
                f"/providers/{provider_id}/declarations", organisation_id=lead, role="contract_manager",
            )  # fmt: skip
