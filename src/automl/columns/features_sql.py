"""The function that makes a vector of a row: `<model>_features(<row of the table>) RETURNS real[]`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from automl.columns.functions import BY
from automl.columns.kinds import ROW
from automl.columns.layout import Layout
from automl.columns.treatments import Treated
from automl.database.names import Name, dollars, literal


@dataclass(frozen=True)
class Vector:
    """What rows become: numbers, flags and codes, in this order; each of them in the order of the columns.

    Flags that are arrays come behind the others.
    """

    columns: tuple[Treated, ...]

    @property
    def width(self) -> int:
        """How many floats it has."""
        return sum(map(width, self.columns))

    def layout(self, outputs: int, *, classes: bool) -> Layout:
        """Return what networks need to know of it."""
        return Layout(
            edges=tuple(number.edges for each in self.columns for number in each.numbers),
            flags=sum(flag.width or 1 for each in self.columns for flag in each.flags),
            codes=tuple(code.count for each in self.columns for code in each.codes),
            outputs=outputs,
            classes=classes,
        )

    def places(self) -> dict[str, tuple[int, ...]]:
        """Return for each column, by name, its places in the vector, from 1."""
        places: dict[str, tuple[int, ...]] = {}
        at = 1
        for names, sizes in self._groups():
            for name, size in zip(names, sizes, strict=True):
                places[name] = (*places.get(name, ()), *range(at, at + size))
                at += size
        return places

    def _groups(self) -> Iterable[tuple[list[str], list[int]]]:
        numbers = [each.column.name for each in self.columns for _ in each.numbers]
        yield numbers, [1] * len(numbers)
        plain = [each.column.name for each in self.columns for flag in each.flags if flag.width is None]
        yield plain, [1] * len(plain)
        arrays = [(each.column.name, flag.width) for each in self.columns for flag in each.flags if flag.width is not None]
        yield [name for name, _ in arrays], [size for _, size in arrays]
        codes = [each.column.name for each in self.columns for _ in each.codes]
        yield codes, [1] * len(codes)

    @property
    def sql(self) -> str:
        """The SQL of it, for a row that is called `r`."""
        begin = [number.sql for each in self.columns for number in each.numbers]
        begin += [flag.sql for each in self.columns for flag in each.flags if flag.width is None]
        arrays = [flag.sql for each in self.columns for flag in each.flags if flag.width is not None]
        codes = [code.sql for each in self.columns for code in each.codes]
        return " || ".join([*_array(begin), *arrays, *_array(codes)])


def comment_sql(name: Name, row_type: str) -> str:
    """Return the statement that says what the function is."""
    return f"COMMENT ON FUNCTION {name.sql}({row_type}) IS {literal(f'The numbers that are taken of a row, {BY}')}"


def width(column: Treated) -> int:
    """Return how many floats of the vector a column has."""
    return len(column.numbers) + sum(flag.width or 1 for flag in column.flags) + len(column.codes)


def function_sql(name: Name, row_type: str, vector: Vector, parallel: str) -> str:
    """Return the statement that makes the function.

    Args:
        row_type: of the table, as an identifier.
        parallel: what is said of parallel plans.
    """
    body = f"\nSELECT {vector.sql}\n"
    stable = any(each.stable for each in vector.columns)
    return (
        f"CREATE OR REPLACE FUNCTION {name.sql}({ROW} {row_type}) RETURNS real[]"
        f" LANGUAGE sql {'STABLE' if stable else 'IMMUTABLE'}{parallel} AS {dollars(body)}"
    )


def _array(values: Sequence[str]) -> list[str]:
    """An array of reals, a line for each value; nothing where there is none."""
    lines = ",\n    ".join(values)
    return [f"ARRAY[\n    {lines}\n]::real[]"] if values else []
