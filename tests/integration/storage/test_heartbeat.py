"""Whether the database is usable is asked apart from all calls, and silence is an answer too."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Any, NoReturn
from uuid import UUID, uuid4

import pytest
from sqlalchemy import make_url
from structlog.testing import capture_logs

from consent_registry_server.storage import heartbeat as module
from consent_registry_server.storage.access import DatabaseAccess
from consent_registry_server.storage.heartbeat import (
    NO_ANSWER,
    RESTORED,
    UNSUPPORTED,
    DatabaseQuestion,
    Heartbeat,
    Refusal,
    Silence,
    Trouble,
)
from consent_registry_server.storage.migrate import newest
from tests.conftest import run_sql

PATIENCE_S = 0.2
NEVER_S = 60.0


class Database:
    """One that answers, refuses, fails or hangs as a test wants it to."""

    def __init__(self) -> None:
        self.trouble: Trouble | Exception | None = None
        self.hang = threading.Event()
        self.hang.set()
        self.asked = threading.Semaphore(0)

    def __call__(self) -> Trouble | None:
        self.asked.release()
        self.hang.wait(NEVER_S)
        if isinstance(self.trouble, Exception):
            raise self.trouble
        return self.trouble


@pytest.fixture
def database() -> Iterator[Database]:
    made = Database()
    yield made
    made.hang.set()


@pytest.fixture
def news() -> queue.Queue[bool]:
    return queue.Queue()


@pytest.fixture
def heartbeat(database: Database, news: queue.Queue[bool]) -> Iterator[Heartbeat]:
    def tell(*, serving: bool) -> None:
        news.put(serving)

    made = Heartbeat(database, tell=tell, interval_s=0.01, patience_s=PATIENCE_S)
    yield made
    made.close()


def test_a_database_that_answers_is_no_news(
    heartbeat: Heartbeat, database: Database, news: queue.Queue[bool]
) -> None:
    for _ in range(30):
        assert database.asked.acquire(timeout=NEVER_S)

    heartbeat.close()
    assert news.empty()


@pytest.mark.parametrize(
    "trouble",
    [Silence("lost"), UnicodeDecodeError("utf-8", b"\xe8", 0, 1, "no such words")],
    ids=["silent", "failing"],
)
def test_a_database_that_is_silent_for_long_and_answers_again_is_told_once_each(
    heartbeat: Heartbeat,
    database: Database,
    news: queue.Queue[bool],
    trouble: Trouble | Exception,
) -> None:
    """Whatever asking comes to, it is asked again."""
    database.trouble = trouble
    assert news.get(timeout=NEVER_S) is False

    database.trouble = None
    assert news.get(timeout=NEVER_S) is True

    heartbeat.close()
    assert news.empty()


def test_a_database_that_refuses_is_told_at_once(
    database: Database, news: queue.Queue[bool]
) -> None:
    """It is sure of that: nothing is gained by patience, and an ALLOW might be wrong."""

    def tell(*, serving: bool) -> None:
        news.put(serving)

    database.trouble = Refusal("it is a standby")
    heartbeat = Heartbeat(database, tell=tell, interval_s=0.01, patience_s=NEVER_S)

    assert news.get(timeout=NEVER_S / 2) is False
    database.trouble = None
    assert news.get(timeout=NEVER_S / 2) is True
    heartbeat.close()


class FullLog:
    """One whose reader is gone."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return self._write

    def _write(self, *_: object, **__: object) -> NoReturn:
        raise BrokenPipeError


