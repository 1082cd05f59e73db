"""All drafts of one payer's period on one framework in one statement, in whole pence, under row-level security.

The rule is `policy/invoicing.py`; this is the same rule said of sets. It knows no number of a contract: shares, notice,
bands and the instants at which London days begin come from `policy/day_terms.py` as a table to join with, the deduction
and the due moment as parameters. What it cannot settle for certain it does not guess: such a visit is *doubtful*, and
its whole invoice is left to the rule itself (`preparing.py`). Doubtful are a cost split between payers, a visit over
more than two local days or beyond the days written out, a name that may be blank, times that are no whole minutes, and
an invoice that was returned and waits for its correction.

Tests and benchmark compare lines, defects and totals with the rule's; docs/decisions/0016 says why there are two.
"""

from marketplace.billing.ledger import OWED_BY_PROVIDER

# $1 payer, $2 framework, $3 and $4 the period's first instant and the first after it, $5 now, $6 its first day,
# $7 the instants at which the days written out begin, and the one the last ends with; $8 to $19 their terms, day by
# day (bands by their place in $20); $21 what a defect costs, $22 once however many, $23 unfinished and left off is one,
# $24 submitted now it is late, $25 the pack's hash, $26 the whole share, $27 the period's last day.
# OFFSET 0: what stands inside is computed once, instead of wherever it is mentioned.
JUDGED = f"""
WITH standing AS MATERIALIZED (  -- what was submitted for this period: done with, or returned and waiting
    SELECT provider_id, state = 'returned' AS returned FROM invoice
    WHERE commissioner_id = $1 AND framework_id = $2 AND first_day = $6 AND replaced_at IS NULL
), settled AS MATERIALIZED (  -- paid on another invoice, or judged there and worth nothing
    SELECT visit_commissioner_id, visit_id FROM invoice_line WHERE commissioner_id = $1 AND counts
        AND (payable_pence > 0 OR NOT held AND coalesce(price_pence, 0) = 0)
), beside AS MATERIALIZED (  -- who has lines beside visits that wait: the rule judges those invoices
    SELECT provider_id FROM other_line l WHERE commissioner_id = $1 AND framework_id = $2 AND withdrawn_at IS NULL AND day <= $27
        AND NOT EXISTS (SELECT 1 FROM invoice_other_line i WHERE i.commissioner_id = $1 AND i.line_id = l.id AND i.counts AND i.payable_pence > 0)
), card AS MATERIALIZED (
    SELECT id, provider_id, lot_code, applies_from, count(*) OVER (PARTITION BY provider_id, lot_code) > 1 AS varied
    FROM rate_card WHERE framework_id = $2 AND state = 'agreed'
), cell AS MATERIALIZED (  -- pence per hour from a day on, until another card says otherwise
    SELECT c.provider_id, c.lot_code, r.activity, array_position($20::text[], r.band) AS band, r.pence_per_hour::bigint AS rate,
        c.applies_from AS since, 'infinity'::date AS until
    FROM card c JOIN rate r ON r.framework_id = $2 AND r.rate_card_id = c.id WHERE NOT c.varied
    UNION ALL
    SELECT c.provider_id, c.lot_code, r.activity, array_position($20::text[], r.band), r.pence_per_hour, c.applies_from,
        lead(c.applies_from, 1, 'infinity') OVER (PARTITION BY c.provider_id, c.lot_code, r.activity, r.band ORDER BY c.applies_from)
    FROM card c JOIN rate r ON r.framework_id = $2 AND r.rate_card_id = c.id WHERE c.varied
), asked AS (  -- the visits the invoices could concern (billing/records.py), n the day they were planned for
    SELECT v.*, f.share_basis_points <> $26 AS shared, f.starts_on, f.ends_on
    FROM package_funding f, LATERAL (
        SELECT v.commissioner_id, v.id, v.provider_id, v.lot_code, v.activity, v.outcome, v.planned_start, v.planned_end, v.actual_start, v.actual_end,
            v.notice_at, v.activities_recorded, v.family_signed, coalesce(v.overrun_approved_minutes, 0) AS approved_minutes,
            v.outcome IS NULL OR v.outcome = 'delivered' AS delivered, width_bucket(v.planned_start, $7::timestamptz[]) AS n,
            -- so many workers, thousands: unsigned, millions: for the rule, since their time is shared between visits or their
            -- name may be blank (its first letter is neither plain nor Latin with marks)
            (SELECT sum(1 + CASE WHEN w.signed_at IS NULL THEN 1000 ELSE 0 END
                    + CASE WHEN NOT w.time_shared AND (ascii(w.printed_name) BETWEEN 33 AND 126 OR ascii(w.printed_name) BETWEEN 192 AND 591)
                        THEN 0 ELSE 1000000 END)
                FROM visit_worker w WHERE w.commissioner_id = v.commissioner_id AND w.visit_id = v.id) AS workers
        FROM visit v WHERE v.commissioner_id = f.commissioner_id AND v.package_id = f.package_id AND v.framework_id = $2
            AND v.planned_start >= ($7::timestamptz[])[1] AND v.planned_start < $4 AND (v.planned_end <= $5 OR v.outcome IS NOT NULL)
            AND v.provider_id NOT IN (SELECT provider_id FROM standing WHERE NOT returned)
            AND (v.commissioner_id, v.id) NOT IN (SELECT * FROM settled)
        OFFSET 0) v
    WHERE f.payer_id = $1 AND f.framework_id = $2
    OFFSET 0
), known AS (  -- their shares, and from when to when they are billed
    SELECT a.*, coalesce(a.workers % 1000, 0) AS hands, coalesce(a.workers, 0) % 1000000 >= 1000 AS unsigned, a.workers >= 1000000 AS unsettled,
        CASE WHEN delivered THEN 100 WHEN outcome = 'cancelled_on_arrival' THEN ($10::int[])[n] WHEN outcome = 'cancelled_by_provider' THEN ($11::int[])[n]
            WHEN outcome = 'missed' THEN ($12::int[])[n] WHEN notice_at IS NULL THEN ($15::int[])[n]
            WHEN planned_start - date_trunc('minute', notice_at) > ($16::interval[])[n]
                OR ($17::bool[])[n] AND planned_start - date_trunc('minute', notice_at) = ($16::interval[])[n] THEN ($13::int[])[n]
            ELSE ($14::int[])[n] END AS percent,
        CASE WHEN delivered THEN date_trunc('minute', actual_start) ELSE planned_start END AS starts_at,
        CASE WHEN NOT delivered THEN planned_end WHEN NOT ($19::bool[])[n] THEN date_trunc('minute', actual_end)
            ELSE least(date_trunc('minute', actual_end), date_trunc('minute', actual_start)
                + greatest(planned_end - planned_start, make_interval(mins => approved_minutes))) END AS ends_at
    FROM asked a
    WHERE starts_on <= ($8::date[])[n] AND (ends_on IS NULL OR ends_on >= ($8::date[])[n])
        AND (planned_start >= $3 OR EXISTS (SELECT 1 FROM invoice i WHERE i.commissioner_id = $1 AND i.framework_id = $2
            AND i.provider_id = a.provider_id AND i.replaced_at IS NULL AND ($8::date[])[n] BETWEEN i.first_day AND i.last_day))
    OFFSET 0
), cut AS (  -- at local midnight, b the day it begins; a third day is doubtful
    SELECT k.*, width_bucket(starts_at, $7::timestamptz[]) AS b, (date_part('epoch', ends_at - starts_at))::int AS seconds,
        coalesce(starts_at IS NOT NULL AND actual_end IS NOT NULL AND hands > 0, false) OR NOT delivered AS timed FROM known k
    OFFSET 0
), measured AS (
    SELECT c.*, ends_at > ($7::timestamptz[])[b + 1] AS splits, (date_part('epoch', least(ends_at, ($7::timestamptz[])[b + 1]) - starts_at))::int AS first_seconds,
        CASE WHEN ($18::bool[])[n] THEN hands ELSE 1 END * percent * 2 AS times FROM cut c
    OFFSET 0
), line AS MATERIALIZED (  -- `missing` is null where the record is whole
    SELECT commissioner_id, id, m.provider_id, percent, CASE WHEN timed THEN seconds / 60 ELSE 0 END AS minutes,
        (CASE WHEN NOT timed THEN NULL WHEN percent = 0 THEN 0 WHEN hands = 0 THEN NULL
            ELSE (first_seconds / 60 * one.rate * times + 6000) / 12000
                + CASE WHEN splits THEN ((seconds - first_seconds) / 60 * two.rate * times + 6000) / 12000 ELSE 0 END END)::int AS price,
        CASE WHEN delivered AND timed AND NOT unsigned AND activities_recorded AND family_signed OR NOT delivered AND percent = 0 THEN NULL
            WHEN delivered THEN array_remove(ARRAY[CASE WHEN actual_start IS NULL THEN 'start' END, CASE WHEN actual_end IS NULL THEN 'end' END,
                CASE WHEN hands = 0 THEN 'workers' END, CASE WHEN unsigned THEN 'worker_signature' END,
                CASE WHEN NOT activities_recorded THEN 'activities' END, CASE WHEN NOT family_signed THEN 'family_signature' END], NULL)
            ELSE nullif(array_remove(ARRAY[CASE WHEN hands = 0 THEN 'workers' END,
                CASE WHEN outcome = 'cancelled_by_family' AND notice_at IS NULL THEN 'notice' END], NULL), '{{}}') END AS missing,
        timed AND percent > 0 AND hands > 0 AND seconds > 0 AND (one.rate IS NULL OR splits AND two.rate IS NULL) AS unpriced,
        coalesce(shared OR unsettled OR timed AND (b = 0 OR seconds % 60 <> 0 OR first_seconds % 60 <> 0
            OR b + 1 > cardinality($8::date[]) OR ends_at > ($7::timestamptz[])[b + 2]), false) AS doubtful
    FROM measured m
    LEFT JOIN cell one ON one.provider_id = m.provider_id AND one.lot_code = m.lot_code AND one.activity = m.activity
        AND one.band = ($9::int[])[b] AND one.since <= ($8::date[])[b] AND one.until > ($8::date[])[b]
    LEFT JOIN cell two ON splits AND two.provider_id = m.provider_id AND two.lot_code = m.lot_code AND two.activity = m.activity
        AND two.band = ($9::int[])[b + 1] AND two.since <= ($8::date[])[b + 1] AND two.until > ($8::date[])[b + 1]
), carried AS (
    SELECT e.provider_id, greatest(0, sum(p.pence))::bigint AS pence FROM ledger_entry e
    JOIN ledger_posting p ON p.commissioner_id = e.commissioner_id AND p.entry_id = e.id
    WHERE e.commissioner_id = $1 AND e.framework_id = $2 AND p.account = '{OWED_BY_PROVIDER}' GROUP BY e.provider_id
), unfinished AS (
    SELECT provider_id, jsonb_agg(jsonb_build_object('kind', 'incomplete', 'visit', id, 'why', ARRAY['unfinished_left_off'], 'charged', true) ORDER BY id) AS said
    FROM line WHERE $23 AND missing IS NOT NULL GROUP BY provider_id
), summed AS (
    SELECT provider_id, count(*) AS visits, count(missing) AS held, coalesce(sum(price) FILTER (WHERE missing IS NULL), 0) AS gross,
        bool_or(unpriced) AS unpriced, bool_or(doubtful) AS doubtful,
        bit_xor(uuid_hash_extended(id, hashint8extended(minutes * 1000 + percent, coalesce(price, -1)) # coalesce(hash_array_extended(missing, 0), 0))) AS mark
    FROM line GROUP BY provider_id
), draft AS MATERIALIZED (
    SELECT s.*, o.deduction, least(s.gross, s.carried + o.deduction) AS taken,
        s.doubtful OR s.provider_id IN (SELECT provider_id FROM standing) OR s.provider_id IN (SELECT provider_id FROM beside) AS by_rules,
        md5(concat_ws(' ', s.mark, s.visits, s.gross, s.carried, o.deduction, s.defects, $25::text)) AS fingerprint
    FROM (SELECT s.*, coalesce(c.pence, 0) AS carried, coalesce(u.said, '[]')
            || CASE WHEN $24 THEN '[{{"kind": "late", "visit": null, "why": ["after_the_due_moment"], "charged": true}}]'::jsonb ELSE '[]' END AS defects
        FROM summed s LEFT JOIN carried c USING (provider_id) LEFT JOIN unfinished u USING (provider_id) OFFSET 0) s,
    LATERAL (SELECT
        $21::bigint * CASE WHEN $22 THEN least(jsonb_array_length(s.defects), 1) ELSE jsonb_array_length(s.defects) END AS deduction) o
)
"""
# What no longer comes to the same, or is for the rule, makes room. Lines go with their draft (m0027).
CLEAR = (
    JUDGED
    + """DELETE FROM prepared_draft p WHERE p.commissioner_id = $1 AND p.framework_id = $2 AND p.first_day = $6
    AND (p.provider_id, p.fingerprint) NOT IN (SELECT provider_id, fingerprint FROM draft WHERE NOT by_rules)"""
)

