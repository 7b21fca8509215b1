"""What `Ledger` and `Transaction` promise."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from consent_registry_server.domain.errors import AlreadyExists, DeadlineExceeded, NotFound
from consent_registry_server.domain.vocabulary import EntryId
from consent_registry_server.service.ports import PreparedEntry, Recorded, Transaction
from tests.conformance.entries import (
    FRANCE,
    MOVER,
    NOON_US,
    NORWAY,
    append,
    entry,
    partner,
    point,
    register,
    request,
    standing,
)
from tests.conformance.ports import Ports
from tests.fakes.ambience import NO_DEADLINE, PASSED

WRITERS = 8


def nothing(_: Transaction) -> dict[str, Any]:
    """Work that writes nothing."""
    return {}


def test_a_write_answers_with_its_time_a_revision_and_its_details(ports: Ports) -> None:
    """The time is the one it was given, to the microsecond."""
    written = ports.ledger.write(
        request(), NOON_US, lambda _: {"proven": True}, deadline=NO_DEADLINE
    )
    assert written.recorded_at_us == NOON_US
    assert written.revision
    assert written.details == {"proven": True}


def test_details_come_back_as_json_the_first_time_already(ports: Ports) -> None:
    """Or a repetition would be answered differently."""
    written = ports.ledger.write(
        request(), NOON_US, lambda _: {"channels": (1, 2), "none": None}, deadline=NO_DEADLINE
    )
    assert written.details == {"channels": [1, 2], "none": None}


def test_a_repeated_request_gets_the_first_answer_and_writes_nothing(ports: Ports) -> None:
    """Though its work would have answered and written something else."""
    key = request("r-1", "content")

    def work(prepared: PreparedEntry) -> Recorded:
        def once(transaction: Transaction) -> dict[str, Any]:
            transaction.append([prepared])
            return {"entry_id": str(prepared.entry_id)}

        return ports.ledger.write(key, prepared.recorded_at_us, once, deadline=NO_DEADLINE)

    first = work(entry(point("a")))
    second = work(entry(point("a"), recorded_at_us=NOON_US + 10**9))
    assert second == first
    assert [str(row.entry_id) for row in standing(ports, ["a"])] == [first.details["entry_id"]]


def test_a_request_id_with_other_content_is_refused(ports: Ports) -> None:
    """And its work is not done."""
    ports.ledger.write(request("r-1", "this"), NOON_US, nothing, deadline=NO_DEADLINE)

    def work(transaction: Transaction) -> dict[str, Any]:
        transaction.append([entry(point("a"))])
        return {}

    with pytest.raises(AlreadyExists) as refused:
        ports.ledger.write(request("r-1", "that"), NOON_US, work, deadline=NO_DEADLINE)
    assert refused.value.reason == "REQUEST_ID_REUSED"
    assert standing(ports, ["a"]) == []


def test_work_that_fails_leaves_nothing_behind(ports: Ports) -> None:
    """Neither entry nor partner, nor the request id: the request may come again and succeed."""
    key = request("r-1", "content")

    def fail(transaction: Transaction) -> dict[str, Any]:
        transaction.append([entry(point("a"))])
        transaction.save_partner(partner(), recorded_at_us=NOON_US)
        raise NotFound("UNKNOWN_ENTRY", "no such entry")

    with pytest.raises(NotFound):
        ports.ledger.write(key, NOON_US, fail, deadline=NO_DEADLINE)
    assert standing(ports, ["a"]) == []
    again = ports.ledger.write(
        key,
        NOON_US,
        lambda transaction: {"known": transaction.partner(FRANCE, MOVER) is not None},
        deadline=NO_DEADLINE,
    )
    assert again.details == {"known": False}


def test_a_passed_deadline_writes_nothing(ports: Ports) -> None:
    """The caller is no longer there to hear of it."""

    def work(transaction: Transaction) -> dict[str, Any]:
        transaction.append([entry(point("a"))])
        return {}

    with pytest.raises(DeadlineExceeded):
        ports.ledger.write(request(), NOON_US, work, deadline=PASSED)
    assert standing(ports, ["a"]) == []


def test_a_transaction_sees_its_own_writes_and_nobody_else_does(ports: Ports) -> None:
    """Until it is committed."""
    written = entry(point("a"))

    def work(transaction: Transaction) -> dict[str, Any]:
        assert transaction.entry(written.entry_id) is None
        transaction.append([written])
        transaction.save_partner(partner(), recorded_at_us=NOON_US)
        assert transaction.entry(written.entry_id) is not None
        [row] = transaction.standing(FRANCE, [point("a")]).rows
        assert row.entry_id == written.entry_id
        assert transaction.partner(FRANCE, MOVER) == partner()
        assert standing(ports, ["a"]) == []
        return {}

    ports.ledger.write(request(), NOON_US, work, deadline=NO_DEADLINE)
    assert len(standing(ports, ["a"])) == 1


def test_a_transaction_finds_every_controllers_entries(ports: Ports) -> None:
    """Whose entry may be lifted is the service's to judge."""
    foreign = entry(point("a"), controller=NORWAY)
    append(ports, foreign)

    def work(transaction: Transaction) -> dict[str, Any]:
        found = transaction.entry(foreign.entry_id)
        return {"controller": found.controller if found else None}

    written = ports.ledger.write(request(), NOON_US, work, deadline=NO_DEADLINE)
    assert written.details == {"controller": NORWAY}


