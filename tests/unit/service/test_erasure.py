"""EraseSubject: identities go, consents end, what denies contact stays and goes on matching."""

from __future__ import annotations

from datetime import date

import pytest

from consent_registry_server.domain.calendar import DAY_US
from consent_registry_server.domain.contact import (
    ContactPoint,
    Email,
    Phone,
    PostalAddress,
    Subject,
)
from consent_registry_server.domain.entry import Evidence, NewEntry
from consent_registry_server.domain.errors import LimitExceeded, RegistryError
from consent_registry_server.domain.vocabulary import (
    GROUP,
    AccessOperation,
    AttemptOutcome,
    Channel,
    ControllerId,
    EntryKind,
    ErasureOutcome,
    HoldChange,
    Reason,
    RegisterStatus,
    Verdict,
)
from consent_registry_server.service import subject_erasure
from consent_registry_server.service.subject_erasure import LEGAL_CLAIMS, LEGAL_OBLIGATION
from tests.fakes.ambience import NO_DEADLINE
from tests.officer_desk import BY, HOME, NEW_EMAIL, NEXT_DOOR, MemoryOfficer
from tests.past_desk import (
    EMAIL,
    FRANCE,
    MINUTE_US,
    NOW_US,
    OTHER_EMAIL,
    PHONE,
    PROOF,
    asked,
    paris,
)

OBJECTED = (Verdict.DENY, Reason.OBJECTION)
NO_CONSENT = (Verdict.DENY, Reason.NO_CONSENT)
CONSENT, OPT_OUT = EntryKind.CONSENT, EntryKind.DO_NOT_CONTACT
GONE = ErasureOutcome.ALREADY_GONE
KEPT = (OPT_OUT, ErasureOutcome.OPT_OUT_KEPT, LEGAL_OBLIGATION)
ERASED = (CONSENT, ErasureOutcome.ERASED, "")


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


def identities(officer: MemoryOfficer) -> set[EntryKind]:
    """The kinds of the entries whose identity is in the vault."""
    kinds = {each.entry_id: each.new.kind for each in officer.state.entries}
    return {kinds[each] for each in officer.state.vault}


def test_a_consent_ends_and_nobody_finds_it_again(officer: MemoryOfficer) -> None:
    """With the last identity the digests of its address go as well."""
    officer.desk.consents(EMAIL)
    assert officer.erase(EMAIL) == [ERASED]
    assert gist(officer, EMAIL) == NO_CONSENT
    assert not identities(officer)
    with pytest.raises(RegistryError) as error:
        officer.erase(EMAIL)
    assert error.value.reason == "UNKNOWN_SUBJECT"


def test_an_opt_out_goes_on_denying_every_spelling(officer: MemoryOfficer) -> None:
    """As keyed digests, under art. 17(3)(b)."""
    officer.desk.opts_out(EMAIL, PHONE)
    assert officer.erase(PHONE) == [KEPT]
    assert not identities(officer)
    assert gist(officer, Email("Camille.Desiree+x@example.com")) == OBJECTED
    assert gist(officer, Phone("06 39 98 00 01", "FR"), Channel.VOICE_CALL) == OBJECTED


def test_the_opt_out_denies_a_person_whom_a_partner_brings_again(officer: MemoryOfficer) -> None:
    """What was erased is not forgotten to be denied."""
    officer.desk.registers_mover()
    officer.desk.brings(EMAIL)
    officer.desk.opts_out(EMAIL)
    officer.erase(EMAIL)
    officer.desk.clock.now_us += DAY_US
    officer.desk.brings(EMAIL)
    assert gist(officer, EMAIL) == OBJECTED


def test_erasing_once_more_says_what_is_gone_and_what_is_kept(officer: MemoryOfficer) -> None:
    """It changes nothing."""
    officer.desk.consents(EMAIL)
    officer.desk.clock.now_us += MINUTE_US
    officer.desk.opts_out(EMAIL)
    assert officer.erase(EMAIL) == [KEPT, ERASED]
    entries = len(officer.state.entries)
    assert officer.erase(EMAIL) == [(OPT_OUT, GONE, LEGAL_OBLIGATION), (CONSENT, GONE, "")]
    assert len(officer.state.entries) == entries


