"""The methods: each reaches its RPC with the arguments it was given, in both clients."""

from __future__ import annotations

import asyncio
import inspect
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, get_type_hints
from zoneinfo import ZoneInfo

import pytest
from google.protobuf.message import Message

from consent_registry.v1 import (
    attempt_service_pb2,
    decision_service_pb2,
    entry_pb2,
    history_service_pb2,
    policy_service_pb2,
    registry_service_pb2,
    subject_service_pb2,
    unsubscribe_service_pb2,
)
from consent_registry.v1.contact_pb2 import (
    ContactPoint,
    MessagingHandle,
    PhoneNumber,
    PostalAddress,
)
from consent_registry.v1.entry_pb2 import Entry, Evidence
from consent_registry.v1.registry_service_pb2 import Partner
from consent_registry_client import (
    AsyncClient,
    Channel,
    Client,
    InvalidRequest,
    Source,
    UnusableAnswer,
    _arguments,
    address,
    contact_question,
    email,
    expressed_at,
    expressed_on,
    expressed_sometime,
    handle,
    not_listed,
    phone,
    subject,
    timestamp,
)
from tests.unit.client.fake_registry import FakeRegistry

WHO = subject(email("a@example.com"))
WHEN = expressed_sometime(source=Source.SOURCE_LETTER)
PROOF = Evidence(note="said so")

ARGUMENT_SETS = [
    (_arguments.ContactQuestion, decision_service_pb2.CheckContactRequest, set()),
    (_arguments.AttemptQuestion, attempt_service_pb2.ReserveContactAttemptRequest, set()),
    (_arguments.AttemptReport, attempt_service_pb2.ReportAttemptOutcomeRequest, set()),
    (_arguments.Audience, decision_service_pb2.AudienceScope, set()),
    (_arguments.RecordingQuestion, decision_service_pb2.CheckCallRecordingRequest, set()),
    (_arguments.Consent, registry_service_pb2.RecordConsentRequest, set()),
    (_arguments.OptOut, registry_service_pb2.WithdrawConsentRequest, set()),
    (_arguments.OptOut, registry_service_pb2.AddDoNotContactRequest, set()),
    (_arguments.Lift, registry_service_pb2.LiftDoNotContactRequest, set()),
    (_arguments.RecordingObjection, registry_service_pb2.ObjectToCallRecordingRequest, set()),
    (
        _arguments.RecordingObjectionLift,
        registry_service_pb2.LiftCallRecordingObjectionRequest,
        set(),
    ),
    (_arguments.PartnerLeads, registry_service_pb2.RecordPartnerLeadsRequest, set()),
    (_arguments.Scrub, registry_service_pb2.RecordRegisterResultsRequest, set()),
    (_arguments.PartnerRegistration, registry_service_pb2.RegisterPartnerRequest, set()),
    (_arguments.Explanation, subject_service_pb2.ExplainDecisionRequest, set()),
    (_arguments.GivenDecision, subject_service_pb2.ReplayedDecision, set()),
    (_arguments.History, history_service_pb2.ListEntriesRequest, {"page_token"}),
    (_arguments.PersonSought, subject_service_pb2.FindSubjectRequest, {"page_token"}),
    (_arguments.PersonCopied, subject_service_pb2.ExportSubjectRequest, set()),
    (_arguments.Rectification, subject_service_pb2.RectifySubjectRequest, set()),
    (_arguments.Erasure, subject_service_pb2.EraseSubjectRequest, set()),
    (_arguments.Restriction, subject_service_pb2.RestrictProcessingRequest, set()),
    (_arguments.RestrictionLift, subject_service_pb2.LiftRestrictionRequest, set()),
    (_arguments.RetentionChange, subject_service_pb2.SetRetentionRequest, set()),
    (_arguments.NewRightsRequest, subject_service_pb2.OpenRightsRequestRequest, set()),
    (_arguments.DelayAnnouncement, subject_service_pb2.AnnounceDelayRequest, set()),
    (_arguments.RightsRequestClosing, subject_service_pb2.CloseRightsRequestRequest, set()),
    (_arguments.RightsRequestShown, subject_service_pb2.GetRightsRequestRequest, set()),
    (
        _arguments.RightsRequestList,
        subject_service_pb2.ListRightsRequestsRequest,
        {"page_token"},
    ),
    (_arguments.AccessList, subject_service_pb2.ListAccessesRequest, {"page_token"}),
    (_arguments.UnsubscribeLinks, unsubscribe_service_pb2.CreateUnsubscribeLinksRequest, set()),
    (_arguments.Unsubscription, unsubscribe_service_pb2.UnsubscribeRequest, set()),
    (_arguments.Undo, unsubscribe_service_pb2.UndoUnsubscribeRequest, set()),
]


