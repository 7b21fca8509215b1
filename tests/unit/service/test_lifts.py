"""Lifts of do-not-contact entries: who may, with what, and what they end."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from consent_registry_server.domain.contact import Email
from consent_registry_server.domain.entry import FUTURE_TOLERANCE_US, Evidence, NewEntry
from consent_registry_server.domain.errors import (
    InvalidRequest,
    NotFound,
    PreconditionFailed,
)
from consent_registry_server.domain.vocabulary import (
    GROUP,
    Channel,
    ControllerId,
    EntryId,
    EntryKind,
    Precision,
    Source,
    Verdict,
)
from tests.unit.service.desk import (
    NORWAY,
    NOW_US,
    Desk,
    consent,
    opt_out,
    paris,
    question,
    refused,
    said,
)

EMAIL = Email("camille.desiree@example.com")
AGREED = consent(EMAIL, expression=said())
OBJECTED = opt_out(EMAIL, expression=said())
TOO_LATE_US = NOW_US + FUTURE_TOLERANCE_US + 1


@pytest.fixture
def objection(desk: Desk) -> EntryId:
    """A do-not-contact entry of 10 March."""
    return desk.record(replace(OBJECTED, expression=said(paris(2026, 3, 10))))


@pytest.mark.parametrize("source", [Source.PARTNER, Source.IMPORT, Source.NATIONAL_REGISTER])
def test_nobody_but_the_person_lifts_an_objection(
    desk: Desk, objection: EntryId, source: Source
) -> None:
    """No partner, import or register."""
    error = refused(desk, lambda: desk.lift(objection, said(source=source)))
    assert isinstance(error, PreconditionFailed)
    assert (error.reason, error.field) == ("SOURCE_NOT_ALLOWED", "expression.source")


def test_a_lift_without_evidence_is_refused(desk: Desk, objection: EntryId) -> None:
    """An agent's name is none."""
    evidence = Evidence(agent="agent-7")
    error = refused(desk, lambda: desk.lift(objection, said(), evidence=evidence))
    assert isinstance(error, InvalidRequest)
    assert (error.reason, error.field) == ("EVIDENCE_REQUIRED", "evidence")


def test_a_lift_from_the_future_is_refused(desk: Desk, objection: EntryId) -> None:
    """It permits, so it is no better than a consent."""
    error = refused(desk, lambda: desk.lift(objection, said(TOO_LATE_US)))
    assert error.reason == "EXPRESSED_IN_FUTURE"


def test_a_lift_before_its_entry_is_refused(desk: Desk, objection: EntryId) -> None:
    """Nobody lifts what they are yet to say."""
    error = refused(desk, lambda: desk.lift(objection, said(paris(2026, 3, 10) - 1)))
    assert isinstance(error, PreconditionFailed)
    assert (error.reason, error.field) == ("LIFT_BEFORE_ENTRY", "expression.expressed_at")


def test_a_lift_at_the_instant_of_its_entry_is_taken(desk: Desk, objection: EntryId) -> None:
    """It is not before it."""
    desk.lift(objection, said(paris(2026, 3, 10)))
    decision = desk.ask(question(EMAIL, Channel.EMAIL))
    assert {ground.entry_id for ground in decision.grounds} == {None}


def test_a_lift_on_the_day_of_its_entry_is_taken(desk: Desk) -> None:
    """Of two statements on one day nobody knows which came first; both orders are possible."""
    day = said(paris(2026, 3, 10, 9), precision=Precision.DAY)
    by_instant = desk.record(replace(OBJECTED, expression=said(paris(2026, 3, 10, 9))))
    desk.lift(by_instant, said(paris(2026, 3, 10, 0), precision=Precision.DAY))
    by_day = desk.record(replace(OBJECTED, expression=day))
    desk.lift(by_day, said(paris(2026, 3, 10, 8)))
    still = desk.ask(question(EMAIL, Channel.EMAIL, at_us=paris(2026, 3, 10, 23, 59)))
    over = desk.ask(question(EMAIL, Channel.EMAIL, at_us=paris(2026, 3, 11, 0)))
    assert {by_instant, by_day} <= {ground.entry_id for ground in still.grounds}
    assert {ground.entry_id for ground in over.grounds} == {None}


