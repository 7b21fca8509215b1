"""What national registers said, and what is written of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from consent_registry_server.domain.calendar import to_us
from consent_registry_server.domain.contact import (
    ContactPoint,
    Email,
    Phone,
    PostalAddress,
    Subject,
)
from consent_registry_server.domain.entry import FUTURE_TOLERANCE_US, Evidence, NewEntry
from consent_registry_server.domain.errors import (
    AlreadyExists,
    InvalidRequest,
    NotFound,
    RegistryError,
)
from consent_registry_server.domain.policy import (
    Controller,
    LineType,
    NationalRegister,
    Policy,
    Regime,
    Rule,
    Slot,
)
from consent_registry_server.domain.vocabulary import (
    ALL_CHANNELS,
    GROUP,
    Channel,
    ControllerId,
    CountryCode,
    EntryKind,
    Precision,
    RecipientType,
    RegisterStatus,
    RuleId,
    Source,
)
from consent_registry_server.service.ports import PreparedEntry, Recorded
from consent_registry_server.service.preparation import Write, digests_of
from consent_registry_server.service.registers import Registers, Scrub, ScrubResult
from tests.fakes.ambience import NO_DEADLINE, HashDigester, SetClock, counted_ids
from tests.fakes.store import FakeStore

ITALY = ControllerId("alarm-it")
RPO, ROBINSON = "RPO", "Robinson das Ilhas"
LISTED, CLEAR = RegisterStatus.LISTED, RegisterStatus.CLEAR
CHECKED_ON = date(2026, 11, 20)

PHONE = Phone("+393120000001")
OTHER_PHONE = Phone("+393120000002")
THIRD_PHONE = Phone("+393120000003")
ADDRESS = PostalAddress("IT", "00100", "Roma", "Via dei Lillà 12", "int. 4")
NO_NUMBER = Phone("call me")


def at(zone: str, *clock: int) -> int:
    """An instant by the clock of a zone."""
    return to_us(datetime(*clock, tzinfo=ZoneInfo(zone)))  # type: ignore[arg-type, misc]


def rome(*clock: int) -> int:
    return at("Europe/Rome", *clock)


NOW_US = rome(2026, 11, 23, 15)


def _rule(country: str, register: str) -> Rule:
    return Rule(
        RuleId(f"{country}.voice_call"),
        CountryCode(country),
        Channel.VOICE_CALL,
        Regime.OPT_OUT,
        register=NationalRegister(register, scrub_age_days=15),
    )


def _policy() -> Policy:
    """Italy's register, and one of a country two hours behind it."""
    italy, portugal = CountryCode("IT"), CountryCode("PT")
    slots: dict[Slot, tuple[Rule, ...]] = {
        (rule.country, rule.channel, LineType.ANY, RecipientType.CONSUMER): (rule,)
        for rule in (_rule("IT", RPO), _rule("PT", ROBINSON))
    }
    return Policy(
        version="test",
        controllers={ITALY: Controller(ITALY, "Alarm Italia S.r.l.", italy)},
        purposes={},
        rules=slots,
        recording_rules={},
        territories={},
        time_zones={italy: ("Europe/Rome",), portugal: ("Atlantic/Azores", "Europe/Lisbon")},
    )


class Desk:
    """The service on a store in memory."""

    def __init__(self) -> None:
        self.store = FakeStore()
        self.clock = SetClock(NOW_US)
        policy = _policy()
        self.registers = Registers(
            self.store,
            HashDigester(),
            policy=lambda: policy,
            clock=self.clock,
            entry_ids=counted_ids(),
        )

    def record(
        self,
        *results: ScrubResult,
        register: str = RPO,
        checked_on: date = CHECKED_ON,
        controller: ControllerId = ITALY,
        request_id: str = "r-1",
    ) -> Recorded:
        scrub = Scrub(controller, register, checked_on, results)
        write = Write("test", "Method", controller, request_id, content=repr(scrub).encode())
        return self.registers.record(write, scrub, deadline=NO_DEADLINE)

    def refused(self, *results: ScrubResult, **changes: object) -> tuple[str, str]:
        """The reason and the field of a refusal, after which nothing is written."""
        with pytest.raises(RegistryError) as error:
            self.record(*results, **changes)  # type: ignore[arg-type]
        assert self.entries == []
        return error.value.reason, error.value.field

    @property
    def entries(self) -> list[PreparedEntry]:
        return list(self.store.written())


@pytest.fixture
def desk() -> Desk:
    return Desk()


def listed(point: ContactPoint = PHONE, on: date | None = None) -> ScrubResult:
    return ScrubResult(point, LISTED, on)


def clear(point: ContactPoint = PHONE) -> ScrubResult:
    return ScrubResult(point, CLEAR)


