"""What the contract declares, read from its files."""

from __future__ import annotations

from typing import Final

from consent_registry.v1 import (
    attempt_service_pb2,
    decision_service_pb2,
    history_service_pb2,
    policy_service_pb2,
    registry_service_pb2,
    subject_service_pb2,
    unsubscribe_service_pb2,
)

_CONTRACT: Final = (
    attempt_service_pb2,
    decision_service_pb2,
    history_service_pb2,
    policy_service_pb2,
    registry_service_pb2,
    subject_service_pb2,
    unsubscribe_service_pb2,
)
METHODS: Final = tuple(
    f"{service.full_name}/{method.name}"
    for file in _CONTRACT
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
)
"""The methods of the contract, as the label `method` names them."""
