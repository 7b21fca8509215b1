"""What the handler counts; what alerts need is there from the start."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from consent_registry_client import UnsubscribeMethod

_PREFIX: Final = "consent_registry_web"
_BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_HTTP_METHODS: Final = frozenset({"GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE"})
_OTHER: Final = "OTHER"
_ALERTED: Final = [
    ("link", method, status) for method in ("GET", "POST") for status in (200, 429, 500, 503)
]

ABORTED: Final = 499
"""The status of a request that had no answer: its client, or the process, went away."""


class Method(StrEnum):
    """How somebody unsubscribed."""

    ONE_CLICK = "one_click"
    PAGE = "page"


class Outcome(StrEnum):
    """What came of an opt-out."""

    STORED = "stored"
    UNAVAILABLE = "unavailable"
    """Not known to be stored; the sender was told to come again."""
    INVALID_LINK = "invalid_token"
    REFUSED = "refused"
    """It chose what the link does not offer."""


class UndoOutcome(StrEnum):
    """What came of taking a choice back."""

    UNDONE = "undone"
    EXPIRED = "expired"
    UNAVAILABLE = "unavailable"
    INVALID_LINK = "invalid_token"
    REFUSED = "refused"
    """The undo token is not one of this link."""


class Invalidity(StrEnum):
    """What was wrong with a token."""

    MALFORMED = "malformed"
    """It has characters or a length that no token has; the registry was not asked."""
    INVALID = "invalid"
    """The registry never issued it."""
    UNKNOWN = "unknown"
    """The registry issued it, and has lost it."""


class Limit(StrEnum):
    """A bound that a request ran into."""

    CLIENT_RATE = "client_rate"
    LINK_RATE = "link_rate"
    CONCURRENCY = "concurrency"
    BODY = "body"
    """Too large, or too slow."""


_METHODS: Final = {
    UnsubscribeMethod.UNSUBSCRIBE_METHOD_ONE_CLICK: Method.ONE_CLICK,
    UnsubscribeMethod.UNSUBSCRIBE_METHOD_PAGE: Method.PAGE,
}


class WebMetrics:
    """The collectors of one handler."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, documentation: str, labels: Iterable[str]) -> Counter:
            return Counter(name, documentation, labels, namespace=_PREFIX, registry=registry)

        self._requests = counter(
            "requests",
            "Requests that ended; status 499: without an answer.",
            ["route", "method", "status"],
        )
        self._seconds = Histogram(
            "request_duration_seconds",
            "Seconds from a request's head to the end of its answer.",
            ["route", "method"],
            namespace=_PREFIX,
            registry=registry,
            buckets=_BUCKETS_S,
        )
        self._in_flight = Gauge(
            "requests_in_flight", "Requests now.", namespace=_PREFIX, registry=registry
        )
        unsubscribes = counter(
            "unsubscribes", "Opt-outs that arrived, by what came of them.", ["method", "outcome"]
        )
        for labels in _ALERTED:
            self._requests.labels(*labels)
        undos = counter("undos", "Choices to be taken back.", ["outcome"])
        invalid = counter("invalid_tokens", "Requests through broken links.", ["reason"])
        limited = counter("limited", "Requests that ran into a bound.", ["limit"])
        self._unsubscribes = {
            (method, outcome): unsubscribes.labels(method, outcome)
            for method in Method
            for outcome in Outcome
        }
        self._undos = {outcome: undos.labels(outcome) for outcome in UndoOutcome}
        self._invalid = {reason: invalid.labels(reason) for reason in Invalidity}
        self._limited = {limit: limited.labels(limit) for limit in Limit}

    def answered(self, route: str, method: str, *, status: int, duration_s: float) -> None:
        """Counts a request; `route` is the name of one of ours."""
        method = method if method in _HTTP_METHODS else _OTHER
        self._requests.labels(route, method, status).inc()
        self._seconds.labels(route, method).observe(duration_s)

    def unsubscribed(self, method: UnsubscribeMethod.ValueType, outcome: Outcome) -> None:
        """Counts an opt-out."""
        self._unsubscribes[_METHODS[method], outcome].inc()

    def undone(self, outcome: UndoOutcome) -> None:
        """Counts a choice that was to be taken back."""
        self._undos[outcome].inc()

    def invalid_token(self, reason: Invalidity) -> None:
        """Counts a request through a broken link."""
        self._invalid[reason].inc()

    def limited(self, limit: Limit) -> None:
        """Counts a request that ran into a bound."""
        self._limited[limit].inc()

    def watch_requests(self, number: Callable[[], int]) -> None:
        """Shows how many requests there are."""
        self._in_flight.set_function(number)
