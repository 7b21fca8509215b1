"""How the two databases are reached: what the settings may say, and what they may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from consent_registry_server.config import Settings, load_settings
from consent_registry_server.domain.errors import ConfigurationError
from consent_registry_server.settings_reader import PREFIX
from consent_registry_server.storage.access import DatabaseAccess

PASSWORD = "open-sesame"
URL = "postgresql://app@db.example:5432/registry"
KEYS_URL = "postgresql://keys@keys.example:5432/registry_keys"


def load(**variables: object) -> Settings:
    return load_settings({PREFIX + name: str(value) for name, value in variables.items()})


def problems(**variables: object) -> list[str]:
    """What is wrong, each on a line of its own."""
    with pytest.raises(ConfigurationError) as refused:
        load(**variables)
    return refused.value.message.split("\n  ")[1:]


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text(PASSWORD + "\n", encoding="utf-8")
    return path


def test_passwords_may_stand_apart_from_their_urls(password_file: Path) -> None:
    """Of both databases; the URLs are no secrets then."""
    settings = load(
        DATABASE_URL=URL,
        DATABASE_PASSWORD_FILE=password_file,
        KEYRING_FILE="/k",
        KEY_STORE_URL=KEYS_URL,
        KEY_STORE_PASSWORD_FILE=password_file,
    )
    assert settings.database == DatabaseAccess(URL, password_file)
    assert settings.key_database == DatabaseAccess(KEYS_URL, password_file)
    assert settings.unrecognised == ()
    assert PASSWORD not in repr(settings)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://app:other-word@db.example/registry",
        "postgresql://app@db.example/registry?password=other-word",
        "postgresql://app:@db.example/registry",
    ],
    ids=["after the user", "among the options", "empty"],
)
@pytest.mark.parametrize("name", ["DATABASE", "KEY_STORE"])
def test_a_url_with_a_password_has_no_other_beside_it(
    password_file: Path, url: str, name: str
) -> None:
    """Which of the two counts is not guessed; and neither is shown."""
    told = problems(**{f"{name}_URL": url, f"{name}_PASSWORD_FILE": password_file})
    problem = f"has a password, and {PREFIX}{name}_PASSWORD_FILE names one"
    assert f"{PREFIX}{name}_URL {problem}" in told
    assert not [line for line in told if "other-word" in line or PASSWORD in line]


def test_files_without_a_password_are_told_at_once(tmp_path: Path) -> None:
    """Those of both databases, and what else is wrong, by the names of the variables."""
    empty = tmp_path / "empty"
    empty.write_text("\n", encoding="utf-8")
    told = problems(
        DATABASE_URL=URL,
        DATABASE_PASSWORD_FILE=empty,
        KEYRING_FILE="/k",
        KEY_STORE_URL=KEYS_URL,
        KEY_STORE_PASSWORD_FILE=tmp_path / "absent",
        LOG_LEVEL="loud",
    )
    assert f"{PREFIX}DATABASE_PASSWORD_FILE is not usable: {empty} holds no text" in told
    absent = f"{PREFIX}KEY_STORE_PASSWORD_FILE names no file that can be read: {tmp_path}/absent"
    assert absent in told
    assert len(told) == 3


def test_a_password_without_a_database_is_told(password_file: Path) -> None:
    """The server would start on a database of its own."""
    [problem] = problems(DATABASE_PASSWORD_FILE=password_file)
    assert problem == (f"{PREFIX}DATABASE_PASSWORD_FILE is of no use without {PREFIX}DATABASE_URL")


@pytest.mark.parametrize(
    "key_store_url",
    [
        "postgresql://keys@db.example:5432/registry",
        "postgres://keys@DB.EXAMPLE/registry?sslmode=require",
        "postgresql://registry@db.example",
        "postgresql://keys@/registry?host=standby.example&host=db.example",
    ],
    ids=["another login", "another spelling", "name by login", "one of several hosts"],
)
def test_the_registry_keeps_no_vault_keys_whoever_logs_in(key_store_url: str) -> None:
    """In its backups the keys could never be destroyed."""
    [problem] = problems(DATABASE_URL=URL, KEYRING_FILE="/k", KEY_STORE_URL=key_store_url)
    assert "the registry's own database" in problem


@pytest.mark.parametrize(
    "key_store_url",
    [
        KEYS_URL,
        "postgresql://keys@db.example:5433/registry",
        "postgresql://keys@db.example:5432/registry_keys",
    ],
    ids=["another server", "another port", "another name"],
)
def test_vault_keys_have_a_database_of_their_own(key_store_url: str) -> None:
    """By host, port or name."""
    settings = load(DATABASE_URL=URL, KEYRING_FILE="/k", KEY_STORE_URL=key_store_url)
    assert settings.key_database == DatabaseAccess(key_store_url)
