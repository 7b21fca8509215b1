"""The synchronous client."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self, Unpack

from consent_registry.v1.attempt_service_pb2_grpc import AttemptServiceStub
from consent_registry.v1.decision_service_pb2_grpc import DecisionServiceStub
from consent_registry.v1.entry_pb2 import Entry
from consent_registry.v1.history_service_pb2 import GetEntryRequest, ListEntriesRequest
from consent_registry.v1.history_service_pb2_grpc import HistoryServiceStub
from consent_registry.v1.policy_service_pb2 import (
    GetPolicyRequest,
    GetPolicyResponse,
    GetReceiptKeysRequest,
    ReceiptKey,
)
from consent_registry.v1.policy_service_pb2_grpc import PolicyServiceStub
from consent_registry.v1.registry_service_pb2_grpc import RegistryServiceStub
from consent_registry.v1.subject_service_pb2_grpc import SubjectServiceStub
from consent_registry.v1.unsubscribe_service_pb2_grpc import UnsubscribeServiceStub
from consent_registry_client._arguments import (
    History,
    Metadata,
)
from consent_registry_client._calls import CallSettings, turn
from consent_registry_client._channel import TlsFiles, endpoint
from consent_registry_client._deadlines import (
    READ_TIMEOUT_S,
)
from consent_registry_client._messages import build
from consent_registry_client._retry import DEFAULT_EFFECTS, DEFAULT_RETRY, Effects, RetryPolicy
from consent_registry_client._sync_attempts import ReservedAttempts
from consent_registry_client._sync_calls import Calls, open_channel
from consent_registry_client._sync_decisions import Decisions
from consent_registry_client._sync_explanations import Explanations
from consent_registry_client._sync_intake import Intake
from consent_registry_client._sync_subjects import Subjects
from consent_registry_client._sync_unsubscribing import Unsubscribing


class Client(Decisions, Intake, ReservedAttempts, Explanations, Subjects, Unsubscribing):
    """A connection to the registry, for any number of threads and calls; make one and keep it.

    Every call takes `timeout_s`, the seconds until it fails with DeadlineExceeded, repeats
    included, and `metadata`, further headers. Reads are repeated while the registry is unavailable;
    writes also when no answer came in time, under one request id; streams never. Whatever fails
    raises a ConsentRegistryError.
    """

    def __init__(
        self,
        address: str,
        *,
        api_key: str | None = None,
        tls: TlsFiles | None = None,
        timeout_s: float | None = None,
        retry: RetryPolicy = DEFAULT_RETRY,
        effects: Effects = DEFAULT_EFFECTS,
    ) -> None:
        """Prepares the connection, which is made at the first call.

        Args:
            address: `host:port`, `[ipv6]:port` or `unix:/path`.
            api_key: Shown with every call.
            tls: Required beyond this machine.
            timeout_s: For every call but streams; by default 1 s for checks, 5 s otherwise.
            retry: How often a call is tried.
            effects: Time, chance and identifiers.

        Raises:
            InvalidRequest: The address, key or TLS files cannot be used, or the connection would be
                plaintext beyond this machine.
        """
        self._settings = CallSettings(
            endpoint=endpoint(address, api_key=api_key, tls=tls),
            timeout_s=timeout_s,
            retry=retry,
            effects=effects,
        )
        self._calls = Calls(self._settings)
        self._channel = open_channel(self._settings.endpoint)
        self._decisions = DecisionServiceStub(self._channel)
        self._attempts = AttemptServiceStub(self._channel)
        self._registry = RegistryServiceStub(self._channel)
        self._history = HistoryServiceStub(self._channel)
        self._policy = PolicyServiceStub(self._channel)
        self._subjects = SubjectServiceStub(self._channel)
        self._unsubscribing = UnsubscribeServiceStub(self._channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection and the calls under way; later calls raise Unavailable."""
        self._settings.is_closed = True
        self._channel.close()

    def get_entry(
        self,
        *,
        controller: str,
        entry_id: str,
        timeout_s: float | None = None,
        metadata: Metadata = (),
    ) -> Entry:
        """Returns one entry."""
        return self._calls.read(
            self._history.GetEntry,
            build(GetEntryRequest, {"controller": controller, "entry_id": entry_id}),
            timeout_s=timeout_s,
            default_s=READ_TIMEOUT_S,
            metadata=metadata,
        ).entry

    def list_entries(
        self,
        *,
        timeout_s: float | None = None,
        metadata: Metadata = (),
        **history: Unpack[History],
    ) -> Iterator[Entry]:
        """Yields the entries that concern a person, the newest first; each page is a call."""
        request = build(ListEntriesRequest, history)
        has_more = True
        while has_more:
            page = self._calls.read(
                self._history.ListEntries,
                request,
                timeout_s=timeout_s,
                default_s=READ_TIMEOUT_S,
                metadata=metadata,
            )
            yield from page.entries
            has_more = turn(request, page)

    def get_policy(
        self,
        *,
        country: str = "",
        timeout_s: float | None = None,
        metadata: Metadata = (),
    ) -> GetPolicyResponse:
        """Returns everything in force; with a country: the rules of that country only."""
        return self._calls.read(
            self._policy.GetPolicy,
            build(GetPolicyRequest, {"country": country}),
            timeout_s=timeout_s,
            default_s=READ_TIMEOUT_S,
            metadata=metadata,
        )

    def get_receipt_keys(
        self, *, timeout_s: float | None = None, metadata: Metadata = ()
    ) -> Sequence[ReceiptKey]:
        """Returns the public keys that verify consent receipts, the one that signs first."""
        response = self._calls.read(
            self._policy.GetReceiptKeys,
            GetReceiptKeysRequest(),
            timeout_s=timeout_s,
            default_s=READ_TIMEOUT_S,
            metadata=metadata,
        )
        return response.keys
