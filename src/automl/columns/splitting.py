"""Which rows are to train on, which to validate and which to test: eight, one and one of ten.

A row stays on its side when the table grows: it goes by a hash of its key. So that each class has its share of each part, the
hashes of each class are cut where eight and nine tenths of its rows come before. Where a column tells the time, the last tenth
is the test, and the tenth before it the validation. Or a column says it.

What is read of a row (`reads`) stands in the innermost of some queries, under short names, and those around it take it from
there: h its hash, t its moment, g its class, named its part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from automl.columns.kinds import as_text, field_of
from automl.columns.source import Role, Source
from automl.database.names import literal
from automl.errors import UsageError

FIRST, SECOND = 0.8, 0.9  # how many rows come before the two cuts
MOST_STRATA = 100  # classes that are cut each on its own; of more all are cut together
_ALL = "''::text"  # the group of all rows
_DIGITS = 13  # of a hash, of four bits each: what a double precision holds exactly
_ORDER, _ORDER_TYPE = 'h COLLATE "C"', "text"  # hashes are compared as they are written


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
        hash: SQL of a text that is drawn for a row.
        moment: SQL of when it was; NULL where nothing tells.
        group: SQL of its class, or of one text for all.
        named: SQL of the part that a column says; NULL where none does.
        order: SQL of what rows are cut by, of what is read; None where a column says the part.
        order_type: of that.
        rule: for people.
    """

    hash: str
    order: str | None
    order_type: str
    rule: str
    moment: str = "NULL::double precision"
    group: str = _ALL
    named: str = "NULL::text"

    @property
    def reads(self) -> str:
        """The SQL of what is read of a row."""
        return f"{self.hash} AS h, {self.moment} AS t, {self.group} AS g, {self.named} AS named"

    def part(self, cuts: Sequence[Cut]) -> str:
        """Return the SQL of a row's part, from what is read of it.

        Args:
            cuts: as they were found.
        """
        if self.order is None:
            return "named"
        first = self._cut([(cut.group, cut.first) for cut in cuts], FIRST)
        return part_of(self.order, first, self._cut([(cut.group, cut.second) for cut in cuts], SECOND))

    def _cut(self, found: Sequence[tuple[str, str]], usual: float) -> str:
        values = [f"{literal(at)}::{self.order_type}" for _, at in found]
        if len(found) == 1:
            return values[0]
        cases = " ".join(f"WHEN {literal(group)} THEN {value}" for (group, _), value in zip(found, values, strict=True))
        return f"CASE g {cases} ELSE '{round(usual * 16**_DIGITS):x}' END"


def part_of(order: str, first: str, second: str) -> str:
    """Return the SQL of the part of a row by where it stands; one that stands nowhere trains."""
    return (
        f"CASE WHEN {order} > {second} THEN '{Part.TEST}' WHEN {order} > {first} THEN '{Part.VALIDATION}'"
        f" ELSE '{Part.TRAIN}' END"
    )


# A number from 0 to below 1 of a row, of the last digits of its hash: it does not hang on the order.
DRAW = f"(('x' || right(h, {_DIGITS}))::bit({4 * _DIGITS})::bigint / {float(2 ** (4 * _DIGITS))!r}::float8)"


def splitting(source: Source, seed: int, *, strata: bool) -> Splitting:
    """Return how the rows of a table are divided.

    Args:
        strata: whether the target has values that may be classes.
    """
    hashed = f"md5('{seed} ' || {_key(source)})"
    split, time = source.of_role(Role.SPLIT), source.of_role(Role.TIME)
    if split is not None:
        named = f"lower(btrim({as_text(split.name, split.type)}))"
        return Splitting(hashed, None, "text", f'the column "{split.name}" says it', named=named)
    if time is not None:
        if time.type.category not in "DN":
            raise UsageError("time_col", f'column "{time.name}" must be a date, a timestamp or a number', time.shown)
        rule = f'the last tenth by "{time.name}" tests, the tenth before it validates'
        return Splitting(hashed, "t", time.type.sql, rule, moment=field_of(time.name))
    target = source.target
    told = f"the key ({', '.join(source.key)})" if source.key else "the row"
    rule = f"80 % train, 10 % validate, 10 % test{' of each class' if strata else ''}, by a hash of {told}"
    group = f'{as_text(target.name, target.type)} COLLATE "C"' if strata else _ALL
    return Splitting(hashed, _ORDER, _ORDER_TYPE, rule, group=group)


def _key(source: Source) -> str:
    """Return the SQL of a text that tells a row apart: its key, or all of it, and which of several that are the same it is."""
    fields = [field_of(name) for name in source.key]
    if fields:
        return f"{fields[0]}::text" if len(fields) == 1 else f"ROW({', '.join(fields)})::text"
    return "(r.*)::text || ' ' || row_number() OVER (PARTITION BY md5((r.*)::text) COLLATE \"C\")"
