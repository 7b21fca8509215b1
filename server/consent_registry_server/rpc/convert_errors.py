"""Errors of single items, where the rest of a batch is answered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from consent_registry.v1 import decision_pb2, decision_service_pb2
from consent_registry_server.domain.errors import (
    InvalidRequest,
    PreconditionFailed,
    RegistryError,
)
from consent_registry_server.rpc.errors import code_of, number_of


def refuse_single_consistency(request: decision_service_pb2.CheckContactRequest) -> None:
    """Refuses a question of a batch that asks for a consistency of its own.

    Raises:
        InvalidRequest: CONTRADICTION.
    """
    if request.HasField("consistency"):
        message = "a batch is read with one consistency, its own"
        raise InvalidRequest("CONTRADICTION", message, field="consistency")


@contextmanager
def fault_in(part: str) -> Iterator[None]:
    """Puts the name of a part of the request before the field at fault in it."""
    try:
        yield
    except RegistryError as error:
        error.field = error.field and f"{part}.{error.field}"
        raise


def out_of_order(message: str) -> InvalidRequest:
    """The error of an audience stream whose messages do not follow each other as they should."""
    return InvalidRequest("STREAM_OUT_OF_ORDER", message)


def invalid_page_size(largest: int) -> InvalidRequest:
    """The error of a page size out of range."""
    return InvalidRequest("INVALID_FIELD", f"must be 1 to {largest:,}", field="page_size")


def invalid_page_token() -> InvalidRequest:
    """The error of a page token of another question, or of none."""
    message = "this question has no such page"
    return InvalidRequest("INVALID_PAGE_TOKEN", message, field="page_token")


def unsubscribe_not_configured() -> PreconditionFailed:
    """The error of a registry that does not know where its unsubscribe page is."""
    message = "the registry does not know where its unsubscribe page is"
    return PreconditionFailed("UNSUBSCRIBE_NOT_CONFIGURED", message)


def fill_item_error(message: decision_pb2.ItemError, error: RegistryError) -> None:
    """Writes why one item was not answered into a message."""
    message.code = number_of(code_of(error))
    message.reason = error.reason
    message.message = error.message
    message.field = error.field


__all__ = [
    "RegistryError",
    "fault_in",
    "fill_item_error",
    "invalid_page_size",
    "invalid_page_token",
    "out_of_order",
    "refuse_single_consistency",
    "unsubscribe_not_configured",
]
