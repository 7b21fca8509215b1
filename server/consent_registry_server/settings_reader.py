"""Reads settings from environment variables and mounted files, and notes all that is wrong."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from consent_registry_server.domain.errors import ConfigurationError
from consent_registry_server.rpc.options import UNIX, Address, parse_address

PREFIX: Final = "CONSENT_REGISTRY_"

# It sets them for every service that it runs by the name `consent-registry`.
_OF_KUBERNETES: Final = re.compile(rf"{PREFIX}(SERVICE|PORT)(_|$)")

_SHORTEST_S: Final = 0.001
_LONGEST_S: Final = 3_600.0


class SettingsReader:
    """Reads variables, notes what is wrong with them and goes on with the defaults."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.problems: list[str] = []
        self._values = {
            name: value
            for name, value in environment.items()
            if name.startswith(PREFIX) and value != ""
        }
        self._known: set[str] = set()

    def given(self, name: str) -> bool:
        """Whether a variable is set, right or wrong."""
        return PREFIX + name in self._values

    def problem(self, name: str, what: str) -> None:
        """Notes what is wrong with a variable."""
        self.refuse(f"{PREFIX}{name} {what}")

    def refuse(self, problem: str) -> None:
        """Notes what is wrong with several variables together."""
        self.problems.append(problem)

    def require_usable(self) -> None:
        """Goes on when nothing was wrong.

        Raises:
            ConfigurationError: with every problem, by the names of the variables, never with a
                secret.
        """
        if self.problems:
            raise ConfigurationError("\n  ".join(["the settings cannot be used:", *self.problems]))

    def unrecognised(self) -> tuple[str, ...]:
        """The names that nothing was read from, but those that Kubernetes makes up."""
        unread = self._values.keys() - self._known
        return tuple(sorted(name for name in unread if not _OF_KUBERNETES.match(name)))

    def text(self, name: str) -> str | None:
        """A text as it stands."""
        self._known.add(PREFIX + name)
        return self._values.get(PREFIX + name)

    def choice(self, name: str, choices: tuple[str, ...], *, default: str) -> str:
        """One of some words."""
        value = self.text(name)
        if value is None or value in choices:
            return value or default
        self.problem(name, f"must be one of {', '.join(choices)}, not {value!r}")
        return default

    def integer(self, name: str, default: int, *, low: int, high: int) -> int:
        """A whole number, both bounds included."""
        value = self.text(name)
        if value is None:
            return default
        if value.isascii() and value.isdigit() and low <= int(value[:20]) <= high:
            return int(value)
        self.problem(name, f"must be a whole number from {low:,} to {high:,}, not {value!r}")
        return default

    def seconds(self, name: str, default: float) -> float:
        """A duration of up to an hour."""
        value = self.text(name)
        if value is None:
            return default
        try:
            seconds = float(value)
        except ValueError:
            seconds = -1
        if _SHORTEST_S <= seconds <= _LONGEST_S:
            return seconds
        self.problem(name, f"must be seconds from {_SHORTEST_S} to {_LONGEST_S}, not {value!r}")
        return default

    def listener(self, name: str, *, default: str) -> str:
        """An address to listen on: a Unix socket, or a host and port."""
        value = self.text(name)
        if value is None or value.startswith(UNIX):
            return value or default
        self.address(name, default=default)
        return value

    def address(self, name: str, *, default: str) -> Address:
        """A host and a port."""
        value = self.text(name) or default
        parsed = parse_address(value)
        if parsed is None:
            self.problem(name, f"must be host:port or [ipv6]:port, not {value!r}")
            return Address("", 0)
        return parsed

    def path(self, name: str) -> Path | None:
        """A path, to something or nothing."""
        value = self.text(name)
        return None if value is None else Path(value)

    def file(self, name: str) -> Path | None:
        """A file that is there and can be read."""
        path = self.path(name)
        if path is not None and not (path.is_file() and os.access(path, os.R_OK)):
            self.problem(name, f"names no file that can be read: {path}")
            return None
        return path

    def directory(self, name: str) -> Path | None:
        """A directory that is there."""
        path = self.path(name)
        if path is not None and not path.is_dir():
            self.problem(name, f"names no directory: {path}")
            return None
        return path

    def secret(self, name: str) -> str | None:
        """A text from the variable itself, or from the file that `<name>_FILE` names."""
        value, path = self.text(name), self.file(f"{name}_FILE")
        if value is not None and self.given(f"{name}_FILE"):
            self.problem(name, f"and {PREFIX}{name}_FILE are both set")
            return None
        if path is None:
            return value
        try:
            value = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            value = ""
        if not value:
            self.problem(f"{name}_FILE", f"names a file without text: {path}")
            return None
        return value
