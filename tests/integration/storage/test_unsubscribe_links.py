"""Unsubscribe links in PostgreSQL: what keeps them, through expiry, erasure and rotation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import uuid4

import psycopg2
import pytest

from consent_registry_server.domain.calendar import to_us
from consent_registry_server.domain.errors import Unavailable
from consent_registry_server.domain.vocabulary import EntryId, EntryKind, LinkId
from consent_registry_server.policy.load import load_policy
from consent_registry_server.service.ports import PreparedEntry
from consent_registry_server.service.unsubscribe_ports import (
    LinkedPerson,
    Said,
    UnsubscribeTransaction,
)
from consent_registry_server.storage import rotation
from consent_registry_server.storage.erasure import end_identities
from consent_registry_server.storage.expiry import Expiry, ExpiryReport
from consent_registry_server.storage.keyring import Keyring
from consent_registry_server.storage.rebuild import compare_standing
from consent_registry_server.storage.rotation import rotate_digests
from consent_registry_server.storage.store import Store, open_store
from tests.integration.storage.conftest import Append, Sql
from tests.integration.storage.exported_log import write
from tests.integration.storage.linked import (
    KINDS,
    ONE_CLICK,
    SOURCE,
    click,
    find_link,
    keep_link,
    last_permission_us,
    said_before,
)
from tests.integration.storage.samples import FRANCE, NO_DEADLINE, NOON_US, SECOND_US, Samples
from tests.integration.storage.test_rotation import begin
from tests.integration.storage.threads import at_once, wait_until_one_waits_for_a_lock

LAST_DAY = date(2033, 9, 21)
NEXT_DAY = date(2033, 9, 22)
WRITERS = 8


def kept(entry: PreparedEntry) -> PreparedEntry:
    """The entry with an identity that the vault keeps."""
    return replace(entry, identity_expires_on=LAST_DAY)


def found(store: Store, samples: Samples, *names: str) -> set[EntryId]:
    """The entries that stand for some contact points."""
    points = [samples.point(name) for name in names]
    return {row.entry_id for row in store.standing.read(FRANCE, points, deadline=NO_DEADLINE).rows}


def end(store: Store, *entries: PreparedEntry) -> None:
    """Ends identities in a transaction of their own."""
    with store.database.transaction(NO_DEADLINE) as connection:
        end_identities(connection, [entry.entry_id for entry in entries])


# What outlives an identity.


def test_a_link_works_when_every_identity_of_its_person_was_erased(
    store: Store, append: Append, samples: Samples
) -> None:
    """What is said through it is found by the email and by the phone, as when they were known."""
    consents = [kept(samples.consent(samples.point(name))) for name in ("email", "phone")]
    append(*consents)
    link_id = keep_link(store, samples.point("email"), samples.point("phone"))
    end(store, *consents)

    opt_out = click(samples, link_id)
    append(opt_out)

    for name in ("email", "phone"):
        assert opt_out.entry_id in found(store, samples, name)
    assert keep_link(store, samples.point("phone"), samples.point("email")) == link_id


def test_a_link_works_when_all_that_its_person_said_has_expired(
    store: Store, append: Append, samples: Samples, sql: Sql
) -> None:
    """The job ends the identities, those of what was said through the link among them."""
    consent = kept(samples.consent(samples.point("email"), samples.point("phone")))
    other = kept(samples.consent(samples.point("nobody's link")))
    append(consent, other)
    link_id = keep_link(store, samples.point("email"), samples.point("phone"))
    opt_out = kept(click(samples, keep_link(store, samples.point("clicked"))))
    append(opt_out)
    job = Expiry(
        store.database,
        store.vault,
        store.ledger.appender,
        policy=load_policy(),
        clock=lambda: to_us(datetime(2033, 10, 1, tzinfo=UTC)),
        entry_ids=lambda: EntryId(uuid4()),
    )

    job.run(NEXT_DAY, ExpiryReport(NEXT_DAY))

    assert sql("SELECT count(*) FROM vault") == [(0,)]
    assert found(store, samples, "nobody's link") == set()
    assert found(store, samples, "clicked") == {opt_out.entry_id}
    later = click(samples, link_id, at_us=NOON_US + SECOND_US)
    append(later)
    for name in ("email", "phone"):
        assert found(store, samples, name) == {consent.entry_id, later.entry_id}
    assert compare_standing(store.database.engine) == 0


def test_who_was_forgotten_before_gets_a_link_that_works(
    store: Store, append: Append, samples: Samples
) -> None:
    """Its contact points are made anew, and nothing of before hangs on them."""
    consent = kept(samples.consent(samples.point("email")))
    append(consent)
    end(store, consent)
    link_id = keep_link(store, samples.point("email"))

    opt_out = click(samples, link_id)
    append(opt_out)

    assert found(store, samples, "email") == {opt_out.entry_id}


def test_a_link_that_waited_for_a_contact_point_that_was_forgotten_makes_it_anew(
    store: Store, append: Append, samples: Samples, postgres_url: str
) -> None:
    """It would else hang on one that nobody finds."""
    consent = kept(samples.consent(samples.point("email")))
    append(consent)

    with ThreadPoolExecutor(1) as executor:
        with store.database.transaction(NO_DEADLINE) as connection:
            end_identities(connection, [consent.entry_id])
            made = executor.submit(keep_link, store, samples.point("email"))
            wait_until_one_waits_for_a_lock(postgres_url)
        link_id = made.result()

    opt_out = click(samples, link_id)
    append(opt_out)
    assert found(store, samples, "email") == {opt_out.entry_id}
    assert keep_link(store, samples.point("email")) == link_id


def test_a_contact_point_that_a_link_is_about_to_name_is_not_forgotten(
    store: Store, append: Append, samples: Samples, postgres_url: str, sql: Sql
) -> None:
    """Whoever ends its last identity waits for the link, and then sees it."""
    consent = kept(samples.consent(samples.point("email")))
    append(consent)
    forgotten: list[Future[None]] = []

    with ThreadPoolExecutor(1) as executor:

        def work(transaction: UnsubscribeTransaction) -> LinkId:
            person = LinkedPerson((samples.point("email"),), KINDS)
            [link_id] = transaction.keep_links(FRANCE, [person], created_at_us=NOON_US)
            forgotten.append(executor.submit(end, store, consent))
            wait_until_one_waits_for_a_lock(postgres_url)
            return link_id

        link_id = store.ledger.transact(work, deadline=NO_DEADLINE)
        forgotten[0].result()

    opt_out = click(samples, link_id)
    append(opt_out)
    assert opt_out.entry_id in found(store, samples, "email")
    assert sql("SELECT count(*) FROM contact_point") == [(1,)]


def test_writers_at_once_make_one_link_a_person(
    store: Store, append: Append, samples: Samples, sql: Sql
) -> None:
    """Whatever else is in their batches, in whatever order, of contact points that are known."""
    rounds, size = 6, 10
    points = [samples.point(f"p{number}") for number in range(rounds * size)]
    append(samples.entry(*points))

    for start in range(0, len(points), size):
        shared = [LinkedPerson((point,), KINDS) for point in points[start : start + size]]

        def make(number: int, shared: list[LinkedPerson] = shared) -> dict[LinkedPerson, LinkId]:
            people = shared[number:] + shared[:number]
            if number % 2:
                people.reverse()
            links = store.ledger.transact(
                lambda transaction: transaction.keep_links(FRANCE, people, created_at_us=NOON_US),
                deadline=NO_DEADLINE,
            )
            return dict(zip(people, links, strict=True))

        first, *others = at_once(make, WRITERS)
        assert all(other == first for other in others)

    assert sql("SELECT count(*) FROM unsubscribe_link") == [(len(points),)]


def test_of_clicks_at_once_one_is_recorded(store: Store, samples: Samples, sql: Sql) -> None:
    """The others see it once they hold the link's lock, as the service takes it."""
    link_id = keep_link(store, samples.point("email"))

    def press(_: int) -> Said:
        def work(transaction: UnsubscribeTransaction) -> Said:
            transaction.lock(link_id.bytes)
            before = transaction.said_before(link_id, ONE_CLICK, source=SOURCE, since_us=0)
            if before is None:
                new = click(samples, link_id)
                transaction.append([new])
                before = Said(new.entry_id, new.recorded_at_us)
            return before

        return store.ledger.transact(work, deadline=NO_DEADLINE)

    assert len(set(at_once(press, WRITERS))) == 1
    assert sql("SELECT count(*) FROM entry") == [(1,)]


