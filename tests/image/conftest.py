"""One image for all tests of this run, made the first time that one asks for it."""

from __future__ import annotations

import fcntl
import os
import pickle
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image.box import can_box
from tests.image.built import Image, build


@pytest.fixture(scope="session")
def boxes() -> None:
    """Skips what needs namespaces where there are none; in CI it fails instead."""
    if can_box():
        return
    message = "an image is played by root, on a Linux that lets it make namespaces"
    if os.environ.get("CI", "").lower() in {"", "0", "false", "no"}:
        pytest.skip(message)
    pytest.fail(message)


@pytest.fixture(scope="session")
def image(boxes: None) -> Iterator[Image]:  # noqa: ARG001 - without boxes nothing is built
    """What the Dockerfile makes; shared by the processes that run tests, and removed by the last.

    It takes a quarter of a minute and as many megabytes as an image has.
    """
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    folder = Path(tempfile.gettempdir()) / f"registry-image-{run}"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("a+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        kept = folder / "image"
        if not kept.exists():
            shutil.rmtree(folder / "built", ignore_errors=True)
            kept.write_bytes(pickle.dumps(build(folder / "built")))
        made: Image = pickle.loads(kept.read_bytes())  # noqa: S301 - our own
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield made
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        shutil.rmtree(folder)
