"""Who may ask and write what, over TLS, with keys from a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2

from consent_registry.v1.decision_pb2 import VIEW_BASIC
from consent_registry.v1.policy_service_pb2 import GetPolicyRequest
from consent_registry_client import Channel, Client, PermissionDenied, TlsFiles
from consent_registry_server.rpc.api_keys import new_api_key
from tests.e2e import filled
from tests.e2e.audience import OpenStream
from tests.e2e.bad_request import BY_TOKEN
from tests.e2e.certificate import Certificate, self_signed
from tests.e2e.connection import Connection, Refusal, refusal
from tests.e2e.people import FRANCE, MARKETING, opt_out, somebody
from tests.e2e.registry_process import RegistryProcess, run_program

_GRANTS: dict[str, dict[str, object]] = {
    "nothing": {},
    "sender": {"services": ["UnsubscribeService"], "controllers": [FRANCE]},
    "sender-no": {"services": ["UnsubscribeService"], "controllers": ["alarm-no"]},
    "dialer": {"services": ["DecisionService"], "controllers": [FRANCE]},
    "attempts": {"services": ["AttemptService"], "controllers": [FRANCE]},
    "officer": {"services": ["SubjectService"], "controllers": [FRANCE]},
    "intake": {"services": ["RegistryService"], "controllers": [FRANCE, "group"]},
    "insurer": {
        "services": ["RegistryService"],
        "controllers": [FRANCE],
        "partners": [filled.PARTNER],
    },
    "intake-2": {"services": ["RegistryService"], "controllers": ["*"]},
    "desk": {
        "services": ["DecisionService", "HistoryService", "PolicyService"],
        "controllers": [FRANCE],
        "full_view": True,
    },
    "alarm": {
        "services": ["DecisionService"],
        "controllers": [FRANCE],
        "service_purpose": True,
    },
}
_KEYS = {
    "A": "attempts",
    "D": "dialer",
    "H": "desk",
    "R": "intake",
    "S": "officer",
    "U": "sender",
}
"""The key that is granted a service, by its first letter."""
_CREATE_LINKS = "UnsubscribeService/CreateUnsubscribeLinks"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("access")


@pytest.fixture(scope="module")
def certificate(directory: Path) -> Certificate:
    return self_signed(directory)


@pytest.fixture(scope="module")
def secrets() -> dict[str, tuple[str, dict[str, Any]]]:
    """A secret for each key, and its entry in the file."""
    return {name: new_api_key(name) for name in _GRANTS}


@pytest.fixture(scope="module")
def guarded(
    new_data_dir: Callable[[], Path],
    directory: Path,
    certificate: Certificate,
    secrets: dict[str, tuple[str, dict[str, Any]]],
) -> Iterator[RegistryProcess]:
    """A server with TLS that lets in those keys alone."""
    keys = [entry | _GRANTS[name] for name, (_, entry) in secrets.items()]
    keys_file = directory / "keys.json"
    keys_file.write_text(json.dumps({"keys": keys}))
    registry = RegistryProcess(
        new_data_dir(),
        TLS_CERT_FILE=str(certificate.certificate),
        TLS_KEY_FILE=str(certificate.key),
        API_KEYS_FILE=str(keys_file),
    )
    yield registry
    assert registry.stop() == 0


class Caller:
    """A connection that shows a key, or none."""

    def __init__(self, connection: Connection, secret: str | None) -> None:
        self._connection = connection
        self.metadata = [] if secret is None else [("authorization", f"Bearer {secret}")]

    def call(self, method: str, request: Message) -> Any:  # noqa: ANN401 - of any method
        return self._connection.method(method)(request, metadata=self.metadata)

    def refused(self, method: str, request: Message | None = None) -> tuple[str, str]:
        """The code and the reason of a call that must fail."""
        sent = filled.UNARY[method]() if request is None else request
        refused = refusal(lambda: self.call(method, sent))
        assert not [each for each in filled.IDENTITY.values() if each in refused.everything]
        return refused.code.name, refused.reason


@pytest.fixture(scope="module")
def secured(guarded: RegistryProcess, certificate: Certificate) -> Iterator[Connection]:
    """A connection that trusts the server's certificate."""
    credentials = grpc.ssl_channel_credentials(certificate.certificate.read_bytes())
    connection = Connection(guarded.address, credentials)
    with closing(connection.channel):
        yield connection


@pytest.fixture(scope="module")
def caller(
    secured: Connection, secrets: dict[str, tuple[str, dict[str, Any]]]
) -> Callable[[str], Caller]:
    """A caller by the name of its key."""
    return lambda name: Caller(secured, secrets[name][0])


Callers = Callable[[str], Caller]


