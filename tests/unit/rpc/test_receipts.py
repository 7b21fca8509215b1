"""Receipts over the wire: issued with the answer, the same again, and none without a key."""

from __future__ import annotations

from typing import Any, Final

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from consent_registry.v1 import registry_service_pb2 as pb
from consent_registry.v1.contact_pb2 import Channel, ContactPoint, Subject
from consent_registry.v1.entry_pb2 import Evidence, Expression, Precision, Source
from consent_registry.v1.policy_service_pb2 import GetReceiptKeysRequest
from consent_registry_client.cli._receipt_signature import known_keys, verified
from consent_registry_server.domain.errors import PreconditionFailed
from consent_registry_server.rpc.policy_service import PolicyServicer
from consent_registry_server.service.receipts import Receipts
from consent_registry_server.storage.receipt_keys import ReceiptKeys
from tests.unit.rpc.test_registry_service import ITALY, MARKETING, NOW_US, Desk
from tests.unit.service.consents import packaged

KEYS: Final = ReceiptKeys.generate()


def request(*, request_id: str = "c-1", issue_receipt: bool = True) -> pb.RecordConsentRequest:
    return pb.RecordConsentRequest(
        controller=ITALY,
        request_id=request_id,
        subject=Subject(contact_points=[ContactPoint(email="marie@example.com")], name="Marie"),
        channels=[Channel.CHANNEL_EMAIL],
        purposes=[MARKETING],
        expression=Expression(
            expressed_at=Timestamp(seconds=NOW_US // 1_000_000 - 60),
            precision=Precision.PRECISION_INSTANT,
            source=Source.SOURCE_WEB_FORM,
        ),
        evidence=Evidence(text="Sì.", form_id="f-1", agent="Rossi"),
        issue_receipt=issue_receipt,
    )


def record(desk: Desk, **options: Any) -> pb.RecordConsentResponse:  # noqa: ANN401
    response = desk.call("RecordConsent", request(**options))
    assert isinstance(response, pb.RecordConsentResponse)
    return response


@pytest.fixture
def desk() -> Desk:
    return Desk(KEYS)


def test_the_receipt_is_of_the_very_consent_that_was_stored(desk: Desk) -> None:
    """Its entry, its person, its time of recording; verifiable with the published key."""
    response = record(desk)
    (key,) = KEYS.keys()
    _, document = verified(response.receipt, known_keys([key.pem.encode()]))
    assert document["dpv:hasRecordOfActivity"]["dct:identifier"] == response.entry_id
    assert (
        document["dct:created"]["@value"] == response.recorded_at.ToJsonString()[:19] + ".000000Z"
    )
    assert "marie@example.com" in str(document)
    assert "Rossi" not in str(document)


def test_the_same_request_gets_the_very_same_receipt(desk: Desk) -> None:
    """From the first answer: nothing of it is stored."""
    first = record(desk)
    assert record(desk) == first
    assert record(desk, request_id="c-2").receipt != first.receipt


def test_no_receipt_is_issued_unless_asked_for(desk: Desk) -> None:
    assert not record(desk, issue_receipt=False).receipt


def test_without_a_key_nothing_is_stored() -> None:
    """RECEIPTS_NOT_CONFIGURED; the same id can then be used without a receipt."""
    desk = Desk()
    with pytest.raises(PreconditionFailed) as refused:
        record(desk)
    assert refused.value.reason == "RECEIPTS_NOT_CONFIGURED"
    assert record(desk, issue_receipt=False).entry_id


@pytest.mark.parametrize(
    "keys", [None, KEYS, KEYS.with_new_key()], ids=["none", "one", "after a rotation"]
)
def test_every_key_is_published_the_one_that_signs_first(keys: ReceiptKeys | None) -> None:
    """None: an empty list."""
    servicer = PolicyServicer(packaged, Receipts(keys, policy=packaged))
    response = servicer.GetReceiptKeys(GetReceiptKeysRequest(), None)  # type: ignore[arg-type]
    shown = [(key.key_id, key.public_key_pem) for key in response.keys]
    assert shown == list(() if keys is None else keys.keys())
