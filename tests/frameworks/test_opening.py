"""From a pack to an open framework: its decisions, its partners, and who may do what."""

import io
import zipfile
from datetime import date

import asyncpg
import pytest

from marketplace.frameworks import actions, packs, queries
from marketplace.platform.database import ask, unit_of_work
from marketplace.platform.errors import Conflict, InvalidInput, NotFound, NotPermitted, WrongState
from marketplace.policy.pack import load_pack
from marketplace.policy.pack_files import PACK_FOLDERS
from tests.world.frameworks import ANCHOR, REGIME, confirm_decisions, draft_framework, open_framework


async def test_a_framework_has_its_packs_lots_and_belongs_to_its_lead(database, person):
    admin, rival = await person("Northgate", "commissioner_admin"), await person("Southmere", "commissioner_admin")
    framework_id = await draft_framework(admin, name="Short breaks")
    found = await ask(admin, queries.framework, framework_id)
    assert (found.name, found.state, found.lead_name, found.pack_id) == (
        "Short breaks", "draft", "Northgate", "lewisham-2017",
    )  # fmt: skip
    assert [lot.code for lot in await ask(admin, queries.lots, framework_id)] == ["A", "B", "C", "D"]
    assert [each.id for each in await ask(admin, queries.my_frameworks)] == [framework_id]
    with pytest.raises(NotFound):  # a draft is nobody else's to see
        await ask(rival, queries.framework, framework_id)
    with pytest.raises(NotFound):
        await actions.confirm_decision(rival, framework_id, "settings.billing.due_days")


async def test_it_does_not_open_while_one_decision_is_unconfirmed(database, person):
    admin = await person("Northgate", "commissioner_admin")
    framework_id = await draft_framework(admin)
    waiting = await ask(admin, queries.decisions, framework_id)
    assert len(waiting) > 50
    assert not any(decision.confirmed for decision in waiting)
    for decision in waiting[:-1]:
        await actions.confirm_decision(admin, framework_id, decision.key)
    with pytest.raises(Conflict, match="1 decision is still to be confirmed"):
        await actions.open_framework(admin, framework_id)
    assert (await ask(admin, queries.framework, framework_id)).state == "draft"
    await actions.confirm_decision(admin, framework_id, waiting[-1].key)
    await actions.open_framework(admin, framework_id)
    with pytest.raises(WrongState):
        await actions.open_framework(admin, framework_id)
    found = await ask(admin, queries.framework, framework_id)
    assert (found.state, found.opened_at is not None) == ("open", True)


async def test_the_answers_confirmed_are_the_rules_from_opening_on(database, person, clock):
    admin = await person("Northgate", "commissioner_admin")
    proposed = load_pack("lewisham-2017")
    answers = {
        "settings.charging.notice_hours": "48",
        "duties.plan_signed": "working_days",
        "settings.charging.exact_notice_is_enough": False,
    }
    framework_id = await draft_framework(admin)
    await confirm_decisions(admin, framework_id, answers)
    assert (await ask(admin, queries.pack_of, framework_id)).charging.notice_hours == 24  # not before it opens
    await actions.open_framework(admin, framework_id)
    pack = await ask(admin, queries.pack_of, framework_id)
    assert (pack.charging.notice_hours, pack.duties["plan_signed"].unit) == (48, "working_days")
    assert pack.charging.exact_notice_is_enough is False
    assert pack.billing == proposed.billing
    found = await ask(admin, queries.framework, framework_id)
    assert found.pack_hash == pack.content_hash != proposed.content_hash
    notice = await ask(admin, queries.decision, framework_id, "settings.charging.notice_hours")
    assert (notice.proposed, notice.value, notice.changed) == (24, 48, True)
    assert (notice.confirmed_by_name, notice.confirmed_at) == (admin.person_name, clock.at)
    with pytest.raises(Conflict, match="can no longer be changed"):
        await actions.confirm_decision(admin, framework_id, notice.key, 24)


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("settings.charging.notice_hours", "soon", "it must be a whole number"),
        ("settings.charging.notice_hours", -1, "it must be 0 or more"),
        ("settings.charging.cancelled_late_percent", 101, "it must be 100 or less"),
        ("duties.plan_signed", "fortnights", "choose one of the answers offered"),
        ("settings.charging.exact_notice_is_enough", "perhaps", "it must be yes or no"),
    ],
)
async def test_an_answer_of_the_wrong_kind_is_refused_and_nothing_is_confirmed(database, person, key, value, sentence):
    admin = await person("Northgate", "commissioner_admin")
    framework_id = await draft_framework(admin)
    with pytest.raises(InvalidInput) as refused:
        await actions.confirm_decision(admin, framework_id, key, value)
    assert refused.value.fields["value"] == f"This answer does not fit: {sentence}"
    assert not (await ask(admin, queries.decision, framework_id, key)).confirmed
    with pytest.raises(NotFound):
        await actions.confirm_decision(admin, framework_id, "settings.nothing.of_the_kind")