# What has no draft yet gets one; answers with every provider that should have one, and with those left to the rule.
MAKE = (
    JUDGED.rstrip()
    + """, made AS (
    INSERT INTO prepared_draft (commissioner_id, framework_id, provider_id, first_day, last_day, prepared_at, pack_hash, by_rules, unpriced,
        visits, held, defects, gross_pence, deduction_pence, carried_in_pence, net_pence, carried_out_pence, fingerprint)
    SELECT $1, $2, provider_id, $6, $27, $5, $25, false, unpriced, visits, held, CASE WHEN unpriced THEN '[]' ELSE defects END,
        CASE WHEN unpriced THEN 0 ELSE gross END, CASE WHEN unpriced THEN 0 ELSE deduction END, CASE WHEN unpriced THEN 0 ELSE carried END,
        CASE WHEN unpriced THEN 0 ELSE gross - taken END, CASE WHEN unpriced THEN 0 ELSE carried + deduction - taken END, fingerprint
    FROM draft WHERE NOT by_rules AND provider_id NOT IN (
        SELECT provider_id FROM prepared_draft WHERE commissioner_id = $1 AND framework_id = $2 AND first_day = $6)
    RETURNING id, provider_id, unpriced
), lines AS (
    INSERT INTO prepared_line (commissioner_id, draft_id, provider_id, visit_commissioner_id, visit_id, minutes, percent, price_pence,
        payable_pence, missing)
    SELECT $1, m.id, l.provider_id, l.commissioner_id, l.id, l.minutes, l.percent, l.price,
        CASE WHEN l.missing IS NULL THEN coalesce(l.price, 0) ELSE 0 END, l.missing
    FROM line l JOIN made m ON m.provider_id = l.provider_id AND NOT m.unpriced
)
SELECT provider_id, by_rules, unpriced, visits, provider_id IN (SELECT provider_id FROM made) AS made FROM draft
UNION ALL
SELECT provider_id, true, false, 0, true FROM (SELECT provider_id FROM standing WHERE returned UNION SELECT provider_id FROM beside) r
WHERE provider_id NOT IN (SELECT provider_id FROM draft) AND provider_id NOT IN (SELECT provider_id FROM standing WHERE NOT returned)"""
)
