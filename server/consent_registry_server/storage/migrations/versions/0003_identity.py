"""Identities that expire, keys by month, rights requests, the access trail, digests that rotate.

Only adds: the program of before works on it. What it wrote to the vault gets the day on which it
expires, from its entry; it stays under the keys of the keyring until it is sealed anew.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

APP_ROLE = "consent_registry_app"
TIME = sa.DateTime(timezone=True)
WRITTEN_IN = sa.text("((pg_current_xact_id())::text)::bigint")
IN_SEVEN_YEARS = sa.text("(CURRENT_DATE + '7 years'::interval)")

# One command, so that one pass checks the ledger, however large it is.
WIDEN_LEDGER = """
ALTER TABLE entry
    ADD COLUMN concerns_entry_id uuid CONSTRAINT entry_concerns_entry_id_fk REFERENCES entry,
    ADD COLUMN keep_until date,
    DROP CONSTRAINT entry_kind_check,
    DROP CONSTRAINT entry_source_check,
    DROP CONSTRAINT entry_lifts_entry_id_check,
    ADD CONSTRAINT entry_kind_check CHECK (kind BETWEEN 1 AND 18),
    ADD CONSTRAINT entry_source_check CHECK (source BETWEEN 1 AND 12),
    ADD CONSTRAINT entry_lifts_entry_id_check CHECK (
        CASE WHEN kind IN (12, 13, 18)
            THEN lifts_entry_id IS NULL OR lifts_entry_id = concerns_entry_id
            ELSE (kind IN (5, 17) OR kind = 10 AND attempt_outcome = 4)
                = (lifts_entry_id IS NOT NULL)
        END
    ),
    ADD CONSTRAINT entry_concerns_entry_id_check CHECK (
        CASE WHEN kind IN (12, 13, 14, 15, 16, 18) THEN concerns_entry_id IS NOT NULL
            ELSE concerns_entry_id IS NULL OR kind IN (1, 2, 3, 4, 6, 8)
        END
    ),
    ADD CONSTRAINT entry_keep_until_check CHECK ((kind = 14) = (keep_until IS NOT NULL))
"""

INDEX_LEDGER = """
CREATE INDEX entry_concerns_entry_id_idx ON entry (concerns_entry_id)
    WHERE concerns_entry_id IS NOT NULL;
CREATE UNIQUE INDEX entry_identity_end_key ON entry (concerns_entry_id) WHERE kind IN (12, 13);
CREATE INDEX entry_written_in_idx ON entry (written_in)
"""

# The keys under which the vault was sealed so far are the keyring's: they have no month.
KNOWN_KEYS = """
INSERT INTO vault_key (key_id, created_at)
SELECT key_id, now() FROM vault UNION SELECT key_id, now() FROM key_check WHERE kind = 'vault'
"""

WIDEN_VAULT = """
ALTER TABLE vault
    ADD COLUMN expires_on date,
    ADD COLUMN written_in bigint,
    ADD COLUMN held boolean NOT NULL DEFAULT false,
    ADD COLUMN times_sealed integer NOT NULL DEFAULT 1,
    ALTER COLUMN written_in SET DEFAULT ((pg_current_xact_id())::text)::bigint,
    ADD CONSTRAINT vault_key_id_fk FOREIGN KEY (key_id) REFERENCES vault_key
"""

# Seven calendar years after what was said was said, or recorded where that is not known. Consents
# are judged by the rule of their country when they come up, and kept for longer where it says so.
DATE_VAULT = """
UPDATE vault SET expires_on = (
    SELECT (least(coalesce(entry.expressed_at, entry.recorded_at), entry.recorded_at)
        AT TIME ZONE coalesce(nullif(entry.time_zone, ''), 'UTC') + '7 years'::interval)::date
    FROM entry WHERE entry.entry_id = vault.entry_id
)
"""

REQUIRE_DATE = """
ALTER TABLE vault
    ALTER COLUMN expires_on SET DEFAULT (CURRENT_DATE + '7 years'::interval),
    ALTER COLUMN expires_on SET NOT NULL;
