"""RestrictProcessing and LiftRestriction: no marketing of any kind meanwhile."""

from __future__ import annotations

from uuid import UUID

import pytest

from consent_registry_server.domain.calendar import DAY_US
from consent_registry_server.domain.contact import Email, Phone
from consent_registry_server.domain.entry import Expression
from consent_registry_server.domain.errors import RegistryError
from consent_registry_server.domain.vocabulary import (
    AccessOperation,
    Channel,
    ControllerId,
    EntryId,
    EntryKind,
    Precision,
    Reason,
    RestrictionGround,
    Source,
    Verdict,
)
from tests.fakes.ambience import NO_DEADLINE
from tests.officer_desk import BY, MemoryOfficer, entry_id_of
from tests.past_desk import EMAIL, MINUTE_US, NOW_US, PARIS, PHONE, asked

RESTRICTED = (Verdict.DENY, Reason.RESTRICTED)
ALLOWED = (Verdict.ALLOW, Reason.CONSENT)
BY_EMAIL = asked(EMAIL, Channel.EMAIL)


@pytest.fixture
def officer() -> MemoryOfficer:
    """An officer of a registry that may write emails to the one person in it."""
    made = MemoryOfficer()
    made.desk.consents(EMAIL, PHONE)
    made.desk.clock.now_us += MINUTE_US
    return made


def gist(officer: MemoryOfficer) -> tuple[Verdict, Reason]:
    """The answer, and its reason."""
    decision = officer.desk.check(BY_EMAIL)
    return decision.verdict, decision.reason


@pytest.mark.parametrize("by", [EMAIL, Email("camille.desiree+news@example.com")])
def test_a_restriction_denies_every_spelling(officer: MemoryOfficer, by: Email) -> None:
    """It matches as widely as an opt-out."""
    assert gist(officer) == ALLOWED
    officer.restrict(by)
    assert gist(officer) == RESTRICTED


def test_a_number_by_its_digits_is_told(officer: MemoryOfficer) -> None:
    """As with an opt-out, and found as it reads at home."""
    recorded = officer.restrict(EMAIL, Phone("06 39 98 00 01"))
    assert recorded.details["kept_by_digits"] == [1]
    called = officer.desk.check(asked(PHONE, Channel.VOICE_CALL))
    assert (called.verdict, called.reason) == RESTRICTED


def test_no_consent_lifts_a_restriction(officer: MemoryOfficer) -> None:
    """Only its lift does."""
    officer.restrict(EMAIL)
    officer.desk.clock.now_us += DAY_US
    officer.desk.consents(EMAIL)
    assert gist(officer) == RESTRICTED


def test_its_lift_ends_it_from_now_on(officer: MemoryOfficer) -> None:
    """And both are in the trail, with the ground and the time the person was informed."""
    restriction = entry_id_of(officer.restrict(EMAIL, ground=RestrictionGround.UNLAWFUL))
    officer.desk.clock.now_us += DAY_US
    lift = entry_id_of(officer.lift(restriction))
    assert gist(officer) == ALLOWED
    [told] = [each for each in officer.state.entries if each.entry_id == lift]
    assert (told.new.kind, told.new.lifts_entry_id) == (EntryKind.RESTRICTION_LIFT, restriction)
    assert [(each.operation, each.entry_id) for each in officer.state.accesses] == [
        (AccessOperation.RESTRICT_PROCESSING, restriction),
        (AccessOperation.LIFT_RESTRICTION, restriction),
    ]
    kept = officer.state.vault[restriction].identity.evidence.note
    assert kept == "GDPR art. 18(1)(b)"


def test_of_two_restrictions_the_other_stays(officer: MemoryOfficer) -> None:
    """A lift names one."""
    first, _ = (entry_id_of(officer.restrict(EMAIL)) for _ in range(2))
    officer.lift(first)
    assert gist(officer) == RESTRICTED


def test_a_restriction_of_today_by_the_day_is_lifted_at_its_end(officer: MemoryOfficer) -> None:
    """No entry is lifted before it counts."""
    said = Expression(Source.LETTER, Precision.DAY, NOW_US, PARIS)
    officer.lift(entry_id_of(officer.restrict(EMAIL, said=said)))
    assert gist(officer) == RESTRICTED
    officer.desk.clock.now_us += DAY_US
    assert gist(officer) == ALLOWED


def test_explanations_tell_of_the_lift(officer: MemoryOfficer) -> None:
    """By day and hour."""
    restriction = entry_id_of(officer.restrict(EMAIL))
    officer.lift(restriction)
    told = officer.desk.explain(BY_EMAIL).explanation.steps[2].considerations
    assert [each.entry_id for each in told] == [restriction]
    assert "was lifted on 23 November 2026 at 15:01 Europe/Paris" in told[0].text


@pytest.mark.parametrize("kind", ["consent", "unknown", "another controller's"])
def test_only_a_restriction_of_the_controller_is_lifted_so(
    officer: MemoryOfficer, kind: str
) -> None:
    """An opt-out has a lift of its own, which asks for proof."""
    entry_id, controller, reason = officer.desk.opts_out(EMAIL), "alarm-fr", "ENTRY_NOT_LIFTABLE"
    if kind == "unknown":
        entry_id, reason = EntryId(UUID(int=99)), "UNKNOWN_ENTRY"
    elif kind == "another controller's":
        entry_id, controller = entry_id_of(officer.restrict(EMAIL)), "alarm-no"
        reason = "UNKNOWN_ENTRY"
    with pytest.raises(RegistryError) as error:
        officer.subjects.lift_restriction(
            officer.desk.write(),
            ControllerId(controller),
            entry_id,
            BY,
            informed_at_us=NOW_US,
            deadline=NO_DEADLINE,
        )
    assert error.value.reason == reason


@pytest.mark.parametrize(
    "informed_at_us, reason",
    [
        pytest.param(NOW_US + DAY_US, "INVALID_FIELD", id="in the future"),
        pytest.param(1, "INVALID_TIMESTAMP", id="in 1970"),
    ],
)
def test_the_person_is_informed_before(
    officer: MemoryOfficer, informed_at_us: int, reason: str
) -> None:
    """A restriction that nobody was told would end does not end (art. 18(3))."""
    restriction = entry_id_of(officer.restrict(EMAIL))
    with pytest.raises(RegistryError) as error:
        officer.lift(restriction, informed_at_us=informed_at_us)
    assert (error.value.reason, error.value.field) == (reason, "subject_informed_at")
    assert gist(officer) == RESTRICTED


def test_a_restriction_names_somebody(officer: MemoryOfficer) -> None:
    """One of nobody would restrict nothing."""
    with pytest.raises(RegistryError) as error:
        officer.restrict()
    assert error.value.reason == "MISSING_FIELD"
