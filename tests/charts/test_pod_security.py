"""Every pod that the chart makes is one that the restricted Pod Security Standard lets in."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest

from tests.charts.cases import EVERYTHING, RELEASES
from tests.charts.pod_security import (
    HOUSE,
    RESTRICTED,
    Rule,
    apparmor,
    capabilities,
    host_in_probes,
    host_namespaces,
    host_ports,
    host_process,
    known_user,
    no_account_token,
    no_service_links,
    non_root,
    privilege_escalation,
    privileged,
    proc_mount,
    read_only_root,
    resources,
    seccomp,
    selinux,
    sysctls,
    user_of_root,
    volume_types,
)
from tests.charts.rendering import Pod, render

# A rule, the field that is spoilt (in the pod's specification, numbers being places in a list), and
# what with; None takes it away.
SPOILT: list[tuple[Rule, str, Any]] = [
    (host_process, "securityContext.windowsOptions", {"hostProcess": True}),
    (host_process, "containers.0.securityContext.windowsOptions", {"hostProcess": True}),
    (host_namespaces, "hostNetwork", True),
    (host_namespaces, "hostPID", True),
    (host_namespaces, "hostIPC", True),
    (privileged, "containers.0.securityContext.privileged", True),
    (capabilities, "containers.0.securityContext.capabilities", None),
    (capabilities, "containers.0.securityContext.capabilities", {"drop": ["NET_RAW"]}),
    (capabilities, "containers.0.securityContext.capabilities.add", ["SYS_ADMIN"]),
    (volume_types, "volumes.0", {"name": "host", "hostPath": {"path": "/"}}),
    (volume_types, "volumes.0", {"name": "host", "nfs": {"server": "a", "path": "/"}}),
    (host_ports, "containers.0.ports", [{"containerPort": 1, "hostPort": 1}]),
    (host_in_probes, "containers.0.livenessProbe", {"httpGet": {"host": "a", "port": 1}}),
    (host_in_probes, "containers.0.startupProbe", {"tcpSocket": {"host": "a", "port": 1}}),
    (host_in_probes, "containers.0.lifecycle", {"preStop": {"httpGet": {"host": "a", "port": 1}}}),
    (apparmor, "securityContext.appArmorProfile", {"type": "Unconfined"}),
    (apparmor, "containers.0.securityContext.appArmorProfile", {"type": "Unconfined"}),
    (selinux, "securityContext.seLinuxOptions", {"type": "spc_t"}),
    (selinux, "containers.0.securityContext.seLinuxOptions", {"user": "system_u"}),
    (selinux, "containers.0.securityContext.seLinuxOptions", {"role": "sysadm_r"}),
    (proc_mount, "containers.0.securityContext.procMount", "Unmasked"),
    (sysctls, "securityContext.sysctls", [{"name": "kernel.msgmax", "value": "1"}]),
    (privilege_escalation, "containers.0.securityContext.allowPrivilegeEscalation", None),
    (privilege_escalation, "containers.0.securityContext.allowPrivilegeEscalation", True),
    (non_root, "containers.0.securityContext.runAsNonRoot", False),
    (user_of_root, "securityContext.runAsUser", 0),
    (user_of_root, "containers.0.securityContext.runAsUser", 0),
    (seccomp, "securityContext.seccompProfile", {"type": "Unconfined"}),
    (seccomp, "containers.0.securityContext.seccompProfile", {"type": "Unconfined"}),
    (read_only_root, "containers.0.securityContext.readOnlyRootFilesystem", None),
    (no_account_token, "automountServiceAccountToken", None),
    (no_service_links, "enableServiceLinks", None),
    (resources, "containers.0.resources.requests", None),
    (resources, "containers.0.resources.limits", None),
    (known_user, "securityContext.fsGroup", None),
    (known_user, "securityContext.runAsUser", 1000),
]


@pytest.mark.parametrize("rule", [*RESTRICTED, *HOUSE], ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("values", RELEASES)
def test_every_pod_keeps_the_rule(values: dict[str, Any], rule: Rule) -> None:
    pods = render(values).pods()
    assert pods
    assert {pod.owner: found for pod in pods if (found := list(rule(pod)))} == {}


@pytest.mark.parametrize(
    "rule, field, content",
    SPOILT,
    ids=[f"{rule.__name__}-{field}={json.dumps(content)}" for rule, field, content in SPOILT],
)
def test_a_pod_that_breaks_the_rule_is_found(rule: Rule, field: str, content: object) -> None:
    """In whichever of the pods: the rule does not pass for want of looking."""
    for pod in _pods():
        _spoil(pod.spec, field, content)
        assert list(rule(pod)), pod.owner


def test_a_pod_without_any_security_context_breaks_what_must_be_said() -> None:
    """What is unsaid is not allowed."""
    pod = _pods()[0]
    del pod.spec["securityContext"]
    for container in pod.containers():
        del container["securityContext"]
    broken = {rule.__name__ for rule in RESTRICTED if list(rule(pod))}
    assert broken == {"capabilities", "privilege_escalation", "non_root", "seccomp"}


def test_apparmor_is_not_switched_off_in_the_old_way_either() -> None:
    pod = _pods()[0]
    container = pod.containers()[0]["name"]
    pod.annotations[f"container.apparmor.security.beta.kubernetes.io/{container}"] = "unconfined"
    assert list(apparmor(pod))


def test_every_rule_is_seen_to_fail() -> None:
    assert {rule for rule, _, _ in SPOILT} == {*RESTRICTED, *HOUSE}


def _pods() -> list[Pod]:
    return render(EVERYTHING).pods()


def _spoil(spec: dict[str, Any], field: str, content: object) -> None:
    *path, last = field.split(".")
    at: Any = spec
    for step in path:
        at = at[int(step)] if isinstance(at, list) else at.setdefault(step, {})
    if content is None:
        del at[last]
    elif isinstance(at, list):
        at[int(last)] = deepcopy(content)
    else:
        at[last] = deepcopy(content)
