"""An UnsubscribeService with the contract's behaviour, over real gRPC on this machine.

For tests of the handlers: links are what a test says they are, and it fails when it is told to.
"""

from __future__ import annotations

import base64
import hashlib
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, NoReturn, Self, TypeAlias, TypeVar

import grpc

from consent_registry.v1 import unsubscribe_service_pb2 as pb
from consent_registry.v1 import unsubscribe_service_pb2_grpc
from consent_registry.v1.contact_pb2 import Channel
from consent_registry_server.domain import errors
from consent_registry_server.rpc.errors import DETAILS_KEY, BareStatus, CallStatus, status_of

Choice: TypeAlias = pb.UnsubscribeChoice.ValueType
Asked = TypeVar("Asked")
Answer = TypeVar("Answer")

DESCRIBE: Final = "DescribeUnsubscribe"
UNSUBSCRIBE: Final = "Unsubscribe"
UNDO: Final = "UndoUnsubscribe"

LINK: Final = pb.UNSUBSCRIBE_CHOICE_LINK
ALL_CHOICES: Final[tuple[Choice, ...]] = tuple(
    sorted(choice for choice in pb.UnsubscribeChoice.values() if choice)
)
UNDO_FOR_S: Final = 15 * 60

_UNDO_OCTETS: Final = 96
_NOW_S: Final = 1_800_000_000.0
_UNAVAILABLE: Final = CallStatus(grpc.StatusCode.UNAVAILABLE, "told to fail", b"")


@dataclass(slots=True)
class Entry:
    """One thing that a link stopped."""

    entry_id: str
    token: str
    choice: Choice
    method: pb.UnsubscribeMethod.ValueType
    form_id: str
    recorded_at_s: float
    is_lifted: bool = False


class _Undo(NamedTuple):
    token: str
    entries: tuple[Entry, ...]
    until_s: float


@dataclass(slots=True)
class _Fault:
    """How calls of a method fail; `times` is how many are left, None for ever."""

    status: CallStatus
    times: int | None
    is_after_storing: bool = False


@dataclass(slots=True)
class _Scripts:
    faults: dict[str, _Fault] = field(default_factory=dict)
    gates: dict[str, threading.Event] = field(default_factory=dict)


