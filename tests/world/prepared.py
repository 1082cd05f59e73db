"""A nation's records in every state at once, and prepared drafts against what the rule says of each.

The records are changed past the actions, as the national data set is laid: what is compared is two judgements of the
same rows, whatever rows they are.
"""

from __future__ import annotations

import json
from datetime import date

import asyncpg
import msgspec

from marketplace.billing.drafting import draft
from marketplace.billing.prepared_queries import LINES
from marketplace.platform.database import Work
from marketplace.platform.errors import InvalidInput
from marketplace.policy.calendar import Period
from marketplace.policy.pack import load_pack, pack_to_json

SCRAMBLE = """
CREATE FUNCTION pg_temp.die(id uuid, salt int, sides int) RETURNS int LANGUAGE sql IMMUTABLE AS
    $$ SELECT abs(hashtextextended(id::text, salt) % sides)::int $$;
-- what is for the rule itself falls to every third provider (die 40)
-- days: one in five over midnight, a few over two; a third at other lengths, some with seconds
UPDATE visit SET planned_start = planned_start + interval '16 hours' - make_interval(mins => pg_temp.die(id, 1, 90)),
    planned_end = planned_start + interval '16 hours' + make_interval(mins => pg_temp.die(id, 2, 600)) WHERE pg_temp.die(id, 3, 5) = 0;
UPDATE visit SET planned_end = planned_start + interval '40 hours' WHERE pg_temp.die(id, 4, 50) = 0 AND pg_temp.die(provider_id, 40, 3) = 0;
UPDATE visit SET outcome = (ARRAY['delivered', 'cancelled_on_arrival', 'cancelled_by_family', 'cancelled_by_provider', 'missed', NULL])[1 + pg_temp.die(id, 5, 6)],
    actual_start = NULL, actual_end = NULL, notice_at = NULL WHERE pg_temp.die(id, 6, 3) = 0;
UPDATE visit SET actual_start = planned_start + make_interval(mins => pg_temp.die(id, 7, 200) - 60, secs => pg_temp.die(id, 8, 60)),
    actual_end = planned_start + make_interval(mins => pg_temp.die(id, 7, 200) + pg_temp.die(id, 9, 500) - 59, secs => pg_temp.die(id, 8, 60))
WHERE (outcome = 'delivered' OR outcome IS NULL) AND pg_temp.die(id, 10, 2) = 0;
UPDATE visit SET actual_end = NULL WHERE pg_temp.die(id, 11, 40) = 0;
UPDATE visit SET actual_start = NULL WHERE pg_temp.die(id, 12, 40) = 0;
UPDATE visit SET notice_at = planned_start - (ARRAY[interval '24 hours', interval '24 hours 30 seconds', interval '23 hours 59 minutes', interval '3 days', interval '-1 hour', NULL])[1 + pg_temp.die(id, 13, 6)]
WHERE outcome = 'cancelled_by_family';
UPDATE visit SET overrun_approved_at = planned_end, overrun_approved_minutes = 30 + pg_temp.die(id, 41, 600), overrun_approved_by = (SELECT id FROM person ORDER BY id LIMIT 1) WHERE pg_temp.die(id, 14, 3) = 0;
UPDATE visit SET activities_recorded = false WHERE pg_temp.die(id, 15, 20) = 0;
UPDATE visit SET family_signed = pg_temp.die(id, 16, 12) > 0;
-- workers: unsigned, named in other letters, blank, two of them, none, their time shared with another visit
UPDATE visit_worker SET signed_at = NULL WHERE pg_temp.die(visit_id, 17, 15) = 0;
UPDATE visit_worker SET printed_name = (ARRAY['Élodie', 'Ωmega', ' Sam', ' ', U&'\\200B', 'Łucja', '田中'])[1 + pg_temp.die(visit_id, 18, 7)] WHERE pg_temp.die(visit_id, 19, 20) = 0 AND (pg_temp.die(provider_id, 40, 3) = 0 OR pg_temp.die(visit_id, 18, 7) IN (0, 5));
INSERT INTO booking (provider_id, id, worker_id, worker_no, starts_at, ends_at, created_at)
SELECT v.provider_id, md5('second ' || v.id)::uuid, k.id, k.worker_no, timestamptz '2000-01-01' + make_interval(hours => n::int),
    timestamptz '2000-01-01' + make_interval(hours => n::int + 1), v.created_at
FROM (SELECT v.*, row_number() OVER (ORDER BY id) AS n FROM visit v WHERE pg_temp.die(id, 20, 6) = 0) v
JOIN LATERAL (SELECT * FROM worker k WHERE k.provider_id = v.provider_id AND NOT EXISTS (SELECT FROM visit_worker w
    WHERE w.visit_id = v.id AND w.worker_id = k.id) ORDER BY k.id LIMIT 1) k ON true;
INSERT INTO visit_worker (commissioner_id, visit_id, provider_id, worker_id, printed_name, booking_id, signed_at)
SELECT v.commissioner_id, v.id, v.provider_id, b.worker_id, 'Second Worker', b.id, CASE WHEN pg_temp.die(v.id, 21, 9) > 0 THEN v.planned_end END
FROM visit v JOIN booking b ON b.provider_id = v.provider_id AND b.id = md5('second ' || v.id)::uuid;
DELETE FROM visit_worker WHERE pg_temp.die(visit_id, 22, 50) = 0;
INSERT INTO visit_worker (commissioner_id, visit_id, provider_id, worker_id, printed_name, booking_id, signed_at)
SELECT DISTINCT ON (o.commissioner_id, o.id) o.commissioner_id, o.id, o.provider_id, w.worker_id, w.printed_name, w.booking_id, w.signed_at
FROM visit v JOIN visit_worker w ON w.commissioner_id = v.commissioner_id AND w.visit_id = v.id
JOIN visit o ON o.provider_id = v.provider_id AND o.id > v.id AND NOT EXISTS (SELECT FROM visit_worker x WHERE x.visit_id = o.id AND x.worker_id = w.worker_id)
WHERE pg_temp.die(v.id, 23, 40) = 0 AND pg_temp.die(v.provider_id, 40, 3) = 0 ORDER BY o.commissioner_id, o.id;
-- money: rates that change in the period, or lack; costs split; shares that end; sums carried in
INSERT INTO rate_card (framework_id, id, provider_id, lot_code, state, applies_from, proposed_at, proposed_by, decided_at, decided_by)
SELECT framework_id, md5('varied ' || id)::uuid, provider_id, lot_code, 'agreed', $period::date + 3 + pg_temp.die(id, 24, 20), proposed_at, proposed_by, decided_at, decided_by
FROM rate_card WHERE pg_temp.die(id, 25, 3) = 0;
INSERT INTO rate SELECT r.framework_id, md5('varied ' || r.rate_card_id)::uuid, r.provider_id, r.activity, r.band, r.pence_per_hour + 137
FROM rate r WHERE pg_temp.die(r.rate_card_id, 25, 3) = 0;
DELETE FROM rate WHERE band <> 'weekday' AND pg_temp.die(rate_card_id, 26, 12) = 0;
UPDATE package_funding f SET share_basis_points = 6001 WHERE pg_temp.die(id, 27, 8) = 0 AND pg_temp.die(provider_id, 40, 3) = 0;
INSERT INTO package_funding (commissioner_id, id, package_id, framework_id, provider_id, payer_id, share_basis_points, starts_on)
SELECT f.commissioner_id, md5('part ' || f.id)::uuid, f.package_id, f.framework_id, f.provider_id,
    (SELECT id FROM organisation WHERE kind = 'commissioner' AND id <> f.commissioner_id ORDER BY id LIMIT 1), 3999, f.starts_on
FROM package_funding f WHERE share_basis_points = 6001;
INSERT INTO framework_member (framework_id, commissioner_id, leads, joined_at)
SELECT DISTINCT f.framework_id, f.payer_id, false, now() FROM package_funding f ON CONFLICT DO NOTHING;
UPDATE package_funding SET ends_on = $period::date + 9 WHERE pg_temp.die(id, 28, 20) = 0 AND share_basis_points = 10000;
-- earlier: a period invoiced, some of its visits held, some settled, some not looked at; and what is submitted now
UPDATE visit SET planned_start = planned_start - interval '28 days', planned_end = planned_end - interval '28 days',
    actual_start = actual_start - interval '28 days', actual_end = actual_end - interval '28 days', notice_at = notice_at - interval '28 days'
WHERE pg_temp.die(id, 29, 12) = 0;
UPDATE package_funding SET starts_on = starts_on - 28;
INSERT INTO invoice (commissioner_id, id, framework_id, provider_id, first_day, last_day, number, state, submitted_at, submitted_by, due_at, claim, result,
    pack_hash, gross_pence, deduction_pence, carried_in_pence, net_pence, carried_out_pence)
SELECT DISTINCT ON (v.framework_id, v.provider_id, k) v.commissioner_id, md5('invoice ' || v.provider_id || v.framework_id || k)::uuid, v.framework_id, v.provider_id,
    $period::date - 28 * k, $period::date - 28 * k + 27, 2 - k, 'submitted', now(), (SELECT id FROM person ORDER BY id LIMIT 1), now(), '{}', '{}', f.pack_hash, 0, 0, 0, 0, 0
FROM visit v JOIN framework f ON f.id = v.framework_id, generate_series(0, 1) k WHERE k = 1 AND pg_temp.die(v.provider_id, 30, 4) > 0 OR k = 0 AND pg_temp.die(v.provider_id, 31, 15) = 0;
INSERT INTO invoice_line (commissioner_id, invoice_id, provider_id, position, visit_commissioner_id, visit_id, minutes, percent, price_pence, held, payable_pence)
SELECT v.commissioner_id, i.id, v.provider_id, row_number() OVER (), v.commissioner_id, v.id, 60, 100, pg_temp.die(v.id, 32, 3) * 900, pg_temp.die(v.id, 33, 3) = 0,
    CASE WHEN pg_temp.die(v.id, 33, 3) = 0 THEN 0 ELSE pg_temp.die(v.id, 32, 3) * 900 END
FROM visit v JOIN invoice i ON i.commissioner_id = v.commissioner_id AND i.framework_id = v.framework_id AND i.provider_id = v.provider_id
    AND i.first_day = $period::date - 28 WHERE v.planned_start < $period::date AT TIME ZONE 'Europe/London' AND pg_temp.die(v.id, 34, 3) > 0;
INSERT INTO ledger_entry (commissioner_id, id, framework_id, provider_id, at, kind, subject_type, subject_id, written_by, dedupe_key)
SELECT commissioner_id, md5('entry ' || id)::uuid, framework_id, provider_id, now(), 'invoice', 'invoice', id, submitted_by, id::text FROM invoice WHERE pg_temp.die(id, 35, 3) = 0;
INSERT INTO ledger_posting (commissioner_id, entry_id, provider_id, account, pence)
SELECT e.commissioner_id, e.id, e.provider_id, a.account, a.sign * (2000 + pg_temp.die(e.id, 36, 40000))
FROM ledger_entry e, (VALUES ('owed_by_provider', 1), ('deduction_income', -1)) a (account, sign);
"""


