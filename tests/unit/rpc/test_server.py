"""The server's life: listening, health, TLS, and its end."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

from consent_registry_server.domain.errors import ConfigurationError
from consent_registry_server.rpc.interceptors import chain
from consent_registry_server.rpc.options import TlsFiles
from tests.unit.rpc.certificates import Authority, Identity
from tests.unit.rpc.harness import (
    CHECK,
    DECISIONS,
    REGISTRY,
    TIMEOUT_S,
    FakeDecisions,
    Harness,
    Request,
    Response,
    RpcFailure,
    local_options,
)
from tests.unit.rpc.test_interceptors import Gate

Serve = Callable[..., Harness]
ROOT = Path(__file__).parents[3]
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


def health(harness: Harness, service: str = "") -> int:
    stub = health_pb2_grpc.HealthStub(harness.channel)
    response = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=TIMEOUT_S)
    return int(response.status)


# Health and reflection


@pytest.mark.parametrize("service", ["", DECISIONS, REGISTRY])
def test_a_started_server_is_healthy(serve: Serve, service: str) -> None:
    """As a whole, and each of its services."""
    assert health(serve(), service) == SERVING


def test_the_health_of_an_unknown_service_is_not_found(serve: Serve) -> None:
    """As health checking has it; it is counted so, too."""
    harness = serve()
    with pytest.raises(grpc.RpcError) as failure:
        health(harness, "no.such.Service")
    assert RpcFailure.of(failure.value).code is grpc.StatusCode.NOT_FOUND
    assert harness.count("grpc.health.v1.Health/Check", "NOT_FOUND") == 1


def test_health_is_answered_when_all_threads_are_busy(serve: Serve) -> None:
    """Otherwise a busy server would be taken for a dead one, and killed."""
    gate = Gate()
    harness = serve(FakeDecisions(answer=gate), options=local_options(threads=2, calls=2))
    waiting = [harness.decisions.CheckContact.future(Request()) for _ in range(2)]
    gate.wait_for_calls(2)
    assert health(harness) == SERVING
    gate.open.set()
    assert all(call.result(TIMEOUT_S) == Response() for call in waiting)


def test_a_watcher_learns_that_the_server_stops(serve: Serve) -> None:
    """It holds no thread until then, and does not keep the server from stopping."""
    harness = serve(options=local_options(threads=2, streams=1, shutdown_grace_s=600.0))
    stub = health_pb2_grpc.HealthStub(harness.channel)
    watchers = [stub.Watch(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_S) for _ in range(4)]
    assert [next(watcher).status for watcher in watchers] == [SERVING] * 4
    assert harness.check("p").decision.decision_id == "p"
    harness.server.stop()
    for watcher in watchers:
        assert next(watcher).status == NOT_SERVING
        with pytest.raises(grpc.RpcError) as failure:
            next(watcher)
        assert RpcFailure.of(failure.value).code is grpc.StatusCode.UNAVAILABLE


def test_watchers_are_bounded(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anyone may watch, and each watcher costs memory; those beyond take the server for healthy."""
    monkeypatch.setattr(chain, "PUSHES_AT_ONCE", 1)
    harness = serve()
    stub = health_pb2_grpc.HealthStub(harness.channel)
    first = stub.Watch(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_S)
    assert next(first).status == SERVING
    assert health(harness) == SERVING
    with pytest.raises(grpc.RpcError) as failure:
        next(stub.Watch(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_S))
    assert RpcFailure.of(failure.value).code is grpc.StatusCode.UNIMPLEMENTED


def test_a_watch_is_counted_when_it_ends(serve: Serve) -> None:
    """Like any other call."""
    harness = serve()
    stub = health_pb2_grpc.HealthStub(harness.channel)
    watcher = stub.Watch(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_S)
    next(watcher)
    watcher.cancel()
    event = harness.log.one_of("grpc.health.v1.Health/Watch")
    assert event["code"] == "CANCELLED"


def test_octets_that_are_no_health_check_are_the_callers_fault(serve: Serve) -> None:
    """In a watch, too."""
    harness = serve()
    watch: grpc.UnaryStreamMultiCallable[bytes, bytes] = harness.channel.unary_stream(
        "/grpc.health.v1.Health/Watch"
    )
    with pytest.raises(grpc.RpcError) as failure:
        list(watch(b"\xff", timeout=TIMEOUT_S))
    assert RpcFailure.of(failure.value).reason == "MALFORMED_MESSAGE"