def said(entry: PreparedEntry) -> tuple[RegisterStatus, int | None, int]:
    """The status, the end of the day of listing, and of how many contact points."""
    result = entry.new.register_result
    assert result is not None
    assert result.register in {RPO, ROBINSON}
    return result.status, result.listed_at_us, len(entry.contact_points)


def test_a_result_is_an_entry_without_identity(desk: Desk) -> None:
    """It counts from the start of the day of the scrub, for every channel and purpose."""
    recorded = desk.record(listed())
    [entry] = desk.entries
    new: NewEntry = entry.new
    assert (new.kind, new.controller) == (EntryKind.REGISTER_RESULT, ITALY)
    assert (new.channels, new.purposes, new.proven) == (ALL_CHANNELS, None, False)
    assert (new.subject, new.evidence) == (Subject(), Evidence())
    starts_at_us = rome(2026, 11, 20)
    assert (entry.counts_at_us, entry.recorded_at_us) == (starts_at_us, NOW_US)
    expression = new.expression
    assert (expression.source, expression.precision) == (Source.NATIONAL_REGISTER, Precision.DAY)
    assert (expression.expressed_at_us, expression.time_zone) == (starts_at_us, "Europe/Rome")
    assert entry.contact_points == (digests_of(PHONE, HashDigester()),)
    assert recorded.details == {"listed": 1, "clear": 0, "invalid": []}


def test_results_that_say_the_same_share_an_entry(desk: Desk) -> None:
    """One for those that are clear, and one for each day of listing."""
    recorded = desk.record(
        listed(Phone("+393120000004"), date(2025, 3, 9)),
        clear(PHONE),
        listed(Phone("+393120000005"), date(2025, 3, 9)),
        listed(OTHER_PHONE),
        clear(ADDRESS),
        listed(THIRD_PHONE, date(2026, 10, 25)),
    )
    ninth_ends_us, switch_ends_us = rome(2025, 3, 10), rome(2026, 10, 26)
    assert sorted(map(said, desk.entries), key=str) == sorted(
        [
            (LISTED, ninth_ends_us, 2),
            (LISTED, switch_ends_us, 1),
            (LISTED, None, 1),
            (CLEAR, None, 2),
        ],
        key=str,
    )
    assert len({entry.entry_id for entry in desk.entries}) == 4
    assert recorded.details == {"listed": 4, "clear": 2, "invalid": []}


@pytest.mark.parametrize(
    "results, expected",
    [
        pytest.param(
            [clear(), listed(Phone("0039 312 000 0001"))], (LISTED, None), id="clear and listed"
        ),
        pytest.param([listed(), clear()], (LISTED, None), id="listed and clear"),
        pytest.param([listed(ADDRESS), clear(ADDRESS)], (LISTED, None), id="a dwelling"),
        pytest.param(
            [listed(on=date(2025, 3, 9)), listed(on=date(2024, 1, 1))],
            (LISTED, rome(2025, 3, 10)),
            id="the later day first",
        ),
        pytest.param(
            [listed(on=date(2024, 1, 1)), listed(on=date(2025, 3, 9))],
            (LISTED, rome(2025, 3, 10)),
            id="the later day last",
        ),
        pytest.param(
            [listed(), listed(on=date(2024, 1, 1)), listed()],
            (LISTED, rome(2024, 1, 2)),
            id="a day and none",
        ),
        pytest.param([clear(), clear(Phone("312 000 0001", "IT"))], (CLEAR, None), id="clear"),
    ],
)
def test_a_contact_point_given_twice_is_recorded_once(
    desk: Desk, results: Sequence[ScrubResult], expected: tuple[RegisterStatus, int | None]
) -> None:
    """In whatever spelling: the listing counts, and of two days the later."""
    recorded = desk.record(*results)
    [entry] = desk.entries
    assert said(entry) == (*expected, 1)
    is_listed = expected[0] is LISTED
    assert recorded.details == {"listed": is_listed, "clear": not is_listed, "invalid": []}


def test_dwellings_of_one_house_are_told_apart(desk: Desk) -> None:
    """As questions tell them apart."""
    other_flat = PostalAddress("IT", "00100", "Roma", "Via dei Lillà 12", "int. 5")
    recorded = desk.record(listed(ADDRESS), clear(other_flat))
    assert recorded.details == {"listed": 1, "clear": 1, "invalid": []}


def test_what_has_no_normal_form_spoils_nothing_else(desk: Desk) -> None:
    """It is told by its index, and stays unscrubbed."""
    recorded = desk.record(
        listed(NO_NUMBER), clear(PHONE), listed(Phone("3120000001")), clear(Email("nobody"))
    )
    assert recorded.details == {"listed": 0, "clear": 1, "invalid": [0, 2, 3]}
    assert [said(entry) for entry in desk.entries] == [(CLEAR, None, 1)]