# While the digest keys rotate.


@pytest.fixture
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotation, "BATCH_ROWS", 3)


@pytest.fixture
def newer(keyring: Keyring) -> Keyring:
    """The keyring with one more digest key."""
    return keyring.with_new_digest_key()


@pytest.fixture
def new_store(postgres_url: str, store: Store, newer: Keyring) -> Iterator[Store]:
    """A server with one more digest key, on the same database."""
    opened = open_store(postgres_url, newer, store.vault.keys.key_store, store.database.limits)
    yield opened
    opened.close()


def rotate_half(store: Store, keyring: Keyring) -> None:
    """Begins a rotation that is stopped on its way."""
    begin(store, keyring, batches=2)


def rotate_wholly(store: Store, keyring: Keyring) -> None:
    """Rotates."""
    rotate_digests(store.database.engine, keyring)


@pytest.mark.usefixtures("_small_batches")
@pytest.mark.parametrize("rotate", [rotate_half, rotate_wholly])
def test_a_link_stays_the_same_while_and_after_the_digests_rotate(
    rotate: Callable[[Store, Keyring], None],
    store: Store,
    new_store: Store,
    newer: Keyring,
    samples: Samples,
) -> None:
    """The same person has the same link, and what is said through it is found."""
    names = [f"p{number}" for number in range(10)]
    before = {name: keep_link(store, samples.point(name), samples.point("home")) for name in names}

    rotate(new_store, newer)

    points = {name: (samples.point("home"), samples.point(name)) for name in names}
    assert {name: keep_link(new_store, *points[name]) for name in names} == before
    assert all(find_link(new_store, link_id) for link_id in before.values())
    said = click(samples, before["p4"])
    write(new_store, samples.request(), said)
    assert found(new_store, samples, "p4") == found(new_store, samples, "home") == {said.entry_id}
    made = keep_link(new_store, samples.point("new"))
    rotate_wholly(new_store, newer)
    assert keep_link(new_store, samples.point("new")) == made
    assert {name: keep_link(new_store, *points[name]) for name in names} == before
    assert found(new_store, samples, "p4") == found(new_store, samples, "home") == {said.entry_id}


