"""Files are read as people make them, and a bad row spoils only itself."""

from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from consent_registry_client.cli._columns import Columns
from consent_registry_client.cli._records import MAX_LINE_BYTES, Record, Records


def read(tmp_path: Path, content: str | bytes) -> list[Record]:
    path = tmp_path / "file.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with Records(path) as records:
        return list(records)


def cells(records: list[Record]) -> list[list[str]]:
    return [record.cells for record in records]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("email,name\na@example.com,Marie\n", id="commas"),
        pytest.param("email;name\na@example.com;Marie\n", id="semicolons"),
        pytest.param("email\tname\na@example.com\tMarie\n", id="tabs"),
        pytest.param("email,name\r\na@example.com,Marie\r\n", id="carriage returns"),
        pytest.param("\ufeffemail,name\na@example.com,Marie", id="byte order mark, no last break"),
        pytest.param('"email","name"\n"a@example.com","Marie"\n', id="quotes"),
        pytest.param('email;"na,m,e"\na@example.com;Marie\n', id="commas inside a quoted header"),
        pytest.param("email,name\n\n\na@example.com,Marie\n\n", id="blank lines"),
    ],
)
def test_every_usual_dialect_is_read(tmp_path: Path, content: str) -> None:
    records = read(tmp_path, content)
    assert cells(records) == [["a@example.com", "Marie"]]
    assert records[0].fault == ""


def test_a_quoted_cell_may_hold_line_breaks(tmp_path: Path) -> None:
    records = read(tmp_path, 'street,unit\n"12 rue X\nbât. B",4\n"5 rue Y",1\n')
    assert cells(records) == [["12 rue X\nbât. B", "4"], ["5 rue Y", "1"]]
    assert [record.line for record in records] == [2, 4]


@pytest.mark.parametrize(
    "content, sound",
    [
        pytest.param('a,b\n"stray,1\n2,3\n4,5\n', ["2", "4"], id="never closed"),
        pytest.param('a,b\n"stray,1\n2,3\n"4,5\n6,7\n', ["2", "6"], id="closed by another"),
        pytest.param('a,b\n"stray,1\n' + "2,3\n" * 30, ["2"] * 30, id="far from the end"),
        pytest.param('a,b\n1,2\n"last', ["1"], id="in the last line"),
    ],
)
def test_a_stray_quote_swallows_no_other_row(
    tmp_path: Path, content: str, sound: list[str]
) -> None:
    records = read(tmp_path, content)
    assert [record.cells[0] for record in records if not record.fault] == sound
    assert any(record.fault for record in records)
    assert [record.line for record in records] == sorted({record.line for record in records})


@pytest.mark.parametrize(
    "row, fault",
    [
        (b"1", "1 cells instead of 2"),
        (b"1,2,3", "3 cells instead of 2"),
        (b"1,\x00", "a NUL character"),
        (b"1,caf\xe9", "not UTF-8"),
        (b"1," + b"x" * 200_000, "not a row of cells"),
        (b"1,a\rb", "not a row of cells"),
    ],
    ids=["too few", "too many", "NUL", "Latin-1", "too long", "a lone carriage return"],
)
def test_a_bad_row_is_told_and_the_next_is_read(tmp_path: Path, row: bytes, fault: str) -> None:
    records = read(tmp_path, b"a,b\n" + row + b"\n3,4\n")
    assert [record.fault for record in records] == [fault, ""]
    assert [record.line for record in records] == [2, 3]
    assert records[1].cells == ["3", "4"]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\n1,2\n", id="blank first line"),
        pytest.param("a,b\n1,2\n".encode("utf-16"), id="UTF-16"),
        pytest.param(b'"a,b\n1,2\n', id="header never ends"),
        pytest.param(b"a,b\n" + b"x" * (MAX_LINE_BYTES + 1), id="a line without end"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(typer.BadParameter):
        read(tmp_path, content)


text = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=12)
rows = st.integers(1, 4).flatmap(
    lambda width: st.lists(
        st.lists(text, min_size=width, max_size=width).filter(any), min_size=1, max_size=8
    )
)


@given(table=rows, newline=st.sampled_from(["\n", "\r\n"]))
def test_what_a_csv_writer_writes_is_read_back(table: list[list[str]], newline: str) -> None:
    header = [f"column{place}" for place in range(len(table[0]))]
    written = io.StringIO()
    csv.writer(written, lineterminator=newline).writerows([header, *table])
    with tempfile.TemporaryDirectory() as directory:
        assert cells(read(Path(directory), written.getvalue())) == table


@given(content=st.binary(max_size=200))
def test_no_content_breaks_the_reader(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as directory:
        records = read(Path(directory), b"a,b\n" + content)
    lines = [record.line for record in records]
    assert lines == sorted(set(lines))


FIELDS = ("email", "phone", "name")


@pytest.mark.parametrize(
    "header",
    [
        ["email", "phone"],
        ["E-Mail", "PHONE "],
        ["Email Address", "Phone Number"],
        ["mail", "Mobile"],
    ],
    ids=str,
)
def test_columns_are_found_by_their_usual_names(header: list[str]) -> None:
    columns = Columns(header, FIELDS, [])
    record = Record(2, [" a@example.com ", "+33639980001"])
    assert columns.value(record, "email") == "a@example.com"
    assert columns.value(record, "phone") == "+33639980001"
    assert columns.value(record, "name") == ""


def test_a_choice_names_the_column() -> None:
    columns = Columns(["phone", "Tél", "Portable"], FIELDS, ["phone=Portable", "phone=tél"])
    record = Record(2, ["1", "2", "3"])
    assert [columns.value(record, "phone"), *columns.further(record, "phone")] == ["2", "3"]


def test_further_phones_stand_behind_the_first() -> None:
    columns = Columns(["phone", "mobile", "telephone"], FIELDS, [])
    record = Record(2, ["1", "", "3"])
    assert columns.value(record, "phone") == "1"
    assert columns.further(record, "phone") == ["3"]


@pytest.mark.parametrize(
    "header, chosen",
    [
        pytest.param(["name", "NAME"], [], id="two of one name"),
        pytest.param(["email"], ["name=Nom"], id="no such column"),
        pytest.param(["email"], ["size=email"], id="no such field"),
        pytest.param(["email"], ["email"], id="no header named"),
    ],
)
def test_an_unclear_choice_is_refused(header: list[str], chosen: list[str]) -> None:
    with pytest.raises(typer.BadParameter):
        Columns(header, FIELDS, chosen)