async def scramble(migrator: asyncpg.Connection, period: date) -> None:
    """Put the records of a freshly laid nation into every state an invoice can meet, half the frameworks on a pack that
    charges for cancellations and minds what is left off."""
    async with migrator.transaction():
        await migrator.execute(SCRAMBLE.replace("$period", f"'{period}'"))
        pack = load_pack("lewisham-2017").with_decisions(
            {
                "settings.billing.unfinished_left_off_is_defect": True,
                "settings.billing.deduction_once": False,
                "settings.charging.cancelled_on_arrival_percent": 100,
                "settings.charging.cancelled_late_percent": 33,
                "settings.charging.missed_percent": 7,
                "settings.charging.every_worker_billed": False,
                "settings.charging.exact_notice_is_enough": False,
            }
        )
        await migrator.execute(
            "INSERT INTO pack_version (hash, pack_id, title, content, stored_at) VALUES ($1, $2, $3, $4, now())",
            pack.content_hash, pack.id, pack.title, json.loads(pack_to_json(pack)),
        )  # fmt: skip
        await migrator.execute(
            "UPDATE framework SET pack_hash = $1 WHERE hashtextextended(id::text, 1) % 2 = 0", pack.content_hash
        )


async def differences(work: Work, draft_id: object) -> list[str]:
    """What a prepared draft says otherwise than the rule says now of the same records; nothing when they agree."""
    kept = await work.fetchrow("SELECT * FROM prepared_draft WHERE id = $1", draft_id)
    assert kept is not None
    period = Period(kept["first_day"], kept["last_day"])
    try:
        found = await draft(work, kept["framework_id"], kept["provider_id"], kept["commissioner_id"], period)
    except InvalidInput:
        return [] if kept["unpriced"] else ["a rate lacks"]
    result = found.result
    said = [] if not kept["unpriced"] else ["no rate lacks"]
    said += [
        f"{name}: {kept[name]}, not {getattr(result, name)}"
        for name in ("gross_pence", "deduction_pence", "carried_in_pence", "net_pence", "carried_out_pence")
        if kept[name] != getattr(result, name)
    ]
    if kept["defects"] != msgspec.json.decode(msgspec.json.encode(result.defects)):
        said.append(f"defects: {kept['defects']}, not {result.defects}")
    rows = await work.fetch(f"SELECT * FROM ({LINES}) l WHERE draft_id = $1", draft_id)
    lines = {
        str(row["visit_id"]): (row["minutes"], row["percent"], row["price_pence"], row["payable_pence"],
            tuple((row["missing"] or "").split())) for row in rows
    }  # fmt: skip
    rule = {
        line.visit: (line.minutes, line.percent, line.price_pence, line.payable_pence, line.missing)
        for line in result.lines
    }
    said += [f"visit {key}: {lines.get(key)}, not {rule.get(key)}" for key in sorted(lines.keys() | rule.keys())
             if lines.get(key) != rule.get(key)]  # fmt: skip
    if (kept["visits"], kept["held"]) != (len(rule), sum(line.held for line in result.lines)):
        said.append("so many visits, so many held")
    return said


