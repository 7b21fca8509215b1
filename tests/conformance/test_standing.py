"""What `StandingReader` promises."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from consent_registry_server.domain.contact import ContactKind
from consent_registry_server.domain.entry import Expression
from consent_registry_server.domain.errors import (
    DeadlineExceeded,
    InvalidRequest,
    LimitExceeded,
)
from consent_registry_server.domain.vocabulary import (
    ALL_CHANNELS,
    GROUP,
    Channel,
    EntryKind,
    PartnerId,
    Precision,
    PurposeId,
    Source,
)
from consent_registry_server.service.ports import StandingRow
from tests.conformance.entries import (
    FRANCE,
    MARKETING,
    NOON_US,
    NORWAY,
    SECOND_US,
    append,
    consent,
    entry,
    exact,
    lead,
    lift,
    partner,
    point,
    register,
    standing,
    wide,
)
from tests.conformance.ports import STANDING_ROWS, Ports
from tests.fakes.ambience import NO_DEADLINE, PASSED


def test_an_opt_out_comes_back_as_it_was_written(ports: Ports) -> None:
    """Every field, to the microsecond; from everything stays from everything."""
    written = entry(point("a", unit_state=1, kind=ContactKind.ADDRESS))
    append(ports, written)
    assert standing(ports, ["a"]) == [
        StandingRow(
            wide=wide("a"),
            exact=exact("a"),
            unit_state=1,
            kind=EntryKind.DO_NOT_CONTACT,
            entry_id=written.entry_id,
            channels=ALL_CHANNELS,
            purposes=None,
            counts_at_us=NOON_US,
            expressed_at_us=NOON_US,
            expires_at_us=None,
            lifted_at_us=None,
            source=Source.LETTER,
            proven=False,
            lifts_opt_outs=False,
            partner_channels=None,
            partner_purposes=None,
            partner_maximum_lead_age_days=None,
        )
    ]


def test_a_consent_comes_back_as_it_was_written(ports: Ports) -> None:
    """With its channels, purposes, expiry, proof and whether it lifts opt-outs."""
    purposes = frozenset({MARKETING, PurposeId("partner_offers")})
    mask = Channel.EMAIL.mask | Channel.PROCESSING.mask
    expires_at_us = NOON_US + 365 * 86_400 * SECOND_US + 1
    append(
        ports, consent(point("a"), channels=mask, purposes=purposes, expires_at_us=expires_at_us)
    )
    [row] = standing(ports, ["a"])
    assert (row.kind, row.channels) == (EntryKind.CONSENT, mask)
    assert sorted(row.purposes or ()) == sorted(purposes)
    assert row.expires_at_us == expires_at_us
    assert (row.proven, row.lifts_opt_outs) == (True, True)


def test_an_unknown_time_stays_unknown(ports: Ports) -> None:
    """It counts at another instant than it was expressed."""
    unknown = Expression(Source.IMPORT, Precision.UNKNOWN, None)
    append(ports, entry(point("a"), expression=unknown))
    [row] = standing(ports, ["a"])
    assert (row.expressed_at_us, row.counts_at_us) == (None, NOON_US)


def test_nothing_asked_is_answered_with_a_revision(ports: Ports) -> None:
    """And no rows."""
    append(ports, entry(point("a")))
    found = ports.standing.read(FRANCE, [], deadline=NO_DEADLINE)
    assert found.rows == []
    assert found.revision


def test_an_empty_registry_is_answered_with_a_revision(ports: Ports) -> None:
    """Nobody said anything yet."""
    found = ports.standing.read(FRANCE, [point("a")], deadline=NO_DEADLINE)
    assert found.rows == []
    assert found.revision


def test_the_group_binds_every_controller_and_a_controller_only_itself(ports: Ports) -> None:
    """What was said to France is none of Norway's business."""
    of_france, of_norway, of_group = (
        entry(point("a"), controller=controller) for controller in (FRANCE, NORWAY, GROUP)
    )
    append(ports, of_france, of_norway, of_group)
    found = {
        controller: {row.entry_id for row in standing(ports, ["a"], controller)}
        for controller in (FRANCE, NORWAY)
    }
    assert found == {
        FRANCE: {of_france.entry_id, of_group.entry_id},
        NORWAY: {of_norway.entry_id, of_group.entry_id},
    }


