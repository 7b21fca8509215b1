"""`consentctl receipt verify` and `record --receipt`: genuine receipts, and everything else."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import grpc
import pytest

from consent_registry.v1.policy_service_pb2 import GetReceiptKeysResponse, ReceiptKey
from consent_registry.v1.registry_service_pb2 import RecordConsentResponse
from consent_registry_server.service.consent_record import serialised
from consent_registry_server.service.receipts import receipt
from consent_registry_server.storage.receipt_keys import ReceiptKeys
from tests.unit.client.console import Console, Outcome
from tests.unit.client.fake_registry import FakeRegistry, failing
from tests.unit.service.consents import CONSENT, CONSENT_ID, RECORDED_US, packaged

KEYS = ReceiptKeys.generate()
OTHER_KEYS = ReceiptKeys.generate()
PAYLOAD = serialised(receipt(CONSENT, CONSENT_ID, RECORDED_US, packaged()))
GENUINE = KEYS.sign(PAYLOAD)
RECORD = (
    *("record", "--channel", "email", "--purpose", "direct_marketing"),
    *("--email", "marie@example.com", "--source", "web_form", "--text", "yes", "--form-id", "f"),
)


def published(keys: ReceiptKeys) -> GetReceiptKeysResponse:
    ours = keys.keys()
    made = [ReceiptKey(key_id=each.key_id, public_key_pem=each.pem) for each in ours]
    return GetReceiptKeysResponse(keys=made)


def encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def with_header(**changes: Any) -> str:  # noqa: ANN401
    """The genuine payload and signature under another header."""
    header = {"alg": "EdDSA", "kid": KEYS.keys()[0].key_id, "typ": "consent-receipt+jwt"} | changes
    _, payload, signature = GENUINE.split(".")
    return ".".join((encoded(json.dumps(header).encode()), payload, signature))


def changed_payload() -> str:
    header, _, signature = GENUINE.split(".")
    return ".".join(
        (header, encoded(PAYLOAD.replace(b"direct_marketing", b"partner_offers")), signature)
    )


def respelt_signature() -> str:
    """The same 64 octets, with other bits in what the last character has to spare."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return GENUINE[:-1] + alphabet[alphabet.index(GENUINE[-1]) ^ 1]


def verify(consentctl: Console, tmp_path: Path, text: str, *options: object) -> Outcome:
    path = tmp_path / "receipt.jws"
    path.write_text(text)
    return consentctl("receipt", "verify", path, *options)


def test_a_genuine_receipt_is_verified_and_shown(
    registry: FakeRegistry, consentctl: Console, tmp_path: Path
) -> None:
    """What was consented to, to whom, when and how it is withdrawn."""
    registry.on("GetReceiptKeys", published(KEYS))
    outcome = verify(consentctl, tmp_path, GENUINE + "\n")
    assert outcome.code == 0, outcome.err
    for words in (
        f"verified: signed by the key {KEYS.keys()[0].key_id}",
        str(CONSENT_ID),
        "Alarm Example France SAS",
        "2026-09-01T08:30:00",
        "direct_marketing",
        "by email, sms",
        "marie@example.com",
        "to withdraw it: At any time",
    ):
        assert words in outcome.out


def test_json_is_the_receipt_itself(
    registry: FakeRegistry, consentctl: Console, tmp_path: Path
) -> None:
    registry.on("GetReceiptKeys", published(KEYS))
    outcome = verify(consentctl, tmp_path, GENUINE, "--json")
    assert outcome.json == json.loads(PAYLOAD)


def test_a_key_file_stands_in_for_the_registry(
    registry: FakeRegistry, consentctl: Console, tmp_path: Path
) -> None:
    """Whoever has the published key needs nobody else."""
    pem = tmp_path / "key.pem"
    pem.write_text(KEYS.keys()[0].pem)
    assert verify(consentctl, tmp_path, GENUINE, "--key", pem).code == 0
    pem.write_text(OTHER_KEYS.keys()[0].pem)
    refused = verify(consentctl, tmp_path, GENUINE, "--key", pem)
    assert (refused.code, refused.out) == (1, "")
    assert "not known" in refused.err
    assert not registry.requests("GetReceiptKeys")


def test_an_older_key_still_verifies(
    registry: FakeRegistry, consentctl: Console, tmp_path: Path
) -> None:
    """After a new one was added."""
    rotated = KEYS.with_new_key()
    registry.on("GetReceiptKeys", published(rotated))
    assert verify(consentctl, tmp_path, GENUINE).code == 0
    assert verify(consentctl, tmp_path, rotated.sign(PAYLOAD)).code == 0


