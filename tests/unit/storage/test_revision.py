from __future__ import annotations

from base64 import urlsafe_b64encode
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_registry_server.domain.errors import InvalidRequest
from consent_registry_server.storage.revision import Revision, parse_revision

INCARNATION = UUID("0e0d1b6e-35a5-4b5c-9a6e-0a8f5e6f7a10")
xids = st.integers(0, 2**64 - 1).map(str)


def encoded(content: bytes) -> str:
    return urlsafe_b64encode(content).decode().rstrip("=")


@given(incarnation=st.uuids(), xid=xids)
def test_a_revision_of_a_transaction_is_read_back(incarnation: UUID, xid: str) -> None:
    revision = Revision(incarnation, xid=xid)

    assert parse_revision(revision.token()) == revision


@given(incarnation=st.uuids(), bounds=st.tuples(xids, xids), open_ones=st.lists(xids))
def test_a_revision_of_a_snapshot_is_read_back(
    incarnation: UUID, bounds: tuple[str, str], open_ones: list[str]
) -> None:
    snapshot = ":".join((*bounds, ",".join(open_ones)))
    revision = Revision(incarnation, snapshot=snapshot)

    assert parse_revision(revision.token()) == revision


def test_a_revision_can_stand_in_a_url() -> None:
    token = Revision(INCARNATION, snapshot="10:20:11,15").token()

    assert token.replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("", id="empty"),
        pytest.param("?", id="no-base64"),
        pytest.param("AAAAA", id="impossible-length"),
        pytest.param("é" * 8, id="not-ascii"),
        pytest.param("A" * 70_000, id="too-long"),
        pytest.param(encoded(b"\x01"), id="truncated"),
        pytest.param(encoded(b"\x02" + INCARNATION.bytes + b"x1"), id="other-format"),
        pytest.param(encoded(b"\x01" + INCARNATION.bytes), id="no-state"),
        pytest.param(encoded(b"\x01" + INCARNATION.bytes + b"x"), id="no-number"),
        pytest.param(encoded(b"\x01" + INCARNATION.bytes + b"x1;"), id="no-xid"),
        pytest.param(encoded(b"\x01" + INCARNATION.bytes + b"s1:2"), id="no-snapshot"),
        pytest.param(encoded(b"\x01" + INCARNATION.bytes + b"x\xff"), id="no-text"),
    ],
)
def test_what_no_registry_issued_is_an_invalid_revision(token: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        parse_revision(token)

    assert error.value.reason == "INVALID_REVISION"
    assert error.value.field == "consistency.at_least_as_fresh"


@given(st.text() | st.binary().map(encoded))
def test_any_text_is_a_revision_or_invalid(token: str) -> None:
    try:
        revision = parse_revision(token)
    except InvalidRequest:
        return
    assert bool(revision.xid) != bool(revision.snapshot)
