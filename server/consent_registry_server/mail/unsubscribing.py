"""Asks the registry to unsubscribe, and tells what it can be trusted to have done."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from structlog.typing import FilteringBoundLogger

from consent_registry_client import (
    AsyncClient,
    ConsentRegistryError,
    InvalidRequest,
    NotFound,
    UnsubscribeMethod,
)
from consent_registry_server.mail.outcomes import Answer
from consent_registry_server.request_ids import request_headers

_REFUSALS: Final = {
    (InvalidRequest, "INVALID_UNSUBSCRIBE_TOKEN"): Answer.INVALID,
    (NotFound, "UNKNOWN_UNSUBSCRIBE_LINK"): Answer.UNKNOWN_LINK,
}


class Unsubscriber:
    """Unsubscribes by tokens.

    Each attempt of the mail server is a write of its own: what a link has just recorded is not
    recorded again, and to record it twice does no harm, whereas a request id made from the message
    would swallow the second opt-out of someone whose mailbox gives all its messages the same id.
    """

    def __init__(self, client: AsyncClient, *, logger: FilteringBoundLogger) -> None:
        self._client = client
        self._logger = logger

    async def unsubscribe(self, tokens: Iterable[str]) -> dict[str, Answer]:
        """What the registry says of each token.

        Once it is unavailable it is not asked again: the mail server will bring the message back.
        """
        answers: dict[str, Answer] = {}
        is_there = True
        for token in tokens:
            if token not in answers:
                answers[token] = await self._ask(token) if is_there else Answer.UNAVAILABLE
                is_there = answers[token] is not Answer.UNAVAILABLE
        return answers

    async def _ask(self, token: str) -> Answer:
        try:
            await self._client.unsubscribe(
                token=token,
                method=UnsubscribeMethod.UNSUBSCRIBE_METHOD_MAIL,
                metadata=request_headers(),
            )
        except ConsentRegistryError as error:
            return self._understood(error)
        return Answer.STORED

    def _understood(self, error: ConsentRegistryError) -> Answer:
        answer = _REFUSALS.get((type(error), error.reason), Answer.UNAVAILABLE)
        if answer is Answer.UNKNOWN_LINK:
            self._logger.error("unsubscribe_link_unknown")
        elif answer is Answer.UNAVAILABLE:
            self._logger.warning(
                "unsubscribe_not_stored", code=error.code.name, reason=error.reason
            )
        return answer
