"""Certificates and API keys that others renew, under a running server that asks for both."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc
import pytest

from consent_registry_client import Client, ConsentRegistryError, RetryPolicy, TlsFiles
from consent_registry_server.rpc.api_keys import new_api_key
from tests.e2e.registry_process import NotYet, RegistryProcess, eventually
from tests.unit.rpc.certificates import Authority, Identity
from tests.unit.rpc.mounted import MountedFiles

_GRANTS: Final = {"services": ["PolicyService"], "controllers": ["*"]}
_ONCE: Final = RetryPolicy(attempts=1)


@dataclass
class Guarded:
    """A server with mutual TLS and API keys, and what is mounted in it."""

    registry: RegistryProcess
    authority: Authority
    tls: MountedFiles
    keys: MountedFiles
    directory: Path

    def mount_certificate(self, identity: Identity, client_authority: Authority) -> None:
        self.tls.mount(
            tls_crt=identity.certificate,
            tls_key=identity.key,
            ca_crt=client_authority.certificate,
        )

    def mount_keys(self, *entries: dict[str, Any]) -> None:
        keys = [{**entry, **_GRANTS} for entry in entries]
        self.keys.mount(**{"api-keys_json": json.dumps({"keys": keys}).encode()})

    def client(self, secret: str, identity: Identity | None) -> Client:
        """One that trusts the server's authority and presents itself, if it can."""
        folder = self.directory / f"client-{len(list(self.directory.iterdir()))}"
        folder.mkdir()
        ca = folder / "ca.crt"
        ca.write_bytes(self.authority.certificate)
        files = None if identity is None else identity.written(folder)
        tls = (
            TlsFiles(ca=ca)
            if files is None
            else TlsFiles(ca=ca, certificate=files.certificate, key=files.key)
        )
        address = f"localhost:{self.registry.port}"
        return Client(address, api_key=secret, tls=tls, retry=_ONCE)

    def refusal(self, secret: str, identity: Identity | None) -> grpc.StatusCode | None:
        """How a new client is refused; None when it is answered."""
        with self.client(secret, identity) as client:
            return refusal(client)


def refusal(client: Client) -> grpc.StatusCode | None:
    """How a question is refused; None when it is answered."""
    try:
        client.get_policy()
    except ConsentRegistryError as error:
        return error.code
    return None


def until(condition: Callable[[], bool]) -> None:
    """Returns as soon as it holds."""

    def probe() -> None:
        if not condition():
            raise NotYet

    eventually(probe)


@pytest.fixture(scope="module")
def secrets() -> dict[str, tuple[str, dict[str, Any]]]:
    return {name: new_api_key(name) for name in ("dialer", "campaigns")}


@pytest.fixture(scope="module")
def guarded(
    new_data_dir: Callable[[], Path],
    tmp_path_factory: pytest.TempPathFactory,
    secrets: dict[str, tuple[str, dict[str, Any]]],
) -> Iterator[Guarded]:
    mounts = tmp_path_factory.mktemp("mounts")
    tls, keys = MountedFiles(mounts / "tls"), MountedFiles(mounts / "keys")
    authority = Authority.new()
    tls.mount(
        tls_crt=(own := authority.issue("localhost")).certificate,
        tls_key=own.key,
        ca_crt=authority.certificate,
    )
    entry = {**secrets["dialer"][1], **_GRANTS}
    keys.mount(**{"api-keys_json": json.dumps({"keys": [entry]}).encode()})
    registry = RegistryProcess(
        new_data_dir(),
        TLS_CERT_FILE=str(tls["tls.crt"]),
        TLS_KEY_FILE=str(tls["tls.key"]),
        TLS_CLIENT_CA_FILE=str(tls["ca.crt"]),
        API_KEYS_FILE=str(keys["api-keys.json"]),
        SECRETS_RELOAD_INTERVAL_S="0.05",
    )
    yield Guarded(registry, authority, tls, keys, tmp_path_factory.mktemp("clients"))
    assert registry.stop() == 0


def test_mutual_tls_and_keys_are_both_asked_for(
    guarded: Guarded, secrets: dict[str, tuple[str, dict[str, Any]]]
) -> None:
    """A key without a certificate is not even heard, nor one of another authority."""
    secret, known = secrets["dialer"][0], guarded.authority.issue("dialer")
    assert guarded.refusal(secret, known) is None
    assert guarded.refusal("another-secret", known) is grpc.StatusCode.UNAUTHENTICATED
    for stranger in (None, Authority.new().issue("dialer")):
        assert guarded.refusal(secret, stranger) is grpc.StatusCode.UNAVAILABLE


def test_keys_come_and_go_without_a_restart(
    guarded: Guarded, secrets: dict[str, tuple[str, dict[str, Any]]]
) -> None:
    """On connections that are open, too; a file that cannot be read changes nothing."""
    (old, old_entry), (new, new_entry) = secrets["dialer"], secrets["campaigns"]
    identity = guarded.authority.issue("dialer")
    with guarded.client(old, identity) as before, guarded.client(new, identity) as after:
        assert (refusal(before), refusal(after)) == (None, grpc.StatusCode.UNAUTHENTICATED)
        guarded.mount_keys(new_entry)
        until(lambda: refusal(after) is None)
        assert refusal(before) is grpc.StatusCode.UNAUTHENTICATED
        guarded.keys.mount(**{"api-keys_json": b"{"})
        guarded.registry.event("api_keys_refused")
        assert (refusal(before), refusal(after)) == (grpc.StatusCode.UNAUTHENTICATED, None)
        assert b'api_key_reloads_total{outcome="refused"}' in guarded.registry.metrics()
        guarded.mount_keys(old_entry)
        until(lambda: refusal(before) is None)
    assert not [each for each in (old, new) if each.encode() in guarded.registry.log]


def test_certificates_are_renewed_without_a_restart(
    guarded: Guarded, secrets: dict[str, tuple[str, dict[str, Any]]]
) -> None:
    """The server's own and the authority of its clients; open connections go on."""
    secret, authority = secrets["dialer"][0], guarded.authority
    newer = Authority.new()
    old_client, new_client = authority.issue("dialer"), newer.issue("dialer")
    with guarded.client(secret, old_client) as connected:
        assert refusal(connected) is None
        assert guarded.refusal(secret, new_client) is grpc.StatusCode.UNAVAILABLE
        faulty = Identity(authority.issue("localhost").certificate, b"")
        guarded.mount_certificate(faulty, newer)
        guarded.registry.event("tls_certificate_refused")
        assert guarded.refusal(secret, authority.issue("dialer")) is None
        guarded.mount_certificate(authority.issue("localhost"), newer)
        guarded.registry.event("tls_certificate_reloaded")
        assert guarded.refusal(secret, new_client) is None
        assert guarded.refusal(secret, authority.issue("dialer")) is grpc.StatusCode.UNAVAILABLE
        assert refusal(connected) is None
    page = guarded.registry.metrics().decode()
    assert "consent_registry_tls_certificate_expiry_timestamp_seconds 1" in page
