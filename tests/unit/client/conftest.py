from collections.abc import Iterator

import pytest

from consent_registry_client import Client, Effects
from tests.unit.client.console import Console
from tests.unit.client.fake_registry import FakeRegistry


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry() as fake:
        yield fake


@pytest.fixture
def client(registry: FakeRegistry) -> Iterator[Client]:
    effects = Effects(sleep=lambda _: None, random=lambda: 0.0)
    with Client(registry.address, effects=effects) as connected:
        yield connected


@pytest.fixture
def consentctl(
    registry: FakeRegistry, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Console:
    monkeypatch.setenv("CONSENT_REGISTRY_CONTROLLER", "alarm-fr")
    return Console(capsys, registry.address)