def test_a_hold_keeps_the_identity_and_ends_the_consent(officer: MemoryOfficer) -> None:
    """Kept for a claim is not kept for marketing; once it is lifted the rest goes."""
    consent = officer.desk.consents(EMAIL)
    officer.keep(consent, HoldChange.PLACE)
    assert officer.erase(EMAIL) == [(CONSENT, ErasureOutcome.HELD, LEGAL_CLAIMS)]
    assert gist(officer, EMAIL) == NO_CONSENT
    assert identities(officer) == {CONSENT}
    assert officer.erase(EMAIL) == [(CONSENT, ErasureOutcome.HELD, LEGAL_CLAIMS)]
    officer.keep(consent, HoldChange.LIFT)
    assert officer.erase(EMAIL) == [ERASED]
    assert not identities(officer)


def test_each_identity_that_went_has_its_entry(officer: MemoryOfficer) -> None:
    """It names the entry it was of; a consent ends with it, an opt-out does not."""
    consent, opt_out = officer.desk.consents(EMAIL), officer.desk.opts_out(EMAIL)
    officer.erase(EMAIL)
    told = [
        each.new for each in officer.state.entries if each.new.kind is EntryKind.IDENTITY_ERASED
    ]
    assert {(each.concerns_entry_id, each.lifts_entry_id) for each in told} == {
        (consent, consent),
        (opt_out, None),
    }


def test_the_trail_tells_who_erased_what(officer: MemoryOfficer) -> None:
    """One row an entry."""
    consent, opt_out = officer.desk.consents(EMAIL), officer.desk.opts_out(EMAIL)
    officer.erase(EMAIL)
    rows = officer.state.accesses
    assert {each.entry_id for each in rows} == {consent, opt_out}
    assert {(each.operation, each.actor) for each in rows} == {
        (AccessOperation.ERASE_SUBJECT, BY.actor)
    }


def test_the_proof_of_a_lift_goes_with_the_person(officer: MemoryOfficer) -> None:
    """It names nobody, yet what it says in evidence does."""
    officer.desk.lifts(officer.desk.opts_out(EMAIL))
    kinds = {kind: outcome for kind, outcome, _ in officer.erase(EMAIL)}
    assert kinds == {
        EntryKind.DO_NOT_CONTACT_LIFT: ErasureOutcome.ERASED,
        OPT_OUT: ErasureOutcome.OPT_OUT_KEPT,
    }
    assert not identities(officer)


def test_attempts_and_what_was_reported_of_them_go(officer: MemoryOfficer) -> None:
    """A refusal was an opt-out and stays one."""
    officer.desk.clock.now_us = paris(2026, 11, 23, 15)
    officer.desk.consents(PHONE, channels=(Channel.VOICE_CALL,))
    officer.desk.clock.now_us += MINUTE_US
    officer.desk.attempts_call()
    officer.desk.reports(AttemptOutcome.REFUSED)
    told = {kind: outcome for kind, outcome, _ in officer.erase(PHONE)}
    assert told == {
        CONSENT: ErasureOutcome.ERASED,
        EntryKind.CONTACT_ATTEMPT: ErasureOutcome.ERASED,
        OPT_OUT: ErasureOutcome.OPT_OUT_KEPT,
    }
    assert not identities(officer)
    assert gist(officer, PHONE, Channel.VOICE_CALL) == OBJECTED


def test_a_register_goes_on_denying(officer: MemoryOfficer) -> None:
    """A result never had an identity; its digests are kept as an opt-out's are."""
    officer.desk.consents(PHONE, channels=(Channel.VOICE_CALL,))
    officer.desk.scrubs(PHONE, RegisterStatus.LISTED, date(2026, 11, 22))
    told = officer.erase(PHONE)
    assert (EntryKind.REGISTER_RESULT, GONE, LEGAL_OBLIGATION) in told


def test_neighbours_keep_what_they_said(officer: MemoryOfficer) -> None:
    """A building is found by all who live in it; erased is the one dwelling."""
    officer.desk.opts_out(HOME)
    officer.desk.opts_out(NEXT_DOOR)
    assert officer.erase(HOME) == [KEPT]
    assert len(officer.state.vault) == 1
    with pytest.raises(RegistryError) as error:
        officer.erase(PostalAddress("FR", "59000", "Lille", "12 rue Exemple"))
    assert error.value.reason == "UNKNOWN_SUBJECT"


def test_by_number_and_dwelling_all_of_both_goes(officer: MemoryOfficer) -> None:
    """An entry need not name all that the person is known by."""
    officer.desk.opts_out(HOME)
    officer.desk.consents(EMAIL)
    officer.desk.opts_out(NEXT_DOOR)
    assert len(officer.erase(HOME, EMAIL)) == 2
    assert len(officer.state.vault) == 1


