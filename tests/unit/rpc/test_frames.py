"""What the log may say of an exception."""

from __future__ import annotations

import pytest

from consent_registry_server.rpc.frames import frames_of

NUMBER = "+33639980001"


def _driver(number: str) -> None:
    raise KeyError(f"(parameters: {number})")


def _storage(number: str) -> None:
    try:
        _driver(number)
    except KeyError as error:
        raise ValueError(number) from error


def test_frames_name_places_and_types_only() -> None:
    """The cause first; no message and no variable."""
    with pytest.raises(ValueError, match="33") as raised:
        _storage(NUMBER)
    frames = frames_of(raised.value)
    assert [frame.rpartition(" ")[2] for frame in frames] == [
        "_storage",
        "_driver",
        "builtins.KeyError",
        "test_frames_name_places_and_types_only",
        "_storage",
        "builtins.ValueError",
    ]
    assert NUMBER not in repr(frames)


def test_an_error_that_is_its_own_cause_ends() -> None:
    """However an error was put together."""
    error, other = ValueError(), KeyError()
    error.__cause__, other.__cause__ = other, error
    assert frames_of(error) == ["builtins.KeyError", "builtins.ValueError"]
