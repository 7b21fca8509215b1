"""The tables, as the newest migration leaves them.

`entry`, `entry_contact_point`, `partner_change`, `policy_version`, `policy_activation`,
`unsubscribe_link`, `unsubscribe_link_contact_point`, `write_request` and `write_answer` are
history: a trigger refuses to change them, whoever asks, and so are the tables of `officer_schema`.
`standing` and `register_standing` are derived and can be rebuilt. No tables but `vault` and
`sealed_note` hold what identifies a person, and those hold it encrypted.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
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

TIME: Final = DateTime(timezone=True)

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


def written_in() -> Column[int]:
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
    Column("expressed_at", TIME),
    Column("time_zone", Text, nullable=False),
    Column("recorded_at", TIME, nullable=False),
    Column("counts_at", TIME, nullable=False),
    Column("expires_at", TIME),
    Column("proven", Boolean, nullable=False),
    Column("lifts_opt_outs", Boolean, nullable=False),
    Column("partner_id", Text),
    Column("lifts_entry_id", Uuid, ForeignKey("entry.entry_id")),
    Column("attempt_id", Uuid, ForeignKey("entry.entry_id")),
    Column("attempt_outcome", SmallInteger),
    Column("register", Text),
    Column("register_status", SmallInteger),
    Column("listed_at", TIME),
    written_in(),
    Column("concerns_entry_id", Uuid, ForeignKey("entry.entry_id")),
    Column("keep_until", Date),
    Column("unsubscribe_link_id", Uuid, ForeignKey("unsubscribe_link.link_id")),
    CheckConstraint("kind BETWEEN 1 AND 18", name="kind"),
    CheckConstraint("channels <> 0", name="channels"),
    CheckConstraint("source BETWEEN 1 AND 12", name="source"),
    CheckConstraint("precision BETWEEN 1 AND 3", name="precision"),
    CheckConstraint("(precision = 3) = (expressed_at IS NULL)", name="expressed_at"),
    CheckConstraint("time_zone ~ '^[A-Za-z0-9_+/-]{0,64}$'", name="time_zone"),
    CheckConstraint(
        "CASE WHEN kind IN (12, 13, 18)"
        " THEN lifts_entry_id IS NULL OR lifts_entry_id = concerns_entry_id"
        " WHEN kind = 7 THEN true"
        " ELSE (kind IN (5, 17) OR kind = 10 AND attempt_outcome = 4)"
        " = (lifts_entry_id IS NOT NULL) END",
        name="lifts_entry_id",
    ),
    CheckConstraint(
        "CASE WHEN kind IN (12, 13, 14, 15, 16, 18) THEN concerns_entry_id IS NOT NULL"
        " ELSE concerns_entry_id IS NULL OR kind IN (1, 2, 3, 4, 6, 8) END",
        name="concerns_entry_id",
    ),
    CheckConstraint("(kind = 14) = (keep_until IS NOT NULL)", name="keep_until"),
    CheckConstraint("unsubscribe_link_id IS NULL OR kind IN (4, 6)", name="unsubscribe_link_id"),
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
    Index(None, "concerns_entry_id", postgresql_where=text("concerns_entry_id IS NOT NULL")),
    Index(
        None,
        "unsubscribe_link_id",
        "kind",
        postgresql_where=text("unsubscribe_link_id IS NOT NULL"),
    ),
    Index(
        "entry_identity_end_key",
        "concerns_entry_id",
        unique=True,
        postgresql_where=text("kind IN (12, 13)"),
    ),
    Index(None, "written_in"),
)
"""The ledger: one row a fact. An identity ends once: it expires or it is erased."""

unsubscribe_link = Table(
    "unsubscribe_link",
    metadata,
    Column("link_id", Uuid, primary_key=True),
    Column("controller", Text, nullable=False),
    Column("contact_point_refs", ARRAY(Uuid), nullable=False),
    Column("contact_kinds", ARRAY(SmallInteger), nullable=False),
    Column("created_at", TIME, nullable=False),
    written_in(),
    CheckConstraint("cardinality(contact_point_refs) > 0", name="contact_point_refs"),
    _is_name("controller"),
    Index(None, "controller", "contact_point_refs"),
    Index(None, "written_in"),
)
"""The unsubscribe links: each for the contact points of one person, in order. `contact_kinds` are
those of the contact points that had a full normal form."""

unsubscribe_link_contact_point = Table(
    "unsubscribe_link_contact_point",
    metadata,
    Column("contact_point_ref", Uuid, primary_key=True),
    Column("link_id", Uuid, ForeignKey("unsubscribe_link.link_id"), primary_key=True),
)
"""Which contact points a link names: they keep their digests."""

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
    Column("counts_at", TIME, nullable=False),
    Column("expressed_at", TIME),
    Column("expires_at", TIME),
    Column("lifted_at", TIME),
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
    Column("checked_at", TIME, nullable=False),
    Column("listed_at", TIME),
)
"""The last result of each national register; derived from the ledger (`register_projection`)."""

vault_key = Table(
    "vault_key",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("month", Date),
    Column("created_at", TIME, nullable=False),
    written_in(),
    CheckConstraint("month = date_trunc('month', month)", name="month"),
)
"""The keys that may seal: that they exist, the keys themselves are in the key store.

