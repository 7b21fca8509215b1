"""A page as its tests look at it: strictly parsed, by the standard library alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Final

VOID: Final = frozenset({"br", "img", "input", "link", "meta"})


@dataclass(slots=True, eq=False)
class Element:
    """An element with its attributes and what it contains, in order."""

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    content: list[Element | str] = field(default_factory=list)

    def all(self, tag: str = "") -> Iterator[Element]:
        """The elements within it, those of one tag or all."""
        for child in self.content:
            if isinstance(child, Element):
                if tag in {"", child.tag}:
                    yield child
                yield from child.all(tag)

    def one(self, tag: str) -> Element:
        """The only element of a tag within it."""
        (found,) = self.all(tag)
        return found

    @property
    def text(self) -> str:
        """Its text, with single spaces."""
        return " ".join(" ".join(self.texts()).split())

    def texts(self) -> Iterator[str]:
        """The parts of its text, as they stand."""
        for child in self.content:
            if isinstance(child, str):
                yield child
            else:
                yield from child.texts()


@dataclass(frozen=True, slots=True)
class Form:
    """A form as a browser would send it with every box ticked."""

    action: str
    method: str
    fields: tuple[tuple[str, str], ...]


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("")
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        assert len(attributes) == len(attrs), f"<{tag}> has an attribute twice"
        element = Element(tag, attributes)
        self.open[-1].content.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].content.append(data)

    def handle_decl(self, decl: str) -> None:
        assert decl == "doctype html"

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment that people would be sent: {data}")


def parse(page: str) -> Element:
    """The page's `html` element; what is not well-formed fails the test."""
    assert page.startswith("<!doctype html>\n")
    parser = _Parser()
    parser.feed(page)
    parser.close()
    assert parser.open == [parser.root], f"<{parser.open[-1].tag}> is never closed"
    return parser.root.one("html")


def forms(document: Element) -> list[Form]:
    """The forms of a page."""
    return [
        Form(
            action=form.attributes.get("action", ""),
            method=form.attributes.get("method", ""),
            fields=tuple(
                (each.attributes.get("name", ""), each.attributes.get("value", ""))
                for each in form.all("input")
            ),
        )
        for form in document.all("form")
    ]