def test_a_log_that_cannot_be_written_keeps_no_news_back(
    heartbeat: Heartbeat,
    database: Database,
    news: queue.Queue[bool],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Or the server would go on to answer."""
    monkeypatch.setattr(module, "_log", FullLog())

    for trouble in (Silence("lost"), None, Refusal("it is a standby"), None):
        database.trouble = trouble
        assert news.get(timeout=NEVER_S) is (trouble is None)
    heartbeat.close()


def test_news_that_could_not_be_told_is_told_again(
    database: Database, news: queue.Queue[bool]
) -> None:
    """A listener that fails once must not leave the server answering for ever."""
    failures = iter([True, False] * 2)

    def tell(*, serving: bool) -> None:
        if next(failures):
            raise RuntimeError("not now")
        news.put(serving)

    heartbeat = Heartbeat(database, tell=tell, interval_s=0.01, patience_s=PATIENCE_S)
    database.trouble = Refusal("it is a standby")
    assert news.get(timeout=NEVER_S) is False
    database.trouble = None
    assert news.get(timeout=NEVER_S) is True
    heartbeat.close()


@pytest.mark.parametrize(
    "hangs, reason", [(False, "it is a standby"), (True, NO_ANSWER)], ids=["refusing", "hanging"]
)
def test_the_log_says_why(
    heartbeat: Heartbeat, database: Database, news: queue.Queue[bool], hangs: bool, reason: str
) -> None:
    with capture_logs() as events:
        if hangs:
            database.hang.clear()
        else:
            database.trouble = Refusal(reason)
        assert news.get(timeout=NEVER_S) is False
        heartbeat.close()

    assert events == [{"event": "database_unusable", "reason": reason, "log_level": "warning"}]


def test_a_database_that_hangs_is_told_while_it_hangs(
    heartbeat: Heartbeat, database: Database, news: queue.Queue[bool]
) -> None:
    database.hang.clear()
    assert news.get(timeout=NEVER_S) is False

    database.hang.set()
    assert news.get(timeout=NEVER_S) is True
    heartbeat.close()


def test_nothing_is_told_after_the_end(
    heartbeat: Heartbeat, database: Database, news: queue.Queue[bool]
) -> None:
    heartbeat.close()
    database.trouble = Refusal("too late")

    with pytest.raises(queue.Empty):
        news.get(timeout=5 * PATIENCE_S)


def incarnation(url: str) -> UUID:
    """The life that a database leads."""
    ((found,),) = run_sql(url, "SELECT incarnation FROM registry")
    return UUID(str(found))


def sessions(url: str) -> list[int]:
    """The processes that serve questions."""
    rows = run_sql(
        url,
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name = 'consent-registry-heartbeat'",
    )
    return [pid for (pid,) in rows]


def asking(url: str) -> DatabaseQuestion:
    """What a server of no database yet asks."""
    return DatabaseQuestion(DatabaseAccess(url), schema=newest(), incarnation=uuid4())


@pytest.fixture
def question(postgres_url: str) -> Iterator[DatabaseQuestion]:
    made = DatabaseQuestion(
        DatabaseAccess(postgres_url), schema=newest(), incarnation=incarnation(postgres_url)
    )
    yield made
    made.close()


def test_a_migrated_database_can_be_worked_with(
    question: DatabaseQuestion, postgres_url: str
) -> None:
    """By one connection."""
    assert question() is None
    before = sessions(postgres_url)
    assert question() is None
    assert sessions(postgres_url) == before != []


def test_a_schema_that_does_not_support_the_program_cannot(
    question: DatabaseQuestion, postgres_url: str
) -> None:
    """Also one that it had when the program started."""
    assert question() is None

    run_sql(postgres_url, "DELETE FROM supported_program")

    assert question() == Refusal(UNSUPPORTED)


@pytest.mark.parametrize(
    "restore",
    ["incarnation = gen_random_uuid()", "reconciling = true"],
    ids=["restored", "being-restored"],
)
def test_a_database_that_was_restored_since_cannot(
    question: DatabaseQuestion, postgres_url: str, restore: str
) -> None:
    """It may lack opt-outs: what was read of it before says nothing of it now."""
    assert question() is None

    run_sql(postgres_url, f"UPDATE registry SET {restore}")  # noqa: S608 - one of these words

    assert question() == Refusal(RESTORED)


def test_after_trouble_it_is_asked_by_another_connection(
    question: DatabaseQuestion, postgres_url: str
) -> None:
    """The name may lead to another server by now."""
    run_sql(postgres_url, "UPDATE registry SET reconciling = true")
    assert question() == Refusal(RESTORED)

    assert sessions(postgres_url) == []
    run_sql(postgres_url, "UPDATE registry SET reconciling = false")
    assert question() is None


def test_an_empty_database_cannot(empty_postgres_url: str) -> None:
    assert isinstance(asking(empty_postgres_url)(), Silence)


def test_a_connection_that_was_cut_is_made_anew(
    question: DatabaseQuestion, postgres_url: str
) -> None:
    assert question() is None

    for pid in sessions(postgres_url):
        run_sql(postgres_url, f"SELECT pg_terminate_backend({pid})")

    assert isinstance(question(), Silence)
    assert question() is None


def test_a_database_that_is_not_there_cannot(postgres_url: str) -> None:
    """The reason is what libpq says."""
    url = make_url(postgres_url).set(database="nowhere").render_as_string(hide_password=False)

    trouble = asking(url)()

    assert isinstance(trouble, Silence)
    assert 'database "nowhere" does not exist' in trouble.reason
