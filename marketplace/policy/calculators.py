"""The policy calculators: a case file in, one JSON-able object out, by the very functions the application uses.

Each raises `casefile.CaseFaults` for a case that cannot be computed.
"""

from collections.abc import Mapping
from typing import Any, cast, get_args

from marketplace.policy.calendar import CalendarError, Period, is_period, local_day
from marketplace.policy.case_lines import other_line
from marketplace.policy.casefile import FIRST_YEAR, LAST_YEAR, CaseFaults, Field, london, quoted, read_case, unique
from marketplace.policy.duties import due_at
from marketplace.policy.facts import (
    Admission,
    Billed,
    Claim,
    ClaimLine,
    CompetencyRecord,
    InvoiceFacts,
    Outcome,
    ProviderFacts,
    RateRow,
    Visit,
    VisitWorker,
    WorkerFacts,
)
from marketplace.policy.funding import WHOLE, FundingError, Share, Shares, check_shares
from marketplace.policy.invoicing import assess_invoice, invoice_due_at
from marketplace.policy.other_lines import OtherResult
from marketplace.policy.pack import Pack, available_packs, load_pack
from marketplace.policy.pricing import RateMissing, price_visit
from marketplace.policy.standing import provider_standing

OF_SHARES = ("payer",)  # whom the invoice goes to, where visits name shares
VISIT_KEYS = ("id", "lot", "activity", "planned_start", "planned_end", "outcome", "workers")
OUTCOME_KEYS: dict[str, tuple[str, ...]] = {
    "delivered": ("actual_start", "actual_end", "activities", "family_signed"),
    "cancelled_by_family": ("notice_at",),
}
# `approved_minutes`, how long the visit may be in all, bounds the approval; without it the whole time is billed.
OVERRUN_KEYS = ("overrun_approved", "approved_minutes")

Packs = Mapping[str, Pack]


def known_packs() -> dict[str, Pack]:
    """The packs that come with the software, by id."""
    return {name: load_pack(name) for name in available_packs()}


def invoice(data: bytes, packs: Packs | None = None) -> dict[str, Any]:
    """Judge the invoice of a case: due moment, lines, defects, deduction and carry."""
    pack, facts = invoice_facts(data, packs)
    result = assess_invoice(pack, facts)
    return {
        "due_at": result.due_at.isoformat(),
        "lines": [
            {
                "visit": line.visit,
                "minutes": line.minutes,
                "percent": line.percent,
                "price_pence": line.price_pence,
                "held": line.held,
                "payable_pence": line.payable_pence,
                **({"whole_pence": line.whole_pence} if line.basis_points != WHOLE else {}),
            }
            for line in result.lines
        ],
        "defects": [{"kind": defect.kind, "visit": defect.visit} for defect in result.defects],
        "gross_pence": result.gross_pence,
        "deduction_pence": result.deduction_pence,
        "carried_in_pence": result.carried_in_pence,
        "net_pence": result.net_pence,
        "carried_out_pence": result.carried_out_pence,
    } | ({"other_lines": [_judged(other) for other in result.others]} if result.others else {})


def _judged(other: OtherResult) -> dict[str, Any]:
    return {
        "id": other.id,
        "price_pence": other.price_pence,
        "payable_pence": other.payable_pence,
        "faults": list(other.faults),
    }


