"""What `SubjectTransaction` promises of people's entries and their identities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, TypeVar

import pytest

from consent_registry_server.domain.contact import Email, Subject
from consent_registry_server.domain.entry import Evidence, Expression, Identity
from consent_registry_server.domain.errors import DeadlineExceeded, LimitExceeded
from consent_registry_server.domain.vocabulary import (
    GROUP,
    AccessOperation,
    AttemptOutcome,
    ControllerId,
    EntryId,
    EntryKind,
    IdentityState,
    Precision,
    Source,
)
from consent_registry_server.service.ports import Page, PreparedEntry
from consent_registry_server.service.subject_ports import (
    FoundEntry,
    NewAccess,
    SubjectTransaction,
)
from tests.conformance.entries import (
    FRANCE,
    NOON_US,
    NORWAY,
    SECOND_US,
    append,
    attempt,
    consent,
    entry,
    lift,
    outcome,
    point,
    request,
    wide,
)
from tests.conformance.ports import Ports
from tests.fakes.ambience import NO_DEADLINE, PASSED

T = TypeVar("T")

LAST_DAY = date(2033, 9, 21)
CAMILLE = Subject(contact_points=(Email("camille@example.com"),), name="Camille Martin")
PROOF = Evidence(text="I agree.", agent="Jo", ip="192.0.2.7", text_digest=b"\x00\xff")


def kept(prepared: PreparedEntry, *, until: date = LAST_DAY) -> PreparedEntry:
    """An entry whose identity the vault keeps."""
    return replace(prepared, identity_expires_on=until)


def about(
    prepared: PreparedEntry,
    kind: EntryKind,
    *,
    recorded_at_us: int = NOON_US + 2 * SECOND_US,
    **changes: Any,  # noqa: ANN401 - fields of NewEntry
) -> PreparedEntry:
    """What the registry states about an entry."""
    return entry(
        kind=kind,
        controller=prepared.new.controller,
        recorded_at_us=recorded_at_us,
        counts_at_us=recorded_at_us,
        expression=Expression(Source.REGISTRY, Precision.INSTANT, recorded_at_us),
        subject=Subject(),
        concerns_entry_id=prepared.entry_id,
        **changes,
    )


def seen(ports: Ports, look: Callable[[SubjectTransaction], T]) -> T:
    """What a transaction of the officer sees."""
    return ports.ledger.transact(look, deadline=NO_DEADLINE)


def officer(ports: Ports, do: Callable[[SubjectTransaction], None]) -> None:
    """Does something in a write of the officer."""

    def work(transaction: SubjectTransaction) -> dict[str, Any]:
        do(transaction)
        return {}

    ports.ledger.write(request(), NOON_US, work, deadline=NO_DEADLINE)


def entries_about(
    ports: Ports, *names: str, controller: ControllerId = FRANCE, limit: int = 30
) -> list[FoundEntry]:
    """The entries about whoever has some contact points."""
    points = [point(name) for name in names]
    return seen(ports, lambda officer: officer.entries_about(controller, points, limit=limit))


def found_ids(found: Sequence[FoundEntry]) -> list[EntryId]:
    """The ids, in their order."""
    return [each.entry.entry_id for each in found]


def state_of(ports: Ports, prepared: PreparedEntry) -> FoundEntry:
    """An entry with the state of its identity."""
    found = seen(ports, lambda officer: officer.found(FRANCE, prepared.entry_id))
    assert found is not None
    return found


def test_nobody_has_no_entries(ports: Ports) -> None:
    """Neither by an unknown contact point nor by none at all."""
    append(ports, entry(point("a")))
    assert entries_about(ports, "b") == []
    assert entries_about(ports) == []


def test_entries_are_found_by_any_contact_point_the_newest_first(ports: Ports) -> None:
    """Each once, with the wide digests of those that it was found by; on a tie by id."""
    old = entry(point("a"), recorded_at_us=NOON_US)
    both = entry(point("a"), point("b"), recorded_at_us=NOON_US + 9)
    ties = [entry(point("b"), recorded_at_us=NOON_US + 5) for _ in range(3)]
    append(ports, both, *ties, old, entry(point("c")))
    found = entries_about(ports, "a", "b")
    tied = sorted(each.entry_id for each in ties)
    assert found_ids(found) == [both.entry_id, *tied, old.entry_id]
    assert [each.matched for each in found] == [
        {wide("a"), wide("b")},
        *[{wide("b")}] * 3,
        {wide("a")},
    ]


def test_entries_are_found_by_the_wide_digest(ports: Ports) -> None:
    """A sub-address, the units of a building: whoever asks tells them apart."""
    spellings = [entry(point(name, found_as="a")) for name in ("a+1", "a+2")]
    append(ports, *spellings)
    found = entries_about(ports, "a")
    assert set(found_ids(found)) == {each.entry_id for each in spellings}
    assert all(each.matched == {wide("a")} for each in found)


def test_what_is_about_an_entry_found_comes_along(ports: Ports) -> None:
    """What lifts it, reports on it or concerns it, matched by nothing itself."""
    objection, call = entry(point("a")), attempt(point("a"))
    related = [
        lift(objection, counts_at_us=NOON_US + 7),
        outcome(call, AttemptOutcome.UNANSWERED),
        about(objection, EntryKind.HOLD_PLACED),
    ]
    append(ports, objection, call)
    append(ports, *related)
    found = {each.entry.entry_id: each.matched for each in entries_about(ports, "a")}
    assert found == {
        objection.entry_id: {wide("a")},
        call.entry_id: {wide("a")},
        **{each.entry_id: frozenset() for each in related},
    }


@pytest.mark.parametrize("by", range(4), ids=["wrong", "once", "twice", "thrice"])
def test_a_correction_is_followed_from_any_of_its_entries(ports: Ports, by: int) -> None:
    """However often it was corrected, with whatever lifts or concerns any of them."""
    chain = [entry(point("p0"))]
    append(ports, chain[0])
    for number in range(1, 4):
        restated = entry(point(f"p{number}"), concerns_entry_id=chain[-1].entry_id)
        related = [
            about(chain[-1], EntryKind.RECTIFICATION),
            lift(chain[-1], counts_at_us=NOON_US + 7),
        ]
        append(ports, restated, *related)
        append(ports, about(related[1], EntryKind.IDENTITY_ERASED))
        chain.append(restated)
    append(ports, entry(point("p9")))
    found = entries_about(ports, f"p{by}")
    assert {each.entry.entry_id: each.matched for each in found if each.matched} == {
        chain[by].entry_id: {wide(f"p{by}")}
    }
    assert {each.entry_id for each in chain} <= set(found_ids(found))
    assert len(found) == len(set(found_ids(found))) == 4 + 3 * 3
    with pytest.raises(LimitExceeded):
        entries_about(ports, f"p{by}", limit=12)


def test_a_correction_leads_to_nobody_elses_entry(ports: Ports) -> None:
    """Whoever shares a contact point with an original that was reached is not followed."""
    original = entry(point("wrong"), point("shared"))
    append(ports, original)
    restated = entry(point("right"), concerns_entry_id=original.entry_id)
    append(ports, restated, entry(point("shared")), entry(point("wrong")))
    found = entries_about(ports, "right")
    assert set(found_ids(found)) == {original.entry_id, restated.entry_id}


def test_an_entry_that_names_the_point_and_lifts_another_is_there_once(ports: Ports) -> None:
    """As one that was restated is."""
    objection = entry(point("a"))
    append(ports, objection)
    restated = entry(point("a"), point("b"), concerns_entry_id=objection.entry_id)
    append(ports, restated)
    found = entries_about(ports, "a")
    assert sorted(found_ids(found)) == sorted([objection.entry_id, restated.entry_id])
    assert all(each.matched for each in found)


def test_another_controllers_entries_are_nobodys_business(ports: Ports) -> None:
    """Those of the group neither, unless the group is asked."""
    of_france, of_group = entry(point("a")), entry(point("a"), controller=GROUP)
    append(ports, of_france, of_group, entry(point("a"), controller=NORWAY))
    assert found_ids(entries_about(ports, "a")) == [of_france.entry_id]
    assert found_ids(entries_about(ports, "a", controller=GROUP)) == [of_group.entry_id]


def test_more_entries_than_allowed_are_refused_and_never_cut_short(ports: Ports) -> None:
    """Of what comes along, too."""
    append(ports, *(entry(point("a")) for _ in range(3)))
    assert len(entries_about(ports, "a", limit=3)) == 3
    with pytest.raises(LimitExceeded) as refused:
        entries_about(ports, "a", limit=2)
    assert refused.value.reason == "TOO_MANY_ENTRIES"
    objection = entry(point("b"))
    append(ports, objection)
    append(ports, about(objection, EntryKind.HOLD_PLACED))
    with pytest.raises(LimitExceeded):
        entries_about(ports, "b", limit=1)


def test_an_entry_comes_back_whole(ports: Ports) -> None:
    """As the ledger has it, what ended it included."""
    consented = kept(consent(point("a")))
    append(ports, consented)
    ended = about(consented, EntryKind.IDENTITY_ERASED, lifts_entry_id=consented.entry_id)
    append(ports, ended)
    [erased, original] = entries_about(ports, "a")
    assert original.entry == ports.history.entry(FRANCE, consented.entry_id, deadline=NO_DEADLINE)
    assert original.entry.lifted_at_us == NOON_US + 2 * SECOND_US
    assert erased.entry.concerns_entry_id == consented.entry_id


def test_an_identity_in_the_vault_is_told_with_its_last_day(ports: Ports) -> None:
    """And whether a hold stops its end."""
    prepared = kept(entry(point("a")))
    append(ports, prepared)
    found = state_of(ports, prepared)
    assert found[2:] == (IdentityState.KEPT, LAST_DAY, False)
    assert entries_about(ports, "a")[0][2:] == found[2:]


@pytest.mark.parametrize(
    "kind, state",
    [
        (EntryKind.IDENTITY_EXPIRED, IdentityState.EXPIRED),
        (EntryKind.IDENTITY_ERASED, IdentityState.ERASED),
    ],
    ids=["expired", "erased"],
)
def test_an_identity_that_ended_is_gone_and_told_how(
    ports: Ports, kind: EntryKind, state: IdentityState
) -> None:
    """The entry of an opt-out is found all the same, by its contact point."""
    prepared = kept(entry(point("a"), subject=CAMILLE))
    append(ports, prepared)

    def end(transaction: SubjectTransaction) -> None:
        transaction.append([about(prepared, kind)])
        transaction.end_identities([prepared.entry_id])

    officer(ports, end)
    ids = [prepared.entry_id]
    assert state_of(ports, prepared)[2:] == (state, None, False)
    assert seen(ports, lambda officer: officer.identities(ids)) == {}
    assert prepared.entry_id in found_ids(entries_about(ports, "a"))


def test_a_consent_whose_identity_ended_is_not_found_any_more(ports: Ports) -> None:
    """Nothing needs its contact point, unless an opt-out names it too."""
    alone, beside = kept(consent(point("a"))), kept(consent(point("b")))
    append(ports, alone, beside, entry(point("b")))

    def end(transaction: SubjectTransaction) -> None:
        for each in (alone, beside):
            ended = about(each, EntryKind.IDENTITY_EXPIRED, lifts_entry_id=each.entry_id)
            transaction.append([ended])
        transaction.end_identities([alone.entry_id, beside.entry_id])

    officer(ports, end)
    assert entries_about(ports, "a") == []
    assert beside.entry_id in found_ids(entries_about(ports, "b"))


def test_an_identity_never_kept_is_told_as_that(ports: Ports) -> None:
    """What was past its term when it was recorded, and what names nobody."""
    prepared = entry(point("a"))
    hold = about(prepared, EntryKind.HOLD_PLACED)
    append(ports, prepared)
    append(ports, hold)
    for each in (prepared, hold):
        assert state_of(ports, each)[2:] == (IdentityState.NEVER_KEPT, None, False)


def test_an_entry_is_found_by_its_id_for_its_controller_alone(ports: Ports) -> None:
    """Of the group's as well: only the group has it."""
    of_france, of_group = entry(point("a")), entry(point("a"), controller=GROUP)
    append(ports, of_france, of_group)

    def find(controller: ControllerId, prepared: PreparedEntry) -> FoundEntry | None:
        return seen(ports, lambda officer: officer.found(controller, prepared.entry_id))

    known = {
        (controller, each.entry_id)
        for controller in (FRANCE, NORWAY, GROUP)
        for each in (of_france, of_group)
        if find(controller, each) is not None
    }
    assert known == {(FRANCE, of_france.entry_id), (GROUP, of_group.entry_id)}


