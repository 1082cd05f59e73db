"""Reviews of care plans: what was found of each outcome, and how it goes on; kept as recorded, signed off or sent back.

Signed off by the referrer, or, where a direct payment pays, by those who spend it. Only the answer is ever added to a
row: the columns of the record itself are not granted for change.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0051_plan_reviews"

APP = "TO {prefix}_app, {prefix}_worker"
OWN = "commissioner_id = app_commissioner() AND (SELECT app_reads_notes())"
PROVIDER = "provider_id = app_organisation()"
BUYS = "(commissioner_id, package_id) IN (SELECT * FROM my_bought_packages())"
NEW = "recorded_by = app_person()"
WAITS = "signed_off_at IS NULL AND returned_at IS NULL"
BY_ME = "coalesce(signed_off_by, returned_by) = app_person()"

UP = f"""
SET LOCAL ROLE {{prefix}}_owner;
CREATE TABLE plan_review (
    commissioner_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(),
    framework_id uuid NOT NULL, package_id uuid NOT NULL, provider_id uuid NOT NULL, plan_id uuid NOT NULL,
    held_on date NOT NULL, took_part text NOT NULL CHECK (length(took_part) BETWEEN 1 AND 2000),
    findings jsonb NOT NULL, says text NOT NULL CHECK (length(says) <= 6000), goes_on boolean NOT NULL,
    recorded_at timestamptz NOT NULL, recorded_by uuid NOT NULL REFERENCES person, recorded_by_name text NOT NULL,
    signed_off_at timestamptz, signed_off_by uuid REFERENCES person, signed_off_by_name text,
    returned_at timestamptz, returned_by uuid REFERENCES person, returned_by_name text, returned_reason text,
    PRIMARY KEY (commissioner_id, id),
    FOREIGN KEY (commissioner_id, package_id, provider_id, framework_id)
        REFERENCES package (commissioner_id, id, provider_id, framework_id),
    FOREIGN KEY (commissioner_id, plan_id) REFERENCES plan_version (commissioner_id, id),
    CHECK ((signed_off_at IS NULL) = (signed_off_by IS NULL)), CHECK ((returned_at IS NULL) = (returned_by IS NULL)),
    CHECK ((returned_at IS NULL) = (returned_reason IS NULL)), CHECK (signed_off_at IS NULL OR returned_at IS NULL)
);
-- one at a time waits for its answer
CREATE UNIQUE INDEX plan_review_waiting ON plan_review (commissioner_id, package_id) WHERE {WAITS};
CREATE INDEX plan_review_package ON plan_review (commissioner_id, package_id, held_on);
CREATE INDEX plan_review_provider ON plan_review (provider_id, recorded_at);
ALTER TABLE plan_review ENABLE ROW LEVEL SECURITY;
ALTER TABLE plan_review FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON plan_review FOR SELECT {APP} USING ({OWN});
CREATE POLICY own_records ON plan_review FOR INSERT {APP} WITH CHECK ({OWN} AND {NEW});
CREATE POLICY own_answers ON plan_review FOR UPDATE {APP} USING ({OWN} AND {WAITS}) WITH CHECK ({OWN} AND {BY_ME});
CREATE POLICY provider ON plan_review FOR SELECT {APP} USING ({PROVIDER});
CREATE POLICY provider_records ON plan_review FOR INSERT {APP} WITH CHECK ({PROVIDER} AND {NEW} AND {WAITS});
CREATE POLICY family ON plan_review FOR SELECT {APP} USING ((commissioner_id, package_id) IN
    (SELECT * FROM my_granted_packages('see_plan') UNION SELECT * FROM my_granted_packages('sign_plan')
     UNION SELECT * FROM my_bought_packages()));
CREATE POLICY family_answers ON plan_review FOR UPDATE {APP} USING ({BUYS} AND {WAITS}) WITH CHECK ({BUYS} AND {BY_ME});
GRANT SELECT, INSERT, UPDATE (signed_off_at, signed_off_by, signed_off_by_name, returned_at, returned_by,
    returned_by_name, returned_reason) ON plan_review {APP};
RESET ROLE;
GRANT SELECT ON plan_review TO {{prefix}}_backup;
"""

DOWN = """
DROP TABLE plan_review;
"""


async def forwards():
    return sql_migration(ID, "Reviews of care plans", UP, DOWN)