async def test_partners_read_and_take_part_but_do_not_decide(database, person):
    admin, partner = await person("Northgate", "commissioner_admin"), await person("Southmere", "commissioner_admin")
    framework_id = await draft_framework(admin)
    await actions.add_partner(admin, framework_id, partner.organisation_id)
    found = await ask(partner, queries.framework, framework_id)
    assert [(member.name, member.leads) for member in found.members] == [("Northgate", True), ("Southmere", False)]
    for forbidden in (
        actions.confirm_decision(partner, framework_id, "settings.charging.notice_hours"),
        actions.open_framework(partner, framework_id),
        actions.remove_partner(partner, framework_id, partner.organisation_id),
    ):
        with pytest.raises(NotPermitted, match="Only Northgate, which leads"):
            await forbidden
    with pytest.raises(Conflict, match="already takes part"):
        await actions.add_partner(admin, framework_id, partner.organisation_id)
    await actions.remove_partner(admin, framework_id, partner.organisation_id)
    with pytest.raises(NotFound):
        await ask(partner, queries.framework, framework_id)


async def test_only_commissioners_can_be_partners_and_only_drafts_lose_them(database, person):
    admin, partner = await person("Northgate", "commissioner_admin"), await person("Southmere", "commissioner_admin")
    manager = await person("Kind Hands", "provider_manager")
    framework_id = await open_framework(admin, partners=[partner])
    with pytest.raises(InvalidInput):
        await actions.add_partner(admin, framework_id, manager.organisation_id)
    with pytest.raises(Conflict, match="not open yet"):
        await actions.remove_partner(admin, framework_id, partner.organisation_id)
    with pytest.raises(Conflict):
        await actions.remove_partner(admin, framework_id, admin.organisation_id)


async def test_other_roles_make_no_frameworks(database, person):
    for role in ("referrer", "contract_manager", "finance"):
        with pytest.raises(NotPermitted):
            await draft_framework(await person("Northgate", role))
    with pytest.raises(NotPermitted):
        await draft_framework(await person("Kind Hands", "provider_manager"))


async def test_what_is_missing_is_named_by_field(database, person):
    admin = await person("Northgate", "commissioner_admin")
    with pytest.raises(InvalidInput) as refused:
        await actions.create_framework(
            admin, pack_id="lewisham-2017", name=" ", anchor_day=ANCHOR, regime="", ends_on=ANCHOR
        )
    assert set(refused.value.fields) == {"name", "regime", "ends_on"}
    with pytest.raises(InvalidInput) as refused:
        await actions.create_framework(admin, pack_id="atlantis", name="X", anchor_day=ANCHOR, regime=REGIME)
    assert set(refused.value.fields) == {"pack"}
    assert await ask(admin, queries.my_frameworks) == []


async def test_the_same_pack_serves_two_frameworks_with_different_answers(database, person):
    admin, other = await person("Northgate", "commissioner_admin"), await person("Southmere", "commissioner_admin")
    key = "settings.charging.cancelled_late_percent"
    first = await open_framework(admin, answers={key: 50})
    second = await open_framework(other, answers={key: 25})
    assert (await ask(admin, queries.pack_of, first)).charging.cancelled_late_percent == 50
    assert (await ask(other, queries.pack_of, second)).charging.cancelled_late_percent == 25


async def test_billing_periods_follow_the_anchor(database, person):
    admin = await person("Northgate", "commissioner_admin")
    framework_id = await open_framework(admin)
    period = await ask(admin, queries.billing_period, framework_id, date(2026, 5, 11))
    assert (period.first_day, period.last_day) == (date(2026, 5, 4), date(2026, 5, 31))
    periods = await ask(admin, queries.billing_periods, framework_id, date(2026, 4, 10), date(2026, 6, 1))
    assert [each.first_day for each in periods] == [ANCHOR, date(2026, 5, 4), date(2026, 6, 1)]


