"""Standing as a function of the ledger: one query, for writing it and for rebuilding it.

A lift is no row of its own: it ends the rows of the entry it names, from the lift's instant on,
but never before the entry's own. Of several lifts the earliest counts. The outcome of an attempt
that releases it is such a lift, and so is the end of a consent's identity, which is its proof.
Results of national registers stand in `register_projection`.
"""

from __future__ import annotations

from typing import Final

from consent_registry_server.domain.vocabulary import EntryKind
from consent_registry_server.storage.prepared import Prepared

KEY: Final = ("contact_point_ref", "entry_id")
VALUES: Final = (
    "kind",
    "controller",
    "channels",
    "purposes",
    "source",
    "counts_at",
    "expressed_at",
    "expires_at",
    "lifted_at",
    "proven",
    "lifts_opt_outs",
    "partner_id",
)
COLUMNS: Final = ", ".join(KEY + VALUES)

WITHOUT_ROW: Final = ", ".join(
    f"{kind:d}"
    for kind in (
        EntryKind.DO_NOT_CONTACT_LIFT,
        EntryKind.ATTEMPT_OUTCOME,
        EntryKind.REGISTER_RESULT,
        EntryKind.IDENTITY_EXPIRED,
        EntryKind.IDENTITY_ERASED,
        EntryKind.RETENTION_SET,
        EntryKind.HOLD_PLACED,
        EntryKind.HOLD_LIFTED,
        EntryKind.RESTRICTION_LIFT,
        EntryKind.RECTIFICATION,
    )
)
"""The kinds of entry that have no row of their own, as an SQL list."""


def lifted_at(which: str = "true") -> str:
    """The instant from which such lifts end an entry, or NULL; for queries over `entry`.

    `which` is a condition on `lift`.
    """
    return f"""(
        SELECT min(greatest(lift.counts_at, entry.counts_at)) FROM entry AS lift
        WHERE lift.lifts_entry_id = entry.entry_id AND {which}
    )"""  # noqa: S608 - only constants are put in


LIFTED_AT: Final = lifted_at()

STANDING_OF_LEDGER: Final = f"""
    SELECT entry_contact_point.contact_point_ref, entry.entry_id, entry.kind, entry.controller,
        entry.channels, entry.purposes, entry.source, entry.counts_at, entry.expressed_at,
        entry.expires_at, {LIFTED_AT} AS lifted_at, entry.proven, entry.lifts_opt_outs,
        entry.partner_id
    FROM entry JOIN entry_contact_point ON entry_contact_point.entry_id = entry.entry_id
    WHERE entry.kind NOT IN ({WITHOUT_ROW})
"""  # noqa: S608 - only constants are put in
"""The rows that `standing` should have, with its columns in the order of COLUMNS."""

# Takes the ids of new entries and of those that new lifts name. The rows of a lifted entry are met
# by every one of its lifts, possibly at once: each waits for the other's row lock and then takes
# the earlier instant of the two, so that their order does not matter. Rows are written in one
# order, so that two writers do not wait for each other.
PROJECT: Final = Prepared(
    "project_standing",
    "uuid[]",
    f"""
    INSERT INTO standing AS stored ({COLUMNS})
    {STANDING_OF_LEDGER} AND entry.entry_id = ANY ($1)
    ORDER BY contact_point_ref, entry_id
    ON CONFLICT (contact_point_ref, entry_id)
        DO UPDATE SET lifted_at = least(stored.lifted_at, excluded.lifted_at)
    """,
)
