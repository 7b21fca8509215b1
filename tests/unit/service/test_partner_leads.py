"""Partners, and what becomes of their leads."""

from __future__ import annotations

from dataclasses import replace

import pytest

from consent_registry_server.domain.calendar import DAY_US
from consent_registry_server.domain.contact import Email, Phone, PostalAddress, Subject
from consent_registry_server.domain.entry import FUTURE_TOLERANCE_US, Evidence, NewEntry
from consent_registry_server.domain.errors import InvalidRequest, NotFound
from consent_registry_server.domain.vocabulary import (
    GROUP,
    Channel,
    ControllerId,
    EntryKind,
    PartnerId,
    PurposeId,
    Reason,
    Source,
    Verdict,
)
from consent_registry_server.service.partners import (
    Lead,
    LeadOutcome,
    LeadRefusal,
    RefusedLead,
)
from consent_registry_server.service.ports import Partner
from tests.fakes.ambience import NO_DEADLINE
from tests.unit.service.desk import (
    FRANCE,
    MARKETING,
    MOVER,
    NEWSLETTER,
    NORWAY,
    NOW_US,
    PROOF,
    Desk,
    consent,
    lead,
    mover,
    opt_out,
    paris,
    question,
    said,
)

EMAIL = Email("camille.desiree@example.com")
OTHER_EMAIL = Email("camille@example.net")
PHONE = Phone("+33639980001")
ADDRESS = PostalAddress("FR", "69003", "Lyon", "12 rue des Lilas", "apt 4")

YESTERDAY_US = NOW_US - DAY_US
MAXIMUM_DAYS = 90
GOOD = lead(EMAIL, captured_at_us=YESTERDAY_US)


@pytest.fixture
def desk() -> Desk:
    """A registry with one partner: emails and text messages for marketing, up to 90 days."""
    desk = Desk()
    desk.register(mover(maximum_lead_age_days=MAXIMUM_DAYS))
    return desk


def outcome(desk: Desk, brought: Lead | RefusedLead) -> LeadOutcome:
    """What became of one lead."""
    [result] = desk.record_leads(brought)
    assert isinstance(result["outcome"], int)
    return LeadOutcome(result["outcome"])


def test_a_good_lead_is_a_consent_of_its_partner(desk: Desk) -> None:
    """Stored as such, with the time it was given; it permits what it names and no more."""
    [result] = desk.record_leads(GOOD)
    [written] = desk.store.written()
    assert result == {"outcome": LeadOutcome.ACCEPTED, "entry_id": str(written.entry_id)}
    assert written.new.kind is EntryKind.PARTNER_CONSENT
    assert (written.new.partner_id, written.new.lead_id) == (MOVER, "lead-1")
    assert (written.new.expression.source, written.counts_at_us) == (Source.PARTNER, YESTERDAY_US)
    assert (written.new.proven, written.new.lifts_opt_outs) == (True, False)
    decision = desk.ask(question(EMAIL, Channel.EMAIL))
    assert (decision.verdict, decision.reason) == (Verdict.ALLOW, Reason.PARTNER_CONSENT)
    other = desk.ask(question(OTHER_EMAIL, Channel.EMAIL, EMAIL))
    assert (other.verdict, other.reason) == (Verdict.DENY, Reason.NO_CONSENT)


OLDEST_US = NOW_US - MAXIMUM_DAYS * DAY_US


