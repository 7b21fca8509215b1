"""A request that is well-formed and yet makes no sense, and what it is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import grpc
from google.protobuf.message import Message

from tests.e2e import filled

INVALID: Final = grpc.StatusCode.INVALID_ARGUMENT
NOT_FOUND: Final = grpc.StatusCode.NOT_FOUND
PRECONDITION: Final = grpc.StatusCode.FAILED_PRECONDITION

WRITES: Final = tuple(
    method
    for method in filled.UNARY
    if method.startswith("RegistryService") and not method.endswith("ListPartners")
)
WITH_EXPRESSION: Final = tuple(
    method for method in WRITES if not method.endswith(("Leads", "Partner", "Results"))
)
WITH_PEOPLE: Final = tuple(
    method for method in WITH_EXPRESSION if not method.endswith("LiftDoNotContact")
)
OF_THE_OFFICER: Final = tuple(
    method
    for method in filled.UNARY
    if method.startswith("SubjectService") and not method.endswith("ExplainDecision")
)
BY_TOKEN: Final = (
    "UnsubscribeService/DescribeUnsubscribe",
    "UnsubscribeService/Unsubscribe",
    "UnsubscribeService/UndoUnsubscribe",
)
"""Methods that say by the token of a link whom they are about."""
LIFTS: Final = (
    "RegistryService/LiftDoNotContact",
    "RegistryService/LiftCallRecordingObjection",
)
BINDING_ALL: Final = frozenset(
    {
        "RegistryService/WithdrawConsent",
        "RegistryService/AddDoNotContact",
        "RegistryService/LiftDoNotContact",
        "RegistryService/ObjectToCallRecording",
        "RegistryService/LiftCallRecordingObjection",
        "RegistryService/RecordRegisterResults",
        "SubjectService/FindSubject",
        "SubjectService/ExportSubject",
        "SubjectService/RectifySubject",
        "SubjectService/EraseSubject",
        "SubjectService/RestrictProcessing",
        "SubjectService/LiftRestriction",
        "SubjectService/SetRetention",
        "SubjectService/ListAccesses",
    }
)
"""Methods that take the controller `group`."""


@dataclass(frozen=True)
class BadRequest:
    """A filled request with one change, and the refusal it gets."""

    method: str
    fault: str
    change: Callable[[Any], object]
    code: grpc.StatusCode
    reason: str
    field: str

    @property
    def name(self) -> str:
        return f"{self.method.partition('/')[2]}: {self.fault}"

    @property
    def message(self) -> Message:
        message = filled.UNARY[self.method]()
        self.change(message)
        return message


def invalid(
    method: str,
    fault: str,
    change: Callable[[Any], object],
    field: str,
    reason: str = "INVALID_FIELD",
) -> BadRequest:
    return BadRequest(method, fault, change, INVALID, reason, field)


def put(path: str, value: object) -> Callable[[Any], None]:
    """Changes one field by its path."""
    *before, last = path.split(".")

    def change(message: Any) -> None:  # noqa: ANN401 - whatever has the field
        for step in before:
            message = getattr(message, step)
        setattr(message, last, value)

    return change


def clear(*paths: str) -> Callable[[Any], None]:
    def change(message: Any) -> None:  # noqa: ANN401 - whatever has the fields
        for path in paths:
            *before, last = path.split(".")
            parent = message
            for step in before:
                parent = getattr(parent, step)
            parent.ClearField(last)

    return change


def same(_: object) -> None:
    pass
