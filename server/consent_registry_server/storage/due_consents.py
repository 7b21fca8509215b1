"""What became of consents whose day has come, read for many of them at once."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from sqlalchemy import Connection, Row, text

from consent_registry_server.domain.consent_use import DueConsent, Stop
from consent_registry_server.domain.contact import ContactKind
from consent_registry_server.domain.entry import Expression, Identity, NewEntry
from consent_registry_server.domain.vocabulary import (
    GROUP,
    AttemptOutcome,
    ControllerId,
    EntryId,
    EntryKind,
    Precision,
    PurposeId,
    Source,
)
from consent_registry_server.storage.identities import from_content
from consent_registry_server.storage.sealed_rows import sealed_of
from consent_registry_server.storage.times import to_microseconds
from consent_registry_server.storage.vault import Vault, VaultError

_SEALED: Final = text(
    "SELECT entry_id, key_id, wrapped_key, nonce, ciphertext FROM vault WHERE entry_id = ANY (:ids)"
)
_CONSENTS: Final = text(f"""
    SELECT consent.entry_id, consent.kind, consent.controller, consent.channels, consent.purposes,
        consent.source, consent.precision, consent.expressed_at, consent.time_zone,
        consent.recorded_at, consent.expires_at,
        EXISTS (
            SELECT FROM entry AS ending WHERE ending.lifts_entry_id = consent.entry_id
        ) OR EXISTS (
            SELECT FROM entry AS change WHERE change.concerns_entry_id = consent.entry_id
                AND change.kind = {EntryKind.RETENTION_SET:d}
        ) AS is_settled
    FROM entry AS consent WHERE consent.entry_id = ANY (:ids)
""")  # noqa: S608 - only constants are put in

# Reached within the same controller, by the very same contact point.
_LAST_CONTACTS: Final = text(f"""
    SELECT named.entry_id, max(least(contact.expressed_at, contact.recorded_at)) AS last_contact
    FROM entry_contact_point AS named
    JOIN entry AS consent ON consent.entry_id = named.entry_id
    JOIN entry_contact_point AS also ON also.contact_point_ref = named.contact_point_ref
    JOIN entry AS contact
        ON contact.entry_id = also.entry_id AND contact.controller = consent.controller
    WHERE named.entry_id = ANY (:ids) AND (
        contact.kind IN ({EntryKind.CONSENT:d}, {EntryKind.PARTNER_CONSENT:d})
        OR contact.kind = {EntryKind.CONTACT_ATTEMPT:d} AND EXISTS (
            SELECT FROM entry AS report WHERE report.attempt_id = contact.entry_id
                AND report.attempt_outcome = {AttemptOutcome.REACHED:d}
        )
    )
    GROUP BY named.entry_id
""")  # noqa: S608 - only constants are put in

# As opt-outs match: widely, but of a building only the same dwelling, for this is no question of
# whom to leave in peace.
_STOPS: Final = text(f"""
    SELECT DISTINCT named.entry_id, stop.entry_id AS stop_id, stop.channels, stop.purposes,
        stop.counts_at
    FROM entry_contact_point AS named
    JOIN entry AS consent ON consent.entry_id = named.entry_id
    JOIN contact_point AS own ON own.contact_point_ref = named.contact_point_ref
    JOIN contact_point AS other ON other.wide_digest = own.wide_digest
    JOIN standing AS stop ON stop.contact_point_ref = other.contact_point_ref
    WHERE named.entry_id = ANY (:ids)
        AND (own.kind <> {ContactKind.ADDRESS:d}
            OR other.contact_point_ref = own.contact_point_ref)
        AND stop.kind IN ({EntryKind.WITHDRAWAL:d}, {EntryKind.DO_NOT_CONTACT:d})
        AND stop.controller IN (consent.controller, '{GROUP}')
        AND stop.lifted_at IS NULL AND stop.counts_at >= consent.counts_at
""")  # noqa: S608 - only constants are put in


def open_consents(
    connection: Connection, vault: Vault, entry_ids: Sequence[EntryId]
) -> dict[EntryId, Identity]:
    """The identities of consents; those that do not open are left out.

    Nobody is shown them: they tell the countries whose rules a consent was given under.
    """
    opened: dict[EntryId, Identity] = {}
    for row in connection.execute(_SEALED, {"ids": list(entry_ids)}):
        entry_id = EntryId(row.entry_id)
        sealed = sealed_of(row)
        with suppress(VaultError):
            opened[entry_id] = from_content(vault.open(sealed))
    return opened


def read_due_consents(
    connection: Connection, identities: dict[EntryId, Identity]
) -> dict[EntryId, DueConsent]:
    """What became of consents, by their opened identities."""
    ids = {"ids": list(identities)}
    stops: dict[EntryId, list[Stop]] = {}
    for row in connection.execute(_STOPS, ids):
        stops.setdefault(EntryId(row.entry_id), []).append(_stop(row))
    contacts = {
        EntryId(row.entry_id): to_microseconds(row.last_contact)
        for row in connection.execute(_LAST_CONTACTS, ids)
    }
    due: dict[EntryId, DueConsent] = {}
    for row in connection.execute(_CONSENTS, ids):
        entry_id = EntryId(row.entry_id)
        recorded_at_us = to_microseconds(row.recorded_at)
        due[entry_id] = DueConsent(
            _consent(row, identities[entry_id]),
            recorded_at_us,
            is_settled=row.is_settled,
            last_contact_us=contacts.get(entry_id, recorded_at_us),
            stops=tuple(stops.get(entry_id, ())),
        )
    return due


def _consent(row: Row[Any], identity: Identity) -> NewEntry:
    expressed_at = row.expressed_at
    expression = Expression(
        Source(row.source),
        Precision(row.precision),
        None if expressed_at is None else to_microseconds(expressed_at),
        row.time_zone,
    )
    return NewEntry(
        kind=EntryKind(row.kind),
        controller=ControllerId(row.controller),
        expression=expression,
        subject=identity.subject,
        evidence=identity.evidence,
        channels=row.channels,
        purposes=_purposes(row.purposes),
        expires_at_us=None if row.expires_at is None else to_microseconds(row.expires_at),
    )


def _stop(row: Row[Any]) -> Stop:
    return Stop(row.channels, _purposes(row.purposes), to_microseconds(row.counts_at))


def _purposes(stored: Sequence[str] | None) -> frozenset[PurposeId] | None:
    return None if stored is None else frozenset(map(PurposeId, stored))
