"""The connection: where it may lead, what it carries, and how long it lives."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from consent_registry.v1.policy_service_pb2 import GetPolicyResponse
from consent_registry_client import (
    AsyncClient,
    Client,
    ConsentRegistryError,
    InvalidRequest,
    RetryPolicy,
    TlsFiles,
)
from consent_registry_client._channel import endpoint
from tests.unit.client.fake_registry import FakeRegistry


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1:50051",
        "127.8.9.10:1",
        "localhost:50051",
        "LOCALHOST:50051",
        "[::1]:50051",
        "unix:/run/registry.sock",
    ],
)
def test_this_machine_is_reached_without_tls(address: str) -> None:
    assert endpoint(address, api_key="key", tls=None).credentials is None


@pytest.mark.parametrize(
    "address",
    [
        "registry.example:50051",
        "192.0.2.1:50051",
        "0.0.0.0:50051",
        "[2001:db8::1]:50051",
        "localhost.example.com:50051",
        "127.0.0.1.example.com:50051",
    ],
)
def test_no_other_machine_is_reached_without_tls(address: str) -> None:
    for api_key in (None, "key"):
        with pytest.raises(InvalidRequest) as caught:
            endpoint(address, api_key=api_key, tls=None)
        assert caught.value.reason == "TLS_REQUIRED"
    assert endpoint(address, api_key="key", tls=TlsFiles()).credentials is not None


@pytest.mark.parametrize(
    "address",
    [
        "",
        "localhost",
        ":50051",
        "localhost:",
        "localhost:0",
        "localhost:65536",
        "localhost:http",
        "dns:///registry.example:50051",
        "localhost:50051/path",
        "user@localhost:50051",
        "::1:50051",
        "localhost:50051\n",
    ],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(InvalidRequest):
        endpoint(address, api_key=None, tls=TlsFiles())


@pytest.mark.parametrize("api_key", ["", "with space", "line\nbreak", "clé"])
def test_a_key_that_cannot_be_sent_is_refused_and_not_repeated(api_key: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        endpoint("localhost:1", api_key=api_key, tls=None)
    assert not api_key or api_key not in str(caught.value)


def test_the_key_is_shown_in_no_representation() -> None:
    assert "s3cret" not in repr(endpoint("localhost:1", api_key="s3cret", tls=None))


def test_a_certificate_needs_its_key(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest):
        Client("localhost:1", tls=TlsFiles(certificate=tmp_path / "client.pem"))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"ca\.pem"):
        Client("localhost:1", tls=TlsFiles(ca=tmp_path / "ca.pem"))


def test_plaintext_goes_through_no_proxy(
    registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "grpc_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    registry.on("GetPolicy", GetPolicyResponse())
    with Client(registry.address) as client:
        client.get_policy()


def test_every_call_carries_the_key_and_the_callers_metadata(registry: FakeRegistry) -> None:
    registry.on("GetPolicy", GetPolicyResponse())
    with Client(registry.address, api_key="s3cret") as client:
        client.get_policy(metadata=(("x-request-id", "r1"),))
    metadata = registry.calls["GetPolicy"][0].metadata
    assert metadata["authorization"] == "Bearer s3cret"
    assert metadata["x-request-id"] == "r1"
    assert str(metadata["user-agent"]).startswith("consent-registry-client")


def test_a_plaintext_server_is_no_match_for_a_tls_client(registry: FakeRegistry) -> None:
    client = Client(registry.address, tls=TlsFiles(), timeout_s=0.3)
    with client, pytest.raises(ConsentRegistryError):
        client.get_policy()
    assert registry.calls["GetPolicy"] == []


def test_a_registry_that_does_not_tell_its_health_is_taken_for_ready() -> None:
    """A proxy in between may let the registry's own services through and nothing else."""
    with FakeRegistry(tells_health=False) as registry:
        registry.on("GetPolicy", GetPolicyResponse(policy_version="p1"))
        with Client(registry.address, retry=RetryPolicy(attempts=1)) as client:
            assert client.get_policy().policy_version == "p1"


def test_a_client_finds_a_registry_that_was_restarted(registry: FakeRegistry) -> None:
    registry.on("GetPolicy", GetPolicyResponse(policy_version="p1"))
    patient = RetryPolicy(attempts=50, first_delay_s=0.2)
    with Client(registry.address, retry=patient, timeout_s=20.0) as client:
        client.get_policy()
        registry.__exit__()
        with pytest.raises(ConsentRegistryError):
            client.get_policy(timeout_s=0.2)
        with FakeRegistry(address=registry.address) as restarted:
            restarted.on("GetPolicy", GetPolicyResponse(policy_version="p2"))
            assert client.get_policy().policy_version == "p2"


@pytest.mark.parametrize("trusted", [True, False], ids=["trusted", "not trusted"])
@pytest.mark.parametrize("flavour", ["sync", "aio"])
def test_over_tls_only_a_trusted_registry_is_shown_the_key(
    tmp_path: Path, flavour: str, trusted: bool
) -> None:
    certificate, key = self_signed()
    ca = tmp_path / "ca.pem"
    ca.write_bytes(certificate if trusted else self_signed()[0])
    credentials = grpc.ssl_server_credentials([(key, certificate)])
    with FakeRegistry(credentials=credentials) as registry:
        registry.on("GetPolicy", GetPolicyResponse(policy_version="p1"))
        options: Any = {"api_key": "s3cret", "tls": TlsFiles(ca=ca), "timeout_s": 2.0}
        if trusted:
            assert policy(registry.address, flavour, options).policy_version == "p1"
            assert registry.calls["GetPolicy"][0].metadata["authorization"] == "Bearer s3cret"
        else:
            with pytest.raises(ConsentRegistryError):
                policy(registry.address, flavour, options)
            assert registry.calls["GetPolicy"] == []


def policy(address: str, flavour: str, options: Any) -> GetPolicyResponse:  # noqa: ANN401
    if flavour == "sync":
        with Client(address, **options) as client:
            return client.get_policy()

    async def ask() -> GetPolicyResponse:
        async with AsyncClient(address, **options) as client:
            return await client.get_policy()

    return asyncio.run(ask())


def self_signed() -> tuple[bytes, bytes]:
    """Returns a certificate for 127.0.0.1 and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "registry.example")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return certificate.public_bytes(serialization.Encoding.PEM), private
