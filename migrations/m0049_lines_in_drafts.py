"""A prepared draft holds its lines itself: one row a draft is written, or found unchanged, instead of one a visit.

Lines of a draft are written together, read together and go together, and nothing refers to them. What lies prepared at
the moment of the change is taken away: the next run, a few minutes later, makes it again.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0049_lines_in_drafts"

APP = "TO {prefix}_app, {prefix}_worker"
OWN = "commissioner_id = (SELECT app_commissioner())"
LISTS = (
    "visit_ids uuid[]", "visit_commissioner_ids uuid[]", "minutes int[]", "percents int[]", "prices int[]", "payables int[]", "missing text[]",
)  # fmt: skip

UP = f"""
SET LOCAL ROLE {{prefix}}_owner;
DROP TRIGGER prepared_draft_goes ON prepared_draft;
DROP TABLE prepared_line;
DROP FUNCTION prepared_draft_goes();
RESET ROLE;
DELETE FROM prepared_draft;
DELETE FROM prepared_period;
SET LOCAL ROLE {{prefix}}_owner;
-- A visit has the same place in each list. `visit_commissioner_ids` is null for the payer's own visits; `missing` holds the
-- codes of why a visit is held, with blanks between, null where it is not.
ALTER TABLE prepared_draft {", ".join(f"ADD COLUMN {each} NOT NULL DEFAULT '{{}}'" for each in LISTS)},
    ADD CONSTRAINT prepared_draft_lines CHECK ({" AND ".join(f"cardinality({each.split()[0]}) = cardinality(visit_ids)" for each in LISTS[1:])}),
    SET (toast_tuple_target = 8160);
"""

DOWN = f"""
DELETE FROM prepared_draft;
DELETE FROM prepared_period;
SET LOCAL ROLE {{prefix}}_owner;
ALTER TABLE prepared_draft RESET (toast_tuple_target), DROP CONSTRAINT prepared_draft_lines, {", ".join(f"DROP COLUMN {each.split()[0]}" for each in LISTS)};
CREATE TABLE prepared_line (
    commissioner_id uuid NOT NULL, draft_id uuid NOT NULL, provider_id uuid NOT NULL,
    visit_commissioner_id uuid NOT NULL, visit_id uuid NOT NULL,
    minutes int NOT NULL, percent int NOT NULL, price_pence int, payable_pence int NOT NULL,
    missing text[],
    PRIMARY KEY (commissioner_id, draft_id, visit_id)
);
ALTER TABLE prepared_line ENABLE ROW LEVEL SECURITY;
ALTER TABLE prepared_line FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON prepared_line FOR ALL {APP} USING ({OWN}) WITH CHECK ({OWN});
GRANT SELECT, INSERT, UPDATE, DELETE ON prepared_line {APP};
CREATE POLICY provider ON prepared_line FOR SELECT {APP} USING (provider_id = (SELECT app_organisation()));
CREATE FUNCTION prepared_draft_goes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM prepared_line l USING gone g WHERE l.commissioner_id = g.commissioner_id AND l.draft_id = g.id;
    RETURN NULL;
END $$;
REVOKE EXECUTE ON FUNCTION prepared_draft_goes() FROM PUBLIC;
CREATE TRIGGER prepared_draft_goes AFTER DELETE ON prepared_draft REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION prepared_draft_goes();
RESET ROLE;
GRANT SELECT ON prepared_line TO {{prefix}}_backup;
"""


async def forwards():
    return sql_migration(ID, "Prepared drafts hold their lines", UP, DOWN)
