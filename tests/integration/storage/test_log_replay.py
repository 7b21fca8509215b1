from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest

from consent_registry_server.domain.contact import Subject
from consent_registry_server.domain.errors import ConfigurationError
from consent_registry_server.domain.vocabulary import (
    EntryId,
    EntryKind,
    PartnerId,
    PartnerKind,
    PurposeId,
)
from consent_registry_server.service.ports import (
    Partner,
    RequestKey,
    Transaction,
)
from consent_registry_server.storage.database import make_owner_engine
from consent_registry_server.storage.erasure import end_identities
from consent_registry_server.storage.keyring import Key, Keyring
from consent_registry_server.storage.rotation import rotate_digests
from consent_registry_server.storage.store import Store, open_store
from tests.conftest import run_sql
from tests.integration.storage.exported_log import (
    LIMITS,
    LogDesk,
    content,
    copied,
    export,
    kept,
    opened,
    replay,
    write,
)
from tests.integration.storage.samples import FRANCE, NO_DEADLINE, NOON_US, SECOND_US, Samples

REPLAY: Final = """
import sys
from dataclasses import replace
from pathlib import Path
from consent_registry_server.storage.keyring import Keyring
from tests.integration.storage.exported_log import replay
url, path, keys = sys.argv[1:]
replay(url, Path(path), Keyring.load(Path(keys)))
"""
OTHERS: Final = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type LIKE 'client%'
"""


def save_partner(store: Store, samples: Samples, days: int = 10) -> None:
    """Saves the partner with another maximum age of its leads."""
    partner = Partner(
        FRANCE,
        PartnerId("union"),
        "The Union",
        PartnerKind.UNION,
        permitted_channels=2,
        permitted_purposes=frozenset({PurposeId("direct_marketing")}),
        maximum_lead_age_days=days,
    )

    def save(transaction: Transaction) -> dict[str, Any]:
        transaction.save_partner(partner, recorded_at_us=NOON_US + days)
        return {}

    store.ledger.write(samples.request(), NOON_US, save, deadline=NO_DEADLINE)


def identities(store: Store, samples: Samples) -> list[Subject]:
    """Whom the entries name, those without identity left out, in the order of their ids."""
    found: list[Subject | None] = []

    def work(transaction: Transaction) -> dict[str, Any]:
        found.extend(transaction.subject(EntryId(each)) for each in sorted(ids))
        return {}

    with store.database.transaction(NO_DEADLINE) as connection:
        rows = connection.exec_driver_sql("SELECT entry_id::text FROM entry").scalars()
        ids = [UUID(each) for each in rows]
    store.ledger.write(samples.request(), NOON_US, work, deadline=NO_DEADLINE)
    return [subject for subject in found if subject is not None]


@pytest.fixture
def filled(desk: LogDesk) -> RequestKey:
    """A registry with some of everything; returns the key of a request it has answered."""
    request = desk.samples.request("first", "content")
    opt_out = kept(desk.samples.entry(desk.samples.point("a"), desk.samples.point("b")))
    write(desk.store, request, opt_out)
    desk.append(kept(desk.samples.consent(desk.samples.point("a"))))
    desk.append(desk.samples.lift(opt_out, at_us=NOON_US + SECOND_US))
    desk.append(desk.samples.result(desk.samples.point("c")))
    for days in (30, 20):
        save_partner(desk.store, desk.samples, days)
    desk.store.policy_versions.activate("v1", {"a.yaml": "x: 1\n"}, at_us=NOON_US)
    desk.store.policy_versions.activate("v2", {"a.yaml": "x: 2\n"}, at_us=NOON_US + SECOND_US)
    return request


@pytest.mark.usefixtures("filled")
def test_a_database_that_is_lost_wholly_comes_back_from_its_log(
    desk: LogDesk, new_database: Callable[[], str]
) -> None:
    """Every row of history is back, and so is all that is derived from it."""
    desk.export()
    before = content(desk.url)
    empty = new_database()

    report = desk.replay(empty)

    assert content(empty) == before
    assert report.put_back["entry"] == 4
    assert report.unreadable == 0


def test_the_same_questions_get_the_same_answers(
    desk: LogDesk, new_database: Callable[[], str], filled: RequestKey
) -> None:
    """What stands, who is named, and what a repeated request is answered."""
    point = desk.samples.point("a")
    before = desk.store.standing.read(FRANCE, [point], deadline=NO_DEADLINE).rows
    answer = write(desk.store, filled)
    desk.export()
    empty = new_database()
    desk.replay(empty)

    with opened(empty, desk.keyring, desk.key_store) as restored:
        assert restored.standing.read(FRANCE, [point], deadline=NO_DEADLINE).rows == before
        repeated = write(restored, filled)
        subjects = identities(restored, desk.samples)

    assert repeated == answer
    assert subjects == identities(desk.store, desk.samples) != []


@pytest.fixture
def backup(desk: LogDesk, filled: RequestKey) -> Iterator[str]:
    """A database restored from a backup that was made when the registry was `filled`."""
    del filled
    with desk.backup() as url:
        yield url


def test_what_happened_since_a_backup_is_replayed(desk: LogDesk) -> None:
    """Opt-outs, expiries and erasures, longer terms and partners that changed."""
    opt_out = kept(desk.samples.entry(desk.samples.point("a")))
    consent = kept(desk.samples.consent(desk.samples.point("b")))
    prolonged = kept(desk.samples.entry(desk.samples.point("c")))
    for entry in (opt_out, consent, prolonged):
        desk.append(entry)
    desk.export()
    with desk.backup() as backup:
        desk.append(kept(desk.samples.entry(desk.samples.point("b"), desk.samples.point("d"))))
        desk.end(opt_out, EntryKind.IDENTITY_EXPIRED)
        desk.end(consent, EntryKind.IDENTITY_ERASED)
        desk.sql(f"UPDATE vault SET held = true WHERE entry_id = '{prolonged.entry_id}'")  # noqa: S608 - an id of its own
        save_partner(desk.store, desk.samples)
        desk.export()
        before = content(desk.url)

        report = desk.replay(backup)

        assert content(backup) == before
    assert report.put_back["entry"] == 3
    assert report.standing.differing == 3


def test_a_contact_point_that_was_unlinked_is_unlinked_again(desk: LogDesk) -> None:
    """When the last consent that named it was erased after the backup, nothing finds it again."""
    consent, other = kept(desk.samples.consent(desk.samples.point("b"))), kept(desk.samples.entry())
    desk.append(consent)
    desk.append(other)
    desk.export()
    with desk.backup() as backup:
        desk.end(consent, EntryKind.IDENTITY_ERASED)
        desk.export()
        desk.replay(backup)
        with opened(backup, desk.keyring, desk.key_store) as restored:
            read = restored.standing.read(FRANCE, [desk.samples.point("b")], deadline=NO_DEADLINE)
            assert read.rows == []
            assert len(identities(restored, desk.samples)) == 1


def test_a_contact_point_that_a_living_consent_names_stays_linked(
    desk: LogDesk, new_database: Callable[[], str]
) -> None:
    """An identity ends after those are back that need the same contact points."""
    point = desk.samples.point("a")
    expired, living = kept(desk.samples.consent(point)), kept(desk.samples.consent(point))
    desk.append(expired)
    desk.append(living)
    desk.end(expired, EntryKind.IDENTITY_EXPIRED)
    before = desk.store.standing.read(FRANCE, [point], deadline=NO_DEADLINE).rows
    desk.export()
    empty = new_database()

    desk.replay(empty)

    with opened(empty, desk.keyring, desk.key_store) as restored:
        after = restored.standing.read(FRANCE, [point], deadline=NO_DEADLINE).rows
    assert sorted(after) == sorted(before)
    assert len(after) == 2


def test_an_identity_that_ended_in_the_database_is_not_put_back(desk: LogDesk, backup: str) -> None:
    """An expiry that ran on the restored database before the log was replayed counts."""
    entry = kept(desk.samples.entry(desk.samples.point("e")))
    desk.append(entry)
    desk.export()
    desk.replay(backup)
    with opened(backup, desk.keyring, desk.key_store) as restored:
        replace(desk, store=restored, url=backup).end(entry, EntryKind.IDENTITY_EXPIRED)
    before = content(backup)

    desk.replay(backup)

    assert content(backup) == before


def test_an_opt_out_is_found_although_its_contact_point_was_unlinked(desk: LogDesk) -> None:
    """It goes by the digests that the log has of it, whatever became of the ref in the database."""
    consent = kept(desk.samples.consent(desk.samples.point("a")))
    desk.append(consent)
    with desk.backup() as backup:
        desk.append(desk.samples.entry(desk.samples.point("a")))
        desk.export()
        run_sql(backup, f"DELETE FROM vault WHERE entry_id = '{consent.entry_id}'")  # noqa: S608 - an id of its own
        engine = make_owner_engine(backup, LIMITS)
        with engine.begin() as connection:
            end_identities(connection, [consent.entry_id])

        desk.replay(backup)

        with opened(backup, desk.keyring, desk.key_store) as restored:
            read = restored.standing.read(FRANCE, [desk.samples.point("a")], deadline=NO_DEADLINE)
    assert [row.kind for row in read.rows] == [EntryKind.DO_NOT_CONTACT]


def test_reconciling_again_changes_nothing(desk: LogDesk, backup: str) -> None:
    """Nothing is put back twice, whatever was there already."""
    desk.append(kept(desk.samples.entry(desk.samples.point("e"))))
    desk.export()
    desk.replay(backup)
    before = content(backup)

    report = desk.replay(backup)

    assert content(backup) == before
    assert not any(report.put_back.values())
    assert report.standing.differing == 0


def test_a_replay_that_is_killed_is_ended_by_the_next(
    desk: LogDesk, new_database: Callable[[], str]
) -> None:
    """SIGKILL at any point; until a replay came to its end no server starts."""
    point = desk.samples.point("a")
    for _ in range(6):
        desk.append(*(kept(desk.samples.entry(point)) for _ in range(500)))
    desk.export()
    empty = new_database()
    keys = desk.path.with_name("desk.keyring.json")
    desk.keyring.save_new(keys)
    for least in (1, 1_000):
        process = subprocess.Popen([sys.executable, "-c", REPLAY, empty, desk.path, keys])
        while run_sql(empty, "SELECT count(*) FROM entry") < [(least,)]:
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        while run_sql(empty, OTHERS):
            pass
        with pytest.raises(ConfigurationError, match="reconcile"):
            open_store(empty, desk.keyring, desk.key_store)

    report = desk.replay(empty)

    open_store(empty, desk.keyring, desk.key_store).close()
    assert 0 < report.put_back["entry"] < 3_000
    assert content(empty) == content(desk.url)


def test_an_identity_without_its_key_is_not_put_back(
    desk: LogDesk, new_database: Callable[[], str]
) -> None:
    """Nobody could read it; the report says so, unless it has ended anyhow."""
    entry = kept(desk.samples.entry(desk.samples.point("a")))
    desk.append(entry)
    desk.export()
    empty = new_database()

    report = desk.replay(empty, has_secret=lambda _: False)

    assert run_sql(empty, "SELECT FROM vault") == []
    assert report.unreadable == 1

    desk.end(entry, EntryKind.IDENTITY_EXPIRED)
    desk.export()
    assert desk.replay(empty, has_secret=lambda _: False).unreadable == 0


def test_what_a_retired_key_sealed_is_not_put_back_and_the_key_stays_retired(
    desk: LogDesk, backup: str
) -> None:
    """A key is retired when nothing is sealed under it: what the log has of it was sealed anew."""
    desk.export()
    desk.sql("INSERT INTO vault_key (key_id, created_at) VALUES ('newer', now())")
    [(old,)] = desk.sql("SELECT DISTINCT key_id FROM vault")
    desk.sql("UPDATE vault SET key_id = 'newer'")
    desk.sql(f"DELETE FROM vault_key WHERE key_id = '{old}'")  # noqa: S608 - an id of its own
    desk.sql(f"INSERT INTO retired_vault_key VALUES ('{old}', NULL, now(), now())")  # noqa: S608 - an id of its own
    desk.export()

    desk.replay(backup)

    assert content(backup) == content(desk.url)


def test_what_is_newer_in_the_database_than_in_the_log_stays(
    desk: LogDesk, filled: RequestKey
) -> None:
    """A hold that was placed after the last export and before the backup is not taken away."""
    del filled
    desk.export()
    desk.sql("UPDATE vault SET held = true")
    with desk.backup() as backup:
        desk.replay(backup)

        assert run_sql(backup, "SELECT DISTINCT held FROM vault") == [(True,)]


def test_what_has_passed_its_own_day_is_not_put_back(
    desk: LogDesk, new_database: Callable[[], str]
) -> None:
    """Refused leads, accesses and rights requests have terms of their own."""
    desk.sql("""
        INSERT INTO refused_lead (controller, partner_id, refusal, recorded_at, expires_on)
        VALUES ('alarm-fr', 'union', 1, now(), CURRENT_DATE),
            ('alarm-fr', 'union', 1, now(), CURRENT_DATE - 1)
    """)
    desk.export()
    empty = new_database()

    assert desk.replay(empty).put_back["refused_lead"] == 1
    assert run_sql(empty, "SELECT refused_lead_number FROM refused_lead") == [(1,)]


def test_numbers_go_on_after_those_that_were_put_back(
    desk: LogDesk, new_database: Callable[[], str], filled: RequestKey
) -> None:
    """A partner that is saved after a replay has a later change than all before."""
    del filled
    desk.export()
    empty = new_database()
    desk.replay(empty)

    with opened(empty, desk.keyring, desk.key_store) as restored:
        save_partner(restored, desk.samples)

    numbers = run_sql(empty, "SELECT change_number FROM partner_change ORDER BY 1")
    assert numbers == [(1,), (2,), (3,)]


def test_a_restored_database_begins_a_new_life(desk: LogDesk, backup: str) -> None:
    """No revision from before is taken for one of it, and the next export holds everything."""
    desk.export()
    [(before,)] = run_sql(backup, "SELECT incarnation FROM registry")

    desk.replay(backup)

    [after] = run_sql(
        backup,
        "SELECT incarnation, began_at > now() - interval '1 hour', reconciling FROM registry",
    )
    assert after[0] != before
    assert after[1:] == (True, False)
    assert run_sql(backup, "SELECT FROM export_progress") == []
    assert export(backup, desk.path)["entry"] == 4


def test_a_log_of_fewer_digest_keys_is_carried_over(desk: LogDesk) -> None:
    """Digests of before a rotation find what is stored since, and the other way round."""
    desk.append(kept(desk.samples.entry(desk.samples.point("a"))))
    desk.append(desk.samples.entry(desk.samples.point("b")))
    desk.export()
    key = Key("digest-2", b"2" * 32)
    newer = Keyring(
        (*desk.keyring.digest_keys, key),
        tuple(desk.keyring.vault_keys.values()),
        active_vault_key=desk.keyring.active_vault_key.key_id,
    )
    desk.store.close()
    with copied(desk.url) as backup, copied(desk.url) as rotated:
        rotate_digests(make_owner_engine(rotated, LIMITS), newer)
        with opened(rotated, newer, desk.key_store) as writer:
            request = desk.samples.request()
            write(
                writer,
                request,
                desk.samples.entry(desk.samples.point("a"), desk.samples.point("c")),
            )
        export(rotated, desk.path)

        replay(backup, desk.path, newer)

        assert content(backup) == content(rotated)
        with opened(backup, newer, desk.key_store) as restored:
            for name, entries in {"a": 2, "b": 1, "c": 1}.items():
                read = restored.standing.read(
                    FRANCE, [desk.samples.point(name)], deadline=NO_DEADLINE
                )
                assert len(read.rows) == entries


def test_a_damaged_log_is_refused_before_anything_is_changed(desk: LogDesk, backup: str) -> None:
    """One octet that is not what was written is noticed, wherever it is."""
    desk.export()
    before = content(backup), run_sql(backup, "SELECT * FROM registry")
    whole = desk.path.read_bytes()
    place = whole.index(b'"controller"') + 20
    desk.path.write_bytes(whole[:place] + b"!" + whole[place + 1 :])

    with pytest.raises(ConfigurationError, match="damaged: lines 2 to"):
        desk.replay(backup)

    assert (content(backup), run_sql(backup, "SELECT * FROM registry")) == before


def test_a_log_of_last_month_is_refused_as_long_as_there_is_a_newer_one(
    desk: LogDesk, filled: RequestKey, tmp_path: Path
) -> None:
    """It replays well, and lacks every opt-out since."""
    del filled
    desk.export()
    newest = replace(desk, path=tmp_path / "newest.ndjson")
    newest.export()
    desk.append(kept(desk.samples.entry(desk.samples.point("d"))))
    newest.export()
    with desk.backup() as backup:
        before = content(backup), run_sql(backup, "SELECT * FROM registry")
        desk.append(kept(desk.samples.entry(desk.samples.point("e"))))
        newest.export()

        with pytest.raises(ConfigurationError, match="a newer log than this one"):
            desk.replay(backup)

        assert (content(backup), run_sql(backup, "SELECT * FROM registry")) == before
        newest.replay(backup)
        assert content(backup) == content(desk.url)


def test_a_log_of_last_month_counts_when_the_newer_one_is_lost_and_it_was_brought_up_to_date(
    desk: LogDesk, filled: RequestKey, tmp_path: Path
) -> None:
    del filled
    desk.export()
    desk.append(kept(desk.samples.entry(desk.samples.point("d"))))
    replace(desk, path=tmp_path / "lost.ndjson").export()
    with desk.backup() as backup:
        export(backup, desk.path)
        desk.replay(backup)

        assert content(backup) == content(desk.url)


def test_a_log_is_the_newest_although_the_database_went_on_without_entries(
    desk: LogDesk, filled: RequestKey
) -> None:
    """Rounds in which nothing is new leave no trace in it, and do in the database."""
    del filled
    desk.export()
    for _ in range(3):
        desk.sql("SELECT pg_current_xact_id()")
        assert not desk.export()
    with desk.backup() as backup:
        assert not desk.replay(backup).put_back["entry"]


def test_a_replay_beside_a_server_is_refused(desk: LogDesk, backup: str) -> None:
    """A server knows of no new life and would answer without the opt-outs that are missing."""
    desk.export()

    with (
        opened(backup, desk.keyring, desk.key_store),
        pytest.raises(ConfigurationError, match="stop the servers"),
    ):
        desk.replay(backup)


def test_another_keyring_than_the_logs_is_refused(
    desk: LogDesk, new_database: Callable[[], str], filled: RequestKey
) -> None:
    """Under other keys none of its opt-outs would be found again."""
    del filled
    desk.export()

    with pytest.raises(ConfigurationError, match="is not the one the log was written with"):
        replay(new_database(), desk.path, Keyring.generate())
