"""Page tokens: where a list goes on, bound to the question that was asked.

A token is a position with a keyed digest over position and question, so that it can neither be
made up nor carried over to another question; it holds nothing about a person.
"""

from __future__ import annotations

import base64
import binascii
import copy
import hmac
import json
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from consent_registry.v1 import history_service_pb2, registry_service_pb2, subject_service_pb2
from consent_registry_server.rpc.convert_errors import invalid_page_size, invalid_page_token
from consent_registry_server.service.ports import Digester, Page

_DEFAULT_SIZE: Final = 100
_LARGEST_SIZE: Final = 1_000
_DEFAULT_SIZE_OF_PEOPLE: Final = 50
_LARGEST_SIZE_OF_PEOPLE: Final = 200
"""An entry with its identity is many times as large as one without, and its reader is human."""
_DIGEST_OCTETS: Final = 16

PagedRequest: TypeAlias = (
    history_service_pb2.ListEntriesRequest
    | registry_service_pb2.ListPartnersRequest
    | subject_service_pb2.FindSubjectRequest
    | subject_service_pb2.ListRightsRequestsRequest
    | subject_service_pb2.ListAccessesRequest
)
"""A request for a page of a list."""


class PageTokens:
    """Reads and makes page tokens."""

    def __init__(self, digester: Digester) -> None:
        self._digester = digester

    def page(
        self,
        request: PagedRequest,
        read: Callable[[tuple[Any, ...]], tuple[Any, ...]] = tuple,
    ) -> Page:
        """The page that a request asks for; `read` makes its position of what the token holds.

        Raises:
            InvalidRequest: INVALID_FIELD for its size; INVALID_PAGE_TOKEN.
        """
        of_people = isinstance(request, subject_service_pb2.FindSubjectRequest)
        largest = _LARGEST_SIZE_OF_PEOPLE if of_people else _LARGEST_SIZE
        default = _DEFAULT_SIZE_OF_PEOPLE if of_people else _DEFAULT_SIZE
        size = request.page_size or default
        if not 1 <= size <= largest:
            raise invalid_page_size(largest)
        return Page(size, read(self._position(request)) if request.page_token else None)

    def token(self, request: PagedRequest, position: tuple[Any, ...]) -> str:
        """The token of the page after a position."""
        encoded = json.dumps(position, separators=(",", ":")).encode()
        digest = self._digest(request, encoded)
        return base64.urlsafe_b64encode(digest + encoded).decode().rstrip("=")

    def _position(self, request: PagedRequest) -> tuple[Any, ...]:
        token = request.page_token
        try:
            content = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except (binascii.Error, ValueError):
            raise invalid_page_token() from None
        digest, encoded = content[:_DIGEST_OCTETS], content[_DIGEST_OCTETS:]
        if not hmac.compare_digest(digest, self._digest(request, encoded)):
            raise invalid_page_token()
        return tuple(json.loads(encoded))

    def _digest(self, request: PagedRequest, position: bytes) -> bytes:
        question = copy.copy(request)
        question.ClearField("page_token")
        question.ClearField("page_size")
        name = request.DESCRIPTOR.name.encode()
        asked = question.SerializeToString(deterministic=True)
        return self._digester.digest(b"\0".join((b"page", name, position, asked)))