@pytest.mark.parametrize("method", filled.UNARY)
@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param([], id="no key"),
        pytest.param([("authorization", "Bearer " + "A" * 43)], id="an unknown key"),
        pytest.param([("authorization", "Basic dXNlcjpwYXNz")], id="another scheme"),
        pytest.param([("authorization", "Bearer ")], id="an empty key"),
    ],
)
def test_whoever_shows_no_known_key_is_let_in_nowhere(
    secured: Connection, method: str, metadata: list[tuple[str, str]]
) -> None:
    stranger = Caller(secured, None)
    stranger.metadata = metadata

    assert stranger.refused(method) == ("UNAUTHENTICATED", "UNAUTHENTICATED")


def test_a_stream_needs_a_key_too(secured: Connection) -> None:
    stream = OpenStream(secured)

    stream.send(None)

    refused = refusal(stream.receive)

    assert refused.code is grpc.StatusCode.UNAUTHENTICATED


def test_a_key_shown_twice_is_none(secured: Connection, caller: Callers) -> None:
    twice = caller("desk")
    twice.metadata *= 2

    assert twice.refused("PolicyService/GetPolicy") == ("UNAUTHENTICATED", "UNAUTHENTICATED")
    assert secured.health.Check(health_pb2.HealthCheckRequest())


def test_health_is_open(secured: Connection) -> None:
    health = secured.health.Check(health_pb2.HealthCheckRequest())

    assert health.status == health_pb2.HealthCheckResponse.SERVING


@pytest.mark.parametrize(
    "name,methods",
    [
        pytest.param("nothing", tuple(filled.UNARY), id="a key that grants nothing"),
        pytest.param(
            "dialer",
            tuple(method for method in filled.UNARY if not method.startswith("Decision")),
            id="a dialer",
        ),
        pytest.param(
            "intake",
            tuple(method for method in filled.UNARY if not method.startswith("Registry")),
            id="intake",
        ),
        pytest.param(
            "sender",
            tuple(method for method in filled.UNARY if not method.startswith("Unsubscribe")),
            id="an unsubscribe handler",
        ),
    ],
)
def test_a_service_that_a_key_does_not_name_is_not_granted(
    caller: Callers, name: str, methods: tuple[str, ...]
) -> None:
    refused = {method: caller(name).refused(method) for method in methods}

    assert set(refused.values()) == {("PERMISSION_DENIED", "SERVICE_NOT_GRANTED")}


@pytest.mark.parametrize(
    "method",
    [each for each in filled.UNARY if "Policy" not in each and each not in BY_TOKEN],
)
def test_a_controller_that_a_key_does_not_name_is_not_granted(caller: Callers, method: str) -> None:
    name = _KEYS[method[0]]
    request: Any = filled.UNARY[method]()
    if method.endswith("BatchCheckContact"):
        request.requests[0].controller = "alarm-no"
        request.requests[0].view = VIEW_BASIC
        (result,) = caller(name).call(method, request).results
        assert result.error.reason == "CONTROLLER_NOT_GRANTED"
        return
    asked = request.question if method.endswith("ExplainDecision") else request
    asked.controller = "alarm-no"

    refused = caller(name).refused(method, request)

    assert refused == ("PERMISSION_DENIED", "CONTROLLER_NOT_GRANTED")


@pytest.mark.parametrize("method", BY_TOKEN)
def test_a_link_of_a_controller_that_a_key_does_not_name_is_not_granted(
    caller: Callers, guarded: RegistryProcess, method: str
) -> None:
    asked = filled.create_unsubscribe_links()
    asked.controller = "alarm-no"
    (result,) = caller("sender-no").call(_CREATE_LINKS, asked).results
    request: Any = filled.UNARY[method]()
    request.token = result.link.token
    before = guarded.row_counts()

    refused = caller("sender").refused(method, request)

    assert refused == ("PERMISSION_DENIED", "CONTROLLER_NOT_GRANTED")
    assert guarded.row_counts() == before


def test_an_unsubscribe_handler_needs_its_own_service_alone(caller: Callers) -> None:
    """From the link to the undo."""
    sender = caller("sender")
    (result,) = sender.call(_CREATE_LINKS, filled.create_unsubscribe_links()).results
    requests: dict[str, Any] = {method: filled.UNARY[method]() for method in BY_TOKEN}
    describe, unsubscribe, undo = requests.values()
    for request in requests.values():
        request.token = result.link.token

    described = sender.call(BY_TOKEN[0], describe)
    stored = sender.call(BY_TOKEN[1], unsubscribe)
    undo.undo_token = stored.undo_token
    undone = sender.call(BY_TOKEN[2], undo)

    assert described.controller == FRANCE
    assert len(stored.entry_ids) == len(undone.entry_ids) == 2


def test_grounds_are_shown_to_those_alone_who_may_see_them(caller: Callers) -> None:
    question = filled.check_contact()
    refused = caller("dialer").refused("DecisionService/CheckContact", question)
    seen = caller("desk").call("DecisionService/CheckContact", question).decision
    question.view = VIEW_BASIC
    unseen = caller("dialer").call("DecisionService/CheckContact", question).decision

    assert refused == ("PERMISSION_DENIED", "FULL_VIEW_NOT_GRANTED")
    assert seen.grounds
    assert not unseen.grounds
    assert seen.reason == unseen.reason


