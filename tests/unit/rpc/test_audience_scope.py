"""What an audience is asked for, from its first message."""

from __future__ import annotations

from google.protobuf.timestamp_pb2 import Timestamp

from consent_registry.v1.contact_pb2 import Channel
from consent_registry.v1.decision_service_pb2 import AudienceScope
from consent_registry_server.rpc.convert_decision import to_scope


def test_without_a_time_every_chunk_is_decided_at_its_own() -> None:
    """A stream that lasts would else go on permitting what ended meanwhile."""
    message = AudienceScope(
        controller="alarm-fr", channel=Channel.CHANNEL_VOICE_CALL, purpose="direct_marketing"
    )
    assert to_scope(message).at_us is None
    message.at.CopyFrom(Timestamp(seconds=1_795_442_400))
    assert to_scope(message).at_us == 1_795_442_400_000_000
