"""Clocks that stand: asked for by whoever owes a duty, accepted or declined by a contract manager of whom it is owed to.

What is accepted moves the duty's own `due_at`, so that everything that reads a duty reads the moved moment; the first
one stays beside it. No ask is removed: each carries what became of it.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0047_clock_stops"

APP = "TO {prefix}_app, {prefix}_worker"
# the words are about a family's case: of the commissioner's people only those who meet it read them
PARTIES = "asked_by_organisation = app_organisation() OR decided_by_organisation = app_commissioner() AND (SELECT app_reads_notes())"

UP = f"""
SET LOCAL ROLE {{prefix}}_owner;
ALTER TABLE obligation
    ADD COLUMN first_due_at timestamptz,                                   -- null: its clock has never stood
    ADD COLUMN stopped_from timestamptz, ADD COLUMN stopped_until timestamptz,  -- the latest stop
    ADD CHECK ((first_due_at IS NULL) = (stopped_from IS NULL) AND (stopped_from IS NULL) = (stopped_until IS NULL)
               AND stopped_until >= stopped_from);
CREATE TABLE duty_stop (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    duty_id uuid NOT NULL REFERENCES obligation,
    asked_by_organisation uuid NOT NULL REFERENCES organisation, decided_by_organisation uuid NOT NULL REFERENCES organisation,
    ground text NOT NULL, reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 2000),
    from_at timestamptz NOT NULL, until_at timestamptz,                    -- null: open, as long as the terms allow
    asked_at timestamptz NOT NULL, asked_by uuid NOT NULL REFERENCES person, asked_by_name text NOT NULL,
    closed_at timestamptz,                                                 -- taken back, or overtaken, before a decision
    accepted boolean, decided_at timestamptz, decided_by uuid REFERENCES person, decided_by_name text,
    decision text CHECK (length(decision) BETWEEN 1 AND 2000),
    stands_until timestamptz, ended_at timestamptz, ended_by uuid REFERENCES person, ended_by_name text,
    CHECK (until_at > from_at), CHECK (stands_until >= from_at), CHECK (closed_at IS NULL OR decided_at IS NULL),
    CHECK ((accepted IS NULL) = (decided_at IS NULL) AND (decided_at IS NULL) = (decided_by IS NULL)
           AND (decided_at IS NULL) = (decided_by_name IS NULL) AND (decided_at IS NULL) = (decision IS NULL)),
    CHECK ((stands_until IS NOT NULL) = coalesce(accepted, false)),
    CHECK ((ended_at IS NULL) = (ended_by IS NULL) AND (ended_at IS NULL) = (ended_by_name IS NULL)
           AND (ended_at IS NULL OR accepted))
);
-- one ask at a time
CREATE UNIQUE INDEX duty_stop_one ON duty_stop (duty_id) WHERE closed_at IS NULL AND decided_at IS NULL;
CREATE INDEX duty_stop_duty ON duty_stop (duty_id);
CREATE INDEX duty_stop_decider ON duty_stop (decided_by_organisation, asked_at);
ALTER TABLE duty_stop ENABLE ROW LEVEL SECURITY;
ALTER TABLE duty_stop FORCE ROW LEVEL SECURITY;
CREATE POLICY parties ON duty_stop FOR ALL {APP} USING ({PARTIES}) WITH CHECK ({PARTIES});
GRANT SELECT, INSERT, UPDATE ON duty_stop {APP};
RESET ROLE;
GRANT SELECT ON duty_stop TO {{prefix}}_backup;

-- An ask is what was asked: only what becomes of it is added, once; an accepted end only ever comes nearer.
CREATE FUNCTION duty_stop_kept() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE added text[] := ARRAY['closed_at', 'accepted', 'decided_at', 'decided_by', 'decided_by_name', 'decision', 'stands_until',
    'ended_at', 'ended_by', 'ended_by_name'];
BEGIN
    IF to_jsonb(OLD) - added <> to_jsonb(NEW) - added OR OLD.closed_at IS NOT NULL OR OLD.ended_at IS NOT NULL
       OR OLD.accepted IS FALSE OR NEW.stands_until > OLD.stands_until
       OR OLD.decided_at IS NOT NULL AND (NEW.accepted, NEW.decided_at, NEW.decided_by, NEW.decision)
           IS DISTINCT FROM (OLD.accepted, OLD.decided_at, OLD.decided_by, OLD.decision)
    THEN RAISE EXCEPTION 'a stop of a clock is kept as it was asked and decided' USING ERRCODE = 'check_violation'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER duty_stop_kept BEFORE UPDATE ON duty_stop FOR EACH ROW EXECUTE FUNCTION duty_stop_kept();
-- A duty that ends in time leaves nothing to decide; the task to decide goes with the ask. Whoever ends the duty may be
-- neither side of the ask, so it is seen to here. One done late keeps its ask: if it is accepted it was done in time.
CREATE FUNCTION duty_stop_overtaken() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    WITH overtaken AS (UPDATE duty_stop SET closed_at = coalesce(NEW.met_at, NEW.cancelled_at)
        WHERE duty_id = NEW.id AND closed_at IS NULL AND decided_at IS NULL RETURNING id)
    UPDATE obligation SET cancelled_at = coalesce(NEW.met_at, NEW.cancelled_at), next_check_at = NULL
    WHERE subject_id IN (SELECT id FROM overtaken) AND met_at IS NULL AND cancelled_at IS NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER duty_stop_overtaken AFTER UPDATE ON obligation FOR EACH ROW
    WHEN (OLD.met_at IS NULL AND OLD.cancelled_at IS NULL
          AND (NEW.cancelled_at IS NOT NULL OR NEW.met_at IS NOT NULL AND NEW.missed_at IS NULL))
    EXECUTE FUNCTION duty_stop_overtaken();
REVOKE EXECUTE ON FUNCTION duty_stop_kept(), duty_stop_overtaken() FROM PUBLIC;
"""

DOWN = """
DROP TRIGGER duty_stop_overtaken ON obligation;
DROP TABLE duty_stop;
DROP FUNCTION duty_stop_overtaken(), duty_stop_kept();
ALTER TABLE obligation DROP COLUMN first_due_at, DROP COLUMN stopped_from, DROP COLUMN stopped_until;
"""


async def forwards():
    return sql_migration(ID, "Clocks that stand", UP, DOWN)
