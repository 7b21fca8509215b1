"""Questions about call recording: whom an objection reaches, and what needs no read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from consent_registry_server.domain.contact import (
    ContactPoint,
    Email,
    Handle,
    Phone,
    PostalAddress,
)
from consent_registry_server.domain.errors import (
    NotFound,
    Unavailable,
)
from consent_registry_server.domain.vocabulary import (
    GROUP,
    CallDirection,
    CallLine,
    EntryKind,
    Reason,
    Verdict,
)
from consent_registry_server.service.checks import AskedRecording
from tests.fakes.ambience import PASSED
from tests.unit.service.desk import (
    FRANCE,
    NORWAY,
    PROOF,
    Desk,
    opt_out,
    paris,
    said,
)

EMAIL = Email("camille.desiree@example.com")
PHONE = Phone("+33639980001")
HANDLE = Handle("messenger", "camille.desiree")
ADDRESS = PostalAddress("FR", "69003", "Lyon", "12 rue des Lilas", "apt 4")
OBJECTION = opt_out(
    EMAIL, PHONE, expression=said(paris(2026, 3, 1)), kind=EntryKind.RECORDING_OBJECTION
)


@pytest.mark.parametrize(
    "points", [[PHONE], [EMAIL], [Email("camille.desiree+x@example.com")], [HANDLE, PHONE]]
)
def test_a_recording_objection_reaches_everybody_who_shares_a_contact_point(
    desk: Desk, points: list[ContactPoint]
) -> None:
    """However it is written."""
    desk.record(OBJECTION)
    assert desk.ask_recording(*points).reason is Reason.RECORDING_OBJECTION
    assert desk.ask_recording(HANDLE).reason is Reason.RECORDING_NOT_OBJECTED


def test_a_recording_objection_by_customer_number_reaches_the_customer(desk: Desk) -> None:
    """Whatever number they call from."""
    desk.record(replace(OBJECTION, subject=replace(OBJECTION.subject, customer_number="K-1")))
    decision = desk.ask_recording(Phone("+33639980009"), customer_number="k-1")
    assert decision.verdict is Verdict.DENY


def test_a_recording_objection_binds_its_controller_or_the_group(desk: Desk) -> None:
    """And no other."""
    desk.record(OBJECTION)
    assert desk.ask_recording(PHONE, controller=NORWAY).verdict is Verdict.ALLOW
    desk.record(replace(OBJECTION, controller=GROUP))
    assert desk.ask_recording(PHONE, controller=NORWAY).verdict is Verdict.DENY


def test_a_lift_permits_recording_on_the_contact_points_it_names(desk: Desk) -> None:
    """The others stay objected for, also when both are on the line."""
    desk.record(OBJECTION)
    lift = replace(
        opt_out(PHONE, expression=said(paris(2026, 4, 1))),
        kind=EntryKind.RECORDING_OBJECTION_LIFT,
        evidence=PROOF,
    )
    desk.record(lift)
    assert desk.ask_recording(PHONE).verdict is Verdict.ALLOW
    assert desk.ask_recording(EMAIL).verdict is Verdict.DENY
    assert desk.ask_recording(PHONE, EMAIL).verdict is Verdict.DENY


@pytest.mark.parametrize(
    "points",
    [
        pytest.param([], id="nothing"),
        pytest.param([ADDRESS], id="an address"),
        pytest.param([Email("camille")], id="a malformed email"),
        pytest.param([Phone("??")], id="no number"),
    ],
)
def test_a_caller_of_whom_nothing_can_be_compared_is_not_recorded(
    desk: Desk, points: list[ContactPoint]
) -> None:
    """Where an objection would matter."""
    decision = desk.ask_recording(*points)
    assert (decision.verdict, decision.reason) == (Verdict.DENY, Reason.INVALID_CONTACT_POINT)
    monitoring = desk.ask_recording(*points, line=CallLine.MONITORING_CENTRE)
    assert monitoring.verdict is Verdict.ALLOW


@pytest.mark.parametrize(
    "line, direction",
    [
        (CallLine.MONITORING_CENTRE, CallDirection.INBOUND),
        (CallLine.MONITORING_CENTRE, CallDirection.OUTBOUND),
        (CallLine.SALES, CallDirection.OUTBOUND),
        (CallLine.CUSTOMER_SERVICE, CallDirection.OUTBOUND),
    ],
)
def test_lines_on_which_no_objection_matters_are_answered_without_a_read(
    desk: Desk, line: CallLine, direction: CallDirection
) -> None:
    """So that alarm calls are recorded while the registry is down."""
    desk.store.is_down = True
    asked = AskedRecording(FRANCE, OBJECTION.subject, line, direction)
    answers = desk.checks.check_recording(asked, deadline=PASSED)
    assert (answers.revision, desk.store.reads) == ("", 0)


def test_no_recording_answer_is_made_up_when_the_store_has_none(desk: Desk) -> None:
    """Where an objection would matter."""
    desk.store.is_down = True
    with pytest.raises(Unavailable):
        desk.ask_recording(PHONE)


def test_recording_for_an_unknown_controller_is_not_found(desk: Desk) -> None:
    """Monitoring centre or not."""
    for line in CallLine:
        with pytest.raises(NotFound):
            desk.ask_recording(PHONE, line=line, controller=GROUP)
