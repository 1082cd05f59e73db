"""A credit note carries what its pack says of it: how often it is asked for, and whether the clock of payment stands.

What it waited for its provider is kept as days from and up to, so that two notes that wait at once are counted once.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0069b_credit_note_terms"


def sides(waits: str, frozen: str) -> str:
    """The function that keeps the payer's columns from the provider, and what the pack said from both."""
    payers = ("reason", "asked_at", "asked_by", "asked_times", waits, "decided_reason", "withdrawn_at", "withdrawn_by")
    old, new = (", ".join(f"{row}.{column}" for column in payers) for row in ("OLD", "NEW"))
    return f"""
CREATE OR REPLACE FUNCTION credit_note_sides() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    {frozen}
    IF OLD.provider_id = app_organisation() AND ({old}) IS DISTINCT FROM ({new})
    THEN RAISE EXCEPTION 'a provider answers what it was asked' USING ERRCODE = 'insufficient_privilege'; END IF;
    RETURN NEW;
END $$;
"""


TERMS = """IF (OLD.most_asked, OLD.clock_stands) IS DISTINCT FROM (NEW.most_asked, NEW.clock_stands)
    THEN RAISE EXCEPTION 'a credit note is kept as it was made' USING ERRCODE = 'check_violation'; END IF;"""

# Of one asked for twice before, only the number of days is known: they are taken to have ended with the second asking.
UP = f"""
SET LOCAL ROLE {{prefix}}_owner;
ALTER TABLE credit_note
    ADD COLUMN most_asked int NOT NULL DEFAULT 2 CHECK (most_asked > 0),    -- refused as often, it is decided
    ADD COLUMN clock_stands boolean NOT NULL DEFAULT true,                  -- while the provider has it to answer
    ADD COLUMN waits jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(waits) = 'array'); -- of earlier askings: [from, up to], days
ALTER TABLE credit_note NO FORCE ROW LEVEL SECURITY;
ALTER TABLE credit_note DISABLE TRIGGER USER;
UPDATE credit_note SET waits = jsonb_build_array(jsonb_build_array(
    (asked_at AT TIME ZONE 'Europe/London')::date - waited_days, (asked_at AT TIME ZONE 'Europe/London')::date)) WHERE waited_days > 0;
ALTER TABLE credit_note ENABLE TRIGGER USER;
ALTER TABLE credit_note FORCE ROW LEVEL SECURITY;
ALTER TABLE credit_note ALTER COLUMN most_asked DROP DEFAULT, ALTER COLUMN clock_stands DROP DEFAULT, DROP COLUMN waited_days,
    DROP CONSTRAINT credit_note_decided, DROP CONSTRAINT credit_note_asked_times_check,
    ADD CONSTRAINT credit_note_asked_times_check CHECK (asked_times BETWEEN 1 AND most_asked),
    ADD CONSTRAINT credit_note_decided CHECK (decided_reason IS NULL OR state = 'confirmed' AND asked_times = most_asked);
{sides("waits", TERMS)}
RESET ROLE;
"""

# An older version asks twice at most, and lets the clock stand for every note.
DOWN = f"""
SET LOCAL ROLE {{prefix}}_owner;
ALTER TABLE credit_note DROP CONSTRAINT credit_note_decided, DROP CONSTRAINT credit_note_asked_times_check,
    ADD COLUMN waited_days int NOT NULL DEFAULT 0 CHECK (waited_days >= 0);
ALTER TABLE credit_note NO FORCE ROW LEVEL SECURITY;
ALTER TABLE credit_note DISABLE TRIGGER USER;
UPDATE credit_note SET asked_times = CASE WHEN decided_reason IS NULL THEN least(asked_times, 2) ELSE 2 END,
    waited_days = (SELECT coalesce(sum((each ->> 1)::date - (each ->> 0)::date), 0) FROM jsonb_array_elements(waits) each);
ALTER TABLE credit_note ENABLE TRIGGER USER;
ALTER TABLE credit_note FORCE ROW LEVEL SECURITY;
ALTER TABLE credit_note DROP COLUMN most_asked, DROP COLUMN clock_stands, DROP COLUMN waits,
    ADD CONSTRAINT credit_note_asked_times_check CHECK (asked_times IN (1, 2)),
    ADD CONSTRAINT credit_note_decided CHECK (decided_reason IS NULL OR state = 'confirmed' AND asked_times = 2);
{sides("waited_days", "")}
RESET ROLE;
"""


async def forwards():
    return sql_migration(ID, "What the pack says of a credit note, and each wait of it", UP, DOWN)
