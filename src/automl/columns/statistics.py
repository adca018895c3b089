"""What the treatment of columns hangs on, as one statement has told it (`inquiry`), and numpy makes of that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from automl.columns.inquiry import Inquiry, rows_read, statement
from automl.columns.source import SourceColumn
from automl.columns.splitting import Cut, Part
from automl.database import catalog
from automl.database.names import Name, quoted
from automl.database.session import Database, Row
from automl.database.settings import AS_WRITTEN, settings

_READ = "keras_automl_read"  # the temporary table of what is made of rows
_HEADER = 20  # bytes of an array as it is sent, before its elements

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """A number that is made of a column, over the training rows.

    Attributes:
        values: of a sample of the rows, in their order; NaN where there is none.
        missing: how many of all rows have none.
        low, high: of all rows; None where no row has one.
    """

    values: Floats
    missing: int
    low: float | None
    high: float | None

    @classmethod
    def of(cls, values: Floats, all_rows: tuple[int, float | None, float | None] | None = None) -> Measured:
        """Return what is known of a number.

        Args:
            values: of the sample.
            all_rows: how many of all rows have none, the least and the greatest; None where the sample has all rows.
        """
        if all_rows is not None:
            return cls(values, *all_rows)
        known = values[~np.isnan(values)]
        ends = (float(known.min()), float(known.max())) if len(known) else (None, None)
        return cls(values, len(values) - len(known), *ends)

    @cached_property
    def known(self) -> Floats:
        """The values that there are, in ascending order."""
        return np.sort(self.values[~np.isnan(self.values)])

    @cached_property
    def distinct(self) -> int:
        """How many different ones there are."""
        return int((np.diff(self.known) > 0).sum()) + (len(self.known) > 0)


@dataclass(frozen=True)
class Counted:
    """The texts of a column, over the training rows.

    Attributes:
        values: the most frequent ones that are not rare, the most frequent first, ties by value.
        frequent: how many are not rare.
        distinct: how many there are.
        known: rows that have one; of a set, values.
        length: characters of one in the mean.
    """

    values: tuple[str, ...] = ()
    frequent: int = 0
    distinct: int = 0
    known: int = 0
    length: float = 0.0


@dataclass(frozen=True)
class Statistics:
    """What was found.

    Attributes:
        rows: by part; those that have a target.
        cuts: where the rows of each class are cut.
        classes: how many rows of each part have each value of the target; none where these are many.
        distinct: how many values the target has.
        measures: by column and place among its measures.
        texts: by column.
        hashes: of the texts of a column in the sample, in its order; 0 for NULL.
        least_weight: of a row; None where rows have none.
        left_out: rows that do not count, because their target is not known, or they have no weight.
    """

    rows: Mapping[str, int]
    cuts: tuple[Cut, ...]
    classes: Mapping[str, Mapping[str, int]]
    distinct: int
    measures: Mapping[str, tuple[Measured, ...]]
    texts: Mapping[str, Counted]
    hashes: Mapping[str, NDArray[np.int32]]
    least_weight: float | None = None
    left_out: int = 0

    @property
    def train(self) -> int:
        """How many rows are to train on."""
        return self.rows.get(Part.TRAIN, 0)

    @property
    def validation(self) -> int:
        """How many rows are to choose by."""
        return self.rows.get(Part.VALIDATION, 0)


def gather(db: Database, asked: Inquiry) -> Statistics:
    """Ask the database."""
    with settings(db, {**AS_WRITTEN, **db.dialect.planner, **db.dialect.scans}):
        rows = _asked_of_segments(db, asked) if db.dialect.segmented else db.execute(statement(asked))
    by_kind: dict[str, list[Row]] = {}
    for row in rows:
        by_kind.setdefault(row["what"], []).append(row)
    return _statistics(asked, by_kind)


def _asked_of_segments(db: Database, asked: Inquiry) -> list[Row]:
    """Ask a table whose rows lie on segments: what is made of them is kept, as each part of a plan would read them again."""
    kept = Name(catalog.temporary(db, "source_table", _READ), "pg_temp")
    db.execute(f"CREATE TEMPORARY TABLE {quoted(_READ)} AS {rows_read(asked)}{db.dialect.distributed_by()}")
    rows = db.execute(statement(asked, f"SELECT * FROM {kept.sql}"))
    db.execute(f"DROP TABLE {kept.sql}")
    return rows


def _statistics(asked: Inquiry, found: Mapping[str, Sequence[Row]]) -> Statistics:
    (rows,), (ranges,) = found["rows"], found["ranges"]
    numbers = _matrix(rows["numbers"], len(asked.measured), ">f8")
    hashes = _matrix(rows["hashes"], len(asked.hashed), ">i4").astype(np.int32)
    classes: dict[str, dict[str, int]] = {}
    for row in found.get("class", ()):
        classes.setdefault(row["value"], {})[row["part"]] = row["n"]
    return Statistics(
        rows={row["part"]: row["n"] for row in found.get("part", ())},
        cuts=_cuts(found.get("cut", ())),
        classes=classes,
        distinct=found["classes"][0]["n"],
        measures=_measures(asked, ranges if rows["n"] > asked.most else None, numbers),
        texts={
            **_counts(asked.counted, "text", found),
            **_counts(asked.sets, "set", found),
        },
        hashes={column.name: hashes[:, at] for at, column in enumerate(asked.hashed)},
        least_weight=min((row["low"][0] for row in found.get("part", ()) if row["low"]), default=None),
        left_out=found["left out"][0]["n"],
    )


def _cuts(rows: Sequence[Row]) -> tuple[Cut, ...]:
    """Return the cuts that there are, in the order of the classes: none where a column says the part."""
    found = (Cut(row["value"], row["first"], row["second"]) for row in rows if row["first"] is not None)
    return tuple(sorted(found, key=lambda cut: cut.group))


def _matrix(sent: bytes | None, columns: int, kind: str) -> NDArray[np.generic]:
    """Return arrays as a matrix that were sent one behind the other: of each a header, and the size before each element."""
    if columns == 0 or not sent:
        return np.zeros((0, columns), kind)
    element = np.dtype([("size", ">i4"), ("value", kind)])
    row = np.dtype([("header", "V", _HEADER), ("elements", element, (columns,))])
    return np.frombuffer(sent, row)["elements"]["value"]


def _measures(asked: Inquiry, ranges: Row | None, numbers: NDArray[np.generic]) -> dict[str, tuple[Measured, ...]]:
    """Return the measures of each column.

    Args:
        ranges: what is known of all rows; None where the sample has all of them.
    """
    found: dict[str, tuple[Measured, ...]] = {name: () for name in asked.readings}
    for place, (name, _) in enumerate(asked.measured):
        values = numbers[:, place].astype(np.float64)
        all_rows = (ranges["missing"][place], ranges["low"][place], ranges["high"][place]) if ranges is not None else None
        found[name] = (*found[name], Measured.of(values, all_rows))
    return found


def _counts(columns: Sequence[SourceColumn], what: str, found: Mapping[str, Sequence[Row]]) -> dict[str, Counted]:
    values: dict[int, list[Row]] = {}
    for row in found.get(what, ()):
        values.setdefault(row["at"], []).append(row)
    about = {row["at"]: row for row in found.get(f"{what}s", ())}
    return {
        column.name: _counted(about[at], values.get(at, [])) if at in about else Counted()
        for at, column in enumerate(columns, 1)
    }


def _counted(about: Row, values: Sequence[Row]) -> Counted:
    ordered = sorted(values, key=lambda row: (-row["n"], row["value"]))
    return Counted(
        tuple(row["value"] for row in ordered),
        about["kept"],
        about["various"],
        about["n"],
        float(about["length"]),
    )
