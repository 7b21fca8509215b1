"""Two rules about imports that import-linter does not know; pyproject.toml applies them."""

import sys
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import cast

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class ClosedDependencies(Contract):
    """A package imports itself, the standard library and what is listed, and nothing else.

    Modules that match a pattern of `exempt` are free.
    """

    type_name = "closed_dependencies"

    package = fields.StringField()
    allowed = fields.ListField(subfield=fields.StringField())
    exempt = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: FBT001, ARG002
        """Finds the imports from outside the list."""
        package = cast("str", self.package)
        allowed = {package, *texts(self.allowed), *sys.stdlib_module_names}
        found = [
            f"{module} -> {imported}"
            for module in sorted({package, *graph.find_descendants(package)})
            if not matches(module, texts(self.exempt))
            for imported in sorted(graph.find_modules_directly_imported_by(module))
            if imported.partition(".")[0] not in allowed or matches(imported, texts(self.exempt))
        ]
        return verdict(found)

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Prints one line an import."""
        render(check)


class MeetingPlace(Contract):
    """Only modules that match a pattern of `places` import both `one` and `other` packages."""

    type_name = "meeting_place"

    one = fields.StringField()
    other = fields.StringField()
    places = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: FBT001, ARG002
        """Finds the modules where the two packages meet."""
        one, other = cast("str", self.one), cast("str", self.other)
        found = sorted(
            f"{module} imports both {one} and {other}"
            for module in importers(graph, one) & importers(graph, other)
            if not matches(module, texts(self.places))
        )
        return verdict(found)

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Prints one line a module."""
        render(check)


def importers(graph: ImportGraph, package: str) -> set[str]:
    """The modules outside `package` that import it or anything in it."""
    if package not in graph.modules:
        return set()
    members = {package}
    if not graph.is_module_squashed(package):
        members |= graph.find_descendants(package)
    found = {
        importer
        for member in members
        for importer in graph.find_modules_that_directly_import(member)
    }
    return found - members


def matches(module: str, patterns: Iterable[str]) -> bool:
    """Whether the module's name fits one of the shell patterns."""
    return any(fnmatchcase(module, pattern) for pattern in patterns)


def texts(field: object) -> list[str]:
    """The field's value: import-linter replaces the declared fields of a class by their values."""
    return cast("list[str]", field)


def verdict(found: list[str]) -> ContractCheck:
    """Broken when anything was found."""
    return ContractCheck(kept=not found, metadata={"found": found})


def render(check: ContractCheck) -> None:
    """Prints what was found."""
    for line in check.metadata["found"]:
        output.print_error(f"- {line}", bold=False)
    output.new_line()
