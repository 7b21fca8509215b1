"""RectifySubject: entries are restated, an opt-out denies both, a consent moves."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from consent_registry_server.domain.calendar import DAY_US
from consent_registry_server.domain.contact import (
    ContactPoint,
    CustomerNumber,
    Email,
    Handle,
    Phone,
    PostalAddress,
    Subject,
)
from consent_registry_server.domain.entry import Evidence, Expression, NewEntry
from consent_registry_server.domain.errors import InvalidRequest, NotFound, RegistryError
from consent_registry_server.domain.identity_expiry import day_of
from consent_registry_server.domain.vocabulary import (
    ALL_CHANNELS,
    GROUP,
    AccessOperation,
    Channel,
    EntryKind,
    HoldChange,
    Precision,
    Reason,
    Source,
    Verdict,
)
from tests.fakes.ambience import NO_DEADLINE
from tests.officer_desk import (
    BUILDING,
    BY,
    HOME,
    NEW_EMAIL,
    NEW_HOME,
    NEW_PHONE,
    NEXT_DOOR,
    MemoryOfficer,
    entry_id_of,
)
from tests.past_desk import (
    EMAIL,
    FRANCE,
    MINUTE_US,
    NOW_US,
    OTHER_EMAIL,
    PARIS,
    PHONE,
    PROOF,
    asked,
)

ALLOWED = (Verdict.ALLOW, Reason.CONSENT)
OBJECTED = (Verdict.DENY, Reason.OBJECTION)
UNPROVEN = (Verdict.DENY, Reason.CONSENT_UNPROVEN)
NO_CONSENT = (Verdict.DENY, Reason.NO_CONSENT)


@pytest.fixture
def officer() -> MemoryOfficer:
    """An officer of an empty registry."""
    return MemoryOfficer()


def gist(
    officer: MemoryOfficer, target: ContactPoint, channel: Channel = Channel.EMAIL
) -> tuple[Verdict, Reason]:
    """The answer, and its reason."""
    decision = officer.desk.check(asked(target, channel))
    return decision.verdict, decision.reason


def later(officer: MemoryOfficer, us: int = MINUTE_US) -> None:
    """Lets time pass."""
    officer.desk.clock.now_us += us


def said_days_ago(days: int, precision: Precision = Precision.INSTANT) -> Expression:
    """Said some days ago."""
    return Expression(Source.WEB_FORM, precision, NOW_US - days * DAY_US, PARIS)


def test_a_consent_moves_to_the_corrected_address(officer: MemoryOfficer) -> None:
    """The wrong address loses what nobody gave for it, and the corrected one gets it."""
    officer.desk.consents(EMAIL)
    later(officer)
    assert gist(officer, EMAIL) == ALLOWED
    officer.rectify(EMAIL, NEW_EMAIL)
    assert gist(officer, EMAIL) == NO_CONSENT
    assert gist(officer, NEW_EMAIL) == ALLOWED


def test_an_opt_out_denies_both(officer: MemoryOfficer) -> None:
    """Nobody knows whom the wrong address belongs to; that it was told is enough."""
    officer.desk.opts_out(EMAIL)
    officer.rectify(EMAIL, NEW_EMAIL)
    assert gist(officer, EMAIL) == OBJECTED
    assert gist(officer, NEW_EMAIL) == OBJECTED


def test_a_restriction_is_restated_too(officer: MemoryOfficer) -> None:
    """The corrected address is as restricted as the wrong one."""
    officer.restrict(EMAIL)
    officer.rectify(EMAIL, NEW_EMAIL)
    assert gist(officer, NEW_EMAIL) == (Verdict.DENY, Reason.RESTRICTED)


@pytest.mark.parametrize(
    "precision", [Precision.INSTANT, Precision.DAY, Precision.UNKNOWN], ids=lambda each: each.name
)
@pytest.mark.parametrize("kind", [EntryKind.DO_NOT_CONTACT, EntryKind.WITHDRAWAL])
def test_the_order_among_entries_stays_what_it_was(
    officer: MemoryOfficer, kind: EntryKind, precision: Precision
) -> None:
    """A restated entry counts at the very instant the original does, whenever it is recorded."""
    at_us = None if precision is Precision.UNKNOWN else NOW_US
    said = Expression(Source.LETTER, precision, at_us, PARIS)
    original = officer.desk.opts_out(EMAIL, said=said, kind=kind)
    later(officer, 3 * DAY_US)
    officer.desk.consents(NEW_EMAIL)
    later(officer, 3 * DAY_US)
    copy = officer.rectify(EMAIL, NEW_EMAIL)[original]
    entries = {each.entry_id: each for each in officer.state.entries}
    assert entries[copy].counts_at_us == entries[original].counts_at_us
    assert entries[copy].recorded_at_us > entries[original].recorded_at_us
    assert gist(officer, NEW_EMAIL) == ALLOWED


def test_a_restated_entry_says_all_that_the_original_does(officer: MemoryOfficer) -> None:
    """But for the contact point that was wrong; the others stay."""
    original = officer.desk.consents(
        EMAIL,
        PHONE,
        channels=(Channel.EMAIL, Channel.SMS),
        expires_at_us=NOW_US + 90 * DAY_US,
        said=said_days_ago(2, Precision.DAY),
    )
    later(officer)
    copy_id = officer.rectify(EMAIL, NEW_EMAIL)[original]
    entries = {each.entry_id: each for each in officer.state.entries}
    new, copy = entries[original].new, entries[copy_id]
    corrected = replace(new, subject=Subject((NEW_EMAIL, PHONE)), concerns_entry_id=original)
    assert copy.new == replace(corrected, lifts_opt_outs=False)
    assert copy.identity_expires_on == entries[original].identity_expires_on
    assert gist(officer, PHONE, Channel.SMS) == ALLOWED


def test_a_rectification_names_the_original_and_ends_a_consent(officer: MemoryOfficer) -> None:
    """The ledger tells what was restated; an opt-out goes on."""
    consent = officer.desk.consents(EMAIL)
    opt_out = officer.desk.opts_out(OTHER_EMAIL, EMAIL)
    officer.rectify(EMAIL, NEW_EMAIL)
    told = [each.new for each in officer.state.entries if each.new.kind is EntryKind.RECTIFICATION]
    assert {(each.concerns_entry_id, each.lifts_entry_id) for each in told} == {
        (consent, consent),
        (opt_out, None),
    }
    assert {each.expression.source for each in told} == {Source.REGISTRY}


def test_the_trail_tells_who_corrected_what(officer: MemoryOfficer) -> None:
    """Of each entry restated and of its copy."""
    original = officer.desk.opts_out(EMAIL)
    copy = officer.rectify(EMAIL, NEW_EMAIL)[original]
    rows = officer.state.accesses
    assert {each.entry_id for each in rows} == {original, copy}
    [row, _] = rows
    assert (row.operation, row.actor, row.reason, row.caller_id) == (
        AccessOperation.RECTIFY_SUBJECT,
        BY.actor,
        BY.reason,
        BY.caller_id,
    )


def test_what_was_lifted_is_not_resurrected(officer: MemoryOfficer) -> None:
    """The corrected address gets no opt-out that the person took back."""
    officer.desk.lifts(officer.desk.opts_out(EMAIL))
    later(officer)
    officer.desk.consents(EMAIL)
    later(officer)
    assert len(officer.rectify(EMAIL, NEW_EMAIL)) == 1
    assert gist(officer, NEW_EMAIL) == ALLOWED


def test_what_is_lifted_later_is_lifted_later_for_both(officer: MemoryOfficer) -> None:
    """A lift of which only the day is known counts at its end: until then both are denied."""
    officer.desk.consents(EMAIL, said=said_days_ago(9))
    opt_out = officer.desk.opts_out(EMAIL, said=said_days_ago(8))
    officer.desk.lifts(opt_out, said_days_ago(0, Precision.DAY))
    officer.rectify(EMAIL, NEW_EMAIL)
    assert gist(officer, NEW_EMAIL) == gist(officer, EMAIL) == OBJECTED
    later(officer, DAY_US)
    assert gist(officer, NEW_EMAIL) == ALLOWED
    assert gist(officer, EMAIL) == NO_CONSENT


def test_a_lifted_objection_to_recording_stays_lifted(officer: MemoryOfficer) -> None:
    """Its lift names the wrong number only, so that a copy would stand for ever."""
    record_objection(officer)
    later(officer)
    record_objection(officer, EntryKind.RECORDING_OBJECTION_LIFT)
    later(officer)
    assert officer.rectify(PHONE, NEW_PHONE) == {}
    later(officer)
    record_objection(officer)
    assert len(officer.rectify(PHONE, NEW_PHONE)) == 1


def record_objection(
    officer: MemoryOfficer, kind: EntryKind = EntryKind.RECORDING_OBJECTION
) -> None:
    """Records an objection to recording by phone number, or a lift of it."""
    intake = officer.desk.intake
    record = (
        intake.object_to_recording
        if kind is EntryKind.RECORDING_OBJECTION
        else intake.lift_recording_objection
    )
    new = NewEntry(kind, FRANCE, officer.desk.now(), Subject((PHONE,)), PROOF)
    record(officer.desk.write(), new, deadline=NO_DEADLINE)


def test_a_consent_for_another_spelling_is_no_consent_for_the_wrong_one(
    officer: MemoryOfficer,
) -> None:
    """Sub-addresses meet for opt-outs; a consent is for one address to the letter."""
    tagged = Email("camille.desiree+offers@example.com")
    officer.desk.consents(tagged)
    opt_out = officer.desk.opts_out(tagged, channels=(Channel.SMS,))
    later(officer)
    assert set(officer.rectify(EMAIL, NEW_EMAIL)) == {opt_out}
    assert gist(officer, tagged) == ALLOWED


def test_neighbours_are_left_alone(officer: MemoryOfficer) -> None:
    """A building is found by all who live in it; corrected is the one dwelling."""
    mine = officer.desk.opts_out(HOME)
    officer.desk.opts_out(NEXT_DOOR)
    assert set(officer.rectify(HOME, NEW_HOME)) == {mine}
    with pytest.raises(NotFound, match="no entry"):
        officer.rectify(replace(HOME, unit="Apt 9"), NEW_HOME)


def test_a_customer_number_is_corrected_like_a_contact_point(officer: MemoryOfficer) -> None:
    """An opt-out by number denies whoever is known by either."""
    subject = Subject((), "C-1001")
    new = NewEntry(EntryKind.DO_NOT_CONTACT, FRANCE, officer.desk.now(), subject, Evidence())
    officer.desk.intake.add_opt_out(officer.desk.write(), new, deadline=NO_DEADLINE)
    officer.rectify(CustomerNumber("C-1001"), CustomerNumber("C-1002"))
    for number in ("C-1001", "C-1002"):
        question = asked(EMAIL, Channel.EMAIL)
        question.subject = Subject((), number)
        assert officer.desk.check(question).reason is Reason.OBJECTION


def test_an_opt_out_without_identity_gets_the_corrected_one_alone(officer: MemoryOfficer) -> None:
    """It goes on denying; nobody's identity comes back by a correction."""
    original = officer.desk.opts_out(EMAIL, PHONE)
    officer.erase(EMAIL)
    copy = officer.rectify(EMAIL, NEW_EMAIL)[original]
    assert gist(officer, NEW_EMAIL) == OBJECTED
    assert copy not in officer.state.vault
    [prepared] = [each for each in officer.state.entries if each.entry_id == copy]
    assert len(prepared.contact_points) == 1


