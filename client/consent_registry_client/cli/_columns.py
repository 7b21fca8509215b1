"""Finds the columns of a file by their names."""

from collections.abc import Sequence

import typer

from consent_registry_client.cli._records import Record

_SPELLINGS: dict[str, tuple[str, ...]] = {
    "email": ("email_address", "e_mail", "mail"),
    "phone": ("phone_number", "telephone", "mobile"),
    "postal_code": ("postcode", "zip"),
    "locality": ("city", "town"),
}
# Of these a person may have several; the first is the one that would be used.
_REPEATED = frozenset({"email", "phone"})


class Columns:
    """Where the values of one kind of row stand."""

    def __init__(self, header: Sequence[str], fields: Sequence[str], chosen: Sequence[str]) -> None:
        """Finds the columns.

        Args:
            header: The first row of the file.
            fields: What may be found.
            chosen: FIELD=HEADER, where a header is not named after its field.

        Raises:
            typer.BadParameter: A choice is not possible, or it is not clear which column is meant.
        """
        spelled = [_folded(name) for name in header]
        choices = _choices(chosen, fields)
        self._places: dict[str, list[int]] = {}
        for field in fields:
            names = choices.get(field) or [field, *_SPELLINGS.get(field, ())]
            places = [
                place for place, name in enumerate(spelled) if name in {_folded(n) for n in names}
            ]
            if field in choices and len(places) < len(names):
                raise typer.BadParameter(f"--column {field}=…: the file has no such column")
            if field not in _REPEATED and len(places) > 1:
                raise typer.BadParameter(
                    f"several columns could be {field}: say which with --column {field}=…"
                )
            self._places[field] = places

    def has(self, *fields: str) -> bool:
        """Tells whether the file has a column for any of these."""
        return any(self._places[field] for field in fields)

    def value(self, record: Record, field: str) -> str:
        """Returns the first value, stripped; empty without a column."""
        places = self._places[field]
        return record.cells[places[0]].strip() if places else ""

    def further(self, record: Record, field: str) -> list[str]:
        """Returns the values that are not empty of all further columns of the field."""
        values = [record.cells[place].strip() for place in self._places[field][1:]]
        return [value for value in values if value]


def _choices(chosen: Sequence[str], fields: Sequence[str]) -> dict[str, list[str]]:
    choices: dict[str, list[str]] = {}
    for choice in chosen:
        field, separator, header = choice.partition("=")
        if field not in fields or not separator:
            raise typer.BadParameter(
                f"--column is FIELD=HEADER, with a field of: {', '.join(fields)}"
            )
        choices.setdefault(field, []).append(header)
    return choices


def _folded(name: str) -> str:
    return name.strip().casefold().replace(" ", "_").replace("-", "_")
