"""UnsubscribeService as it comes over the wire, on a registry in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

import grpc
import pytest
from google.protobuf.message import Message
from prometheus_client import CollectorRegistry

from consent_registry.v1.contact_pb2 import Channel, ContactPoint, PhoneNumber, Subject
from consent_registry.v1.unsubscribe_service_pb2 import (
    CreateUnsubscribeLinksRequest,
    CreateUnsubscribeLinksResponse,
    DescribeUnsubscribeRequest,
    DescribeUnsubscribeResponse,
    UndoUnsubscribeRequest,
    UndoUnsubscribeResponse,
    UnsubscribeChoice,
    UnsubscribeMethod,
    UnsubscribeRequest,
    UnsubscribeResponse,
)
from consent_registry_server.domain.errors import RegistryError
from consent_registry_server.rpc.authentication import LOCAL
from consent_registry_server.rpc.call import Call, Method, enter_call
from consent_registry_server.rpc.deadline import CallDeadline
from consent_registry_server.rpc.metrics import Metrics
from consent_registry_server.rpc.options import UnsubscribeAddresses
from consent_registry_server.rpc.unsubscribe_service import UnsubscribeServicer
from consent_registry_server.rpc.validation import validate
from tests.past_desk import CLEAR, EMAIL, PHONE
from tests.unsubscribe_desk import MemoryUnsubscribers

FRANCE, MARKETING = "alarm-fr", "direct_marketing"
PAGE: Final = "https://unsubscribe.alarm-fr.example"
MAILBOX: Final = "unsubscribe@alarm-fr.example"
PAGE_AND_MAILBOX: Final = UnsubscribeAddresses(PAGE, MAILBOX)
LINK = UnsubscribeChoice.UNSUBSCRIBE_CHOICE_LINK
SMS = UnsubscribeChoice.UNSUBSCRIBE_CHOICE_SMS
ONE_CLICK = UnsubscribeMethod.UNSUBSCRIBE_METHOD_ONE_CLICK
BY_PAGE = UnsubscribeMethod.UNSUBSCRIBE_METHOD_PAGE
BY_MAIL = UnsubscribeMethod.UNSUBSCRIBE_METHOD_MAIL

BY_EMAIL: Final = ContactPoint(email=EMAIL.address)
BY_PHONE: Final = ContactPoint(phone=PhoneNumber(number=PHONE.number))
CAMILLE: Final = Subject(contact_points=[BY_EMAIL, BY_PHONE])


class _NoDeadline:
    def time_remaining(self) -> float | None:
        """See `TimedContext`."""
        return None


class Wire:
    """The servicer on a registry in memory."""

    def __init__(self, addresses: UnsubscribeAddresses | None = PAGE_AND_MAILBOX) -> None:
        self.people = MemoryUnsubscribers()
        self.metrics = CollectorRegistry()
        self.servicer = UnsubscribeServicer(
            self.people.service, addresses=addresses, metrics=Metrics(self.metrics)
        )
        self.caller = LOCAL

    def call(self, method: str, request: Message) -> Any:  # noqa: ANN401
        """Answers as a server would that let this caller in."""
        call = Call(Method(method, "", None, False, False), (), caller=self.caller)
        call.deadline = CallDeadline(_NoDeadline(), 10.0)
        enter_call(call)
        validate(request)
        return getattr(self.servicer, method)(request, cast("grpc.ServicerContext", None))

    def create(self, *subjects: Subject, **changes: Any) -> CreateUnsubscribeLinksResponse:  # noqa: ANN401 - of any field
        """Makes links for emails."""
        fields: dict[str, Any] = {
            "controller": FRANCE,
            "channel": Channel.CHANNEL_EMAIL,
            "purpose": MARKETING,
            "campaign": "spring-2026",
        }
        request = CreateUnsubscribeLinksRequest(**(fields | changes), subjects=subjects)
        return cast("CreateUnsubscribeLinksResponse", self.call("CreateUnsubscribeLinks", request))

    def token(self) -> str:
        """The token of Camille's link."""
        return self.create(CAMILLE).results[0].link.token

    def describe(self, token: str) -> DescribeUnsubscribeResponse:
        """What a link is for."""
        request = DescribeUnsubscribeRequest(token=token)
        return cast("DescribeUnsubscribeResponse", self.call("DescribeUnsubscribe", request))

    def unsubscribe(self, token: str, **changes: Any) -> UnsubscribeResponse:  # noqa: ANN401 - of any field
        """Presses a link."""
        fields: dict[str, Any] = {"token": token, "request_id": "1", "method": ONE_CLICK}
        request = UnsubscribeRequest(**(fields | changes))
        return cast("UnsubscribeResponse", self.call("Unsubscribe", request))

    def undo(self, token: str, undo_token: bytes, request_id: str = "2") -> UndoUnsubscribeResponse:
        """Takes an answer back."""
        request = UndoUnsubscribeRequest(token=token, request_id=request_id, undo_token=undo_token)
        return cast("UndoUnsubscribeResponse", self.call("UndoUnsubscribe", request))

    def counted(self, method: str) -> float | None:
        """How many answers were counted for a method."""
        return self.metrics.get_sample_value(
            "consent_registry_unsubscribes_total", {"method": method}
        )


def refused(ask: Callable[[], object]) -> tuple[str, str]:
    """Why something is refused, and for which field; nothing of a person is said."""
    with pytest.raises(RegistryError) as error:
        ask()
    said = repr(error.value) + str(error.value) + error.value.message
    assert not any(clear in said for clear in CLEAR)
    return error.value.reason, error.value.field
