"""Tells whether the migrations lead to the schema that the code declares, on a real PostgreSQL."""

import tempfile
from pathlib import Path

from consent_registry_server.storage.embedded import EmbeddedPostgres
from consent_registry_server.storage.migrate import check_models, upgrade


def main() -> None:
    """Fails with what a migration would still have to change."""
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedPostgres(Path(folder) / "postgres")
        url = server.start()
        try:
            upgrade(url)
            check_models(url)
        finally:
            server.stop()


if __name__ == "__main__":
    main()
