"""How questions become answers: one read, the answers in order, and no answer made up."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from consent_registry_server.domain.contact import (
    ContactPoint,
    Email,
    Handle,
    Phone,
    PostalAddress,
)
from consent_registry_server.domain.errors import (
    DeadlineExceeded,
    InvalidRequest,
    NotFound,
    Unavailable,
)
from consent_registry_server.domain.vocabulary import (
    GROUP,
    Channel,
    ControllerId,
    CountryCode,
    EntryId,
    PurposeId,
    Reason,
    Verdict,
)
from consent_registry_server.service.questions import AskedContact, Scope
from tests.fakes.ambience import NO_DEADLINE, PASSED
from tests.unit.service.desk import (
    FRANCE,
    MARKETING,
    NORWAY,
    NOW_US,
    Desk,
    consent,
    opt_out,
    paris,
    question,
    said,
)

EMAIL = Email("camille.desiree@example.com")
PHONE = Phone("+33639980001")
HANDLE = Handle("messenger", "camille.desiree")
ADDRESS = PostalAddress("FR", "69003", "Lyon", "12 rue des Lilas", "apt 4")
SERVICE = PurposeId("service")


def test_many_questions_are_answered_in_order_with_one_read(desk: Desk) -> None:
    """Each for itself, whatever the others are about."""
    emails = [Email(f"person-{number}@example.com") for number in range(6)]
    desk.record(consent(*emails[::2], expression=said(paris(2026, 9, 1))))
    desk.record(opt_out(*emails[::3], expression=said(paris(2026, 10, 1))))
    decisions = desk.ask_all([question(email, Channel.EMAIL) for email in emails])
    assert [decision.reason for decision in decisions] == [
        Reason.OBJECTION,
        Reason.NO_CONSENT,
        Reason.CONSENT,
        Reason.OBJECTION,
        Reason.CONSENT,
        Reason.NO_CONSENT,
    ]
    assert desk.store.reads == 1


def test_one_members_entries_say_nothing_of_another(desk: Desk) -> None:
    """Though they are read together."""
    desk.record(consent(EMAIL, expression=said(paris(2026, 9, 1))))
    other = Email("person@example.com")
    scope = Scope(FRANCE, Channel.EMAIL, MARKETING, fallback_country=CountryCode("FR"))
    decisions = desk.ask_all([AskedContact(scope, each) for each in (other, EMAIL, other)])
    assert [decision.verdict for decision in decisions] == [
        Verdict.DENY,
        Verdict.ALLOW,
        Verdict.DENY,
    ]


def test_members_without_entries_are_told_apart_by_what_their_target_tells(desk: Desk) -> None:
    """Their answers may be shared, but not across countries, lines or unusable targets."""
    scope = Scope(
        ControllerId("alarm-ie"),
        Channel.VOICE_CALL,
        MARKETING,
        fallback_country=CountryCode("IE"),
    )
    irish_mobile, irish_landline = Phone("+353850000000"), Phone("+35312345678")
    abroad, unusable = Phone("+12025550123"), Phone("call me")
    targets: list[ContactPoint] = [irish_mobile, irish_landline, PHONE, abroad, unusable, EMAIL]
    reasons = [each.reason for each in desk.ask_all([AskedContact(scope, t) for t in targets])]
    assert reasons == [
        Reason.NO_CONSENT,
        Reason.REGISTER_STALE,
        Reason.NO_CONSENT,
        Reason.UNKNOWN_JURISDICTION,
        Reason.INVALID_CONTACT_POINT,
        Reason.INVALID_CONTACT_POINT,
    ]
    alone = [desk.ask(AskedContact(scope, target)).reason for target in targets]
    assert alone == reasons


def test_a_line_that_cannot_be_told_is_for_a_human_where_it_matters(desk: Desk) -> None:
    """Ireland asks consent for mobiles only."""
    ireland = ControllerId("alarm-ie")
    unclear = question(PHONE, Channel.VOICE_CALL, controller=ireland, country="IE")
    decision = desk.ask(unclear)
    assert (decision.verdict, decision.reason) == (Verdict.REVIEW, Reason.RULE_UNVERIFIED)


def asked_of(
    target: ContactPoint, channel: Channel, *, named: str = "", fallback: str = ""
) -> AskedContact:
    """A question with a country named for it, and one for those that name and tell none."""
    default = CountryCode(fallback) if fallback else None
    scope = Scope(FRANCE, channel, MARKETING, fallback_country=default)
    return AskedContact(scope, target, country=CountryCode(named) if named else None)


REUNION = PostalAddress("RE", "97400", "Saint-Denis", "12 rue de Paris")


@pytest.mark.parametrize(
    "asked, reason",
    [
        pytest.param(asked_of(PHONE, Channel.SMS), Reason.NO_CONSENT, id="a number tells"),
        pytest.param(asked_of(ADDRESS, Channel.POST), Reason.OPT_OUT_REGIME, id="an address tells"),
        pytest.param(
            asked_of(REUNION, Channel.POST), Reason.OPT_OUT_REGIME, id="Réunion follows France"
        ),
        pytest.param(
            asked_of(EMAIL, Channel.EMAIL), Reason.UNKNOWN_JURISDICTION, id="an email does not"
        ),
        pytest.param(
            asked_of(HANDLE, Channel.MESSAGING), Reason.UNKNOWN_JURISDICTION, id="nor a handle"
        ),
        pytest.param(
            asked_of(EMAIL, Channel.EMAIL, named="FR"), Reason.NO_CONSENT, id="one is named"
        ),
        pytest.param(
            asked_of(EMAIL, Channel.EMAIL, fallback="FR"), Reason.NO_CONSENT, id="by default"
        ),
        pytest.param(
            asked_of(PHONE, Channel.SMS, named="US"),
            Reason.UNKNOWN_JURISDICTION,
            id="the named one goes before the number's",
        ),
        pytest.param(
            asked_of(PHONE, Channel.SMS, fallback="US"),
            Reason.NO_CONSENT,
            id="the number's goes before the default",
        ),
    ],
)
def test_the_country_is_the_named_one_else_the_targets_else_the_default(
    desk: Desk, asked: AskedContact, reason: Reason
) -> None:
    """None of them: for a human."""
    assert desk.ask(asked).reason is reason


TARGETS: dict[Channel, ContactPoint] = {
    Channel.EMAIL: EMAIL,
    Channel.SMS: PHONE,
    Channel.VOICE_CALL: PHONE,
    Channel.AUTOMATED_CALL: PHONE,
    Channel.MESSAGING: HANDLE,
    Channel.DOOR_TO_DOOR: ADDRESS,
    Channel.POST: ADDRESS,
    Channel.ONLINE_ADVERTISING: EMAIL,
    Channel.PROCESSING: EMAIL,
}


@pytest.mark.parametrize("channel", Channel)
def test_an_address_in_the_subject_counts_for_doors_and_letters_only(
    desk: Desk, channel: Channel
) -> None:
    """Whose neighbour objects to visits may still be written emails."""
    target = TARGETS[channel]
    desk.record(consent(target, expression=said(paris(2026, 3, 1)), channels=(channel,)))
    desk.record(opt_out(ADDRESS, expression=said(paris(2026, 4, 1))))
    decision = desk.ask(question(target, channel, ADDRESS))
    counts = channel in {Channel.DOOR_TO_DOOR, Channel.POST}
    assert decision.verdict is (Verdict.DENY if counts else Verdict.ALLOW)


@pytest.mark.parametrize("channel", [Channel.DOOR_TO_DOOR, Channel.POST])
def test_a_unit_that_cannot_be_read_is_no_target_of_a_consent(desk: Desk, channel: Channel) -> None:
    """Somebody else may live behind the same words."""
    unreadable = replace(ADDRESS, unit="fond de cour")
    partner_offers = PurposeId("partner_offers")
    desk.record(
        consent(
            unreadable,
            expression=said(paris(2026, 3, 1)),
            channels=(channel,),
            purposes=(partner_offers,),
        )
    )
    decision = desk.ask(question(unreadable, channel, purpose=partner_offers))
    assert (decision.verdict, decision.reason) == (Verdict.DENY, Reason.NO_CONSENT)


def test_the_question_is_about_now_unless_it_names_a_time(desk: Desk) -> None:
    """By the registry's clock."""
    desk.record(consent(EMAIL, expression=said(), expires_at_us=NOW_US + 10))
    scope = Scope(FRANCE, Channel.EMAIL, MARKETING, fallback_country=CountryCode("FR"))
    asked = AskedContact(scope, EMAIL)
    assert desk.ask(asked).reason is Reason.CONSENT
    desk.clock.now_us += 10
    assert desk.ask(asked).reason is Reason.CONSENT_EXPIRED


