"""A server whose key store goes away after it has started."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from tests.e2e import filled
from tests.e2e.connection import Connection
from tests.e2e.registry_process import RegistryProcess


def test_a_server_that_has_started_records_opt_outs_without_its_key_store(
    new_data_dir: Callable[[], Path],
) -> None:
    """Though it has not sealed anything yet: it knows the keys of all months from its start on."""
    data_dir = new_data_dir()
    for start in ("first", "second"):
        registry = RegistryProcess(data_dir)
        connection = Connection(registry.address)
        with closing(connection.channel):
            if start == "second":
                (data_dir / "vault-keys").rename(data_dir / "elsewhere")
            connection.write(filled.add_do_not_contact())
        assert registry.scalar("SELECT count(DISTINCT key_id) FROM vault") == 1
        assert registry.stop() == 0
