"""Secrets are referred to, never made, and by those alone who need them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.charts.cases import CLOUD_NATIVE_PG, EVERYTHING, RELEASES
from tests.charts.joints import PREFIX, command, environment, mounted, secrets, texts
from tests.charts.rendering import Pod, render

each_release = pytest.mark.parametrize("values", RELEASES)


@each_release
def test_no_secret_is_made(values: dict[str, Any]) -> None:
    """What Helm renders stays readable in the cluster, in Git and in the release's history."""
    assert render(values).all("Secret") == []


@each_release
def test_no_url_holds_a_password(values: dict[str, Any]) -> None:
    for pod in render(values).pods():
        for name, value in environment(pod).items():
            _, _, rest = value.partition("://")
            login, at, _ = rest.partition("/")[0].rpartition("@")
            assert not at or ":" not in login, f"{pod.owner}: {name}"


@each_release
def test_every_secret_is_mounted_as_a_file(values: dict[str, Any]) -> None:
    """A variable is inherited, dumped and logged, and does not follow a rotation."""
    for pod in render(values).pods():
        for container in pod.containers():
            taken = [each["name"] for each in container["env"] if "valueFrom" in each]
            assert taken == [], pod.owner


@each_release
def test_a_mounted_secret_is_read_by_the_program_s_user_alone(values: dict[str, Any]) -> None:
    for pod in render(values).pods():
        for volume in pod.spec.get("volumes", []):
            for kind in ("secret", "projected"):
                if kind in volume:
                    assert volume[kind]["defaultMode"] in {0o400, 0o440}, volume["name"]


@each_release
def test_no_secret_is_mounted_by_part(values: dict[str, Any]) -> None:
    """The kubelet never renews a subPath."""
    for pod in render(values).pods():
        for container in pod.containers():
            assert not [each for each in container["volumeMounts"] if "subPath" in each]


@each_release
def test_only_the_migration_knows_the_owner_s_password(values: dict[str, Any]) -> None:
    release = render(values)
    jobs = [pod for pod in release.pods() if command(pod) == "migrate"]
    if not jobs:
        assert not values["migrate"]["enabled"]
        return
    owner = _secret_at(jobs[0], "/etc/consent-registry/database")
    for pod in release.pods():
        if command(pod) != "migrate":
            assert owner not in {name for name, _ in secrets(pod)}, pod.owner
    bearers = {each["kind"] for each in release.manifests if owner in set(texts(each))}
    assert bearers <= {"Job", "Cluster", "ExternalSecret"}


def test_the_web_has_neither_keys_nor_a_way_to_a_database() -> None:
    release = render(EVERYTHING)
    (web,) = [pod for pod in release.pods() if command(pod) == "unsubscribe-web"]
    (server,) = [pod for pod in release.pods() if command(pod) == "serve"]
    shared = {name for name, _ in secrets(web)} & {name for name, _ in secrets(server)}
    assert shared <= {_secret_at(server, "/etc/consent-registry/tls")}
    own = _secret_at(web, "/etc/consent-registry/registry-client")
    assert {name for name, key in secrets(web) if key == "tls.key"} == {own}


@each_release
def test_a_key_of_a_secret_has_the_same_name_wherever_it_is_used(values: dict[str, Any]) -> None:
    """One file in a Secret is one thing."""
    release = render(values)
    files: dict[tuple[str, str], set[str]] = {}
    for pod in release.pods():
        for volume in pod.spec.get("volumes", []):
            for item in volume.get("secret", {}).get("items", []):
                whose = (volume["secret"]["secretName"], item["key"])
                files.setdefault(whose, set()).add(item["path"])
    assert {whose: names for whose, names in files.items() if len(names) > 1} == {}


def test_what_the_operator_of_databases_makes_logins_of_is_what_the_programs_log_in_with() -> None:
    """Its Secrets hold `username` and `password`, the login's name being the cluster's say."""
    release = render(CLOUD_NATIVE_PG)
    registry, keys = release.one("Cluster", "db")["spec"], release.one("Cluster", "keys")["spec"]
    (role,) = registry["managed"]["roles"]
    made = {
        (
            registry["bootstrap"]["initdb"]["secret"]["name"],
            registry["bootstrap"]["initdb"]["owner"],
        ),
        (role["passwordSecret"]["name"], role["name"]),
        (keys["bootstrap"]["initdb"]["secret"]["name"], keys["bootstrap"]["initdb"]["owner"]),
    }
    used = set()
    for pod in release.pods():
        if command(pod) == "unsubscribe-web":
            continue
        told = environment(pod)
        for place, name in (("database", "DATABASE_URL"), ("key-store", "KEY_STORE_URL")):
            secret = _secret_at(pod, f"/etc/consent-registry/{place}")
            used.add((secret, urlsplit(told[PREFIX + name]).username))
    assert used == made


def test_the_operator_s_databases_are_known_by_its_own_authorities() -> None:
    release = render(CLOUD_NATIVE_PG)
    clusters = {each["metadata"]["name"] for each in release.all("Cluster")}
    for pod in release.pods():
        if command(pod) == "unsubscribe-web":
            continue
        told = environment(pod)
        for place, name in (("database-ca", "DATABASE_URL"), ("key-store-ca", "KEY_STORE_URL")):
            host = str(urlsplit(told[PREFIX + name]).hostname)
            cluster = host.removesuffix("-rw")
            assert cluster in clusters
            assert _secret_at(pod, f"/etc/consent-registry/{place}") == f"{cluster}-ca"


@each_release
def test_a_store_that_makes_secrets_makes_all_but_certificates(values: dict[str, Any]) -> None:
    """Of an example; what is missing would keep a pod from starting."""
    release = render(values)
    made = {
        (each["spec"]["target"]["name"], item["secretKey"])
        for each in release.all("ExternalSecret")
        for item in each["spec"]["data"]
    }
    if not made or values is EVERYTHING:
        return
    used = {each for pod in release.pods() for each in secrets(pod)}
    tls = str(values.get("server", {}).get("tlsSecret", {}).get("name", "consent-registry-tls"))
    assert {each for each in used - made if each[0] != tls} == set()


def _secret_at(pod: Pod, place: str) -> str:
    """The one Secret that is mounted there."""
    volume = mounted(pod)[place]
    return str(volume["secret"]["secretName"])


@each_release
def test_secrets_outlive_what_fetched_them(values: dict[str, Any]) -> None:
    """With an owner the keyring would be deleted by an uninstallation."""
    for each in render(values).all("ExternalSecret"):
        assert each["spec"]["target"]["creationPolicy"] == "Orphan"
        assert each["spec"]["target"]["deletionPolicy"] == "Retain"
