"""`consentctl`, command by command: what it sends, what it prints, how it exits."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest

from consent_registry.v1 import entry_pb2, history_service_pb2, policy_service_pb2
from consent_registry.v1.contact_pb2 import Channel, ContactPoint, CustomerContext, RecipientType
from consent_registry.v1.decision_pb2 import Decision, Ground, Reason, Verdict, View
from consent_registry.v1.decision_service_pb2 import (
    CallDirection,
    CallLine,
    CheckCallRecordingResponse,
    CheckContactResponse,
)
from consent_registry.v1.entry_pb2 import Entry, EntryKind, Expression
from consent_registry.v1.registry_service_pb2 import (
    AddDoNotContactResponse,
    LiftDoNotContactResponse,
    ListPartnersResponse,
    ObjectToCallRecordingResponse,
    Partner,
    PartnerKind,
    RecordConsentResponse,
    RegisterPartnerResponse,
    WithdrawConsentResponse,
)
from consent_registry_client.cli._program import without
from tests.unit.client.console import Console
from tests.unit.client.fake_registry import FakeRegistry, check, failing

DENIED = "DENY, for there is no answer\n"
NUMBER = "+33 6 39 98 00 01"
CHECK = ("check", "--channel", "sms", "--purpose", "direct_marketing", "--phone", NUMBER)


@pytest.mark.parametrize(
    "verdict, code",
    [
        (Verdict.VERDICT_ALLOW, 0),
        (Verdict.VERDICT_DENY, 1),
        (Verdict.VERDICT_REVIEW, 1),
        (Verdict.VERDICT_UNSPECIFIED, 3),
        (9, 3),
    ],
)
def test_check_exits_with_0_only_when_allowed(
    registry: FakeRegistry, consentctl: Console, verdict: int, code: int
) -> None:
    registry.on("CheckContact", check(verdict, Reason.REASON_NO_CONSENT))
    assert consentctl(*CHECK).code == code
    outcome = consentctl(*CHECK, "--json")
    assert outcome.code == code
    assert outcome.json["allowed"] == (code == 0)


@pytest.mark.parametrize(
    "status, code",
    [
        (grpc.StatusCode.INVALID_ARGUMENT, 2),
        (grpc.StatusCode.NOT_FOUND, 2),
        (grpc.StatusCode.PERMISSION_DENIED, 3),
        (grpc.StatusCode.UNAUTHENTICATED, 3),
        (grpc.StatusCode.UNAVAILABLE, 3),
        (grpc.StatusCode.DEADLINE_EXCEEDED, 3),
        (grpc.StatusCode.INTERNAL, 3),
    ],
)
def test_check_without_an_answer_says_why_and_denies(
    registry: FakeRegistry, consentctl: Console, status: grpc.StatusCode, code: int
) -> None:
    registry.on("CheckContact", failing(status, "because", reason="SOME_REASON"))
    outcome = consentctl(*CHECK)
    assert outcome.code == code
    assert outcome.out.startswith("DENY")
    assert "SOME_REASON: because" in outcome.err
    as_json = consentctl(*CHECK, "--json")
    assert (as_json.code, as_json.json["allowed"], as_json.json["verdict"]) == (code, False, "DENY")


def test_an_alarm_call_is_allowed_while_the_registry_is_down(
    registry: FakeRegistry, consentctl: Console
) -> None:
    registry.on("CheckContact", failing(grpc.StatusCode.UNAVAILABLE))
    outcome = consentctl("check", "--channel", "sms", "--purpose", "service", "--phone", NUMBER)
    assert (outcome.code, outcome.out) == (0, "ALLOW NOT_MARKETING\n")
    assert "no answer from the registry" in outcome.err


def test_check_asks_with_everything_it_was_given(
    registry: FakeRegistry, consentctl: Console
) -> None:
    registry.on("CheckContact", check())
    outcome = consentctl(
        *("check", "--channel", "email", "--purpose", "direct_marketing", "--full"),
        *("--phone", "06 39 98 00 01", "--region", "FR", "--email", "a@example.com"),
        *("--email", "b@example.com", "--customer-number", "C1", "--name", "Marie"),
        *("--relationship", "customer", "--contract", "running", "--offer", "similar-own"),
        *("--last-sale-at", "2026-09-01", "--informed-at-collection", "--business"),
        *("--recipient-country", "FR", "--at", "2026-11-23T13:30:00+01:00", "--revision", "r1"),
    )
    assert outcome.code == 0
    request = registry.requests("CheckContact")[0]
    assert request.controller == "alarm-fr"
    assert request.target == ContactPoint(email="a@example.com")
    kinds = [point.WhichOneof("contact_point") for point in request.subject.contact_points]
    assert kinds == ["email", "phone"]
    assert (request.subject.customer_number, request.subject.name) == ("C1", "Marie")
    assert request.customer.relationship == CustomerContext.RELATIONSHIP_CUSTOMER
    assert request.customer.offer == CustomerContext.OFFER_SIMILAR_OWN
    assert request.customer.informed_at_collection
    assert request.recipient_type == RecipientType.RECIPIENT_TYPE_BUSINESS
    assert request.at.ToJsonString() == "2026-11-23T12:30:00Z"
    assert request.view == View.VIEW_FULL
    assert request.consistency.at_least_as_fresh == "r1"


def test_check_shows_the_grounds(registry: FakeRegistry, consentctl: Console) -> None:
    ground = Ground(
        reason=Reason.REASON_OBJECTION,
        verdict=Verdict.VERDICT_DENY,
        entry_id="e1",
        rule_id="fr.sms",
        citation="CPCE L34-5",
    )
    decision = Decision(
        verdict=Verdict.VERDICT_DENY, reason=Reason.REASON_OBJECTION, grounds=[ground]
    )
    registry.on("CheckContact", CheckContactResponse(decision=decision))
    assert consentctl(*CHECK, "--full").out == (
        "DENY OBJECTION\n  DENY OBJECTION entry e1 rule fr.sms (CPCE L34-5)\n"
    )


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("check", NUMBER), id="positional"),
        pytest.param((*CHECK, NUMBER), id="one too many"),
        pytest.param((*CHECK[:-2], "--fone", NUMBER), id="unknown option"),
        pytest.param((*CHECK[:-2], f"--fone={NUMBER}"), id="unknown option with a value"),
        pytest.param(("check", "--channel", NUMBER, *CHECK[3:]), id="as the channel"),
        pytest.param((*CHECK, "--at", NUMBER), id="as the time"),
        pytest.param((*CHECK, "--handle", NUMBER), id="as the handle"),
        pytest.param((NUMBER,), id="as the command"),
        pytest.param(("dnc", NUMBER), id="as the subcommand"),
        pytest.param(("history", "--phone", NUMBER, "--limit", NUMBER), id="as the limit"),
        pytest.param(("filter", NUMBER), id="as the file"),
        pytest.param(("check", "--channel", "post", *CHECK[3:]), id="no address for a letter"),
    ],
)
def test_wrong_usage_is_told_without_the_contact_data(
    registry: FakeRegistry, consentctl: Console, arguments: tuple[str, ...]
) -> None:
    registry.on("CheckContact", check())
    outcome = consentctl(*arguments)
    assert outcome.code == 2
    assert outcome.err
    assert "39 98" not in outcome.err + outcome.out
    assert not registry.calls


def test_messages_lose_every_value_of_the_command_line() -> None:
    message = without(["check", "--email=a@example.com", "marie"], "no marie, no a@example.com")
    assert message == "no …, no …"


def test_a_registry_out_of_reach_is_exit_3(
    capsys: pytest.CaptureFixture[str], consentctl: Console
) -> None:
    nowhere = Console(capsys, "127.0.0.1:1")
    outcome = nowhere("policy")
    assert outcome.code == 3
    assert outcome.err.startswith("UNAVAILABLE")
    assert consentctl.address != nowhere.address


def test_plaintext_beyond_this_machine_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = Console(capsys, "registry.example:50051")("policy")
    assert (outcome.code, outcome.err.split(":")[0]) == (2, "TLS_REQUIRED")


@pytest.mark.parametrize("place", ["option", "environment", "file"])
def test_the_key_comes_from_an_option_the_environment_or_a_file(
    registry: FakeRegistry,
    consentctl: Console,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    place: str,
) -> None:
    registry.on("GetPolicy", policy_service_pb2.GetPolicyResponse())
    options: list[str] = []
    if place == "option":
        options = ["--api-key", "s3cret"]
    elif place == "environment":
        monkeypatch.setenv("CONSENT_REGISTRY_API_KEY", "s3cret")
    else:
        key_file = tmp_path / "key"
        key_file.write_text("s3cret\n")
        monkeypatch.setenv("CONSENT_REGISTRY_API_KEY_FILE", str(key_file))
    assert consentctl(*options, "policy").code == 0
    assert registry.calls["GetPolicy"][0].metadata["authorization"] == "Bearer s3cret"


def test_a_missing_key_file_is_exit_2(consentctl: Console, tmp_path: Path) -> None:
    outcome = consentctl("--api-key-file", tmp_path / "none", "policy")
    assert outcome.code == 2
    assert "No such file" in outcome.err


def test_record_sends_the_proof(
    registry: FakeRegistry, consentctl: Console, tmp_path: Path
) -> None:
    text = tmp_path / "text"
    text.write_text("Oui, appelez-moi.", encoding="utf-8")
    registry.on("RecordConsent", RecordConsentResponse(entry_id="e1", proven=True))
    outcome = consentctl(
        *("record", "--channel", "sms", "--channel", "voice_call", "--purpose", "direct_marketing"),
        *("--phone", NUMBER, "--source", "web_form", "--said-at", "2026-09-01T12:00:00+02:00"),
        *("--text-file", text, "--form-id", "web-7", "--expires-at", "2027-09-01T00:00:00Z"),
        *("--request-id", "mine"),
    )
    assert (outcome.code, outcome.err) == (0, "")
    request = registry.requests("RecordConsent")[0]
    assert list(request.channels) == [Channel.CHANNEL_SMS, Channel.CHANNEL_VOICE_CALL]
    assert request.expression.expressed_at.ToJsonString() == "2026-09-01T10:00:00Z"
    assert request.evidence.text == "Oui, appelez-moi."
    assert request.expires_at.ToJsonString() == "2027-09-01T00:00:00Z"
    assert request.request_id == "mine"


def test_record_warns_of_an_incomplete_proof(registry: FakeRegistry, consentctl: Console) -> None:
    registry.on("RecordConsent", RecordConsentResponse(entry_id="e1"))
    outcome = consentctl(
        *("record", "--channel", "sms", "--purpose", "direct_marketing", "--phone", NUMBER),
        *("--source", "web_form"),
    )
    assert outcome.code == 0
    assert "proof is incomplete" in outcome.err


@pytest.mark.parametrize(
    "time, precision",
    [
        ((), entry_pb2.PRECISION_INSTANT),
        (("--said-at", "2026-09-01T12:00:00Z"), entry_pb2.PRECISION_INSTANT),
        (("--said-on", "2026-09-01", "--time-zone", "Europe/Paris"), entry_pb2.PRECISION_DAY),
        (("--undated",), entry_pb2.PRECISION_UNKNOWN),
    ],
)
def test_the_time_of_an_opt_out_is_as_precise_as_it_was_told(
    registry: FakeRegistry, consentctl: Console, time: tuple[str, ...], precision: int
) -> None:
    registry.on("AddDoNotContact", AddDoNotContactResponse(entry_id="e1"))
    outcome = consentctl("dnc", "add", "--phone", NUMBER, "--source", "letter", *time)
    assert outcome.code == 0
    assert registry.requests("AddDoNotContact")[0].expression.precision == precision


@pytest.mark.parametrize(
    "time",
    [
        ("--said-at", "2026-09-01T12:00:00"),
        ("--said-at", "yesterday"),
        ("--said-on", "2026-09-31", "--time-zone", "Europe/Paris"),
        ("--said-on", "2026-09-01"),
        ("--said-on", "2026-09-01", "--time-zone", "Mars/Olympus"),
        ("--undated", "--said-at", "2026-09-01T12:00:00Z"),
    ],
)
def test_a_time_that_is_none_is_wrong_usage(
    registry: FakeRegistry, consentctl: Console, time: tuple[str, ...]
) -> None:
    outcome = consentctl("dnc", "add", "--phone", NUMBER, "--source", "letter", *time)
    assert outcome.code == 2
    assert not registry.calls


def test_an_opt_out_tells_where_it_cannot_be_honoured(
    registry: FakeRegistry, consentctl: Console
) -> None:
    registry.on(
        "AddDoNotContact",
        AddDoNotContactResponse(
            entry_id="e1",
            unenforceable_channels=[Channel.CHANNEL_POST],
            indirect_channels=[Channel.CHANNEL_EMAIL],
            kept_by_digits=[0],
        ),
    )
    outcome = consentctl("dnc", "add", "--phone", "12", "--source", "letter")
    assert outcome.code == 0
    assert "nothing in it can match on: post" in outcome.err
    assert "on: email" in outcome.err
    assert "same digits" in outcome.err


def test_a_failed_write_names_its_request_id(registry: FakeRegistry, consentctl: Console) -> None:
    registry.on("WithdrawConsent", failing(grpc.StatusCode.INTERNAL, "oops"))
    outcome = consentctl("withdraw", "--phone", NUMBER, "--source", "letter")
    assert outcome.code == 3
    assert registry.requests("WithdrawConsent")[0].request_id in outcome.err


def test_withdraw_lift_and_object_reach_their_rpcs(
    registry: FakeRegistry, consentctl: Console
) -> None:
    registry.on("WithdrawConsent", WithdrawConsentResponse(entry_id="e1"))
    registry.on("LiftDoNotContact", LiftDoNotContactResponse(entry_id="e2"))
    registry.on("ObjectToCallRecording", ObjectToCallRecordingResponse(entry_id="e3"))
    said = ("--source", "letter", "--note", "said so")
    assert consentctl("withdraw", "--phone", NUMBER, "--channel", "sms", *said).code == 0
    assert consentctl("dnc", "lift", "e1", *said, "--json").json["entry_id"] == "e2"
    assert consentctl("recording", "object", "--phone", NUMBER, *said).out.startswith("e3 stored")
    assert registry.requests("LiftDoNotContact")[0].entry_id == "e1"
    assert registry.requests("LiftDoNotContact")[0].evidence.note == "said so"


@pytest.mark.parametrize(
    "line, status, expected",
    [
        ("monitoring_centre", grpc.StatusCode.UNAVAILABLE, (0, "ALLOW RECORDING_REQUIRED\n")),
        ("customer_service", grpc.StatusCode.UNAVAILABLE, (3, DENIED)),
        (
            "monitoring_centre",
            grpc.StatusCode.PERMISSION_DENIED,
            (3, DENIED),
        ),
    ],
)
def test_recording_check_without_an_answer(
    registry: FakeRegistry,
    consentctl: Console,
    line: str,
    status: grpc.StatusCode,
    expected: tuple[int, str],
) -> None:
    registry.on("CheckCallRecording", failing(status))
    outcome = consentctl(
        "recording", "check", "--line", line, "--direction", "inbound", "--phone", NUMBER
    )
    assert (outcome.code, outcome.out) == expected


def test_recording_check_tells_how_long_to_keep(
    registry: FakeRegistry, consentctl: Console
) -> None:
    decision = Decision(verdict=Verdict.VERDICT_ALLOW, reason=Reason.REASON_RECORDING_NOT_OBJECTED)
    response = CheckCallRecordingResponse(decision=decision, retention_months=6)
    registry.on("CheckCallRecording", response)
    outcome = consentctl(
        *("recording", "check", "--line", "customer_service", "--direction", "inbound"),
        *("--phone", NUMBER),
    )
    assert outcome.code == 0
    assert "keep for 6 months" in outcome.out
    request = registry.requests("CheckCallRecording")[0]
    assert request.line == CallLine.CALL_LINE_CUSTOMER_SERVICE
    assert request.direction == CallDirection.CALL_DIRECTION_INBOUND


def test_partners_are_registered_and_listed(registry: FakeRegistry, consentctl: Console) -> None:
    partner = Partner(
        partner_id="acme",
        name="Acme",
        kind=PartnerKind.PARTNER_KIND_BANK,
        permitted_channels=[Channel.CHANNEL_EMAIL],
        permitted_purposes=["direct_marketing"],
        maximum_lead_age_days=90,
    )
    registry.on("RegisterPartner", RegisterPartnerResponse(partner=partner))
    registry.on("ListPartners", ListPartnersResponse(partners=[partner]))
    registered = consentctl(
        *("partner", "register", "acme", "--name", "Acme", "--kind", "bank"),
        *("--channel", "email", "--purpose", "direct_marketing", "--maximum-lead-age-days", "90"),
    )
    assert registered.code == 0
    assert registry.requests("RegisterPartner")[0].partner == partner
    assert "acme" in consentctl("partner", "list").out
    assert consentctl("partner", "list", "--json").json[0]["partner_id"] == "acme"


ENTRY = Entry(
    entry_id="e1",
    kind=EntryKind.ENTRY_KIND_DO_NOT_CONTACT,
    controller="alarm-fr",
    all_channels=True,
    all_purposes=True,
    expression=Expression(precision=entry_pb2.PRECISION_UNKNOWN, source=entry_pb2.SOURCE_LETTER),
)


def test_history_lists_the_entries_of_a_contact_point(
    registry: FakeRegistry, consentctl: Console
) -> None:
    registry.on("ListEntries", history_service_pb2.ListEntriesResponse(entries=[ENTRY] * 3))
    outcome = consentctl("history", "--phone", NUMBER, "--limit", "2")
    assert outcome.code == 0
    assert outcome.out.count("do_not_contact") == 2
    assert "there are more" in outcome.err
    assert registry.requests("ListEntries")[0].contact_point.phone.number == NUMBER


def test_history_shows_one_entry(registry: FakeRegistry, consentctl: Console) -> None:
    registry.on("GetEntry", history_service_pb2.GetEntryResponse(entry=ENTRY))
    assert consentctl("history", "--entry", "e1", "--json").json[0]["all_channels"] is True


@pytest.mark.parametrize(
    "arguments",
    [(), ("--phone", NUMBER, "--email", "a@example.com"), ("--entry", "e", "--phone", NUMBER)],
)
def test_history_is_of_one_thing(consentctl: Console, arguments: tuple[str, ...]) -> None:
    assert consentctl("history", *arguments).code == 2


def test_policy_shows_the_rules(registry: FakeRegistry, consentctl: Console) -> None:
    rule = policy_service_pb2.Rule(rule_id="fr.sms", channel=Channel.CHANNEL_SMS)
    registry.on(
        "GetPolicy", policy_service_pb2.GetPolicyResponse(policy_version="p1", rules=[rule])
    )
    outcome = consentctl("policy", "--country", "FR")
    assert outcome.code == 0
    assert "fr.sms" in outcome.out
    assert "unverified" in outcome.out
    assert registry.requests("GetPolicy")[0].country == "FR"


def test_help_tells_the_exit_codes(consentctl: Console) -> None:
    outcome = consentctl("filter", "--help")
    assert outcome.code == 0
    assert "Exit codes" in outcome.out
