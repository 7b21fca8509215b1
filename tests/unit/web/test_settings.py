"""The settings of the web handler."""

from __future__ import annotations

from pathlib import Path

import pytest

from consent_registry_server.domain.errors import ConfigurationError
from consent_registry_server.web.options import WebOptions
from consent_registry_server.web_cli import load_web_settings

PREFIX = "CONSENT_REGISTRY_"


def test_without_settings_it_listens_on_this_machine() -> None:
    settings = load_web_settings({})
    assert settings.address == ("127.0.0.1", 8080)
    assert settings.metrics == ("127.0.0.1", 9465)
    assert settings.options == WebOptions()
    assert settings.trusted_proxies == ()
    assert settings.registry.address == "127.0.0.1:50051"


def test_what_is_set_counts(tmp_path: Path) -> None:
    branding = tmp_path / "branding.yaml"
    branding.write_text('alarm-fr: {name: "Exemple Alarme"}', encoding="utf-8")
    settings = load_web_settings(
        {
            f"{PREFIX}WEB_LISTEN_ADDRESS": "[::1]:8443",
            f"{PREFIX}METRICS_ADDRESS": "127.0.0.1:0",
            f"{PREFIX}BRANDING_FILE": str(branding),
            f"{PREFIX}TRUSTED_PROXIES": "10.0.0.0/8, 2001:db8::/32,192.0.2.1",
            f"{PREFIX}WEB_CLIENT_REQUESTS_PER_MINUTE": "0",
            f"{PREFIX}WEB_LINK_REQUESTS_PER_MINUTE": "7",
            f"{PREFIX}WEB_BODY_TIMEOUT_S": "3",
            f"{PREFIX}MAX_CONCURRENT_REQUESTS": "9",
            f"{PREFIX}SHUTDOWN_GRACE_S": "4",
            f"{PREFIX}LOG_LEVEL": "warning",
            f"{PREFIX}WEB_PORT": "80",
        }
    )
    assert settings.address == ("::1", 8443)
    assert settings.trusted_proxies == ("10.0.0.0/8", "2001:db8::/32", "192.0.2.1")
    assert settings.branding.of("alarm-fr").name == "Exemple Alarme"
    assert settings.options == WebOptions(
        body_timeout_s=3.0,
        concurrent_requests=9,
        client_requests_per_minute=0,
        link_requests_per_minute=7,
        shutdown_grace_s=4.0,
    )
    assert settings.unrecognised == (f"{PREFIX}WEB_PORT",)


@pytest.mark.parametrize(
    "name, value",
    [
        ("WEB_LISTEN_ADDRESS", "8080"),
        ("TRUSTED_PROXIES", "proxy.example.com"),
        ("TRUSTED_PROXIES", "*"),
        ("TRUSTED_PROXIES", "0.0.0.0/0"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("WEB_CLIENT_REQUESTS_PER_MINUTE", "-1"),
        ("WEB_LINK_REQUESTS_PER_MINUTE", "many"),
        ("MAX_CONCURRENT_REQUESTS", "0"),
        ("BRANDING_FILE", "/nowhere"),
        ("LOG_FORMAT", "xml"),
    ],
)
def test_what_is_wrong_is_named(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_web_settings({f"{PREFIX}{name}": value})
    assert caught.value.message.startswith(f"the settings cannot be used:\n  {PREFIX}{name} ")
    assert len(caught.value.message.splitlines()) == 2


def test_branding_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    branding = tmp_path / "branding.yaml"
    branding.write_text('alarm-fr: {logo: "missing.png"}', encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"BRANDING_FILE cannot be used: alarm-fr\.logo"):
        load_web_settings({f"{PREFIX}BRANDING_FILE": str(branding)})
