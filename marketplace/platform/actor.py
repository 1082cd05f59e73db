"""Who acts, as whom: what every unit of work and every permission check is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

Role = Literal[
    "referrer",
    "contract_manager",
    "finance",
    "commissioner_admin",
    "provider_manager",
    "coordinator",
    "worker",
    "family",
    "operator",
    "system",
]
OrganisationKind = Literal["commissioner", "provider", "advice", "operator"]

# Workers and families reach rows person by person (allocations, grants), never by belonging to an organisation.
PERSONAL_ROLES: frozenset[str] = frozenset({"worker", "family"})

NOBODY = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Actor:
    """A signed-in person in one role for one organisation, or the system acting for one tenant."""

    person_id: UUID
    person_name: str
    role: Role
    organisation_id: UUID | None = None
    organisation_name: str = ""
    organisation_kind: OrganisationKind | None = None
    session_id: UUID | None = None

    @property
    def commissioner_id(self) -> UUID | None:
        return self.organisation_id if self.organisation_kind == "commissioner" else None

    @property
    def provider_id(self) -> UUID | None:
        return self.organisation_id if self.organisation_kind == "provider" else None

    @property
    def reach(self) -> tuple[UUID | None, UUID | None, UUID]:
        """(commissioner, organisation, person) as row-level security sees them (docs/architecture.md)."""
        if self.role in PERSONAL_ROLES:
            return None, None, self.person_id
        return self.commissioner_id, self.organisation_id, self.person_id


def system_for(organisation_id: UUID, kind: OrganisationKind, name: str = "") -> Actor:
    """The system itself, acting within one organisation's rows: sweeps open one unit of work for each tenant."""
    return Actor(NOBODY, "The marketplace", "system", organisation_id, name, kind)
