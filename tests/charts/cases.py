"""What operators might choose: the least, every example, all of it, and what changes the shape."""

from __future__ import annotations

from typing import Any, Final

import pytest
import yaml

from tests.charts.rendering import EXAMPLES, merged

_SECRETS: Final = ("keyring", "registry-owner", "registry-server", "key-store")
_PEER: Final = {"namespaceSelector": {"matchLabels": {"team": "outreach"}}}
_PLACED: Final[dict[str, Any]] = {
    "podAnnotations": {"example.com/team": "outreach"},
    "podLabels": {"example.com/team": "outreach"},
    "nodeSelector": {"kubernetes.io/arch": "amd64"},
    "tolerations": [{"key": "dedicated", "operator": "Exists", "effect": "NoSchedule"}],
    "affinity": {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [
                    {"matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd"]}]}
                ]
            }
        }
    },
    "topologySpreadConstraints": [
        {
            "maxSkew": 2,
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": {"app.kubernetes.io/name": "consent-registry"}},
        }
    ],
    "priorityClassName": "important",
    "extraEnv": [{"name": "CONSENT_REGISTRY_UNKNOWN_BUT_WANTED", "value": "1"}],
}

_JOB: Final = {
    name: value for name, value in _PLACED.items() if name != "topologySpreadConstraints"
}

# What has no default: where the databases are, and whose word on that counts.
MINIMAL: Final[dict[str, Any]] = {
    "database": {"host": "registry-db.example", "tls": {"caSecret": {"name": "database-ca"}}},
    "keyStore": {"host": "key-store-db.example", "tls": {"caSecret": {"name": "key-store-ca"}}},
}

EVERYTHING: Final[dict[str, Any]] = {
    "image": {
        "repository": "images.example/consent-registry",
        "digest": "sha256:" + "0123456789abcdef" * 4,
        "pullSecrets": [{"name": "pull"}],
    },
    "database": {**MINIMAL["database"], "port": 6432},
    "keyStore": {**MINIMAL["keyStore"], "port": 6433},
    "keys": {"receiptKeysSecret": {"name": "receipt-keys"}},
    "server": {
        **_PLACED,
        "unsubscribe": {"url": "https://u.example", "mailto": "unsubscribe@example.com"},
        "clientCaSecret": {"name": "client-ca", "key": "ca.crt"},
        "policyConfigMap": {"name": "policy"},
        "companyPolicyConfigMap": {"name": "company-policy", "key": "company.yaml"},
        "service": {"annotations": {"example.com/zone": "internal"}},
        "autoscaling": {"enabled": True, "minReplicas": 3, "maxReplicas": 9},
    },
    "web": {
        **_PLACED,
        "enabled": True,
        "registryClientTlsSecret": {"name": "web-client-tls"},
        "trustedProxies": ["10.0.0.0/8", "192.0.2.1"],
        "brandingConfigMap": {"name": "branding", "key": "branding.yaml"},
        "ingress": {
            "enabled": True,
            "className": "internal",
            "annotations": {"example.com/issuer": "ca"},
            "host": "u.example",
            "tlsSecretName": "web-tls",
        },
        "autoscaling": {"enabled": True, "minReplicas": 2, "maxReplicas": 5},
    },
    "export": {**_JOB, "enabled": True, "claim": "registry-log", "file": "2026-11.ndjson"},
    "networkPolicy": {
        "enabled": True,
        "grpcClients": [_PEER],
        "ingressController": [_PEER],
        "prometheus": [_PEER],
    },
    "metrics": {
        "serviceMonitor": {
            "enabled": True,
            "labels": {"release": "prometheus", "app.kubernetes.io/part-of": "outreach"},
        },
        "prometheusRule": {
            "enabled": True,
            "labels": {"release": "prometheus"},
            "runbookUrl": "https://runbooks.example/operations",
        },
        "dashboard": {"enabled": True, "labels": {"grafana_dashboard": "1"}},
    },
    "externalSecrets": {
        "enabled": True,
        "secretStoreRef": {"name": "vault", "kind": "ClusterSecretStore"},
        "secrets": [
            {
                "name": name,
                "type": "Opaque",
                "data": [
                    {"secretKey": "value", "remoteRef": {"key": name, "property": "value"}},
                    {"secretKey": "other", "remoteRef": {"key": name}},
                ],
            }
            for name in _SECRETS
        ],
    },
}

