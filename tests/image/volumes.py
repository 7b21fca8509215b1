"""The volumes of a pod, made as the kubelet makes them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.image.box import Place

Content = Mapping[str, bytes]

_DEFAULT_MODE: Final = 0o644
_READABLE_FOR_GROUP: Final = 0o440
_WRITABLE_FOR_GROUP: Final = 0o2770
_VERSION: Final = "..2026_11_23_12_00_00.1234567890"


@dataclass(frozen=True, slots=True)
class Objects:
    """The Secrets, the ConfigMaps and the claims' volumes of a namespace, by name."""

    secrets: Mapping[str, Content]
    config_maps: Mapping[str, Content]
    claims: Mapping[str, Path]


class Volumes:
    """The volumes of one pod; their files lie in a folder of this machine."""

    def __init__(self, spec: Mapping[str, Any], objects: Objects, folder: Path) -> None:
        """Makes them.

        Raises:
            KeyError: the pod asks for an object, or a key of one, that is not there; the kubelet
                would wait for it for ever.
        """
        self._folder = folder
        self._group: int = spec["securityContext"]["fsGroup"]
        self._memory: set[str] = set()
        self._claimed: dict[str, Path] = {}
        for volume in spec["volumes"]:
            self._make(volume, objects)

    def places(self, container: Mapping[str, Any]) -> list[Place]:
        """Where a container finds them."""
        return [self._place(**mount) for mount in container["volumeMounts"]]

    def _make(self, volume: Mapping[str, Any], objects: Objects) -> None:
        name: str = volume["name"]
        match volume:
            case {"emptyDir": _}:
                self._memory.add(name)
            case {"secret": how}:
                self._project(self._folder / name, objects.secrets[how["secretName"]], how)
            case {"configMap": how}:
                self._project(self._folder / name, objects.config_maps[how["name"]], how)
            case {"persistentVolumeClaim": {"claimName": claim}}:
                self._claimed[name] = objects.claims[claim]
                os.chown(objects.claims[claim], 0, self._group)
                objects.claims[claim].chmod(_WRITABLE_FOR_GROUP)
            case _:
                raise NotImplementedError(volume)

    def _project(self, folder: Path, content: Content, how: Mapping[str, Any]) -> None:
        assert how.keys() <= {"secretName", "name", "items", "defaultMode"}, how
        chosen = how.get("items") or [{"key": key, "path": key} for key in content]
        mode = how.get("defaultMode", _DEFAULT_MODE) | _READABLE_FOR_GROUP
        version = folder / _VERSION
        version.mkdir(parents=True)
        for item in chosen:
            path = version / item["path"]
            path.write_bytes(content[item["key"]])
            # The group gets to read what the kubelet gives it, whatever the mode says.
            path.chmod(mode)
            os.chown(path, 0, self._group)
            (folder / item["path"]).symlink_to(f"..data/{item['path']}")
        (folder / "..data").symlink_to(_VERSION)

    # As Kubernetes names them; another field would mean what nobody has taught it.
    def _place(self, name: str, mountPath: str, *, readOnly: bool = False) -> Place:  # noqa: N803
        if name in self._memory:
            assert not readOnly
            return Place("scratch", mountPath, mode="0777")
        if name in self._claimed:
            return Place("bind", mountPath, str(self._claimed[name]), writable=not readOnly)
        return Place("bind", mountPath, str(self._folder / name), writable=not readOnly)