@pytest.mark.usefixtures("_small_batches")
def test_nothing_passes_for_a_repetition_while_digests_rotate(
    new_store: Store, newer: Keyring, append: Append, samples: Samples
) -> None:
    """A consent of a variant may be at another version: then it could not be seen."""
    link_id = keep_link(new_store, samples.point("email"))
    for number in range(9):
        keep_link(new_store, samples.point(f"p{number}"))
    opt_out = click(samples, link_id)
    append(opt_out)
    assert said_before(new_store, link_id) == Said(opt_out.entry_id, NOON_US)

    rotate_half(new_store, newer)
    assert said_before(new_store, link_id) is None

    rotate_wholly(new_store, newer)
    assert said_before(new_store, link_id) == Said(opt_out.entry_id, NOON_US)


def test_a_consent_of_a_variant_is_seen_through_rotated_digests(
    new_store: Store, newer: Keyring, samples: Samples
) -> None:
    """Whether it was given before the rotation or after."""
    link_id = keep_link(new_store, samples.point("email"))
    at_us = NOON_US + SECOND_US
    consents = [
        samples.consent(samples.point(f"email+{number}", wide="email"), at_us=at_us + number)
        for number in range(2)
    ]

    write(new_store, samples.request(), click(samples, link_id), consents[0])
    rotate_wholly(new_store, newer)
    assert said_before(new_store, link_id) is None
    assert last_permission_us(new_store, link_id) == at_us
    write(new_store, samples.request(), click(samples, link_id, at_us=at_us), consents[1])
    assert said_before(new_store, link_id) is None
    assert last_permission_us(new_store, link_id) == at_us + 1


def test_a_server_without_the_new_key_makes_no_link(
    store: Store, new_store: Store, newer: Keyring, samples: Samples
) -> None:
    """It would not find the contact points, and name new ones beside them."""
    keep_link(store, samples.point("email"))
    rotate_wholly(new_store, newer)

    with pytest.raises(Unavailable) as error:
        keep_link(store, samples.point("email"))

    assert error.value.reason == "KEYRING_OUTDATED"


# What the database refuses.


@pytest.mark.parametrize(
    "values",
    [
        pytest.param("contact_point_refs = '{}'", id="without-contact-points"),
        pytest.param("controller = 'a company'", id="free-text-in-controller"),
    ],
)
def test_the_database_refuses_a_link_that_makes_no_sense(
    store: Store, samples: Samples, sql: Sql, values: str
) -> None:
    """Whoever writes it."""
    keep_link(store, samples.point("email"))
    column, value = values.split(" = ", 1)
    with pytest.raises(psycopg2.errors.CheckViolation):
        sql(
            "INSERT INTO unsubscribe_link SELECT (jsonb_populate_record(unsubscribe_link,"  # noqa: S608 - constants
            f" jsonb_build_object('link_id', gen_random_uuid(), '{column}', {value}))).*"
            " FROM unsubscribe_link"
        )


@pytest.mark.parametrize("kind", [EntryKind.CONSENT, EntryKind.DO_NOT_CONTACT_LIFT])
def test_only_an_opt_out_comes_through_a_link(
    store: Store, append: Append, samples: Samples, sql: Sql, kind: EntryKind
) -> None:
    """A consent that named one would permit more than was asked for."""
    link_id = keep_link(store, samples.point("email"))
    opt_out = click(samples, link_id)
    append(opt_out)
    lifts = f"'{opt_out.entry_id}'" if kind is EntryKind.DO_NOT_CONTACT_LIFT else "NULL"
    with pytest.raises(psycopg2.errors.CheckViolation, match="unsubscribe_link_id"):
        sql(
            "INSERT INTO entry SELECT (jsonb_populate_record(entry, jsonb_build_object("  # noqa: S608 - constants
            f"'entry_id', gen_random_uuid(), 'kind', {kind:d}, 'lifts_entry_id', {lifts}))).*"
            " FROM entry"
        )
