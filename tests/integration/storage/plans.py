"""What PostgreSQL plans to do, and did."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Connection

Node = dict[str, Any]

_BY_KEY: Final = ("Index Scan", "Index Only Scan")
_OF_TABLES: Final = (*_BY_KEY, "Seq Scan", "Bitmap Heap Scan", "Bitmap Index Scan", "Tid Scan")


def explained(connection: Connection, statement: str, *values: object, options: str = "") -> Node:
    """The plan of a statement."""
    command = f"EXPLAIN (FORMAT JSON{options}) {statement}"
    plan: Node = connection.exec_driver_sql(command, values).scalar_one()[0]["Plan"]
    return plan


def require_look_ups_by_key(plan: Node) -> None:
    """Fails for a plan that reads a table, or an index of it, whole."""
    read = [node for node in _nodes(plan) if node["Node Type"] in _OF_TABLES]
    whole = [
        f"{node['Node Type']} of {node.get('Relation Name', node.get('Index Name'))}"
        for node in read
        if node["Node Type"] not in _BY_KEY or "Index Cond" not in node
    ]
    assert read
    assert not whole


def rows_read(plan: Node) -> dict[str, int]:
    """How many rows of each table an analysed plan looked at."""
    read: dict[str, int] = {}
    for node in _nodes(plan):
        if node["Node Type"] in _OF_TABLES and "Relation Name" in node:
            each = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
            table = node["Relation Name"]
            read[table] = read.get(table, 0) + round(each * node["Actual Loops"])
    return read


def _nodes(plan: Node) -> Iterator[Node]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)
