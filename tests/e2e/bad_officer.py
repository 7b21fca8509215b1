"""What the data-protection officer is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from consent_registry.v1.contact_pb2 import ContactPoint, Subject
from consent_registry.v1.entry_pb2 import Source
from consent_registry.v1.subject_service_pb2 import HoldChange, RightsRequestOutcome
from tests.e2e import filled
from tests.e2e.bad_request import (
    NOT_FOUND,
    OF_THE_OFFICER,
    BadRequest,
    clear,
    invalid,
    put,
    same,
)
from tests.e2e.people import timestamp

_SERVICE: Final = "SubjectService"
_PAGES: Final = {"FindSubject": 200, "ListRightsRequests": 1_000, "ListAccesses": 1_000}
_IDS: Final = {
    "LiftRestriction": ("entry_id", "UNKNOWN_ENTRY"),
    "SetRetention": ("entry_id", "UNKNOWN_ENTRY"),
    "AnnounceDelay": ("rights_request_id", "UNKNOWN_RIGHTS_REQUEST"),
    "GetRightsRequest": ("rights_request_id", "UNKNOWN_RIGHTS_REQUEST"),
    "CloseRightsRequest": ("rights_request_id", "UNKNOWN_RIGHTS_REQUEST"),
}
_NO_DAYS: Final = ("2027-02-29", "20271120", "2027-W01-1", "1.2.2027", "é")


def bad_officer() -> Iterator[BadRequest]:
    """All of it."""
    yield from _missing()
    yield from _unaccountable()
    yield from _nobody()
    yield from _days()
    yield from _lists()
    yield from _unknown()
    yield from _changes()


def _missing() -> Iterator[BadRequest]:
    required = {
        "RectifySubject": ("contact_point", "contact_point.wrong", "contact_point.corrected"),
        "RestrictProcessing": ("ground",),
        "LiftRestriction": ("entry_id", "subject_informed_at"),
        "SetRetention": ("entry_id", "keep_until"),
        "OpenRightsRequest": ("kind", "received_on", "actor"),
        "AnnounceDelay": ("rights_request_id", "due_on", "explanation", "actor"),
        "GetRightsRequest": ("rights_request_id",),
        "CloseRightsRequest": ("rights_request_id", "outcome", "actor"),
    }
    for method, paths in required.items():
        for path in paths:
            yield _invalid(method, f"no {path}", clear(path), path, "MISSING_FIELD")
    for method in OF_THE_OFFICER:
        yield invalid(method, "no controller", clear("controller"), "controller", "MISSING_FIELD")
        if hasattr(filled.UNARY[method](), "request_id"):
            yield invalid(
                method, "no request_id", clear("request_id"), "request_id", "MISSING_FIELD"
            )


def _unaccountable() -> Iterator[BadRequest]:
    for method in OF_THE_OFFICER:
        if not hasattr(filled.UNARY[method](), "access"):
            continue
        yield invalid(method, "by nobody", clear("access"), "access.actor", "MISSING_FIELD")
        for path in ("access.actor", "access.reason"):
            yield invalid(method, f"no {path}", clear(path), path, "MISSING_FIELD")
            yield invalid(method, f"{path} of spaces", put(path, "  "), path, "MISSING_FIELD")
        long = put("access.reason", "x" * 2_001)
        yield invalid(method, "a long story", long, "access.reason", "TOO_LONG")


def _nobody() -> Iterator[BadRequest]:
    for method in ("FindSubject", "ExportSubject", "EraseSubject", "RestrictProcessing"):
        yield _invalid(method, "of nobody", clear("subject"), "subject", "MISSING_FIELD")
        yield _invalid(method, "of a name", _named_only, "subject", "MISSING_FIELD")
        yield _invalid(
            method,
            "of an email without @",
            _known_by(ContactPoint(email="zephyrine")),
            "subject.contact_points[0]",
            "INVALID_CONTACT_POINT",
        )


def _named_only(request: Any) -> None:  # noqa: ANN401 - whatever has a subject
    request.subject.CopyFrom(Subject(name=filled.NAME))


def _known_by(point: ContactPoint) -> Callable[[Any], None]:
    def change(request: Any) -> None:  # noqa: ANN401 - whatever has a subject
        request.subject.CopyFrom(Subject(contact_points=[point]))

    return change


def _days() -> Iterator[BadRequest]:
    today = datetime.now(UTC).date()
    paths = {"SetRetention": "keep_until", "OpenRightsRequest": "received_on"}
    for method, path in {**paths, "AnnounceDelay": "due_on"}.items():
        for text in _NO_DAYS:
            yield _invalid(method, f"the day {text}", put(path, text), path, "INVALID_DAY")
    impossible = {
        "SetRetention": (today - timedelta(days=2), today + timedelta(days=101 * 366)),
        "OpenRightsRequest": (today + timedelta(days=2), today - timedelta(days=370)),
    }
    for method, days in impossible.items():
        for day in days:
            path = paths[method]
            change = put(path, day.isoformat())
            yield _invalid(method, f"the day {day}", change, path, "INVALID_DAY")


def _lists() -> Iterator[BadRequest]:
    for method, largest in _PAGES.items():
        for size in (-1, largest + 1):
            yield _invalid(method, f"pages of {size}", put("page_size", size), "page_size")
        for token in ("nonsense", "é", "AAAA" * 10, "="):
            yield _invalid(
                method,
                f"the page {token}",
                put("page_token", token),
                "page_token",
                "INVALID_PAGE_TOKEN",
            )
    yield _invalid("ListAccesses", "a malformed entry id", put("entry_id", "entry-7"), "entry_id")


def _unknown() -> Iterator[BadRequest]:
    for method, (path, reason) in _IDS.items():
        name = f"{_SERVICE}/{method}"
        yield invalid(name, f"a malformed {path}", put(path, "number 7"), path)
        yield BadRequest(name, f"an unknown {path}", same, NOT_FOUND, reason, path)


def _changes() -> Iterator[BadRequest]:
    yield _invalid(
        "SetRetention",
        "a hold that is neither placed nor lifted",
        put("hold", HoldChange.HOLD_CHANGE_UNSPECIFIED),
        "hold",
        "MISSING_FIELD",
    )
    yield _invalid(
        "RestrictProcessing",
        "said by the registry",
        put("expression.source", Source.SOURCE_REGISTRY),
        "expression.source",
    )
    yield _invalid(
        "LiftRestriction",
        "told tomorrow",
        lambda request: request.subject_informed_at.CopyFrom(
            timestamp(datetime.now(UTC) + timedelta(days=1))
        ),
        "subject_informed_at",
    )
    yield _invalid(
        "RectifySubject",
        "to another kind",
        lambda request: request.contact_point.corrected.CopyFrom(filled.points()[1]),
        "contact_point.corrected",
        "CONTRADICTION",
    )
    yield _invalid(
        "RectifySubject",
        "to the same",
        lambda request: request.contact_point.corrected.CopyFrom(filled.points()[0]),
        "contact_point.corrected",
        "CONTRADICTION",
    )
    for name in ("REFUSED", "PARTLY_FULFILLED"):
        outcome = RightsRequestOutcome.Value(f"RIGHTS_REQUEST_OUTCOME_{name}")
        yield _invalid(
            "CloseRightsRequest",
            f"{name}, and nobody was told",
            _closed_without_a_word(outcome),
            "explanation",
            "MISSING_FIELD",
        )


def _closed_without_a_word(outcome: int) -> Callable[[Any], None]:
    def change(request: Any) -> None:  # noqa: ANN401 - the request's own class says no more
        request.outcome = outcome
        request.ClearField("explanation")

    return change


def _invalid(
    method: str,
    fault: str,
    change: Callable[[Any], object],
    field: str,
    reason: str = "INVALID_FIELD",
) -> BadRequest:
    return invalid(f"{_SERVICE}/{method}", fault, change, field, reason)
