"""Settings, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from consent_registry_server.config import Settings, load_settings
from consent_registry_server.domain.errors import ConfigurationError
from consent_registry_server.logs import LogFormat
from consent_registry_server.rpc.options import (
    Address,
    ServerOptions,
    TlsFiles,
    parse_address,
    reaches_beyond_this_machine,
)
from consent_registry_server.settings_reader import PREFIX
from consent_registry_server.storage.access import DatabaseAccess

PASSWORD = "open-sesame"
URL = f"postgresql://app:{PASSWORD}@db.example:5432/registry"


def load(**variables: object) -> Settings:
    return load_settings({PREFIX + name: str(value) for name, value in variables.items()})


def problems(**variables: object) -> str:
    with pytest.raises(ConfigurationError) as refused:
        load(**variables)
    return refused.value.message


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_text("content\n", encoding="utf-8")
    return path


def test_without_any_setting_the_server_is_for_this_machine() -> None:
    """On its own database, in a directory that is named."""
    settings = load_settings({})
    assert settings.server == ServerOptions()
    assert settings.server.address == "127.0.0.1:50051"
    assert settings.metrics == Address("127.0.0.1", 9464)
    assert (settings.database, settings.keyring_file) == (None, None)
    assert settings.data_dir == Path(".registry-data")
    assert (settings.policy_dir, settings.company_policy_file) == (None, None)
    assert settings.policy_reload_interval_s == 10.0
    assert settings.secrets_reload_interval_s == 10.0
    assert (settings.log_level, settings.log_format) == ("info", LogFormat.JSON)
    assert settings.unrecognised == ()


def test_every_setting_is_read(file: Path, tmp_path: Path) -> None:
    """From a variable of its own."""
    settings = load(
        LISTEN_ADDRESS="0.0.0.0:6000",
        METRICS_ADDRESS="[::]:6001",
        DATABASE_URL=URL,
        DATA_DIR="/data",
        KEYRING_FILE="/keys/keyring",
        KEY_STORE_DIR="/keys/vault",
        POLICY_DIR=tmp_path,
        COMPANY_POLICY_FILE=file,
        POLICY_RELOAD_INTERVAL_S="0.5",
        API_KEYS_FILE=file,
        SECRETS_RELOAD_INTERVAL_S="2.5",
        RECEIPT_KEYS_FILE=file,
        TLS_CERT_FILE=file,
        TLS_KEY_FILE=file,
        TLS_CLIENT_CA_FILE=file,
        WORKER_THREADS=16,
        MAX_CONCURRENT_RPCS=100,
        MAX_CONCURRENT_STREAMS=15,
        MAX_MESSAGE_BYTES=4194304,
        DEFAULT_DEADLINE_S="2.5",
        SLOW_CALL_S="0.5",
        SHUTDOWN_GRACE_S=9,
        DATABASE_POOL_SIZE=16,
        DATABASE_POOL_OVERFLOW=0,
        DATABASE_POOL_TIMEOUT_S=1,
        DATABASE_CONNECT_TIMEOUT_S=2,
        DATABASE_STATEMENT_TIMEOUT_S=3,
        DATABASE_LOCK_TIMEOUT_S=4,
        LOG_LEVEL="debug",
        LOG_FORMAT="console",
    )
    assert settings.server == ServerOptions(
        address="0.0.0.0:6000",
        tls=TlsFiles(file, file, file),
        threads=16,
        calls=100,
        streams=15,
        message_octets=4_194_304,
        default_deadline_s=2.5,
        slow_call_s=0.5,
        shutdown_grace_s=9.0,
    )
    assert settings.metrics == Address("::", 6001)
    assert settings.database == DatabaseAccess(URL)
    assert settings.keyring_file == Path("/keys/keyring")
    assert (settings.key_store_dir, settings.key_database) == (Path("/keys/vault"), None)
    assert (settings.policy_dir, settings.api_keys_file) == (tmp_path, file)
    assert settings.secrets_reload_interval_s == 2.5
    assert settings.receipt_keys_file == file
    assert (settings.company_policy_file, settings.policy_reload_interval_s) == (file, 0.5)
    assert (settings.storage.pool_size, settings.storage.pool_overflow) == (16, 0)
    assert settings.storage.statement_timeout_s == 3.0
    assert settings.log_format is LogFormat.CONSOLE
    assert settings.unrecognised == ()


def test_an_empty_variable_is_as_good_as_none() -> None:
    """Templates of deployments leave them so."""
    assert load(DATABASE_URL="", WORKER_THREADS="") == load_settings({})


def test_a_secret_comes_from_a_mounted_file(tmp_path: Path) -> None:
    """Without the line's end."""
    mounted = tmp_path / "url"
    mounted.write_text(URL + "\n", encoding="utf-8")
    settings = load(DATABASE_URL_FILE=mounted, KEYRING_FILE="/k", KEY_STORE_DIR="/v")
    assert settings.database == DatabaseAccess(URL)


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    """By the names of the variables."""
    message = problems(
        LISTEN_ADDRESS="somewhere",
        METRICS_ADDRESS="127.0.0.1:99999",
        WORKER_THREADS="many",
        MAX_CONCURRENT_RPCS=0,
        DEFAULT_DEADLINE_S="nan",
        LOG_LEVEL="loud",
        LOG_FORMAT="xml",
        POLICY_DIR=tmp_path / "absent",
        COMPANY_POLICY_FILE=tmp_path,
        POLICY_RELOAD_INTERVAL_S=0,
        API_KEYS_FILE=tmp_path,
        DATABASE_URL_FILE=tmp_path / "absent",
    )
    for name in (
        "LISTEN_ADDRESS must be host:port or [ipv6]:port, not 'somewhere'",
        "METRICS_ADDRESS must be host:port",
        "WORKER_THREADS must be a whole number from 2 to 256, not 'many'",
        "MAX_CONCURRENT_RPCS must be",
        "DEFAULT_DEADLINE_S must be seconds",
        "LOG_LEVEL must be one of debug, info, warning, error, not 'loud'",
        "LOG_FORMAT must be one of json, console",
        "POLICY_DIR names no directory",
        "COMPANY_POLICY_FILE names no file",
        "POLICY_RELOAD_INTERVAL_S must be seconds",
        "API_KEYS_FILE names no file",
        "DATABASE_URL_FILE names no file",
    ):
        assert f"\n  {PREFIX}{name}" in message


