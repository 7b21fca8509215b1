"""Writes docs/policy.md from the packaged policy, or with `--check` tells whether it is true."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from consent_registry_server.policy.handbook import handbook
from consent_registry_server.policy.load import load_policy

DOCUMENT = Path("docs/policy.md")


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 1 when `--check` finds a difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    text = handbook(load_policy())
    if not parser.parse_args(arguments).check:
        DOCUMENT.write_text(text, encoding="utf-8")
    elif not DOCUMENT.exists() or DOCUMENT.read_text(encoding="utf-8") != text:
        print(f"{DOCUMENT} is not what the policy packs say; run `make policy-doc`")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
