"""The enumerations of the domain have the numbers of the contract, which are those stored."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import pytest

from consent_registry.v1 import (
    contact_pb2,
    decision_pb2,
    decision_service_pb2,
    entry_pb2,
    registry_service_pb2,
    subject_service_pb2,
    unsubscribe_service_pb2,
)
from consent_registry_server.domain import vocabulary

ENUMERATIONS: list[tuple[type[IntEnum], Any, str]] = [
    (vocabulary.Channel, contact_pb2.Channel, "CHANNEL_"),
    (vocabulary.RecipientType, contact_pb2.RecipientType, "RECIPIENT_TYPE_"),
    (vocabulary.Relationship, contact_pb2.CustomerContext.Relationship, "RELATIONSHIP_"),
    (vocabulary.ContractState, contact_pb2.CustomerContext.Contract, "CONTRACT_"),
    (vocabulary.Offer, contact_pb2.CustomerContext.Offer, "OFFER_"),
    (vocabulary.Precision, entry_pb2.Precision, "PRECISION_"),
    (vocabulary.Source, entry_pb2.Source, "SOURCE_"),
    (vocabulary.EntryKind, entry_pb2.EntryKind, "ENTRY_KIND_"),
    (vocabulary.AttemptOutcome, entry_pb2.AttemptOutcome, "ATTEMPT_OUTCOME_"),
    (vocabulary.RegisterStatus, entry_pb2.RegisterStatus, "REGISTER_STATUS_"),
    (vocabulary.PartnerKind, registry_service_pb2.PartnerKind, "PARTNER_KIND_"),
    (vocabulary.CallLine, decision_service_pb2.CallLine, "CALL_LINE_"),
    (vocabulary.CallDirection, decision_service_pb2.CallDirection, "CALL_DIRECTION_"),
    (vocabulary.Verdict, decision_pb2.Verdict, "VERDICT_"),
    (vocabulary.Reason, decision_pb2.Reason, "REASON_"),
    (vocabulary.RestrictionGround, subject_service_pb2.RestrictionGround, "RESTRICTION_GROUND_"),
    (vocabulary.RightsRequestKind, subject_service_pb2.RightsRequestKind, "RIGHTS_REQUEST_KIND_"),
    (
        vocabulary.RightsRequestOutcome,
        subject_service_pb2.RightsRequestOutcome,
        "RIGHTS_REQUEST_OUTCOME_",
    ),
    (vocabulary.AccessOperation, subject_service_pb2.AccessOperation, "ACCESS_OPERATION_"),
    (vocabulary.ErasureOutcome, subject_service_pb2.ErasureOutcome, "ERASURE_OUTCOME_"),
    (vocabulary.HoldChange, subject_service_pb2.HoldChange, "HOLD_CHANGE_"),
    (vocabulary.IdentityState, subject_service_pb2.IdentityState, "IDENTITY_STATE_"),
    (
        vocabulary.UnsubscribeChoice,
        unsubscribe_service_pb2.UnsubscribeChoice,
        "UNSUBSCRIBE_CHOICE_",
    ),
    (
        vocabulary.UnsubscribeMethod,
        unsubscribe_service_pb2.UnsubscribeMethod,
        "UNSUBSCRIBE_METHOD_",
    ),
]


@pytest.mark.parametrize("domain, contract, prefix", ENUMERATIONS, ids=[e[2] for e in ENUMERATIONS])
def test_every_member_has_its_number_in_the_contract(
    domain: type[IntEnum],
    contract: Any,  # noqa: ANN401 - generated, of a class of its own
    prefix: str,
) -> None:
    """Neither has one that the other lacks; 0 is the contract's alone."""
    numbers = {name.removeprefix(prefix): number for name, number in contract.items()}
    assert numbers.pop("UNSPECIFIED") == 0
    assert {each.name: each.value for each in domain} == numbers


def test_every_enumeration_of_the_vocabulary_is_compared() -> None:
    """A new one is added to the table."""
    known = {
        each
        for each in vars(vocabulary).values()
        if isinstance(each, type) and issubclass(each, IntEnum) and len(each)
    }
    assert known == {domain for domain, _, _ in ENUMERATIONS}