@pytest.mark.parametrize(
    "variables, problem",
    [
        (
            {"WORKER_THREADS": "4", "MAX_CONCURRENT_STREAMS": "4"},
            "MAX_CONCURRENT_STREAMS must be less",
        ),
        ({"WORKER_THREADS": "+8"}, "WORKER_THREADS must be"),
        ({"WORKER_THREADS": "٨"}, "WORKER_THREADS must be"),
        ({"WORKER_THREADS": "9" * 5_000}, "WORKER_THREADS must be"),
        ({"SLOW_CALL_S": "-1"}, "SLOW_CALL_S must be"),
        ({"SLOW_CALL_S": "inf"}, "SLOW_CALL_S must be"),
        ({"MAX_MESSAGE_BYTES": "1000"}, "MAX_MESSAGE_BYTES must be"),
        ({"DATABASE_URL": URL}, "KEYRING_FILE is needed with"),
        ({"DATABASE_URL": "mysql://db"}, "DATABASE_URL is not usable"),
        ({"DATABASE_URL": "nonsense"}, "DATABASE_URL is not usable"),
        ({"TLS_CERT_FILE": __file__}, "TLS_KEY_FILE are both needed"),
        ({"TLS_KEY_FILE": __file__}, "TLS_KEY_FILE are both needed"),
        ({"TLS_CLIENT_CA_FILE": __file__}, "TLS_KEY_FILE are both needed"),
        ({"DATABASE_URL": URL, "DATABASE_URL_FILE": __file__}, "DATABASE_URL_FILE are both set"),
    ],
    ids=[
        "streams take all threads",
        "sign",
        "other digits",
        "huge number",
        "negative time",
        "endless time",
        "small messages",
        "no keyring",
        "other database",
        "no URL",
        "certificate without key",
        "key without certificate",
        "clients' authority alone",
        "secret twice",
    ],
)
def test_a_setting_that_cannot_be_used_is_refused(variables: dict[str, str], problem: str) -> None:
    """Rather than guessed at."""
    assert problem in problems(**variables)


@pytest.mark.parametrize("url", [URL, f"mysql://{PASSWORD}@db", f"//{PASSWORD}:x:y"])
def test_a_secret_is_never_shown(url: str) -> None:
    """Neither in what is refused nor in the settings' repr."""
    assert PASSWORD not in problems(DATABASE_URL=url, LOG_LEVEL="loud")
    assert PASSWORD not in repr(
        load(DATABASE_URL=URL, KEYRING_FILE="/k", KEY_STORE_URL=f"{URL}_keys")
    )


