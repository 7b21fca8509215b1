"""What refers to something in a release hits it: selectors, ports, policies, scales, routes."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.charts.cases import CLOUD_NATIVE_PG, EVERYTHING, MINIMAL, RELEASES
from tests.charts.joints import (
    PREFIX,
    command,
    environment,
    only_container,
    ports,
    selected,
    selects,
)
from tests.charts.rendering import Manifest, Pod, Release, merged, render

each_release = pytest.mark.parametrize("values", RELEASES)


@each_release
def test_a_service_leads_to_ports_by_name_of_one_workload(values: dict[str, Any]) -> None:
    release = render(values)
    for service in release.all("Service"):
        (pod,) = selected(release, {"matchLabels": service["spec"]["selector"]})
        for port in service["spec"]["ports"]:
            assert port["targetPort"] in ports(pod), service["metadata"]["name"]


@each_release
def test_a_workload_selects_its_own_pods_and_no_other(values: dict[str, Any]) -> None:
    release = render(values)
    for workload in release.all("Deployment"):
        found = selected(release, workload["spec"]["selector"])
        assert [pod.owner for pod in found] == [f"Deployment/{workload['metadata']['name']}"]


@each_release
def test_a_disruption_budget_keeps_one_deployment_and_lets_nodes_be_drained(
    values: dict[str, Any],
) -> None:
    release = render(values)
    for budget in release.all("PodDisruptionBudget"):
        (pod,) = selected(release, budget["spec"]["selector"])
        assert pod.owner.startswith("Deployment/")
        spec = budget["spec"]
        assert len({"minAvailable", "maxUnavailable"} & set(spec)) == 1
        assert spec.get("maxUnavailable") != 0
        # Pods that are not ready are no reason to keep a node.
        assert spec["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


@each_release
def test_every_pod_is_covered_both_ways_by_a_network_policy(values: dict[str, Any]) -> None:
    release = render(values)
    policies = release.all("NetworkPolicy")
    if not policies:
        assert not values.get("networkPolicy", {"enabled": True})["enabled"]
        return
    for pod in release.pods():
        directions = {
            direction
            for policy in policies
            if pod in selected(release, policy["spec"]["podSelector"])
            for direction in policy["spec"]["policyTypes"]
        }
        assert directions == {"Ingress", "Egress"}, pod.owner


@each_release
def test_a_network_policy_is_for_pods_of_the_release_and_names_ports_that_they_have(
    values: dict[str, Any],
) -> None:
    release = render(values)
    for policy in release.all("NetworkPolicy"):
        pods = selected(release, policy["spec"]["podSelector"])
        assert pods or _cluster_of(policy), policy["metadata"]["name"]
        for rule in policy["spec"].get("ingress") or ():
            assert rule.get("ports"), "a way in for every port"
            for port in rule["ports"]:
                assert all(_has_port(pod, port["port"]) for pod in pods), port


@each_release
def test_no_policy_opens_a_port_that_carries_contact_data_to_everybody(
    values: dict[str, Any],
) -> None:
    """The registry's own port has callers that an operator names."""
    release = render(values)
    for policy in release.all("NetworkPolicy"):
        for pod in selected(release, policy["spec"]["podSelector"]):
            for rule in policy["spec"].get("ingress") or ():
                if command(pod) == "serve" and any(
                    port["port"] in {"grpc", 50051} for port in rule["ports"]
                ):
                    assert rule["from"]
                    assert all(peer for peer in rule["from"])


def test_the_web_s_way_to_the_registry_is_open_at_both_ends() -> None:
    release = render(EVERYTHING)
    web, server = _pod(release, "unsubscribe-web"), _pod(release, "serve")
    out = _rules(release, web, "egress", "to")
    into = _rules(release, server, "ingress", "from")
    assert any(_peer_takes(rule, "to", server) and _opens(rule, server, "grpc") for rule in out)
    assert any(_peer_takes(rule, "from", web) and _opens(rule, server, "grpc") for rule in into)


@pytest.mark.parametrize("values", [MINIMAL, EVERYTHING, CLOUD_NATIVE_PG])
@pytest.mark.parametrize("program", ["serve", "migrate", "expire"])
def test_both_databases_may_be_reached_by_whoever_is_told_of_them(
    values: dict[str, Any], program: str
) -> None:
    """Without a word on where they are, too: a first installation is to work."""
    release = render(values)
    pod = _pod(release, program)
    told = environment(pod)
    opened = {
        port["port"]
        for rule in _rules(release, pod, "egress", "to")
        for port in rule.get("ports", [])
    }
    for name in ("DATABASE_URL", "KEY_STORE_URL"):
        assert urlsplit(told[PREFIX + name]).port in opened, name


@each_release
def test_the_operator_s_databases_let_in_those_who_are_told_of_them_and_no_other(
    values: dict[str, Any],
) -> None:
    """Besides the operator, and each other's instances."""
    release = render(values)
    policies = {_cluster_of(each): each["spec"] for each in release.all("NetworkPolicy")}
    for cluster in release.all("Cluster"):
        spec = policies[cluster["metadata"]["name"]]
        assert spec["policyTypes"] == ["Ingress"]
        programs, peers, *_ = spec["ingress"]
        assert [port["port"] for port in programs["ports"]] == [5432]
        for pod in release.pods():
            told = any(name.endswith("DATABASE_URL") for name in environment(pod))
            assert _peer_takes(programs, "from", pod) == told, pod.owner
            assert not _peer_takes(peers, "from", pod), pod.owner
        assert {port["port"] for port in peers["ports"]} == {5432, 8000}
        assert {"podSelector": spec["podSelector"]} in peers["from"]
        assert len(peers["from"]) == 2