def test_a_consent_that_ended_with_its_identity_is_not_restated(officer: MemoryOfficer) -> None:
    """Nothing proves it."""
    officer.desk.consents(EMAIL)
    officer.desk.opts_out(EMAIL, channels=(Channel.SMS,))
    officer.erase(EMAIL)
    assert len(officer.rectify(EMAIL, NEW_EMAIL)) == 1
    assert gist(officer, NEW_EMAIL) == NO_CONSENT


def test_to_correct_a_consent_lifts_no_opt_out_of_the_corrected_address(
    officer: MemoryOfficer,
) -> None:
    """Whoever opted out there did so for themselves."""
    officer.desk.opts_out(NEW_EMAIL, said=said_days_ago(30))
    officer.desk.consents(EMAIL, said=said_days_ago(3))
    assert gist(officer, NEW_EMAIL) == OBJECTED
    officer.rectify(EMAIL, NEW_EMAIL)
    assert gist(officer, NEW_EMAIL) == OBJECTED


@pytest.mark.parametrize("arrives_late", [False, True])
def test_an_older_opt_out_of_the_corrected_address_denies_whenever_it_arrives(
    officer: MemoryOfficer, *, arrives_late: bool
) -> None:
    """A restated consent lifts nothing, so that the order of arrival decides nothing."""
    officer.desk.consents(EMAIL, said=said_days_ago(3))
    if arrives_late:
        officer.rectify(EMAIL, NEW_EMAIL)
        later(officer)
    officer.desk.opts_out(NEW_EMAIL, said=said_days_ago(30))
    if not arrives_late:
        later(officer)
        officer.rectify(EMAIL, NEW_EMAIL)
    assert gist(officer, NEW_EMAIL) == OBJECTED


