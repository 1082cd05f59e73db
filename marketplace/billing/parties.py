"""What an e-invoice must know of its two parties: addresses, VAT, electronic addresses, the provider's bank account.

A party's bank account is its own; a payer reads it once an invoice stands between them. Names, addresses and numbers
are frozen with the invoice at submission; the bank account is the one kept on the day a document is taken, for money
goes where it can arrive.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from uuid import UUID

from marketplace.billing.bank_accounts import ACCOUNT, dashed, hold_account, propose_account
from marketplace.identity.permissions import permit
from marketplace.platform.actor import Actor
from marketplace.platform.database import Work, unit_of_work
from marketplace.platform.errors import InvalidInput, NotFound, NotPermitted
from marketplace.policy.records import is_blank

GROUNDS = ("welfare", "health")
VAT_NUMBER = re.compile(r"GB([0-9]{9}|[0-9]{12})")


@dataclass(frozen=True, slots=True)
class Party:
    """An organisation as an e-invoice names it; empty where it has not said."""

    name: str
    street: str = ""
    city: str = ""
    postcode: str = ""
    company_number: str = ""
    vat_number: str = ""
    gln: str = ""
    buyer_reference: str = ""
    account_name: str = ""
    sort_code: str = ""
    account_number: str = ""


FIELDS = tuple(field.name for field in fields(Party) if field.name != "name")


@dataclass(frozen=True, slots=True)
class LotGround:
    """A lot the provider is admitted to and the ground on which its care is exempt from VAT (None: not said)."""

    framework_id: UUID
    framework: str
    lot_code: str
    title: str
    ground: str | None

    @property
    def key(self) -> str:
        """The lot's name in a form."""
        return f"ground-{self.framework_id}-{self.lot_code}"


async def party(work: Work, organisation_id: UUID) -> Party:
    """The party as it stands, empty where nothing is kept or within reach. Raises `NotFound` for no organisation."""
    row = await work.fetchrow(
        """SELECT o.name, p.* FROM organisation o LEFT JOIN billing_party p ON p.organisation_id = o.id
           WHERE o.id = $1""",
        organisation_id,
    )
    if row is None:
        raise NotFound
    return Party(row["name"], **{name: row[name] or "" for name in FIELDS})


async def parties_of(work: Work, payer_id: UUID, invoice_id: UUID, provider_id: UUID) -> tuple[Party, Party]:
    """Provider and payer of an invoice as they were at its submission, with the provider's account of today.

    An invoice from before parties were frozen, or whose party had said nothing yet, shows what is kept today.
    """
    seller, buyer = await party(work, provider_id), await party(work, payer_id)
    frozen = await work.fetchval(
        "SELECT parties FROM invoice WHERE commissioner_id = $1 AND id = $2", payer_id, invoice_id
    )
    if frozen is None:
        return seller, buyer
    return _as_frozen(frozen["seller"], seller), _as_frozen(frozen["buyer"], buyer)


async def freeze_parties(work: Work, payer_id: UUID, invoice_id: UUID, provider_id: UUID) -> None:
    """Keep with a new invoice who its parties are today. The payer's details open to the provider by the invoice."""
    kept: dict[str, dict[str, str]] = {}
    for side, organisation_id in (("seller", provider_id), ("buyer", payer_id)):
        now = await party(work, organisation_id)
        kept[side] = {field.name: getattr(now, field.name) for field in fields(Party) if field.name not in ACCOUNT}
    await work.execute(
        "UPDATE invoice SET parties = $3 WHERE commissioner_id = $1 AND id = $2", payer_id, invoice_id, kept
    )


def _as_frozen(frozen: Mapping[str, str], now: Party) -> Party:
    # Who had given no address at submission is named as today: an e-invoice without one would be refused for ever.
    return now if not frozen["street"] else replace(now, **{name: frozen[name] for name in frozen})


async def lot_grounds(work: Work, provider_id: UUID) -> list[LotGround]:
    """The lots a provider is admitted to, with their grounds."""
    rows = await work.fetch(
        """SELECT DISTINCT a.framework_id, f.name AS framework, a.lot_code, l.title, g.ground
           FROM admission a JOIN framework f ON f.id = a.framework_id
           JOIN framework_lot l ON l.framework_id = a.framework_id AND l.code = a.lot_code
           LEFT JOIN vat_ground g ON g.provider_id = a.provider_id AND g.framework_id = a.framework_id
                AND g.lot_code = a.lot_code
           WHERE a.provider_id = $1 ORDER BY f.name, a.lot_code""",
        provider_id,
    )
    return [LotGround(**dict(row)) for row in rows]


def account_as_shown(shown: Party) -> str:
    """A party's account in one string, so that a form can say which one it was drawn with."""
    return "|".join(getattr(shown, name) for name in ACCOUNT)