def eligibility(data: bytes, packs: Packs | None = None) -> dict[str, Any]:
    """Judge which providers a broadcast reaches and which workers are ready, with every reason."""
    case = read_case(data)
    table = case.table(("pack", "lot", "starts_on", "needs", "providers"))
    pack = _pack(table["pack"], packs)
    lot = table["lot"].one_of(pack.lots, "lot")
    starts_on = table["starts_on"].day()
    asked = {row.competency for row in pack.on(starts_on).requirements(lot)}
    noun = f"competency of lot {lot}" if lot in pack.lots else "competency of the lot"
    needs = tuple(
        need.one_of(asked if lot in pack.lots else pack.competencies, noun) for need in table["needs"].items()
    )
    fields = table["providers"].items()
    providers = [_provider(field, pack) for field in fields]
    unique(_ids(fields, providers), "this id")
    _stop(case)
    standings = [provider_standing(pack, lot, starts_on, provider, needs) for provider in providers]
    return {
        "providers": [
            {
                "id": standing.id,
                "reached": standing.reached,
                "reasons": list(standing.reasons),
                "workers": [
                    {
                        "id": worker.id,
                        "ready": worker.ready,
                        "reasons": [{"code": reason.code, "item": reason.item} for reason in worker.reasons],
                    }
                    for worker in standing.workers
                ],
            }
            for standing in standings
        ]
    }


def deadlines(data: bytes, packs: Packs | None = None) -> dict[str, Any]:
    """When each duty of a case falls due: the first instant that is late."""
    case = read_case(data)
    table = case.table(("pack", "events"))
    pack = _pack(table["pack"], packs)
    found: list[dict[str, Any]] = []
    for field in table["events"].items():
        event = field.table(("duty", "at"))
        before = len(case.faults)
        duty = event["duty"].one_of(pack.duties, "duty")
        at = event["at"].instant(seconds=True)
        if len(case.faults) == before and not (event["duty"].is_absent or event["at"].is_absent):
            try:
                due = due_at(pack, duty, at)
            except CalendarError as error:
                event["at"].fault(str(error))
                continue
            found.append({"duty": duty, "at": event["at"].value, "due_at": london(due).isoformat()})
    _stop(case)
    return {"deadlines": found}


def invoice_facts(data: bytes, packs: Packs | None = None) -> tuple[Pack, InvoiceFacts]:
    """The pack and the facts of an invoice case, checked so far that the rule can be applied to them."""
    case = read_case(data)
    asked = ("pack", "period", "submitted_at", "carried_in_pence", "rate_card", "visits", "claim")
    table = case.table(asked, ("other_lines", *OF_SHARES))
    pack = _pack(table["pack"], packs)
    period = _period(table["period"], pack)
    submitted_at = table["submitted_at"].instant(seconds=True)
    carried_in = table["carried_in_pence"].pence()
    rows = table["rate_card"].items()
    rates = [_rate(field, pack) for field in rows]
    unique(
        [(row, (rate.lot, rate.activity, rate.band, rate.from_)) for row, rate in zip(rows, rates, strict=True)],
        "the same lot, activity, band and from",
    )
    fields = table["visits"].items()
    visits = [_visit(field, pack, period) for field in fields]
    beside = table["other_lines"].items() if "other_lines" in table else []
    others = [other_line(field, lambda visit: _visit(visit, pack, period)) for field in beside]
    unique(_ids([*fields, *beside], [*visits, *others]), "this id")
    facts = InvoiceFacts(
        period=period or Period(submitted_at.date(), submitted_at.date()),
        submitted_at=submitted_at,
        carried_in_pence=carried_in,
        rate_card=tuple(rates),
        visits=tuple(visits),
        claim=_claim(table["claim"]),
        others=tuple(others),
        payer=table["payer"].text() if "payer" in table else "",
    )
    _stop(case)
    longer = [(field, other.longer.visit) for field, other in zip(beside, others, strict=True) if other.longer]
    _can_be_priced(case, [*zip(fields, visits, strict=True), *longer], pack, facts)
    _stop(case)
    return pack, facts


def _can_be_priced(case: Field, visits: list[tuple[Field, Visit]], pack: Pack, facts: InvoiceFacts) -> None:
    for field, visit in visits:
        try:
            price_visit(pack, facts.rate_card, visit)
        except RateMissing as error:
            case.faults.append(f"rate_card: {error}, needed by {field.path} {quoted(visit.id)}")
        except CalendarError as error:
            field.fault(str(error))
    try:
        invoice_due_at(pack, facts.period)
    except CalendarError as error:
        case.faults.append(f"period.last_day: {error}")


