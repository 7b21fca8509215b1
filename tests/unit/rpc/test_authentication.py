"""Who is let in, and to what."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

from consent_registry_server.domain.errors import ConfigurationError, PermissionDenied
from consent_registry_server.rpc.api_keys import api_keys_of, new_api_key, read_keys_file
from consent_registry_server.rpc.authentication import ApiKeys, Caller
from tests.unit.rpc.harness import ADD, CHECK, DECISIONS, REGISTRY, Harness, RpcFailure

Serve = Callable[..., Harness]
SERVICES = frozenset({DECISIONS, REGISTRY})
SECRET = "a-secret-of-the-dialer"


def key(**changes: object) -> dict[str, object]:
    digest = sha256(SECRET.encode()).hexdigest()
    return {"id": "dialer-1", "sha256": digest, "services": ["DecisionService"], **changes}


def intake_key(**changes: object) -> dict[str, object]:
    return key(services=["RegistryService"], **changes)


def read_api_keys(path: Path, *, services: frozenset[str]) -> ApiKeys:
    return api_keys_of(path, read_keys_file(path), services=services)


def written(path: Path, *keys: object) -> Path:
    file = path / "keys.json"
    file.write_text(json.dumps({"keys": keys}))
    return file


@pytest.fixture
def keys(tmp_path: Path) -> ApiKeys:
    """Those of a dialer, twice, and of an intake form."""
    second = {"id": "dialer-2", "sha256": sha256(b"second").hexdigest()}
    intake = {"id": "intake", "sha256": sha256(b"intake").hexdigest()}
    path = written(
        tmp_path,
        key(controllers=["alarm-fr"]),
        key(**second),
        key(**intake, services=["consent_registry.v1.RegistryService"]),
    )
    return read_api_keys(path, services=SERVICES)


def bearer(secret: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {secret}"),)


@pytest.mark.parametrize(
    "metadata",
    [
        (),
        (("authorization", SECRET),),
        (("authorization", f"Basic {SECRET}"),),
        (("authorization", "Bearer"),),
        (("authorization", "Bearer "),),
        bearer("wrong"),
        bearer(SECRET.upper()),
        bearer(SECRET[:-1]),
        bearer(sha256(SECRET.encode()).hexdigest()),
        bearer(SECRET) * 2,
        (("x-authorization", f"Bearer {SECRET}"),),
    ],
    ids=[
        "none",
        "no scheme",
        "other scheme",
        "no key",
        "empty key",
        "unknown key",
        "other case",
        "part of a key",
        "its digest",
        "two keys",
        "other metadata",
    ],
)
def test_a_caller_without_a_known_key_is_refused(
    serve: Serve, keys: ApiKeys, metadata: Sequence[tuple[str, str]]
) -> None:
    """With one reason for all of it, and nothing reaches the servicer."""
    harness = serve(authenticator=keys)
    failure = harness.refused(metadata=metadata)
    assert failure.code is grpc.StatusCode.UNAUTHENTICATED
    assert failure.reason == "UNAUTHENTICATED"
    assert harness.servicer.calls == []


@pytest.mark.parametrize(
    "secret, scheme, caller",
    [
        (SECRET, "Bearer", "dialer-1"),
        ("second", "Bearer", "dialer-2"),
        (SECRET, "bearer", "dialer-1"),
    ],
    ids=["a key", "another key", "scheme in lower case"],
)
def test_each_live_key_is_its_caller(
    serve: Serve, keys: ApiKeys, secret: str, scheme: str, caller: str
) -> None:
    """Several at once, so that one can replace another."""
    harness = serve(authenticator=keys)
    harness.check(metadata=(("authorization", f"{scheme} {secret}"),))
    assert harness.servicer.calls[0].caller.id == caller
    assert harness.log.one_of(CHECK)["caller"] == caller


def test_a_key_opens_no_service_it_does_not_name(serve: Serve, keys: ApiKeys) -> None:
    """A dialer's key writes nothing."""
    harness = serve(authenticator=keys)
    failure = harness.refused(metadata=bearer("intake"))
    assert failure.code is grpc.StatusCode.PERMISSION_DENIED
    assert failure.reason == "SERVICE_NOT_GRANTED"
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = harness.channel.unary_unary(f"/{ADD}")
    with pytest.raises(grpc.RpcError) as refused:
        call(b"", metadata=bearer(SECRET))
    assert RpcFailure.of(refused.value).reason == "SERVICE_NOT_GRANTED"


def test_a_key_leaves_no_trace(serve: Serve, keys: ApiKeys) -> None:
    """Neither in the log nor in the metrics, whether it is right or wrong."""
    harness = serve(authenticator=keys)
    harness.check(metadata=bearer(SECRET))
    harness.refused(metadata=bearer("wrong-secret"))
    traces = repr(harness.log.events) + harness.exposition()
    assert len(harness.log.events) == 2
    assert SECRET not in traces
    assert "wrong-secret" not in traces
    assert sha256(SECRET.encode()).hexdigest() not in traces


