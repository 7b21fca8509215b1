"""What CloudNativePG is asked for: base backups, another place for the keys, and a way back."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from helm_python import HelmError

from tests.charts.cases import CLOUD_NATIVE_PG, RESTORED, archiving, in_tree
from tests.charts.rendering import CHART, Release, merged, render

_SNAPSHOT: dict[str, Any] = {"backup": {"volumeSnapshot": {"className": "fast"}}}


def _render(**clusters: dict[str, Any]) -> Release:
    return render(merged(CLOUD_NATIVE_PG, {"cloudNativePG": clusters}))


@pytest.mark.parametrize(
    "values, method",
    [
        pytest.param(archiving("a"), "plugin", id="plugin"),
        pytest.param(in_tree("s3://a"), "barmanObjectStore", id="in-tree"),
        pytest.param(_SNAPSHOT, "volumeSnapshot", id="snapshots"),
        pytest.param({**archiving("a"), **_SNAPSHOT}, "volumeSnapshot", id="log-by-plugin"),
    ],
)
def test_where_the_log_is_archived_base_backups_are_made(
    values: dict[str, Any], method: str
) -> None:
    """An archived log alone restores nothing, and is never pruned."""
    backup = _render(registry=values).one("ScheduledBackup")

    assert backup["spec"]["cluster"]["name"] == "registry-consent-registry-db"
    assert backup["spec"]["method"] == method
    assert ("pluginConfiguration" in backup["spec"]) == (method == "plugin")
    assert backup["spec"]["immediate"]


def test_a_schedule_without_a_place_is_left_out() -> None:
    switched_off = archiving("a")
    switched_off["plugins"][0]["enabled"] = False

    assert _render().all("ScheduledBackup") == []
    assert _render(registry=switched_off).all("ScheduledBackup") == []


def test_a_failover_loses_nothing_that_was_acknowledged() -> None:
    """With three instances one of two standbys has it, and the other must not be promoted."""
    for cluster in _render().all("Cluster"):
        assert cluster["spec"]["postgresql"]["synchronous"] == {
            "method": "any",
            "number": 1,
            "dataDurability": "required",
            "failoverQuorum": True,
        }
    alone = _render(registry={"instances": 1}).one("Cluster", "db")
    assert "synchronous" not in alone["spec"]["postgresql"]


def test_what_guards_a_database_is_kept_as_long_as_the_database() -> None:
    """After an uninstallation, and beside a restored one."""
    release = _render(registry=archiving("a"))
    for cluster in release.all("Cluster"):
        name = cluster["metadata"]["name"]
        named = [each for each in release.manifests if each["metadata"]["name"] == name]
        assert {"Cluster", "NetworkPolicy"} <= {each["kind"] for each in named}
        for each in named:
            assert each["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def test_a_new_password_reaches_the_operator_at_once() -> None:
    """It takes those of labelled Secrets; others when it next happens to look."""
    secret = {"type": "kubernetes.io/basic-auth", "data": []}
    stored = {
        "enabled": True,
        "secretStoreRef": {"name": "vault"},
        "secrets": [{**secret, "name": "login"}, {"name": "other", "type": "Opaque", "data": []}],
    }
    release = render(merged(CLOUD_NATIVE_PG, {"externalSecrets": stored}))
    labels = {
        each["metadata"]["name"]: each["spec"]["target"]["template"].get("metadata")
        for each in release.all("ExternalSecret")
    }
    assert labels == {"login": {"labels": {"cnpg.io/reload": "true"}}, "other": None}


def test_a_restored_cluster_is_a_new_one_and_the_programs_follow_it() -> None:
    """CloudNativePG restores into a new cluster; an archive that is in use is refused."""
    release = _render(registry={**archiving("a"), **RESTORED})
    cluster = release.one("Cluster", "db")
    bootstrap = cluster["spec"]["bootstrap"]

    assert cluster["metadata"]["name"] == "registry-consent-registry-db-2"
    assert bootstrap.keys() == {"recovery"}
    assert bootstrap["recovery"]["owner"] == "consent_registry_owner"
    assert bootstrap["recovery"]["source"] == "before"
    for pod in release.pods():
        environment = {each["name"]: each.get("value") for each in pod.containers()[0]["env"]}
        url = environment.get("CONSENT_REGISTRY_DATABASE_URL")
        assert url is None or "@registry-consent-registry-db-2-rw:5432/" in url


def test_an_upgrade_that_restores_starts_no_server() -> None:
    """It would allow what somebody has objected to after the backup."""
    stopped = merged(CLOUD_NATIVE_PG, {"server": {"replicas": 0}})

    assert render(stopped).one("Deployment", "server")["spec"]["replicas"] == 0
    with pytest.raises(HelmError, match=r"server\.autoscaling\.enabled"):
        render(merged(stopped, {"server": {"autoscaling": {"enabled": True}}}))


def test_the_example_restores_by_what_its_comment_says() -> None:
    path = CHART / "examples" / "production-cloudnative-pg.yaml"
    text = path.read_text(encoding="utf-8")
    comment = text[text.index("# server:") :]
    restoring = yaml.safe_load("".join(line[2:] for line in comment.splitlines(keepends=True)))
    release = render(merged(yaml.safe_load(text), restoring))

    assert release.one("Deployment", "server")["spec"]["replicas"] == 0
    assert release.one("CronJob")["spec"]["suspend"]
    assert release.one("Cluster", "db")["spec"]["bootstrap"].keys() == {"recovery"}
    assert release.one("Cluster", "keys")["spec"]["bootstrap"].keys() == {"initdb"}


def test_ports_of_other_databases_do_not_count() -> None:
    """The operator's Services and the network policy have PostgreSQL's own."""
    values = merged(CLOUD_NATIVE_PG, {"database": {"port": 6432}, "keyStore": {"port": 6433}})

    assert "6432" not in str(render(values).manifests)
    assert "6433" not in str(render(values).manifests)


def test_parameters_are_added_to_those_that_keep_digests_out_of_the_log() -> None:
    cluster = _render(registry={"parameters": {"shared_buffers": "2GB"}}).one("Cluster", "db")

    assert cluster["spec"]["postgresql"]["parameters"] == {
        "log_error_verbosity": "terse",
        "log_min_error_statement": "panic",
        "max_connections": "300",
        "shared_buffers": "2GB",
    }


@pytest.mark.parametrize(
    "clusters, named",
    [
        pytest.param(
            {"registry": archiving("a"), "keyStore": archiving("a")}, "keyStore", id="one-store"
        ),
        pytest.param(
            {"registry": in_tree("s3://a/"), "keyStore": in_tree("s3://a")},
            "keyStore",
            id="one-path",
        ),
        pytest.param(
            {"keyStore": {"backup": {"barmanObjectStore": {"destinationPath": "s3://b"}}}},
            "keyStore.backup.retentionPolicy",
            id="keys-kept-for-ever",
        ),
        pytest.param(
            {"keyStore": merged(in_tree("s3://b"), {"backup": {"retentionPolicy": "36d"}})},
            "keyStore.backup.retentionPolicy",
            id="keys-kept-too-long",
        ),
        pytest.param(
            {"keyStore": _SNAPSHOT}, "keyStore.backup.volumeSnapshot", id="keys-in-snapshots"
        ),
        pytest.param({"keyStore": {"suffix": "db"}}, "keyStore.suffix", id="one-name"),
        pytest.param(
            {"registry": {"recovery": {"source": "nobody"}}}, "recovery.source", id="no-source"
        ),
        pytest.param(
            {"registry": {"backupSchedule": "30 1 * * *"}}, "backupSchedule", id="five-fields"
        ),
    ],
)
def test_what_would_lose_data_or_keep_keys_is_refused(clusters: dict[str, Any], named: str) -> None:
    with pytest.raises(HelmError, match=named):
        _render(**clusters)
