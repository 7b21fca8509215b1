"""Replay tokens as text in files."""

import base64
import binascii
import sys
from pathlib import Path

import typer

STANDARD_INPUT = "-"


def write_token(path: Path, token: bytes) -> None:
    """Writes a token to a file, as one line of base64."""
    path.write_text(f"{base64.b64encode(token).decode()}\n", "ascii")


def read_token(path: str) -> bytes:
    """Returns the token in a file; `-` is the standard input."""
    if path == STANDARD_INPUT:
        text = sys.stdin.read()
    else:
        text = Path(path).read_text("ascii", errors="replace")
    try:
        token = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        token = b""
    if not token:
        raise typer.BadParameter("the file of --replay-token holds no replay token")
    return token
