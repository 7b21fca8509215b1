"""`consentctl subject`, `rights` and `audit`: what they send, print and leave behind."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path

import grpc
import pytest

from consent_registry.v1 import subject_service_pb2 as pb
from consent_registry.v1.contact_pb2 import ContactPoint, PhoneNumber, PostalAddress, Subject
from consent_registry.v1.entry_pb2 import (
    ENTRY_KIND_CONSENT,
    ENTRY_KIND_DO_NOT_CONTACT,
    PRECISION_INSTANT,
    SOURCE_LETTER,
    Entry,
    Evidence,
    Expression,
)
from consent_registry_client import timestamp
from tests.unit.client.console import Console
from tests.unit.client.fake_registry import FakeRegistry, failing

WHO = ("--email", "a@example.com")
WHY = ("--actor", "officer 7", "--reason", "request 14")
ACCESS = pb.AccessReason(actor="officer 7", reason="request 14")
NOON = timestamp(datetime(2026, 11, 23, 12, tzinfo=UTC))


def _found() -> pb.FindSubjectResponse:
    entry = Entry(
        entry_id="e-1",
        kind=ENTRY_KIND_DO_NOT_CONTACT,
        controller="alarm-fr",
        all_channels=True,
        all_purposes=True,
        expression=Expression(expressed_at=NOON, precision=PRECISION_INSTANT, source=SOURCE_LETTER),
        recorded_at=NOON,
    )
    identity = pb.Identity(
        subject=Subject(
            name="Marie",
            customer_number="C1",
            contact_points=[
                ContactPoint(email="a@example.com"),
                ContactPoint(phone=PhoneNumber(number="06 39 98 00 01", region="FR")),
                ContactPoint(address=PostalAddress(country="FR", street="1 rue X")),
            ],
        ),
        evidence=Evidence(note="one\ntwo", text_digest=b"\x01" * 32),
    )
    kept = pb.FoundEntry(
        entry=entry,
        identity_state=pb.IDENTITY_STATE_KEPT,
        identity=identity,
        identity_expires_on="2033-11-23",
        held=True,
        matched_contact_points=[0],
        matched_customer_number=True,
    )
    gone = pb.FoundEntry(
        entry=Entry(entry_id="e-2", concerns_entry_id="e-1", keep_until="2040-01-31"),
        identity_state=pb.IDENTITY_STATE_NEVER_KEPT,
    )
    return pb.FindSubjectResponse(entries=[kept, gone])


def test_a_person_is_shown_with_all_that_is_left(
    consentctl: Console, registry: FakeRegistry
) -> None:
    """Each entry, what became of its identity, by what it was found, and every clear value."""
    registry.on("FindSubject", _found())
    outcome = consentctl("subject", "find", *WHO, *WHY)
    assert (outcome.code, outcome.err) == (0, "")
    lines = outcome.out.splitlines()
    assert "do_not_contact on all for all" in lines[0]
    assert lines[0].endswith("entry e-1")
    assert lines[1] == "  identity kept until 2033-11-23, under a hold"
    assert lines[2] == "  found by email a@example.com, customer number"
    for told in (
        "    name: Marie",
        "    phone: 06 39 98 00 01 FR",
        "    address: 1 rue X, FR",
        "    note: one",
        "      two",
        "  identity never kept",
    ):
        assert told in lines
    assert "of e-1, kept until 2040-01-31" in outcome.out
    [request] = registry.requests("FindSubject")
    assert request.access == ACCESS


def test_a_person_is_found_as_json(consentctl: Console, registry: FakeRegistry) -> None:
    """Under the contract's names; nobody found is told apart on standard error."""
    registry.on("FindSubject", _found(), pb.FindSubjectResponse())
    found = consentctl("subject", "find", *WHO, *WHY, "--json")
    assert found.json[0]["identity"]["subject"]["name"] == "Marie"
    nobody = consentctl("subject", "find", *WHO, *WHY, "--json")
    assert (nobody.code, nobody.json, nobody.err) == (0, [], "nobody found\n")


