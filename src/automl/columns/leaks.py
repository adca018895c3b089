"""Columns that give the target by themselves: copies of it, which are left out, and others, which are warned of.

What a column tells by itself is found out on half of a sample of the training rows, and tried on the other half: of each of its
values, or of each of some ranges, the class that is the most frequent, or the mean.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.columns.kinds import Kind
from automl.columns.source import Source, SourceColumn
from automl.columns.statistics import Statistics
from automl.columns.treatments import Treated

LEFT = 0.01  # of what is wrong without any column: where less is left, the column gives the target
_RANGES = 128
_LEAST_ROWS, _MOST_ROWS = 40, 20_000
Codes = NDArray[np.int64]


def without_copies(source: Source, found: Statistics, treated: Iterable[Treated]) -> list[Treated]:
    """Return what becomes of the columns, where copies of the target are dropped."""
    return [_dropped(each) if each.treatment and is_copy(source, found, each.column) else each for each in treated]


def suspects(source: Source, found: Statistics, treated: Iterable[Treated], *, classes: bool) -> list[str]:
    """Return the columns that give the target by themselves."""
    values = _target_values(source, found, classes=classes)
    if len(values) < _LEAST_ROWS:
        return []
    rows = _drawn(len(values))
    target = np.unique(values[rows], return_inverse=True)[1] if classes else values[rows]
    gives = _gives_class if classes else _gives_number
    kept = [
        (each.column, codes) for each in treated if each.treatment and (codes := _codes(found, each.column, rows)) is not None
    ]
    return [column.name for column, codes in kept if gives(codes, target)]


def is_copy(source: Source, found: Statistics, column: SourceColumn) -> bool:
    """Return whether a column has the value of the target in every row of the sample."""
    target = source.target
    if column.kind is Kind.NUMBER and target.kind is Kind.NUMBER:
        return _all_equal(found.measures[column.name][0].values, found.measures[target.name][0].values)
    if column.kind is Kind.CATEGORY:
        return _all_equal(found.hashes[column.name], found.hashes[target.name])
    if column.kind is Kind.BOOLEAN and target.kind is Kind.BOOLEAN:
        values, hashes = found.measures[column.name][0].values, found.hashes[target.name]
        return len({*zip(values.tolist(), hashes.tolist(), strict=True)}) == len(set(hashes.tolist())) == 2
    return False


def _all_equal(values: NDArray[Any], others: NDArray[Any]) -> bool:
    return len(values) > 0 and bool((values == others).all())


def _dropped(treated: Treated) -> Treated:
    emptied = Treated(treated.column, null_share=treated.null_share, distinct=treated.distinct)
    return replace(emptied, reason="a copy of the target")


def _target_values(source: Source, found: Statistics, *, classes: bool) -> NDArray[np.generic]:
    """Return the target of the sample: the hash of each class, or the number that it is."""
    name = source.target.name
    return found.hashes[name] if classes else found.measures[name][0].values


def _drawn(rows: int) -> Codes:
    """Return which rows of the sample are looked at, in an order of their own: a table may be sorted by its classes, and the
    first rows, or each second one, would be of one."""
    return np.random.default_rng(0).permutation(rows)[:_MOST_ROWS]


def _codes(found: Statistics, column: SourceColumn, rows: Codes) -> Codes | None:
    """Return the values of a column in some rows as numbers from 0: its texts, or ranges of its numbers; NULL is one too."""
    if column.kind is Kind.CATEGORY:
        values: NDArray[np.generic] = found.hashes[column.name][rows]
    elif column.kind in (Kind.ARRAY, Kind.SET):
        return None
    else:
        numbers = found.measures[column.name][0].values[rows]
        if np.isnan(numbers).all():
            return None
        inner = np.unique(np.nanquantile(numbers, np.linspace(0, 1, _RANGES + 1)[1:-1]))
        values = np.where(np.isnan(numbers), -1, np.searchsorted(inner, numbers))
    codes: Codes = np.unique(values, return_inverse=True)[1].astype(np.int64)
    return codes


def _gives_class(codes: Codes, target: NDArray[np.generic]) -> bool:
    """Return whether the class that is the most frequent at each value of one half is the class of the other half."""
    labels = target.astype(np.int64)
    classes = int(labels.max()) + 1
    guess = np.bincount(labels[::2]).argmax()
    pairs, counts = np.unique(codes[::2] * classes + labels[::2], return_counts=True)
    told = np.full(codes.max() + 1, guess)
    ordered = pairs[np.argsort(counts, kind="stable")]
    told[ordered // classes] = ordered % classes  # of several for one value the last stays, which is the most frequent
    wrong, without = (told[codes[1::2]] != labels[1::2]).mean(), (labels[1::2] != guess).mean()
    return bool(without > 0 and wrong <= LEFT * without)


def _gives_number(codes: Codes, target: NDArray[np.generic]) -> bool:
    """Return whether the mean at each value of one half is the number of the other half."""
    numbers = target.astype(np.float64)
    size = codes.max() + 1
    counts, sums = np.bincount(codes[::2], minlength=size), np.bincount(codes[::2], numbers[::2], size)
    mean = numbers[::2].mean()
    told = np.where(counts > 0, sums / np.maximum(counts, 1), mean)
    left, without = ((told[codes[1::2]] - numbers[1::2]) ** 2).mean(), ((numbers[1::2] - mean) ** 2).mean()
    return bool(without > 0 and left <= LEFT * without)
