"""RegistryService: scrubs as they come over the wire, and who may write what."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from prometheus_client import CollectorRegistry

from consent_registry.v1 import registry_service_pb2 as pb
from consent_registry.v1.contact_pb2 import Channel, ContactPoint, PhoneNumber, Subject
from consent_registry.v1.entry_pb2 import Evidence, RegisterStatus
from consent_registry_server.domain.errors import InvalidRequest, PermissionDenied, RegistryError
from consent_registry_server.domain.policy import (
    Controller,
    LineType,
    NationalRegister,
    Policy,
    Purpose,
    Regime,
    Rule,
)
from consent_registry_server.domain.vocabulary import Channel as DomainChannel
from consent_registry_server.domain.vocabulary import (
    ControllerId,
    CountryCode,
    PurposeId,
    RecipientType,
    RuleId,
)
from consent_registry_server.rpc.authentication import LOCAL, Caller
from consent_registry_server.rpc.call import Call, Method, enter_call
from consent_registry_server.rpc.deadline import CallDeadline
from consent_registry_server.rpc.metrics import Metrics
from consent_registry_server.rpc.page_token import PageTokens
from consent_registry_server.rpc.registry_service import RegistryServicer
from consent_registry_server.rpc.validation import validate
from consent_registry_server.service.history import Records
from consent_registry_server.service.intake import Intake
from consent_registry_server.service.partners import Partners
from consent_registry_server.service.receipts import Receipts, ReceiptSigner
from consent_registry_server.service.registers import Registers
from tests.fakes.ambience import HashDigester, SetClock, counted_ids
from tests.fakes.store import FakeStore

ITALY = "alarm-it"
MARKETING = "direct_marketing"
NOW_US = 1_795_446_000_000_000
"""2026-11-23, 15:00 in Rome."""
LISTED, CLEAR = RegisterStatus.REGISTER_STATUS_LISTED, RegisterStatus.REGISTER_STATUS_CLEAR

REGISTRY: ServiceDescriptor = pb.DESCRIPTOR.services_by_name["RegistryService"]
METHODS = sorted(method.name for method in REGISTRY.methods)


class _NoDeadline:
    def time_remaining(self) -> float | None:
        """See `TimedContext`."""
        return None


def _policy() -> Policy:
    italy = CountryCode("IT")
    register = NationalRegister("RPO", scrub_age_days=15)
    rule = Rule(
        RuleId("it.call"), italy, DomainChannel.VOICE_CALL, Regime.OPT_OUT, register=register
    )
    slot = (italy, DomainChannel.VOICE_CALL, LineType.ANY, RecipientType.CONSUMER)
    controller, purpose = ControllerId(ITALY), PurposeId(MARKETING)
    return Policy(
        version="test",
        controllers={controller: Controller(controller, "Alarm Italia S.r.l.", italy)},
        purposes={purpose: Purpose(purpose, "Offers.")},
        rules={slot: (rule,)},
        recording_rules={},
        territories={},
        time_zones={italy: ("Europe/Rome",)},
    )


class Desk:
    """The servicer on a store in memory."""

    def __init__(self, signer: ReceiptSigner | None = None) -> None:
        self.store = FakeStore()
        self.collectors = CollectorRegistry()
        policy, digester = _policy(), HashDigester()
        parts: dict[str, Any] = {
            "policy": lambda: policy,
            "clock": SetClock(NOW_US),
            "entry_ids": counted_ids(),
        }
        self.servicer = RegistryServicer(
            Intake(self.store, digester, **parts),
            Partners(self.store, digester, **parts),
            registers=Registers(self.store, digester, **parts),
            records=Records(self.store, digester, policy=parts["policy"]),
            receipts=Receipts(signer, policy=parts["policy"]),
            page_tokens=PageTokens(digester),
            metrics=Metrics(self.collectors),
        )

    def call(self, method: str, request: Message, caller: Caller = LOCAL) -> Any:  # noqa: ANN401
        """Answers as a server would that let this caller in."""
        name = f"{REGISTRY.full_name}/{method}"
        call = Call(Method(name, REGISTRY.full_name, None, False, False), (), caller=caller)
        call.deadline = CallDeadline(_NoDeadline(), 10.0)
        enter_call(call)
        validate(request)
        context: grpc.ServicerContext | None = None
        return getattr(self.servicer, method)(request, context)

    def counted(self, name: str, **labels: str) -> float | None:
        """What the metrics say."""
        return self.collectors.get_sample_value(f"consent_registry_{name}_total", labels)


@pytest.fixture
def desk() -> Desk:
    """A registry with two insurers, one of which brings a lead."""
    desk = Desk()
    for number in (1, 2):
        desk.call("RegisterPartner", _registration(f"insurer-{number}"))
    return desk


def _registration(partner_id: str) -> pb.RegisterPartnerRequest:
    partner = pb.Partner(
        partner_id=partner_id,
        name="Assicurazioni Esempio",
        kind=pb.PARTNER_KIND_INSURER,
        permitted_channels=[Channel.CHANNEL_VOICE_CALL],
        permitted_purposes=[MARKETING],
        maximum_lead_age_days=365,
    )
    return pb.RegisterPartnerRequest(
        controller=ITALY, request_id=f"register {partner_id}", partner=partner
    )


def _leads(partner_id: str, request_id: str = "leads") -> pb.RecordPartnerLeadsRequest:
    lead = pb.PartnerLead(
        lead_id="lead-1",
        subject=Subject(contact_points=[_phone(1)]),
        channels=[Channel.CHANNEL_VOICE_CALL],
        purposes=[MARKETING],
        named_controller=ITALY,
        evidence=Evidence(text="Sì, chiamatemi.", form_id="modulo-1"),
    )
    lead.captured_at.FromMicroseconds(NOW_US - 1_000_000)
    return pb.RecordPartnerLeadsRequest(
        controller=ITALY, request_id=request_id, partner_id=partner_id, leads=[lead]
    )


def _phone(number: int) -> ContactPoint:
    return ContactPoint(phone=PhoneNumber(number=f"+39312000000{number}"))


def _results(**changes: Any) -> pb.RecordRegisterResultsRequest:  # noqa: ANN401 - of any field
    fields = {
        "controller": ITALY,
        "request_id": "scrub",
        "register": "RPO",
        "checked_on": "2026-11-20",
        "results": [
            pb.RegisterResult(contact_point=_phone(1), status=LISTED, listed_on="2025-03-09"),
            pb.RegisterResult(contact_point=ContactPoint(email="nobody"), status=CLEAR),
            pb.RegisterResult(contact_point=_phone(2), status=CLEAR),
        ],
    }
    return pb.RecordRegisterResultsRequest(**{**fields, **changes})


# What a register said


def test_results_are_recorded_and_counted(desk: Desk) -> None:
    """With the places of those that cannot be found again."""
    answer = desk.call("RecordRegisterResults", _results())
    assert (answer.listed, answer.clear, list(answer.invalid)) == (1, 1, [1])
    assert answer.revision
    assert answer.recorded_at.ToMicroseconds() == NOW_US
    written = [entry.new.register_result for entry in desk.store.written()]
    assert [each.register for each in written if each] == ["RPO", "RPO"]
    statuses = ("LISTED", "CLEAR", "INVALID")
    results = [desk.counted("register_results", register="RPO", status=each) for each in statuses]
    assert results == [1, 1, 1]


def test_a_repeated_load_gets_the_first_answer(desk: Desk) -> None:
    """And writes nothing."""
    first = desk.call("RecordRegisterResults", _results())
    assert desk.call("RecordRegisterResults", _results()) == first
    assert len(list(desk.store.written())) == 2


def _result(**changes: Any) -> list[pb.RegisterResult]:  # noqa: ANN401 - of any field
    good = {"contact_point": _phone(2), "status": LISTED}
    return [
        pb.RegisterResult(contact_point=_phone(1), status=CLEAR),
        pb.RegisterResult(**{**good, **changes}),
    ]


@pytest.mark.parametrize(
    "changes, reason, field",
    [
        ({"controller": ""}, "MISSING_FIELD", "controller"),
        ({"controller": "alarm-xx"}, "UNKNOWN_CONTROLLER", "controller"),
        ({"request_id": ""}, "MISSING_FIELD", "request_id"),
        ({"register": ""}, "MISSING_FIELD", "register"),
        ({"register": "Bloctel"}, "UNKNOWN_REGISTER", "register"),
        ({"checked_on": ""}, "MISSING_FIELD", "checked_on"),
        ({"checked_on": "2026-11-24"}, "EXPRESSED_IN_FUTURE", "checked_on"),
        ({"checked_on": "1989-12-31"}, "INVALID_FIELD", "checked_on"),
        ({"checked_on": "2026-11-31"}, "INVALID_FIELD", "checked_on"),
        ({"checked_on": "20261120"}, "INVALID_FIELD", "checked_on"),
        ({"checked_on": "2026-W47-5"}, "INVALID_FIELD", "checked_on"),
        ({"checked_on": "2026-11-20T00:00:00Z"}, "INVALID_FIELD", "checked_on"),
        ({"results": []}, "MISSING_FIELD", "results"),
        ({"results": _result() * 2_501}, "TOO_LONG", "results"),
        ({"results": _result(status=0)}, "MISSING_FIELD", "results[1].status"),
        ({"results": _result(status=77)}, "UNKNOWN_ENUM_VALUE", "results[1].status"),
        ({"results": _result(contact_point=None)}, "MISSING_FIELD", "results[1].contact_point"),
        (
            {"results": _result(contact_point=ContactPoint())},
            "MISSING_FIELD",
            "results[1].contact_point",
        ),
        ({"results": _result(listed_on="1989-12-31")}, "INVALID_FIELD", "results[1].listed_on"),
        ({"results": _result(listed_on="yesterday")}, "INVALID_FIELD", "results[1].listed_on"),
        ({"results": _result(listed_on="2026-11-21")}, "CONTRADICTION", "results[1].listed_on"),
        (
            {"results": _result(listed_on="2025-03-09", status=CLEAR)},
            "CONTRADICTION",
            "results[1].listed_on",
        ),
    ],
    ids=[
        "nobody",
        "unknown controller",
        "no request id",
        "no register",
        "register of no rule",
        "no day",
        "tomorrow",
        "before 1990",
        "no such day",
        "day without dashes",
        "day of a week",
        "instant",
        "no results",
        "too many results",
        "no status",
        "unknown status",
        "no contact point",
        "empty contact point",
        "listed before 1990",
        "listed some day",
        "listed after the scrub",
        "listed and clear",
    ],
)
def test_a_scrub_that_cannot_be_is_refused(
    desk: Desk, changes: dict[str, Any], reason: str, field: str
) -> None:
    """As a whole, with the field at fault, and nothing is written."""
    with pytest.raises(RegistryError) as refused:
        desk.call("RecordRegisterResults", _results(**changes))
    assert (refused.value.reason, refused.value.field) == (reason, field)
    assert list(desk.store.written()) == []


def test_five_thousand_results_are_taken_at_once(desk: Desk) -> None:
    """And not one more, as the table above says."""
    answer = desk.call("RecordRegisterResults", _results(results=_result() * 2_500))
    assert (answer.listed, answer.clear) == (1, 1)


def test_days_are_taken_from_1990_on(desk: Desk) -> None:
    """As timestamps are."""
    request = _results(checked_on="1990-01-01", results=_result(listed_on="1990-01-01"))
    assert desk.call("RecordRegisterResults", request).listed == 1
    entries = [each.new for each in desk.store.written()]
    assert {each.expression.expressed_at_us for each in entries} == {
        (date(1990, 1, 1) - date(1970, 1, 1)).days * 86_400_000_000 - 3_600_000_000
    }


def test_a_caller_records_for_the_controllers_of_its_key(desk: Desk) -> None:
    """Like every other write."""
    caller = replace(LOCAL, controllers=frozenset({"alarm-fr"}))
    with pytest.raises(PermissionDenied) as refused:
        desk.call("RecordRegisterResults", _results(), caller)
    assert refused.value.reason == "CONTROLLER_NOT_GRANTED"


# A partner's key

INSURER = Caller(
    id="insurer-1-key",
    services=frozenset({REGISTRY.full_name}),
    controllers=frozenset({ITALY}),
    full_view=False,
    service_purpose=False,
    partners=frozenset({"insurer-1"}),
)


def test_a_partner_learns_what_became_of_its_own_leads(desk: Desk) -> None:
    answer = desk.call("RecordPartnerLeads", _leads("insurer-1"), INSURER)
    assert [each.outcome for each in answer.results] == [pb.LEAD_OUTCOME_ACCEPTED]


def test_leads_are_counted_by_what_became_of_them(desk: Desk) -> None:
    """The refused ones by their reason, too."""
    request = _leads("insurer-1")
    request.leads.add().CopyFrom(request.leads[0])
    request.leads[1].lead_id = "lead-2"
    request.leads[1].named_controller = "somebody-else"
    desk.call("RecordPartnerLeads", request)
    outcomes = ("ACCEPTED", "BLOCKED", "REFUSED")
    assert [desk.counted("partner_leads", outcome=each) for each in outcomes] == [1, 0, 1]
    assert desk.counted("partner_lead_refusals", reason="OTHER_RECIPIENT") == 1
    assert desk.counted("partner_lead_refusals", reason="TOO_OLD") == 0


def test_a_register_that_no_rule_names_is_not_counted(desk: Desk) -> None:
    """A caller cannot choose the value of a label."""
    with pytest.raises(InvalidRequest, match="no rule names"):
        desk.call("RecordRegisterResults", _results(register="XYZ"))
    assert desk.counted("register_results", register="XYZ", status="LISTED") is None


@pytest.mark.parametrize("partner_id", ["insurer-2", "nobody", ""])
def test_a_partner_brings_no_leads_of_another(desk: Desk, partner_id: str) -> None:
    """And does not learn whether there is such a partner."""
    with pytest.raises(PermissionDenied) as refused:
        desk.call("RecordPartnerLeads", _leads(partner_id), INSURER)
    assert refused.value.reason == "PARTNER_NOT_GRANTED"
    assert list(desk.store.written()) == []


@pytest.mark.parametrize("method", [each for each in METHODS if each != "RecordPartnerLeads"])
def test_a_partner_does_nothing_else(desk: Desk, method: str) -> None:
    """Whatever methods there will be."""
    request = GetMessageClass(REGISTRY.methods_by_name[method].input_type)()
    for field, value in (("controller", ITALY), ("request_id", "r-1")):
        if field in request.DESCRIPTOR.fields_by_name:
            setattr(request, field, value)
    with pytest.raises(PermissionDenied) as refused:
        desk.call(method, request, INSURER)
    assert refused.value.reason == "PARTNER_NOT_GRANTED"


def test_a_partner_does_not_register_itself_anew(desk: Desk) -> None:
    """What it is permitted is not its own to say."""
    with pytest.raises(PermissionDenied):
        desk.call("RegisterPartner", _registration("insurer-1"), INSURER)


def test_a_partner_does_not_get_the_answers_of_others(desk: Desk) -> None:
    """A request id of another caller is its own, and asks anew; that of another partner, too."""
    first = desk.call("RecordPartnerLeads", _leads("insurer-2", "shared"))
    second = desk.call("RecordPartnerLeads", _leads("insurer-1", "shared"), INSURER)
    assert first.results[0].entry_id != second.results[0].entry_id
    with pytest.raises(PermissionDenied):
        desk.call("RecordPartnerLeads", _leads("insurer-2", "shared"), INSURER)


def test_a_key_without_partners_is_not_limited(desk: Desk) -> None:
    """As before."""
    unlimited = replace(INSURER, partners=None)
    for number in (1, 2):
        desk.call("RecordPartnerLeads", _leads(f"insurer-{number}", f"{number}"), unlimited)
    with pytest.raises(InvalidRequest):
        desk.call("RecordPartnerLeads", _leads(""), unlimited)