def test_the_unsubscribe_pages_reach_no_database() -> None:
    release = render(EVERYTHING)
    opened = {
        port["port"]
        for rule in _rules(release, _pod(release, "unsubscribe-web"), "egress", "to")
        for port in rule.get("ports", [])
    }
    assert opened == {53, 50051}


def test_whoever_needs_names_may_ask_for_them() -> None:
    """Over UDP, and over TCP where an answer is long."""
    release = render(EVERYTHING)
    for pod in release.pods():
        asked = {
            port.get("protocol", "TCP")
            for rule in _rules(release, pod, "egress", "to")
            for port in rule.get("ports", [])
            if port.get("port") == 53
        }
        assert asked == {"TCP", "UDP"}, pod.owner


@each_release
def test_a_service_monitor_scrapes_the_metrics_of_one_service_once(values: dict[str, Any]) -> None:
    """Two Services of the same pods would count everything double."""
    release = render(values)
    scraped: list[str] = []
    for monitor in release.all("ServiceMonitor"):
        wanted = monitor["spec"]["selector"]["matchLabels"].items()
        (service,) = [
            each for each in release.all("Service") if wanted <= each["metadata"]["labels"].items()
        ]
        offered = {port["name"]: port["targetPort"] for port in service["spec"]["ports"]}
        for endpoint in monitor["spec"]["endpoints"]:
            assert offered[endpoint["port"]] == "metrics"
            assert endpoint.get("path", "/metrics") == "/metrics"
        (pod,) = selected(release, {"matchLabels": service["spec"]["selector"]})
        scraped.append(pod.owner)
        assert "jobLabel" not in monitor["spec"], "the alerts know the Service's name"
    assert len(scraped) == len(set(scraped))


def test_every_pod_with_metrics_is_scraped() -> None:
    release = render(EVERYTHING)
    with_metrics = {pod.owner for pod in release.pods() if "metrics" in ports(pod)}
    assert len(release.all("ServiceMonitor")) == len(with_metrics) == 2


@each_release
def test_an_autoscaler_has_the_deployment_that_then_says_no_number_of_its_own(
    values: dict[str, Any],
) -> None:
    """A number in the manifest would be set again with every upgrade."""
    release = render(values)
    scaled = {
        each["spec"]["scaleTargetRef"]["name"] for each in release.all("HorizontalPodAutoscaler")
    }
    deployments = {each["metadata"]["name"]: each for each in release.all("Deployment")}
    assert scaled <= deployments.keys()
    for name, deployment in deployments.items():
        assert ("replicas" in deployment["spec"]) == (name not in scaled), name


def test_an_autoscaler_reckons_with_what_the_pods_request() -> None:
    release = render(EVERYTHING)
    for scaler in release.all("HorizontalPodAutoscaler"):
        target = scaler["spec"]["scaleTargetRef"]
        assert (target["apiVersion"], target["kind"]) == ("apps/v1", "Deployment")
        (pod,) = [each for each in release.pods() if each.owner == f"Deployment/{target['name']}"]
        requested = only_container(pod)["resources"]["requests"]
        for metric in scaler["spec"]["metrics"]:
            assert metric["resource"]["name"] in requested


@each_release
def test_an_ingress_leads_to_the_web_only(values: dict[str, Any]) -> None:
    release = render(values)
    services = {each["metadata"]["name"]: each for each in release.all("Service")}
    for ingress in release.all("Ingress"):
        assert "defaultBackend" not in ingress["spec"]
        for rule in ingress["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                backend = path["backend"]["service"]
                spec = services[backend["name"]]["spec"]
                (pod,) = selected(release, {"matchLabels": spec["selector"]})
                assert command(pod) == "unsubscribe-web"
                (port,) = [
                    each for each in spec["ports"] if each["name"] == backend["port"]["name"]
                ]
                assert port["targetPort"] == "http"


def _pod(release: Release, program: str) -> Pod:
    (pod,) = [each for each in release.pods() if command(each) == program]
    return pod


def _cluster_of(policy: Manifest) -> str | None:
    """The cluster of the operator's whose pods a policy is for."""
    cluster: str | None = policy["spec"]["podSelector"]["matchLabels"].get("cnpg.io/cluster")
    return cluster


def _rules(release: Release, pod: Pod, direction: str, peers: str) -> list[dict[str, Any]]:
    """What policies allow a pod; every rule says with whom."""
    assert peers in {"from", "to"}
    return [
        rule
        for policy in release.all("NetworkPolicy")
        if pod in selected(release, policy["spec"]["podSelector"])
        for rule in policy["spec"].get(direction) or []
    ]


def _peer_takes(rule: dict[str, Any], peers: str, pod: Pod) -> bool:
    return any(
        "podSelector" in peer and selects(peer["podSelector"], pod.labels)
        for peer in rule.get(peers, [])
    )


def _opens(rule: dict[str, Any], pod: Pod, name: str) -> bool:
    return any(each["port"] in {name, ports(pod)[name]} for each in rule.get("ports", []))


def _has_port(pod: Pod, port: str | int) -> bool:
    return port in ports(pod) or port in ports(pod).values()


def test_names_are_asked_where_the_cluster_answers_them() -> None:
    """OpenShift's resolvers listen on another port than their Service."""
    release = render(merged(MINIMAL, {"networkPolicy": {"dnsPorts": [5353]}}))

    for policy in release.all("NetworkPolicy"):
        assert {port["port"] for port in policy["spec"]["egress"][0]["ports"]} == {5353}
