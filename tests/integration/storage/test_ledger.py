from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from consent_registry_server.domain.entry import Entry, Expression
from consent_registry_server.domain.errors import AlreadyExists, NotFound
from consent_registry_server.domain.vocabulary import (
    EntryId,
    EntryKind,
    PartnerId,
    Precision,
    PurposeId,
    Source,
)
from consent_registry_server.service.ports import Recorded, Transaction
from consent_registry_server.storage.rebuild import compare_standing
from consent_registry_server.storage.revision import parse_revision
from consent_registry_server.storage.store import Store
from tests.integration.storage.conftest import Append, Sql
from tests.integration.storage.samples import (
    FRANCE,
    NO_DEADLINE,
    NOON_US,
    SECOND_US,
    Samples,
)

TABLES = (
    "entry",
    "entry_contact_point",
    "contact_point",
    "vault",
    "standing",
    "write_request",
    "write_answer",
)


def test_an_entry_is_read_back_as_it_was_written(
    append: Append, samples: Samples, read_entry: Callable[[EntryId], Entry | None]
) -> None:
    expression = Expression(Source.LETTER, Precision.DAY, NOON_US - 7, "America/Port-au-Prince")
    written = samples.consent(
        samples.point("a"),
        samples.point("b"),
        kind=EntryKind.PARTNER_CONSENT,
        expression=expression,
        purposes=frozenset({PurposeId("partner_offers"), PurposeId("direct_marketing")}),
        expires_at_us=NOON_US + 1,
        partner_id=PartnerId("union-42"),
    )

    append(written)

    assert read_entry(written.entry_id) == Entry(
        entry_id=written.entry_id,
        kind=EntryKind.PARTNER_CONSENT,
        controller=FRANCE,
        channels=2,
        purposes=frozenset({PurposeId("partner_offers"), PurposeId("direct_marketing")}),
        expression=expression,
        recorded_at_us=NOON_US,
        counts_at_us=NOON_US,
        expires_at_us=NOON_US + 1,
        proven=True,
        partner_id=PartnerId("union-42"),
        lifts_entry_id=None,
        lifted_at_us=None,
        contact_kinds=(1,),
    )


def test_an_entry_of_all_channels_and_unknown_time_is_read_back(
    append: Append, samples: Samples, read_entry: Callable[[EntryId], Entry | None]
) -> None:
    unknown = Expression(Source.DOORSTEP, Precision.UNKNOWN, None)
    written = samples.entry(expression=unknown)

    append(written)
    read = read_entry(written.entry_id)

    assert read is not None
    assert (read.channels, read.purposes, read.expression) == (-1, None, unknown)
    assert read.contact_kinds == ()


def test_an_unknown_entry_is_none(
    samples: Samples, read_entry: Callable[[EntryId], Entry | None]
) -> None:
    assert read_entry(samples.entry().entry_id) is None


def test_a_repeated_request_gets_the_first_answer_and_writes_nothing(
    append: Append, samples: Samples, rows: Sql
) -> None:
    request = samples.request("r1", "content")
    first = append(samples.entry(samples.point("a")), request=request)

    second = append(samples.entry(samples.point("a")), request=request)

    assert second == first
    assert rows("SELECT count(*) FROM entry") == [(1,)]


def test_the_first_answer_is_what_a_repetition_reads(store: Store, samples: Samples) -> None:
    request = samples.request()

    def write() -> Recorded:
        return store.ledger.write(
            request, NOON_US, lambda _: {"lists": ((1, 2), "é")}, deadline=NO_DEADLINE
        )

    assert write() == write()


def test_a_request_id_with_other_content_is_refused(append: Append, samples: Samples) -> None:
    append(samples.entry(), request=samples.request("r1", "content"))

    with pytest.raises(AlreadyExists) as error:
        append(samples.entry(), request=samples.request("r1", "other content"))

    assert error.value.reason == "REQUEST_ID_REUSED"


def test_the_revision_names_the_writes_own_transaction(
    append: Append, samples: Samples, rows: Sql
) -> None:
    recorded = append(samples.entry())

    revision = parse_revision(recorded.revision)
    query = f"SELECT xmin::text FROM entry WHERE xmin::text = '{revision.xid}'"  # noqa: S608
    assert rows(query) == [(revision.xid,)]


def test_refused_work_leaves_nothing_behind_and_its_request_id_free(
    store: Store, append: Append, samples: Samples, rows: Sql
) -> None:
    request = samples.request("r1")

    def refuse(transaction: Transaction) -> dict[str, Any]:
        transaction.append([samples.entry(samples.point("a"))])
        raise NotFound("UNKNOWN_ENTRY", "no such entry")

    with pytest.raises(NotFound):
        store.ledger.write(request, NOON_US, refuse, deadline=NO_DEADLINE)

    for table in TABLES:
        assert rows(f"SELECT count(*) FROM {table}") == [(0,)]  # noqa: S608
    assert append(samples.entry(samples.point("a")), request=request).recorded_at_us == NOON_US


def test_a_write_sees_its_own_entries(store: Store, samples: Samples) -> None:
    entry = samples.entry(samples.point("a"))

    def work(transaction: Transaction) -> dict[str, Any]:
        before = transaction.standing(FRANCE, [samples.point("a")]).rows
        transaction.append([entry])
        after = transaction.standing(FRANCE, [samples.point("a")]).rows
        return {"before": len(before), "after": len(after)}

    recorded = store.ledger.write(samples.request(), NOON_US, work, deadline=NO_DEADLINE)

    assert recorded.details == {"before": 0, "after": 1}


def test_a_thousand_entries_are_written_at_once(
    store: Store, append: Append, samples: Samples, rows: Sql
) -> None:
    append(*(samples.entry(samples.point(f"a{index}")) for index in range(1000)))

    assert rows("SELECT count(*) FROM standing") == [(1000,)]
    assert compare_standing(store.database.engine) == 0


def test_a_contact_point_named_twice_in_an_entry_is_one(
    append: Append, samples: Samples, rows: Sql
) -> None:
    append(samples.entry(samples.point("a"), samples.point("a")))

    assert rows("SELECT count(*) FROM entry_contact_point") == [(1,)]


def test_an_entry_and_its_lift_can_be_written_together(
    append: Append, samples: Samples, read_entry: Callable[[EntryId], Entry | None]
) -> None:
    entry = samples.entry(samples.point("a"))

    append(entry, samples.lift(entry, at_us=NOON_US + SECOND_US))

    read = read_entry(entry.entry_id)
    assert read is not None
    assert read.lifted_at_us == NOON_US + SECOND_US
