"""Declared, assessed, scored and accepted by whoever acts, now, in the name on record; with files only as it is said.

The actions have kept to this all along; from here on the database does too. What was declared gets no further file once
its unit is over, and never one about a worker, one that was refused, or one that has gone.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0081_declared_in_ones_name"

# table -> who said it, their name, when
SAID = {
    "declaration": ("declared_by", "declared_by_name", "recorded_at"),
    "declaration_assessment": ("assessed_by", "assessed_by_name", "assessed_at"),
    "application_score": ("person_id", "person_name", "given_at"),
    "application_moderation": ("agreed_by", "agreed_by_name", "agreed_at"),
    "terms_change": ("changed_by", "changed_by_name", "changed_at"),
    "terms_acceptance": ("accepted_by", "accepted_by_name", "accepted_at"),
}

UP = """
SET LOCAL ROLE {prefix}_owner;
-- Arguments: the columns of who says it, of their name, and of when. The name is the one on record, whatever was given.
CREATE FUNCTION said_in_ones_name() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE given jsonb := to_jsonb(NEW);
BEGIN
    IF (given ->> TG_ARGV[0])::uuid <> app_person() OR (given ->> TG_ARGV[2])::timestamptz <> app_now()
    THEN RAISE EXCEPTION 'it is said now, and in nobody else''s name' USING ERRCODE = 'check_violation'; END IF;
    RETURN jsonb_populate_record(NEW, jsonb_build_object(TG_ARGV[1], coalesce(app_person_name(), given ->> TG_ARGV[1])));
END $$;
CREATE FUNCTION declared_with() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM declaration d WHERE d.provider_id = NEW.provider_id AND d.id = NEW.declaration_id
            AND d.xmin = pg_current_xact_id()::xid)  -- made in this very unit
       OR NOT EXISTS (SELECT FROM evidence e WHERE e.provider_id = NEW.provider_id AND e.id = NEW.evidence_id
            AND e.worker_id IS NULL AND e.kind <> 'dbs_certificate' AND e.state NOT IN ('waiting', 'refused') AND e.deleted_at IS NULL)
    THEN RAISE EXCEPTION 'a declaration has the files it was made with' USING ERRCODE = 'check_violation'; END IF;
    RETURN NEW;
END $$;
REVOKE EXECUTE ON FUNCTION said_in_ones_name(), declared_with() FROM PUBLIC;
-- in every context; outside of them whoever keeps the database puts things right
CREATE TRIGGER declared_with BEFORE INSERT ON declaration_file FOR EACH ROW WHEN (app_person() IS NOT NULL) EXECUTE FUNCTION declared_with();
"""
for _table, _columns in SAID.items():
    UP += f"""CREATE TRIGGER said_in_ones_name BEFORE INSERT ON {_table} FOR EACH ROW WHEN (app_person() IS NOT NULL)
    EXECUTE FUNCTION said_in_ones_name({", ".join(f"'{each}'" for each in _columns)});
"""
UP += "RESET ROLE;\n"

DOWN = "SET LOCAL ROLE {prefix}_owner;\nDROP TRIGGER declared_with ON declaration_file;\n"
DOWN += "".join(f"DROP TRIGGER said_in_ones_name ON {table};\n" for table in SAID)
DOWN += "DROP FUNCTION said_in_ones_name(), declared_with();\nRESET ROLE;\n"


async def forwards():
    return sql_migration(ID, "Declared now, and in nobody else's name", UP, DOWN)
