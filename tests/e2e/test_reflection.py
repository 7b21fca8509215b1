"""A stranger's client: it knows an address, and learns the rest from the server."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

from tests.e2e.connection import Connection

_PACKAGE = "consent_registry.v1"


@pytest.fixture
def database(connection: Connection) -> Any:  # noqa: ANN401 - not annotated by its makers
    return ProtoReflectionDescriptorDatabase(connection.channel)


def test_the_server_lists_its_services(database: Any) -> None:  # noqa: ANN401
    services = set(database.get_services())

    assert services == {
        f"{_PACKAGE}.AttemptService",
        f"{_PACKAGE}.DecisionService",
        f"{_PACKAGE}.RegistryService",
        f"{_PACKAGE}.HistoryService",
        f"{_PACKAGE}.PolicyService",
        f"{_PACKAGE}.SubjectService",
        f"{_PACKAGE}.UnsubscribeService",
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
    }


def test_a_check_can_be_made_without_generated_code(
    connection: Connection,
    database: Any,  # noqa: ANN401
) -> None:
    pool: Any = DescriptorPool(database)
    service = pool.FindServiceByName(f"{_PACKAGE}.DecisionService")
    method = service.FindMethodByName("CheckContact")
    channels = method.input_type.fields_by_name["channel"].enum_type.values_by_name
    request: Any = GetMessageClass(method.input_type)()
    request.controller = "alarm-fr"
    request.target.phone.number = "06 39 98 99 99"
    request.target.phone.region = "FR"
    request.channel = channels["CHANNEL_VOICE_CALL"].number
    request.purpose = "direct_marketing"

    call: Any = connection.channel.unary_unary(
        f"/{service.full_name}/{method.name}",
        request_serializer=type(request).SerializeToString,
        response_deserializer=GetMessageClass(method.output_type).FromString,
    )
    decision = call(request).decision

    fields = decision.DESCRIPTOR.fields_by_name
    verdicts = fields["verdict"].enum_type.values_by_number
    reasons = fields["reason"].enum_type.values_by_number
    assert verdicts[decision.verdict].name == "VERDICT_DENY"
    assert reasons[decision.reason].name == "REASON_NO_CONSENT"