def test_answers_carry_their_policy_revision_and_time(desk: Desk) -> None:
    """What the caller keeps with the contact it makes."""
    answers = desk.checks.check([question(EMAIL, Channel.EMAIL)], deadline=NO_DEADLINE)
    assert answers.policy_version == desk.policy.version
    assert answers.revision
    assert answers.checked_at_us == NOW_US


def test_service_questions_read_nothing(desk: Desk) -> None:
    """Nor does an answer about them name a state of the registry."""
    desk.store.is_down = True
    asked = [question(EMAIL, Channel.EMAIL, purpose=SERVICE)] * 2
    answers = desk.checks.check(asked, deadline=PASSED)
    assert [each.reason for each in answers.decisions] == [Reason.NOT_MARKETING] * 2
    assert (answers.revision, desk.store.reads) == ("", 0)


def test_questions_of_two_controllers_are_not_read_as_those_of_one(desk: Desk) -> None:
    """The second one's opt-outs would be missed."""
    asked = [question(EMAIL, Channel.EMAIL), question(EMAIL, Channel.EMAIL, controller=NORWAY)]
    with pytest.raises(ValueError, match="several controllers"):
        desk.ask_all(asked)


def test_no_questions_get_no_answers(desk: Desk) -> None:
    """And read nothing."""
    assert desk.ask_all([]) == []
    assert desk.store.reads == 0


