"""Which programs run on the schema, so that those of before go on while it is new.

Programs of before this revision do not ask, and take no other schema than theirs.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

OLDEST_PROGRAM = "0005"

APP_ROLE = "consent_registry_app"


def upgrade() -> None:
    """Adds the table; `env.py` fills it after each migration."""
    op.create_table(
        "supported_program",
        sa.Column("schema_revision", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("schema_revision", name="supported_program_pk"),
    )
    op.execute(f"GRANT SELECT ON supported_program TO {APP_ROLE}")


def downgrade() -> None:
    """Refuses: the ledger only ever grows."""
    raise NotImplementedError("programs of before could not tell what they run on")
