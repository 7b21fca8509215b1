"""The settings of the two databases: how each is reached, and what must not be the same."""

from __future__ import annotations

from typing import Final

from consent_registry_server.domain.errors import ConfigurationError
from consent_registry_server.settings_reader import PREFIX, SettingsReader
from consent_registry_server.storage.access import DatabaseAccess, read_password

REGISTRY: Final = "DATABASE"
KEY_STORE: Final = "KEY_STORE"


def read_database(read: SettingsReader, name: str) -> DatabaseAccess | None:
    """The access to one of the two, from `<name>_URL` and `<name>_PASSWORD_FILE`."""
    url = read.secret(f"{name}_URL")
    password_file = read.file(f"{name}_PASSWORD_FILE")
    if password_file is not None:
        try:
            read_password(password_file)
        except ConfigurationError as error:
            read.problem(f"{name}_PASSWORD_FILE", f"is not usable: {error.message}")
    if read.given(f"{name}_PASSWORD_FILE") and not is_given(read, name):
        read.problem(f"{name}_PASSWORD_FILE", f"is of no use without {PREFIX}{name}_URL")
    if url is None:
        return None
    access = DatabaseAccess(url, password_file)
    try:
        has_password = access.has_password_in_url()
    except ConfigurationError as error:
        read.problem(f"{name}_URL", f"is not usable: {error.message}")
        return None
    if has_password and read.given(f"{name}_PASSWORD_FILE"):
        read.problem(f"{name}_URL", f"has a password, and {PREFIX}{name}_PASSWORD_FILE names one")
    return access


def is_given(read: SettingsReader, name: str) -> bool:
    """Whether the URL of one of the two is set, right or wrong."""
    return read.given(f"{name}_URL") or read.given(f"{name}_URL_FILE")


def key_store_contradictions(
    read: SettingsReader, registry: DatabaseAccess | None, key_store: DatabaseAccess | None
) -> list[str]:
    """What is wrong with where the vault's keys are kept."""
    has_directory, has_database = read.given("KEY_STORE_DIR"), is_given(read, KEY_STORE)
    if has_directory and has_database:
        return [f"{PREFIX}KEY_STORE_DIR and {PREFIX}KEY_STORE_URL are both set"]
    if registry is not None and key_store is not None and key_store.names_database_of(registry):
        own = f"{PREFIX}KEY_STORE_URL names the registry's own database:"
        return [f"{own} in its backups the keys could never be destroyed"]
    if is_given(read, REGISTRY) and not has_directory and not has_database:
        return [
            f"{PREFIX}KEY_STORE_DIR or {PREFIX}KEY_STORE_URL is needed with {PREFIX}DATABASE_URL"
        ]
    return []
