"""A duty falls due later by an accepted stop of its clock and by nothing else, and a miss stays one (decision 19).

This holds for whoever reads a duty, not only for who owes it. A commissioner that holds a meeting notes later when it
was: what a provider owed about it is then met, or missed, as of that time.
"""

from marketplace.platform.migrate import sql_migration
from migrations.m0069_what_stands import OWED, changed, rewritten

ID = "m0069c_duties_kept"

SYSTEM = "'00000000-0000-0000-0000-000000000000'"
CLOCK = ("due_at", "first_due_at", "stopped_from", "stopped_until")
ENDED_BEFORE = rewritten(("met_at", "cancelled_at", "first_due_at"))
MET_LATE = "OLD.met_at IS NULL AND NEW.met_at >= NEW.due_at AND NEW.missed_at IS NULL"


def stands(owed: tuple[str, ...], rest: str, declares: str = "") -> str:
    """The function that keeps duties."""
    return f"""
CREATE OR REPLACE FUNCTION obligation_stands() RETURNS trigger LANGUAGE plpgsql AS $$
{declares}
BEGIN
    IF {changed(owed)} OR {ENDED_BEFORE}
       OR {MET_LATE}
       {rest}
    RETURN NEW;
END $$;
"""


KEPT = f"""
    THEN RAISE EXCEPTION 'a duty stays as it was owed and ended' USING ERRCODE = 'check_violation'; END IF;
    IF ({changed(("cancelled_at",))} OR {changed(("met_at",))} AND NOT council)
       AND coalesce(NEW.met_at, NEW.cancelled_at) <> app_now()
       AND pg_trigger_depth() = 1  -- the task to decide a stop ends with the duty, as of when that ended
    THEN RAISE EXCEPTION 'a duty ends when it is ended' USING ERRCODE = 'check_violation'; END IF;

    IF NOT moves THEN
        IF {changed(("missed_at",))}
           AND (OLD.missed_at IS NULL AND NEW.missed_at <= app_now() AND NEW.missed_at = NEW.due_at
                OR council AND OLD.met_at IS NULL AND OLD.cancelled_at IS NULL
                    AND (NEW.cancelled_at IS NOT NULL AND NEW.missed_at <= app_now()
                         OR NEW.met_at < NEW.due_at AND NEW.missed_at IS NULL)) IS NOT TRUE
        THEN RAISE EXCEPTION 'what was missed stays missed' USING ERRCODE = 'check_violation'; END IF;
        IF {changed(("next_check_at",))} AND NEW.met_at IS NULL AND NEW.cancelled_at IS NULL AND app_person() <> {SYSTEM}
        THEN RAISE EXCEPTION 'time alone moves the next look at a duty' USING ERRCODE = 'check_violation'; END IF;
    -- a sweep shows the stop that stands next; all else moves with a stop, at the moment it is accepted or ended
    ELSIF app_person() <> {SYSTEM} OR {changed(("due_at", "first_due_at"))} THEN
        IF NEW.first_due_at IS DISTINCT FROM coalesce(OLD.first_due_at, OLD.due_at) OR NEW.due_at < NEW.first_due_at
           OR NOT EXISTS (SELECT FROM duty_stop s WHERE s.duty_id = OLD.id AND s.accepted
               AND (s.decided_at = app_now() AND s.decided_by_organisation = app_commissioner()
                    OR s.ended_at = app_now() AND NEW.due_at <= OLD.due_at))
           OR NEW.missed_at <> NEW.due_at
           OR OLD.missed_at IS NOT NULL AND NEW.missed_at IS NULL AND NEW.due_at <= coalesce(NEW.met_at, app_now())
        THEN RAISE EXCEPTION 'a duty moves by an accepted stop of its clock' USING ERRCODE = 'check_violation'; END IF;
    END IF;
"""
DECLARES = f"""DECLARE council boolean := (OLD.commissioner_id = app_commissioner() OR OLD.owed_to = app_commissioner()) IS TRUE;
    moves boolean := {changed(CLOCK)};"""

# as m0069 has it
BEFORE = f"""-- noted late that it was done in time, by whom it is owed to, it was not missed
       OR OLD.missed_at IS NOT NULL AND NEW.missed_at IS NULL AND NEW.due_at = OLD.due_at
          AND (OLD.met_at IS NULL AND NEW.met_at < NEW.due_at) IS NOT TRUE
    THEN RAISE EXCEPTION 'a duty stays as it was owed and ended' USING ERRCODE = 'check_violation'; END IF;
    IF (OLD.owed_by_organisation = app_organisation() OR OLD.owed_by_person = app_person())
       AND (OLD.commissioner_id = app_commissioner() OR OLD.owed_to = app_organisation()) IS NOT TRUE
       AND (NEW.due_at > OLD.due_at
            OR {changed(("met_at",))} AND NEW.met_at IS DISTINCT FROM app_now()
            OR {changed(("cancelled_at",))} AND NEW.cancelled_at IS DISTINCT FROM app_now())
    THEN RAISE EXCEPTION 'who owes a duty moves it to no other day' USING ERRCODE = 'insufficient_privilege'; END IF;"""

UP = stands((*OWED, "title", "link"), KEPT, DECLARES)
DOWN = stands(OWED, BEFORE)


async def forwards():
    return sql_migration(ID, "Duties move by accepted stops and misses stay", UP, DOWN)