def test_contact_points_are_found_widely_and_told_apart_exactly(ports: Ports) -> None:
    """As a mailbox with its sub-addresses."""
    append(ports, entry(point("anna"), point("anna+shop", found_as="anna"), point("other")))
    rows = standing(ports, ["anna"])
    assert {(row.wide, row.exact) for row in rows} == {
        (wide("anna"), exact("anna")),
        (wide("anna"), exact("anna+shop")),
    }


def test_an_entry_that_names_a_contact_point_twice_stands_once(ports: Ports) -> None:
    """In two spellings, for instance."""
    append(ports, entry(point("a"), point("a")))
    assert len(standing(ports, ["a"])) == 1


def test_several_contact_points_are_read_at_once(ports: Ports) -> None:
    """Repeated ones and unknown ones do no harm."""
    first, second = entry(point("a")), entry(point("b"))
    append(ports, first, second)
    rows = standing(ports, ["a", "b", "a", "c"])
    assert {row.entry_id for row in rows} == {first.entry_id, second.entry_id}
    assert len(rows) == 2


def test_an_entry_without_contact_points_stands_nowhere(ports: Ports) -> None:
    """As one that names a person by name alone."""
    append(ports, entry())
    assert standing(ports, ["a"]) == []


@pytest.mark.parametrize(
    "lifted_after_us, expected_us",
    [
        pytest.param([5], 5, id="later"),
        pytest.param([0], 0, id="at the same instant"),
        pytest.param([-5], 0, id="before: from the entry's own instant"),
        pytest.param([9, 5], 5, id="twice, the earlier counts"),
        pytest.param([-5, 9], 0, id="twice, one of them before"),
    ],
)
def test_a_lift_shows_as_the_instant_from_which_its_entry_is_lifted(
    ports: Ports, lifted_after_us: list[int], expected_us: int
) -> None:
    """On each of its contact points, in whatever order the lifts come, and as no row of its own."""
    for number, order in enumerate(permutations(lifted_after_us)):
        names = [f"a{number}", f"b{number}"]
        objection = entry(*(point(name) for name in names))
        append(ports, objection)
        for after_us in order:
            append(ports, lift(objection, counts_at_us=NOON_US + after_us))
        rows = standing(ports, names)
        assert [row.lifted_at_us for row in rows] == [NOON_US + expected_us] * 2
        assert {row.entry_id for row in rows} == {objection.entry_id}


def test_a_lift_lifts_nothing_else(ports: Ports) -> None:
    """Not even an entry of the same contact point and instant."""
    lifted, other = entry(point("a")), entry(point("a"))
    append(ports, lifted, other)
    append(ports, lift(lifted, counts_at_us=NOON_US))
    by_id = {row.entry_id: row.lifted_at_us for row in standing(ports, ["a"])}
    assert by_id == {lifted.entry_id: NOON_US, other.entry_id: None}


def test_a_lift_in_the_same_write_as_its_entry_counts(ports: Ports) -> None:
    """As an import may bring them."""
    objection = entry(point("a"))
    append(ports, objection, lift(objection, counts_at_us=NOON_US + 1))
    [row] = standing(ports, ["a"])
    assert row.lifted_at_us == NOON_US + 1


def test_recording_objections_and_their_lifts_stand_side_by_side(ports: Ports) -> None:
    """Each on its own contact points; which of them wins is the engine's to say."""
    objection = entry(point("a"), point("b"), kind=EntryKind.RECORDING_OBJECTION)
    ended = entry(point("a"), kind=EntryKind.RECORDING_OBJECTION_LIFT)
    append(ports, objection, ended)
    kinds = sorted((row.kind, row.exact) for row in standing(ports, ["a", "b"]))
    assert kinds == sorted(
        [
            (EntryKind.RECORDING_OBJECTION, exact("a")),
            (EntryKind.RECORDING_OBJECTION, exact("b")),
            (EntryKind.RECORDING_OBJECTION_LIFT, exact("a")),
        ]
    )


