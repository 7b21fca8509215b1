"""FilterAudience against a bare look-up of the same digests, over the same data in the same run.

The peer is what no filter can do without: `contact_point_ref ... WHERE wide_digest = ANY(...)` for
each chunk, through the same driver, on a connection of its own. The filter is measured where its
caller stands: a stream over loopback gRPC to a server process, from the first message sent to the
summary received. A tenth of the audience has entries.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median
from subprocess import Popen
from typing import Any, Final, Self
from uuid import uuid4

import grpc
import psycopg2
from sqlalchemy import make_url

from consent_registry.v1 import (
    contact_pb2,
    decision_service_pb2,
    decision_service_pb2_grpc,
)
from consent_registry_server.domain.contact import Phone, Subject
from consent_registry_server.domain.entry import Evidence, Expression, NewEntry
from consent_registry_server.domain.matching import forms_of
from consent_registry_server.domain.vocabulary import (
    ControllerId,
    EntryId,
    EntryKind,
    Precision,
    Source,
)
from consent_registry_server.policy.load import load_policy
from consent_registry_server.service.ports import PreparedEntry, RequestKey, Transaction
from consent_registry_server.service.preparation import prepare, suppression_points
from consent_registry_server.storage.embedded import EmbeddedPostgres
from consent_registry_server.storage.errors import NoDeadline
from consent_registry_server.storage.key_directory import DirectoryKeyStore
from consent_registry_server.storage.key_store import KeyStore
from consent_registry_server.storage.keyring import Keyring
from consent_registry_server.storage.migrate import upgrade
from consent_registry_server.storage.store import open_store

LIMIT: Final = 0.3

_ROUNDS: Final = 7
_ENTRIES: Final = 20_000
_AUDIENCE: Final = 100_000
_CHUNK: Final = 1_000
"""As the client library sends them."""
_BATCH: Final = 1_000
_NOW_US: Final = 1_790_000_000_000_000
_CONTROLLER: Final = ControllerId("alarm-fr")
_START_TIMEOUT_S: Final = 60

_BARE: Final = "SELECT contact_point_ref FROM contact_point WHERE wide_digest = ANY(%s)"


def main() -> int:
    """Prints rates and ratio; returns 1 when the ratio is below the limit."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        directory.chmod(0o755)
        postgres = EmbeddedPostgres(directory / "data")
        url = postgres.start()
        stack.callback(postgres.stop)
        upgrade(url)
        keyring = Keyring.generate()
        keyring.save_new(directory / "keyring.json")
        key_store = DirectoryKeyStore(directory / "vault-keys")
        key_store.prepare()
        _fill(url, keyring, key_store)
        stub = stack.enter_context(_Server(url, directory)).stub
        audience = [_number(index * 2) for index in range(_AUDIENCE)]
        stream = list(_stream(audience))
        chunks = list(_digest_chunks(audience, keyring))
        connection = psycopg2.connect(make_url(url).set(drivername="postgresql").render_as_string())
        stack.callback(connection.close)
        connection.autocommit = True
        rounds = [(_filter_s(stub, stream), _bare_s(connection, chunks)) for _ in range(_ROUNDS)]
    ratio = median(bare_s / filter_s for filter_s, bare_s in rounds)
    rate = _AUDIENCE / median(filter_s for filter_s, _ in rounds)
    bare_rate = _AUDIENCE / median(bare_s for _, bare_s in rounds)
    print(
        f"audience: {rate:,.0f} members/s, bare look-up {bare_rate:,.0f} digests/s,"
        f" ratio {ratio:.2f} (≥ {LIMIT})"
    )
    return int(ratio < LIMIT)


def _number(index: int) -> str:
    return f"+336{index:08d}"


