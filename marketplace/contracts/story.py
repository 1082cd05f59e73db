"""What contract management tells of a provider's history: meetings and visits, actions, information, the Commission."""

from __future__ import annotations

from uuid import UUID

from marketplace.contracts.occasions import KINDS, link
from marketplace.contracts.queries import changes
from marketplace.contracts.requests import link as link_to_request
from marketplace.contracts.steps import READ
from marketplace.contracts.views import WORDS
from marketplace.identity.permissions import may
from marketplace.platform.database import Work
from marketplace.providers.story import Told, tells


@tells
async def contracts_told(work: Work, provider_id: UUID) -> list[Told]:
    """To a commissioner its own contract's, to the provider its own: an unannounced visit once it is shared."""
    rows = await work.fetch(
        """SELECT t.*, coalesce(a.title, n.area, '') AS about, r.title AS request, o.kind FROM contract_step t
           LEFT JOIN contract_action a ON a.commissioner_id = t.commissioner_id AND a.id = t.action_id
           LEFT JOIN contract_finding n ON n.commissioner_id = t.commissioner_id AND n.id = t.finding_id
           LEFT JOIN information_request r ON r.commissioner_id = t.commissioner_id AND r.id = t.request_id
           LEFT JOIN contract_occasion o ON o.commissioner_id = t.commissioner_id AND o.id = t.occasion_id
           WHERE t.provider_id = $1""",
        provider_id,
    )
    told: list[Told] = []
    opens = may(work.actor, READ)
    for row in rows:
        words = WORDS[row["what"]] + (f" ({row['about']})" if row["about"] else "")
        of, where = "Contract", ""
        if row["kind"]:
            of, where = KINDS[row["kind"]][0], link(row["occasion_id"])
        elif row["request"]:
            of, where = f"Information “{row['request']}”", link_to_request(row["request_id"])
        where = where if opens else ""  # brokerage and finance read the story, not the pages it leads to
        says = f"{of}: {words[:1].lower()}{words[1:]}."
        told.append(Told(row["at"], "contract", says, row["by_name"], row["says"], row["framework_id"], where))
    for each in await changes(work, provider_id):
        late = "late " if each.late else ""
        says = f"Reported {late}of the Care Quality Commission: {each.title[:1].lower()}{each.title[1:]}."
        told.append(Told(each.reported_at, "contract", says, each.by, each.says))
    return told