@pytest.mark.parametrize("missing", ["--actor", "--reason"])
def test_nobody_looks_without_saying_who_and_why(
    consentctl: Console, registry: FakeRegistry, missing: str
) -> None:
    """The registry is not even asked."""
    place = WHY.index(missing)
    why = WHY[:place] + WHY[place + 2 :]
    outcome = consentctl("subject", "find", *WHO, *why)
    assert outcome.code == 2
    assert missing in outcome.err
    assert not registry.calls


def test_the_actor_may_stand_in_the_environment(
    consentctl: Console, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason never: it is another one each time."""
    monkeypatch.setenv("CONSENTCTL_ACTOR", "officer 7")
    registry.on("FindSubject", pb.FindSubjectResponse())
    assert consentctl("subject", "find", *WHO, "--reason", "request 14").code == 0
    assert registry.requests("FindSubject")[0].access == ACCESS


def test_a_copy_is_for_its_owner_alone(
    consentctl: Console, registry: FakeRegistry, tmp_path: Path
) -> None:
    """Both files, whatever was in their place before, and nothing of them on the screen."""
    everything, consents = tmp_path / "copy.json", tmp_path / "copy.jsonld"
    everything.write_text("old")
    everything.chmod(0o644)
    registry.on(
        "ExportSubject",
        pb.ExportSubjectResponse(json='{"é": 1}', json_ld='{"@graph": []}', entry_count=3),
    )
    files = ("--json", everything, "--json-ld", consents)
    outcome = consentctl("subject", "export", *WHO, *WHY, *files)
    assert outcome.code == 0
    assert outcome.out.startswith("3 entries in ")
    assert json.loads(everything.read_text("utf-8")) == {"é": 1}
    assert json.loads(consents.read_text("utf-8")) == {"@graph": []}
    assert {path.stat().st_mode & 0o777 for path in (everything, consents)} == {0o600}
    assert sorted(tmp_path.iterdir()) == [everything, consents]


def test_without_an_answer_there_is_no_file(
    consentctl: Console, registry: FakeRegistry, tmp_path: Path
) -> None:
    """What was there before stays."""
    place = tmp_path / "copy.json"
    place.write_text("old")
    registry.on("ExportSubject", failing(grpc.StatusCode.NOT_FOUND, reason="UNKNOWN_SUBJECT"))
    outcome = consentctl("subject", "export", *WHO, *WHY, "--json", place)
    assert outcome.code == 2
    assert "UNKNOWN_SUBJECT" in outcome.err
    assert place.read_text() == "old"
    assert list(tmp_path.iterdir()) == [place]


@pytest.mark.parametrize("place", ["", "missing/copy.json"], ids=["a directory", "no directory"])
def test_a_copy_that_cannot_be_written_is_not_asked_for(
    consentctl: Console, registry: FakeRegistry, tmp_path: Path, place: str
) -> None:
    """An access that leads to nothing would stand in the trail for ever."""
    outcome = consentctl("subject", "export", *WHO, *WHY, "--json", tmp_path / place)
    assert outcome.code == 2
    assert not registry.calls


def test_a_contact_point_is_corrected(consentctl: Console, registry: FakeRegistry) -> None:
    """The restated entries are told."""
    restated = pb.RectifiedEntry(entry_id="e-1", restated_entry_id="e-2")
    registry.on("RectifySubject", pb.RectifySubjectResponse(entries=[restated]))
    wrong = ("--wrong-phone", "06 1", "--wrong-region", "FR")
    outcome = consentctl("subject", "rectify", *wrong, "--phone", "+33 6 2", *WHY)
    assert outcome.code == 0
    assert "e-1" in outcome.out
    assert "e-2" in outcome.out
    correction = registry.requests("RectifySubject")[0].contact_point
    assert correction.wrong == ContactPoint(phone=PhoneNumber(number="06 1", region="FR"))
    assert correction.corrected == ContactPoint(phone=PhoneNumber(number="+33 6 2"))


def test_a_customer_number_is_corrected(consentctl: Console, registry: FakeRegistry) -> None:
    """By the same command."""
    registry.on("RectifySubject", pb.RectifySubjectResponse())
    numbers = ("--wrong-customer-number", "C1", "--customer-number", "C2")
    assert consentctl("subject", "rectify", *numbers, *WHY).code == 0
    sent = registry.requests("RectifySubject")[0].customer_number
    assert (sent.wrong, sent.corrected) == ("C1", "C2")


@pytest.mark.parametrize(
    "options",
    [
        ("--wrong-email", "a@b.fr"),
        ("--email", "a@b.fr"),
        ("--wrong-email", "a@b.fr", "--customer-number", "C2"),
        ("--wrong-email", "a@b.fr", "--email", "b@b.fr", "--phone", "+336"),
    ],
    ids=["nothing right", "nothing wrong", "two kinds", "two corrections"],
)
def test_an_unclear_correction_is_refused(
    consentctl: Console, registry: FakeRegistry, options: tuple[str, ...]
) -> None:
    """Before the registry is asked."""
    assert consentctl("subject", "rectify", *options, *WHY).code == 2
    assert not registry.calls


def _erased() -> pb.EraseSubjectResponse:
    return pb.EraseSubjectResponse(
        entries=[
            pb.ErasedEntry(
                entry_id="e-1",
                kind=ENTRY_KIND_DO_NOT_CONTACT,
                outcome=pb.ERASURE_OUTCOME_OPT_OUT_KEPT,
                citation="GDPR art. 17(3)(b)",
            ),
            pb.ErasedEntry(
                entry_id="e-2", kind=ENTRY_KIND_CONSENT, outcome=pb.ERASURE_OUTCOME_ERASED
            ),
        ]
    )


def test_an_erasure_tells_what_is_kept_and_why(consentctl: Console, registry: FakeRegistry) -> None:
    """Entry by entry."""
    registry.on("EraseSubject", _erased())
    outcome = consentctl("subject", "erase", *WHO, *WHY, "--yes")
    assert (outcome.code, outcome.err) == (0, "")
    for told in ("e-1", "opt out kept", "GDPR art. 17(3)(b)", "e-2", "erased"):
        assert told in outcome.out


@pytest.mark.parametrize("answer, code", [("y\n", 0), ("n\n", 2), ("\n", 2), ("", 2)], ids=repr)
def test_an_erasure_is_asked_about_first(
    consentctl: Console,
    registry: FakeRegistry,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    code: int,
) -> None:
    """Anything but yes erases nothing; so does nobody there to ask."""
    registry.on("EraseSubject", _erased())
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    outcome = consentctl("subject", "erase", *WHO, *WHY)
    assert outcome.code == code
    assert bool(registry.requests("EraseSubject")) == (code == 0)
    assert "cannot be undone" in outcome.err
    assert "a@example.com" not in outcome.err


def test_processing_is_restricted_and_the_restriction_lifted(
    consentctl: Console, registry: FakeRegistry
) -> None:
    """With the ground, what the person said and when they were told."""
    registry.on("RestrictProcessing", pb.RestrictProcessingResponse(entry_id="e-1"))
    registry.on("LiftRestriction", pb.LiftRestrictionResponse(entry_id="e-2"))
    ground = ("--ground", "accuracy_contested", "--source", "letter")
    restricted = consentctl("subject", "restrict", *WHO, *ground, *WHY)
    assert restricted.out.startswith("e-1 stored")
    [request] = registry.requests("RestrictProcessing")
    assert request.ground == pb.RESTRICTION_GROUND_ACCURACY_CONTESTED
    assert request.expression.source == SOURCE_LETTER
    informed = ("--informed-at", "2026-11-23T12:00:00+00:00")
    lifted = consentctl("subject", "lift-restriction", "e-1", *informed, *WHY)
    assert lifted.out.startswith("e-2 stored")
    [lift] = registry.requests("LiftRestriction")
    assert (lift.entry_id, lift.subject_informed_at) == ("e-1", NOON)


@pytest.mark.parametrize(
    "options, expected",
    [
        (("--keep-until", "2040-01-31"), pb.SetRetentionRequest(keep_until="2040-01-31")),
        (("--hold",), pb.SetRetentionRequest(hold=pb.HOLD_CHANGE_PLACE)),
        (("--release",), pb.SetRetentionRequest(hold=pb.HOLD_CHANGE_LIFT)),
    ],
    ids=["a day", "a hold", "its lift"],
)
def test_retention_is_changed(
    consentctl: Console,
    registry: FakeRegistry,
    options: tuple[str, ...],
    expected: pb.SetRetentionRequest,
) -> None:
    """And the day that holds now is printed."""
    registry.on(
        "SetRetention", pb.SetRetentionResponse(entry_id="e-9", identity_expires_on="2040-01-31")
    )
    outcome = consentctl("subject", "retention", "e-1", *options, *WHY)
    assert (outcome.code, outcome.out) == (0, "e-9 kept until 2040-01-31\n")
    [request] = registry.requests("SetRetention")
    assert (request.WhichOneof("change"), request.keep_until, request.hold) == (
        expected.WhichOneof("change"),
        expected.keep_until,
        expected.hold,
    )


@pytest.mark.parametrize("options", [(), ("--hold", "--release")], ids=["none", "two"])
def test_retention_needs_one_change(
    consentctl: Console, registry: FakeRegistry, options: tuple[str, ...]
) -> None:
    """One, and only one."""
    assert consentctl("subject", "retention", "e-1", *options, *WHY).code == 2
    assert not registry.calls


def _request(*, overdue: bool = False) -> pb.RightsRequest:
    return pb.RightsRequest(
        rights_request_id="r-1",
        kind=pb.RIGHTS_REQUEST_KIND_ERASURE,
        received_on="2026-10-01",
        due_on="2026-10-31",
        overdue=overdue,
    )


def test_a_rights_request_goes_its_way(consentctl: Console, registry: FakeRegistry) -> None:
    """Opened, delayed, closed: each time it is shown as it now is."""
    delayed = _request()
    delayed.delayed_at.CopyFrom(NOON)
    closed = _request()
    closed.outcome = pb.RIGHTS_REQUEST_OUTCOME_PARTLY_FULFILLED
    registry.on("OpenRightsRequest", pb.OpenRightsRequestResponse(rights_request=_request()))
    registry.on("AnnounceDelay", pb.AnnounceDelayResponse(rights_request=delayed))
    registry.on("CloseRightsRequest", pb.CloseRightsRequestResponse(rights_request=closed))
    by = ("--actor", "officer 7")
    kind = ("--kind", "erasure", "--received-on", "2026-10-01", "--name", "Marie")
    opened = consentctl("rights", "open", *kind, *by, "--note", "by phone")
    assert (opened.code, "2026-10-31" in opened.out, "open" in opened.out) == (0, True, True)
    assert registry.requests("OpenRightsRequest")[0].subject.name == "Marie"
    until = ("--due-on", "2026-12-01", "--explanation", "a large archive")
    assert "delay announced" in consentctl("rights", "delay", "r-1", *until, *by).out
    end = ("--outcome", "partly_fulfilled", "--explanation", "one entry is held")
    outcome = consentctl("rights", "close", "r-1", *end, "--identity-confirmed", *by)
    assert "partly fulfilled" in outcome.out
    [request] = registry.requests("CloseRightsRequest")
    assert request.identity_confirmed
    shown = consentctl("rights", "close", "r-1", *end, *by, "--json")
    assert shown.json["rights_request_id"] == "r-1"


def test_a_rights_request_is_shown_with_whom_it_is_of(
    consentctl: Console, registry: FakeRegistry
) -> None:
    """And what was said; a text of several lines does not pass for a line of its own."""
    point = ContactPoint(phone=PhoneNumber(number="06 39 98 00 01", region="FR"))
    notes = [
        pb.RightsRequestNote(taken_down_at=NOON, actor="officer 7", text="by letter\nand phone"),
        pb.RightsRequestNote(taken_down_at=NOON, actor="officer 8"),
    ]
    response = pb.GetRightsRequestResponse(
        rights_request=_request(),
        subject=Subject(name="Marie", customer_number="C1", contact_points=[point]),
        notes=notes,
    )
    registry.on("GetRightsRequest", response)
    shown = consentctl("rights", "show", "r-1", *WHY)
    assert shown.code == 0
    assert "erasure" in shown.out
    lines = shown.out.splitlines()[-6:]
    assert lines[:3] == ["name: Marie", "customer number: C1", "phone: 06 39 98 00 01 FR"]
    assert lines[3].endswith("officer 7: by letter")
    assert lines[4] == "  and phone"
    assert lines[5].endswith("officer 8")
    [request] = registry.requests("GetRightsRequest")
    assert (request.rights_request_id, request.access) == ("r-1", ACCESS)
    as_json = consentctl("rights", "show", "r-1", *WHY, "--json").json
    assert as_json["subject"]["name"] == "Marie"


def test_nobody_sees_whose_a_rights_request_is_without_a_reason(
    consentctl: Console, registry: FakeRegistry
) -> None:
    """Nothing is sent."""
    assert consentctl("rights", "show", "r-1", "--actor", "officer 7").code == 2
    assert not registry.calls


@pytest.mark.parametrize(
    "options, listed, code",
    [
        ((), [_request()], 0),
        (("--open",), [_request(overdue=True)], 0),
        (("--overdue",), [_request(overdue=True)], 1),
        (("--overdue",), [], 0),
    ],
    ids=["all", "open", "overdue", "none overdue"],
)
def test_overdue_requests_raise_the_alarm(
    consentctl: Console,
    registry: FakeRegistry,
    options: tuple[str, ...],
    listed: list[pb.RightsRequest],
    code: int,
) -> None:
    """By the exit code, when they were asked for."""
    registry.on("ListRightsRequests", pb.ListRightsRequestsResponse(rights_requests=listed))
    outcome = consentctl("rights", "list", *options)
    assert outcome.code == code
    assert outcome.out.count("r-1") == len(listed)
    states = {"": "UNSPECIFIED", "--open": "OPEN", "--overdue": "OVERDUE"}
    [request] = registry.requests("ListRightsRequests")
    state = pb.RightsRequestState.Name(request.state)
    assert state == f"RIGHTS_REQUEST_STATE_{states[''.join(options)]}"


def test_the_trail_is_listed(consentctl: Console, registry: FakeRegistry) -> None:
    """Who, when, what, which entry, by which key and why; more than asked for is told."""
    access = pb.Access(
        accessed_at=NOON,
        caller_id="key-1",
        actor="officer 7",
        reason="request 14",
        operation=pb.ACCESS_OPERATION_FIND_SUBJECT,
        entry_id="e-1",
    )
    registry.on("ListAccesses", pb.ListAccessesResponse(accesses=[access, access]))
    outcome = consentctl("audit", "--entry", "e-1", "--limit", 1)
    assert outcome.code == 0
    for told in ("officer 7", "find_subject", "e-1", "key-1", "request 14"):
        assert outcome.out.count(told) == 1
    assert "raise --limit" in outcome.err
    assert registry.requests("ListAccesses")[0].entry_id == "e-1"
    assert len(consentctl("audit", "--json").json) == 2
