"""The rules of a framework: pure functions over typed policy packs. No clock, database, network or web.

    pack = load_pack(pack_id_or_folder)                  pack.load_pack, available_packs, check_folder
    stored = pack_to_json(pack)                          pack.pack_from_json(stored) gives it back; pack.content_hash
    pack.decisions(); pack.with_decisions({...})         what a commissioner confirms
    pack.on(day).billing.deduction_pence                 single values by group (settings.py); lots, duties ... by code
    pricing.price_visit(pack, card, visit)               and price_pattern for offers
    invoicing.assess_invoice(pack, facts)                due moment, lines, defects, deduction, carry; draft_claim
    standing.provider_standing / worker_readiness        each with reasons; standing.explain for people
    duties.due_at / obligation_state                     when a duty is due, how it stands
    scope.needs_of / sort_needs                          what a lot can be asked for
    kpis.rate_kpi, records.missing_from_record, anonymity.check_text, calendar.*

Inputs are the frozen structs of `facts.py`; results are frozen structs; money is whole pence.
"""
