"""How the unsubscribe handlers reach the registry: through the client library, like anybody."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from consent_registry_client import AsyncClient, InvalidRequest, TlsFiles
from consent_registry_server.domain.errors import ConfigurationError
from consent_registry_server.settings_reader import SettingsReader

_DEFAULT_ADDRESS: Final = "127.0.0.1:50051"


@dataclass(frozen=True, slots=True)
class RegistryAccess:
    """Where the registry is, and by what it knows its caller.

    The key needs the UnsubscribeService and the controllers of the links, and nothing else.
    """

    address: str
    api_key: str | None = field(repr=False)
    tls: TlsFiles | None
    timeout_s: float
    """Of each call, its repetitions included."""

    def client(self) -> AsyncClient:
        """A client; within the event loop that will use it.

        Raises:
            ConfigurationError: the settings do not go together.
        """
        try:
            return AsyncClient(
                self.address, api_key=self.api_key, tls=self.tls, timeout_s=self.timeout_s
            )
        except InvalidRequest as error:
            raise ConfigurationError(f"the registry cannot be reached so: {error}") from None


def read_registry_access(read: SettingsReader) -> RegistryAccess:
    """Reads the settings that `consentctl` reads too, by the same names."""
    authority = read.file("TLS_CA")
    certificate, key = read.file("TLS_CERT"), read.file("TLS_KEY")
    wants_tls = any(read.given(name) for name in ("TLS_CA", "TLS_CERT", "TLS_KEY"))
    return RegistryAccess(
        address=read.text("ADDRESS") or _DEFAULT_ADDRESS,
        api_key=read.secret("API_KEY"),
        tls=TlsFiles(ca=authority, certificate=certificate, key=key) if wants_tls else None,
        timeout_s=read.seconds("TIMEOUT_S", 5.0),
    )
