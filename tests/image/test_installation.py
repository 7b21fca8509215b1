"""The image run as the chart runs it, from the first installation to the end of its pods."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.request import urlopen

import psycopg2
import pytest

from tests.e2e.registry_process import TIMEOUT_S, NotYet, eventually
from tests.image.built import Image
from tests.image.installation import ORIGIN, Installation, installed, pod, prepare

pytestmark = pytest.mark.timeout(300)  # The first to ask for the image waits until it is made.

LINK: Final = re.compile(re.escape(ORIGIN) + r"(/u/\S+)")
PERSON: Final = ("--channel", "email", "--purpose", "direct_marketing", "--email", "a@example.com")

FORBIDDEN: Final = (
    "UPDATE entry SET recorded_at = now()",
    "DELETE FROM entry",
    "TRUNCATE entry",
    "ALTER TABLE entry DISABLE TRIGGER ALL",
    "ALTER TABLE entry ADD COLUMN more text",
    "DROP TABLE entry",
    "CREATE TABLE mine ()",
    "CREATE TEMPORARY TABLE mine ()",
    "UPDATE alembic_version SET version_num = '0001'",
    "SET ROLE consent_registry_owner",
)


@pytest.fixture(scope="module")
def installation(image: Image) -> Iterator[Installation]:
    """The chart's release, running; at its end each pod must go in good order."""
    with (
        tempfile.TemporaryDirectory(prefix="registry-image-") as folder,
        installed(image, Path(folder)) as running,
    ):
        yield running


def test_two_migrations_at_once_both_end_well(installation: Installation) -> None:
    """As when a Job's pod is lost with its node, and another one is started."""
    for migration in installation.migrations:
        assert migration.wait() == 0, migration.log
        assert "the key store is there" in migration.log


@pytest.mark.parametrize("component", ["server", "web"])
@pytest.mark.parametrize("probe", ["startupProbe", "readinessProbe", "livenessProbe"])
def test_what_serves_answers_its_probes(
    installation: Installation, component: str, probe: str
) -> None:
    running = {"server": installation.server, "web": installation.web}[component]
    assert running.answers(probe), running.log


def test_programs_know_every_setting_of_the_chart(installation: Installation) -> None:
    """A name that they do not know would be a default that nobody chose."""
    serving = (installation.server, installation.web, installation.export)
    for running in (*serving, *installation.migrations):
        assert "setting_unrecognised" not in running.log
        assert '"level": "error"' not in running.log


def test_a_client_gets_its_answer_through_the_service_by_tls(installation: Installation) -> None:
    """With an API key that the program made, and the authority of the server's certificate."""
    said = installation.consentctl("check", *PERSON)
    assert said == "REVIEW UNKNOWN_JURISDICTION\nexit code 1"


def test_an_unsubscribe_link_leads_to_the_page(installation: Installation) -> None:
    """The link names the public origin; its ingress leads to the web pod."""
    said = installation.consentctl("link", *PERSON)
    link = LINK.search(said)
    assert link, said
    url = f"http://127.0.0.1:8080{link[1]}"

    def visit() -> tuple[int, bytes]:
        with urlopen(url, timeout=TIMEOUT_S) as response:
            return response.status, response.read()

    status, page = installation.node.network.within(visit)
    assert status == 200
    assert b"<form" in page


def test_the_expiry_job_ends_well(installation: Installation) -> None:
    """Over a registry that has nothing to forget yet."""
    job = installation.start("expire")
    assert job.wait() == 0, job.log
    job.kill()


def test_the_log_is_written_to_the_volume_of_its_claim(installation: Installation) -> None:
    """As the servers' login, from the moment when the migration has ended."""

    def require_round() -> None:
        log = installation.log
        if not log.exists() or b'{"checkpoint"' not in log.read_bytes():
            raise NotYet(installation.export.log)

    eventually(require_round)


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_the_servers_login_cannot_touch_the_past(
    installation: Installation, statement: str
) -> None:
    """Whoever has its password has no more than the server: to append."""
    login, database = "consent_registry_server", "consent_registry"
    with (
        installation.registry.connection(login, database) as connection,
        connection.cursor() as cursor,
        pytest.raises(psycopg2.errors.InsufficientPrivilege),
    ):
        cursor.execute(statement)


def test_the_key_stores_login_owns_its_table_and_not_its_database(
    installation: Installation,
) -> None:
    login, database = "consent_registry_keys", "consent_registry_keys"
    with (
        installation.key_store.connection(login, database) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT tableowner FROM pg_tables WHERE schemaname = 'public'")
        assert cursor.fetchall() == [(login,)]
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute(f"ALTER DATABASE {database} RENAME TO other")


@pytest.mark.parametrize("database", ["consent_registry", "consent_registry_keys"])
def test_nobody_else_may_connect(installation: Installation, database: str) -> None:
    """PUBLIC has what it has by default taken away."""
    server = {
        "consent_registry": installation.registry,
        "consent_registry_keys": installation.key_store,
    }[database]
    with (
        server.connection("administrator", "postgres") as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("DROP ROLE IF EXISTS stranger; CREATE ROLE stranger LOGIN")
    with (
        pytest.raises(psycopg2.OperationalError, match="permission denied for database"),
        server.connection("stranger", database),
    ):
        pass


def test_the_administrators_scripts_may_be_run_again(installation: Installation) -> None:
    """On databases that are in use, too: nothing changes, and nothing is complained about."""
    prepare(installation.registry, installation.key_store)
    assert installation.server.answers("readinessProbe")


@pytest.mark.parametrize("component", ["server", "web", "export"])
def test_a_pod_ends_in_good_order_within_its_grace_period(
    installation: Installation, component: str
) -> None:
    """With 0, although process 1 of a container is ended by no signal that it does not handle."""
    running = {
        "server": installation.server,
        "web": installation.web,
        "export": installation.export,
    }[component]
    spec = pod(installation.release, component).spec
    (container,) = spec["containers"]
    pause_s = (
        container["lifecycle"]["preStop"]["sleep"]["seconds"] if "lifecycle" in container else 0
    )
    assert running.stop(spec["terminationGracePeriodSeconds"] - pause_s) == 0, running.log
