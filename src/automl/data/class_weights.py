"""What classes weigh in training: by class, by the number of a class, or by how seldom it comes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from itertools import zip_longest

import numpy as np

from automl.data.labels import NUMBERS
from automl.data.packed_table import PackedTable
from automl.database.names import quoted
from automl.database.session import Database
from automl.errors import Problems, UsageError, shown
from keras_seg.protocol.limits import MOST_CLASS
from keras_seg.protocol.spelling import did_you_mean

BALANCED = "balanced"
_SHOWN = 10
_ONE_CLASS = "The array of one class has 1 in the place of the class and 0 elsewhere, or is the number of the class alone."


@dataclass(frozen=True)
class ClassWeights:
    """How the classes of a packed table can be named where they are given weights.

    Attributes:
        counts: rows of each class; empty where no weights are balanced, None where rows have not one class each.
    """

    table: PackedTable
    counts: tuple[int, ...] | None = ()

    def by_number(self, given: object, argument: str = "class_weight") -> Mapping[int, float] | None:
        """Return weights by the number of the class.

        Args:
            given: a dict from classes, as they stand in the data, or from their numbers; 'balanced', or None.
            argument: where it came.

        Raises:
            UsageError: there are no such classes, or none that can be counted.
        """
        if not given:
            return None
        self._require_classes(argument)
        if given == BALANCED:
            return self._balanced(argument)
        assert isinstance(given, Mapping)  # as its rule says
        numbers = self._numbers(argument, list(given))
        return dict(zip(numbers, given.values(), strict=True))

    def _require_classes(self, argument: str) -> None:
        if self.table.is_number or len(self.table.labels.shape) > 1:
            what = "a number" if self.table.is_number else "an array of several dimensions"
            raise UsageError(
                argument, f'"class_weight" must be left out: "{self.table.dependent}" is {what}, which has no classes'
            )

    def _balanced(self, argument: str) -> dict[int, float]:
        """Return weights with which all classes that occur weigh alike, and the rows together what they are."""
        if self.counts is None:
            column = f'column "{self.table.dependent}"'
            rule = f"\"class_weight\" must not be 'balanced': {column} holds arrays that are not one class each"
            raise UsageError(argument, rule, hint=_ONE_CLASS)
        there = {number: count for number, count in enumerate(self.counts) if count}
        rows = sum(there.values())
        return {number: rows / (len(there) * count) for number, count in there.items()}

    def _numbers(self, argument: str, keys: list[object]) -> list[int]:
        """Return the numbers of classes: keys are the classes, or all of them are numbers from 0 on."""
        levels = self.table.levels if self.table.class_values is not None else ()
        found = [next((at for at, level in enumerate(levels) if self._is(key, level)), None) for key in keys]
        numbers = [number for number in found if number is not None]
        if len(numbers) == len(keys):
            return numbers
        most = MOST_CLASS if self.table.class_values is None else self.table.labels.size - 1
        given = [key for key in keys if type(key) is int and 0 <= key <= most]
        if len(given) == len(keys):
            return given
        wrong = next(key for key, number in zip(keys, found, strict=True) if number is None and key not in given)
        raise self._unknown(argument, wrong, levels, most)

    def _is(self, key: object, level: str | None) -> bool:
        """Return whether a key is a class, whose text this is."""
        if key is None or level is None:
            return key is level
        category = self.table.class_type.category
        if category == "B":
            return isinstance(key, bool) and key == (level == "true")
        if self.table.class_type.name in NUMBERS:
            read = np.float32 if self.table.class_type.name == "real" else Decimal
            return type(key) in (int, float) and bool(read(str(key)) == read(level))
        # Of others in the category of numbers, such as money and regclass, the text may be no number.
        return (str(key) if category == "N" and type(key) is int else key) == level

    def _unknown(self, argument: str, key: object, levels: tuple[str | None, ...], most: int) -> UsageError:
        column = f'column "{self.table.dependent}"'
        if not levels:
            rule = f"must have numbers of classes from 0 to {most} for keys: {column} holds arrays"
            return UsageError(argument, f'"class_weight" {rule}', key)
        near = did_you_mean(key, [level for level in levels if level is not None]) if isinstance(key, str) else ""
        more = ", ..." if len(levels) > _SHOWN else ""
        classes = ", ".join(shown(level, 40) for level in levels[:_SHOWN]) + more
        rule = f"must have classes of {column} for keys ({classes}), or their numbers from 0 to {most}"
        return UsageError(argument, f'"class_weight" {rule}, got {shown(key)}{near}')


def class_weights(db: Database, table: PackedTable, given: Iterable[tuple[str, object]]) -> ClassWeights:
    """Return how classes can be given weights, after looking whether all that is given can be understood.

    Args:
        given: weights with the argument that they came in.

    Raises:
        AutomlError: all problems found, together.
    """
    wanted = [(argument, weights) for argument, weights in given if weights]
    found = ClassWeights(table, _counts(db, table) if any(weights == BALANCED for _, weights in wanted) else ())
    problems = Problems()
    for argument, weights in wanted:
        problems.attempt(partial(found.by_number, weights, argument))
    problems.stop()
    return found


def _counts(db: Database, table: PackedTable) -> tuple[int, ...] | None:
    """Return the rows of each class of a packed table; None where rows have not one class each."""
    if table.is_number or len(table.labels.shape) > 1:
        return ()
    column = quoted(table.dependent)
    rows = db.execute(
        f"SELECT madlib.automl_count_classes({column}, {quoted(table.dependent + '_shape')}, $1::text) AS counts"
        f" FROM {table.relation.sql}",
        table.labels.dtype,
    )
    if any(row["counts"] is None for row in rows):
        return None
    return tuple(int(sum(counts)) for counts in zip_longest(*(row["counts"] for row in rows), fillvalue=0))
