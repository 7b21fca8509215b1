"""The tables, as the newest migration leaves them.

`entry`, `entry_contact_point`, `partner_change`, `policy_version`, `policy_activation`,
`write_request` and `write_answer` are history: a trigger refuses to change them, whoever asks.
`standing` and `register_standing` are derived and can be rebuilt. No table but `vault` holds what
identifies a person, and that one holds it encrypted.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

APP_ROLE: Final = "consent_registry_app"
"""The role the server takes; the migration makes it and grants it what it needs."""

DIGEST_BYTES: Final = 16

_Time = DateTime(timezone=True)

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pk",
        "fk": "%(table_name)s_%(column_0_N_name)s_fk",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    }
)


def _is_digest(column: str) -> CheckConstraint:
    return CheckConstraint(f"octet_length({column}) = {DIGEST_BYTES}", name=column)


def _is_name(column: str) -> CheckConstraint:
    """Keeps free text out of the ledger: an identifier has no spaces and an end."""
    return CheckConstraint(f"{column} ~ '^[!-~]{{1,200}}$'", name=column)


def _written_in() -> Column[int]:
    """Names the transaction that wrote a row, so that a revision tells whether it was there.

    Unknown of the rows that are older than the column.
    """
    number = text("((pg_current_xact_id())::text)::bigint")
    return Column("written_in", BigInteger, server_default=number)


entry = Table(
    "entry",
    metadata,
    Column("entry_id", Uuid, primary_key=True),
    Column("kind", SmallInteger, nullable=False),
    Column("controller", Text, nullable=False),
    Column("channels", Integer, nullable=False),
    Column("purposes", ARRAY(Text)),
    Column("source", SmallInteger, nullable=False),
    Column("precision", SmallInteger, nullable=False),
    Column("expressed_at", _Time),
    Column("time_zone", Text, nullable=False),
    Column("recorded_at", _Time, nullable=False),
    Column("counts_at", _Time, nullable=False),
    Column("expires_at", _Time),
    Column("proven", Boolean, nullable=False),
    Column("lifts_opt_outs", Boolean, nullable=False),
    Column("partner_id", Text),
    Column("lifts_entry_id", Uuid, ForeignKey("entry.entry_id")),
    Column("attempt_id", Uuid, ForeignKey("entry.entry_id")),
    Column("attempt_outcome", SmallInteger),
    Column("register", Text),
    Column("register_status", SmallInteger),
    Column("listed_at", _Time),
    _written_in(),
    CheckConstraint("kind BETWEEN 1 AND 11", name="kind"),
    CheckConstraint("channels <> 0", name="channels"),
    CheckConstraint("source BETWEEN 1 AND 11", name="source"),
    CheckConstraint("precision BETWEEN 1 AND 3", name="precision"),
    CheckConstraint("(precision = 3) = (expressed_at IS NULL)", name="expressed_at"),
    CheckConstraint("time_zone ~ '^[A-Za-z0-9_+/-]{0,64}$'", name="time_zone"),
    CheckConstraint(
        "(kind = 5 OR kind = 10 AND attempt_outcome = 4) = (lifts_entry_id IS NOT NULL)",
        name="lifts_entry_id",
    ),
    CheckConstraint("kind <> 10 OR lifts_entry_id = attempt_id", name="release"),
    CheckConstraint("(kind = 10) = (attempt_id IS NOT NULL)", name="attempt_id"),
    CheckConstraint(
        "(kind = 10) = (attempt_outcome IS NOT NULL) AND attempt_outcome BETWEEN 1 AND 4",
        name="attempt_outcome",
    ),
    CheckConstraint(
        "(kind = 11) = (register IS NOT NULL) AND char_length(register) BETWEEN 1 AND 500",
        name="register",
    ),
    CheckConstraint(
        "(kind = 11) = (register_status IS NOT NULL) AND register_status BETWEEN 1 AND 2",
        name="register_status",
    ),
    CheckConstraint(
        "listed_at IS NULL OR register_status IS NOT DISTINCT FROM 1", name="listed_at"
    ),
    CheckConstraint("kind <> 2 OR partner_id IS NOT NULL", name="partner"),
    _is_name("controller"),
    _is_name("partner_id"),
    Index(None, "recorded_at", "entry_id"),
    Index(None, "lifts_entry_id", postgresql_where=text("lifts_entry_id IS NOT NULL")),
    Index(None, "attempt_id", postgresql_where=text("attempt_id IS NOT NULL")),
    Index(
        None,
        "controller",
        "register",
        "counts_at",
        postgresql_where=text("register IS NOT NULL"),
    ),
)
"""The ledger: one row a fact."""

entry_contact_point = Table(
    "entry_contact_point",
    metadata,
    Column("entry_id", Uuid, ForeignKey("entry.entry_id"), primary_key=True),
    Column("contact_point_ref", Uuid, primary_key=True),
    Column("kind", SmallInteger, nullable=False),
    CheckConstraint("kind BETWEEN 1 AND 5", name="kind"),
    Index(None, "contact_point_ref"),
)
"""Which contact points an entry names."""

contact_point = Table(
    "contact_point",
    metadata,
    Column("contact_point_ref", Uuid, primary_key=True),
    Column("normaliser_version", SmallInteger, primary_key=True, autoincrement=False),
    Column("kind", SmallInteger, nullable=False),
    Column("unit_state", SmallInteger, nullable=False),
    Column("key_version", SmallInteger, nullable=False),
    Column("exact_digest", LargeBinary, nullable=False),
    Column("wide_digest", LargeBinary, nullable=False),
    CheckConstraint("kind BETWEEN 1 AND 5", name="kind"),
    _is_digest("exact_digest"),
    _is_digest("wide_digest"),
    UniqueConstraint("exact_digest"),
    Index(
        None,
        "wide_digest",
        postgresql_include=["contact_point_ref", "exact_digest", "unit_state"],
    ),
)
"""How a contact point is found: its keyed digests, apart from the ledger so that keys rotate."""

standing = Table(
    "standing",
    metadata,
    Column("contact_point_ref", Uuid, primary_key=True),
    Column("entry_id", Uuid, ForeignKey("entry.entry_id"), primary_key=True),
    Column("kind", SmallInteger, nullable=False),
    Column("controller", Text, nullable=False),
    Column("channels", Integer, nullable=False),
    Column("purposes", ARRAY(Text)),
    Column("source", SmallInteger, nullable=False),
    Column("counts_at", _Time, nullable=False),
    Column("expressed_at", _Time),
    Column("expires_at", _Time),
    Column("lifted_at", _Time),
    Column("proven", Boolean, nullable=False),
    Column("lifts_opt_outs", Boolean, nullable=False),
    Column("partner_id", Text),
)
"""What each contact point's entries amount to now; derived from the ledger (`projection`)."""