async def save_party(
    actor: Actor, given: Mapping[str, str], grounds: Mapping[tuple[UUID, str], str], *, shown: str | None = None
) -> bool:
    """Keep one's own details and, for a provider, the ground of each lot; whether another bank account waits now.

    A provider's first account is kept at once; another in its place waits for a second person
    (`bank_accounts.answer_account`). `shown` is the account the form was drawn with (`account_as_shown`): where another
    one stands by now, nothing is kept. Raises `InvalidInput` by field.
    """
    permit(actor, "billing_party.write")
    if actor.organisation_id is None:
        raise NotPermitted
    kept = {name: " ".join(given.get(name, "").split()) for name in FIELDS}
    for name in ("vat_number", "gln", "sort_code", "account_number"):
        kept[name] = re.sub(r"[\s-]", "", kept[name]).upper()
    faults = _faults(kept)
    async with unit_of_work(actor) as work:
        await hold_account(work)
        lots: dict[tuple[UUID, str], LotGround] = {}
        if actor.provider_id is not None:
            lots = {(lot.framework_id, lot.lot_code): lot for lot in await lot_grounds(work, actor.provider_id)}
        for key, ground in grounds.items():
            if key not in lots or ground not in GROUNDS:
                faults["grounds"] = "Choose the ground of each of your lots from the list"
        stands = await party(work, actor.organisation_id)
        if actor.provider_id is not None and stands.account_number and not kept["account_number"]:
            faults.setdefault("account_number", "Payments need an account: enter another one in its place")
        if shown is not None and shown != account_as_shown(stands):
            faults["account_number"] = (
                f"The account was changed since you looked, to {dashed(stands.sort_code)} {stands.account_number} of "
                f"{stands.account_name or stands.name}: enter that one, unless you want another in its place"
            )
        if faults:
            raise InvalidInput(faults)
        asked = {name: kept[name] for name in ACCOUNT}
        another = any(getattr(stands, name) != asked[name] for name in ACCOUNT)
        waits = another and actor.provider_id is not None and bool(stands.account_number)
        details = {name: kept[name] for name in FIELDS if name not in ACCOUNT}
        columns = ", ".join(details)
        marks = ", ".join(f"${n}" for n in range(4, 4 + len(details)))
        changes = ", ".join(f"{name} = EXCLUDED.{name}" for name in details)
        await work.execute(
            f"""INSERT INTO billing_party (organisation_id, changed_at, changed_by, {columns}) VALUES ($1, $2, $3, {marks})
                ON CONFLICT (organisation_id) DO UPDATE SET {changes}, changed_at = $2, changed_by = $3""",  # noqa: S608, E501 - our own columns
            actor.organisation_id, work.now, actor.person_id, *details.values(),
        )  # fmt: skip
        if another and not waits:
            await work.execute(
                """UPDATE billing_party SET account_name = $3, sort_code = $4, account_number = $5, account_since = $2
                   WHERE organisation_id = $1""",
                actor.organisation_id, work.now, *asked.values(),
            )  # fmt: skip
        if waits:
            await propose_account(work, asked | {"account_name": asked["account_name"] or stands.name})
        for (framework_id, lot_code), ground in grounds.items():
            await work.execute(
                """INSERT INTO vat_ground (provider_id, framework_id, lot_code, ground) VALUES ($1, $2, $3, $4)
                   ON CONFLICT (provider_id, framework_id, lot_code) DO UPDATE SET ground = EXCLUDED.ground""",
                actor.provider_id, framework_id, lot_code, ground,
            )  # fmt: skip
        work.audit("billing_party.saved", "organisation", actor.organisation_id)
        return waits


def _faults(kept: dict[str, str]) -> dict[str, str]:
    faults: dict[str, str] = {}
    for name, noun in (
        ("street", "the building and street"),
        ("city", "the town or city"),
        ("postcode", "the postcode"),
    ):
        if is_blank(kept[name]):
            faults[name] = f"Enter {noun}"
    for name, value in kept.items():
        if len(value) > 100:
            faults[name] = "Enter 100 characters or fewer"
    if kept["vat_number"] and not VAT_NUMBER.fullmatch(kept["vat_number"]):
        faults["vat_number"] = "The VAT number must be GB and 9 or 12 digits, like GB123456789"
    if kept["gln"] and not is_gln(kept["gln"]):
        faults["gln"] = "The global location number must be 13 digits with a check digit that fits"
    if kept["sort_code"] and not re.fullmatch(r"[0-9]{6}", kept["sort_code"]):
        faults["sort_code"] = "The sort code must be 6 digits, like 20-20-15"
    if kept["account_number"] and not re.fullmatch(r"[0-9]{8}", kept["account_number"]):
        faults["account_number"] = "The account number must be 8 digits"
    if bool(kept["sort_code"]) != bool(kept["account_number"]):
        faults.setdefault("account_number", "Enter the sort code and the account number together")
    return faults


def is_gln(text: str) -> bool:
    """Thirteen digits, the last one the check digit of GS1."""
    if not re.fullmatch(r"[0-9]{13}", text):
        return False
    digits = [int(digit) for digit in text]
    return (sum(digits[0:12:2]) + 3 * sum(digits[1:12:2]) + digits[12]) % 10 == 0
