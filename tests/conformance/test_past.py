"""What `PastReader` promises."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from consent_registry_server.domain.vocabulary import Channel, EntryKind
from consent_registry_server.service.ports import PreparedEntry, StandingRow
from tests.conformance.entries import (
    FRANCE,
    NOON_US,
    append,
    attempt,
    consent,
    entry,
    lead,
    lift,
    partner,
    point,
    register,
    result,
)
from tests.conformance.ports import Ports
from tests.fakes.ambience import NO_DEADLINE

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
NAMES = ("a", "b", "c")
LONG_AGO_US = 1_600_000_000_000_000
"""In the year 2020."""


def past(
    ports: Ports,
    *names: str,
    at_us: int | None = None,
    known_at_us: int | None = None,
    revision: str = "",
) -> list[StandingRow]:
    """What stood for some contact points, in an order of its own."""
    found = ports.past.read_past(
        FRANCE,
        [point(name) for name in names],
        at_us=at_us,
        known_at_us=known_at_us,
        revision=revision,
        deadline=NO_DEADLINE,
    )
    assert set(found.recorded_at_us) == {row.entry_id for row in found.rows}
    return sorted(found.rows, key=lambda row: (row.entry_id, row.exact))


def written(counts: int, recorded: int) -> PreparedEntry:
    """An opt-out that counts and was recorded some hours after noon."""
    return entry(
        point("a"),
        counts_at_us=NOON_US + counts * HOUR_US,
        recorded_at_us=NOON_US + recorded * HOUR_US,
    )


@pytest.mark.parametrize(
    "at, known_at, there",
    [
        pytest.param(5, 5, True, id="long since"),
        pytest.param(2, 5, True, id="already counted"),
        pytest.param(5, 2, False, id="not known yet"),
        pytest.param(0, 5, False, id="neither counted nor recorded"),
        pytest.param(None, 4, True, id="now, known that very instant"),
        pytest.param(5, None, True, id="known by now"),
        pytest.param(None, None, True, id="now"),
    ],
)
def test_an_entry_is_there_once_known_and_once_it_counts(
    ports: Ports, at: int | None, known_at: int | None, *, there: bool
) -> None:
    """Here it was expressed an hour after noon and recorded four."""
    append(ports, written(1, 4))
    found = past(
        ports,
        "a",
        at_us=None if at is None else NOON_US + at * HOUR_US,
        known_at_us=None if known_at is None else NOON_US + known_at * HOUR_US,
    )
    assert bool(found) is there


def test_what_was_recorded_counts_though_it_is_dated_later(ports: Ports) -> None:
    """A check honours what it has, whatever its date: so does its replay."""
    append(ports, written(4, 1))
    assert past(ports, "a", at_us=NOON_US + 2 * HOUR_US)
    assert not past(ports, "a", at_us=NOON_US)


def test_a_lift_is_there_under_the_same_conditions(ports: Ports) -> None:
    """Before it was known the entry stood."""
    lifted = written(0, 0)
    lifting = lift(lifted, counts_at_us=NOON_US + HOUR_US)
    append(ports, lifted)
    append(ports, lifting)
    [now] = past(ports, "a")
    [then] = past(ports, "a", known_at_us=lifting.recorded_at_us - 1)
    assert now.lifted_at_us == NOON_US + HOUR_US
    assert then.lifted_at_us is None


def test_a_partner_has_the_terms_of_then(ports: Ports) -> None:
    """Later ones would explain what nobody could know."""
    register(ports, partner(channels=(Channel.EMAIL,)), at_us=NOON_US - HOUR_US)
    append(ports, lead(point("a")))
    register(ports, partner(channels=(Channel.SMS,)), at_us=NOON_US + 2 * HOUR_US)
    [then] = past(ports, "a", known_at_us=NOON_US + HOUR_US)
    [now] = past(ports, "a")
    assert then.partner_channels == Channel.EMAIL.mask
    assert now.partner_channels == Channel.SMS.mask


def test_a_register_has_said_what_it_had_said_by_then(ports: Ports) -> None:
    """The last result of then, not of now."""
    clear = result(point("a"), listed=False, recorded_at_us=NOON_US)
    listed = result(
        point("a"), checked_at_us=NOON_US + HOUR_US, recorded_at_us=NOON_US + 2 * HOUR_US
    )
    append(ports, clear, listed)
    [then] = past(ports, "a", known_at_us=NOON_US + HOUR_US)
    [now] = past(ports, "a")
    assert (then.entry_id, then.is_listed) == (clear.entry_id, False)
    assert (now.entry_id, now.is_listed) == (listed.entry_id, True)


def test_a_revision_names_exactly_what_was_visible(ports: Ports) -> None:
    """Whenever the entries say that they were recorded."""
    before = written(0, 0)
    append(ports, before)
    revision = ports.standing.read(FRANCE, [point("a")], deadline=NO_DEADLINE).revision
    append(ports, written(0, 0))
    assert [row.entry_id for row in past(ports, "a", revision=revision)] == [before.entry_id]
    assert len(past(ports, "a")) == 2


def test_a_revision_names_the_terms_of_a_partner_that_were_visible(ports: Ports) -> None:
    """Whenever they say that they were recorded."""
    register(ports, partner(channels=(Channel.EMAIL,)))
    append(ports, lead(point("a")))
    revision = ports.standing.read(FRANCE, [point("a")], deadline=NO_DEADLINE).revision
    register(ports, partner(channels=(Channel.SMS,)))
    [then] = past(ports, "a", revision=revision, known_at_us=NOON_US + HOUR_US)
    assert then.partner_channels == Channel.EMAIL.mask


def test_attempts_that_were_read_then_are_read_still(ports: Ports) -> None:
    """By now they are older than those that reads leave out."""
    first = attempt(point("a"), counts_at_us=LONG_AGO_US)
    first = replace(first, recorded_at_us=LONG_AGO_US)
    append(ports, first)
    append(ports, attempt(point("a")))
    assert len(past(ports, "a")) == 1
    [known] = past(ports, "a", known_at_us=LONG_AGO_US)
    [there] = past(ports, "a", at_us=LONG_AGO_US)
    assert known.entry_id == there.entry_id == first.entry_id


def drawn_entry(dice: Random) -> PreparedEntry:
    """Any entry of one or two contact points; some attempts are too old to be read."""
    points = [point(name) for name in dice.sample(NAMES, dice.randint(1, 2))]
    at_us = NOON_US + dice.randrange(9) * HOUR_US
    return dice.choice(
        (
            entry(*points, counts_at_us=at_us),
            consent(*points),
            lead(*points),
            attempt(*points, counts_at_us=LONG_AGO_US - dice.randrange(4) * 200 * DAY_US),
            result(*points, checked_at_us=at_us, listed=dice.random() < 0.5),
        )
    )


def test_the_past_of_now_is_what_stands(ports: Ports) -> None:
    """Over a ledger drawn at random, of every kind of entry."""
    dice = Random(7)  # noqa: S311 - the same ledger in every run
    register(ports, partner(), at_us=NOON_US)
    lifted: list[PreparedEntry] = []
    for _ in range(30):
        drawn = drawn_entry(dice)
        append(ports, drawn)
        if drawn.new.kind is EntryKind.DO_NOT_CONTACT and dice.random() < 0.5:
            lifted.append(drawn)
    for each in lifted:
        append(ports, lift(each, counts_at_us=NOON_US + 5 * HOUR_US))
    for name in NAMES:
        standing = ports.standing.read(FRANCE, [point(name)], deadline=NO_DEADLINE)
        expected = sorted(standing.rows, key=lambda row: (row.entry_id, row.exact))
        assert past(ports, name) == expected