def test_identities_are_opened_as_they_were_sealed(ports: Ports) -> None:
    """All of it, for those that have one; for nothing, nothing."""
    prepared = kept(consent(point("a"), subject=CAMILLE, evidence=PROOF, lead_id="lead-9"))
    without = entry(point("a"))
    append(ports, prepared, without)
    ids = [prepared.entry_id, without.entry_id]
    opened = seen(ports, lambda officer: officer.identities(ids))
    assert opened == {prepared.entry_id: Identity(CAMILLE, PROOF, "lead-9")}
    assert seen(ports, lambda officer: officer.identities([])) == {}


def test_another_term_or_a_hold_changes_nothing_but_the_term(ports: Ports) -> None:
    """The identity opens as before."""
    prepared = kept(entry(point("a"), subject=CAMILLE, evidence=PROOF))
    append(ports, prepared)
    later = date(2040, 2, 29)
    ids = [prepared.entry_id]

    def keep(is_held: bool) -> Callable[[SubjectTransaction], None]:
        return lambda officer: officer.keep_identity(
            prepared.entry_id, until=later, is_held=is_held
        )

    for is_held in (False, True):
        officer(ports, keep(is_held))
        assert state_of(ports, prepared)[2:] == (IdentityState.KEPT, later, is_held)
        opened = seen(ports, lambda officer: officer.identities(ids))
        assert opened[prepared.entry_id] == Identity(CAMILLE, PROOF)


