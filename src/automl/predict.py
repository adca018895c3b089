"""Prediction with a trained model: the rows go to a session in batches, the classes come back into the caller's table."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from automl import catalog, inventory
from automl.catalog import ColumnType, Relation
from automl.cluster import this_machine
from automl.cluster.base import CHECK, PREDICT, Cluster, Definition, Outcome, Setup, Work, ask
from automl.cluster.caller import CallerSession
from automl.cluster.connection import Unreachable, own_address
from automl.cluster.sessions import Sessions
from automl.database import CallerDatabase, Database, Row
from automl.devices import Host, dealt
from automl.errors import DATATYPE_MISMATCH, AutomlError, OperatorError, UsageError
from automl.greenplum import distributed_by
from automl.names import Name, column_names, quoted, table_name
from automl.request import available
from keras_seg import wire

_BATCH = 8192  # rows, and at most so many values:
_BATCH_VALUES = 8 * 2**20
_ROWS_A_SESSION = 200_000  # one more session is worth the seconds of its start
KEY = "model"
_HASHED = "NSDTBIE"  # categories of types that rows of Greenplum can be distributed by
_COLUMNS = struct.Struct("<I")


@dataclass(frozen=True)
class Selection:
    """Which classes of a row go into the table: all, the k most probable, or those above a threshold; with their ranks or
    not. Or the outputs as they are."""

    most: int | None = None
    above: float | None = None
    ranked: bool = True
    raw: bool = False


@dataclass(frozen=True)
class Model:
    """A trained model as its tables describe it, or the caller.

    Attributes:
        is_number: whether it predicts a number, and no classes.
        named_by_caller: whether the class values are an argument of the call.
    """

    definition: Definition
    dependent: str
    class_type: str
    class_values: tuple[str | None, ...] | None
    normalizing_const: float
    is_number: bool = False
    named_by_caller: bool = False


@dataclass(frozen=True)
class Source:
    """The rows to predict."""

    table: Relation
    id_column: str
    id_type: ColumnType
    features: str
    rows: int
    shape: tuple[int, ...]


def madlib_keras_predict(
    db: CallerDatabase,
    model_table: str | None,
    test_table: str | None,
    id_col: str | None,
    independent_varname: str | None,
    output_table: str | None,
    pred_type: str | int | float | None = "prob",
    use_gpus: bool | None = False,
    mst_key: int | None = None,
) -> None:
    """Predict the rows of `test_table` and make `output_table`: id, dependent variable, `prob`, `rank` if asked for; or id and
    the value, if the model predicts a number."""
    selection = parse_pred_type(pred_type)
    model = _model(db, model_table, mst_key)
    if model.is_number:
        selection = _of_number(selection, pred_type)
    hosts = inventory.hosts_of_sessions(db, use_gpus, None)
    predict_with(db, model, test_table, id_col, independent_varname, output_table, selection, hosts)


def predict_with(
    db: CallerDatabase,
    model: Model,
    test_table: str | None,
    id_col: str | None,
    independent_varname: str | None,
    output_table: str | None,
    selection: Selection,
    hosts: tuple[Host, ...] | None,
) -> None:
    """Predict the rows of a table with a model and write what the selection takes.

    Args:
        hosts: where it runs, if it is to run on GPUs.
    """
    source = _source(db, test_table, id_col, independent_varname)
    (output,) = catalog.require_absent(db, "output_table", table_name("output_table", output_table))
    _create(db, output, source, model, selection)
    cluster = _open(db, model, source, hosts)
    try:
        _require_fit(cluster, source)
        for ids, probabilities in _predicted(db, cluster, source, model):
            _insert(db, output, model, source, ids, selection, probabilities)
    finally:
        cluster.close()


def parse_pred_type(value: str | int | float | None) -> Selection:
    """Return what `pred_type` asks for: 'prob' (NULL too), 'response', 'value', a number of classes, or a threshold.

    >>> parse_pred_type("response")
    Selection(most=1, above=None, ranked=False)
    """
    if value is None or (isinstance(value, str) and value.strip().lower() == "prob"):
        return Selection()
    if isinstance(value, str) and value.strip().lower() == "response":
        return Selection(most=1, ranked=False)
    if isinstance(value, str) and value.strip().lower() == "value":
        return Selection(ranked=False, raw=True)
    if isinstance(value, int) and value >= 1:
        return Selection(most=value)
    if isinstance(value, float) and 0 <= value < 1:
        return Selection(above=value)
    raise UsageError(
        "pred_type",
        "must be 'prob', 'response', 'value', a whole number of at least 1, or a threshold from 0 to below 1",
        value,
    )


def _of_number(selection: Selection, pred_type: str | int | float | None) -> Selection:
    """Return the selection for a model that predicts a number: it has one value a row, whatever text asks for it."""
    if isinstance(pred_type, int | float):
        rule = "must be 'response', or be left out: this model predicts a number, which has no classes"
        raise UsageError("pred_type", rule, pred_type)
    return Selection(ranked=False, raw=True)


def _model(db: CallerDatabase, model_table: str | None, mst_key: int | None) -> Model:
    table = catalog.readable_table(db, "model_table", model_table)
    catalog.require_column(db, "model_table", table, "model_weights", "model_arch")
    summary = companion(db, table, "_summary")
    catalog.require_column(db, "model_table", summary, "dependent_varname", "class_values", "normalizing_const")
    key = keys_of(db, table, mst_key)
    where = "true" if key is None else f"mst_key = {key}"
    row = db.execute(f"SELECT model_weights, model_arch::text AS architecture FROM {table.sql} WHERE {where}")[0]
    if row["model_weights"] is None:
        raise UsageError("mst_key", "must be a model that has been trained; this one failed", mst_key)
    # Summaries of other makers may not have the column; then there are classes.
    is_number = "num_classes IS NULL" if "num_classes" in catalog.columns(db, summary) else "false"
    about = db.execute(
        "SELECT dependent_varname, class_values::text[] AS class_values, normalizing_const,"
        f" class_values IS NULL AND {is_number} AS is_number FROM {summary.sql} LIMIT 1"
    )[0]
    element = catalog.column_type(db, summary, "class_values").element
    values = about["class_values"]
    return Model(
        Definition(KEY, row["architecture"], row["model_weights"]),
        about["dependent_varname"],
        element.sql if element and values is not None else "pg_catalog.int4",
        None if values is None else tuple(values),
        float(about["normalizing_const"]),
        bool(about["is_number"]),
    )


def keys_of(db: Database, table: Relation, mst_key: int | None) -> int | None:
    """Return the mst_key of the model to use in a model table; None in that of madlib_keras_fit, which has one model."""
    if "mst_key" not in catalog.columns(db, table):
        if mst_key is not None:
            raise UsageError("mst_key", f'must be left out: "{table.name}" holds one model', mst_key)
        return None
    keys = [row["mst_key"] for row in db.execute(f"SELECT mst_key FROM {table.sql} ORDER BY 1")]
    if mst_key is None and len(keys) != 1:
        raise UsageError("mst_key", f'must say which of the {len(keys)} models of "{table.name}" to use', None)
    if mst_key is not None and mst_key not in keys:
        raise UsageError("mst_key", f'must be one of table "{table.name}", which has {keys}', mst_key)
    return int(keys[0] if mst_key is None else mst_key)


def companion(db: Database, table: Relation, suffix: str) -> Relation:
    """Return a table that belongs to a model table: its summary, or its info table."""
    name = table.name.with_suffix(suffix)
    if not catalog.exists(db, name):
        raise UsageError(
            "model_table",
            f'table "{table.name}" has no table "{name}" beside it',
            hint="Give the model table of a search, or of one of the fit functions.",
        )
    return catalog.readable_table(db, "model_table", name.sql)


def _source(db: CallerDatabase, test_table: str | None, id_col: str | None, independent: str | None) -> Source:
    table = catalog.readable_table(db, "test_table", test_table)
    id_column = _one_column(db, "id_col", table, id_col)
    features = _one_column(db, "independent_varname", table, independent)
    kind = catalog.column_type(db, table, features)
    if kind.element is None or kind.element.category != "N":
        raise UsageError(
            "independent_varname",
            f'column "{features}" of table "{table.name}" must be an array of numbers, it is {kind.name}',
            hint="Predict on rows that are not packed.",
            sqlstate=DATATYPE_MISMATCH,
        )
    column = quoted(features)
    rows = int(db.execute(f"SELECT pg_catalog.count(*) AS n FROM {table.sql}")[0]["n"])
    dims = db.execute(
        f"SELECT array(SELECT pg_catalog.array_length(f, d) FROM pg_catalog.generate_series(1, pg_catalog.array_ndims(f)) d"
        f" ORDER BY d) AS shape FROM (SELECT {column} AS f FROM {table.sql} WHERE {column} IS NOT NULL LIMIT 1) q"
    )
    shape = tuple(dims[0]["shape"]) if dims else ()
    return Source(table, id_column, catalog.column_type(db, table, id_column), features, rows, shape)


def _one_column(db: CallerDatabase, argument: str, table: Relation, value: str | None) -> str:
    names = column_names(argument, value)
    if len(names) != 1:
        raise UsageError(argument, "must name one column", value)
    catalog.require_column(db, argument, table, names[0])
    return names[0]


def _create(db: CallerDatabase, output: Name, source: Source, model: Model, selection: Selection) -> None:
    if model.dependent in (source.id_column, "prob", "rank") or source.id_column in ("prob", "rank"):
        raise UsageError("id_col", f'must differ from "{model.dependent}", "prob" and "rank", the other columns of the output',
                         source.id_column)  # fmt: skip
    rank = ", rank integer" if selection.ranked else ""
    predicted = f"{model.class_type}, prob real{rank}"
    if selection.raw:
        predicted = "real" if model.is_number else "real[]"
    db.execute(
        f"CREATE TABLE {output.sql} ({quoted(source.id_column)} {source.id_type.sql}, {quoted(model.dependent)} {predicted})"
        + distributed_by(db, *((source.id_column,) if source.id_type.category in _HASHED else ()))
    )


def _open(db: CallerDatabase, model: Model, source: Source, hosts: tuple[Host, ...] | None) -> Cluster:
    resources = available(db, this_machine(), hosts)
    count = min(resources.sessions, 1 + source.rows // _ROWS_A_SESSION)
    gpus = dealt(hosts * max(1, count)) if hosts else ()
    setup = Setup(definitions=(model.definition,), threads=resources.threads, gpus=gpus)
    try:
        if count == 0:
            raise Unreachable("keras_automl.sessions is 0")
        return Sessions(own_address(db), setup, count, (), db.interrupt, "keras_automl predict")
    except Unreachable as problem:
        db.notice(f"the prediction runs in this session: {problem}")
        return CallerSession(db, setup)


def _require_fit(cluster: Cluster, source: Source) -> None:
    order = {"name": "the model", "model": KEY, "x_shape": source.shape}
    problems = json.loads(ask(cluster, Work("check", CHECK, (json.dumps([order]),))))
    if problems:
        raise UsageError("independent_varname", f'column "{source.features}": {problems[0]["problem"]}')


def _predicted(
    db: CallerDatabase, cluster: Cluster, source: Source, model: Model
) -> Iterator[tuple[Sequence[str | None], np.ndarray]]:
    """Yield (ids as text, probabilities (rows, classes)) of batches, as the sessions finish them."""
    batches = _batches(db, source, model)
    waiting: dict[int, Sequence[str | None]] = {}
    number, more = 0, True
    while more or waiting:
        for session in cluster.idle() if more else ():
            batch = next(batches, None)
            if batch is None:
                more = False
                break
            ids, features = batch
            number += 1
            waiting[number] = ids
            cluster.begin(session, Work(number, PREDICT, (KEY, features, len(ids))))
        if more or waiting:
            for outcome in cluster.wait():
                yield waiting.pop(outcome.task), _probabilities(outcome, model)


def _batches(db: CallerDatabase, source: Source, model: Model) -> Iterator[tuple[Sequence[str | None], bytes]]:
    size = max(1, min(_BATCH, _BATCH_VALUES // max(1, int(np.prod(source.shape)))))
    column = quoted(source.features)
    query = (
        f"SELECT {quoted(source.id_column)}::text AS id, madlib.automl_native({column}::real[]) AS x FROM {source.table.sql}"
    )
    for rows in db.stream(query, rows=size):
        yield [row["id"] for row in rows], _features(rows, source, model)


def _features(rows: Sequence[Row], source: Source, model: Model) -> bytes:
    missing = next((row for row in rows if row["x"] is None), None)
    packed = None
    if missing is None:
        joined = b"".join(row["x"] for row in rows)
        packed = wire.features(joined, (len(rows), *source.shape), model.normalizing_const)
    if packed is None:
        raise UsageError(
            "independent_varname",
            f'every row of column "{source.features}" must be an array of shape {list(source.shape)} without NULL',
            hint=f"Look at the rows near {source.id_column} = {(missing or rows[0])['id']}.",
        )
    return packed


def _probabilities(outcome: Outcome, model: Model) -> np.ndarray:
    if outcome.lost:
        text = str(outcome.lost)
        raise OperatorError(f"the session that predicts failed: {text.splitlines()[0]}")
    raw: Any = outcome.answer
    (columns,) = _COLUMNS.unpack_from(raw)
    table = np.frombuffer(raw, np.float32, offset=_COLUMNS.size).reshape(-1, columns)
    if model.class_values is not None and len(model.class_values) != columns:
        if model.named_by_caller:
            rule = f"must have one value for each of the network's {columns} outputs"
            raise UsageError("class_values", rule, list(model.class_values))
        raise AutomlError(f"the network gives {columns} values a row, but its summary names {len(model.class_values)} classes")
    return table


def _insert(
    db: CallerDatabase,
    output: Name,
    model: Model,
    source: Source,
    ids: Sequence[str | None],
    selection: Selection,
    probabilities: np.ndarray,
) -> None:
    if selection.raw:
        _insert_raw(db, output, model, source, ids, probabilities)
        return
    rows, classes, ranks = select(probabilities, selection)
    rank = ", r" if selection.ranked else ""
    value = "($5::text[])[c + 1]" if model.class_values is not None else "c::text"
    db.execute(
        f"INSERT INTO {output.sql} SELECT i::{source.id_type.sql}, ({value})::{model.class_type}, p{rank}"
        # Of several arrays it is no function but grammar, which knows it by this one name and is not led by the search path.
        " FROM unnest($1::text[], $2::integer[], $3::real[], $4::integer[]) AS q(i, c, p, r)"
        + (" WHERE $5::text[] IS NULL OR true" if model.class_values is None else ""),
        [ids[row] for row in rows],
        classes.tolist(),
        probabilities[rows, classes].tolist(),
        ranks.tolist(),
        None if model.class_values is None else list(model.class_values),
    )


def _insert_raw(
    db: CallerDatabase, output: Name, model: Model, source: Source, ids: Sequence[str | None], outputs: np.ndarray
) -> None:
    """Insert the outputs as they are: a number, or an array a row."""
    columns = outputs.shape[1]
    value = "outputs[1]" if model.is_number else "outputs"
    db.execute(
        f"INSERT INTO {output.sql} SELECT i::{source.id_type.sql}, {value} FROM (SELECT i, array(SELECT ($2::real[])[at]"
        f" FROM pg_catalog.generate_series((row::integer - 1) * {columns} + 1, row::integer * {columns}) AS at ORDER BY at)"
        " AS outputs FROM pg_catalog.unnest($1::text[]) WITH ORDINALITY AS q(i, row)) AS rows",
        list(ids),
        outputs.reshape(-1).tolist(),
    )


def select(probabilities: np.ndarray, selection: Selection) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (row, class, rank from 1) of what a selection takes from probabilities (rows, classes), by row and rank."""
    order = np.argsort(-probabilities, axis=1, kind="stable")
    taken = np.ones(order.shape, bool)
    if selection.most is not None:
        taken[:, selection.most :] = False
    if selection.above is not None:
        taken &= np.take_along_axis(probabilities, order, 1) > selection.above
    rows, places = np.nonzero(taken)
    return rows, order[rows, places], places + 1
