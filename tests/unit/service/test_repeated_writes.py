"""Writes that are sent again, and writes that cannot be stored."""

from __future__ import annotations

from dataclasses import replace

import pytest

from consent_registry_server.domain.contact import Email
from consent_registry_server.domain.errors import (
    AlreadyExists,
    Unavailable,
)
from tests.fakes.ambience import NO_DEADLINE
from tests.unit.service.desk import (
    Desk,
    consent,
    opt_out,
    refused,
    said,
)

EMAIL = Email("camille.desiree@example.com")
AGREED = consent(EMAIL, expression=said())
OBJECTED = opt_out(EMAIL, expression=said())


def test_a_repeated_write_answers_as_the_first_time_and_writes_nothing(desk: Desk) -> None:
    """Even much later."""
    first = desk.intake.record_consent(desk.write(request_id="r-1"), AGREED, deadline=NO_DEADLINE)
    desk.clock.now_us += 10**12
    again = desk.intake.record_consent(desk.write(request_id="r-1"), AGREED, deadline=NO_DEADLINE)
    assert again == first
    assert len(list(desk.store.written())) == 1


@pytest.mark.parametrize(
    "content, method",
    [
        pytest.param(b"other", "Method", id="content"),
        pytest.param(b"r-1", "Other", id="method"),
    ],
)
def test_a_request_id_is_for_one_request(desk: Desk, content: bytes, method: str) -> None:
    """Another content or method under it is refused."""
    write = desk.write(request_id="r-1")
    desk.intake.add_opt_out(write, OBJECTED, deadline=NO_DEADLINE)
    other = replace(write, content=content, method=method)
    error = refused(desk, lambda: desk.intake.add_opt_out(other, OBJECTED, deadline=NO_DEADLINE))
    assert isinstance(error, AlreadyExists)
    assert (error.reason, error.field) == ("REQUEST_ID_REUSED", "request_id")


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"caller": "another"}, id="caller"),
        pytest.param({"controller": "alarm-no"}, id="controller"),
        pytest.param({"request_id": "r-2"}, id="request id"),
        pytest.param({"caller": "tes", "controller": "talarm-fr"}, id="the same letters, shifted"),
    ],
)
def test_a_request_id_belongs_to_its_caller_and_controller(
    desk: Desk, changes: dict[str, str]
) -> None:
    """Others may use the same."""
    write = desk.write(request_id="r-1")
    desk.intake.add_opt_out(write, OBJECTED, deadline=NO_DEADLINE)
    other = replace(write, content=b"other", **changes)
    desk.intake.add_opt_out(other, OBJECTED, deadline=NO_DEADLINE)
    assert len(list(desk.store.written())) == 2


def test_what_can_never_be_stored_opens_no_transaction(desk: Desk) -> None:
    """Nor does it use up the request id."""
    desk.store.is_down = True
    assert refused(desk, lambda: desk.record(consent(expression=said()))).reason == "MISSING_FIELD"


def test_a_write_that_cannot_be_stored_says_so(desk: Desk) -> None:
    """An opt-out must never seem recorded."""
    desk.store.is_down = True
    assert isinstance(refused(desk, lambda: desk.record(OBJECTED)), Unavailable)
