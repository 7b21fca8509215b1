"""The API keys in force: those of the file's newest content that is free of faults."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from structlog.typing import FilteringBoundLogger

from consent_registry_server.renewal import Renewed, settle
from consent_registry_server.rpc.api_keys import api_keys_of, read_keys_file
from consent_registry_server.rpc.authentication import ApiKeys, Caller
from consent_registry_server.service.ports import Reload


class KeysInForce:
    """An `Authenticator` whose keys change with their file, all together or not at all.

    A call is let in once, at its beginning: what runs when its key is taken away goes on.
    """

    def __init__(
        self,
        path: Path,
        *,
        services: frozenset[str],
        logger: FilteringBoundLogger,
        counted: Callable[[Reload], object],
        pause: Callable[[], object] = settle,
    ) -> None:
        """Reads the file; `services` are the full names of all that can be granted.

        Raises:
            ConfigurationError: with everything that is wrong with the file, but nothing it holds.
        """
        read = partial(read_keys_file, path)
        make = partial(api_keys_of, path, services=services)
        content = read()
        self._keys: Renewed[bytes, ApiKeys] = Renewed(
            content,
            make(content),
            subject="api_keys",
            read=read,
            make=make,
            logger=logger,
            counted=counted,
            pause=pause,
        )

    def caller(self, authorizations: Sequence[str | bytes]) -> Caller:
        """See `Authenticator`."""
        return self._keys.value.caller(authorizations)

    def reload(self) -> None:
        """Puts the file's keys in force if it changed and they can be; never raises."""
        self._keys.reload()
