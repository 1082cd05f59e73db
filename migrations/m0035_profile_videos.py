"""Profile videos: a worker's own agreement that families watch one very file, and what it opens to which family.

A family reaches no row of evidence and no agreement: two narrow functions say which videos there are for it, and give
the one file, of workers proposed to it in a standing offer or caring for its child now.
"""

from marketplace.platform.migrate import sql_migration

ID = "m0035_profile_videos"

OWN_WORKER = "(provider_id, worker_id) IN (SELECT * FROM my_workers())"

UP = f"""
SET LOCAL ROLE {{prefix}}_owner;
CREATE TABLE profile_video (
    provider_id uuid NOT NULL REFERENCES provider, id uuid NOT NULL DEFAULT gen_random_uuid(),
    worker_id uuid NOT NULL, evidence_id uuid NOT NULL, agreed_at timestamptz NOT NULL, ended_at timestamptz,
    PRIMARY KEY (provider_id, id),
    FOREIGN KEY (provider_id, worker_id) REFERENCES worker,
    FOREIGN KEY (provider_id, evidence_id) REFERENCES evidence (provider_id, id)
);
CREATE UNIQUE INDEX profile_video_one ON profile_video (provider_id, worker_id) WHERE ended_at IS NULL;
ALTER TABLE profile_video ENABLE ROW LEVEL SECURITY;
ALTER TABLE profile_video FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON profile_video FOR SELECT TO {{prefix}}_app, {{prefix}}_worker USING (provider_id = app_organisation());
-- the worker's own to give, to a checked video of oneself, and to take back; nobody else writes here
CREATE POLICY self ON profile_video FOR SELECT TO {{prefix}}_app, {{prefix}}_worker USING ({OWN_WORKER});
CREATE POLICY self_agrees ON profile_video FOR INSERT TO {{prefix}}_app, {{prefix}}_worker
    WITH CHECK ({OWN_WORKER} AND ended_at IS NULL AND EXISTS (SELECT 1 FROM evidence e WHERE e.provider_id = profile_video.provider_id
        AND e.id = profile_video.evidence_id AND e.worker_id = profile_video.worker_id AND e.kind = 'profile_video' AND e.state = 'clean'
        AND e.deleted_at IS NULL));
CREATE POLICY self_takes_back ON profile_video FOR UPDATE TO {{prefix}}_app, {{prefix}}_worker
    USING ({OWN_WORKER} AND ended_at IS NULL) WITH CHECK ({OWN_WORKER} AND ended_at IS NOT NULL);
GRANT SELECT, INSERT, UPDATE ON profile_video TO {{prefix}}_app, {{prefix}}_worker;
RESET ROLE;
GRANT SELECT ON profile_video TO {{prefix}}_backup;

CREATE FUNCTION my_familys_videos() RETURNS TABLE (provider_id uuid, worker_id uuid, evidence_id uuid, worker_name text, framework_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH shown AS (
        SELECT w.provider_id, w.worker_id, r.framework_id FROM my_choosable_offers() m
            JOIN offer o ON o.commissioner_id = m.commissioner_id AND o.id = m.offer_id AND o.state = 'made'
            JOIN offer_worker w ON w.commissioner_id = o.commissioner_id AND w.offer_id = o.id
            JOIN referral r ON r.commissioner_id = o.commissioner_id AND r.id = o.referral_id AND r.state = 'broadcast'
        UNION SELECT w.provider_id, w.worker_id, p.framework_id FROM my_granted_packages() g
            JOIN package p ON p.commissioner_id = g.commissioner_id AND p.id = g.package_id AND p.state IN ('set_up', 'active')
            JOIN package_worker w ON w.commissioner_id = p.commissioner_id AND w.package_id = p.id AND w.removed_at IS NULL)
    SELECT v.provider_id, v.worker_id, v.evidence_id, k.name, s.framework_id FROM shown s
        JOIN profile_video v ON v.provider_id = s.provider_id AND v.worker_id = s.worker_id AND v.ended_at IS NULL
        JOIN worker k ON k.provider_id = v.provider_id AND k.id = v.worker_id AND (k.left_on IS NULL OR k.left_on >= app_today())
        JOIN evidence e ON e.provider_id = v.provider_id AND e.id = v.evidence_id AND e.kind = 'profile_video'
            AND e.state = 'clean' AND e.deleted_at IS NULL $$;
CREATE FUNCTION my_familys_video(wanted uuid) RETURNS SETOF evidence
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT e.* FROM evidence e WHERE e.id = wanted AND (e.provider_id, e.id) IN (SELECT f.provider_id, f.evidence_id FROM my_familys_videos() f) $$;
REVOKE EXECUTE ON FUNCTION my_familys_videos(), my_familys_video(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION my_familys_videos(), my_familys_video(uuid) TO {{prefix}}_app;
"""

DOWN = """
DROP FUNCTION my_familys_video(uuid), my_familys_videos();
DROP TABLE profile_video;
"""


async def forwards():
    return sql_migration(ID, "Profile videos families may watch", UP, DOWN)
