# ruff: noqa: E501 - one row of everything, a row to a line where it can be
"""One row of everything, laid in plain SQL: two commissioners, three providers, two families, before and after award.

The secrecy tests ask what PostgreSQL itself lets each person read; they lay their rows past the actions on purpose, so
that nothing an action checks can hide what a policy lets through.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from marketplace.platform.actor import Actor, OrganisationKind, Role

AT = "2026-05-11 11:00+00"


@dataclass
class Rows:
    """Ids by name, and the people who try to read them."""

    ids: dict[str, UUID] = field(default_factory=dict)
    actors: dict[str, Actor] = field(default_factory=dict)

    def __getitem__(self, name: str) -> UUID:
        return self.ids[name]


class _Layer:
    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection
        self.rows = Rows()

    async def put(self, table: str, name: str | None = None, /, **values: Any) -> UUID:
        """Insert one row; `name` makes its id known to the tests."""
        columns = ", ".join(values)
        marks = ", ".join(f"${n}" for n in range(1, len(values) + 1))
        has_id = table not in _WITHOUT_ID
        if has_id and "id" not in values:
            columns += ", id"
            marks += f", ${len(values) + 1}"
            values = {**values, "id": uuid4()}
        await self.connection.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", *values.values())
        identity = values.get("id", uuid4())
        if name:
            self.rows.ids[name] = identity
        return identity

    async def person(self, name: str) -> UUID:
        return await self.put("person", name, name=name.replace("_", " ").title(), email=f"{name}@example.org")

    async def member(self, name: str, organisation: str, kind: OrganisationKind, role: Role) -> None:
        person = await self.person(name)
        await self.put("membership", person_id=person, organisation_id=self.rows[organisation], role=role)
        self.rows.actors[name] = Actor(person, name, role, self.rows[organisation], organisation, kind)

    async def relative(self, name: str) -> None:
        self.rows.actors[name] = Actor(await self.person(name), name, "family")


_WITHOUT_ID = {
    "framework_lot", "framework_member", "child_identity", "referral_reach", "referral_decline", "offer_worker",
    "package_worker", "visit_worker", "visit_note", "rate", "worker_private", "invoice_line", "ledger_posting",
    "pack_version", "lapse_look", "funding_part", "roster_row", "step_evidence", "prepared_period",
    "declaration_file", "import_progress", "invoice_other_line", "enquiry_reach", "enquiry_worker",
    "correction_answer", "visit_reason",
    "purchase_agreement", "purchase_visit", "purchase_share", "provider_account",
    "purchase_settling", "contract_step_evidence",
}  # fmt: skip


async def lay(connection: asyncpg.Connection) -> Rows:
    """Everything of one awarded and one merely broadcast referral of Northgate, and Southmere beside it."""
    layer = _Layer(connection)
    put, ids = layer.put, layer.rows.ids
    at = await connection.fetchval("SELECT $1::text::timestamptz", AT)
    day = at.date()
    for name in ("northgate", "southmere"):
        await put("organisation", name, kind="commissioner", name=name.title(), short_name=name.title())
    for name in ("winner", "rival", "stranger"):
        organisation = await put("organisation", name, kind="provider", name=name.title(), short_name=name.title())
        await put("provider", id=organisation, legal_name=f"{name.title()} Ltd")
    await put("organisation", "operator", kind="operator", name="Operator", short_name="Operator")
    for council in ("northgate", "southmere"):
        for role in ("referrer", "finance", "contract_manager"):
            await layer.member(f"{council}_{role}", council, "commissioner", role)  # type: ignore[arg-type]
    for provider in ("winner", "rival", "stranger"):
        await layer.member(f"{provider}_manager", provider, "provider", "provider_manager")
    for worker in ("allocated", "colleague"):
        await layer.member(f"{worker}_worker", "winner", "provider", "worker")
    await layer.member("rival_worker", "rival", "provider", "worker")
    await layer.member("operator_person", "operator", "operator", "operator")
    for relative in ("mother", "plan_only_uncle", "former_carer", "future_carer", "other_family"):
        await layer.relative(relative)

    await put("pack_version", hash="h1", pack_id="p", title="P", content={})
    for council in ("northgate", "southmere"):
        framework = await put(
            "framework", f"{council}_framework", name=council, lead_commissioner_id=ids[council], pack_hash="h1",
            anchor_day=day, regime="x", state="open", created_at=at, opened_at=at,
        )  # fmt: skip
        await put("framework_lot", framework_id=framework, code="C", title="C", position=1)
        await put("framework_member", framework_id=framework, commissioner_id=ids[council], leads=True, joined_at=at)
    framework = ids["northgate_framework"]
    for provider in ("winner", "rival"):
        manager = ids[f"{provider}_manager"]
        application = await put(
            "application", f"{provider}_application", framework_id=framework, provider_id=ids[provider], lot_code="C",
            state="admitted", submitted_at=at, submitted_by=manager, decided_at=at,
        )  # fmt: skip
        await put(
            "admission", f"{provider}_admission", framework_id=framework, provider_id=ids[provider], lot_code="C",
            application_id=application, starts_on=day,
        )  # fmt: skip
        card = await put(
            "rate_card", f"{provider}_card", framework_id=framework, provider_id=ids[provider], lot_code="C",
            application_id=application, state="agreed", applies_from=day, proposed_at=at, proposed_by=manager, decided_at=at,
        )  # fmt: skip
        await put(
            "rate", framework_id=framework, rate_card_id=card, provider_id=ids[provider], activity="a", band="weekday",
            pence_per_hour=2000,
        )  # fmt: skip
        await put(
            "suspension", f"{provider}_suspension", framework_id=framework, provider_id=ids[provider], starts_at=at,
            reason="r", imposed_by=ids["northgate_contract_manager"], imposed_by_name="n", lifted_at=at,
        )  # fmt: skip
        await put(
            "pause", f"{provider}_pause", framework_id=framework, provider_id=ids[provider], starts_at=at, paused_by=manager,
            ended_at=at,
        )  # fmt: skip
    for provider, names in (("winner", ("allocated_worker", "colleague_worker")), ("rival", ("rival_worker",))):
        for name in names:
            worker = await put(
                "worker",
                f"{name}_row",
                provider_id=ids[provider],
                person_id=ids[name],
                name=name,
                role="r",
                created_at=at,
            )
            recorded = {"recorded_at": at, "recorded_by": ids[f"{provider}_manager"]}
            scope = {"provider_id": ids[provider], "worker_id": worker}
            await put("worker_private", **scope, dbs_certificate_number="001234567890")
            await put("worker_dbs_check", f"{name}_dbs", **scope, checked_on=day, checked_by_name="n", **recorded)
            await put(
                "worker_competency",
                f"{name}_competency",
                **scope,
                code="c",
                assessed_on=day,
                method="observed",
                **recorded,
            )
            await put("worker_check", f"{name}_check", **scope, kind="references", done_on=day, **recorded)
            file = uuid4()
            await put(
                "evidence", f"{name}_file", **scope, id=file, kind="dbs_certificate", file_name="f", content_type="application/pdf",
                size=1, uploaded_by=ids[f"{provider}_manager"], uploaded_by_name="n", uploaded_at=at, form_until=at,
                quarantine_key=f"quarantine/{ids[provider]}/{file}",
            )  # fmt: skip
    number = await connection.fetchval("SELECT worker_no FROM worker WHERE id = $1", ids["allocated_worker_row"])
    booking = await put(
        "booking", "allocated_booking", provider_id=ids["winner"], worker_id=ids["allocated_worker_row"], worker_no=number,
        starts_at=at, ends_at=at.replace(hour=13), created_at=at,
    )  # fmt: skip

    referrer = ids["northgate_referrer"]
    for name in ("child", "waiting_child"):
        child = await put(
            "child", name, commissioner_id=ids["northgate"], reference=name, referrer_id=referrer, created_at=at
        )
        await put(
            "child_identity", commissioner_id=ids["northgate"], child_id=child, name="Real Name", date_of_birth=day
        )
    other = await put(
        "child", "southmere_child", commissioner_id=ids["southmere"], reference="s", created_at=at,
        referrer_id=ids["southmere_referrer"],
    )  # fmt: skip
    await put("child_identity", commissioner_id=ids["southmere"], child_id=other, name="Other Name", date_of_birth=day)
    everything = ["see_plan", "see_visits", "choose", "sign_plan", "confirm_visits", "spend"]
    past, future = day.replace(year=2025), day.replace(year=2027)
    for child in ("child", "waiting_child"):
        for relative, rights, start, end, revoked in (
            ("mother", everything, past, None, None),
            ("plan_only_uncle", ["see_plan"], past, None, None),
            ("former_carer", everything, past, None, at),
            ("future_carer", everything, future, None, None),
        ):
            await put(
                "family_grant", f"{relative}_{child}_grant", commissioner_id=ids["northgate"], child_id=ids[child],
                person_id=ids[relative], relation="r", rights=rights, starts_on=start, ends_on=end, granted_by=referrer,
                granted_at=at, revoked_at=revoked,
            )  # fmt: skip
    await put(
        "family_grant", "other_family_grant", commissioner_id=ids["southmere"], child_id=other, person_id=ids["other_family"],
        relation="r", rights=everything, starts_on=past, granted_by=ids["southmere_referrer"], granted_at=at,
    )  # fmt: skip

    async def referral(name: str, child: str, state: str) -> None:
        case = {"commissioner_id": ids["northgate"], "framework_id": framework}
        row = await put(
            "referral", name, **case, child_id=ids[child], referrer_id=referrer, reference=name, state=state, lot_code="C",
            starts_on=day, broadcast_at=at if state != "draft" else None,
            respond_by=at.replace(day=12) if state != "draft" else None, created_at=at, changed_at=at, round=1,
        )  # fmt: skip
        if state == "draft":
            return
        for provider in ("winner", "rival"):
            await put(
                "referral_reach", **case, referral_id=row, round=1, provider_id=ids[provider], reached=True, at=at
            )
            await put(
                "referral_question", f"{provider}_{name}_question", commissioner_id=ids["northgate"], referral_id=row,
                provider_id=ids[provider], asked_by=ids[f"{provider}_manager"], asked_at=at, question="q",
            )  # fmt: skip
            offer = await put(
                "offer", f"{provider}_{name}_offer", **case, referral_id=row, round=1, provider_id=ids[provider],
                state=("awarded" if provider == "winner" else "not_chosen") if state == "awarded" else "made", starts_on=day,
                pattern=[], price={}, pence_per_week=1, pence_per_period=4, made_at=at, made_by=ids[f"{provider}_manager"],
            )  # fmt: skip
            worker = ids["allocated_worker_row" if provider == "winner" else "rival_worker_row"]
            await put(
                "offer_worker", commissioner_id=ids["northgate"], offer_id=offer, provider_id=ids[provider], worker_id=worker,
                part="main", name="w", role="r", statement={},
            )  # fmt: skip
        await put(
            "referral_clarification", f"{name}_clarification", commissioner_id=ids["northgate"], referral_id=row,
            question="q", answer="a", published_at=at, published_by=referrer,
        )  # fmt: skip
        await put(
            "offer_choice", f"{name}_choice", commissioner_id=ids["northgate"], referral_id=row,
            offer_id=ids[f"winner_{name}_offer"], side="family", person_id=ids["mother"], person_name="m", offer_version=1,
            chosen_at=at,
        )  # fmt: skip
        await put(
            "offer_meeting", f"{name}_meeting", commissioner_id=ids["northgate"], offer_id=ids[f"winner_{name}_offer"],
            provider_id=ids["winner"], asked_by=ids["mother"], asked_at=at,
        )  # fmt: skip

    await referral("awarded", "child", "awarded")
    await referral("waiting", "waiting_child", "broadcast")
    await referral("unsent", "waiting_child", "draft")
    await put(
        "referral_reach", commissioner_id=ids["northgate"], framework_id=framework, referral_id=ids["waiting"], round=1,
        provider_id=ids["stranger"], reached=False, reasons=["suspended"], at=at,
    )  # fmt: skip

    case = {"commissioner_id": ids["northgate"], "provider_id": ids["winner"]}
    package = await put(
        "package", "package", **case, framework_id=framework, referral_id=ids["awarded"], offer_id=ids["winner_awarded_offer"],
        child_id=ids["child"], reference="P", lot_code="C", referrer_id=referrer, state="active", pattern=[], starts_on=day,
        awarded_at=at, awarded_by=referrer,
    )  # fmt: skip
    await put(
        "package_funding", "funding", **case, package_id=package, framework_id=framework, payer_id=ids["northgate"],
        share_basis_points=10000, starts_on=day,
    )  # fmt: skip
    proposal = await put(
        "funding_proposal", "funding_proposal", **case, package_id=package, framework_id=framework, package_reference="P",
        lot_code="C", pence_per_week=1, starts_on=day, reason="r", proposed_by=referrer, proposed_by_name="n", proposed_at=at,
    )  # fmt: skip
    await put(
        "funding_part", commissioner_id=ids["northgate"], proposal_id=proposal, payer_id=ids["northgate"],
        share_basis_points=10000,
    )  # fmt: skip
    await put(
        "allocation", "allocation", commissioner_id=ids["northgate"], child_id=ids["child"], starts_on=day, ends_on=day,
        unit="pence", amount=1, reason="r", set_by=referrer, set_by_name="n", set_at=at,
    )  # fmt: skip
    await put(
        "package_worker", **case, package_id=package, worker_id=ids["allocated_worker_row"],
        worker_person_id=ids["allocated_worker"], name="w", role="r", part="main", added_at=at,
    )  # fmt: skip
    written = {"written_by": ids["winner_manager"], "written_at": at}
    await put(
        "plan_version",
        "plan",
        **case,
        package_id=package,
        version=1,
        state="signed",
        content={},
        text_hash="t",
        **written,
    )
    await put("plan_version", "next_plan", **case, package_id=package, version=2, state="draft", content={}, **written)
    await put(
        "plan_review", "plan_review", **case, framework_id=framework, package_id=package, plan_id=ids["plan"], held_on=day,
        took_part="t", findings=[], says="", goes_on=True, recorded_at=at, recorded_by=ids["winner_manager"], recorded_by_name="n",
    )  # fmt: skip
    visit = await put(
        "visit", "visit", **case, framework_id=framework, package_id=package, child_id=ids["child"], lot_code="C", activity="a",
        planned_start=at, planned_end=at.replace(hour=13), created_at=at,
    )  # fmt: skip
    await put(
        "visit_worker", **case, visit_id=visit, worker_id=ids["allocated_worker_row"], worker_person_id=ids["allocated_worker"],
        printed_name="w", booking_id=booking,
    )  # fmt: skip
    await put("visit_note", **case, visit_id=visit, activities="private", written_at=at)
    await put(
        "bank_change", "bank_change", provider_id=ids["winner"], account_name="w", sort_code="202015", account_number="55555555",
        proposed_by=ids["winner_manager"], proposed_by_name="m", proposed_at=at,
    )  # fmt: skip
    await put(
        "machine_token", "machine_token", provider_id=ids["winner"], name="m", token_hash=b"m", made_by=ids["winner_manager"],
        made_by_name="m", made_at=at, expires_at=at,
    )  # fmt: skip
    await put("visit_reason", **case, visit_id=visit, says="private")
    await put(
        "visit_correction", "correction", **case, visit_id=visit, at=at, by_person=ids["winner_manager"], by_name="m",
        source="office", reason="r", before={}, after={}, version=1,
    )  # fmt: skip
    await put(
        "roster_row", **case, reference="R-1", visit_id=visit, content_hash="h", first_sent_at=at, sent_at=at,
        sent_by=ids["winner_manager"],
    )  # fmt: skip
    await put(
        "visit_flag", "flag", **case, visit_id=visit, package_id=package, worker_id=ids["allocated_worker_row"],
        code="dbs_check_overdue", says="s", flagged_at=at,
    )  # fmt: skip
    await put(
        "cover_decision", "cover_decision", **case, package_id=package, rule_key="insurance_lapsed", goes_on=True,
        reason="r", decided_by=ids["northgate_contract_manager"], decided_by_name="n", decided_at=at,
    )  # fmt: skip
    await put(
        "standing_ground", "winner_ground", framework_id=framework, provider_id=ids["winner"], since=at, lots=["C"],
        rule_key="insurance_lapsed", code="insurance_lapsed", holds=False, flags_visits=True,
    )  # fmt: skip
    await put(
        "suspension", "winner_rule_suspension", framework_id=framework, provider_id=ids["winner"], starts_at=at,
        reason="r", rule_key="insurance_lapsed", imposed_by_name="a rule", lifted_at=at,
    )  # fmt: skip
    await _suspension_rows(put, ids, framework, package, at)
    await _contract_rows(put, ids, framework, at)
    await put("lapse_look", provider_id=ids["winner"], looked_on=day)
    await _evidence_rows(put, ids, framework, at, day)
    await put(
        "signature", "signature", **case, package_id=package, subject_type="plan", subject_id=ids["plan"], side="family",
        person_id=ids["mother"], printed_name="m", text_hash="t", method="own_sign_in", signed_at=at,
    )  # fmt: skip
    invoice = await put(
        "invoice", "invoice", **case, framework_id=framework, first_day=day, last_day=day, number=1, submitted_at=at,
        submitted_by=ids["winner_manager"], due_at=at, claim={}, result={}, pack_hash="h1", gross_pence=0, deduction_pence=0,
        carried_in_pence=0, net_pence=0, carried_out_pence=0,
    )  # fmt: skip
    await put(
        "invoice_line", **case, invoice_id=invoice, position=1, visit_commissioner_id=ids["northgate"], visit_id=visit,
        minutes=1, percent=100, held=False, payable_pence=0,
    )  # fmt: skip
    await put(
        "prepared_period", commissioner_id=ids["northgate"], framework_id=framework, first_day=day, last_day=day,
        prepared_at=at, pack_hash="h1", drafts=1, lines=1, by_rules=0, unpriced=0,
    )  # fmt: skip
    await put(
        "prepared_draft", "prepared_draft", **case, framework_id=framework, first_day=day, last_day=day, prepared_at=at,
        pack_hash="h1", by_rules=False, unpriced=False, visits=1, held=0, defects=[], gross_pence=0, deduction_pence=0,
        carried_in_pence=0, net_pence=0, carried_out_pence=0, fingerprint="f", visit_ids=[visit],
        visit_commissioner_ids=[None], minutes=[1], percents=[100], prices=[0], payables=[0], missing=[None],
    )  # fmt: skip
    await put(
        "visit_request", "visit_request", **case, package_id=package, framework_id=framework, visit_id=visit, kind="make_up",
        asked_side="provider", asked_by=ids["winner_manager"], asked_at=at,
    )  # fmt: skip
    correction = await put(
        "correction", "proposed_correction", **case, package_id=package, framework_id=framework, visit_id=visit, visit_version=1,
        was_outcome="cancelled_by_family", outcome="cancelled_on_arrival", percent=100, minutes=60, taken_minutes=60, reason="r",
        proposed_by=ids["winner_manager"], proposed_by_name="m", proposed_at=at,
    )  # fmt: skip
    await put(
        "correction_answer", **case, correction_id=correction, package_id=package, person_id=ids["mother"], person_name="m",
        agrees=False, says="no", answered_at=at,
    )  # fmt: skip
    agreement = await put(
        "other_agreement", "agreement", **case, package_id=package, framework_id=framework, kind="return_to_area", says="s",
        most_pence=1, valid_from=day, valid_to=day, proposed_by=ids["winner_manager"], proposed_at=at, proposed_side="provider",
    )  # fmt: skip
    line = await put(
        "other_line", "other_line", **case, package_id=package, framework_id=framework, agreement_id=agreement, day=day,
        units=1, cost_pence=1, says="s", evidence_id=ids["allocated_worker_file"], added_by=ids["winner_manager"], added_at=at,
    )  # fmt: skip
    await put(
        "other_line", "longer_line", **case, framework_id=framework, day=day, units=1, cost_pence=0, says="s",
        added_by=ids["northgate_referrer"], added_at=at, longer_commissioner_id=ids["northgate"], longer_visit_id=visit,
        longer_to=1,
    )  # fmt: skip
    await put(
        "invoice_other_line", **case, invoice_id=invoice, position=1, line_id=line, price_pence=1, payable_pence=0
    )
    async with connection.transaction():
        entry = await put(
            "ledger_entry", "entry", **case, framework_id=framework, at=at, kind="invoice", subject_type="invoice",
            subject_id=invoice, written_by=ids["winner_manager"], dedupe_key="k",
        )  # fmt: skip
        for account, pence in (("cost", 5), ("payable", -5)):
            await put("ledger_posting", **case, entry_id=entry, account=account, pence=pence)
    await put(
        "obligation", "obligation", owed_by_organisation=ids["winner"], owed_to=ids["northgate"], commissioner_id=ids["northgate"],
        framework_id=framework, child_id=ids["child"], package_id=package, subject_type="package", subject_id=package,
        rule_key="plan_signed", pack_hash="h1", title="t", starts_at=at, due_at=at,
    )  # fmt: skip
    await put(
        "duty_stop", "clock_stop", duty_id=ids["obligation"], asked_by_organisation=ids["winner"],
        decided_by_organisation=ids["northgate"], ground="g", reason="private", from_at=at, asked_at=at,
        asked_by=ids["winner_manager"], asked_by_name="n",
    )  # fmt: skip
    await put(
        "monitoring_report", "report", commissioner_id=ids["northgate"], framework_id=framework, provider_id=ids["winner"],
        first_day=day, last_day=day + timedelta(days=90), facts="{}", says="s", actions="", sent_at=at, sent_by=ids["winner_manager"],
        sent_by_name="n",
    )  # fmt: skip
    await put("mail_choice", "mothers_choice", person_id=ids["mother"], kind="duties", wanted=False, changed_at=at)
    await put(
        "obligation", "rival_obligation", owed_by_organisation=ids["rival"], owed_to=ids["northgate"],
        commissioner_id=ids["northgate"], framework_id=framework, subject_type="referral", subject_id=ids["waiting"],
        rule_key="referral_response", pack_hash="h1", title="t", starts_at=at, due_at=at,
    )  # fmt: skip
    payment = await put(
        "direct_payment", "direct_payment", commissioner_id=ids["northgate"], child_id=ids["child"], framework_id=framework,
        starts_on=day, recorded_at=at, recorded_by=ids["northgate_referrer"],
    )  # fmt: skip
    budget = {"commissioner_id": ids["northgate"], "direct_payment_id": payment, "child_id": ids["child"]}
    await put(
        "direct_payment_terms", "terms", **budget, applies_from=day, kind="money", units=1, period="week", lots=["C"],
        top_up_allowed=False, account="none", written_at=at, written_by=ids["northgate_referrer"], written_by_name="n",
    )  # fmt: skip
    await put(
        "direct_payment_spending", "spending", **budget, day=day, pence=1, minutes=0, says="private", recorded_at=at,
        recorded_by=ids["mother"], recorded_by_name="m",
    )  # fmt: skip
    await _purchase_rows(put, ids, framework, package, payment, at, day)
    enquiry = await put(
        "enquiry", "enquiry", **budget, framework_id=framework, reference="E", lot_code="C", age_band="5 to 11", says="private",
        pattern=[], starts_on=day, asked_at=at, asked_by=ids["mother"], open_until=at,
    )  # fmt: skip
    for provider, state in (("winner", "accepted"), ("rival", "not_chosen")):
        of = {"commissioner_id": ids["northgate"], "enquiry_id": enquiry, "provider_id": ids[provider]}
        await put("enquiry_reach", **of, framework_id=framework, asked_at=at, answer_by=at)
        await put(
            "enquiry_answer", f"{provider}_answer", **of, framework_id=framework, state=state, starts_on=day, pattern=[], price={},
            pence_per_week=1, pence_per_period=1, answered_at=at, answered_by=ids[f"{provider}_manager"],
        )  # fmt: skip
    of = {"commissioner_id": ids["northgate"], "enquiry_id": enquiry, "answer_id": ids["winner_answer"]}
    await put(
        "enquiry_worker", **of, provider_id=ids["winner"], worker_id=ids["colleague_worker_row"], part="main", name="c", role="r",
    )  # fmt: skip
    await put("enquiry_choice", "enquiry_choice", **of, person_id=ids["mother"], person_name="m", chosen_at=at)
    await put(
        "enquiry_meeting", "enquiry_meeting", **of, provider_id=ids["winner"], asked_by=ids["mother"], asked_at=at, proposed=[at],
    )  # fmt: skip
    await put(
        "package", "bought", **budget, framework_id=framework, provider_id=ids["winner"], answer_id=ids["winner_answer"],
        reference="B", lot_code="C", referrer_id=ids["northgate_referrer"], state="ended", pattern=[], starts_on=day, awarded_at=at,
        awarded_by=ids["mother"], ended_at=at,
    )  # fmt: skip
    await put(
        "obligation", "enquiry_obligation", owed_by_organisation=ids["winner"], subject_type="enquiry", subject_id=enquiry,
        rule_key="enquiry_response", pack_hash="h1", title="t", starts_at=at, due_at=at,
    )  # fmt: skip
    await put("notice", "notice", organisation_id=ids["winner"], at=at, sentence="s")
    await put(
        "calendar_feed", token_hash=b"0123", scope="own", person_id=ids["mother"], made_at=at, organisation_id=None
    )
    await put("notice", "mothers_notice", person_id=ids["mother"], at=at, sentence="s")
    return layer.rows


async def _purchase_rows(
    put: Any, ids: dict[str, UUID], framework: UUID, package: UUID, payment: UUID, at: Any, day: Any
) -> None:
    """The mother bought the visit, by card and by transfer; something goes back, something on to the winner."""
    keys: dict[str, Any] = {
        "commissioner_id": ids["northgate"], "framework_id": framework, "provider_id": ids["winner"], "child_id": ids["child"],
    }  # fmt: skip
    bought = await put(
        "purchase", "purchase", **keys, direct_payment_id=payment, package_id=package, reference="DPSECRET1", lot_code="C",
        first_day=day, last_day=day, method="card", state="paid", pence=100, minutes=60, pack_hash="h1", made_at=at,
        made_by=ids["mother"], made_by_name="m", due_at=at, paid_at=at,
    )  # fmt: skip
    of = {**keys, "purchase_id": bought}
    line = {**of, "visit_id": ids["visit"]}
    await put("purchase_agreement", **of, person_id=ids["mother"], person_name="m", agreed_at=at)
    await put("purchase_visit", **line, day=day, minutes=60, pence=100)
    await put("purchase_share", **line, direct_payment_id=payment, budget_pence=100, top_up_pence=0, budget_minutes=60)
    card = await put(
        "card_payment", "card_payment", **of, pence=100, state="received", stripe_id="pi_1", asked_at=at, received_pence=100,
        received_at=at,
    )  # fmt: skip
    await put(
        "settlement_account", "settlement_account", commissioner_id=ids["northgate"], name="n", sort_code="000000", number="00000000",
        entered_at=at, entered_by=ids["northgate_finance"], confirmed_at=at, confirmed_by=ids["northgate_referrer"],
    )  # fmt: skip
    await put(
        "bank_receipt", "bank_receipt", **of, line_hash="0" * 64, received_on=day, pence=100, says="private", state="matched",
        imported_at=at, imported_by=ids["northgate_finance"], matched_at=at, matched_by=ids["northgate_finance"],
    )  # fmt: skip
    back = await put(
        "refund", "refund", **line, cause="missed", pence=100, way="card", card_payment_id=card, owed_at=at
    )  # fmt: skip
    await put("purchase_settling", **{k: v for k, v in line.items() if k != "framework_id"}, since=at)
    await put("refund", "surplus", **of, cause="surplus", pence=100, way="transfer", owed_at=at)
    await put("payout", "payout", **line, pence=100, owed_at=at)
    await put("payout", **line, pence=-100, refund_id=back, owed_at=at)
    await put("provider_account", provider_id=ids["winner"], asked_at=at, asked_by=ids["winner_manager"])


async def _evidence_rows(put: Any, ids: dict[str, UUID], framework: UUID, at: Any, day: Any) -> None:
    """What the winner declared with a file, what was found of it, its workforce file, and looks at a DBS status."""
    own: dict[str, Any] = {"provider_id": ids["winner"]}
    by: dict[str, Any] = {"declared_by": ids["winner_manager"], "declared_by_name": "n", "recorded_at": at}
    declaration = await put("declaration", "declaration", **own, rule_key="living_wage", declared_on=day, **by)
    file = uuid4()
    await put(
        "evidence", "declared_file", **own, id=file, kind="policy", file_name="f", content_type="application/pdf", size=1,
        uploaded_by=ids["winner_manager"], uploaded_by_name="n", uploaded_at=at, form_until=at,
        quarantine_key=f"quarantine/{ids['winner']}/{file}",
    )  # fmt: skip
    await put("declaration_file", **own, declaration_id=declaration, evidence_id=file)
    await put(
        "declaration_assessment", "finding", **own, framework_id=framework, declaration_id=declaration,
        commissioner_id=ids["northgate"], verdict="accepted", assessed_by=ids["northgate_contract_manager"],
        assessed_by_name="n", assessed_at=at, pack_hash="h1",
    )  # fmt: skip
    await put(
        "terms_acceptance", "acceptance", **own, framework_id=framework, pack_hash="h1",
        accepted_by=ids["winner_manager"], accepted_by_name="n", accepted_at=at,
    )  # fmt: skip
    await put(
        "dbs_status_request", "status_request", **own, worker_id=ids["allocated_worker_row"], asked_at=at,
        asked_by=ids["winner_manager"], asked_by_name="n", automatic=False, answer="unreachable",
    )  # fmt: skip
    await put(
        "doubted_certificate", "doubted_certificate", **own, worker_id=ids["allocated_worker_row"],
        check_id=ids["allocated_worker_dbs"], number="001234567890", found_on=day,
    )  # fmt: skip
    await put(
        "dbs_automatic", "automatic_checks", **own, person_id=ids["winner_manager"], person_name="n", started_at=at
    )
    sent = await put(
        "workforce_import", "import", **own, file_name="f", rows={}, uploaded_by=ids["winner_manager"],
        uploaded_by_name="n", uploaded_at=at,
    )  # fmt: skip
    await put("import_progress", **own, import_id=sent, total=1)
    await put(
        "profile_video", "video_agreement", **own, worker_id=ids["allocated_worker_row"],
        evidence_id=ids["allocated_worker_file"], agreed_at=at,
    )  # fmt: skip


async def _contract_rows(put: Any, ids: dict[str, UUID], framework: UUID, at: Any) -> None:
    """A meeting, an unannounced visit not shared yet, information with its charge, a change by the Commission."""
    manager, day = ids["northgate_contract_manager"], at.date()
    scope = {"commissioner_id": ids["northgate"], "framework_id": framework, "provider_id": ids["winner"]}
    planned = {"starts_at": at, "place": "p", "planned_at": at, "planned_by": manager, "planned_by_name": "n"}
    shared = {"shared_at": at, "attended_by": "a", "provider_there": True, "minutes": "m"}
    said = {"at": at, "by_provider": False, "by_person": manager, "by_name": "n"}
    found = {"area": "a", "grade": "met", "says": "s", "found_at": at, "found_by": manager, "found_by_name": "n"}
    file = {
        "file_name": "f.pdf", "content_type": "application/pdf", "scan": "clean", "original_sha256": "0" * 64,
        "published_key": "k", "published_version": "v", "published_size": 1, "published_sha256": "1" * 64,
        "added_at": at, "added_by": manager, "added_by_name": "n",
    }  # fmt: skip
    for name, kind, announced, more in (
        ("meeting", "meeting", True, shared), ("secret_visit", "inspection", False, {}),
    ):  # fmt: skip
        occasion = await put("contract_occasion", name, **scope, kind=kind, announced=announced, **planned, **more)
        finding = await put("contract_finding", f"{name}_finding", **scope, occasion_id=occasion, **found)
        await put(
            "finding_file", f"{name}_file", commissioner_id=ids["northgate"], provider_id=ids["winner"],
            occasion_id=occasion, finding_id=finding, **file,
        )  # fmt: skip
        await put(
            "contract_action", f"{name}_action", **scope, occasion_id=occasion, for_provider=True, title="t",
            due_on=day, asked_at=at, asked_by=manager, asked_by_name="n",
        )  # fmt: skip
        await put("contract_step", f"{name}_step", **scope, occasion_id=occasion, what="planned", **said)
    request = await put(
        "information_request", "information", **scope, title="t", asks="a", format="f", due_on=day, asked_at=at,
        asked_by=manager, asked_by_name="n",
    )  # fmt: skip
    await put(
        "information_charge", "information_charge", **scope, request_id=request, minutes=1, hour_pence=60, pence=1,
        clause="c", reason="r", pack_hash="h1", charged_at=at, charged_by=manager, charged_by_name="n", object_until=at,
    )  # fmt: skip
    step = await put("contract_step", "information_step", **scope, request_id=request, what="information_asked", **said)
    await put(
        "contract_step_evidence", commissioner_id=ids["northgate"], provider_id=ids["winner"], step_id=step,
        evidence_id=ids["allocated_worker_file"],
    )  # fmt: skip
    await put(
        "contract_next", "next_meeting", **scope, kind="meeting", due_on=day, reason="r", set_at=at, set_by=manager,
        set_by_name="n",
    )  # fmt: skip
    await put(
        "cqc_change", "cqc_change", provider_id=ids["winner"], kind="rating", says="s", learnt_at=at, reported_at=at,
        reported_by=ids["winner_manager"], reported_by_name="n",
    )  # fmt: skip


async def _suspension_rows(put: Any, ids: dict[str, UUID], framework: UUID, package: UUID, at: Any) -> None:
    """A suspension of the winner with cause, plan and evidence, a limit, and its package moved to the rival."""
    manager, day = ids["northgate_contract_manager"], at.date()
    scope = {"framework_id": framework, "provider_id": ids["winner"]}
    suspension = ids["winner_suspension"]
    await put(
        "suspension_cause", "winner_cause", **scope, rule_key="r", clause="c", effect="propose", cause="c", facts="f",
        pack_hash="h1", raised_at=at, raised_by_name="n", decision="suspended", decided_at=at, suspension_id=suspension,
    )  # fmt: skip
    await put(
        "suspension_cause", "waved_off_cause", **scope, rule_key="r", clause="c", effect="propose", cause="d", facts="f",
        pack_hash="h1", raised_at=at, raised_by_name="n", decision="not_suspended", decided_at=at, decision_reason="r",
    )  # fmt: skip
    await put(
        "suspension_cause", "dropped_cause", **scope, rule_key="r", clause="c", effect="propose", cause="e", facts="f",
        pack_hash="h1", raised_at=at, raised_by_name="n", decision="dropped", decided_at=at, decision_reason="r",
    )  # fmt: skip
    action = await put(
        "plan_action", "winner_action", **scope, suspension_id=suspension, title="t", due_on=day, asked_at=at,
        asked_by=manager, asked_by_name="n",
    )  # fmt: skip
    step = await put(
        "suspension_step", "winner_step", **scope, suspension_id=suspension, action_id=action, what="action_done", at=at,
        by_provider=True, by_person=ids["winner_manager"], by_name="n", says="s",
    )  # fmt: skip
    await put("step_evidence", **scope, step_id=step, evidence_id=ids["allocated_worker_file"])
    await put(
        "restriction", "winner_restriction", **scope, new_packages=1, starts_at=at, reason="r", imposed_by=manager,
        imposed_by_name="n",
    )  # fmt: skip
    case = {"commissioner_id": ids["northgate"], "provider_id": ids["winner"], "package_id": package}
    move = await put(
        "package_move", "move", **case, referral_id=ids["waiting"], reason="r", asked_at=at,
        asked_by=ids["northgate_referrer"], asked_by_name="n",
    )  # fmt: skip
    await put(
        "emergency_cover", "emergency", **case, referral_id=ids["waiting"], first_day=at.date(), last_day=at.date(),
        reason="r", asked_at=at, asked_by=ids["northgate_referrer"], asked_by_name="n",
    )  # fmt: skip
    await put(
        "package_handover", "handover", **case, move_id=move, referral_id=ids["waiting"], says="s", written_at=at,
        written_by=ids["winner_manager"], written_by_name="n",
    )  # fmt: skip
