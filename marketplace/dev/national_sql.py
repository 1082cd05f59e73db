"""The national data set as statements, table by table, in the order of their keys.

Everything is computed from a row's number and the seed: `national.id` makes its key, `national.pick` throws a die.
`$C` and the like are filled in by `national.py`: numbers of rows, days, and the names of national_names.py.
"""

HELPERS = """
CREATE SCHEMA national;
CREATE FUNCTION national.id(kind text, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN md5('$seed ' || kind || ' ' || n)::uuid;
CREATE FUNCTION national.pick(n bigint, salt bigint, sides bigint) RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN abs(hashint8extended(n, $seed * 1000 + salt) % sides)::int;
-- Eight signs without vowels, different for every number (an odd step that 13 does not divide visits all of 26^8).
CREATE FUNCTION national.reference(letter text, n bigint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT letter || '-' || substr(s, 1, 4) || '-' || substr(s, 5) FROM (SELECT string_agg(substr('23456789BCDFGHJKMNPQRTVWXZ',
        1 + ((n * 104729007 + $seed) % 208827064576 / (26::bigint ^ i)::bigint % 26)::int, 1), '') AS s FROM generate_series(0, 7) i) x);
CREATE FUNCTION national.person(n bigint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (ARRAY[$first])[1 + national.pick(n, 1, $first_count)] || ' ' || (ARRAY[$last])[1 + national.pick(n, 2, $last_count)];
CREATE TABLE national.pack (no int PRIMARY KEY, hash text, id text, title text, content jsonb);
CREATE TABLE national.lot (pack int, position int, code text, title text, roles text[], PRIMARY KEY (pack, position));
CREATE TABLE national.cell (pack int, lot text, activity text, band text, pence int);
CREATE TABLE national.competency (position int PRIMARY KEY, code text, months int);
CREATE TABLE national.kind (position int PRIMARY KEY, code text, span int, ends boolean);
"""

