"""Emergency cover of a package whose visits a contract manager has stopped: a referral with a shorter time to answer,
authorised by name; and what it covers.

A family that agrees with a provider holds its standing still, as an award does.

A family reaches neither admissions nor suspensions: the lock is taken for it, and says nothing but that it is held. Watch looks duties up by when they are due.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0045_watch"

APP = "TO {prefix}_app, {prefix}_worker"
OWN = "commissioner_id = app_commissioner()"

UP = f"""
SET LOCAL ROLE {{prefix}}_owner;
-- an emergency (P 4.3): how long providers have, and who authorised it
ALTER TABLE referral ADD COLUMN answer_hours int CHECK (answer_hours BETWEEN 1 AND 1000), ADD COLUMN emergency_by text,
    ADD CONSTRAINT referral_emergency CHECK ((answer_hours IS NULL) = (emergency_by IS NULL) AND emergency_by <> '');
CREATE TABLE emergency_cover (
    commissioner_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(),
    package_id uuid NOT NULL, provider_id uuid NOT NULL, referral_id uuid NOT NULL,
    first_day date NOT NULL, last_day date NOT NULL, reason text NOT NULL CHECK (reason <> ''),
    asked_at timestamptz NOT NULL, asked_by uuid NOT NULL REFERENCES person, asked_by_name text NOT NULL,
    agreed_at timestamptz,
    PRIMARY KEY (commissioner_id, id), UNIQUE (commissioner_id, referral_id),
    FOREIGN KEY (commissioner_id, package_id, provider_id) REFERENCES package (commissioner_id, id, provider_id),
    FOREIGN KEY (commissioner_id, referral_id) REFERENCES referral, CHECK (last_day >= first_day)
);
CREATE INDEX emergency_cover_package ON emergency_cover (commissioner_id, package_id);
ALTER TABLE emergency_cover ENABLE ROW LEVEL SECURITY;
ALTER TABLE emergency_cover FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON emergency_cover FOR ALL {APP} USING ({OWN}) WITH CHECK ({OWN});
GRANT SELECT, INSERT, UPDATE ON emergency_cover {APP};
RESET ROLE;
GRANT SELECT ON emergency_cover TO {{prefix}}_backup;
-- Duties of a commissioner by when they fall due, ended ones too: what was late, and whether it grows.
CREATE INDEX obligation_due ON obligation (commissioner_id, due_at);
CREATE INDEX obligation_framework_due ON obligation (framework_id, due_at) WHERE commissioner_id IS NULL;
-- As `hold_admissions(.., alone => true)`, for whoever may spend a direct payment on the framework.
CREATE FUNCTION hold_new_family(framework uuid, provider uuid) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM direct_payment d JOIN my_granted_children('spend') g
                   ON g.commissioner_id = d.commissioner_id AND g.child_id = d.child_id
                   WHERE d.framework_id = framework AND (d.ends_on IS NULL OR d.ends_on >= app_today())) THEN
        RETURN false;
    END IF;
    PERFORM 1 FROM admission WHERE framework_id = framework AND provider_id = provider ORDER BY id FOR UPDATE;
    RETURN true;
END $$;
REVOKE EXECUTE ON FUNCTION hold_new_family(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION hold_new_family(uuid, uuid) TO {{prefix}}_app, {{prefix}}_worker, {{prefix}}_owner;
"""

DOWN = """
DROP TABLE emergency_cover;
ALTER TABLE referral DROP CONSTRAINT referral_emergency, DROP COLUMN answer_hours, DROP COLUMN emergency_by;
DROP FUNCTION hold_new_family(uuid, uuid);
DROP INDEX obligation_due, obligation_framework_due;
"""


async def forwards():
    return sql_migration(ID, "Emergency cover, families hold a standing, Watch", UP, DOWN)
