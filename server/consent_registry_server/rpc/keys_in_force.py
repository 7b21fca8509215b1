"""The API keys in force: those of the file's newest content that is free of faults."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from structlog.typing import FilteringBoundLogger

from consent_registry_server.renewal import RenewalEvents, Renewed, settle
from consent_registry_server.rpc.api_keys import api_keys_of, read_keys_file
from consent_registry_server.rpc.authentication import ApiKeys, Caller
from consent_registry_server.service.ports import Reload

_EVENTS: Final = RenewalEvents("api_keys_reloaded", "api_keys_refused", "api_keys_reload_failed")


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
        self._keys: Renewed[bytes, ApiKeys] = Renewed(
            partial(read_keys_file, path),
            lambda content: api_keys_of(path, content, services=services),
            events=_EVENTS,
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