def test_a_scrub_of_which_nothing_can_be_used_is_answered(desk: Desk) -> None:
    """With what was wrong, and no entry."""
    assert desk.record(clear(NO_NUMBER)).details == {"listed": 0, "clear": 0, "invalid": [0]}
    assert desk.entries == []


def test_five_thousand_results_are_two_entries(desk: Desk) -> None:
    """As many as one request holds."""
    numbers = [Phone(f"+39312{number:07}") for number in range(1, 5_001)]
    recorded = desk.record(*[listed(each) for each in numbers[::2]], *map(clear, numbers[1::2]))
    assert [said(entry)[2] for entry in desk.entries] == [2_500, 2_500]
    assert recorded.details == {"listed": 2_500, "clear": 2_500, "invalid": []}


def test_a_scrub_may_be_made_for_the_whole_group(desk: Desk) -> None:
    """Then it counts for every controller."""
    desk.record(clear(), controller=GROUP)
    assert desk.entries[0].new.controller == GROUP


@pytest.mark.parametrize(
    "register, now_us, is_begun",
    [
        pytest.param(RPO, rome(2026, 11, 20), True, id="as the day begins"),
        pytest.param(RPO, rome(2026, 11, 20) - FUTURE_TOLERANCE_US, True, id="a slow clock"),
        pytest.param(RPO, rome(2026, 11, 20) - FUTURE_TOLERANCE_US - 1, False, id="the day before"),
        pytest.param(ROBINSON, rome(2026, 11, 20, 1, 30), False, id="still yesterday out there"),
        pytest.param(ROBINSON, at("Atlantic/Azores", 2026, 11, 20), True, id="today out there"),
    ],
)
def test_the_day_of_a_scrub_has_begun_in_the_country_of_the_register(
    desk: Desk, register: str, now_us: int, *, is_begun: bool
) -> None:
    """In the zone of its capital, which comes first."""
    desk.clock.now_us = now_us
    if not is_begun:
        refused = desk.refused(clear(), register=register)
        assert refused == ("EXPRESSED_IN_FUTURE", "checked_on")
        return
    desk.record(clear(), register=register)
    zone = {RPO: "Europe/Rome", ROBINSON: "Atlantic/Azores"}[register]
    assert desk.entries[0].counts_at_us == at(zone, 2026, 11, 20)


@pytest.mark.parametrize(
    "result, field",
    [
        pytest.param(
            ScrubResult(OTHER_PHONE, CLEAR, date(2025, 3, 9)), "results[1].listed_on", id="clear"
        ),
        pytest.param(
            listed(OTHER_PHONE, date(2026, 11, 21)), "results[1].listed_on", id="after the scrub"
        ),
        pytest.param(
            listed(NO_NUMBER, date(2026, 11, 21)), "results[1].listed_on", id="nobody, after it"
        ),
    ],
)
def test_a_day_of_listing_that_contradicts_the_scrub_is_refused(
    desk: Desk, result: ScrubResult, field: str
) -> None:
    """Of the whole request: whoever made it mixed up more than one row."""
    assert desk.refused(clear(), result) == ("CONTRADICTION", field)


def test_a_listing_may_be_of_the_day_of_the_scrub(desk: Desk) -> None:
    """And counts from the end of that day, which a consent must be later than."""
    desk.record(listed(on=CHECKED_ON))
    assert said(desk.entries[0]) == (LISTED, rome(2026, 11, 21), 1)


def test_a_register_that_no_rule_names_is_refused(desk: Desk) -> None:
    """A misspelt one would be asked for in vain for ever."""
    with pytest.raises(InvalidRequest):
        desk.record(clear(), register="rpo")
    assert desk.refused(clear(), register="rpo") == ("UNKNOWN_REGISTER", "register")


def test_a_controller_that_the_policy_does_not_know_is_refused(desk: Desk) -> None:
    """Whatever it scrubbed."""
    with pytest.raises(NotFound):
        desk.record(clear(), controller=ControllerId("alarm-xx"))
    refused = desk.refused(clear(), controller=ControllerId("alarm-xx"))
    assert refused == ("UNKNOWN_CONTROLLER", "controller")


def test_a_load_that_is_repeated_writes_nothing_twice(desk: Desk) -> None:
    """And answers the same, also when the day has passed; with other content it is refused."""
    first = desk.record(listed(), clear(NO_NUMBER))
    desk.clock.now_us += 86_400_000_000
    assert desk.record(listed(), clear(NO_NUMBER)) == first
    assert len(desk.entries) == 1
    with pytest.raises(AlreadyExists):
        desk.record(listed(), clear(NO_NUMBER), checked_on=date(2026, 11, 21))
