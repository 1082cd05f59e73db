"""The areas of each council that takes part in a framework: what its families look for support in.

A provider that works for several councils names the areas of all of them; a family is offered its own council's. Each
council keeps its own; of who takes part nothing is changed here.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0059c_areas_of_councils"

APP = "TO {prefix}_app, {prefix}_worker"
OWN = "commissioner_id = app_commissioner()"

UP = f"""
SET LOCAL ROLE {{prefix}}_owner;
ALTER TABLE framework_member ADD COLUMN areas text[] NOT NULL DEFAULT '{{}}';
CREATE FUNCTION framework_member_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_jsonb(OLD) - 'areas' <> to_jsonb(NEW) - 'areas' OR NEW.commissioner_id IS DISTINCT FROM app_commissioner()
    THEN RAISE EXCEPTION 'of a member only the areas change, by itself' USING ERRCODE = 'check_violation'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER framework_member_kept BEFORE UPDATE ON framework_member FOR EACH ROW EXECUTE FUNCTION framework_member_is_kept();
REVOKE EXECUTE ON FUNCTION framework_member_is_kept() FROM PUBLIC;
CREATE POLICY own_areas ON framework_member FOR UPDATE {APP} USING ({OWN}) WITH CHECK ({OWN});
"""

DOWN = """
SET LOCAL ROLE {prefix}_owner;
DROP POLICY own_areas ON framework_member;
DROP TRIGGER framework_member_kept ON framework_member;
DROP FUNCTION framework_member_is_kept();
ALTER TABLE framework_member DROP COLUMN areas;
"""


async def forwards():
    return sql_migration(ID, "Areas of councils", UP, DOWN)
