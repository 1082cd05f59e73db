"""A provider's workers: adding, changing, publishing a profile, standing down and up, inviting to sign in."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from marketplace.identity.links import invite
from marketplace.identity.names import is_name, straight
from marketplace.identity.people import find_or_create_person, give_role
from marketplace.identity.permissions import permit
from marketplace.obligations.news import tell
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, WrongState
from marketplace.policy.calendar import local_day
from marketplace.providers.assessors import is_oneself
from marketplace.providers.tables import Worker, WorkerPrivate
from marketplace.providers.vocabulary import Words, words

LOOK_AT_VISITS = "look_at_visits"  # packages has it: which coming visits this touches
ENGAGEMENTS = {"employed": "Employed", "agency": "Agency worker", "volunteer": "Volunteer"}
LONGEST_REFERENCE = 40


async def own_worker(work: Work, worker_id: UUID, *, may_have_left: bool = False) -> dict:
    """The row of one of the actor's own workers, locked for the change. Raises `NotFound`, `WrongState`."""
    row = await work.fetchrow(
        "SELECT * FROM worker WHERE provider_id = $1 AND id = $2 FOR UPDATE", work.actor.provider_id, worker_id
    )
    if row is None:
        raise NotFound("There is no such worker in your organisation.")
    if not may_have_left and row["left_on"] is not None and row["left_on"] < local_day(work.now):
        raise WrongState("worker", "left", "changed", f"{row['name']} has left, so nothing more can be recorded.")
    return dict(row)


async def ensure_profile(work: Work) -> UUID:
    """The actor's provider has its profile row from the first thing it records. Returns the provider's id."""
    provider_id = work.actor.provider_id
    if provider_id is None:
        raise NotFound
    await work.execute(
        "INSERT INTO provider (id, legal_name) SELECT id, name FROM organisation WHERE id = $1 ON CONFLICT DO NOTHING",
        provider_id,
    )
    return provider_id


async def hold_workforce(work: Work) -> None:
    """Who is there, and whose certificate is whose, is settled by one at a time: whoever adds a worker, records a
    certificate or keeps an import waits here for the other, and then sees what they did. Held to the unit's end."""
    held = f"workforce of {work.actor.provider_id}"
    await work.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", held)


async def add_worker(
    actor: Actor,
    *,
    name: str,
    role: str,
    engagement: str = "employed",
    languages: str = "",
    drives_children: bool = False,
    started_on: date | None = None,
    email: str = "",
    phone: str = "",
    reference: str | None = None,
) -> UUID:
    """Add a worker to the actor's own provider; returns its id. `role` is one of its frameworks' packs'.

    `reference` is the provider's own number for the worker, by which an import knows it again.
    """
    permit(actor, "workforce.write")
    async with unit_of_work(actor) as work:
        await ensure_profile(work)
        await hold_workforce(work)
        return await keep_new_worker(
            work,
            await words(work),
            name=name,
            role=role,
            engagement=engagement,
            languages=languages,
            drives_children=drives_children,
            started_on=started_on,
            email=email,
            phone=phone,
            reference=reference,
        )


async def keep_new_worker(
    work: Work,
    spoken: Words,
    *,
    name: str,
    role: str,
    engagement: str = "employed",
    languages: str = "",
    drives_children: bool = False,
    started_on: date | None = None,
    email: str = "",
    phone: str = "",
    reference: str | None = None,
) -> UUID:
    """The change itself, for actions that add many (an import). The provider has its profile already."""
    provider_id, name = work.actor.provider_id, straight(name)
    _check_person(spoken, name, role, engagement)
    own = await _free_reference(work, reference or "", None)
    worker = Worker(
        provider_id=provider_id,
        name=name,
        role=role,
        engagement=engagement,
        languages=languages.strip(),
        drives_children=drives_children,
        started_on=started_on,
        created_at=work.now,
        reference=own,
    )
    await work.execute(
        "INSERT INTO worker (provider_id, id, name, role, engagement, languages, drives_children, started_on,"
        " created_at, reference) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        worker.provider_id, worker.id, worker.name, worker.role, worker.engagement, worker.languages,
        worker.drives_children, worker.started_on, worker.created_at, worker.reference,
    )  # fmt: skip
    await WorkerPrivate.insert(
        WorkerPrivate(provider_id=provider_id, worker_id=worker.id, email=email.strip().lower(), phone=phone.strip())
    )
    work.audit("worker.added", "worker", worker.id, role=role, engagement=engagement)
    return worker.id


