"""The job queue's schema (pgqueuer), written in the same database so that a job commits with its change."""

from marketplace.platform.jobs_schema import install_sql
from marketplace.platform.migrate import sql_migration

ID = "m0008_jobs"

DOWN = "DROP SCHEMA jobs CASCADE;"


async def forwards():
    return sql_migration(
        ID,
        "Job queue",
        "SET LOCAL ROLE {prefix}_owner;" + install_sql("{prefix}_app", "{prefix}_worker", "{prefix}_backup"),
        DOWN,
    )
