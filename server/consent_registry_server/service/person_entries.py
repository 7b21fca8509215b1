"""The entries about a person, told apart from those of the neighbours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from consent_registry_server.domain.contact import Subject
from consent_registry_server.domain.entry import Entry
from consent_registry_server.domain.errors import InvalidRequest
from consent_registry_server.domain.policy import Policy
from consent_registry_server.domain.vocabulary import (
    GROUP,
    ControllerId,
    CountryCode,
    EntryId,
)
from consent_registry_server.service.ports import Digested, Digester
from consent_registry_server.service.questions import home_of, require_controller
from consent_registry_server.service.subject_points import (
    PersonPoint,
    digests_of_all,
    known_points,
    person_points,
)
from consent_registry_server.service.subject_ports import FoundEntry, SubjectTransaction


@dataclass(frozen=True, slots=True)
class PersonSought:
    """A person of a controller, by the contact points and the customer number given.

    `points` are the subject's contact points in their order, and the customer number after them.
    """

    controller: ControllerId
    points: tuple[PersonPoint, ...] = field(repr=False)
    home: CountryCode | None
    digester: Digester = field(repr=False)

    @property
    def addresses(self) -> dict[int, PersonPoint]:
        """The dwellings among the points, by index."""
        return {index: each for index, each in enumerate(self.points) if each.is_address}


@dataclass(frozen=True, slots=True)
class PersonEntry:
    """An entry about a person, and the points that it names; none for one that only relates."""

    found: FoundEntry
    points: frozenset[int]

    @property
    def entry(self) -> Entry:
        """The entry."""
        return self.found.entry


def sought(
    controller: ControllerId, subject: Subject, policy: Policy, digester: Digester
) -> PersonSought:
    """What is looked up of a person.

    Raises:
        NotFound: UNKNOWN_CONTROLLER.
        InvalidRequest: MISSING_FIELD, for one without contact point and customer number.
        InvalidContactPoint: nothing could ever be found by one of them.
    """
    if controller != GROUP:
        require_controller(policy, controller)
    if not (subject.contact_points or subject.customer_number):
        message = "name the person by a contact point or a customer number"
        raise InvalidRequest("MISSING_FIELD", message, field="subject")
    home = home_of(controller, policy)
    return PersonSought(controller, person_points(subject, digester, home=home), home, digester)


def entries_of(
    transaction: SubjectTransaction, person: PersonSought, *, limit: int
) -> list[PersonEntry]:
    """The controller's own entries about a person, the newest recorded first.

    A dwelling is found by its building, so that those of the neighbours come up too; they are left
    out here, and so is what only a neighbour's entry relates to.

    Raises:
        LimitExceeded: TOO_MANY_ENTRIES.
    """
    digests = digests_of_all(person.points)
    about = transaction.entries_about(person.controller, digests, limit=limit)
    named = _points_named(transaction, person, about)
    included = _related(about, [entry_id for entry_id, points in named.items() if points])
    return [
        PersonEntry(each, frozenset(named[each.entry.entry_id]))
        for each in about
        if each.entry.entry_id in included
    ]


def relations(entry: Entry) -> list[EntryId]:
    """The entries that an entry lifts, reports on or concerns."""
    attempt = None if entry.attempt is None else entry.attempt.attempt_id
    related = (entry.lifts_entry_id, attempt, entry.concerns_entry_id)
    return [each for each in related if each is not None]


def _related(about: Iterable[FoundEntry], named: Iterable[EntryId]) -> set[EntryId]:
    """The entries named and what relates to them, along corrections in both directions."""
    neighbours: dict[EntryId, set[EntryId]] = {}
    for each in about:
        entry = each.entry
        for other in relations(entry):
            neighbours.setdefault(other, set()).add(entry.entry_id)
        if entry.concerns_entry_id is not None:
            neighbours.setdefault(entry.entry_id, set()).add(entry.concerns_entry_id)
    related, ahead = set(named), list(named)
    while ahead:
        found = neighbours.get(ahead.pop(), set()) - related
        related |= found
        ahead += found
    return related


def _points_named(
    transaction: SubjectTransaction, person: PersonSought, about: Sequence[FoundEntry]
) -> dict[EntryId, set[int]]:
    """The points that each entry names, by index."""
    addresses = person.addresses
    named: dict[EntryId, set[int]] = {
        each.entry.entry_id: {
            index
            for index, point in enumerate(person.points)
            if index not in addresses
            if any(digests.wide in each.matched for digests in point.digests)
        }
        for each in about
    }
    buildings = {digests.wide for point in addresses.values() for digests in point.digests}
    unclear = {each.entry.entry_id for each in about if each.matched & buildings}
    if unclear:
        _add_dwellings(transaction, person, named, unclear)
    return named


def _add_dwellings(
    transaction: SubjectTransaction,
    person: PersonSought,
    named: dict[EntryId, set[int]],
    unclear: set[EntryId],
) -> None:
    addresses = person.addresses
    rows = transaction.standing(person.controller, digests_of_all(addresses.values())).rows
    for row in rows:
        if row.entry_id in unclear:
            named[row.entry_id] |= _matching(addresses, (row,))
    # What is no longer read for decisions is told apart by the identity itself.
    untold = unclear - {row.entry_id for row in rows}
    for entry_id, identity in transaction.identities(sorted(untold)).items():
        for known in known_points(identity.subject, person.digester, home=person.home):
            named[entry_id] |= _matching(addresses, known.digests)


def _matching(addresses: dict[int, PersonPoint], stored: Iterable[Digested]) -> set[int]:
    return {
        index
        for index, address in addresses.items()
        if any(address.is_found_by(each) for each in stored)
    }
