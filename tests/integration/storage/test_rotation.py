"""Digests carried over to new keys: the same answers before, meanwhile and after."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from consent_registry_server.domain.entry import Entry
from consent_registry_server.domain.errors import AlreadyExists, ConfigurationError, Unavailable
from consent_registry_server.domain.vocabulary import EntryId
from consent_registry_server.service.ports import Page, PreparedEntry, Recorded, Transaction
from consent_registry_server.storage import rotation
from consent_registry_server.storage.keyring import Key, Keyring
from consent_registry_server.storage.rotation import Progress, RotationReport, rotate_digests
from consent_registry_server.storage.store import Store, open_store
from tests.integration.storage.conftest import Append, Sql
from tests.integration.storage.samples import FRANCE, NO_DEADLINE, NOON_US, SECOND_US, Samples
from tests.integration.storage.threads import wait_until_one_waits_for_a_lock

NAMES = [f"p{number}" for number in range(12)]


class Stopped(Exception):
    """A rotation that is stopped on its way."""


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotation, "BATCH_ROWS", 5)


@pytest.fixture
def newer(keyring: Keyring) -> Keyring:
    """The keyring with one more digest key."""
    return keyring.with_new_digest_key()


@pytest.fixture
def newest(newer: Keyring) -> Keyring:
    """The keyring with two more digest keys."""
    return newer.with_new_digest_key()


@pytest.fixture
def open_with(postgres_url: str, store: Store) -> Iterator[Callable[[Keyring], Store]]:
    """Opens another server's store on the same database."""
    opened: list[Store] = []

    def open_another(keyring: Keyring) -> Store:
        opened.append(
            open_store(postgres_url, keyring, store.vault.keys.key_store, store.database.limits)
        )
        return opened[-1]

    yield open_another
    for each in opened:
        each.close()


@pytest.fixture
def new_store(open_with: Callable[[Keyring], Store], newer: Keyring) -> Store:
    """A server with one more digest key."""
    return open_with(newer)


def stop_after(batches: int) -> Callable[[Progress], None]:
    """Stops a rotation after some batches."""
    done: list[Progress] = []

    def say(progress: Progress) -> None:
        done.append(progress)
        if len(done) == batches:
            raise Stopped

    return say


def begin(store: Store, keyring: Keyring, *, batches: int = 1) -> None:
    """Begins a rotation and stops it after some batches."""
    with pytest.raises(Stopped):
        rotate_digests(store.database.engine, keyring, say=stop_after(batches))


def versions(store: Store) -> tuple[int, int]:
    """The range of digests of a database."""
    with store.database.transaction(NO_DEADLINE) as connection:
        found = connection.exec_driver_sql("SELECT digest_oldest, digest_newest FROM registry")
        oldest, newest = found.one()
    return oldest, newest


def stored_versions(store: Store) -> set[int]:
    """The versions that its digests have."""
    query = "SELECT key_version FROM contact_point UNION SELECT key_version FROM write_request"
    with store.database.transaction(NO_DEADLINE) as connection:
        return set(connection.exec_driver_sql(query).scalars())


def found(store: Store, samples: Samples, *names: str) -> set[EntryId]:
    points = [samples.point(name) for name in names]
    return {row.entry_id for row in store.standing.read(FRANCE, points, deadline=NO_DEADLINE).rows}


def written(store: Store, samples: Samples, *entries: PreparedEntry, request: str = "") -> Recorded:
    def work(transaction: Transaction) -> dict[str, Any]:
        transaction.append(entries)
        return {"entry_ids": [str(entry.entry_id) for entry in entries]}

    key = samples.request(request or None)
    return store.ledger.write(key, NOON_US, work, deadline=NO_DEADLINE)


@pytest.fixture
def entries(append: Append, samples: Samples) -> dict[str, PreparedEntry]:
    """An opt-out for each name, written under the first key alone; its request has the name too."""
    made = {name: samples.entry(samples.point(name)) for name in NAMES}
    for name, entry in made.items():
        append(entry, request=samples.request(name))
    return made


def require_all_found(store: Store, samples: Samples, entries: dict[str, PreparedEntry]) -> None:
    """Each opt-out is found by its own contact point, and by it alone."""
    for name, entry in entries.items():
        [row] = store.standing.read(FRANCE, [samples.point(name)], deadline=NO_DEADLINE).rows
        point = samples.point(name)
        assert (row.entry_id, row.wide, row.exact) == (entry.entry_id, point.wide, point.exact)


