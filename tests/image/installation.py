"""The chart installed: databases made by the administrators' scripts, secrets, pods."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from consent_registry_server.rpc.api_keys import new_api_key
from tests.charts.rendering import Pod, Release, render
from tests.image.authority import Authority
from tests.image.box import Place
from tests.image.built import Image
from tests.image.context import REPOSITORY
from tests.image.databases import DatabaseServer
from tests.image.network import Network
from tests.image.pods import Node, Running
from tests.image.volumes import Content, Objects

ORIGIN: Final = "https://stop.example"
CONTROLLER: Final = "alarm-fr"

_REGISTRY_HOST: Final = "registry-db.databases.svc"
_KEY_STORE_HOST: Final = "key-store.databases.svc"
# Of what tools for passwords make, all that a URL or a shell would trip over.
_PASSWORDS: Final = {
    "consent_registry_owner": "own:er/@#?&=%41 $HOME",
    "consent_registry_server": "ser'ver\"\\;--%/@:",
    "consent_registry_keys": "ke{y}s*[]|<>!~`^",
}
_VALUES: Final[Mapping[str, Any]] = {
    "database": {"host": _REGISTRY_HOST, "tls": {"caSecret": {"name": "database-ca"}}},
    "keyStore": {"host": _KEY_STORE_HOST, "tls": {"caSecret": {"name": "key-store-ca"}}},
    "keys": {"receiptKeysSecret": {"name": "receipt-keys"}},
    "server": {"unsubscribe": {"url": ORIGIN}, "clientCaSecret": {"name": "client-ca"}},
    "web": {
        "registryCaSecret": {"name": "registry-ca"},
        "registryClientTlsSecret": {"name": "web-client-tls"},
        "brandingConfigMap": {"name": "branding"},
    },
    "export": {"enabled": True, "claim": "registry-log"},
}
_BRANDING: Final = REPOSITORY / "docs" / "branding.example.yaml"
_SERVICES: Final = {
    "web": ["UnsubscribeService"],
    "dialer": ["DecisionService", "UnsubscribeService"],
}


@dataclass(frozen=True, slots=True)
class Installation:
    """A release that runs, with one pod of each Deployment."""

    release: Release
    node: Node
    registry: DatabaseServer
    key_store: DatabaseServer
    server: Running
    web: Running
    export: Running
    log: Path
    """The file that the export writes."""
    migrations: tuple[Running, ...]
    """As many as ran at once, ended or not."""
    _caller: Content

    def start(self, component: str) -> Running:
        """Starts another pod."""
        return self.node.start(pod(self.release, component))

    def consentctl(self, *arguments: str) -> str:
        """Runs the client as a dialer beside the pods would; returns what it said, and says so."""
        service = f"{self.release.name}-consent-registry-server.{self.release.namespace}.svc"
        folder = self.node.new_folder()
        for name, content in self._caller.items():
            (folder / name).write_bytes(content)
        environment = {
            "CONSENT_REGISTRY_ADDRESS": f"{service}:50051",
            "CONSENT_REGISTRY_TLS_CA": "/etc/dialer/ca.crt",
            "CONSENT_REGISTRY_TLS_CERT": "/etc/dialer/tls.crt",
            "CONSENT_REGISTRY_TLS_KEY": "/etc/dialer/tls.key",
            "CONSENT_REGISTRY_API_KEY_FILE": "/etc/dialer/api-key",
            "CONSENT_REGISTRY_CONTROLLER": CONTROLLER,
        }
        mounted = Place("bind", "/etc/dialer", str(folder))
        done = self.node.run("consentctl", *arguments, environment=environment, places=(mounted,))
        return f"{done.stdout}exit code {done.returncode}"


@contextmanager
def installed(image: Image, folder: Path) -> Iterator[Installation]:
    """Installs the chart and waits until its pods are ready; at the end nothing is left of it."""
    release = render(_VALUES)
    authority = Authority("databases")
    with Network() as network, ExitStack() as ends:
        servers = []
        for number, host in enumerate((_REGISTRY_HOST, _KEY_STORE_HOST)):
            server = DatabaseServer(
                folder / host, network, authority, host, address=_address(number)
            )
            ends.callback(server.stop)
            servers.append(server)
        registry, key_store = servers
        prepare(registry, key_store)
        hosts = {_REGISTRY_HOST: _address(0), _KEY_STORE_HOST: _address(1)} | _names(release)
        tools = Node(image, network, Objects({}, {}, {}), hosts=hosts, folder=folder / "tools")
        claimed = tools.new_folder()
        caller, objects = _objects(release, tools, authority, claimed)
        node = Node(image, network, objects, hosts=hosts, folder=folder / "node")

        def start(component: str) -> Running:
            running = node.start(pod(release, component))
            ends.callback(running.kill)
            return running

        # As in a cluster, all at once: what needs something that is not there yet waits for it.
        serving, web, export = start("server"), start("web"), start("export")
        migrations = (start("migrate"), start("migrate"))
        for running in (serving, web):
            for probe in ("startupProbe", "readinessProbe"):
                running.wait_for(probe)
        yield Installation(
            release,
            node,
            registry,
            key_store,
            server=serving,
            web=web,
            export=export,
            log=claimed / "registry.ndjson",
            migrations=migrations,
            _caller=caller,
        )


def prepare(registry: DatabaseServer, key_store: DatabaseServer) -> None:
    """What docs/operations.md tells a database administrator to do."""
    registry.run_script("registry.sql")
    key_store.run_script("key-store.sql")
    for login, password in _PASSWORDS.items():
        server = key_store if login == "consent_registry_keys" else registry
        server.set_password(login, password)


def pod(release: Release, component: str) -> Pod:
    """The pod of a component."""
    (found,) = [each for each in release.pods() if each.component() == component]
    return found


def _address(number: int) -> str:
    return f"127.0.0.{number + 2}"


def _names(release: Release) -> dict[str, str]:
    """Every name of every Service, all of them on one address."""
    suffixes = ("", f".{release.namespace}", f".{release.namespace}.svc")
    return {
        f"{service['metadata']['name']}{suffix}": "127.0.0.1"
        for service in release.all("Service")
        for suffix in suffixes
    }


def _objects(
    release: Release, tools: Node, authority: Authority, claimed: Path
) -> tuple[Content, Objects]:
    """What a caller has, and what the chart refers to; keys are made by the program itself."""
    registry_authority, client_authority = Authority("registry"), Authority("clients")
    keyring = _made(tools, "generate", "keyring.json")
    receipt_keys = _made(tools, "receipts", "receipt-keys.json")
    made = {"web": _api_key(tools, "web"), "dialer": new_api_key("dialer")}
    entries = [
        entry | {"services": _SERVICES[name], "controllers": [CONTROLLER]}
        for name, (_, entry) in made.items()
    ]
    passwords = {login: text.encode() for login, text in _PASSWORDS.items()}
    authorities = authority.certificate()
    objects = Objects(
        {
            "consent-registry-database-owner": {"password": passwords["consent_registry_owner"]},
            "consent-registry-database-server": {"password": passwords["consent_registry_server"]},
            "consent-registry-key-store": {"password": passwords["consent_registry_keys"] + b"\n"},
            "consent-registry-keyring": {"keyring.json": keyring},
            "receipt-keys": {"receipt-keys.json": receipt_keys},
            "consent-registry-tls": _pair(registry_authority, *_names(release)),
            "client-ca": {"ca.crt": client_authority.certificate()},
            "web-client-tls": _pair(client_authority, "web"),
            "consent-registry-api-keys": {"api-keys.json": json.dumps({"keys": entries}).encode()},
            "consent-registry-web-api-key": {"api-key": made["web"][0].encode()},
            "database-ca": {"ca.crt": authorities},
            "key-store-ca": {"ca.crt": authorities},
            "registry-ca": {"ca.crt": registry_authority.certificate()},
        },
        {"branding": {"branding.yaml": _BRANDING.read_bytes()}},
        {"registry-log": claimed},
    )
    caller = {
        "api-key": made["dialer"][0].encode(),
        "ca.crt": registry_authority.certificate(),
        **_pair(client_authority, "dialer"),
    }
    return caller, objects


def _pair(authority: Authority, *names: str) -> Content:
    """A Secret of the type kubernetes.io/tls."""
    certificate, key = authority.issue(*names)
    return {"tls.crt": certificate, "tls.key": key}


def _made(tools: Node, command: str, name: str) -> bytes:
    """A file of keys, as `consent-registry keys` of the image writes it."""
    folder = tools.new_folder()
    folder.chmod(0o777)
    place = Place("bind", "/made", str(folder), writable=True)
    done = tools.run("consent-registry", "keys", command, f"/made/{name}", places=(place,))
    assert done.returncode == 0, done.stdout
    return (folder / name).read_bytes()


def _api_key(tools: Node, name: str) -> tuple[str, dict[str, Any]]:
    """The secret of a new API key and its entry, from what the program says."""
    done = tools.run("consent-registry", "keys", "api", name)
    assert done.returncode == 0, done.stdout
    secret, entry = (line.partition(": ")[2] for line in done.stdout.splitlines())
    return secret, json.loads(entry)
