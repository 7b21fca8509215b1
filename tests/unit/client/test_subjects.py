"""The data-protection officer's methods: each reaches its RPC with its arguments, in both."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import grpc
import pytest

from consent_registry.v1 import subject_service_pb2 as pb
from consent_registry_client import (
    Client,
    HoldChange,
    RestrictionGround,
    RightsRequestKind,
    RightsRequestOutcome,
    RightsRequestState,
    Source,
    access_reason,
    email,
    expressed_sometime,
    number_correction,
    point_correction,
    subject,
    timestamp,
)
from tests.unit.client.fake_registry import FakeRegistry, failing
from tests.unit.client.test_methods import call, listed

WHO = subject(email("a@example.com"))
ACCESS = access_reason(actor="officer 7", reason="request 14")

WRITES: list[tuple[str, str, dict[str, Any]]] = [
    (
        "rectify_subject",
        "RectifySubject",
        {
            "contact_point": point_correction(email("a@example.com"), email("b@example.com")),
            "access": ACCESS,
        },
    ),
    (
        "rectify_subject",
        "RectifySubject",
        {"customer_number": number_correction("C1", "C2"), "access": ACCESS},
    ),
    ("erase_subject", "EraseSubject", {"subject": WHO, "access": ACCESS}),
    (
        "restrict_processing",
        "RestrictProcessing",
        {
            "subject": WHO,
            "ground": RestrictionGround.RESTRICTION_GROUND_UNLAWFUL,
            "expression": expressed_sometime(source=Source.SOURCE_LETTER),
            "access": ACCESS,
        },
    ),
    (
        "lift_restriction",
        "LiftRestriction",
        {
            "entry_id": "e",
            "subject_informed_at": datetime(2026, 11, 1, tzinfo=UTC),
            "access": ACCESS,
        },
    ),
    (
        "set_retention",
        "SetRetention",
        {"entry_id": "e", "keep_until": date(2040, 1, 31), "access": ACCESS},
    ),
    (
        "set_retention",
        "SetRetention",
        {"entry_id": "e", "hold": HoldChange.HOLD_CHANGE_PLACE, "access": ACCESS},
    ),
    (
        "open_rights_request",
        "OpenRightsRequest",
        {
            "kind": RightsRequestKind.RIGHTS_REQUEST_KIND_ACCESS,
            "received_on": date(2026, 11, 1),
            "actor": "officer 7",
            "subject": WHO,
            "note": "by letter",
        },
    ),
    (
        "announce_delay",
        "AnnounceDelay",
        {
            "rights_request_id": "r",
            "due_on": "2026-12-31",
            "explanation": "a large archive",
            "actor": "officer 7",
        },
    ),
    (
        "close_rights_request",
        "CloseRightsRequest",
        {
            "rights_request_id": "r",
            "outcome": RightsRequestOutcome.RIGHTS_REQUEST_OUTCOME_FULFILLED,
            "identity_confirmed": True,
            "actor": "officer 7",
        },
    ),
]


def _on_the_wire(value: object) -> object:
    if isinstance(value, datetime):
        return timestamp(value)
    return value.isoformat() if isinstance(value, date) else value


@pytest.mark.parametrize("flavour", ["sync", "aio"])
@pytest.mark.parametrize("method, rpc, arguments", WRITES, ids=lambda value: str(value)[:30])
def test_a_write_sends_its_arguments(
    registry: FakeRegistry, flavour: str, method: str, rpc: str, arguments: dict[str, Any]
) -> None:
    """And returns the answer as it came."""
    response = getattr(pb, f"{rpc}Response")()
    registry.on(rpc, response)
    everything = {"controller": "alarm-fr", "request_id": "id-1", **arguments}
    assert call(registry.address, flavour, method, everything) == response
    request_type = getattr(pb, f"{rpc}Request")
    expected = request_type(**{name: _on_the_wire(value) for name, value in everything.items()})
    assert registry.requests(rpc) == [expected]


@pytest.mark.parametrize("method, rpc, arguments", WRITES, ids=lambda value: str(value)[:30])
def test_a_write_is_repeated_under_one_request_id(
    registry: FakeRegistry, client: Client, method: str, rpc: str, arguments: dict[str, Any]
) -> None:
    """An erasure whose answer was lost is not a second erasure."""
    registry.on(rpc, failing(grpc.StatusCode.UNAVAILABLE), getattr(pb, f"{rpc}Response")())
    getattr(client, method)(controller="alarm-fr", **arguments)
    first, second = registry.requests(rpc)
    assert first == second
    assert first.request_id


@pytest.mark.parametrize("flavour", ["sync", "aio"])
def test_a_copy_is_asked_for(registry: FakeRegistry, flavour: str) -> None:
    """With who asks and why."""
    response = pb.ExportSubjectResponse(json="{}", json_ld="{}", entry_count=1)
    registry.on("ExportSubject", response)
    arguments: dict[str, Any] = {"controller": "alarm-fr", "subject": WHO, "access": ACCESS}
    assert call(registry.address, flavour, "export_subject", arguments) == response
    assert registry.requests("ExportSubject") == [pb.ExportSubjectRequest(**arguments)]


@pytest.mark.parametrize("flavour", ["sync", "aio"])
def test_whose_a_rights_request_is_is_asked_for(registry: FakeRegistry, flavour: str) -> None:
    """With who asks and why."""
    response = pb.GetRightsRequestResponse(subject=WHO)
    registry.on("GetRightsRequest", response)
    arguments: dict[str, Any] = {
        "controller": "alarm-fr",
        "rights_request_id": "r",
        "access": ACCESS,
    }
    assert call(registry.address, flavour, "get_rights_request", arguments) == response
    assert registry.requests("GetRightsRequest") == [pb.GetRightsRequestRequest(**arguments)]


PAGED: list[tuple[str, str, str, Any, dict[str, Any]]] = [
    (
        "find_subject",
        "FindSubject",
        "entries",
        pb.FoundEntry,
        {"subject": WHO, "access": ACCESS},
    ),
    (
        "list_rights_requests",
        "ListRightsRequests",
        "rights_requests",
        pb.RightsRequest,
        {"state": RightsRequestState.RIGHTS_REQUEST_STATE_OPEN},
    ),
    ("list_accesses", "ListAccesses", "accesses", pb.Access, {"entry_id": "e"}),
]


@pytest.mark.parametrize("flavour", ["sync", "aio"])
@pytest.mark.parametrize("listing", PAGED, ids=lambda listing: listing[0])
def test_lists_hide_their_pages(
    registry: FakeRegistry, flavour: str, listing: tuple[str, str, str, Any, dict[str, Any]]
) -> None:
    """Every page is asked for with the same question, an empty one in between included."""
    method, rpc, field, item, arguments = listing
    page = getattr(pb, f"{rpc}Response")
    registry.on(
        rpc,
        page(**{field: [item(), item()], "next_page_token": "t1"}),
        page(next_page_token="t2"),
        page(**{field: [item()]}),
    )
    asked = {"controller": "alarm-fr", "page_size": 2, **arguments}
    assert len(listed(registry.address, flavour, method, asked)) == 3
    expected = [getattr(pb, f"{rpc}Request")(**asked, page_token=t) for t in ("", "t1", "t2")]
    assert registry.requests(rpc) == expected