async def test_a_closed_framework_keeps_its_admissions(database, person):
    admin = await person("Northgate", "commissioner_admin")
    framework_id = await open_framework(admin)
    with pytest.raises(InvalidInput):
        await actions.close_framework(admin, framework_id, " ")
    await actions.close_framework(admin, framework_id, "Replaced by the 2027 framework")
    assert (await ask(admin, queries.framework, framework_id)).state == "closed"
    with pytest.raises(Conflict):
        await actions.add_partner(admin, framework_id, admin.organisation_id)


def zipped(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


async def test_a_commissioners_own_pack_comes_as_a_zip(database, person):
    admin = await person("Northgate", "commissioner_admin")
    folder = PACK_FOLDERS["lewisham-2017"]
    files = {f"our-pack/{path.name}": path.read_bytes() for path in folder.glob("*.toml")}
    own = packs.from_zip(zipped(files))
    framework_id = await draft_framework(admin, pack=own)
    assert (await ask(admin, queries.pack_of, framework_id)).content_hash == load_pack("lewisham-2017").content_hash
    pack_hash = await actions.store_pack(admin, own)
    await actions.create_framework(admin, pack_hash=pack_hash, name="Again", anchor_day=ANCHOR, regime=REGIME)
    with pytest.raises(NotFound):
        await actions.create_framework(admin, pack_hash="f" * 64, name="No", anchor_day=ANCHOR, regime=REGIME)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"not a zip", "must be a zip file"),
        (zipped({"readme.md": b"hello"}), "holds no .toml files"),
        (zipped({"a/lots.toml": b"", "b/lots.toml": b""}), "two files of one name"),
        (zipped({"lots.toml": b"this = = no toml"}), "lots.toml"),
        (zipped({"pack.toml": b"[pack]\nkey = 'x'"}), "cannot be used"),
        (zipped({"big.toml": b"#" * 9_000_000}), "more than a pack can"),
        (zipped({f"{n}.toml": b"" for n in range(61)}), "more than a pack can"),
        (zipped({"../../outside.toml": b"x = 1"}), "cannot be used"),
    ],
)
def test_a_pack_that_cannot_be_used_says_why(data, complaint):
    with pytest.raises(InvalidInput) as refused:
        packs.from_zip(data)
    assert complaint in refused.value.fields["pack"]


async def test_nobody_changes_a_framework_past_the_actions(database, person, migrator):
    """In SQL as the application's role: a partner and a stranger change nothing, and pack versions never change."""
    admin, partner = await person("Northgate", "commissioner_admin"), await person("Southmere", "commissioner_admin")
    stranger = await person("Eastham", "commissioner_admin")
    manager = await person("Kind Hands", "provider_manager")
    framework_id = await open_framework(admin, partners=[partner])
    for other in (partner, stranger, manager):
        for statement in (
            "UPDATE framework SET state = 'closed', closed_at = now() WHERE id = $1",
            "UPDATE framework_decision SET value = '1' WHERE framework_id = $1",
            "DELETE FROM framework_member WHERE framework_id = $1",
        ):
            async with unit_of_work(other) as work:
                assert (await work.execute(statement, framework_id)).endswith(" 0")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with unit_of_work(other) as work:
                await work.execute(
                    "INSERT INTO framework_member VALUES ($1, $2, false, now())", framework_id, stranger.organisation_id
                )
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with unit_of_work(admin) as work:
            await work.execute("UPDATE pack_version SET title = 'x'")
    assert await migrator.fetchval("SELECT state FROM framework WHERE id = $1", framework_id) == "open"


async def test_every_step_is_in_the_leads_audit_trail(database, person, migrator):
    admin, partner = await person("Northgate", "commissioner_admin"), await person("Southmere", "commissioner_admin")
    framework_id = await open_framework(admin, partners=[partner])
    await actions.close_framework(admin, framework_id, "Replaced")
    rows = await migrator.fetch(
        "SELECT action, count(*) AS times FROM audit_entry WHERE organisation_id = $1 GROUP BY action",
        admin.organisation_id,
    )
    times = {row["action"]: row["times"] for row in rows}
    decisions = len(await ask(admin, queries.decisions, framework_id))
    assert times == {
        "framework.created": 1,
        "framework.partner_added": 1,
        "framework.decision_confirmed": decisions,
        "framework.opened": 1,
        "framework.closed": 1,
    }
    assert await migrator.fetch("SELECT * FROM audit_faults()") == []
    told = await migrator.fetch("SELECT sentence FROM notice WHERE organisation_id = $1", partner.organisation_id)
    assert len(told) == 2  # added as a partner, opened
