"""The audience file, and `consentctl filter` run on it as its users run it."""

from __future__ import annotations

import csv
import subprocess
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Final

from consent_registry_server.demo.failure import DemoFailed
from consent_registry_server.demo.programs import environment, program
from consent_registry_server.demo.spellings import (
    broken_phone,
    typed_address,
    typed_email,
    typed_phone,
    without_unit,
)
from consent_registry_server.demo.statements import CONTROLLER, PURPOSE, Contact
from consent_registry_server.demo.stories import CUSTOMERS, ON_A_SALES_CALL, Story

COLUMNS: Final = (
    "customer_number",
    "name",
    "phone",
    "email",
    "street",
    "unit",
    "postal_code",
    "locality",
    "relationship",
    "contract",
    "informed_at_collection",
)

_NO_UNIT_SHARE: Final = 0.1
_FILTER_TIMEOUT_S: Final = 300.0
_DONE: Final = 0
_DONE_WITH_BAD_ROWS: Final = 4


@dataclass(frozen=True, slots=True)
class Filtered:
    """What `consentctl filter` made of the file."""

    allowed: Path
    refused: Path
    reasons: dict[str, tuple[str, str]]
    """Verdict and reason by customer number."""
    bad_rows: str
    """What the command said of them; empty when there are none."""
    elapsed_s: float

    @property
    def counts(self) -> Counter[tuple[str, str]]:
        """How many people got which verdict and reason."""
        return Counter(self.reasons.values())


def write_audience(path: Path, contacts: Iterable[Contact], random: Random) -> None:
    """Writes the file that a campaign tool would export, spelled anew."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(_row(contact, random) for contact in contacts)


def command(
    address: str, audience: Path, *, channel: str, at: datetime, outputs: Path
) -> tuple[str, ...]:
    """Returns the command line that filters the file, without the program's directory."""
    return (
        "consentctl",
        f"--address={address}",
        "filter",
        str(audience),
        f"--controller={CONTROLLER}",
        f"--channel={channel}",
        f"--purpose={PURPOSE}",
        "--offer=similar_own",
        "--region=FR",
        "--country=FR",
        f"--at={at.isoformat(timespec='seconds')}",
        f"--allowed={outputs / f'{channel}-allowed.csv'}",
        f"--refused={outputs / f'{channel}-refused.csv'}",
    )


def run_filter(line: Sequence[str], *, channel: str, outputs: Path) -> Filtered:
    """Runs the command and reads what it wrote.

    Raises:
        DemoFailed: The command failed, or left somebody out.
    """
    started = time.monotonic()
    done = subprocess.run(  # noqa: S603 - Our own program, without a shell.
        [program(line[0]), *line[1:]],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=_FILTER_TIMEOUT_S,
        check=False,
    )
    elapsed_s = time.monotonic() - started
    if done.returncode not in (_DONE, _DONE_WITH_BAD_ROWS):
        raise DemoFailed(f"consentctl ended with exit code {done.returncode}:\n{done.stderr}")
    allowed = outputs / f"{channel}-allowed.csv"
    refused = outputs / f"{channel}-refused.csv"
    reasons = dict(_answers(allowed)) | dict(_answers(refused))
    bad_rows = done.stderr.partition(":")[0] if done.returncode == _DONE_WITH_BAD_ROWS else ""
    return Filtered(allowed, refused, reasons, bad_rows, elapsed_s)


def unexpected(contacts: Sequence[Contact], filtered: Filtered) -> list[Contact]:
    """Returns the people whose answer on a sales call is not the one their story asks for."""
    return [
        each
        for each in contacts
        if filtered.reasons.get(each.person.customer_number, ("", ""))[1]
        != ON_A_SALES_CALL[each.story]
    ]


def _row(contact: Contact, random: Random) -> Sequence[str]:
    person, story = contact.person, contact.story
    spelled = broken_phone if story is Story.BROKEN_NUMBER else typed_phone
    at_home = without_unit if random.random() < _NO_UNIT_SHARE else typed_address
    address = at_home(person.dwelling, random)
    return (
        person.customer_number,
        person.name,
        spelled(person.e164, random),
        typed_email(person.email, random),
        address.street,
        address.unit,
        address.postal_code,
        address.town,
        *_relationship(story),
    )


def _relationship(story: Story) -> Sequence[str]:
    """What the company knows of the customer: relationship, contract, informed."""
    if story in CUSTOMERS:
        return ("customer", "running", "yes")
    if story is Story.FORMER_CUSTOMER:
        return ("former_customer", "ended", "yes")
    return ("prospect", "", "no")


def _answers(path: Path) -> Iterator[tuple[str, tuple[str, str]]]:
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield row["customer_number"], (row["verdict"], row["reason"])
