"""Purchases computed again: each entry from what caused it, each purchase's state from the money that came in.

`marketplace ledger verify` asks this of every council, beside `billing.verify` of its invoices.
"""

from __future__ import annotations

from uuid import UUID

from marketplace.billing.verify import Found
from marketplace.platform.database import Work
from marketplace.purchases.books import CARD_MONEY, CLIENT_BANK, FETCHED, HELD_FOR_FAMILIES, postings
from marketplace.purchases.cards_money import cards_money
from marketplace.purchases.settling import overlooked

# (kind, subject, purchase, pence, way): every movement there should be an entry of, one each.
_MOVEMENTS = """
    SELECT 'purchase_card_received' AS kind, id, purchase_id, received_pence AS pence, 'card' AS way FROM card_payment
    WHERE commissioner_id = $1 AND received_pence > 0
    UNION ALL SELECT 'purchase_transfer_received', id, purchase_id, pence, 'transfer' FROM bank_receipt
    WHERE commissioner_id = $1 AND state = 'matched'
    UNION ALL SELECT 'purchase_refund_owed', id, purchase_id, pence, way FROM refund WHERE commissioner_id = $1
    UNION ALL SELECT 'purchase_refund_paid', id, purchase_id, pence,
        CASE WHEN settled_on IS NULL THEN way ELSE 'transfer' END FROM refund
    WHERE commissioner_id = $1 AND state = 'arrived'
    -- what had arrived and came back, as often as it did
    UNION ALL SELECT k.kind, id, purchase_id, pence, way FROM refund
    CROSS JOIN (VALUES ('purchase_refund_paid'), ('purchase_refund_returned')) k (kind)
    CROSS JOIN generate_series(1, returns) WHERE commissioner_id = $1
    UNION ALL SELECT 'purchase_payout_owed', id, purchase_id, pence, 'connect' FROM payout WHERE commissioner_id = $1
    UNION ALL SELECT 'purchase_payout_paid', id, purchase_id, pence, way FROM payout
    WHERE commissioner_id = $1 AND state = 'paid'
"""


