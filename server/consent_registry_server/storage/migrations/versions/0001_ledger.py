"""The ledger, the contact points, the vault, and what is derived from them.

Every table of history is guarded twice: the application's role has no right to change it, and a
trigger refuses a change by anyone.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

APP_ROLE = "consent_registry_app"
TIME = sa.DateTime(timezone=True)

APPEND_ONLY = ("entry", "entry_contact_point", "partner_change", "write_request", "write_answer")

GRANTS = {
    "entry": "SELECT, INSERT",
    "entry_contact_point": "SELECT, INSERT",
    "contact_point": "SELECT, INSERT",
    "standing": "SELECT, INSERT, UPDATE, DELETE",
    "vault": "SELECT, INSERT",
    "partner": "SELECT, INSERT, UPDATE",
    "partner_change": "SELECT, INSERT",
    "write_request": "SELECT, INSERT",
    "write_answer": "SELECT, INSERT",
    "key_check": "SELECT, INSERT",
    "registry": "SELECT",
    "alembic_version": "SELECT",
}

# A role belongs to the whole cluster: another database of it may have made it, or be making it
# at this moment, or the operator has made it because the login may not. A superuser needs no
# grant; a login that may not grant has been granted the role, or is told so when it connects.
CREATE_ROLE = f"""
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{APP_ROLE}') THEN
        CREATE ROLE {APP_ROLE} NOLOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;
END
$$;
DO $$
BEGIN
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        GRANT {APP_ROLE} TO CURRENT_USER;
    END IF;
EXCEPTION WHEN insufficient_privilege THEN
    NULL;
END
$$;
"""  # noqa: S608 - only a constant is put in

REFUSE_CHANGE = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the table % is append-only', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END
$$;
"""

GUARD = """
CREATE TRIGGER {table}_append_only BEFORE {operations} ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_append_only;
"""


def upgrade() -> None:
    """Makes the tables, the guards and the application's role."""
    _create_ledger()
    _create_contact_points()
    _create_standing()
    _create_vault()
    _create_partners()
    _create_requests()
    _create_registry()
    _guard_history()
    _grant()


def downgrade() -> None:
    """Refuses: the ledger only ever grows."""
    raise NotImplementedError("there is nothing before the first migration")


def _create_ledger() -> None:
    op.create_table(
        "entry",
        sa.Column("entry_id", sa.Uuid, nullable=False),
        sa.Column("kind", sa.SmallInteger, nullable=False),
        sa.Column("controller", sa.Text, nullable=False),
        sa.Column("channels", sa.Integer, nullable=False),
        sa.Column("purposes", sa.ARRAY(sa.Text)),
        sa.Column("source", sa.SmallInteger, nullable=False),
        sa.Column("precision", sa.SmallInteger, nullable=False),
        sa.Column("expressed_at", TIME),
        sa.Column("time_zone", sa.Text, nullable=False),
        sa.Column("recorded_at", TIME, nullable=False),
        sa.Column("counts_at", TIME, nullable=False),
        sa.Column("expires_at", TIME),
        sa.Column("proven", sa.Boolean, nullable=False),
        sa.Column("lifts_opt_outs", sa.Boolean, nullable=False),
        sa.Column("partner_id", sa.Text),
        sa.Column("lifts_entry_id", sa.Uuid),
        sa.PrimaryKeyConstraint("entry_id", name="entry_pk"),
        sa.ForeignKeyConstraint(
            ["lifts_entry_id"], ["entry.entry_id"], name="entry_lifts_entry_id_fk"
        ),
        _check("entry", "kind", "kind BETWEEN 1 AND 8"),
        _check("entry", "channels", "channels <> 0"),
        _check("entry", "source", "source BETWEEN 1 AND 11"),
        _check("entry", "precision", "precision BETWEEN 1 AND 3"),
        _check("entry", "expressed_at", "(precision = 3) = (expressed_at IS NULL)"),
        _check("entry", "time_zone", "time_zone ~ '^[A-Za-z0-9_+/-]{0,64}$'"),
        _check("entry", "lifts_entry_id", "(kind = 5) = (lifts_entry_id IS NOT NULL)"),
        _check("entry", "partner", "kind <> 2 OR partner_id IS NOT NULL"),
        _check("entry", "controller", "controller ~ '^[!-~]{1,200}$'"),
        _check("entry", "partner_id", "partner_id ~ '^[!-~]{1,200}$'"),
    )
    op.create_index("entry_recorded_at_entry_id_idx", "entry", ["recorded_at", "entry_id"])
    op.create_index(
        "entry_lifts_entry_id_idx",
        "entry",
        ["lifts_entry_id"],
        postgresql_where=sa.text("lifts_entry_id IS NOT NULL"),
    )
    op.create_table(
        "entry_contact_point",
        sa.Column("entry_id", sa.Uuid, nullable=False),
        sa.Column("contact_point_ref", sa.Uuid, nullable=False),
        sa.Column("kind", sa.SmallInteger, nullable=False),
        sa.PrimaryKeyConstraint("entry_id", "contact_point_ref", name="entry_contact_point_pk"),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["entry.entry_id"], name="entry_contact_point_entry_id_fk"
        ),
        _check("entry_contact_point", "kind", "kind BETWEEN 1 AND 5"),
    )
    op.create_index(
        "entry_contact_point_contact_point_ref_idx", "entry_contact_point", ["contact_point_ref"]
    )


