"""The certificate of the server, and who signs those of its clients; renewed with its files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from structlog.typing import FilteringBoundLogger

from consent_registry_server.domain.errors import ConfigurationError
from consent_registry_server.renewal import Renewed, settle
from consent_registry_server.rpc.options import TlsFiles
from consent_registry_server.service.ports import Reload


@dataclass(frozen=True, slots=True)
class _Pem:
    """What the files hold."""

    certificate: bytes
    key: bytes = field(repr=False)
    client_ca: bytes | None


@dataclass(frozen=True, slots=True)
class _Usable:
    """What a handshake takes, and until when clients do."""

    configuration: grpc.ServerCertificateConfiguration
    expires_at_s: float


class ServerCertificate:
    """A certificate that changes with its files; a handshake takes the one in force.

    Connections that are open keep theirs.
    """

    def __init__(
        self,
        files: TlsFiles,
        *,
        logger: FilteringBoundLogger,
        counted: Callable[[Reload], object],
        pause: Callable[[], object] = settle,
    ) -> None:
        """Reads the files.

        Raises:
            ConfigurationError: they cannot be read, or are not a certificate and its key.
        """
        self._files = files
        pem = self._read()
        self._in_force: Renewed[_Pem, _Usable] = Renewed(
            pem,
            self._usable(pem),
            subject="tls_certificate",
            read=self._read,
            make=self._usable,
            logger=logger,
            counted=counted,
            pause=pause,
        )
        self._taken = self._in_force.value

    @property
    def expires_at_s(self) -> float:
        """The end of the certificate in force, in seconds since the Unix epoch."""
        return self._in_force.value.expires_at_s

    def reload(self) -> None:
        """Takes the files if they changed and can be used; never raises."""
        self._in_force.reload()

    def credentials(self) -> grpc.ServerCredentials:
        """For one port, which asks at each handshake whether there is another certificate."""
        return grpc.dynamic_ssl_server_credentials(
            self._taken.configuration,
            # None is no change, which the stubs do not know.
            self._renewed_configuration,  # type: ignore[arg-type]
            require_client_authentication=self._files.client_ca is not None,
        )

    def _renewed_configuration(self) -> grpc.ServerCertificateConfiguration | None:
        now = self._in_force.value
        if now is self._taken:
            # Each configuration costs a context of TLS; the port keeps the last one.
            return None
        self._taken = now
        return now.configuration

    def _read(self) -> _Pem:
        files = self._files
        client_ca = None if files.client_ca is None else _content(files.client_ca)
        return _Pem(_content(files.certificate), _content(files.key), client_ca)

    def _usable(self, pem: _Pem) -> _Usable:
        """Finds what gRPC would only tell its own log."""
        certificate = self._checked_pair(pem)
        if pem.client_ca is not None and not _authorities(pem.client_ca):
            raise ConfigurationError(f"{self._files.client_ca} holds no certificate")
        return _Usable(
            grpc.ssl_server_certificate_configuration(
                [(pem.key, pem.certificate)], root_certificates=pem.client_ca
            ),
            certificate.not_valid_after_utc.timestamp(),
        )

    def _checked_pair(self, pem: _Pem) -> x509.Certificate:
        try:
            certificate = x509.load_pem_x509_certificates(pem.certificate)[0]
            certified = certificate.public_key()
            key = load_pem_private_key(pem.key, password=None).public_key()
            encoding = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            if certified.public_bytes(*encoding) == key.public_bytes(*encoding):
                return certificate
        except (ValueError, TypeError, UnsupportedAlgorithm):
            # One problem for all of them: which part of a secret is wrong is nobody's business.
            pass
        raise ConfigurationError(
            f"{self._files.certificate} and {self._files.key} are not a certificate and its key"
        )


def _authorities(pem: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        return []


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