KEPT = """
SELECT 'visit ' || v.id AS row, (v.hands, v.hands_signed, v.hands_plain)::text AS kept, (n.hands, n.signed, n.plain)::text AS counted
FROM visit v CROSS JOIN LATERAL (
    SELECT count(*)::int AS hands, coalesce(bool_and(w.signed_at IS NOT NULL), true) AS signed, coalesce(bool_and(NOT w.time_shared
        AND (ascii(w.printed_name) BETWEEN 33 AND 126 OR ascii(w.printed_name) BETWEEN 192 AND 591)), true) AS plain
    FROM visit_worker w WHERE w.commissioner_id = v.commissioner_id AND w.visit_id = v.id) n
UNION ALL
SELECT 'card ' || c.id, (SELECT jsonb_object_agg(a || ' ' || b, c.sheet_pence[(i - 1) * cardinality(c.sheet_bands) + j])::text
    FROM unnest(c.sheet_activities) WITH ORDINALITY x (a, i), unnest(c.sheet_bands) WITH ORDINALITY y (b, j)
    WHERE c.sheet_pence[(i - 1) * cardinality(c.sheet_bands) + j] IS NOT NULL),
    (SELECT jsonb_object_agg(r.activity || ' ' || r.band, r.pence_per_hour)::text FROM rate r WHERE r.framework_id = c.framework_id AND r.rate_card_id = c.id)
FROM rate_card c
"""


async def kept_otherwise(migrator: asyncpg.Connection) -> list[str]:
    """Where what visits and rate cards keep for drafts is not what their workers and rates come to."""
    return [
        f"{row['row']}: {row['kept']}, not {row['counted']}"
        for row in await migrator.fetch(KEPT)
        if row["kept"] != row["counted"]
    ]
