"""Unsubscribe links in memory, and whether one of them says something already."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from consent_registry_server.domain.contact import ContactKind
from consent_registry_server.domain.unsubscribe import OptOut
from consent_registry_server.domain.vocabulary import ControllerId, EntryKind, LinkId, Source
from consent_registry_server.service.ports import ContactDigests
from consent_registry_server.service.unsubscribe_ports import Said

if TYPE_CHECKING:
    from tests.fakes.state import State

PERMITTING_SINCE = {
    EntryKind.CONSENT,
    EntryKind.PARTNER_CONSENT,
    EntryKind.RECORDING_OBJECTION_LIFT,
}
"""The kinds of entry after which an opt-out is said anew."""


class KeptLink(NamedTuple):
    """An unsubscribe link, and the contact points that keep their digests for it."""

    controller: ControllerId
    points: tuple[ContactDigests, ...]
    kinds: frozenset[ContactKind]

    def is_of(self, controller: ControllerId, points: Sequence[ContactDigests]) -> bool:
        """Whether it is the link of whoever has just these contact points."""
        own = {each.exact for each in self.points}
        return self.controller == controller and own == {each.exact for each in points}


def said_before(
    state: State, link_id: LinkId, opt_out: OptOut, *, source: Source, since_us: int
) -> Said | None:
    """The last entry by which a link says just this, if it says it still."""
    link = state.links[link_id]
    said = [
        each
        for each in state.entries
        if each.new.unsubscribe_link_id == link_id
        and (each.new.kind, each.new.channels, each.new.purposes) == opt_out
        and each.new.expression.source is source
        and each.recorded_at_us >= since_us
        and state.lifted_at_us(each) is None
        and not _is_permitted_since(state, link, each.counts_at_us)
    ]
    said.sort(key=lambda each: (-each.recorded_at_us, each.entry_id))
    return Said(said[0].entry_id, said[0].recorded_at_us) if said else None


def _is_permitted_since(state: State, link: KeptLink, at_us: int) -> bool:
    wides = {each.wide for each in link.points}
    return any(
        each.new.kind in PERMITTING_SINCE
        and each.counts_at_us > at_us
        and any(point.wide in wides for point in each.contact_points)
        for each in state.entries
    )


def last_permission_us(state: State, link_id: LinkId) -> int | None:
    """The latest instant at which anything that permits counts on a link's contact points."""
    wides = {each.wide for each in state.links[link_id].points}
    instants = (
        each.counts_at_us
        for each in state.entries
        if each.new.kind in PERMITTING_SINCE
        and any(point.wide in wides for point in each.contact_points)
    )
    return max(instants, default=None)
