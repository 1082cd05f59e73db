"""The one table: what each role may do. Guards ask it for the role, actions ask it again and then look at the thing.

It follows the reading matrix of `docs/architecture.md`: finance meets no child, a contract manager meets one only with
a reason (the action asks for it and logs it), a coordinator does what a manager does except people, standing and rates.
"""

from __future__ import annotations

from marketplace.platform.actor import Actor
from marketplace.platform.errors import NotPermitted

_PROVIDER_OFFICE = frozenset(
    {
        "framework.read",
        "provider.read",
        "suspension.read",
        "provider.write",
        "workforce.read",
        "workforce.write",
        "evidence.read",
        "evidence.write",
        "referral.read",
        "referral.answer",
        "offer.read",
        "offer.write",
        "enquiry.answer",
        "enquiry.read",
        "child.read",
        "package.read",
        "package.write",
        "plan.write",
        "visit.read",
        "visit_note.read",
        "visit.plan",
        "visit.correct",
        "other_line.write",
        "visit.import",
        "duty.stop",
        "monitoring.read",
        "monitoring.write",
        "invoice.read",
        "funding.read",
        "invoice.submit",
        "bank_account.confirm",
        "payout.read",
        "contract.read",
    }
)

ROLE_PERMISSIONS: dict[str, frozenset[str]] = {
    "referrer": frozenset(
        {
            "framework.read",
            "provider.read",
            "suspension.propose",
            "standing.read",
            "referral.read",
            "referral.write",
            "offer.read",
            "offer.award",
            "child.read",
            "child.write",
            "grant.write",
            "direct_payment.read",
            "direct_payment.write",
            "package.read",
            "package.write",
            "plan.write",
            "plan.sign",
            "visit.read",
            "visit_note.read",
            "visit.resolve",
            "funding.read",
            "funding.propose",
            "budget.write",
            "budget.read",
            "visit.call_off",
            "agreement.decide",
            "invoice.read",
            "watch.read",
        }
    ),
    "contract_manager": frozenset(
        {
            "framework.read",
            "application.read",
            "application.assess",
            "provider.read",
            "suspension.read",
            "workforce.read",
            "standing.read",
            "provider.suspend",
            "duty.decide_stop",
            "monitoring.read",
            "suspension.propose",
            "suspension.review",
            "contract.read",
            "contract.manage",
            "contract.review",
            "referral.read",
            "offer.read",
            "child.read_with_reason",
            "package.read",
            "visit.read",
            "visit_note.read_with_reason",
            "funding.read",
            "budget.read",
            "agreement.decide",
            "invoice.read",
            "audit.read",
            "watch.read",
        }
    ),
    "finance": frozenset(
        {
            "framework.read",
            "provider.read",
            "suspension.read",
            "standing.read",
            "visit.read",
            "funding.read",
            "funding.agree",
            "budget.read",
            "invoice.read",
            "invoice.decide",
            "purchase_money.settle",
            "billing_party.write",
            "client_account.write",
            "watch.read",
        }
    ),
    "commissioner_admin": frozenset(
        {
            "framework.read",
            "framework.write",
            "application.read",
            "application.decide",
            "application.assess",
            "provider.read",
            "suspension.read",
            "standing.read",
            "suspension.review",
            "contract.read",
            "contract.review",
            "people.write",
            "audit.read",
            "watch.read",
        }
    ),
    "provider_manager": _PROVIDER_OFFICE
    | {
        "evidence.delete",
        "application.read",
        "application.write",
        "standing.read",
        "provider.pause",
        "suspension.answer",
        "payout.account",
        "contract.answer",
        "people.write",
        "billing_party.write",
        "machine_token.write",
        "audit.read",
    },
    "coordinator": _PROVIDER_OFFICE,
    "worker": frozenset(
        {
            "child.read",
            "package.read",
            "visit.read",
            "visit_note.read",
            "visit.record",
            "training.read",
            "profile.consent",
            "evidence.read",
            "evidence.write",
        }
    ),
    "family": frozenset(
        {
            "child.read",
            "referral.read",
            "offer.read",
            "offer.choose",
            "package.read",
            "plan.sign",
            "visit.read",
            "visit_note.read",
            "budget.own",
            "visit.confirm",
            "direct_payment.read",
            "direct_payment.spend",
            "enquiry.read",
            "visit.call_off",
            "video.watch",
        }
    ),
    "operator": frozenset({"operate", "clock.move"}),
    # Sweeps: within one organisation's rows, never on anybody's behalf.
    "system": frozenset(
        {
            "framework.read",
            "provider.read",
            "workforce.read",
            "standing.read",
            "referral.read",
            "offer.read",
            "package.read",
            "visit.read",
            "invoice.read",
            "invoice.submit",
        }
    ),
}

PERMISSIONS: frozenset[str] = frozenset().union(*ROLE_PERMISSIONS.values())

ROLE_NAMES: dict[str, str] = {
    "referrer": "Referrer",
    "contract_manager": "Contract manager",
    "finance": "Finance officer",
    "commissioner_admin": "Administrator",
    "provider_manager": "Provider manager",
    "coordinator": "Coordinator",
    "worker": "Worker",
    "family": "Family member",
    "operator": "Operator",
    "system": "The marketplace",
}

# Which roles an organisation of a kind may give to its people.
ROLES_OF_KIND: dict[str, tuple[str, ...]] = {
    "commissioner": ("referrer", "contract_manager", "finance", "commissioner_admin"),
    "provider": ("provider_manager", "coordinator", "worker"),
    "advice": (),
    "operator": ("operator",),
}

# Which roles each front door admits.
FRONT_DOORS: dict[str, frozenset[str]] = {
    "marketplace": frozenset({"referrer", "provider_manager", "coordinator", "worker", "family"}),
    "console": frozenset({"referrer", "contract_manager", "finance", "commissioner_admin", "operator"}),
}


def may(actor: Actor, permission: str) -> bool:
    """Whether the actor's role has the permission. A permission nobody has is a typing error: `LookupError`."""
    if permission not in PERMISSIONS:
        raise LookupError(f"no role has a permission called {permission!r}")
    return permission in ROLE_PERMISSIONS[actor.role]


def permit(actor: Actor, permission: str) -> None:
    """Raise `NotPermitted` unless the actor's role has the permission."""
    if not may(actor, permission):
        raise NotPermitted(f"Your role ({ROLE_NAMES[actor.role].lower()}) does not allow this.")
