"""`consentctl`: the registry's questions and writes on the command line."""

import signal
import sys
from types import FrameType


def main() -> None:
    """Runs `consentctl` with the arguments of this process, and ends it."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        from consent_registry_client.cli._program import run  # noqa: PLC0415 - An extra.
    except ModuleNotFoundError as missing:
        if missing.name not in {"rich", "typer"}:
            raise
        sys.exit("consentctl needs its extra: pip install 'consent-registry[cli]'")
    sys.exit(run(sys.argv[1:]))


def _interrupt(_: int, __: FrameType | None) -> None:
    # Ends as Ctrl-C does, so that what is half-written is removed.
    raise KeyboardInterrupt