@pytest.mark.parametrize(
    "brought, refusal, field",
    [
        pytest.param(
            replace(GOOD, subject=Subject(name="Camille")),
            LeadRefusal.INVALID,
            "subject.contact_points",
            id="nobody to contact",
        ),
        pytest.param(
            replace(GOOD, named_controller=NORWAY),
            LeadRefusal.OTHER_RECIPIENT,
            "named_controller",
            id="the text names another company",
        ),
        pytest.param(
            replace(GOOD, named_controller=ControllerId("")),
            LeadRefusal.OTHER_RECIPIENT,
            "named_controller",
            id="the text names nobody",
        ),
        pytest.param(
            replace(GOOD, evidence=Evidence(text="I agree.")),
            LeadRefusal.PROOF_INCOMPLETE,
            "evidence",
            id="no form",
        ),
        pytest.param(
            replace(GOOD, evidence=Evidence(form_id="form-1")),
            LeadRefusal.PROOF_INCOMPLETE,
            "evidence",
            id="no text",
        ),
        pytest.param(
            lead(EMAIL, captured_at_us=YESTERDAY_US, channels=(Channel.EMAIL, Channel.POST)),
            LeadRefusal.NOT_PERMITTED,
            "channels",
            id="a channel too many",
        ),
        pytest.param(
            lead(EMAIL, captured_at_us=YESTERDAY_US, purposes=(MARKETING, NEWSLETTER)),
            LeadRefusal.NOT_PERMITTED,
            "purposes",
            id="a purpose too many, though a child of a permitted one",
        ),
        pytest.param(
            replace(GOOD, captured_at_us=OLDEST_US), LeadRefusal.TOO_OLD, "captured_at", id="old"
        ),
        pytest.param(
            replace(GOOD, captured_at_us=NOW_US + FUTURE_TOLERANCE_US + 1),
            LeadRefusal.IN_FUTURE,
            "captured_at",
            id="from the future",
        ),
        pytest.param(
            lead(EMAIL, Email("camille"), captured_at_us=YESTERDAY_US),
            LeadRefusal.INVALID_CONTACT_POINT,
            "subject.contact_points[1]",
            id="a malformed email",
        ),
        pytest.param(
            lead(Phone("06 39 98 00 01"), captured_at_us=YESTERDAY_US),
            LeadRefusal.INVALID_CONTACT_POINT,
            "subject.contact_points[0]",
            id="a number of no country",
        ),
        pytest.param(
            RefusedLead(LeadRefusal.INVALID, "lead_id"),
            LeadRefusal.INVALID,
            "lead_id",
            id="refused before",
        ),
    ],
)
def test_a_lead_that_cannot_be_used_is_refused_with_its_reason(
    desk: Desk, brought: Lead | RefusedLead, refusal: LeadRefusal, field: str
) -> None:
    """And not stored."""
    [result] = desk.record_leads(brought)
    assert result == {"outcome": LeadOutcome.REFUSED, "refusal": refusal, "field": field}
    assert list(desk.store.written()) == []


@pytest.mark.parametrize(
    "brought",
    [
        pytest.param(replace(GOOD, captured_at_us=OLDEST_US + 1), id="just young enough"),
        pytest.param(replace(GOOD, captured_at_us=NOW_US + FUTURE_TOLERANCE_US), id="fast clock"),
        pytest.param(
            replace(GOOD, evidence=Evidence(text_digest=b"1" * 32, notice_version="v7")),
            id="digest of the text",
        ),
    ],
)
def test_a_lead_at_the_edge_is_accepted(desk: Desk, brought: Lead) -> None:
    """The bounds are half-open."""
    assert outcome(desk, brought) is LeadOutcome.ACCEPTED


def test_a_refused_lead_spoils_no_other_and_results_keep_their_order(desk: Desk) -> None:
    """Each lead is judged for itself."""
    results = desk.record_leads(
        GOOD,
        replace(GOOD, named_controller=NORWAY),
        lead(OTHER_EMAIL, captured_at_us=YESTERDAY_US),
        RefusedLead(LeadRefusal.INVALID),
    )
    assert [result["outcome"] for result in results] == [
        LeadOutcome.ACCEPTED,
        LeadOutcome.REFUSED,
        LeadOutcome.ACCEPTED,
        LeadOutcome.REFUSED,
    ]
    assert [str(each.entry_id) for each in desk.store.written()] == [
        result["entry_id"] for result in results if "entry_id" in result
    ]


BLOCKED, ACCEPTED = LeadOutcome.BLOCKED, LeadOutcome.ACCEPTED


