"""Dialers that ask all the time through the client library, and people who object meanwhile."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import Final, Self

from consent_registry.v1.contact_pb2 import CHANNEL_EMAIL, ContactPoint
from consent_registry.v1.decision_pb2 import Decision
from consent_registry.v1.entry_pb2 import SOURCE_CALL_CENTRE
from consent_registry_client import Client, ConsentRegistryError, Reason, Verdict
from tests.e2e.people import FRANCE, MARKETING, proof, said, somebody, subject
from tests.e2e.registry_process import TIMEOUT_S

_DIALERS: Final = 6
_WRITES_HZ: Final = 10
_PEOPLE: Final = 40


@dataclass(frozen=True)
class Answered:
    """What a question about somebody was answered, or the code of its failure."""

    asked_at_s: float
    took_s: float
    has_objected: bool
    answer: str


@dataclass(frozen=True)
class People:
    """Some who have objected, and some who have consented."""

    objected: Sequence[ContactPoint]
    consented: Sequence[ContactPoint]

    @classmethod
    def known_to(cls, address: str) -> People:
        """Tells the registry of them."""
        with Client(address) as client:
            objected = [_objection(client) for _ in range(_PEOPLE)]
            consented = [somebody().email for _ in range(_PEOPLE)]
            for point in consented:
                client.record_consent(
                    controller=FRANCE,
                    subject=subject(point),
                    channels=[CHANNEL_EMAIL],
                    purposes=[MARKETING],
                    expression=said(),
                    evidence=proof(),
                )
        return cls(objected, consented)


class Checking:
    """Asks at a steady rate until the end of the block, and lets people object."""

    def __init__(self, address: str, people: People, *, rate_hz: int) -> None:
        self._address = address
        self._people = people
        self._interval_s = _DIALERS / rate_hz
        self._is_over = threading.Event()
        self._changed = threading.Condition()
        self.answers: list[Answered] = []
        self.objections: list[ContactPoint] = []
        """That the registry has acknowledged."""
        self.lost_writes: list[str] = []
        """The codes of those that it has not."""
        self._threads = [threading.Thread(target=self._ask_all_the_time) for _ in range(_DIALERS)]
        self._threads.append(threading.Thread(target=self._object_all_the_time))

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, number: int, *, which: Callable[[Answered], bool] = lambda _: True) -> None:
        """Returns when so many more answers of a kind have come."""
        with self._changed:
            start = len(self.answers)
            assert self._changed.wait_for(
                lambda: sum(map(which, self.answers[start:])) >= number, TIMEOUT_S
            )

    def since(self, start_s: float) -> list[Answered]:
        """What was asked since then, by the monotonic clock."""
        with self._changed:
            return [each for each in self.answers if each.asked_at_s >= start_s]

    @property
    def wrong(self) -> list[Answered]:
        """Answers that allow what somebody has objected to."""
        return [each for each in self.answers if each.has_objected and each.answer == "ALLOW"]

    def counts(self) -> Counter[tuple[bool, str]]:
        """How often whom was answered what."""
        return Counter((each.has_objected, each.answer) for each in self.answers)

    def told(self) -> str:
        """Some figures for whoever reads the test's output."""
        took_ms = [1_000 * each.took_s for each in self.answers]
        cuts = quantiles(took_ms, n=100)
        return f"{len(took_ms)} checks, p50 {cuts[49]:.1f} ms, p99 {cuts[98]:.1f} ms"

    def _ask_all_the_time(self) -> None:
        people = itertools.cycle(
            (has_objected, point)
            for pair in zip(self._people.objected, self._people.consented, strict=True)
            for has_objected, point in zip((True, False), pair, strict=True)
        )
        with Client(self._address) as client:
            due_s = time.monotonic()
            while not self._is_over.wait(max(0.0, due_s - time.monotonic())):
                due_s = max(due_s + self._interval_s, time.monotonic() - 1)
                has_objected, point = next(people)
                start_s = time.monotonic()
                answer = _asked(client, point)
                took_s = time.monotonic() - start_s
                with self._changed:
                    self.answers.append(Answered(start_s, took_s, has_objected, answer))
                    self._changed.notify_all()

    def _object_all_the_time(self) -> None:
        with Client(self._address) as client:
            while not self._is_over.wait(1 / _WRITES_HZ):
                try:
                    self.objections.append(_objection(client))
                except ConsentRegistryError as error:
                    self.lost_writes.append(error.code.name)


def require_objections(address: str, objections: Sequence[ContactPoint]) -> None:
    """Asks about each: what was acknowledged counts."""
    with Client(address) as client:
        reasons = Counter(Reason.Name(_decision(client, each).reason) for each in objections)
    assert set(reasons) <= {"REASON_OBJECTION"}, reasons


def _asked(client: Client, point: ContactPoint) -> str:
    try:
        decision = _decision(client, point)
    except ConsentRegistryError as error:
        return error.code.name
    return Verdict.Name(decision.verdict).removeprefix("VERDICT_")


def _decision(client: Client, point: ContactPoint) -> Decision:
    return client.check_contact(
        controller=FRANCE,
        target=point,
        channel=CHANNEL_EMAIL,
        purpose=MARKETING,
        recipient_country="FR",
    )


def _objection(client: Client) -> ContactPoint:
    point = somebody().email
    objection = said(source=SOURCE_CALL_CENTRE)
    client.add_do_not_contact(controller=FRANCE, subject=subject(point), expression=objection)
    return point
