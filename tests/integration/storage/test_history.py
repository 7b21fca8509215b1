from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from consent_registry_server.domain.entry import Entry
from consent_registry_server.domain.vocabulary import GROUP, EntryId
from consent_registry_server.service.ports import Page, PreparedEntry
from consent_registry_server.storage.store import Store
from tests.integration.storage.conftest import Append
from tests.integration.storage.samples import (
    FRANCE,
    NO_DEADLINE,
    NOON_US,
    NORWAY,
    SECOND_US,
    Samples,
)

ALL = Page(100, None)


def listed(store: Store, samples: Samples, page: Page = ALL, name: str = "a") -> list[Entry]:
    return store.history.entries(FRANCE, [samples.point(name)], page, deadline=NO_DEADLINE)


def ids(entries: Sequence[Entry | PreparedEntry]) -> list[EntryId]:
    return [entry.entry_id for entry in entries]


def test_an_entry_is_shown_to_its_controller_and_to_nobody_else(
    store: Store, append: Append, samples: Samples
) -> None:
    own, groups = samples.entry(), samples.entry(controller=GROUP)
    foreign = samples.entry(controller=NORWAY)
    append(own, groups, foreign)

    found = [
        store.history.entry(FRANCE, entry.entry_id, deadline=NO_DEADLINE)
        for entry in (own, groups, foreign, samples.entry())
    ]

    assert [entry and entry.entry_id for entry in found] == [
        own.entry_id,
        groups.entry_id,
        None,
        None,
    ]


def test_entries_are_listed_newest_recorded_first_and_by_id_on_a_tie(
    store: Store, append: Append, samples: Samples
) -> None:
    entries = [
        replace(
            samples.entry(samples.point("a")),
            recorded_at_us=NOON_US + seconds,
            entry_id=EntryId(UUID(int=number)),
        )
        for number, seconds in ((1, 0), (2, 5), (3, 5), (4, 3))
    ]
    append(*entries)

    assert [entry.entry_id.int for entry in listed(store, samples)] == [2, 3, 4, 1]


def test_pages_follow_one_another_without_gap_or_repetition(
    store: Store, append: Append, samples: Samples
) -> None:
    entries = [
        replace(samples.entry(samples.point("a")), recorded_at_us=NOON_US + number // 3)
        for number in range(10)
    ]
    append(*entries)

    seen: list[Entry] = []
    page = Page(4, None)
    while found := listed(store, samples, page):
        seen += found
        page = Page(4, (found[-1].recorded_at_us, found[-1].entry_id))

    assert seen == listed(store, samples)
    assert set(ids(seen)) == set(ids(entries))


def test_lifts_of_a_listed_entry_are_listed_although_they_name_no_contact_point(
    store: Store, append: Append, samples: Samples
) -> None:
    entry, other = samples.entry(samples.point("a")), samples.entry(samples.point("b"))
    lift = samples.lift(entry, at_us=NOON_US + SECOND_US)
    append(entry, other)
    append(lift, samples.lift(other, at_us=NOON_US))

    found = listed(store, samples)

    assert set(ids(found)) == {entry.entry_id, lift.entry_id}
    assert {each.lifted_at_us for each in found} == {NOON_US + SECOND_US, None}


def test_an_entry_found_by_two_contact_points_is_listed_once(
    store: Store, append: Append, samples: Samples
) -> None:
    append(samples.entry(samples.point("a"), samples.point("b")))

    points = [samples.point("a"), samples.point("b")]
    found = store.history.entries(FRANCE, points, ALL, deadline=NO_DEADLINE)

    assert len(found) == 1


def test_another_controllers_entries_are_not_listed(
    store: Store, append: Append, samples: Samples
) -> None:
    own, groups = samples.entry(samples.point("a")), samples.entry(samples.point("a"))
    groups = replace(groups, new=replace(groups.new, controller=GROUP))
    append(own, groups, samples.entry(samples.point("a"), controller=NORWAY))

    assert set(ids(listed(store, samples))) == {own.entry_id, groups.entry_id}


def test_a_contact_point_nobody_named_has_no_entries(store: Store, samples: Samples) -> None:
    assert listed(store, samples) == []
    assert store.history.entries(FRANCE, [], ALL, deadline=NO_DEADLINE) == []
