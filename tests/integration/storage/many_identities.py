"""A vault with more identities than a test would write one by one."""

from __future__ import annotations

from typing import Final

from tests.conftest import run_sql

FILL: Final = """
    INSERT INTO entry (entry_id, kind, controller, channels, purposes, source, precision,
        expressed_at, time_zone, recorded_at, counts_at, proven, lifts_opt_outs)
    SELECT md5('entry ' || number)::uuid, CASE WHEN number % 2 = 0 THEN 4 ELSE 9 END, 'alarm-fr',
        -1, NULL, 1, 1, day, '', day, day, false, false
    FROM generate_series(1, {identities}) AS number,
        LATERAL (SELECT timestamptz '2019-01-01' + number % 300 * interval '1 day' AS day) AS days;
    INSERT INTO contact_point (contact_point_ref, normaliser_version, kind, unit_state,
        key_version, exact_digest, wide_digest)
    SELECT md5('point ' || number)::uuid, 1, 1, 0, 1,
        decode(md5('exact ' || number), 'hex'), decode(md5('wide ' || number), 'hex')
    FROM generate_series(1, {identities}) AS number;
    INSERT INTO entry_contact_point (entry_id, contact_point_ref, kind)
    SELECT md5('entry ' || number)::uuid, md5('point ' || number)::uuid, 1
    FROM generate_series(1, {identities}) AS number;
    INSERT INTO standing (contact_point_ref, entry_id, kind, controller, channels, purposes, source,
        counts_at, expressed_at, proven, lifts_opt_outs)
    SELECT contact_point_ref, entry_id, entry.kind, controller, channels, purposes, source,
        counts_at, expressed_at, proven, lifts_opt_outs
    FROM entry JOIN entry_contact_point USING (entry_id);
    INSERT INTO vault_key (key_id, month, created_at)
    VALUES ('filled', NULL, now()) ON CONFLICT DO NOTHING;
    INSERT INTO vault (entry_id, key_id, wrapped_key, nonce, ciphertext, expires_on)
    SELECT entry_id, 'filled', 'wrapped', 'nonce', repeat('x', 448)::bytea,
        (expressed_at AT TIME ZONE 'UTC' + interval '7 years')::date
    FROM entry;
    ANALYZE
"""


def fill(url: str, identities: int) -> None:
    """Adds identities of 2019 to an empty database, of opt-outs and of attempts by turns.

    Their sealed content is not opened by any key: to end an identity nobody has to read it.
    """
    for statement in FILL.format(identities=identities).split(";"):
        run_sql(url, statement)
