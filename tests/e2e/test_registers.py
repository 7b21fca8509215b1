"""What national registers said, from the file of a scrub to the answer about a call."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from google.protobuf.message import Message

from consent_registry.v1.contact_pb2 import Channel, ContactPoint, CustomerContext
from consent_registry.v1.decision_pb2 import Reason, Verdict
from consent_registry.v1.decision_service_pb2 import CheckContactRequest
from consent_registry.v1.entry_pb2 import EntryKind, RegisterStatus
from consent_registry.v1.history_service_pb2 import ListEntriesRequest
from consent_registry.v1.registry_service_pb2 import (
    LeadOutcome,
    RecordConsentRequest,
    RecordRegisterResultsRequest,
    RegisterResult,
)
from tests.e2e import filled
from tests.e2e.connection import Connection
from tests.e2e.examples import question
from tests.e2e.people import Person, consent, opt_out, phone, somebody, subject
from tests.e2e.registry_process import CONSENTCTL, TIMEOUT_S, RegistryProcess

ITALY: Final = "alarm-it"
CALL: Final = Channel.CHANNEL_VOICE_CALL
LISTED: Final = RegisterStatus.REGISTER_STATUS_LISTED
CLEAR: Final = RegisterStatus.REGISTER_STATUS_CLEAR

ALLOW: Final = Verdict.VERDICT_ALLOW
REVIEW: Final = Verdict.VERDICT_REVIEW
DENY: Final = Verdict.VERDICT_DENY

ELEVEN: Final = datetime(2026, 11, 12, 11, tzinfo=ZoneInfo("Europe/Rome"))
"""On a Thursday, when one may call; all scrubs are seen from here."""
DAY: Final = timedelta(days=1)


def scrub(
    *points: ContactPoint,
    status: RegisterStatus.ValueType,
    days_ago: int = 2,
    listed_on: str = "",
    controller: str = ITALY,
) -> RecordRegisterResultsRequest:
    """What Italy's register said so many days before the call."""
    return RecordRegisterResultsRequest(
        controller=controller,
        request_id=str(uuid4()),
        register="RPO",
        checked_on=(ELEVEN - days_ago * DAY).date().isoformat(),
        results=[
            RegisterResult(contact_point=point, status=status, listed_on=listed_on)
            for point in points
        ],
    )


def agreed(person: Person, at: datetime) -> RecordConsentRequest:
    """A consent to calls, by the controller's own form."""
    request = consent(person.phone, channels=[CALL], at=at)
    request.controller = ITALY
    return request


def call(person: Person, customer: CustomerContext | None = None) -> CheckContactRequest:
    """May Italy call?"""
    return question(
        person.phone, CALL, at=ELEVEN, controller=ITALY, country="IT", customer=customer
    )


RUNNING: Final = CustomerContext(
    relationship=CustomerContext.RELATIONSHIP_CUSTOMER,
    contract=CustomerContext.CONTRACT_RUNNING,
    offer=CustomerContext.OFFER_OTHER,
)


def _ended(days_ago: int) -> CustomerContext:
    customer = CustomerContext(
        relationship=CustomerContext.RELATIONSHIP_FORMER_CUSTOMER,
        contract=CustomerContext.CONTRACT_ENDED,
    )
    customer.contract_ended_at.FromDatetime((ELEVEN - days_ago * DAY).astimezone(UTC))
    return customer


def _rome(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, 12, tzinfo=ZoneInfo("Europe/Rome"))


@dataclass(frozen=True)
class Case:
    """What was recorded of somebody, and what is answered about a call."""

    case: str
    said: Callable[[Person], Sequence[Message]]
    verdict: Verdict.ValueType
    reason: Reason.ValueType
    customer: CustomerContext | None = None