def test_a_stranger_finds_its_way_by_reflection(serve: Serve) -> None:
    """Without generated code."""
    harness = serve()
    database = ProtoReflectionDescriptorDatabase(harness.channel)
    assert {DECISIONS, REGISTRY, "grpc.health.v1.Health"} <= set(database.get_services())
    pool = DescriptorPool(database)
    method = pool.FindServiceByName(DECISIONS).methods_by_name["CheckContact"]
    request = GetMessageClass(method.input_type)(purpose="p")
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = harness.channel.unary_unary(f"/{CHECK}")
    octets = call(request.SerializeToString(), timeout=TIMEOUT_S)
    response = GetMessageClass(method.output_type).FromString(octets)
    assert str(response) == 'decision {\n  decision_id: "p"\n}\n'


# Listening


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1:{taken}", "192.0.2.1:0", "no-such-host.example:0"],
    ids=["taken", "of another machine", "of nobody"],
)
def test_an_address_that_cannot_be_bound_is_a_mistake_of_the_settings(
    serve: Serve, address: str
) -> None:
    """Rather than half of the calls for each of two servers."""
    address = address.format(taken=serve().server.port)
    with pytest.raises(ConfigurationError, match="cannot listen on"):
        serve(options=local_options(address=address))


def test_a_server_listens_on_a_unix_socket(serve: Serve, tmp_path: Path) -> None:
    """For callers on the same machine."""
    address = f"unix:{tmp_path}/s"
    serve(options=local_options(address=address))
    with grpc.insecure_channel(address) as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(f"/{CHECK}")
        assert call(b"", timeout=TIMEOUT_S) == b"\x0a\x00"


def test_a_message_beyond_the_limit_is_refused(serve: Serve) -> None:
    """Before it is read."""
    harness = serve(options=local_options(message_octets=1_000))
    with pytest.raises(grpc.RpcError) as failure:
        harness.check("p" * 1_001)
    assert RpcFailure.of(failure.value).code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert harness.servicer.calls == []


# TLS


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.new()


