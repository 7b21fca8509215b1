"""Run by Alembic for every command; the connection comes from `storage.migrate`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from alembic import context
from alembic.runtime.migration import MigrationContext, MigrationInfo

from consent_registry_server.storage import officer_schema
from consent_registry_server.storage.schema_support import note_supported

# A migration that cannot get its lock must not queue up: every query behind it would wait too.
LOCK_TIMEOUT = "5s"
STATEMENT_TIMEOUT = "5min"

connection = context.config.attributes["connection"]


def note(
    ctx: MigrationContext,
    step: MigrationInfo,
    heads: Collection[Any],  # noqa: ARG001 - Alembic tells it
    run_args: Mapping[str, Any],  # noqa: ARG001 - as above
) -> None:
    """Notes in a migration's own transaction which programs run on what it leaves behind."""
    if ctx.connection is not None:
        note_supported(ctx.connection, context.script, schema=step.up_revision_id)


context.configure(
    connection=connection,
    on_version_apply=note,
    # Of both modules of tables: this one imports the other.
    target_metadata=officer_schema.access.metadata,
)
with context.begin_transaction():
    connection.exec_driver_sql(
        f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}';"
        f" SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}'"
    )
    context.run_migrations()
