from __future__ import annotations

from dataclasses import dataclass

import psycopg2
import pytest
from psycopg2 import errors as psycopg2_errors
from sqlalchemy.exc import DBAPIError, PendingRollbackError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from consent_registry_server.domain.errors import DeadlineExceeded, Unavailable
from consent_registry_server.storage.errors import (
    Contention,
    DatabaseFault,
    NoDeadline,
    seconds_left,
    translated,
)


@dataclass
class Deadline:
    seconds: float

    def remaining_s(self) -> float:
        return self.seconds


def driver_error(sqlstate: str, message: str = "") -> psycopg2.Error:
    error: psycopg2.Error = psycopg2_errors.lookup(sqlstate)(message)
    # The driver sets the code when it reads a server's answer; there is none here.
    error.__setstate__({"pgcode": sqlstate})  # type: ignore[no-untyped-call]
    return error


@pytest.mark.parametrize(
    "sqlstate, expected",
    [
        pytest.param("40001", Contention, id="serialization-failure"),
        pytest.param("40P01", Contention, id="deadlock"),
        pytest.param("55P03", Contention, id="lock-timeout"),
        pytest.param("53100", Unavailable, id="disk-full"),
        pytest.param("53300", Unavailable, id="too-many-connections"),
        pytest.param("57P01", Unavailable, id="admin-shutdown"),
        pytest.param("57P03", Unavailable, id="starting-up"),
        pytest.param("25006", Unavailable, id="read-only"),
        pytest.param("08006", Unavailable, id="connection-failure"),
        pytest.param("28P01", Unavailable, id="password-changed"),
        pytest.param("57014", Unavailable, id="statement-timeout"),
        pytest.param("58030", Unavailable, id="io-error"),
        pytest.param("23505", DatabaseFault, id="unique-violation"),
        pytest.param("42P01", DatabaseFault, id="undefined-table"),
    ],
)
def test_the_drivers_errors_become_the_registrys(sqlstate: str, expected: type[Exception]) -> None:
    with pytest.raises(expected), translated(NoDeadline()):
        raise driver_error(sqlstate)


@pytest.mark.parametrize(
    "error, expected",
    [
        pytest.param(psycopg2.OperationalError("gone"), Unavailable, id="connection-lost"),
        pytest.param(psycopg2.InterfaceError("closed"), Unavailable, id="connection-closed"),
        pytest.param(PoolTimeoutError("busy"), Unavailable, id="pool-timeout"),
        pytest.param(PendingRollbackError("lost"), Unavailable, id="connection-invalidated"),
        pytest.param(psycopg2.ProgrammingError("bad"), DatabaseFault, id="driver-misused"),
    ],
)
def test_errors_without_a_code_are_told_apart(error: Exception, expected: type[Exception]) -> None:
    with pytest.raises(expected), translated(NoDeadline()):
        raise error


def test_a_statement_cancelled_by_the_callers_deadline_says_so() -> None:
    with pytest.raises(DeadlineExceeded) as error, translated(Deadline(-0.001)):
        raise driver_error("57014")

    assert error.value.reason == "DEADLINE"


def test_what_the_driver_says_is_not_passed_on() -> None:
    secret = 'Key (email)=("camille@example.com") already exists'
    with pytest.raises(DatabaseFault) as error, translated(NoDeadline()):
        raise DBAPIError("INSERT", {"email": secret}, driver_error("23505", secret))

    assert "camille" not in repr(error.value)
    assert error.value.__suppress_context__
    assert error.value.__cause__ is None


def test_a_deadline_that_passed_leaves_no_time() -> None:
    with pytest.raises(DeadlineExceeded):
        seconds_left(Deadline(0), 10)


def test_the_nearer_limit_counts() -> None:
    assert seconds_left(Deadline(3), 10) == 3
    assert seconds_left(Deadline(30), 10) == 10
    assert seconds_left(NoDeadline(), 10) == 10