def test_an_opt_out_to_the_group_stays_behind_and_the_consent_is_unproven(
    officer: MemoryOfficer,
) -> None:
    """It binds the controller, who may not restate it; the person consents anew."""
    original = officer.desk.consents(EMAIL)
    later(officer)
    officer.opts_out_of_group(EMAIL)
    later(officer)
    assert gist(officer, EMAIL) == OBJECTED
    copy = officer.rectify(EMAIL, NEW_EMAIL)[original]
    assert gist(officer, NEW_EMAIL) == UNPROVEN
    [told] = [each.new for each in officer.state.entries if each.entry_id == copy]
    assert not told.proven
    later(officer)
    officer.desk.consents(NEW_EMAIL)
    assert gist(officer, NEW_EMAIL) == ALLOWED


def test_an_opt_out_to_the_group_that_was_corrected_before_is_not_left_behind(
    officer: MemoryOfficer,
) -> None:
    """Corrected as the group's own it denies both, and the consent keeps its proof."""
    original = officer.desk.consents(EMAIL)
    later(officer)
    officer.opts_out_of_group(EMAIL)
    officer.restated(EMAIL, NEW_EMAIL, controller=GROUP)
    copy = officer.rectify(EMAIL, NEW_EMAIL)[original]
    assert gist(officer, EMAIL) == gist(officer, NEW_EMAIL) == OBJECTED
    [told] = [each.new for each in officer.state.entries if each.entry_id == copy]
    assert told.proven


