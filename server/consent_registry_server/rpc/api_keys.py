"""The file of API keys.

It is JSON: `{"keys": [{"id": "dialer-1", "sha256": "<hex>", "services": ["DecisionService"],
"controllers": ["alarm-fr"], "full_view": false, "service_purpose": false}]}`. What a key does not
name it does not grant; `"*"` among the controllers is all of them. Several keys of one caller may
live at once, so that a key can be replaced without an interruption.

A key for a partner names it too, `"services": ["RegistryService"], "partners": ["insurer-1"]`: it
records the leads of these partners, learns what became of them, and can do nothing else. Without
`partners` a key is not limited to any.

It holds a plain SHA-256 of each secret and no slow password hash: a secret is 32 random bytes, so
there is nothing to guess that a slow hash would protect, and it is checked on every call.
"""

from __future__ import annotations

import secrets
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from consent_registry_server.domain.errors import ConfigurationError
from consent_registry_server.rpc.authentication import ApiKeys, Caller

CONTRACT_PACKAGE: Final = "consent_registry.v1"

_SECRET_OCTETS: Final = 32
_LEADS_SERVICE: Final = "RegistryService"
"""The service to which partners bring leads."""


def _stated(value: object) -> object:
    """A key that is to be limited and names nobody must not become one without limits."""
    if value is None:
        message = "null; leave it out for a key that is not limited to partners"
        raise ValueError(message)
    return value


class _Key(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$")]
    services: list[str] = []
    controllers: list[str] = []
    full_view: bool = False
    service_purpose: bool = False
    partners: Annotated[
        list[Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,64}$")]] | None,
        BeforeValidator(_stated),
    ] = None


class _KeysFile(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    keys: Annotated[list[_Key], Field(min_length=1)]


def read_keys_file(path: Path) -> bytes:
    """Returns what a file of keys holds.

    Raises:
        ConfigurationError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from None


def api_keys_of(path: Path, content: bytes, *, services: frozenset[str]) -> ApiKeys:
    """Returns the keys that a file holds; `services` are the full names of all that can be granted.

    Raises:
        ConfigurationError: with everything that is wrong with the file, but nothing it holds.
    """
    try:
        file = _KeysFile.model_validate_json(content)
    except ValidationError as error:
        raise _refused(
            path,
            [
                f"{'.'.join(map(str, problem['loc'])) or 'file'}: {problem['msg']}"
                for problem in error.errors(include_url=False, include_input=False)
            ],
        ) from None
    problems = [
        *_duplicates(file.keys),
        *_unknown_services(file.keys, services),
        *_partners_with_more(file.keys),
    ]
    if problems:
        raise _refused(path, problems)
    return ApiKeys([(bytes.fromhex(key.sha256), _caller(key)) for key in file.keys])


def new_api_key(key_id: str) -> tuple[str, dict[str, Any]]:
    """Returns a new secret and its entry for the file, which grants nothing yet.

    Raises:
        ConfigurationError: the id is not a short token.
    """
    secret = secrets.token_urlsafe(_SECRET_OCTETS)
    try:
        entry = _Key(id=key_id, sha256=sha256(secret.encode()).hexdigest())
    except ValidationError:
        raise ConfigurationError(
            "the id of a key is 1 to 64 letters, digits, dots, dashes and underscores"
        ) from None
    return secret, entry.model_dump(exclude_none=True)


def _caller(key: _Key) -> Caller:
    return Caller(
        id=key.id,
        services=frozenset(_full_name(service) for service in key.services),
        controllers=frozenset(key.controllers),
        full_view=key.full_view,
        service_purpose=key.service_purpose,
        partners=None if key.partners is None else frozenset(key.partners),
    )


def _full_name(service: str) -> str:
    return service if "." in service else f"{CONTRACT_PACKAGE}.{service}"


def _duplicates(keys: list[_Key]) -> list[str]:
    ids = [key.id for key in keys]
    digests = [key.sha256.lower() for key in keys]
    return [
        f"keys.{index}: the {what} of an earlier key"
        for what, values in (("id", ids), ("secret", digests))
        for index, value in enumerate(values)
        if value in values[:index]
    ]


def _unknown_services(keys: list[_Key], services: frozenset[str]) -> list[str]:
    return [
        f"keys.{index}.services: no service {name!r}"
        for index, key in enumerate(keys)
        for name in key.services
        if _full_name(name) not in services
    ]


def _partners_with_more(keys: list[_Key]) -> list[str]:
    """A partner that could also ask would learn what others told the registry."""
    return [
        f"keys.{index}: with partners it can grant {_LEADS_SERVICE} alone"
        for index, key in enumerate(keys)
        if key.partners is not None
        and (
            key.full_view
            or key.service_purpose
            or any(_full_name(name) != _full_name(_LEADS_SERVICE) for name in key.services)
        )
    ]


def _refused(path: Path, problems: list[str]) -> ConfigurationError:
    return ConfigurationError("\n  ".join([f"{path}:", *problems]))
