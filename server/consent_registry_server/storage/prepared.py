"""Statements that a connection plans once: planning takes longer than running them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from psycopg2.extensions import connection as Psycopg2Connection  # noqa: N812 - it is a class
from sqlalchemy import PoolProxiedConnection


@dataclass(frozen=True, slots=True)
class Prepared:
    """A statement whose parameters are `$1`, `$2` … of the given types."""

    name: str
    types: str
    statement: str

    @property
    def declaration(self) -> str:
        """The command that plans it."""
        return f"PREPARE {self.name} ({self.types}) AS {self.statement}"

    @property
    def call(self) -> str:
        """The command that runs it, for the driver to put the parameters in."""
        places = ", ".join(["%s"] * (self.types.count(",") + 1))
        return f"EXECUTE {self.name} ({places})"


def run(
    connection: PoolProxiedConnection,
    *calls: tuple[Prepared, Sequence[Any]],
    before: str = "",
) -> list[tuple[Any, ...]]:
    """Runs prepared statements in one round trip and returns the rows of the last.

    `before` is a command that goes ahead of them, in the same transaction.
    """
    with cast("Psycopg2Connection", connection.driver_connection).cursor() as cursor:
        for prepared, _ in calls:
            if prepared.name not in connection.info:
                cursor.execute(prepared.declaration)
                connection.info[prepared.name] = True
        commands = [before] if before else []
        commands += [prepared.call for prepared, _ in calls]
        parameters = [value for _, values in calls for value in values]
        cursor.execute("; ".join(commands), parameters)
        return cursor.fetchall() if cursor.description else []


def digest_array(digests: Sequence[bytes]) -> str:
    """The digests, all of one length, as the text of a `bytea[]`.

    One literal, because the parser takes as long for a list of five thousand parameters as the
    index for the look-ups.
    """
    if not digests:
        return "{}"
    hexadecimal = b"".join(digests).hex(",", len(digests[0]))
    return r"{\\x" + hexadecimal.replace(",", r",\\x") + "}"
