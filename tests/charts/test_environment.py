"""What the containers are told is what the programs take, and every file that it names is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from consent_registry_server.config import Settings, load_settings
from consent_registry_server.web_cli import WebSettings, load_web_settings
from tests.charts.cases import EVERYTHING, MINIMAL, RELEASES
from tests.charts.joints import (
    PREFIX,
    as_if_mounted,
    command,
    environment,
    is_mounted,
    mounted,
    only_container,
    paths,
    ports,
)
from tests.charts.rendering import Pod, Release, render

each_release = pytest.mark.parametrize("values", RELEASES)

EXTRA = "extra"


@each_release
def test_every_program_takes_its_settings_and_knows_them_all(
    values: dict[str, Any], tmp_path: Path
) -> None:
    release = render(values)
    for pod in release.pods():
        settings = _settings(pod, tmp_path)
        extra = {PREFIX + "UNKNOWN_BUT_WANTED"} if _has_extra(values, pod) else set()
        assert set(settings.unrecognised) == extra, pod.owner


@each_release
def test_every_path_that_a_variable_names_is_mounted(values: dict[str, Any]) -> None:
    for pod in render(values).pods():
        missing = {path: name for path, name in paths(pod).items() if not is_mounted(pod, path)}
        assert missing == {}, pod.owner


@each_release
def test_every_mounted_place_is_named_by_a_variable_or_an_argument(values: dict[str, Any]) -> None:
    """A secret that nobody reads is one that need not be there."""
    for pod in render(values).pods():
        read = paths(pod)
        unread = [
            place
            for place in mounted(pod)
            if place != "/tmp"  # noqa: S108 (the pod's own)
            and not any(path == place or path.startswith(f"{place}/") for path in read)
        ]
        assert unread == [], pod.owner


@each_release
def test_a_place_of_its_own_is_writable_for_what_a_program_puts_by(values: dict[str, Any]) -> None:
    """And bounded: it is the node's disk."""
    for pod in render(values).pods():
        assert "sizeLimit" in mounted(pod)["/tmp"]["emptyDir"], pod.owner  # noqa: S108


def test_the_server_listens_where_its_ports_say(tmp_path: Path) -> None:
    pod = _pod(render(EVERYTHING), "serve")
    settings = _server(pod, tmp_path)
    assert settings.health is not None
    assert ports(pod) == {
        "grpc": int(settings.server.address.rpartition(":")[2]),
        "health": settings.health.port,
        "metrics": settings.metrics.port,
    }
    hosts = {settings.server.address.rpartition(":")[0], settings.health.host}
    assert {*hosts, settings.metrics.host} <= {"0.0.0.0", "[::]", "::"}  # noqa: S104


def test_the_web_listens_where_its_ports_say(tmp_path: Path) -> None:
    pod = _pod(render(EVERYTHING), "unsubscribe-web")
    settings = _web(pod, tmp_path)
    assert ports(pod) == {"http": settings.address.port, "metrics": settings.metrics.port}
    assert {settings.address.host, settings.metrics.host} <= {"0.0.0.0", "::"}  # noqa: S104


def test_the_web_finds_the_server_by_tls_and_meets_each_of_its_pods(tmp_path: Path) -> None:
    """By the headless Service: channels are balanced over what the name resolves to."""
    release = render(EVERYTHING, name="first", namespace="elsewhere")
    registry = _web(_pod(release, "unsubscribe-web"), tmp_path).registry
    assert registry.tls is not None
    assert registry.tls.ca is not None
    assert registry.api_key == "word"
    target, _, port = registry.address.removeprefix("dns:///").rpartition(":")
    (service,) = [
        each for each in release.all("Service") if target.split(".")[0] == each["metadata"]["name"]
    ]
    assert target.split(".")[1:] in ([], ["elsewhere"], ["elsewhere", "svc"])
    assert service["spec"]["clusterIP"] == "None"
    assert int(port) in {each["port"] for each in service["spec"]["ports"]}


def test_the_databases_are_two_and_each_is_reached_by_its_own_login(tmp_path: Path) -> None:
    """Keys in the registry's backups could never be destroyed."""
    release = render(MINIMAL)
    for program in ("serve", "migrate", "expire"):
        settings = _server(_pod(release, program), tmp_path / program)
        assert settings.database is not None
        assert settings.key_database is not None
        assert not settings.key_database.names_database_of(settings.database)
        assert settings.database.password_file != settings.key_database.password_file
        assert None not in {settings.database.password_file, settings.key_database.password_file}


def test_the_databases_are_known_by_their_certificates_unless_told_otherwise() -> None:
    """An encrypted connection to whoever answers is no secret."""
    for pod in render(MINIMAL).pods():
        told = environment(pod)
        for name in {f"{PREFIX}DATABASE_URL", f"{PREFIX}KEY_STORE_URL"} & told.keys():
            assert "sslmode=verify-full" in told[name], pod.owner
            assert "sslrootcert=/etc/consent-registry/" in told[name], pod.owner


def test_a_server_and_its_jobs_read_one_policy(tmp_path: Path) -> None:
    """What expires is what the server says will."""
    release = render(EVERYTHING)
    server = _server(_pod(release, "serve"), tmp_path)
    expiry = _server(_pod(release, "expire"), tmp_path)
    assert server.company_policy_file is not None
    assert server.company_policy_file == expiry.company_policy_file
    assert server.policy_dir == expiry.policy_dir


def _settings(pod: Pod, root: Path) -> Settings | WebSettings:
    return _web(pod, root) if command(pod) == "unsubscribe-web" else _server(pod, root)


def _server(pod: Pod, root: Path) -> Settings:
    return load_settings(as_if_mounted(pod, root))


def _web(pod: Pod, root: Path) -> WebSettings:
    return load_web_settings(as_if_mounted(pod, root))


def _pod(release: Release, program: str) -> Pod:
    (pod,) = [each for each in release.pods() if command(each) == program]
    return pod


def _has_extra(values: dict[str, Any], pod: Pod) -> bool:
    of = values.get(str(only_container(pod)["name"]), {})
    return any(each["name"].endswith("UNKNOWN_BUT_WANTED") for each in of.get("extraEnv", []))