def test_health_needs_no_key(serve: Serve, keys: ApiKeys) -> None:
    """A probe has none."""
    harness = serve(authenticator=keys)
    stub = health_pb2_grpc.HealthStub(harness.channel)
    assert stub.Check(health_pb2.HealthCheckRequest()).status == 1


def test_reflection_needs_any_key(serve: Serve, keys: ApiKeys) -> None:
    """Whichever services it names."""
    harness = serve(authenticator=keys)
    anonymous = ProtoReflectionDescriptorDatabase(harness.channel)
    with pytest.raises(grpc.RpcError) as refused:
        anonymous.get_services()
    assert RpcFailure.of(refused.value).reason == "UNAUTHENTICATED"
    channel = grpc.intercept_channel(harness.channel, _WithKey("intake"))
    assert DECISIONS in ProtoReflectionDescriptorDatabase(channel).get_services()


def test_a_stranger_does_not_learn_what_exists(serve: Serve, keys: ApiKeys) -> None:
    """A made-up method is refused like a real one."""
    harness = serve(authenticator=keys)
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = harness.channel.unary_unary("/made.up/M")
    with pytest.raises(grpc.RpcError) as refused:
        call(b"")
    assert RpcFailure.of(refused.value).reason == "UNAUTHENTICATED"


# What a caller may do


def caller(**grants: object) -> Caller:
    nobody = {"id": "c", "services": frozenset[str](), "controllers": frozenset[str]()}
    flags = {"full_view": False, "service_purpose": False}
    return Caller(**{**nobody, **flags, **grants})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "controllers, controller, allowed",
    [
        (set(), "alarm-fr", False),
        ({"alarm-fr"}, "alarm-fr", True),
        ({"alarm-fr"}, "alarm-it", False),
        ({"alarm-fr"}, "group", False),
        ({"alarm-fr"}, "", False),
        ({"*"}, "alarm-it", True),
        ({"*"}, "group", True),
    ],
    ids=["none", "named", "other", "group", "empty", "all", "all with group"],
)
def test_a_caller_speaks_for_the_controllers_of_its_key(
    controllers: set[str], controller: str, allowed: bool
) -> None:
    """By default for none."""
    asked = caller(controllers=frozenset(controllers))
    if allowed:
        asked.require_controller(controller)
        return
    with pytest.raises(PermissionDenied) as refused:
        asked.require_controller(controller)
    assert refused.value.reason == "CONTROLLER_NOT_GRANTED"


def test_grounds_are_for_those_granted_them() -> None:
    """They show what other tools wrote."""
    caller(full_view=True).require_full_view()
    with pytest.raises(PermissionDenied) as refused:
        caller().require_full_view()
    assert (refused.value.reason, refused.value.field) == ("FULL_VIEW_NOT_GRANTED", "view")


def test_the_purpose_service_is_for_those_granted_it() -> None:
    """Nothing can stop a contact for it."""
    caller(service_purpose=True).require_service_purpose()
    with pytest.raises(PermissionDenied) as refused:
        caller().require_service_purpose()
    assert refused.value.reason == "SERVICE_PURPOSE_NOT_GRANTED"


@pytest.mark.parametrize(
    "partners, partner_id, allowed",
    [
        (None, "insurer-1", True),
        (None, "", True),
        ({"insurer-1"}, "insurer-1", True),
        ({"insurer-1"}, "insurer-2", False),
        ({"insurer-1"}, "insurer-", False),
        ({"insurer-1"}, "", False),
        (set(), "insurer-1", False),
        (set(), "", False),
    ],
    ids=[
        "no partner's key",
        "no partner's key, no lead",
        "own lead",
        "another's lead",
        "part of an id",
        "no lead",
        "of no partner",
        "of no partner, no lead",
    ],
)
def test_a_partner_brings_leads_of_its_own_and_does_nothing_else(
    partners: set[str] | None, partner_id: str, *, allowed: bool
) -> None:
    """So that it learns only what became of those."""
    asked = caller(partners=None if partners is None else frozenset(partners))
    if allowed:
        asked.require_partner(partner_id)
        return
    with pytest.raises(PermissionDenied) as refused:
        asked.require_partner(partner_id)
    assert refused.value.reason == "PARTNER_NOT_GRANTED"
    assert refused.value.field == ("partner_id" if partner_id else "")


# The file


