from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import make_url

from consent_registry_server.domain.contact import (
    Email,
    Handle,
    Phone,
    PostalAddress,
    Subject,
)
from consent_registry_server.domain.entry import Evidence
from consent_registry_server.domain.vocabulary import AttemptOutcome, EntryKind
from consent_registry_server.storage.embedded_programs import Programs
from consent_registry_server.storage.keyring import Keyring
from tests.clear_values import find_clear_values
from tests.integration.storage.conftest import Append, Sql
from tests.integration.storage.samples import NOON_US, Samples

SUBJECT = Subject(
    contact_points=(
        Email("Camille.Désirée+alarme@bücher.example"),
        Phone("06 39 98 12 34", "FR"),
        PostalAddress("FR", "75011", "Paris-Bidon", "12 bis rue des Glycines Bleues", "Apt 4B"),
        Handle("messenger", "camille.la.vraie"),
    ),
    customer_number="KUNDE-4711-0815",
    name="Camille Désirée Œuvrard",
)
EVIDENCE = Evidence(
    notice_version="notice-of-2026-09",
    text="I agree to be called about alarms",
    text_digest=b"digest of the text shown",
    form_id="form-on-the-landing-page",
    agent="agent.jocelyn",
    ip="2001:db8::4711",
    user_agent="Mozilla/5.0 (Synthetic; rv:109.0)",
    artefact_uri="https://recordings.example/calls/4711.ogg",
    artefact_digest=b"digest of the recording",
    note="she was at the door with her dog",
    third_party="Comparateur Bidon SARL",
)
LEAD_ID = "lead-0042-of-the-union"
SECRETS = [
    "Camille.Désirée+alarme@bücher.example",
    "camille.désirée",
    "xn--bcher-kva.example",
    "06 39 98 12 34",
    "+33639981234",
    "639981234",
    "12 bis rue des Glycines Bleues",
    "Glycines",
    "Paris-Bidon",
    "Apt 4B",
    "camille.la.vraie",
    "KUNDE-4711-0815",
    "Œuvrard",
    "notice-of-2026-09",
    "I agree to be called",
    "digest of the text shown",
    "form-on-the-landing-page",
    "agent.jocelyn",
    "2001:db8::4711",
    "Mozilla/5.0",
    "recordings.example",
    "digest of the recording",
    "with her dog",
    "Comparateur Bidon",
    LEAD_ID,
]


@pytest.fixture
def written(append: Append, samples: Samples) -> None:
    """A registry with every kind of identity in it."""
    samples.subject = SUBJECT
    entry = samples.entry(samples.point("a"), evidence=EVIDENCE, lead_id=LEAD_ID)
    append(entry)
    append(samples.consent(samples.point("a"), evidence=EVIDENCE, lead_id=LEAD_ID))
    append(samples.lift(entry, at_us=NOON_US))
    attempt = samples.attempt(samples.point("a"))
    append(attempt)
    # Even if somebody's identity were handed over with them.
    append(samples.outcome(attempt, AttemptOutcome.RELEASED, evidence=EVIDENCE, lead_id=LEAD_ID))
    append(samples.result(samples.point("a"), evidence=EVIDENCE, lead_id=LEAD_ID))


@pytest.mark.usefixtures("written")
def test_outcomes_and_results_of_registers_keep_no_identity_at_all(rows: Sql) -> None:
    kept = rows("SELECT kind FROM entry JOIN vault USING (entry_id) ORDER BY kind")
    written = rows("SELECT kind FROM entry ORDER BY kind")

    without = (EntryKind.ATTEMPT_OUTCOME, EntryKind.REGISTER_RESULT)
    assert kept == [(kind,) for (kind,) in written if kind not in without]
    assert {kind for (kind,) in written} > set(without)


@pytest.mark.usefixtures("written")
def test_a_dump_holds_no_identity_in_any_encoding(postgres_url: str, tmp_path: Path) -> None:
    url = make_url(postgres_url)
    programs = Programs.find()
    dump = subprocess.run(
        [
            str(programs.bin_dir / "pg_dump"),
            f"--host={url.query['host']}",
            f"--username={url.username}",
            "--inserts",
            str(url.database),
        ],
        check=True,
        capture_output=True,
        cwd=tmp_path,
    ).stdout

    assert b"INSERT INTO public.vault" in dump
    assert find_clear_values(dump, SECRETS) == []


@pytest.mark.usefixtures("written")
def test_the_databases_files_hold_no_identity_in_any_encoding(
    postgres_url: str, sql: Sql, rows: Sql
) -> None:
    sql("CHECKPOINT")
    cluster = Path(str(make_url(postgres_url).query["host"]))
    relations = rows("""
        SELECT pg_relation_filepath(oid) FROM pg_class
        WHERE relfilenode <> 0 AND (
            relnamespace = 'public'::regnamespace
            OR oid IN (
                SELECT reltoastrelid FROM pg_class WHERE relnamespace = 'public'::regnamespace
            )
        )
    """)
    files = [cluster / path for (path,) in relations]
    content = b"".join(path.read_bytes() for path in (*files, cluster / "server.log"))

    assert len(content) > 0
    assert find_clear_values(content, SECRETS) == []


@pytest.mark.usefixtures("written")
def test_a_dump_holds_no_key(postgres_url: str, keyring: Keyring) -> None:
    url = make_url(postgres_url)
    dump = subprocess.run(
        [
            str(Programs.find().bin_dir / "pg_dump"),
            f"--host={url.query['host']}",
            f"--username={url.username}",
            str(url.database),
        ],
        check=True,
        capture_output=True,
        env=os.environ,
    ).stdout
    keys = [key.secret for key in (*keyring.digest_keys, *keyring.vault_keys.values())]

    assert not any(key in dump or key.hex().encode() in dump for key in keys)