def test_every_digest_goes_through_the_new_key(
    new_store: Store, newer: Keyring, samples: Samples, entries: dict[str, PreparedEntry], sql: Sql
) -> None:
    report = rotate_digests(new_store.database.engine, newer)

    assert report == RotationReport(len(NAMES), len(NAMES), 2)
    stored = {
        (bytes(exact), bytes(wide), version)
        for exact, wide, version in sql(
            "SELECT exact_digest, wide_digest, key_version FROM contact_point"
        )
    }
    points = [samples.point(name) for name in NAMES]
    assert stored == {
        (newer.advance(point.exact, 1, 2), newer.advance(point.wide, 1, 2), 2) for point in points
    }
    assert stored_versions(new_store) == {2}
    assert versions(new_store) == (2, 2)
    require_all_found(new_store, samples, entries)


@pytest.mark.parametrize("batches", [1, 2, 3, 4, 5, 7])
def test_wherever_a_rotation_stops_all_is_found_and_the_next_one_ends_it(
    batches: int,
    new_store: Store,
    newer: Keyring,
    samples: Samples,
    entries: dict[str, PreparedEntry],
) -> None:
    begin(new_store, newer, batches=batches)

    require_all_found(new_store, samples, entries)
    for name, entry in entries.items():
        answer = written(new_store, samples, samples.entry(samples.point(name)), request=name)
        assert answer.details == {"entry_ids": [str(entry.entry_id)]}
    rotate_digests(new_store.database.engine, newer)
    require_all_found(new_store, samples, entries)
    assert stored_versions(new_store) == {2}
    assert versions(new_store) == (2, 2)


def test_a_contact_point_is_never_stored_twice(
    new_store: Store,
    newer: Keyring,
    samples: Samples,
    entries: dict[str, PreparedEntry],
    sql: Sql,
) -> None:
    begin(new_store, newer)
    again = {name: samples.entry(samples.point(name)) for name in (*NAMES, "new")}
    for entry in again.values():
        written(new_store, samples, entry)

    rotate_digests(new_store.database.engine, newer)

    for name, entry in again.items():
        first = {entries[name].entry_id} if name in entries else set()
        assert found(new_store, samples, name) == first | {entry.entry_id}
    assert sql("SELECT count(*) FROM contact_point") == [(len(NAMES) + 1,)]


def test_a_request_id_is_known_again_and_its_content_compared_across_a_rotation(
    new_store: Store, newer: Keyring, append: Append, samples: Samples
) -> None:
    before = samples.request("before", "content")
    first = append(samples.entry(samples.point("a")), request=before)

    for batches in (1, 3):
        begin(new_store, newer, batches=batches)
        assert again(new_store, samples, "before", "content") == first
        with pytest.raises(AlreadyExists):
            again(new_store, samples, "before", "other")
    meanwhile = again(new_store, samples, "meanwhile", "content")
    rotate_digests(new_store.database.engine, newer)

    assert again(new_store, samples, "before", "content") == first
    assert again(new_store, samples, "meanwhile", "content") == meanwhile
    for request_id in ("before", "meanwhile"):
        with pytest.raises(AlreadyExists) as error:
            again(new_store, samples, request_id, "other")
        assert error.value.reason == "REQUEST_ID_REUSED"


def again(store: Store, samples: Samples, request_id: str, content: str) -> Recorded:
    """What a request is answered that changes nothing but for being known."""
    key = samples.request(request_id, content)
    return store.ledger.write(key, NOON_US, lambda _: {"new": True}, deadline=NO_DEADLINE)


def test_keys_rotate_again_and_several_at_once(
    open_with: Callable[[Keyring], Store],
    newer: Keyring,
    newest: Keyring,
    samples: Samples,
    entries: dict[str, PreparedEntry],
) -> None:
    second = open_with(newer)
    begin(second, newer, batches=2)
    third = open_with(newest)

    # While the first rotation is not over, a second one: there are three versions then.
    begin(third, newest, batches=2)
    assert versions(third) == (1, 3)
    require_all_found(third, samples, entries)
    rotate_digests(third.database.engine, newest)

    require_all_found(third, samples, entries)
    assert versions(third) == (3, 3)
    assert stored_versions(third) == {3}
    assert rotate_digests(third.database.engine, newest) == RotationReport(0, 0, 3)
    with pytest.raises(ConfigurationError, match=r"digest-3.*missing"):
        rotate_digests(second.database.engine, newer)


