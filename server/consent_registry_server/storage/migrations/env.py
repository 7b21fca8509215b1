"""Run by Alembic for every command; the connection comes from `storage.migrate`."""

from __future__ import annotations

from alembic import context

from consent_registry_server.storage import officer_schema

# A migration that cannot get its lock must not queue up: every query behind it would wait too.
LOCK_TIMEOUT = "5s"
STATEMENT_TIMEOUT = "5min"

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    # Of both modules of tables: this one imports the other.
    target_metadata=officer_schema.access.metadata,
)
with context.begin_transaction():
    connection.exec_driver_sql(
        f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}';"
        f" SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}'"
    )
    context.run_migrations()
