"""API keys follow their file: new ones are let in, old ones are refused, faulty ones do nothing."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import grpc
import pytest
import structlog
from structlog.testing import capture_logs

from consent_registry_server.domain.errors import Unauthenticated
from consent_registry_server.renewal import FileWatch
from consent_registry_server.rpc.keys_in_force import KeysInForce
from consent_registry_server.service.ports import Reload
from tests.unit.rpc.harness import DECISIONS, TIMEOUT_S, Chunk, Harness
from tests.unit.rpc.mounted import MountedFiles

Serve = Callable[..., Harness]
DIALER, INTAKE = "secret-of-the-dialer", "secret-of-the-intake"


def keys_file(*secrets: str) -> bytes:
    """The content of a file that lets these in to decisions."""
    keys = [
        {
            "id": f"caller-{number}",
            "sha256": sha256(secret.encode()).hexdigest(),
            "services": ["DecisionService"],
        }
        for number, secret in enumerate(secrets)
    ]
    return json.dumps({"keys": keys}).encode()


def bearer(secret: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {secret}"),)


class Bench:
    """Keys of a mounted file, and what was counted of it."""

    def __init__(self, directory: Path) -> None:
        self.files = MountedFiles(directory)
        self.mount(keys_file(DIALER))
        self.outcomes: Counter[Reload] = Counter()
        self.done = threading.Event()
        self.keys = KeysInForce(
            self.files["api-keys.json"],
            services=frozenset({DECISIONS}),
            logger=structlog.get_logger(),
            counted=self._count,
            pause=lambda: None,
        )

    def _count(self, outcome: Reload) -> None:
        self.outcomes[outcome] += 1
        if outcome is Reload.DONE:
            self.done.set()

    def mount(self, content: bytes) -> None:
        self.files.mount(**{"api-keys_json": content})

    def lets_in(self, secret: str) -> bool:
        try:
            self.keys.caller([f"Bearer {secret}"])
        except Unauthenticated:
            return False
        return True


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_keys_are_those_of_the_file_when_it_was_last_looked_at(bench: Bench) -> None:
    """One that came is let in, one that went is refused."""
    bench.mount(keys_file(DIALER, INTAKE))
    bench.keys.reload()
    assert (bench.lets_in(DIALER), bench.lets_in(INTAKE)) == (True, True)
    bench.mount(keys_file(INTAKE))
    bench.keys.reload()
    assert (bench.lets_in(DIALER), bench.lets_in(INTAKE)) == (False, True)
    assert bench.outcomes == {Reload.DONE: 2}


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b'{"keys": []}', keys_file(INTAKE, INTAKE), b"\xff"],
    ids=["empty", "cut off", "no keys", "one secret twice", "no text"],
)
def test_a_faulty_file_leaves_the_keys_in_force(bench: Bench, content: bytes) -> None:
    """It is told once, without what it holds, and counted each time."""
    bench.mount(content)
    with capture_logs() as events:
        bench.keys.reload()
        bench.keys.reload()
    assert (bench.lets_in(DIALER), bench.lets_in(INTAKE)) == (True, False)
    assert bench.outcomes == {Reload.REFUSED: 2}
    [event] = events
    assert event["event"] == "api_keys_refused"
    assert sha256(INTAKE.encode()).hexdigest() not in str(event)


def test_a_file_that_is_gone_leaves_the_keys_in_force(bench: Bench) -> None:
    """Taking the file away takes nobody's key away, nor lets anybody in."""
    bench.files["api-keys.json"].unlink()
    bench.keys.reload()
    assert (bench.lets_in(DIALER), bench.lets_in(INTAKE)) == (True, False)
    assert bench.outcomes == {Reload.REFUSED: 1}


@pytest.fixture
def served(bench: Bench, serve: Serve) -> Harness:
    """A server that asks for these keys."""
    return serve(authenticator=bench.keys)


def test_a_key_that_was_taken_away_is_refused_while_others_go_on(
    bench: Bench, served: Harness
) -> None:
    """On the connection that it was used on before."""
    assert served.check("p", metadata=bearer(DIALER)).decision.decision_id == "p"
    bench.mount(keys_file(INTAKE))
    bench.keys.reload()
    assert served.refused(metadata=bearer(DIALER)).code is grpc.StatusCode.UNAUTHENTICATED
    assert served.check("p", metadata=bearer(INTAKE)).decision.decision_id == "p"


def test_a_stream_under_way_outlives_its_key(bench: Bench, served: Harness) -> None:
    """A call is let in at its beginning: an audience is not cut in two."""

    def chunks() -> Iterator[Chunk]:
        yield Chunk()
        bench.mount(keys_file(INTAKE))
        bench.keys.reload()
        yield Chunk()

    answers = served.decisions.FilterAudience(chunks(), timeout=TIMEOUT_S, metadata=bearer(DIALER))
    assert len(list(answers)) == 2


def test_a_swapped_file_is_found_without_being_told(bench: Bench) -> None:
    """Within the interval."""
    watch = FileWatch(bench.keys.reload, interval_s=0.001)
    try:
        bench.mount(keys_file(DIALER, INTAKE))
        assert bench.done.wait(TIMEOUT_S)
    finally:
        watch.close()
    assert bench.lets_in(INTAKE)
