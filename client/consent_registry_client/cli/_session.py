"""How one run of `consentctl` reaches the registry, and how it ends."""

from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Annotated

import typer

from consent_registry_client import (
    Client,
    ConsentRegistryError,
    InvalidRequest,
    NotFound,
    PreconditionFailed,
    RequestIdReused,
    TlsFiles,
)

DEFAULT_ADDRESS = "127.0.0.1:50051"

Controller = Annotated[
    str,
    typer.Option(
        envvar="CONSENT_REGISTRY_CONTROLLER",
        help="The legal entity that asks or was told, e.g. alarm-fr; group for all, in writes.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


class Exit(IntEnum):
    """The exit codes."""

    OK = 0
    NOT_ALLOWED = 1
    USAGE = 2
    NO_ANSWER = 3
    BAD_ROWS = 4
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Where the registry is, from the options before the command."""

    address: str
    api_key: str | None
    tls: TlsFiles | None

    def client(self) -> Client:
        """Returns a client to be closed by the caller."""
        return Client(self.address, api_key=self.api_key, tls=self.tls)


def client_of(context: typer.Context) -> Client:
    """Returns a client for the command that runs."""
    session = context.find_object(Session)
    if session is None:
        raise RuntimeError("no command runs without the options before it")
    return session.client()


def tls_files(ca: Path | None, *, certificate: Path | None, key: Path | None) -> TlsFiles | None:
    """Returns the TLS files, or None when there are none."""
    if ca is None and certificate is None and key is None:
        return None
    return TlsFiles(ca=ca, certificate=certificate, key=key)


def exit_of(error: Exception) -> Exit:
    """Returns how a run ends that failed: by a wrong request, or without an answer."""
    wrong = (InvalidRequest, NotFound, PreconditionFailed, RequestIdReused)
    return Exit.USAGE if isinstance(error, wrong) else Exit.NO_ANSWER


def explained(error: ConsentRegistryError) -> str:
    """Returns the error in one line, without contact data."""
    fields = ", ".join(violation.field for violation in error.field_violations if violation.field)
    return (
        f"{error.reason or error.code.name}: {error.message}"
        + (f" ({fields})" if fields and fields not in error.message else "")
        + (f" [request id {error.request_id}]" if error.request_id else "")
        + (f" [call {error.call_id}]" if error.call_id else "")
    )