async def change_worker(
    actor: Actor,
    worker_id: UUID,
    *,
    name: str,
    role: str,
    engagement: str,
    languages: str = "",
    drives_children: bool = False,
    started_on: date | None = None,
    email: str = "",
    phone: str = "",
    reference: str | None = None,
) -> None:
    """Correct what is kept about a worker. A changed role is judged anew on every lot from now on.

    Without `reference` (None) the worker's own one stays.
    """
    permit(actor, "workforce.write")
    async with unit_of_work(actor) as work:
        await keep_details(
            work,
            await own_worker(work, worker_id),
            await words(work),
            name=name,
            role=role,
            engagement=engagement,
            languages=languages,
            drives_children=drives_children,
            started_on=started_on,
            email=email,
            phone=phone,
            reference=reference,
        )


async def keep_details(
    work: Work,
    row: dict,
    spoken: Words,
    *,
    name: str,
    role: str,
    engagement: str,
    languages: str = "",
    drives_children: bool = False,
    started_on: date | None = None,
    email: str = "",
    phone: str = "",
    reference: str | None = None,
) -> None:
    """The change itself, for actions that change many (an import); `row` is the worker's, locked."""
    worker_id: UUID = row["id"]
    name = straight(name)
    if (role, name, engagement) != (row["role"], row["name"], row["engagement"]):
        _check_person(spoken, name, role, engagement)
    own = row["reference"] if reference is None else await _free_reference(work, reference, worker_id)
    await work.execute(
        "UPDATE worker SET name = $3, role = $4, engagement = $5, languages = $6, drives_children = $7,"
        " started_on = $8, reference = $9 WHERE provider_id = $1 AND id = $2",
        row["provider_id"], worker_id, name, role, engagement, languages.strip(), drives_children,
        started_on, own,
    )  # fmt: skip
    await work.execute(
        "UPDATE worker_private SET email = $3, phone = $4 WHERE provider_id = $1 AND worker_id = $2",
        row["provider_id"], worker_id, email.strip().lower(), phone.strip(),
    )  # fmt: skip
    work.audit("worker.changed", "worker", worker_id, role=role, engagement=engagement, role_before=row["role"])
    if (role, drives_children) != (row["role"], row["drives_children"]):
        await look_at_coming_visits(work, row["provider_id"])


def _check_person(spoken: Words, name: str, role: str, engagement: str) -> None:
    wrong: dict[str, str] = {}
    if not is_name(name):
        wrong["name"] = "Enter the worker's full name"
    if role not in spoken.roles:
        wrong["role"] = "Select the worker's role"
    if engagement not in ENGAGEMENTS:
        wrong["engagement"] = "Select how the worker is engaged"
    if wrong:
        raise InvalidInput(wrong)


async def _free_reference(work: Work, reference: str, worker_id: UUID | None) -> str | None:
    typed = " ".join(reference.split())
    if len(typed) > LONGEST_REFERENCE:
        raise InvalidInput({"reference": f"Your reference must be {LONGEST_REFERENCE} characters or fewer"})
    taken = await work.fetchval(
        "SELECT name FROM worker WHERE provider_id = $1 AND lower(reference) = lower($2) AND id IS DISTINCT FROM $3",
        work.actor.provider_id, typed, worker_id,
    )  # fmt: skip
    if taken is not None:
        raise InvalidInput({"reference": f"{taken} has this reference already: each worker has their own"})
    return typed or None


async def publish_profile(actor: Actor, worker_id: UUID, profile: str, consent: bool) -> None:
    """Keep the text a family may read (L 6.1 stage 1); it is shown to families only with the worker's consent.

    Consent is to the text as it stands: another text asks for it again. A worker who signs in gives it oneself
    (own_profile.py); the office records that of a worker who has none.
    """
    permit(actor, "workforce.write")
    async with unit_of_work(actor) as work:
        row = await own_worker(work, worker_id)
        text = profile.strip()
        if consent and not text:
            raise InvalidInput({"profile": "Enter the profile the worker has agreed to"})
        given = None
        if consent:
            unchanged = row["profile"] == text and row["profile_consent_at"] is not None
            if not unchanged and row["person_id"] is not None:
                raise InvalidInput({"consent": f"{row['name']} signs in and agrees under My profile: leave this open"})
            given = row["profile_consent_at"] if unchanged else work.now
        await work.execute(
            "UPDATE worker SET profile = $3, profile_consent_at = $4 WHERE provider_id = $1 AND id = $2",
            row["provider_id"], worker_id, text, given,
        )  # fmt: skip
        work.audit("worker.profile_published" if consent else "worker.profile_kept", "worker", worker_id)
        if row["profile_consent_at"] is not None and given is None:
            await look_at_coming_visits(work, row["provider_id"])  # where the pack asks for it, readiness has gone
        if row["person_id"] is not None and text and given is None:
            said = "Your office has written your profile for families: read it, and say whether they may see it."
            await tell(work, said, "/my-profile", person_id=row["person_id"])


