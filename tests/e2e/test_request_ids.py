"""One unsubscribe, followed through the handler and the registry by one id."""

from __future__ import annotations

import json
from typing import Any

from tests.e2e.connection import Connection
from tests.e2e.handler_process import HandlerProcess
from tests.e2e.people import somebody
from tests.e2e.registry_process import NotYet, RegistryProcess, eventually
from tests.e2e.unsubscribing import press, token_of


def test_an_unsubscribe_has_one_id_in_both_logs(
    registry: RegistryProcess, connection: Connection, web: HandlerProcess
) -> None:
    """The handler's event leads to the registry's."""
    token = token_of(connection, somebody())
    before = len(_events(web, "unsubscribe_finished"))
    assert press(web.port, token).status == 200

    def followed() -> list[dict[str, Any]]:
        pressed = _events(web, "unsubscribe_finished")[before:]
        ids = {event["request_id"] for event in pressed}
        found = [each for each in _events(registry, "rpc_finished") if each["request_id"] in ids]
        if not any(each["method"].endswith("/Unsubscribe") for each in found):
            raise NotYet(found)
        return found

    assert {each["code"] for each in eventually(followed)} == {"OK"}


def _events(process: RegistryProcess | HandlerProcess, name: str) -> list[dict[str, Any]]:
    lines = [line for line in process.log.splitlines() if line.startswith(b"{")]
    return [event for event in map(json.loads, lines) if event["event"] == name]
