"""What can be wrong with any field, tried on every field of a filled message."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, cast

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

ONE_BY_ONE: Final = frozenset({"requests", "leads", "members", "subjects"})
"""Lists whose items are judged each for itself."""

_MEGABYTE: Final = 1024 * 1024
_MANY: Final = 5_001
_TIMES: Final = {
    "long ago": (631_151_999, 0),
    "far ahead": (4_102_444_800, 0),
    "before all time": (-(2**63), 0),
    "after all time": (2**63 - 1, 0),
    "negative nanos": (1_700_000_000, -1),
    "too many nanos": (1_700_000_000, 1_000_000_000),
}


@dataclass(frozen=True)
class _Path:
    """A field: how to reach the message that holds it, and where in that it is."""

    steps: tuple[tuple[str, int | None], ...]
    descriptor: FieldDescriptor
    is_list: bool

    @property
    def text(self) -> str:
        parts = [name if index is None else f"{name}[{index}]" for name, index in self.steps]
        return ".".join(parts)

    def parent_in(self, message: Message) -> Message:
        for name, index in self.steps[:-1]:
            value = getattr(message, name)
            message = value if index is None else value[index]
        return message

    def put(self, parent: Message, change: Callable[[Any], Any]) -> None:
        name, index = self.steps[-1]
        if index is None:
            setattr(parent, name, change(getattr(parent, name)))
        else:
            items = getattr(parent, name)
            items[index] = change(items[index])

    def get(self, parent: Message) -> Any:  # noqa: ANN401 - a field of any type
        return getattr(parent, self.steps[-1][0])


_Spoil = Callable[[Message, _Path], None]


@dataclass(frozen=True)
class Corruption:
    """One thing wrong with one field of a filled message, and the reason it is refused for."""

    filled: Callable[[], Message]
    path: _Path
    fault: str
    reason: str
    spoil: _Spoil

    @property
    def name(self) -> str:
        return f"{self.path.text}: {self.fault}"

    @property
    def message(self) -> Any:  # noqa: ANN401 - as filled
        """A message that is wrong in this way alone."""
        message = self.filled()
        self.spoil(self.path.parent_in(message), self.path)
        return message


def corruptions(filled: Callable[[], Message]) -> Iterator[Corruption]:
    """All that can be wrong with the fields that are filled."""
    for path in _paths(filled()):
        for fault, reason, spoil in _faults(path):
            yield Corruption(filled, path, fault, reason, spoil)


def _paths(message: Message, before: tuple[tuple[str, int | None], ...] = ()) -> Iterator[_Path]:
    for field, value in message.ListFields():
        is_message = field.type == FieldDescriptor.TYPE_MESSAGE
        if field.is_repeated:
            yield _Path((*before, (field.name, None)), field, is_list=True)
            if field.name in ONE_BY_ONE:
                continue
            for index, item in enumerate(cast("Any", value)):
                here = (*before, (field.name, index))
                if is_message:
                    yield from _paths(item, here)
                else:
                    yield _Path(here, field, is_list=False)
        elif is_message and not _is_well_known(field):
            yield from _paths(value, (*before, (field.name, None)))
        else:
            yield _Path((*before, (field.name, None)), field, is_list=False)


def _type_of(field: FieldDescriptor) -> str:
    return field.message_type.full_name if field.message_type is not None else ""


def _is_well_known(field: FieldDescriptor) -> bool:
    return _type_of(field).startswith("google.protobuf.")


def _faults(path: _Path) -> Iterator[tuple[str, str, _Spoil]]:
    field = path.descriptor
    if path.is_list:
        yield "too many", "TOO_LONG", _multiply
    elif field.type == FieldDescriptor.TYPE_STRING:
        yield "NUL", "CONTROL_CHARACTER", _replace(lambda text: text + "\0")
        yield "escape", "CONTROL_CHARACTER", _replace(lambda text: "\x1b" + text)
        yield "a megabyte", "TOO_LONG", _replace(lambda text: text + "x" * _MEGABYTE)
    elif field.type == FieldDescriptor.TYPE_BYTES:
        yield "a megabyte", "TOO_LONG", _replace(lambda _: bytes(_MEGABYTE))
    elif field.type == FieldDescriptor.TYPE_ENUM:
        for number in (77, -1, 2**31 - 1, -(2**31)):
            yield str(number), "UNKNOWN_ENUM_VALUE", _replace(lambda _, number=number: number)  # type: ignore[misc]
    elif _type_of(field) == "google.protobuf.Timestamp":
        for name, (seconds, nanos) in _TIMES.items():
            yield name, "INVALID_TIMESTAMP", _set_time(seconds, nanos)
    elif field.type == FieldDescriptor.TYPE_MESSAGE:
        yield "mixed signs", "INVALID_FIELD", _set_time(1, -1)


def _replace(change: Callable[[Any], Any]) -> _Spoil:
    return lambda parent, path: path.put(parent, change)


def _multiply(parent: Message, path: _Path) -> None:
    items = path.get(parent)
    items.extend([items[0]] * _MANY)


def _set_time(seconds: int, nanos: int) -> _Spoil:
    def spoil(parent: Message, path: _Path) -> None:
        time = path.get(parent)
        time.seconds, time.nanos = seconds, nanos

    return spoil