CREATE INDEX vault_expires_on_idx ON vault (expires_on) WHERE NOT held;
CREATE INDEX vault_key_id_idx ON vault (key_id);
CREATE INDEX vault_written_in_idx ON vault (written_in)
"""

# Whoever reads the changes of the ledger finds by it what was sealed anew, and which is the newer.
NOTE_RESEALING = """
CREATE FUNCTION note_resealing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.written_in := (pg_current_xact_id()::text)::bigint;
    NEW.times_sealed := greatest(NEW.times_sealed, OLD.times_sealed + 1);
    RETURN NEW;
END
$$;
"""

NOTED = """
CREATE TRIGGER {table}_resealed BEFORE UPDATE ON {table}
    FOR EACH ROW EXECUTE FUNCTION note_resealing();
"""

# As of the ledger: it is unknown of what is there already who wrote it.
DATE_SMALL_TABLES = "; ".join(
    f"""
    ALTER TABLE {table}
        ADD COLUMN written_in bigint,
        ALTER COLUMN written_in SET DEFAULT ((pg_current_xact_id())::text)::bigint
    """
    for table in ("policy_version", "policy_activation", "key_check")
)

# The digests of requests rotate as those of contact points do; what they stand for never changes.
ROTATING_REQUESTS = """
ALTER TABLE write_request
    ADD COLUMN key_version smallint NOT NULL DEFAULT 1,
    ADD COLUMN written_in bigint,
    ALTER COLUMN written_in SET DEFAULT ((pg_current_xact_id())::text)::bigint;
CREATE INDEX write_request_written_in_idx ON write_request (written_in);
UPDATE registry SET
    digest_oldest = known.keys, digest_newest = known.keys
FROM (SELECT greatest(1, count(*)) AS keys FROM key_check WHERE kind = 'digest') AS known;
DROP TRIGGER write_request_append_only ON write_request;
UPDATE write_request SET key_version = digest_newest FROM registry WHERE digest_newest <> 1;
ALTER TABLE write_answer
    DROP CONSTRAINT write_answer_id_digest_fk,
    ADD CONSTRAINT write_answer_id_digest_fk FOREIGN KEY (id_digest) REFERENCES write_request
        ON UPDATE CASCADE;
