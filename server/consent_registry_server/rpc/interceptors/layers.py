"""A layer: one concern of every call."""

from __future__ import annotations

from google.protobuf.message import Message

from consent_registry_server.rpc.call import Call, Ending


class Layer:
    """One concern of every call. A hook that is not overridden costs nothing.

    A call passes the hooks of one name layer by layer; `end` in reverse. A hook refuses the call by
    raising; then only the layers before it see the end.
    """

    def admit(self, call: Call) -> None:
        """Sees a call that has just come, before it has a thread.

        Runs on the one thread that takes all calls: it must be quick and must not hold anything, as
        a caller that goes away now is never heard of again.
        """

    def begin(self, call: Call) -> None:
        """Sees a call that a thread has taken. What it takes, `end` gives back."""

    def message(self, call: Call, message: Message) -> None:
        """Sees a decoded request; of a stream, each one."""

    def response(self, call: Call) -> None:
        """Sees that a response of a stream is about to be sent."""

    def end(self, call: Call, ending: Ending) -> None:
        """Sees how the call ended. What it raises is dropped: the answer stands."""
