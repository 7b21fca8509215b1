from __future__ import annotations

import pytest

from consent_registry_server.domain.errors import ConfigurationError
from consent_registry_server.storage.access import database_url


@pytest.mark.parametrize(
    "url",
    [
        "postgres://user:secret@db.example.com:5433/registry?sslmode=require",
        "postgresql://user:secret@db.example.com:5433/registry?sslmode=require",
        "postgresql+psycopg2://user:secret@db.example.com:5433/registry?sslmode=require",
    ],
)
def test_the_driver_is_named_in_every_url(url: str) -> None:
    parsed = database_url(url)

    assert parsed.render_as_string(hide_password=False) == (
        "postgresql+psycopg2://user:secret@db.example.com:5433/registry?sslmode=require"
    )


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("mysql://user:secret@db.example.com/registry", id="another-database"),
        pytest.param("postgresql+asyncpg://user:secret@db.example.com/r", id="another-driver"),
        pytest.param("user:secret@db.example.com", id="no-url"),
        pytest.param("postgresql://user:secret@db.example.com:port/r", id="no-port-number"),
        pytest.param("", id="empty"),
    ],
)
def test_another_url_is_refused_without_quoting_it(url: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        database_url(url)

    assert "secret" not in error.value.message
    assert "example" not in error.value.message