class FakeUnsubscribeService:
    """Knows the links that were added, and stores what is said through them, in `entries`.

    `requests` are those that arrived, by method, refused ones and repetitions included;
    `request_ids` those that their headers name. `now_s` is its clock, for a test to turn.
    """

    def __init__(self) -> None:
        self.requests: dict[str, list[Any]] = defaultdict(list)
        self.request_ids: dict[str, list[str | bytes]] = defaultdict(list)
        self.entries: list[Entry] = []
        self.now_s = _NOW_S
        self._links: dict[str, pb.DescribeUnsubscribeResponse] = {}
        self._lost: set[str] = set()
        self._answers: dict[str, tuple[Any, Any]] = {}
        self._undos: dict[bytes, _Undo] = {}
        self._scripts = _Scripts()
        self._changed = threading.Condition(threading.RLock())
        self._server: grpc.Server | None = None
        self.address = "127.0.0.1:0"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listens on a free port; after a stop, on the same one again."""
        self._server = grpc.server(futures.ThreadPoolExecutor(16))
        unsubscribe_service_pb2_grpc.add_UnsubscribeServiceServicer_to_server(
            _Servicer(self), self._server
        )
        self.address = f"127.0.0.1:{self._server.add_insecure_port(self.address)}"
        self._server.start()

    def stop(self) -> None:
        """Is not there any more; what was stored stays."""
        with self._changed:
            for gate in self._scripts.gates.values():
                gate.set()
        if self._server is not None:
            self._server.stop(None).wait()

    def add_link(
        self,
        controller: str = "alarm-fr",
        *,
        legal_name: str = "Exemple Alarme France SAS",
        country: str = "FR",
        channel: Channel.ValueType = Channel.CHANNEL_EMAIL,
        purpose: str = "direct_marketing",
        choices: Sequence[Choice] = ALL_CHOICES,
    ) -> str:
        """Returns the token of a new link: the same ones, in the same order, in every test."""
        seed = hashlib.sha512(f"{len(self._links)}".encode()).digest()[:50]
        token = base64.b32encode(seed).decode().lower()
        self._links[token] = pb.DescribeUnsubscribeResponse(
            controller=controller,
            legal_name=legal_name,
            country=country,
            channel=channel,
            purpose=purpose,
            choices=choices,
        )
        return token

    def lose_link(self, token: str) -> None:
        """Forgets a link whose token it signed."""
        self._lost.add(token)

    def refuse(
        self,
        method: str,
        how: errors.RegistryError | grpc.StatusCode = grpc.StatusCode.UNAVAILABLE,
        *,
        times: int | None = None,
    ) -> None:
        """Ends calls of a method and stores nothing; `times`: None until it is to recover.

        An error is told with the contract's details, a bare code as a proxy would.
        """
        error = BareStatus(how, "told to fail") if isinstance(how, grpc.StatusCode) else how
        self._fail(method, _Fault(status_of(error), times))

    def lose_answers(self, method: str, *, times: int | None = None) -> None:
        """Does what calls of a method ask, and then ends them as if it were away."""
        self._fail(method, _Fault(_UNAVAILABLE, times, is_after_storing=True))

    def recover(self) -> None:
        """Behaves again."""
        with self._changed:
            self._scripts.faults.clear()

    @contextmanager
    def held(self, method: str) -> Iterator[None]:
        """Calls of a method are answered at the end of the block only, or when released."""
        with self._changed:
            self._scripts.gates[method] = threading.Event()
        try:
            yield
        finally:
            self.release(method)

    def release(self, method: str) -> None:
        """Lets the calls of a method that are held go on."""
        with self._changed:
            gate = self._scripts.gates.pop(method, None)
        if gate is not None:
            gate.set()

    def wait_for(self, method: str, *, calls: int = 1, timeout_s: float = 30.0) -> None:
        """Returns when so many calls of a method have arrived; blocks its thread."""
        with self._changed:
            arrived = self._changed.wait_for(lambda: len(self.requests[method]) >= calls, timeout_s)
        assert arrived, f"{calls} calls of {method} did not arrive"

    def wait_until_stored(self, *, entries: int = 1, timeout_s: float = 30.0) -> None:
        """Returns when there are so many entries; blocks its thread."""
        with self._changed:
            stored = self._changed.wait_for(lambda: len(self.entries) >= entries, timeout_s)
        assert stored, f"{entries} entries were not stored"

    def standing(self, token: str) -> tuple[Choice, ...]:
        """What a link has stopped and not taken back, in the contract's order."""
        return tuple(
            sorted(
                each.choice for each in self.entries if each.token == token and not each.is_lifted
            )
        )

    def handle(self, method: str, request: Asked, work: Callable[[Asked], Answer]) -> Answer:
        """The answer to a call, as scripted; raises what the call ends with."""
        with self._changed:
            self.requests[method].append(request)
            self._changed.notify_all()
            gate = self._scripts.gates.get(method)
        if gate is not None:
            gate.wait()
        with self._changed:
            fault = self._next_fault(method)
            if fault is not None and not fault.is_after_storing:
                raise _Told(fault.status)
            answer = work(request)
            self._changed.notify_all()
        if fault is not None:
            raise _Told(fault.status)
        return answer

    def describe(self, request: pb.DescribeUnsubscribeRequest) -> pb.DescribeUnsubscribeResponse:
        """What a link is for."""
        return self._links[self._opened(request.token)]

    def unsubscribe(self, request: pb.UnsubscribeRequest) -> pb.UnsubscribeResponse:
        """Stores what a link says, unless it says it already."""
        token = self._opened(request.token)
        chosen = tuple(request.choices) or (LINK,)
        if not request.method:
            raise errors.InvalidRequest("MISSING_FIELD", "required", field="method")
        _require_choices(chosen, self._links[token].choices)
        response: pb.UnsubscribeResponse = self._once(
            request, lambda: self._stored(token, chosen, request)
        )
        return response

    def undo(self, request: pb.UndoUnsubscribeRequest) -> pb.UndoUnsubscribeResponse:
        """Lifts what an answer recorded."""
        token = self._opened(request.token)
        undo = self._undos.get(request.undo_token)
        if undo is None or undo.token != token:
            raise errors.InvalidRequest("INVALID_UNDO_TOKEN", "of no answer", field="undo_token")
        if self.now_s >= undo.until_s:
            raise errors.PreconditionFailed("UNDO_EXPIRED", "too late", field="undo_token")
        response: pb.UndoUnsubscribeResponse = self._once(request, lambda: self._lifted(undo))
        return response

    def _fail(self, method: str, fault: _Fault) -> None:
        with self._changed:
            self._scripts.faults[method] = fault

    def _next_fault(self, method: str) -> _Fault | None:
        fault = self._scripts.faults.get(method)
        if fault is None or fault.times is None:
            return fault
        if fault.times == 0:
            return None
        fault.times -= 1
        return fault

    def _opened(self, token: str) -> str:
        token = token.lower()
        if token in self._lost:
            raise errors.NotFound("UNKNOWN_UNSUBSCRIBE_LINK", "lost", field="token")
        if token not in self._links:
            message = "not a token that this registry issued"
            raise errors.InvalidRequest("INVALID_UNSUBSCRIBE_TOKEN", message, field="token")
        return token

    def _once(self, request: Any, work: Callable[[], Any]) -> Any:  # noqa: ANN401 - messages
        """The answer to a write; the one given before if its request id is known."""
        if not request.request_id:
            raise errors.InvalidRequest("MISSING_FIELD", "required", field="request_id")
        if request.request_id not in self._answers:
            self._answers[request.request_id] = (request, work())
        before, answer = self._answers[request.request_id]
        if before != request:
            raise errors.AlreadyExists("REQUEST_ID_REUSED", "for another write")
        return answer

    def _stored(
        self, token: str, chosen: Sequence[Choice], request: pb.UnsubscribeRequest
    ) -> pb.UnsubscribeResponse:
        said = [self._entry(token, choice, request) for choice in chosen]
        fresh = tuple(each for each in said if each.recorded_at_s > self.now_s - UNDO_FOR_S)
        until_s = min((each.recorded_at_s for each in fresh), default=self.now_s) + UNDO_FOR_S
        undo_token = hashlib.shake_256(f"undo {len(self._undos)}".encode()).digest(_UNDO_OCTETS)
        self._undos[undo_token] = _Undo(token, fresh, until_s)
        response = pb.UnsubscribeResponse(
            entry_ids=[each.entry_id for each in said],
            revision=f"r{len(self.entries)}",
            undo_token=undo_token,
        )
        response.recorded_at.FromMilliseconds(int(said[-1].recorded_at_s * 1000))
        response.undo_until.FromMilliseconds(int(until_s * 1000))
        return response

    def _entry(self, token: str, choice: Choice, request: pb.UnsubscribeRequest) -> Entry:
        """The entry that states a choice: the one that stands, or a new one."""
        for each in self.entries:
            if (each.token, each.choice, each.is_lifted) == (token, choice, False):
                return each
        entry = Entry(
            f"entry-{len(self.entries) + 1}",
            token,
            choice,
            request.method,
            request.form_id,
            self.now_s,
        )
        self.entries.append(entry)
        return entry

    def _lifted(self, undo: _Undo) -> pb.UndoUnsubscribeResponse:
        lifted = [each for each in undo.entries if not each.is_lifted]
        for each in lifted:
            each.is_lifted = True
        response = pb.UndoUnsubscribeResponse(
            entry_ids=[f"lift-of-{each.entry_id}" for each in lifted], revision="r-undone"
        )
        response.recorded_at.FromMilliseconds(int(self.now_s * 1000))
        return response


