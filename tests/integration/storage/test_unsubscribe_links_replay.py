"""Unsubscribe links in the exported log: put back, they go on working."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from consent_registry_server.domain.errors import ConfigurationError
from consent_registry_server.domain.vocabulary import EntryId, EntryKind
from consent_registry_server.service.unsubscribe_ports import UnsubscribeLink
from consent_registry_server.storage.database import make_owner_engine
from consent_registry_server.storage.erasure import end_identities
from consent_registry_server.storage.log import export as log_export
from consent_registry_server.storage.log.tables import LOGGED
from consent_registry_server.storage.rotation import rotate_digests
from consent_registry_server.storage.store import Store
from tests.conftest import run_sql
from tests.integration.storage.exported_log import (
    LIMITS,
    LogDesk,
    content,
    kept,
    opened,
    replay,
    write,
)
from tests.integration.storage.linked import KINDS, click, find_link, keep_link, said_before
from tests.integration.storage.samples import FRANCE, NO_DEADLINE, NOON_US, SECOND_US

LATER_US = NOON_US + SECOND_US


def found(store: Store, desk: LogDesk, *names: str) -> list[EntryId]:
    """The entries that stand for some contact points, each once."""
    points = [desk.samples.point(name) for name in names]
    rows = store.standing.read(FRANCE, points, deadline=NO_DEADLINE).rows
    return sorted({row.entry_id for row in rows})


def test_links_come_back_into_an_empty_database(
    desk: LogDesk, new_database: Callable[[], str]
) -> None:
    """Every row as it was, and what was said through them."""
    one = keep_link(desk.store, desk.samples.point("a"), desk.samples.point("b"))
    keep_link(desk.store, desk.samples.point("c"))
    desk.append(kept(click(desk.samples, one)))
    desk.export()
    before = content(desk.url)
    empty = new_database()

    report = desk.replay(empty)

    assert content(empty) == before
    assert len(before["unsubscribe_link"]) == report.put_back["unsubscribe_link"] == 2
    assert report.standing.differing == 2
    assert not any(desk.replay(empty).put_back.values())
    assert content(empty) == before


def test_links_made_since_a_backup_come_back_and_work(desk: LogDesk) -> None:
    """The person of the message has the same link, and what it says is found."""
    points = [desk.samples.point("email"), desk.samples.point("phone")]
    old = keep_link(desk.store, points[0])
    desk.export()
    with desk.backup() as backup:
        link_id = keep_link(desk.store, *points)
        said = kept(click(desk.samples, link_id))
        desk.append(said)
        desk.export()

        desk.replay(backup)

        with opened(backup, desk.keyring, desk.key_store) as restored:
            assert find_link(restored, link_id) == UnsubscribeLink(link_id, FRANCE, KINDS)
            assert keep_link(restored, *reversed(points)) == link_id
            assert keep_link(restored, points[0]) == old
            repeated = said_before(restored, link_id)
            assert repeated is not None
            assert repeated.entry_id == said.entry_id
            again = click(desk.samples, old, at_us=LATER_US)
            write(restored, desk.samples.request(), again)
            assert found(restored, desk, "phone") == [said.entry_id]
            assert found(restored, desk, "email") == sorted([said.entry_id, again.entry_id])


def test_a_link_names_the_contact_points_of_the_database_it_comes_back_to(desk: LogDesk) -> None:
    """Whatever refs they have there: somebody wrote to it before the log was replayed."""
    with desk.backup() as backup:
        link_id = keep_link(desk.store, desk.samples.point("email"), desk.samples.point("phone"))
        desk.export()
        with opened(backup, desk.keyring, desk.key_store) as restored:
            early = desk.samples.entry(desk.samples.point("email"))
            write(restored, desk.samples.request(), early)

        desk.replay(backup)

        with opened(backup, desk.keyring, desk.key_store) as restored:
            said = click(desk.samples, link_id)
            write(restored, desk.samples.request(), said)
            assert found(restored, desk, "email") == sorted([early.entry_id, said.entry_id])
            assert found(restored, desk, "phone") == [said.entry_id]
        assert run_sql(backup, "SELECT count(*) FROM contact_point") == [(2,)]


def test_a_link_works_although_its_contact_points_were_unlinked_in_the_backup(
    desk: LogDesk,
) -> None:
    """It goes by the digests that the log has of them."""
    consent = kept(desk.samples.consent(desk.samples.point("email")))
    desk.append(consent)
    with desk.backup() as backup:
        link_id = keep_link(desk.store, desk.samples.point("email"))
        desk.export()
        run_sql(backup, f"DELETE FROM vault WHERE entry_id = '{consent.entry_id}'")  # noqa: S608 - an id of its own
        engine = make_owner_engine(backup, LIMITS)
        with engine.begin() as connection:
            end_identities(connection, [consent.entry_id])

        desk.replay(backup)

        with opened(backup, desk.keyring, desk.key_store) as restored:
            said = click(desk.samples, link_id)
            write(restored, desk.samples.request(), said)
            assert found(restored, desk, "email") == [said.entry_id]


def test_an_erasure_that_is_repeated_leaves_the_contact_points_of_a_link(desk: LogDesk) -> None:
    """As it did when it first happened, however old the database is that it is repeated in."""
    consent = kept(desk.samples.consent(desk.samples.point("email")))
    desk.append(consent)
    desk.export()
    with desk.backup() as backup:
        link_id = keep_link(desk.store, desk.samples.point("email"))
        desk.end(consent, EntryKind.IDENTITY_ERASED)
        desk.export()

        desk.replay(backup)

        assert run_sql(backup, "SELECT count(*) FROM vault") == [(0,)]
        with opened(backup, desk.keyring, desk.key_store) as restored:
            said = click(desk.samples, link_id)
            write(restored, desk.samples.request(), said)
            assert said.entry_id in found(restored, desk, "email")


def test_of_links_made_twice_for_a_person_each_goes_on_working(desk: LogDesk) -> None:
    """One was sent before the restore, the other after it."""
    point = desk.samples.point("email")
    with desk.backup() as backup:
        before = keep_link(desk.store, point)
        desk.export()
        with opened(backup, desk.keyring, desk.key_store) as restored:
            after = keep_link(restored, point)

        desk.replay(backup)

        with opened(backup, desk.keyring, desk.key_store) as restored:
            assert {find_link(restored, each) is None for each in (before, after)} == {False}
            assert keep_link(restored, point) == keep_link(restored, point) == min(before, after)
            said = [click(desk.samples, each) for each in (before, after)]
            for each in said:
                write(restored, desk.samples.request(), each)
            assert found(restored, desk, "email") == sorted(each.entry_id for each in said)


def test_a_link_of_before_a_rotation_comes_back_after_it(
    desk: LogDesk, new_database: Callable[[], str]
) -> None:
    """Its digests in the log are carried over to the keys of the entries that name it."""
    link_id = keep_link(desk.store, desk.samples.point("email"))
    desk.export()
    newer = desk.keyring.with_new_digest_key()
    rotate_digests(desk.store.database.engine, newer)
    with opened(desk.url, newer, desk.key_store) as rotated:
        first = click(desk.samples, link_id)
        write(rotated, desk.samples.request(), first)
    desk.export()
    empty = new_database()

    replay(empty, desk.path, newer)

    with opened(empty, newer, desk.key_store) as restored:
        assert keep_link(restored, desk.samples.point("email")) == link_id
        second = click(desk.samples, link_id, at_us=LATER_US)
        write(restored, desk.samples.request(), second)
        assert found(restored, desk, "email") == sorted([first.entry_id, second.entry_id])
    assert run_sql(empty, "SELECT count(*) FROM contact_point") == [(1,)]


def test_an_opt_out_comes_back_although_the_log_lacks_its_link(
    desk: LogDesk, new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program of before, which knew no links, may have exported meanwhile."""
    link_id = keep_link(desk.store, desk.samples.point("email"))
    known = tuple(each for each in LOGGED if each.name != "unsubscribe_link")
    monkeypatch.setattr(log_export, "LOGGED", known)
    said = click(desk.samples, link_id)
    desk.append(said)
    desk.export()
    empty = new_database()

    desk.replay(empty)

    with opened(empty, desk.keyring, desk.key_store) as restored:
        assert found(restored, desk, "email") == [said.entry_id]
        assert find_link(restored, link_id) is None


def test_a_database_of_another_schema_is_not_exported(desk: LogDesk) -> None:
    """It was migrated while the export went on: the log would lack a part of it for ever."""
    desk.export()
    desk.sql("UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(ConfigurationError, match="9999"):
        desk.export()


def test_a_link_is_exported_once(desk: LogDesk) -> None:
    """With the round in which it was made."""
    keep_link(desk.store, desk.samples.point("email"))
    assert desk.export()["unsubscribe_link"] == 1
    keep_link(desk.store, desk.samples.point("email"))
    assert desk.export().get("unsubscribe_link", 0) == 0
