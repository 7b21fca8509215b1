"""The audience stream, its bad members, and clients that leave or do not read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import grpc
import pytest

from consent_registry.v1.decision_pb2 import Reason, Verdict
from consent_registry.v1.decision_service_pb2 import (
    AudienceMember,
    AudienceScope,
    AudienceSummary,
    FilterAudienceRequest,
)
from tests.e2e import filled
from tests.e2e.audience import OpenStream
from tests.e2e.connection import Connection, refusal
from tests.e2e.corruption import corruptions
from tests.e2e.examples import AUTUMN, SMS, question
from tests.e2e.people import (
    FRANCE,
    MARKETING,
    Person,
    consent,
    opt_out,
    paris,
    somebody,
    subject,
    timestamp,
)
from tests.e2e.registry_process import NotYet, eventually

_STREAMS_AT_ONCE = 4
_INVALID = (Verdict.VERDICT_DENY, Reason.REASON_INVALID_CONTACT_POINT)
_NO_CONSENT = (Verdict.VERDICT_DENY, Reason.REASON_NO_CONSENT)
_CONSENT = (Verdict.VERDICT_ALLOW, Reason.REASON_CONSENT)
_OBJECTION = (Verdict.VERDICT_DENY, Reason.REASON_OBJECTION)


def _scope(**changes: Any) -> FilterAudienceRequest:  # noqa: ANN401 - of any field
    return FilterAudienceRequest(
        scope=AudienceScope(
            **{
                "controller": FRANCE,
                "channel": SMS,
                "purpose": MARKETING,
                "at": timestamp(AUTUMN),
                **changes,
            }
        )
    )


def _member(person: Person) -> AudienceMember:
    return AudienceMember(target=person.phone)


def _answers(
    connection: Connection, requests: Iterable[FilterAudienceRequest]
) -> tuple[list[tuple[int, int]], AudienceSummary]:
    """All answers, and the summary that must come last."""
    *chunks, last = connection.decisions.FilterAudience(iter(requests))
    assert last.HasField("summary")
    assert [each.chunk_result.sequence for each in chunks] == list(range(1, len(chunks) + 1))
    results = [result for each in chunks for result in each.chunk_result.results]
    return [(each.verdict, each.reason) for each in results], last.summary


def test_each_member_gets_the_answer_of_a_single_question(connection: Connection) -> None:
    nobody, consenting, objecting = somebody(), somebody(), somebody()
    connection.write(consent(consenting.phone, channels=[SMS], at=paris(2025, 3, 18)))
    connection.write(opt_out(objecting.email))
    members = [
        _member(nobody),
        _member(consenting),
        AudienceMember(target=objecting.phone, subject=subject(objecting.email)),
    ]

    answers, summary = _answers(connection, [_scope(), filled.chunk(1, *members)])

    singly = [
        connection.decisions.CheckContact(
            question(member.target, SMS, *member.subject.contact_points)
        ).decision
        for member in members
    ]
    assert answers == [_NO_CONSENT, _CONSENT, _OBJECTION]
    assert answers == [(each.verdict, each.reason) for each in singly]
    assert summary.policy_version == singly[0].policy_version
    assert summary.revision


def test_the_summary_counts_what_was_answered(connection: Connection) -> None:
    consenting = somebody()
    connection.write(consent(consenting.phone, channels=[SMS], at=paris(2025, 3, 18)))
    chunks = [
        filled.chunk(
            number,
            _member(consenting),
            *(_member(somebody()) for _ in range(number)),
            AudienceMember(),
        )
        for number in range(1, 6)
    ]

    answers, summary = _answers(connection, [_scope(), *chunks])

    counts = [((each.verdict, each.reason), each.members) for each in summary.counts]
    assert dict(counts) == Counter(answers)
    assert [times for _, times in counts] == sorted((times for _, times in counts), reverse=True)
    assert summary.members == len(answers) == 25


def test_a_bad_member_is_denied_and_spoils_nothing_else(connection: Connection) -> None:
    consenting = somebody()
    connection.write(consent(consenting.phone, channels=[SMS], at=paris(2025, 3, 18)))
    good = _member(consenting)
    bad = list(corruptions(filled.member))

    def requests() -> Iterator[FilterAudienceRequest]:
        yield _scope()
        for number, each in enumerate(bad, start=1):
            yield filled.chunk(number, good, each.message, good)

    answers, _ = _answers(connection, requests())

    told = {each.name: answers[3 * at + 1] for at, each in enumerate(bad)}
    assert {name: answer for name, answer in told.items() if answer != _INVALID} == {}
    assert {answers[3 * at] for at in range(len(bad))} == {_CONSENT}
    assert {answers[3 * at + 2] for at in range(len(bad))} == {_CONSENT}


@pytest.mark.parametrize(
    "requests",
    [
        pytest.param([], id="nothing"),
        pytest.param([filled.chunk(1, _member(Person(0)))], id="no scope"),
        pytest.param([FilterAudienceRequest()], id="an empty message"),
        pytest.param([_scope(), _scope()], id="a second scope"),
        pytest.param([_scope(), filled.chunk(0)], id="chunk 0"),
        pytest.param([_scope(), filled.chunk(2)], id="chunk 2 first"),
        pytest.param([_scope(), filled.chunk(-1)], id="chunk -1"),
        pytest.param([_scope(), filled.chunk(1), filled.chunk(1)], id="chunk 1 twice"),
        pytest.param([_scope(), filled.chunk(2**63 - 1)], id="a chunk far ahead"),
        pytest.param([_scope(), FilterAudienceRequest()], id="an empty message after the scope"),
    ],
)
def test_messages_out_of_order_end_the_stream(
    connection: Connection, requests: list[FilterAudienceRequest]
) -> None:
    refused = refusal(lambda: list(connection.decisions.FilterAudience(iter(requests))))

    assert (refused.code, refused.reason) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "STREAM_OUT_OF_ORDER",
    )


@pytest.mark.parametrize(
    "change,code,reason,field",
    [
        ({"controller": ""}, "INVALID_ARGUMENT", "MISSING_FIELD", "scope.controller"),
        ({"controller": "alarm-mars"}, "NOT_FOUND", "UNKNOWN_CONTROLLER", "scope.controller"),
        ({"controller": "group"}, "NOT_FOUND", "UNKNOWN_CONTROLLER", "scope.controller"),
        ({"channel": 0}, "INVALID_ARGUMENT", "MISSING_FIELD", "scope.channel"),
        ({"purpose": ""}, "INVALID_ARGUMENT", "MISSING_FIELD", "scope.purpose"),
        ({"purpose": "nonsense"}, "INVALID_ARGUMENT", "UNKNOWN_PURPOSE", "scope.purpose"),
        (
            {"recipient_country": "F1"},
            "INVALID_ARGUMENT",
            "INVALID_FIELD",
            "scope.recipient_country",
        ),
        (
            {"consistency": {"at_least_as_fresh": "nonsense"}},
            "INVALID_ARGUMENT",
            "INVALID_REVISION",
            "consistency.at_least_as_fresh",
        ),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_a_scope_that_makes_no_sense_ends_the_stream(
    connection: Connection, change: dict[str, Any], code: str, reason: str, field: str
) -> None:
    requests = [_scope(**change), filled.chunk(1, _member(Person(0)))]

    refused = refusal(lambda: list(connection.decisions.FilterAudience(iter(requests))))

    assert (refused.code.name, refused.reason, refused.field) == (code, reason, field)


def test_too_many_members_in_a_chunk_end_the_stream(connection: Connection) -> None:
    requests = [_scope(), filled.chunk(1, *[_member(Person(0))] * 5_001)]

    refused = refusal(lambda: list(connection.decisions.FilterAudience(iter(requests))))

    assert (refused.code, refused.reason, refused.field) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "TOO_LONG",
        "chunk.rows.members",
    )


def test_a_chunk_beyond_the_message_limit_ends_the_stream(connection: Connection) -> None:
    member = AudienceMember(target=Person(0).phone)
    member.subject.name = "x" * (9 * 1024 * 1024)

    refused = refusal(
        lambda: list(connection.decisions.FilterAudience(iter([_scope(), filled.chunk(1, member)])))
    )

    assert refused.code is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_an_audience_of_nobody_has_a_summary(connection: Connection) -> None:
    answers, summary = _answers(connection, [_scope(), filled.chunk(1)])

    assert answers == []
    assert summary.members == 0


def _all_slots_are_free(connection: Connection) -> None:
    """As many streams as the server takes at once, each of them answered."""
    streams = [OpenStream(connection) for _ in range(_STREAMS_AT_ONCE)]
    try:
        for stream in streams:
            stream.send(_scope(), filled.chunk(1, _member(Person(0))))
        for stream in streams:
            stream.receive()
    except grpc.RpcError as error:
        if error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
            raise
        raise NotYet from error
    finally:
        for stream in streams:
            stream.cancel()


def test_a_stream_beyond_the_limit_is_refused_and_questions_are_still_answered(
    connection: Connection,
) -> None:
    eventually(lambda: _all_slots_are_free(connection))
    streams = [OpenStream(connection) for _ in range(_STREAMS_AT_ONCE)]

    def fill() -> None:
        for stream in streams:
            stream.send(_scope(), filled.chunk(1, _member(Person(0))))
            stream.receive()

    eventually(fill)

    refused = refusal(lambda: list(connection.decisions.FilterAudience(iter([_scope()]))))
    answer = connection.decisions.CheckContact(question(somebody().phone, SMS), timeout=10)

    assert (refused.code, refused.reason) == (
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "TOO_MANY_STREAMS",
    )
    assert answer.decision.reason == Reason.REASON_NO_CONSENT
    for stream in streams:
        stream.cancel()


def test_a_client_that_leaves_gives_its_slot_back(connection: Connection) -> None:
    for _ in range(2 * _STREAMS_AT_ONCE):
        stream = OpenStream(connection)
        stream.send(_scope(), filled.chunk(1, _member(Person(0))))
        stream.cancel()

    eventually(lambda: _all_slots_are_free(connection))


def test_a_client_that_does_not_read_holds_nobody_up(connection: Connection) -> None:
    chunk = [_member(Person(0))] * 5_000
    stream = OpenStream(connection)
    stream.send(_scope(), *(filled.chunk(number, *chunk) for number in range(1, 41)))

    answers = [
        connection.decisions.CheckContact(question(somebody().phone, SMS), timeout=10)
        for _ in range(20)
    ]
    stream.cancel()

    assert {each.decision.reason for each in answers} == {Reason.REASON_NO_CONSENT}
    eventually(lambda: _all_slots_are_free(connection))
