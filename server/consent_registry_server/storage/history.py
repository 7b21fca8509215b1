"""Reads of the ledger as it was written, without identity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Connection,
    LargeBinary,
    Row,
    Select,
    and_,
    any_,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    true,
    union,
)

from consent_registry_server.domain.entry import AttemptReport, Entry, Expression, RegisterResult
from consent_registry_server.domain.vocabulary import (
    GROUP,
    AttemptOutcome,
    ControllerId,
    EntryId,
    EntryKind,
    PartnerId,
    Precision,
    PurposeId,
    RegisterStatus,
    Source,
)
from consent_registry_server.service.ports import Deadline, Digested, Page, Partner
from consent_registry_server.storage.digests import DigestRange, Lookup, StoredDigests
from consent_registry_server.storage.partners import list_partners
from consent_registry_server.storage.projection import LIFTED_AT
from consent_registry_server.storage.schema import (
    contact_point,
    entry,
    entry_contact_point,
    registry,
)
from consent_registry_server.storage.session import Database
from consent_registry_server.storage.times import to_microseconds, to_timestamp

_contact_kinds = (
    select(func.array_agg(entry_contact_point.c.kind.distinct()))
    .where(entry_contact_point.c.entry_id == entry.c.entry_id)
    .correlate(entry)
    .scalar_subquery()
)

_HIDDEN: Final = frozenset({"lifts_opt_outs", "unsubscribe_link_id", "written_in"})

select_entries: Select[Any] = select(
    *(column for column in entry.c if column.name not in _HIDDEN),
    literal_column(LIFTED_AT, type_=entry.c.counts_at.type).label("lifted_at"),
    _contact_kinds.label("contact_kinds"),
)

_naming = (
    select(entry_contact_point.c.entry_id)
    .join(
        contact_point,
        contact_point.c.contact_point_ref == entry_contact_point.c.contact_point_ref,
    )
    .where(contact_point.c.wide_digest == any_(bindparam("digests", type_=ARRAY(LargeBinary))))
    .cte("naming")
)
_lift = entry.alias("lift")
_outcome = entry.alias("outcome")
_listed = union(
    select(_naming.c.entry_id),
    select(_lift.c.entry_id).join(_naming, _naming.c.entry_id == _lift.c.lifts_entry_id),
    select(_outcome.c.entry_id).join(_naming, _naming.c.entry_id == _outcome.c.attempt_id),
).subquery("listed")
_select_listed = select_entries.join(_listed, _listed.c.entry_id == entry.c.entry_id)


class PostgresHistory:
    """Reads entries and partners from PostgreSQL; see `History`."""

    def __init__(self, database: Database, digests: StoredDigests) -> None:
        self._database = database
        self._digests = digests

    def entry(
        self, controller: ControllerId, entry_id: EntryId, *, deadline: Deadline
    ) -> Entry | None:
        """Returns an entry of the controller or of `group`, or None."""
        with self._database.transaction(deadline) as connection:
            found = find_entry(connection, entry_id)
        return found if found is not None and found.controller in (controller, GROUP) else None

    def entries(
        self,
        controller: ControllerId,
        points: Sequence[Digested],
        page: Page,
        *,
        deadline: Deadline,
    ) -> list[Entry]:
        """Returns a page of the entries that name one of the contact points.

        Their lifts and the outcomes of attempts among them come along.
        """
        query = (
            _select_listed.where(entry.c.controller.in_((controller, GROUP)))
            .order_by(entry.c.recorded_at.desc(), entry.c.entry_id)
            .limit(page.size)
        )
        if page.after is not None:
            query = query.where(_is_after(*page.after))
        statement = _with_digest_range(query)

        def rows_of(lookup: Lookup) -> tuple[DigestRange, Sequence[Row[Any]]]:
            with self._database.transaction(deadline) as connection:
                rows = connection.execute(statement, {"digests": lookup.wides}).all()
            return DigestRange(rows[0].digest_oldest, rows[0].digest_newest), rows

        rows, _ = self._digests.find(points, rows_of)
        return [entry_of(row) for row in rows if row.entry_id is not None]

    def outcomes(self, attempt_id: EntryId, *, deadline: Deadline) -> frozenset[AttemptOutcome]:
        """Returns what was reported of an attempt."""
        with self._database.transaction(deadline) as connection:
            return find_outcomes(connection, attempt_id)

    def partners(
        self, controller: ControllerId, page: Page, *, deadline: Deadline
    ) -> list[Partner]:
        """Returns a page of the controller's partners, by id."""
        with self._database.transaction(deadline) as connection:
            return list_partners(connection, controller, page)