# (what is said while it runs, statement)
STEPS: list[tuple[str, str]] = [
    (
        "Organisations and their people",
        """
INSERT INTO organisation (id, kind, name, short_name, colour, created_at)
SELECT national.id('commissioner', n), 'commissioner', word || ' ' || (ARRAY['Borough Council', 'County Council', 'City Council'])[1 + n % 3],
    word, '#1d4f91', $then FROM (SELECT n, (ARRAY[$place])[1 + (n - 1) % $place_count] || (ARRAY[$ending])[1 + (n - 1) / $place_count % $ending_count] AS word
        FROM generate_series(1, $C) n) c;
INSERT INTO organisation (id, kind, name, short_name, created_at)
SELECT national.id('provider', n), 'provider', name, split_part(name, ' ', 1), $then FROM (SELECT n, (ARRAY[$tree])[1 + n % $tree_count] || ' '
    || (ARRAY[$kindness])[1 + n / $tree_count % $kindness_count] || ' ' || (ARRAY[$trade])[1 + n / ($tree_count * $kindness_count) % $trade_count] AS name
    FROM generate_series(1, $P) n) p;
INSERT INTO person (id, name, email, created_at)
SELECT national.id('staff', n * 10 + k), national.person(n * 10 + k), 'c' || n || '.' || k || '@national.example.org', $then
    FROM generate_series(1, $C) n, generate_series(1, 6) k
UNION ALL SELECT national.id('office', n * 10 + k), national.person(1000000 + n * 10 + k), 'p' || n || '.' || k || '@national.example.org', $then
    FROM generate_series(1, $P) n, generate_series(1, 2) k
UNION ALL SELECT national.id('parent', n), national.person(9000000 + n), 'f' || n || '@national.example.org', $then FROM generate_series(1, $K) n;
INSERT INTO membership (id, person_id, organisation_id, role, starts_at)
SELECT national.id('member', n * 10 + k), national.id('staff', n * 10 + k), national.id('commissioner', n),
    (ARRAY['commissioner_admin', 'contract_manager', 'finance', 'referrer', 'referrer', 'referrer'])[k], $then
    FROM generate_series(1, $C) n, generate_series(1, 6) k
UNION ALL SELECT national.id('office member', n * 10 + k), national.id('office', n * 10 + k), national.id('provider', n),
    (ARRAY['provider_manager', 'coordinator'])[k], $then FROM generate_series(1, $P) n, generate_series(1, 2) k;
INSERT INTO provider (id, legal_name, company_number, about, contact_name, contact_phone, contact_email, on_call_phone, office_address,
    cqc_provider_id, cqc_registered, insurance_until)
SELECT o.id, o.name || ' Ltd', lpad(n::text, 8, '0'), 'Care and support for children at home.', national.person(1000000 + n * 10 + 1), '020 7946 0100',
    'p' || n || '.1@national.example.org', '020 7946 0199', '1 Meadow Row', '1-' || 100000000 + n, national.pick(n, 3, 100) >= 3,
    $day + national.pick(n, 4, 365) - 10
FROM generate_series(1, $P) n JOIN organisation o ON o.id = national.id('provider', n);
""",
    ),
    (
        "Frameworks, admissions and rate cards",
        """
INSERT INTO pack_version (hash, pack_id, title, content, stored_at) SELECT hash, id, title, content, $then FROM national.pack ORDER BY no;
-- two in three have the first pack, the others the second
CREATE TABLE national.framework AS SELECT n, national.id('framework', n) AS id, national.id('commissioner', n) AS commissioner_id,
    CASE WHEN n % 3 = 0 THEN 2 ELSE 1 END AS pack FROM generate_series(1, $C) n;
INSERT INTO framework (id, name, lead_commissioner_id, pack_hash, anchor_day, regime, state, created_at, opened_at)
SELECT f.id, 'Care and support framework', commissioner_id, p.hash, $period, 'Procurement Act 2023: light touch, dynamic market', 'open', $then, $then
FROM national.framework f JOIN national.pack p ON p.no = f.pack;
INSERT INTO framework_lot (framework_id, code, title, position) SELECT f.id, l.code, l.title, l.position FROM national.framework f JOIN national.lot l USING (pack);
INSERT INTO framework_member (framework_id, commissioner_id, leads, joined_at) SELECT id, commissioner_id, true, $then FROM national.framework;
-- a provider is on up to three frameworks, on one or two lots of each
CREATE TABLE national.admission AS
SELECT row_number() OVER (ORDER BY p, c, position) AS n, p, c, f.id AS framework_id, f.commissioner_id, national.id('provider', p) AS provider_id,
    f.pack, l.code AS lot, l.roles
FROM (SELECT DISTINCT p, 1 + (p + k * greatest(1, $C / 3)) % $C AS c FROM generate_series(1, $P) p, generate_series(0, least(2, $C - 1)) k) s
JOIN national.framework f ON f.n = s.c JOIN national.lot l ON l.pack = f.pack
WHERE l.position = national.pick(p * 200 + c, 5, (SELECT count(*) FROM national.lot x WHERE x.pack = f.pack))
    OR (national.pick(p * 200 + c, 6, 2) = 0 AND l.position = national.pick(p * 200 + c, 7, (SELECT count(*) FROM national.lot x WHERE x.pack = f.pack)));
ALTER TABLE national.admission ADD PRIMARY KEY (n);
ANALYZE national.framework, national.admission;
INSERT INTO application (framework_id, id, provider_id, lot_code, state, statement, submitted_at, submitted_by, decided_at, decided_by)
SELECT framework_id, national.id('application', n), provider_id, lot, 'admitted', 'Experienced staff who know the area.', $then,
    national.id('office', p * 10 + 1), $then, national.id('staff', c * 10 + 2) FROM national.admission;
INSERT INTO admission (framework_id, id, provider_id, lot_code, application_id, starts_on)
SELECT framework_id, national.id('admission', n), provider_id, lot, national.id('application', n), ($then)::date FROM national.admission;
INSERT INTO rate_card (framework_id, id, provider_id, lot_code, application_id, state, applies_from, proposed_at, proposed_by, decided_at, decided_by)
SELECT framework_id, national.id('card', n), provider_id, lot, national.id('application', n), 'agreed', ($then)::date, $then,
    national.id('office', p * 10 + 1), $then, national.id('staff', c * 10 + 2) FROM national.admission;
INSERT INTO rate (framework_id, rate_card_id, provider_id, activity, band, pence_per_hour)
SELECT a.framework_id, national.id('card', a.n), a.provider_id, x.activity, x.band, x.pence + 10 * national.pick(a.n, 8, 40)
FROM national.admission a JOIN national.cell x ON x.pack = a.pack AND x.lot = a.lot;
INSERT INTO suspension (framework_id, id, provider_id, starts_at, reason, imposed_by, imposed_by_name)
SELECT DISTINCT framework_id, national.id('suspension', p * 200 + c), provider_id, $then + interval '30 days', 'A concern is looked into.',
    national.id('staff', c * 10 + 2), national.person(c * 10 + 2) FROM national.admission WHERE national.pick(p * 200 + c, 9, 100) = 0;
INSERT INTO pause (framework_id, id, provider_id, starts_at, reason, paused_by)
SELECT DISTINCT framework_id, national.id('pause', p * 200 + c), provider_id, $then + interval '30 days', 'No free hours at the moment.',
    national.id('office', p * 10 + 1) FROM national.admission WHERE national.pick(p * 200 + c, 10, 50) = 0;
""",
    ),
    (
        "Workers",
        """
-- six for every provider, the rest where they fall; roles in turn, so that every lot finds somebody
CREATE TABLE national.worker AS
SELECT n, p, national.id('worker', n) AS id, national.id('provider', p) AS provider_id, idx,
    (ARRAY['support_worker', 'childrens_nurse', 'support_worker', 'highly_skilled_carer', 'support_worker', 'outreach_worker'])[1 + (idx - 1) % 6] AS role
FROM (SELECT n, p, row_number() OVER (PARTITION BY p ORDER BY n) AS idx FROM (SELECT n,
    CASE WHEN n <= 6 * $P THEN 1 + (n - 1) % $P ELSE 1 + national.pick(n, 20, $P) END AS p FROM generate_series(1, $W::bigint) n) x) y;
ALTER TABLE national.worker ADD PRIMARY KEY (p, idx);
ANALYZE national.worker;
INSERT INTO worker (provider_id, id, name, role, profile, profile_consent_at, languages, drives_children, registration_until, started_on, created_at,
    stood_down_at, stood_down_reason)
SELECT provider_id, id, national.person(2000000 + n), role, 'I like to be outdoors with children.', CASE WHEN national.pick(n, 21, 20) > 0 THEN $then END,
    'English', false, CASE WHEN role = 'childrens_nurse' THEN $day + national.pick(n, 22, 365) - 10 END, ($then)::date, $then,
    CASE WHEN national.pick(n, 23, 100) = 0 THEN $now END, CASE WHEN national.pick(n, 23, 100) = 0 THEN 'A concern is looked into' END
FROM national.worker ORDER BY n;
INSERT INTO worker_private (provider_id, worker_id, email, dbs_certificate_number, dbs_issued_on, dbs_workforce, dbs_barred_list_checked, dbs_update_service_consent_at)
SELECT provider_id, id, '', lpad(n::text, 12, '0'), ($then)::date, 'child', true, $then FROM national.worker;
""",
    ),
    (
        "DBS and other checks",
        """
INSERT INTO worker_dbs_check (provider_id, id, worker_id, checked_on, checked_by_name, recorded_at, recorded_by)
SELECT provider_id, national.id('dbs', n), id, $day - national.pick(n, 24, 200), national.person(1000000 + p * 10 + 1), $then, national.id('office', p * 10 + 1)
FROM national.worker;
INSERT INTO worker_check (provider_id, id, worker_id, kind, done_on, valid_until, recorded_at, recorded_by)
SELECT w.provider_id, national.id('check', w.n * 10 + k.position), w.id, k.code, $day - national.pick(w.n * 10 + k.position, 25, k.span),
    CASE WHEN k.ends THEN $day + national.pick(w.n, 26, 700) - 14 END, $then, national.id('office', w.p * 10 + 1)
FROM national.worker w, national.kind k;
""",
    ),
    (
        "Competencies",
        """
INSERT INTO worker_competency (provider_id, id, worker_id, code, assessed_on, method, assessor_name, recorded_at, recorded_by)
SELECT w.provider_id, national.id('competency', w.n * 100 + k.position), w.id, k.code,
    $day - national.pick(w.n * 100 + k.position, 27, coalesce(k.months, 24) * 32), (ARRAY['observed', 'simulation', 'accredited_course'])[1 + national.pick(w.n, 28, 3)],
    CASE WHEN national.pick(w.n * 100 + k.position, 29, 50) > 0 THEN 'Alex Moor, nurse educator' END, $then, national.id('office', w.p * 10 + 1)
FROM national.worker w, national.competency k WHERE national.pick(w.n * 100 + k.position, 30, 1000000) < $share;
""",
    ),
    (
        "Children, referrals and packages",
        """
-- every admission takes its turn; whom it falls to works on the lot, the next one of the role stands in
CREATE TABLE national.child AS
SELECT k.n, a.n AS admission, a.c, a.p, a.framework_id, a.commissioner_id, a.provider_id, a.lot, national.id('child', k.n) AS id,
    national.id('staff', a.c * 10 + 4 + k.n % 3) AS referrer_id, k.n > $K AS searching, a.pack
FROM (SELECT n, 1 + (n * 7919 + $seed) % (SELECT count(*) FROM national.admission) AS a FROM generate_series(1, $K + $S) n) k
JOIN national.admission a ON a.n = k.a;
CREATE TABLE national.place AS
SELECT c.n, w1.id AS worker_id, w1.n AS worker_n, w2.id AS backup_id, w2.n AS backup_n, w1.role, w2.role AS backup_role, c.turn / c.hands AS ordinal
FROM (SELECT c.*, row_number() OVER (PARTITION BY c.p ORDER BY c.n) - 1 AS turn, h.hands FROM national.child c
    JOIN (SELECT p, count(*) AS hands FROM national.worker GROUP BY p) h USING (p) WHERE NOT c.searching) c
JOIN national.worker w1 ON w1.p = c.p AND w1.idx = 1 + c.turn % c.hands JOIN national.worker w2 ON w2.p = c.p AND w2.idx = 1 + (c.turn + 1) % c.hands;
ALTER TABLE national.child ADD PRIMARY KEY (n);
ALTER TABLE national.place ADD PRIMARY KEY (n);
ANALYZE national.child, national.place;
INSERT INTO child (commissioner_id, id, reference, family_id, referrer_id, created_at)
SELECT commissioner_id, id, national.reference('C', n), national.id('family', n), referrer_id, $then FROM national.child;
INSERT INTO child_identity (commissioner_id, child_id, name, date_of_birth, address, postcode)
SELECT commissioner_id, id, national.person(5000000 + n), $day - 2000 - national.pick(n, 31, 3000), (1 + national.pick(n, 32, 90)) || ' Larkspur Gardens', 'ZZ1 1AA'
FROM national.child;
INSERT INTO family_grant (commissioner_id, id, child_id, person_id, relation, rights, starts_on, granted_by, granted_at, reason)
SELECT commissioner_id, national.id('grant', n), id, national.id('parent', n), 'Parent', ARRAY['see_plan', 'see_visits', 'choose', 'sign_plan', 'confirm_visits'],
    ($then)::date, referrer_id, $then, 'Parental responsibility' FROM national.child WHERE NOT searching;
INSERT INTO referral (commissioner_id, id, framework_id, child_id, referrer_id, reference, state, lot_code, age_band, area, pattern, starts_on, outcomes,
    activities, pen_portrait, panel_approved_on, round, broadcast_at, respond_by, pack_hash, created_at, changed_at)
SELECT c.commissioner_id, national.id('referral', c.n), c.framework_id, c.id, c.referrer_id, national.reference('R', c.n),
    CASE WHEN c.searching THEN 'broadcast' ELSE 'awarded' END, c.lot, '5 to 11', 'Hither Green', $pattern, CASE WHEN c.searching THEN $day + 14 ELSE $period END,
    'More time outdoors.', 'Swimming, cooking together.', 'Loves music and water.', ($then)::date, 1, t.sent, t.sent + interval '3 days', k.hash, t.sent, t.sent
FROM national.child c JOIN national.pack k ON k.no = c.pack, LATERAL (SELECT CASE WHEN c.searching THEN $now - interval '1 hour' ELSE $then + interval '40 days' END AS sent) t;
INSERT INTO referral_reach (commissioner_id, referral_id, framework_id, round, provider_id, reached, ready_workers, at)
SELECT c.commissioner_id, national.id('referral', c.n), c.framework_id, 1, a.provider_id, true, 3, $now - interval '1 hour'
FROM national.child c JOIN national.admission a ON a.framework_id = c.framework_id AND a.lot = c.lot WHERE c.searching
UNION ALL SELECT commissioner_id, national.id('referral', n), framework_id, 1, provider_id, true, 3, $then + interval '40 days'
FROM national.child WHERE NOT searching;
INSERT INTO offer (commissioner_id, id, framework_id, referral_id, round, provider_id, state, starts_on, pattern, price, pence_per_week, pence_per_period, made_at, made_by, decided_at)
SELECT commissioner_id, national.id('offer', n), framework_id, national.id('referral', n), 1, provider_id, 'awarded', $period, $pattern, $price, 19200, 76800,
    $then + interval '41 days', national.id('office', p * 10 + 1), $then + interval '43 days' FROM national.child WHERE NOT searching;
INSERT INTO offer_worker (commissioner_id, offer_id, provider_id, worker_id, part, position, name, role, statement)
SELECT c.commissioner_id, national.id('offer', c.n), c.provider_id, CASE k WHEN 0 THEN l.worker_id ELSE l.backup_id END, (ARRAY['main', 'backup'])[1 + k], k,
    national.person(2000000 + CASE k WHEN 0 THEN l.worker_n ELSE l.backup_n END), CASE k WHEN 0 THEN l.role ELSE l.backup_role END,
    '{"worker": "", "role": "", "lot": "", "on": "", "ready": true, "items": [], "missing": []}'
FROM national.child c JOIN national.place l USING (n), generate_series(0, 1) k;
INSERT INTO package (commissioner_id, id, framework_id, provider_id, referral_id, offer_id, child_id, reference, lot_code, referrer_id, state, pattern, starts_on, awarded_at, awarded_by)
SELECT commissioner_id, national.id('package', n), framework_id, provider_id, national.id('referral', n), national.id('offer', n), id, national.reference('P', n), lot,
    referrer_id, 'active', $pattern, $period, $then + interval '43 days', referrer_id FROM national.child WHERE NOT searching;
INSERT INTO package_funding (commissioner_id, id, package_id, framework_id, provider_id, payer_id, share_basis_points, starts_on)
SELECT commissioner_id, national.id('funding', n), national.id('package', n), framework_id, provider_id, commissioner_id, 10000, $period FROM national.child WHERE NOT searching;
INSERT INTO package_worker (commissioner_id, package_id, provider_id, worker_id, name, role, part, added_at)
SELECT c.commissioner_id, national.id('package', c.n), c.provider_id, CASE k WHEN 0 THEN l.worker_id ELSE l.backup_id END,
    national.person(2000000 + CASE k WHEN 0 THEN l.worker_n ELSE l.backup_n END), CASE k WHEN 0 THEN l.role ELSE l.backup_role END, (ARRAY['main', 'backup'])[1 + k],
    $then + interval '43 days' FROM national.child c JOIN national.place l USING (n), generate_series(0, 1) k;
""",
    ),
    (
        "Visits of one period",
        """
-- one visit a day at most for a package; of a worker's packages each has its own hours of the day
-- laid a package after the other, as packages are planned: what a table costs to read depends on what lies together
CREATE TABLE national.visit AS
SELECT v.n, c.n AS child, s.day + make_time(6 + 2 * (l.ordinal % 8)::int, 0, 0) AS clock, national.pick(v.n, 40, 100) AS luck
FROM (SELECT n, 1 + (n - 1) % $K AS child, (n - 1) / $K AS turn FROM generate_series(1, $V::bigint) n) v
JOIN national.child c ON c.n = v.child JOIN national.place l ON l.n = v.child,
LATERAL (SELECT $period + (v.turn * 28 / greatest(1, ($V + $K - 1) / $K))::int AS day) s;
ANALYZE national.visit, worker;
INSERT INTO booking (provider_id, id, worker_id, worker_no, starts_at, ends_at, created_at)
SELECT c.provider_id, national.id('booking', v.n), l.worker_id, w.worker_no, v.clock AT TIME ZONE 'Europe/London', (v.clock + interval '90 minutes') AT TIME ZONE 'Europe/London',
    $then + interval '50 days'
FROM national.visit v JOIN national.child c ON c.n = v.child JOIN national.place l ON l.n = v.child JOIN worker w ON w.provider_id = c.provider_id AND w.id = l.worker_id
ORDER BY l.worker_n, v.clock;
INSERT INTO visit (commissioner_id, id, framework_id, provider_id, package_id, child_id, lot_code, activity, planned_start, planned_end, outcome, actual_start, actual_end,
    notice_at, outcome_at, activities_recorded, family_signed, record_hash, created_at, hands, hands_signed)
SELECT c.commissioner_id, national.id('visit', v.n), c.framework_id, c.provider_id, national.id('package', c.n), c.id, c.lot, 'home_support', s.at, s.at + interval '90 minutes',
    CASE WHEN v.luck < 95 THEN 'delivered' WHEN v.luck < 98 THEN 'cancelled_by_family' ELSE 'missed' END,
    CASE WHEN v.luck < 95 THEN s.at + make_interval(mins => v.luck % 5) END, CASE WHEN v.luck < 95 THEN s.at + make_interval(mins => 90 + v.luck % 5) END,
    CASE WHEN v.luck BETWEEN 95 AND 97 THEN s.at - interval '4 hours' END, s.at + interval '2 hours', v.luck < 95, v.luck BETWEEN 1 AND 94,
    CASE WHEN v.luck < 95 THEN encode(sha256(convert_to('visit ' || v.n, 'UTF8')), 'hex') END, $then + interval '50 days', 1, v.luck < 95
FROM national.visit v JOIN national.child c ON c.n = v.child, LATERAL (SELECT v.clock AT TIME ZONE 'Europe/London' AS at) s ORDER BY v.child, v.n;
INSERT INTO visit_worker (commissioner_id, visit_id, provider_id, worker_id, printed_name, booking_id, signed_at)
SELECT c.commissioner_id, national.id('visit', v.n), c.provider_id, l.worker_id, national.person(2000000 + l.worker_n), national.id('booking', v.n),
    CASE WHEN v.luck < 95 THEN (v.clock + interval '100 minutes') AT TIME ZONE 'Europe/London' END
FROM national.visit v JOIN national.child c ON c.n = v.child JOIN national.place l ON l.n = v.child ORDER BY v.child, v.n;
""",
    ),
]

AUDIT = """
SELECT set_config('app.person', '00000000-0000-0000-0000-000000000000', true), set_config('app.now', ($now)::text, true);
SELECT count(audit_append(id, 'The marketplace', 'system', 'national.laid', 'organisation', id, '{}')) FROM (SELECT id FROM organisation ORDER BY id) o;
"""

# Rows as text, summed up whatever their order; what carries the wall's clock is left out.
FINGERPRINT = """
SELECT md5(string_agg(name || ' ' || said, E'\\n' ORDER BY name)) FROM ($tables) each_table
"""
FINGERPRINTED = [
    "organisation",
    "person",
    "membership",
    "provider",
    "pack_version",
    "framework",
    "framework_lot",
    "framework_member",
    "application",
    "admission",
    "rate_card",
    "rate",
    "suspension",
    "pause",
    "worker",
    "worker_private",
    "worker_dbs_check",
    "worker_check",
    "worker_competency",
    "readiness_item",
    "worker_readiness",
    "child",
    "child_identity",
    "family_grant",
    "referral",
    "referral_reach",
    "offer",
    "offer_worker",
    "package",
    "package_funding",
    "package_worker",
    "booking",
    "visit",
    "visit_worker",
]