def test_a_misspelt_variable_is_told() -> None:
    """But not those that Kubernetes sets for a service called `consent-registry`."""
    settings = load(
        LOGLEVEL="debug",
        SERVICE_HOST="10.0.0.1",
        PORT="tcp://10.0.0.1:50051",
        PORT_50051_TCP_ADDR="10.0.0.1",
    )
    assert settings.unrecognised == (f"{PREFIX}LOGLEVEL",)


# Listeners


@pytest.mark.parametrize(
    "address, beyond",
    [
        ("127.0.0.1:50051", False),
        ("127.8.9.1:50051", False),
        ("[::1]:50051", False),
        ("localhost:50051", False),
        ("unix:/run/registry.sock", False),
        ("0.0.0.0:50051", True),
        ("[::]:50051", True),
        ("10.0.0.1:50051", True),
        ("registry.example:50051", True),
        ("localhost.example:50051", True),
        ("[::ffff:127.0.0.1]:50051", True),
        ("[fe80::1]:50051", True),
        ("127.0.0.1.example:50051", True),
        ("nonsense", True),
    ],
)
def test_a_listener_is_local_only_when_that_is_certain(address: str, beyond: bool) -> None:
    """Whatever is not known to be, is not."""
    assert reaches_beyond_this_machine(address) is beyond


@pytest.mark.parametrize(
    "given, missing",
    [
        ((), {"TLS_CERT_FILE", "API_KEYS_FILE", "DATABASE_URL"}),
        (("tls",), {"API_KEYS_FILE", "DATABASE_URL"}),
        (("keys",), {"TLS_CERT_FILE", "DATABASE_URL"}),
        (("tls", "keys"), {"DATABASE_URL"}),
        (("keys", "database"), {"TLS_CERT_FILE"}),
        (("tls", "database"), {"API_KEYS_FILE"}),
        (("tls", "keys", "database"), set()),
    ],
    ids=lambda value: ", ".join(value) or "nothing" if isinstance(value, tuple) else "",
)
def test_beyond_this_machine_a_listener_needs_tls_keys_and_a_database(
    file: Path, given: tuple[str, ...], missing: set[str]
) -> None:
    """All of them; what is missing is named."""
    parts: dict[str, dict[str, object]] = {
        "tls": {"TLS_CERT_FILE": file, "TLS_KEY_FILE": file},
        "keys": {"API_KEYS_FILE": file},
        "database": {"DATABASE_URL": URL, "KEYRING_FILE": file, "KEY_STORE_DIR": "/v"},
    }
    variables: dict[str, object] = {"LISTEN_ADDRESS": "0.0.0.0:50051"}
    for part in given:
        variables |= parts[part]
    if not missing:
        assert load(**variables).server.tls is not None
        return
    message = problems(**variables)
    named = {line.split()[0].removeprefix(PREFIX) for line in message.splitlines()[1:]}
    assert named == missing


def test_metrics_may_be_read_from_elsewhere() -> None:
    """They hold nothing of anyone."""
    assert load(METRICS_ADDRESS="0.0.0.0:9464").metrics == Address("0.0.0.0", 9464)  # noqa: S104


@pytest.mark.parametrize(
    "text, parsed",
    [
        ("localhost:1", Address("localhost", 1)),
        ("[::1]:65535", Address("::1", 65_535)),
        ("127.0.0.1:0", Address("127.0.0.1", 0)),
        ("127.0.0.1", None),
        (":50051", None),
        ("127.0.0.1:", None),
        ("127.0.0.1:65536", None),
        ("127.0.0.1:-1", None),
        ("::1:50051", None),
        ("dns:///host:50051", None),
        ("", None),
    ],
)
def test_an_address_is_a_host_and_a_port(text: str, parsed: Address | None) -> None:
    """And nothing else."""
    assert parse_address(text) == parsed


@pytest.mark.parametrize(
    "settings, problem",
    [
        pytest.param({"DATABASE_URL": URL}, "KEY_STORE_URL is needed with", id="none"),
        pytest.param({"KEY_STORE_URL": "mysql://db"}, "KEY_STORE_URL is not usable", id="mysql"),
        pytest.param(
            {"KEY_STORE_URL": URL, "KEY_STORE_DIR": "/v"}, "KEY_STORE_URL are both set", id="both"
        ),
        pytest.param(
            {"DATABASE_URL": URL, "KEY_STORE_URL": URL}, "the registry's own database", id="own"
        ),
    ],
)
def test_the_vault_keys_need_one_place_outside_the_database(
    settings: dict[str, str], problem: str
) -> None:
    """Exactly one, and never the registry's own database."""
    assert problem in problems(**settings)