def test_a_pending_key_changes_nothing_for_servers_without_it(
    store: Store, new_store: Store, samples: Samples, entries: dict[str, PreparedEntry]
) -> None:
    entry = samples.entry(samples.point("b"))
    written(new_store, samples, entry)

    require_all_found(store, samples, entries)
    assert found(store, samples, "b") == {entry.entry_id}


CALLS: dict[str, Callable[[Store, Samples], object]] = {
    "read": lambda store, samples: found(store, samples, "p1"),
    "read-nothing": found,
    "past": lambda store, samples: store.past.read_past(
        FRANCE, [samples.point("p1")], at_us=None, known_at_us=None, deadline=NO_DEADLINE
    ),
    "history": lambda store, samples: store.history.entries(
        FRANCE, [samples.point("p1")], Page(9, None), deadline=NO_DEADLINE
    ),
    "write": lambda store, samples: written(store, samples, samples.entry(samples.point("p1"))),
    "repetition": lambda store, samples: written(store, samples, request="p1"),
    "disclosure": lambda store, samples: store.ledger.transact(
        lambda found: found.entries_about(FRANCE, [samples.point("p1")], limit=9),
        deadline=NO_DEADLINE,
    ),
}


@pytest.mark.usefixtures("entries")
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_a_server_without_the_new_key_refuses_instead_of_answering(
    call: Callable[[Store, Samples], object],
    store: Store,
    new_store: Store,
    newer: Keyring,
    samples: Samples,
) -> None:
    call(store, samples)
    begin(new_store, newer)

    with pytest.raises(Unavailable) as error:
        call(store, samples)

    assert error.value.reason == "KEYRING_OUTDATED"
    call(new_store, samples)


@pytest.mark.usefixtures("entries")
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_a_server_that_waited_with_another_new_key_refuses_too(
    call: Callable[[Store, Samples], object],
    keyring: Keyring,
    open_with: Callable[[Keyring], Store],
    newer: Keyring,
    samples: Samples,
) -> None:
    # It has as many keys; by what it computes, nobody would ever have objected.
    mistaken = keyring.with_new_digest_key()
    other = open_with(mistaken)
    begin(open_with(newer), newer)

    with pytest.raises(Unavailable) as error:
        call(other, samples)

    assert error.value.reason == "KEYRING_OUTDATED"
    with pytest.raises(ConfigurationError, match="digest-2 is not the one"):
        rotate_digests(other.database.engine, mistaken)


def test_a_new_vault_key_of_another_server_does_not_pass_for_another_digest_key(
    new_store: Store,
    newer: Keyring,
    open_with: Callable[[Keyring], Store],
    samples: Samples,
    entries: dict[str, PreparedEntry],
) -> None:
    vault_keys = (*newer.vault_keys.values(), Key("vault-2", b"v" * 32))
    more = Keyring(newer.digest_keys, vault_keys, active_vault_key="vault-2")
    rotate_digests(open_with(more).database.engine, more)

    require_all_found(new_store, samples, entries)


def test_a_rotation_begins_when_no_write_is_under_way(
    postgres_url: str, store: Store, new_store: Store, newer: Keyring, samples: Samples
) -> None:
    # What a write stores under the old keys after the beginning may come in behind the pass that
    # carries over, and after the rotation nobody would find it.
    entry = samples.entry(samples.point("a"))
    began: list[Future[RotationReport]] = []

    def work(transaction: Transaction) -> dict[str, Any]:
        began.append(executor.submit(rotate_digests, new_store.database.engine, newer))
        wait_until_one_waits_for_a_lock(postgres_url)
        transaction.append([entry])
        assert found(new_store, samples, "a") == set()
        return {}

    with ThreadPoolExecutor(1) as executor:
        store.ledger.write(samples.request(), NOON_US, work, deadline=NO_DEADLINE)
        assert began[0].result().contact_points == 1

    assert found(new_store, samples, "a") == {entry.entry_id}