def _create_contact_points() -> None:
    op.create_table(
        "contact_point",
        sa.Column("contact_point_ref", sa.Uuid, nullable=False),
        sa.Column("normaliser_version", sa.SmallInteger, nullable=False),
        sa.Column("kind", sa.SmallInteger, nullable=False),
        sa.Column("unit_state", sa.SmallInteger, nullable=False),
        sa.Column("key_version", sa.SmallInteger, nullable=False),
        sa.Column("exact_digest", sa.LargeBinary, nullable=False),
        sa.Column("wide_digest", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("contact_point_ref", "normaliser_version", name="contact_point_pk"),
        sa.UniqueConstraint("exact_digest", name="contact_point_exact_digest_key"),
        _check("contact_point", "kind", "kind BETWEEN 1 AND 5"),
        _check("contact_point", "exact_digest", "octet_length(exact_digest) = 16"),
        _check("contact_point", "wide_digest", "octet_length(wide_digest) = 16"),
    )
    op.create_index(
        "contact_point_wide_digest_idx",
        "contact_point",
        ["wide_digest"],
        postgresql_include=["contact_point_ref", "exact_digest", "unit_state"],
    )


def _create_standing() -> None:
    op.create_table(
        "standing",
        sa.Column("contact_point_ref", sa.Uuid, nullable=False),
        sa.Column("entry_id", sa.Uuid, nullable=False),
        sa.Column("kind", sa.SmallInteger, nullable=False),
        sa.Column("controller", sa.Text, nullable=False),
        sa.Column("channels", sa.Integer, nullable=False),
        sa.Column("purposes", sa.ARRAY(sa.Text)),
        sa.Column("source", sa.SmallInteger, nullable=False),
        sa.Column("counts_at", TIME, nullable=False),
        sa.Column("expressed_at", TIME),
        sa.Column("expires_at", TIME),
        sa.Column("lifted_at", TIME),
        sa.Column("proven", sa.Boolean, nullable=False),
        sa.Column("lifts_opt_outs", sa.Boolean, nullable=False),
        sa.Column("partner_id", sa.Text),
        sa.PrimaryKeyConstraint("contact_point_ref", "entry_id", name="standing_pk"),
        sa.ForeignKeyConstraint(["entry_id"], ["entry.entry_id"], name="standing_entry_id_fk"),
    )


def _create_vault() -> None:
    op.create_table(
        "vault",
        sa.Column("entry_id", sa.Uuid, nullable=False),
        sa.Column("key_id", sa.Text, nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary, nullable=False),
        sa.Column("nonce", sa.LargeBinary, nullable=False),
        sa.Column("ciphertext", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("entry_id", name="vault_pk"),
        sa.ForeignKeyConstraint(["entry_id"], ["entry.entry_id"], name="vault_entry_id_fk"),
    )


def _create_partners() -> None:
    op.create_table(
        "partner",
        sa.Column("controller", sa.Text, nullable=False),
        sa.Column("partner_id", sa.Text(collation="C"), nullable=False),
        *_partner_terms(),
        sa.PrimaryKeyConstraint("controller", "partner_id", name="partner_pk"),
        _check("partner", "kind", "kind BETWEEN 1 AND 5"),
        _check("partner", "maximum_lead_age_days", "maximum_lead_age_days > 0"),
    )
    op.create_table(
        "partner_change",
        sa.Column("change_number", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("controller", sa.Text, nullable=False),
        sa.Column("partner_id", sa.Text, nullable=False),
        *_partner_terms(),
        sa.PrimaryKeyConstraint("change_number", name="partner_change_pk"),
    )
    op.create_index(
        "partner_change_controller_partner_id_idx", "partner_change", ["controller", "partner_id"]
    )


def _partner_terms() -> list[sa.Column[Any]]:
    return [
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("kind", sa.SmallInteger, nullable=False),
        sa.Column("permitted_channels", sa.Integer, nullable=False),
        sa.Column("permitted_purposes", sa.ARRAY(sa.Text), nullable=False),
        sa.Column("maximum_lead_age_days", sa.Integer, nullable=False),
        sa.Column("recorded_at", TIME, nullable=False),
    ]


def _create_requests() -> None:
    op.create_table(
        "write_request",
        sa.Column("id_digest", sa.LargeBinary, nullable=False),
        sa.Column("content_digest", sa.LargeBinary, nullable=False),
        sa.Column("recorded_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id_digest", name="write_request_pk"),
        _check("write_request", "id_digest", "octet_length(id_digest) = 16"),
        _check("write_request", "content_digest", "octet_length(content_digest) = 16"),
    )
    op.create_table(
        "write_answer",
        sa.Column("id_digest", sa.LargeBinary, nullable=False),
        sa.Column("revision", sa.Text, nullable=False),
        sa.Column("details", JSONB, nullable=False),
        sa.PrimaryKeyConstraint("id_digest", name="write_answer_pk"),
        sa.ForeignKeyConstraint(
            ["id_digest"], ["write_request.id_digest"], name="write_answer_id_digest_fk"
        ),
    )


def _create_registry() -> None:
    op.create_table(
        "key_check",
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("key_id", sa.Text, nullable=False),
        sa.Column("check_value", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("kind", "key_id", name="key_check_pk"),
        _check("key_check", "kind", "kind IN ('digest', 'vault')"),
    )
    op.create_table(
        "registry",
        sa.Column("only_row", sa.Boolean, nullable=False),
        sa.Column("incarnation", sa.Uuid, nullable=False),
        sa.PrimaryKeyConstraint("only_row", name="registry_pk"),
        _check("registry", "only_row", "only_row"),
    )
    op.execute("INSERT INTO registry (only_row, incarnation) VALUES (true, gen_random_uuid())")


def _guard_history() -> None:
    op.execute(REFUSE_CHANGE)
    for table in APPEND_ONLY:
        op.execute(GUARD.format(table=table, operations="UPDATE OR DELETE OR TRUNCATE"))
    # The digests change when keys rotate; what they stand for never does.
    kept = "contact_point_ref, normaliser_version, kind, unit_state"
    operations = f"UPDATE OF {kept} OR DELETE OR TRUNCATE"
    op.execute(GUARD.format(table="contact_point", operations=operations))


def _grant() -> None:
    op.execute(CREATE_ROLE)
    op.execute(
        f"DO $$ BEGIN EXECUTE format('GRANT USAGE ON SCHEMA %I TO {APP_ROLE}', current_schema());"
        " END $$"
    )
    for table, privileges in GRANTS.items():
        op.execute(f"GRANT {privileges} ON {table} TO {APP_ROLE}")


def _check(table: str, name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"{table}_{name}_check"))
