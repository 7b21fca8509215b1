"""Each migration says which programs run on what it leaves behind; what follows is reckoned."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from consent_registry_server.storage import migrations
from consent_registry_server.storage.schema_support import DECLARATION, supported_programs

_MIGRATION = """
revision = {revision!r}
down_revision = {before!r}
{declaration}

def upgrade():
    pass
"""


def scripts_of(folder: Path) -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(folder))
    config.set_main_option("path_separator", "os")
    return ScriptDirectory.from_config(config)


def scripts(folder: Path, *oldest: str | None) -> ScriptDirectory:
    """Migrations 1, 2 and so on, each with the oldest program it declares, if it does."""
    (folder / "versions").mkdir()
    for number, program in enumerate(oldest, 1):
        text = _MIGRATION.format(
            revision=str(number),
            before=None if number == 1 else str(number - 1),
            declaration="" if program is None else f"{DECLARATION} = {program!r}",
        )
        (folder / "versions" / f"{number}_migration.py").write_text(text)
    return scripts_of(folder)


@pytest.mark.parametrize(
    "oldest, supported",
    [
        pytest.param(("1", "1"), ["2", "1"], id="the program of before"),
        pytest.param(("1", "1", "1"), ["3", "2", "1"], id="all of them"),
        pytest.param(("1", "1", "2"), ["3", "2"], id="the one of before alone"),
        pytest.param(("1", "2", "1"), ["3", "2"], id="an earlier migration ended it"),
        pytest.param(("1", "1", "3"), ["3"], id="none but its own"),
        pytest.param((None, None), ["2"], id="nothing declared"),
        pytest.param((None, "1", "2"), ["3", "2"], id="declared later"),
    ],
)
def test_a_program_is_supported_while_every_migration_since_says_so(
    tmp_path: Path, oldest: tuple[str | None, ...], supported: list[str]
) -> None:
    assert supported_programs(scripts(tmp_path, *oldest), str(len(oldest))) == supported


def test_an_older_schema_supports_what_it_did_when_it_was_the_newest(tmp_path: Path) -> None:
    assert supported_programs(scripts(tmp_path, "1", "1", "3"), "2") == ["2", "1"]


def test_every_migration_since_there_is_a_table_for_it_declares_its_support() -> None:
    folder = scripts_of(Path(str(migrations.__file__)).parent)

    undeclared = {
        script.revision
        for script in folder.walk_revisions()
        if not hasattr(script.module, DECLARATION)
    }

    assert undeclared == {"0001", "0002", "0003", "0004"}
