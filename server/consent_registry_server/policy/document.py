"""The YAML files of a policy, read with the line of every key.

Only a plain subset of YAML is read: text keys, each once; no anchors, aliases or tags. A key
given twice would silently replace a rule, and a bare NO would silently become a boolean.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import yaml

MAX_FILE_BYTES: Final = 1_000_000
"""No pack comes near it; what is larger is not a pack."""

QUOTE_IT: Final = "read as {}, not as text; put it in quotes if the word itself is meant"

_TIMESTAMP: Final = "tag:yaml.org,2002:timestamp"

KeyPath: TypeAlias = tuple[str | int, ...]
"""The keys and indexes that lead from the top of a document to a value."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One fault of a policy; ordered by its place."""

    file: str
    line: int
    """Counted from 1; 0 where no line can be named."""
    key: str
    """The keys from the top, joined by dots; empty for the whole file."""
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return ": ".join(part for part in (place, self.key, self.message) if part)


@dataclass(slots=True)
class Document:
    """One file: its content as plain values, and where each of them stands."""

    file: str
    content: object = None
    lines: dict[KeyPath, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def report(self, path: KeyPath, message: str) -> None:
        """Add a problem with the value at a path, at the line of its nearest known parent."""
        known = (self.lines.get(path[:length]) for length in range(len(path), -1, -1))
        line = next((line for line in known if line), 0)
        self.problems.append(Problem(self.file, line, ".".join(map(str, path)), message))


def read_document(name: str, text: str) -> Document:
    """A file's content; one that is no plain YAML has no content and the problem that says why."""
    document = Document(name)
    try:
        _parse(text, document)
    except RecursionError:
        document.report((), "nested too deeply")
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        document.problems.append(Problem(name, line, "", f"not plain YAML: {error.problem}"))
    except yaml.YAMLError as error:
        document.report((), f"not YAML: {' '.join(str(error).split())}")
    return document


class _PlainLoader(yaml.SafeLoader):
    """A loader that refuses what hides content, and leaves dates to the schema."""

    # The date resolver raises a bare ValueError for 2026-02-30, without a line.
    yaml_implicit_resolvers = {  # noqa: RUF012 - declared so by the base class
        first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if getattr(event, "anchor", None) or getattr(event, "tag", None):
            message = "anchors, aliases and tags are not accepted"
            raise yaml.composer.ComposerError(None, None, message, event.start_mark)
        return super().compose_node(parent, index)


def _parse(text: str, document: Document) -> None:
    loader = _PlainLoader(text)
    try:
        node = loader.get_single_node()
        if node is not None:
            document.lines[()] = 1
            document.content = _Reader(loader, document).value(node, ())
    finally:
        loader.dispose()


@dataclass(frozen=True, slots=True)
class _Reader:
    """Turns YAML nodes into plain values and notes their lines."""

    loader: _PlainLoader
    document: Document

    def value(self, node: yaml.Node, path: KeyPath) -> object:
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return self.sequence(node, path)
        try:
            return self.loader.construct_object(node)
        except ValueError:
            self.document.report(path, "not a value YAML can read")
            return None

    def sequence(self, node: yaml.SequenceNode, path: KeyPath) -> list[object]:
        items = []
        for index, item in enumerate(node.value):
            self.document.lines[*path, index] = item.start_mark.line + 1
            items.append(self.value(item, (*path, index)))
        return items

    def mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, object]:
        """The mapping's text keys with their values; of a key given twice, the first."""
        lines = self.document.lines
        content: dict[str, object] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = self.value(key_node, path)
            if not isinstance(key, str):
                self.refuse_key(key_node, path, "a key: " + QUOTE_IT.format(yaml_word(key)))
            elif key in content:
                self.refuse_key(key_node, path, f"given twice, first at line {lines[*path, key]}")
            else:
                lines[*path, key] = line
                content[key] = self.value(value_node, (*path, key))
        return content

    def refuse_key(self, node: yaml.Node, path: KeyPath, message: str) -> None:
        written = node.value if isinstance(node, yaml.ScalarNode) else "?"
        named = ".".join(map(str, (*path, written)))
        line = node.start_mark.line + 1
        self.document.problems.append(Problem(self.document.file, line, named, message))


def yaml_word(value: object) -> str:
    """How YAML writes a value it read as something other than text."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool | int | float) else "a structure"