@pytest.mark.parametrize("controller", [NORWAY, GROUP], ids=["another's", "the group's"])
def test_a_lift_of_somebody_elses_entry_finds_none(desk: Desk, controller: ControllerId) -> None:
    """The group's is no controller's own."""
    foreign = desk.record(replace(OBJECTED, controller=controller))
    error = refused(desk, lambda: desk.lift(foreign, said()))
    assert isinstance(error, NotFound)
    assert (error.reason, error.field) == ("UNKNOWN_ENTRY", "entry_id")


def test_the_group_lifts_its_own_entry(desk: Desk) -> None:
    """For all of them."""
    of_group = desk.record(replace(OBJECTED, controller=GROUP))
    desk.lift(of_group, said(), controller=GROUP)
    decision = desk.ask(question(EMAIL, Channel.EMAIL, controller=NORWAY))
    assert {ground.entry_id for ground in decision.grounds} == {None}


def test_a_lift_of_nothing_finds_nothing(desk: Desk) -> None:
    """And is not stored for later."""
    error = refused(desk, lambda: desk.lift(EntryId(UUID(int=999)), said()))
    assert (error.reason, error.field) == ("UNKNOWN_ENTRY", "entry_id")


@pytest.mark.parametrize(
    "new",
    [
        pytest.param(AGREED, id="consent"),
        pytest.param(replace(OBJECTED, kind=EntryKind.WITHDRAWAL), id="withdrawal"),
        pytest.param(
            replace(OBJECTED, kind=EntryKind.RECORDING_OBJECTION), id="recording objection"
        ),
    ],
)
def test_only_a_do_not_contact_entry_can_be_lifted(desk: Desk, new: NewEntry) -> None:
    """A withdrawal ends with a new consent, a recording objection by its own lift."""
    entry_id = desk.record(new)
    error = refused(desk, lambda: desk.lift(entry_id, said()))
    assert isinstance(error, PreconditionFailed)
    assert (error.reason, error.field) == ("ENTRY_NOT_LIFTABLE", "entry_id")


def test_a_lift_cannot_be_lifted(desk: Desk, objection: EntryId) -> None:
    """Whoever objects again says so anew."""
    lift = desk.lift(objection, said())
    assert refused(desk, lambda: desk.lift(lift, said())).reason == "ENTRY_NOT_LIFTABLE"


def test_a_lift_ends_its_entry_and_no_other(desk: Desk, objection: EntryId) -> None:
    """The same person may have objected twice."""
    other = desk.record(replace(OBJECTED, expression=said(paris(2026, 2, 1))))
    desk.lift(objection, said())
    decision = desk.ask(question(EMAIL, Channel.EMAIL))
    assert (decision.verdict, decision.grounds[0].entry_id) == (Verdict.DENY, other)


def test_a_lift_of_a_day_counts_from_its_end(desk: Desk, objection: EntryId) -> None:
    """As late as it may have been."""
    desk.lift(objection, said(paris(2026, 4, 1), precision=Precision.DAY))
    before = desk.ask(question(EMAIL, Channel.EMAIL, at_us=paris(2026, 4, 1, 23, 59)))
    after = desk.ask(question(EMAIL, Channel.EMAIL, at_us=paris(2026, 4, 2, 0, 0)))
    assert before.grounds[0].entry_id == objection
    assert {ground.entry_id for ground in after.grounds} == {None}


def test_a_lift_of_an_unknown_time_counts_from_its_recording(
    desk: Desk, objection: EntryId
) -> None:
    """Not a microsecond earlier."""
    desk.lift(objection, said(None))
    before = desk.ask(question(EMAIL, Channel.EMAIL, at_us=NOW_US - 1))
    after = desk.ask(question(EMAIL, Channel.EMAIL, at_us=NOW_US))
    assert before.grounds[0].entry_id == objection
    assert {ground.entry_id for ground in after.grounds} == {None}