@pytest.mark.parametrize(
    "said_before, brought, expected",
    [
        pytest.param(
            opt_out(EMAIL, expression=said(paris(2026, 1, 14))), GOOD, BLOCKED, id="objection"
        ),
        pytest.param(
            opt_out(EMAIL, expression=said(paris(2026, 1, 14)), kind=EntryKind.WITHDRAWAL),
            GOOD,
            BLOCKED,
            id="withdrawal",
        ),
        pytest.param(
            opt_out(EMAIL, expression=said(paris(2026, 1, 14)), controller=GROUP),
            GOOD,
            BLOCKED,
            id="objection to the group",
        ),
        pytest.param(
            opt_out(EMAIL, expression=said(paris(2026, 1, 14)), controller=NORWAY),
            GOOD,
            ACCEPTED,
            id="objection to another controller",
        ),
        pytest.param(
            opt_out(EMAIL, expression=said(paris(2026, 1, 14)), channels=(Channel.SMS,)),
            GOOD,
            ACCEPTED,
            id="objection on another channel",
        ),
        pytest.param(
            opt_out(PHONE, expression=said(paris(2026, 1, 14)), channels=(Channel.SMS,)),
            lead(EMAIL, PHONE, captured_at_us=YESTERDAY_US, channels=(Channel.EMAIL, Channel.SMS)),
            BLOCKED,
            id="objection on one channel of two",
        ),
        pytest.param(
            opt_out(PHONE, expression=said(paris(2026, 1, 14))),
            lead(EMAIL, PHONE, captured_at_us=YESTERDAY_US),
            BLOCKED,
            id="objection on another contact point of the same person",
        ),
        pytest.param(
            opt_out(Email("Camille.Desiree+a@example.com"), expression=said(paris(2026, 1, 14))),
            GOOD,
            BLOCKED,
            id="objection on a sub-address",
        ),
        pytest.param(
            opt_out(ADDRESS, expression=said(paris(2026, 1, 14))),
            lead(EMAIL, ADDRESS, captured_at_us=YESTERDAY_US),
            ACCEPTED,
            id="objection by address, emails asked",
        ),
        pytest.param(
            opt_out(EMAIL, expression=said(paris(2026, 1, 14)), kind=EntryKind.RECORDING_OBJECTION),
            GOOD,
            ACCEPTED,
            id="objection to call recording",
        ),
    ],
)
def test_a_lead_of_somebody_who_opted_out_is_stored_and_reported_as_blocked(
    desk: Desk, said_before: NewEntry, brought: Lead, expected: LeadOutcome
) -> None:
    """On any of its channels; it never lifts the opt-out."""
    desk.record(said_before)
    assert outcome(desk, brought) is expected
    assert len(list(desk.store.written())) == 2
    decision = desk.ask(question(EMAIL, Channel.EMAIL, PHONE))
    if expected is ACCEPTED:
        assert (decision.verdict, decision.reason) == (Verdict.ALLOW, Reason.PARTNER_CONSENT)


@pytest.mark.parametrize(
    "now_us",
    [NOW_US, paris(2026, 11, 23, 13, 30), paris(2026, 11, 22, 3), paris(2026, 12, 25, 11)],
    ids=["at an hour for calls", "at lunch", "on a Sunday night", "at Christmas"],
)
@pytest.mark.parametrize("objects", [True, False], ids=["objection", "none"])
def test_what_blocks_a_lead_for_calls_is_the_opt_out_and_never_the_hour(
    desk: Desk, now_us: int, *, objects: bool
) -> None:
    """A batch that is sent at night is answered as by day."""
    desk.clock.now_us = now_us
    desk.register(mover(channels=(Channel.VOICE_CALL,)))
    if objects:
        desk.record(opt_out(PHONE, expression=said(paris(2026, 1, 14))))
    brought = lead(PHONE, captured_at_us=now_us - DAY_US, channels=(Channel.VOICE_CALL,))
    assert outcome(desk, brought) is (BLOCKED if objects else ACCEPTED)


def test_a_lead_after_an_objection_that_a_newer_consent_lifted_is_not_blocked(desk: Desk) -> None:
    """The objection no longer holds for that target."""
    desk.record(opt_out(EMAIL, expression=said(paris(2026, 1, 14))))
    desk.record(consent(EMAIL, expression=said(paris(2026, 3, 18))))
    assert outcome(desk, GOOD) is LeadOutcome.ACCEPTED