def test_service_among_other_questions_is_allowed(desk: Desk) -> None:
    """The others are answered as ever."""
    desk.record(opt_out(PHONE, expression=said(paris(2026, 3, 1))))
    decisions = desk.ask_all(
        [
            question(PHONE, Channel.VOICE_CALL, purpose=SERVICE),
            question(PHONE, Channel.VOICE_CALL),
        ]
    )
    assert [decision.reason for decision in decisions] == [Reason.NOT_MARKETING, Reason.OBJECTION]


@pytest.mark.parametrize("controller", [ControllerId("alarm-xx"), GROUP, ControllerId("")])
@pytest.mark.parametrize("purpose", [MARKETING, SERVICE])
def test_a_controller_that_the_policy_does_not_declare_is_not_found(
    desk: Desk, controller: ControllerId, purpose: PurposeId
) -> None:
    """The group never asks, and an alarm call is somebody's."""
    with pytest.raises(NotFound) as refused:
        desk.ask(question(EMAIL, Channel.EMAIL, controller=controller, purpose=purpose))
    assert (refused.value.reason, refused.value.field) == ("UNKNOWN_CONTROLLER", "controller")


@pytest.mark.parametrize("purpose", ["world_domination", "", "direct_marketing.", "service.alarm"])
def test_a_purpose_that_the_policy_does_not_declare_is_refused(desk: Desk, purpose: str) -> None:
    """A child of `service` is not service unless the policy says so."""
    with pytest.raises(InvalidRequest) as refused:
        desk.ask(question(EMAIL, Channel.EMAIL, purpose=PurposeId(purpose)))
    assert (refused.value.reason, refused.value.field) == ("UNKNOWN_PURPOSE", "purpose")


def test_no_answer_is_made_up_when_the_store_has_none(desk: Desk) -> None:
    """The caller's safe reading is its own to make."""
    asked = question(EMAIL, Channel.EMAIL)
    with pytest.raises(DeadlineExceeded):
        desk.checks.check([asked], deadline=PASSED)
    with pytest.raises(InvalidRequest):
        desk.checks.check([asked], deadline=NO_DEADLINE, at_least_as_fresh="nonsense")
    desk.store.is_down = True
    with pytest.raises(Unavailable):
        desk.ask(asked)


def test_the_entry_that_decided_is_named(desk: Desk) -> None:
    """With when it was said."""
    desk.record(consent(EMAIL, expression=said(paris(2026, 3, 1))))
    objection = desk.record(opt_out(EMAIL, expression=said(paris(2026, 4, 1))))
    [first, *further] = desk.ask(question(EMAIL, Channel.EMAIL)).grounds
    assert (first.entry_id, first.expressed_at_us) == (objection, paris(2026, 4, 1))
    assert [ground.entry_id for ground in further] == [EntryId(UUID(int=1))]


def test_an_opt_out_that_meets_a_question_twice_is_one_ground(desk: Desk) -> None:
    """By email and phone, for instance."""
    desk.record(opt_out(EMAIL, PHONE, expression=said(paris(2026, 4, 1))))
    grounds = desk.ask(question(EMAIL, Channel.EMAIL, PHONE, EMAIL)).grounds
    assert [ground.reason for ground in grounds].count(Reason.OBJECTION) == 1