register_standing = Table(
    "register_standing",
    metadata,
    Column("contact_point_ref", Uuid, primary_key=True),
    Column("controller", Text, primary_key=True),
    Column("register", Text, primary_key=True),
    Column("entry_id", Uuid, ForeignKey("entry.entry_id"), nullable=False),
    Column("is_listed", Boolean, nullable=False),
    Column("checked_at", _Time, nullable=False),
    Column("listed_at", _Time),
)
"""The last result of each national register; derived from the ledger (`register_projection`)."""

vault = Table(
    "vault",
    metadata,
    Column("entry_id", Uuid, ForeignKey("entry.entry_id"), primary_key=True),
    Column("key_id", Text, nullable=False),
    Column("wrapped_key", LargeBinary, nullable=False),
    Column("nonce", LargeBinary, nullable=False),
    Column("ciphertext", LargeBinary, nullable=False),
)
"""What identifies the person of an entry, sealed (`vault`)."""

_PARTNER_TERMS: Final = (
    ("name", Text),
    ("kind", SmallInteger),
    ("permitted_channels", Integer),
    ("permitted_purposes", ARRAY(Text)),
    ("maximum_lead_age_days", Integer),
    ("recorded_at", _Time),
)

partner = Table(
    "partner",
    metadata,
    Column("controller", Text, primary_key=True),
    Column("partner_id", Text(collation="C"), primary_key=True),
    *(Column(name, kind, nullable=False) for name, kind in _PARTNER_TERMS),
    CheckConstraint("kind BETWEEN 1 AND 5", name="kind"),
    CheckConstraint("maximum_lead_age_days > 0", name="maximum_lead_age_days"),
)
"""The partners as they are now. A partner is a company: its name is no personal data."""

partner_change = Table(
    "partner_change",
    metadata,
    Column("change_number", BigInteger, Identity(always=True), primary_key=True),
    Column("controller", Text, nullable=False),
    Column("partner_id", Text, nullable=False),
    *(Column(name, kind, nullable=False) for name, kind in _PARTNER_TERMS),
    _written_in(),
    Index(None, "controller", "partner_id"),
)
"""Every state a partner was saved in."""

write_request = Table(
    "write_request",
    metadata,
    Column("id_digest", LargeBinary, primary_key=True),
    Column("content_digest", LargeBinary, nullable=False),
    Column("recorded_at", _Time, nullable=False),
    _is_digest("id_digest"),
    _is_digest("content_digest"),
)
"""The requests seen: inserted first, so that a concurrent repetition waits for the first."""

write_answer = Table(
    "write_answer",
    metadata,
    Column("id_digest", LargeBinary, ForeignKey("write_request.id_digest"), primary_key=True),
    Column("revision", Text, nullable=False),
    Column("details", JSONB, nullable=False),
)
"""What each request was answered: known only at its end, hence a row of its own."""

policy_version = Table(
    "policy_version",
    metadata,
    Column("version", Text, primary_key=True),
    Column("files", JSONB, nullable=False),
    Column("stored_at", _Time, nullable=False),
)
"""Every policy that was ever in force, as its files."""

policy_activation = Table(
    "policy_activation",
    metadata,
    Column("activation_number", BigInteger, Identity(always=True), primary_key=True),
    Column("version", Text, ForeignKey("policy_version.version"), nullable=False),
    Column("activated_at", _Time, nullable=False),
)
"""When each came into force."""

key_check = Table(
    "key_check",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("key_id", Text, primary_key=True),
    Column("check_value", LargeBinary, nullable=False),
    CheckConstraint("kind IN ('digest', 'vault')", name="kind"),
)
"""By what a wrong or missing key is noticed before it answers anything."""

registry = Table(
    "registry",
    metadata,
    Column("only_row", Boolean, primary_key=True),
    Column("incarnation", Uuid, nullable=False),
    Column("began_at", _Time, nullable=False, server_default=text("'-infinity'")),
    CheckConstraint("only_row", name="only_row"),
)
"""One row: which life of which database this is, and since when. A restore gives it both anew,
because the numbers of transactions start over."""
