"""A credit note refused twice is decided; how long each waited for its provider, while the payment clock stands.

What is asked, how often and since when is the payer's to say: a provider's answer changes none of it.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0061_credit_note_ends"

PAYERS = (
    "reason",
    "asked_at",
    "asked_by",
    "asked_times",
    "waited_days",
    "decided_reason",
    "withdrawn_at",
    "withdrawn_by",
)


def _of(row: str) -> str:
    return ", ".join(f"{row}.{column}" for column in PAYERS)


UP = f"""
SET LOCAL ROLE {{prefix}}_owner;
ALTER TABLE credit_note
    ADD COLUMN asked_times int NOT NULL DEFAULT 1 CHECK (asked_times IN (1, 2)),
    ADD COLUMN waited_days int NOT NULL DEFAULT 0 CHECK (waited_days >= 0), -- for the provider's answer to the first asking
    ADD COLUMN decided_reason text CHECK (decided_reason <> ''),            -- why the payer decided it, refused twice
    ADD CONSTRAINT credit_note_decided CHECK (decided_reason IS NULL OR state = 'confirmed' AND asked_times = 2);
CREATE FUNCTION credit_note_sides() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.provider_id = app_organisation() AND ({_of("OLD")}) IS DISTINCT FROM ({_of("NEW")})
    THEN RAISE EXCEPTION 'a provider answers what it was asked' USING ERRCODE = 'insufficient_privilege'; END IF;
    RETURN NEW;
END $$;
REVOKE EXECUTE ON FUNCTION credit_note_sides() FROM PUBLIC;
CREATE TRIGGER credit_note_sides BEFORE UPDATE ON credit_note FOR EACH ROW EXECUTE FUNCTION credit_note_sides();
RESET ROLE;
"""

DOWN = """
DROP TRIGGER credit_note_sides ON credit_note;
DROP FUNCTION credit_note_sides();
ALTER TABLE credit_note DROP COLUMN decided_reason, DROP COLUMN waited_days, DROP COLUMN asked_times;
"""


async def forwards():
    return sql_migration(ID, "A credit note refused twice is decided", UP, DOWN)
