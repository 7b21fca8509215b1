"""What national registers said: the results of scrubs, each load of one register and one day."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from consent_registry_server.domain.calendar import to_us
from consent_registry_server.domain.contact import ContactPoint, Subject
from consent_registry_server.domain.entry import (
    FUTURE_TOLERANCE_US,
    Evidence,
    Expression,
    NewEntry,
    RegisterResult,
    end_of_day_us,
    start_of_day_us,
)
from consent_registry_server.domain.errors import InvalidContactPoint, InvalidRequest
from consent_registry_server.domain.policy import Policy
from consent_registry_server.domain.vocabulary import (
    GROUP,
    ControllerId,
    EntryKind,
    Precision,
    RegisterStatus,
    Source,
)
from consent_registry_server.service.ports import (
    Clock,
    ContactDigests,
    Deadline,
    Digester,
    EntryIds,
    Ledger,
    PolicySource,
    PreparedEntry,
    Recorded,
    Transaction,
)
from consent_registry_server.service.preparation import Write, digests_of
from consent_registry_server.service.questions import require_controller

# The digests suffice for a result, so that none of them keeps anybody's identity.
_NO_SUBJECT: Final = Subject()
_NO_EVIDENCE: Final = Evidence()
_NOON: Final = time(12)
"""Exists in every zone on every day, which midnight does not."""


@dataclass(frozen=True, slots=True)
class ScrubResult:
    """What a register said of one contact point; `listed_on` is None where it does not tell."""

    contact_point: ContactPoint
    status: RegisterStatus
    listed_on: date | None = None


@dataclass(frozen=True, slots=True)
class Scrub:
    """What one register said on one day; days are those of the register's country."""

    controller: ControllerId
    register: str
    checked_on: date
    results: Sequence[ScrubResult] = field(repr=False)


class _Said(NamedTuple):
    """What was said of a contact point, ordered so that the larger counts where both were said.

    A day of listing that is not known is the first of all days, before every one that is.
    """

    is_listed: bool
    listed_on: date


class _Day(NamedTuple):
    """The day of a scrub."""

    time_zone: str
    starts_at_us: int


class Registers:
    """Records the results of scrubs."""

    def __init__(
        self,
        ledger: Ledger,
        digester: Digester,
        *,
        policy: PolicySource,
        clock: Clock,
        entry_ids: EntryIds,
    ) -> None:
        self._ledger = ledger
        self._digester = digester
        self._policy = policy
        self._clock = clock
        self._entry_ids = entry_ids

    def record(self, write: Write, scrub: Scrub, *, deadline: Deadline) -> Recorded:
        """Records results, those that say the same in one entry.

        The details hold how many contact points are `listed` and how many `clear`, one given twice
        once; and as `invalid` the indices of the results whose contact point has no normal form.

        Raises:
            NotFound: UNKNOWN_CONTROLLER.
            InvalidRequest: UNKNOWN_REGISTER; EXPRESSED_IN_FUTURE for a day that has not begun;
                CONTRADICTION for a contact point listed after the scrub, or clear and yet listed.
        """
        policy = self._policy()
        if scrub.controller != GROUP:
            require_controller(policy, scrub.controller)
        now_us = self._clock()
        day = _day_of(scrub, policy, now_us=now_us)
        said, invalid = self._said(scrub)
        by_said: dict[_Said, list[ContactDigests]] = {}
        for point, statement in said.values():
            by_said.setdefault(statement, []).append(point)
        entries = [
            self._entry(scrub, day, statement, points, now_us=now_us)
            for statement, points in by_said.items()
        ]
        listed = sum(statement.is_listed for _, statement in said.values())
        details = {"listed": listed, "clear": len(said) - listed, "invalid": invalid}

        def work(transaction: Transaction) -> dict[str, Any]:
            transaction.append(entries)
            return details

        return self._ledger.write(write.key(self._digester), now_us, work, deadline=deadline)

    def _said(self, scrub: Scrub) -> tuple[dict[bytes, tuple[ContactDigests, _Said]], list[int]]:
        """What was said of each contact point, by its exact digest; and what cannot be found."""
        said: dict[bytes, tuple[ContactDigests, _Said]] = {}
        invalid: list[int] = []
        for index, (result, statement) in enumerate(_statements(scrub)):
            try:
                point = digests_of(result.contact_point, self._digester)
            except InvalidContactPoint:
                invalid.append(index)
                continue
            known = said.get(point.exact)
            if known is None or known[1] < statement:
                said[point.exact] = (point, statement)
        return said, invalid

    def _entry(
        self, scrub: Scrub, day: _Day, said: _Said, points: list[ContactDigests], *, now_us: int
    ) -> PreparedEntry:
        status = RegisterStatus.LISTED if said.is_listed else RegisterStatus.CLEAR
        listed_at_us = None
        if said.listed_on != date.min:
            listed_at_us = end_of_day_us(_noon_us(said.listed_on, day.time_zone), day.time_zone)
        new = NewEntry(
            kind=EntryKind.REGISTER_RESULT,
            controller=scrub.controller,
            expression=Expression(
                Source.NATIONAL_REGISTER, Precision.DAY, day.starts_at_us, day.time_zone
            ),
            subject=_NO_SUBJECT,
            evidence=_NO_EVIDENCE,
            register_result=RegisterResult(scrub.register, status, listed_at_us),
        )
        return PreparedEntry(self._entry_ids(), new, now_us, day.starts_at_us, tuple(points))


def _day_of(scrub: Scrub, policy: Policy, *, now_us: int) -> _Day:
    country = policy.registers.get(scrub.register)
    if country is None:
        message = "no rule names this register"
        raise InvalidRequest("UNKNOWN_REGISTER", message, field="register")
    time_zone = policy.time_zones[country][0]
    starts_at_us = start_of_day_us(_noon_us(scrub.checked_on, time_zone), time_zone)
    if starts_at_us > now_us + FUTURE_TOLERANCE_US:
        message = "this day has not begun in the country of the register"
        raise InvalidRequest("EXPRESSED_IN_FUTURE", message, field="checked_on")
    return _Day(time_zone, starts_at_us)


def _statements(scrub: Scrub) -> Iterator[tuple[ScrubResult, _Said]]:
    """Each result with what it says."""
    for index, result in enumerate(scrub.results):
        is_listed = result.status is RegisterStatus.LISTED
        if result.listed_on is not None:
            fault = ""
            if not is_listed:
                fault = "a day of listing together with CLEAR"
            elif result.listed_on > scrub.checked_on:
                fault = "listed after the scrub"
            if fault:
                raise InvalidRequest("CONTRADICTION", fault, field=f"results[{index}].listed_on")
        yield result, _Said(is_listed, result.listed_on or date.min)


def _noon_us(day: date, time_zone: str) -> int:
    return to_us(datetime.combine(day, _NOON, tzinfo=ZoneInfo(time_zone)))
