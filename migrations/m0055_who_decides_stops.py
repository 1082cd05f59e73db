"""Who asks that a clock stands adds the ask and takes it back; only the side it is asked of decides (decision 19).

The actions have kept to this all along; from here on the database does too, whatever statement comes.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0055_who_decides_stops"

APP = "TO {prefix}_app, {prefix}_worker"
ASKER = "asked_by_organisation = app_organisation()"
PARTIES = f"{ASKER} OR decided_by_organisation = app_commissioner() AND (SELECT app_reads_notes())"
UNDECIDED = "closed_at IS NULL AND decided_at IS NULL AND ended_at IS NULL"  # the table's checks see to the rest


def kept(sides: str) -> str:
    """The function that keeps a stop as asked and decided, with what each side may add to it."""
    return f"""
CREATE OR REPLACE FUNCTION duty_stop_kept() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE added text[] := ARRAY['closed_at', 'accepted', 'decided_at', 'decided_by', 'decided_by_name', 'decision', 'stands_until',
    'ended_at', 'ended_by', 'ended_by_name'];
BEGIN
    IF to_jsonb(OLD) - added <> to_jsonb(NEW) - added OR OLD.closed_at IS NOT NULL OR OLD.ended_at IS NOT NULL
       OR OLD.accepted IS FALSE OR NEW.stands_until > OLD.stands_until
       OR OLD.decided_at IS NOT NULL AND (NEW.accepted, NEW.decided_at, NEW.decided_by, NEW.decision)
           IS DISTINCT FROM (OLD.accepted, OLD.decided_at, OLD.decided_by, OLD.decision)
    THEN RAISE EXCEPTION 'a stop of a clock is kept as it was asked and decided' USING ERRCODE = 'check_violation'; END IF;
    {sides}
    RETURN NEW;
END $$;
"""


# An ask that is overtaken is closed by the trigger of the duty, whoever ended that.
SIDES = """
    IF NEW.decided_at IS NOT NULL AND OLD.decided_at IS NULL
           AND NEW.decided_by_organisation IS DISTINCT FROM app_commissioner()
       OR NEW.closed_at IS NOT NULL AND pg_trigger_depth() = 1
           AND NEW.asked_by_organisation IS DISTINCT FROM app_organisation()
    THEN RAISE EXCEPTION 'one side asks that a clock stands, the other decides' USING ERRCODE = 'check_violation'; END IF;
"""

UP = f"""
{kept(SIDES)}
SET LOCAL ROLE {{prefix}}_owner;
DROP POLICY parties ON duty_stop;
CREATE POLICY parties_read ON duty_stop FOR SELECT {APP} USING ({PARTIES});
CREATE POLICY asker_asks ON duty_stop FOR INSERT {APP} WITH CHECK ({ASKER} AND {UNDECIDED});
CREATE POLICY parties_add ON duty_stop FOR UPDATE {APP} USING ({PARTIES}) WITH CHECK ({PARTIES});
"""

DOWN = f"""
{kept("")}
SET LOCAL ROLE {{prefix}}_owner;
DROP POLICY parties_read ON duty_stop;
DROP POLICY asker_asks ON duty_stop;
DROP POLICY parties_add ON duty_stop;
CREATE POLICY parties ON duty_stop FOR ALL {APP} USING ({PARTIES}) WITH CHECK ({PARTIES});
"""


async def forwards():
    return sql_migration(ID, "One side asks that a clock stands, the other decides", UP, DOWN)
