"""What a provider's standing on any past day rests on stays as it was made; what ends it is added once, as it happens.

Suspensions and their causes, restrictions, pauses, charges for information, flags of visits. The actions have kept to
this all along; from here on the database does too, whatever statement comes. Flags of a provider's own lapsed cover are
its commissioner's to clear, and nobody objects to a charge that is decided.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0067_stands_as_made"

APP = "TO {prefix}_app, {prefix}_worker"
BY_ME = "commissioner_id = app_commissioner()"
OWN = "provider_id = app_organisation()"
SIDES = {
    "lead": "framework_id IN (SELECT * FROM my_led_frameworks())",
    "partner": f"framework_id IN (SELECT * FROM my_frameworks()) AND {BY_ME}",
}
SAID_BY_PROVIDER = "what IN ('minutes_agreed', 'minutes_commented', 'finding_answered', 'action_done', 'information_given', 'charge_objected')"
OF_SEEN = "(occasion_id IS NULL OR (commissioner_id, occasion_id) IN (SELECT c.commissioner_id, c.id FROM contract_occasion c))"
ANSWER = f"{OWN} AND by_provider AND by_person = app_person() AND {SAID_BY_PROVIDER} AND {OF_SEEN}"
OBJECTS_IN_TIME = """at = app_now() AND (what <> 'charge_objected' OR EXISTS (SELECT FROM information_charge c
    WHERE c.commissioner_id = contract_step.commissioner_id AND c.request_id = contract_step.request_id
        AND c.stands_at IS NULL AND c.dropped_at IS NULL AND app_now() < c.object_until))"""

# Of each table the moment that ends a row, who ends it, and what else is added to it; all the rest is fixed.
ENDS = {
    "suspension": ("lifted_at", "lifted_by", "lifted_by_name", "lift_reason", "end_told_at"),
    "suspension_cause": (
        "decided_at", "decided_by", "decided_by_name", "decision", "decision_reason", "suspension_id",
    ),
    "restriction": ("ended_at", "ended_by", "ended_by_name", "end_reason"),
    "pause": ("ended_at", "ended_by"),
    "visit_flag": ("cleared_at",),
}  # fmt: skip
NEW = {
    # a rule imposes in nobody's name; what goes on for other lots names whoever imposed the first
    "suspension": "starts_at = app_now() AND num_nonnulls(lifted_at, lifted_by, lift_reason, end_told_at) = 0"
    " AND (imposed_by = app_person() OR imposed_by IS NULL OR follows_id IS NOT NULL)",
    "restriction": "starts_at = app_now() AND imposed_by = app_person() AND num_nonnulls(ended_at, ended_by) = 0",
    "pause": "starts_at = app_now() AND paused_by = app_person() AND num_nonnulls(ended_at, ended_by) = 0",
    "information_charge": "charged_at = app_now() AND charged_by = app_person() AND num_nonnulls(stands_at, dropped_at) = 0",
    "visit_flag": "worker_id IS NOT NULL AND flagged_at = app_now() AND cleared_at IS NULL",
}


def policies(table: str, sides: dict[str, str], flags: str = "true") -> str:
    """A side reads what it did, adds rows as they begin, and changes what the trigger lets it."""
    parts: list[str] = []
    for name, holds in sides.items():
        parts.append(f"""
DROP POLICY {name} ON {table};
CREATE POLICY {name} ON {table} FOR SELECT {APP} USING ({holds});
CREATE POLICY {name}_begins ON {table} FOR INSERT {APP} WITH CHECK ({holds} AND {NEW[table]});
CREATE POLICY {name}_ends ON {table} FOR UPDATE {APP} USING ({holds} AND {flags}) WITH CHECK ({holds} AND {flags});""")
    return "".join(parts)


def policies_before(table: str, sides: dict[str, str]) -> str:
    """What `policies` took the place of."""
    return "".join(
        f"""