def test_a_rotation_waits_for_a_contact_point_that_a_write_names(
    postgres_url: str,
    new_store: Store,
    newer: Keyring,
    samples: Samples,
    entries: dict[str, PreparedEntry],
) -> None:
    begin(new_store, newer)
    second = samples.entry(*(samples.point(name) for name in NAMES))
    going: list[Future[RotationReport]] = []

    def work(transaction: Transaction) -> dict[str, Any]:
        transaction.append([second])
        going.append(executor.submit(rotate_digests, new_store.database.engine, newer))
        wait_until_one_waits_for_a_lock(postgres_url)
        return {}

    with ThreadPoolExecutor(1) as executor:
        written_at = store_write(new_store, samples, work)
        going[0].result()

    assert written_at.details == {}
    for name, entry in entries.items():
        assert found(new_store, samples, name) == {entry.entry_id, second.entry_id}
    assert stored_versions(new_store) == {2}


def store_write(
    store: Store, samples: Samples, work: Callable[[Transaction], dict[str, Any]]
) -> Recorded:
    return store.ledger.write(samples.request(), NOON_US, work, deadline=NO_DEADLINE)


def test_a_rotation_that_is_never_let_in_gives_up(
    store: Store,
    new_store: Store,
    newer: Keyring,
    samples: Samples,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rotation, "LOCK_WAIT_S", 0.02)
    pauses: list[float] = []

    def work(_: Transaction) -> dict[str, Any]:
        with pytest.raises(Unavailable) as error:
            rotate_digests(new_store.database.engine, newer, sleep=pauses.append)
        assert error.value.reason == "CONTENTION"
        return {}

    store_write(store, samples, work)

    assert pauses == [rotation.PAUSE_S] * rotation.TRIES
    assert versions(new_store) == (1, 1)


def test_digests_that_stand_for_nobody_any_more_are_carried_over_like_all_others(
    new_store: Store, newer: Keyring, append: Append, samples: Samples, sql: Sql
) -> None:
    consent = samples.consent(samples.point("a"))
    append(consent)
    sql(
        "UPDATE contact_point SET exact_digest = decode(repeat('ab', 16), 'hex'),"
        " wide_digest = decode(repeat('cd', 16), 'hex')"
    )

    rotate_digests(new_store.database.engine, newer)

    carried_over = newer.advance(b"\xab" * 16, 1, 2), newer.advance(b"\xcd" * 16, 1, 2), 2
    [row] = sql("SELECT exact_digest, wide_digest, key_version FROM contact_point")
    assert (bytes(row[0]), bytes(row[1]), row[2]) == carried_over


def test_pages_and_pasts_go_on_across_a_rotation(
    store: Store, new_store: Store, newer: Keyring, append: Append, samples: Samples
) -> None:
    written_before = [
        replace(samples.entry(samples.point("a")), recorded_at_us=NOON_US + each * SECOND_US)
        for each in range(4)
    ]
    append(*written_before)
    revision = store.standing.read(FRANCE, [samples.point("a")], deadline=NO_DEADLINE).revision
    first = page(store, samples, None)

    begin(new_store, newer)
    later = replace(samples.entry(samples.point("a")), recorded_at_us=NOON_US + 9 * SECOND_US)
    written(new_store, samples, later)
    second = page(new_store, samples, (first[-1].recorded_at_us, first[-1].entry_id))
    rotate_digests(new_store.database.engine, newer)

    assert [each.entry_id for each in first + second] == [
        each.entry_id for each in reversed(written_before)
    ]
    past = new_store.past.read_past(
        FRANCE,
        [samples.point("a")],
        at_us=None,
        known_at_us=None,
        revision=revision,
        deadline=NO_DEADLINE,
    )
    assert set(past.recorded_at_us) == {each.entry_id for each in written_before}
    assert {(row.wide, row.exact) for row in past.rows} == {samples.point("a")[1:3]}


def page(store: Store, samples: Samples, after: tuple[int, EntryId] | None) -> list[Entry]:
    points = [samples.point("a")]
    return store.history.entries(FRANCE, points, Page(2, after), deadline=NO_DEADLINE)


def test_rows_are_told_by_the_base_digests_of_what_was_asked_for(
    new_store: Store, newer: Keyring, samples: Samples
) -> None:
    asked, near = samples.point("a"), samples.point("near", wide="a")
    written(new_store, samples, samples.entry(asked), samples.entry(near))
    rotate_digests(new_store.database.engine, newer)

    rows = new_store.standing.read(FRANCE, [asked], deadline=NO_DEADLINE).rows
    both = new_store.standing.read(FRANCE, [asked, near], deadline=NO_DEADLINE).rows

    assert {row.wide for row in rows} == {asked.wide}
    assert [row.exact == asked.exact for row in rows].count(True) == 1
    assert {row.exact for row in both} == {asked.exact, near.exact}
