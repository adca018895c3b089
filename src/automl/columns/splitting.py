"""Which rows are to train on, which to validate and which to test: eight, one and one of ten.

A row stays on its side when the table grows: it goes by a hash of its key. So that each class has its share of each part, the
hashes of each class are cut where eight and nine tenths of its rows come before. Where a column tells the time, the last tenth
is the test, and the tenth before it the validation. Or a column says it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from automl.columns.kinds import as_text, field_of
from automl.columns.source import Role, Source, key_sql
from automl.database.names import literal
from automl.errors import UsageError

FIRST, SECOND = 0.8, 0.9  # how many rows come before the two cuts
MOST_STRATA = 100  # classes that are cut each on its own; of more all are cut together
_ALL = "''::text"  # the group of all rows
_DIGITS = 13  # of a hash, of four bits each: what a double precision holds exactly


class Part(StrEnum):
    """What rows are for."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


@dataclass(frozen=True)
class Cut:
    """Where the rows of a class are cut: up to `first` they train, up to `second` they validate; as text."""

    group: str
    first: str
    second: str


@dataclass(frozen=True)
class Splitting:
    """How rows are divided.

    Attributes:
        order: SQL of what they are ordered by; None where a column says the part.
        order_type: of that.
        group: SQL of the class, or of one text for all.
        named: SQL of the part that a column says; None where none does.
        rule: for people.
        place: SQL of a hash of the row from 0 to below 1, which the rows are put in order by.
        draw: SQL of another one.
    """

    order: str | None
    order_type: str
    group: str
    named: str | None
    rule: str
    place: str
    draw: str

    def part(self, cuts: Sequence[Cut]) -> str:
        """Return the SQL of a row's part.

        Args:
            cuts: as they were found.
        """
        if self.order is None:
            return str(self.named)
        first = self._cut([(cut.group, cut.first) for cut in cuts], FIRST)
        return part_of(self.order, first, self._cut([(cut.group, cut.second) for cut in cuts], SECOND))

    def _cut(self, found: Sequence[tuple[str, str]], usual: float) -> str:
        values = [f"{literal(at)}::{self.order_type}" for _, at in found]
        if len(found) == 1:
            return values[0]
        cases = " ".join(f"WHEN {literal(group)} THEN {value}" for (group, _), value in zip(found, values, strict=True))
        return f"CASE {self.group} {cases} ELSE {usual} END"


def part_of(order: str, first: str, second: str) -> str:
    """Return the SQL of the part of a row by where it stands; one that stands nowhere trains."""
    return (
        f"CASE WHEN {order} > {second} THEN '{Part.TEST}' WHEN {order} > {first} THEN '{Part.VALIDATION}'"
        f" ELSE '{Part.TRAIN}' END"
    )


def splitting(source: Source, seed: int, *, strata: bool) -> Splitting:
    """Return how the rows of a table are divided.

    Args:
        strata: whether the target has values that may be classes.
    """
    place, draw = (_hash(key_sql(source), seed, begin) for begin in (1, 1 + _DIGITS))
    split, time = source.of_role(Role.SPLIT), source.of_role(Role.TIME)
    if split is not None:
        named = f"lower(btrim({as_text(split.name, split.type)}))"
        return Splitting(None, "double precision", _ALL, named, f'the column "{split.name}" says it', place, draw)
    if time is not None:
        if time.type.category not in "DN":
            raise UsageError("time_col", f'column "{time.name}" must be a date, a timestamp or a number', time.shown)
        rule = f'the last tenth by "{time.name}" tests, the tenth before it validates'
        return Splitting(field_of(time.name), time.type.sql, _ALL, None, rule, place, draw)
    target = source.target
    group = as_text(target.name, target.type) if strata else _ALL
    told = f"the key ({', '.join(source.key)})" if source.key else "the row"
    rule = f"80 % train, 10 % validate, 10 % test{' of each class' if strata else ''}, by a hash of {told}"
    return Splitting(place, "double precision", group, None, rule, place, draw)


def _hash(key: str, seed: int, begin: int) -> str:
    """Return the SQL of a hash of a text from 0 to below 1.

    Args:
        begin: from which digit of its md5 on.
    """
    digits = f"substr(md5('{seed} ' || {key}), {begin}, {_DIGITS})"
    return f"(('x' || {digits})::bit({4 * _DIGITS})::bigint / {float(2 ** (4 * _DIGITS))!r}::double precision)"