DROP POLICY {name} ON {table};
DROP POLICY {name}_begins ON {table};
DROP POLICY {name}_ends ON {table};
CREATE POLICY {name} ON {table} FOR ALL {APP} USING ({holds}) WITH CHECK ({holds});"""
        for name, holds in sides.items()
    )


UP = """
SET LOCAL ROLE {prefix}_owner;
-- Arguments: the moment that ends a row, then who ended it ('' where nobody is kept), then what else is added with it.
CREATE FUNCTION stands_as_made() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE was jsonb := to_jsonb(OLD); becomes jsonb := to_jsonb(NEW); one text;
BEGIN
    IF was - TG_ARGV <> becomes - TG_ARGV OR was <> becomes AND was ->> TG_ARGV[0] IS NOT NULL
    THEN RAISE EXCEPTION 'what was made stays as it was made, and what ended as it ended' USING ERRCODE = 'check_violation'; END IF;
    FOREACH one IN ARRAY TG_ARGV LOOP
        IF was ->> one IS NOT NULL AND was ->> one IS DISTINCT FROM becomes ->> one
        THEN RAISE EXCEPTION 'what ends it is said once' USING ERRCODE = 'check_violation'; END IF;
    END LOOP;
    -- the system ends things in nobody's name
    IF (becomes ->> TG_ARGV[0])::timestamptz <> app_now() AND was ->> TG_ARGV[0] IS NULL
       OR becomes ->> TG_ARGV[0] IS NOT NULL AND was ->> TG_ARGV[0] IS NULL AND TG_ARGV[1] <> ''
           AND coalesce((becomes ->> TG_ARGV[1])::uuid, '00000000-0000-0000-0000-000000000000') <> app_person()
    THEN RAISE EXCEPTION 'whoever ends it does so now, and in their own name' USING ERRCODE = 'check_violation'; END IF;
    RETURN NEW;
END $$;
-- Decided once: dropped on an objection by somebody else than who charged it; booked so too, or when nobody objected in time.
CREATE FUNCTION charge_stands_as_made() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE decided text[] := ARRAY['stands_at', 'dropped_at']; objected boolean;
BEGIN
    IF to_jsonb(OLD) - decided <> to_jsonb(NEW) - decided OR OLD.stands_at IS NOT NULL OR OLD.dropped_at IS NOT NULL
       OR coalesce(NEW.stands_at, NEW.dropped_at) <> app_now()
    THEN RAISE EXCEPTION 'a charge stays as it was made and decided' USING ERRCODE = 'check_violation'; END IF;
    objected := EXISTS (SELECT FROM contract_step t WHERE t.commissioner_id = OLD.commissioner_id
        AND t.request_id = OLD.request_id AND t.what = 'charge_objected');
    IF (CASE WHEN objected THEN OLD.charged_by = app_person()
        ELSE NEW.dropped_at IS NOT NULL OR NEW.stands_at IS NOT NULL AND app_now() < OLD.object_until END)
    THEN RAISE EXCEPTION 'a charge is decided by somebody else, or when the time to object is over'
        USING ERRCODE = 'check_violation'; END IF;
    RETURN NEW;
END $$;
REVOKE EXECUTE ON FUNCTION stands_as_made(), charge_stands_as_made() FROM PUBLIC;
-- whoever keeps the database puts things right outside every context
CREATE TRIGGER stands_as_made BEFORE UPDATE ON information_charge FOR EACH ROW WHEN (app_person() IS NOT NULL)
    EXECUTE FUNCTION charge_stands_as_made();
"""
for _table, _ends in ENDS.items():
    _who = (*_ends, "") if len(_ends) == 1 else _ends
    UP += f"""CREATE TRIGGER stands_as_made BEFORE UPDATE ON {_table} FOR EACH ROW WHEN (app_person() IS NOT NULL)
    EXECUTE FUNCTION stands_as_made({", ".join(f"'{each}'" for each in _who)});
"""
DECIDED_BY = {
    "suspension": SIDES,
    "restriction": SIDES,
    "pause": {"provider": OWN},
    "information_charge": {"own": BY_ME},
}
UP += "".join(policies(table, sides) for table, sides in DECIDED_BY.items())
UP += policies("visit_flag", {"provider": OWN}, "worker_id IS NOT NULL")
UP += f"""
DROP POLICY answer ON contract_step;
CREATE POLICY answer ON contract_step FOR INSERT {APP} WITH CHECK ({ANSWER} AND {OBJECTS_IN_TIME});
RESET ROLE;
"""

DOWN = f"""
SET LOCAL ROLE {{prefix}}_owner;
DROP POLICY answer ON contract_step;
CREATE POLICY answer ON contract_step FOR INSERT {APP} WITH CHECK ({ANSWER});
"""
DOWN += "".join(policies_before(table, sides) for table, sides in DECIDED_BY.items())
DOWN += policies_before("visit_flag", {"provider": OWN})
DOWN += "".join(f"\nDROP TRIGGER stands_as_made ON {table};" for table in (*ENDS, "information_charge"))
DOWN += "\nDROP FUNCTION stands_as_made(), charge_stands_as_made();\nRESET ROLE;\n"


async def forwards():
    return sql_migration(ID, "What was made stays as it was made", UP, DOWN)