@pytest.fixture(scope="module")
def tls(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    return authority.issue("localhost").written(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def mutual_tls(
    authority: Authority, tls: TlsFiles, tmp_path_factory: pytest.TempPathFactory
) -> TlsFiles:
    client_ca = tmp_path_factory.mktemp("ca") / "ca.pem"
    client_ca.write_bytes(authority.certificate)
    return TlsFiles(tls.certificate, tls.key, client_ca)


def client(trusted: Authority, identity: Identity | None = None) -> grpc.ChannelCredentials:
    if identity is None:
        return grpc.ssl_channel_credentials(trusted.certificate)
    return grpc.ssl_channel_credentials(trusted.certificate, identity.key, identity.certificate)


def test_a_call_over_tls_is_answered(serve: Serve, authority: Authority, tls: TlsFiles) -> None:
    """For a client that trusts the server's authority."""
    harness = serve(options=local_options(tls=tls), credentials=client(authority))
    assert harness.check("p").decision.decision_id == "p"


def test_a_client_that_knows_another_authority_does_not_talk(serve: Serve, tls: TlsFiles) -> None:
    """It would tell a stranger its key."""
    harness = serve(options=local_options(tls=tls), credentials=client(Authority.new()))
    assert harness.refused().code is grpc.StatusCode.UNAVAILABLE


def test_a_call_in_clear_is_not_answered(serve: Serve, tls: TlsFiles) -> None:
    """On a port with TLS."""
    assert serve(options=local_options(tls=tls)).refused().code is grpc.StatusCode.UNAVAILABLE


def test_mutual_tls_asks_for_the_clients_certificate(
    serve: Serve, authority: Authority, mutual_tls: TlsFiles
) -> None:
    """One of the authority that is named for clients."""
    options = local_options(tls=mutual_tls)
    known = serve(options=options, credentials=client(authority, authority.issue("dialer")))
    assert known.check("p").decision.decision_id == "p"
    nameless = serve(options=options, credentials=client(authority))
    assert nameless.refused().code is grpc.StatusCode.UNAVAILABLE
    foreign = client(authority, Authority.new().issue("dialer"))
    assert serve(options=options, credentials=foreign).refused().code is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize(
    "spoilt, problem",
    [
        ("certificate", "are not a certificate and its key"),
        ("key", "are not a certificate and its key"),
        ("client_ca", "holds no certificate"),
    ],
)
def test_files_that_do_not_fit_are_a_mistake_of_the_settings(
    serve: Serve, mutual_tls: TlsFiles, tmp_path: Path, spoilt: str, problem: str
) -> None:
    """Told at the start, not to the first client."""
    other = Authority.new().issue("localhost").written(tmp_path)
    (tmp_path / "empty").write_bytes(b"")
    files = {
        "certificate": TlsFiles(other.certificate, mutual_tls.key),
        "key": TlsFiles(mutual_tls.certificate, other.key),
        "client_ca": TlsFiles(mutual_tls.certificate, mutual_tls.key, tmp_path / "empty"),
    }[spoilt]
    with pytest.raises(ConfigurationError, match=problem):
        serve(options=local_options(tls=files))


def test_a_file_that_is_gone_is_a_mistake_of_the_settings(serve: Serve, tls: TlsFiles) -> None:
    """It is named."""
    absent = tls.key.with_name("absent")
    with pytest.raises(ConfigurationError, match="absent cannot be read"):
        serve(options=local_options(tls=TlsFiles(tls.certificate, absent)))


# The end


def test_a_stopped_server_can_be_stopped_again(serve: Serve) -> None:
    """Whoever cleans up need not know."""
    harness = serve()
    harness.server.stop()
    harness.server.stop()


@pytest.fixture
def process(request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    """A server in a process of its own, with the grace that the test asks for."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.unit.rpc.draining_server", str(request.param)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        yield running
        running.kill()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.mark.parametrize("process", [30], indirect=True)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_stopping_server_answers_what_it_has_begun(
    process: subprocess.Popen[str], number: signal.Signals
) -> None:
    """Takes nothing new, and ends with 0 when all is answered."""
    with grpc.insecure_channel(f"127.0.0.1:{line(process)}") as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(f"/{CHECK}")
        begun = call.future(b"", timeout=TIMEOUT_S)
        assert line(process) == "answering"
        process.send_signal(number)
        assert line(process) == "stopping"
        _await_refusal(call)
        output, log = process.communicate("go on\n", timeout=TIMEOUT_S)
        assert begun.result(TIMEOUT_S) == b""
    assert output.startswith("stopped")
    assert (process.returncode, log) == (0, "")


@pytest.mark.parametrize("process", [0.1], indirect=True)
def test_a_call_that_outlasts_the_grace_is_cut(process: subprocess.Popen[str]) -> None:
    """A server that is asked to stop does stop."""
    with grpc.insecure_channel(f"127.0.0.1:{line(process)}") as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(f"/{CHECK}")
        begun = call.future(b"", timeout=TIMEOUT_S)
        assert line(process) == "answering"
        process.send_signal(signal.SIGTERM)
        assert line(process) == "stopping"
        assert line(process).startswith("stopped")
        assert begun.exception(TIMEOUT_S) is not None
    process.communicate("go on\n", timeout=TIMEOUT_S)
    assert process.returncode == 0


@pytest.mark.parametrize("process", [30], indirect=True)
def test_a_second_signal_ends_a_stopping_server(process: subprocess.Popen[str]) -> None:
    """For the operator who will not wait."""
    with grpc.insecure_channel(f"127.0.0.1:{line(process)}") as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(f"/{CHECK}")
        begun = call.future(b"", timeout=TIMEOUT_S)
        assert line(process) == "answering"
        process.send_signal(signal.SIGTERM)
        assert line(process) == "stopping"
        process.send_signal(signal.SIGTERM)
        assert process.wait(TIMEOUT_S) == -signal.SIGTERM
        assert begun.exception(TIMEOUT_S) is not None


def _await_refusal(call: grpc.UnaryUnaryMultiCallable[bytes, bytes]) -> None:
    """Calls until it is refused: the server says that it stops a moment before it does."""
    with pytest.raises(grpc.RpcError) as refused:
        all(call(b"", timeout=TIMEOUT_S) == b"" for _ in itertools.count())
    # gRPC cancels those that come while it closes the connection.
    codes = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
    assert RpcFailure.of(refused.value).code in codes
