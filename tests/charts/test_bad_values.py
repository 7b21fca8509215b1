"""Values that make no sense are refused before anything is installed, by the name of the value."""

from __future__ import annotations

from typing import Any

import pytest
from helm_python import HelmError

from tests.charts.cases import CLOUD_NATIVE_PG, EVERYTHING, MINIMAL
from tests.charts.rendering import merged, render

# Where the value is, what is wrong there, and what the message names, where that is not the place.
BAD: list[tuple[str, Any, str]] = [
    ("servers", {}, "servers"),
    ("server.replica", 2, "replica"),
    ("image.tag", 1.2, "tag"),
    ("image.digest", "sha256:short", "digest"),
    ("image.digest", "latest", "digest"),
    ("image.repository", "", "repository"),
    ("image.repository", "registry.example/x:1.0", "repository"),
    ("networkPolicy.dns", [], "dns"),
    (
        "server.podAnnotations",
        {"container.apparmor.security.beta.kubernetes.io/server": "unconfined"},
        "container.apparmor.security",
    ),
    (
        "server.topologySpreadConstraints",
        [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}],
        "topologySpreadConstraints",
    ),
    ("web.trustedProxies", ["10.0.0.0/999"], "trustedProxies"),
    ("web.trustedProxies", ["0.0.0.0/1", "128.0.0.0/1"], "trustedProxies"),
    ("image.pullPolicy", "Sometimes", "pullPolicy"),
    ("image.pullSecrets", ["name"], "pullSecrets"),
    ("fullnameOverride", "Upper_Case", "fullnameOverride"),
    ("nameOverride", "ends-in-", "nameOverride"),
    ("log.level", "verbose", "level"),
    ("database.host", "", "database.host"),
    ("database.host", "user:password@db.example", "host"),
    ("database.port", "5432", "port"),
    ("database.port", 65536, "port"),
    ("database.port", 0, "port"),
    ("database.name", "", "name"),
    ("database.url", "postgresql://user:password@db.example/registry", "url"),
    ("database.password", "secret", "password"),
    ("database.owner.user", "", "user"),
    ("database.owner.password", "secret", "password"),
    ("database.server.passwordSecret", {"name": "", "key": "password"}, "name"),
    ("database.server.passwordSecret", {"name": "a b", "key": "password"}, "name"),
    ("database.server.user", "consent_registry_owner", "database.server.user"),
    ("database.tls.mode", "prefer", "mode"),
    ("database.tls", {"mode": "verify-ca", "caSecret": {"name": ""}}, "database.tls.caSecret.name"),
    ("keyStore.host", "", "keyStore.host"),
    ("keyStore.host", "registry-db.example", "keyStore.host"),
    ("keyStore.password", "secret", "password"),
    ("keyStore.tls.mode", "allow", "mode"),
    ("keyStore.tls.caSecret.name", "", "keyStore.tls.caSecret.name"),
    ("keys.keyringSecret", {"name": "", "key": "keyring.json"}, "name"),
    ("keys.keyring", "{}", "keyring"),
    ("server.replicas", -1, "replicas"),
    ("server.replicas", "three", "replicas"),
    ("server.tlsSecret", {"name": ""}, "name"),
    ("server.apiKeysSecret", {"name": "", "key": "api-keys.json"}, "name"),
    ("server.unsubscribe.url", "http://u.example", "url"),
    ("server.unsubscribe.url", "https://u.example/path", "url"),
    ("server.unsubscribe.mailto", "nobody", "mailto"),
    ("server.unsubscribe", {"url": "", "mailto": "a@example.com"}, "server.unsubscribe.url"),
    ("server.workerThreads", 1, "workerThreads"),
    ("server.workerThreads", 257, "workerThreads"),
    ("server.maxConcurrentRpcs", 0, "maxConcurrentRpcs"),
    ("server.maxConcurrentStreams", 256, "server.maxConcurrentStreams"),
    ("server.databasePool.size", 0, "size"),
    ("server.databasePool.size", 501, "size"),
    ("server.databasePool.overflow", -1, "overflow"),
    ("server.preStopSeconds", 0, "preStopSeconds"),
    ("server.shutdownGraceSeconds", 0, "shutdownGraceSeconds"),
    ("server.shutdownGraceSeconds", 3601, "shutdownGraceSeconds"),
    ("server.shutdownGraceSeconds", "20s", "shutdownGraceSeconds"),
    ("server.podLabels", {"app.kubernetes.io/name": "other"}, "app.kubernetes.io/name"),
    ("server.podLabels", {"helm.sh/chart": "other"}, "helm.sh/chart"),
    ("server.podAnnotations", {"a": 1}, "podAnnotations"),
    ("server.podSecurityContext", {"runAsUser": 0}, "podSecurityContext"),
    ("server.securityContext", {"privileged": True}, "securityContext"),
    ("server.hostNetwork", True, "hostNetwork"),
    ("server.extraEnv", [{"name": "CONSENT_REGISTRY_DATABASE_URL", "value": "x"}], "extraEnv"),
    ("server.extraEnv", {"NAME": "value"}, "extraEnv"),
    ("server.resources", {"request": {"cpu": "1"}}, "resources"),
    (
        "server.autoscaling",
        {"enabled": True, "minReplicas": 5, "maxReplicas": 4},
        "server.autoscaling.maxReplicas",
    ),
    ("server.autoscaling.targetCPUUtilizationPercentage", 0, "targetCPUUtilizationPercentage"),
    ("server.podDisruptionBudget.maxUnavailable", 0, "maxUnavailable"),
    ("web.replicas", 0, "replicas"),
    ("web.trustedProxies", "10.0.0.0/8", "trustedProxies"),
    ("web.trustedProxies", ["0.0.0.0/0"], "trustedProxies"),
    ("web.trustedProxies", ["::/0"], "trustedProxies"),
    ("web.trustedProxies", ["ingress"], "trustedProxies"),
    ("web.clientRequestsPerMinute", -1, "clientRequestsPerMinute"),
    ("web.linkRequestsPerMinute", "many", "linkRequestsPerMinute"),
    ("web.apiKeySecret", {"name": "", "key": "api-key"}, "web.apiKeySecret"),
    (
        "web.autoscaling",
        {"enabled": True, "minReplicas": 5, "maxReplicas": 4},
        "web.autoscaling.maxReplicas",
    ),
    ("web.ingress", {"enabled": True, "host": ""}, "web.ingress.host"),
    ("web.ingress", {"enabled": True, "host": "u.example", "tlsSecretName": ""}, "tlsSecretName"),
    ("web.ingress.host", "https://u.example", "host"),
    ("web.ingress.host", "U.example", "host"),
    ("server.clientCaSecret", {"name": "ca", "key": "ca.crt"}, "web.registryClientTlsSecret"),
    (
        "server",
        {"autoscaling": {"enabled": True}, "resources": {"requests": {"cpu": None}}},
        "server.resources.requests.cpu",
    ),
    (
        "web.ingress",
        {"enabled": True, "host": "u.example", "tlsSecretName": "web-tls"},
        "networkPolicy.ingressController",
    ),
    ("metrics.serviceMonitor.enabled", True, "networkPolicy.prometheus"),
    ("migrate.waitSeconds", -1, "waitSeconds"),
    ("migrate.backoffLimit", "6", "backoffLimit"),
    (
        "migrate",
        {"waitSeconds": 600, "activeDeadlineSeconds": 600},
        "migrate.activeDeadlineSeconds",
    ),
    ("expire.schedule", "daily", "schedule"),
    ("expire.suspend", "no", "suspend"),
    ("export.file", "../elsewhere", "file"),
    ("export.claim", "A Claim", "claim"),
    ("networkPolicy.enabled", "true", "enabled"),
    ("networkPolicy.grpcClients", [{}], "grpcClients"),
    ("networkPolicy.grpcClients", {"podSelector": {}}, "grpcClients"),
    ("metrics.serviceMonitor.interval", "often", "interval"),
    ("metrics.serviceMonitor.interval", "5s", "scrapeTimeout"),
    ("metrics.serviceMonitor.scrapeTimeout", "1m", "scrapeTimeout"),
    ("metrics.prometheusRule.disabledAlerts", ["ConsentRegistryNobody"], "disabledAlerts"),
    ("fullnameOverride", "1st", "fullnameOverride"),
    ("metrics.prometheusRule.enabled", 1, "enabled"),
    (
        "externalSecrets",
        {"enabled": True, "secretStoreRef": {"name": "vault"}, "secrets": []},
        "externalSecrets.secrets",
    ),
    (
        "externalSecrets",
        {
            "enabled": True,
            "secretStoreRef": {"name": "", "kind": "SecretStore"},
            "secrets": [
                {
                    "name": "a",
                    "type": "Opaque",
                    "data": [{"secretKey": "b", "remoteRef": {"key": "c"}}],
                }
            ],
        },
        "externalSecrets.secretStoreRef.name",
    ),
    ("externalSecrets.secretStoreRef.kind", "Vault", "kind"),
    ("cloudNativePG.registry.instances", 0, "instances"),
    ("cloudNativePG.registry.storage.size", "big", "size"),
]