CLOUD_NATIVE_PG: Final[dict[str, Any]] = {"cloudNativePG": {"enabled": True}}


def archiving(place: str) -> dict[str, Any]:
    """A cluster's values with the plugin that archives, into a place that is not its own."""
    return {
        "plugins": [
            {
                "name": "barman-cloud.cloudnative-pg.io",
                "isWALArchiver": True,
                "parameters": {"barmanObjectName": place},
            }
        ]
    }


def in_tree(path: str) -> dict[str, Any]:
    """A cluster's values with the operator's own archiving, as before CloudNativePG 1.31."""
    return {
        "backup": {"retentionPolicy": "35d", "barmanObjectStore": {"destinationPath": path}},
    }


RESTORED: Final[dict[str, Any]] = {
    "suffix": "db-2",
    "recovery": {"source": "before", "recoveryTarget": {"targetTime": "2026-11-23T09:30:00Z"}},
    "externalClusters": [
        {
            "name": "before",
            "plugin": {
                "name": "barman-cloud.cloudnative-pg.io",
                "parameters": {"barmanObjectName": "a", "serverName": "registry-db"},
            },
        }
    ],
}

_VARIANTS: Final[dict[str, dict[str, Any]]] = {
    "least": MINIMAL,
    "everything": EVERYTHING,
    "cloudnativepg": CLOUD_NATIVE_PG,
    "cloudnativepg-in-tree-backups": merged(
        CLOUD_NATIVE_PG,
        {"cloudNativePG": {"registry": in_tree("s3://a"), "keyStore": in_tree("s3://b")}},
    ),
    "cloudnativepg-restored": merged(
        CLOUD_NATIVE_PG,
        {
            "cloudNativePG": {
                "registry": {**archiving("a"), **RESTORED},
                "keyStore": archiving("b"),
            }
        },
    ),
    "no-web": merged(MINIMAL, {"web": {"enabled": False}}),
    "no-policies-nor-budgets": merged(
        MINIMAL,
        {
            "networkPolicy": {"enabled": False},
            "server": {"podDisruptionBudget": {"enabled": False}},
            "web": {"podDisruptionBudget": {"enabled": False}},
        },
    ),
    "one-replica": merged(MINIMAL, {"server": {"replicas": 1}, "web": {"replicas": 1}}),
    "no-jobs": merged(MINIMAL, {"migrate": {"enabled": False}, "expire": {"enabled": False}}),
    "names-like-numbers": merged(
        EVERYTHING,
        {
            "nameOverride": "1",
            "externalSecrets": {"enabled": False},
            "database": {
                "owner": {"passwordSecret": {"name": "2"}},
                "server": {"passwordSecret": {"name": "3"}},
                "tls": {"caSecret": {"name": "4"}},
            },
            "keyStore": {"passwordSecret": {"name": "5"}, "tls": {"caSecret": {"name": "6"}}},
            "keys": {"keyringSecret": {"name": "7"}, "receiptKeysSecret": {"name": "8"}},
            "server": {
                "tlsSecret": {"name": "9"},
                "clientCaSecret": {"name": "10"},
                "apiKeysSecret": {"name": "11"},
                "policyConfigMap": {"name": "12"},
                "companyPolicyConfigMap": {"name": "13"},
                "priorityClassName": "14",
            },
            "web": {
                "apiKeySecret": {"name": "15"},
                "registryCaSecret": {"name": "16"},
                "registryClientTlsSecret": {"name": "17"},
                "brandingConfigMap": {"name": "18"},
                "ingress": {"className": "19", "host": "20", "tlsSecretName": "21"},
            },
            "export": {"claim": "22"},
        },
    ),
    "patient-stop": merged(
        MINIMAL,
        {
            "server": {"preStopSeconds": 20, "shutdownGraceSeconds": 120},
            "web": {"preStopSeconds": 15, "shutdownGraceSeconds": 60},
        },
    ),
}

CASES: Final[dict[str, dict[str, Any]]] = _VARIANTS | {
    path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in EXAMPLES
}
RELEASES: Final = [pytest.param(values, id=name) for name, values in CASES.items()]
