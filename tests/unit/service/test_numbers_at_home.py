"""Numbers typed as at home, without a region: what stops contact reads them in that country."""

from __future__ import annotations

import pytest

from consent_registry_server.domain.contact import Email, Phone
from consent_registry_server.domain.errors import InvalidContactPoint
from consent_registry_server.domain.vocabulary import GROUP, Channel, EntryKind, Reason
from consent_registry_server.service.ports import Page
from tests.fakes.ambience import NO_DEADLINE
from tests.unit.service.desk import (
    FRANCE,
    NORWAY,
    Desk,
    consent,
    opt_out,
    paris,
    question,
    refused,
    said,
)

AT_HOME = Phone("06 39 98 00 01")
ABROAD = Phone("+33639980001")
EMAIL = Email("camille.desiree@example.com")
OBJECTED = said(paris(2026, 3, 10))


@pytest.mark.parametrize("kind", [EntryKind.DO_NOT_CONTACT, EntryKind.WITHDRAWAL])
def test_an_opt_out_typed_as_at_home_reaches_the_international_number(
    desk: Desk, kind: EntryKind
) -> None:
    """Formats that differ must not defeat the match."""
    desk.record(opt_out(AT_HOME, expression=OBJECTED, kind=kind))
    reason = Reason.OBJECTION if kind is EntryKind.DO_NOT_CONTACT else Reason.WITHDRAWN
    assert desk.ask(question(ABROAD, Channel.VOICE_CALL)).reason is reason


def test_an_opt_out_is_found_by_a_subjects_number_typed_as_at_home(desk: Desk) -> None:
    """The other way round."""
    desk.record(opt_out(ABROAD, expression=OBJECTED))
    assert desk.ask(question(EMAIL, Channel.EMAIL, AT_HOME)).reason is Reason.OBJECTION


def test_the_history_of_a_number_typed_as_at_home_is_found(desk: Desk) -> None:
    """Customer service types what it hears."""
    entry_id = desk.record(opt_out(ABROAD, expression=OBJECTED))
    listed = desk.records.entries(FRANCE, AT_HOME, Page(10, None), deadline=NO_DEADLINE)
    assert [entry.entry_id for entry in listed] == [entry_id]


def test_home_is_the_controllers_country(desk: Desk) -> None:
    """In Norway those digits are no number, and the group is at home nowhere."""
    desk.record(opt_out(AT_HOME, expression=OBJECTED, controller=NORWAY))
    desk.record(opt_out(AT_HOME, expression=OBJECTED, controller=GROUP))
    asked = question(ABROAD, Channel.VOICE_CALL, controller=NORWAY)
    assert Reason.OBJECTION not in {ground.reason for ground in desk.ask(asked).grounds}


def test_a_guess_never_permits(desk: Desk) -> None:
    """Neither as the contact point of a consent nor as a target."""
    error = refused(desk, lambda: desk.record(consent(AT_HOME, expression=OBJECTED)))
    assert isinstance(error, InvalidContactPoint)
    decision = desk.ask(question(AT_HOME, Channel.VOICE_CALL))
    assert decision.reason is Reason.INVALID_CONTACT_POINT