def test_an_explanation_shows_grounds_to_whoever_may_ask_for_one(caller: Callers) -> None:
    explained = caller("officer").call("SubjectService/ExplainDecision", filled.explain_decision())

    assert explained.decision.grounds


def test_questions_that_nothing_can_stop_are_for_those_alone_who_may_ask_them(
    caller: Callers,
) -> None:
    question = filled.check_contact()
    question.purpose = "service"
    question.view = VIEW_BASIC

    refused = caller("dialer").refused("DecisionService/CheckContact", question)

    assert refused == ("PERMISSION_DENIED", "SERVICE_PURPOSE_NOT_GRANTED")
    assert caller("alarm").call("DecisionService/CheckContact", question).decision.decision_id


def test_the_policy_is_shown_to_those_who_may_see_it(caller: Callers) -> None:
    assert caller("desk").call("PolicyService/GetPolicy", GetPolicyRequest()).rules


@pytest.mark.parametrize(
    "method", [each for each in filled.UNARY if each.startswith("Registry") and "Leads" not in each]
)
def test_a_partner_can_do_nothing_but_bring_leads(caller: Callers, method: str) -> None:
    assert caller("insurer").refused(method) == ("PERMISSION_DENIED", "PARTNER_NOT_GRANTED")


def test_a_partner_learns_what_became_of_its_own_leads_alone(caller: Callers) -> None:
    leads = "RegistryService/RecordPartnerLeads"
    request = filled.record_partner_leads()
    caller("intake").call("RegistryService/RegisterPartner", filled.register_partner())
    of_another = filled.record_partner_leads()
    of_another.partner_id = "bank-1"

    (result,) = caller("insurer").call(leads, request).results
    refused = caller("insurer").refused(leads, of_another)

    assert result.lead_id == filled.LEAD_ID
    assert refused == ("PERMISSION_DENIED", "PARTNER_NOT_GRANTED")


def test_each_caller_has_request_ids_of_its_own(caller: Callers, guarded: RegistryProcess) -> None:
    before = guarded.scalar("SELECT count(*) FROM entry")
    request = opt_out(somebody().email)

    one = caller("intake").call("RegistryService/AddDoNotContact", request)
    other = caller("intake-2").call("RegistryService/AddDoNotContact", request)

    assert one.entry_id != other.entry_id
    assert guarded.scalar("SELECT count(*) FROM entry") == before + 2


def test_the_client_library_shows_its_key(
    guarded: RegistryProcess,
    certificate: Certificate,
    secrets: dict[str, tuple[str, dict[str, Any]]],
) -> None:
    person = somebody()
    tls = TlsFiles(ca=certificate.certificate)
    with Client(guarded.address, api_key=secrets["dialer"][0], tls=tls) as client:
        answer = client.may_contact(
            controller=FRANCE, target=person.email, channel=Channel.CHANNEL_EMAIL, purpose=MARKETING
        )
        with pytest.raises(PermissionDenied):
            client.get_policy()

    assert not answer
    assert answer.decision is not None


def test_a_connection_without_tls_is_no_connection(guarded: RegistryProcess) -> None:
    connection = Connection(guarded.address)
    with closing(connection.channel):
        refused: Refusal = refusal(lambda: connection.health.Check(health_pb2.HealthCheckRequest()))

    assert refused.code is grpc.StatusCode.UNAVAILABLE


def test_no_secret_is_in_the_log(
    guarded: RegistryProcess,
    secured: Connection,
    secrets: dict[str, tuple[str, dict[str, Any]]],
) -> None:
    Caller(secured, None).refused("PolicyService/GetPolicy")
    log = guarded.log.decode()

    assert "UNAUTHENTICATED" in log
    assert not [name for name, (secret, entry) in secrets.items() if secret in log]
    assert not [name for name, (_, entry) in secrets.items() if entry["sha256"] in log]


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0"])
def test_a_listener_that_others_can_reach_needs_tls_and_keys(tmp_path: Path, address: str) -> None:
    refused = run_program(tmp_path, "serve", LISTEN_ADDRESS=address)

    assert refused.returncode == 1
    assert f"TLS_CERT_FILE is needed to listen on {address}" in refused.stderr
    assert f"API_KEYS_FILE is needed to listen on {address}" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not list(tmp_path.iterdir())


def test_keys_that_make_no_sense_are_refused_without_being_quoted(
    tmp_path: Path, new_data_dir: Callable[[], Path]
) -> None:
    keys_file = tmp_path / "keys.json"
    secret, entry = new_api_key("dialer")
    keys_file.write_text(json.dumps({"keys": [entry | {"sha256": secret, "services": ["All"]}]}))

    refused = run_program(new_data_dir(), "serve", API_KEYS_FILE=str(keys_file))

    assert refused.returncode == 1
    assert "keys.0.sha256" in refused.stderr
    assert secret not in refused.stderr
