"""Tells of bad rows: by line, with the reason, never with their content."""

from dataclasses import dataclass, field

from consent_registry_client.cli._show import say

_LISTED = 20


@dataclass(slots=True)
class Faults:
    """The bad rows of one file."""

    lines: list[tuple[int, str]] = field(default_factory=list)
    """The first ones."""
    count: int = 0

    def add(self, line: int, fault: str) -> None:
        """Notes a bad row."""
        self.count += 1
        if len(self.lines) < _LISTED:
            self.lines.append((line, fault))

    def tell(self, where: str) -> None:
        """Prints the bad rows on standard error; `where` names the file that holds them all."""
        if not self.count:
            return
        say(f"{self.count} bad row{'s' if self.count > 1 else ''}:")
        for line, fault in self.lines:
            say(f"  line {line}: {fault}")
        if self.count > len(self.lines):
            say(f"  and {self.count - len(self.lines)} more; all of them are in {where}")
