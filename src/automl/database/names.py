"""Names of tables and columns: read as SQL reads them, written only through quoting."""

from __future__ import annotations

import re
from dataclasses import dataclass

from automl.errors import NULL_VALUE_NOT_ALLOWED, UsageError

_PART = r'(?:"(?:[^"]|"")+"|[^\W\d][\w$]*)'
_NAME = re.compile(rf"\s*({_PART})\s*(?:\.\s*({_PART})\s*)?")
_LIST = re.compile(rf"\s*({_PART})\s*(?:,|$)")
LONGEST_NAME = 63


@dataclass(frozen=True)
class Name:
    """A table's name, perhaps with its schema, exactly as the catalog spells it."""

    table: str
    schema: str | None = None

    def with_suffix(self, suffix: str) -> Name:
        """Return the name of a companion table, such as `<name>_summary`."""
        return Name(self.table + suffix, self.schema)

    @property
    def sql(self) -> str:
        """The name as an identifier to be put into a statement."""
        return quoted(self.table) if self.schema is None else f"{quoted(self.schema)}.{quoted(self.table)}"

    def __str__(self) -> str:
        return self.table if self.schema is None else f"{self.schema}.{self.table}"


def table_name(argument: str, value: str | None, *, suffixes: tuple[str, ...] = ()) -> Name:
    """Read a table's name as SQL does: `a`, `s.a`, `"A b"`, unquoted parts in lower case.

    Args:
        argument: the SQL argument it came in, for errors.
        value: what came.
        suffixes: companions that will be made, which must fit into the 63 bytes of a name as well.
    """
    if value is None or not value.strip():
        raise UsageError(argument, "must be the name of a table", value, sqlstate=NULL_VALUE_NOT_ALLOWED)
    match = _NAME.fullmatch(value)
    if not match:
        raise UsageError(
            argument,
            "must be the name of a table, perhaps with its schema",
            value,
            hint='Put a name with other characters than letters, digits and _ into double quotes: "my table".',
        )
    first, second = match.groups()
    name = Name(unquoted(first)) if second is None else Name(unquoted(second), unquoted(first))
    longest = max((name.with_suffix(suffix).table for suffix in ("", *suffixes)), key=lambda text: len(text.encode()))
    if len(longest.encode()) > LONGEST_NAME:
        raise UsageError(argument, f'must leave room for "{longest}" in {LONGEST_NAME} bytes', value)
    return name


def column_names(argument: str, value: str | None) -> list[str]:
    """Read a list of column names, separated by commas, each as SQL reads it."""
    if value is None or not value.strip():
        raise UsageError(argument, "must name at least one column", value, sqlstate=NULL_VALUE_NOT_ALLOWED)
    names, at = [], 0
    while at < len(value):
        match = _LIST.match(value, at)
        if not match:
            raise UsageError(argument, "must be names of columns, separated by commas", value)
        names.append(unquoted(match.group(1)))
        at = match.end()
    return names


def quoted(identifier: str) -> str:
    """Quote an identifier, whatever it holds.

    >>> quoted('my "best" table')
    '"my ""best"" table"'
    """
    return '"' + identifier.replace('"', '""') + '"'


def as_typed(identifier: str) -> str:
    """Return an identifier as one types it: quoted only where it must be.

    >>> as_typed("plain"), as_typed("Not plain")
    ('plain', '"Not plain"')
    """
    lower = identifier.isascii() and identifier == identifier.lower()
    plain = lower and identifier.replace("_", "a").isalnum() and not identifier[0].isdigit()
    return identifier if plain else quoted(identifier)


def literal(text: str) -> str:
    """Quote text as a SQL literal, for the few places where the grammar takes no parameter."""
    escaped = text.replace("'", "''").replace("\\", "\\\\")
    return f"E'{escaped}'" if "\\" in text else f"'{escaped}'"


def dollars(text: str) -> str:
    """Quote a text as it stands, between dollar signs and a word that it does not hold.

    >>> dollars("SELECT 1")
    '$sql$SELECT 1$sql$'
    """
    word = "sql"
    while f"${word}" in text:
        word += "_"
    return f"${word}${text}${word}$"


def unquoted(part: str) -> str:
    """Return the name that a part of an identifier stands for."""
    if part.startswith('"'):
        return part[1:-1].replace('""', '"')
    return "".join(letter.lower() if letter.isascii() else letter for letter in part)
