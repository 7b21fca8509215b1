"""Unsubscribe links, entries that were said through them, and lifts of one recording objection.

Only adds: the program of before works on it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

APP_ROLE = "consent_registry_app"
TIME = sa.DateTime(timezone=True)
WRITTEN_IN = sa.text("((pg_current_xact_id())::text)::bigint")

# One command, so that one pass checks the ledger, however large it is.
WIDEN_LEDGER = """
ALTER TABLE entry
    ADD COLUMN unsubscribe_link_id uuid
        CONSTRAINT entry_unsubscribe_link_id_fk REFERENCES unsubscribe_link,
    DROP CONSTRAINT entry_lifts_entry_id_check,
    ADD CONSTRAINT entry_lifts_entry_id_check CHECK (
        CASE WHEN kind IN (12, 13, 18)
            THEN lifts_entry_id IS NULL OR lifts_entry_id = concerns_entry_id
            WHEN kind = 7 THEN true
            ELSE (kind IN (5, 17) OR kind = 10 AND attempt_outcome = 4)
                = (lifts_entry_id IS NOT NULL)
        END
    ),
    ADD CONSTRAINT entry_unsubscribe_link_id_check CHECK (
        unsubscribe_link_id IS NULL OR kind IN (4, 6)
    );
CREATE INDEX entry_unsubscribe_link_id_kind_idx ON entry (unsubscribe_link_id, kind)
    WHERE unsubscribe_link_id IS NOT NULL
"""

GUARD = """
CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_append_only
"""


def upgrade() -> None:
    """Adds the links, and widens the ledger."""
    _create_links()
    op.execute(WIDEN_LEDGER)
    for table in ("unsubscribe_link", "unsubscribe_link_contact_point"):
        op.execute(GUARD.format(table=table))
        op.execute(f"GRANT SELECT, INSERT ON {table} TO {APP_ROLE}")


def downgrade() -> None:
    """Refuses: the ledger only ever grows."""
    raise NotImplementedError("links that were sent cannot be called back")


def _create_links() -> None:
    op.create_table(
        "unsubscribe_link",
        sa.Column("link_id", sa.Uuid, nullable=False),
        sa.Column("controller", sa.Text, nullable=False),
        sa.Column("contact_point_refs", ARRAY(sa.Uuid), nullable=False),
        sa.Column("contact_kinds", ARRAY(sa.SmallInteger), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("written_in", sa.BigInteger, server_default=WRITTEN_IN),
        sa.PrimaryKeyConstraint("link_id", name="unsubscribe_link_pk"),
        sa.CheckConstraint(
            "cardinality(contact_point_refs) > 0",
            name=op.f("unsubscribe_link_contact_point_refs_check"),
        ),
        sa.CheckConstraint(
            "controller ~ '^[!-~]{1,200}$'", name=op.f("unsubscribe_link_controller_check")
        ),
    )
    op.create_index(
        "unsubscribe_link_controller_contact_point_refs_idx",
        "unsubscribe_link",
        ["controller", "contact_point_refs"],
    )
    op.create_index("unsubscribe_link_written_in_idx", "unsubscribe_link", ["written_in"])
    op.create_table(
        "unsubscribe_link_contact_point",
        sa.Column("contact_point_ref", sa.Uuid, nullable=False),
        sa.Column("link_id", sa.Uuid, nullable=False),
        sa.PrimaryKeyConstraint(
            "contact_point_ref", "link_id", name="unsubscribe_link_contact_point_pk"
        ),
        sa.ForeignKeyConstraint(
            ["link_id"],
            ["unsubscribe_link.link_id"],
            name="unsubscribe_link_contact_point_link_id_fk",
        ),
    )