@pytest.mark.parametrize(
    "named, expected",
    [
        ({}, None),
        ({"partners": ["insurer-1", "bank_2"]}, {"insurer-1", "bank_2"}),
        ({"partners": []}, set()),
    ],
    ids=["none named", "some", "an empty list"],
)
def test_a_key_is_limited_to_the_partners_it_names(
    tmp_path: Path, named: dict[str, object], expected: set[str] | None
) -> None:
    """Without the word it is not; an empty list is a limit, too."""
    path = written(tmp_path, key(services=["RegistryService"], **named))
    known = read_api_keys(path, services=SERVICES).caller([f"Bearer {SECRET}"])
    assert known.partners == expected


def test_a_key_whose_partners_are_null_is_refused(tmp_path: Path) -> None:
    """A list that a template lost must not make the key one without limits."""
    path = written(tmp_path, key(services=["RegistryService"], partners=None))
    with pytest.raises(ConfigurationError, match="null"):
        read_api_keys(path, services=SERVICES)


def test_a_new_key_is_random_and_grants_nothing(tmp_path: Path) -> None:
    """The file keeps its digest only."""
    secret, entry = new_api_key("dialer-1")
    other, _ = new_api_key("dialer-1")
    assert secret != other
    assert len(secret) == 43
    assert secret not in json.dumps(entry)
    found = read_api_keys(written(tmp_path, entry), services=SERVICES)
    known = found.caller([f"Bearer {secret}"])
    assert known == caller(id="dialer-1")


@pytest.mark.parametrize("key_id", ["", "a b", "é", "-x", "x" * 65])
def test_a_key_has_a_plain_id(key_id: str) -> None:
    """It is written to the log."""
    with pytest.raises(ConfigurationError, match="the id of a key"):
        new_api_key(key_id)


@pytest.mark.parametrize(
    "keys, problem",
    [
        ([], "keys: "),
        ([key(id="a b")], r"keys\.0\.id: "),
        ([key(sha256="abc")], r"keys\.0\.sha256: "),
        ([key(services=["DecisonService"])], r"keys\.0\.services: no service 'DecisonService'"),
        ([key(services=["*"])], r"keys\.0\.services: no service '\*'"),
        ([key(admin=True)], r"keys\.0\.admin: "),
        ([key(full_view="yes")], r"keys\.0\.full_view: "),
        ([key(controllers="alarm-fr")], r"keys\.0\.controllers: "),
        ([key(partners=["Insurer 1"])], r"keys\.0\.partners\.0: "),
        ([key(partners=["insurer-1"])], r"keys\.0: with partners it can grant RegistryService"),
        ([intake_key(partners=["insurer-1"], full_view=True)], r"keys\.0: with partners"),
        ([intake_key(partners=["insurer-1"], service_purpose=True)], r"keys\.0: with partners"),
        ([key(), key(sha256="0" * 64)], r"keys\.1: the id of an earlier key"),
        ([key(), key(id="other")], r"keys\.1: the secret of an earlier key"),
        (["dialer"], r"keys\.0: "),
    ],
    ids=[
        "none",
        "id",
        "digest",
        "misspelt service",
        "every service",
        "unknown grant",
        "not a boolean",
        "not a list",
        "partner id",
        "a partner that asks",
        "a partner that sees grounds",
        "a partner that asks for service",
        "same id",
        "same secret",
        "not a key",
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, keys: list[object], problem: str) -> None:
    """With the place of the mistake."""
    with pytest.raises(ConfigurationError, match=problem):
        read_api_keys(written(tmp_path, *keys), services=SERVICES)


def test_a_refusal_quotes_no_secret(tmp_path: Path) -> None:
    """Somebody put a secret where its digest belongs, and a number too many."""
    path = written(tmp_path, key(sha256=SECRET), key(id=7))
    with pytest.raises(ConfigurationError) as refused:
        read_api_keys(path, services=SERVICES)
    assert SECRET not in refused.value.message
    assert "keys.0.sha256" in refused.value.message
    assert "keys.1.id" in refused.value.message


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]"], ids=repr)
def test_a_file_that_is_no_json_is_refused(tmp_path: Path, content: bytes) -> None:
    """As a whole."""
    path = tmp_path / "keys.json"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"keys\.json:\n  file: "):
        read_api_keys(path, services=SERVICES)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """By its name."""
    with pytest.raises(ConfigurationError, match="absent: cannot be read"):
        read_api_keys(tmp_path / "absent", services=SERVICES)


class _WithKey(grpc.StreamStreamClientInterceptor):
    """Adds a key to each stream."""

    def __init__(self, secret: str) -> None:
        self._metadata = bearer(secret)

    def intercept_stream_stream(
        self,
        continuation: Callable[..., Any],
        client_call_details: Any,  # noqa: ANN401 - a named tuple of gRPC's own
        request_iterator: object,
    ) -> Any:  # noqa: ANN401 - what the continuation returns
        details = client_call_details._replace(metadata=self._metadata)
        return continuation(details, request_iterator)
