"""The page acts by its key: for the controllers that it is granted, and through links alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import grpc
import pytest

from consent_registry.v1.unsubscribe_service_pb2 import CreateUnsubscribeLinksRequest
from consent_registry_server.rpc.api_keys import new_api_key
from tests.e2e import filled
from tests.e2e.certificate import Certificate, self_signed
from tests.e2e.connection import Connection, refusal
from tests.e2e.examples import EMAIL
from tests.e2e.handler_process import WEB, HandlerProcess, running
from tests.e2e.people import FRANCE, MARKETING, somebody, subject
from tests.e2e.registry_process import RegistryProcess
from tests.e2e.unsubscribing import get, path_of, press

_NORWAY: Final = "alarm-no"
_SERVICE: Final = "UnsubscribeService"
_GRANTS: Final[dict[str, dict[str, object]]] = {
    "page": {"services": [_SERVICE], "controllers": [FRANCE]},
    "sender": {"services": [_SERVICE], "controllers": ["*"]},
    "dialer": {"services": ["DecisionService"], "controllers": [FRANCE]},
}


@dataclass(frozen=True)
class Guarded:
    """A registry with TLS that lets in those keys alone."""

    registry: RegistryProcess
    certificate: Certificate
    secrets: dict[str, str]

    def page(self, key: str | None) -> AbstractContextManager[HandlerProcess]:
        """A page that shows a key, or none."""
        settings = {"TLS_CA": str(self.certificate.certificate)}
        if key is not None:
            settings["API_KEY"] = self.secrets[key]
        return running(WEB, self.registry.address, **settings)

    def token(self, connection: Connection, controller: str) -> str:
        """A link of a controller."""
        asked = CreateUnsubscribeLinksRequest(
            controller=controller,
            channel=EMAIL,
            purpose=MARKETING,
            subjects=[subject(somebody().email)],
        )
        answer = connection.unsubscribing.CreateUnsubscribeLinks(
            asked, metadata=(("authorization", f"Bearer {self.secrets['sender']}"),)
        )
        return answer.results[0].link.token


@pytest.fixture(scope="module")
def guarded(
    new_data_dir: Callable[[], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Guarded]:
    directory = tmp_path_factory.mktemp("access")
    certificate = self_signed(directory)
    made = {name: new_api_key(name) for name in _GRANTS}
    keys = [entry | _GRANTS[name] for name, (_, entry) in made.items()]
    keys_file = directory / "keys.json"
    keys_file.write_text(json.dumps({"keys": keys}))
    registry = RegistryProcess(
        new_data_dir(),
        TLS_CERT_FILE=str(certificate.certificate),
        TLS_KEY_FILE=str(certificate.key),
        API_KEYS_FILE=str(keys_file),
    )
    yield Guarded(registry, certificate, {name: secret for name, (secret, _) in made.items()})
    assert registry.stop() == 0


@pytest.fixture(scope="module")
def secured(guarded: Guarded) -> Iterator[Connection]:
    authority = guarded.certificate.certificate.read_bytes()
    connected = Connection(guarded.registry.address, grpc.ssl_channel_credentials(authority))
    with closing(connected.channel):
        yield connected


def test_a_key_for_links_alone_is_enough_for_its_controllers(
    guarded: Guarded, secured: Connection
) -> None:
    """And of no use for those of others, whose clicks are not acknowledged."""
    french, norwegian = (guarded.token(secured, each) for each in (FRANCE, _NORWAY))
    before = guarded.registry.scalar("SELECT count(*) FROM entry")
    with guarded.page("page") as page:
        refused = [press(page.port, norwegian), get(page.port, path_of(norwegian))]
        kept_out = guarded.registry.scalar("SELECT count(*) FROM entry")
        stored = [press(page.port, french), get(page.port, path_of(french))]
        ready = get(page.port, "/readyz")
        log = page.log

    assert [answer.status for answer in refused] == [503, 503]
    assert kept_out == before
    assert [answer.status for answer in (*stored, ready)] == [200, 200, 200]
    assert guarded.registry.scalar("SELECT count(*) FROM entry") == before + 1
    assert guarded.secrets["page"].encode() not in log


@pytest.mark.parametrize(
    "key",
    [
        pytest.param("dialer", id="a dialer's key"),
        pytest.param(None, id="no key"),
    ],
)
def test_a_page_without_the_right_key_acknowledges_nothing(
    guarded: Guarded, secured: Connection, key: str | None
) -> None:
    """Nor does it take itself for ready."""
    token = guarded.token(secured, FRANCE)
    before = guarded.registry.row_counts()
    with guarded.page(key) as page:
        pressed, shown = press(page.port, token), get(page.port, path_of(token))
        ready = get(page.port, "/readyz")

    assert [answer.status for answer in (pressed, shown, ready)] == [503, 503, 503]
    assert pressed.header("retry-after")
    assert guarded.registry.row_counts() == before


@pytest.mark.parametrize("method", [each for each in filled.UNARY if not each.startswith(_SERVICE)])
def test_the_key_of_a_page_opens_nothing_else(
    guarded: Guarded, secured: Connection, method: str
) -> None:
    """Whoever breaks into the page can stop contact, and learn nothing."""
    shown = (("authorization", f"Bearer {guarded.secrets['page']}"),)

    refused = refusal(lambda: secured.method(method)(filled.UNARY[method](), metadata=shown))

    assert (refused.code.name, refused.reason) == ("PERMISSION_DENIED", "SERVICE_NOT_GRANTED")
