"""Whether the handler lives, and whether the registry answers it."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest

from consent_registry_server.domain import errors
from tests.fakes.unsubscribe_service import DESCRIBE, FakeUnsubscribeService
from tests.unit.web.handler import Handler, running


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The readiness's time, in its only item."""
    now_s = [1_000.0]
    monkeypatch.setattr("consent_registry_server.web.app.monotonic", lambda: now_s[0])
    return now_s


async def test_a_handler_lives_without_its_registry(
    handler: Handler, service: FakeUnsubscribeService
) -> None:
    service.refuse(DESCRIBE)
    assert (await handler.get("/healthz")).status_code == 200
    assert not service.requests


@pytest.mark.parametrize(
    "failure",
    [
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.INVALID_ARGUMENT,
        errors.Unauthenticated("UNAUTHENTICATED", "no"),
        errors.PermissionDenied("PERMISSION_DENIED", "no"),
    ],
    ids=["away", "a proxy", "no key", "a key without the right"],
)
async def test_a_handler_is_ready_when_the_registry_answers_and_takes_its_key(
    service: FakeUnsubscribeService,
    clock: list[float],
    failure: errors.RegistryError | grpc.StatusCode,
) -> None:
    async with running(service) as handler:
        assert (await handler.get("/readyz")).status_code == 200
        service.refuse(DESCRIBE, failure)
        clock[0] += 1.0
        refused = await handler.get("/readyz")
        assert (refused.status_code, refused.text) == (503, "the registry does not answer\n")
        service.recover()
        clock[0] += 1.0
        assert (await handler.get("/readyz")).status_code == 200


async def test_probes_ask_the_registry_once_a_second(
    service: FakeUnsubscribeService, clock: list[float]
) -> None:
    async with running(service) as handler:
        answers: list[Any] = await asyncio.gather(*(handler.get("/readyz") for _ in range(20)))
        clock[0] += 0.9
        answers.append(await handler.get("/readyz"))
    assert {answer.status_code for answer in answers} == {200}
    assert len(service.requests[DESCRIBE]) == 1