def find_entry(connection: Connection, entry_id: EntryId) -> Entry | None:
    """Returns a ledger entry, whoever's it is, or None."""
    row = connection.execute(select_entries.where(entry.c.entry_id == entry_id)).one_or_none()
    return None if row is None else entry_of(row)


def find_outcomes(connection: Connection, attempt_id: EntryId) -> frozenset[AttemptOutcome]:
    """Returns what was reported of an attempt."""
    query = select(entry.c.attempt_outcome).where(entry.c.attempt_id == attempt_id)
    return frozenset(AttemptOutcome(each) for each in connection.scalars(query))


def _with_digest_range(query: Select[Any]) -> Select[Any]:
    """The query's rows in their order, each with the range of digests; at least one, of nothing."""
    found = query.subquery("found")
    return (
        select(registry.c.digest_oldest, registry.c.digest_newest, found)
        .select_from(registry.outerjoin(found, true()))
        .order_by(found.c.recorded_at.desc(), found.c.entry_id)
    )


def _is_after(recorded_at_us: int, entry_id: EntryId) -> Any:  # noqa: ANN401 - SQLAlchemy's own
    recorded_at = to_timestamp(recorded_at_us)
    return or_(
        entry.c.recorded_at < recorded_at,
        and_(entry.c.recorded_at == recorded_at, entry.c.entry_id > entry_id),
    )


def entry_of(row: Row[Any]) -> Entry:
    """The entry that a row of `select_entries` is."""
    return Entry(
        entry_id=EntryId(row.entry_id),
        kind=EntryKind(row.kind),
        controller=ControllerId(row.controller),
        channels=row.channels,
        purposes=(
            None if row.purposes is None else frozenset(PurposeId(each) for each in row.purposes)
        ),
        expression=Expression(
            source=Source(row.source),
            precision=Precision(row.precision),
            expressed_at_us=to_microseconds(row.expressed_at),
            time_zone=row.time_zone,
        ),
        recorded_at_us=to_microseconds(row.recorded_at),
        counts_at_us=to_microseconds(row.counts_at),
        expires_at_us=to_microseconds(row.expires_at),
        proven=row.proven,
        partner_id=None if row.partner_id is None else PartnerId(row.partner_id),
        lifts_entry_id=_entry_id(row.lifts_entry_id),
        lifted_at_us=to_microseconds(row.lifted_at),
        contact_kinds=tuple(sorted(row.contact_kinds or ())),
        attempt=_attempt(row),
        register_result=_register_result(row),
        concerns_entry_id=_entry_id(row.concerns_entry_id),
        keep_until=row.keep_until,
    )


def _entry_id(value: UUID | None) -> EntryId | None:
    return None if value is None else EntryId(value)


def _attempt(row: Row[Any]) -> AttemptReport | None:
    if row.attempt_id is None:
        return None
    return AttemptReport(EntryId(row.attempt_id), AttemptOutcome(row.attempt_outcome))


def _register_result(row: Row[Any]) -> RegisterResult | None:
    if row.register is None:
        return None
    return RegisterResult(
        row.register, RegisterStatus(row.register_status), to_microseconds(row.listed_at)
    )