def test_a_disclosure_returns_what_it_saw_and_keeps_its_trace(ports: Ports) -> None:
    """Or neither: an error on the way leaves no trace, for nobody was shown anything."""
    access = NewAccess(
        accessed_at_us=NOON_US,
        controller=FRANCE,
        caller_id="crm",
        operation=AccessOperation.FIND_SUBJECT,
        entry_ids=(),
        actor="Jo",
        reason="request 7",
        expires_on=LAST_DAY,
    )

    def look(transaction: SubjectTransaction) -> str:
        transaction.record_access(access)
        return "seen"

    def fail(transaction: SubjectTransaction) -> str:
        transaction.record_access(access)
        raise LimitExceeded("TOO_MANY_ENTRIES", "too many")

    assert seen(ports, look) == "seen"
    with pytest.raises(LimitExceeded):
        seen(ports, fail)
    page = Page(10, None)
    trail = ports.subject_history.accesses(FRANCE, page, deadline=NO_DEADLINE)
    assert [each.reason for each in trail] == ["request 7"]


def test_a_disclosure_after_the_deadline_is_none(ports: Ports) -> None:
    """Nobody waits for it any more."""
    with pytest.raises(DeadlineExceeded):
        ports.ledger.transact(lambda _: None, deadline=PASSED)


def test_a_write_sees_its_own_entries(ports: Ports) -> None:
    """An erasure that restates knows what it wrote."""
    prepared = kept(entry(point("a"), recorded_at_us=NOON_US + SECOND_US))

    def work(transaction: SubjectTransaction) -> None:
        transaction.append([prepared])
        [found] = transaction.entries_about(FRANCE, [point("a")], limit=5)
        assert found.entry.entry_id == prepared.entry_id
        assert found.identity_state is IdentityState.KEPT

    officer(ports, work)