def test_by_customer_number(officer: MemoryOfficer) -> None:
    """It identifies like a contact point."""
    subject = Subject((), "C-1001")
    new = NewEntry(OPT_OUT, FRANCE, officer.desk.now(), subject, Evidence())
    officer.desk.intake.add_opt_out(officer.desk.write(), new, deadline=NO_DEADLINE)
    assert officer.erase(customer_number="C-1001") == [KEPT]


@pytest.mark.parametrize("by", [EMAIL, NEW_EMAIL, OTHER_EMAIL], ids=["wrong", "once", "twice"])
def test_what_was_corrected_is_erased_with_what_it_was_corrected_to(
    officer: MemoryOfficer, by: ContactPoint
) -> None:
    """By whichever of them the person is known; the proof of a lift of any included."""
    opt_out = officer.desk.opts_out(EMAIL)
    officer.desk.consents(EMAIL)
    officer.desk.clock.now_us += MINUTE_US
    officer.rectify(EMAIL, NEW_EMAIL)
    officer.desk.clock.now_us += MINUTE_US
    officer.rectify(NEW_EMAIL, OTHER_EMAIL)
    officer.desk.lifts(opt_out)
    officer.erase(by)
    assert not officer.state.vault
    for address in (NEW_EMAIL, OTHER_EMAIL):
        assert gist(officer, address) == OBJECTED


def test_others_who_share_a_contact_point_are_not_followed(officer: MemoryOfficer) -> None:
    """A number in an entry that was found may be the family's."""
    officer.desk.opts_out(EMAIL, PHONE)
    officer.desk.opts_out(PHONE, OTHER_EMAIL)
    assert officer.erase(EMAIL) == [KEPT]
    assert len(officer.state.vault) == 1


def test_another_controller_has_nothing_to_erase(officer: MemoryOfficer) -> None:
    """What somebody told one company stays with it, `group` included."""
    new = NewEntry(OPT_OUT, FRANCE, officer.desk.now(), Subject((EMAIL,)), PROOF)
    officer.desk.intake.add_opt_out(officer.desk.write(), new, deadline=NO_DEADLINE)
    for controller in (ControllerId("alarm-no"), GROUP):
        with pytest.raises(RegistryError) as error:
            officer.subjects.erase(
                officer.desk.write(), controller, Subject((EMAIL,)), BY, deadline=NO_DEADLINE
            )
        assert error.value.reason == "UNKNOWN_SUBJECT"


@pytest.mark.parametrize(
    "subject, reason",
    [
        pytest.param(Subject(), "MISSING_FIELD", id="nobody"),
        pytest.param(Subject(name="Camille"), "MISSING_FIELD", id="a name is no key"),
        pytest.param(Subject((EMAIL, Phone("12"))), "INVALID_CONTACT_POINT", id="no number"),
    ],
)
def test_who_names_nobody_erases_nobody(
    officer: MemoryOfficer, subject: Subject, reason: str
) -> None:
    """A person is found by contact points and customer number."""
    officer.desk.opts_out(EMAIL)
    with pytest.raises(RegistryError) as error:
        officer.subjects.erase(officer.desk.write(), FRANCE, subject, BY, deadline=NO_DEADLINE)
    assert error.value.reason == reason
    assert officer.state.vault


def test_there_is_a_limit_to_what_one_write_goes_through(
    officer: MemoryOfficer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And an error beyond it, after which nothing is changed."""
    monkeypatch.setattr(subject_erasure, "ENTRIES_OF_A_PERSON", 2)
    for _ in range(3):
        officer.desk.opts_out(EMAIL)
    with pytest.raises(LimitExceeded) as error:
        officer.erase(EMAIL)
    assert error.value.reason == "TOO_MANY_ENTRIES"
    assert len(officer.state.vault) == 3


def test_a_person_who_consents_again_is_a_person_again(officer: MemoryOfficer) -> None:
    """An erasure forbids nothing that is said after it."""
    officer.desk.consents(EMAIL)
    officer.erase(EMAIL)
    officer.desk.clock.now_us += MINUTE_US
    officer.desk.consents(EMAIL)
    assert gist(officer, EMAIL) == (Verdict.ALLOW, Reason.CONSENT)
    assert officer.desk.clock.now_us > NOW_US