def test_a_partners_consent_comes_with_the_partners_terms_of_now(ports: Ports) -> None:
    """Changed terms change older leads; of other entries there are none."""
    register(ports, partner())
    append(ports, lead(point("a")), entry(point("b")))
    [row] = standing(ports, ["a"])
    assert row.partner_channels == Channel.EMAIL.mask
    assert sorted(row.partner_purposes or ()) == [MARKETING, "partner_offers"]
    assert row.partner_maximum_lead_age_days == 90
    register(ports, partner(channels=(Channel.SMS,), maximum_lead_age_days=7))
    [row] = standing(ports, ["a"])
    assert (row.partner_channels, row.partner_maximum_lead_age_days) == (Channel.SMS.mask, 7)
    [other] = standing(ports, ["b"])
    terms = (other.partner_channels, other.partner_purposes, other.partner_maximum_lead_age_days)
    assert terms == (None, None, None)


def test_another_controllers_partner_of_the_same_id_lends_no_terms(ports: Ports) -> None:
    """Without terms a lead permits nothing."""
    register(ports, partner(controller=NORWAY))
    append(ports, lead(point("a")), lead(point("a"), partner_id=PartnerId("unknown")))
    assert {row.partner_channels for row in standing(ports, ["a"])} == {None}


def test_a_read_after_a_write_sees_it_whoever_names_its_revision(ports: Ports) -> None:
    """Revisions of writes and of reads are both accepted."""
    written = append(ports, entry(point("a")))
    first = ports.standing.read(
        FRANCE, [point("a")], deadline=NO_DEADLINE, at_least_as_fresh=written.revision
    )
    second = ports.standing.read(
        FRANCE, [point("a")], deadline=NO_DEADLINE, at_least_as_fresh=first.revision
    )
    assert len(first.rows) == len(second.rows) == 1


@pytest.mark.parametrize("revision", ["x", "0" * 40, "state 1", "é", "AAAA"])
def test_a_revision_that_nobody_issued_is_refused(ports: Ports, revision: str) -> None:
    """Rather than answered from whatever is there."""
    with pytest.raises(InvalidRequest) as refused:
        ports.standing.read(FRANCE, [], deadline=NO_DEADLINE, at_least_as_fresh=revision)
    assert refused.value.reason == "INVALID_REVISION"


def test_a_passed_deadline_gets_no_answer(ports: Ports) -> None:
    """Rather than a late one."""
    with pytest.raises(DeadlineExceeded):
        ports.standing.read(FRANCE, [point("a")], deadline=PASSED)


def test_more_rows_than_the_limit_are_refused_never_cut_short(ports: Ports) -> None:
    """What was left out could be the opt-out."""
    append(ports, *(entry(point("a")) for _ in range(STANDING_ROWS)))
    assert len(standing(ports, ["a"])) == STANDING_ROWS
    append(ports, entry(point("a")))
    with pytest.raises(LimitExceeded) as refused:
        standing(ports, ["a"])
    assert refused.value.reason == "TOO_MANY_ENTRIES"


def test_rows_do_not_depend_on_the_order_of_the_writes(ports: Ports) -> None:
    """Nor on how many writes they came in."""
    objection, permission = entry(point("a")), consent(point("a"))
    copies = [
        replace(each, contact_points=(point("b"),), entry_id=other.entry_id)
        for each, other in ((permission, consent()), (objection, entry()))
    ]
    append(ports, objection)
    append(ports, permission)
    append(ports, *copies)
    first, second = (
        {
            row._replace(wide=b"", exact=b"", entry_id=objection.entry_id, purposes=None)
            for row in rows
        }
        for rows in (standing(ports, ["a"]), standing(ports, ["b"]))
    )
    assert first == second
