"""train_test_split: a table divided at random into a part to train on and a part to test on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from automl.database.catalog import Relation, columns, readable_table, require_absent, require_column, temporary
from automl.database.names import Name, column_names, quoted, table_name
from automl.database.session import CallerDatabase, Database
from automl.database.settings import settings
from automl.errors import NULL_VALUE_NOT_ALLOWED, UsageError

# random() is drawn once per row in the order of the scan: one process, from the first page on, repeats after setseed().
_IN_ORDER = {"synchronize_seqscans": "off", "max_parallel_workers_per_gather": "0", "jit": "off"}
_DRAWN = "keras_automl_split"


@dataclass(frozen=True)
class Split:
    """What to draw from where.

    Attributes:
        source: the table.
        grouping: columns whose groups (strata) are each divided in the same proportions.
        output: columns of the result, in order.
        train: proportion of the rows in the training part.
        test: proportion of the rows in the test part.
        with_replacement: whether a row can be drawn more than once.
    """

    source: Relation
    grouping: list[str]
    output: list[str]
    train: Decimal
    test: Decimal
    with_replacement: bool


def train_test_split(
    db: CallerDatabase,
    source_table: str | None,
    output_table: str | None,
    train_proportion: float | None,
    test_proportion: float | None = None,
    grouping_cols: str | None = None,
    target_cols: str | None = None,
    with_replacement: bool | None = False,
    separate_output_tables: bool | None = False,
) -> None:
    """Divide a table at random, with exact counts: of n rows, round(n * train) go to the training part.

    Args:
        db: the caller's session.
        source_table: the table to divide.
        output_table: the new table with a column `split` (1 train, 0 test), or the root of two names.
        train_proportion: between 0 and 1.
        test_proportion: between 0 and 1; what training leaves by default.
        grouping_cols: columns of the strata, each of which is divided so; always part of the output.
        target_cols: columns of the output; all by default and with `*`.
        with_replacement: draw with replacement (round(n * (train + test)) draws, then divided).
        separate_output_tables: make `<output_table>_train` and `<output_table>_test` instead.
    """
    separate = bool(separate_output_tables)
    source = readable_table(db, "source_table", source_table)
    outputs = _outputs(db, output_table, separate)
    train, test = _proportions(train_proportion, test_proportion)
    grouping, output = _columns(db, source, grouping_cols, target_cols)
    if not separate and "split" in output:
        raise UsageError(
            "target_cols",
            'column "split" of the source has the name of the column that tells the parts apart',
            hint="Pass separate_output_tables => TRUE, or name other target_cols.",
        )
    split = Split(source, grouping, output, train, test, bool(with_replacement))
    with settings(db, _IN_ORDER):
        _make(db, split, outputs)


def _outputs(db: Database, value: str | None, separate: bool) -> tuple[Name, ...]:
    suffixes = ("_train", "_test") if separate else ("",)
    name = table_name("output_table", value, suffixes=suffixes)
    return require_absent(db, "output_table", *(name.with_suffix(suffix) for suffix in suffixes))


def _proportions(train: float | None, test: float | None) -> tuple[Decimal, Decimal]:
    """Return both proportions as the decimals that were typed, so that 0.7 and 0.3 add up to 1."""
    if train is None:
        raise UsageError("train_proportion", "must be between 0 and 1", train, sqlstate=NULL_VALUE_NOT_ALLOWED)
    for argument, value in (("train_proportion", train), ("test_proportion", test)):
        if value is not None and not 0 < value < 1:
            raise UsageError(argument, "must be greater than 0 and less than 1", value)
    first = Decimal(repr(float(train)))
    second = 1 - first if test is None else Decimal(repr(float(test)))
    if first + second > 1:
        raise UsageError("test_proportion", f"must not add up to more than 1 with train_proportion {train}", test)
    return first, second


def _columns(db: Database, source: Relation, grouping: str | None, target: str | None) -> tuple[list[str], list[str]]:
    groups = column_names("grouping_cols", grouping) if grouping and grouping.strip() else []
    require_column(db, "grouping_cols", source, *groups)
    if target is None or target.strip() in ("", "*"):
        return groups, list(columns(db, source))
    targets = column_names("target_cols", target)
    require_column(db, "target_cols", source, *targets)
    return groups, list(dict.fromkeys([*groups, *targets]))


def _make(db: Database, split: Split, outputs: tuple[Name, ...]) -> None:
    drawn = _with_replacement(split) if split.with_replacement else _without_replacement(split)
    if len(outputs) == 1:
        db.execute(f"CREATE TABLE {outputs[0].sql} AS {drawn}{db.dialect.distributed_by()}")
        return
    # One draw serves both tables, so it has to rest somewhere: telling them apart later would compare whole rows.
    resting = temporary(db, "separate_output_tables", _DRAWN)
    db.execute(f"CREATE TEMPORARY TABLE {resting} AS {drawn}{db.dialect.distributed_by()}")
    part = quoted(_unused("split", split.output))
    for name, number in zip(outputs, (1, 0), strict=True):
        rows = f"SELECT {_list(split.output)} FROM pg_temp.{resting} WHERE {part} = {number}"
        db.execute(f"CREATE TABLE {name.sql} AS {rows}{db.dialect.distributed_by()}")
    db.execute(f"DROP TABLE pg_temp.{resting}")


def _without_replacement(split: Split) -> str:
    """Number the rows of each group in random order; the first go to training, the next to the test."""
    rank, size, part = (_unused(name, split.output) for name in ("rank", "size", "split"))
    by = f"PARTITION BY {_list(split.grouping)} " if split.grouping else ""
    return (
        f"SELECT {_list(split.output)}, ({quoted(rank)} <= {_share(quoted(size), split.train)})::integer AS {quoted(part)}"
        f" FROM (SELECT {_list(split.output)},"
        f" pg_catalog.row_number() OVER ({by}ORDER BY pg_catalog.random()) AS {quoted(rank)},"
        f" pg_catalog.count(*) OVER ({by}) AS {quoted(size)} FROM {split.source.sql}) AS numbered"
        f" WHERE {quoted(rank)} <= {_share(quoted(size), split.train + split.test)}"
    )


def _with_replacement(split: Split) -> str:
    """Draw row numbers of each group, the first for training, the next for the test."""
    group, rank, part = (_unused(name, split.output) for name in ("group", "rank", "split"))
    over = f"ORDER BY {_list(split.grouping)}" if split.grouping else ""
    return (
        f"WITH grouped AS (SELECT {_list(split.output)}, {f'pg_catalog.dense_rank() OVER ({over})' if over else '1::bigint'}"
        f" AS {quoted(group)} FROM {split.source.sql}),"
        f" numbered AS (SELECT *, pg_catalog.row_number() OVER (PARTITION BY {quoted(group)}) AS {quoted(rank)} FROM grouped),"
        f" sized AS (SELECT {quoted(group)} AS g, pg_catalog.count(*) AS n FROM numbered GROUP BY 1 ORDER BY 1),"
        " draws AS (SELECT g, n, draw, 1 + pg_catalog.floor(pg_catalog.random() * n::double precision)::bigint AS pick"
        f" FROM (SELECT g, n, pg_catalog.generate_series(1, {_share('n', split.train + split.test)}) AS draw"
        " FROM sized) AS times)"
        f" SELECT {_list(split.output, 'numbered')},"
        f" (draws.draw <= {_share('draws.n', split.train)})::integer AS {quoted(part)}"
        f" FROM draws JOIN numbered ON numbered.{quoted(group)} = draws.g AND numbered.{quoted(rank)} = draws.pick"
    )


def _share(size: str, proportion: Decimal) -> str:
    """Return the SQL of how many of `size` rows a proportion is."""
    return f"pg_catalog.round({size}::numeric * {proportion:f}::numeric)::bigint"


def _list(names: Iterable[str], table: str = "") -> str:
    return ", ".join(f"{table}.{quoted(name)}" if table else quoted(name) for name in names)


def _unused(name: str, taken: list[str]) -> str:
    while name in taken:
        name += "_"
    return name
