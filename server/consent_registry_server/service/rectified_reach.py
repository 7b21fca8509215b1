"""What a correction leaves behind: what denies the wrong contact point, and not the right one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from consent_registry_server.domain.entry import OPT_OUTS
from consent_registry_server.domain.matching import Look, meet
from consent_registry_server.domain.vocabulary import EntryId, EntryKind
from consent_registry_server.service.ports import StandingRow, Transaction

_STOPPING: Final = OPT_OUTS | {EntryKind.RESTRICTION}


def stops_of(
    rows: Iterable[StandingRow], looks: Sequence[Look], *, now_us: int
) -> list[StandingRow]:
    """The opt-outs and restrictions that stand for a contact point, or may.

    Those of `group` and of a building without unit among them.
    """
    return [
        row
        for row in rows
        if row.kind in _STOPPING
        and (row.lifted_at_us is None or row.lifted_at_us > now_us)
        and meet(looks, row.wide, row.exact, unit_state=row.unit_state) is not None
    ]


def carried_before(
    transaction: Transaction, stops: Iterable[StandingRow], corrected: Iterable[StandingRow]
) -> set[EntryId]:
    """Which of the stops deny the corrected contact point already: themselves or by a copy.

    A copy that is lifted from some instant on is not as much.
    """
    stopping = {each.entry_id for each in stops}
    carried = set()
    for row in corrected:
        if row.entry_id in stopping:
            carried.add(row.entry_id)
        elif stopping and row.lifted_at_us is None:
            entry = transaction.entry(row.entry_id)
            original = None if entry is None else entry.concerns_entry_id
            if original in stopping:
                carried.add(original)
    return carried
