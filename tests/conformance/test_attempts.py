"""What the ports promise of contact attempts."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import date

from consent_registry_server.domain.contact import Email
from consent_registry_server.domain.entry import AttemptReport
from consent_registry_server.domain.vocabulary import AttemptOutcome, EntryId, EntryKind
from consent_registry_server.service.ports import Page
from tests.conformance.entries import (
    FRANCE,
    NOON_US,
    SECOND_US,
    append,
    attempt,
    entry,
    outcome,
    point,
    result,
    standing,
    within,
)
from tests.conformance.ports import Ports
from tests.fakes.ambience import NO_DEADLINE

DAY_US = 86_400_000_000
LONG_AGO_US = 1_600_000_000_000_000
"""In the year 2020."""


def test_an_attempt_stands_for_its_contact_point(ports: Ports) -> None:
    """With the channel it was made on."""
    granted = attempt(point("a"))
    append(ports, granted)
    [row] = standing(ports, ["a"])
    assert (row.kind, row.entry_id) == (EntryKind.CONTACT_ATTEMPT, granted.entry_id)
    assert row.lifted_at_us is None


def test_an_outcome_is_no_row_and_a_release_lifts_the_attempt(ports: Ports) -> None:
    """Whatever else was reported of it."""
    granted = attempt(point("a"))
    append(ports, granted)
    append(ports, outcome(granted, AttemptOutcome.UNANSWERED))
    [row] = standing(ports, ["a"])
    assert row.lifted_at_us is None
    append(ports, outcome(granted, AttemptOutcome.RELEASED))
    [row] = standing(ports, ["a"])
    assert row.lifted_at_us == NOON_US


def made(ports: Ports, before_us: int, *days: int) -> list[int]:
    """Makes attempts some days before an instant; which of them are read."""
    attempts = {each: attempt(point("a"), counts_at_us=before_us - each * DAY_US) for each in days}
    append(ports, *attempts.values())
    read = {row.entry_id for row in standing(ports, ["a", "b"])}
    return [each for each in days if attempts[each].entry_id in read]


def test_attempts_of_long_before_the_last_are_left_out(ports: Ports) -> None:
    """No cap looks back as far, and they would pile up in reads."""
    assert made(ports, LONG_AGO_US, 431, 430, 429, 200, 30) == [429, 200, 30]


def test_the_last_attempt_is_read_however_old(ports: Ports) -> None:
    """Whether it is too old, its own age would only tell by a clock."""
    assert made(ports, LONG_AGO_US, 400) == [400]


def test_an_attempt_dated_far_ahead_hides_no_other(ports: Ports) -> None:
    """A server's clock was wrong for a while; the cap goes on counting all the others."""
    now_us = time.time_ns() // 1_000
    assert made(ports, now_us, -36_500, 30, 399, 401) == [-36_500, 30, 399]


def test_old_attempts_hide_nothing_else(ports: Ports) -> None:
    """Neither other entries nor the attempts on other contact points."""
    opt_out = entry(point("a"), counts_at_us=NOON_US - 900 * DAY_US)
    other = attempt(point("b"), counts_at_us=NOON_US - 900 * DAY_US)
    last = attempt(point("a"))
    append(ports, opt_out, other, last)
    read = {row.entry_id for row in standing(ports, ["a", "b"])}
    assert read == {opt_out.entry_id, other.entry_id, last.entry_id}


def test_a_transaction_knows_what_was_reported_of_an_attempt(ports: Ports) -> None:
    """Each outcome once."""
    granted = attempt(point("a"))
    append(ports, granted)
    assert within(ports, lambda found: found.outcomes(granted.entry_id)) == frozenset()
    for _ in range(2):
        append(ports, outcome(granted, AttemptOutcome.REACHED))
    append(ports, outcome(granted, AttemptOutcome.REFUSED))
    reported = within(ports, lambda found: found.outcomes(granted.entry_id))
    assert reported == {AttemptOutcome.REACHED, AttemptOutcome.REFUSED}


def test_a_transaction_knows_whom_an_entry_names(ports: Ports) -> None:
    """As long as the vault has its identity, and where it ever had one."""
    granted = replace(attempt(point("a")), identity_expires_on=date(2029, 11, 23))
    scrubbed = result(point("b"))
    append(ports, granted, scrubbed)
    subject = within(ports, lambda found: found.subject(granted.entry_id))
    assert subject is not None
    assert subject.contact_points == (Email("camille@example.com"),)
    assert within(ports, lambda found: found.subject(scrubbed.entry_id)) is None


def test_an_entry_may_name_the_contact_points_of_another_one(ports: Ports) -> None:
    """Whatever digests those have by now; it is found by them as that one is."""
    granted = attempt(point("a"), point("b", found_as="a"))
    refusal = replace(entry(point("c")), names_as=granted.entry_id)
    append(ports, granted)
    append(ports, refusal)
    found = {(row.entry_id, row.exact) for row in standing(ports, ["a", "c"])}
    assert found == {
        (granted.entry_id, point("a").exact),
        (granted.entry_id, point("b").exact),
        (refusal.entry_id, point("a").exact),
        (refusal.entry_id, point("b").exact),
        (refusal.entry_id, point("c").exact),
    }


def test_a_transaction_knows_nothing_of_entries_that_do_not_exist(ports: Ports) -> None:
    """Nor fails over them."""
    unknown = EntryId(entry().entry_id)
    assert within(ports, lambda found: found.subject(unknown)) is None
    assert within(ports, lambda found: found.outcomes(unknown)) == frozenset()


def test_history_shows_attempts_with_their_outcomes(ports: Ports) -> None:
    """Listed with the contact point, though an outcome names none."""
    granted = attempt(point("a"))
    reported = outcome(granted, AttemptOutcome.UNANSWERED, recorded_at_us=NOON_US + 2 * SECOND_US)
    append(ports, granted)
    append(ports, reported)
    listed = ports.history.entries(FRANCE, [point("a")], Page(10, None), deadline=NO_DEADLINE)
    assert [each.entry_id for each in listed] == [reported.entry_id, granted.entry_id]
    assert listed[0].attempt == AttemptReport(granted.entry_id, AttemptOutcome.UNANSWERED)


def test_history_shows_what_registers_said(ports: Ports) -> None:
    """Each result, superseded ones too."""
    first, second = result(point("a"), listed=False), result(point("a"), listed_at_us=NOON_US)
    append(ports, first)
    append(ports, second)
    listed = ports.history.entries(FRANCE, [point("a")], Page(10, None), deadline=NO_DEADLINE)
    assert {each.register_result for each in listed} == {
        first.new.register_result,
        second.new.register_result,
    }
