"""Reading a stream one item ahead."""

from __future__ import annotations

from collections.abc import Iterator
from queue import SimpleQueue

import pytest

from consent_registry_server.rpc.read_ahead import ReadAhead


def test_items_come_in_order_and_end() -> None:
    """All of them, once."""
    with ReadAhead(iter(range(100))) as ahead:
        assert list(ahead) == list(range(100))


def test_nothing_gives_nothing() -> None:
    """An empty stream is complete."""
    with ReadAhead(iter(())) as ahead:
        assert list(ahead) == []


def test_the_next_item_is_worked_out_while_the_last_one_is_read() -> None:
    """The second item waits for nothing that the reader of the first does."""
    reached: SimpleQueue[int] = SimpleQueue()

    def items() -> Iterator[int]:
        for number in range(3):
            reached.put(number)
            yield number

    with ReadAhead(items()) as ahead:
        iterator = iter(ahead)
        assert next(iterator) == 0
        assert [reached.get(timeout=10) for _ in range(2)] == [0, 1]


def test_an_item_is_handed_over_before_the_next_one_is_there() -> None:
    """A client that waits for each result before it sends more is answered."""
    sent: SimpleQueue[int | None] = SimpleQueue()
    sent.put(1)
    with ReadAhead(iter(sent.get, None)) as ahead:
        iterator = iter(ahead)
        assert next(iterator) == 1
        sent.put(2)
        assert next(iterator) == 2
        sent.put(None)
        assert list(iterator) == []


def test_what_an_item_raises_is_raised_in_its_place() -> None:
    """After all that came before it."""

    def items() -> Iterator[int]:
        yield 1
        raise LookupError

    with ReadAhead(items()) as ahead:
        iterator = iter(ahead)
        assert next(iterator) == 1
        with pytest.raises(LookupError):
            next(iterator)