def test_an_opt_out_of_the_building_stays_behind_and_the_consent_is_unproven(
    officer: MemoryOfficer,
) -> None:
    """It may be another dwelling's: it needed a look before, and the copy permits nothing after."""
    original = officer.desk.consents(HOME, channels=(Channel.DOOR_TO_DOOR,))
    later(officer)
    officer.desk.opts_out(BUILDING)
    later(officer)
    unclear = (Verdict.REVIEW, Reason.UNIT_UNCLEAR)
    assert gist(officer, HOME, Channel.DOOR_TO_DOOR) == unclear
    copy = officer.rectify(HOME, NEW_HOME)[original]
    by_law = (Verdict.ALLOW, Reason.OPT_OUT_REGIME)
    assert gist(officer, NEW_HOME, Channel.DOOR_TO_DOOR) == by_law
    [told] = [each.new for each in officer.state.entries if each.entry_id == copy]
    assert not told.proven


def test_an_opt_out_of_the_building_that_both_share_is_not_left_behind(
    officer: MemoryOfficer,
) -> None:
    """Next door it needs a look as well."""
    officer.desk.consents(HOME, channels=(Channel.DOOR_TO_DOOR,))
    officer.desk.opts_out(BUILDING)
    officer.rectify(HOME, NEXT_DOOR)
    unclear = (Verdict.REVIEW, Reason.UNIT_UNCLEAR)
    assert gist(officer, NEXT_DOOR, Channel.DOOR_TO_DOOR) == unclear