def test_appending_nothing_is_no_error(ports: Ports) -> None:
    """A batch of which every item was refused."""
    assert append(ports).revision


def test_a_partner_is_its_controllers_alone(ports: Ports) -> None:
    """The same id may be another company elsewhere."""
    register(ports, partner(maximum_lead_age_days=30))
    register(ports, partner(controller=NORWAY, maximum_lead_age_days=60))

    def work(transaction: Transaction) -> dict[str, Any]:
        found = [transaction.partner(each, MOVER) for each in (FRANCE, NORWAY)]
        return {"days": [each.maximum_lead_age_days for each in found if each]}

    written = ports.ledger.write(request(), NOON_US, work, deadline=NO_DEADLINE)
    assert written.details == {"days": [30, 60]}


def test_a_partner_saved_again_is_changed(ports: Ports) -> None:
    """All of it."""
    register(ports, partner())
    changed = partner(maximum_lead_age_days=7)
    register(ports, changed)

    def work(transaction: Transaction) -> dict[str, Any]:
        assert transaction.partner(FRANCE, MOVER) == changed
        return {}

    ports.ledger.write(request(), NOON_US, work, deadline=NO_DEADLINE)


def test_one_request_sent_by_many_writers_at_once_is_written_once(ports: Ports) -> None:
    """And all of them get the same answer."""
    key = request("r-1", "content")

    def write(_: int) -> Recorded:
        prepared = entry(point("a"))

        def work(transaction: Transaction) -> dict[str, Any]:
            transaction.append([prepared])
            return {"entry_id": str(prepared.entry_id)}

        return ports.ledger.write(key, NOON_US, work, deadline=NO_DEADLINE)

    with ThreadPoolExecutor(WRITERS) as writers:
        first, *others = writers.map(write, range(WRITERS))
    assert all(other == first for other in others)
    assert [str(row.entry_id) for row in standing(ports, ["a"])] == [first.details["entry_id"]]


def test_many_writers_on_one_contact_point_lose_nothing(ports: Ports) -> None:
    """Each entry stands, once."""

    def write(_: int) -> EntryId:
        prepared = entry(point("a"), point("b"))
        append(ports, prepared)
        return prepared.entry_id

    with ThreadPoolExecutor(WRITERS) as writers:
        ids = sorted(writers.map(write, range(2 * WRITERS)))
    assert [row.entry_id for row in standing(ports, ["a"])] == ids
    assert [row.entry_id for row in standing(ports, ["b"])] == ids
