"""The tables of the data-protection officer, as the newest migration leaves them.

All are history: a trigger refuses to change them, and to delete a row before its day. The tables
of everybody are in `schema`.
"""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    SmallInteger,
    Table,
    Text,
    Uuid,
)

from consent_registry_server.storage.schema import TIME, metadata, written_in

access = Table(
    "access",
    metadata,
    Column("access_id", Uuid, primary_key=True),
    Column("accessed_at", TIME, nullable=False),
    Column("controller", Text, nullable=False),
    Column("caller_id", Text, nullable=False),
    Column("operation", SmallInteger, nullable=False),
    Column("entry_id", Uuid, ForeignKey("entry.entry_id")),
    Column("note_id", Uuid, nullable=False),
    Column("expires_on", Date, nullable=False),
    written_in(),
    CheckConstraint("operation BETWEEN 1 AND 20", name="operation"),
    Index(None, "controller", "accessed_at", "access_id"),
    Index(None, "entry_id"),
    Index(None, "expires_on"),
    Index(None, "written_in"),
)
"""The access trail: who saw or changed which clear identity; `note_id` seals who it was and why."""

rights_request = Table(
    "rights_request",
    metadata,
    Column("rights_request_id", Uuid, primary_key=True),
    Column("controller", Text, nullable=False),
    Column("kind", SmallInteger, nullable=False),
    Column("received_on", Date, nullable=False),
    Column("due_on", Date, nullable=False),
    Column("opened_at", TIME, nullable=False),
    Column("note_id", Uuid, nullable=False),
    Column("expires_on", Date, nullable=False),
    written_in(),
    CheckConstraint("kind BETWEEN 1 AND 6", name="kind"),
    CheckConstraint("due_on > received_on", name="due_on"),
    Index(None, "controller", "due_on", "rights_request_id"),
    Index(None, "expires_on"),
)
"""What people asked under GDPR articles 15 to 21, and by when it must be answered."""

rights_request_event = Table(
    "rights_request_event",
    metadata,
    Column(
        "rights_request_id",
        Uuid,
        ForeignKey("rights_request.rights_request_id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("kind", SmallInteger, primary_key=True, autoincrement=False),
    Column("happened_at", TIME, nullable=False),
    Column("due_on", Date),
    Column("outcome", SmallInteger),
    Column("note_id", Uuid, nullable=False),
    written_in(),
    CheckConstraint("kind BETWEEN 1 AND 2", name="kind"),
    CheckConstraint("(kind = 1) = (due_on IS NOT NULL)", name="due_on"),
    CheckConstraint("(kind = 2) = (outcome IS NOT NULL)", name="outcome"),
)
"""What became of it, each at most once: 1, a delay was announced; 2, it was closed."""
