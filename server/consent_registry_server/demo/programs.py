"""The product's own programs, as they are installed beside this one."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Final

from consent_registry_server.demo.failure import DemoFailed

_PREFIXES: Final = ("CONSENT_REGISTRY_", "CONSENTCTL_")


def program(name: str) -> str:
    """Returns the path of one of the product's programs.

    Raises:
        DemoFailed: It is not installed.
    """
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.is_file() else shutil.which(name)
    if found is None:
        raise DemoFailed(f"the program {name} is not installed")
    return found


def environment(**settings: str) -> dict[str, str]:
    """Returns the environment for them: ours, but with these settings of the product only.

    A database that the caller works with must not be what the demonstration writes to.
    """
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(_PREFIXES)
    }
    return inherited | settings
