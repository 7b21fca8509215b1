"""What a register said, told by the clients."""

from __future__ import annotations

import asyncio
from datetime import date

import pytest

from consent_registry.v1.entry_pb2 import RegisterStatus
from consent_registry.v1.registry_service_pb2 import (
    RecordRegisterResultsResponse,
    RegisterResult,
)
from consent_registry_client import AsyncClient, Client, listed, not_listed, phone
from tests.unit.client.fake_registry import FakeRegistry

NUMBER = phone("+39 312 0000001")
CHECKED_ON = date(2026, 11, 20)


def test_results_are_made_of_plain_values() -> None:
    """With the day of the listing where it is known."""
    assert [listed(NUMBER), listed(NUMBER, on=date(2025, 3, 9)), not_listed(NUMBER)] == [
        RegisterResult(contact_point=NUMBER, status=RegisterStatus.REGISTER_STATUS_LISTED),
        RegisterResult(
            contact_point=NUMBER,
            status=RegisterStatus.REGISTER_STATUS_LISTED,
            listed_on="2025-03-09",
        ),
        RegisterResult(contact_point=NUMBER, status=RegisterStatus.REGISTER_STATUS_CLEAR),
    ]


@pytest.mark.parametrize("flavour", ["sync", "aio"])
def test_the_day_of_a_scrub_may_be_a_date(registry: FakeRegistry, flavour: str) -> None:
    """It travels as the contract writes it."""
    registry.on("RecordRegisterResults", RecordRegisterResultsResponse(clear=1))
    results = [not_listed(NUMBER)]

    async def run() -> RecordRegisterResultsResponse:
        async with AsyncClient(registry.address) as client:
            return await client.record_register_results(
                controller="alarm-it", register="RPO", checked_on=CHECKED_ON, results=results
            )

    if flavour == "aio":
        answer = asyncio.run(run())
    else:
        with Client(registry.address) as client:
            answer = client.record_register_results(
                controller="alarm-it", register="RPO", checked_on=CHECKED_ON, results=results
            )
    assert answer.clear == 1
    [request] = registry.requests("RecordRegisterResults")
    assert (request.checked_on, list(request.results)) == ("2026-11-20", results)
    assert request.request_id