def _stop(case: Field) -> None:
    if case.faults:
        raise CaseFaults(case.faults)


def _pack(field: Field, packs: Packs | None) -> Pack:
    packs = known_packs() if packs is None else packs
    name = field.one_of(packs, "pack")
    if name not in packs:
        # Without its pack nothing else in the case can be judged.
        raise CaseFaults(field.faults)
    return packs[name]


def _ids(fields: list[Field], items: list[Any]) -> list[tuple[Field, object]]:
    """The id of each item that has one, with the field it stands in."""
    return [
        (Field(item.id, f"{field.path}.id", field.faults), item.id)
        for field, item in zip(fields, items, strict=True)
        if isinstance((field.content() or {}).get("id"), str)
    ]


def _period(field: Field, pack: Pack) -> Period | None:
    before = len(field.faults)
    table = field.table(("first_day", "last_day"))
    period = Period(table["first_day"].day(), table["last_day"].day())
    if len(field.faults) > before:
        return None
    if not FIRST_YEAR <= period.first_day.year <= period.last_day.year <= LAST_YEAR:
        field.fault(f"must begin before it ends, in the years {FIRST_YEAR} to {LAST_YEAR}")
        return None
    length = pack.on(period.last_day).billing.period_length
    if not is_period(period, length):
        field.fault(f"must be {length.count} {length.unit} long, as the pack's billing periods are")
        return None
    return period


def _rate(field: Field, pack: Pack) -> RateRow:
    table = field.table(("lot", "activity", "band", "pence_per_hour", "from"))
    lot = table["lot"].one_of(pack.lots, "lot")
    return RateRow(
        lot=lot,
        activity=_activity(table["activity"], pack, lot),
        band=table["band"].one_of(pack.bands, "day band"),
        pence_per_hour=table["pence_per_hour"].pence(),
        from_=table["from"].day(),
    )


def _activity(field: Field, pack: Pack, lot: str) -> str:
    known = pack.lots[lot].activities if lot in pack.lots else tuple(pack.activities)
    return field.one_of(known, "activity")


def _visit(field: Field, pack: Pack, period: Period | None) -> Visit:
    faults = field.faults
    outcome = (field.content() or {}).get("outcome")
    known = outcome if isinstance(outcome, str) and outcome in get_args(Outcome) else None
    extra = OUTCOME_KEYS.get(known, ()) if known else ()
    # Where the outcome is not known nobody can say which of the keys that belong to outcomes are wrong.
    optional = OVERRUN_KEYS if known == "delivered" else ()
    if known is None:
        optional = (*OVERRUN_KEYS, *(key for keys in OUTCOME_KEYS.values() for key in keys))
    table = field.table((*VISIT_KEYS, *extra), (*optional, "shares"))
    table["outcome"].one_of(get_args(Outcome), "outcome")
    lot = table["lot"].one_of(pack.lots, "lot")
    before = len(faults)
    start, end = table["planned_start"].instant(), table["planned_end"].instant()
    if len(faults) == before and "planned_start" in table and "planned_end" in table and end <= start:
        table["planned_end"].fault("must be after planned_start")
    if len(faults) == before and "planned_start" in table and period and local_day(start) > period.last_day:
        table["planned_start"].fault("must not be after the period's last day")
    delivered = known == "delivered"
    before = len(faults)
    actual_start = table["actual_start"].nullable(Field.instant) if delivered else None
    actual_end = table["actual_end"].nullable(Field.instant) if delivered else None
    if len(faults) == before and actual_start and actual_end and actual_end <= actual_start:
        table["actual_end"].fault("must be after actual_start")
    return Visit(
        id=table["id"].text(),
        lot=lot,
        activity=_activity(table["activity"], pack, lot),
        planned_start=start,
        planned_end=end,
        outcome=cast(Outcome, known or "missed"),
        workers=tuple(_visit_worker(worker) for worker in table["workers"].items()),
        actual_start=actual_start,
        actual_end=actual_end,
        activities=table["activities"].nullable(Field.text) if delivered else None,
        family_signed=table["family_signed"].yes_no() if delivered else False,
        overrun_approved=table["overrun_approved"].yes_no() if delivered else False,
        approved_minutes=table["approved_minutes"].pence() if delivered and "approved_minutes" in table else None,
        notice_at=table["notice_at"].nullable(Field.instant) if known == "cancelled_by_family" else None,
        shares=_shares(table["shares"]) if "shares" in table else (),
    )


