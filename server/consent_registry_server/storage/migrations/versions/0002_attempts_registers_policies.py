"""Contact attempts, results of national registers, and every policy that was in force.

Only adds: the program of before works on it, and what it wrote stays as it is. Which transaction
wrote a row is known of new rows alone: to fill it in for old ones would rewrite the ledger while
everybody waits, and no decision that can be replayed was made before them.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

APP_ROLE = "consent_registry_app"
TIME = sa.DateTime(timezone=True)

# One command, so that one pass checks the ledger, however large it is.
WIDEN_LEDGER = """
ALTER TABLE entry
    ADD COLUMN attempt_id uuid CONSTRAINT entry_attempt_id_fk REFERENCES entry,
    ADD COLUMN attempt_outcome smallint,
    ADD COLUMN register text,
    ADD COLUMN register_status smallint,
    ADD COLUMN listed_at timestamptz,
    ADD COLUMN written_in bigint,
    ALTER COLUMN written_in SET DEFAULT ((pg_current_xact_id())::text)::bigint,
    DROP CONSTRAINT entry_kind_check,
    DROP CONSTRAINT entry_lifts_entry_id_check,
    ADD CONSTRAINT entry_kind_check CHECK (kind BETWEEN 1 AND 11),
    ADD CONSTRAINT entry_lifts_entry_id_check CHECK (
        (kind = 5 OR kind = 10 AND attempt_outcome = 4) = (lifts_entry_id IS NOT NULL)
    ),
    ADD CONSTRAINT entry_release_check CHECK (kind <> 10 OR lifts_entry_id = attempt_id),
    ADD CONSTRAINT entry_attempt_id_check CHECK ((kind = 10) = (attempt_id IS NOT NULL)),
    ADD CONSTRAINT entry_attempt_outcome_check CHECK (
        (kind = 10) = (attempt_outcome IS NOT NULL) AND attempt_outcome BETWEEN 1 AND 4
    ),
    ADD CONSTRAINT entry_register_check CHECK (
        (kind = 11) = (register IS NOT NULL) AND char_length(register) BETWEEN 1 AND 500
    ),
    ADD CONSTRAINT entry_register_status_check CHECK (
        (kind = 11) = (register_status IS NOT NULL) AND register_status BETWEEN 1 AND 2
    ),
    ADD CONSTRAINT entry_listed_at_check CHECK (
        listed_at IS NULL OR register_status IS NOT DISTINCT FROM 1
    )
"""

DATE_PARTNER_CHANGES = """
ALTER TABLE partner_change
    ADD COLUMN written_in bigint,
    ALTER COLUMN written_in SET DEFAULT ((pg_current_xact_id())::text)::bigint
"""

GRANTS = {
    "register_standing": "SELECT, INSERT, UPDATE, DELETE",
    "policy_version": "SELECT, INSERT",
    "policy_activation": "SELECT, INSERT",
}

GUARD = """
CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_append_only;
"""


def upgrade() -> None:
    """Widens the ledger and adds the tables beside it."""
    _widen_ledger()
    _create_register_standing()
    _create_policies()
    for table, privileges in GRANTS.items():
        op.execute(f"GRANT {privileges} ON {table} TO {APP_ROLE}")


def downgrade() -> None:
    """Refuses: the ledger only ever grows."""
    raise NotImplementedError("entries of the new kinds cannot be taken back")


def _widen_ledger() -> None:
    op.execute(WIDEN_LEDGER)
    op.execute(DATE_PARTNER_CHANGES)
    op.add_column(
        "registry",
        sa.Column("began_at", TIME, nullable=False, server_default=sa.text("'-infinity'")),
    )
    op.create_index(
        "entry_attempt_id_idx",
        "entry",
        ["attempt_id"],
        postgresql_where=sa.text("attempt_id IS NOT NULL"),
    )
    op.create_index(
        "entry_controller_register_counts_at_idx",
        "entry",
        ["controller", "register", "counts_at"],
        postgresql_where=sa.text("register IS NOT NULL"),
    )


def _create_register_standing() -> None:
    op.create_table(
        "register_standing",
        sa.Column("contact_point_ref", sa.Uuid, nullable=False),
        sa.Column("controller", sa.Text, nullable=False),
        sa.Column("register", sa.Text, nullable=False),
        sa.Column("entry_id", sa.Uuid, nullable=False),
        sa.Column("is_listed", sa.Boolean, nullable=False),
        sa.Column("checked_at", TIME, nullable=False),
        sa.Column("listed_at", TIME),
        sa.PrimaryKeyConstraint(
            "contact_point_ref", "controller", "register", name="register_standing_pk"
        ),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["entry.entry_id"], name="register_standing_entry_id_fk"
        ),
    )


def _create_policies() -> None:
    op.create_table(
        "policy_version",
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("files", JSONB, nullable=False),
        sa.Column("stored_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("version", name="policy_version_pk"),
    )
    op.create_table(
        "policy_activation",
        sa.Column("activation_number", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("activated_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("activation_number", name="policy_activation_pk"),
        sa.ForeignKeyConstraint(
            ["version"], ["policy_version.version"], name="policy_activation_version_fk"
        ),
    )
    for table in ("policy_version", "policy_activation"):
        op.execute(GUARD.format(table=table))
