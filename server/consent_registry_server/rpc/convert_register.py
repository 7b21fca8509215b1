"""Results of scrubs: protobuf to domain, and what was recorded back."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from consent_registry.v1 import registry_service_pb2
from consent_registry_server.domain.errors import InvalidRequest
from consent_registry_server.domain.vocabulary import RegisterStatus
from consent_registry_server.rpc.convert_contact import (
    missing,
    set_timestamp,
    to_contact_point,
    to_controller,
)
from consent_registry_server.service.ports import Recorded
from consent_registry_server.service.registers import Scrub, ScrubResult

EARLIEST_DAY: Final = date(1990, 1, 1)
"""The first day that a request may name, as for its timestamps."""

_STATUSES: Final = {int(each): each for each in RegisterStatus}
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def to_scrub(request: registry_service_pb2.RecordRegisterResultsRequest) -> Scrub:
    """The scrub of a request."""
    for field in ("register", "checked_on", "results"):
        if not getattr(request, field):
            raise missing(field)
    return Scrub(
        controller=to_controller(request.controller),
        register=request.register,
        checked_on=to_day(request.checked_on, "checked_on"),
        results=[_to_result(result, index) for index, result in enumerate(request.results)],
    )


def to_day(text: str, field: str) -> date:
    """A calendar day, `2026-01-31`.

    Python reads further forms of ISO 8601, such as week dates; one is enough for a contract.
    """
    try:
        day = date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        day = None
    if day is None or day < EARLIEST_DAY:
        message = "must be a day since 1990 as YYYY-MM-DD"
        raise InvalidRequest("INVALID_FIELD", message, field=field)
    return day


def fill_recorded_results(
    response: registry_service_pb2.RecordRegisterResultsResponse, recorded: Recorded
) -> None:
    """Writes what was recorded into a response."""
    details = recorded.details
    response.listed = details["listed"]
    response.clear = details["clear"]
    response.invalid.extend(details["invalid"])
    response.revision = recorded.revision
    set_timestamp(response.recorded_at, recorded.recorded_at_us)


def _to_result(result: registry_service_pb2.RegisterResult, index: int) -> ScrubResult:
    point = to_contact_point(result.contact_point)
    if point is None:
        raise missing(f"results[{index}].contact_point")
    status = _STATUSES.get(result.status)
    if status is None:
        raise missing(f"results[{index}].status")
    listed_on = None
    if result.listed_on:
        listed_on = to_day(result.listed_on, f"results[{index}].listed_on")
    return ScrubResult(point, status, listed_on)
