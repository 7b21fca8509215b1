"""A release to come: the program as it is, with one more migration, in a directory of its own."""

from __future__ import annotations

import shutil
from enum import Enum
from pathlib import Path
from typing import Final

import consent_registry_server
from consent_registry_server.storage.migrate import newest

REVISION: Final = "9999"

_MIGRATION: Final = """
from alembic import op

revision = "{revision}"
down_revision = "{before}"
branch_labels = None
depends_on = None

OLDEST_PROGRAM = "{oldest}"


def upgrade():
    op.execute("CREATE TABLE expanded (migrated_at timestamptz)")
    op.execute("INSERT INTO expanded VALUES (clock_timestamp())")
    op.execute("GRANT SELECT ON expanded TO consent_registry_app")
    # Long enough for another one that migrates meanwhile to come.
    op.execute("SELECT pg_sleep(2)")
    # What every question reads and every objection writes.
    op.execute("ALTER TABLE standing ADD COLUMN expanded text")
    op.execute("ALTER TABLE entry ADD COLUMN expanded text")
"""


class Support(Enum):
    """Whether the schema of the release to come supports the program of today."""

    YES = newest()
    NO = REVISION


def python_path(directory: Path, support: Support) -> str:
    """Makes the release in a directory; what PYTHONPATH is to be for it to run."""
    package = Path(consent_registry_server.__file__).parent
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(package, directory / package.name, ignore=ignored)
    versions = directory / package.name / "storage" / "migrations" / "versions"
    migration = _MIGRATION.format(revision=REVISION, before=newest(), oldest=support.value)
    (versions / f"{REVISION}_expanded.py").write_text(migration)
    return str(directory)
