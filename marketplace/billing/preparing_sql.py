"""All drafts of one payer's period on one framework in one statement, in whole pence, under row-level security.

The rule is `policy/invoicing.py`; this is the same rule said of sets. It knows no number of a contract: shares, notice,
bands and the instants at which London days begin come from `policy/day_terms.py` as lists by day, the deduction
and the due moment as parameters. What it cannot settle for certain it does not guess: such a visit is *doubtful*, and
its whole invoice is left to the rule itself (`preparing.py`). Doubtful are a cost split between payers, a visit over
more than two local days or beyond the days written out, workers the database does not call plain (m0048), times that
are no whole minutes, a rate that changes at the midnight within a visit or that the newest of several cards lacks, and
an invoice that was returned and waits for its correction.

Tests and benchmark compare lines, defects and totals with the rule's; docs/decisions/0016 says why there are two.
"""

from marketplace.billing.ledger import OWED_BY_PROVIDER

# $1 payer, $2 framework, $3 and $4 the period's first instant and the first after it, $5 now, $6 its first day,
# $7 the instants at which the days written out begin, and the one the last ends with; $8 to $19 their terms, day by
# day (bands by their place in $20); $21 what a defect costs, $22 once however many, $23 unfinished and left off is one,
# $24 submitted now it is late, $25 the pack's hash, $26 the whole share, $27 the period's last day.
# OFFSET 0: what stands inside is computed once, instead of wherever it is mentioned. date_bin, which counts, is many
# times as quick as date_trunc, which takes a moment apart into its calendar.
PREPARE = f"""
WITH standing AS MATERIALIZED (  -- what was submitted for this period: done with, or returned and waiting
    SELECT provider_id, state = 'returned' AS returned FROM invoice
    WHERE commissioner_id = $1 AND framework_id = $2 AND first_day = $6 AND replaced_at IS NULL
), settled AS MATERIALIZED (  -- paid on another invoice, or judged there and worth nothing
    SELECT visit_commissioner_id, visit_id FROM invoice_line WHERE commissioner_id = $1 AND counts
        AND (payable_pence > 0 OR NOT held AND coalesce(price_pence, 0) = 0)
), beside AS MATERIALIZED (  -- who has lines beside visits that wait: the rule judges those invoices
    SELECT provider_id FROM other_line l WHERE commissioner_id = $1 AND framework_id = $2 AND withdrawn_at IS NULL AND day <= $27
        AND NOT EXISTS (SELECT 1 FROM invoice_other_line i WHERE i.commissioner_id = $1 AND i.line_id = l.id AND i.counts AND i.payable_pence > 0)
), card AS MATERIALIZED (  -- pence per hour from a day on, until another card says otherwise
    SELECT provider_id, lot_code, applies_from AS since, lead(applies_from, 1, 'infinity') OVER cards AS until, sheet_activities, sheet_bands, sheet_pence,
        lag(id) OVER cards IS NOT NULL AS later
    FROM rate_card WHERE framework_id = $2 AND state = 'agreed' WINDOW cards AS (PARTITION BY provider_id, lot_code ORDER BY applies_from)
), asked AS (  -- the visits the invoices could concern (billing/records.py), n the day they were planned for
    SELECT v.*, f.share_basis_points <> $26 OR NOT v.hands_plain AS unsettled, f.starts_on, f.ends_on
    FROM package_funding f, LATERAL (
        SELECT v.commissioner_id, v.id, v.provider_id, v.lot_code, v.activity, v.outcome, v.planned_start, v.planned_end,
            date_bin('1 minute', v.actual_start, 'epoch') AS came, date_bin('1 minute', v.actual_end, 'epoch') AS went,
            v.notice_at, v.activities_recorded, v.family_signed, coalesce(v.overrun_approved_minutes, 0) AS approved_minutes,
            v.outcome IS NULL OR v.outcome = 'delivered' AS delivered, width_bucket(v.planned_start, $7::timestamptz[]) AS n,
            v.hands, v.hands_signed, v.hands_plain
        FROM visit v WHERE v.commissioner_id = f.commissioner_id AND v.package_id = f.package_id AND v.framework_id = $2
            AND v.planned_start >= ($7::timestamptz[])[1] AND v.planned_start < $4 AND (v.planned_end <= $5 OR v.outcome IS NOT NULL)
            AND v.provider_id NOT IN (SELECT provider_id FROM standing WHERE NOT returned)
            AND (v.commissioner_id, v.id) NOT IN (SELECT * FROM settled)
        OFFSET 0) v
    WHERE f.payer_id = $1 AND f.framework_id = $2
    OFFSET 0
), known AS (  -- their shares, and from when to when they are billed
    SELECT a.*,
        CASE WHEN delivered THEN 100 WHEN outcome = 'cancelled_on_arrival' THEN ($10::int[])[n] WHEN outcome = 'cancelled_by_provider' THEN ($11::int[])[n]
            WHEN outcome = 'missed' THEN ($12::int[])[n] WHEN notice_at IS NULL THEN ($15::int[])[n]
            WHEN planned_start - date_bin('1 minute', notice_at, 'epoch') > ($16::interval[])[n]
                OR ($17::bool[])[n] AND planned_start - date_bin('1 minute', notice_at, 'epoch') = ($16::interval[])[n] THEN ($13::int[])[n]
            ELSE ($14::int[])[n] END AS percent,
        CASE WHEN delivered THEN came ELSE planned_start END AS starts_at,
        CASE WHEN NOT delivered THEN planned_end WHEN NOT ($19::bool[])[n] THEN went
            ELSE least(went, came + greatest(planned_end - planned_start, make_interval(mins => approved_minutes))) END AS ends_at
    FROM asked a
    WHERE starts_on <= ($8::date[])[n] AND (ends_on IS NULL OR ends_on >= ($8::date[])[n])
        AND (planned_start >= $3 OR EXISTS (SELECT 1 FROM invoice i WHERE i.commissioner_id = $1 AND i.framework_id = $2
            AND i.provider_id = a.provider_id AND i.replaced_at IS NULL AND ($8::date[])[n] BETWEEN i.first_day AND i.last_day))
    OFFSET 0
), cut AS (  -- at local midnight, b the day it begins; a third day is doubtful
    SELECT k.*, width_bucket(starts_at, $7::timestamptz[]) AS b, (date_part('epoch', ends_at - starts_at))::int AS seconds,
        coalesce(starts_at IS NOT NULL AND went IS NOT NULL AND hands > 0, false) OR NOT delivered AS timed FROM known k
    OFFSET 0
), measured AS (
    SELECT c.*, card.until <= ($8::date[])[b + 1] AS changes, card.since IS NOT NULL AND card.later AS varied,
        CASE WHEN splits THEN (date_part('epoch', ($7::timestamptz[])[b + 1] - starts_at))::int ELSE seconds END AS first_seconds,
        CASE WHEN ($18::bool[])[n] THEN hands ELSE 1 END * percent * 2 AS times,
        sheet_pence[before + array_position(sheet_bands, ($20::text[])[($9::int[])[b]])]::bigint AS rate,
        CASE WHEN splits THEN sheet_pence[before + array_position(sheet_bands, ($20::text[])[($9::int[])[b + 1]])] END::bigint AS next_rate
    FROM (SELECT c.*, ends_at > ($7::timestamptz[])[b + 1] AS splits FROM cut c) c
    LEFT JOIN card ON card.provider_id = c.provider_id AND card.lot_code = c.lot_code
        AND card.since <= ($8::date[])[b] AND card.until > ($8::date[])[b],
    LATERAL (SELECT (array_position(sheet_activities, c.activity) - 1) * cardinality(sheet_bands) AS before) r
    OFFSET 0
), line AS (  -- `missing` is null where the record is whole
    SELECT commissioner_id, id, provider_id, percent, CASE WHEN timed THEN seconds / 60 ELSE 0 END AS minutes,
        (CASE WHEN NOT timed THEN NULL WHEN percent = 0 OR seconds = 0 THEN 0 WHEN hands = 0 THEN NULL
            ELSE (first_seconds / 60 * rate * times + 6000) / 12000
                + CASE WHEN splits THEN ((seconds - first_seconds) / 60 * next_rate * times + 6000) / 12000 ELSE 0 END END)::int AS price,
        CASE WHEN delivered AND timed AND hands_signed AND activities_recorded AND family_signed OR NOT delivered AND percent = 0 THEN NULL
            WHEN delivered THEN concat_ws(' ', CASE WHEN came IS NULL THEN 'start' END, CASE WHEN went IS NULL THEN 'end' END,
                CASE WHEN hands = 0 THEN 'workers' END, CASE WHEN NOT hands_signed THEN 'worker_signature' END,
                CASE WHEN NOT activities_recorded THEN 'activities' END, CASE WHEN NOT family_signed THEN 'family_signature' END)
            ELSE nullif(concat_ws(' ', CASE WHEN hands = 0 THEN 'workers' END,
                CASE WHEN outcome = 'cancelled_by_family' AND notice_at IS NULL THEN 'notice' END), '') END AS missing,
        timed AND percent > 0 AND hands > 0 AND seconds > 0 AND (rate IS NULL OR splits AND next_rate IS NULL) AS unpriced,
        coalesce(unsettled OR timed AND (b = 0 OR seconds % 60 <> 0 OR first_seconds % 60 <> 0
            OR b + 1 > cardinality($8::date[]) OR ends_at > ($7::timestamptz[])[b + 2] OR splits AND changes), false) AS doubtful, varied
    FROM measured
    OFFSET 0
), carried AS (
    SELECT e.provider_id, greatest(0, sum(p.pence))::bigint AS pence FROM ledger_entry e
    JOIN ledger_posting p ON p.commissioner_id = e.commissioner_id AND p.entry_id = e.id
    WHERE e.commissioner_id = $1 AND e.framework_id = $2 AND p.account = '{OWED_BY_PROVIDER}' GROUP BY e.provider_id
), summed AS (
    SELECT provider_id, count(*) AS visits, count(missing) AS held, coalesce(sum(price) FILTER (WHERE missing IS NULL), 0) AS gross,
        bool_or(unpriced) AS unpriced, bool_or(doubtful OR unpriced AND varied) AS doubtful,
        bit_xor(uuid_hash_extended(id, hashint8extended(minutes * 1000 + percent, coalesce(price, -1)) # coalesce(hashtextextended(missing, 0), 0))) AS mark,
        array_agg(id) AS ids, array_agg(nullif(commissioner_id, $1)) AS of, array_agg(minutes) AS minutes, array_agg(percent) AS percents,
        array_agg(price) AS prices, array_agg(CASE WHEN missing IS NULL THEN coalesce(price, 0) ELSE 0 END) AS payables, array_agg(missing) AS missing
    FROM line GROUP BY provider_id
), draft AS MATERIALIZED (
    SELECT s.*, o.deduction, least(s.gross, s.carried + o.deduction) AS taken,
        s.doubtful OR s.provider_id IN (SELECT provider_id FROM standing) OR s.provider_id IN (SELECT provider_id FROM beside) AS by_rules,
        md5(concat_ws(' ', s.mark, s.visits, s.gross, s.carried, o.deduction, s.defects, $25::text)) AS fingerprint
    FROM (SELECT s.*, coalesce(c.pence, 0) AS carried,
            CASE WHEN $23 AND s.held > 0 THEN (SELECT jsonb_agg(jsonb_build_object('kind', 'incomplete', 'visit', u.id, 'why', ARRAY['unfinished_left_off'],
                'charged', true) ORDER BY u.id) FROM unnest(s.ids, s.missing) AS u (id, missing) WHERE u.missing IS NOT NULL) ELSE '[]' END
            || CASE WHEN $24 THEN '[{{"kind": "late", "visit": null, "why": ["after_the_due_moment"], "charged": true}}]'::jsonb ELSE '[]' END AS defects
        FROM summed s LEFT JOIN carried c USING (provider_id) OFFSET 0) s,
    LATERAL (SELECT
        $21::bigint * CASE WHEN $22 THEN least(jsonb_array_length(s.defects), 1) ELSE jsonb_array_length(s.defects) END AS deduction) o
), gone AS (  -- nothing is to be submitted any more, or it is for the rule
    DELETE FROM prepared_draft p WHERE p.commissioner_id = $1 AND p.framework_id = $2 AND p.first_day = $6
        AND p.provider_id NOT IN (SELECT provider_id FROM draft WHERE NOT by_rules)
), made AS (  -- what is new, or no longer comes to the same
    INSERT INTO prepared_draft AS p (commissioner_id, framework_id, provider_id, first_day, last_day, prepared_at, pack_hash, by_rules, unpriced,
        visits, held, defects, gross_pence, deduction_pence, carried_in_pence, net_pence, carried_out_pence, fingerprint,
        visit_ids, visit_commissioner_ids, minutes, percents, prices, payables, missing)
    SELECT $1, $2, provider_id, $6, $27, $5, $25, false, unpriced, visits, held, CASE WHEN unpriced THEN '[]' ELSE defects END,
        CASE WHEN unpriced THEN 0 ELSE gross END, CASE WHEN unpriced THEN 0 ELSE deduction END, CASE WHEN unpriced THEN 0 ELSE carried END,
        CASE WHEN unpriced THEN 0 ELSE gross - taken END, CASE WHEN unpriced THEN 0 ELSE carried + deduction - taken END, fingerprint,
        CASE WHEN unpriced THEN '{{}}' ELSE ids END, CASE WHEN unpriced THEN '{{}}' ELSE of END, CASE WHEN unpriced THEN '{{}}' ELSE minutes END,
        CASE WHEN unpriced THEN '{{}}' ELSE percents END, CASE WHEN unpriced THEN '{{}}' ELSE prices END, CASE WHEN unpriced THEN '{{}}' ELSE payables END,
        CASE WHEN unpriced THEN '{{}}' ELSE missing END
    FROM draft WHERE NOT by_rules AND (provider_id, fingerprint) NOT IN (
        SELECT provider_id, fingerprint FROM prepared_draft WHERE commissioner_id = $1 AND framework_id = $2 AND first_day = $6)
    ON CONFLICT (commissioner_id, framework_id, provider_id, first_day) DO UPDATE SET last_day = excluded.last_day,
        prepared_at = excluded.prepared_at, pack_hash = excluded.pack_hash, by_rules = false, unpriced = excluded.unpriced, visits = excluded.visits,
        held = excluded.held, defects = excluded.defects, gross_pence = excluded.gross_pence, deduction_pence = excluded.deduction_pence,
        carried_in_pence = excluded.carried_in_pence, net_pence = excluded.net_pence, carried_out_pence = excluded.carried_out_pence,
        fingerprint = excluded.fingerprint, visit_ids = excluded.visit_ids, visit_commissioner_ids = excluded.visit_commissioner_ids,
        minutes = excluded.minutes, percents = excluded.percents, prices = excluded.prices, payables = excluded.payables, missing = excluded.missing
    RETURNING provider_id
), left_to_the_rule AS (
    SELECT provider_id FROM draft WHERE by_rules
    UNION SELECT provider_id FROM standing WHERE returned
    UNION SELECT provider_id FROM beside WHERE provider_id NOT IN (SELECT provider_id FROM standing WHERE NOT returned)
)
SELECT count(*) FILTER (WHERE NOT by_rules) AS drafts, coalesce(sum(visits) FILTER (WHERE NOT by_rules AND NOT unpriced), 0)::int AS lines,
    count(*) FILTER (WHERE NOT by_rules AND unpriced) AS unpriced, (SELECT count(*) FROM made) AS made,
    ARRAY(SELECT provider_id FROM left_to_the_rule ORDER BY 1) AS by_rules
FROM draft"""
