"""What the ports promise of results of national registers."""

from __future__ import annotations

from itertools import permutations

import pytest

from consent_registry_server.domain.calendar import LONGEST_DAY_US
from consent_registry_server.domain.vocabulary import ALL_CHANNELS, GROUP, EntryKind, Source
from consent_registry_server.service.ports import PreparedEntry, ScrubAge, StandingRow
from tests.conformance.entries import (
    FRANCE,
    NOON_US,
    NORWAY,
    append,
    exact,
    point,
    result,
    standing,
    wide,
)
from tests.conformance.ports import STANDING_ROWS, Ports
from tests.fakes.ambience import NO_DEADLINE

DAY_US = 86_400_000_000


def days(number: int) -> int:
    """An instant some days after noon."""
    return NOON_US + number * DAY_US


def test_a_result_comes_back_for_each_of_its_contact_points(ports: Ports) -> None:
    """One entry, many contact points."""
    said = result(point("a"), point("b"), listed_at_us=NOON_US - 5)
    append(ports, said)
    for name in ("a", "b"):
        assert standing(ports, [name]) == [
            StandingRow(
                wide=wide(name),
                exact=exact(name),
                unit_state=0,
                kind=EntryKind.REGISTER_RESULT,
                entry_id=said.entry_id,
                channels=ALL_CHANNELS,
                purposes=None,
                counts_at_us=NOON_US,
                expressed_at_us=NOON_US,
                expires_at_us=None,
                lifted_at_us=None,
                source=Source.NATIONAL_REGISTER,
                proven=False,
                lifts_opt_outs=False,
                partner_channels=None,
                partner_purposes=None,
                partner_maximum_lead_age_days=None,
                register="RPO",
                is_listed=True,
                listed_at_us=NOON_US - 5,
            )
        ]


LISTED, CLEAR = True, False
HISTORIES = [
    pytest.param([(0, LISTED, None)], (LISTED, 0, 0), id="first seen"),
    pytest.param([(0, LISTED, None), (3, LISTED, None)], (LISTED, 3, 0), id="seen again"),
    pytest.param([(0, LISTED, None), (3, CLEAR, None)], (CLEAR, 3, None), id="no longer listed"),
    pytest.param(
        [(0, LISTED, None), (3, CLEAR, None), (5, LISTED, None), (7, LISTED, None)],
        (LISTED, 7, 5),
        id="listed, clear, listed again",
    ),
    pytest.param([(3, LISTED, None), (3, CLEAR, None)], (LISTED, 3, 3), id="both on one day"),
    pytest.param([(0, LISTED, -9), (3, LISTED, None)], (LISTED, 3, -9), id="told once"),
    pytest.param(
        [(0, LISTED, -9), (2, CLEAR, None), (3, LISTED, None)],
        (LISTED, 3, 3),
        id="told of a listing that ended",
    ),
    pytest.param([(0, LISTED, -9), (3, LISTED, -2)], (LISTED, 3, -2), id="told otherwise later"),
    pytest.param([(3, LISTED, -9), (3, LISTED, -2)], (LISTED, 3, -2), id="told twice on one day"),
    pytest.param(
        [(0, LISTED, -2), (3, LISTED, -9), (5, LISTED, None)],
        (LISTED, 5, -2),
        id="told twice, and then no more",
    ),
]


def since_us(day: int) -> int:
    """Told were the days before noon; first seen is whoever may have been listed all that day."""
    return days(day) if day < 0 else days(day) + LONGEST_DAY_US


@pytest.mark.parametrize("history, last", HISTORIES)
def test_the_last_result_counts_whatever_was_written_first(
    ports: Ports,
    history: list[tuple[int, bool, int | None]],
    last: tuple[bool, int, int | None],
) -> None:
    """Its listing dates from where it was told, or first seen since the last clear."""
    for number, order in enumerate(permutations(history)):
        name = f"point-{number}"
        for checked, listed, listed_on in order:
            listed_at_us = None if listed_on is None else days(listed_on)
            said = result(
                point(name), listed=listed, checked_at_us=days(checked), listed_at_us=listed_at_us
            )
            append(ports, said)
        [row] = standing(ports, [name])
        listed, checked, since = last
        assert (row.is_listed, row.counts_at_us) == (listed, days(checked))
        assert row.listed_at_us == (None if since is None else since_us(since))


def test_registers_and_controllers_are_told_apart(ports: Ports) -> None:
    """Each has a last result of its own; the group's are everybody's."""
    written: list[PreparedEntry] = [
        result(point("a"), register="RPO"),
        result(point("a"), register="NIX", listed=False),
        result(point("a"), register="RPO", controller=NORWAY),
        result(point("a"), register="RPO", controller=GROUP),
    ]
    append(ports, *written)
    ours = {row.entry_id for row in standing(ports, ["a"])}
    assert ours == {written[0].entry_id, written[1].entry_id, written[3].entry_id}


def test_results_that_no_longer_count_do_not_fill_up_a_read(ports: Ports) -> None:
    """A number scrubbed for years is read as fast as one scrubbed once."""
    for number in range(STANDING_ROWS + 2):
        append(ports, result(point("a"), checked_at_us=days(number)))
    assert len(standing(ports, ["a"])) == 1


def test_the_newest_scrub_of_each_register_is_known(ports: Ports) -> None:
    """Whatever it said, and whoever it was made for."""
    append(ports, result(point("a"), checked_at_us=days(2)))
    append(ports, result(point("b"), checked_at_us=days(1), listed=False))
    append(ports, result(point("a"), checked_at_us=days(3), controller=NORWAY, register="NIX"))
    assert ports.scrub_ages(NO_DEADLINE) == [
        ScrubAge(FRANCE, "RPO", days(2)),
        ScrubAge(NORWAY, "NIX", days(3)),
    ]


def test_without_a_scrub_there_is_no_age(ports: Ports) -> None:
    """None, rather than an old one."""
    assert ports.scrub_ages(NO_DEADLINE) == []
