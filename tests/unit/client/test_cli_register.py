"""`consentctl register load` records what a register said, and guesses nothing."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest

from consent_registry.v1.entry_pb2 import RegisterStatus
from consent_registry.v1.registry_service_pb2 import (
    RecordRegisterResultsRequest,
    RecordRegisterResultsResponse,
    RegisterResult,
)
from tests.unit.client.console import Console, Outcome
from tests.unit.client.fake_registry import FakeRegistry, failing

LISTED = RegisterStatus.REGISTER_STATUS_LISTED
FIRST, SECOND, THIRD = "+393120000001", "+393120000002", "+393120000003"


class Registers:
    """Counts what arrives, once for each request id; a number of zeros has no normal form."""

    def __init__(self) -> None:
        self.requests: dict[str, RecordRegisterResultsRequest] = {}

    def __call__(
        self, request: RecordRegisterResultsRequest, _: object
    ) -> RecordRegisterResultsResponse:
        self.requests.setdefault(request.request_id, request)
        response = RecordRegisterResultsResponse(revision="r1")
        for index, result in enumerate(request.results):
            if "00000000" in result.contact_point.phone.number:
                response.invalid.append(index)
            elif result.status == LISTED:
                response.listed += 1
            else:
                response.clear += 1
        return response

    @property
    def results(self) -> list[RegisterResult]:
        return [result for request in self.requests.values() for result in request.results]

    @property
    def said(self) -> dict[str, str]:
        """What was said of each number, as it was sent."""
        words = {LISTED: "listed", RegisterStatus.REGISTER_STATUS_CLEAR: "clear"}
        return {each.contact_point.phone.number: words[each.status] for each in self.results}


@dataclass
class Loading:
    consentctl: Console
    folder: Path

    def file(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def __call__(self, *options: object) -> Outcome:
        common = ("--controller", "alarm-it", "--register", "RPO", "--checked-on", "2026-11-20")
        return self.consentctl("register", "load", *common, *options)

    def listed(self, content: str | bytes, *options: object) -> Outcome:
        return self("--listed", self.file("listed.csv", content), *options)

    def compared(self, submitted: str, returned: str, *options: object) -> Outcome:
        files = (
            *("--submitted", self.file("submitted.csv", submitted)),
            *("--returned", self.file("returned.csv", returned)),
        )
        return self(*files, *options)


@pytest.fixture
def registers(registry: FakeRegistry) -> Registers:
    made = Registers()
    registry.on("RecordRegisterResults", made)
    return made


@pytest.fixture
def loading(consentctl: Console, tmp_path: Path) -> Loading:
    return Loading(consentctl, tmp_path)


# A list of who is listed


@pytest.mark.parametrize(
    "content",
    [
        f"{FIRST}\n{SECOND}\n",
        f"{FIRST}\r\n\r\n{SECOND}",
        f"\ufeff{FIRST}\n{SECOND}\n\n",
        f"phone\n{FIRST}\n{SECOND}\n",
        f"name;Telephone\nA;{FIRST}\nB;{SECOND}\n",
        f"mobile,phone\n{FIRST},{SECOND}\n",
    ],
    ids=["bare", "blank lines", "byte order mark", "header", "another name", "two columns"],
)
def test_everything_in_a_list_is_listed(
    registers: Registers, loading: Loading, content: str
) -> None:
    """With or without a header, the first number included."""
    outcome = loading.listed(content)
    assert (outcome.code, outcome.out) == (0, "2 listed, 0 clear, 0 not recorded\n")
    assert registers.said == {FIRST: "listed", SECOND: "listed"}
    [request] = registers.requests.values()
    assert (request.controller, request.register) == ("alarm-it", "RPO")
    assert request.checked_on == "2026-11-20"


def test_a_list_may_say_since_when(registers: Registers, loading: Loading) -> None:
    """And a day that cannot be spoils its row only."""
    outcome = loading.listed(
        "phone,listed_on\n"
        f"{FIRST},2025-03-09\n"
        f"{SECOND},\n"
        f"{THIRD},09/03/2025\n"
        "+393120000004,2026-11-21\n"
        "+393120000005,20250309\n"
    )
    assert outcome.code == 4
    assert [(each.contact_point.phone.number, each.listed_on) for each in registers.results] == [
        (FIRST, "2025-03-09"),
        (SECOND, ""),
    ]
    assert "line 4: listed_on is no day as YYYY-MM-DD" in outcome.err
    assert "line 5: listed_on is after --checked-on" in outcome.err
    assert "line 6: listed_on is no day as YYYY-MM-DD" in outcome.err


def test_national_numbers_have_the_region_that_is_given(
    registers: Registers, loading: Loading
) -> None:
    """Or that of their row."""
    loading.listed("phone,region\n3120000001,\n0639980001,FR\n", "--region", "IT")
    assert [each.contact_point.phone.region for each in registers.results] == ["IT", "FR"]


def test_addresses_are_listed_too(registers: Registers, loading: Loading) -> None:
    """From the columns of an address."""
    content = "street,postal_code,unit\nVia dei Lillà 12,00100,int. 4\n,,\n"
    outcome = loading.listed(content, "--kind", "address", "--country", "IT")
    assert outcome.code == 0
    [result] = registers.results
    assert (result.status, result.contact_point.address.country) == (LISTED, "IT")
    assert result.contact_point.address.unit == "int. 4"


def test_a_row_that_cannot_be_recorded_spoils_no_other(
    registers: Registers, loading: Loading
) -> None:
    """It is told with its line, never with its content, and stands in the report."""
    outcome = loading.listed(f"phone,name\n{FIRST},A\n,B\n+3900000000,C\n{SECOND}\n{THIRD},D\n")
    assert (outcome.code, outcome.out) == (4, "2 listed, 0 clear, 3 not recorded\n")
    with (loading.folder / "listed.report.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [
            ["line", "reason"],
            ["3", "no phone"],
            ["5", "1 cells instead of 2"],
            ["4", "no normal form"],
        ]
    assert "0000" not in outcome.err
    assert {FIRST, THIRD} <= set(registers.said)


def test_results_travel_five_thousand_at_once(registers: Registers, loading: Loading) -> None:
    """In the order of the file."""
    numbers = [f"+39312{number:07}" for number in range(1, 12_001)]
    outcome = loading.listed("\n".join(numbers), "--json")
    assert [len(each.results) for each in registers.requests.values()] == [5_000, 5_000, 2_000]
    assert list(registers.said) == numbers
    assert outcome.json == {
        "listed": 12_000,
        "clear": 0,
        "bad_rows": 0,
        "report": str(loading.folder / "listed.report.csv"),
    }


def test_long_rows_travel_in_smaller_parts(registers: Registers, loading: Loading) -> None:
    """No message is larger than the registry takes."""
    row = f"{'Via dei Lillà ' * 60},00100\n"
    loading.listed("street,postal_code\n" + row * 5_000, "--kind", "address", "--country", "IT")
    sizes = [len(each.results) for each in registers.requests.values()]
    assert (len(sizes), sum(sizes)) == (3, 5_000)
    assert all(each.ByteSize() < 3 * 1024 * 1024 for each in registers.requests.values())


def test_an_interrupted_load_is_repeated_under_the_same_ids(
    registry: FakeRegistry, registers: Registers, loading: Loading
) -> None:
    """So that what was stored is not stored twice."""
    content = "\n".join(f"+39312{number:07}" for number in range(1, 5_002))
    registry.on("RecordRegisterResults", registers, failing(grpc.StatusCode.PERMISSION_DENIED))
    assert loading.listed(content).code == 3
    [first] = registers.requests
    registry.on("RecordRegisterResults", registers)
    assert loading.listed(content).code == 0
    assert next(iter(registers.requests)) == first
    assert [len(each.results) for each in registers.requests.values()] == [5_000, 1]


@pytest.mark.parametrize(
    "content, options",
    [
        (f"{FIRST}\n", ["--checked-on", "2026-11-21"]),
        (f"{FIRST}\n", ["--register", "other"]),
        (f"{FIRST}\n", ["--controller", "group"]),
        (f"{FIRST}\n", ["--region", "IT"]),
        (f"{FIRST}\n{SECOND}\n", []),
    ],
    ids=["another day", "another register", "another controller", "another region", "other file"],
)
def test_another_scrub_is_another_write(
    registers: Registers, loading: Loading, content: str, options: list[str]
) -> None:
    loading.listed(f"{FIRST}\n")
    loading.listed(content, *options)
    assert len(registers.requests) == 2


# What was submitted and what came back


@pytest.mark.parametrize(
    "returned",
    [
        f"{FIRST}\n{THIRD}\n",
        "phone,checked\n0039 312 0000 001,yes\n39-312-0000003,yes\n",
        "(+39) 312.0000001\n+39 312/0000003\n",
    ],
    ids=["as submitted", "00, spaces and no plus", "punctuation"],
)
def test_what_does_not_come_back_is_listed(
    registers: Registers, loading: Loading, returned: str
) -> None:
    """However the digits are grouped; what is sent is what was submitted."""
    submitted = f"name,phone\nA,{FIRST}\nB,{SECOND}\nC,{THIRD}\nA,{FIRST}\n"
    outcome = loading.compared(submitted, returned)
    assert registers.said == {FIRST: "clear", SECOND: "listed", THIRD: "clear"}
    assert (outcome.code, outcome.out) == (0, "1 listed, 3 clear, 0 not recorded\n")


BOTH = f"{FIRST}\n{SECOND}\n"


@pytest.mark.parametrize(
    "returned, problem",
    [
        ("3120000001\n", "1 of what was returned"),
        (f"{FIRST}\n{THIRD}\n", "1 of what was returned"),
        (f"phone\n{FIRST}\nn/a\n", "1 of what was returned"),
        (f"phone,x\n{FIRST}\n", "1 of what was returned"),
        ("", "nothing came back"),
        (" \n\n", "nothing came back"),
        ("phone\n", "nothing came back"),
        (f"{SECOND}\n{FIRST}\n", "everything came back"),
        (f"number\n{FIRST}\n", "no column holds"),
    ],
    ids=[
        "national came back",
        "a stranger came back",
        "no number came back",
        "a torn row came back",
        "an empty file",
        "a blank file",
        "a header alone",
        "everything",
        "no column of numbers",
    ],
)
def test_what_cannot_be_compared_loads_nothing(
    registers: Registers, loading: Loading, returned: str, problem: str
) -> None:
    """Anything else would list everybody, or hide who is listed."""
    outcome = loading.compared(BOTH, returned, "--region", "IT")
    assert (outcome.code, problem in outcome.err) == (2, True)
    assert not registers.requests
    assert not list(loading.folder.glob("*report*"))


@pytest.mark.parametrize(
    "submitted",
    [
        "phone\n+3906123456\n3906123456\n",
        "phone,region\n0612345678,IT\n0612345678,FR\n",
    ],
    ids=["a mobile number that begins like the country", "of two countries"],
)
def test_two_numbers_with_the_same_digits_load_nothing(
    registers: Registers, loading: Loading, submitted: str
) -> None:
    """Nobody could tell which of them came back."""
    outcome = loading.compared(submitted, "\n", "--region", "IT", "--all-listed")
    assert (outcome.code, "1 of the numbers submitted" in outcome.err) == (2, True)
    assert not registers.requests


@pytest.mark.parametrize(
    "returned, option, said",
    [("", "--all-listed", "listed"), (f"{SECOND}\n{FIRST}\n", "--none-listed", "clear")],
    ids=["nothing came back", "everything came back"],
)
def test_what_looks_like_a_slip_is_recorded_when_it_is_confirmed(
    registers: Registers, loading: Loading, returned: str, option: str, said: str
) -> None:
    outcome = loading.compared(BOTH, returned, option)
    assert outcome.code == 0
    assert registers.said == {FIRST: said, SECOND: said}


def test_what_came_back_makes_it_another_write(registers: Registers, loading: Loading) -> None:
    """Of the same file, submitted again."""
    submitted = f"{FIRST}\n{SECOND}\n{THIRD}\n"
    loading.compared(submitted, f"{FIRST}\n")
    loading.compared(submitted, f"{SECOND}\n")
    loading.compared(submitted, f"{SECOND}\n")
    assert len(registers.requests) == 2


def test_a_submitted_row_without_a_number_is_told(registers: Registers, loading: Loading) -> None:
    """It was not scrubbed."""
    outcome = loading.compared(f"phone\n{FIRST}\nunknown\n{SECOND}\n", f"{FIRST}\n")
    assert (outcome.code, outcome.out) == (4, "1 listed, 1 clear, 1 not recorded\n")
    assert "line 3: no phone number" in outcome.err
    assert registers.said == {FIRST: "clear", SECOND: "listed"}


# Wrong usage


@pytest.mark.parametrize(
    "named, problem",
    [
        ([], "either --listed"),
        (["--submitted"], "either --listed"),
        (["--returned"], "either --listed"),
        (["--listed", "--returned"], "either --listed"),
        (["--listed", "--submitted", "--returned"], "either --listed"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_the_files_are_a_list_or_a_pair(
    registers: Registers, loading: Loading, named: list[str], problem: str
) -> None:
    files: list[Any] = []
    for option in named:
        files += [option, loading.file(f"{option}.csv", f"{FIRST}\n")]
    outcome = loading(*files)
    assert (outcome.code, problem in outcome.err) == (2, True)
    assert not registers.requests


def test_the_file_that_came_back_is_not_the_one_submitted(
    registers: Registers, loading: Loading
) -> None:
    """By whatever name."""
    path = loading.file("a.csv", f"{FIRST}\n")
    outcome = loading("--submitted", path, "--returned", path, "--none-listed")
    assert (outcome.code, "different files" in outcome.err) == (2, True)
    assert not registers.requests


def test_only_numbers_are_compared(registers: Registers, loading: Loading) -> None:
    """An address has too many spellings."""
    outcome = loading.compared("street\nVia 1\n", "street\nVia 1\n", "--kind", "address")
    assert (outcome.code, "only phone numbers" in outcome.err) == (2, True)
    assert not registers.requests


@pytest.mark.parametrize("day", ["20.11.2026", "yesterday", ""])
def test_the_day_of_the_scrub_is_a_day(loading: Loading, day: str) -> None:
    outcome = loading.listed(f"{FIRST}\n", "--checked-on", day)
    assert (outcome.code, "YYYY-MM-DD" in outcome.err) == (2, True)