def test_what_a_consent_had_lifted_is_restated_whole(officer: MemoryOfficer) -> None:
    """It comes back when the consent ends, so it must be there; the person consents anew."""
    opt_out = officer.desk.opts_out(PHONE, said=said_days_ago(30))
    officer.desk.consents(PHONE, channels=(Channel.SMS,), said=said_days_ago(3))
    assert gist(officer, PHONE, Channel.SMS) == ALLOWED
    copy = officer.rectify(PHONE, NEW_PHONE)[opt_out]
    [told] = [each.new for each in officer.state.entries if each.entry_id == copy]
    assert (told.channels, told.purposes) == (ALL_CHANNELS, None)
    assert gist(officer, NEW_PHONE, Channel.SMS) == OBJECTED
    assert gist(officer, PHONE, Channel.SMS) == OBJECTED
    later(officer)
    officer.desk.consents(NEW_PHONE, channels=(Channel.SMS,))
    assert gist(officer, NEW_PHONE, Channel.SMS) == ALLOWED


def test_a_late_opt_out_of_the_wrong_address_reaches_that_alone(officer: MemoryOfficer) -> None:
    """A known limit (ADR 0014): who records it after the correction names the corrected one."""
    officer.desk.consents(EMAIL, said=said_days_ago(9))
    officer.rectify(EMAIL, NEW_EMAIL)
    officer.desk.opts_out(EMAIL, said=said_days_ago(3))
    assert gist(officer, EMAIL) == OBJECTED
    assert gist(officer, NEW_EMAIL) == ALLOWED
    officer.rectify(EMAIL, NEW_EMAIL)
    assert gist(officer, NEW_EMAIL) == OBJECTED


def test_a_correction_of_a_correction_follows(officer: MemoryOfficer) -> None:
    """What was corrected to is as correctable as what was said."""
    officer.desk.consents(EMAIL)
    later(officer)
    officer.rectify(EMAIL, NEW_EMAIL)
    officer.rectify(NEW_EMAIL, OTHER_EMAIL)
    assert gist(officer, NEW_EMAIL) == NO_CONSENT
    assert gist(officer, OTHER_EMAIL) == ALLOWED


def test_the_same_correction_once_more_restates_nothing_twice(officer: MemoryOfficer) -> None:
    """Under another request id it finds that all was said."""
    officer.desk.consents(EMAIL)
    officer.desk.opts_out(EMAIL, channels=(Channel.SMS,))
    assert len(officer.rectify(EMAIL, NEW_EMAIL)) == 2
    assert officer.rectify(EMAIL, NEW_EMAIL) == {}


def test_a_repeated_request_answers_the_same(officer: MemoryOfficer) -> None:
    """And writes nothing."""
    officer.desk.opts_out(EMAIL)
    write = officer.desk.write()
    first = officer.rectify(EMAIL, NEW_EMAIL, write=write)
    entries = len(officer.state.entries)
    assert officer.rectify(EMAIL, NEW_EMAIL, write=write) == first
    assert len(officer.state.entries) == entries


def test_a_held_identity_is_held_in_its_copy_too(officer: MemoryOfficer) -> None:
    """What a claim needs is what was said, as it was and as it should have been."""
    original = officer.desk.opts_out(EMAIL)
    officer.keep(original, HoldChange.PLACE)
    copy = officer.rectify(EMAIL, NEW_EMAIL)[original]
    assert officer.state.vault[copy].is_held
    placed = [each.new for each in officer.state.entries if each.new.kind is EntryKind.HOLD_PLACED]
    assert [each.concerns_entry_id for each in placed] == [original, copy]


def test_a_day_that_somebody_set_holds_for_the_copy_too(officer: MemoryOfficer) -> None:
    """And the ledger says so, lest the copy of a consent be kept on like any other in use."""
    original = officer.desk.consents(EMAIL)
    officer.keep(original, date(2027, 1, 1))
    copy = officer.rectify(EMAIL, NEW_EMAIL)[original]
    assert officer.state.vault[copy].expires_on == date(2027, 1, 1)
    told = [each.new for each in officer.state.entries if each.new.keep_until is not None]
    assert [(each.concerns_entry_id, each.keep_until) for each in told] == [
        (original, date(2027, 1, 1)),
        (copy, date(2027, 1, 1)),
    ]