def _fill(url: str, keyring: Keyring, key_store: KeyStore) -> None:
    """Writes opt-outs: a tenth of the audience has one, and as many others have."""
    store = open_store(url, keyring, key_store)
    policy = load_policy()
    step = 2 * _AUDIENCE // _ENTRIES
    expression = Expression(Source.LETTER, Precision.INSTANT, _NOW_US)
    for start in range(0, _ENTRIES, _BATCH):
        prepared: list[PreparedEntry] = []
        for index in range(start, start + _BATCH):
            new = NewEntry(
                EntryKind.DO_NOT_CONTACT,
                _CONTROLLER,
                expression,
                Subject((Phone(_number(index * step + index % 2)),)),
                Evidence(),
            )
            points = suppression_points(new.subject, keyring)
            prepared.append(
                prepare(
                    new,
                    points,
                    policy=policy,
                    entry_ids=lambda: EntryId(uuid4()),
                    now_us=_NOW_US,
                )
            )

        key = RequestKey(keyring.digest(b"%d" % start), keyring.digest(b""))
        store.ledger.write(key, _NOW_US, partial(_append, prepared), deadline=NoDeadline())
    store.close()


def _append(entries: list[PreparedEntry], transaction: Transaction) -> dict[str, Any]:
    transaction.append(entries)
    return {}


def _stream(audience: Sequence[str]) -> Iterator[decision_service_pb2.FilterAudienceRequest]:
    yield decision_service_pb2.FilterAudienceRequest(
        scope=decision_service_pb2.AudienceScope(
            controller=_CONTROLLER,
            channel=contact_pb2.CHANNEL_VOICE_CALL,
            purpose="direct_marketing",
        )
    )
    for sequence, start in enumerate(range(0, len(audience), _CHUNK), start=1):
        request = decision_service_pb2.FilterAudienceRequest()
        request.chunk.sequence = sequence
        for number in audience[start : start + _CHUNK]:
            request.chunk.rows.members.add().target.phone.number = number
        yield request


def _digest_chunks(audience: Sequence[str], keyring: Keyring) -> Iterator[list[bytes]]:
    digests = [keyring.digest(forms_of(Phone(number)).wide) for number in audience]
    for start in range(0, len(digests), _CHUNK):
        yield digests[start : start + _CHUNK]


def _filter_s(
    stub: decision_service_pb2_grpc.DecisionServiceStub,
    stream: list[decision_service_pb2.FilterAudienceRequest],
) -> float:
    started = time.perf_counter()
    answered = 0
    summary = None
    for response in stub.FilterAudience(iter(stream)):
        answered += len(response.chunk_result.results)
        summary = response.summary if response.HasField("summary") else None
    elapsed_s = time.perf_counter() - started
    if summary is None or not answered == summary.members == _AUDIENCE:
        sys.exit("the audience was not answered whole")
    return elapsed_s


def _bare_s(connection: psycopg2.extensions.connection, chunks: list[list[bytes]]) -> float:
    started = time.perf_counter()
    found = 0
    with connection.cursor() as cursor:
        for digests in chunks:
            cursor.execute(_BARE, (digests,))
            found += len(cursor.fetchall())
    elapsed_s = time.perf_counter() - started
    if found != _ENTRIES // 2:
        sys.exit(f"the bare look-up found {found} contact points")
    return elapsed_s


class _Server:
    """A server process on a free port."""

    def __init__(self, url: str, directory: Path) -> None:
        self._address = f"unix:{directory}/registry.sock"
        self._log = (directory / "server.log").open("wb")
        self._process = Popen(  # noqa: S603 - the product's own program
            [Path(sys.executable).with_name("consent-registry"), "serve"],
            env={
                **os.environ,
                "CONSENT_REGISTRY_DATABASE_URL": url,
                "CONSENT_REGISTRY_KEYRING_FILE": str(directory / "keyring.json"),
                "CONSENT_REGISTRY_KEY_STORE_DIR": str(directory / "vault-keys"),
                "CONSENT_REGISTRY_LISTEN_ADDRESS": self._address,
                "CONSENT_REGISTRY_METRICS_ADDRESS": "127.0.0.1:0",
            },
            stdout=self._log,
            stderr=self._log,
        )

    def __enter__(self) -> Self:
        self._channel = grpc.insecure_channel(
            self._address, options=[("grpc.max_receive_message_length", 16 * 1024 * 1024)]
        )
        grpc.channel_ready_future(self._channel).result(timeout=_START_TIMEOUT_S)
        self.stub = decision_service_pb2_grpc.DecisionServiceStub(self._channel)
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.close()
        self._process.terminate()
        self._process.wait()
        self._log.close()


if __name__ == "__main__":
    sys.exit(main())
