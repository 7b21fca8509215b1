"""Generates typed Python from the contract, or with `--check` tells whether it is up to date.

protoc writes neither `__init__.py` nor `py.typed`, and its own stubs are too weak for strict
typing; mypy-protobuf's are used instead.
"""

import argparse
import filecmp
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

SOURCES = Path("protos")
GENERATED = SOURCES / "gen"
ROOT_PACKAGE = "consent_registry"
PLUGINS = ("protoc-gen-mypy", "protoc-gen-mypy_grpc")
PACKAGE_DOCSTRINGS = {
    "consent_registry": "The contract of the consent registry, generated from its .proto files.",
    "consent_registry/v1": "Version 1 of the contract.",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 1 when `--check` finds a difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    if parser.parse_args(arguments).check:
        return check()
    generate(GENERATED)
    return 0


def check() -> int:
    """Generates into a temporary folder and compares it with what is committed."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder)
        generate(fresh)
        differing = differences(fresh, GENERATED)
    for path in differing:
        print(f"{GENERATED / path} differs from what protos/ generates; run `make protos`")
    return 1 if differing else 0


def generate(target: Path) -> None:
    """Replaces the generated package under `target`, leaving no file of a former contract."""
    for stale in generated_files(target):
        (target / stale).unlink()
    target.mkdir(parents=True, exist_ok=True)
    run_protoc(target)
    for package, docstring in PACKAGE_DOCSTRINGS.items():
        folder = target / package
        (folder / "__init__.py").write_text(f'"""{docstring}"""\n')
        (folder / "py.typed").touch()


def run_protoc(target: Path) -> None:
    """Generates messages for every file of the contract, stubs and servicers for its services."""
    protos = sorted((SOURCES / ROOT_PACKAGE).rglob("*.proto"))
    services = [path for path in protos if path.stem.endswith("_service")]
    protoc(protos, python_out=f"{target}", mypy_out=f"quiet:{target}")
    protoc(services, grpc_python_out=f"{target}", mypy_grpc_out=f"quiet:{target}")


def protoc(protos: Sequence[Path], **outputs: str) -> None:
    """Runs the compiler with the plugins of this environment, whatever the PATH says."""
    scripts = Path(sysconfig.get_path("scripts"))
    command = [
        sys.executable,
        "-m",
        "grpc_tools.protoc",
        f"--proto_path={SOURCES}",
        f"--proto_path={resources.files('grpc_tools') / '_proto'}",
        *(f"--plugin={name}={scripts / name}" for name in PLUGINS),
        *(f"--{option}={value}" for option, value in outputs.items()),
        *(str(path.relative_to(SOURCES)) for path in protos),
    ]
    subprocess.run(command, check=True)


def differences(one: Path, other: Path) -> list[Path]:
    """The files that only one of the folders has, or that differ, in order."""
    paths = generated_files(one) | generated_files(other)
    return sorted(path for path in paths if not same_content(one / path, other / path))


def same_content(one: Path, other: Path) -> bool:
    """Whether both files exist and hold the same bytes."""
    return one.is_file() and other.is_file() and filecmp.cmp(one, other, shallow=False)


def generated_files(folder: Path) -> set[Path]:
    """The files of the generated package, relative to `folder`."""
    return {
        path.relative_to(folder)
        for path in (folder / ROOT_PACKAGE).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


if __name__ == "__main__":
    sys.exit(main())
