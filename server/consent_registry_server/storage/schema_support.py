"""Which programs run on which schema: what migrations declare, and what a database says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection, delete, insert, select, text

from consent_registry_server.storage.schema import supported_program

DECLARATION: Final = "OLDEST_PROGRAM"
"""The constant of a migration: the newest revision known to the oldest program that runs on the
schema which the migration leaves behind."""

_HAS_TABLE: Final = text("SELECT to_regclass('supported_program') IS NOT NULL")


def supports(connection: Connection, program: str) -> bool:
    """Whether the database's schema says that a program runs on it.

    `program` is the newest revision that the program knows.
    """
    if not connection.scalar(_HAS_TABLE):
        return False
    known = supported_program.c.schema_revision
    return connection.scalar(select(known).where(known == program)) is not None


def note_supported(connection: Connection, scripts: ScriptDirectory, *, schema: str | None) -> None:
    """Stores which programs run on a schema, in the transaction that made it.

    Does nothing for schemas of before there was a table for it.
    """
    if schema is None or not connection.scalar(_HAS_TABLE):
        return
    programs = supported_programs(scripts, schema)
    connection.execute(delete(supported_program))
    rows: list[dict[str, Any]] = [{"schema_revision": program} for program in programs]
    connection.execute(insert(supported_program), rows)


def supported_programs(scripts: ScriptDirectory, schema: str) -> Sequence[str]:
    """The programs that run on a schema, the newest first.

    A program runs on it when every migration since then says so. One that says nothing ends the
    support of all programs of before it.
    """
    programs: list[str] = []
    oldest: str | None = None
    for script in scripts.walk_revisions(base="base", head=schema):
        programs.append(script.revision)
        oldest = _older_bound(scripts, oldest, declared(script))
        if script.revision == oldest:
            break
    return programs


def declared(script: Script) -> str:
    """What a migration declares; itself where it declares nothing."""
    return str(getattr(script.module, DECLARATION, script.revision))


def _older_bound(scripts: ScriptDirectory, known: str | None, found: str) -> str:
    """The newer of two revisions: no program of before it runs."""
    if known is None:
        return found
    line = [script.revision for script in scripts.walk_revisions()]
    return min(known, found, key=line.index)