def test_two_leads_of_one_batch_are_judged_alike(desk: Desk) -> None:
    """Whichever comes first."""
    desk.record(opt_out(EMAIL, expression=said(paris(2026, 1, 14))))
    results = desk.record_leads(GOOD, lead(OTHER_EMAIL, captured_at_us=YESTERDAY_US), GOOD)
    assert [result["outcome"] for result in results] == [BLOCKED, ACCEPTED, BLOCKED]


def test_leads_of_an_unknown_partner_are_refused_as_a_whole(desk: Desk) -> None:
    """Another controller's partner is unknown."""
    desk.register(mover(controller=NORWAY))
    for controller, partner in ((FRANCE, PartnerId("union-1")), (ControllerId("alarm-se"), MOVER)):
        with pytest.raises(NotFound) as refused:
            desk.partners.record_leads(
                desk.write(controller), controller, partner, [GOOD], deadline=NO_DEADLINE
            )
        assert (refused.value.reason, refused.value.field) == ("UNKNOWN_PARTNER", "partner_id")


def test_leads_for_an_unknown_controller_are_refused(desk: Desk) -> None:
    """The group is none that partners work for."""
    for controller in (ControllerId("alarm-xx"), GROUP):
        with pytest.raises(NotFound) as refused:
            desk.partners.record_leads(
                desk.write(controller), controller, MOVER, [GOOD], deadline=NO_DEADLINE
            )
        assert refused.value.reason == "UNKNOWN_CONTROLLER"


def test_leads_are_recorded_once_however_often_they_are_sent(desk: Desk) -> None:
    """With the same results, refusals included."""
    brought = [GOOD, replace(GOOD, named_controller=NORWAY)]
    first, second = (
        desk.partners.record_leads(
            desk.write(request_id="r-1"), FRANCE, MOVER, brought, deadline=NO_DEADLINE
        )
        for _ in range(2)
    )
    assert first == second
    assert len(list(desk.store.written())) == 1


@pytest.mark.parametrize(
    "terms",
    [
        pytest.param(mover(channels=(Channel.SMS,)), id="channel no longer permitted"),
        pytest.param(mover(purposes=(NEWSLETTER,)), id="purpose no longer permitted"),
        pytest.param(mover(maximum_lead_age_days=1), id="leads no longer kept so long"),
    ],
)
def test_what_a_partner_is_permitted_now_decides_over_older_leads(
    desk: Desk, terms: Partner
) -> None:
    """The lead stays in the ledger and permits nothing."""
    desk.record_leads(GOOD)
    desk.register(terms)
    decision = desk.ask(question(EMAIL, Channel.EMAIL))
    assert (decision.verdict, decision.reason) == (Verdict.DENY, Reason.PARTNER_NOT_ACCEPTED)


def test_a_lead_grows_too_old_to_be_used(desk: Desk) -> None:
    """At the very instant; and the answer before it tells when."""
    desk.record_leads(GOOD)
    too_old_at_us = YESTERDAY_US + MAXIMUM_DAYS * DAY_US
    before = desk.ask(question(EMAIL, Channel.EMAIL, at_us=too_old_at_us - 1))
    after = desk.ask(question(EMAIL, Channel.EMAIL, at_us=too_old_at_us))
    assert (before.reason, before.valid_until_us) == (Reason.PARTNER_CONSENT, too_old_at_us)
    assert after.reason is Reason.PARTNER_NOT_ACCEPTED


def test_a_partner_for_an_unknown_purpose_or_controller_is_refused(desk: Desk) -> None:
    """With the field at fault."""
    with pytest.raises(InvalidRequest) as purpose:
        desk.register(mover(purposes=(PurposeId("world_domination"),)))
    assert purpose.value.reason == "UNKNOWN_PURPOSE"
    assert purpose.value.field.startswith("partner.permitted_purposes")
    with pytest.raises(NotFound) as controller:
        desk.register(mover(controller=ControllerId("alarm-xx")))
    assert controller.value.reason == "UNKNOWN_CONTROLLER"


def test_proof_is_kept_with_a_lead(desk: Desk) -> None:
    """As it came."""
    desk.record_leads(replace(GOOD, evidence=PROOF))
    [written] = desk.store.written()
    assert written.new.evidence == PROOF
