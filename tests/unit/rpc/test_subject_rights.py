"""SubjectService: people and their rights as they come over the wire, and who may ask."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, Final
from uuid import uuid4

import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from consent_registry.v1 import subject_service_pb2 as pb
from consent_registry.v1.contact_pb2 import ContactPoint, PhoneNumber, Subject
from consent_registry.v1.entry_pb2 import (
    ENTRY_KIND_CONSENT,
    ENTRY_KIND_DO_NOT_CONTACT,
    PRECISION_UNKNOWN,
    SOURCE_LETTER,
    SOURCE_REGISTRY,
    Expression,
)
from consent_registry_server.domain.calendar import DAY_US, from_us
from consent_registry_server.domain.contact import Email
from consent_registry_server.domain.errors import PermissionDenied, RegistryError
from consent_registry_server.rpc.authentication import LOCAL, Caller
from tests.past_desk import EMAIL, NOW_US, OTHER_EMAIL, PHONE
from tests.unit.rpc.subject_wire import OfficerWire

FRANCE: Final = "alarm-fr"
TODAY: Final = from_us(NOW_US).date()
WHO: Final = Subject(contact_points=[ContactPoint(email=EMAIL.address)], name="Camille")
ACCESS: Final = pb.AccessReason(actor="officer 7", reason="request 2026-14")
SAID: Final = Expression(precision=PRECISION_UNKNOWN, source=SOURCE_LETTER)
SOME_ID: Final = str(uuid4())


@pytest.fixture
def wire() -> OfficerWire:
    """A registry in which a person consented and then objected, by email and phone."""
    wire = OfficerWire()
    wire.desk.consents(EMAIL, PHONE)
    wire.desk.clock.now_us += 1_000_000
    wire.desk.opts_out(EMAIL)
    wire.desk.clock.now_us += 1_000_000
    return wire


def _wrong_email() -> pb.ContactPointCorrection:
    return pb.ContactPointCorrection(
        wrong=ContactPoint(email=EMAIL.address), corrected=ContactPoint(email=OTHER_EMAIL.address)
    )


REQUESTS: Final[dict[str, Callable[[], Message]]] = {
    "FindSubject": lambda: pb.FindSubjectRequest(controller=FRANCE, subject=WHO, access=ACCESS),
    "ExportSubject": lambda: pb.ExportSubjectRequest(controller=FRANCE, subject=WHO, access=ACCESS),
    "RectifySubject": lambda: pb.RectifySubjectRequest(
        controller=FRANCE, request_id="r", contact_point=_wrong_email(), access=ACCESS
    ),
    "EraseSubject": lambda: pb.EraseSubjectRequest(
        controller=FRANCE, request_id="r", subject=WHO, access=ACCESS
    ),
    "RestrictProcessing": lambda: pb.RestrictProcessingRequest(
        controller=FRANCE,
        request_id="r",
        subject=WHO,
        ground=pb.RESTRICTION_GROUND_UNLAWFUL,
        expression=SAID,
        access=ACCESS,
    ),
    "LiftRestriction": lambda: pb.LiftRestrictionRequest(
        controller=FRANCE,
        request_id="r",
        entry_id=SOME_ID,
        subject_informed_at=Timestamp(seconds=1_700_000_000),
        access=ACCESS,
    ),
    "SetRetention": lambda: pb.SetRetentionRequest(
        controller=FRANCE, request_id="r", entry_id=SOME_ID, keep_until="2040-01-31", access=ACCESS
    ),
    "OpenRightsRequest": lambda: pb.OpenRightsRequestRequest(
        controller=FRANCE,
        request_id="r",
        kind=pb.RIGHTS_REQUEST_KIND_ACCESS,
        received_on=TODAY.isoformat(),
        actor="officer 7",
    ),
    "AnnounceDelay": lambda: pb.AnnounceDelayRequest(
        controller=FRANCE,
        request_id="r",
        rights_request_id=SOME_ID,
        due_on=(TODAY + timedelta(60)).isoformat(),
        explanation="the archive is large",
        actor="officer 7",
    ),
    "CloseRightsRequest": lambda: pb.CloseRightsRequestRequest(
        controller=FRANCE,
        request_id="r",
        rights_request_id=SOME_ID,
        outcome=pb.RIGHTS_REQUEST_OUTCOME_FULFILLED,
        identity_confirmed=True,
        actor="officer 7",
    ),
    "GetRightsRequest": lambda: pb.GetRightsRequestRequest(
        controller=FRANCE, rights_request_id=SOME_ID, access=ACCESS
    ),
    "ListRightsRequests": lambda: pb.ListRightsRequestsRequest(controller=FRANCE),
    "ListAccesses": lambda: pb.ListAccessesRequest(controller=FRANCE),
}


def changed(method: str, **fields: Any) -> Message:  # noqa: ANN401 - of any field
    """A request with other fields; None takes one away."""
    request = REQUESTS[method]()
    for name, value in fields.items():
        request.ClearField(name)
        if value is not None:
            request.MergeFrom(type(request)(**{name: value}))
    return request


def refused(
    wire: OfficerWire, method: str, request: Message, caller: Caller = LOCAL
) -> tuple[str, str]:
    """Why a request is refused, and for which field."""
    with pytest.raises(RegistryError) as error:
        wire.call(method, request, caller)
    for clear in ("camille", "desiree", "example.com", "officer", "2026-14"):
        assert clear not in repr(error.value) + error.value.message
    return error.value.reason, error.value.field


def test_every_method_of_the_contract_is_tried_here() -> None:
    """A new one is added to the table, but for the explanations, which have tests of their own."""
    service = pb.DESCRIPTOR.services_by_name["SubjectService"]
    assert {*REQUESTS, "ExplainDecision"} == set(service.methods_by_name)


@pytest.mark.parametrize("method", REQUESTS)
def test_a_controller_that_is_not_granted_is_refused(wire: OfficerWire, method: str) -> None:
    """Before anything is read."""
    stranger = replace(LOCAL, controllers=frozenset({"alarm-no"}))
    with pytest.raises(PermissionDenied) as error:
        wire.call(method, REQUESTS[method](), stranger)
    assert error.value.reason == "CONTROLLER_NOT_GRANTED"


@pytest.mark.parametrize("method", REQUESTS)
def test_the_key_of_a_partner_is_refused(wire: OfficerWire, method: str) -> None:
    """It brings leads and learns nothing of anybody."""
    partner = replace(LOCAL, partners=frozenset({"mover-1"}))
    with pytest.raises(PermissionDenied) as error:
        wire.call(method, REQUESTS[method](), partner)
    assert error.value.reason == "PARTNER_NOT_GRANTED"


WITH_ACCESS: Final = [name for name, fill in REQUESTS.items() if hasattr(fill(), "access")]
WITH_ACTOR: Final = [name for name, fill in REQUESTS.items() if hasattr(fill(), "actor")]


@pytest.mark.parametrize("method", WITH_ACCESS)
@pytest.mark.parametrize(
    "access, field",
    [
        (None, "access.actor"),
        (pb.AccessReason(reason="r"), "access.actor"),
        (pb.AccessReason(actor="a"), "access.reason"),
        (pb.AccessReason(actor="a", reason=" \n "), "access.reason"),
    ],
    ids=["none", "nobody", "no reason", "spaces"],
)
def test_nobody_acts_without_saying_who_and_why(
    wire: OfficerWire, method: str, access: pb.AccessReason | None, field: str
) -> None:
    """And nothing is shown, changed or written down."""
    request = changed(method, access=access)
    assert refused(wire, method, request) == ("MISSING_FIELD", field)
    assert not wire.call("ListAccesses", REQUESTS["ListAccesses"]()).accesses


@pytest.mark.parametrize("method", WITH_ACTOR)
def test_nobody_takes_a_request_down_unnamed(wire: OfficerWire, method: str) -> None:
    """Spaces are no name."""
    assert refused(wire, method, changed(method, actor="  ")) == ("MISSING_FIELD", "actor")


NOBODY: Final = Subject(name="Camille")


@pytest.mark.parametrize(
    "method, fields, reason, field",
    [
        ("FindSubject", {"subject": NOBODY}, "MISSING_FIELD", "subject"),
        ("FindSubject", {"page_size": 201}, "INVALID_FIELD", "page_size"),
        ("FindSubject", {"page_size": -1}, "INVALID_FIELD", "page_size"),
        ("FindSubject", {"page_token": "AAAA"}, "INVALID_PAGE_TOKEN", "page_token"),
        ("ExportSubject", {"subject": None}, "MISSING_FIELD", "subject"),
        ("EraseSubject", {"subject": NOBODY}, "MISSING_FIELD", "subject"),
        ("EraseSubject", {"request_id": None}, "MISSING_FIELD", "request_id"),
        ("RestrictProcessing", {"subject": NOBODY}, "MISSING_FIELD", "subject"),
        ("RestrictProcessing", {"ground": None}, "MISSING_FIELD", "ground"),
        ("RestrictProcessing", {"expression": None}, "MISSING_FIELD", "expression.source"),
        (
            "RestrictProcessing",
            {"expression": Expression(precision=PRECISION_UNKNOWN, source=SOURCE_REGISTRY)},
            "INVALID_FIELD",
            "expression.source",
        ),
        ("RectifySubject", {"contact_point": None}, "MISSING_FIELD", "contact_point"),
        (
            "RectifySubject",
            {"contact_point": pb.ContactPointCorrection(corrected=ContactPoint(email="a@b.fr"))},
            "MISSING_FIELD",
            "contact_point.wrong",
        ),
        (
            "RectifySubject",
            {"customer_number": pb.CustomerNumberCorrection(wrong="C1")},
            "MISSING_FIELD",
            "customer_number.corrected",
        ),
        ("LiftRestriction", {"entry_id": "7"}, "INVALID_FIELD", "entry_id"),
        (
            "LiftRestriction",
            {"subject_informed_at": None},
            "MISSING_FIELD",
            "subject_informed_at",
        ),
        ("SetRetention", {"keep_until": None}, "MISSING_FIELD", "keep_until"),
        ("SetRetention", {"keep_until": "2026-W01-1"}, "INVALID_DAY", "keep_until"),
        ("SetRetention", {"keep_until": "2027-02-29"}, "INVALID_DAY", "keep_until"),
        ("SetRetention", {"keep_until": "2026-11-22"}, "INVALID_DAY", "keep_until"),
        ("SetRetention", {"hold": pb.HOLD_CHANGE_UNSPECIFIED}, "MISSING_FIELD", "hold"),
        ("SetRetention", {"entry_id": None}, "MISSING_FIELD", "entry_id"),
        ("OpenRightsRequest", {"kind": None}, "MISSING_FIELD", "kind"),
        ("OpenRightsRequest", {"received_on": None}, "MISSING_FIELD", "received_on"),
        ("OpenRightsRequest", {"received_on": "2099-01-01"}, "INVALID_DAY", "received_on"),
        ("OpenRightsRequest", {"controller": "group"}, "UNKNOWN_CONTROLLER", "controller"),
        ("AnnounceDelay", {"due_on": "31.12.2026"}, "INVALID_DAY", "due_on"),
        ("AnnounceDelay", {"explanation": " "}, "MISSING_FIELD", "explanation"),
        ("AnnounceDelay", {"rights_request_id": "7"}, "INVALID_FIELD", "rights_request_id"),
        ("AnnounceDelay", {}, "UNKNOWN_RIGHTS_REQUEST", "rights_request_id"),
        ("GetRightsRequest", {}, "UNKNOWN_RIGHTS_REQUEST", "rights_request_id"),
        (
            "GetRightsRequest",
            {"rights_request_id": None},
            "MISSING_FIELD",
            "rights_request_id",
        ),
        ("GetRightsRequest", {"controller": "group"}, "UNKNOWN_CONTROLLER", "controller"),
        ("CloseRightsRequest", {"outcome": None}, "MISSING_FIELD", "outcome"),
        (
            "CloseRightsRequest",
            {"outcome": pb.RIGHTS_REQUEST_OUTCOME_REFUSED},
            "MISSING_FIELD",
            "explanation",
        ),
        ("ListRightsRequests", {"page_size": 1_001}, "INVALID_FIELD", "page_size"),
        ("ListAccesses", {"page_size": 1_001}, "INVALID_FIELD", "page_size"),
        ("ListAccesses", {"entry_id": "7"}, "INVALID_FIELD", "entry_id"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_field(
    wire: OfficerWire, method: str, fields: dict[str, Any], reason: str, field: str
) -> None:
    """Whatever is wrong with one field."""
    assert refused(wire, method, changed(method, **fields)) == (reason, field)


def test_a_person_is_found_with_the_identity_and_page_by_page(wire: OfficerWire) -> None:
    """The newest first, by what it was found; a token is good for its own question only."""
    first = wire.call("FindSubject", changed("FindSubject", page_size=1))
    [objection] = first.entries
    assert objection.entry.kind == ENTRY_KIND_DO_NOT_CONTACT
    assert first.next_page_token
    token = first.next_page_token
    second = wire.call("FindSubject", changed("FindSubject", page_size=1, page_token=token))
    [consent] = second.entries
    assert consent.entry.kind == ENTRY_KIND_CONSENT
    assert not second.next_page_token
    assert consent.identity_state == pb.IDENTITY_STATE_KEPT
    assert list(consent.identity.subject.contact_points) == [
        ContactPoint(email=EMAIL.address),
        ContactPoint(phone=PhoneNumber(number=PHONE.number)),
    ]
    assert consent.identity.evidence.form_id == "form-3"
    assert date.fromisoformat(consent.identity_expires_on) > TODAY
    assert list(consent.matched_contact_points) == [0]
    assert not consent.matched_customer_number
    other = changed("FindSubject", page_token=token, subject=Subject(customer_number="C1"))
    assert refused(wire, "FindSubject", other) == ("INVALID_PAGE_TOKEN", "page_token")


def test_a_copy_is_json_twice(wire: OfficerWire) -> None:
    """Both documents are whole, and the number of entries is told."""
    copy = wire.call("ExportSubject", REQUESTS["ExportSubject"]())
    assert copy.entry_count == 2
    assert EMAIL.address in copy.json
    assert json.loads(copy.json)
    assert json.loads(copy.json_ld)
    assert PHONE.number not in copy.json


def test_an_erasure_tells_what_is_kept_and_why(wire: OfficerWire) -> None:
    """And says the same to whoever repeats it; afterwards there is no identity."""
    erased = wire.call("EraseSubject", REQUESTS["EraseSubject"]())
    outcomes = [(one.kind, one.outcome, bool(one.citation)) for one in erased.entries]
    assert outcomes == [
        (ENTRY_KIND_DO_NOT_CONTACT, pb.ERASURE_OUTCOME_OPT_OUT_KEPT, True),
        (ENTRY_KIND_CONSENT, pb.ERASURE_OUTCOME_ERASED, False),
    ]
    assert erased.revision
    assert erased.recorded_at.ToMicroseconds() == wire.desk.clock.now_us
    assert wire.call("EraseSubject", REQUESTS["EraseSubject"]()) == erased
    found = wire.call("FindSubject", REQUESTS["FindSubject"]()).entries
    assert found
    assert not any(one.HasField("identity") for one in found)
    named = {one.entry_id for one in erased.entries}
    concerned = {one.entry.concerns_entry_id for one in found}
    assert named <= concerned
    assert not any(one.entry.all_channels for one in found if one.entry.concerns_entry_id)


def test_a_correction_restates_and_a_restriction_is_lifted(wire: OfficerWire) -> None:
    """Each names the entries it led to."""
    rectified = wire.call("RectifySubject", REQUESTS["RectifySubject"]())
    assert len(rectified.entries) == 2
    assert all(one.restated_entry_id and one.entry_id for one in rectified.entries)
    restricted = wire.call("RestrictProcessing", changed("RestrictProcessing", request_id="r2"))
    lift = changed("LiftRestriction", request_id="r3", entry_id=restricted.entry_id)
    lifted = wire.call("LiftRestriction", lift)
    assert len({restricted.entry_id, lifted.entry_id}) == 2


@pytest.mark.parametrize("by", [EMAIL, OTHER_EMAIL], ids=["wrong", "corrected"])
def test_what_was_corrected_is_found_by_either(wire: OfficerWire, by: Email) -> None:
    """And is in the copy; each entry tells by what it was found, those followed by nothing."""
    rectified = wire.call("RectifySubject", REQUESTS["RectifySubject"]()).entries
    asked = Subject(contact_points=[ContactPoint(email=by.address)])
    found = wire.call("FindSubject", changed("FindSubject", subject=asked)).entries
    assert len(found) == 6
    matched = {one.entry.entry_id for one in found if one.matched_contact_points}
    originals = {one.entry_id for one in rectified}
    restated = {one.restated_entry_id for one in rectified}
    assert matched == (originals if by is EMAIL else restated)
    assert originals | restated <= {one.entry.entry_id for one in found}
    assert all(
        one.HasField("identity") for one in found if one.entry.entry_id in originals | restated
    )
    copy = wire.call("ExportSubject", changed("ExportSubject", subject=asked))
    assert copy.entry_count == 6
    assert PHONE.number not in copy.json
    other = OTHER_EMAIL if by is EMAIL else EMAIL
    assert other.address not in copy.json


def test_an_identity_is_kept_longer_or_held(wire: OfficerWire) -> None:
    """The answer tells until when, and whether a hold stops it."""
    found = wire.call("FindSubject", REQUESTS["FindSubject"]()).entries
    entry_id = found[-1].entry.entry_id
    kept = wire.call("SetRetention", changed("SetRetention", entry_id=entry_id))
    assert (kept.identity_expires_on, kept.held) == ("2040-01-31", False)
    hold = changed("SetRetention", entry_id=entry_id, request_id="r2", hold=pb.HOLD_CHANGE_PLACE)
    held = wire.call("SetRetention", hold)
    assert (held.identity_expires_on, held.held) == ("2040-01-31", True)
    newest = wire.call("FindSubject", REQUESTS["FindSubject"]()).entries
    kinds = {one.entry.keep_until for one in newest if one.entry.concerns_entry_id == entry_id}
    assert kinds == {"2040-01-31", ""}


def test_rights_requests_go_their_way(wire: OfficerWire) -> None:
    """Opened, overdue, delayed too late, closed; those due first are listed first."""
    for number, age in enumerate((3, 1, 2)):
        received = (TODAY - timedelta(age)).isoformat()
        request = changed("OpenRightsRequest", request_id=f"r{number}", received_on=received)
        opened = wire.call("OpenRightsRequest", request).rights_request
        assert (opened.received_on, opened.overdue) == (received, False)
        assert opened.due_on == (TODAY - timedelta(age) + timedelta(30)).isoformat()
    listed: list[Any] = []
    token = ""
    while token or not listed:
        page = wire.call(
            "ListRightsRequests", changed("ListRightsRequests", page_size=1, page_token=token)
        )
        listed += page.rights_requests
        token = page.next_page_token
    assert [one.due_on for one in listed] == sorted(one.due_on for one in listed)
    assert len(listed) == 3
    wire.desk.clock.now_us += 29 * DAY_US
    overdue = changed("ListRightsRequests", state=pb.RIGHTS_REQUEST_STATE_OVERDUE)
    late = wire.call("ListRightsRequests", overdue).rights_requests
    assert [(one.rights_request_id, one.overdue) for one in late] == [
        (each.rights_request_id, True) for each in listed[:2]
    ]
    request_id = late[0].rights_request_id
    delay = changed("AnnounceDelay", request_id="d", rights_request_id=request_id)
    assert refused(wire, "AnnounceDelay", delay)[0] == "DELAY_NOT_ANNOUNCEABLE"
    close = changed(
        "CloseRightsRequest",
        request_id="c",
        rights_request_id=request_id,
        identity_confirmed=None,
    )
    assert refused(wire, "CloseRightsRequest", close)[0] == "IDENTITY_NOT_CONFIRMED"
    close = changed("CloseRightsRequest", request_id="c", rights_request_id=request_id)
    closed = wire.call("CloseRightsRequest", close).rights_request
    assert closed.outcome == pb.RIGHTS_REQUEST_OUTCOME_FULFILLED
    assert closed.HasField("closed_at")
    assert not closed.overdue
    again = changed("CloseRightsRequest", request_id="c2", rights_request_id=request_id)
    assert refused(wire, "CloseRightsRequest", again)[0] == "RIGHTS_REQUEST_CLOSED"


def test_whose_a_rights_request_is_can_be_seen(wire: OfficerWire) -> None:
    """With what was said, and a row of the trail."""
    opening = changed("OpenRightsRequest", subject=WHO, note="by letter")
    opened = wire.call("OpenRightsRequest", opening).rights_request
    named = {"rights_request_id": opened.rights_request_id}
    wire.desk.clock.now_us += 1_000_000
    wire.call("AnnounceDelay", changed("AnnounceDelay", request_id="d", **named))
    shown = wire.call("GetRightsRequest", changed("GetRightsRequest", **named))
    assert shown.subject == WHO
    assert shown.rights_request.HasField("delayed_at")
    assert [(one.actor, one.text) for one in shown.notes] == [
        ("officer 7", "by letter"),
        ("officer 7", "the archive is large"),
    ]
    assert [one.taken_down_at for one in shown.notes] == [
        shown.rights_request.opened_at,
        shown.rights_request.delayed_at,
    ]
    [access] = wire.call("ListAccesses", REQUESTS["ListAccesses"]()).accesses
    assert access.operation == pb.ACCESS_OPERATION_SHOW_RIGHTS_REQUEST
    assert not access.entry_id


def test_a_rights_request_of_nobody_known_has_no_subject(wire: OfficerWire) -> None:
    """Who gave nothing is not shown as somebody of whom nothing is known."""
    opened = wire.call("OpenRightsRequest", REQUESTS["OpenRightsRequest"]()).rights_request
    named = {"rights_request_id": opened.rights_request_id}
    shown = wire.call("GetRightsRequest", changed("GetRightsRequest", **named))
    assert not shown.HasField("subject")
    assert [one.text for one in shown.notes] == [""]


def test_every_access_is_in_the_trail(wire: OfficerWire) -> None:
    """With who, why, what and by which key, the newest first, page by page."""
    officer = replace(LOCAL, id="key-of-the-officer")
    wire.call("FindSubject", REQUESTS["FindSubject"](), officer)
    wire.desk.clock.now_us += 1
    wire.call("ExportSubject", REQUESTS["ExportSubject"](), officer)
    rows: list[Any] = []
    token = ""
    while token or not rows:
        request = changed("ListAccesses", page_size=1, page_token=token)
        page = wire.call("ListAccesses", request)
        rows += page.accesses
        token = page.next_page_token
    assert [one.operation for one in rows] == [
        *[pb.ACCESS_OPERATION_EXPORT_SUBJECT] * 2,
        *[pb.ACCESS_OPERATION_FIND_SUBJECT] * 2,
    ]
    assert {(one.actor, one.reason, one.caller_id) for one in rows} == {
        ("officer 7", "request 2026-14", "key-of-the-officer")
    }
    assert len({one.access_id for one in rows}) == 4
    of_one = changed("ListAccesses", entry_id=rows[0].entry_id)
    assert len(wire.call("ListAccesses", of_one).accesses) == 2