async def verify_purchases(work: Work) -> Found:
    """Compute the acting council's purchases again, within its own rows; differences hold ids and sums alone."""
    council = work.actor.commissioner_id
    assert council is not None
    found = Found()
    wanted: dict[tuple[str, UUID], list[tuple[UUID, dict[str, int]]]] = {}
    for row in await work.fetch(_MOVEMENTS, council):
        should = (row["purchase_id"], postings(row["kind"], row["pence"], row["way"]))
        wanted.setdefault((row["kind"], row["id"]), []).append(should)
    held: dict[UUID, int] = {}
    lies: dict[tuple[UUID, str], int] = {}
    for row in await work.fetch(
        """SELECT e.id, e.kind, e.subject_id, e.purchase_id, e.framework_id, e.provider_id, p.framework_id AS framework,
               p.provider_id AS provider, (SELECT coalesce(jsonb_object_agg(x.account, x.pence), '{}')
                   FROM ledger_posting x WHERE x.commissioner_id = e.commissioner_id AND x.entry_id = e.id) AS moves
           FROM ledger_entry e JOIN purchase p ON p.commissioner_id = e.commissioner_id AND p.id = e.purchase_id
           WHERE e.commissioner_id = $1 ORDER BY e.at, e.id""",
        council,
    ):
        found.entries += 1
        moves: dict[str, int] = row["moves"]
        left = wanted.get((row["kind"], row["subject_id"]), [])
        same = next((each for each in left if each[1] == moves), left[0] if left else (row["purchase_id"], {}))
        if row["kind"] == FETCHED and moves.get(CLIENT_BANK, 0) > 0:  # its sum is judged with the accounts below
            same = (row["purchase_id"], postings(FETCHED, moves[CLIENT_BANK], "card"))
        purchase_id, should = same
        if same in left:
            left.remove(same)
        if sum(moves.values()) != 0 or not moves:
            found.differences.append(f"entry {row['id']}: does not balance")
        if moves != should or purchase_id != row["purchase_id"]:
            found.differences.append(f"entry {row['id']} ({row['kind']}): is {moves}, computed again {should}")
        if (row["framework_id"], row["provider_id"]) != (row["framework"], row["provider"]):
            found.differences.append(f"entry {row['id']}: stands in another provider's books")
        for account in (CARD_MONEY, CLIENT_BANK):
            lies[row["purchase_id"], account] = lies.get((row["purchase_id"], account), 0) + moves.get(account, 0)
        held[row["purchase_id"]] = held.get(row["purchase_id"], 0) - moves.get(HELD_FOR_FAMILIES, 0)
    found.differences += [
        f"purchase {purchase}: {account} stands at {pence}" for (purchase, account), pence in lies.items() if pence < 0
    ]
    found.differences += [
        f"{kind} {subject}: is not in the ledger" for (kind, subject), left in wanted.items() for _ in left
    ]
    for row in await work.fetch(
        """SELECT p.id, p.state, p.pence, p.minutes, l.pence AS lines, l.minutes AS line_minutes, s.pence AS shares,
               coalesce(c.pence, 0) + coalesce(b.pence, 0) - coalesce(r.pence, 0) AS came
           FROM purchase p
           LEFT JOIN LATERAL (SELECT sum(pence) AS pence, sum(minutes) AS minutes FROM purchase_visit v
               WHERE v.commissioner_id = p.commissioner_id AND v.purchase_id = p.id) l ON true
           LEFT JOIN LATERAL (SELECT sum(budget_pence + top_up_pence) AS pence FROM purchase_share v
               WHERE v.commissioner_id = p.commissioner_id AND v.purchase_id = p.id) s ON true
           LEFT JOIN LATERAL (SELECT sum(received_pence) AS pence FROM card_payment v
               WHERE v.commissioner_id = p.commissioner_id AND v.purchase_id = p.id) c ON true
           LEFT JOIN LATERAL (SELECT sum(pence) AS pence FROM bank_receipt v
               WHERE v.commissioner_id = p.commissioner_id AND v.purchase_id = p.id) b ON true
           LEFT JOIN LATERAL (SELECT sum(pence) AS pence FROM refund v WHERE v.commissioner_id = p.commissioner_id
               AND v.purchase_id = p.id AND v.visit_id IS NULL) r ON true
           WHERE p.commissioner_id = $1 ORDER BY p.made_at, p.id""",
        council,
    ):
        if not row["pence"] == row["lines"] == row["shares"] or row["minutes"] != row["line_minutes"]:
            found.differences.append(
                f"purchase {row['id']}: costs {row['pence']}, its lines {row['lines']}, their shares {row['shares']}"
            )
        right = {"paid": row["came"] == row["pence"], "given_up": row["came"] == 0, "drafted": row["came"] == 0}
        if not right.get(row["state"], row["came"] < row["pence"]):
            found.differences.append(
                f"purchase {row['id']}: is {row['state']}, with {row['came']} of {row['pence']} there"
            )
        if held.get(row["id"], 0) < 0:
            found.differences.append(f"purchase {row['id']}: more went on and back than came in")
    booked = await cards_money(work)
    if booked.to_come_pence < 0:
        found.differences.append(
            f"cards' money: {booked.arrived_pence} came to the client account, {booked.booked_pence} was booked over"
        )
    for row in await work.fetch(_VISITS, council):
        found.differences.append(
            f"visit {row['visit_id']}: cost {row['pence']}, of which {row['back']} goes back and {row['kept']} onwards"
        )
    for row in await overlooked(work):
        found.differences.append(
            f"visit {row['visit_id']}: has ended, and of what was paid nothing goes back or onwards"
        )
    return found


# Bought visits whose money does not add up: what is kept is owed to the provider once, and the rest goes back.
_VISITS = """
    SELECT l.visit_id, l.pence, r.back, t.kept FROM purchase_visit l
    CROSS JOIN LATERAL (SELECT coalesce(sum(pence), 0)::int AS back FROM refund
        WHERE commissioner_id = l.commissioner_id AND purchase_id = l.purchase_id AND visit_id = l.visit_id) r
    CROSS JOIN LATERAL (SELECT coalesce(sum(pence), 0)::int AS kept, count(*) AS rows FROM payout
        WHERE commissioner_id = l.commissioner_id AND purchase_id = l.purchase_id AND visit_id = l.visit_id) t
    WHERE l.commissioner_id = $1 AND (r.back > l.pence OR t.kept < 0 OR (t.rows > 0 AND r.back + t.kept <> l.pence))
"""