def test_an_overdue_identity_is_no_longer_overdue_in_its_copy(officer: MemoryOfficer) -> None:
    """No key of a month gone by seals anything; it goes with the next expiry."""
    original = officer.desk.opts_out(EMAIL)
    officer.keep(original, day_of(NOW_US))
    later(officer, 3 * DAY_US)
    copy = officer.rectify(EMAIL, NEW_EMAIL)[original]
    assert officer.state.vault[copy].expires_on == day_of(NOW_US) + timedelta(days=3)


@pytest.mark.parametrize(
    "wrong, corrected, reason",
    [
        pytest.param(EMAIL, EMAIL, "CONTRADICTION", id="the same"),
        pytest.param(EMAIL, Email("Camille.Desiree@EXAMPLE.com"), "CONTRADICTION", id="spelling"),
        pytest.param(EMAIL, NEW_PHONE, "CONTRADICTION", id="another kind"),
        pytest.param(EMAIL, CustomerNumber("7"), "CONTRADICTION", id="a customer number"),
        pytest.param(PHONE, Phone("06 39"), "INVALID_CONTACT_POINT", id="too short"),
        pytest.param(PHONE, Phone("0639980009"), "INVALID_CONTACT_POINT", id="digits only"),
        pytest.param(Email("nobody"), NEW_EMAIL, "INVALID_CONTACT_POINT", id="no address"),
        pytest.param(EMAIL, Email("nobody"), "INVALID_CONTACT_POINT", id="to no address"),
        pytest.param(PostalAddress("FR", ""), NEW_HOME, "INVALID_CONTACT_POINT", id="no dwelling"),
        pytest.param(
            Handle("", "x"), Handle("messenger", "y"), "INVALID_CONTACT_POINT", id="handle"
        ),
    ],
)
def test_what_is_no_correction_is_refused(
    officer: MemoryOfficer,
    wrong: ContactPoint,
    corrected: ContactPoint,
    reason: str,
) -> None:
    """Before anything is looked at."""
    officer.desk.opts_out(EMAIL, PHONE)
    with pytest.raises(InvalidRequest) as error:
        officer.rectify(wrong, corrected)
    assert error.value.reason == reason
    assert error.value.field.startswith(("contact_point.", "customer_number."))


def test_a_number_that_was_kept_by_its_digits_can_be_corrected(officer: MemoryOfficer) -> None:
    """That is what most needs it."""
    unparsable = Phone("0039980001")
    officer.desk.opts_out(unparsable)
    assert len(officer.rectify(unparsable, NEW_PHONE)) == 1
    assert gist(officer, NEW_PHONE, Channel.VOICE_CALL) == OBJECTED


def test_nobody_by_that_address_is_not_found(officer: MemoryOfficer) -> None:
    """And nothing is written."""
    officer.desk.opts_out(EMAIL)
    with pytest.raises(RegistryError) as error:
        officer.rectify(OTHER_EMAIL, NEW_EMAIL)
    assert error.value.reason == "UNKNOWN_SUBJECT"
    assert not officer.state.accesses


def test_a_lead_is_restated_with_its_partner(officer: MemoryOfficer) -> None:
    """What it permits depends on the partner's terms as before."""
    officer.desk.registers_mover()
    officer.desk.brings(EMAIL)
    later(officer)
    assert gist(officer, EMAIL) == (Verdict.ALLOW, Reason.PARTNER_CONSENT)
    officer.rectify(EMAIL, NEW_EMAIL)
    assert gist(officer, NEW_EMAIL) == (Verdict.ALLOW, Reason.PARTNER_CONSENT)
    assert gist(officer, EMAIL) == NO_CONSENT


def test_a_lifted_restriction_stays_lifted(officer: MemoryOfficer) -> None:
    """It is over for both addresses."""
    restriction = entry_id_of(officer.restrict(EMAIL))
    officer.desk.consents(EMAIL)
    officer.lift(restriction)
    later(officer)
    officer.rectify(EMAIL, NEW_EMAIL)
    assert gist(officer, NEW_EMAIL) == ALLOWED
