"""The demonstration from start to end."""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

from consent_registry_client import Client, ConsentRegistryError
from consent_registry_server.demo.audience import unexpected, write_audience
from consent_registry_server.demo.dataset import INSURER, MOVER, NARROWED_MOVER, Dataset, dataset
from consent_registry_server.demo.decisions import Cases
from consent_registry_server.demo.failure import DemoFailed
from consent_registry_server.demo.hours import calling_time
from consent_registry_server.demo.intake import register_partner, write_leads, write_statements
from consent_registry_server.demo.people import MAX_PEOPLE
from consent_registry_server.demo.screen import Screen
from consent_registry_server.demo.server_process import running_server
from consent_registry_server.demo.spellings import typed_phone
from consent_registry_server.demo.statements import TIME_ZONE
from consent_registry_server.demo.verdicts import SALES_CALL, filter_audience, verdict_table

OUTPUTS: Final = Path(".demo")
SEED: Final = 2026
MIN_CONTACTS: Final = 1_000
"""So many it takes for every story to be told."""

_LOG: Final = "server.log"
_AUDIENCE: Final = "audience.csv"
_LAST_LINES: Final = 5
_FAILED: Final = 1
_INTERRUPTED: Final = 130


def run(*, outputs: Path = OUTPUTS, contacts: int = MAX_PEOPLE, seed: int = SEED) -> int:
    """Runs the demonstration and returns the exit code: 0 when everything went as it should.

    Args:
        outputs: Where the audience file, its parts and the server's log are left.
        contacts: How many people the audience has, from MIN_CONTACTS to MAX_PEOPLE.
        seed: The same one gives the same people, spellings and verdicts.

    Raises:
        ValueError: Too few contacts, or too many.
    """
    if not MIN_CONTACTS <= contacts <= MAX_PEOPLE:
        raise ValueError(f"between {MIN_CONTACTS} and {MAX_PEOPLE} contacts")
    screen = Screen()
    log = outputs / _LOG
    try:
        outputs.mkdir(parents=True, exist_ok=True)
        _demonstrate(screen, outputs, contacts=contacts, random=Random(seed))
    except KeyboardInterrupt:
        screen.blank()
        screen.say("Interrupted; the server is stopped, its database removed.")
        return _INTERRUPTED
    except (DemoFailed, ConsentRegistryError, OSError, subprocess.SubprocessError) as error:
        screen.blank()
        screen.say(f"The demonstration failed: {error}", style="bold red")
        _show_log(screen, log)
        return _FAILED
    return 0


def _demonstrate(screen: Screen, outputs: Path, *, contacts: int, random: Random) -> None:
    started = time.monotonic()
    screen.stop("A registry: the real server and a real PostgreSQL, in a temporary directory")
    with running_server(outputs / _LOG) as server:
        screen.say(f"gRPC on {server.address} after {time.monotonic() - started:.1f} s")
        with Client(server.address) as client:
            data = _write(screen, client, contacts=contacts, random=random)
            audience = outputs / _AUDIENCE
            write_audience(audience, data.contacts, random)
            screen.stop(f"A campaign wants to reach all {contacts:,} of them: {audience}")
            at = calling_time(datetime.now(UTC))
            _filter(screen, server.address, audience, data=data, at=at)
            cases = Cases(screen, client, data, random=random, at=at)
            screen.stop("Why? Three decisions with all their grounds; the strictest one decides")
            cases.explain()
            screen.stop("May this call be recorded?")
            cases.recording()
            screen.stop("An opt-out takes effect at once")
            cases.opt_out_at_once()
        screen.stop("The end")
    screen.say(
        f"Server stopped, its database removed; {time.monotonic() - started:.0f} s in all.\n"
        f"Left in {outputs}/: {_AUDIENCE}, the allowed and refused rows of each channel, {_LOG}.\n"
        "To go on: make serve, and the command of stop 3 with the address it prints. A new registry"
        " is empty, so that only running contracts allow calls."
    )


def _write(screen: Screen, client: Client, *, contacts: int, random: Random) -> Dataset:
    screen.stop(f"What {contacts:,} people who do not exist said, as they spelled it")
    data = dataset(contacts, random, now=datetime.now(UTC))
    e164 = data.contacts[0].person.e164
    spellings = dict.fromkeys(typed_phone(e164, random).strip() for _ in range(12))
    screen.say(f"One number, as it is typed: {', '.join(list(spellings)[:4])}")
    acts = Counter(statement.act.value for statement in data.statements)
    started = time.monotonic()
    leads = sum(map(len, data.leads.values()))
    with screen.progress("writing", len(data.statements) + leads) as written:
        write_statements(client, data.statements, written=written)
        register_partner(client, INSURER)
        register_partner(client, MOVER)
        outcomes = Counter[str]()
        for partner_id, batch in data.leads.items():
            outcomes += write_leads(client, partner_id, batch, written=written)
        register_partner(client, NARROWED_MOVER)
    elapsed_s = time.monotonic() - started
    for what, count in acts.most_common():
        screen.say(f"{count:6,} {what}")
    screen.say(
        f"{leads:6,} leads of two partners: {outcomes['accepted']:,} accepted,"
        f" {outcomes['blocked']:,} blocked by an older objection, {outcomes['refused']:,} refused"
    )
    screen.say(f"Each durable before it was acknowledged; {elapsed_s:.1f} s.")
    return data


def _filter(screen: Screen, address: str, audience: Path, *, data: Dataset, at: datetime) -> None:
    screen.say(
        f"The calls are for {at.astimezone(ZoneInfo(TIME_ZONE)):%A %d %B, %H:%M}, within the hours"
        " of the law."
    )
    results = filter_audience(screen, address, audience, at=at, outputs=audience.parent)
    screen.blank()
    screen.table(verdict_table(results))
    screen.blank()
    wrong = unexpected(data.contacts, results[SALES_CALL])
    if wrong:
        raise DemoFailed(f"{len(wrong):,} people got a wrong answer, one who {wrong[0].story}")
    screen.say(
        f"All {len(data.contacts):,} answers for calls are what the people's stories ask for."
    )


def _show_log(screen: Screen, log: Path) -> None:
    if log.exists():
        screen.say(f"The last lines of {log}:")
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:]:
            screen.say(line, indent=1)