def _shares(field: Field) -> Shares:
    before = len(field.faults)
    rows = [row.table(("payer", "basis_points")) for row in field.items()]
    shares = tuple(Share(row["payer"].text(), row["basis_points"].pence()) for row in rows)
    if len(field.faults) == before:
        try:
            check_shares(shares)
            return shares
        except FundingError as error:
            field.fault(str(error))
    return ()


def _visit_worker(field: Field) -> VisitWorker:
    table = field.table(("name", "signed"), ("billed",))
    name, signed = table["name"].text(), table["signed"].yes_no()
    billed = (
        table["billed"].one_of(get_args(Billed), "place a worker's time is billed") if "billed" in table else "here"
    )
    return VisitWorker(name, signed, cast(Billed, billed))


def _claim(field: Field) -> Claim:
    table = field.table(("lines", "total_pence"))
    return Claim(tuple(_claim_line(line) for line in table["lines"].items()), table["total_pence"].pence())


def _claim_line(field: Field) -> ClaimLine:
    table = field.table(("visit", "pence"))
    return ClaimLine(table["visit"].text(), table["pence"].pence())


def _provider(field: Field, pack: Pack) -> ProviderFacts:
    table = field.table(("id", "admissions", "suspended", "cqc_registered", "insurance_until", "workers"))
    fields = table["workers"].items()
    workers = [_worker(worker, pack) for worker in fields]
    unique(_ids(fields, workers), "this id")
    return ProviderFacts(
        id=table["id"].text(),
        admissions=tuple(_admission(admission, pack) for admission in table["admissions"].items()),
        suspended=table["suspended"].yes_no(),
        cqc_registered=table["cqc_registered"].yes_no(),
        insurance_until=table["insurance_until"].day(),
        workers=tuple(workers),
    )


def _admission(field: Field, pack: Pack) -> Admission:
    table = field.table(("lot", "from", "to"))
    before = len(field.faults)
    first, last = table["from"].day(), table["to"].nullable(Field.day)
    if len(field.faults) == before and "from" in table and last is not None and last < first:
        table["to"].fault("must not be before from")
    return Admission(table["lot"].one_of(pack.lots, "lot"), first, last)


def _worker(field: Field, pack: Pack) -> WorkerFacts:
    table = field.table(("id", "role", "dbs_checked_on", "nmc_until", "stood_down", "competencies"))
    return WorkerFacts(
        id=table["id"].text(),
        role=table["role"].one_of(pack.roles, "role"),
        dbs_checked_on=table["dbs_checked_on"].nullable(Field.day),
        nmc_until=table["nmc_until"].nullable(Field.day),
        stood_down=table["stood_down"].yes_no(),
        competencies=tuple(_competency(record, pack) for record in table["competencies"].items()),
    )


def _competency(field: Field, pack: Pack) -> CompetencyRecord:
    table = field.table(("code", "assessed_on", "method", "signed_off_by"))
    return CompetencyRecord(
        code=table["code"].one_of(pack.competencies, "competency"),
        assessed_on=table["assessed_on"].day(),
        method=table["method"].one_of(pack.methods, "method"),
        signed_off_by=table["signed_off_by"].nullable(Field.text),
    )
