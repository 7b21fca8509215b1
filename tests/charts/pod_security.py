"""The restricted Pod Security Standard, and the house's own rules, each as what breaks it in a pod.

https://kubernetes.io/docs/concepts/security/pod-security-standards/ (v1.36), rule by rule: the
baseline's, then the restricted one's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from tests.charts.rendering import Pod

# What is wrong, each by the name of the container and of the field.
Rule = Callable[[Pod], Iterator[str]]

_VOLUMES: Final = frozenset(
    {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
    }
)
_SYSCTLS: Final = frozenset(
    {
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ping_group_range",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.tcp_wmem",
    }
)
_SELINUX_TYPES: Final = frozenset(
    {"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}
)
_PROFILES: Final = frozenset({"RuntimeDefault", "Localhost"})
_HANDLERS: Final = ("livenessProbe", "readinessProbe", "startupProbe")
_HOOKS: Final = ("postStart", "preStop")
_APPARMOR: Final = "container.apparmor.security.beta.kubernetes.io/"


def host_process(pod: Pod) -> Iterator[str]:
    """No container of Windows runs as the host does."""
    for name, context in _contexts(pod):
        if context.get("windowsOptions", {}).get("hostProcess"):
            yield f"{name}: windowsOptions.hostProcess"


def host_namespaces(pod: Pod) -> Iterator[str]:
    """The host's network, processes and memory are its own."""
    yield from (name for name in ("hostNetwork", "hostPID", "hostIPC") if pod.spec.get(name))


def privileged(pod: Pod) -> Iterator[str]:
    """No container is privileged."""
    for name, context in _contexts(pod):
        if context.get("privileged"):
            yield f"{name}: privileged"


def capabilities(pod: Pod) -> Iterator[str]:
    """All are dropped, and none but NET_BIND_SERVICE is added again."""
    for container in pod.containers():
        of = container.get("securityContext", {}).get("capabilities", {})
        if "ALL" not in of.get("drop", []):
            yield f"{container['name']}: capabilities.drop"
        if set(of.get("add", [])) - {"NET_BIND_SERVICE"}:
            yield f"{container['name']}: capabilities.add"


def volume_types(pod: Pod) -> Iterator[str]:
    """Neither of the host nor of kinds that a node must know; hostPath is among them."""
    for volume in pod.spec.get("volumes", []):
        kinds = set(volume) - {"name"}
        if not kinds <= _VOLUMES:
            yield f"volume {volume['name']}: {', '.join(sorted(kinds))}"


def host_ports(pod: Pod) -> Iterator[str]:
    """No port of the node is taken."""
    for container in pod.containers():
        for port in container.get("ports", []):
            if port.get("hostPort"):
                yield f"{container['name']}: hostPort {port['hostPort']}"


def host_in_probes(pod: Pod) -> Iterator[str]:
    """The kubelet asks and tells the pod itself, no host that a manifest names."""
    for container in pod.containers():
        actions = {name: container.get(name, {}) for name in _HANDLERS}
        actions |= {name: container.get("lifecycle", {}).get(name, {}) for name in _HOOKS}
        for name, action in actions.items():
            if any(action.get(kind, {}).get("host") for kind in ("httpGet", "tcpSocket")):
                yield f"{container['name']}: {name} host"


def apparmor(pod: Pod) -> Iterator[str]:
    """The runtime's profile is not switched off."""
    for name, context in _contexts(pod):
        if context.get("appArmorProfile", {}).get("type", "RuntimeDefault") not in _PROFILES:
            yield f"{name}: appArmorProfile"
    for name, value in pod.annotations.items():
        if name.startswith(_APPARMOR) and not value.startswith(("runtime/default", "localhost/")):
            yield name


def selinux(pod: Pod) -> Iterator[str]:
    """No user, no role, and a type of containers'."""
    for name, context in _contexts(pod):
        options = context.get("seLinuxOptions", {})
        is_own = options.get("user") or options.get("role")
        if is_own or options.get("type", "") not in _SELINUX_TYPES:
            yield f"{name}: seLinuxOptions"