CASES: Final = (
    Case("never scrubbed", lambda _: [], REVIEW, Reason.REASON_REGISTER_STALE),
    Case(
        "clear",
        lambda one: [scrub(one.phone, status=CLEAR)],
        ALLOW,
        Reason.REASON_OPT_OUT_REGIME,
    ),
    Case(
        "clear fourteen days ago",
        lambda one: [scrub(one.phone, status=CLEAR, days_ago=14)],
        ALLOW,
        Reason.REASON_OPT_OUT_REGIME,
    ),
    Case(
        "clear sixteen days ago",
        lambda one: [scrub(one.phone, status=CLEAR, days_ago=16)],
        REVIEW,
        Reason.REASON_REGISTER_STALE,
    ),
    Case(
        "listed",
        lambda one: [scrub(one.phone, status=LISTED, listed_on="2025-06-01")],
        DENY,
        Reason.REASON_NATIONAL_REGISTER,
    ),
    Case(
        "listed sixteen days ago",
        lambda one: [scrub(one.phone, status=LISTED, days_ago=16)],
        DENY,
        Reason.REASON_NATIONAL_REGISTER,
    ),
    Case(
        "listed, clear since",
        lambda one: [
            scrub(one.phone, status=LISTED, days_ago=9),
            scrub(one.phone, status=CLEAR, days_ago=2),
        ],
        ALLOW,
        Reason.REASON_OPT_OUT_REGIME,
    ),
    Case(
        "listed and clear, told in the other order",
        lambda one: [
            scrub(one.phone, status=CLEAR, days_ago=2),
            scrub(one.phone, status=LISTED, days_ago=9),
        ],
        ALLOW,
        Reason.REASON_OPT_OUT_REGIME,
    ),
    Case(
        "listed and clear on one day",
        lambda one: [scrub(one.phone, status=status) for status in (LISTED, CLEAR)],
        DENY,
        Reason.REASON_NATIONAL_REGISTER,
    ),
    Case(
        "listed, a consent before",
        lambda one: [
            agreed(one, _rome(2024, 5, 1)),
            scrub(one.phone, status=LISTED, listed_on="2025-06-01"),
        ],
        DENY,
        Reason.REASON_NATIONAL_REGISTER,
    ),
    Case(
        "listed, a consent later",
        lambda one: [
            scrub(one.phone, status=LISTED, listed_on="2025-06-01"),
            agreed(one, _rome(2026, 2, 1)),
        ],
        ALLOW,
        Reason.REASON_CONSENT,
    ),
    Case(
        "listed, a consent on the day of the listing",
        lambda one: [
            agreed(one, _rome(2025, 6, 1)),
            scrub(one.phone, status=LISTED, listed_on="2025-06-01"),
        ],
        DENY,
        Reason.REASON_NATIONAL_REGISTER,
    ),
    Case(
        "listed nobody knows when, a consent before it was seen",
        lambda one: [agreed(one, _rome(2026, 2, 1)), scrub(one.phone, status=LISTED)],
        DENY,
        Reason.REASON_NATIONAL_REGISTER,
    ),
    Case(
        "listed, a running contract",
        lambda one: [scrub(one.phone, status=LISTED)],
        ALLOW,
        Reason.REASON_OPT_OUT_REGIME,
        RUNNING,
    ),
    Case(
        "never scrubbed, a running contract",
        lambda _: [],
        ALLOW,
        Reason.REASON_OPT_OUT_REGIME,
        RUNNING,
    ),
    Case(
        "listed, a contract that ended 29 days ago",
        lambda one: [scrub(one.phone, status=LISTED)],
        ALLOW,
        Reason.REASON_OPT_OUT_REGIME,
        _ended(29),
    ),
    Case(
        "listed, a contract that ended 30 days ago",
        lambda one: [scrub(one.phone, status=LISTED)],
        DENY,
        Reason.REASON_NATIONAL_REGISTER,
        _ended(30),
    ),
    Case(
        "clear, but objected",
        lambda one: [scrub(one.phone, status=CLEAR), _objection(one)],
        DENY,
        Reason.REASON_OBJECTION,
    ),
    Case(
        "clear for the group",
        lambda one: [scrub(one.phone, status=CLEAR, controller="group")],
        ALLOW,
        Reason.REASON_OPT_OUT_REGIME,
    ),
    Case(
        "clear for another controller",
        lambda one: [scrub(one.phone, status=CLEAR, controller="alarm-es")],
        REVIEW,
        Reason.REASON_REGISTER_STALE,
    ),
    Case(
        "the other number is clear",
        lambda one: [scrub(one.second_phone, status=CLEAR)],
        REVIEW,
        Reason.REASON_REGISTER_STALE,
    ),
)


def _objection(person: Person) -> Message:
    request = opt_out(person.phone)
    request.controller = ITALY
    return request


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.case)
def test_a_call_is_answered_by_what_the_register_said(connection: Connection, case: Case) -> None:
    person = somebody()
    for each in case.said(person):
        connection.write(each)

    decision = connection.decisions.CheckContact(call(person, case.customer)).decision

    assert (decision.verdict, decision.reason) == (case.verdict, case.reason)


def test_a_scrub_is_recorded_once_however_often_it_is_sent(
    connection: Connection, registry: RegistryProcess
) -> None:
    person = somebody()
    request = scrub(person.phone, phone("nobody"), status=LISTED)

    first = connection.write(request)
    before = registry.row_counts()
    second = connection.write(request)

    assert first == second
    assert (first.listed, first.clear, list(first.invalid)) == (1, 0, [1])
    assert registry.row_counts() == before