@pytest.mark.parametrize(
    "text, said",
    [
        pytest.param(changed_payload(), "signature is wrong", id="payload"),
        pytest.param(GENUINE[:-9] + "AAAAAAAAA", "signature is wrong", id="signature"),
        pytest.param(respelt_signature(), "signature is wrong", id="spelling of the signature"),
        pytest.param(GENUINE.rpartition(".")[0] + ".", "signature is wrong", id="no signature"),
        pytest.param(OTHER_KEYS.sign(PAYLOAD), "not known", id="another key"),
        pytest.param(with_header(kid=OTHER_KEYS.keys()[0].key_id), "not known", id="key id"),
        pytest.param(with_header(alg="none"), "not signed with EdDSA", id="none"),
        pytest.param(with_header(alg="HS256"), "not signed with EdDSA", id="symmetric"),
        pytest.param(with_header(alg="Ed448"), "not signed with EdDSA", id="other curve"),
        pytest.param(with_header(typ="JWT"), "no consent receipt", id="other token"),
        pytest.param(with_header(jwk={"kty": "OKP"}), "no consent receipt", id="key in the header"),
        pytest.param(with_header(crit=["exp"]), "no consent receipt", id="critical extension"),
        pytest.param(KEYS.sign(b"{}"), "no consent receipt", id="signed something else"),
        pytest.param(KEYS.sign(b"no JSON"), "no consent receipt", id="signed no JSON"),
        pytest.param("", "no signed receipt", id="empty"),
        pytest.param("a.b.c", "no signed receipt", id="no base64"),
        pytest.param("é.é.é", "no signed receipt", id="not ASCII"),
        pytest.param(PAYLOAD.decode(), "no signed receipt", id="unsigned"),
    ],
)
def test_what_is_not_genuine_exits_with_1_and_shows_nothing(
    registry: FakeRegistry, consentctl: Console, tmp_path: Path, text: str, said: str
) -> None:
    """Nothing of an unverified receipt is printed as if it were true."""
    registry.on("GetReceiptKeys", published(KEYS))
    outcome = verify(consentctl, tmp_path, text)
    assert (outcome.code, outcome.out) == (1, "")
    assert said in outcome.err


def test_a_registry_without_keys_verifies_nothing(
    registry: FakeRegistry, consentctl: Console, tmp_path: Path
) -> None:
    registry.on("GetReceiptKeys", GetReceiptKeysResponse())
    assert verify(consentctl, tmp_path, GENUINE).code == 1


def test_the_name_that_the_registry_gives_a_key_is_not_trusted(
    registry: FakeRegistry, consentctl: Console, tmp_path: Path
) -> None:
    """A key is what its thumbprint says."""
    (other,) = OTHER_KEYS.keys()
    named = ReceiptKey(key_id=KEYS.keys()[0].key_id, public_key_pem=other.pem)
    registry.on("GetReceiptKeys", GetReceiptKeysResponse(keys=[named]))
    outcome = verify(consentctl, tmp_path, GENUINE)
    assert (outcome.code, "not known" in outcome.err) == (1, True)


def test_a_file_that_holds_no_key_is_a_wrong_usage(consentctl: Console, tmp_path: Path) -> None:
    pem = tmp_path / "key.pem"
    pem.write_text("no key")
    assert verify(consentctl, tmp_path, GENUINE, "--key", pem).code == 2


def test_record_keeps_the_receipt_in_a_file_of_its_owner(
    registry: FakeRegistry, consentctl: Console, tmp_path: Path
) -> None:
    """There, and not on the screen."""
    registry.on("RecordConsent", RecordConsentResponse(entry_id="e1", proven=True, receipt=GENUINE))
    path = tmp_path / "marie.jws"
    outcome = consentctl(*RECORD, "--receipt", path, "--json")
    assert outcome.code == 0, outcome.err
    assert registry.requests("RecordConsent")[0].issue_receipt
    assert path.read_text() == GENUINE + "\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert "receipt" not in outcome.json


def test_record_asks_for_no_receipt_unless_told(
    registry: FakeRegistry, consentctl: Console
) -> None:
    registry.on("RecordConsent", RecordConsentResponse(entry_id="e1", proven=True))
    assert consentctl(*RECORD).code == 0
    assert not registry.requests("RecordConsent")[0].issue_receipt


def test_nothing_is_recorded_whose_receipt_could_not_be_kept(
    registry: FakeRegistry, consentctl: Console, tmp_path: Path
) -> None:
    """The file is there already: it is not overwritten, and the registry is not told."""
    path = tmp_path / "marie.jws"
    path.write_text("kept")
    assert consentctl(*RECORD, "--receipt", path).code == 2
    assert path.read_text() == "kept"
    assert not registry.requests("RecordConsent")


def test_a_refused_consent_leaves_no_file(
    registry: FakeRegistry, consentctl: Console, tmp_path: Path
) -> None:
    refusal = failing(
        grpc.StatusCode.FAILED_PRECONDITION, "no key", reason="RECEIPTS_NOT_CONFIGURED"
    )
    registry.on("RecordConsent", refusal)
    path = tmp_path / "marie.jws"
    outcome = consentctl(*RECORD, "--receipt", path)
    assert outcome.code == 2
    assert "RECEIPTS_NOT_CONFIGURED" in outcome.err
    assert not path.exists()