async def stand_down(actor: Actor, worker_id: UUID, reason: str) -> None:
    """From now on the worker is ready nowhere; those who plan visits with it are told. Raises `WrongState`."""
    permit(actor, "workforce.write")
    async with unit_of_work(actor) as work:
        row = await own_worker(work, worker_id)
        if row["stood_down_at"] is not None:
            raise WrongState("worker", "stood down", "stood down", f"{row['name']} is stood down already.")
        await take_off(work, row, reason)


async def take_off(work: Work, worker: dict, reason: str) -> None:
    """The change itself, for actions in whose course a worker is stood down (a changed DBS status, for instance)."""
    if not reason.strip():
        raise InvalidInput({"reason": "Enter why the worker is stood down"})
    await work.execute(
        "UPDATE worker SET stood_down_at = $3, stood_down_reason = $4 WHERE provider_id = $1 AND id = $2",
        worker["provider_id"], worker["id"], work.now, reason.strip(),
    )  # fmt: skip
    work.audit("worker.stood_down", "worker", worker["id"])
    await tell_planners(work, worker, "A worker has been stood down: look at the visits planned with them.")


async def look_at_coming_visits(work: Work, provider_id: UUID) -> None:
    """For whatever may make a worker less ready: the provider's planned visits are judged again within a minute."""
    await work.enqueue(LOOK_AT_VISITS, {"provider": provider_id}, dedupe_key=f"visits of {provider_id}")


async def tell_planners(work: Work, worker: dict, sentence: str, *, again: bool = False) -> None:
    """Tell those who plan visits with the worker: the provider's office, and the referrers of its packages; with
    `again`, that what they were told no longer holds."""
    provider_id = worker["provider_id"]
    link = f"/workforce/{worker['id']}"
    await tell(work, sentence, link, organisation_id=provider_id, role="coordinator")
    await look_at_coming_visits(work, provider_id)
    for package in await work.fetch(
        "SELECT p.id, p.commissioner_id, p.reference, p.referrer_id FROM package_worker w JOIN package p"
        " ON p.commissioner_id = w.commissioner_id AND p.id = w.package_id WHERE w.provider_id = $1"
        " AND w.worker_id = $2 AND w.removed_at IS NULL AND p.state IN ('set_up', 'active') ORDER BY p.reference",
        provider_id,
        worker["id"],
    ):
        about = f"A worker of package {package['reference']}"
        said = f"{about} is not ready at the moment; the provider has been told."
        if again:
            said = f"{about} stays after all: the last day that was recorded has been taken back."
        await tell(
            work, said, f"/packages/{package['id']}", organisation_id=package["commissioner_id"],
            person_id=package["referrer_id"],
        )  # fmt: skip


async def stand_up(actor: Actor, worker_id: UUID, reason: str) -> None:
    """The worker may be placed again, as far as its evidence allows. Raises `WrongState` when it was not stood down."""
    permit(actor, "workforce.write")
    async with unit_of_work(actor) as work:
        row = await own_worker(work, worker_id)
        if row["stood_down_at"] is None:
            raise WrongState("worker", "not stood down", "stood up", f"{row['name']} is not stood down.")
        if not reason.strip():
            raise InvalidInput({"reason": "Enter what was found, and why the worker may be placed again"})
        if is_oneself(work, row):
            raise InvalidInput({"reason": "Somebody else in your office decides that you may be placed again"})
        await work.execute(
            "UPDATE worker SET stood_down_at = NULL, stood_down_reason = NULL WHERE provider_id = $1 AND id = $2",
            row["provider_id"], worker_id,
        )  # fmt: skip
        work.audit("worker.stood_up", "worker", worker_id, stood_down_since=row["stood_down_at"], reason=reason.strip())


async def invite_worker(actor: Actor, worker_id: UUID, email: str) -> UUID:
    """Give the worker a sign-in of their own for visits and training; returns the person's id."""
    permit(actor, "workforce.write")
    async with unit_of_work(actor) as work:
        row = await own_worker(work, worker_id)
        if row["person_id"] is not None:
            raise Conflict(f"{row['name']} has a sign-in already.")
        address = email.strip().lower()
        if "@" not in address:
            raise InvalidInput({"email": "Enter an email address in the correct format, like name@example.com"})
        person_id = await find_or_create_person(work, row["name"], address, None)
        taken = await work.fetchval(
            "SELECT name FROM worker WHERE provider_id = $1 AND person_id = $2", row["provider_id"], person_id
        )
        if taken is not None:
            raise Conflict(f"That email address already belongs to {taken}'s sign-in.")
        await work.execute(
            "UPDATE worker SET person_id = $3 WHERE provider_id = $1 AND id = $2",
            row["provider_id"],
            worker_id,
            person_id,
        )
        await work.execute(
            "UPDATE worker_private SET email = $3 WHERE provider_id = $1 AND worker_id = $2",
            row["provider_id"], worker_id, address,
        )  # fmt: skip
        await give_role(work, person_id, "worker")
        await invite(work, person_id)
        work.audit("worker.invited", "worker", worker_id)
        return person_id