def proc_mount(pod: Pod) -> Iterator[str]:
    """/proc is masked as usual."""
    for name, context in _contexts(pod):
        if context.get("procMount", "Default") != "Default":
            yield f"{name}: procMount"


def sysctls(pod: Pod) -> Iterator[str]:
    """Only the kernel's parameters that are the pod's own."""
    for sysctl in pod.spec.get("securityContext", {}).get("sysctls", []):
        if sysctl["name"] not in _SYSCTLS:
            yield f"sysctl {sysctl['name']}"


def privilege_escalation(pod: Pod) -> Iterator[str]:
    """No process gains more than its parent has."""
    for container in pod.containers():
        if container.get("securityContext", {}).get("allowPrivilegeEscalation") is not False:
            yield f"{container['name']}: allowPrivilegeEscalation"


def non_root(pod: Pod) -> Iterator[str]:
    """The kubelet refuses to run root: said for the pod or for every container, nowhere unsaid."""
    for_all = pod.spec.get("securityContext", {}).get("runAsNonRoot")
    for container in pod.containers():
        if container.get("securityContext", {}).get("runAsNonRoot", for_all) is not True:
            yield f"{container['name']}: runAsNonRoot"


def user_of_root(pod: Pod) -> Iterator[str]:
    """Nobody is user 0."""
    for name, context in _contexts(pod):
        if context.get("runAsUser") == 0:
            yield f"{name}: runAsUser"


def seccomp(pod: Pod) -> Iterator[str]:
    """The runtime's profile, or one of the node's, for every container."""
    for_all = pod.spec.get("securityContext", {}).get("seccompProfile", {})
    if for_all and for_all.get("type") not in _PROFILES:
        yield "pod: seccompProfile"
    for container in pod.containers():
        profile = container.get("securityContext", {}).get("seccompProfile", for_all)
        if profile.get("type") not in _PROFILES:
            yield f"{container['name']}: seccompProfile"


def read_only_root(pod: Pod) -> Iterator[str]:
    """What an intruder writes is neither kept nor run by others."""
    for container in pod.containers():
        if container.get("securityContext", {}).get("readOnlyRootFilesystem") is not True:
            yield f"{container['name']}: readOnlyRootFilesystem"


def no_account_token(pod: Pod) -> Iterator[str]:
    """Nothing here talks to the cluster's API."""
    if pod.spec.get("automountServiceAccountToken") is not False:
        yield "pod: automountServiceAccountToken"


def no_service_links(pod: Pod) -> Iterator[str]:
    """The environment holds what the chart says, not a variable for every Service around."""
    if pod.spec.get("enableServiceLinks") is not False:
        yield "pod: enableServiceLinks"


def resources(pod: Pod) -> Iterator[str]:
    """The scheduler knows what it needs, and memory has an end."""
    for container in pod.containers():
        of = container.get("resources", {})
        for kind, names in (("requests", ("cpu", "memory")), ("limits", ("memory",))):
            missing = [name for name in names if not of.get(kind, {}).get(name)]
            yield from (f"{container['name']}: resources.{kind}.{name}" for name in missing)


def known_user(pod: Pod) -> Iterator[str]:
    """The image's user, whose files the volumes' are."""
    context = pod.spec.get("securityContext", {})
    for name in ("runAsUser", "runAsGroup", "fsGroup"):
        if context.get(name) != 65532:
            yield f"pod: {name}"


RESTRICTED: Final[tuple[Rule, ...]] = (
    host_process,
    host_namespaces,
    privileged,
    capabilities,
    volume_types,
    host_ports,
    host_in_probes,
    apparmor,
    selinux,
    proc_mount,
    sysctls,
    privilege_escalation,
    non_root,
    user_of_root,
    seccomp,
)
HOUSE: Final[tuple[Rule, ...]] = (
    read_only_root,
    no_account_token,
    no_service_links,
    resources,
    known_user,
)


def _contexts(pod: Pod) -> Iterator[tuple[str, dict[str, Any]]]:
    """The security contexts, the pod's own first, by the name of whose they are."""
    yield "pod", pod.spec.get("securityContext", {})
    for container in pod.containers():
        yield container["name"], container.get("securityContext", {})
