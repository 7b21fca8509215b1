"""Whether the database answers is asked apart from all calls, and silence is an answer too."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import make_url

from consent_registry_server.storage.access import DatabaseAccess
from consent_registry_server.storage.heartbeat import DatabaseQuestion, Heartbeat
from consent_registry_server.storage.migrate import newest
from tests.conftest import run_sql

PATIENCE_S = 0.2
NEVER_S = 60.0


class Database:
    """One that answers, refuses or hangs as a test wants it to."""

    def __init__(self) -> None:
        self.answers = True
        self.hang = threading.Event()
        self.hang.set()
        self.asked = threading.Semaphore(0)

    def __call__(self) -> bool:
        self.asked.release()
        self.hang.wait(NEVER_S)
        return self.answers


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


def test_a_database_that_refuses_for_long_and_answers_again_is_told_once_each(
    heartbeat: Heartbeat, database: Database, news: queue.Queue[bool]
) -> None:
    database.answers = False
    assert news.get(timeout=NEVER_S) is False

    database.answers = True
    assert news.get(timeout=NEVER_S) is True

    heartbeat.close()
    assert news.empty()


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
    database.answers = False

    with pytest.raises(queue.Empty):
        news.get(timeout=5 * PATIENCE_S)


@pytest.fixture
def question(postgres_url: str) -> Iterator[DatabaseQuestion]:
    made = DatabaseQuestion(DatabaseAccess(postgres_url), schema=newest())
    yield made
    made.close()


def test_a_migrated_database_can_be_worked_with(question: DatabaseQuestion) -> None:
    assert question()
    assert question()


def test_a_schema_that_does_not_support_the_program_cannot(
    question: DatabaseQuestion, postgres_url: str
) -> None:
    """Also one that it had when the program started."""
    assert question()

    run_sql(postgres_url, "DELETE FROM supported_program")

    assert not question()


def test_an_empty_database_cannot(empty_postgres_url: str) -> None:
    assert not DatabaseQuestion(DatabaseAccess(empty_postgres_url), schema=newest())()


def test_a_connection_that_was_cut_is_made_anew(
    question: DatabaseQuestion, postgres_url: str
) -> None:
    assert question()

    run_sql(
        postgres_url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name = 'consent-registry-heartbeat'",
    )

    assert not question()
    assert question()


def test_a_database_that_is_not_there_cannot(postgres_url: str) -> None:
    url = make_url(postgres_url).set(database="nowhere").render_as_string(hide_password=False)

    assert not DatabaseQuestion(DatabaseAccess(url), schema=newest())()
