"""Which of an organisation's own people may do what: the permission table against data.md's matrix, cell by cell."""

from __future__ import annotations

import pytest

from marketplace.identity.permissions import PERMISSIONS, ROLE_PERMISSIONS

# permission -> every role that has it; whoever is not named has not
READERS: dict[str, set[str]] = {
    "child.read": {"referrer", "provider_manager", "coordinator", "worker", "family"},
    "child.read_with_reason": {"contract_manager"},
    "child.write": {"referrer"},
    "grant.write": {"referrer"},
    "visit_note.read": {"referrer", "provider_manager", "coordinator", "worker", "family"},
    "visit_note.read_with_reason": {"contract_manager"},
    "plan.sign": {"referrer", "family"},
    "plan.write": {"referrer", "provider_manager", "coordinator"},
    "visit.resolve": {"referrer"},
    "visit.record": {"worker"},
    "visit.confirm": {"family"},
    "offer.award": {"referrer"},
    "offer.choose": {"family"},
    "offer.write": {"provider_manager", "coordinator"},
    "invoice.decide": {"finance"},
    "invoice.submit": {"provider_manager", "coordinator", "system"},
    "provider.suspend": {"contract_manager"},
    "provider.pause": {"provider_manager"},
    "application.decide": {"commissioner_admin"},
    "application.read": {"contract_manager", "commissioner_admin", "provider_manager"},
    "application.write": {"provider_manager"},
    "framework.write": {"commissioner_admin"},
    "people.write": {"commissioner_admin", "provider_manager"},
    "audit.read": {"contract_manager", "commissioner_admin", "provider_manager"},
    "workforce.read": {"contract_manager", "provider_manager", "coordinator", "system"},
    "workforce.write": {"provider_manager", "coordinator"},
    "operate": {"operator"},
    "clock.move": {"operator"},
}


@pytest.mark.parametrize("permission", READERS)
def test_only_these_roles_have_it(permission):
    assert permission in PERMISSIONS
    assert {role for role, held in ROLE_PERMISSIONS.items() if permission in held} == READERS[permission]


@pytest.mark.parametrize("role", ["finance", "commissioner_admin", "operator"])
def test_who_meets_no_child_has_no_way_to_one(role):
    of_a_child = ("child.", "grant.", "visit_note.", "plan.", "referral.", "package.", "offer.")
    assert not [each for each in ROLE_PERMISSIONS[role] if each.startswith(of_a_child)]


def test_the_operator_only_operates():
    assert ROLE_PERMISSIONS["operator"] == {"operate", "clock.move"}