`month` is the first day of the month in which what the key seals expires; NULL for the keys of
holds, which have no month, and for those of the keyring, which sealed before there were months.
"""

retired_vault_key = Table(
    "retired_vault_key",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("month", Date),
    Column("retired_at", TIME, nullable=False),
    Column("destroyed_at", TIME),
    written_in(),
)
"""The keys that seal no more, and when the key store had destroyed each."""


def _times_sealed() -> Column[int]:
    """Tells which of two states of a row is the newer one; a trigger counts it on."""
    return Column("times_sealed", Integer, nullable=False, server_default=text("1"))


def _sealed() -> tuple[Column[Any], ...]:
    """What was sealed, under which key, and the last day it is kept."""
    return (
        Column("key_id", Text, ForeignKey("vault_key.key_id"), nullable=False),
        Column("wrapped_key", LargeBinary, nullable=False),
        Column("nonce", LargeBinary, nullable=False),
        Column("ciphertext", LargeBinary, nullable=False),
        Column("expires_on", Date, nullable=False, server_default=_IN_SEVEN_YEARS),
        written_in(),
    )


_IN_SEVEN_YEARS: Final = text("(CURRENT_DATE + '7 years'::interval)")
"""For what a program of before this column writes during a rolling update."""

vault = Table(
    "vault",
    metadata,
    Column("entry_id", Uuid, ForeignKey("entry.entry_id"), primary_key=True),
    *_sealed(),
    Column("held", Boolean, nullable=False, server_default=text("false")),
    _times_sealed(),
    Index(None, "expires_on", postgresql_where=text("NOT held")),
    Index(None, "key_id"),
    Index(None, "written_in"),
)
"""What identifies the person of an entry, sealed (`vault`). A hold stops its expiry."""

sealed_note = Table(
    "sealed_note",
    metadata,
    Column("note_id", Uuid, primary_key=True),
    *_sealed(),
    _times_sealed(),
    Index(None, "expires_on"),
    Index(None, "key_id"),
    Index(None, "written_in"),
)
"""Who did what, why, and for whom, sealed: of accesses and of rights requests."""

_PARTNER_TERMS: Final = (
    ("name", Text),
    ("kind", SmallInteger),
    ("permitted_channels", Integer),
    ("permitted_purposes", ARRAY(Text)),
    ("maximum_lead_age_days", Integer),
    ("recorded_at", TIME),
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
    written_in(),
    Index(None, "controller", "partner_id"),
)
"""Every state a partner was saved in."""

write_request = Table(
    "write_request",
    metadata,
    Column("id_digest", LargeBinary, primary_key=True),
    Column("content_digest", LargeBinary, nullable=False),
    Column("recorded_at", TIME, nullable=False),
    Column("key_version", SmallInteger, nullable=False, server_default=text("1")),
    written_in(),
    _is_digest("id_digest"),
    _is_digest("content_digest"),
    Index(None, "written_in"),
)
"""The requests seen: inserted first, so that a concurrent repetition waits for the first."""

write_answer = Table(
    "write_answer",
    metadata,
    Column(
        "id_digest",
        LargeBinary,
        ForeignKey("write_request.id_digest", onupdate="CASCADE"),
        primary_key=True,
    ),
    Column("revision", Text, nullable=False),
    Column("details", JSONB, nullable=False),
)
"""What each request was answered: known only at its end, hence a row of its own."""

policy_version = Table(
    "policy_version",
    metadata,
    Column("version", Text, primary_key=True),
    Column("files", JSONB, nullable=False),
    Column("stored_at", TIME, nullable=False),
    written_in(),
)
"""Every policy that was ever in force, as its files."""

policy_activation = Table(
    "policy_activation",
    metadata,
    Column("activation_number", BigInteger, Identity(always=True), primary_key=True),
    Column("version", Text, ForeignKey("policy_version.version"), nullable=False),
    Column("activated_at", TIME, nullable=False),
    written_in(),
)
"""When each came into force."""

key_check = Table(
    "key_check",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("key_id", Text, primary_key=True),
    Column("check_value", LargeBinary, nullable=False),
    written_in(),
    CheckConstraint("kind IN ('digest', 'vault')", name="kind"),
)
"""By what a wrong or missing key is noticed before it answers anything."""

registry = Table(
    "registry",
    metadata,
    Column("only_row", Boolean, primary_key=True),
    Column("incarnation", Uuid, nullable=False),
    Column("began_at", TIME, nullable=False, server_default=text("'-infinity'")),
    Column("digest_oldest", SmallInteger, nullable=False, server_default=text("1")),
    Column("digest_newest", SmallInteger, nullable=False, server_default=text("1")),
    Column("reconciling", Boolean, nullable=False, server_default=text("false")),
    CheckConstraint("only_row", name="only_row"),
    CheckConstraint("1 <= digest_oldest AND digest_oldest <= digest_newest", name="digests"),
)
"""One row: which life of which database this is, and since when; a restore gives it both anew,
because the numbers of transactions start over. And through how many digest keys the digests in it
went: all of them through `digest_oldest` at least, new ones through `digest_newest`. No server
starts while it is `reconciling`, for opt-outs are missing until the log is replayed to its end."""

refused_lead = Table(
    "refused_lead",
    metadata,
    Column("refused_lead_number", BigInteger, Identity(always=True), primary_key=True),
    Column("controller", Text, nullable=False),
    Column("partner_id", Text, nullable=False),
    Column("refusal", SmallInteger, nullable=False),
    Column("recorded_at", TIME, nullable=False),
    Column("expires_on", Date, nullable=False),
    written_in(),
    Index(None, "expires_on"),
    Index(None, "written_in"),
)
"""That a partner's lead was refused, and why; nothing of the person."""

export_progress = Table(
    "export_progress",
    metadata,
    Column("only_row", Boolean, primary_key=True),
    Column("snapshot", Text, nullable=False),
    Column("exported_at", TIME, nullable=False),
    CheckConstraint("only_row", name="only_row"),
)
"""How far the log was exported: every transaction that the snapshot saw."""

supported_program = Table(
    "supported_program",
    metadata,
    Column("schema_revision", Text, primary_key=True),
)
"""The programs that run on this schema, each by the newest revision that it knows. It is kept here,
because a program of before cannot know what came after it."""