def test_five_thousand_results_are_recorded_at_once(
    connection: Connection, registry: RegistryProcess
) -> None:
    before = registry.scalar("SELECT count(*) FROM entry")
    numbers = [phone(f"+39333{number:07}") for number in range(5_000)]

    answer = connection.write(scrub(*numbers, status=CLEAR))

    assert (answer.listed, answer.clear, list(answer.invalid)) == (0, 5_000, [])
    assert registry.scalar("SELECT count(*) FROM entry") == before + 1


def test_no_identity_is_kept_of_a_scrub(connection: Connection, registry: RegistryProcess) -> None:
    before = registry.scalar("SELECT count(*) FROM vault")

    connection.write(scrub(somebody().phone, status=CLEAR))

    assert registry.scalar("SELECT count(*) FROM vault") == before


def test_a_result_is_part_of_the_history(connection: Connection) -> None:
    person = somebody()
    connection.write(scrub(person.phone, status=LISTED, listed_on="2025-06-01"))

    request = ListEntriesRequest(controller=ITALY, contact_point=person.phone)
    (entry,) = connection.history.ListEntries(request).entries

    assert entry.kind == EntryKind.ENTRY_KIND_REGISTER_RESULT
    assert (entry.register, entry.register_status) == ("RPO", LISTED)
    assert entry.listed_at.ToJsonString() == "2025-06-01T22:00:00Z"
    assert entry.counts_at.ToJsonString() == "2026-11-09T23:00:00Z"


def test_a_partner_does_not_learn_who_is_listed(connection: Connection) -> None:
    person = somebody()
    registration, leads = filled.register_partner(), filled.record_partner_leads()
    registration.partner.permitted_channels[:] = [CALL]
    registration.controller = leads.controller = ITALY
    connection.write(registration)
    connection.write(scrub(person.phone, status=LISTED))
    lead = leads.leads[0]
    lead.named_controller = ITALY
    lead.channels[:] = [CALL]
    lead.subject.CopyFrom(subject(person.phone))

    (result,) = connection.write(leads).results

    assert result.outcome == LeadOutcome.LEAD_OUTCOME_ACCEPTED


def _load(address: str, *options: object) -> str:
    """What `consentctl register load` prints."""
    common = ("--controller", ITALY, "--register", "RPO")
    done = subprocess.run(
        [CONSENTCTL, "--address", address, "register", "load", *common, *map(str, options)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
        timeout=TIMEOUT_S,
    )
    return done.stdout


def test_the_files_of_a_scrub_decide_about_calls(
    registry: RegistryProcess, connection: Connection, tmp_path: Path
) -> None:
    people = [somebody() for _ in range(4)]
    numbers = [one.phone.phone.number for one in people]
    submitted, returned, listed = (tmp_path / f"{name}.csv" for name in "abc")
    submitted.write_text("name,phone\n" + "".join(f"X,{number}\n" for number in numbers))
    returned.write_text("".join(f"00{number[1:]}\n" for number in numbers[:3]))
    listed.write_text(f"{numbers[0]}\n")
    files = ("--submitted", submitted, "--returned", returned, "--checked-on", "2026-11-10")

    compared = _load(registry.address, *files)
    repeated = _load(registry.address, *files)
    told = _load(registry.address, "--listed", listed, "--checked-on", "2026-11-11")

    assert compared == repeated == "1 listed, 3 clear, 0 not recorded\n"
    assert told == "1 listed, 0 clear, 0 not recorded\n"
    verdicts = [
        connection.decisions.CheckContact(call(person)).decision.verdict for person in people
    ]
    assert verdicts == [DENY, ALLOW, ALLOW, DENY]


def test_the_age_of_the_newest_scrub_is_a_metric(new_data_dir: Callable[[], Path]) -> None:
    registry = RegistryProcess(new_data_dir())
    connection = Connection(registry.address)
    today = datetime.now(ZoneInfo("Europe/Rome")).date()
    with closing(connection.channel):
        for day in (today - 3 * DAY, today - 9 * DAY):
            request = scrub(somebody().phone, status=CLEAR)
            request.checked_on = day.isoformat()
            connection.write(request)
        page = registry.metrics().decode()
    assert registry.stop() == 0

    name = 'consent_registry_register_scrub_age_seconds{controller="alarm-it",register="RPO"} '
    (age_s,) = [float(line.removeprefix(name)) for line in page.splitlines() if name in line]
    began = datetime.combine(today - 3 * DAY, datetime.min.time(), ZoneInfo("Europe/Rome"))
    assert age_s == pytest.approx((datetime.now(UTC) - began).total_seconds(), abs=TIMEOUT_S)
    assert "consent_registry_register_scrubs_up 1.0" in page