class _Told(Exception):
    """A call is to end with this status."""

    def __init__(self, status: CallStatus) -> None:
        super().__init__(status.code)
        self.status = status


class _Servicer(unsubscribe_service_pb2_grpc.UnsubscribeServiceServicer):
    """What gRPC calls."""

    def __init__(self, service: FakeUnsubscribeService) -> None:
        self._service = service

    def CreateUnsubscribeLinks(  # noqa: N802 - the contract's name
        self, request: pb.CreateUnsubscribeLinksRequest, context: grpc.ServicerContext
    ) -> pb.CreateUnsubscribeLinksResponse:
        del request
        context.abort(grpc.StatusCode.UNIMPLEMENTED, "links are added by the test")

    def DescribeUnsubscribe(  # noqa: N802 - the contract's name
        self, request: pb.DescribeUnsubscribeRequest, context: grpc.ServicerContext
    ) -> pb.DescribeUnsubscribeResponse:
        self._note_id(DESCRIBE, context)
        with _aborting(context):
            return self._service.handle(DESCRIBE, request, self._service.describe)

    def Unsubscribe(  # noqa: N802 - the contract's name
        self, request: pb.UnsubscribeRequest, context: grpc.ServicerContext
    ) -> pb.UnsubscribeResponse:
        self._note_id(UNSUBSCRIBE, context)
        with _aborting(context):
            return self._service.handle(UNSUBSCRIBE, request, self._service.unsubscribe)

    def UndoUnsubscribe(  # noqa: N802 - the contract's name
        self, request: pb.UndoUnsubscribeRequest, context: grpc.ServicerContext
    ) -> pb.UndoUnsubscribeResponse:
        self._note_id(UNDO, context)
        with _aborting(context):
            return self._service.handle(UNDO, request, self._service.undo)

    def _note_id(self, method: str, context: grpc.ServicerContext) -> None:
        headers = context.invocation_metadata()
        ids = [value for key, value in headers if key == "x-request-id"]
        self._service.request_ids[method].extend(ids)


@contextmanager
def _aborting(context: grpc.ServicerContext) -> Iterator[None]:
    """Ends the call with the status of what is raised."""
    try:
        yield
    except _Told as told:
        _abort(context, told.status)
    except errors.RegistryError as error:
        _abort(context, status_of(error))


def _require_choices(chosen: Sequence[Choice], offered: Sequence[Choice]) -> None:
    repeated = [choice for choice, times in Counter(chosen).items() if times > 1]
    if repeated or not set(chosen) <= set(offered):
        raise errors.InvalidRequest("INVALID_FIELD", "not offered, or twice", field="choices")


def _abort(context: grpc.ServicerContext, status: CallStatus) -> NoReturn:
    if status.details:
        context.set_trailing_metadata(((DETAILS_KEY, status.details),))
    context.abort(status.code, status.message)
