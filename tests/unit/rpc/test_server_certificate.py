"""A certificate that is renewed is used without a restart; a faulty one leaves it as it was."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
from cryptography import x509

from consent_registry_server.rpc.options import TlsFiles
from tests.unit.rpc.certificates import Authority, Identity
from tests.unit.rpc.harness import TIMEOUT_S, Chunk, Harness, local_options
from tests.unit.rpc.mounted import MountedFiles

Serve = Callable[..., Harness]
EXPIRY = "consent_registry_tls_certificate_expiry_timestamp_seconds"
RELOADS = "consent_registry_tls_certificate_reloads_total"
HOUR_S = 3_600


class Bench:
    """A server whose certificate is mounted."""

    def __init__(self, serve: Serve, directory: Path) -> None:
        self.authority = Authority.new()
        self.files = MountedFiles(directory)
        self._serve = serve

    def mount(self, identity: Identity, authority: Authority | None = None) -> None:
        self.files.mount(
            tls_crt=identity.certificate,
            tls_key=identity.key,
            ca_crt=(authority or self.authority).certificate,
        )

    def serve(self, *, asks_clients: bool = False) -> Harness:
        """Starts it; the harness's client trusts the bench's authority and presents itself."""
        client_ca = self.files["ca.crt"] if asks_clients else None
        tls = TlsFiles(self.files["tls.crt"], self.files["tls.key"], client_ca)
        me = self.authority.issue("dialer")
        credentials = grpc.ssl_channel_credentials(
            self.authority.certificate, me.key, me.certificate
        )
        return self._serve(options=local_options(tls=tls), credentials=credentials)


@pytest.fixture
def bench(serve: Serve, tmp_path: Path) -> Bench:
    made = Bench(serve, tmp_path)
    made.mount(made.authority.issue("localhost"))
    return made


def presented(harness: Harness) -> bytes:
    """The certificate that a new connection is shown, as PEM."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    address = ("localhost", harness.server.port)
    with (
        socket.create_connection(address, TIMEOUT_S) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        return ssl.DER_cert_to_PEM_cert(connection.getpeercert(binary_form=True) or b"").encode()


def reloads(harness: Harness, outcome: str) -> float | None:
    return harness.metrics.registry.get_sample_value(RELOADS, {"outcome": outcome})


def answers(harness: Harness, credentials: grpc.ChannelCredentials) -> bool:
    """Whether a client on a connection of its own gets an answer."""
    # Channels with the same target and arguments would share a connection.
    options = [("grpc.use_local_subchannel_pool", 1)]
    target = f"localhost:{harness.server.port}"
    with grpc.secure_channel(target, credentials, options) as channel:
        try:
            Harness(harness.server, channel, harness.log, harness.metrics, harness.servicer).check()
        except grpc.RpcError:
            return False
    return True


def test_a_renewed_certificate_is_shown_to_new_connections(bench: Bench) -> None:
    """Those that are open go on, streams included."""
    harness = bench.serve()
    before = presented(harness)
    stream = harness.decisions.FilterAudience(iter([Chunk()]), timeout=TIMEOUT_S)
    renewed = bench.authority.issue("localhost")
    bench.mount(renewed)
    harness.server.reload_certificate()
    assert presented(harness) == presented(harness) == renewed.certificate != before
    assert len(list(stream)) == 1
    assert harness.check("p").decision.decision_id == "p"
    assert reloads(harness, "done") == 1.0
    assert [event["event"] for event in harness.log.events if "tls" in event["event"]] == [
        "tls_certificate_reloaded"
    ]


def test_files_that_are_the_same_are_no_renewal(bench: Bench) -> None:
    """A mount is swapped for other reasons too."""
    bench.mount(identity := bench.authority.issue("localhost"))
    harness = bench.serve()
    bench.mount(identity)
    harness.server.reload_certificate()
    assert presented(harness) == identity.certificate
    assert reloads(harness, "done") == 0.0


@pytest.mark.parametrize("fault", ["another key", "no certificate", "no key", "gone"])
def test_a_faulty_renewal_leaves_the_certificate_in_force(bench: Bench, fault: str) -> None:
    """It is told once, counted each time, and does not stop the next one."""
    harness = bench.serve()
    before = presented(harness)
    good, other = bench.authority.issue("localhost"), bench.authority.issue("localhost")
    if fault == "gone":
        bench.files["tls.key"].unlink()
    else:
        spoilt = {
            "another key": Identity(good.certificate, other.key),
            "no certificate": Identity(b"", good.key),
            "no key": Identity(good.certificate, good.certificate),
        }
        bench.mount(spoilt[fault])
    for _ in range(2):
        harness.server.reload_certificate()
        assert presented(harness) == before
        assert harness.check("p").decision.decision_id == "p"
    assert reloads(harness, "refused") == 2.0
    [event] = [each for each in harness.log.events if each["event"] == "tls_certificate_refused"]
    assert str(bench.files["tls.key"]) in str(event["faults"])
    bench.mount(good)
    harness.server.reload_certificate()
    assert presented(harness) == good.certificate


def test_clients_are_asked_for_certificates_of_the_renewed_authority(bench: Bench) -> None:
    """Who was let in by the one before is not, on a new connection."""
    harness = bench.serve(asks_clients=True)
    newer = Authority.new()
    old_client, new_client = bench.authority.issue("dialer"), newer.issue("dialer")
    trusted = bench.authority.certificate
    old = grpc.ssl_channel_credentials(trusted, old_client.key, old_client.certificate)
    new = grpc.ssl_channel_credentials(trusted, new_client.key, new_client.certificate)
    nameless = grpc.ssl_channel_credentials(trusted)
    assert [answers(harness, each) for each in (old, new, nameless)] == [True, False, False]
    bench.mount(bench.authority.issue("localhost"), newer)
    harness.server.reload_certificate()
    assert [answers(harness, each) for each in (old, new, nameless)] == [False, True, False]


def test_an_authority_without_a_certificate_leaves_clients_as_they_were(bench: Bench) -> None:
    """Nobody is let in that was not before."""
    harness = bench.serve(asks_clients=True)
    identity = bench.authority.issue("localhost")
    bench.files.mount(tls_crt=identity.certificate, tls_key=identity.key, ca_crt=b"")
    harness.server.reload_certificate()
    assert reloads(harness, "refused") == 1.0
    assert harness.check("p").decision.decision_id == "p"
    assert not answers(harness, grpc.ssl_channel_credentials(bench.authority.certificate))


def test_the_end_of_the_certificate_in_force_is_shown(bench: Bench) -> None:
    """Of the one that handshakes take, not of the one that was refused."""
    bench.mount(bench.authority.issue("localhost", hours=48))
    harness = bench.serve()
    read = harness.metrics.registry.get_sample_value
    now_s = time.time()
    assert read(EXPIRY) == pytest.approx(now_s + 48 * HOUR_S, abs=60)
    renewed = bench.authority.issue("localhost", hours=72)
    bench.mount(Identity(renewed.certificate, b""))
    harness.server.reload_certificate()
    assert read(EXPIRY) == pytest.approx(now_s + 48 * HOUR_S, abs=60)
    bench.mount(renewed)
    harness.server.reload_certificate()
    [certificate] = x509.load_pem_x509_certificates(renewed.certificate)
    assert read(EXPIRY) == certificate.not_valid_after_utc.timestamp()


def test_without_tls_there_is_nothing_to_renew(serve: Serve) -> None:
    """And no end to show."""
    harness = serve()
    harness.server.reload_certificate()
    assert harness.metrics.registry.get_sample_value(EXPIRY) is None
