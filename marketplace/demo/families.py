"""Children as their referrers' cases, and their families with access person by person."""

from __future__ import annotations

from datetime import date, timedelta

from marketplace.demo.cast import CHILDREN, ChildInCast
from marketplace.demo.world import Home, World
from marketplace.referrals import children, granting
from marketplace.referrals.children import ChildDetails

FIRST_RIGHTS = ("see_plan", "see_visits", "choose", "sign_plan", "confirm_visits")
SPENDS = {"nia": ("spend",)}
OTHER_RIGHTS = ("see_plan", "see_visits", "confirm_visits")  # a second person: the first one decides


async def take_on(world: World) -> None:
    """Every child, with its family's sign-ins and PINs."""
    for each in CHILDREN:
        world.homes[each.key] = await _take_on(world, each)


async def _take_on(world: World, each: ChildInCast) -> Home:
    referrer = world.councils[each.council].referrers[each.referrer]
    details = ChildDetails(
        name=each.name,
        date_of_birth=_born(world.story.monday, each),
        address=each.street,
        postcode=each.postcode,
        phone=f"020 7946 0{300 + CHILDREN.index(each)}",
        at_the_door=each.door,
        other_names="\n".join(name for name, _, _ in each.family),
    )
    sibling = world.homes[each.sibling_of].id if each.sibling_of else None
    child_id = await children.add_child(referrer, details, sibling_of=sibling)
    family = []
    for place, (name, email, relation) in enumerate(each.family):
        await granting.grant_access(
            referrer, child_id, name=name, email=email, phone=f"07700 900{500 + CHILDREN.index(each) + 40 * place}",
            relation=relation, rights=OTHER_RIGHTS if place else (*FIRST_RIGHTS, *SPENDS.get(each.key, ())),
            reason="Parental responsibility" if "arent" not in relation else "By the special guardianship order",
        )  # fmt: skip
        known = email in world.people.known
        person = await world.people.sign_in(email, "family")
        if not known:
            await world.people.choose_pin(person)
        family.append(person)
    return Home(child_id, each.area, referrer, family, each.council)


def _born(monday: date, each: ChildInCast) -> date:
    """A birthday that makes the child as old as the cast says, now and for some weeks to come."""
    place = CHILDREN.index(each)
    this_year = monday - timedelta(days=100 + 11 * place)
    return date(this_year.year - each.age, this_year.month, min(this_year.day, 28))
