"""When a suspension, a pause or a restriction is in force, said once; and each planned meeting has a duty to attend of
its own.

The duty to attend was one for a contract and kind, whatever was planned; an open one becomes the latest planned one's.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0056_in_force"

UP = """
SET LOCAL ROLE {prefix}_owner;
-- To a date means through that day in London. Plain and immutable, so that it is planned as if written out.
CREATE FUNCTION in_force(starts_at timestamptz, ended_at timestamptz, until_on date, at timestamptz) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT starts_at <= at AND (ended_at IS NULL OR ended_at > at)
        AND (until_on IS NULL OR until_on >= (at AT TIME ZONE 'Europe/London')::date) $$;
REVOKE EXECUTE ON FUNCTION in_force(timestamptz, timestamptz, date, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION in_force(timestamptz, timestamptz, date, timestamptz) TO {prefix}_app, {prefix}_worker;
RESET ROLE;
UPDATE obligation b SET subject_type = 'contract_occasion', subject_id = o.id, link = '/contract-occasions/' || o.id
FROM (SELECT DISTINCT ON (commissioner_id, framework_id, provider_id, kind) * FROM contract_occasion
      WHERE announced AND shared_at IS NULL AND called_off_at IS NULL
      ORDER BY commissioner_id, framework_id, provider_id, kind, starts_at DESC, id) o
WHERE b.subject_type = 'contract' AND b.met_at IS NULL AND b.cancelled_at IS NULL
  AND b.rule_key = CASE o.kind WHEN 'meeting' THEN 'contract_meeting' ELSE o.kind END
  AND (b.commissioner_id, b.framework_id, b.owed_by_organisation) = (o.commissioner_id, o.framework_id, o.provider_id);
"""

DOWN = "DROP FUNCTION in_force(timestamptz, timestamptz, date, timestamptz);"


async def forwards():
    return sql_migration(ID, "What is in force, once; a duty to attend for each meeting", UP, DOWN)