DROP TRIGGER write_answer_append_only ON write_answer
"""

GUARDS = {
    "write_request": "UPDATE OF recorded_at OR DELETE OR TRUNCATE",
    "write_answer": "UPDATE OF revision, details OR DELETE OR TRUNCATE",
    "access": "UPDATE OR TRUNCATE",
    "rights_request": "UPDATE OR TRUNCATE",
    "rights_request_event": "UPDATE OR TRUNCATE",
}

GUARD = """
CREATE TRIGGER {table}_append_only BEFORE {operations} ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_append_only;
"""

# What has a day on which it expires may go after it and never before. The job that takes it away
# names its day, which an operator may choose; without one it is today.
REFUSE_EARLY_DELETE = """
CREATE FUNCTION refuse_early_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.expires_on >= coalesce(
        nullif(current_setting('consent_registry.as_of', true), '')::date, CURRENT_DATE
    ) THEN
        RAISE EXCEPTION 'the row of % is kept until %', TG_TABLE_NAME, OLD.expires_on
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN OLD;
END
$$;
"""

KEEP = """
CREATE TRIGGER {table}_kept BEFORE DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION refuse_early_delete();
ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_kept;
"""

KEPT = ("access", "rights_request", "refused_lead")

GRANTS = {
    "vault": "UPDATE, DELETE",
    "vault_key": "SELECT, INSERT, DELETE",
    "retired_vault_key": "SELECT, INSERT, UPDATE",
    "sealed_note": "SELECT, INSERT, UPDATE, DELETE",
    "access": "SELECT, INSERT, DELETE",
    "rights_request": "SELECT, INSERT, DELETE",
    "rights_request_event": "SELECT, INSERT",
    "refused_lead": "SELECT, INSERT, DELETE",
    "export_progress": "SELECT, INSERT, UPDATE",
    "contact_point": "UPDATE (exact_digest, wide_digest, key_version)",
    "write_request": "UPDATE (id_digest, content_digest, key_version)",
    "registry": "UPDATE (digest_oldest, digest_newest)",
}


def upgrade() -> None:
    """Widens ledger and vault and adds the tables beside them."""
    op.execute(WIDEN_LEDGER)
    op.execute(INDEX_LEDGER)
    _create_keys()
    op.execute(KNOWN_KEYS)
    op.execute(WIDEN_VAULT)
    op.execute(DATE_VAULT)
    op.execute(REQUIRE_DATE)
    op.execute(DATE_SMALL_TABLES)
    _widen_registry()
    op.execute(ROTATING_REQUESTS)
    _create_notes()
    _create_rights_requests()
    _guard()
    for table, privileges in GRANTS.items():
        op.execute(f"GRANT {privileges} ON {table} TO {APP_ROLE}")


def downgrade() -> None:
    """Refuses: the ledger only ever grows."""
    raise NotImplementedError("entries of the new kinds cannot be taken back")


def _create_keys() -> None:
    op.create_table(
        "vault_key",
        sa.Column("key_id", sa.Text, nullable=False),
        sa.Column("month", sa.Date),
        sa.Column("created_at", TIME, nullable=False),
        _written_in(),
        sa.PrimaryKeyConstraint("key_id", name="vault_key_pk"),
        _check("vault_key", "month", "month = date_trunc('month', month)"),
    )
    op.create_table(
        "retired_vault_key",
        sa.Column("key_id", sa.Text, nullable=False),
        sa.Column("month", sa.Date),
        sa.Column("retired_at", TIME, nullable=False),
        sa.Column("destroyed_at", TIME),
        _written_in(),
        sa.PrimaryKeyConstraint("key_id", name="retired_vault_key_pk"),
    )


def _widen_registry() -> None:
    for name in ("digest_oldest", "digest_newest"):
        number = sa.Column(name, sa.SmallInteger, nullable=False, server_default=sa.text("1"))
        op.add_column("registry", number)
    flag = sa.Column("reconciling", sa.Boolean, nullable=False, server_default=sa.text("false"))
    op.add_column("registry", flag)
    op.create_check_constraint(
        op.f("registry_digests_check"),
        "registry",
        "1 <= digest_oldest AND digest_oldest <= digest_newest",
    )
    op.create_table(
        "export_progress",
        sa.Column("only_row", sa.Boolean, nullable=False),
        sa.Column("snapshot", sa.Text, nullable=False),
        sa.Column("exported_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("only_row", name="export_progress_pk"),
        _check("export_progress", "only_row", "only_row"),
    )


def _create_notes() -> None:
    op.create_table(
        "sealed_note",
        sa.Column("note_id", sa.Uuid, nullable=False),
        sa.Column("key_id", sa.Text, nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary, nullable=False),
        sa.Column("nonce", sa.LargeBinary, nullable=False),
        sa.Column("ciphertext", sa.LargeBinary, nullable=False),
        sa.Column("expires_on", sa.Date, nullable=False, server_default=IN_SEVEN_YEARS),
        _written_in(),
        sa.Column("times_sealed", sa.Integer, nullable=False, server_default=sa.text("1")),
        sa.PrimaryKeyConstraint("note_id", name="sealed_note_pk"),
        sa.ForeignKeyConstraint(["key_id"], ["vault_key.key_id"], name="sealed_note_key_id_fk"),
    )
    op.create_table(
        "access",
        sa.Column("access_id", sa.Uuid, nullable=False),
        sa.Column("accessed_at", TIME, nullable=False),
        sa.Column("controller", sa.Text, nullable=False),
        sa.Column("caller_id", sa.Text, nullable=False),
        sa.Column("operation", sa.SmallInteger, nullable=False),
        sa.Column("entry_id", sa.Uuid),
        sa.Column("note_id", sa.Uuid, nullable=False),
        sa.Column("expires_on", sa.Date, nullable=False),
        _written_in(),
        sa.PrimaryKeyConstraint("access_id", name="access_pk"),
        sa.ForeignKeyConstraint(["entry_id"], ["entry.entry_id"], name="access_entry_id_fk"),
        _check("access", "operation", "operation BETWEEN 1 AND 20"),
    )
    op.create_table(
        "refused_lead",
        sa.Column("refused_lead_number", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("controller", sa.Text, nullable=False),
        sa.Column("partner_id", sa.Text, nullable=False),
        sa.Column("refusal", sa.SmallInteger, nullable=False),
        sa.Column("recorded_at", TIME, nullable=False),
        sa.Column("expires_on", sa.Date, nullable=False),
        _written_in(),
        sa.PrimaryKeyConstraint("refused_lead_number", name="refused_lead_pk"),
    )
    _index("sealed_note", "expires_on")
    _index("sealed_note", "key_id")
    _index("sealed_note", "written_in")
    _index("access", "controller", "accessed_at", "access_id")
    _index("access", "entry_id")
    _index("access", "expires_on")
    _index("access", "written_in")
    _index("refused_lead", "expires_on")
    _index("refused_lead", "written_in")


def _create_rights_requests() -> None:
    op.create_table(
        "rights_request",
        sa.Column("rights_request_id", sa.Uuid, nullable=False),
        sa.Column("controller", sa.Text, nullable=False),
        sa.Column("kind", sa.SmallInteger, nullable=False),
        sa.Column("received_on", sa.Date, nullable=False),
        sa.Column("due_on", sa.Date, nullable=False),
        sa.Column("opened_at", TIME, nullable=False),
        sa.Column("note_id", sa.Uuid, nullable=False),
        sa.Column("expires_on", sa.Date, nullable=False),
        _written_in(),
        sa.PrimaryKeyConstraint("rights_request_id", name="rights_request_pk"),
        _check("rights_request", "kind", "kind BETWEEN 1 AND 6"),
        _check("rights_request", "due_on", "due_on > received_on"),
    )
    op.create_table(
        "rights_request_event",
        sa.Column("rights_request_id", sa.Uuid, nullable=False),
        sa.Column("kind", sa.SmallInteger, nullable=False),
        sa.Column("happened_at", TIME, nullable=False),
        sa.Column("due_on", sa.Date),
        sa.Column("outcome", sa.SmallInteger),
        sa.Column("note_id", sa.Uuid, nullable=False),
        _written_in(),
        sa.PrimaryKeyConstraint("rights_request_id", "kind", name="rights_request_event_pk"),
        sa.ForeignKeyConstraint(
            ["rights_request_id"],
            ["rights_request.rights_request_id"],
            name="rights_request_event_rights_request_id_fk",
            ondelete="CASCADE",
        ),
        _check("rights_request_event", "kind", "kind BETWEEN 1 AND 2"),
        _check("rights_request_event", "due_on", "(kind = 1) = (due_on IS NOT NULL)"),
        _check("rights_request_event", "outcome", "(kind = 2) = (outcome IS NOT NULL)"),
    )
    _index("rights_request", "controller", "due_on", "rights_request_id")
    _index("rights_request", "expires_on")


def _guard() -> None:
    for table, operations in GUARDS.items():
        op.execute(GUARD.format(table=table, operations=operations))
    op.execute(REFUSE_EARLY_DELETE)
    for table in KEPT:
        op.execute(KEEP.format(table=table))
    op.execute(NOTE_RESEALING)
    for table in ("vault", "sealed_note"):
        op.execute(NOTED.format(table=table))


def _written_in() -> sa.Column[Any]:
    return sa.Column("written_in", sa.BigInteger, server_default=WRITTEN_IN)


def _index(table: str, *columns: str) -> None:
    op.create_index("_".join([table, *columns, "idx"]), table, list(columns))


def _check(table: str, name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"{table}_{name}_check"))