@pytest.mark.parametrize(
    "arguments, request_type, hidden",
    ARGUMENT_SETS,
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_arguments_are_the_fields_of_the_request(
    arguments: type, request_type: type[Message], hidden: set[str]
) -> None:
    fields = set(request_type.DESCRIPTOR.fields_by_name)
    assert set(get_type_hints(arguments)) == fields - hidden


def test_both_clients_have_the_same_methods() -> None:
    def shape(client: type) -> dict[str, list[str]]:
        return {
            name: list(inspect.signature(method).parameters)
            for name, method in inspect.getmembers(client, inspect.isfunction)
            if not name.startswith("_")
        }

    assert shape(Client) == shape(AsyncClient)


WRITES: list[tuple[str, str, dict[str, Any]]] = [
    (
        "record_consent",
        "RecordConsent",
        {
            "subject": WHO,
            "channels": [Channel.CHANNEL_EMAIL],
            "purposes": ["direct_marketing"],
            "expression": WHEN,
            "evidence": PROOF,
            "expires_at": datetime(2027, 1, 1, tzinfo=UTC),
        },
    ),
    ("withdraw_consent", "WithdrawConsent", {"subject": WHO, "expression": WHEN}),
    ("add_do_not_contact", "AddDoNotContact", {"subject": WHO, "expression": WHEN}),
    (
        "lift_do_not_contact",
        "LiftDoNotContact",
        {"entry_id": "e", "expression": WHEN, "evidence": PROOF},
    ),
    ("object_to_call_recording", "ObjectToCallRecording", {"subject": WHO, "expression": WHEN}),
    (
        "lift_call_recording_objection",
        "LiftCallRecordingObjection",
        {"subject": WHO, "expression": WHEN, "evidence": PROOF},
    ),
    ("record_partner_leads", "RecordPartnerLeads", {"partner_id": "p", "leads": []}),
    (
        "record_register_results",
        "RecordRegisterResults",
        {"register": "RPO", "checked_on": "2026-11-20", "results": [not_listed(phone("+39 06"))]},
    ),
    ("register_partner", "RegisterPartner", {"partner": Partner(partner_id="p")}),
]


@pytest.mark.parametrize("flavour", ["sync", "aio"])
@pytest.mark.parametrize("method, rpc, arguments", WRITES, ids=lambda value: str(value)[:30])
def test_a_write_sends_its_arguments(
    registry: FakeRegistry, flavour: str, method: str, rpc: str, arguments: dict[str, Any]
) -> None:
    response = getattr(registry_service_pb2, f"{rpc}Response")(revision="r7")
    registry.on(rpc, response)
    everything = {"controller": "alarm-fr", "request_id": "id-1", **arguments}
    assert call(registry.address, flavour, method, everything) == response
    request_type = getattr(registry_service_pb2, f"{rpc}Request")
    expected = request_type(
        **{
            name: timestamp(value) if isinstance(value, datetime) else value
            for name, value in everything.items()
        }
    )
    assert registry.requests(rpc) == [expected]


def call(address: str, flavour: str, method: str, arguments: dict[str, Any]) -> Any:  # noqa: ANN401
    if flavour == "sync":
        with Client(address) as client:
            return getattr(client, method)(**arguments)

    async def run() -> Any:  # noqa: ANN401
        async with AsyncClient(address) as client:
            return await getattr(client, method)(**arguments)

    return asyncio.run(run())


def listed(address: str, flavour: str, method: str, arguments: dict[str, Any]) -> list[Any]:
    if flavour == "sync":
        with Client(address) as client:
            return list(getattr(client, method)(**arguments))

    async def run() -> list[Any]:
        async with AsyncClient(address) as client:
            return [item async for item in getattr(client, method)(**arguments)]

    return asyncio.run(run())


@pytest.mark.parametrize("flavour", ["sync", "aio"])
def test_lists_hide_their_pages(registry: FakeRegistry, flavour: str) -> None:
    registry.on(
        "ListEntries",
        history_service_pb2.ListEntriesResponse(
            entries=[Entry(entry_id="1"), Entry(entry_id="2")], next_page_token="t1"
        ),
        history_service_pb2.ListEntriesResponse(next_page_token="t2"),
        history_service_pb2.ListEntriesResponse(entries=[Entry(entry_id="3")]),
    )
    entries = listed(
        registry.address,
        flavour,
        "list_entries",
        {"controller": "alarm-fr", "customer_number": "C1", "page_size": 2},
    )
    assert [entry.entry_id for entry in entries] == ["1", "2", "3"]
    requests = registry.requests("ListEntries")
    assert [request.page_token for request in requests] == ["", "t1", "t2"]
    assert {(request.customer_number, request.page_size) for request in requests} == {("C1", 2)}


@pytest.mark.parametrize("flavour", ["sync", "aio"])
def test_a_list_that_does_not_advance_ends_in_an_error(
    registry: FakeRegistry, flavour: str
) -> None:
    page = registry_service_pb2.ListPartnersResponse(
        partners=[Partner(partner_id="p")], next_page_token="same"
    )
    registry.on("ListPartners", page)
    with pytest.raises(UnusableAnswer):
        listed(registry.address, flavour, "list_partners", {"controller": "alarm-fr"})
    assert len(registry.calls["ListPartners"]) == 2


@pytest.mark.parametrize("flavour", ["sync", "aio"])
def test_receipt_keys_are_got(registry: FakeRegistry, flavour: str) -> None:
    keys = [policy_service_pb2.ReceiptKey(key_id="k"), policy_service_pb2.ReceiptKey(key_id="j")]
    registry.on("GetReceiptKeys", policy_service_pb2.GetReceiptKeysResponse(keys=keys))
    assert list(call(registry.address, flavour, "get_receipt_keys", {})) == keys


@pytest.mark.parametrize("flavour", ["sync", "aio"])
def test_an_entry_is_got(registry: FakeRegistry, flavour: str) -> None:
    registry.on("GetEntry", history_service_pb2.GetEntryResponse(entry=Entry(entry_id="e")))
    entry = call(
        registry.address, flavour, "get_entry", {"controller": "alarm-fr", "entry_id": "e"}
    )
    assert entry == Entry(entry_id="e")


@pytest.mark.parametrize("flavour", ["sync", "aio"])
@pytest.mark.parametrize("answered", [0, 1, 3])
def test_a_batch_that_is_not_answered_one_for_one_is_refused(
    registry: FakeRegistry, flavour: str, answered: int
) -> None:
    registry.on(
        "BatchCheckContact",
        decision_service_pb2.BatchCheckContactResponse(
            results=[decision_service_pb2.BatchCheckContactResult()] * answered
        ),
    )
    one = contact_question(
        controller="alarm-fr",
        target=email("a@example.com"),
        channel=Channel.CHANNEL_EMAIL,
        purpose="direct_marketing",
    )
    with pytest.raises(UnusableAnswer):
        call(registry.address, flavour, "batch_check_contact", {"questions": [one, one]})


def test_contact_points_are_made_of_plain_values() -> None:
    assert [
        email("a@example.com"),
        phone("06 39 98 00 01", region="FR"),
        address(country="FR", postal_code="75002", street="12 rue de la Paix", unit="apt 4"),
        handle("whatsapp", "marie"),
    ] == [
        ContactPoint(email="a@example.com"),
        ContactPoint(phone=PhoneNumber(number="06 39 98 00 01", region="FR")),
        ContactPoint(
            address=PostalAddress(
                country="FR", postal_code="75002", street="12 rue de la Paix", unit="apt 4"
            )
        ),
        ContactPoint(handle=MessagingHandle(platform="whatsapp", handle="marie")),
    ]


def test_an_instant_keeps_its_microseconds_and_its_offset() -> None:
    paris = timezone(timedelta(hours=2))
    expression = expressed_at(
        datetime(2026, 9, 1, 12, 0, 0, 123_456, tzinfo=paris), source=Source.SOURCE_WEB_FORM
    )
    assert expression.expressed_at.ToJsonString() == "2026-09-01T10:00:00.123456Z"
    assert expression.precision == entry_pb2.PRECISION_INSTANT


@pytest.mark.parametrize("zone", ["Europe/Paris", "America/Sao_Paulo", "Pacific/Kiritimati"])
def test_a_day_is_an_instant_within_that_day(zone: str) -> None:
    # In Sao Paulo this day began at one o'clock.
    day = date(2018, 11, 4)
    expression = expressed_on(day, source=Source.SOURCE_LETTER, time_zone=zone)
    instant = expression.expressed_at.ToDatetime(tzinfo=ZoneInfo(zone))
    assert instant.date() == day
    assert expression.precision == entry_pb2.PRECISION_DAY


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../../etc/passwd", "Europe"])
def test_a_day_needs_a_time_zone(zone: str) -> None:
    with pytest.raises(InvalidRequest):
        expressed_on(date(2026, 1, 1), source=Source.SOURCE_LETTER, time_zone=zone)


def test_a_time_without_offset_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="offset"):
        expressed_at(datetime(2026, 1, 1), source=Source.SOURCE_LETTER)  # noqa: DTZ001


@pytest.mark.parametrize("value", [7, ["x"], "\ud800"], ids=repr)
def test_what_is_no_text_is_refused_by_the_name_of_its_field(value: Any) -> None:  # noqa: ANN401
    with pytest.raises(InvalidRequest) as caught:
        email(value)
    assert caught.value.field_violations[0].field == "email"