@pytest.mark.parametrize(
    "place, value, named", BAD, ids=[f"{place}={value}" for place, value, _ in BAD]
)
def test_a_bad_value_is_refused_by_its_name(place: str, value: object, named: str) -> None:
    with pytest.raises(HelmError) as refused:
        render(merged(MINIMAL, _at(place, value)))
    message = str(refused.value)
    assert named in message or named.replace(".", "/") in message, message


@pytest.mark.parametrize("values", [MINIMAL, EVERYTHING, CLOUD_NATIVE_PG])
def test_values_that_make_sense_are_taken(values: dict[str, Any]) -> None:
    """The table would prove nothing if what it is laid over were refused by itself."""
    assert render(values).manifests


def test_without_any_value_the_first_that_is_missing_is_named() -> None:
    with pytest.raises(HelmError, match=r"database\.host"):
        render({})


@pytest.mark.parametrize("component", ["server", "web"])
def test_security_cannot_be_weakened_by_values(component: str) -> None:
    """There is no value for it; the pods are as restricted as they are for everybody."""
    for name in ("securityContext", "podSecurityContext", "containerSecurityContext"):
        with pytest.raises(HelmError, match=name):
            render(merged(MINIMAL, {component: {name: {}}}))


def _at(place: str, value: object) -> dict[str, Any]:
    """The value at its place in depth."""
    for name in reversed(place.split(".")):
        value = {name: value}
    assert isinstance(value, dict)
    return value


def test_servers_do_not_get_the_owners_password() -> None:
    """Whoever owns the tables can take the guards from the ledger."""
    shared = {"name": "both", "key": "password"}
    database = {"owner": {"passwordSecret": shared}, "server": {"passwordSecret": shared}}

    with pytest.raises(HelmError, match=r"database\.server\.passwordSecret"):
        render(merged(MINIMAL, {"database": database}))
