"""A directory as Kubernetes mounts it: its files change all at once."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class MountedFiles:
    """Names that lead through one link, which is replaced by another.

    A file that is looked at before and after is not the same one, and its folder is gone.
    """

    directory: Path
    _editions: int = field(default=0, init=False)

    def __getitem__(self, name: str) -> Path:
        return self.directory / name

    def mount(self, **files: bytes) -> None:
        """Puts these files in the place of those that were there; `tls_crt` means `tls.crt`."""
        old = self.directory / f"..edition-{self._editions}"
        self._editions += 1
        new = self.directory / f"..edition-{self._editions}"
        new.mkdir(parents=True)
        for key, content in files.items():
            name = key.replace("_", ".")
            (new / name).write_bytes(content)
            if not (self.directory / name).is_symlink():
                (self.directory / name).symlink_to(Path("..data") / name)
        made = self.directory / "..data-made"
        made.symlink_to(new.name)
        made.rename(self.directory / "..data")
        shutil.rmtree(old, ignore_errors=True)
