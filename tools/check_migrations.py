"""Tells whether the migrations lead to the schema that the code declares, on a real PostgreSQL."""

import sys
import tempfile
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from consent_registry_server.storage import migrations
from consent_registry_server.storage.embedded import EmbeddedPostgres
from consent_registry_server.storage.schema import metadata


def main() -> int:
    """Returns the exit code: 1 when a migration is missing."""
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedPostgres(Path(folder) / "postgres")
        url = server.start()
        try:
            migrations.upgrade(url)
            missing = missing_changes(url)
        finally:
            server.stop()
    for change in missing:
        print(f"no migration for {change}")
    return 1 if missing else 0


def missing_changes(url: str) -> list[object]:
    """What a migration would still have to change for the database to match the metadata."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(
                connection, opts={"compare_type": True, "compare_server_default": True}
            )
            return list(compare_metadata(context, metadata))
    finally:
        engine.dispose()


if __name__ == "__main__":
    sys.exit(main())
