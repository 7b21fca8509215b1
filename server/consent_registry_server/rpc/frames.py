"""What the log may say of an exception."""

from __future__ import annotations

from collections.abc import Iterator
from traceback import walk_tb


def frames_of(error: BaseException) -> list[str]:
    """Where an error and its causes come from, the first cause first: places and types.

    Neither messages nor values of variables: a driver's message quotes the parameters of its
    statement, and those are contact data.
    """
    return list(_frames(error, set()))


def _frames(error: BaseException, seen: set[int]) -> Iterator[str]:
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    seen.add(id(error))
    if cause is not None and id(cause) not in seen:
        yield from _frames(cause, seen)
    for frame, line in walk_tb(error.__traceback__):
        yield f"{frame.f_code.co_filename}:{line} {frame.f_code.co_qualname}"
    yield f"{type(error).__module__}.{type(error).__qualname__}"
