"""Reads the header of a message; its body is nobody's business here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.parser import BytesHeaderParser
from email.policy import default
from typing import Final

LONGEST_OCTETS: Final = 128 * 1024
MOST_FIELDS: Final = 1_000

_END: Final = b"\r\n\r\n"
_LINE_BREAKS: Final = re.compile(r"[\r\n]+")


class UnreadableHeader(Exception):
    """The header is beyond the bounds, or broken beyond reading."""


@dataclass(frozen=True, slots=True)
class Header:
    """The fields of a header, as received, folds included; names in lower case."""

    fields: Mapping[str, tuple[str, ...]]

    def values(self, name: str) -> tuple[str, ...]:
        """All the values of a field, in order."""
        return self.fields.get(name, ())

    def without(self, name: str) -> Header:
        """The header as if it did not have a field."""
        return Header({each: values for each, values in self.fields.items() if each != name})

    def word(self, name: str) -> str:
        """What a field says before its parameters and comments, in lower case; empty without it."""
        for value in self.values(name):
            return value.partition(";")[0].partition("(")[0].strip().lower()
        return ""


def read_header(message: bytes) -> Header:
    """Returns the header of a message.

    Raises:
        UnreadableHeader: it has more octets or fields than we read, or cannot be read.
    """
    octets, end, _ = message[: LONGEST_OCTETS + len(_END)].partition(_END)
    if not end and len(message) > LONGEST_OCTETS:
        raise UnreadableHeader
    fields: dict[str, list[str]] = {}
    try:
        raw = list(BytesHeaderParser(policy=default).parsebytes(octets).raw_items())
    except Exception as error:
        # The library's parser is known to fail on some of what it is to be lenient with.
        raise UnreadableHeader from error
    if len(raw) > MOST_FIELDS:
        raise UnreadableHeader
    for name, value in raw:
        fields.setdefault(name.lower(), []).append(str(value))
    return Header({name: tuple(values) for name, values in fields.items()})


def decoded(value: str) -> str:
    """A value as a person reads it: on one line, encoded words (RFC 2047) decoded."""
    line = _LINE_BREAKS.sub("", value)
    try:
        return str(default.header_factory("Subject", line))
    except Exception:  # noqa: BLE001 - as in `read_header`; tokens are ASCII and need no decoding
        return line
